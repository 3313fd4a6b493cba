"""Many invocations sent in one go, to a provider that answers in process without waiting.

Where an answer takes microseconds, all else that is done for a call takes most of the time. So a
group has one reservation, one permit and one look at the clock. A request that fails is split off
with its part of them, and goes on alone, as any other that has failed once (`sender.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from outcrop.inference.budget import pico_of
from outcrop.inference.invocation import Invocation
from outcrop.inference.limiter import Permit
from outcrop.inference.prices import Price
from outcrop.inference.reservation import Reservation
from outcrop.inference.sender import Sender, Sent, Tally
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
class SentGroup:
    """What became of a group: `sent` is that of the invocations at `places`; the others failed."""

    places: Sequence[int]
    sent: Sent
    failed: Sequence[FailedOnce]


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

    @property
    def price(self) -> Price | None:
        """What the model costs, None where that is unknown."""
        return self._sender.price

    async def send(self, invocations: Sequence[Invocation], tally: Tally) -> SentGroup | None:
        """Send invocations; `tally`, of their beginning, becomes that of what was answered.

        None: a budget, or the limiter, has no room for all of them now, and nothing was sent.
        Raises BudgetExceeded.
        """
        sender, provider = self._sender, self._provider
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
        signs_of_life = sender.signs_of_life
        places: list[int] = []
        completions: list[Completion] = []
        failed: list[FailedOnce] = []
        for place, request in enumerate(requests):
            try:
                completions.append(provider.complete_now(request))
                places.append(place)
            except Exception as error:  # noqa: BLE001  # raised again where it goes on alone
                own = replace(tally, attempts=1, signs_of_life=signs_of_life, payments=[])
                failed.append(FailedOnce(place, error, own))
                parts = (
                    reservation.split(demand.costs_pico[place]),
                    permit.split(demand.tokens[place]),
                )
                sender.refused(error, *parts, own)
        usages = [completion.usage for completion in completions]
        sent = Sent(completions, usages, [sender.cost_usd(usage) for usage in usages], tally)
        if completions:
            self._settle(places, sent, demand, reservation, permit)
        return SentGroup(places, sent, failed)

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
        places: Sequence[int],
        sent: Sent,
        demand: _Demand,
        reservation: Reservation,
        permit: Permit,
    ) -> None:
        """Settle for what was answered, once what failed is split off."""
        sender = self._sender
        used = [sender.quota_tokens(usage) for usage in sent.usages]
        permit.succeeded(
            sum(
                demand.tokens[place] if tokens is None else tokens
                for place, tokens in zip(places, used, strict=True)
            )
        )
        sender.heard()
        sender.meter.paid(sent.usages, sent.costs_usd)
        sent.tally.attempts = 1
        cost_pico = sum(
            demand.costs_pico[place] if cost_usd is None else pico_of(cost_usd)
            for place, cost_usd in zip(places, sent.costs_usd, strict=True)
        )
        sent.tally.settled(reservation.settle(cost_pico))
