"""Move predicates on the rows of a set operation into each of its arms.

Type:   query rewrite
Goal:   fewer rows of an arm reach a model.
Before: SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t UNION ALL SELECT u.i, u.b FROM u) AS s
        WHERE s.i = 2
After:  SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i = 2
        UNION ALL SELECT u.i, u.b FROM u WHERE u.i = 2) AS s

UNION, INTERSECT and EXCEPT, with and without ALL, compare whole rows, and so does a filter: it may
come first. Does not fire where an arm groups, cuts or makes rows distinct, on predicates that call
a model, and on a source whose rows an outer join extends with NULL. What was moved goes on down.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import replace_aliases

from outcrop.planner.blocks import (
    blocks,
    conjuncts,
    is_null_extended,
    is_plain,
    set_condition,
    sources,
)
from outcrop.planner.model_call import has_call
from outcrop.planner.rules.push_predicates_down import push_predicates_down


def push_predicates_into_arms(query: exp.Query) -> exp.Query:
    """Return `query` with its predicates in the arms of its set operations."""
    is_changed = False
    for block in reversed(blocks(query)):
        for condition, source in filtered_subqueries(block):
            if isinstance(source.this, exp.SetOperation):
                is_changed |= _push(condition, source)
    return push_predicates_down(query) if is_changed else query


def filtered_subqueries(block: exp.Select) -> list[tuple[exp.Expr, exp.Subquery]]:
    """Return the subqueries that a block reads, each with a condition on its rows."""
    where = block.args.get("where")
    kept = [source for source in sources(block) if not is_null_extended(block, source)]
    found = [(where, source) for source in kept]
    for join in block.args.get("joins") or []:
        filtered = {"": kept, "LEFT": [join.this]}.get(join.side, [])
        found += [(join.args.get("on"), source) for source in filtered]
    return [
        (condition, source)
        for condition, source in found
        if condition is not None and isinstance(source, exp.Subquery)
    ]


def _push(condition: exp.Expr, source: exp.Subquery) -> bool:
    """Move the parts of a condition that speak of `source` alone; return whether there are any."""
    arms = _arms(source.this)
    parts = [part for part in conjuncts(condition) if is_about(part, source.alias)]
    if arms is None or not parts:
        return False
    names = source.this.named_selects
    for part in parts:
        for arm in arms:
            lowered = replace_aliases(_renamed(arm, names), part)
            set_condition(arm, "where", [*conjuncts(arm.args.get("where")), lowered])
        part.replace(exp.true())
    return True


def _arms(operation: exp.Expr) -> list[exp.Select] | None:
    """Return the arms of a set operation; None if one of them is not open to a filter."""
    node = operation.unnest() if isinstance(operation, exp.Subquery) else operation
    if isinstance(node, exp.SetOperation):
        left, right = _arms(node.this), _arms(node.expression)
        is_cut = any(node.args.get(key) for key in ("limit", "offset"))
        return None if left is None or right is None or is_cut else left + right
    is_cut = any(node.args.get(key) for key in ("limit", "offset"))
    return [node] if isinstance(node, exp.Select) and is_plain(node) and not is_cut else None


def is_about(part: exp.Expr, alias: str) -> bool:
    """Tell whether a condition speaks of one source alone, and calls no model."""
    columns = list(part.find_all(exp.Column))
    return (
        bool(columns)
        and all(column.table == alias for column in columns)
        and part.find(exp.Query) is None
        and not has_call(part)
    )


def _renamed(arm: exp.Select, names: list[str]) -> exp.Select:
    """Return what an arm selects, under the names of the set operation's columns."""
    return exp.Select(
        expressions=[
            exp.alias_(projection.unalias().copy(), name, quoted=True)
            for projection, name in zip(arm.expressions, names, strict=True)
        ]
    )
