"""Outcrop: a SQL warehouse in which large language models are SQL functions.

    import outcrop

    with outcrop.connect("shop") as connection:
        connection.execute("SELECT 1").fetchall()

The names of PEP 249 stand here, as a driver's do; see `outcrop.dbapi`. They are loaded when they
are first used, so that `import outcrop` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outcrop import errors
    from outcrop.dbapi import (
        BINARY,
        DATETIME,
        NUMBER,
        ROWID,
        STRING,
        Binary,
        Connection,
        Cursor,
        DatabaseError,
        DataError,
        Date,
        DateFromTicks,
        Error,
        IntegrityError,
        InterfaceError,
        InternalError,
        NotSupportedError,
        OperationalError,
        ProgrammingError,
        Time,
        TimeFromTicks,
        Timestamp,
        TimestampFromTicks,
        Warning,  # noqa: A004 - PEP 249 gives the name
        apilevel,
        connect,
        paramstyle,
        threadsafety,
    )
    from outcrop.execution.result import Notice
    from outcrop.session import Session
    from outcrop.warehouse import Warehouse

    __version__: str

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
    "Notice",
    "OperationalError",
    "ProgrammingError",
    "Session",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warehouse",
    "Warning",
    "__version__",
    "apilevel",
    "connect",
    "errors",
    "paramstyle",
    "threadsafety",
]

# Where the names come from that are not those of PEP 249.
_ELSEWHERE = {
    "Notice": "outcrop.execution.result",
    "Session": "outcrop.session",
    "Warehouse": "outcrop.warehouse",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: Any
    if name == "__version__":
        value = importlib.import_module("importlib.metadata").version("outcrop")
    elif name == "errors":
        value = importlib.import_module("outcrop.errors")
    else:
        value = getattr(importlib.import_module(_ELSEWHERE.get(name, "outcrop.dbapi")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
