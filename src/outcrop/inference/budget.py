"""What one statement may spend: reserved before each request, settled after it.

The invariant is `spent + reserved <= limit`, where a reservation is an upper bound of what its
request can cost: so a budget is never overshot, however many requests are in flight. Amounts are
kept in whole picodollars, since sums of floats drift.

A request that does not fit waits as long as others are in flight that may settle for less. It runs
on the gateway's event loop alone.
"""

from __future__ import annotations

import asyncio
from collections import deque

from outcrop.errors import BudgetExceeded

_PICO = 10**12


class Reservation:
    """A part of a budget, set aside for one request; ended by exactly one of its methods."""

    __slots__ = ("_budget", "cost_pico")

    def __init__(self, budget: Budget, cost_pico: int) -> None:
        self._budget = budget
        self.cost_pico = cost_pico

    def settle(self, cost_usd: float | None) -> None:
        """The request was paid: `cost_usd` is spent, the rest is free again.

        Where the cost is not known (None), the whole reservation is spent.
        """
        cost_pico = self.cost_pico if cost_usd is None else _pico(cost_usd)
        self._budget._settle(self, cost_pico, calls=1)

    def release(self) -> None:
        """The request was not paid: all of it is free again."""
        self._budget._settle(self, 0, calls=0)


class Budget:
    """The limits of one statement, `max_cost_usd` and `max_calls`; None is no limit."""

    def __init__(self, max_cost_usd: float | None, max_calls: int | None) -> None:
        self.max_cost_usd = max_cost_usd
        self.max_calls = max_calls
        self._max_pico = None if max_cost_usd is None else _pico(max_cost_usd)
        self._spent_pico = 0
        self._spent_calls = 0
        self._reserved_pico = 0
        self._reserved_calls = 0
        self._waiters: deque[asyncio.Future[None]] = deque()

    @property
    def limits_cost(self) -> bool:
        """Whether requests must be priced before they are sent."""
        return self._max_pico is not None

    @property
    def spent_usd(self) -> float:
        """What was spent so far; an upper bound where a provider did not say what it used."""
        return self._spent_pico / _PICO

    def try_reserve(self, cost_usd: float) -> Reservation | None:
        """Set `cost_usd` and one call aside, or return None if that does not fit now."""
        cost_pico = _pico(cost_usd)
        if not self._fits(cost_pico, self._reserved_pico, self._reserved_calls):
            return None
        self._reserved_pico += cost_pico
        self._reserved_calls += 1
        return Reservation(self, cost_pico)

    async def reserve(self, cost_usd: float) -> Reservation:
        """Set `cost_usd` and one call aside, waiting while that may become possible.

        Raises BudgetExceeded when it cannot: nothing in flight would make room for it.
        """
        while (reservation := self.try_reserve(cost_usd)) is None:
            if not self._reserved_calls or not self._fits(_pico(cost_usd), 0, 0):
                raise self._exceeded(cost_usd)
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        return reservation

    def _fits(self, cost_pico: int, reserved_pico: int, reserved_calls: int) -> bool:
        if self.max_calls is not None and self._spent_calls + reserved_calls >= self.max_calls:
            return False
        if self._max_pico is None:
            return True
        return self._spent_pico + reserved_pico + cost_pico <= self._max_pico

    def _settle(self, reservation: Reservation, cost_pico: int, calls: int) -> None:
        self._reserved_pico -= reservation.cost_pico
        self._reserved_calls -= 1
        self._spent_pico += cost_pico
        self._spent_calls += calls
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _exceeded(self, cost_usd: float) -> BudgetExceeded:
        if self.max_calls is not None and self._spent_calls >= self.max_calls:
            return BudgetExceeded(f"outcrop.max_calls of {self.max_calls:,} is reached")
        return BudgetExceeded(
            f"outcrop.max_cost_usd of ${self.max_cost_usd:g} is reached: "
            f"the next call may cost ${cost_usd:.6f}"
        )


def _pico(usd: float) -> int:
    return round(usd * _PICO)
