"""Settle conditions of which the value is known before any row is read.

Type:   query rewrite
Goal:   what cannot hold asks no model, and what always holds is no reason to ask one.
Before: SELECT t.i FROM t WHERE f(t.p) = 'x' AND COALESCE('no', t.q) IS NULL
After:  SELECT t.i FROM t WHERE f(t.p) = 'x' AND FALSE

sqlglot compares literals, and no more: here a value is known to be NULL, or not to be, whatever the
columns are, and a text is known to match a pattern. Does not fire on values, nor in HAVING and
QUALIFY, where an expression may be one of GROUP BY and must stay as that is written.
"""

from __future__ import annotations

import re

from sqlglot import exp

from outcrop.planner.blocks import blocks
from outcrop.planner.nulls import is_never_null, is_null_of_nulls

_COMPARISONS = (exp.Like, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE)
_CONDITIONS = (*_COMPARISONS, exp.Is, exp.Between, exp.In)


def settle_constant_conditions(query: exp.Query) -> exp.Query:
    """Return `query` with what is known of its conditions."""
    for block in blocks(query):
        clauses = [join.args.get("on") for join in block.args.get("joins") or []]
        clauses.append(block.args.get("where"))
        for clause in clauses:
            for node in _conditions(clause) if clause is not None else ():
                if (known := _known(node)) is not None:
                    node.replace(known)
    return query


def _conditions(clause: exp.Expr) -> list[exp.Expr]:
    """Return the conditions in a clause, but not those of its subqueries, which have their own."""
    within = clause.walk(prune=lambda node: isinstance(node, exp.Query))
    return [node for node in within if isinstance(node, _CONDITIONS)]


def _known(node: exp.Expr) -> exp.Expr | None:
    """Return the value of a condition, or None where it depends on the row."""
    match node:
        case exp.Is(this=value, expression=exp.Null()):
            if is_never_null(value):
                return exp.false()
            return exp.true() if _is_always_null(value) else None
        case exp.Is():
            return None
        case exp.Like(this=exp.Literal(), expression=exp.Literal()):
            return _match(node)
        case exp.In() | exp.Between():
            is_null = not node.args.get("query") and _is_always_null(node.this)
        case _:
            is_null = _is_always_null(node.this) or _is_always_null(node.expression)
    return exp.cast(exp.null(), "boolean") if is_null else None


def _is_always_null(value: exp.Expr) -> bool:
    return is_null_of_nulls(value, frozenset())


def _match(like: exp.Like) -> exp.Expr | None:
    """Return whether a literal is like another, if that escapes nothing."""
    text, pattern = like.this.this, like.expression.this
    if "\\" in pattern or isinstance(like.parent, exp.Escape):
        return None
    wild = {"%": ".*", "_": "."}
    regex = "".join(wild.get(character) or re.escape(character) for character in pattern)
    return exp.true() if re.fullmatch(regex, text, re.DOTALL) else exp.false()
