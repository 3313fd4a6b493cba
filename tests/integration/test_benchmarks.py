"""The benchmarks run; how fast is for `make bench` to say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TITLES = {
    "plan": "Staged plan against a plain DuckDB Python UDF",
    "rate": "Journaled, signed calls a second against a bare aiohttp loop",
    "calls": "Calls and time of one statement",
    "limit": "Calls of LIMIT 5 above a model predicate",
    "first": "Time to the first of 10,000 rows",
    "inprocess": "Answers a second of a provider in process",
    "million": "Memory of a statement about 20,000 distinct prompts",
    "planning": "Planning the demo's queries",
    "local": "Tokens a second of the local model",
    "journal": "A journal of 20,000 entries",
    "quota": "Throughput under an unknown quota against a client that knows it",
}


def run(repository: Path, *names: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", *names],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("machine: ")
    assert f"command: python -m benchmarks --quick {' '.join(names)}\n" in done.stdout
    for name in names:
        assert f"\n{TITLES[name]}" in done.stdout
    return done.stdout


def test_the_benchmarks_without_a_model(repository: Path) -> None:
    run(repository, "plan", "rate", "limit", "first", "planning", "journal", "inprocess", "million")


def test_the_throughput_under_a_quota(repository: Path) -> None:
    table = run(repository, "quota")
    assert table.count(": a client that knows ") == 4
    assert re.search(r"^tokens: no MAX_TOKENS +[\d.]+ ", table, re.MULTILINE)
    assert re.search(r"^one row beside a job +[\d.]+x", table, re.MULTILINE)


def test_the_counted_calls(repository: Path) -> None:
    table = run(repository, "calls").partition(TITLES["calls"])[2]
    counts = {
        what: [int(cell.replace(",", "")) for cell in cells[:4]]
        for what, *cells in (re.split(r"\s{2,}", line) for line in table.splitlines())
        if len(cells) == 7 and cells[0][0].isdigit()
    }
    assert counts["equal prompts once"] == [500, 500, 50, 0]
    assert counts["LIMIT"][1:] == [500, 5, 0]
    assert counts["Top-N"][1:] == [500, 5, 0]
    assert counts["cheap predicate, written last"][1:] == [500, 6, 0]
    assert counts["untaken branch of CASE"][1:] == [500, 3, 0]
    assert counts["join that multiplies rows"][1:] == [500, 50, 0]
    assert counts["an answer nobody reads"] == [0, 500, 0, 0]
    assert counts["LIMIT 5 where 0.5 of the rows pass"][2] < 30


@pytest.mark.local_model
def test_the_benchmark_of_the_local_model(repository: Path) -> None:
    assert "xllamacpp, called directly" in run(repository, "local")


def test_an_unknown_benchmark_is_refused(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed"],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "'speed' is none of plan, rate, inprocess, local, calls" in done.stderr
