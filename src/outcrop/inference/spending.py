"""What was spent on each day, by whom and for which model, and the budgets of a day or a month.

Days and months are those of UTC. A request counts for the day on which it was reserved. What was
spent in a period is **all that was spent since it began**: so a clock that is set back forgets
nothing, and one that was wrong for a while counts too much rather than too little.

The journal keeps these sums in the transactions that store the calls. They are read once, when the
gateway opens; from then on its memory is the authority, since one process has a warehouse open.

**A killed process** cannot say what its requests in flight have cost. So under a budget the journal
is told, before a request is sent, what those that it does not know of may cost at most; where that
was never taken back, it counts as spent. Only when more is in flight than ever before does that
take a write of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.errors import Error
from outcrop.inference.budget import Budget, BudgetState
from outcrop.inference.clock import Clock
from outcrop.inference.journal import Journal
from outcrop.inference.records import Payment

_DAY_S = 86_400


class DaySpending:
    """What one user spent for one model on one day.

    `unjournaled_pico` is reserved, or paid and not on disk yet; `secured_pico` of it is what the
    journal knows that it may be.
    """

    __slots__ = (
        "day",
        "model_id",
        "reserved_pico",
        "secured_pico",
        "securing",
        "spent_pico",
        "unjournaled_pico",
        "user",
    )

    def __init__(self, day: str, user: str, model_id: str) -> None:
        self.day = day
        self.user = user
        self.model_id = model_id
        self.spent_pico = 0
        self.reserved_pico = 0
        self.unjournaled_pico = 0
        self.secured_pico = 0
        self.securing = asyncio.Lock()

    def payment(self, cost_pico: int) -> Payment:
        """Return a payment of this day, user and model."""
        return Payment(self.day, self.user, self.model_id, cost_pico)


class PeriodBudget(Budget):
    """A budget of `outcrop.toml`: what may be spent in a day or a month."""

    def __init__(self, config: BudgetConfig) -> None:
        super().__init__(_title(config), config.max_cost_usd)
        self._config = config
        self._start = self._end = datetime.min.replace(tzinfo=UTC)

    @property
    def remedy(self) -> str:
        """What to do when it is spent."""
        return (
            "Wait for that, or raise its max_cost_usd in outcrop.toml and open the warehouse again."
        )

    @property
    def way_without(self) -> str:
        """Say nothing: only the file can change it."""
        return ""

    @property
    def renewal(self) -> str:
        """When it begins anew, as the end of a sentence."""
        return f"; it begins anew at {self._end:%Y-%m-%d %H:%M} UTC"

    def covers(self, user: str, model_id: str) -> bool:
        """Return whether what `user` spends for a model counts."""
        config = self._config
        return config.user in (None, user) and config.model in (None, model_id)

    def turn_to(self, day: date, spendings: Iterable[DaySpending]) -> None:
        """Have the period begin in which `day` is, unless it is the one that runs."""
        is_month = self._config.period is BudgetPeriod.MONTH
        start = day.replace(day=1) if is_month else day
        if start.isoformat() == self.since:
            return
        length = timedelta(days=31 if is_month else 1)
        end = (start + length).replace(day=1) if is_month else start + length
        self._start, self._end = _midnight(start), _midnight(end)
        self.since = start.isoformat()
        counted = [s for s in spendings if s.day >= self.since and self.covers(s.user, s.model_id)]
        self.spent_pico = sum(spending.spent_pico for spending in counted)
        self.reserved_pico = sum(spending.reserved_pico for spending in counted)
        self.hold_alerts()
        self.wake()

    def period_state(self) -> BudgetState:
        """Return what `sys_llm_budget` shows of it."""
        config = self._config
        return self._state(config.user, config.model, config.period.value, self._start, self._end)


class Spending:
    """All that was spent, by day, user and model, and the budgets of `outcrop.toml` over it."""

    def __init__(self, journal: Journal, clock: Clock, configs: Sequence[BudgetConfig]) -> None:
        self._journal = journal
        self._clock = clock
        self._budgets = tuple(PeriodBudget(config) for config in configs)
        # A few for each day that the process runs, and for two months before: never dropped, so
        # that a clock which is set back finds them.
        self._days: dict[tuple[str, str, str], DaySpending] = {}
        self._secured: dict[DaySpending, None] = {}  # in their order
        self._unsaved: list[Payment] = []  # as many as the journal keeps, at most
        self._today = ""
        self._begins_s = self._ends_s = 0.0
        month = _day_of(clock.wall()).replace(day=1)
        self._oldest = (month - timedelta(days=1)).replace(day=1)
        if configs:
            for paid in journal.take_spending(self._oldest.isoformat()):
                self.of(paid.day, paid.user, paid.model_id).spent_pico = paid.cost_pico
        self._turn()

    def today(self) -> str:
        """Return the day that requests count for now, having begun the periods that begin with it.

        A clock that is set back by months is taken to be at the oldest day that is remembered.
        """
        if not self._begins_s <= self._clock.wall() < self._ends_s:
            self._turn()
        return self._today

    def of(self, day: str, user: str, model_id: str) -> DaySpending:
        """Return what a user spent for a model on a day."""
        key = (day, user, model_id)
        found = self._days.get(key)
        if found is None:
            found = self._days[key] = DaySpending(day, user, model_id)
        return found

    def budgets_of(self, user: str, model_id: str) -> tuple[PeriodBudget, ...]:
        """Return the budgets that limit what a user spends for a model."""
        return tuple(budget for budget in self._budgets if budget.covers(user, model_id))

    def states(self) -> list[BudgetState]:
        """Return what `sys_llm_budget` shows, in the order of the file."""
        self.today()
        return [budget.period_state() for budget in self._budgets]

    async def secure(self, spending: DaySpending) -> None:
        """See to it that the journal knows what may be paid. Raises DiskFull where it cannot."""
        async with spending.securing:
            wanted_pico = spending.unjournaled_pico
            if wanted_pico > spending.secured_pico:
                await self._journal.reserve_spending(spending.payment(wanted_pico))
                spending.secured_pico = wanted_pico
                self._secured[spending] = None

    def journaled(self, payments: Iterable[Payment]) -> None:
        """The journal knows of these payments."""
        for paid in payments:
            self.of(paid.day, paid.user, paid.model_id).unjournaled_pico -= paid.cost_pico

    def unsaved(self, payments: Iterable[Payment]) -> None:
        """The disk is full: the journal keeps these payments in memory, and stores them later."""
        self._unsaved += payments

    async def take_back(self) -> None:
        """Tell the journal that nothing can be paid any more, where nothing is in flight.

        Where a full disk keeps that from it, whoever calls this next tries again.
        """
        if self._unsaved and not self._journal.has_unsaved:
            self.journaled(self._unsaved)
            self._unsaved.clear()
        for spending in [s for s in self._secured if not s.unjournaled_pico]:
            async with spending.securing:
                if not spending.unjournaled_pico:
                    await self._take_back(spending)

    async def _take_back(self, spending: DaySpending) -> None:
        secured_pico, spending.secured_pico = spending.secured_pico, 0
        try:
            await self._journal.reserve_spending(spending.payment(0))
        except Error:
            spending.secured_pico = secured_pico
        else:
            self._secured.pop(spending, None)  # several may take back at once

    async def close(self) -> None:
        """Take back all that can be, once nothing is in flight any more."""
        with suppress(Error):  # the journal says itself what it loses
            await asyncio.to_thread(self._journal.save_unsaved)
        await self.take_back()

    def _turn(self) -> None:
        now_s = self._clock.wall()
        self._begins_s = now_s // _DAY_S * _DAY_S
        self._ends_s = self._begins_s + _DAY_S
        day = max(_day_of(now_s), self._oldest)
        self._today = day.isoformat()
        for budget in self._budgets:
            budget.turn_to(day, self._days.values())


def _day_of(wall_s: float) -> date:
    return datetime.fromtimestamp(wall_s, UTC).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC)


def _title(config: BudgetConfig) -> str:
    whose = [f"user {config.user!r}"] if config.user is not None else []
    whose += [f"model {config.model!r}"] if config.model is not None else []
    name = "the daily budget" if config.period is BudgetPeriod.DAY else "the monthly budget"
    return f"{name} for {' and '.join(whose)}" if whose else name
