"""Filter by what is cheap first, then by one model predicate after the other, then call the rest.

Type:   block rewrite
Goal:   a model sees only rows that passed everything before it.
Before: SELECT g(t.q) FROM t WHERE f(t.p) = 'x' AND t.i < 5
After:  SELECT g(q2.q) FROM (SELECT q1.q FROM (SELECT t.q, t.p FROM t WHERE t.i < 5) AS q1
        WHERE f(q1.p) = 'x') AS q2

An answer that a filter needed of every row is handed up, so that a call above it is not made again.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    SOURCE_CLAUSES,
    Names,
    conjuncts,
    has_own_call,
    is_plain,
    set_condition,
    upper_clauses,
)
from outcrop.planner.guards import is_guarded
from outcrop.planner.model_call import calls_in_scope, has_call_in_scope
from outcrop.planner.split import Split


def filter_before_calls(block: exp.Select, names: Names) -> None:
    """Split `block` into one block per step."""
    if not is_plain(block) or not has_own_call(block):
        return
    cheap, model = _conditions(block)
    _split_off(block, cheap, model, names)
    while first := _next_conditions(block):
        rest = [part for part in conjuncts(block.args["where"]) if part not in first]
        _split_off(block, first, rest, names)


def _conditions(block: exp.Select) -> tuple[list[exp.Expr], list[exp.Expr]]:
    """Return the parts of WHERE that need no model, and those that do."""
    parts = conjuncts(block.args.get("where"))
    cheap = [part for part in parts if not has_call_in_scope(part)]
    return cheap, [part for part in parts if has_call_in_scope(part)]


def _next_conditions(block: exp.Select) -> list[exp.Expr]:
    """Return what is to be decided before the other calls of `block` are made; nothing: no more.

    A predicate whose call an earlier one has made is cheap by now.
    """
    cheap, model = _conditions(block)
    has_calls_above = any(
        has_call_in_scope(part) for part in (*block.expressions, block.args.get("order"))
    )
    if cheap and (model or has_calls_above):
        return cheap
    return model[:1] if len(model) > 1 or has_calls_above else []


def _split_off(
    block: exp.Select, first: list[exp.Expr], rest: list[exp.Expr], names: Names
) -> None:
    split = Split(block, names)
    set_condition(block, "where", rest)
    split.lower(*SOURCE_CLAUSES)
    set_condition(split.inner, "where", first)
    asked = {c for part in first for c in calls_in_scope(part) if not is_guarded(c, part)}
    asked_again = (c for part in upper_clauses(block) for c in calls_in_scope(part) if c in asked)
    split.lower_expressions(asked_again, "v")
    split.finish()
