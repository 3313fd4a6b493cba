"""The event loop's side of one question to a model: a queue of flights, and workers that send them.

A worker takes one flight and stays with it until its answer is **on disk**, then takes the next;
answers that come back in the same moment are put there together (`landing.py`). Where the provider
answers in process without waiting, it takes a group, which is sent in one go (`group.py`),
journaled in one transaction and handed on as one; what fails in a group goes on alone, in the slot
that it has. All questions of a statement share its slots. So at most `max_concurrency` of its
answers are paid for and not yet on disk: that many, and no more, a crash can cost. A worker that
has nothing to do ends; workers are few and serve many flights, since a task for each invocation
would cost more than all the rest.

Everything here runs on the gateway's event loop, but for `is_stopped`, which any thread may read.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TypeAlias

from outcrop.errors import (
    Error,
    InternalError,
    ModelUnreachable,
    ProviderError,
    Unreachable,
    is_fatal_for_model,
)
from outcrop.inference.account import Account
from outcrop.inference.events import emit_code_failed
from outcrop.inference.flights import Flight
from outcrop.inference.group import FailedOnce, GroupSender
from outcrop.inference.invocation import Invocation
from outcrop.inference.landing import Landing
from outcrop.inference.limiter import Wait
from outcrop.inference.policy import Outcome
from outcrop.inference.records import Answer
from outcrop.inference.runtime import Common, Runtime
from outcrop.inference.sender import Sender, Tally
from outcrop.inference.waits import Waits

HAND_OVER_S = 0.005
IN_FLIGHT_FEW = 8
# So many groups share the slots that one is answered while another one is put on disk.
_GROUPS_AT_ONCE = 4


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
        self._workers: dict[asyncio.Task[None], None] = {}  # in their order
        self._working = 0
        self._apart = 0
        self._waits = Waits()
        self._landing = Landing(runtime, account, common.failed, self._waits, self)
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
        for flight in flights:
            flight.is_open = True
            if len(flight.waiters) > 1:
                for waiter in flight.waiters:
                    if waiter is not self:
                        waiter.offer([flight])
        self._add(flights)

    def offer(self, flights: Sequence[Flight]) -> None:
        """Send these, which others wait for as well, unless one of them does so first."""
        if not self.is_stopped:
            failed = self._common.failed
            self._add([one for one in flights if one.is_open and one.fingerprint not in failed])

    def _add(self, flights: Sequence[Flight]) -> None:
        """Put flights into the queue, and see to it that there are workers for them."""
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
        self._workers[worker] = None
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
            flight.is_open = False
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
        unsent = [flight for flight in dict.fromkeys(self._queue) if flight.is_open]
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
        self.put([Outcome(fingerprint, answer.response, None, True, answer.usage)])

    def fail(self, fingerprint: bytes, error: Error) -> None:
        """Take an error: of this row, or one that makes it pointless to send any other."""
        is_fatal = is_fatal_for_model(error)
        if is_fatal and self._may_move_on:
            self.account.meter.asked(-1)  # another model is asked instead
        else:
            self.account.meter.failed()
        self.put([Outcome(fingerprint, None, error, False, None)])
        if is_fatal:
            self.stop(error, at_once=not self._may_move_on)

    def share_reused(self, flight: Flight, answer: Answer) -> None:
        """Give an answer that was in the journal to all whom it satisfies; the others send."""
        served, heir = self._runtime.flights.land_reused(flight, finder=self)
        for waiter in served:
            waiter.share(flight.fingerprint, answer)
        if heir is not None:
            heir.enqueue([flight])

    def put(self, outcomes: Sequence[Outcome]) -> None:
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
        self._workers.pop(worker, None)
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
            if taken and not queue[0].invocation.is_for_model_of(taken[0].invocation):
                break
            flight = queue.popleft()
            if flight.is_open:  # else another one who waits for it was first
                flight.is_open = False
                taken.append(flight)
        return taken

    async def _fly_together(self, flights: Sequence[Flight]) -> None:
        """Send flights in one go; see those that are answered to their end, the others go apart."""
        slots = self._common.slots
        groups = self._groups[_model_of(flights[0])]
        try:
            group = await groups.send([flight.invocation for flight in flights], self._tally())
        except BaseException as error:  # however it ended: nothing was sent
            slots.release(len(flights))
            if isinstance(error, Error):  # a budget: no row's fault
                self.stop(error, at_once=False)
            self.give_up(flights)
            if not isinstance(error, Error | asyncio.CancelledError):
                raise
            return
        if group is None:
            for flight in flights:
                self._start_worker(flight)
            return
        for failed in group.failed:
            self._start_worker(flights[failed.place], failed)
        answered = [flights[place] for place in group.places]
        try:
            if answered:
                await self._landing.group_answered(answered, group.sent, groups.price)
        finally:
            slots.release(len(answered))

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
            sent = await sender.send(flight.invocation, tally, failed)
        except ProviderError as error:
            await self._landing.failed(flight, tally, error)
        except asyncio.CancelledError:
            self.give_up([flight])
            await self._landing.canceled(flight, tally)
        except Error as error:  # a budget, a package that is missing: no row's fault
            if (own := self._own_error(error)) is not None:
                await self._landing.failed(flight, tally, own)
                return
            self.stop(error, at_once=False)
            self.give_up([flight])
            await self._landing.canceled(flight, tally)
        except Exception as error:  # noqa: BLE001 - the worker's edge; it is logged by its class
            emit_code_failed(f"provider {flight.invocation.provider!r}", error)
            await self._landing.failed(
                flight, tally, InternalError(f"provider code failed: {type(error).__name__}")
            )
        else:
            await self._landing.answered(flight, sent, sender.price)

    def _own_error(self, error: Error) -> ProviderError | None:
        """Return what a flight itself has met, where that is to be its error.

        That is so where nothing is left that was not sent yet: the last rows may all be such as the
        model cannot answer, and to stop would spare nobody anything.
        """
        own = error.__cause__ if isinstance(error, ModelUnreachable) else None
        if self._queue or self._may_move_on or isinstance(own, Unreachable):
            return None
        return own if isinstance(own, ProviderError) else None

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


def _model_of(flight: Flight) -> tuple[str, str]:
    return flight.invocation.provider, flight.invocation.model_id
