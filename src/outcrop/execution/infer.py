"""What asks the gateway, and it alone: distinct arguments in, answers out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from outcrop.catalog.objects import ExternalModel
from outcrop.engines.base import EngineSession
from outcrop.execution.arrow_columns import integer_column, text_column
from outcrop.execution.closing_notice import budget_notice
from outcrop.execution.compose_invocation import Destination
from outcrop.execution.fallbacks import Fallbacks
from outcrop.execution.order_choice import Spent
from outcrop.execution.question import Answered, Failures, InferOptions, Question
from outcrop.execution.result import Notice
from outcrop.inference.statement import Statement as StatementCalls
from outcrop.planner.plan import StagedCall

ANSWER_SCHEMA = pa.schema([("id", pa.int64()), ("value", pa.string())])
_ANSWERS_A_BATCH = 1_024


class Router(Protocol):
    """Where a model's requests go; says so to the user where that is not where they seem to."""

    def __call__(self, model: ExternalModel) -> Destination:
        """Return the destination of `model`."""
        ...


class InferOperator:
    """Answers the calls of a statement's `Infer` stages."""

    def __init__(
        self,
        engine: EngineSession,
        calls: StatementCalls,
        route: Router,
        options: InferOptions,
        notify: Callable[[Notice], None],
    ) -> None:
        self._engine = engine
        self._calls = calls
        self._route = route
        self._options = options
        self._notify = notify
        self._destinations: dict[tuple[object, ...], Destination] = {}
        self._questions = 0
        self.failures = Failures()
        self.fallbacks = Fallbacks()

    def question(self, call: StagedCall) -> Question:
        """Return the question that a call of the plan asks, of which nothing is asked yet."""
        self._questions += 1
        return Question(
            call,
            self._destination(call.model),
            self.fallbacks,
            self._options,
            salt=f"{self._options.query_id}:{self._questions}",
        )

    def store_ids(self, call: StagedCall) -> list[pa.RecordBatch]:
        """Store the distinct arguments of a call, and return them."""
        self._engine.materialize(call.ids, call.sql)
        # Read to the end: an open result owns its session, which has more to do.
        return list(self._engine.query(f'SELECT * FROM "{call.ids}" ORDER BY id').batches())

    def answers(self, question: Question) -> Iterator[Answered]:
        """Ask a question; yield what becomes of each of its rows, in the order of completion."""
        return question.answers(self._calls, self.failures)

    def ask(self, call: StagedCall, ids: Sequence[pa.RecordBatch]) -> Iterator[Answered]:
        """Ask about these distinct arguments of a call, which are all, and yield the answers."""
        question = self.question(call)
        question.add(ids)
        question.close()
        return self.answers(question)

    def spent(self) -> Spent:
        """Return what the statement's calls came to so far."""
        progress = self._calls.progress()
        cost_usd = progress.cost_usd if progress.is_cost_complete else None
        return Spent(cost_usd, progress.input_tokens + progress.output_tokens, progress.sent)

    def remember(self, tested: Mapping[str, tuple[int, int]]) -> None:
        """Keep how many rows conditions tested, and passed, for the plans of later statements.

        Where a call gave no answer, that says too little of the condition.
        """
        if tested and not self.failures.count and not self.failures.nulls:
            self._calls.remember(tested)

    def tell_alerts(self) -> None:
        """Tell the user of the budgets of which much is spent, each time once."""
        for alert in self._calls.take_alerts():
            self._notify(budget_notice(alert))

    def stop(self) -> None:
        """Ask nothing more; what is in flight is finished and journaled in the background."""
        self._calls.cancel()

    def _destination(self, model: ExternalModel) -> Destination:
        """Return where a model's requests go; a route is announced once a statement."""
        key = (model.model_id, model.model_type, model.endpoint, model.iam_role)
        known = self._destinations.get(key)
        if known is None:
            known = self._destinations[key] = self._route(model)
        return known


def batched(answers: Iterable[Answered]) -> Iterator[pa.RecordBatch]:
    """Yield answers as Arrow batches of `ANSWER_SCHEMA`."""
    ids: list[int] = []
    values: list[str | None] = []
    for row, value in answers:
        ids.append(row)
        values.append(value)
        if len(ids) == _ANSWERS_A_BATCH:
            yield _batch(ids, values)
            ids, values = [], []
    if ids:
        yield _batch(ids, values)


def _batch(ids: list[int], values: list[str | None]) -> pa.RecordBatch:
    columns = [integer_column(ids), text_column(values)]
    return pa.RecordBatch.from_arrays(columns, schema=ANSWER_SCHEMA)
