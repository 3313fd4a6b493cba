"""Require a prompt for each of several model predicates, before any of them is asked.

Type:   block rewrite
Goal:   a row that one predicate drops for lack of a prompt is not asked about for another.
Before: SELECT t.i FROM t WHERE f(t.p) = 'x' AND g(t.q) = 'y'
After:  SELECT t.i FROM t WHERE f(t.p) = 'x' AND g(t.q) = 'y' AND NOT t.p IS NULL
        AND NOT t.q IS NULL

NULL as a prompt gives NULL, which no comparison lets pass. Does not fire on a single predicate,
which drops such a row without a call, nor on a prompt that cannot be NULL or is an answer itself.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names, conjuncts, has_random, set_condition
from outcrop.planner.model_call import ModelCall, has_call_in_scope

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.ILike)


def require_prompts_first(block: exp.Select, names: Names) -> None:
    """Add the conditions to WHERE."""
    parts = conjuncts(block.args.get("where"))
    model = [part for part in parts if has_call_in_scope(part)]
    if len(model) < 2:
        return
    prompts = dict.fromkeys(
        prompt
        for part in model
        for call in _compared(part)
        if _may_be_null(prompt := _prompt(call))
    )
    required = [exp.not_(exp.Is(this=prompt.copy(), expression=exp.null())) for prompt in prompts]
    set_condition(block, "where", [*parts, *(part for part in required if part not in parts)])


def _compared(condition: exp.Expr) -> list[ModelCall]:
    """Return the calls without whose answer `condition` does not hold."""
    if condition.find(exp.Query) is not None:
        return []  # nothing is in no rows, and NOT IN them all the same
    node = condition.unnest()
    while isinstance(node, exp.Not):
        node = node.this.unnest()
    operands: list[exp.Expr] = [node]
    if isinstance(node, _COMPARISONS):
        operands = [node.this, node.expression]
    elif isinstance(node, exp.Between | exp.In):
        operands = [node.this]
    return [operand for operand in operands if isinstance(operand, ModelCall)]


def _prompt(call: ModelCall) -> exp.Expr:
    prompt: exp.Expr = call.expressions[0]
    return prompt


def _may_be_null(prompt: exp.Expr) -> bool:
    """Tell whether a prompt is worth a condition, which must be cheap and the same each time."""
    if prompt.find(exp.Column) is None or prompt.find(exp.Query) is not None:
        return False
    return not has_call_in_scope(prompt) and not has_random(prompt)
