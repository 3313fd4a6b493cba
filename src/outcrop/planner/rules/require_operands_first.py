"""Require what a model predicate cannot hold without, before any model is asked.

Type:   block rewrite
Goal:   a row that a comparison with NULL drops is not asked about.
Before: SELECT t.i FROM t WHERE f(t.p) = t.q
After:  SELECT t.i FROM t WHERE f(t.p) = t.q AND NOT t.q IS NULL

No comparison lets NULL pass, on whatever side it stands. A prompt that is NULL gives NULL as well;
it is required where another predicate might be asked first, since a row without one costs no call
of its own: beside g(t.b) = 'x', f(t.p) OR t.k = 1 requires that t.p is not NULL or t.k = 1. Does
not fire on an operand that cannot be NULL or is an answer itself.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names, conjuncts, has_random, set_condition
from outcrop.planner.model_call import ModelCall, has_call_in_scope
from outcrop.planner.nulls import required


def require_operands_first(block: exp.Select, names: Names) -> None:
    """Add the conditions to WHERE."""
    parts = conjuncts(block.args.get("where"))
    model = [part for part in parts if has_call_in_scope(part)]
    needed = [
        condition
        for part in model
        for condition in _needed(
            part, is_alone=all(other is part or _exclude(part, other) for other in model)
        )
    ]
    added = [condition for condition in dict.fromkeys(needed) if condition not in parts]
    set_condition(block, "where", [*parts, *added])


def _needed(part: exp.Expr, *, is_alone: bool) -> list[exp.Expr]:
    """Return what is cheap, and true wherever a model predicate is."""
    node = part.unnest()
    if isinstance(node, exp.Or) and not is_alone:
        sides = [_needed_of_side(side) for side in (node.left, node.right)]
        return [exp.or_(*(exp.and_(*side) for side in sides))] if all(sides) else []
    values: list[exp.Expr] = []
    for operand in required(part):
        value = _bare(operand)
        if not isinstance(value, ModelCall):
            values.append(value)
        elif not is_alone:
            values.append(value.expressions[0])
    return [
        exp.not_(exp.Is(this=value.copy(), expression=exp.null()))
        for value in values
        if _may_be_null(value)
    ]


def _exclude(part: exp.Expr, other: exp.Expr) -> bool:
    """Tell whether no row needs both: they are of two arms of a union, as in n <> 1 OR f(t.p)."""
    arms = [_arm(part), _arm(other)]
    return None not in arms and arms[0] != arms[1]


def _arm(part: exp.Expr) -> exp.Expr | None:
    side = part.unnest().args.get("this") if isinstance(part.unnest(), exp.Or) else None
    is_of_arm = isinstance(side, exp.NEQ) and isinstance(side.expression, exp.Literal)
    return side if is_of_arm else None


def _needed_of_side(side: exp.Expr) -> list[exp.Expr]:
    """Return the same for a side of OR, which may be cheap itself."""
    if has_call_in_scope(side):
        return _needed(side, is_alone=False)
    return [] if side.find(exp.Query) is not None or has_random(side) else [side.copy()]


def _bare(value: exp.Expr) -> exp.Expr:
    """Return a value without casts, which give NULL for NULL."""
    while isinstance(value, exp.Paren | exp.Cast):
        value = value.this
    return value


def _may_be_null(value: exp.Expr) -> bool:
    """Tell whether a value is worth a condition, which must be cheap and the same each time."""
    if value.find(exp.Column) is None or value.find(exp.Query) is not None:
        return False
    return not has_call_in_scope(value) and not has_random(value)
