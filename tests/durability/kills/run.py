"""One run of a workload, in a process that was forked for it and may be killed at any point.

What it has done it writes down outside of itself, in the folder that is its own for all runs of one
workload: `shown`, each row as it is read; `done`, each step with its rows. A run begins after what
is done. A step that a budget stopped is not done.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import outcrop.inference.gateway
import outcrop.warehouse
from outcrop.config import BudgetConfig, BudgetPeriod, WarehouseConfig
from outcrop.engines.duckdb import DuckDbSession
from outcrop.errors import BudgetExceeded, SerializationConflict
from outcrop.inference import journal_file
from outcrop.inference.clock import SystemClock
from outcrop.providers.base import ProviderConfig
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.durability.kills.bank import PRICES, Bank
from tests.durability.kills.workload import SETUP, Step, Task, draw_workload

WAREHOUSE = "warehouse"
DONE, SHOWN, REPORT = "done", "shown", "report"
EVENTS = ("payment", "payment", "journal", "journal", "engine", "engine", "step", "time", "time")
NOON_S = 1_700_000_000 // 86_400 * 86_400 + 43_200.0
HURRY = 50.0
SPENT = "SELECT spent_usd, reserved_usd FROM sys_llm_budget WHERE period = 'month'"


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget of a month, as it goes to the process."""

    max_cost_usd: float
    user: str | None = None
    model: str | None = None

    def config(self) -> BudgetConfig:
        return BudgetConfig(self.max_cost_usd, BudgetPeriod.MONTH, self.user, self.model)


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to do: a run of the workload of `seed`, to be killed at the n-th event."""

    folder: str
    seed: int
    run: int
    limits: tuple[Limit, ...] = ()
    event: str = ""
    at: int = 0

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        members = json.loads(text)
        members["limits"] = tuple(Limit(**limit) for limit in members["limits"])
        return cls(**members)


class HurriedClock(SystemClock):
    """A clock on which it is noon when it starts, and that runs faster, so that no retry waits."""

    def __init__(self) -> None:
        self._started_s = time.monotonic()

    def monotonic(self) -> float:
        return (time.monotonic() - self._started_s) * HURRY

    def wall(self) -> float:
        return NOON_S + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / HURRY)


class Events:
    """Counts what happens, and kills the process at the n-th event of a kind."""

    def __init__(self, kind: str, at: int) -> None:
        self._kind = kind
        self._left = at
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def tick(self, kind: str) -> None:
        with self._lock:
            self.counts[kind] += 1
            if kind == self._kind:
                self._left -= 1
                if not self._left:
                    os.kill(os.getpid(), signal.SIGKILL)


def watch(events: Events) -> None:
    """Have the journal's statements and the engine's told as events, each before it is run."""
    connect, execute = journal_file.connect, DuckDbSession.execute

    def connect_and_watch(path: Path) -> Any:
        connection = connect(path)
        connection.set_trace_callback(lambda statement: events.tick("journal"))
        return connection

    def watched_execute(session: DuckDbSession, sql: str) -> int:
        events.tick("engine")
        return execute(session, sql)

    journal_file.connect = connect_and_watch
    DuckDbSession.execute = watched_execute  # type: ignore[method-assign,assignment]


def append(path: Path, record: Sequence[object]) -> None:
    """Write a record that a kill leaves whole, or does not leave."""
    with path.open("ab", buffering=0) as file:
        file.write(json.dumps(record).encode() + b"\n")


def records(path: Path) -> list[Any]:
    """Return what `append` wrote."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def open_warehouse(order: Order, events: Events) -> Warehouse:
    """Open the warehouse of the order, with the bank as its provider."""

    def build(config: ProviderConfig) -> Bank:
        return Bank(Path(order.folder), order.run, order.seed, events.tick)

    global build_bank
    build_bank = build
    outcrop.warehouse.PROVIDER_MODULES = {"bank": __name__}
    vars(outcrop.inference.gateway)["SystemClock"] = HurriedClock
    config = WarehouseConfig(
        providers={"bank": {"kind": "bank"}},
        prices=PRICES,
        budgets=tuple(limit.config() for limit in order.limits),
    )
    return Warehouse.open(Path(order.folder) / WAREHOUSE, config=config)


