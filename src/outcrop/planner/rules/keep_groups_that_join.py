"""Keep of a subquery's groups those that a join takes, before a model sees their rows.

Type:   query rewrite
Goal:   the rows of groups that join with nothing never reach a model.
Before: SELECT s.y FROM t JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u GROUP BY u.i) AS s ON t.i = s.i
After:  SELECT s.y FROM t JOIN (SELECT u.i, MIN(f(u.b)) AS y FROM u
        WHERE EXISTS (SELECT 1 FROM t WHERE t.i = u.i) GROUP BY u.i) AS s ON t.i = s.i

The rows that DISTINCT makes one are a group of all their columns. Does not fire where no equality
on a key joins, on the side of an outer join that keeps all its rows, on ROLLUP, CUBE and GROUPING
SETS, above a LIMIT or a window, nor where it takes an answer to know what joins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    blocks,
    conjuncts,
    has_random,
    is_plain,
    rename_sources,
    set_condition,
    source_names,
    sources,
)
from outcrop.planner.correlation import ADDED
from outcrop.planner.model_call import has_call
from outcrop.planner.rules.push_predicates_below_groups import keys_of_groups


def keep_groups_that_join(query: exp.Query) -> exp.Query:
    """Return `query` with a condition in each subquery that calls a model and is joined by keys."""
    names = Names.beside(query)
    for block in blocks(query):
        for source in sources(block) if block.args.get("joins") else []:
            inner = source.this if isinstance(source, exp.Subquery) else None
            if isinstance(inner, exp.Select) and has_call(inner) and _keys(inner):
                _keep_what_joins(block, source, inner, names)
    return query


def _keys(inner: exp.Select) -> set[str]:
    """Return the names of the columns that are equal in all rows of one of its groups."""
    distinct = inner.args.get("distinct")
    if distinct is None:
        keys = keys_of_groups(inner)
        return {p.alias_or_name for p in inner.expressions if p.unalias() in keys}
    bare = inner.copy()
    bare.set("distinct", None)
    if distinct.args.get("on") or not is_plain(bare) or inner.args.get("limit"):
        return set()
    if inner.args.get("offset") or has_random(inner):
        return set()
    values = (p for p in inner.expressions if not has_call(p) and p.find(exp.Query) is None)
    return {p.alias_or_name for p in values}


def _keep_what_joins(block: exp.Select, source: exp.Expr, inner: exp.Select, names: Names) -> None:
    joined = _joined(block, source)
    if joined is None:
        return
    around = exp.Select(expressions=[exp.alias_(exp.Literal.number(1), "one", quoted=True)])
    around.set("from_", exp.From(this=joined.first.copy()))
    around.set("joins", [join.copy() for join in joined.joins])
    known, keys = source_names(around), _keys(inner)
    parts = [
        part.copy()
        for part in joined.conditions
        if _is_cheap(part)
        and all(
            c.table in known or (c.table == source.alias and c.name in keys)
            for c in part.find_all(exp.Column)
        )
    ]
    if has_call(around) or has_random(around) or not _has_equality(parts, source.alias, known):
        return
    if known & source_names(inner):
        rename_sources(around, parts, names)
    set_condition(around, "where", [_lowered(part, source.alias, inner) for part in parts])
    is_joined = exp.Exists(this=around)
    set_condition(inner, "where", [*conjuncts(inner.args.get("where")), is_joined])


@dataclass(frozen=True, slots=True)
class _Joined:
    """What a source is joined with: a relation, others joined with it, and by what conditions."""

    first: exp.Expr
    joins: Sequence[exp.Join]
    conditions: Sequence[exp.Expr]


def _joined(block: exp.Select, source: exp.Expr) -> _Joined | None:
    """Return what a row of `source` must be joined with to be of use; None: nothing."""
    joins: list[exp.Join] = block.args["joins"]
    if block.args.get("laterals") or any(
        j.args.get("using") or j.args.get("method") for j in joins
    ):
        return None
    first, where = block.args["from_"].this, conjuncts(block.args.get("where"))
    if not any(join.side for join in joins):
        others = [
            s for s in (first, *(j.this for j in joins)) if s is not source and not has_call(s)
        ]
        crossed = [exp.Join(this=other.copy(), kind="CROSS") for other in others[1:]]
        on = [part for join in joins for part in conjuncts(join.args.get("on"))]
        return _Joined(others[0], crossed, [*on, *where]) if others else None
    position = next((n for n, join in enumerate(joins) if join.this is source), -1)
    join = joins[max(position, 0)]
    if join.meta.get(ADDED) or join.side not in ("", "RIGHT" if position < 0 else "LEFT"):
        return None
    on = conjuncts(join.args.get("on"))
    if position < 0:
        return _Joined(join.this, (), on)
    if not any(later.side in ("RIGHT", "FULL") for later in joins[position + 1 :]):
        tables = {s.alias_or_name for s in (first, *(j.this for j in joins[:position]))}
        on += [part for part in where if {c.table for c in part.find_all(exp.Column)} <= tables]
    return _Joined(first, joins[:position], on)


def _is_cheap(part: exp.Expr) -> bool:
    return not has_call(part) and part.find(exp.Query) is None and not has_random(part)


def _lowered(part: exp.Expr, alias: str, inner: exp.Select) -> exp.Expr:
    """Return a condition on a subquery's columns in terms of what the subquery reads."""
    root = exp.Paren(this=part)
    for column in list(root.find_all(exp.Column)):
        if column.table == alias:
            value = next(p for p in inner.expressions if p.alias_or_name == column.name).unalias()
            is_column = isinstance(value, exp.Column)
            column.replace(value.copy() if is_column else exp.paren(value))
    return root.unnest()


def _has_equality(parts: Sequence[exp.Expr], alias: str, others: set[str]) -> bool:
    """Tell whether a column of `alias` is to be equal to what the other relations give."""
    for part in parts:
        if isinstance(part, exp.EQ):
            sides = [
                {c.table for c in side.find_all(exp.Column)}
                for side in (part.this, part.expression)
            ]
            if {alias} in sides and any(side and side <= others for side in sides):
                return True
    return False
