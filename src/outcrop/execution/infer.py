"""The one operator that asks the gateway: distinct arguments in, answers out.

A row whose call fails does not stop the others: every other row is answered and journaled, and
what failed is kept in `failures`, for the executor to decide about when all is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from outcrop.catalog.objects import ExternalModel, Volatility
from outcrop.config import OnError
from outcrop.engines.base import EngineSession
from outcrop.errors import Error, OutputInvalid, ProviderError
from outcrop.execution.compose_invocation import Destination, InvocationComposer
from outcrop.execution.read_answer import AnswerReader
from outcrop.inference.invocation import Invocation
from outcrop.inference.statement import Statement as StatementCalls
from outcrop.planner.plan import Infer, StagedCall
from outcrop.sql.duckdb_dialect import render

ANSWER_SCHEMA = pa.schema([("id", pa.int64()), ("value", pa.string())])
_ANSWERS_A_BATCH = 1_024
_FAILURES_NAMED_MAX = 20
_FAILURES_REMEMBERED_MAX = 10_000


class Router(Protocol):
    """Where a model's requests go; says so to the user where that is not where they seem to."""

    def __call__(self, model: ExternalModel) -> Destination:
        """Return the destination of `model`."""
        ...


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A call that gave no value: the number of its first row, its prompt, and why."""

    row: int
    prompt: str
    function: str
    error: Error


@dataclass(slots=True)
class Failures:
    """What failed in one statement: all are counted, the first ones are named.

    `count` are the rows that fail the statement, `nulls` those that are NULL because the user chose
    so; `unusable` are the answers among them that came, and were paid for, but hold no value.
    """

    named: list[RowFailure] = field(default_factory=list)
    count: int = 0
    nulls: int = 0
    unusable: int = 0

    def add(self, failure: RowFailure, on_error: OnError) -> None:
        """Count a failure: as a NULL that the user chose, or as one that fails the statement."""
        if on_error is OnError.NULL:
            self.nulls += 1
            return
        self.count += 1
        if len(self.named) < _FAILURES_NAMED_MAX:
            self.named.append(failure)


@dataclass(frozen=True, slots=True)
class InferOptions:
    """What of the session's settings bears on making invocations and reading answers."""

    max_tokens_default: int
    on_error: OnError
    query_id: str


class InferOperator:
    """Answers the calls of a statement's `Infer` stages."""

    def __init__(
        self,
        engine: EngineSession,
        calls: StatementCalls,
        route: Router,
        options: InferOptions,
    ) -> None:
        self._engine = engine
        self._calls = calls
        self._route = route
        self._options = options
        self._destinations: dict[tuple[object, ...], Destination] = {}
        self._failed: dict[bytes, Error] = {}
        self._questions = 0
        self.failures = Failures()

    def run(self, stage: Infer) -> None:
        """Store the distinct arguments of every call of `stage`, and their answers."""
        for call in stage.calls:
            self._answer(call)

    def _answer(self, call: StagedCall) -> None:
        self._engine.materialize(call.ids, render(call.distinct))
        self._questions += 1
        asking = _Asking(
            call,
            self._destination(call.model),
            self._options,
            salt=f"{self._options.query_id}:{self._questions}",
            failed=self._failed,
        )
        rows = self._engine.query(f'SELECT * FROM "{call.ids}"')
        # Read to the end before asking: an open result owns its session, which loads the answers.
        batches = list(rows.batches())
        outcomes = asking.values(batches, self._calls, self.failures)
        self._engine.load_arrow(call.answers, _batched(outcomes), ANSWER_SCHEMA)

    def _destination(self, model: ExternalModel) -> Destination:
        """Return where a model's requests go; a route is announced once a statement."""
        key = (model.model_id, model.model_type, model.endpoint, model.iam_role)
        known = self._destinations.get(key)
        if known is None:
            known = self._destinations[key] = self._route(model)
        return known


class _Asking:
    """One call's way to the gateway and back: ids to invocations, fingerprints to ids.

    `salt` differs from that of any other question; `failed` are the invocations that failed in this
    statement, by fingerprint, which it does not try again.
    """

    def __init__(
        self,
        call: StagedCall,
        destination: Destination,
        options: InferOptions,
        *,
        salt: str,
        failed: dict[bytes, Error],
    ) -> None:
        self._model = call.model
        self._salt = salt
        self._failed = failed
        self._composer = InvocationComposer(
            call.model, destination, max_tokens_default=options.max_tokens_default
        )
        self._reader = AnswerReader(call.model)
        self._on_error = OnError(call.model.on_error or options.on_error)
        self._rows: dict[bytes, list[tuple[int, str]]] = {}
        self._refused: list[RowFailure] = []

    def values(
        self, batches: list[pa.RecordBatch], calls: StatementCalls, failures: Failures
    ) -> Iterator[tuple[int, str]]:
        """Yield (id, value) for every call that gives one; count those that do not."""
        total = sum(batch.num_rows for batch in batches)
        outcomes = calls.ask(
            self._invocations(batches),
            model=str(self._model.name),
            function=str(self._model.function),
            total=total,
        )
        for outcome in outcomes:
            rows = self._rows.pop(outcome.fingerprint, [])
            try:
                if outcome.error is not None:
                    self._remember(outcome.fingerprint, outcome.error)
                    raise outcome.error
                value = self._reader.read(outcome.response or {})
            except (ProviderError, OutputInvalid) as error:
                failures.unusable += outcome.error is None
                for row, prompt in rows:
                    failures.add(self._failure(row, prompt, error), self._on_error)
            else:
                yield from ((row, value) for row, _ in rows)
        for failure in self._refused:
            failures.add(failure, self._on_error)

    def _invocations(self, batches: list[pa.RecordBatch]) -> Iterator[Invocation]:
        is_volatile = self._model.volatility is Volatility.VOLATILE
        for batch in batches:
            columns = [column.to_pylist() for column in batch.columns]
            for row, *arguments in zip(*columns, strict=True):
                salt = f"{self._salt}:{row}" if is_volatile else ""
                try:
                    invocation = self._composer.compose(arguments, salt)
                except ProviderError as error:
                    self._refused.append(self._failure(row, arguments[0], error))
                    continue
                if (failed := self._failed.get(invocation.fingerprint)) is not None:
                    self._refused.append(self._failure(row, arguments[0], failed))
                    continue
                known = self._rows.setdefault(invocation.fingerprint, [])
                known.append((row, arguments[0]))
                if len(known) == 1:
                    yield invocation

    def _remember(self, fingerprint: bytes, error: Error) -> None:
        if len(self._failed) < _FAILURES_REMEMBERED_MAX:
            self._failed[fingerprint] = error

    def _failure(self, row: int, prompt: str, error: Error) -> RowFailure:
        return RowFailure(row, prompt, str(self._model.function), error)


def _batched(answers: Iterator[tuple[int, str]]) -> Iterator[pa.RecordBatch]:
    ids: list[int] = []
    values: list[str] = []
    for row, value in answers:
        ids.append(row)
        values.append(value)
        if len(ids) == _ANSWERS_A_BATCH:
            yield pa.record_batch([pa.array(ids), pa.array(values)], schema=ANSWER_SCHEMA)
            ids, values = [], []
    if ids:
        yield pa.record_batch([pa.array(ids), pa.array(values)], schema=ANSWER_SCHEMA)
