"""A statement in a process of its own, which a test may kill, starve of disk, or run twice.

    python -m tests.durability.support FOLDER PREFIX COUNT CONCURRENCY SECONDS_PER_CALL

It asks COUNT prompts of a journal in FOLDER and prints what it got as one JSON object. Its provider
appends a line to FOLDER/ledger for every answer: that is what was paid.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.unit.inference.support import House, house, invocations, texts

LEDGER = "ledger"


def pays_to(folder: Path, seconds_per_call: float = 0.0):  # type: ignore[no-untyped-def]
    """Return a behavior that takes its time, and then writes the payment down."""
    ledger = os.open(folder / LEDGER, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    async def behavior(prompt: str) -> None:
        await asyncio.sleep(seconds_per_call)
        os.write(ledger, f"{prompt}\n".encode())

    return behavior


def paid(folder: Path) -> list[str]:
    """Return the prompts that were paid for, once for each payment."""
    path = folder / LEDGER
    return path.read_text().splitlines() if path.exists() else []


def ask_all(home: House, prefix: str, count: int, concurrency: int) -> dict[str, object]:
    statement = home.statement(max_concurrency=concurrency)
    asked = statement.ask(invocations(count, prefix), model="m", function="f")
    answers = sorted(texts(asked))
    summary = statement.finish()
    return {"answers": answers, "calls": summary.calls, "reused": summary.reused}


def start(
    folder: Path, prefix: str, count: int, concurrency: int, seconds_per_call: float
) -> subprocess.Popen[str]:
    """Start the statement in a process of its own."""
    arguments = [str(folder), prefix, str(count), str(concurrency), str(seconds_per_call)]
    return subprocess.Popen(
        [sys.executable, "-m", "tests.durability.support", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )


def result_of(process: subprocess.Popen[str]) -> dict[str, object]:
    """Wait for a statement and return what it printed."""
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    result: dict[str, object] = json.loads(output)
    return result


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(6_000):
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError("it did not happen within 30 seconds")


def main() -> None:
    folder = Path(sys.argv[1])
    with house(folder, pays_to(folder, float(sys.argv[5]))) as home:
        print(json.dumps(ask_all(home, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))  # noqa: T201


if __name__ == "__main__":
    main()
