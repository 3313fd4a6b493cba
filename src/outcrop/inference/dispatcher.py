"""The event loop's side of one question to a model: a queue of flights, and workers that send them.

A worker takes one flight and stays with it until its answer is **on disk**, then takes the next.
Where the provider answers in process without waiting, it takes a group, which is sent in one go
(`group.py`), journaled in one transaction and handed on as one; what fails in a group goes on
alone, in the slot that it has. All questions of a statement share its slots. So at most
`max_concurrency` of its answers are paid for and not yet on disk: that many, and no more, a crash
can cost. A worker that has nothing to do ends; workers are few and serve many flights, since a task
for each invocation would cost more than all the rest.

Everything here runs on the gateway's event loop, but for `is_stopped`, which any thread may read.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from random import Random
from typing import TypeAlias

from outcrop.errors import DiskFull, Error, InternalError, ProviderError, is_fatal_for_model
from outcrop.inference.account import Account
from outcrop.inference.clock import Clock
from outcrop.inference.events import (
    CallAnswered,
    JournalFailed,
    emit,
    emit_call,
    emit_code_failed,
    is_logged,
)
from outcrop.inference.flights import Flight, FlightTable, Waiter
from outcrop.inference.group import FailedOnce, GroupSender, Sent
from outcrop.inference.invocation import Invocation
from outcrop.inference.journal import Journal
from outcrop.inference.limiter import Wait
from outcrop.inference.policy import CallPolicy, Outcome
from outcrop.inference.prices import Price
from outcrop.inference.records import Answer, CallStatus, NewAnswer, NewCall, Payment
from outcrop.inference.reservation import StatementBudgets
from outcrop.inference.sender import Channel, Sender, Tally
from outcrop.inference.slots import Slots
from outcrop.inference.spending import Spending
from outcrop.inference.waits import Waits
from outcrop.providers.base import Completion, JsonObject, TokenUsage
from outcrop.providers.prompt_caching import PromptCaching

HAND_OVER_S = 0.005
IN_FLIGHT_FEW = 8
# So many groups share the slots that one is answered while another one is put on disk.
_GROUPS_AT_ONCE = 4
_FAILED_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Runtime:
    """What all statements of a gateway share.

    From any thread, `call` has the event loop call a function, `ask_loop` waits for what a function
    returns there (False once the gateway is closed), and `spawn` has it run a coroutine. `channel`
    gives the way to a model of a provider, on the event loop; `prompt_caching` says how it caches
    prompts, and `price` what it costs. `spending` is for the event loop alone. With
    `logs_prompts` what is logged holds requests.
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
    logs_prompts: bool


