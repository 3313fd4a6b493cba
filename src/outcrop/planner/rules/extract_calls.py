"""Take the calls out of expressions into inference blocks, which is all that the stager knows.

Type:   block rewrite
Goal:   the normal form: a call stands only in the select list of a block that does nothing else,
        with the condition under which it is made (see `guards`).
Before: SELECT CASE WHEN q.i > 2 THEN f(q.p) END AS c FROM (SELECT t.i, t.p FROM t) AS q
After:  SELECT CASE WHEN q.i > 2 THEN q._y1 END AS c FROM (SELECT q.i, q.p,
        CASE WHEN COALESCE(q.i > 2, FALSE) THEN f(q.p) END AS _y1
        FROM (SELECT t.i, t.p FROM t) AS q) AS q

Calls that take the answers of others, or whose condition does, come in a block above.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    derived_table,
    has_own_call,
    typed_column,
    upper_clauses,
)
from outcrop.planner.guards import decided_calls
from outcrop.planner.model_call import ModelCall, calls_in_scope, has_call_in_scope


def extract_calls(block: exp.Select, names: Names) -> None:
    """Rewrite `block`, a plain one over a single derived table, until it holds no call."""
    if is_inference_block(block) or not has_own_call(block):
        return
    while ready := _ready_calls(block):
        _extract(block, ready, names)


def is_inference_block(block: exp.Select) -> bool:
    """Tell whether a block does nothing but make each of its calls, over a derived table."""
    from_ = block.args.get("from_")
    if from_ is None or not isinstance(from_.this, exp.Subquery):
        return False
    if any(
        value for key, value in block.args.items() if key not in ("expressions", "from_", "kind")
    ):
        return False
    calls = [found[0] for p in block.expressions if (found := call_of(p)) is not None]
    columns = [p for p in block.expressions if isinstance(p.unalias(), exp.Column)]
    is_each_once = len(set(calls)) == len(calls)
    return bool(calls) and is_each_once and len(calls) + len(columns) == len(block.expressions)


def call_of(projection: exp.Expr) -> tuple[ModelCall, exp.Expr | None] | None:
    """Return the call, and its guard, of an inference block's projection; None for a column."""
    call, guard = projection.unalias(), None
    if isinstance(call, exp.Case) and len(call.args["ifs"]) == 1 and not call.args.get("default"):
        branch = call.args["ifs"][0]
        if call.this is not None or has_call_in_scope(branch.this):
            return None
        call, guard = branch.args["true"], branch.this
    if not isinstance(call, ModelCall) or any(has_call_in_scope(a) for a in call.expressions):
        return None
    return call, guard


@dataclass(frozen=True, slots=True)
class _Ready:
    """A call that can be answered now, where its guard holds (None: for every row)."""

    call: ModelCall
    guard: exp.Expr | None
    occurrences: tuple[ModelCall, ...]


def _ready_calls(block: exp.Select) -> list[_Ready]:
    """Return the calls that can be answered now; what waits for other answers comes later."""
    places: dict[ModelCall, list[ModelCall]] = {}
    guards: dict[int, exp.Expr | None] = {}
    for part in upper_clauses(block):
        for call in calls_in_scope(part):
            if not any(has_call_in_scope(argument) for argument in call.expressions):
                places.setdefault(call.copy(), []).append(call)
        guards |= {id(call): guard for call, guard in decided_calls(part.unalias())}
    ready: list[_Ready] = []
    for call, found in places.items():
        decided = [(place, guards[id(place)]) for place in found if id(place) in guards]
        conditions = [guard for _, guard in decided if guard is not None]
        if len(conditions) < len(decided):
            ready.append(_Ready(call, None, tuple(found)))
        elif decided:
            guard = exp.or_(*conditions)
            ready.append(_Ready(call, guard, tuple(place for place, _ in decided)))
    return ready


def _extract(block: exp.Select, ready: list[_Ready], names: Names) -> None:
    source: exp.Subquery = block.args["from_"].this
    alias = source.alias
    projections: list[exp.Expr] = [
        exp.alias_(exp.column(name, table=alias, quoted=True), name, quoted=True)
        for name in source.this.named_selects
    ]
    for found in ready:
        answer = names.fresh("y")
        value: exp.Expr = found.call
        if found.guard is not None:
            value = exp.Case(ifs=[exp.If(this=found.guard, true=value)])
        projections.append(exp.alias_(value, answer, quoted=True))
        for call in found.occurrences:
            call.replace(typed_column(answer, alias, call))
    inference = exp.Select(expressions=projections)
    source.replace(derived_table(inference, alias))
    inference.set("from_", exp.From(this=source))
