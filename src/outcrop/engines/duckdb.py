"""DuckDB as the engine: one process, one warehouse file, many sessions.

The file is attached under the private alias `STORE` to a DuckDB that lives in memory. The binder
gives every relation a physical name under that alias, and the text of a user never names it. The
engine is closed to the outside before the first statement runs: no file, no extension and no
setting can be reached through SQL, whatever the SQL is.

Invariants: `describe` never runs a query; a session has at most one open result, which the next
statement closes; every error of DuckDB's leaves this module as one of ours.
"""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import duckdb.sqltypes
import pyarrow as pa

from outcrop.catalog.objects import STORE
from outcrop.catalog.statistics import TableStatistics
from outcrop.datatypes import DataType
from outcrop.engines.base import EngineColumn
from outcrop.engines.duckdb_errors import translate, translate_open
from outcrop.engines.duckdb_statistics import ROWS_SQL, column_statistics, columns_sql
from outcrop.engines.duckdb_types import convert_type
from outcrop.errors import Error, InternalError, QueryCanceled, TransactionAborted

# Small enough for a first row at once, large enough that Python's cost a batch does not show.
_BATCH_ROWS = 8_192

_ARROW_SOURCE = "outcrop_arrow_source"

# Redshift's ways first, then the locks; `lock_configuration` comes last since it locks the rest.
# A transaction sees what there is when it begins, not when it first reads.
# A cursor takes its settings from the global ones, and may change its TimeZone alone.
_SETTINGS = (
    "SET GLOBAL integer_division = true",
    "SET GLOBAL default_null_order = 'NULLS_LAST'",
    "SET GLOBAL preserve_insertion_order = true",
    "SET GLOBAL TimeZone = 'UTC'",
    "SET GLOBAL immediate_transaction_mode = true",
    "SET GLOBAL enable_external_access = false",
    "SET GLOBAL allowed_configs = ['TimeZone']",
    "SET GLOBAL lock_configuration = true",
)

# Set before the warehouse is attached, so that no odd file makes DuckDB reach for the network, and
# no name in SQL finds a variable of the Python that called.
_CONNECT = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "python_enable_replacements": False,
}

# What DuckDB raises: its own errors, and an OSError with the same text out of an Arrow stream.
_FOREIGN = (duckdb.Error, OSError, pa.ArrowException)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _FOREIGN as error:
        raise translate(str(error), STORE) from error


def quote_identifier(name: str) -> str:
    """Return `name` as an identifier of DuckDB's SQL."""
    return '"' + name.replace('"', '""') + '"'


def _quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class DuckDbEngine:
    """A DuckDB with the warehouse file at `path` open, or an empty one in memory for None.

    Raises WarehouseBusy if another process has the file open, NotAWarehouse if it is no file of
    DuckDB's, FileUnavailable or DiskFull if it cannot be made. `temp_directory` is where large
    sorts and joins spill; it is made when needed.
    """

    dialect = "duckdb"

    def __init__(self, path: Path | None, *, temp_directory: Path | None = None) -> None:
        self._root = duckdb.connect(":memory:", config=dict(_CONNECT))
        self._sessions: weakref.WeakSet[DuckDbSession] = weakref.WeakSet()
        try:
            self._attach(path, temp_directory)
        except Error:
            self._root.close()
            raise

    def _attach(self, path: Path | None, temp_directory: Path | None) -> None:
        if temp_directory is None and path is not None:
            temp_directory = path.parent / "tmp"
        spill = "" if temp_directory is None else str(temp_directory)
        with _translated():
            self._root.execute(f"SET temp_directory = {_quote_text(spill)}")
        target = ":memory:" if path is None else str(path)
        try:
            self._root.execute(f"ATTACH {_quote_text(target)} AS {STORE} (TYPE duckdb)")
        except _FOREIGN as error:
            raise translate_open(str(error), path or Path(target)) from error
        with _translated():
            for setting in _SETTINGS:
                self._root.execute(setting)

    def open_session(self) -> DuckDbSession:
        """Return a new session. It ends with the engine, if not before."""
        with _translated():
            session = DuckDbSession(self._root.cursor())
        self._sessions.add(session)
        return session

    def close(self) -> None:
        """End every session and let go of the file. Safe to call twice."""
        for session in list(self._sessions):
            session.interrupt()
            session.close()
        self._root.close()


class DuckDbResult:
    """The open result of a query. Its rows are made while they are read."""

    def __init__(self, columns: tuple[EngineColumn, ...], reader: pa.RecordBatchReader) -> None:
        self._columns = columns
        self._reader: pa.RecordBatchReader | None = reader

    @property
    def columns(self) -> tuple[EngineColumn, ...]:
        """The columns, known before the first batch."""
        return self._columns

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows that were not read yet, then close."""
        while True:
            if self._reader is None:
                raise InternalError("the result is closed: its session has run another statement")
            try:
                with _translated():
                    batch = self._reader.read_next_batch()
            except StopIteration:
                self.close()
                return
            except Error:
                self.close()
                raise
            if batch.num_rows:
                yield batch

    def close(self) -> None:
        """Release the result. Safe to call twice."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


