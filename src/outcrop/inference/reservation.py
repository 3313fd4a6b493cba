"""Reservations: what requests may cost, set aside in all of their budgets at once.

All or nothing: where one budget has no room, nothing is reserved in any. A request that does not
fit waits as long as others are in flight that may settle for less, holding nothing meanwhile. It
runs on the gateway's event loop alone, so that no two reserve at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence

from outcrop.inference.budget import Budget, SpendAlert
from outcrop.inference.policy import CallPolicy
from outcrop.inference.records import Payment
from outcrop.inference.spending import DaySpending, Spending


class Reservation:
    """A part of budgets, set aside for one request or so many; ended by exactly one of its methods.

    Requests of a group that end in different ways are split off, each with its part.
    """

    __slots__ = ("_budgets", "_calls", "cost_pico", "spending")

    def __init__(
        self, budgets: Sequence[Budget], spending: DaySpending, cost_pico: int, calls: int = 1
    ) -> None:
        self._budgets = budgets
        self._calls = calls
        self.spending = spending
        self.cost_pico = cost_pico

    def split(self, cost_pico: int) -> Reservation:
        """Return the part of one of the requests, for which so much was set aside."""
        self._calls -= 1
        self.cost_pico -= cost_pico
        return Reservation(self._budgets, self.spending, cost_pico)

    def settle(self, cost_pico: int) -> Payment | None:
        """The requests were paid: so much is spent, the rest is free again.

        Returns what the journal must store; None where it was free.
        """
        self._end(cost_pico, paid_calls=self._calls)
        return self.spending.payment(cost_pico) if cost_pico else None

    def release(self) -> None:
        """The requests were not paid: all of it is free again."""
        self._end(0, paid_calls=0)

    def _end(self, cost_pico: int, paid_calls: int) -> None:
        spending = self.spending
        spending.reserved_pico -= self.cost_pico
        spending.unjournaled_pico += cost_pico - self.cost_pico
        spending.spent_pico += cost_pico
        for budget in self._budgets:
            budget.settle(
                spending.day, self.cost_pico, cost_pico, calls=self._calls, paid_calls=paid_calls
            )


class BudgetSet:
    """The budgets that hold for what one statement asks of one model."""

    def __init__(
        self, budgets: Sequence[Budget], spending: Spending, user: str, model_id: str
    ) -> None:
        period_budgets = spending.budgets_of(user, model_id)
        self.budgets = (*budgets, *period_budgets)
        self.outlives_the_process = bool(period_budgets)
        self._spending = spending
        self._user = user
        self._model_id = model_id
        self._day = spending.of(spending.today(), user, model_id)

    @property
    def limiting(self) -> Budget | None:
        """A budget for which requests must be priced before they are sent, if there is one."""
        return next((b for b in self.budgets if b.max_pico is not None), None)

    def try_reserve(self, cost_pico: int, calls: int = 1) -> Reservation | None:
        """Set `cost_pico` and calls aside in every budget, or return None if one has no room."""
        day = self._spending.today()
        if day != self._day.day:
            self._day = self._spending.of(day, self._user, self._model_id)
        for budget in self.budgets:
            if not budget.has_room(cost_pico, calls):
                return None
        for budget in self.budgets:
            budget.reserve(cost_pico, calls)
        self._day.reserved_pico += cost_pico
        self._day.unjournaled_pico += cost_pico
        return Reservation(self.budgets, self._day, cost_pico, calls)

    async def reserve(self, cost_pico: int) -> Reservation:
        """Set `cost_pico` and one call aside, waiting while that may become possible.

        Raises BudgetExceeded when it cannot: nothing in flight would make room for it.
        """
        woken_by: Budget | None = None
        try:
            while (reservation := self.try_reserve(cost_pico)) is None:
                full = self._full(cost_pico)
                is_first = full is woken_by
                if woken_by is not None and not is_first:
                    woken_by.wake()
                woken_by = None
                await full.change(is_first=is_first)
                woken_by = full
            return reservation
        finally:
            if woken_by is not None:  # it may have room for the next as well
                woken_by.wake()

    async def secure(self, reservation: Reservation) -> None:
        """See to it that the reservation outlives this process, as one of its budgets does.

        Raises DiskFull where it cannot; then the reservation must be released.
        """
        spending = reservation.spending
        if reservation.cost_pico and spending.unjournaled_pico > spending.secured_pico:
            await self._spending.secure(spending)

    def _full(self, cost_pico: int) -> Budget:
        """Return a budget that has no room; raises BudgetExceeded where it will have none."""
        full = [budget for budget in self.budgets if not budget.has_room(cost_pico)]
        for budget in full:
            if not budget.may_have_room(cost_pico):
                raise budget.exceeded(cost_pico)
        return full[0]


class StatementBudgets:
    """All that limits what one statement spends: its own budget, its session's, and the file's."""

    def __init__(self, policy: CallPolicy, session: Budget, spending: Spending, user: str) -> None:
        session.limit_cost(policy.session_max_cost_usd)
        own = Budget("outcrop.max_cost_usd", policy.max_cost_usd, policy.max_calls)
        self.spending = spending
        self._budgets = (own, session)
        self._user = user
        self._of_models: dict[str, BudgetSet] = {}

    def of_model(self, model_id: str) -> BudgetSet:
        """Return the budgets for what it asks of one model."""
        found = self._of_models.get(model_id)
        if found is None:
            found = self._of_models[model_id] = BudgetSet(
                self._budgets, self.spending, self._user, model_id
            )
        return found

    def take_alerts(self) -> tuple[SpendAlert, ...]:
        """Return the alerts of its budgets that were told to nobody yet; from any thread."""
        used = dict.fromkeys(b for s in tuple(self._of_models.values()) for b in s.budgets)
        alerts = [budget.take_alert() for budget in used]
        return tuple(alert for alert in alerts if alert is not None)
