"""The database API of Python (PEP 249) over a warehouse in this process.

    connection = outcrop.connect("shop")
    for row in connection.execute("SELECT pname FROM patients WHERE pid = ?", (101,)):
        ...

**Transactions.** A connection starts with `autocommit` on: each statement is a transaction of its
own unless BEGIN opened one, as on Redshift. With `autocommit=False`, as PEP 249 has it, a
transaction begins by itself with the first statement and ends with `commit()` or `rollback()`.
Answers of models are journaled either way: a rollback never pays for them again.

**Errors.** What is raised is of two classes at once: the one of PEP 249 that `exceptions.py`
gives it, and the one of `outcrop.errors` (so `except outcrop.ProgrammingError` and
`except outcrop.errors.UndefinedColumn` both catch a misspelt column). The base of all is
`outcrop.Error`, with `sqlstate`, `hint`, `detail` and `position`.

Threads may share the module, not a connection (except `cancel`). Connections of one process to one
directory share its warehouse. pyarrow and the engine are loaded with the first connection.
"""

from __future__ import annotations

from outcrop.dbapi.connection import Connection, Cursor, connect
from outcrop.dbapi.exceptions import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004 - PEP 249 gives the name
)
from outcrop.dbapi.type_objects import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
)
from outcrop.errors import Error

apilevel = "2.0"
threadsafety = 1
paramstyle = "qmark"

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "Binary",
    "Connection",
    "Cursor",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "paramstyle",
    "threadsafety",
]
