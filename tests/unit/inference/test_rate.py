"""A provider's quota, learned from its refusals alone."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import pytest

from outcrop.inference.rate import LearnedRate
from outcrop.inference.window import AimdWindow


@dataclass
class Quota:
    """A provider's bucket; full at first."""

    per_s: float
    burst_s: float
    level: float = 0.0
    at_s: float = 0.0

    def __post_init__(self) -> None:
        self.level = self.per_s * self.burst_s

    def takes(self, amount: float, now_s: float) -> bool:
        self.change(self.per_s, now_s)
        if amount > self.level:
            return False
        self.level -= amount
        return True

    def change(self, per_s: float, now_s: float) -> None:
        self.level = min(
            self.level + (now_s - self.at_s) * self.per_s, max(1.0, self.per_s * self.burst_s)
        )
        self.at_s, self.per_s = now_s, per_s


@dataclass
class Ridden:
    """What came of it: the answers' times, and how many requests were refused."""

    answered_s: list[float]
    refused_s: list[float]
    rate: LearnedRate

    def per_s(self, after_s: float, before_s: float = float("inf")) -> float:
        """Return the answers a second between two times."""
        times = [t for t in self.answered_s if after_s <= t < before_s]
        return (len(times) - 1) / (times[-1] - times[0])

    def refused_share(self, after_s: float) -> float:
        """Return the share of the requests that were refused."""
        refused = sum(t >= after_s for t in self.refused_s)
        return refused / (refused + sum(t >= after_s for t in self.answered_s))


def ride(
    quota: Quota,
    *,
    seconds: float,
    changes: Sequence[tuple[float, float]] = (),
    known_per_s: float | None = None,
    is_wanted: Callable[[float], bool] = lambda _: True,
    late_s: float = 0.0,
    seed: int = 0,
) -> Ridden:
    """Send what may be sent, for so long: 200 ms an answer, 10 ms a refusal.

    On a busy machine one timer in a hundred and one refusal in six come `late_s` later.
    """
    draw = Random(seed)
    rate = LearnedRate(0.0, known_per_s)
    events: list[tuple[float, int, str, float]] = []
    found = Ridden([], [], rate)
    window = AimdWindow(256, size=8)
    now_s, order, in_flight = 0.0, 0, 0

    def plan(at_s: float, what: str, value: float) -> None:
        nonlocal order
        order += 1
        heapq.heappush(events, (at_s, order, what, value))

    for at_s, per_s in changes:
        plan(at_s, "change", per_s)
    plan(0.0, "tick", 0.0)
    while events:
        now_s, _, what, value = heapq.heappop(events)
        if now_s > seconds:
            break
        match what:
            case "change":
                quota.change(value, now_s)
            case "answer":
                window.answered(in_flight, 0.2)
                in_flight -= 1
                found.answered_s.append(now_s)
            case "refusal":
                in_flight -= 1
                found.refused_s.append(now_s)
                if not rate.refuse(1.0, value, now_s):
                    window.refused()
            case _:
                plan(now_s + 0.002 + late_s * (draw.random() < 0.01), "tick", 0.0)
        while is_wanted(now_s) and in_flight < window.size and rate.wait_s(1.0, now_s) <= 1e-9:
            rate.take(1.0, now_s)
            in_flight += 1
            if quota.takes(1.0, now_s):
                plan(now_s + 0.2 * draw.uniform(0.9, 1.1), "answer", now_s)
            else:
                plan(now_s + 0.01 + late_s * (draw.random() < 1 / 6), "refusal", now_s)
    return found


@pytest.mark.parametrize(
    ("per_s", "burst_s"), [(5.0, 1.0), (40.0, 0.1), (40.0, 1.0), (40.0, 5.0), (200.0, 1.0)]
)
@pytest.mark.parametrize("seed", range(3))
def test_an_unknown_quota_is_ridden_to_the_edge(per_s: float, burst_s: float, seed: int) -> None:
    ridden = ride(Quota(per_s, burst_s), seconds=60, seed=seed)

    assert ridden.per_s(after_s=8.0) >= 0.95 * per_s
    assert ridden.refused_share(after_s=3.0) <= 0.03


