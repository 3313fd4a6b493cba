"""Operators on SUPER values, whose types are known when they run."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.super_values import IS_INTEGER, IS_NUMBER, IS_TEXT, super_as_text
from outcrop.sql.semantics.tree import (
    DATE_TYPES,
    NUMBER_TYPES,
    TEXT_TYPES,
    engine,
    is_super,
    is_type,
)

_ARITHMETIC: dict[type[exp.Expr], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}
_ORDER: dict[type[exp.Expr], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">="}
_TEXT_OPERATORS = (exp.DPipe, exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike)
_SUMS = (exp.Sum, exp.Avg, exp.Median, exp.Stddev, exp.StddevSamp, exp.StddevPop)

OPERATORS = (*_ARITHMETIC, *_ORDER, *_TEXT_OPERATORS, *_SUMS)
"""The operators and functions that take SUPER values."""


def calculate_with_super_values(node: exp.Expr) -> exp.Expr:
    """Calculate with and compare SUPER values by the types that they have at run time.

    Type: typed. Goal: whole numbers stay whole; a comparison of order between different types
    gives NULL, as Redshift's dynamic typing has it. Before: `r.n + 1`, `r.n > 3`. After: a CASE
    over `variant_typeof`.
    """
    if type(node) in _ARITHMETIC and (is_super(node.this) or is_super(node.expression)):
        return _calculate(node.this, _ARITHMETIC[type(node)], node.expression)
    if type(node) in _ORDER and (is_super(node.this) or is_super(node.expression)):
        return _compare(node.this, _ORDER[type(node)], node.expression)
    if isinstance(node, _TEXT_OPERATORS):
        for key in ("this", "expression"):
            if is_super(node.args[key]):
                node.set(key, super_as_text(node.args[key]))
    if isinstance(node, _SUMS) and is_super(node.this):
        node.set("this", engine("TRY_CAST($1 AS DOUBLE)", node.this, returns="double"))
    return node


def _calculate(left: exp.Expr, operator: str, right: exp.Expr) -> exp.Expr:
    """The casts are lax since the engine may evaluate them before the conditions around them."""
    left_is, right_is = IS_INTEGER, IS_INTEGER.replace("$1", "$2")
    left_number, right_number = IS_NUMBER, IS_NUMBER.replace("$1", "$2")
    return engine(
        f"CASE WHEN {left_is} AND {right_is} "
        f"THEN CAST(TRY_CAST($1 AS BIGINT) {operator} TRY_CAST($2 AS BIGINT) AS VARIANT) "
        f"WHEN {left_number} AND {right_number} "
        f"THEN CAST(TRY_CAST($1 AS DOUBLE) {operator} TRY_CAST($2 AS DOUBLE) AS VARIANT) END",
        _as_super(left),
        _as_super(right),
        returns="super",
    )


def _as_super(value: exp.Expr) -> exp.Expr:
    return value if is_super(value) else engine("CAST($1 AS VARIANT)", value, returns="super")


def _compare(left: exp.Expr, operator: str, right: exp.Expr) -> exp.Expr:
    super_side = "$1" if is_super(left) else "$2"
    other = right if is_super(left) else left
    if is_type(other, *DATE_TYPES) and other.type is not None:
        casted = f"TRY_CAST({super_side} AS {other.type.sql('duckdb')})"
        text = f"({casted} {operator} $2)" if super_side == "$1" else f"($1 {operator} {casted})"
        return engine(text, left, right, returns="boolean")
    if is_type(other, *NUMBER_TYPES):
        guard = IS_NUMBER.replace("$1", super_side)
    elif is_type(other, *TEXT_TYPES):
        guard = IS_TEXT.replace("$1", super_side)
    else:
        numbers = f"{IS_NUMBER} AND {IS_NUMBER.replace('$1', '$2')}"
        texts = f"{IS_TEXT} AND {IS_TEXT.replace('$1', '$2')}"
        guard = f"({numbers}) OR ({texts})"
    return engine(
        f"CASE WHEN {guard} THEN $1 {operator} $2 END",
        _as_super(left),
        _as_super(right),
        returns="boolean",
    )
