"""When a request may be sent: window, quotas and shares together."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from outcrop.errors import QuotaKind, StatedQuota
from outcrop.inference.limiter import (
    PAUSE_MAX_S,
    PAUSE_S,
    Limiter,
    Permit,
    Wait,
)
from outcrop.inference.records import LearnedLimits
from outcrop.inference.shares import Share
from outcrop.inference.window import AimdWindow
from tests.unit.inference.support import VirtualClock


def limiter_of(clock: VirtualClock, size: int, known: LearnedLimits | None = None) -> Limiter:
    return Limiter(clock, AimdWindow(1_000, size), known)


def fill(limiter: Limiter) -> list[Permit]:
    permits = []
    while (permit := limiter.try_acquire()) is not None:
        permits.append(permit)
    return permits


def test_a_storm_of_throttles_from_one_window_halves_once() -> None:
    limiter = limiter_of(VirtualClock(), 64)
    for permit in fill(limiter):
        permit.throttled()
    assert limiter.window == 32
    assert limiter.in_flight == 0


def test_a_group_of_requests_is_sent_whole_or_not_at_all() -> None:
    limiter = limiter_of(VirtualClock(), 16)
    assert limiter.try_acquire(requests=17) is None
    group = limiter.try_acquire(requests=12)
    assert group is not None
    assert (limiter.in_flight, limiter.room) == (12, 4)
    assert limiter.try_acquire(requests=5) is None
    group.succeeded()
    assert (limiter.in_flight, limiter.window) == (0, 16)  # it was not full
    group = limiter.try_acquire(requests=16)
    assert group is not None
    group.succeeded()
    assert limiter.window == 24


def test_requests_of_a_group_that_end_in_other_ways_are_split_off() -> None:
    clock = VirtualClock()
    limiter = limiter_of(clock, 16, LearnedLimits(None, 1_000.0))
    clock.now_s = 1.0  # the bucket of tokens has something in it
    group = limiter.try_acquire(tokens=100.0, requests=10)
    assert group is not None
    group.split(10.0).failed()
    group.split(10.0).throttled()
    assert (limiter.in_flight, limiter.window) == (8, 8)
    group.succeeded(80.0)
    assert (limiter.in_flight, limiter.window) == (0, 9)  # what was left of it was full


def test_the_rate_is_learned_per_kind_of_quota() -> None:
    for quota, learned in (
        (None, (True, False)),
        (QuotaKind.REQUESTS, (True, False)),
        (QuotaKind.TOKENS, (False, True)),
    ):
        limiter = limiter_of(VirtualClock(), 4)
        permit = limiter.try_acquire(tokens=100.0)
        assert permit is not None
        permit.throttled(quota)
        limits = limiter.learned
        found = (limits.requests_per_s is not None, limits.tokens_per_s is not None)
        assert found == learned


@pytest.mark.parametrize(
    ("retry_after_s", "pause_s"), [(None, PAUSE_S), (2.0, 2.0), (3_600.0, PAUSE_MAX_S)]
)
def test_nothing_is_sent_for_a_moment_after_a_throttle(
    retry_after_s: float | None, pause_s: float
) -> None:
    clock = VirtualClock()
    limiter = limiter_of(clock, 4)
    permit = limiter.try_acquire()
    assert permit is not None
    permit.throttled(None, retry_after_s)
    clock.now_s = pause_s - 0.001
    assert limiter.try_acquire() is None
    clock.now_s = pause_s + 1.0
    assert limiter.try_acquire() is not None


def test_who_waits_says_for_what() -> None:
    async def scenario() -> list[Wait | None]:
        clock = VirtualClock()
        limiter = limiter_of(clock, 1, LearnedLimits(10.0, 1_000.0))
        clock.now_s = 1.0
        waits = [limiter.wait]
        permit = limiter.try_acquire(tokens=2_000.0)
        assert permit is not None
        waiter = asyncio.ensure_future(limiter.acquire(tokens=50.0))
        await asyncio.sleep(0)
        waits.append(limiter.wait)
        permit.succeeded(tokens=2_000.0)
        waits.append(limiter.wait)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        await limiter.close()
        return waits

    assert asyncio.run(scenario()) == [None, Wait.CONCURRENCY, Wait.TOKENS]


def test_a_known_rate_is_kept() -> None:
    async def scenario() -> float:
        clock = VirtualClock()
        limiter = limiter_of(clock, 100, LearnedLimits(requests_per_s=10.0))

        async def work() -> None:
            permit = await limiter.acquire()
            permit.succeeded()

        await clock.run(asyncio.gather(*(work() for _ in range(15))))
        return clock.now_s

    assert asyncio.run(scenario()) == pytest.approx(1.5, abs=0.2)


def test_tokens_are_reserved_and_settled() -> None:
    async def scenario() -> tuple[int, int]:
        clock = VirtualClock()
        limiter = limiter_of(clock, 100, LearnedLimits(tokens_per_s=1_000.0))
        clock.now_s = 1.0
        sent = 0
        permits = []
        while (permit := limiter.try_acquire(tokens=50.0)) is not None:
            permits.append(permit)
            sent += 1
        for permit in permits:
            permit.succeeded(tokens=5.0)
        again = 0
        while limiter.try_acquire(tokens=50.0) is not None:
            again += 1
        return sent, again

    sent, again = asyncio.run(scenario())
    assert sent >= 2
    assert again >= sent - 1  # nine tenths came back


def test_a_question_of_one_row_does_not_wait_for_a_large_job() -> None:
    async def scenario() -> float:
        clock = VirtualClock()
        limiter = limiter_of(clock, 100, LearnedLimits(requests_per_s=10.0))
        job, question = Share[Permit](), Share[Permit]()

        async def work(share: Share[Permit]) -> None:
            permit = await limiter.acquire(share)
            await clock.sleep(0.2)
            permit.succeeded()

        tasks = [asyncio.ensure_future(work(job)) for _ in range(200)]

        async def ask() -> float:
            await clock.sleep(5.0)
            started_s = clock.now_s
            await work(question)
            return clock.now_s - started_s

        asked = asyncio.ensure_future(ask())
        await clock.run(asked)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await limiter.close()
        return asked.result()

    assert asyncio.run(scenario()) <= 2 * 0.2


def test_priorities_are_weights() -> None:
    async def scenario() -> Counter[str]:
        clock = VirtualClock()
        limiter = limiter_of(clock, 100, LearnedLimits(requests_per_s=50.0))
        counts: Counter[str] = Counter()

        async def work(name: str, share: Share[Permit]) -> None:
            permit = await limiter.acquire(share)
            counts[name] += 1
            permit.succeeded()

        tasks = [
            asyncio.ensure_future(work(name, share))
            for name, share in (("low", Share[Permit](0.25)), ("high", Share[Permit](4.0)))
            for _ in range(500)
        ]
        await clock.run(clock.sleep(2.0))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await limiter.close()
        return counts

    counts = asyncio.run(scenario())
    assert counts["high"] > 10 * counts["low"] > 0


def test_a_permit_that_comes_with_the_cancellation_is_given_back() -> None:
    async def scenario() -> int:
        limiter = Limiter(VirtualClock(), AimdWindow(1))
        held = limiter.try_acquire()
        assert held is not None
        waiter = asyncio.ensure_future(limiter.acquire())
        await asyncio.sleep(0)
        held.succeeded()  # hands the permit to the waiter...
        waiter.cancel()  # ...which is canceled before it runs
        with pytest.raises(asyncio.CancelledError):
            await waiter
        return limiter.in_flight

    assert asyncio.run(scenario()) == 0


def test_closing_ends_a_pause() -> None:
    async def scenario() -> None:
        limiter = Limiter(VirtualClock(), AimdWindow(1))
        permit = limiter.try_acquire()
        assert permit is not None
        permit.throttled()
        waiter = asyncio.ensure_future(limiter.acquire())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        await limiter.close()
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(scenario())


def test_a_quota_that_is_stated_is_kept_from_then_on() -> None:
    limiter = limiter_of(VirtualClock(), 100)
    stated = StatedQuota(requests_per_s=10.0)
    limiter.tell(None)
    assert len(fill(limiter)) == 100
    limiter.tell(stated)
    assert limiter.state.learned == LearnedLimits(10.0, None)
    assert limiter.state.stated == stated
    limiter.tell(StatedQuota(10.0, 500.0))
    assert limiter.state.learned == LearnedLimits(10.0, 500.0)


def test_what_a_provider_repeats_does_not_undo_what_was_learned() -> None:
    limiter = limiter_of(VirtualClock(), 1)
    stated = StatedQuota(requests_per_s=10.0)
    permit = limiter.try_acquire()
    assert permit is not None
    limiter.tell(stated)
    permit.throttled()
    learned = limiter.learned
    assert learned.requests_per_s is not None
    assert learned.requests_per_s < 10.0
    limiter.tell(stated)
    limiter.tell(StatedQuota(requests_per_s=10.0))
    assert limiter.learned == learned


def test_limits_that_a_user_sets() -> None:
    configured = StatedQuota(requests_per_s=10.0, tokens_per_s=100.0)
    limiter = Limiter(VirtualClock(), AimdWindow(1_000, 5), LearnedLimits(50.0), configured)
    assert limiter.state.learned == LearnedLimits(10.0, 100.0)
    assert limiter.state.stated == configured
    assert len(fill(limiter)) == 1
    assert limiter.wait is None


def test_a_stated_quota_is_ridden_without_a_throttle() -> None:
    async def scenario() -> tuple[float, int]:
        clock = VirtualClock()
        limiter = limiter_of(clock, 16)
        stated = StatedQuota(requests_per_s=20.0)
        level, filled_s, throttles = 16.0, 0.0, 0

        async def work() -> None:
            nonlocal level, filled_s, throttles
            permit = await limiter.acquire()
            level, filled_s = min(level + 20.0 * (clock.now_s - filled_s), 16.0), clock.now_s
            is_granted = level >= 1.0
            if is_granted:
                level -= 1.0
            await clock.sleep(0.2)
            limiter.tell(stated)
            if is_granted:
                permit.succeeded()
            else:
                throttles += 1
                permit.throttled()

        await clock.run(asyncio.gather(*(work() for _ in range(400))))
        await limiter.close()
        return clock.now_s, throttles

    elapsed_s, throttles = asyncio.run(scenario())
    assert throttles == 0
    assert elapsed_s <= 400 / 20.0 * 1.05
