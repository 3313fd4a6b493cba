"""Ask for a subquery that stands by itself only if a row of the query around it evaluates it.

Type:   query rewrite
Goal:   a subquery in a branch that no row takes makes no calls.
Before: SELECT CASE WHEN t.i > 9 THEN (SELECT MAX(f(u.b)) FROM u) END AS c FROM t
After:  SELECT CASE WHEN t.i > 9 THEN (SELECT MAX(f(u.b)) FROM u
        WHERE EXISTS (SELECT 1 FROM t WHERE t.i > 9)) END AS c FROM t

The condition is that of the branch, and what WHERE asks besides, as far as both are cheap. Does not
fire where there is none, where the rows of the query around need answers, above its groups, nor in
the ON of a join.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from outcrop.planner.blocks import (
    blocks,
    conjuncts,
    has_random,
    is_aggregated,
    own_aggregates,
    own_windows,
    reader_of,
    set_condition,
    source_names,
    upper_clauses,
)
from outcrop.planner.guards import guard_of
from outcrop.planner.model_call import has_call


def guard_subqueries(query: exp.Query) -> exp.Query:
    """Return `query` with a condition in each subquery that calls a model and may be idle."""
    for block in blocks(query):
        for part in list(_evaluated_by_row(block)):
            for holder in list(_holders(part)):
                _guard(block, part, holder)
    return query


def _evaluated_by_row(block: exp.Select) -> Iterator[exp.Expr]:
    """Yield the parts of a block that it evaluates for each row that it reads."""
    yield from conjuncts(block.args.get("where"))
    if not is_aggregated(block):
        yield from (part for part in upper_clauses(block) if not isinstance(part, exp.Where))


def _holders(part: exp.Expr) -> Iterator[exp.Expr]:
    """Yield IN, EXISTS, and the subqueries that are values, each with a call within."""
    for node in part.walk(prune=lambda n: isinstance(n, exp.Subquery | exp.Exists)):
        is_in = isinstance(node, exp.In) and node.args.get("query") is not None
        is_value = isinstance(node, exp.Subquery) and not isinstance(node.parent, exp.In)
        if (is_in or is_value or isinstance(node, exp.Exists)) and has_call(_subquery(node)):
            yield node


def _subquery(holder: exp.Expr) -> exp.Expr:
    query: exp.Expr = holder.args["query"] if isinstance(holder, exp.In) else holder
    return query.this if isinstance(query, exp.Subquery | exp.Exists) else query


def _guard(block: exp.Select, part: exp.Expr, holder: exp.Expr) -> None:
    """Add to a subquery the condition that a row of `block` evaluates it."""
    inner, known = _subquery(holder), source_names(block)
    around = reader_of(block)
    conditions = [
        condition
        for condition in (
            *(other for other in conjuncts(block.args.get("where")) if other is not part),
            *conjuncts(guard_of(holder, part)),
        )
        if _is_cheap(condition, known)
    ]
    if not isinstance(inner, exp.Select) or not conditions or has_call(around):
        return
    if not has_random(around):
        set_condition(around, "where", [condition.copy() for condition in conditions])
        is_needed = exp.Exists(this=around)
        set_condition(inner, "where", [*conjuncts(inner.args.get("where")), is_needed])


def _is_cheap(condition: exp.Expr, known: set[str]) -> bool:
    """Tell whether a condition is decided by the rows of the relations `known` alone."""
    return (
        not has_call(condition)
        and condition.find(exp.Query) is None
        and not has_random(condition)
        and not own_windows(condition)
        and not own_aggregates(condition)
        and all(column.table in known for column in condition.find_all(exp.Column))
    )
