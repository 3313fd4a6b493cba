from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.cli.progress import format_count, format_duration, format_progress
from outcrop.cli.terminal import Terminal
from outcrop.inference.meter import Progress

HALF = Progress(
    calls_total=700,
    done=350,
    sent=330,
    reused=50,
    repeated=0,
    failed=1,
    in_flight=32,
    waiting=10,
    throttles=4,
    retries=2,
    truncated=0,
    input_tokens=9_000,
    output_tokens=42_000,
    cost_usd=0.0123,
    is_cost_complete=True,
    elapsed_s=30.0,
)


def test_everything_is_said_where_there_is_room() -> None:
    assert format_progress(HALF, Terminal(160)) == (
        "━━━━━━━━━━────────── 350/700  0:30  ETA 0:35  $0.0123  1 failed  50 reused  "
        "1.4k tokens/s  4 throttled  32 in flight"
    )


@pytest.mark.parametrize("width", [10, 40, 80, 100])
def test_a_line_fits_the_terminal(width: int) -> None:
    assert len(format_progress(HALF, Terminal(width))) < width


def test_the_most_wanted_stays_on_a_narrow_terminal() -> None:
    assert format_progress(HALF, Terminal(50)) == "━━━━━━━━━━────────── 350/700  0:30  ETA 0:35"


def test_without_a_total_there_is_no_bar() -> None:
    line = format_progress(replace(HALF, calls_total=None), Terminal(60))
    assert line.startswith("350 answers  0:30  $0.0123")


def test_costs_that_are_not_known_are_not_zero() -> None:
    nothing = replace(HALF, cost_usd=None, is_cost_complete=False)
    assert "price unknown" in format_progress(nothing, Terminal(160))
    part = replace(HALF, is_cost_complete=False)
    assert "$0.0123+" in format_progress(part, Terminal(160))


def test_reused_answers_do_not_make_the_rest_look_near() -> None:
    """All that is done was reused, so nothing is known of the pace."""
    reused = replace(HALF, done=50, failed=0)
    assert "ETA" not in format_progress(reused, Terminal(160))


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (950, "950"),
        (12_480, "12.5k"),
        (999_499, "999k"),
        (999_800, "1M"),
        (3_100_000, "3.1M"),
        (2e9, "2G"),
    ],
)
def test_counts_are_short(count: float, text: str) -> None:
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0:00"), (59.6, "1:00"), (761, "12:41"), (3_723, "1:02:03")]
)
def test_durations_are_clocks(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
