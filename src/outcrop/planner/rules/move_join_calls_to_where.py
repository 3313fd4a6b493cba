"""Move the model predicates of inner joins from ON to WHERE.

Type:   block rewrite
Goal:   the join is made on its cheap conditions first; the model sees only rows that join.
Before: SELECT t.i FROM t JOIN u ON t.i = u.i AND f(u.b) = 'x'
After:  SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(u.b) = 'x'

Does not fire on outer joins, or on an inner join that a RIGHT or FULL join follows: there, WHERE
would drop rows that ON keeps.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names, conjuncts, set_condition
from outcrop.planner.model_call import has_call_in_scope


def move_join_calls_to_where(block: exp.Select, names: Names) -> None:
    """Rewrite `block`'s inner joins."""
    joins: list[exp.Join] = block.args.get("joins") or []
    last_null_extending = max(
        (i for i, join in enumerate(joins) if join.side in ("RIGHT", "FULL")), default=-1
    )
    for index, join in enumerate(joins):
        condition = join.args.get("on")
        if join.side or index <= last_null_extending or not has_call_in_scope(condition):
            continue
        parts = conjuncts(condition)
        kept = [part for part in parts if not has_call_in_scope(part)]
        moved = [part for part in parts if has_call_in_scope(part)]
        join.set("on", exp.and_(*kept, copy=False) if kept else None)
        if not kept:
            join.set("kind", "CROSS")
        set_condition(block, "where", [*conjuncts(block.args.get("where")), *moved])
