"""The event loop's side of one question to a model: a queue of flights, and workers that send them.

A worker takes one flight and stays with it until its answer is **on disk**, then takes the next.
All questions of a statement share its slots. So at most `max_concurrency` of its answers are paid
for and not yet on disk: that many, and no more, a crash can cost. A worker that has nothing to do
ends; workers are few and serve many flights, since a task for each invocation would cost more than
all the rest.

Everything here runs on the gateway's event loop, but for `is_stopped`, which any thread may read.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from random import Random
from typing import TypeAlias

from outcrop.errors import Error, InternalError, ProviderError, TerminalProviderError
from outcrop.inference.account import Account
from outcrop.inference.clock import Clock
from outcrop.inference.flights import Flight, FlightTable
from outcrop.inference.invocation import Invocation
from outcrop.inference.journal import Journal
from outcrop.inference.limiter import Wait
from outcrop.inference.policy import CallPolicy, Outcome
from outcrop.inference.prices import Price
from outcrop.inference.records import Answer, CallStatus, NewAnswer, NewCall
from outcrop.inference.reservation import StatementBudgets
from outcrop.inference.sender import Channel, Sender, Tally, Waits
from outcrop.inference.spending import Spending
from outcrop.providers.base import Completion
from outcrop.providers.prompt_caching import PromptCaching

logger = logging.getLogger("outcrop.inference")

HAND_OVER_S = 0.005
IN_FLIGHT_FEW = 8
_FAILED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Runtime:
    """What all statements of a gateway share.

    From any thread, `call` has the event loop call a function, `ask_loop` waits for what a function
    returns there (False once the gateway is closed), and `spawn` has it run a coroutine. `channel`
    gives the way to a model of a provider, on the event loop; `prompt_caching` says how it caches
    prompts, and `price` what it costs. `spending` is for the event loop alone.
    """

    loop: asyncio.AbstractEventLoop
    journal: Journal
    flights: FlightTable
    spending: Spending
    clock: Clock
    random: Random
    channel: Callable[[str, str], Channel]
    prompt_caching: Callable[[str, str], PromptCaching | None]
    price: Callable[[str, str], Price | None]
    call: Callable[..., None]
    ask_loop: Callable[[Callable[[], bool]], bool]
    spawn: Callable[[Coroutine[object, object, None]], None]


@dataclass(frozen=True, slots=True)
class Common:
    """What all questions of one statement share.

    `slots` are how many of its invocations may be on their way at once; `failed` are those that
    failed, by fingerprint: they are not tried again.
    """

    policy: CallPolicy
    budgets: StatementBudgets
    slots: asyncio.Semaphore
    failed: dict[bytes, Error] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last word of a dispatcher that stopped: why, or None where nobody listens any more."""

    error: Error | None


# What a dispatcher tells its caller's thread: outcomes in groups, and that it stopped.
Inbox: TypeAlias = "SimpleQueue[list[Outcome] | Stopped]"


