"""A budget: a limit, what is spent of it, and what is reserved of it for requests in flight.

The invariant is `spent + reserved <= limit`, where a reservation is an upper bound of what its
request can cost: so a budget is never overshot, however many requests are in flight. Amounts are
kept in whole picodollars, since sums of floats drift.

What a request does and what it waits for is in `reservation.py`; budgets of a day or a month are
in `spending.py`. All but `take_alert` runs on the gateway's event loop alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from outcrop.errors import BudgetExceeded
from outcrop.pricing.usd import format_usd

SESSION_LIMIT = "outcrop.session_max_cost_usd"
ALERTS_PERCENT = (50, 80, 100)
_PICO = 10**12


def pico_of(usd: float) -> int:
    """Return an amount of US dollars in picodollars."""
    return round(usd * _PICO)


def usd_of(pico: int) -> float:
    """Return an amount of picodollars in US dollars."""
    return pico / _PICO


@dataclass(frozen=True, slots=True)
class SpendAlert:
    """A budget of which `percent` is spent, for the first time in its period."""

    percent: int
    message: str


@dataclass(frozen=True, slots=True)
class BudgetState:
    """One row of `sys_llm_budget`. `max_cost_usd` is None where there is no limit."""

    title: str
    user: str | None
    model_id: str | None
    period: str
    period_start: datetime | None
    period_end: datetime | None
    max_cost_usd: float | None
    spent_usd: float
    reserved_usd: float
    remaining_usd: float | None


class Budget:
    """The budget of a statement or a session; `title` is the setting that limits its cost.

    None is no limit. `since` is the first day whose requests count, as an ISO date; empty for all.
    """

    def __init__(
        self, title: str, max_cost_usd: float | None = None, max_calls: int | None = None
    ) -> None:
        self.title = title
        self.since = ""
        self.max_calls = max_calls
        self.max_pico: int | None = None
        self.spent_pico = 0
        self.reserved_pico = 0
        self._spent_calls = 0
        self._reserved_calls = 0
        self._told_percent = 0
        self._telling = threading.Lock()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.limit_cost(max_cost_usd)

    @property
    def spent_usd(self) -> float:
        """What was spent so far; an upper bound where a provider did not say what it used."""
        return usd_of(self.spent_pico)

    @property
    def remedy(self) -> str:
        """What to do when it is spent."""
        return "Raise the limit."

    @property
    def way_without(self) -> str:
        """How to do without it, as the end of a sentence; empty where only the file can."""
        return f", or SET {self.title} TO none and limit outcrop.max_calls instead"

    @property
    def renewal(self) -> str:
        """When it begins anew, as the end of a sentence; empty where it never does."""
        return ""

    def limit_cost(self, max_cost_usd: float | None) -> None:
        """Change the limit of its cost; what was spent before counts."""
        max_pico = None if max_cost_usd is None else pico_of(max_cost_usd)
        if max_pico != self.max_pico:
            self.max_pico = max_pico
            self._told_percent = 0

    def has_room(self, cost_pico: int, calls: int = 1) -> bool:
        """Return whether requests that may cost so much fit now."""
        if (
            self.max_calls is not None
            and self._spent_calls + self._reserved_calls + calls > self.max_calls
        ):
            return False
        if self.max_pico is None or not cost_pico:
            return True
        return self.spent_pico + self.reserved_pico + cost_pico <= self.max_pico

    def may_have_room(self, cost_pico: int) -> bool:
        """Return whether it would fit if nothing in flight turned out to cost anything."""
        if self.max_calls is not None and self._spent_calls >= self.max_calls:
            return False
        if self.max_pico is None or not cost_pico:
            return True
        return self.spent_pico + cost_pico <= self.max_pico

    def reserve(self, cost_pico: int, calls: int = 1) -> None:
        """Set requests aside, which have room."""
        self.reserved_pico += cost_pico
        self._reserved_calls += calls

    def settle(
        self, day: str, reserved_pico: int, cost_pico: int, *, calls: int, paid_calls: int
    ) -> None:
        """End a reservation of `day`: so much is spent, and the rest of it is free again."""
        if day >= self.since:
            self.reserved_pico -= reserved_pico
            self._reserved_calls -= calls
            self.spent_pico += cost_pico
            self._spent_calls += paid_calls
        if self._waiters:
            self.wake()

    async def change(self, *, is_first: bool) -> None:
        """Wait until there may be more room; `is_first` goes before all others that wait.

        Whoever is woken takes what it needs, and calls `wake` for the next.
        """
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if is_first:
            self._waiters.appendleft(waiter)
        else:
            self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # woken, and canceled before it could run
                self.wake()
            raise

    def wake(self) -> None:
        """Let the one that has waited longest try again."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def exceeded(self, cost_pico: int) -> BudgetExceeded:
        """Return the error of a request that will never fit."""
        if self.max_calls is not None and self._spent_calls >= self.max_calls:
            message = f"outcrop.max_calls of {self.max_calls:,} is reached"
        else:
            spent, next_call = format_usd(self.spent_usd), format_usd(usd_of(cost_pico))
            message = (
                f"{self.title} of {self._limit()} is reached: {spent} of it is spent and the next "
                f"call may cost {next_call}{self.renewal}"
            )
        return BudgetExceeded(message, hint=self.remedy)

    def take_alert(self) -> SpendAlert | None:
        """Return the highest of `ALERTS_PERCENT` that was reached since this was last asked."""
        with self._telling:
            percent = self._percent()
            if percent <= self._told_percent:
                return None
            self._told_percent = percent
        return SpendAlert(
            percent,
            f"{percent} % of {self.title} of {self._limit()} is spent: "
            f"{format_usd(self.spent_usd)}{self.renewal}",
        )

    def hold_alerts(self) -> None:
        """Tell only what is reached from now on."""
        self._told_percent = self._percent()

    def state(self, user: str) -> BudgetState:
        """Return what `sys_llm_budget` shows of the budget of a session of `user`."""
        return self._state(user, None, "session", None, None)

    def _state(
        self,
        user: str | None,
        model_id: str | None,
        period: str,
        start: datetime | None,
        end: datetime | None,
    ) -> BudgetState:
        free_pico = None
        if self.max_pico is not None:
            free_pico = max(self.max_pico - self.spent_pico - self.reserved_pico, 0)
        return BudgetState(
            title=self.title,
            user=user,
            model_id=model_id,
            period=period,
            period_start=start,
            period_end=end,
            max_cost_usd=None if self.max_pico is None else usd_of(self.max_pico),
            spent_usd=self.spent_usd,
            reserved_usd=usd_of(self.reserved_pico),
            remaining_usd=None if free_pico is None else usd_of(free_pico),
        )

    def _limit(self) -> str:
        """Return the limit as it was set, to its last digit."""
        return "$" + f"{usd_of(self.max_pico or 0):,.12f}".rstrip("0").rstrip(".")

    def _percent(self) -> int:
        if not self.max_pico:
            return 0
        reached = (p for p in ALERTS_PERCENT if self.spent_pico * 100 >= p * self.max_pico)
        return max(reached, default=0)
