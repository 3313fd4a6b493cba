"""Move the model predicates of inner joins from ON to WHERE.

Type:   block rewrite
Goal:   the join is made on its cheap conditions first; the model sees only rows that join.
Before: SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x'
After:  SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(u.b) = 'x'

Does not fire on outer joins. Where a RIGHT or FULL join follows, whose rows WHERE would drop, what
is joined before it becomes a derived table, with a WHERE of its own.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names, conjuncts, set_condition
from outcrop.planner.model_call import has_call_in_scope
from outcrop.planner.split import Split


def move_join_calls_to_where(block: exp.Select, names: Names) -> None:
    """Rewrite `block`'s inner joins."""
    joins: list[exp.Join] = block.args.get("joins") or []
    adding = [number for number, join in enumerate(joins) if join.side in ("RIGHT", "FULL")]
    if adding and any(_asks(join) for join in joins[: adding[-1]]):
        split = Split(block, names)
        split.lower("from_")
        split.inner.set("joins", joins[: adding[-1]])
        block.set("joins", joins[adding[-1] :])
        split.finish()
        move_join_calls_to_where(split.inner, names)
    for join in block.args.get("joins") or []:
        if _asks(join):
            _move(join, block)


def _asks(join: exp.Join) -> bool:
    return not join.side and has_call_in_scope(join.args.get("on"))


def _move(join: exp.Join, block: exp.Select) -> None:
    parts = conjuncts(join.args.get("on"))
    kept = [part for part in parts if not has_call_in_scope(part)]
    moved = [part for part in parts if has_call_in_scope(part)]
    join.set("on", exp.and_(*kept, copy=False) if kept else None)
    if not kept:
        join.set("kind", "CROSS")
    set_condition(block, "where", [*conjuncts(block.args.get("where")), *moved])
