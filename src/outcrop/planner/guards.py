"""Guards: under which condition SQL evaluates a call that stands in CASE, COALESCE, AND or OR.

A call in a branch that is not taken is never made (docs/concepts.md). Since calls are answered
before the expression around them is evaluated, the condition of the branch goes with the call.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from outcrop.planner.blocks import (
    conjuncts,
    has_random,
    own_aggregates,
    own_windows,
    source_names,
    upper_clauses,
)
from outcrop.planner.model_call import ModelCall, has_call_in_scope


def guard_of(call: exp.Expr, root: exp.Expr) -> exp.Expr | None:
    """Return the condition under which `call`, or a subquery, is evaluated in `root`; None: always.

    The condition may hold other calls, which are then to be answered first.
    """
    conditions: list[exp.Expr] = []
    node: exp.Expr = call
    while node is not root:
        parent = node.parent
        if parent is None or isinstance(parent, exp.Query):
            break
        conditions[:0] = _conditions_of(node, parent)
        node = parent
    return exp.and_(*conditions) if conditions else None


def evaluated_if(node: exp.Expr, block: exp.Select) -> list[exp.Expr]:
    """Return what must hold of a row for a part of `block` to evaluate `node`; nothing: always.

    What other parts of WHERE ask is not among it, nor is what takes more than the row to know.
    """
    parts = (*conjuncts(block.args.get("where")), *upper_clauses(block))
    part = next((p for p in parts if any(found is node for found in p.walk())), node)
    known = source_names(block)
    return [
        condition
        for condition in conjuncts(guard_of(node, part))
        if condition.find(exp.Query) is None
        and not has_random(condition)
        and not own_windows(condition)
        and not own_aggregates(condition)
        and not any(call.is_volatile for call in condition.find_all(ModelCall))
        and all(column.table in known for column in condition.find_all(exp.Column))
    ]


def is_guarded(call: exp.Expr, root: exp.Expr) -> bool:
    """Tell whether `call` is evaluated in `root` under some condition only."""
    node = call
    while node is not root and node.parent is not None and not isinstance(node.parent, exp.Query):
        if _conditions_of(node, node.parent):
            return True
        node = node.parent
    return False


def decided_calls(root: exp.Expr) -> Iterator[tuple[ModelCall, exp.Expr | None]]:
    """Yield the calls in `root` whose guard, as `guard_of` gives it, waits for no other call.

    What stands under a condition that does is not looked at: every call there waits, and to build
    all their guards takes a time that grows with the cube of the expression.
    """
    pending: list[tuple[exp.Expr, tuple[exp.Expr, ...]]] = [(root, ())]
    while pending:
        node, conditions = pending.pop()
        if isinstance(node, ModelCall):
            yield node, exp.and_(*conditions) if conditions else None
        for child in reversed(list(node.iter_expressions())):
            if isinstance(child, exp.Query) or not has_call_in_scope(child):
                continue
            own = _conditions_of(child, node)
            if not any(has_call_in_scope(condition) for condition in own):
                pending.append((child, (*conditions, *own)))


def _conditions_of(node: exp.Expr, parent: exp.Expr) -> list[exp.Expr]:
    """Return what must hold in `parent` for its child `node` to be evaluated."""
    match parent:
        case exp.If() if isinstance(parent.parent, exp.Case):
            return _case_branch(node, parent, parent.parent)
        case exp.If():
            return _if_branch(node, parent)
        case exp.Case() if node is parent.args.get("default"):
            return [_is_not_true(c) for c in _case_conditions(parent)]
        case exp.Coalesce() if node is not parent.this:
            arguments = [parent.this, *parent.expressions]
            position = next(i for i, argument in enumerate(arguments) if argument is node)
            return [_is_null(argument) for argument in arguments[:position]]
        case exp.Nvl2():
            return _nvl2_branch(node, parent)
        case exp.Nullif() if node is parent.expression:
            return [exp.not_(_is_null(parent.this))]
        case exp.DecodeCase():
            return _decode_branch(node, parent)
        case exp.And() | exp.Or():
            return _connector_branch(node, parent)
        case exp.In() if node is not parent.this and node in parent.expressions:
            return _in_list_branch(node, parent)
    return []


def _case_conditions(case: exp.Case) -> list[exp.Expr]:
    """Return the conditions of CASE's branches; `CASE x WHEN v` becomes x = v."""
    subject = case.this
    return [
        exp.EQ(this=subject.copy(), expression=branch.this.copy())
        if subject
        else branch.this.copy()
        for branch in case.args["ifs"]
    ]


