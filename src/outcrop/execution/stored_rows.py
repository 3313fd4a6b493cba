"""Rows of the engine's relations, read as Python values: few rows, or one number."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from outcrop.engines.base import EngineSession


def rows_of(engine: EngineSession, sql: str) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a query, which is read to its end first."""
    batches: list[pa.RecordBatch] = list(engine.query(sql).batches())
    for batch in batches:
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def count_rows(engine: EngineSession, relation: str, condition: str = "true") -> int:
    """Return how many rows of a stored relation a condition selects."""
    [row] = rows_of(engine, f'SELECT count(*) FROM "{relation}" WHERE {condition}')
    [count] = row
    assert isinstance(count, int)
    return count
