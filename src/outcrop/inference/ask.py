"""The caller's side of one question to a model: invocations in, outcomes out, a window in between.

Invocations are taken from their feed in chunks, in the caller's own thread, and only as outcomes
leave: a million prompts are never in memory at once. A chunk is claimed, looked up in the journal
in one query, and what the journal does not have goes to the dispatcher in one hand-over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue

from outcrop.errors import (
    BudgetExceeded,
    Error,
    ModelUnreachable,
    ProviderError,
    QueryCanceled,
    counted,
    is_fatal_for_model,
)
from outcrop.inference.account import Account
from outcrop.inference.dispatcher import Dispatcher, Inbox, Stopped
from outcrop.inference.feed import Feed
from outcrop.inference.flights import Flight
from outcrop.inference.invocation import Invocation
from outcrop.inference.journal import LOOKUP_MAX
from outcrop.inference.limiter import Wait
from outcrop.inference.meter import Counts
from outcrop.inference.policy import Outcome
from outcrop.inference.records import Answer
from outcrop.inference.runtime import Common, Runtime
from outcrop.inference.tokens import (
    estimate_input_tokens,
    estimate_output_tokens,
    output_tokens_max,
)
from outcrop.pricing.usd import format_usd
from outcrop.providers.base import TokenUsage

CHUNK = LOOKUP_MAX


class Ask:
    """One question to one model function: `outcomes` is iterated once.

    With `may_move_on`, what is left after an error of the model is asked of another one, so that
    nobody is told how much is left.
    """

    def __init__(
        self,
        runtime: Runtime,
        account: Account,
        common: Common,
        totals: Callable[[], Counts],
        *,
        may_move_on: bool = False,
    ) -> None:
        self._runtime = runtime
        self._account = account
        self._totals = totals
        self._inbox: Inbox = SimpleQueue()
        self._may_move_on = may_move_on
        self.dispatcher = Dispatcher(runtime, account, common, self._inbox, may_move_on=may_move_on)
        # The dispatcher always has work for its workers while the next chunk is looked up.
        self._window = CHUNK + max(CHUNK, 2 * common.policy.max_concurrency)
        self._unanswered = 0
        self._is_looking_up = False
        self._taken = _Taken()
        self._cancellation: QueryCanceled | None = None

    @property
    def is_settled(self) -> bool:
        """Whether all that was asked for has its outcome, so that nothing more will be counted."""
        return not self._unanswered

    @property
    def wait(self) -> Wait | None:
        """What most of what was asked for waits for that is not in flight; None if none waits."""
        if self._is_looking_up:
            return Wait.JOURNAL
        return self.dispatcher.wait if self._unanswered else None

    def cancel(self, error: QueryCanceled) -> None:
        """Stop; `outcomes` raises `error`. From any thread."""
        self._cancellation = error
        self._inbox.put(Stopped(error))
        self._on_loop_stop(error)

    def outcomes(self, feed: Feed) -> Iterator[Outcome]:
        """Yield what becomes of each invocation, in the order of completion."""
        feed.watch(lambda: self._inbox.put([]))
        try:
            while True:
                self._raise_if_canceled()
                self._account.meter.expect(feed.take_announced())
                if self._has_room() and (chunk := feed.take(CHUNK)):
                    yield from self._admit(chunk)
                elif self._unanswered or self.dispatcher.is_stopped or not feed.is_exhausted:
                    yield from self._receive()
                else:
                    return
        except (BudgetExceeded, ModelUnreachable, ProviderError) as error:
            if self._may_move_on and is_fatal_for_model(error):
                self._account.meter.asked(-self._unanswered)
                self._unanswered = 0
                raise
            if isinstance(error, ProviderError):
                raise
            raise self._explain(error, feed) from error
        finally:
            self._on_loop_stop(None)

    def _has_room(self) -> bool:
        return self._unanswered + CHUNK <= self._window and not self.dispatcher.is_stopped

    def _on_loop_stop(self, error: Error | None) -> None:
        self._runtime.call(self.dispatcher.stop, error)

    def _receive(self) -> Iterator[Outcome]:
        """Wait for the next outcomes and yield them; raises what stopped the dispatcher."""
        received = self._inbox.get()
        if isinstance(received, Stopped):
            assert received.error is not None
            raise received.error
        for outcome in received:
            self._raise_if_canceled()
            self._unanswered -= 1
            yield outcome

    def _raise_if_canceled(self) -> None:
        if self._cancellation is not None:
            raise self._cancellation

    def _admit(self, chunk: Sequence[Invocation]) -> Iterator[Outcome]:
        """Yield the answers that the journal has, and have the others sent."""
        self._taken.add(chunk)
        own = self._runtime.flights.claim(chunk, self.dispatcher)
        if len(own) < len(chunk):
            self._runtime.call(self._join, chunk)
        self._unanswered += len(chunk)
        self._account.meter.asked(len(chunk))
        try:
            answers = self._lookup(own)
        except BaseException:  # nobody else can end what was claimed
            self._runtime.call(self._release, own)
            raise
        missing = [flight for flight in own if flight.fingerprint not in answers]
        found = [flight for flight in own if flight.fingerprint in answers]
        shared = self._runtime.flights.land_unshared(found)
        if missing or shared:
            reused = [(flight, answers.pop(flight.fingerprint)) for flight in shared]
            self._runtime.call(self._send, missing, reused)
        self._account.answered_before(answers.values())
        self._unanswered -= len(answers)
        for fingerprint, answer in answers.items():
            yield Outcome(fingerprint, answer.response, None, True, answer.usage)

    def _lookup(self, flights: Sequence[Flight]) -> dict[bytes, Answer]:
        """Return what may be reused: of this statement alone, where it asks afresh."""
        if not flights:
            return {}
        fingerprints = [flight.fingerprint for flight in flights]
        is_fresh = self.dispatcher.wants_fresh
        query_id = self._account.statement.query_id if is_fresh else None
        self._is_looking_up = True
        try:
            return self._runtime.journal.lookup(fingerprints, query_id=query_id)
        finally:
            self._is_looking_up = False

    def _join(self, chunk: Sequence[Invocation]) -> None:
        """Send what others have asked for as well, if there is a slot for it here first."""
        self.dispatcher.offer(self._runtime.flights.find(chunk))

    def _send(self, missing: Sequence[Flight], reused: Sequence[tuple[Flight, Answer]]) -> None:
        self.dispatcher.enqueue(missing)
        for flight, answer in reused:
            self.dispatcher.share_reused(flight, answer)

    def _release(self, flights: Sequence[Flight]) -> None:
        """Give up flights that were claimed and could not be looked up, after an error.

        Nobody may send them before they are looked up, since the journal may have their answers.
        """
        self.dispatcher.stop(None)
        heirs = [(flight, self._runtime.flights.give_up(flight)) for flight in flights]
        for flight, heir in heirs:
            if heir is None:
                continue
            try:
                answer = self._lookup([flight]).get(flight.fingerprint)
            except Error as error:
                for waiter in self._runtime.flights.land(flight):
                    waiter.stop(error)
            else:
                if answer is None:
                    heir.enqueue([flight])
                else:
                    self.dispatcher.share_reused(flight, answer)

    def _explain(self, error: Error, feed: Feed) -> Error:
        """Say what was spent, what is kept, and how much is left to pay for."""
        totals = self._totals()
        left = self._unanswered + totals.failed + self._count_unknown(feed)
        cost = totals.cost.usd
        spent = "nothing of known price" if cost is None else format_usd(cost)
        is_budget = isinstance(error, BudgetExceeded)
        what_to_do = error.hint or ("Raise the limit." if is_budget else "Mend the endpoint.")
        return type(error)(
            f"{error.message}; {spent} was spent on {counted(totals.sent, 'call')}, "
            f"{_are(totals.answered + totals.reused, 'answer')} kept, "
            f"{_are(left, 'invocation')} left",
            hint=f"{what_to_do} Running it again pays for the {left:,} left "
            f"alone{self._estimate(left)}.",
            detail=error.detail,
        )

    def _estimate(self, calls: int) -> str:
        """Return what so many more calls will cost, as the end of a sentence."""
        example = self._taken.example
        if example is None or not calls:
            return ""
        price = self._runtime.price(example.provider, example.model_id)
        if price is None:
            return ", at a price that is unknown"
        history = self._runtime.journal.token_history(example.provider, example.model_id)
        request = example.to_request(0.0)
        tokens_max = output_tokens_max(request.body) or 0
        usage = TokenUsage(
            estimate_input_tokens(round(self._taken.chars / self._taken.count), history),
            estimate_output_tokens(1, history, tokens_max),
        )
        return f": about {format_usd(calls * price.cost_usd(usage))}"

    def _count_unknown(self, feed: Feed) -> int:
        """Return how many of the invocations that were never taken have no answer yet."""
        unknown = 0
        while taken := feed.take(CHUNK):
            self._taken.add(taken)
            chunk = {invocation.fingerprint for invocation in taken}
            unknown += len(chunk) - self._runtime.journal.count_known(tuple(chunk))
        return unknown


@dataclass(slots=True)
class _Taken:
    """What the invocations are like that were taken so far, for an estimate of the others."""

    count: int = 0
    chars: int = 0
    example: Invocation | None = None

    def add(self, chunk: Sequence[Invocation]) -> None:
        """Take these, too."""
        self.count += len(chunk)
        self.chars += sum([len(invocation.body) for invocation in chunk])
        self.example = chunk[-1]


def _are(number: int, noun: str) -> str:
    return f"{counted(number, noun)} {'is' if number == 1 else 'are'}"