def _case_branch(node: exp.Expr, branch: exp.If, case: exp.Case) -> list[exp.Expr]:
    conditions = _case_conditions(case)
    position = next(i for i, candidate in enumerate(case.args["ifs"]) if candidate is branch)
    guards = [_is_not_true(condition) for condition in conditions[:position]]
    if node is branch.args.get("true"):
        guards.append(_is_true(conditions[position]))
    return guards


def _decode_branch(node: exp.Expr, decode: exp.DecodeCase) -> list[exp.Expr]:
    """DECODE(x, search, result, ..., default) compares as CASE does, and takes NULL for equal."""
    subject, *rest = decode.expressions
    if node is subject:
        return []
    position = next(i for i, item in enumerate(rest) if item is node)
    is_default = position == len(rest) - 1 and len(rest) % 2 == 1
    matches = [exp.NullSafeEQ(this=subject.copy(), expression=s.copy()) for s in rest[:position:2]]
    if position % 2 == 0 or is_default:
        return [exp.not_(match) for match in matches]
    return [*(exp.not_(match) for match in matches[:-1]), matches[-1]]


def _if_branch(node: exp.Expr, branch: exp.If) -> list[exp.Expr]:
    if node is branch.args.get("true"):
        return [_is_true(branch.this.copy())]
    if node is branch.args.get("false"):
        return [_is_not_true(branch.this.copy())]
    return []


def _nvl2_branch(node: exp.Expr, nvl2: exp.Nvl2) -> list[exp.Expr]:
    if node is nvl2.args.get("true"):
        return [exp.not_(_is_null(nvl2.this))]
    if node is nvl2.args.get("false"):
        return [_is_null(nvl2.this)]
    return []


def _connector_branch(node: exp.Expr, connector: exp.Connector) -> list[exp.Expr]:
    """Take the other side as a guard if it makes no call, or if it comes first."""
    is_left = node is connector.left
    other = connector.right if is_left else connector.left
    if is_left and has_call_in_scope(other):
        return []
    null_means = meaning_of_null(connector)
    if isinstance(connector, exp.And):
        return [_with_null_as(other.copy(), value=null_means is not False)]
    return [exp.not_(_with_null_as(other.copy(), value=null_means is True))]


def meaning_of_null(condition: exp.Expr) -> bool | None:
    """Return what a NULL that `condition` gives amounts to; None: it is a value of its own.

    WHERE and WHEN take NULL for false, and what stands under NOT there is taken for true.
    """
    meaning = False
    node, parent = condition, condition.parent
    while isinstance(parent, exp.Connector | exp.Paren | exp.Not):
        meaning ^= isinstance(parent, exp.Not)
        node, parent = parent, parent.parent
    if isinstance(parent, exp.If):
        case = parent.parent
        is_condition = node is parent.this and not (isinstance(case, exp.Case) and case.this)
        return meaning if is_condition else None
    return meaning if isinstance(parent, exp.Where | exp.Having | exp.Qualify) else None


def _in_list_branch(node: exp.Expr, in_: exp.In) -> list[exp.Expr]:
    """`x IN (a, f(y))` is `x = a OR x = f(y)`: the call is made where no earlier item matched."""
    guards: list[exp.Expr] = [exp.not_(_is_null(in_.this))]
    for item in in_.expressions:
        if item is node:
            break
        guards.append(_is_not_true(exp.EQ(this=in_.this.copy(), expression=item.copy())))
    return guards


def _is_true(condition: exp.Expr) -> exp.Expr:
    return _with_null_as(condition, value=False)


def _is_not_true(condition: exp.Expr) -> exp.Expr:
    return exp.not_(_is_true(condition))


def _with_null_as(condition: exp.Expr, *, value: bool) -> exp.Expr:
    return exp.Coalesce(this=condition, expressions=[exp.true() if value else exp.false()])


def _is_null(value: exp.Expr) -> exp.Expr:
    return exp.Is(this=exp.paren(value.copy()), expression=exp.null())
