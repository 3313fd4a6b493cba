"""Rows leave in order, as soon as they and all before them are answered.

The last `Infer` stage of a streamed plan is not run to its end before the first row is given: the
result is computed for the rows that are complete, portion by portion. A result that is closed, or
canceled, stops asking at once; what is in flight is finished and journaled.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
from sqlglot import exp

from outcrop.engines.base import EngineColumn, EngineSession
from outcrop.execution.executor import rows_failed
from outcrop.execution.flow import Flow
from outcrop.execution.portions import Portions
from outcrop.planner.plan import Infer
from outcrop.sql.duckdb_dialect import render


class RowStream:
    """The rows of a plan whose last stage is asked while they leave."""

    def __init__(self, engine: EngineSession, flow: Flow, stage: Infer, result: exp.Query) -> None:
        self._engine = engine
        self._flow = flow
        self._stage = stage
        self._portions = Portions(result, stage)
        self._columns = engine.describe(render(result))

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns."""
        return self._columns

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows; raises RowsFailed once all is answered, if a row failed before it."""
        try:
            for portion in self._flow.portions(self._stage, self._rows):
                yield from portion
            if self._flow.failures.count:
                raise rows_failed(self._flow.failures)
        finally:
            self.close()

    def _rows(self, after: int, upto: int) -> list[pa.RecordBatch]:
        return list(self._engine.query(self._portions.sql(after, upto)).batches())

    def close(self) -> None:
        """Stop asking. Safe to call twice."""
        self._flow.close()
