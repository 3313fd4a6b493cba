"""What the end-to-end tests stand on: a Bedrock and an S3 on loopback, and the command `outcrop`.

Nothing here stands in for a part of Outcrop: the warehouse, the provider, the wire and the command
are the shipped ones, and only the two services behind them are local.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.server import RunningEmulator
from outcrop.providers.scripted import ScriptedProvider, scripted_answer
from outcrop.providers.scripted_options import parse_options
from outcrop.session import Notice
from outcrop.warehouse import Warehouse
from tests.object_store import REGION, new_bucket, running_object_store

KEYS = {"AWS_ACCESS_KEY_ID": "dev", "AWS_SECRET_ACCESS_KEY": "dev", "AWS_REGION": REGION}
DEADLINE_S = 60.0

CREATE_MODEL = (
    "CREATE EXTERNAL MODEL advice FUNCTION advise IAM_ROLE default MODEL_TYPE BEDROCK "
    "SETTINGS (MODEL_ID 'anthropic.claude-v2')"
)

Rows = list[tuple[object, ...]]


def scripted_emulator(script: Mapping[str, Any] | None = None, **settings: Any) -> RunningEmulator:
    """Return an emulator with `settings`, whose backend follows `script` (scripted_options.py)."""
    backend = ScriptedProvider("scripted", parse_options("scripted", script or {}))
    return RunningEmulator(EmulatorConfig(backend=backend, **settings))


def bedrock_environment(emulator: RunningEmulator) -> dict[str, str]:
    """Return the variables that send Bedrock's requests to `emulator`."""
    return {**KEYS, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": emulator.url}


@contextmanager
def object_store(**objects: bytes) -> Iterator[tuple[str, str]]:
    """Run an S3 with `objects` in one bucket; give its endpoint and the bucket's name."""
    with running_object_store() as endpoint, new_bucket(endpoint, "clinic") as bucket:
        for key, body in objects.items():
            bucket.put_object(Key=key, Body=body)
        yield endpoint, bucket.name


class Shop:
    """A warehouse with a table `notes` (id, body) of `prompts` and a model `advise`.

    Its provider reads the environment when it is first asked: `bedrock_environment` goes there.
    """

    def __init__(self, path: Path, prompts: Sequence[str]) -> None:
        self.path = path
        self.notices: list[Notice] = []
        self.warehouse = Warehouse.open(path)
        self.session = self.warehouse.open_session(on_notice=self.notices.append)
        self.session.execute("CREATE TABLE notes (id integer, body varchar(500))")
        values = ", ".join(f"({number}, '{body}')" for number, body in enumerate(prompts))
        self.session.execute(f"INSERT INTO notes VALUES {values}")
        self.session.execute(CREATE_MODEL)

    def query(self, sql: str) -> Rows:
        """Run one statement and return its rows."""
        return list(self.session.execute(sql).rows())

    def ask(self) -> Rows:
        """Have the model answer every note."""
        return self.query("SELECT id, advise(body) FROM notes ORDER BY id")

    def close(self) -> None:
        """Close the warehouse. Safe to call twice."""
        self.session.close()
        self.warehouse.close()


OpenShop = Callable[..., tuple[Shop, RunningEmulator]]


@contextmanager
def shop_opener(folder: Path, setenv: Callable[[str, str], None]) -> Iterator[OpenShop]:
    """Give what opens a shop: the prompts, the backend's script, the emulator's settings."""
    with ExitStack() as stack:

        def open_shop(
            prompts: Sequence[str], script: Mapping[str, Any] | None = None, **settings: Any
        ) -> tuple[Shop, RunningEmulator]:
            emulator = stack.enter_context(scripted_emulator(script, **settings))
            for name, value in bedrock_environment(emulator).items():
                setenv(name, value)
            shop = Shop(folder / "shop", prompts)
            stack.callback(shop.close)
            return shop, emulator

        yield open_shop


def answers_to(prompts: Sequence[str]) -> Rows:
    """Return what `Shop.ask` gives where every note is answered."""
    return [(number, scripted_answer(prompt)) for number, prompt in enumerate(prompts)]


@dataclass(frozen=True)
class Command:
    """The command `outcrop` on one warehouse, as a process of its own."""

    warehouse: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `outcrop` with these arguments to its end."""
        return subprocess.run(
            self._line(arguments),
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )

    def sql(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run `outcrop sql` with this script to its end; results come as CSV."""
        return self.run("sql", "--format", "csv", "-c", script)

    @contextmanager
    def start_sql(self, script: str) -> Iterator[subprocess.Popen[str]]:
        """Start `outcrop sql`; what is left of it at the end of the block is killed."""
        with subprocess.Popen(
            self._line(("sql", "--format", "csv", "-c", script)),
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def _line(self, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-m", "outcrop.cli", "-w", str(self.warehouse), *arguments]


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C on `process`."""
    process.send_signal(signal.SIGINT)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    """Return as soon as `is_so`; fails with `what` after `DEADLINE_S`."""
    deadline = time.monotonic() + DEADLINE_S
    while not is_so():
        assert time.monotonic() < deadline, f"{what} did not happen within {DEADLINE_S:g} s"
        time.sleep(0.005)


def count_answers(warehouse: Path) -> int:
    """Return how many answers the journal of `warehouse` holds on disk."""
    return _read_journal(warehouse, "SELECT count(*) FROM answer")


def read_total(warehouse: Path, column: str) -> int:
    """Return what the journal of `warehouse` counted as `column` of the last statement."""
    return _read_journal(
        warehouse, f"SELECT {column} FROM statement ORDER BY statement_id DESC LIMIT 1"
    )


def _read_journal(warehouse: Path, query: str) -> int:
    connection = sqlite3.connect(f"file:{warehouse / 'journal.sqlite'}?mode=ro", uri=True)
    try:
        [number] = connection.execute(query).fetchone()
    finally:
        connection.close()
    return int(number)
