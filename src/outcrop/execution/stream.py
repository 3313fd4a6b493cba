"""Rows leave in order, as soon as they and all before them are answered.

The last stage of a streamed plan is not run to its end before the first row is given: the result is
computed for the rows that are complete, portion by portion. A result that is closed, or canceled,
stops asking at once; what is in flight is finished and journaled.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

import pyarrow as pa

from outcrop.engines.base import EngineColumn, EngineSession
from outcrop.execution.executor import PlanRun, rows_failed
from outcrop.execution.flow import Flow
from outcrop.execution.portions import Portions
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, StagedPlan


class RowStream:
    """The rows of a plan whose last stage is asked while they leave."""

    def __init__(self, engine: EngineSession, flow: Flow, run: PlanRun, plan: StagedPlan) -> None:
        self._engine = engine
        self._flow = flow
        *stages, last = plan.stages
        match last:
            case Infer():
                run.start_stages(plan.stages, flow)
                self._portions = Portions(plan.result, last)
                self._found = flow.portions(last, self._rows)
            case FilterInBatches():
                run.run_stages(stages, flow)
                self._portions = Portions(plan.result, last)
                passed = run.fill(last, flow)
                self._found = self._rows_of_batches(next(passed), passed)
            case Materialize():
                raise AssertionError("a plan that streams ends with a stage that asks")
        self._columns = engine.describe(plan.sql)

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns."""
        return self._columns

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; raises RowsFailed once all is answered, if a row failed before it."""
        try:
            for portion in self._found:
                yield from portion
            if self._flow.failures.count:
                raise rows_failed(self._flow.failures)
        finally:
            self.close()

    def _rows_of_batches(
        self, first: int, following: Iterator[int]
    ) -> Iterator[list[pa.RecordBatch]]:
        """Yield the rows that each batch adds, none from one with a failed row on."""
        left = 0
        for passed in chain((first,), following):
            if passed > left and not self._flow.failures.count:
                yield self._rows(left, passed)
                left = passed

    def _rows(self, after: int, upto: int) -> list[pa.RecordBatch]:
        return list(self._engine.query(self._portions.sql(after, upto)).batches())

    def close(self) -> None:
        """Stop asking. Safe to call twice."""
        self._flow.close()
