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

from sqlglot import exp

from outcrop.planner.blocks import Names, has_own_call, upper_clauses
from outcrop.planner.guards import guard_of
from outcrop.planner.model_call import ModelCall, calls_in_scope, has_call


def extract_calls(block: exp.Select, names: Names) -> None:
    """Rewrite `block`, a plain one over a single derived table, until it holds no call."""
    if is_inference_block(block) or not has_own_call(block):
        return
    while ready := _ready_calls(block):
        _extract(block, ready, names)


def is_inference_block(block: exp.Select) -> bool:
    """Tell whether a block does nothing but call models over a derived table."""
    from_ = block.args.get("from_")
    if from_ is None or not isinstance(from_.this, exp.Subquery):
        return False
    if any(
        value for key, value in block.args.items() if key not in ("expressions", "from_", "kind")
    ):
        return False
    called = [p for p in block.expressions if call_of(p) is not None]
    return bool(called) and all(
        isinstance(p.unalias(), exp.Column) for p in block.expressions if call_of(p) is None
    )


def call_of(projection: exp.Expr) -> tuple[ModelCall, exp.Expr | None] | None:
    """Return the call, and its guard, of an inference block's projection; None for a column."""
    node = projection.unalias()
    if isinstance(node, ModelCall):
        return (node, None) if not any(has_call(a) for a in node.expressions) else None
    if isinstance(node, exp.Case) and len(node.args["ifs"]) == 1 and not node.args.get("default"):
        branch = node.args["ifs"][0]
        call = branch.args["true"]
        if node.this is None and isinstance(call, ModelCall) and not has_call(branch.this):
            return call, branch.this
    return None


def _ready_calls(block: exp.Select) -> dict[ModelCall, exp.Expr | None]:
    """Return the calls that can be answered now, each with its guard (None: for every row)."""
    found: dict[ModelCall, list[exp.Expr | None]] = {}
    for part in upper_clauses(block):
        root = part.unalias()
        for call in calls_in_scope(part):
            found.setdefault(call, []).append(guard_of(call, root))
    ready: dict[ModelCall, exp.Expr | None] = {}
    for call, guards in found.items():
        guard = None if None in guards else exp.or_(*(g for g in guards if g is not None))
        if not any(has_call(argument) for argument in call.expressions) and not has_call(guard):
            ready[call] = guard
    return ready


def _extract(block: exp.Select, ready: dict[ModelCall, exp.Expr | None], names: Names) -> None:
    source: exp.Subquery = block.args["from_"].this
    alias = source.alias
    answers = {call.copy(): names.fresh("y") for call in ready}
    projections: list[exp.Expr] = [
        exp.alias_(exp.column(name, table=alias, quoted=True), name, quoted=True)
        for name in source.this.named_selects
    ]
    for call, guard in ready.items():
        value: exp.Expr = call.copy()
        if guard is not None:
            value = exp.Case(ifs=[exp.If(this=guard.copy(), true=value)])
        projections.append(exp.alias_(value, answers[call], quoted=True))
    for part in upper_clauses(block):
        for call in list(calls_in_scope(part)):
            if (name := answers.get(call)) is not None:
                column = exp.column(name, table=alias, quoted=True)
                column.type = call.type
                call.replace(column)
    inference = exp.Select(expressions=projections)
    replacement = exp.Subquery(
        this=inference, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True))
    )
    source.replace(replacement)
    inference.set("from_", exp.From(this=source))
