"""What was paid, as the providers' own books have it: no crash of ours can change them.

It is also where a process is made to crash, at its n-th payment.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.inference.budget import pico_of
from outcrop.providers.base import TokenUsage
from tests.simulation.virtual_time import Scheduler

if TYPE_CHECKING:
    from tests.simulation.models import Traits

Asked = tuple[str, str]  # a model's id, and a prompt


class Ledger:
    """All payments of one world. A prompt begins with the user whose it is, or with `all`."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.payments = 0
        self.unknown = 0
        self.cost_max_pico = 0
        self.final: Counter[Asked] = Counter()
        self.may_be_paid_again: Counter[Asked] = Counter()
        self.crash_at = 0
        self._scheduler = scheduler
        self._limits: list[_Watched] = []
        self._days: dict[str, None] = {}  # in their order
        self._spent_of: defaultdict[tuple[str, str], int] = defaultdict(int)

    def limit(self, limits: Sequence[BudgetConfig]) -> None:
        """Watch these budgets from now on, with what was spent before."""
        self._limits = [_Watched(limit) for limit in limits]
        for watched in self._limits:
            for day in self._days:
                watched.see_day(day)
            for (user, model_id), pico in self._spent_of.items():
                watched.add(user, model_id, pico)

    def see_day(self, day: str) -> None:
        """It is this day on the clock of our process."""
        self._days[day] = None
        for watched in self._limits:
            watched.see_day(day)

    def add(
        self, traits: Traits, prompt: str, usage: TokenUsage, *, is_final: bool, is_lost: bool
    ) -> None:
        """A model has run. `is_final`: its answer will do, and comes back."""
        if self._scheduler.is_crashed:
            return
        self.payments += 1
        if self.payments == self.crash_at:
            self._scheduler.crash()
        cost_pico = pico_of(traits.cost_usd(usage))
        self.cost_max_pico = max(self.cost_max_pico, pico_of(traits.cost_usd(TokenUsage(500, 200))))
        self.unknown += is_lost
        if is_final:
            asked = (traits.model_id, prompt)
            self.final[asked] += 1
            if self.final[asked] > 1 + self.may_be_paid_again[asked]:
                self._scheduler.fail(AssertionError(f"{asked} is paid twice"))
        user = prompt.partition(" ")[0]
        self._spent_of[user, traits.model_id] += cost_pico
        for watched in self._limits:
            if watched.add(user, traits.model_id, cost_pico):
                self._scheduler.fail(AssertionError(f"{watched.limit} is overshot"))

    def may_have_paid(self) -> None:
        """A request ended so that our process can't know that it cost nothing."""
        self.unknown += 1

    def spent_pico(self, user: str | None, model_id: str | None) -> tuple[int, int]:
        """Return what a user surely paid for a model, and what others or that user did."""
        found = [(who, pico) for (who, m), pico in self._spent_of.items() if model_id in (None, m)]
        surely = sum(pico for who, pico in found if user in (None, who))
        return surely, sum(pico for who, pico in found) - surely

    def ended(self, kept: Iterable[Asked]) -> None:
        """The process is gone, and the journal has kept these: the others may be paid again."""
        kept = set(kept)
        for asked, times in self.final.items():
            if asked not in kept:
                self.may_be_paid_again[asked] = max(self.may_be_paid_again[asked], times)


class _Watched:
    """A budget, and what counts for it. A request counts for the day on which it was reserved,
    which nobody sees here: so the limit is that of all periods together that have begun.
    """

    def __init__(self, limit: BudgetConfig) -> None:
        self.limit = limit
        self._max_pico = pico_of(limit.max_cost_usd)
        self._periods: set[str] = set()
        self._spent_pico = 0

    def see_day(self, day: str) -> None:
        self._periods.add(day if self.limit.period is BudgetPeriod.DAY else day[:7])

    def add(self, user: str, model_id: str, cost_pico: int) -> bool:
        """Count a payment; return whether that was too much."""
        if self.limit.user not in (None, user) or self.limit.model not in (None, model_id):
            return False
        self._spent_pico += cost_pico
        return bool(self._periods) and self._spent_pico > self._max_pico * len(self._periods)
