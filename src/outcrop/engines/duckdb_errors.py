"""DuckDB's errors as ours.

DuckDB tells its errors apart by the first words of their text (`Conversion Error: ...`), and by
those alone where one surfaces through an Arrow stream. So the text decides here in every case,
and no exception class of DuckDB's is named.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from outcrop.errors import (
    AmbiguousColumn,
    ConstraintViolated,
    DatatypeMismatch,
    DiskFull,
    DivisionByZero,
    DuplicateObject,
    Error,
    FeatureNotSupported,
    FileUnavailable,
    InternalError,
    InvalidGrouping,
    InvalidStatement,
    InvalidValue,
    NotAWarehouse,
    OutOfMemory,
    QueryCanceled,
    SerializationConflict,
    StringTooLong,
    TransactionAborted,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedRelation,
    UndefinedSchema,
    WarehouseBusy,
)

_TYPE_NAMES = {
    "INT8": "smallint",
    "INT16": "smallint",
    "INT32": "integer",
    "INT64": "bigint",
    "INT128": "numeric(38,0)",
    "BOOL": "boolean",
    "INTEGER_LITERAL": "integer",
    "STRING_LITERAL": "character varying",
    "VARCHAR": "character varying",
    "VARIANT": "super",
    "FLOAT": "real",
    "DOUBLE": "double precision",
}
# A quoted piece is a value or a name, and stays as it is.
_TYPE_WORD = re.compile(rf"'[^']*'|\"[^\"]*\"|\b(?:{'|'.join(_TYPE_NAMES)})\b")
_ADVICE = re.compile(r"\.? (Use |You might |Possible solutions)[^\n]*$")
_LENGTH_CHECK = re.compile(r'CHECK\(\(strlen\("?(.+?)"?\) <= (\d+)\)\)$')
_NOT_GROUPED = re.compile(r'column "(.+?)" must appear in the GROUP BY clause or ')
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "max_temp_directory_size")


def _clean(text: str, store: str) -> str:
    """Keep the first line, without the private alias, DuckDB's advice and its type names."""
    line = text.partition("\n")[0]
    line = re.sub(rf'"?\b{re.escape(store)}\b"?\.', "", line)
    line = _ADVICE.sub("", line)
    return _TYPE_WORD.sub(lambda word: _TYPE_NAMES.get(word[0], word[0]), line).rstrip(" .!")


def _of_constraint(message: str) -> Error:
    if match := _LENGTH_CHECK.search(message):
        return StringTooLong(
            f"value too long for column {match[1]!r}: its limit is {match[2]} bytes",
            hint="Shorten the value, or widen the column.",
        )
    return ConstraintViolated(message)


def _of_transaction(message: str) -> Error:
    if "is aborted" in message:
        return TransactionAborted("current transaction is aborted")
    if "onflict" in message:
        return SerializationConflict(
            "another transaction changed the same rows or relations first", detail=message
        )
    if "uplicate key" in message:  # a duplicate of one's own is found before the commit
        return SerializationConflict("another transaction added the same key first", detail=message)
    if "onstraint" in message:
        return ConstraintViolated(message)
    return InternalError(message)


def _of_catalog(message: str) -> Error:
    if "already exists" in message:
        return DuplicateObject(message)
    if "does not exist" not in message:
        return InternalError(message)
    if "Function" in message:
        return UndefinedFunction(message)
    if message.startswith("Schema"):
        return UndefinedSchema(message)
    return UndefinedRelation(message)


def _of_value(message: str) -> Error:
    if message.startswith("Division by zero"):
        return DivisionByZero("division by zero")
    return InvalidValue(message)


def _of_binder(message: str) -> Error:
    if grouping := _of_grouping(message):
        return grouping
    if message.startswith("Could not choose a best candidate function"):
        called = re.search(r'function call "(.*?)"', message)
        return DatatypeMismatch(
            f"it is not clear which types are meant in {called[1] if called else message!r}",
            hint="Cast the arguments to the types that you mean.",
        )
    if message.startswith("Ambiguous reference"):
        return AmbiguousColumn(message)
    if message.startswith(("No function matches", "Cannot ")) or "types" in message:
        return DatatypeMismatch(message, hint="Cast one side to the type of the other.")
    if message.startswith("Referenced ") or "does not have a column" in message:
        return UndefinedColumn(message)
    return InvalidStatement(message)


