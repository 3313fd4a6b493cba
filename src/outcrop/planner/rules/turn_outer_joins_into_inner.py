"""Turn an outer join into an inner one, where what it adds is dropped again.

Type:   query rewrite
Goal:   predicates on the added side come before the models that ON asks.
Before: SELECT t.i FROM t LEFT JOIN u ON u.b = f(t.p) WHERE u.i > 2
After:  SELECT t.i FROM t JOIN u ON u.b = f(t.p) WHERE u.i > 2

A row of NULLs is dropped by WHERE, or by the ON of a later join that keeps none of the rows before
it, if that cannot be true for NULLs. A FULL join of which one side's rows are dropped becomes a
LEFT or a RIGHT one.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import blocks, conjuncts, sources
from outcrop.planner.nulls import rejects_nulls


def turn_outer_joins_into_inner(query: exp.Query) -> exp.Query:
    """Return `query` with joins that add only rows of interest."""
    for block in blocks(query):
        _turn_joins(block)
    return query


def _turn_joins(block: exp.Select) -> None:
    """Turn the joins of a block, later ones first: they may drop what earlier ones add."""
    joins: list[exp.Join] = block.args.get("joins") or []
    names = [source.alias_or_name for source in sources(block)]
    conditions = conjuncts(block.args.get("where"))
    for position in reversed(range(len(joins))):
        join = joins[position]
        if join.side:
            before = set(names[: position + 1])
            keeps_left = not _reject(conditions, {join.alias_or_name})
            keeps_right = not _reject(conditions, before)
            _set_side(
                join,
                keeps_left=keeps_left and join.side in ("LEFT", "FULL"),
                keeps_right=keeps_right and join.side in ("RIGHT", "FULL"),
            )
        if join.side in ("", "RIGHT"):
            conditions += conjuncts(join.args.get("on"))


def _reject(conditions: list[exp.Expr], names: set[str]) -> bool:
    return any(rejects_nulls(condition, names) for condition in conditions)


def _set_side(join: exp.Join, *, keeps_left: bool, keeps_right: bool) -> None:
    """Have a join keep the rows of its sides that match nothing, or not."""
    sides = {(True, True): "FULL", (True, False): "LEFT", (False, True): "RIGHT"}
    join.set("side", sides.get((keeps_left, keeps_right)))
    if not join.side:
        join.set("kind", None)
