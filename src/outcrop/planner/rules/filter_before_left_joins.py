"""Join and filter the rows on the left of a LEFT JOIN before its ON asks a model about them.

Type:   block rewrite
Goal:   a model sees only rows that the joins and predicates before keep.
Before: SELECT t.i FROM t JOIN u ON t.i = u.i LEFT JOIN w ON w.b = f(t.p) WHERE u.b = 'x'
After:  SELECT q.i FROM (SELECT t.i, t.p FROM t JOIN u ON t.i = u.i WHERE u.b = 'x') AS q
        LEFT JOIN w ON w.b = f(q.p)

LEFT JOIN keeps these rows, so what WHERE asks of them alone may come first, models included, and so
may inner joins with them that are written after it. Does not fire where a RIGHT or FULL join
follows, which adds rows that WHERE sees; random numbers and VOLATILE models stay above.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    conjuncts,
    has_random,
    own_columns,
    set_condition,
    source_names,
)
from outcrop.planner.correlation import ADDED
from outcrop.planner.model_call import ModelCall, calls_in_scope
from outcrop.planner.split import Split


def filter_before_left_joins(block: exp.Select, names: Names) -> None:
    """Split `block` below the last such join, then what is below it in the same way."""
    position = _last_asking(block)
    if position is None:
        return
    joins, position = _inner_joins_first(block.args["joins"], position)
    parts = conjuncts(block.args.get("where"))
    later = {join.alias_or_name for join in joins[position:]}
    lowered = [part for part in parts if _may_come_first(part, later)]
    if not position and not lowered:
        return
    split = Split(block, names)
    split.lower("from_")
    split.inner.set("joins", joins[:position])
    block.set("joins", joins[position:])
    set_condition(split.inner, "where", lowered)
    set_condition(block, "where", [part for part in parts if part not in lowered])
    split.finish()
    filter_before_left_joins(split.inner, names)


def _last_asking(block: exp.Select) -> int | None:
    """Return the position of the last LEFT JOIN whose ON asks about the rows on its left."""
    joins: list[exp.Join] = block.args.get("joins") or []
    if any(block.args.get(key) for key in ("laterals", "pivots", "sample")):
        return None
    for position in reversed(range(len(joins))):
        join = joins[position]
        if join.side in ("RIGHT", "FULL"):
            return None
        before = source_names(block) - {other.alias_or_name for other in joins[position:]}
        calls = calls_in_scope(join.args.get("on"))
        is_left = (
            next(own_columns(call, before), None) is not None
            or (join.meta.get(ADDED) and call.find(exp.Column) is None)
            for call in calls
        )
        if join.side == "LEFT" and any(is_left):
            return position
    return None


def _inner_joins_first(joins: list[exp.Join], position: int) -> tuple[list[exp.Join], int]:
    """Put the inner joins that need nothing of a LEFT JOIN before it; return where it is then."""
    first, last = list[exp.Join](), joins[position : position + 1]
    for join in joins[position + 1 :]:
        later = {other.alias_or_name for other in last}
        reads_later = next(own_columns(join, later), None) is not None
        (last if join.side or reads_later else first).append(join)
    return [*joins[:position], *first, *last], position + len(first)


def _may_come_first(part: exp.Expr, later: set[str]) -> bool:
    """Tell whether a part of WHERE depends on the rows before the sources `later` alone."""
    return (
        next(own_columns(part, later), None) is None
        and part.find(exp.Column) is not None
        and not has_random(part)
        and not any(call.is_volatile for call in part.find_all(ModelCall))
    )
