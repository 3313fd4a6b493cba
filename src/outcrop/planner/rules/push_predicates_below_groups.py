"""Move predicates on the keys of groups below the grouping.

Type:   query rewrite
Goal:   the rows of groups that are dropped never reach a model.
Before: SELECT s.y FROM (SELECT t.q, MAX(f(t.p)) AS y FROM t GROUP BY t.q) AS s WHERE s.q = 'x'
After:  SELECT s.y FROM (SELECT t.q, MAX(f(t.p)) AS y FROM t WHERE t.q = 'x' GROUP BY t.q) AS s

From HAVING as well. A group has one value of each key, so that a predicate on keys alone drops all
of its rows or none. Does not fire on ROLLUP, CUBE and GROUPING SETS, above a LIMIT or a window,
on predicates that call a model or hold a subquery, and on a source whose rows an outer join extends
with NULL. What was moved goes on down.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import replace_aliases

from outcrop.planner.blocks import blocks, conjuncts, has_random, own_windows, set_condition
from outcrop.planner.model_call import has_call
from outcrop.planner.rules.push_predicates_down import push_predicates_down
from outcrop.planner.rules.push_predicates_into_arms import filtered_subqueries, is_about


def push_predicates_below_groups(query: exp.Query) -> exp.Query:
    """Return `query` with its predicates on keys in the blocks that group."""
    is_changed = False
    for block in reversed(blocks(query)):
        for condition, source in filtered_subqueries(block):
            is_changed |= _push(condition, source)
        is_changed |= _push_having(block)
    return push_predicates_down(query) if is_changed else query


def _push(condition: exp.Expr, source: exp.Subquery) -> bool:
    """Move the parts of a condition on the groups of `source`; return whether there are any."""
    inner = source.this
    if not isinstance(inner, exp.Select) or not keys_of_groups(inner):
        return False
    keys = {p.alias_or_name for p in inner.expressions if p.unalias() in keys_of_groups(inner)}
    parts = [
        part
        for part in conjuncts(condition)
        if is_about(part, source.alias)
        and not has_random(part)
        and {column.name for column in part.find_all(exp.Column)} <= keys
    ]
    _add(inner, [replace_aliases(inner, part.copy()) for part in parts])
    for part in parts:
        part.replace(exp.true())
    return bool(parts)


def _push_having(block: exp.Select) -> bool:
    """Move the parts of HAVING that speak of keys alone; return whether there are any."""
    keys = keys_of_groups(block)
    parts = conjuncts(block.args.get("having"))
    moved = [
        part
        for part in parts
        if keys
        and not has_call(part)
        and not has_random(part)
        and part.find(exp.Query, exp.AggFunc) is None
        and set(part.find_all(exp.Column)) <= keys
    ]
    if moved:
        set_condition(block, "having", [part for part in parts if part not in moved])
        _add(block, moved)
    return bool(moved)


def keys_of_groups(block: exp.Select) -> set[exp.Expr]:
    """Return the keys of a block's groups; nothing where a filter may not come before them."""
    group = block.args.get("group")
    cuts = ("limit", "offset", "qualify", "windows")
    if group is None or any(block.args.get(key) for key in cuts):
        return set()
    if any(value for key, value in group.args.items() if key != "expressions"):
        return set()
    clauses = (*block.expressions, block.args.get("order"))
    if any(own_windows(clause) for clause in clauses if clause is not None):
        return set()
    kinds = (exp.Rollup, exp.Cube, exp.GroupingSets, exp.Tuple)
    keys = [key for key in group.expressions if not has_call(key) and key.find(exp.Query) is None]
    return set() if any(isinstance(key, kinds) for key in group.expressions) else set(keys)


def _add(block: exp.Select, parts: list[exp.Expr]) -> None:
    set_condition(block, "where", [*conjuncts(block.args.get("where")), *parts])
