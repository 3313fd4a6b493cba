"""Require what a model predicate cannot hold without, before any model is asked.

Type:   block rewrite
Goal:   a row that a comparison with NULL drops is not asked about.
Before: SELECT t.i FROM t WHERE f(t.p) = t.q
After:  SELECT t.i FROM t WHERE f(t.p) = t.q AND NOT t.q IS NULL

No comparison lets NULL pass, on whatever side it stands. A prompt that is NULL gives NULL as well;
it is required where another predicate might be asked first, since a row without one costs no call
of its own. Does not fire on an operand that cannot be NULL or is an answer itself.
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
    operands = (_bare(operand) for part in model for operand in required(part))
    values = [
        operand.expressions[0] if isinstance(operand, ModelCall) else operand
        for operand in operands
        if len(model) > 1 or not isinstance(operand, ModelCall)
    ]
    present = dict.fromkeys(
        exp.not_(exp.Is(this=value.copy(), expression=exp.null()))
        for value in values
        if _may_be_null(value)
    )
    set_condition(block, "where", [*parts, *(part for part in present if part not in parts)])


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
