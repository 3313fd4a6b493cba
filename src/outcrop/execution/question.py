"""One call of a plan, asked for all its distinct arguments: what becomes of each.

A row whose call fails does not stop the others: every other row is answered and journaled, and
what failed is counted in `Failures`, for the executor to decide about when all is done.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import pyarrow as pa

from outcrop.catalog.objects import Volatility
from outcrop.errors import Error, ProviderError, is_fatal_for_model
from outcrop.execution.compose_invocation import Destination, InvocationComposer
from outcrop.execution.fallbacks import Fallbacks
from outcrop.execution.read_answer import AnswerReader
from outcrop.execution.shared_prefixes import Arrangement
from outcrop.inference.feed import Feed
from outcrop.inference.invocation import Invocation
from outcrop.inference.statement import Statement as StatementCalls
from outcrop.planner.plan import StagedCall
from outcrop.providers.base import RequestType
from outcrop.settings import OnError

_FAILURES_NAMED_MAX = 20

Answered: TypeAlias = "tuple[int, str | None]"


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A call that gave no value: the number of its first row, its prompt, and why.

    `has_answer` is true where an answer came, and is journaled, that holds no value.
    """

    row: int
    prompt: str
    function: str
    error: Error
    has_answer: bool = False


@dataclass(slots=True)
class Failures:
    """What failed in one statement: all are counted, the first ones are named.

    `count` are the rows that fail the statement, `answered` those of them with an answer that holds
    no value; `nulls` are rows that are NULL because the user chose so. Questions that are asked
    side by side, each in a thread of its own, add to the same one.
    """

    named: list[RowFailure] = field(default_factory=list)
    count: int = 0
    answered: int = 0
    nulls: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, failure: RowFailure, on_error: OnError) -> None:
        """Count a failure: as a NULL that the user chose, or as one that fails the statement."""
        with self._lock:
            if on_error is OnError.NULL:
                self.nulls += 1
                return
            self.count += 1
            self.answered += failure.has_answer
            if len(self.named) < _FAILURES_NAMED_MAX:
                self.named.append(failure)


@dataclass(frozen=True, slots=True)
class InferOptions:
    """What of the session's settings bears on making invocations and reading answers."""

    max_tokens_default: int
    on_error: OnError
    query_id: str