class Dispatcher:
    """Sends flights, journals what comes back, and hands it to all who wait for it."""

    def __init__(
        self,
        runtime: Runtime,
        account: Account,
        common: Common,
        inbox: Inbox,
    ) -> None:
        self.account = account
        self.is_stopped = False
        self._runtime = runtime
        self._common = common
        self._policy = common.policy
        self._inbox = inbox
        self._queue: deque[Flight] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._working = 0
        self._waits = Waits()
        self._senders: dict[tuple[str, str], Sender] = {}
        self._outbox: list[Outcome] = []
        self._stopped_at_last: Stopped | None = None

    @property
    def wants_fresh(self) -> bool:
        """Whether an answer that was in the journal before will not do."""
        return not self._policy.reuse_answers

    @property
    def wait(self) -> Wait | None:
        """What those of its invocations wait for that are not in flight; None if none waits."""
        waits = (sender.wait for sender in self._senders.values())
        return next((wait for wait in waits if wait is not None), None)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of its own is in flight."""
        return not self._working

    def enqueue(self, flights: Sequence[Flight]) -> None:
        """Send these flights, which are its own; or give them up, if it has stopped."""
        if self.is_stopped:
            self.give_up(flights)
            return
        if self._common.failed:
            flights = self._without_failed(flights)
        self._queue.extend(flights)
        for _ in range(min(len(flights), self._policy.max_concurrency - self._working)):
            self._working += 1
            worker = self._runtime.loop.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._worker_ended)

    def _without_failed(self, flights: Sequence[Flight]) -> list[Flight]:
        """Fail at once what has failed before in this statement; return the others."""
        unsent: list[Flight] = []
        for flight in flights:
            error = self._common.failed.get(flight.fingerprint)
            if error is None:
                unsent.append(flight)
                continue
            for waiter in self._runtime.flights.land(flight):
                waiter.fail(flight.fingerprint, error)
        return unsent

    def give_up(self, flights: Sequence[Flight]) -> None:
        """Leave flights unsent; whoever else waits for one sends it instead."""
        for flight in flights:
            heir = self._runtime.flights.give_up(flight)
            if heir is not None:
                heir.enqueue([flight])

    def stop(self, error: Error | None, *, at_once: bool = True) -> None:
        """Send nothing more. What is in flight is finished, journaled and counted.

        The caller is told `error` at once, or else when the last one in flight has ended.
        """
        if self.is_stopped:
            return
        self.is_stopped = True
        self._stopped_at_last = None if at_once else Stopped(error)
        if at_once:
            self._hand_over()
            self._inbox.put(Stopped(error))
        unsent = list(self._queue)
        self._queue.clear()
        self.give_up(unsent)
        self._waits.end_all()
        self._tell_if_idle()

    async def drained(self) -> None:
        """Return when nothing is in flight any more."""
        while self._workers:
            await asyncio.wait(self._workers)

    def abandon(self) -> None:
        """End what is in flight without its answer. It is journaled as possibly paid."""
        for worker in tuple(self._workers):
            worker.cancel()

    def share(self, fingerprint: bytes, answer: Answer) -> None:
        """Take an answer to what was asked elsewhere, or before."""
        self.account.answered_before([answer])
        self._put(Outcome(fingerprint, answer.response, None, True, answer.usage))

    def fail(self, fingerprint: bytes, error: Error) -> None:
        """Take an error: of this row, or one that makes it pointless to send any other."""
        self.account.meter.failed()
        self._put(Outcome(fingerprint, None, error, False, None))
        if isinstance(error, TerminalProviderError) and error.is_fatal_for_model:
            self.stop(error)

    def share_reused(self, flight: Flight, answer: Answer) -> None:
        """Give an answer that was in the journal to all whom it satisfies; the others send."""
        served, heir = self._runtime.flights.land_reused(flight, finder=self)
        for waiter in served:
            waiter.share(flight.fingerprint, answer)
        if heir is not None:
            heir.enqueue([flight])

    def _put(self, outcome: Outcome) -> None:
        """Hand an outcome to the caller's thread, together with the others of this moment.

        Where many are in flight that moment is a little longer: waking the other thread for each
        of them would cost both threads more than all else that is done for it.
        """
        if not self._outbox:
            delay_s = HAND_OVER_S if self._working > IN_FLIGHT_FEW else 0.0
            self._runtime.loop.call_later(delay_s, self._hand_over)
        self._outbox.append(outcome)

    def _hand_over(self) -> None:
        if self._outbox:
            self._inbox.put(self._outbox)
            self._outbox = []

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (bug := worker.exception()) is not None:
            logger.error("a worker of the gateway failed", exc_info=bug)
            self.stop(InternalError(f"the gateway failed: {bug!r}"))
        self._tell_if_idle()

    def _tell_if_idle(self) -> None:
        if self._stopped_at_last is not None and not self._workers:
            self._hand_over()
            self._inbox.put(self._stopped_at_last)
            self._stopped_at_last = None

    async def _work(self) -> None:
        try:
            await self._open_account()
            while self._queue:  # a stop empties it
                async with self._common.slots:
                    if self._queue:
                        await self._fly(self._queue.popleft())
        finally:  # counted here, not when the task is seen to be done: `enqueue` may come between
            self._working -= 1

    async def _open_account(self) -> None:
        """See to it that calls have a statement to name, before any is sent."""
        if not self.account.is_open:
            try:
                await self.account.open()
            except Error as error:
                self.stop(error)

    async def _fly(self, flight: Flight) -> None:
        clock = self._runtime.clock
        tally = Tally(clock.wall(), clock.monotonic())
        try:
            sender = self._sender(flight.invocation)
            completion = await sender.send(flight.invocation, tally)
        except ProviderError as error:
            await self._failed(flight, tally, error)
        except asyncio.CancelledError:
            await self._canceled(flight, tally)
        except Error as error:  # a budget, a package that is missing: no row's fault
            self.stop(error, at_once=False)
            await self._canceled(flight, tally)
        except Exception as error:
            logger.exception("provider %r failed", flight.invocation.provider)
            await self._failed(
                flight, tally, InternalError(f"provider code failed: {type(error).__name__}")
            )
        else:
            await self._answered(flight, tally, sender, completion)

    def _sender(self, invocation: Invocation) -> Sender:
        key = (invocation.provider, invocation.model_id)
        sender = self._senders.get(key)
        if sender is None:
            runtime = self._runtime
            sender = self._senders[key] = Sender(
                runtime.channel(*key),
                self._policy,
                self._common.budgets.of_model(invocation.model_id),
                self.account.meter,
                runtime.clock,
                runtime.random,
                self._waits,
                self.account.statement.model,
            )
        return sender

    async def _answered(
        self, flight: Flight, tally: Tally, sender: Sender, completion: Completion
    ) -> None:
        usage, price = tally.usage, sender.price
        answer = NewAnswer(
            completion.response,
            len(flight.invocation.body),
            price.as_of if price is not None else None,
            self.account.statement.user,
            self.account.statement.query_id,
            completion.text,
        )
        call = self._call(flight, tally, CallStatus.ANSWERED, answer=answer)
        if not await self._is_stored(flight, call):
            return
        response, fingerprint = completion.response, flight.fingerprint
        self.account.meter.answered(response)
        is_payer_served = False
        for waiter in self._runtime.flights.land(flight):
            if waiter is self and not is_payer_served:
                is_payer_served = True
                self._put(Outcome(fingerprint, response, None, False, usage))
            else:
                paid = Answer(response, usage, tally.cost_usd, answer.query_id)
                waiter.share(fingerprint, paid)

    async def _failed(self, flight: Flight, tally: Tally, error: Error) -> None:
        status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.FAILED
        if await self._is_stored(flight, self._call(flight, tally, status, error=error)):
            if len(self._common.failed) < _FAILED_MAX:  # before it lands: then anybody may claim it
                self._common.failed[flight.fingerprint] = error
            for waiter in self._runtime.flights.land(flight):
                waiter.fail(flight.fingerprint, error)

    async def _canceled(self, flight: Flight, tally: Tally) -> None:
        """Give up a flight whose sending was ended between two attempts, or by `abandon`."""
        self.give_up([flight])
        if tally.attempts:
            status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.CANCELED
            try:
                await self._store(self._call(flight, tally, status))
            except Error as error:
                logger.warning("a canceled call was not journaled: %s", error)

    async def _is_stored(self, flight: Flight, call: NewCall) -> bool:
        """Put a call on disk. Where that fails nothing is released, and all who wait stop."""
        try:
            await self._store(call)
        except Error as error:
            for waiter in self._runtime.flights.land(flight):
                waiter.stop(error)
            return False
        return True

    async def _store(self, call: NewCall) -> None:
        await self._runtime.journal.store(call)
        if call.payments:
            self._runtime.spending.journaled(call.payments)

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
            statement_id=self.account.statement_id,
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
            error_code=_code_of(error),
            error_message=None if error is None else error.message,
            answer=answer,
            payments=tuple(tally.payments),
        )


def _code_of(error: Error | None) -> str | None:
    if error is None:
        return None
    return error.code if isinstance(error, ProviderError) else type(error).__name__