@pytest.mark.parametrize("late_s", [0.05, 0.1])
@pytest.mark.parametrize("seed", [0, 4, 9])  # at 9, refusals of the change once meant "no quota"
def test_timers_that_come_late_provoke_few_refusals(late_s: float, seed: int) -> None:
    quota = Quota(40, 1.0)
    ridden = ride(quota, seconds=67, changes=[(17, 20), (50, 40)], late_s=late_s, seed=seed)

    assert ridden.per_s(after_s=4.0) >= 0.95 * (13 * 40 + 33 * 20 + 17 * 40) / 63
    assert ridden.refused_share(after_s=4.0) <= 0.03


def test_nothing_waits_before_the_first_refusal() -> None:
    rate = LearnedRate(0.0)
    for _ in range(1_000):
        assert rate.wait_s(1.0, 0.0) == 0.0
        rate.take(1.0, 0.0)
    assert rate.per_s is None


@pytest.mark.parametrize("seed", range(3))
def test_a_quota_that_halves_is_followed(seed: int) -> None:
    ridden = ride(Quota(40, 1.0), seconds=40, changes=[(20, 20)], seed=seed)

    assert ridden.per_s(after_s=22) >= 0.95 * 20
    assert ridden.refused_share(after_s=3.0) <= 0.04


@pytest.mark.parametrize("seed", range(3))
def test_a_quota_that_doubles_is_followed(seed: int) -> None:
    ridden = ride(Quota(40, 1.0), seconds=40, changes=[(20, 80)], seed=seed)

    assert ridden.per_s(after_s=26) >= 0.95 * 80
    assert ridden.refused_share(after_s=3.0) <= 0.03


def test_a_known_rate_is_ridden_with_hardly_a_refusal() -> None:
    ridden = ride(Quota(40, 1.0), seconds=30, known_per_s=40)

    assert ridden.per_s(after_s=1) >= 0.95 * 40
    assert ridden.refused_share(after_s=3.0) <= 0.015


def test_a_rate_that_is_no_longer_true_is_left() -> None:
    assert ride(Quota(80, 1.0), seconds=30, known_per_s=40).per_s(after_s=8) >= 0.95 * 80
    assert ride(Quota(20, 1.0), seconds=30, known_per_s=40).per_s(after_s=5) >= 0.95 * 20


def test_a_pause_does_not_spoil_the_rate() -> None:
    ridden = ride(Quota(40, 1.0), seconds=60, is_wanted=lambda now_s: not 20 < now_s < 40)

    assert ridden.per_s(after_s=44) >= 0.95 * 40
    assert ridden.refused_share(after_s=3.0) <= 0.04


@pytest.mark.parametrize("share", [0.02, 0.05, 0.2])
@pytest.mark.parametrize("seed", range(3))
def test_what_refuses_at_random_is_no_quota(share: float, seed: int) -> None:
    rate = LearnedRate(0.0)
    draw = Random(seed)
    now_s, sent = 0.0, 0
    while now_s < 600.0:
        if rate.wait_s(1.0, now_s) == 0.0:
            rate.take(1.0, now_s)
            sent += 1
            if draw.random() < share:
                rate.refuse(1.0, now_s, now_s)
        now_s += 0.02
    assert sent > 10_000  # of 30,000 that were wanted; it does not slow down to nothing


def test_an_amount_larger_than_all_that_may_be_saved_up_is_not_kept_waiting_for_ever() -> None:
    rate = LearnedRate(0.0, 10.0)
    for number in range(20):
        rate.take(1.0, number * 0.1)
    assert rate.wait_s(1_000.0, 2.0) < 100.0


