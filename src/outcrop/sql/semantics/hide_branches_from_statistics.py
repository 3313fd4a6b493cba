"""Texts that are NULL though no column that they are computed from is."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from outcrop.sql.origins import origins
from outcrop.sql.semantics.tree import TEXT_TYPES, engine, is_type

_MATCHES = (exp.Like, exp.ILike, exp.SimilarTo, exp.RegexpLike, exp.RegexpILike, exp.In)
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
COMPARED = (*_MATCHES, *_COMPARISONS)

_BRANCHES = (exp.Case, exp.If, exp.Nullif, exp.Coalesce)


def hide_branches_from_statistics(node: exp.Expr) -> exp.Expr:
    """Compare a text that has branches by what it is in each row.

    Type: typed. Goal: NULL matches nothing, and no branch is missed. DuckDB 2.0 takes a predicate
    that every stored text fulfils for one that every row does whose column is not NULL, though
    NULLIF gives NULL for others too; and it fails where statistics leave NULL alone of a CASE over
    constants that is compared. A function that has no statistics keeps it from both. Before:
    `NULLIF(a, 'x') IN ('x', 'y')`. After: `ltrim(NULLIF(a, 'x'), '') IN ('x', 'y')`.
    """
    if isinstance(node, _COMPARISONS):
        for key in ("this", "expression"):
            _hide(node, key, _is_constant_case)
    elif isinstance(node, _MATCHES) and not node.args.get("query"):
        _hide(node, "this", _has_branch)
    return node


def _hide(node: exp.Expr, key: str, is_hidden: Callable[[exp.Expr], bool]) -> None:
    text = node.args[key]
    if is_type(text, *TEXT_TYPES) and is_hidden(text):
        node.set(key, engine("ltrim($1, '')", text, returns="varchar"))


def _is_constant_case(text: exp.Expr) -> bool:
    """Tell whether a text is a CASE over constants, or reads a column that is one."""
    return any(map(_gives_constants, (text.unnest(), *origins(text))))


def _gives_constants(value: exp.Expr) -> bool:
    if not isinstance(value, exp.Case):
        return False
    default = value.args.get("default")
    branches = [branch.args["true"] for branch in value.args["ifs"]]
    given = branches if default is None else [*branches, default]
    return all(branch.find(exp.Column) is None for branch in given)


def _has_branch(text: exp.Expr) -> bool:
    """Tell whether a text has branches, or reads a column of a derived table that has some."""
    return any(value.find(*_BRANCHES) is not None for value in (text, *origins(text)))
