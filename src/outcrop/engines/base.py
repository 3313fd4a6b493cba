"""What a relational engine offers: SQL text of its own dialect in, Arrow batches out.

The executor speaks to engines through this interface alone. An engine knows nothing of models,
of Redshift or of our catalog: it is handed SQL that is already its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from outcrop.catalog.statistics import TableStatistics
from outcrop.datatypes import DataType

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class EngineColumn:
    """A column of a result, as the engine types it."""

    name: str
    datatype: DataType


class EngineResult(Protocol):
    """An open result. Its batches stream; it must be closed before its session runs again."""

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns, known before the first batch."""
        ...

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches; SUPER columns arrive as JSON text."""
        ...

    def close(self) -> None:
        """Release the result. Safe to call twice."""
        ...


class EngineSession(Protocol):
    """One connection: transactions, temporary relations and one statement at a time."""

    def execute(self, sql: str) -> int:
        """Run a statement that gives no rows; return the number of rows it changed."""
        ...

    def query(self, sql: str) -> EngineResult:
        """Run a query; its rows stream."""
        ...

    def describe(self, sql: str) -> tuple[EngineColumn, ...]:
        """Return the columns of a query without running it."""
        ...

    def estimate(self, schema: str, table: str, columns: Sequence[str]) -> TableStatistics:
        """Return what is known of a stored table, without reading its rows."""
        ...

    def materialize(self, name: str, sql: str) -> int:
        """Store the rows of a query as temporary relation `name`; return how many they are."""
        ...

    def load_arrow(self, name: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> int:
        """Store Arrow batches as temporary relation `name`; return how many rows they are."""
        ...

    def drop(self, name: str) -> None:
        """Drop temporary relation `name` if it exists."""
        ...

    def begin(self) -> None:
        """Start a transaction."""
        ...

    def commit(self) -> None:
        """Commit the transaction; raises SerializationConflict if another one was first."""
        ...

    def rollback(self) -> None:
        """Undo the transaction, if one is open. Never raises."""
        ...

    def interrupt(self) -> None:
        """Stop what runs now, from another thread: it raises QueryCanceled."""
        ...

    def close(self) -> None:
        """End the session. Safe to call twice."""
        ...


class Engine(Protocol):
    """A relational engine with one warehouse open."""

    @property
    def dialect(self) -> str:
        """The name of the sqlglot dialect in which it is spoken to."""
        ...

    def open_session(self) -> EngineSession:
        """Return a new session."""
        ...

    def close(self) -> None:
        """Close the warehouse. Safe to call twice."""
        ...
