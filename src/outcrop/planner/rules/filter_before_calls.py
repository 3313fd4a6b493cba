"""Filter by what is cheap first, then by one model predicate after the other, then call the rest.

Type:   block rewrite
Goal:   a model sees only rows that passed everything before it.
Before: SELECT g(t.q) FROM t WHERE f(t.p) = 'x' AND t.i < 5
After:  SELECT g(q2.q) FROM (SELECT q1.q FROM (SELECT t.q, t.p FROM t WHERE t.i < 5) AS q1
        WHERE f(q1.p) = 'x') AS q2

An answer that a filter needed is handed up, so that a call above it is not made again.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    Split,
    conjuncts,
    has_own_call,
    is_plain,
    set_condition,
    upper_clauses,
)
from outcrop.planner.model_call import calls_in_scope, has_call_in_scope


def filter_before_calls(block: exp.Select, names: Names) -> None:
    """Split `block` into one block per step."""
    if not is_plain(block) or not has_own_call(block):
        return
    parts = conjuncts(block.args.get("where"))
    cheap = [part for part in parts if not has_call_in_scope(part)]
    model = [part for part in parts if has_call_in_scope(part)]
    _split_off(block, cheap, model, names)
    has_calls_above = any(
        has_call_in_scope(part) for part in (*block.expressions, block.args.get("order"))
    )
    while len(model) > (0 if has_calls_above else 1):
        _split_off(block, model[:1], model[1:], names)
        model = model[1:]


def _split_off(
    block: exp.Select, first: list[exp.Expr], rest: list[exp.Expr], names: Names
) -> None:
    split = Split(block, names)
    set_condition(block, "where", rest)
    split.lower("from_", "joins", "laterals", "pivots", "sample")
    set_condition(split.inner, "where", first)
    asked = {call for part in first for call in calls_in_scope(part)}
    asked_again = (c for part in upper_clauses(block) for c in calls_in_scope(part) if c in asked)
    split.lower_expressions(asked_again, "v")
    split.finish()
