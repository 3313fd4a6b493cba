"""Aggregate first and call afterwards, where a call takes aggregates or group keys.

Type:   block rewrite
Goal:   a model is asked about groups, not about rows, and HAVING's cheap part goes first.
Before: SELECT t.k, f(LISTAGG(t.p)) FROM t GROUP BY t.k HAVING COUNT(*) > 1
After:  SELECT q._k1, f(q._a2) FROM (SELECT t.k AS _k1, LISTAGG(t.p) AS _a2 FROM t GROUP BY t.k
        HAVING COUNT(*) > 1) AS q

Does not fire where every call lies below: in an aggregate's argument or in a group key.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    SOURCE_CLAUSES,
    Names,
    conjuncts,
    group_keys,
    is_aggregated,
    own_aggregates,
    set_condition,
)
from outcrop.planner.model_call import calls_in_scope, has_call_in_scope
from outcrop.planner.split import Split


def separate_calls_over_aggregates(block: exp.Select, names: Names) -> None:
    """Split `block` if it calls a model after grouping."""
    if not is_aggregated(block) or not _has_call_above(block):
        return
    split = Split(block, names)
    having = conjuncts(block.args.get("having"))
    cheap = [part for part in having if not has_call_in_scope(part)]
    set_condition(block, "having", [])
    keys = group_keys(block)
    split.lower(*SOURCE_CLAUSES, "where", "group")
    set_condition(block, "where", [part for part in having if has_call_in_scope(part)])
    set_condition(split.inner, "having", cheap)
    split.lower_expressions((key for key in keys if not isinstance(key, exp.Literal)), "k")
    for part in _above(block):
        split.lower_expressions(own_aggregates(part), "a")
    split.finish()


def _above(block: exp.Select) -> list[exp.Expr]:
    clauses = (block.args.get(key) for key in ("where", "having", "qualify", "order"))
    return [*block.expressions, *(clause for clause in clauses if clause is not None)]


def _has_call_above(block: exp.Select) -> bool:
    keys = set(group_keys(block))
    having = block.args.get("having")
    parts = [*block.expressions, *(p for p in (having, block.args.get("order")) if p is not None)]
    for part in parts:
        below = {id(node) for found in own_aggregates(part) for node in found.walk()}
        for call in calls_in_scope(part):
            if id(call) not in below and not _stands_in_key(call, keys):
                return True
    return False


def _stands_in_key(call: exp.Expr, keys: set[exp.Expr]) -> bool:
    node: exp.Expr | None = call
    while node is not None and not isinstance(node, exp.Query):
        if node in keys:
            return True
        node = node.parent
    return False
