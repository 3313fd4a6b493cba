"""The window of requests in flight to one model."""

from __future__ import annotations

import asyncio

import pytest

from outcrop.inference.limiter import PAUSE_MAX_S, PAUSE_S, Limiter, Permit
from tests.unit.inference.support import VirtualClock


def fill(limiter: Limiter) -> list[Permit]:
    permits = []
    while (permit := limiter.try_acquire()) is not None:
        permits.append(permit)
    return permits


def test_the_window_doubles_with_each_full_round_until_the_first_throttle() -> None:
    limiter = Limiter(VirtualClock(), window_max=1_000, window_start=4)
    permits = fill(limiter)
    windows = []
    for _ in range(4):
        of_next_round = []
        for permit in permits:
            permit.succeeded()
            of_next_round += fill(limiter)
        permits = of_next_round
        windows.append(limiter.window)
    assert windows == [8, 16, 32, 64]
    permits[0].throttled()
    assert limiter.window == 32


def test_a_window_that_is_not_full_does_not_grow() -> None:
    limiter = Limiter(VirtualClock(), window_max=100, window_start=8)
    for _ in range(50):
        permit = limiter.try_acquire()
        assert permit is not None
        permit.succeeded()
    assert limiter.window == 8


def test_after_a_throttle_it_grows_by_one_for_each_window_of_successes() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, window_max=100, window_start=16)
    fill(limiter)[0].throttled()
    assert limiter.window == 8
    clock.now_s += PAUSE_S
    while limiter.in_flight > 8:  # the others of the old window come back without news
        Permit(limiter, 0).failed()
    for _ in range(9):
        Permit(limiter, 1).succeeded()
        assert limiter.try_acquire() is not None
    assert limiter.window == 9


def test_it_never_exceeds_its_maximum() -> None:
    limiter = Limiter(VirtualClock(), window_max=4, window_start=16)
    assert len(fill(limiter)) == 4
    Permit(limiter, 0).succeeded()
    assert limiter.window == 4


def test_a_storm_of_throttles_from_one_window_halves_once() -> None:
    limiter = Limiter(VirtualClock(), window_max=100, window_start=64)
    for permit in fill(limiter):
        permit.throttled()
    assert limiter.window == 32
    assert limiter.in_flight == 0


def test_a_throttle_of_the_next_window_halves_again_and_never_below_one() -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, window_max=100, window_start=4)
    windows = []
    for _ in range(4):
        permit = limiter.try_acquire()
        assert permit is not None
        permit.throttled()
        windows.append(limiter.window)
        clock.now_s += PAUSE_S
    assert windows == [2, 1, 1, 1]


@pytest.mark.parametrize(
    ("retry_after_s", "pause_s"), [(None, PAUSE_S), (2.0, 2.0), (3_600.0, PAUSE_MAX_S)]
)
def test_nothing_is_sent_for_a_moment_after_a_throttle(
    retry_after_s: float | None, pause_s: float
) -> None:
    clock = VirtualClock()
    limiter = Limiter(clock, window_max=100, window_start=4)
    permit = limiter.try_acquire()
    assert permit is not None
    permit.throttled(retry_after_s)
    clock.now_s = pause_s - 0.001
    assert limiter.try_acquire() is None
    clock.now_s = pause_s
    assert limiter.try_acquire() is not None


def test_who_waits_is_served_in_turn_when_the_pause_is_over() -> None:
    async def scenario() -> tuple[list[int], float]:
        clock = VirtualClock()
        limiter = Limiter(clock, window_max=2, window_start=2)
        served: list[int] = []

        async def work(number: int) -> None:
            permit = await limiter.acquire()
            served.append(number)
            await clock.sleep(1.0)
            permit.succeeded()

        first = limiter.try_acquire()
        assert first is not None
        first.throttled()
        await clock.run(asyncio.gather(*(work(number) for number in range(4))))
        return served, clock.now_s

    served, ended_s = asyncio.run(scenario())
    assert served == [0, 1, 2, 3]
    # The window was halved to 1, and grew to 2 after the first success at 1.1 s.
    assert ended_s == pytest.approx(PAUSE_S + 3.0)


def test_a_permit_that_comes_with_the_cancellation_is_given_back() -> None:
    async def scenario() -> int:
        limiter = Limiter(VirtualClock(), window_max=1)
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
        limiter = Limiter(VirtualClock(), window_max=1)
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