def test_a_request_that_another_quota_refused_has_taken_nothing() -> None:
    rate = LearnedRate(0.0, 10.0)
    rate.wait_s(1.0, 1.0)
    rate.take(5.0, 1.0)
    before_s = rate.wait_s(5.0, 1.0)
    rate.undo(5.0, 1.0, 1.0)
    assert rate.wait_s(1.0, 1.0) < before_s


def use(rate: LearnedRate, begin_s: float, end_s: float) -> int:
    """Take what may be taken as soon as it may, and return how often that was."""
    now_s, taken = begin_s, 0
    while (now_s := now_s + max(rate.wait_s(1.0, now_s), 0.001)) < end_s:
        rate.take(1.0, now_s)
        taken += 1
    return taken


def test_what_a_provider_states_is_ridden_and_never_exceeded() -> None:
    rate = LearnedRate(0.0)
    rate.tell(50.0, 0.0)
    for begin_s in range(0, 60, 10):
        assert 495 <= use(rate, begin_s, begin_s + 10) <= 505
    assert rate.per_s == 50.0


def test_what_a_provider_states_later_counts() -> None:
    rate = LearnedRate(0.0)
    for per_s in (50.0, 55.0, 200.0, 10.0):
        rate.tell(per_s, 0.0)
        assert (rate.per_s, rate.per_s_max) == (per_s, per_s)


def test_less_than_stated_is_learned_where_others_use_the_quota() -> None:
    rate = LearnedRate(0.0)
    rate.tell(50.0, 0.0)
    bucket, now_s, taken = 5.0, 0.0, 0
    while now_s < 60.0:  # of the 50 a second, 30 are left
        waited_s = max(rate.wait_s(1.0, now_s), 0.001)
        now_s, bucket = now_s + waited_s, min(bucket + 30 * waited_s, 5.0)
        rate.take(1.0, now_s)
        if bucket >= 1.0:
            bucket, taken = bucket - 1.0, taken + 1
        else:
            rate.refuse(1.0, now_s, now_s)
    assert taken >= 0.9 * 30 * 60
    assert rate.per_s == pytest.approx(30.0, rel=0.1)


def test_an_estimate_remains_if_what_is_stated_is_about_the_same() -> None:
    rate, estimated = LearnedRate(0.0), 0.0
    for now_s in range(1, 20):
        for part in range(10):
            rate.take(1.0, now_s + part / 20)
        rate.refuse(1.0, now_s + 0.5, now_s + 0.5)
    estimated = rate.per_s or 0.0
    rate.tell(estimated * 1.1, 20.0)
    assert (rate.per_s, rate.per_s_max) == (estimated, estimated * 1.1)
    rate.tell(estimated * 0.9, 20.0)
    assert rate.per_s == estimated * 0.9
    rate.tell(estimated * 5, 20.0)
    assert rate.per_s == estimated * 5


def test_what_a_user_sets_is_never_exceeded() -> None:
    rate = LearnedRate(0.0, None, 20.0)
    assert rate.wait_s(1.0, 0.0) == 0.0  # the first need not wait
    assert 195 <= use(rate, 0, 10) <= 205
    rate.tell(50.0, 10.0)
    assert (rate.per_s, rate.per_s_max) == (20.0, 20.0)
    rate.tell(5.0, 10.0)
    assert (rate.per_s, rate.per_s_max) == (5.0, 5.0)
    rate.tell(50.0, 10.0)
    assert (rate.per_s, rate.per_s_max) == (20.0, 20.0)


def test_what_was_learned_before_is_no_more_than_what_a_user_sets() -> None:
    assert LearnedRate(0.0, 100.0, 20.0).per_s == 20.0
    assert LearnedRate(0.0, 10.0, 20.0).per_s == 10.0


def test_a_rate_that_is_set_holds_even_if_nothing_gets_through() -> None:
    rate = LearnedRate(0.0, None, 20.0)
    for number in range(100):
        rate.take(1.0, number / 10)
        rate.refuse(1.0, number / 10, number / 10)
    assert rate.per_s is not None
    assert rate.per_s <= 20.0
