"""CAST from and to SUPER."""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import DatatypeMismatch
from outcrop.sql.nodes import position_of
from outcrop.sql.semantics.super_values import super_as_text
from outcrop.sql.semantics.tree import DATE_TYPES, TEXT_TYPES, is_super, is_type


def cast_super_values(node: exp.Expr) -> exp.Expr:
    """Cast a SUPER as Redshift does: what does not fit is NULL.

    Type: typed. Goal: `cast_super_null_on_error`, on by default; an object or an array is no
    text. Before: `r.n::int`, `r.s::varchar`. After: `TRY_CAST(r.n AS INT)`, a CASE that gives
    NULL for objects and arrays.
    """
    if not isinstance(node, exp.Cast):
        return node
    target = node.to.this
    if target == exp.DType.SUPER:
        return _checked_target(node)
    if not is_super(node.this):
        return node
    if target in TEXT_TYPES:
        node.set("this", super_as_text(node.this))
        return node
    lax = exp.TryCast(this=node.this, to=node.to)
    lax.type = node.to
    return lax


def _checked_target(node: exp.Cast) -> exp.Expr:
    if is_type(node.this, *DATE_TYPES) and node.this.type is not None:
        raise DatatypeMismatch(
            f"cannot cast type {node.this.type.sql('outcrop').lower()} to super",
            hint="Cast it to VARCHAR first.",
            position=position_of(node),
        )
    return node
