"""A part of a plan that runs on one batch of rows after the other."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from outcrop.engines.base import EngineSession
from outcrop.execution.order_choice import OrderChoice, Spent
from outcrop.execution.stored_rows import count_rows
from outcrop.planner.plan import (
    BatchOrder,
    FilterInBatches,
    PredicateTest,
    Stage,
    relations_of,
)

BATCH_ROWS_MAX = 65_536
_EAGERNESS = 0.6
# Between two batches nothing is asked for a moment, so they should be few; and each is a chance to
# take another order.
_ROWS_FIRST = 64
_GROWTH = 3


class StageRun(Protocol):
    """What a batch needs of the run of its plan."""

    def store(self, relation: str, sql: str) -> int:
        """Store the rows of a query as a temporary relation, and return how many they are."""
        ...

    def drop(self, relations: Collection[str]) -> None:
        """Drop temporary relations that were stored."""
        ...

    def test(self, tests: Sequence[PredicateTest]) -> None:
        """Note how many rows conditions have tested, now that all of them are answered."""
        ...


class BatchRun:
    """One run of a `FilterInBatches` stage.

    `run_stages` runs stages of its own, `spent` tells what the statement's calls came to so far.
    """

    def __init__(
        self,
        stage: FilterInBatches,
        engine: EngineSession,
        run: StageRun,
        run_stages: Callable[[Sequence[Stage]], None],
        spent: Callable[[], Spent],
    ) -> None:
        self._stage = stage
        self._engine = engine
        self._run = run
        self._run_stages = run_stages
        self._spent = spent
        self._taken = 0
        self._passed = 0

    def fill(self) -> Iterator[int]:
        """Run batches until enough rows have passed, or all were asked about.

        Yield after each how many have passed: they are in the stage's relation, in their order.
        """
        rows_total = count_rows(self._engine, self._stage.source)
        wanted = self._stage.rows_wanted
        choice = OrderChoice(len(self._stage.orders), rows_total)
        while True:
            index, rows_max = choice.next()
            size = min(self._size(), rows_max or BATCH_ROWS_MAX)
            before = self._spent()
            self._run_batch(self._stage.orders[index], size)
            choice.note(index, size, self._spent().since(before))
            yield self._passed
            if self._taken >= rows_total or (wanted is not None and self._passed >= wanted):
                return

    def _size(self) -> int:
        """Return how many rows the next batch has, whichever the order."""
        if self._stage.rows_wanted is not None:
            return batch_size(self._taken, self._passed, self._stage.rows_wanted)
        return min(max(_ROWS_FIRST, _GROWTH * self._taken), BATCH_ROWS_MAX)

    def _run_batch(self, order: BatchOrder, size: int) -> None:
        """Ask about the rows that follow in an order, and keep those that pass."""
        stage, taken = self._stage, self._taken
        self._run.store(
            stage.batch,
            f'SELECT * FROM "{stage.source}" WHERE "{stage.row}" > {taken} '
            f'AND "{stage.row}" <= {taken + size}',
        )
        self._run_stages(order.stages)
        self._run.test(order.tests)
        passed = _distinct_sql(stage, order, taken > 0) if stage.is_distinct else order.sql
        numbered = (
            f'SELECT *, row_number() OVER () + {self._passed} AS "{stage.row}" '
            f"FROM ({passed}) AS passed"
        )
        if taken == 0:
            self._passed += self._run.store(stage.relation, numbered)
        else:
            self._passed += self._engine.execute(f'INSERT INTO "{stage.relation}" {numbered}')
        self._taken += size
        self._run.drop(relations_of(order.stages) | {stage.batch})


def _distinct_sql(stage: FilterInBatches, order: BatchOrder, has_rows: bool) -> str:
    """Return the query for the rows of a batch that no row before them equals, in their order."""
    names = [f'"{name}"' for name in order.query.named_selects]
    columns = ", ".join(names)
    new = (
        f"SELECT {columns}, min(place) AS place "
        f"FROM (SELECT *, row_number() OVER () AS place FROM ({order.sql}) AS passed) AS placed "
        f"GROUP BY {columns}"
    )
    is_new = ""
    if has_rows:
        matches = " AND ".join(f"kept.{name} IS NOT DISTINCT FROM new.{name}" for name in names)
        is_new = f'WHERE NOT EXISTS (SELECT 1 FROM "{stage.relation}" AS kept WHERE {matches}) '
    return f"SELECT {columns} FROM ({new}) AS new {is_new}ORDER BY place"


def batch_size(taken: int, passed: int, rows_wanted: int) -> int:
    """Return how many rows to ask about next.

    The share of rows that passes is estimated from those seen, as if one of two more had passed
    (Laplace's rule of succession), so that a batch which nothing passed is followed by a larger
    one. A batch is a little smaller than that share asks for: each round costs a latency, each row
    beyond the last one needed costs a call. For LIMIT 5 this makes 1.09 to 1.13 times the calls of
    a clairvoyant, in 3 to 7 rounds, for shares from 0.5 to 0.01 (means of 500 seeds).
    """
    wanted = rows_wanted - passed
    if not taken:
        return wanted
    share = (passed + 1) / (taken + 2)
    return max(1, min(math.ceil(_EAGERNESS * wanted / share), BATCH_ROWS_MAX))