@dataclass(frozen=True, slots=True)
class Common:
    """What all questions of one statement share.

    `slots` are how many of its invocations may be on their way at once; `failed` are those that
    failed, by fingerprint: they are not tried again.
    """

    policy: CallPolicy
    budgets: StatementBudgets
    slots: Slots
    failed: dict[bytes, Error] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last word of a dispatcher that stopped: why, or None where nobody listens any more."""

    error: Error | None


# What a dispatcher tells its caller's thread: outcomes in groups, and that it stopped.
Inbox: TypeAlias = "SimpleQueue[list[Outcome] | Stopped]"


class Dispatcher:
    """Sends flights, journals what comes back, and hands it to all who wait for it.

    `may_move_on`: what a model refuses is asked of another one, once nothing is in flight here.
    """

    def __init__(
        self,
        runtime: Runtime,
        account: Account,
        common: Common,
        inbox: Inbox,
        *,
        may_move_on: bool = False,
    ) -> None:
        self.account = account
        self.is_stopped = False
        self._runtime = runtime
        self._common = common
        self._policy = common.policy
        self._inbox = inbox
        self._may_move_on = may_move_on
        self._queue: deque[Flight] = deque()
        self._workers: set[asyncio.Task[None]] = set()
        self._working = 0
        self._apart = 0
        self._waits = Waits()
        self._senders: dict[tuple[str, str], Sender] = {}
        self._groups: dict[tuple[str, str], GroupSender] = {}
        self._outbox: list[Outcome] = []
        self._stopped_at_last: Stopped | None = None

    @property
    def wants_fresh(self) -> bool:
        """Whether an answer that was in the journal before will not do."""
        return not self._policy.reuse_answers

    @property
    def wait(self) -> Wait | None:
        """What most of its invocations wait for that are not in flight; None if none waits.

        What is in the queue waits for what holds the workers up, or, where most of them are in
        flight, for their number.
        """
        if not self._queue and not self._working:
            return Wait.FLIGHT
        for sender in self._senders.values():
            if (wait := sender.wait) is not None:
                return wait
        wait, count = self._waits.most()
        return Wait.SLOTS if self._queue and 2 * count < self._working else wait

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
        group_max = self._group_max()
        workers_max = self._policy.max_concurrency if group_max == 1 else _GROUPS_AT_ONCE
        groups = math.ceil(len(flights) / group_max)
        for _ in range(min(groups, workers_max - (self._working - self._apart))):
            self._start_worker()

    def _start_worker(self, flight: Flight | None = None, failed: FailedOnce | None = None) -> None:
        """Start a worker, with a flight that has its slot, or without one yet."""
        self._working += 1
        worker = self._runtime.loop.create_task(self._work(flight, failed))
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
        is_fatal = is_fatal_for_model(error)
        if is_fatal and self._may_move_on:
            self.account.meter.asked(-1)  # another model is asked instead
        else:
            self.account.meter.failed()
        self._put(Outcome(fingerprint, None, error, False, None))
        if is_fatal:
            self.stop(error, at_once=not self._may_move_on)

    def share_reused(self, flight: Flight, answer: Answer) -> None:
        """Give an answer that was in the journal to all whom it satisfies; the others send."""
        served, heir = self._runtime.flights.land_reused(flight, finder=self)
        for waiter in served:
            waiter.share(flight.fingerprint, answer)
        if heir is not None:
            heir.enqueue([flight])

    def _put(self, *outcomes: Outcome) -> None:
        """Hand outcomes to the caller's thread, together with the others of this moment.

        Where many are in flight that moment is a little longer: waking the other thread for each
        of them would cost both threads more than all else that is done for it.
        """
        if not self._outbox:
            delay_s = HAND_OVER_S if self._working > IN_FLIGHT_FEW else 0.0
            self._runtime.loop.call_later(delay_s, self._hand_over)
        self._outbox += outcomes

    def _hand_over(self) -> None:
        if self._outbox:
            self._inbox.put(self._outbox)
            self._outbox = []

    def _worker_ended(self, worker: asyncio.Task[None]) -> None:
        self._workers.discard(worker)
        if not worker.cancelled() and (bug := worker.exception()) is not None:
            emit_code_failed("a worker of the gateway", bug)
            self.stop(InternalError(f"the gateway failed: {bug!r}"))
        self._tell_if_idle()

    def _tell_if_idle(self) -> None:
        if self._stopped_at_last is not None and not self._workers:
            self._hand_over()
            self._inbox.put(self._stopped_at_last)
            self._stopped_at_last = None

    async def _work(self, flight: Flight | None, failed: FailedOnce | None) -> None:
        try:
            if flight is not None:
                await self._fly_apart(flight, failed)
            await self._open_account()
            while self._queue:  # a stop empties it
                await self._fly_next()
        finally:  # counted here, not when the task is seen to be done: `enqueue` may come between
            self._working -= 1

    async def _fly_apart(self, flight: Flight, failed: FailedOnce | None) -> None:
        """See to its end a flight that was taken with a group."""
        self._apart += 1
        try:
            await self._fly(flight, failed)
        finally:
            self._apart -= 1

    async def _fly_next(self) -> None:
        slots = self._common.slots
        taken = await slots.take(self._group_max())
        group = self._take(taken)
        slots.release(taken - len(group))
        if len(group) > 1:
            await self._fly_together(group)
        elif group and self._groups:  # those who send groups are few, and none may wait for long
            self._start_worker(group[0])
        elif group:
            await self._fly(group[0])

    def _group_max(self) -> int:
        """Return how many of the next flights may be sent in one go; 1 where they have to wait."""
        groups = self._groups.get(_model_of(self._queue[0])) if self._queue else None
        if groups is None:
            return 1
        return max(min(self._policy.max_concurrency // _GROUPS_AT_ONCE, groups.room), 1)

    def _take(self, most: int) -> list[Flight]:
        """Take flights from the queue, which go to one model."""
        queue, taken = self._queue, list[Flight]()
        most = min(most, self._group_max())
        while queue and len(taken) < most:
            if taken and _model_of(queue[0]) != _model_of(taken[0]):
                break
            taken.append(queue.popleft())
        return taken

    async def _fly_together(self, flights: Sequence[Flight]) -> None:
        """Send flights in one go; see those that are answered to their end, the others go apart."""
        slots, started = self._common.slots, self._tally()
        groups = self._groups[_model_of(flights[0])]
        try:
            sent = await groups.send([flight.invocation for flight in flights], started)
        except BaseException as error:
            slots.release(len(flights))
            if isinstance(error, Error):  # a budget: no row's fault
                self.stop(error, at_once=False)
            self.give_up(flights)
            if not isinstance(error, Error | asyncio.CancelledError):
                raise
            return
        if sent is None:
            for flight in flights:
                self._start_worker(flight)
            return
        for failed in sent.failed:
            self._start_worker(flights[failed.place], failed)
        try:
            await self._answered_together(flights, sent, started)
        finally:
            slots.release(len(flights) - len(sent.failed))

    async def _open_account(self) -> None:
        """See to it that calls have a statement to name, before any is sent."""
        if not self.account.is_open:
            try:
                with self._waits.counted(Wait.JOURNAL):
                    await self.account.open()
            except Error as error:
                self.stop(error)

    async def _fly(self, flight: Flight, failed: FailedOnce | None = None) -> None:
        """Send a flight and see it to its end, then give back its slot."""
        try:
            if failed is None:
                await self._send(flight, self._tally())
            else:
                await self._send(flight, failed.tally, failed.error)
        finally:
            self._common.slots.release()

    def _tally(self) -> Tally:
        return Tally(self._runtime.clock.wall(), self._runtime.clock.monotonic())

    async def _send(self, flight: Flight, tally: Tally, failed: Exception | None = None) -> None:
        try:
            sender = self._sender(flight.invocation)
            completion = await sender.send(flight.invocation, tally, failed)
        except ProviderError as error:
            await self._failed(flight, tally, error)
        except asyncio.CancelledError:
            await self._canceled(flight, tally)
        except Error as error:  # a budget, a package that is missing: no row's fault
            self.stop(error, at_once=False)
            await self._canceled(flight, tally)
        except Exception as error:  # noqa: BLE001 - the worker's edge; it is logged by its class
            emit_code_failed(f"provider {flight.invocation.provider!r}", error)
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
            if sender.immediate is not None:
                self._groups[key] = GroupSender(sender, sender.immediate)
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
        self._log(flight, call)
        self.account.meter.answered(completion.response)
        waiters = self._runtime.flights.land(flight)
        self._release(flight, waiters, completion.response, usage, tally.cost_usd)

    def _release(
        self,
        flight: Flight,
        waiters: Sequence[Waiter],
        response: JsonObject,
        usage: TokenUsage | None,
        cost_usd: float | None,
    ) -> None:
        """Give an answer that is on disk to all who wait for it."""
        fingerprint = flight.fingerprint
        is_payer_served = False
        for waiter in waiters:
            if waiter is self and not is_payer_served:
                is_payer_served = True
                self._put(Outcome(fingerprint, response, None, False, usage))
            else:
                query_id = self.account.statement.query_id
                waiter.share(fingerprint, Answer(response, usage, cost_usd, query_id))

    async def _answered_together(
        self, flights: Sequence[Flight], sent: Sent, started: Tally
    ) -> None:
        landed = [
            (flight, completion, cost_usd)
            for flight, completion, cost_usd in zip(
                flights, sent.completions, sent.costs_usd, strict=True
            )
            if completion is not None
        ]
        if not landed:
            return
        calls = self._calls(landed, sent.payment, started)
        table = self._runtime.flights
        try:
            with self._waits.counted(Wait.JOURNAL, len(calls)):
                await self._runtime.journal.store_all(calls)
        except Error as error:
            if isinstance(error, DiskFull) and sent.payment is not None:
                self._runtime.spending.unsaved((sent.payment,))
            for flight, _, _ in landed:
                for waiter in table.land(flight):
                    waiter.stop(error)
            return
        if sent.payment is not None:
            self._runtime.spending.journaled((sent.payment,))
        self.account.meter.answered(*[completion.response for _, completion, _ in landed])
        if is_logged(CallAnswered):
            for (flight, _, _), call in zip(landed, calls, strict=True):
                self._log(flight, call)
        table.land_all([flight for flight, _, _ in landed])
        mine: list[Outcome] = []
        for flight, completion, cost_usd in landed:
            response, usage = completion.response, completion.usage
            if flight.waiters == [self]:
                mine.append(Outcome(flight.fingerprint, response, None, False, usage))
            else:
                self._release(flight, flight.waiters, response, usage, cost_usd)
        self._put(*mine)

    def _calls(
        self,
        landed: Sequence[tuple[Flight, Completion, float | None]],
        payment: Payment | None,
        started: Tally,
    ) -> list[NewCall]:
        """Return the records of calls that were answered in one go; the first pays for all."""
        statement, statement_id = self.account.statement, self.account.statement_id
        provider, model_id = _model_of(landed[0][0])
        price = self._senders[provider, model_id].price
        priced_as_of = price.as_of if price is not None else None
        duration_s = self._runtime.clock.monotonic() - started.started_s
        duration_ms = round(duration_s * 1_000 / len(landed))
        return [
            NewCall(
                statement_id,
                flight.fingerprint,
                provider,
                model_id,
                CallStatus.ANSWERED,
                1,
                0,
                0,
                0,
                completion.usage,
                cost_usd,
                started.started_at,
                duration_ms,
                None,
                None,
                NewAnswer(
                    completion.response,
                    len(flight.invocation.body),
                    priced_as_of,
                    statement.user,
                    statement.query_id,
                    completion.text,
                ),
                () if place or payment is None else (payment,),
            )
            for place, (flight, completion, cost_usd) in enumerate(landed)
        ]

    async def _failed(self, flight: Flight, tally: Tally, error: Error) -> None:
        status = CallStatus.POSSIBLY_PAID if tally.possibly_paid else CallStatus.FAILED
        call = self._call(flight, tally, status, error=error)
        if await self._is_stored(flight, call):
            self._log(flight, call, error)
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
                emit(JournalFailed("a canceled call", type(error).__name__, lost=1))

    async def _is_stored(self, flight: Flight, call: NewCall) -> bool:
        """Put a call on disk. Where that fails nothing is released, and all who wait stop."""
        try:
            await self._store(call)
        except Error as error:
            for waiter in self._runtime.flights.land(flight):
                waiter.stop(error)
            return False
        return True

    def _log(self, flight: Flight, call: NewCall, error: Error | None = None) -> None:
        statement = self.account.statement
        request = flight.invocation.body if self._runtime.logs_prompts else None
        emit_call(statement.query_id, statement.model, call, request, error)

    async def _store(self, call: NewCall) -> None:
        try:
            with self._waits.counted(Wait.JOURNAL):
                await self._runtime.journal.store(call)
        except DiskFull:
            self._runtime.spending.unsaved(call.payments)
            raise
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


def _model_of(flight: Flight) -> tuple[str, str]:
    return flight.invocation.provider, flight.invocation.model_id


def _code_of(error: Error | None) -> str | None:
    if error is None:
        return None
    return error.code if isinstance(error, ProviderError) else type(error).__name__