build_bank: Callable[[ProviderConfig], Bank]


def build(config: ProviderConfig) -> Bank:
    """What a module of providers has."""
    return build_bank(config)


def make_template(folder: Path) -> None:
    """Make the warehouse of which every run of every workload gets a copy."""
    with open_warehouse(Order(str(folder), 0, 0), Events("", 0)) as warehouse:
        session = warehouse.open_session(user="ann")
        for statement in SETUP:
            session.execute(statement)
        session.close()


def run(order: Order) -> None:
    """Do what is left of the workload, all users at once; then report, if all is done."""
    folder = Path(order.folder)
    workload = draw_workload(Random(order.seed))
    done = {(user, number) for user, number, _ in records(folder / DONE)}
    events = Events(order.event, order.at)
    watch(events)
    started_s = time.monotonic()
    with open_warehouse(order, events) as warehouse:
        failures: list[BaseException] = []

        def work(task: Task) -> None:
            try:
                _Client(warehouse, folder, task, events).run(done)
            except Exception as error:  # noqa: BLE001  # raised below
                failures.append(error)

        threads = [threading.Thread(target=work, args=(task,)) for task in workload.tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for failure in failures:
            raise failure
        report = _report(warehouse, workload.tables)
    report["events"] = dict(events.counts)
    report["milliseconds"] = round((time.monotonic() - started_s) * 1_000)
    append(folder / REPORT, [report])


def _report(warehouse: Warehouse, tables: Sequence[str]) -> dict[str, Any]:
    """Return what the tables hold that there are, and what the budgets show."""
    session = warehouse.open_session(user="ann")
    there = {relation.name.name for relation in session.catalog().relations}
    queries = {name: f"SELECT * FROM {name}" for name in tables if name in there}
    rows = {
        name: sorted((list(row) for row in session.execute(query).rows()), key=repr)
        for name, query in queries.items()
    }
    spent = [list(row) for row in session.execute(SPENT).rows()]
    session.close()
    return {"tables": rows, "spent": spent}


class _Client:
    """One user: a session in a thread of its own."""

    def __init__(self, warehouse: Warehouse, folder: Path, task: Task, events: Events) -> None:
        self._warehouse = warehouse
        self._folder = folder
        self._task = task
        self._events = events

    def run(self, done: set[tuple[str, int]]) -> None:
        session = self._warehouse.open_session(user=self._task.user)
        session.execute("SET outcrop.on_error TO 'null'")
        session.execute(f"SET outcrop.max_concurrency TO {self._task.max_concurrency}")
        was_stopped = False
        for number, step in enumerate(self._task.steps):
            if (self._task.user, number) in done or (was_stopped and step.is_update):
                continue  # what was stopped is made up for later, and must not undo this
            self._events.tick("step")
            rows = self._do(session, step)
            self._events.tick("step")
            if rows is None:
                was_stopped = True
            else:
                append(self._folder / DONE, [self._task.user, number, rows])
        session.close()

    def _do(self, session: Session, step: Step) -> list[object] | None:
        """Return the rows of a step, None where a budget stopped it."""
        while True:
            try:
                return [row for sql in step.statements for row in self._execute(session, sql)]
            except BudgetExceeded:
                session.execute("ROLLBACK")
                return None
            except SerializationConflict:  # two users changed the catalog at the same time
                session.execute("ROLLBACK")

    def _execute(self, session: Session, sql: str) -> list[list[object]]:
        result = session.execute(sql)
        if not sql.startswith("SELECT"):
            result.close()
            return []
        rows = []
        for row in result.rows():
            append(self._folder / SHOWN, list(row))
            rows.append(list(row))
        return sorted(rows, key=repr)
