"""DuckDB's types as ours, and how a column of each leaves the engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from outcrop.datatypes import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    SUPER,
    TIMESTAMP,
    UNKNOWN,
    VARCHAR,
    DataType,
    TypeKind,
)

_SMALLINT = DataType(TypeKind.SMALLINT)
_WIDEST = DataType(TypeKind.DECIMAL, precision=38, scale=0)
_JSON_TEXT = "to_json({0})::VARCHAR"
_TEXT = "{0}::VARCHAR"

# DuckDB's name of a type -> ours, and the expression that makes Arrow's type the one that ours
# promises; None where it is that already. Arrow has no TIMETZ, so that one leaves as text.
_EXPORTS: Mapping[str, tuple[DataType, str | None]] = MappingProxyType(
    {
        "boolean": (BOOLEAN, None),
        "tinyint": (_SMALLINT, "{0}::SMALLINT"),
        "utinyint": (_SMALLINT, "{0}::SMALLINT"),
        "smallint": (_SMALLINT, None),
        "usmallint": (INTEGER, "{0}::INTEGER"),
        "integer": (INTEGER, None),
        "uinteger": (BIGINT, "{0}::BIGINT"),
        "bigint": (BIGINT, None),
        "ubigint": (_WIDEST, "{0}::DECIMAL(38,0)"),
        "hugeint": (_WIDEST, None),
        "uhugeint": (_WIDEST, None),
        "float": (DataType(TypeKind.REAL), None),
        "double": (DOUBLE, None),
        "varchar": (VARCHAR, None),
        "uuid": (VARCHAR, _TEXT),
        "enum": (VARCHAR, _TEXT),
        "bit": (VARCHAR, _TEXT),
        "blob": (DataType(TypeKind.VARBYTE), None),
        "date": (DataType(TypeKind.DATE), None),
        "time": (DataType(TypeKind.TIME), None),
        "time with time zone": (DataType(TypeKind.TIMETZ), _TEXT),
        "timestamp": (TIMESTAMP, None),
        "timestamp_s": (TIMESTAMP, "{0}::TIMESTAMP"),
        "timestamp_ms": (TIMESTAMP, "{0}::TIMESTAMP"),
        "timestamp_ns": (TIMESTAMP, "{0}::TIMESTAMP"),
        "timestamp with time zone": (DataType(TypeKind.TIMESTAMPTZ), None),
        "interval": (DataType(TypeKind.INTERVAL), None),
        "variant": (SUPER, _JSON_TEXT),
        "list": (SUPER, _JSON_TEXT),
        "array": (SUPER, _JSON_TEXT),
        "struct": (SUPER, _JSON_TEXT),
        "map": (SUPER, _JSON_TEXT),
        "union": (SUPER, _JSON_TEXT),
    }
)


def convert_type(
    type_id: str, spelling: str, parameters: Sequence[tuple[str, object]]
) -> tuple[DataType, str | None]:
    """Return our type for one of DuckDB's, and the expression over `{0}` that exports it.

    `type_id` is the bare name, `spelling` the full one, `parameters` those of a DECIMAL. A type
    that has no twin leaves as text; JSON is a VARCHAR by another spelling.
    """
    if spelling == "JSON":
        return SUPER, None
    if type_id == "decimal":
        sizes = {name: value for name, value in parameters if isinstance(value, int)}
        return (
            DataType(TypeKind.DECIMAL, precision=sizes["precision"], scale=sizes["scale"]),
            None,
        )
    return _EXPORTS.get(type_id, (UNKNOWN, _TEXT))
