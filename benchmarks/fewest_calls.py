"""How many calls a query makes, and how long it takes: three ways to ask a model from SQL.

* a plain Python UDF of DuckDB, which calls the model as the engine comes to it;
* all rows: the model is asked for every row of the table first, by our own gateway and at its
  concurrency, and the query reads the answers, as warehouses do whose planner does not look into
  calls;
* a staged plan.

All three give the same rows, which is checked. The counts are the same on every machine.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import duckdb

from benchmarks.report import Report, seconds
from benchmarks.workload import (
    DIGITS,
    NUMBERS,
    Rows,
    calls_so_far,
    create_model,
    create_notes,
    create_predicate,
    create_tickets,
    open_session,
    run,
    scripted_judge,
)
from outcrop.providers.scripted import scripted_answer
from outcrop.session import Session

NAME = "calls"
LATENCY_MS = 10

ROWS, DISTINCT = 500, 50
PROMPT = f"'note ' || mod(n, {DISTINCT})"

TICKETS = 2_000
SHARES = {"common": 0.9, "half": 0.5, "tenth": 0.1, "rare": 0.01}
"""The words of the tickets' texts, and the share of the tickets that have each."""


Ticket: TypeAlias = "tuple[int, str]"


@dataclass(frozen=True, slots=True)
class Case:
    """A query, and the same over answers that are there.

    `over_answers` reads the columns `answer`, or `is_WORD`, of `notes` and `tickets`; `asked` are
    the functions that have to be asked for every row to have them.
    """

    what: str
    sql: str
    over_answers: str
    asked: tuple[str, ...] = ("ask",)


_NOTES = tuple(
    Case(what, sql, re.sub(r"ask\((?:(\w)\.)?body\)", r"answer", sql))
    for what, sql in (
        ("equal prompts once", "SELECT id, ask(body) FROM notes"),
        ("LIMIT", "SELECT id, ask(body) FROM notes ORDER BY id LIMIT 5"),
        ("Top-N", "SELECT id, ask(body) FROM notes ORDER BY id DESC LIMIT 5"),
        (
            "cheap predicate, written last",
            "SELECT id FROM notes WHERE ask(body) LIKE 'a%' AND mod(id, 97) = 3",
        ),
        (
            "predicate from outside",
            "SELECT a FROM (SELECT id, ask(body) AS a FROM notes) AS q WHERE id < 10",
        ),
        (
            "untaken branch of CASE",
            "SELECT id, CASE WHEN mod(id, 100) < 3 THEN ask(body) ELSE body END FROM notes",
        ),
        (
            "join that multiplies rows",
            "SELECT n.id, d.d, ask(n.body) FROM notes n JOIN digits d ON d.d < 4",
        ),
        (
            "join that drops rows",
            "SELECT n.id, ask(n.body) FROM notes n JOIN digits d ON d.d = n.id",
        ),
        ("the same call twice", "SELECT id, ask(body), upper(ask(body)) FROM notes"),
        ("an answer nobody reads", "SELECT id FROM (SELECT id, ask(body) AS a FROM notes) AS q"),
    )
)
_TICKETS = (
    *(
        Case(
            f"LIMIT 5 where {share:g} of the rows pass",
            f"SELECT id FROM tickets WHERE is_{word}(body) = 'yes' ORDER BY id LIMIT 5",
            f"SELECT id FROM tickets WHERE is_{word} = 'yes' ORDER BY id LIMIT 5",
            (f"is_{word}",),
        )
        for word, share in SHARES.items()
        if word != "common"
    ),
    Case(
        "two predicates in the wrong order",
        "SELECT id FROM tickets WHERE is_common(body) = 'yes' AND is_tenth(body) = 'yes'",
        "SELECT id FROM tickets WHERE is_common = 'yes' AND is_tenth = 'yes'",
        ("is_common", "is_tenth"),
    ),
)


@dataclass(frozen=True, slots=True)
class Side:
    """What one way to run a query came to."""

    calls: int
    elapsed_s: float
    rows: Rows


