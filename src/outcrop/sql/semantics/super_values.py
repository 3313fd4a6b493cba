"""The engine's SQL for what a SUPER value is, shared by the rules about SUPER.

A SUPER is DuckDB's VARIANT. `variant_typeof` gives UINT64, INT8, DOUBLE, DECIMAL(3,1), VARCHAR,
BOOL_TRUE, OBJECT(a, b), ARRAY(3), VARIANT_NULL ...; Redshift's operators and casts are lax: what
does not fit gives NULL (developer guide, "Lax semantics").
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.tree import engine

IS_OBJECT = "starts_with(variant_typeof($1), 'OBJECT')"
IS_ARRAY = "starts_with(variant_typeof($1), 'ARRAY')"
IS_TEXT = "(variant_typeof($1) = 'VARCHAR')"
IS_BOOLEAN = "starts_with(variant_typeof($1), 'BOOL')"
IS_INTEGER = "regexp_matches(variant_typeof($1), '^U?INT[0-9]+$')"
IS_DECIMAL = "starts_with(variant_typeof($1), 'DECIMAL')"
IS_FLOAT = "(variant_typeof($1) IN ('DOUBLE', 'FLOAT'))"
IS_NUMBER = "regexp_matches(variant_typeof($1), '^(U?INT|DOUBLE|FLOAT|DECIMAL)')"

_AS_TEXT = (
    f"CASE WHEN {IS_OBJECT} OR {IS_ARRAY} THEN NULL "
    f"WHEN {IS_FLOAT} THEN CAST(to_json($1) AS VARCHAR) ELSE CAST($1 AS VARCHAR) END"
)


def super_as_text(value: exp.Expr) -> exp.Expr:
    """Return a SUPER as VARCHAR: a string without quotes; NULL for an object or an array."""
    return engine(_AS_TEXT, value, returns="varchar")


def super_as(value: exp.Expr, datatype: str) -> exp.Expr:
    """Return a SUPER as another type; NULL where it cannot be one."""
    return engine(f"TRY_CAST($1 AS {datatype})", value, returns=datatype)
