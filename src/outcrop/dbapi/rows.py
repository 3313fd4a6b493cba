"""The rows of a result, as tuples or as Arrow tables."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from outcrop.datatypes import DataType, TypeKind

if TYPE_CHECKING:
    import pyarrow as pa

    from outcrop.execution.result import Result, ResultColumn

Row: TypeAlias = tuple[Any, ...]


class RowStream:
    """The rows of a result that are left: row by row or as batches, whichever is asked for next."""

    def __init__(self, result: Result) -> None:
        self.columns = result.columns
        self._result = result
        self._batches = result.batches()
        self._batch: pa.RecordBatch | None = None
        self._rows: deque[Row] = deque()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        while not self._rows:
            self._batch = next(self._batches)
            self._rows.extend(batch_rows(self._batch))
        return self._rows.popleft()

    def to_table(self) -> pa.Table:
        """Return the rows that are left as a table, and leave none."""
        import pyarrow as pa

        batches = list(self._rest())
        if batches:
            return pa.Table.from_batches(batches)
        return arrow_schema(self.columns).empty_table()

    def read_ahead(self) -> None:
        """Fetch everything that is left."""
        self._batches = iter(list(self._batches))

    def close(self) -> None:
        """Drop what is left."""
        self._batches = iter(())
        self._rows.clear()
        self._result.close()

    def _rest(self) -> Iterator[pa.RecordBatch]:
        if self._batch is not None and self._rows:
            yield self._batch.slice(self._batch.num_rows - len(self._rows))
        self._rows.clear()
        yield from self._batches


def batch_rows(batch: pa.RecordBatch) -> Iterator[Row]:
    """Return the rows of `batch` as tuples of Python values."""
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def arrow_schema(columns: Sequence[ResultColumn]) -> pa.Schema:
    """Return the schema that batches of these columns have, for a result without a batch."""
    import pyarrow as pa

    return pa.schema([(column.name, _arrow_type(column.datatype)) for column in columns])


def _arrow_type(datatype: DataType) -> pa.DataType:
    import pyarrow as pa

    if datatype.kind is TypeKind.DECIMAL:
        return pa.decimal128(datatype.precision or 38, datatype.scale or 0)
    return {
        TypeKind.SMALLINT: pa.int16(),
        TypeKind.INTEGER: pa.int32(),
        TypeKind.BIGINT: pa.int64(),
        TypeKind.REAL: pa.float32(),
        TypeKind.DOUBLE: pa.float64(),
        TypeKind.BOOLEAN: pa.bool_(),
        TypeKind.DATE: pa.date32(),
        TypeKind.TIME: pa.time64("us"),
        TypeKind.TIMESTAMP: pa.timestamp("us"),
        TypeKind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
        TypeKind.INTERVAL: pa.month_day_nano_interval(),
        TypeKind.VARBYTE: pa.binary(),
    }.get(datatype.kind, pa.string())