def measure(*, is_quick: bool) -> Report:
    """Run all three sides of every case."""
    latency_ms = 0 if is_quick else LATENCY_MS
    tickets = list(draw_tickets(200 if is_quick else TICKETS, seed=0))
    rows = []
    with _session(latency_ms, tickets, is_volatile=True) as asking_every_row:
        for case in (*_NOTES, *_TICKETS):
            udf = _run_udf(case, latency_ms, tickets)
            all_rows = _run_all_rows(case, asking_every_row)
            staged, again = _run_staged(case, latency_ms, tickets)
            assert sorted(udf.rows) == sorted(all_rows.rows) == sorted(staged.rows), case.what
            sides = (udf, all_rows, staged)
            counts = [f"{side.calls:,}" for side in (*sides, again)]
            rows.append((case.what, *counts, *(seconds(side.elapsed_s) for side in sides)))
    return Report(
        f"Calls and time of one statement, {latency_ms} ms a call",
        (
            f"{ROWS:,} notes with {DISTINCT} distinct prompts; {len(tickets):,} tickets, all "
            "distinct. A UDF asks one by one,",
            'the others up to 64 at once. "Again" is the staged plan once its answers are '
            "journaled.",
        ),
        ("", "UDF", "all rows", "staged", "again", "UDF", "all rows", "staged"),
        rows,
    )


def draw_tickets(count: int, seed: int) -> Iterator[Ticket]:
    """Yield the tickets of a seed: (id, body), where the body has each word by its share."""
    draw = random.Random(seed)
    for number in range(count):
        words = [word for word, share in SHARES.items() if draw.random() < share]
        yield number, f"ticket {seed}-{number}: {' '.join(words)}"


def _run_udf(case: Case, latency_ms: float, tickets: Sequence[Ticket]) -> Side:
    calls = 0

    def call(answer: Callable[[str], str]) -> Callable[[str], str]:
        def function(body: str) -> str:
            nonlocal calls
            calls += 1
            time.sleep(latency_ms / 1_000)
            return answer(body)

        return function

    with duckdb.connect(":memory:") as connection:
        connection.create_function("ask", call(scripted_answer), ["VARCHAR"], "VARCHAR")
        for word in SHARES:
            says = call(partial(_judge, word))
            connection.create_function(f"is_{word}", says, ["VARCHAR"], "VARCHAR")
        connection.execute(f"CREATE TABLE digits AS SELECT * FROM (VALUES {DIGITS}) t(d)")
        connection.execute(
            f"CREATE TABLE notes AS SELECT n AS id, {PROMPT} AS body FROM ({NUMBERS}) t "
            f"WHERE n < {ROWS} ORDER BY n"
        )
        values = ", ".join(f"({number}, '{body}')" for number, body in tickets)
        connection.execute(
            f"CREATE TABLE tickets AS SELECT * FROM (VALUES {values}) AS t(id, body)"
        )
        started = time.perf_counter()
        rows = connection.execute(case.sql).fetchall()
        return Side(calls, time.perf_counter() - started, rows)


def _judge(word: str, body: str) -> str:
    return "yes" if word in body.split() else "no"


def _run_all_rows(case: Case, session: Session) -> Side:
    """Ask about every row by itself, then run the query over the answers."""
    table = "notes" if case.asked == ("ask",) else "tickets"
    names = ["answer" if name == "ask" else name for name in case.asked]
    answers = ", ".join(
        f"{function}(body) AS {name}" for function, name in zip(case.asked, names, strict=True)
    )
    before = calls_so_far(session)
    started = time.perf_counter()
    session.execute(f"CREATE TABLE answered AS SELECT id, body, {answers} FROM {table}")
    rows = run(session, re.sub(rf"\b{table}\b", "answered", case.over_answers))
    elapsed_s = time.perf_counter() - started
    session.execute("DROP TABLE answered")
    return Side(calls_so_far(session) - before, elapsed_s, rows)


def _run_staged(case: Case, latency_ms: float, tickets: Sequence[Ticket]) -> tuple[Side, Side]:
    """Run a query, and run it again."""
    with _session(latency_ms, tickets, is_volatile=False) as session:
        sides = []
        for _ in range(2):
            before = calls_so_far(session)
            started = time.perf_counter()
            rows = run(session, case.sql)
            elapsed_s = time.perf_counter() - started
            sides.append(Side(calls_so_far(session) - before, elapsed_s, rows))
        return sides[0], sides[1]


@contextmanager
def _session(
    latency_ms: float, tickets: Sequence[Ticket], *, is_volatile: bool
) -> Iterator[Session]:
    """Give a session with the tables and the models."""
    with open_session(scripted_judge(latency_ms)) as session:
        create_model(session, "BEDROCK", "anthropic.claude-v2", is_volatile=is_volatile)
        for word in SHARES:
            create_predicate(session, word, is_volatile=is_volatile)
        create_notes(session, ROWS, PROMPT)
        create_tickets(session, [(0, *ticket) for ticket in tickets])
        yield session
