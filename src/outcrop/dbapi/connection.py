"""Connections and cursors."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeAlias

from outcrop import errors
from outcrop.config import default_warehouse
from outcrop.datatypes import DataType
from outcrop.dbapi import exceptions
from outcrop.dbapi.exceptions import InterfaceError, ProgrammingError, translated
from outcrop.dbapi.rows import Row, RowStream
from outcrop.dbapi.shared import OpenWarehouses
from outcrop.errors import Error

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from outcrop.execution.result import Notice, Result, ResultColumn
    from outcrop.session import Session
    from outcrop.warehouse import Warehouse

Parameters: TypeAlias = Sequence[object] | Mapping[str, object]
# Name, type code, display size, internal size, precision, scale, whether NULL is possible.
ColumnDescription: TypeAlias = tuple[
    str, DataType, None, int | None, int | None, int | None, bool | None
]

# How many notices a connection keeps: the last ones.
NOTICES_MAX = 1_000

# The one state of this module: what is open in a process is a fact of that process.
_warehouses = OpenWarehouses()


def connect(
    path: str | os.PathLike[str] | None = None,
    *,
    user: str | None = None,
    autocommit: bool = True,
    create: bool = True,
) -> Connection:
    """Open the warehouse in directory `path` and return a connection to it.

    Without `path` it is $OUTCROP_WAREHOUSE, or `outcrop-warehouse` in the working directory. With
    `create`, a warehouse that does not exist is made.
    """
    directory = default_warehouse(os.environ) if path is None else Path(path)
    with translated():
        warehouse = _warehouses.acquire(directory, create=create)
        try:
            return Connection(
                warehouse,
                lambda: _warehouses.release(directory),
                user=user,
                autocommit=autocommit,
            )
        except BaseException:
            _warehouses.release(directory)
            raise


class Connection:
    """A session of one user. Its cursors share it: one runs at a time."""

    Warning = exceptions.Warning
    Error = Error
    InterfaceError = exceptions.InterfaceError
    DatabaseError = exceptions.DatabaseError
    DataError = exceptions.DataError
    OperationalError = exceptions.OperationalError
    IntegrityError = exceptions.IntegrityError
    InternalError = exceptions.InternalError
    ProgrammingError = exceptions.ProgrammingError
    NotSupportedError = exceptions.NotSupportedError

    def __init__(
        self,
        warehouse: Warehouse,
        release: Callable[[], None],
        *,
        user: str | None = None,
        autocommit: bool = True,
    ) -> None:
        self.notices: deque[Notice] = deque(maxlen=NOTICES_MAX)
        self._release = release
        self._session: Session | None = warehouse.open_session(
            user=user, on_notice=self.notices.append
        )
        self._autocommit = autocommit
        self._reading: Cursor | None = None

    @property
    def autocommit(self) -> bool:
        """Whether a statement outside of BEGIN is a transaction of its own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        if self._open_session().in_transaction:
            raise InterfaceError(
                "autocommit cannot change inside a transaction",
                hint="Call commit() or rollback() first.",
            )
        self._autocommit = value

    def cursor(self) -> Cursor:
        """Return a new cursor."""
        self._open_session()
        return Cursor(self)

    def execute(self, operation: str, parameters: Parameters | None = None) -> Cursor:
        """Run a statement in a new cursor and return that cursor."""
        return self.cursor().execute(operation, parameters)

    def commit(self) -> None:
        """End the transaction and keep what it did; without one, do nothing."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """End the transaction and undo what it did; without one, do nothing.

        The answers of models that it asked for stay in the journal.
        """
        self._end("ROLLBACK")

    def cancel(self) -> None:
        """Stop the statement that runs, from any thread: it raises, and its answers are kept."""
        self._open_session().cancel()

    def close(self) -> None:
        """Roll back and close; safe to call twice."""
        session, self._session = self._session, None
        if session is None:
            return
        try:
            with translated():
                session.close()
        finally:
            self._release()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Commit, or roll back after an exception; then close."""
        try:
            if self._session is not None and error is None:
                self.commit()
        finally:
            self.close()

    def _open_session(self) -> Session:
        if self._session is None:
            raise InterfaceError("the connection is closed", hint="Connect again.")
        return self._session

    def _run(self, cursor: Cursor, operation: str, parameters: Parameters | None) -> Result:
        """Run a statement for `cursor`; rows that another one did not fetch yet are set aside."""
        session = self._open_session()
        self._set_aside()
        with translated():
            if not self._autocommit and not session.in_transaction:
                session.execute("BEGIN").close()
            result = session.execute(operation, parameters)
        self._reading = cursor
        return result

    def _end(self, statement: str) -> None:
        session = self._open_session()
        if session.in_transaction:
            self._set_aside()
            with translated():
                session.execute(statement).close()

    @contextmanager
    def _one_transaction(self) -> Iterator[None]:
        """Make what runs inside one transaction, unless it is inside of one already."""
        session = self._open_session()
        if session.in_transaction:
            yield
            return
        self._set_aside()
        with translated():
            session.execute("BEGIN").close()
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        if self._autocommit:
            self.commit()

    def _set_aside(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            reading._read_ahead()


class Cursor:
    """Runs statements and fetches their rows."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.arraysize = 1
        self._stream: RowStream | None = None
        self._rowcount = -1
        self._is_closed = False

    @property
    def description(self) -> list[ColumnDescription] | None:
        """The columns of the result, as PEP 249 lists them; None where there is none.

        The type code is the column's `DataType`: equal to STRING, NUMBER, ..., and `str()` of it
        is Redshift's name of the type.
        """
        if self._stream is None:
            return None
        return [_describe(column) for column in self._stream.columns]

    @property
    def rowcount(self) -> int:
        """The number of rows that the last statement changed; -1 where it is not known."""
        return self._rowcount

    def execute(self, operation: str, parameters: Parameters | None = None) -> Cursor:
        """Run one statement, with a value of `parameters` for each `?`; return this cursor."""
        self._check_open()
        self._stream = None
        self._rowcount = -1
        result = self.connection._run(self, operation, parameters)
        self._rowcount = result.rowcount
        if result.columns:
            self._stream = RowStream(result)
        else:
            result.close()
        return self

    def executemany(self, operation: str, parameters: Iterable[Parameters]) -> Cursor:
        """Run one statement once for each entry of `parameters`, in one transaction."""
        self._check_open()
        count = 0
        with self.connection._one_transaction():
            for values in parameters:
                self.execute(operation, values)
                if self._stream is not None:
                    raise ProgrammingError(
                        "executemany is for statements that give no rows",
                        hint="Call execute() for each.",
                    )
                count += max(self._rowcount, 0)
        self._rowcount = count
        return self

    def fetchone(self) -> Row | None:
        """Return the next row, or None at the end."""
        with translated():
            return next(self._open_stream(), None)

    def fetchmany(self, size: int | None = None) -> list[Row]:
        """Return the next `size` rows (default: `arraysize`), fewer at the end."""
        rows = self._open_stream()
        wanted = self.arraysize if size is None else size
        with translated():
            return [row for _, row in zip(range(wanted), rows, strict=False)]

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        with translated():
            return list(self._open_stream())

    def fetch_arrow(self) -> pa.Table:
        """Return the rows that are left as an Arrow table; SUPER is JSON text."""
        stream = self._open_stream()
        with translated():
            return stream.to_table()

    def fetch_df(self) -> pd.DataFrame:
        """Return the rows that are left as a pandas data frame."""
        stream = self._open_stream()
        with translated():
            if find_spec("pandas") is None:
                raise errors.MissingDependency("fetch_df() needs pandas", hint="pip install pandas")
            frame: pd.DataFrame = stream.to_table().to_pandas()
        return frame

    def setinputsizes(self, sizes: Sequence[object]) -> None:
        """Do nothing: PEP 249 asks for it, and we need no hint."""

    def setoutputsize(self, size: int, column: int | None = None) -> None:
        """Do nothing: PEP 249 asks for it, and we need no hint."""

    def close(self) -> None:
        """Drop the rows that are left; safe to call twice."""
        self._is_closed = True
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def __iter__(self) -> Iterator[Row]:
        return self

    def __next__(self) -> Row:
        row = self.fetchone()
        if row is None:
            raise StopIteration
        return row

    def __enter__(self) -> Cursor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _check_open(self) -> None:
        if self._is_closed:
            raise InterfaceError("the cursor is closed", hint="Ask the connection for a new one.")

    def _open_stream(self) -> RowStream:
        self._check_open()
        if self._stream is None:
            raise InterfaceError(
                "there are no rows to fetch",
                hint="Only after a statement that gives rows can they be fetched.",
            )
        return self._stream

    def _read_ahead(self) -> None:
        """Hold the rows that are left in memory, since the session is about to run another one."""
        if self._stream is not None:
            with translated():
                self._stream.read_ahead()


def _describe(column: ResultColumn) -> ColumnDescription:
    kind = column.datatype
    return (column.name, kind, None, kind.length, kind.precision, kind.scale, None)
