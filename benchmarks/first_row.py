"""How soon the first row of a large query is there, in latencies of one call.

A staged plan gives a row as soon as it, and those before it, are answered. A Python UDF of DuckDB
gives none before a whole vector of rows is (with the least streaming buffer; by default, before all
of them are). So many calls, one after the other, are counted.
"""

from __future__ import annotations

import statistics
import time

import duckdb

from benchmarks.report import Report, Target, ratio, seconds
from benchmarks.workload import create_model, create_notes, open_session, run

NAME = "first"
MOST = 2.0

ROWS = 10_000
_SQL = "SELECT id, ask(body) FROM notes"


def measure(*, is_quick: bool) -> Report:
    """Run both sides to their first row."""
    latency_ms = 20 if is_quick else 200
    turns = 1 if is_quick else 5
    latency_s = latency_ms / 1_000
    udf_calls = _count_udf_calls()
    staged_s = statistics.median(_time_staged(latency_ms, turns))
    return Report(
        f"Time to the first of {ROWS:,} rows, {latency_ms} ms a call",
        (
            f"{_SQL}; all prompts are distinct. Median of {turns} turns, each with other prompts.",
            "* the calls before its first row are counted, and take that time at least.",
        ),
        ("", "first row after", "in latencies of a call"),
        [
            ("Python UDF", seconds(udf_calls * latency_s) + " *", ratio(udf_calls)),
            ("staged plan", seconds(staged_s), ratio(staged_s / latency_s)),
        ],
        (Target("first row, in latencies of a call", staged_s / latency_s, None, MOST),),
    )


def _count_udf_calls() -> int:
    """Return how many calls a UDF has made when the first row can be read."""
    calls = 0

    def ask(body: str) -> str:
        nonlocal calls
        calls += 1
        return body

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET streaming_buffer_size = '1KB'")
        connection.create_function("ask", ask, ["VARCHAR"], "VARCHAR")
        connection.execute(
            f"CREATE TABLE notes AS SELECT n AS id, 'note ' || n AS body FROM range({ROWS}) t(n)"
        )
        connection.sql(_SQL).to_arrow_reader(1).read_next_batch()
        return calls


def _time_staged(latency_ms: int, turns: int) -> list[float]:
    config = {"providers": {"bedrock": {"kind": "scripted", "latency_ms": latency_ms}}}
    found = []
    with open_session(config) as session:
        create_model(session, "BEDROCK", "anthropic.claude-v2")
        run(session, "SELECT ask('warm up')")
        for turn in range(turns):
            create_notes(session, ROWS, f"'{turn}, note ' || n")
            started = time.perf_counter()
            result = session.execute(_SQL)
            next(result.rows())
            found.append(time.perf_counter() - started)
            result.close()
    return found
