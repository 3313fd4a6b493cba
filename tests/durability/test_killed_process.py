"""kill -9 in the middle of many calls: nothing but what was in flight is paid again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from tests.durability.support import paid, result_of, start, wait_until

CALLS = 400
CONCURRENCY = 8


def test_a_killed_statement_pays_at_most_what_was_in_flight_again(tmp_path: Path) -> None:
    kills = (20, 130, 131, 290, 380)
    for kill_at in kills:
        process = start(tmp_path, "prompt", CALLS, CONCURRENCY, 0.004)
        wait_until(lambda at=kill_at: len(paid(tmp_path)) >= at)  # type: ignore[misc]
        process.kill()
        process.communicate()
    result = result_of(start(tmp_path, "prompt", CALLS, CONCURRENCY, 0.0))
    payments = paid(tmp_path)
    assert result["answers"] == sorted(f"answer to prompt {index}" for index in range(CALLS))
    assert set(payments) == {f"prompt {index}" for index in range(CALLS)}
    assert len(payments) <= CALLS + CONCURRENCY * len(kills)


def test_after_the_end_nothing_is_paid_again(tmp_path: Path) -> None:
    first = result_of(start(tmp_path, "prompt", 50, CONCURRENCY, 0.0))
    second = result_of(start(tmp_path, "prompt", 50, CONCURRENCY, 0.0))
    assert first["answers"] == second["answers"]
    assert (first["calls"], second["calls"], second["reused"]) == (50, 0, 50)
    assert len(paid(tmp_path)) == 50


def test_two_processes_share_one_journal(tmp_path: Path) -> None:
    """Both create it, both write it; what one has paid for before, the other reuses."""
    processes = [start(tmp_path, prefix, 200, CONCURRENCY, 0.001) for prefix in ("a", "b")]
    for process, prefix in zip(processes, ("a", "b"), strict=True):
        expected = sorted(f"answer to {prefix} {index}" for index in range(200))
        assert result_of(process)["answers"] == expected
    again = [start(tmp_path, prefix, 200, CONCURRENCY, 0.0) for prefix in ("b", "a")]
    assert [result_of(process)["reused"] for process in again] == [200, 200]
    assert len(paid(tmp_path)) == 400


def test_two_processes_that_ask_the_same_at_once_may_both_pay_and_lose_nothing(
    tmp_path: Path,
) -> None:
    """Neither knows what the other has in flight: as docs/guides/journal.md says."""
    processes = [start(tmp_path, "same", 200, CONCURRENCY, 0.001) for _ in range(2)]
    expected = sorted(f"answer to same {index}" for index in range(200))
    assert [result_of(process)["answers"] for process in processes] == [expected] * 2
    assert set(Counter(paid(tmp_path)).values()) <= {1, 2}
    paid_before = len(paid(tmp_path))
    assert result_of(start(tmp_path, "same", 200, CONCURRENCY, 0.0))["reused"] == 200
    assert len(paid(tmp_path)) == paid_before
