"""The memory that a statement takes which asks about a million distinct prompts.

It runs in a process of its own, whose peak is looked at after its end. Nothing that a row needs may
stay for the whole of the statement outside of the engine, which can go to disk.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from benchmarks.in_process import CONFIG, MODEL_ID
from benchmarks.report import Report, Target, seconds
from benchmarks.workload import create_model, create_notes, open_session

NAME = "million"
MOST_MB = 1_500.0

CALLS = 1_000_000


def measure(*, is_quick: bool) -> Report:
    """Ask in another process, and look at its peak."""
    calls = 20_000 if is_quick else CALLS
    peaks_mb: list[float] = []
    started = time.perf_counter()
    for asked in (1, calls):
        subprocess.run([sys.executable, "-m", "benchmarks.million", str(asked)], check=True)
        peaks_mb.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1_024)
    took_s = time.perf_counter() - started
    return Report(
        f"Memory of a statement about {calls:,} distinct prompts",
        ("The peak of the process: with the engine, and with all that Python loads.",),
        ("prompts", "peak", "took"),
        (
            ("1", f"{peaks_mb[0]:,.0f} MB", ""),
            (f"{calls:,}", f"{peaks_mb[1]:,.0f} MB", seconds(took_s)),
        ),
        (Target("peak", peaks_mb[1], most=MOST_MB, unit=" MB"),),
    )


def main(calls: int) -> None:
    """Ask about so many distinct prompts, and let the rows go as they come."""
    with open_session(CONFIG) as session:
        create_model(session, "BEDROCK", MODEL_ID)
        create_notes(session, calls, "'What does note number ' || n || ' say?'")
        rows = session.execute("SELECT body, ask(body) FROM notes")
        assert sum(batch.num_rows for batch in rows.batches()) == calls


if __name__ == "__main__":
    main(int(sys.argv[1]))
