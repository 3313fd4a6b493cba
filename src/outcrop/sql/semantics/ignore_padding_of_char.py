"""Comparisons with CHAR."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.tree import CHAR_TYPES, TEXT_TYPES, engine, is_type

COMPARISONS = (exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE)


def ignore_padding_of_char(node: exp.Expr) -> exp.Expr:
    """Compare CHAR values without their trailing blanks.

    Type: typed. Goal: trailing blanks of CHAR are insignificant. Before: `c = 'a'`. After:
    `rtrim(c) = rtrim('a')`. It does not fire where neither side is CHAR: a VARCHAR keeps its
    blanks here, since trimming every text would cost every join.
    """
    if not isinstance(node, COMPARISONS):
        return node
    sides = (node.this, node.expression)
    if any(is_type(side, *CHAR_TYPES) for side in sides):
        for key, side in zip(("this", "expression"), sides, strict=True):
            if is_type(side, *TEXT_TYPES):
                node.set(key, engine("rtrim($1)", side, returns="varchar"))
    return node
