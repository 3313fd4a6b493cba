"""When an invocation is tried again."""

from __future__ import annotations

from random import Random

import pytest

from outcrop.errors import (
    AuthFailed,
    ContentFiltered,
    ModelNotFound,
    OutputInvalid,
    ProviderError,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from outcrop.inference.retry import Backoff, RetryPolicy


class HighestDraw(Random):
    """Draws the upper bound, so that a test sees it."""

    def uniform(self, a: float, b: float) -> float:
        return b


def backoff(**policy: float) -> Backoff:
    return Backoff(RetryPolicy(**policy), HighestDraw(), started_s=100.0)  # type: ignore[arg-type]


def test_the_bound_of_the_wait_doubles_up_to_the_cap() -> None:
    waits = backoff(timeout_s=1_000, base_s=0.5, cap_s=3.0)
    delays = [waits.next_delay_s(Throttled("slow down"), 100.0) for _ in range(5)]
    assert delays == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_wait_is_drawn_from_all_between_nothing_and_the_bound() -> None:
    policy = RetryPolicy(base_s=1.0)
    draws = [
        Backoff(policy, Random(seed), 0.0).next_delay_s(Unavailable("down"), 0.0)
        for seed in range(200)
    ]
    drawn = [draw for draw in draws if draw is not None]
    assert len(drawn) == 200
    assert 0.0 <= min(drawn) < 0.05
    assert 0.95 < max(drawn) <= 1.0


def test_throttles_have_no_limit_but_the_time_budget() -> None:
    waits = backoff(timeout_s=600, cap_s=8.0)
    assert all(waits.next_delay_s(Throttled("slow down"), 100.0) is not None for _ in range(5_000))
    assert waits.next_delay_s(Throttled("slow down"), 692.0) == 8.0
    assert waits.next_delay_s(Throttled("slow down"), 692.1) is None


def test_what_a_provider_wishes_is_waited_for_at_least() -> None:
    waits = backoff(timeout_s=600, base_s=0.25)
    assert waits.next_delay_s(Throttled("slow down", retry_after_s=30.0), 100.0) == 30.25
    assert waits.next_delay_s(Throttled("slow down", retry_after_s=601.0), 100.0) is None


@pytest.mark.parametrize("error", [Unavailable("down"), TimedOut("late", possibly_paid=True)])
def test_faults_are_tried_six_times(error: ProviderError) -> None:
    waits = backoff(timeout_s=10_000)
    delays = [waits.next_delay_s(error, 112.0) for _ in range(6)]
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, None]


def test_faults_that_cannot_have_been_paid_are_tried_for_a_while_at_least() -> None:
    waits = backoff(timeout_s=10_000)
    delays = [waits.next_delay_s(Unavailable("down"), 111.9) for _ in range(8)]
    assert delays == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]
    assert waits.next_delay_s(TimedOut("late", possibly_paid=True), 111.9) is None


def test_an_endpoint_that_is_not_there_is_looked_for_until_the_breaker_says_so() -> None:
    waits = backoff(timeout_s=600)
    delays = [waits.next_delay_s(Unreachable("refused"), 100.0) for _ in range(100)]
    assert delays == [0.25, 0.5, *[1.0] * 98]
    assert waits.next_delay_s(Unreachable("refused"), 700.0) is None


def test_throttles_do_not_use_up_the_attempts_of_faults() -> None:
    waits = backoff(timeout_s=10_000)
    for _ in range(50):
        waits.next_delay_s(Throttled("slow down"), 100.0)
    assert waits.next_delay_s(Unavailable("down"), 100.0) == 0.25


@pytest.mark.parametrize(
    "kind", [Rejected, AuthFailed, ModelNotFound, ContentFiltered, OutputInvalid]
)
def test_terminal_errors_are_never_tried_again(kind: type[ProviderError]) -> None:
    assert backoff().next_delay_s(kind("no"), 100.0) is None
