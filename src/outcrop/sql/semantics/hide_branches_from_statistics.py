"""Texts that are NULL though no column that they are computed from is."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.origins import origins
from outcrop.sql.semantics.tree import TEXT_TYPES, engine, is_type

COMPARED = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In, exp.Nullif,
    exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike,
)  # fmt: skip

_BRANCHES = (exp.Case, exp.If, exp.Nullif, exp.Coalesce)


def hide_branches_from_statistics(node: exp.Expr) -> exp.Expr:
    """Compare a text that has branches by what it is in each row.

    Type: typed. Goal: NULL matches nothing, and no branch is missed. DuckDB 2.0 takes a predicate
    that every stored text fulfils for one that every row does whose column is not NULL, though
    NULLIF gives NULL for others too; and it fails to compare a text of which statistics, or
    constants, leave NULL alone. A function that has no statistics keeps it from both. Before:
    `NULLIF(a, 'x') IN ('x', 'y')`. After: `ltrim(NULLIF(a, 'x'), '') IN ('x', 'y')`.
    """
    if not isinstance(node, COMPARED) or node.args.get("query"):
        return node
    for operand in list(node.iter_expressions()):
        if is_type(operand, *TEXT_TYPES) and _has_branch(operand):
            operand.replace(engine("ltrim($1, '')", operand.copy(), returns="varchar"))
    return node


def _has_branch(text: exp.Expr) -> bool:
    """Tell whether a text has branches, or reads a column of a derived table that has some."""
    return any(value.find(*_BRANCHES) is not None for value in (text, *origins(text)))
