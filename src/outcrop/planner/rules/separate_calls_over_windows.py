"""Compute window functions first and call afterwards, where a call is no part of a window.

Type:   block rewrite
Goal:   LIMIT and QUALIFY cut the rows before a model sees them.
Before: SELECT f(t.p), ROW_NUMBER() OVER (ORDER BY t.i) FROM t LIMIT 2
After:  SELECT f(q.p), q._w1 FROM (SELECT ROW_NUMBER() OVER (ORDER BY t.i) AS _w1, t.p FROM t) AS q
        LIMIT 2
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    SOURCE_CLAUSES,
    Names,
    conjuncts,
    is_aggregated,
    own_windows,
    set_condition,
)
from outcrop.planner.model_call import calls_in_scope, has_call_in_scope
from outcrop.planner.split import Split


def separate_calls_over_windows(block: exp.Select, names: Names) -> None:
    """Split `block` if it has windows, and calls outside of them."""
    if is_aggregated(block) or not _has_windows(block) or not _has_call_above(block):
        return
    split = Split(block, names)
    qualify = conjuncts(block.args.get("qualify"))
    set_condition(block, "qualify", [])
    split.lower(*SOURCE_CLAUSES, "where", "windows")
    set_condition(split.inner, "qualify", [p for p in qualify if not has_call_in_scope(p)])
    set_condition(block, "where", [p for p in qualify if has_call_in_scope(p)])
    for part in _above(block):
        split.lower_expressions(own_windows(part), "w")
    split.finish()


def _above(block: exp.Select) -> list[exp.Expr]:
    clauses = (block.args.get(key) for key in ("where", "qualify", "order"))
    return [*block.expressions, *(clause for clause in clauses if clause is not None)]


def _has_windows(block: exp.Select) -> bool:
    if block.args.get("qualify"):
        return True
    return any(own_windows(part) for part in _above(block))


def _has_call_above(block: exp.Select) -> bool:
    parts = [*block.expressions, block.args.get("qualify"), block.args.get("order")]
    for part in parts:
        if part is None:
            continue
        below = {id(node) for window in own_windows(part) for node in window.walk()}
        if any(id(call) not in below for call in calls_in_scope(part)):
            return True
    return False
