"""What becomes of flights that have ended: their calls go to disk, then to all who wait for them.

Nothing is released whose call is not on disk: where that fails, all who wait for it stop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from outcrop.errors import DiskFull, Error
from outcrop.inference.account import Account
from outcrop.inference.events import CallAnswered, JournalFailed, emit, emit_call, is_logged
from outcrop.inference.flights import Flight, Waiter
from outcrop.inference.group import Sent
from outcrop.inference.limiter import Wait
from outcrop.inference.policy import Outcome
from outcrop.inference.prices import Price
from outcrop.inference.records import Answer, CallStatus, NewAnswer, NewCall, error_code_of
from outcrop.inference.runtime import Runtime
from outcrop.inference.sender import Tally
from outcrop.inference.waits import Waits
from outcrop.providers.base import Completion

_FAILED_MAX = 10_000


class Payer(Waiter, Protocol):
    """Who sent the flights, and pays for them."""

    def put(self, *outcomes: Outcome) -> None:
        """Take what became of invocations that it paid for."""
        ...


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

    async def answered(
        self, flight: Flight, tally: Tally, completion: Completion, price: Price | None
    ) -> None:
        """A flight has ended with an answer."""
        answer = self._answer(flight, completion, price)
        call = self._call(flight, tally, CallStatus.ANSWERED, answer=answer)
        await self._land([flight], [call], [completion])

    async def answered_together(
        self, flights: Sequence[Flight], sent: Sent, started: Tally, price: Price | None
    ) -> None:
        """A group of flights was sent; those that failed go on by themselves."""
        landed: list[Flight] = []
        calls: list[NewCall] = []
        completions: list[Completion] = []
        duration_s = self._runtime.clock.monotonic() - started.started_s
        duration_ms = round(duration_s * 1_000 / len(flights))
        payments = () if sent.payment is None else (sent.payment,)
        for flight, completion, cost_usd in zip(
            flights, sent.completions, sent.costs_usd, strict=True
        ):
            if completion is None:
                continue
            landed.append(flight)
            completions.append(completion)
            calls.append(
                NewCall(
                    self._account.statement_id,
                    flight.fingerprint,
                    flight.invocation.provider,
                    flight.invocation.model_id,
                    CallStatus.ANSWERED,
                    attempts=1,
                    throttles=0,
                    retries=0,
                    possibly_paid=0,
                    usage=completion.usage,
                    cost_usd=cost_usd,
                    started_at=started.started_at,
                    duration_ms=duration_ms,
                    answer=self._answer(flight, completion, price),
                    payments=() if calls else payments,  # the first pays for all
                )
            )
        if landed:
            await self._land(landed, calls, completions)

    async def failed(self, flight: Flight, tally: Tally, error: Error) -> None:
        """A flight has ended without an answer."""
        status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.FAILED
        call = self._call(flight, tally, status, error=error)
        if await self._is_stored([flight], [call]):
            self._log(flight, call, error)
            if len(self._failed) < _FAILED_MAX:  # before it lands: then anybody may claim it
                self._failed[flight.fingerprint] = error
            for waiter in self._runtime.flights.land(flight):
                waiter.fail(flight.fingerprint, error)

    async def canceled(self, flight: Flight, tally: Tally) -> None:
        """A flight was given up between two attempts, or by `abandon`."""
        if tally.attempts:
            status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.CANCELED
            try:
                await self._store([self._call(flight, tally, status)])
            except Error as error:
                emit(JournalFailed("a canceled call", type(error).__name__, lost=1))

    async def _land(
        self,
        flights: Sequence[Flight],
        calls: Sequence[NewCall],
        completions: Sequence[Completion],
    ) -> None:
        """Put answers on disk, and give them to all who wait for them."""
        if not await self._is_stored(flights, calls):
            return
        if is_logged(CallAnswered):
            for flight, call in zip(flights, calls, strict=True):
                self._log(flight, call)
        self._account.meter.answered(*[completion.response for completion in completions])
        self._runtime.flights.land_all(flights)
        outcomes: list[Outcome] = []
        for flight, call, completion in zip(flights, calls, completions, strict=True):
            response, waiters = completion.response, flight.waiters
            if self._payer in waiters:
                outcomes.append(Outcome(flight.fingerprint, response, None, False, call.usage))
            if waiters != [self._payer]:
                self._share(flight, call, completion)
        self._payer.put(*outcomes)

    def _share(self, flight: Flight, call: NewCall, completion: Completion) -> None:
        """Give an answer to all who wait for it and do not pay."""
        query_id = self._account.statement.query_id
        answer = Answer(completion.response, call.usage, call.cost_usd, query_id)
        others = list(flight.waiters)
        if self._payer in others:
            others.remove(self._payer)  # once: it may have asked twice
        for waiter in others:
            waiter.share(flight.fingerprint, answer)

    async def _is_stored(self, flights: Sequence[Flight], calls: Sequence[NewCall]) -> bool:
        """Put calls on disk. Where that fails nothing is released, and all who wait stop."""
        try:
            await self._store(calls)
        except Error as error:
            for flight in flights:
                for waiter in self._runtime.flights.land(flight):
                    waiter.stop(error)
            return False
        return True

    async def _store(self, calls: Sequence[NewCall]) -> None:
        payments = [payment for call in calls for payment in call.payments]
        try:
            with self._waits.counted(Wait.JOURNAL, len(calls)):
                await self._runtime.journal.store_all(calls)
        except DiskFull:
            self._runtime.spending.unsaved(payments)
            raise
        if payments:
            self._runtime.spending.journaled(payments)

    def _log(self, flight: Flight, call: NewCall, error: Error | None = None) -> None:
        statement = self._account.statement
        request = flight.invocation.body if self._runtime.logs_prompts else None
        emit_call(statement.query_id, statement.model, call, request, error)

    def _answer(self, flight: Flight, completion: Completion, price: Price | None) -> NewAnswer:
        return NewAnswer(
            completion.response,
            len(flight.invocation.body),
            price.as_of if price is not None else None,
            self._account.statement.user,
            self._account.statement.query_id,
            completion.text,
        )

    def _call(
        self,
        flight: Flight,
        tally: Tally,
        status: CallStatus,
        *,
        answer: NewAnswer | None = None,
        error: Error | None = None,
    ) -> NewCall:
        duration_s = self._runtime.clock.monotonic() - tally.started_s
        return NewCall(
            statement_id=self._account.statement_id,
            fingerprint=flight.fingerprint,
            provider=flight.invocation.provider,
            model_id=flight.invocation.model_id,
            status=status,
            attempts=tally.attempts,
            throttles=tally.throttles,
            retries=tally.retries,
            possibly_paid=tally.possibly_paid,
            usage=tally.usage,
            cost_usd=tally.cost_usd,
            started_at=tally.started_at,
            duration_ms=round(duration_s * 1_000),
            error_code=None if error is None else error_code_of(error),
            error_message=None if error is None else error.message,
            answer=answer,
            payments=tuple(tally.payments),
        )
