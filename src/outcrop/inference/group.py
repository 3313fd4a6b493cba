"""Many invocations sent in one go, to a provider that answers in process without waiting.

Where an answer takes microseconds, all else that is done for a call takes most of the time. So a
group has one reservation, one permit and one look at the clock. A request that fails is split off
with its part of them, and goes on alone, as any other that has failed once (`sender.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.inference.budget import pico_of
from outcrop.inference.invocation import Invocation
from outcrop.inference.limiter import Permit
from outcrop.inference.records import Payment
from outcrop.inference.reservation import Reservation
from outcrop.inference.sender import Sender, Tally
from outcrop.providers.base import Completion, ImmediateProvider

# So many at once that what is done for each group is little, and so few that the event loop has
# time for others between two of them.
GROUP_MAX = 128


@dataclass(frozen=True, slots=True)
class FailedOnce:
    """An invocation of a group, by its place in it, whose request failed, and what that took."""

    place: int
    error: Exception
    tally: Tally


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a group: `completions` and their costs, in its order; None for what `failed`.

    `payment` is for all that was answered.
    """

    completions: Sequence[Completion | None]
    costs_usd: Sequence[float | None]
    failed: Sequence[FailedOnce]
    payment: Payment | None


@dataclass(frozen=True, slots=True)
class _Demand:
    """What each request of a group may cost at most, and reserves of the quota of tokens."""

    costs_pico: Sequence[int]
    tokens: Sequence[float]


class GroupSender:
    """Sends groups of what one statement asks of one model."""

    def __init__(self, sender: Sender, provider: ImmediateProvider) -> None:
        self._sender = sender
        self._provider = provider

    @property
    def room(self) -> int:
        """How many requests may be in flight now."""
        return min(self._sender.room, GROUP_MAX)

    async def send(self, invocations: Sequence[Invocation], started: Tally) -> Sent | None:
        """Send invocations, whose sending began as `started` says.

        None: a budget, or the limiter, has no room for all of them now, and nothing was sent.
        Raises BudgetExceeded.
        """
        sender = self._sender
        requests = [sender.request(invocation) for invocation in invocations]
        pairs = list(zip(invocations, requests, strict=True))
        demand = _Demand(
            [sender.cost_max_pico(invocation, request) for invocation, request in pairs],
            [sender.tokens_max(invocation, request) for invocation, request in pairs],
        )
        rights = await self._acquire(demand)
        if rights is None:
            return None
        reservation, permit = rights
        sender.meter.sending(len(requests), is_first=True)
        completions: list[Completion | None] = []
        failed: list[FailedOnce] = []
        signs_of_life = sender.signs_of_life
        for place, request in enumerate(requests):
            try:
                completions.append(self._provider.complete_now(request))
            except Exception as error:  # noqa: BLE001  # raised again where it goes on alone
                completions.append(None)
                tally = Tally(
                    started.started_at,
                    started.started_s,
                    attempts=1,
                    signs_of_life=signs_of_life,
                )
                failed.append(FailedOnce(place, error, tally))
                parts = (
                    reservation.split(demand.costs_pico[place]),
                    permit.split(demand.tokens[place]),
                )
                sender.refused(error, *parts, tally)
        if len(failed) == len(requests):
            return Sent(completions, [None] * len(requests), failed, None)
        costs = [sender.cost_usd(c.usage) if c is not None else None for c in completions]
        payment = self._settle(completions, costs, demand, reservation, permit)
        return Sent(completions, costs, failed, payment)

    async def _acquire(self, demand: _Demand) -> tuple[Reservation, Permit] | None:
        """Return the right to send all requests, or None where there is no room."""
        sender, count = self._sender, len(demand.tokens)
        reservation = sender.budgets.try_reserve(sum(demand.costs_pico), count)
        if reservation is None:
            return None
        permit: Permit | None = None
        try:
            if sender.budgets.outlives_the_process:
                await sender.budgets.secure(reservation)
            permit = sender.try_acquire(sum(demand.tokens), count)
        finally:
            if permit is None:
                reservation.release()
        return None if permit is None else (reservation, permit)

    def _settle(
        self,
        completions: Sequence[Completion | None],
        costs_usd: Sequence[float | None],
        demand: _Demand,
        reservation: Reservation,
        permit: Permit,
    ) -> Payment | None:
        """Settle for what was answered, once what failed is split off."""
        tokens, cost_pico = 0.0, 0
        paid = []
        for place, completion in enumerate(completions):
            if completion is not None:
                usage, cost_usd = completion.usage, costs_usd[place]
                used = self._sender.quota_tokens(usage)
                tokens += demand.tokens[place] if used is None else used
                cost_pico += demand.costs_pico[place] if cost_usd is None else pico_of(cost_usd)
                paid.append((usage, cost_usd))
        permit.succeeded(tokens)
        self._sender.heard()
        self._sender.meter.paid_all(paid)
        return reservation.settle(cost_pico)