def _of_grouping(message: str) -> Error | None:
    """Return the error for a query whose grouping is wrong, in the words of Redshift."""
    if match := _NOT_GROUPED.match(message):
        return InvalidGrouping(
            f"column {match[1]!r} must appear in the GROUP BY clause or be used in an aggregate "
            "function",
            hint="Add it to GROUP BY, or take its MIN, MAX or the like.",
        )
    if message.endswith("clause cannot contain aggregates"):
        clause = message.partition(" clause")[0]
        return InvalidGrouping(
            f"aggregates not allowed in {clause} clause",
            hint="Put the condition into HAVING." if clause == "WHERE" else None,
        )
    if message == "aggregate function calls cannot be nested":
        return InvalidGrouping(
            "aggregate function calls may not have nested aggregate or window function",
            hint="Compute the inner one in a subquery.",
        )
    return None


def _of_io(message: str) -> Error:
    return FileUnavailable(message, hint="Check that the warehouse's directory can be written.")


def _of_memory(message: str) -> Error:
    return OutOfMemory(
        "the query needs more memory than there is",
        detail=message,
        hint="Read fewer rows or columns at once, or free some memory.",
    )


def _canceled(_message: str) -> Error:
    return QueryCanceled("canceled on the user's request")


_BY_KIND: dict[str, Callable[[str], Error]] = {
    "Conversion": InvalidValue,
    "Out of Range": _of_value,
    "Invalid Input": _of_value,
    "Invalid Type": DatatypeMismatch,
    "Mismatch Type": DatatypeMismatch,
    "Constraint": _of_constraint,
    "TransactionContext": _of_transaction,
    "Catalog": _of_catalog,
    "Binder": _of_binder,
    "Dependency": InvalidStatement,
    "Not implemented": FeatureNotSupported,
    "INTERRUPT": _canceled,
    "Out of Memory": _of_memory,
    "IO": _of_io,
}


def translate(text: str, store: str) -> Error:
    """Return our error for the text of one of DuckDB's; `store` is the alias to leave out.

    What no user can cause (a parser error, a permission, a broken invariant) is an InternalError.
    """
    kind, colon, rest = text.partition(" Error: ")
    if not colon:
        kind, rest = "", text
    if any(sign in text for sign in _DISK_FULL):
        return DiskFull(
            "the disk is full", detail=_clean(rest, store), hint="Free some space; run it again."
        )
    message = _clean(rest, store)
    if kind in _BY_KIND:
        return _BY_KIND[kind](message)
    return InternalError(f"{kind} error: {message}" if kind else message, detail=text)


def translate_open(text: str, path: Path) -> Error:
    """Return our error for the text with which DuckDB refused to open the file at `path`."""
    if match := re.search(r"Conflicting lock is held in (.*?) ?\(PID (\d+)\)", text):
        return WarehouseBusy(
            f"warehouse {str(path)!r} is open in another process: {match[1]} (pid {match[2]})",
            hint="End that process, or use another warehouse.",
        )
    if "Could not set lock" in text:
        return WarehouseBusy(
            f"warehouse {str(path)!r} is open in another process",
            hint="End that process, or use another warehouse.",
        )
    if "already attached" in text:
        return WarehouseBusy(
            f"warehouse {str(path)!r} is open already in this process",
            hint="Close it there, or open a session of it.",
        )
    if "not a valid DuckDB database" in text or "version number" in text:
        return NotAWarehouse(
            f"{str(path)!r} is not the file of a warehouse, or one of another version",
            detail=text.partition("\n")[0],
            hint="Move the file away to start an empty warehouse, or name another directory.",
        )
    if any(sign in text for sign in _DISK_FULL):
        return DiskFull(f"no space to create {str(path)!r}", hint="Free some space.")
    return FileUnavailable(
        f"cannot open {str(path)!r}: {text.partition(': ')[2].partition(chr(10))[0]}",
        hint="Check the path and its permissions.",
    )
