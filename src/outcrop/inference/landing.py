"""What becomes of flights that have ended: their calls go to disk, then to all who wait for them.

Nothing is released whose call is not on disk: where that fails, all who wait for it stop.

Calls are journaled, logged and handed on in groups, since most of that takes as long for many as
for one. A group was sent together (`group.py`), or came back together: in one turn of the event
loop, after equal troubles. Of those the first worker lets the turn end and lands all; the others
wait for it, each in its slot.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import chain
from typing import Protocol

from outcrop.errors import DiskFull, Error
from outcrop.inference.account import Account
from outcrop.inference.events import JournalFailed, emit, emit_calls
from outcrop.inference.flights import Flight, Waiter
from outcrop.inference.limiter import Wait
from outcrop.inference.policy import Outcome
from outcrop.inference.prices import Price
from outcrop.inference.records import Answer, CallStatus, NewAnswers, NewCalls, error_code_of
from outcrop.inference.runtime import Runtime
from outcrop.inference.sender import Sent, Tally
from outcrop.inference.waits import Waits
from outcrop.providers.base import JsonObject

_FAILED_MAX = 10_000


class Payer(Waiter, Protocol):
    """Who sent the flights, and pays for them."""

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Take what became of invocations that it paid for."""
        ...


class _Arrivals:
    """Flights that came back in one turn of the event loop, and what became of each."""

    __slots__ = ("flights", "landed", "sents")

    def __init__(self) -> None:
        self.flights: list[Flight] = []
        self.sents: list[Sent] = []
        self.landed = asyncio.Event()

    def add(self, flight: Flight, sent: Sent) -> None:
        """Let one more land with the others."""
        self.flights.append(flight)
        self.sents.append(sent)