class DuckDbSession:
    """One cursor of DuckDB's: its own transaction, temporary relations and time zone.

    Used by one thread at a time; `interrupt` alone may come from any thread.
    """

    def __init__(self, cursor: duckdb.DuckDBPyConnection) -> None:
        self._cursor = cursor
        self._result: DuckDbResult | None = None
        self._is_interrupted = False

    def execute(self, sql: str) -> int:
        """Run a statement that gives no rows; return the number of rows it changed, 0 for DDL."""
        self._close_result()
        with self._translated():
            rows = self._cursor.execute(sql).fetchall()
        count = rows[0][0] if rows else 0
        return count if isinstance(count, int) else 0

    def query(self, sql: str) -> DuckDbResult:
        """Run a query. The next statement of the session closes its result."""
        self._close_result()
        relation, columns, exports = self._bind(sql)
        with self._translated():
            if any(exports):
                relation = self._cursor.sql(_export_sql(sql, columns, exports))
            reader = relation.to_arrow_reader(_BATCH_ROWS)
        self._result = DuckDbResult(columns, reader)
        return self._result

    def describe(self, sql: str) -> tuple[EngineColumn, ...]:
        """Return the columns of a query without running it."""
        self._close_result()
        return self._bind(sql)[1]

    def _bind(
        self, sql: str
    ) -> tuple[duckdb.DuckDBPyRelation, tuple[EngineColumn, ...], tuple[str | None, ...]]:
        """Bind a query, and that alone: anything else `sql()` would run at once."""
        with self._translated():
            statements = self._cursor.extract_statements(sql)
            if [s.type for s in statements] != [duckdb.StatementType.SELECT]:
                raise InternalError(f"not one query: {sql!r}")
            relation = self._cursor.sql(sql)
            types = [_convert(kind) for kind in relation.types]
            names = list(relation.columns)
        columns = tuple(
            EngineColumn(name, datatype) for name, (datatype, _) in zip(names, types, strict=True)
        )
        return relation, columns, tuple(export for _, export in types)

    def estimate(self, schema: str, table: str, columns: Sequence[str]) -> TableStatistics:
        """Return what is known of a stored table, without reading its rows."""
        self._close_result()
        name = ".".join(quote_identifier(part) for part in (STORE, schema, table))
        sql = columns_sql(name, [quote_identifier(column) for column in columns])
        with self._translated():
            found = self._cursor.execute(ROWS_SQL, [schema, table]).fetchone()
            facts = self._cursor.execute(sql).fetchone()
        rows = int(found[0]) if found else 0
        known = {
            column: column_statistics(value, rows)
            for column, value in zip(columns, facts or (), strict=False)
        }
        return TableStatistics(rows, known)

    def materialize(self, name: str, sql: str) -> int:
        """Store the rows of a query as temporary relation `name`; return how many they are.

        Columns keep DuckDB's own types: a VARIANT stays one.
        """
        return self.execute(f"CREATE TEMP TABLE {quote_identifier(name)} AS {sql}")

    def load_arrow(self, name: str, batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> int:
        """Store Arrow batches as temporary relation `name`; return how many rows they are.

        The batches are pulled one by one. An error that `batches` raises is raised as it is.
        """
        self._close_result()
        failures: list[BaseException] = []
        reader = pa.RecordBatchReader.from_batches(schema, _watch(batches, failures))
        with self._translated():
            self._cursor.register(_ARROW_SOURCE, reader)
        try:
            return self.execute(
                f"CREATE TEMP TABLE {quote_identifier(name)} AS SELECT * FROM {_ARROW_SOURCE}"
            )
        except Error as error:
            if failures:
                raise failures[0] from error
            raise
        finally:
            # In a transaction that has failed DuckDB lets nothing go; the rollback does.
            with contextlib.suppress(duckdb.Error):
                self._cursor.unregister(_ARROW_SOURCE)

    def drop(self, name: str) -> None:
        """Drop temporary relation `name` if it exists."""
        self.execute(f"DROP TABLE IF EXISTS temp.main.{quote_identifier(name)}")

    def begin(self) -> None:
        """Start a transaction."""
        self._is_interrupted = False
        self.execute("BEGIN TRANSACTION")

    def commit(self) -> None:
        """Commit the transaction; raises SerializationConflict if another one was first."""
        self.execute("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if one is open. Never raises."""
        with contextlib.suppress(Error):
            self.execute("ROLLBACK")

    def interrupt(self) -> None:
        """Stop what runs now, from another thread; nothing happens if nothing runs."""
        self._is_interrupted = True
        with contextlib.suppress(duckdb.Error):
            self._cursor.interrupt()

    def close(self) -> None:
        """End the session; an open transaction is undone. Safe to call twice."""
        self._close_result()
        self._cursor.close()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Translate errors; that of a transaction that an interruption has aborted as what it is.

        The interruption may have met something of which the error is not shown.
        """
        try:
            with _translated():
                yield
        except TransactionAborted as error:
            if not self._is_interrupted:
                raise
            raise QueryCanceled("canceled on the user's request") from error

    def _close_result(self) -> None:
        if self._result is not None:
            self._result.close()
            self._result = None


def _convert(kind: duckdb.sqltypes.DuckDBPyType) -> tuple[DataType, str | None]:
    is_sized = kind.id == "decimal"
    return convert_type(kind.id, str(kind), kind.children if is_sized else ())


def _export_sql(
    sql: str, columns: tuple[EngineColumn, ...], exports: tuple[str | None, ...]
) -> str:
    """Wrap a query so that its columns leave as Arrow types of ours, by position: names repeat."""
    items = ", ".join(
        f"{(export or '{0}').format(f'#{number}')} AS {quote_identifier(column.name)}"
        for number, (column, export) in enumerate(zip(columns, exports, strict=True), start=1)
    )
    return f"SELECT {items} FROM (\n{sql.rstrip().removesuffix(';')}\n) AS q"


def _watch(
    batches: Iterator[pa.RecordBatch], failures: list[BaseException]
) -> Iterator[pa.RecordBatch]:
    """Pass batches on, and keep the error that ends them: Arrow would keep its text alone."""
    try:
        yield from batches
    except BaseException as error:
        failures.append(error)
        raise
