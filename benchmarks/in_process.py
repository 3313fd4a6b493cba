"""Answers a second of a provider in process, whose own work is next to nothing.

What remains is the runtime's: plan, distinct arguments, fingerprint, look-up in the journal,
budget, limiter, answer on disk, join. Beside it stand two things that it cannot do without: the
provider alone, asked in a bare loop, and SQLite alone, which stores the very same rows by plain
inserts, with as many a commit as there may be answers that are paid for and not on disk.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.report import Report, Target
from benchmarks.workload import create_model, create_notes, create_numbers
from outcrop.cli.collector import spared_collector
from outcrop.config import parse_config
from outcrop.inference import journal_file
from outcrop.providers.base import ProviderRequest, RequestType
from outcrop.providers.scripted import ScriptedProvider
from outcrop.session import Session
from outcrop.warehouse import JOURNAL_FILE, Warehouse

NAME = "inprocess"
LEAST = 20_000.0

CONCURRENCY = 256
CALLS = 20_000
MODEL_ID = "anthropic.claude-v2"
CONFIG: Mapping[str, Any] = {
    "providers": {"bedrock": {"kind": "scripted"}},
    "settings": {"max_concurrency": CONCURRENCY},
}


def measure(*, is_quick: bool) -> Report:
    """Run a statement in each turn, and the two limits after it."""
    calls, turns = (500, 1) if is_quick else (CALLS, 5)
    ours: list[float] = []
    cpu_us: list[float] = []
    with TemporaryDirectory(prefix="outcrop-bench-") as folder:
        with (
            Warehouse.open(Path(folder), config=parse_config(CONFIG)) as warehouse,
            closing(warehouse.open_session()) as session,
            spared_collector(),  # as the command line does
        ):
            create_numbers(session)
            create_model(session, "BEDROCK", MODEL_ID)
            for turn in range(turns):
                create_notes(session, calls, f"'turn {turn}, note ' || n")
                cpu_started = time.process_time()
                ours.append(calls / _seconds(lambda: _ask_all(session, calls)))
                cpu_us.append((time.process_time() - cpu_started) / calls * 1e6)
        rows = _journaled(Path(folder) / JOURNAL_FILE)
    bare = calls / _seconds(lambda: _complete_all(calls))
    stored = len(rows[0]) / _store_all(rows)
    reached = statistics.median(ours)
    return Report(
        "Answers a second of a provider in process",
        (
            f"{turns} turns of {calls:,} distinct prompts, {CONCURRENCY} at once; medians. CPU is "
            "that of all threads.",
        ),
        ("", "a second", "CPU each"),
        (
            ("SELECT body, ask(body) FROM notes", f"{reached:,.0f}", _us(cpu_us)),
            ("the provider alone: a loop of its complete()", f"{bare:,.0f}", ""),
            (f"SQLite alone: the same rows, {CONCURRENCY} a commit", f"{stored:,.0f}", ""),
        ),
        (Target("answers a second", reached, LEAST, unit="/s"),),
    )


def _us(measured: list[float]) -> str:
    return f"{statistics.median(measured):,.0f} us"


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ask_all(session: Session, calls: int) -> None:
    answered = sum(
        batch.num_rows for batch in session.execute("SELECT body, ask(body) FROM notes").batches()
    )
    assert answered == calls


def _complete_all(calls: int) -> None:
    provider = ScriptedProvider("bare")
    requests = [
        ProviderRequest(
            MODEL_ID,
            RequestType.UNIFIED,
            {
                "messages": [{"role": "user", "content": [{"text": f"note {number}"}]}],
                "inferenceConfig": {"maxTokens": 512},
            },
        )
        for number in range(calls)
    ]

    async def complete_all() -> None:
        for request in requests:
            await provider.complete(request)

    asyncio.run(complete_all())


def _journaled(path: Path) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return the rows of answers and calls that a journal holds."""
    with closing(sqlite3.connect(path)) as connection:
        answers = connection.execute("SELECT * FROM answer ORDER BY rowid").fetchall()
        return answers, connection.execute("SELECT * FROM call ORDER BY call_id").fetchall()


def _store_all(rows: tuple[list[tuple[object, ...]], list[tuple[object, ...]]]) -> float:
    """Store answers and calls in a new journal; return how long that took."""
    with TemporaryDirectory(prefix="outcrop-bench-") as folder:
        path = Path(folder) / JOURNAL_FILE
        with closing(journal_file.connect(path)) as connection:
            journal_file.prepare(connection, path)
            return _seconds(lambda: _insert(connection, *rows))


def _insert(
    connection: sqlite3.Connection,
    answers: list[tuple[object, ...]],
    calls: list[tuple[object, ...]],
) -> None:
    into = "INSERT INTO {} VALUES ({})".format
    insert_answer = into("answer", ", ".join("?" * len(answers[0])))
    insert_call = into("call", ", ".join("?" * len(calls[0])))
    for start in range(0, len(answers), CONCURRENCY):
        connection.execute("BEGIN")
        connection.executemany(insert_answer, answers[start : start + CONCURRENCY])
        connection.executemany(insert_call, calls[start : start + CONCURRENCY])
        connection.execute("COMMIT")
