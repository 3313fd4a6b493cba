"""How a subquery depends on the query around it, and whether a join can give what it gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp

from outcrop.planner.blocks import (
    conjuncts,
    is_aggregated,
    own_aggregates,
    own_columns,
    own_windows,
    reader_of,
    source_names,
)
from outcrop.planner.model_call import has_call

CUTS = ("group", "having", "qualify", "distinct", "limit", "offset", "with_", "windows")
"""What keeps a join from giving the rows of a subquery."""
COMPARED = "compared"
"""The key of `meta` by which the equality that IN was is known: its right side is the needle."""
ADDED = "added"
"""The key of `meta` by which a join in the place of a subquery is known: it changes no rows."""


@dataclass(frozen=True, slots=True)
class Correlation:
    """How a subquery depends on the query around it: pairs (inner, outer) that must be equal.

    `guards` must hold for the subquery to be evaluated.
    """

    block: exp.Select
    inner: exp.Select
    keys: tuple[tuple[exp.Expr, exp.Expr], ...]
    rest: tuple[exp.Expr, ...]
    is_correlated: bool
    guards: tuple[exp.Expr, ...]


def correlation_of(
    block: exp.Select,
    inner: exp.Select,
    compared: Sequence[tuple[exp.Expr, exp.Expr]],
    guards: Sequence[exp.Expr],
) -> Correlation | None:
    """Return how `inner` depends on `block`, or is compared; None: not, or in another way."""
    around = source_names(block) - source_names(inner)
    keys: list[tuple[exp.Expr, exp.Expr]] = []
    rest: list[exp.Expr] = []
    for part in conjuncts(inner.args.get("where")):
        sides = _sides(part, inner, around)
        if sides is not None:
            keys.append(sides)
        elif reads_others(part, inner):
            return None
        else:
            rest.append(part)
    is_correlated = any(reads(part, around) for part in conjuncts(inner.args.get("where")))
    for item, needle in compared:
        if not _is_comparable(item, needle, block, inner):
            return None
        keys.append((item, needle))
    others = [part for key, part in inner.args.items() if key != "where" and part is not None]
    parts = [p for part in others for p in (part if isinstance(part, list) else [part])]
    if not keys or any(isinstance(p, exp.Expr) and reads_others(p, inner) for p in parts):
        return None
    return Correlation(block, inner, tuple(keys), tuple(rest), is_correlated, tuple(guards))


def _sides(part: exp.Expr, inner: exp.Select, around: set[str]) -> tuple[exp.Expr, exp.Expr] | None:
    """Return the sides of an equality of the subquery and the query around it, inner one first."""
    if not isinstance(part, exp.EQ) or part.find(exp.Query) is not None:
        return None
    for own, other in ((part.this, part.expression), (part.expression, part.this)):
        is_own = not reads_others(own, inner) and own.find(exp.Column) is not None
        tables = {column.table for column in other.find_all(exp.Column)}
        is_needle = part.meta.get(COMPARED) and other is part.expression and has_call(other)
        if is_own and tables <= around and (tables or is_needle):
            return own, other
    return None


def _is_comparable(item: exp.Expr, needle: exp.Expr, block: exp.Select, inner: exp.Select) -> bool:
    """Tell whether the sides of an IN take what they compare from a block each."""
    if item.find(exp.Query) is not None or needle.find(exp.Query) is not None:
        return False
    is_own = not reads_others(item, inner) and item.find(exp.Column) is not None
    return is_own and not reads_others(needle, block) and not own_windows(needle)


def reads(part: exp.Expr, tables: set[str]) -> bool:
    """Tell whether a part of a block reads one of `tables`."""
    return next(own_columns(part, tables), None) is not None


def reads_others(part: exp.Expr, inner: exp.Select) -> bool:
    """Tell whether a part of a block reads anything but the sources of the block and its own."""
    known = set(source_names(inner))
    for block in part.find_all(exp.Select):
        known |= source_names(block)
    return any(column.table not in known for column in part.find_all(exp.Column))


def rows_around(block: exp.Select) -> exp.Select:
    """Return a block that reads all rows that `block` joins, and maybe more.

    More where an inner join compares what a model says: what others are asked about must not wait
    for that. It joins nothing that came in the place of a subquery.
    """
    around = reader_of(block)
    joins = [join for join in around.args.get("joins") or [] if not join.meta.get(ADDED)]
    around.set("joins", joins)
    for join in reversed(joins):
        if join.side in ("RIGHT", "FULL"):  # which adds what those before it do not match
            break
        if not join.side and has_call(join.args.get("on")):
            cheap = [part for part in conjuncts(join.args.get("on")) if not has_call(part)]
            join.set("on", exp.and_(*cheap, copy=False) if cheap else exp.true())
    return around


def stands_before_groups(node: exp.Expr, block: exp.Select) -> bool:
    """Tell whether a join of `block` can give the value of `node`."""
    where = block.args.get("where")
    if where is not None and any(found is node for found in where.walk()):
        return True
    joined = (join.args.get("on") for join in block.args.get("joins") or [])
    if any(on is not None and any(found is node for found in on.walk()) for on in joined):
        return False
    return not is_aggregated(block)


def is_scalar(holder: exp.Subquery) -> bool:
    """Tell whether a subquery is a value, which aggregates without a call above the aggregates."""
    inner = holder.this
    if isinstance(holder.parent, exp.From | exp.Join) or len(inner.expressions) != 1:
        return False
    value = inner.expressions[0].unalias()
    aggregates = own_aggregates(value)
    below = {id(node) for found in aggregates for node in found.walk()}
    has_other = any(
        id(node) not in below for node in value.walk() if isinstance(node, exp.Column | exp.Query)
    )
    is_plain_above = not has_call(of_no_rows(value)) and not own_windows(value)
    return bool(aggregates) and not has_other and is_plain_above


def value_of_group(projection: exp.Expr, column: exp.Column, has_no_group: exp.Expr) -> exp.Expr:
    """Return what a scalar subquery gives: `column` of its group, or what it has for no rows."""
    value = projection.unalias()
    given = exp.Case(ifs=[exp.If(this=has_no_group, true=of_no_rows(value))], default=column)
    given.type = column.type
    return given


def join_in_place(
    holder: exp.Expr, given: exp.Expr, block: exp.Select, side: exp.Subquery, on: exp.Expr
) -> None:
    """Join `block` with what a subquery of it was, and have it read `given` in its place."""
    holder.replace(exp.alias_(given, holder.alias, quoted=True) if holder.alias else given)
    block.join(side, on=on, join_type="left", copy=False)
    block.args["joins"][-1].meta[ADDED] = True


def of_no_rows(value: exp.Expr) -> exp.Expr:
    """Return what an expression over aggregates gives where there are no rows."""
    root = exp.Paren(this=value.copy())
    for aggregate in own_aggregates(root):
        counts = isinstance(aggregate, exp.Count | exp.ApproxDistinct)
        empty: exp.Expr = exp.Literal.number(0) if counts else exp.null()
        empty.type = aggregate.type
        aggregate.replace(empty)
    root.type = value.type
    return root
