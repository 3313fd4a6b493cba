"""What a statement gives: rows that stream, a tag, and notices along the way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from outcrop.datatypes import DataType
from outcrop.engines.base import EngineColumn

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that a statement says beside its result; `severity` is NOTICE, WARNING or INFO."""

    severity: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """A column of a result, as the client sees it."""

    name: str
    datatype: DataType


class Result:
    """The result of one statement.

    `tag` names the statement (`SELECT`, `CREATE TABLE`); `columns` are empty where it gives no
    rows; `rowcount` is the number of rows that it changed, -1 where that makes no sense. The rows
    stream once, and are released by `close`, by the last row, or by the session's next statement;
    `has_failed` is set by an error that came while they were read.
    """

    def __init__(
        self,
        tag: str,
        columns: tuple[ResultColumn, ...] = (),
        *,
        rowcount: int = -1,
        rows: Rows | None = None,
    ) -> None:
        self.tag = tag
        self.columns = columns
        self.rowcount = rowcount
        self._rows = rows
        self.has_failed = False
        self._reading: Callable[[], AbstractContextManager[None]] = nullcontext
        self._on_close: Callable[[], None] | None = None

    def watch(
        self, reading: Callable[[], AbstractContextManager[None]], on_close: Callable[[], None]
    ) -> None:
        """Have rows read within `reading()`, and `on_close` called once when they are released."""
        self._reading = reading
        self._on_close = on_close

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches, under the names of `columns`; SUPER is JSON text."""
        if self._rows is None:
            return
        names = [column.name for column in self.columns]
        try:
            with self._reading():
                for batch in self._rows.batches():
                    yield batch.rename_columns(names)
        except Exception:
            self.has_failed = True
            raise
        finally:
            self.close()

    def rows(self) -> Iterator[tuple[object, ...]]:
        """Yield the rows as tuples of Python values."""
        for batch in self.batches():
            yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)

    def close(self) -> None:
        """Release the rows. Safe to call twice."""
        if self._rows is not None:
            self._rows.close()
            self._rows = None
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()


class Rows(Protocol):
    """Where a result's rows come from: the engine, a stream, or the command itself."""

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns, as the engine types them; known before the first batch."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches, once."""
        ...

    def close(self) -> None:
        """Let the rows go. Safe to call twice."""
        ...


class StoredRows:
    """Rows that a command made by itself."""

    def __init__(self, columns: tuple[ResultColumn, ...], rows: list[tuple[object, ...]]) -> None:
        self._columns = columns
        self._rows = rows

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns."""
        return tuple(EngineColumn(column.name, column.datatype) for column in self._columns)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows, once."""
        import pyarrow as pa

        from outcrop.execution.arrow_columns import text_column

        rows, self._rows = self._rows, []
        if rows:
            columns = [
                text_column(values)
                if all(isinstance(value, str) for value in values)
                else pa.array(values)
                for values in zip(*rows, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, names=[c.name for c in self._columns])

    def close(self) -> None:
        """Let the rows go."""
        self._rows = []