class Landing:
    """Journals the flights of one payer, and hands on what came of them.

    `failed` keeps what failed in the statement, by fingerprint. Runs on the event loop.
    """

    def __init__(
        self,
        runtime: Runtime,
        account: Account,
        failed: dict[bytes, Error],
        waits: Waits,
        payer: Payer,
    ) -> None:
        self._runtime = runtime
        self._account = account
        self._failed = failed
        self._waits = waits
        self._payer = payer
        # By what their calls share in the journal.
        self._arrivals: dict[tuple[str, str, int, int, int, int], _Arrivals] = {}

    async def answered(self, flight: Flight, sent: Sent, price: Price | None) -> None:
        """A flight has ended with its answer. It lands with others that do so in this moment."""
        invocation, tally = flight.invocation, sent.tally
        key = (
            *(invocation.provider, invocation.model_id),
            *(tally.attempts, tally.throttles, tally.retries, tally.possibly_paid),
        )
        arrivals = self._arrivals.get(key)
        if arrivals is not None:
            arrivals.add(flight, sent)
            await arrivals.landed.wait()
            return
        arrivals = self._arrivals[key] = _Arrivals()
        arrivals.add(flight, sent)
        try:
            await asyncio.sleep(0)
        finally:  # also when it is abandoned: what was paid for is kept
            del self._arrivals[key]
            try:
                await self._land(arrivals.flights, arrivals.sents, price)
            finally:
                arrivals.landed.set()

    async def group_answered(
        self, flights: Sequence[Flight], sent: Sent, price: Price | None
    ) -> None:
        """Flights that were sent together have ended with their answers."""
        await self._land(flights, [sent], price)

    async def _land(
        self, flights: Sequence[Flight], sents: Sequence[Sent], price: Price | None
    ) -> None:
        statement = self._account.statement
        completions = [completion for sent in sents for completion in sent.completions]
        answers = NewAnswers(
            [completion.response for completion in completions],
            [completion.text for completion in completions],
            [len(flight.invocation.body) for flight in flights],
            price.as_of if price is not None else None,
            statement.user,
            statement.query_id,
        )
        calls = self._calls(flights, sents, CallStatus.ANSWERED, answers=answers)
        if not await self._is_stored(flights, calls):
            return
        self._log(flights, calls)
        self._account.meter.answered(answers.responses)
        self._runtime.flights.land_all(flights)
        self._hand_on(flights, answers.responses, calls)

    async def failed(self, flight: Flight, tally: Tally, error: Error) -> None:
        """A flight has ended without an answer."""
        status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.FAILED
        call = self._calls([flight], [tally.sent()], status, error=error)
        if await self._is_stored([flight], call):
            self._log([flight], call, error)
            if len(self._failed) < _FAILED_MAX:  # before it lands: then anybody may claim it
                self._failed[flight.fingerprint] = error
            for waiter in self._runtime.flights.land(flight):
                waiter.fail(flight.fingerprint, error)

    async def canceled(self, flight: Flight, tally: Tally) -> None:
        """A flight was given up between two attempts, or by `abandon`."""
        if tally.attempts:
            status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.CANCELED
            try:
                await self._store(self._calls([flight], [tally.sent()], status))
            except Error as error:
                emit(JournalFailed("a canceled call", type(error).__name__, lost=1))

    def _hand_on(
        self, flights: Sequence[Flight], responses: Sequence[JsonObject], calls: NewCalls
    ) -> None:
        """Give answers, which are on disk, to all who wait for them."""
        payer = self._payer
        outcomes: list[Outcome] = []
        columns = (flights, responses, calls.usages, calls.costs_usd)
        for flight, response, usage, cost_usd in zip(*columns, strict=True):
            waiters = flight.waiters
            if payer in waiters:
                outcomes.append(Outcome(flight.fingerprint, response, None, False, usage))
                if len(waiters) == 1:
                    continue
            answer = Answer(response, usage, cost_usd, self._account.statement.query_id)
            others = list(waiters)
            if payer in others:
                others.remove(payer)  # once: it may have asked twice
            for waiter in others:
                waiter.share(flight.fingerprint, answer)
        payer.put(outcomes)

    async def _is_stored(self, flights: Sequence[Flight], calls: NewCalls) -> bool:
        """Put calls on disk. Where that fails nothing is released, and all who wait stop."""
        try:
            await self._store(calls)
        except Error as error:
            for flight in flights:
                for waiter in self._runtime.flights.land(flight):
                    waiter.stop(error)
            return False
        return True

    async def _store(self, calls: NewCalls) -> None:
        try:
            with self._waits.counted(Wait.JOURNAL, len(calls.fingerprints)):
                await self._runtime.journal.store(calls)
        except DiskFull:
            self._runtime.spending.unsaved(calls.payments)
            raise
        if calls.payments:
            self._runtime.spending.journaled(calls.payments)

    def _log(self, flights: Sequence[Flight], calls: NewCalls, error: Error | None = None) -> None:
        statement = self._account.statement
        is_shown = self._runtime.logs_prompts
        requests = [flight.invocation.body if is_shown else None for flight in flights]
        emit_calls(statement.query_id, statement.model, calls, requests, error)

    def _calls(
        self,
        flights: Sequence[Flight],
        sents: Sequence[Sent],
        status: CallStatus,
        *,
        answers: NewAnswers | None = None,
        error: Error | None = None,
    ) -> NewCalls:
        """Return the record of flights of one model, with equal counts in all tallies.

        Those that were sent together share the time that they took.
        """
        invocation, tally = flights[0].invocation, sents[0].tally
        now_s = self._runtime.clock.monotonic()
        started_at: list[float] = []
        durations_ms: list[int] = []
        for sent in sents:
            count = len(sent.usages)
            duration_ms = round((now_s - sent.tally.started_s) * 1_000 / count)
            started_at += [sent.tally.started_at] * count
            durations_ms += [duration_ms] * count
        return NewCalls(
            statement_id=self._account.statement_id,
            provider=invocation.provider,
            model_id=invocation.model_id,
            status=status,
            fingerprints=[flight.fingerprint for flight in flights],
            usages=[usage for sent in sents for usage in sent.usages],
            costs_usd=[cost_usd for sent in sents for cost_usd in sent.costs_usd],
            started_at=started_at,
            durations_ms=durations_ms,
            attempts=tally.attempts,
            throttles=tally.throttles,
            retries=tally.retries,
            possibly_paid=tally.possibly_paid,
            error_code=None if error is None else error_code_of(error),
            error_message=None if error is None else error.message,
            answers=answers,
            payments=list(chain.from_iterable([sent.tally.payments for sent in sents])),
        )
