"""What a statement may spend."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from outcrop.errors import BudgetExceeded
from outcrop.inference.budget import Budget, Reservation


def test_without_limits_everything_fits() -> None:
    budget = Budget(None, None)
    for _ in range(1_000):
        reservation = budget.try_reserve(1_000_000.0)
        assert reservation is not None
    assert not budget.limits_cost


def test_ten_calls_of_a_tenth_fit_into_one_dollar() -> None:
    budget = Budget(1.0, None)
    reservations = [budget.try_reserve(0.1) for _ in range(11)]
    assert [r is not None for r in reservations] == [True] * 10 + [False]


def test_what_a_request_did_not_use_is_free_again() -> None:
    async def scenario() -> float:
        budget = Budget(1.0, None)
        first = await budget.reserve(0.9)
        assert budget.try_reserve(0.9) is None
        waiting = asyncio.ensure_future(budget.reserve(0.9))
        await asyncio.sleep(0)
        assert not waiting.done()
        first.settle(0.1)
        second = await waiting
        second.settle(0.9)
        return budget.spent_usd

    assert asyncio.run(scenario()) == 1.0


def test_it_stops_when_nothing_in_flight_could_make_room() -> None:
    async def scenario() -> str:
        budget = Budget(1.0, None)
        first = await budget.reserve(0.6)
        waiting = asyncio.ensure_future(budget.reserve(0.6))
        await asyncio.sleep(0)
        first.settle(0.6)
        with pytest.raises(BudgetExceeded) as caught:
            await waiting
        return str(caught.value)

    expected = "outcrop.max_cost_usd of $1 is reached: the next call may cost $0.600000"
    assert asyncio.run(scenario()) == expected


def test_a_request_that_could_never_fit_is_refused_at_once() -> None:
    async def scenario() -> None:
        budget = Budget(1.0, None)
        await budget.reserve(0.5)
        with pytest.raises(BudgetExceeded):
            await budget.reserve(1.5)

    asyncio.run(scenario())


def test_calls_are_counted_when_they_were_paid() -> None:
    async def scenario() -> None:
        budget = Budget(None, 2)
        refused = await budget.reserve(0.0)
        paid = await budget.reserve(0.0)
        waiting = asyncio.ensure_future(budget.reserve(0.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        refused.release()
        last = await waiting
        paid.settle(None)
        last.settle(None)
        with pytest.raises(BudgetExceeded, match=r"outcrop\.max_calls of 2 is reached"):
            await budget.reserve(0.0)

    asyncio.run(scenario())


def test_an_unknown_cost_spends_the_whole_reservation() -> None:
    budget = Budget(1.0, None)
    reservation = budget.try_reserve(0.7)
    assert reservation is not None
    reservation.settle(None)
    assert budget.spent_usd == 0.7


@pytest.mark.parametrize("seed", range(20))
def test_it_is_never_overshot_whatever_the_order(seed: int) -> None:
    """Requests of random bounds and costs, settled in random order: the sum stays in the limit."""

    async def scenario() -> tuple[float, int]:
        random = Random(seed)
        budget = Budget(1.0, 40)
        paid: list[float] = []

        async def call() -> None:
            bound = random.uniform(0.01, 0.2)
            reservation: Reservation = await budget.reserve(bound)
            for _ in range(random.randrange(5)):
                await asyncio.sleep(0)
            if random.random() < 0.2:
                reservation.release()
                return
            paid.append(random.uniform(0.0, bound))
            reservation.settle(paid[-1])

        results = await asyncio.gather(*(call() for _ in range(200)), return_exceptions=True)
        assert all(r is None or isinstance(r, BudgetExceeded) for r in results)
        assert any(isinstance(r, BudgetExceeded) for r in results)
        return sum(paid), len(paid)

    spent, calls = asyncio.run(scenario())
    assert spent <= 1.0
    assert calls <= 40
