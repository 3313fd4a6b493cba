"""A staged plan against a plain Python UDF of DuckDB, where a call takes 200 ms.

The peer is what one writes first: `create_function` with a function that asks the model and waits.
DuckDB calls it row by row, so that it takes a row's latency for each row; it is measured on a part
of the rows, and its time for all of them is that many times as long.
"""

from __future__ import annotations

import time

import duckdb

from benchmarks.report import Report, Target, ratio, seconds
from benchmarks.workload import create_model, create_notes, open_session, run, time_of
from outcrop.providers.scripted import scripted_answer

NAME = "plan"
LEAST = 20.0

# Rows and distinct prompts among them.
_SIZES = ((100, 100), (2_000, 100), (2_000, 2_000))


def measure(*, is_quick: bool) -> Report:
    """Run both sides."""
    latency_ms = 20 if is_quick else 200
    udf_rows = 10 if is_quick else 100
    udf_s_a_row = _time_udf(udf_rows, latency_ms / 1_000) / udf_rows
    rows, ratios = [], {}
    for size, distinct in _SIZES:
        staged_s = _time_staged(size, distinct, latency_ms)
        udf_s = udf_s_a_row * size
        ratios[size, distinct] = udf_s / staged_s
        mark = "" if size == udf_rows else " *"
        rows.append(
            (
                f"{size:,} rows, {distinct:,} distinct prompts",
                seconds(udf_s) + mark,
                seconds(staged_s),
                ratio(udf_s / staged_s),
            )
        )
    return Report(
        f"Staged plan against a plain DuckDB Python UDF, {latency_ms} ms a call",
        (
            "SELECT id, ask(body) FROM notes; the scripted provider in process sleeps and answers.",
            f"* {udf_rows} rows measured, times the number of rows.",
        ),
        ("", "Python UDF", "staged plan", "ratio"),
        rows,
        (Target("2,000 rows, 100 distinct prompts", ratios[2_000, 100], LEAST),),
    )


def _time_udf(rows: int, latency_s: float) -> float:
    def ask(body: str) -> str:
        time.sleep(latency_s)
        return scripted_answer(body)

    with duckdb.connect(":memory:") as connection:
        connection.create_function("ask", ask)
        connection.execute(
            f"CREATE TABLE notes AS SELECT n AS id, 'note ' || n AS body FROM range({rows}) t(n)"
        )
        started = time.perf_counter()
        connection.execute("SELECT id, ask(body) FROM notes").fetchall()
        return time.perf_counter() - started


def _time_staged(rows: int, distinct: int, latency_ms: int) -> float:
    config = {"providers": {"bedrock": {"kind": "scripted", "latency_ms": latency_ms}}}
    with open_session(config) as session:
        create_model(session, "BEDROCK", "anthropic.claude-v2")
        create_notes(session, rows, f"'note ' || mod(n, {distinct})")
        run(session, "SELECT ask('warm up')")
        return time_of(session, "SELECT id, ask(body) FROM notes")