class Question:
    """One call's way to the gateway and back: ids to invocations, fingerprints to ids.

    What is to be asked is added by one thread, while another one may already take the answers.
    `first_failed` is the first row so far that fails the statement.

    `salt` differs from that of any other question.
    """

    def __init__(
        self,
        call: StagedCall,
        destination: Destination,
        fallbacks: Fallbacks,
        options: InferOptions,
        *,
        salt: str,
    ) -> None:
        self.call = call
        self.first_failed: int | None = None
        self._model = call.model
        self._salt = salt
        self._is_volatile = call.model.volatility is Volatility.VOLATILE
        self._fallbacks = fallbacks
        self._options = options
        self._aim(fallbacks.current(destination))
        self._reader = AnswerReader(call.model)
        self._on_error = OnError(call.model.on_error or options.on_error)
        self._rows: dict[bytes, tuple[Invocation, list[tuple[int, str]]]] = {}
        self._refused: list[RowFailure] = []
        self._feed = Feed()
        self._arrangement = Arrangement(None, 0)
        self._arranged_for: Destination | None = None

    def add(self, ids: Sequence[pa.RecordBatch]) -> None:
        """Add rows of the relation of distinct arguments, (id, argument, ...), in their order."""
        self._feed.put(self._invocations(ids), sum(batch.num_rows for batch in ids))

    def close(self) -> None:
        """Nothing more will be added."""
        self._feed.close()

    def answers(self, calls: StatementCalls, failures: Failures) -> Iterator[Answered]:
        """Yield (id, value) for every call, in the order of completion, until it is closed.

        A call that gives no value has None, and is counted as a failure. What a model that cannot
        be asked leaves goes to its fallback.
        """
        self._arrangement, self._arranged_for = self._arrange(calls), self._destination
        while True:
            try:
                yield from self._ask(calls, failures)
            except Error as error:
                if not is_fatal_for_model(error) or not self._move_on(error):
                    raise
            else:
                return

    def _aim(self, destination: Destination) -> None:
        """Have requests go to `destination` from now on."""
        self._destination = destination
        self._composer = InvocationComposer(
            self.call.model, destination, max_tokens_default=self._options.max_tokens_default
        )

    def _move_on(self, error: Error) -> bool:
        """Ask the rest of the fallback, where there is one."""
        fallback = self._fallbacks.give_way(self._destination, error)
        if fallback is None:
            return False
        self._aim(fallback)
        unanswered, self._rows = self._rows, {}
        for invocation, rows in unanswered.values():
            moved = replace(
                invocation,
                provider=fallback.provider,
                model_id=fallback.model_id,
                shared_ends=(),
            )
            self._rows[moved.fingerprint] = (moved, rows)
        self._feed.put([moved for moved, _ in self._rows.values()], 0)
        return True

    def _ask(self, calls: StatementCalls, failures: Failures) -> Iterator[Answered]:
        outcomes = calls.ask(
            self._feed,
            model=str(self._model.name),
            function=str(self._model.function),
            may_move_on=self._destination.fallback is not None,
        )
        for outcome in outcomes:
            if outcome.error is not None and self._is_left_to_fallback(outcome.error):
                continue
            invocation, rows = self._rows.pop(outcome.fingerprint)
            try:
                if outcome.error is not None:
                    raise outcome.error
                value = self._reader.read(outcome.response or {})
            except Error as error:  # an InternalError too is this row's alone
                if outcome.error is None:
                    self._note(calls, invocation, error)
                for row, prompt in rows:
                    failure = self._failure(row, prompt, error, has_answer=outcome.error is None)
                    self._count(failure, failures)
                    yield row, None
            else:
                for row, _ in rows:
                    yield row, value
            if self._refused:
                yield from self._take_refused(calls, failures)
        yield from self._take_refused(calls, failures)

    def _is_left_to_fallback(self, error: Error) -> bool:
        return self._destination.fallback is not None and is_fatal_for_model(error)

    def _take_refused(self, calls: StatementCalls, failures: Failures) -> Iterator[Answered]:
        """Yield the rows for which nothing was sent."""
        refused, self._refused = self._refused, []
        for failure in refused:
            self._note(calls, None, failure.error)
            self._count(failure, failures)
            yield failure.row, None

    def _count(self, failure: RowFailure, failures: Failures) -> None:
        failures.add(failure, self._on_error)
        if self._on_error is not OnError.NULL:
            self.first_failed = min(failure.row, self.first_failed or failure.row)

    def _note(self, calls: StatementCalls, invocation: Invocation | None, error: Error) -> None:
        model, function = str(self._model.name), str(self._model.function)
        calls.note_unusable(invocation, error, model=model, function=function)

    def salt_of(self, row: object) -> str:
        """Return what keeps the invocation for a row apart from all others; empty: nothing."""
        return f"{self._salt}:{row}" if self._is_volatile else ""

    def _invocations(self, ids: Sequence[pa.RecordBatch]) -> Iterator[Invocation]:
        for row, arguments, shared_ends in self._arrangement.arrange(ids):
            prompt = str(arguments[0])
            ends = shared_ends if self._arranged_for is self._destination else ()
            try:
                invocation = self._composer.compose(arguments, self.salt_of(row), ends)
            except ProviderError as error:
                self._refused.append(self._failure(row, prompt, error))
                continue
            _, rows = self._rows.setdefault(invocation.fingerprint, (invocation, []))
            rows.append((row, prompt))
            if len(rows) == 1:
                yield invocation

    def _arrange(self, calls: StatementCalls) -> Arrangement:
        if self._model.request_type is RequestType.RAW:
            return Arrangement(None, 0)
        cache = calls.prompt_cache(self._destination.provider, self._destination.model_id)
        return Arrangement(cache, self._composer.fixed_chars)

    def _failure(
        self, row: int, prompt: str, error: Error, *, has_answer: bool = False
    ) -> RowFailure:
        return RowFailure(row, prompt, str(self._model.function), error, has_answer)
