"""How many calls a query makes: a plain Python UDF of DuckDB beside a staged plan.

Nothing is timed here; the numbers are the same on every machine.
"""

from __future__ import annotations

import duckdb

from benchmarks.report import Report
from benchmarks.workload import DIGITS, NUMBERS, create_model, create_notes, open_session, run

NAME = "calls"

ROWS, DISTINCT = 2_000, 100
PROMPT = f"'note ' || mod(n, {DISTINCT})"

# What each query shows, and the query; each is run in a warehouse that knows no answer yet.
_QUERIES = (
    ("equal prompts once", "SELECT id, ask(body) FROM notes"),
    ("LIMIT before calls", "SELECT ask(body) FROM notes LIMIT 5"),
    ("ORDER BY, LIMIT before calls", "SELECT ask(body) FROM notes ORDER BY id DESC LIMIT 5"),
    ("cheap predicate first", "SELECT id FROM notes WHERE ask(body) LIKE 'a%' AND mod(id, 97) = 3"),
    (
        "predicate from outside first",
        "SELECT a FROM (SELECT id, ask(body) AS a FROM notes) AS q WHERE id < 10",
    ),
    (
        "join first",
        "SELECT ask(l.body) FROM notes l JOIN notes r ON l.id = r.id WHERE r.body = 'note 7'",
    ),
    (
        "untaken branch of CASE",
        "SELECT CASE WHEN mod(id, 100) < 3 THEN ask(body) ELSE body END FROM notes",
    ),
    ("the same call twice", "SELECT ask(body), upper(ask(body)) FROM notes"),
    ("an answer nobody reads", "SELECT id FROM (SELECT id, ask(body) AS a FROM notes) AS q"),
)


def measure(*, is_quick: bool) -> Report:
    """Count the calls of both sides; there is nothing to be quick about."""
    rows = []
    for what, sql in _QUERIES:
        udf, staged, again = _count_udf_calls(sql), *_count_staged_calls(sql)
        rows.append((what, f"{udf:,}", f"{staged:,}", f"{again:,}"))
    return Report(
        f"Calls of one statement over {ROWS:,} rows with {DISTINCT} distinct prompts",
        ("The last column is the same statement again: its answers are in the journal.",),
        ("", "Python UDF", "staged plan", "run again"),
        rows,
    )


def _count_udf_calls(sql: str) -> int:
    calls = 0

    def ask(body: str) -> str:
        nonlocal calls
        calls += 1
        return f"answer to {body}"

    with duckdb.connect(":memory:") as connection:
        connection.create_function("ask", ask)
        connection.execute(f"CREATE TABLE digits AS SELECT * FROM (VALUES {DIGITS}) t(d)")
        connection.execute(
            f"CREATE TABLE notes AS SELECT n AS id, {PROMPT} AS body FROM ({NUMBERS}) t "
            f"WHERE n < {ROWS} ORDER BY n"
        )
        connection.execute(sql).fetchall()
    return calls


def _count_staged_calls(sql: str) -> tuple[int, int]:
    """Return the calls of a statement, and those of the same statement run again."""
    with open_session({"providers": {"bedrock": {"kind": "scripted"}}}) as session:
        create_model(session, "BEDROCK", "anthropic.claude-v2")
        create_notes(session, ROWS, PROMPT)
        counts = []
        for _ in range(2):
            run(session, sql)
            details = run(session, "SELECT sum(calls) FROM sys_llm_detail")
            counts.append(int(details[0][0] or 0))
    return counts[0], counts[1] - counts[0]
