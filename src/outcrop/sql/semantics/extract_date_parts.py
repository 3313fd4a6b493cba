"""EXTRACT and DATE_PART."""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import InvalidParameter, suggest
from outcrop.sql.functions import DATE_PARTS
from outcrop.sql.nodes import position_of
from outcrop.sql.semantics.tree import engine, is_type

_ENGINE_PARTS = {"dayofweek": "dow", "dayofyear": "doy"}
_WITH_TYPES = (exp.DType.TIME, exp.DType.TIMETZ, exp.DType.TIMESTAMPTZ, exp.DType.INTERVAL)


def extract_date_parts(node: exp.Expr) -> exp.Expr:
    """Read a part of a date or a time, as a whole number.

    Type: rewriting. Goal: every spelling of a part; seconds without their fraction; text read as
    a timestamp. Before: `EXTRACT(yr FROM x)`. After: `CAST(floor(date_part('year', CAST(x AS
    TIMESTAMP))) AS BIGINT)`.
    """
    if not isinstance(node, exp.Extract):
        return node
    spelling = node.this.name.lower()
    part = DATE_PARTS.get(spelling)
    if part is None:
        raise InvalidParameter(
            f"{spelling!r} is not a date part",
            hint=suggest(spelling, DATE_PARTS) or "Date parts are year, month, day, hour ...",
            position=position_of(node),
        )
    value = node.expression
    operand = "$1" if is_type(value, *_WITH_TYPES) else "CAST($1 AS TIMESTAMP)"
    return engine(
        f"CAST(floor(date_part('{_ENGINE_PARTS.get(part, part)}', {operand})) AS BIGINT)",
        value,
        returns="bigint",
    )
