"""Rows leave in order, as soon as they and all before them are answered.

The last `Infer` stage of a streamed plan is not run to its end before the first row is given. Its
calls are asked in threads of their own; what is answered is loaded into the engine in growing
portions, and the result is computed for the rows that are complete. A result that is closed, or
canceled, stops asking at once; what is in flight is finished and journaled.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
from sqlglot import exp

from outcrop.engines.base import EngineColumn, EngineSession
from outcrop.execution.executor import rows_failed
from outcrop.execution.infer import ANSWER_SCHEMA, InferOperator, batched
from outcrop.execution.question import Answered, Question
from outcrop.planner.plan import Infer
from outcrop.sql.duckdb_dialect import render

_PORTION_ROWS_MAX = 8_192
_PATIENCE_S = 0.1
_QUEUED_MAX = 65_536


@dataclass(slots=True)
class _Progress:
    """How far one question is answered: `ids` up to `position` are, without a gap."""

    question: Question
    ids: list[int]
    position: int = 0
    answered: set[int] = field(default_factory=set)
    pending: list[Answered] = field(default_factory=list)

    def note(self, answer: Answered) -> None:
        self.pending.append(answer)
        self.answered.add(answer[0])
        while self.position < len(self.ids) and self.ids[self.position] in self.answered:
            self.answered.discard(self.ids[self.position])
            self.position += 1

    @property
    def row_before_gap(self) -> float:
        """The last row that does not wait for this question."""
        if self.position == len(self.ids):
            return float("inf")
        return self.ids[self.position] - 1


class RowStream:
    """The rows of a plan whose last stage is asked while they leave."""

    def __init__(
        self,
        engine: EngineSession,
        operator: InferOperator,
        stage: Infer,
        result: exp.Query,
    ) -> None:
        self._engine = engine
        self._operator = operator
        self._stage = stage
        self._result = result
        self._answers: queue.Queue[tuple[int, Answered | BaseException | None]] = queue.Queue(
            _QUEUED_MAX
        )
        self._threads: list[threading.Thread] = []
        self._is_stopped = False
        self._is_idle = False
        self._rows_total = 0
        self._progress = [self._prepare(operator.question(call)) for call in stage.calls]
        self._columns = engine.describe(render(result))

    def _prepare(self, question: Question) -> _Progress:
        """Make the relation of a question's answers, empty."""
        self._engine.load_arrow(question.call.answers, iter(()), ANSWER_SCHEMA)
        ids = [row for batch in question.ids for row in batch.column(0).to_pylist()]
        return _Progress(question, ids)

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns."""
        return self._columns

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; raises RowsFailed once all is answered, if a row failed before it."""
        sent, portion = 0, 1
        try:
            self._start()
            for ready in self._ready_rows():
                if ready - sent < portion and ready < self._rows_total and not self._is_idle:
                    continue
                if ready > sent:
                    yield from self._rows(sent, ready)
                    sent, portion = ready, min(2 * portion, _PORTION_ROWS_MAX)
            if self._operator.failures.count:
                raise rows_failed(self._operator.failures)
        finally:
            self.close()

    def close(self) -> None:
        """Stop asking. Safe to call twice."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if any(thread.is_alive() for thread in self._threads):
            self._operator.stop()
        for thread in self._threads:
            while thread.is_alive():
                self._drain()
                thread.join(_PATIENCE_S)

    def _start(self) -> None:
        count = self._engine.query(f'SELECT count(*) FROM "{self._stage.relation}"')
        self._rows_total = int(next(iter(count.batches())).column(0)[0].as_py())
        for number, progress in enumerate(self._progress):
            thread = threading.Thread(
                target=self._ask,
                args=(number, progress.question),
                name="outcrop-question",
                daemon=True,
            )
            self._threads.append(thread)
            thread.start()

    def _ask(self, number: int, question: Question) -> None:
        """Put what becomes of a question's rows into the queue, and None at its end."""
        try:
            for answer in self._operator.answers(question):
                self._answers.put((number, answer))
        except BaseException as error:  # noqa: BLE001  # raised again in the reader's thread
            self._answers.put((number, error))
        else:
            self._answers.put((number, None))

    def _ready_rows(self) -> Iterator[int]:
        """Yield up to which row all is answered, each time that it may have changed."""
        asking = len(self._threads)
        while asking:
            try:
                number, answer = self._answers.get(timeout=_PATIENCE_S)
            except queue.Empty:
                self._is_idle = True
                yield self._complete_row()
                continue
            self._is_idle = False
            if isinstance(answer, BaseException):
                raise answer
            if answer is None:
                asking -= 1
            else:
                self._progress[number].note(answer)
            yield self._complete_row()
        self._is_idle = True
        yield self._complete_row()

    def _complete_row(self) -> int:
        """Return the last row that can leave: none from the first failed one on."""
        failed = self._operator.failures.first_row
        limits = [progress.row_before_gap for progress in self._progress]
        if failed is not None:
            limits.append(failed - 1)
        return int(min(self._rows_total, *limits))

    def _rows(self, after: int, upto: int) -> Iterator[pa.RecordBatch]:
        """Yield the result for the rows after one and up to another."""
        for progress in self._progress:
            self._load(progress)
        rows = self._engine.query(render(self._restricted(after, upto)))
        yield from list(rows.batches())

    def _load(self, progress: _Progress) -> None:
        """Bring the answers that have come since the last time into the engine."""
        pending, progress.pending = progress.pending, []
        answers = progress.question.call.answers
        portion = f"{answers}_portion"
        self._engine.load_arrow(portion, batched(pending), ANSWER_SCHEMA)
        self._engine.execute(f'INSERT INTO "{answers}" SELECT * FROM "{portion}"')
        self._engine.drop(portion)

    def _restricted(self, after: int, upto: int) -> exp.Query:
        """Return the result's query over some rows of the last stage's relation alone."""
        query = self._result.copy()
        number = exp.column(self._stage.row, quoted=True)
        for table in list(query.find_all(exp.Table)):
            if table.name == self._stage.relation and not table.db:
                rows = exp.select("*").from_(exp.to_table(self._stage.relation))
                rows = rows.where(number > after, number <= upto)
                alias = exp.TableAlias(this=exp.to_identifier(table.alias_or_name, quoted=True))
                table.replace(exp.Subquery(this=rows, alias=alias))
        return query

    def _drain(self) -> None:
        while True:
            try:
                self._answers.get_nowait()
            except queue.Empty:
                return
