"""Make the calls of a subquery in FROM in the block that reads it.

Type:   query rewrite
Goal:   what the block around drops first, by a join, a LIMIT or a guard, never reaches a model.
Before: SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t) AS s JOIN u ON s.i = u.i
After:  SELECT f(s._x1) AS y FROM (SELECT t.i, t.p AS _x1 FROM t) AS s JOIN u ON s.i = u.i

Equal arguments are asked about once, so a join that multiplies rows costs no calls. The predicates
of the subquery that call a model go above a join too, or into ON where LEFT JOIN extends its rows
with NULL. Where a join does, an answer is NULL as well: `CASE WHEN s._x1 THEN f('a') END`, in which
`_x1` is TRUE in each row of the subquery.

A subquery that groups, cuts or has windows hands up what it has computed, and keeps its predicates.
Does not fire on DISTINCT, on what a subquery of the block reads, on random arguments, nor above a
join on a VOLATILE model, which is asked for each row. Nor on what alone joins two relations, which
is better known before they are joined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    blocks,
    conjuncts,
    group_keys,
    has_random,
    is_aggregated,
    is_null_extended,
    is_open,
    join_conditions,
    own_columns,
    set_condition,
    sources,
    upper_clauses,
)
from outcrop.planner.model_call import calls_in_scope, has_call_in_scope
from outcrop.planner.nulls import is_null_of_nulls

_OPERATORS = (exp.Binary, exp.Unary, exp.Between, exp.In, exp.Bracket, exp.AtTimeZone)


def lift_calls_out_of_subqueries(query: exp.Query) -> exp.Query:
    """Return `query` with the calls of its derived tables in the blocks around them."""
    names = Names.beside(query)
    for block in blocks(query):
        for source in sources(block):
            if isinstance(source, exp.Subquery) and _is_plain_subquery(source):
                is_extended = is_null_extended(block, source)
                _lift_predicates(block, source, names, is_extended=is_extended)
                _lift_projections(block, source, names, is_extended=is_extended)
    return query


def _is_plain_subquery(source: exp.Subquery) -> bool:
    """Tell whether a source is a SELECT whose list has no part in which rows it gives."""
    inner, alias = source.this, source.args.get("alias")
    is_bare = all(value in (None, [], inner, alias) for value in source.args.values())
    return is_bare and isinstance(inner, exp.Select) and not inner.args.get("distinct")


def _lift_predicates(
    block: exp.Select, source: exp.Subquery, names: Names, *, is_extended: bool
) -> None:
    """Move the model predicates of a subquery above the join that it is part of, or into its ON."""
    join = source.parent
    is_on = isinstance(join, exp.Join) and join.side == "LEFT" and _has_cheap_key(join, source)
    if not is_open(source.this) or not block.args.get("joins") or (is_extended and not is_on):
        return
    parts = conjuncts(source.this.args.get("where"))
    moved = [part for part in parts if _is_movable(part, block)]
    if not moved:
        return
    set_condition(source.this, "where", [part for part in parts if part not in moved])
    lifted = [_as_read_above(part, source, names) for part in moved]
    if is_extended and isinstance(join, exp.Join):
        join.set("on", exp.and_(*conjuncts(join.args["on"]), *lifted, copy=False))
    else:
        set_condition(block, "where", [*lifted, *conjuncts(block.args.get("where"))])


def _lift_projections(
    block: exp.Select, source: exp.Subquery, names: Names, *, is_extended: bool
) -> None:
    """Compute the columns of a subquery that call a model where `block` reads them."""
    inner: exp.Select = source.this
    for projection in list(inner.expressions):
        name, value = projection.alias_or_name, projection.unalias()
        readers = _readers(block, source, name)
        if not _is_movable(value, block) or not _are_liftable(readers, block):
            continue
        if not _is_free(projection, inner):
            continue
        if not _is_answered_once(value, source, block, readers):
            continue
        lifted = _as_read_above(value, source, names)
        if not has_call_in_scope(lifted):
            continue
        if is_extended and not is_null_of_nulls(value):
            present = _handed_up(exp.true(), inner, names)
            lifted = exp.Case(ifs=[exp.If(this=_column(present, source), true=lifted)])
            lifted.type = value.type
        for reader in readers:
            is_operand = isinstance(reader.parent, _OPERATORS) and not isinstance(lifted, exp.Func)
            copy = lifted.copy()
            reader.replace(exp.paren(copy, copy=False) if is_operand else copy)
        projection.pop()
    if not inner.expressions:
        inner.select(exp.alias_(exp.Literal.number(1), names.fresh("x"), quoted=True), copy=False)


def _is_movable(value: exp.Expr, block: exp.Select) -> bool:
    """Tell whether a call in `value` may be made in `block` as well as in the subquery."""
    is_joined = block.args.get("joins") or block.args.get("laterals")
    return (
        has_call_in_scope(value)
        and value.find(exp.Query) is None
        and not has_random(value)
        and not (is_joined and any(call.is_volatile for call in calls_in_scope(value)))
    )


def _readers(block: exp.Select, source: exp.Subquery, name: str) -> list[exp.Column]:
    parts = (*upper_clauses(block), *join_conditions(block))
    return [
        column
        for part in parts
        for column in own_columns(part, {source.alias})
        if column.name == name
    ]


def _are_liftable(readers: Iterable[exp.Column], block: exp.Select) -> bool:
    """Tell whether each place that reads a column may make the call."""
    for reader in readers:
        if reader.find_ancestor(exp.Query) is not block:
            return False
        join = reader.find_ancestor(exp.Join, exp.Query)
        if isinstance(join, exp.Join) and not _is_joined_otherwise(join, reader):
            return False
    return True


def _is_answered_once(
    value: exp.Expr, source: exp.Subquery, block: exp.Select, readers: Sequence[exp.Column]
) -> bool:
    """Tell whether what an outer join compares is read there alone, or answers all other readers.

    If it does not, the whole subquery has to be asked about; so it has for a call of constants,
    which an ON that does not become part of WHERE makes whether or not the subquery has rows.
    """
    ancestors = [reader.find_ancestor(exp.Join, exp.Query) for reader in readers]
    joins = [join for join in ancestors if isinstance(join, exp.Join)]
    is_kept = any(join.side or is_null_extended(block, join.this) for join in joins)
    if is_kept and any(call.find(exp.Column) is None for call in calls_in_scope(value)):
        return False
    outer = [join for join in joins if join.side]
    if not outer or all(join is outer[0] for join in ancestors):
        return True
    is_joined = all(join is source.parent and join.side == "LEFT" for join in outer)
    return is_joined and is_null_of_nulls(value)


def _has_cheap_key(join: exp.Join, source: exp.Subquery) -> bool:
    """Tell whether a join has an equality that reads no answer of a subquery."""
    asked = {part.alias_or_name for part in source.this.expressions if has_call_in_scope(part)}
    on = join.args.get("on")
    readers = [c for c in own_columns(on, {source.alias}) if c.name in asked] if on else []
    if not readers:
        return _is_joined_otherwise(join)
    return all(_is_joined_otherwise(join, reader) for reader in readers)


def _is_joined_otherwise(join: exp.Join, reader: exp.Column | None = None) -> bool:
    """Tell whether a join has an equality beside what calls a model, or reads an answer."""
    return any(
        isinstance(part, exp.EQ)
        and not has_call_in_scope(part)
        and not any(node is reader for node in part.walk())
        for part in conjuncts(join.args.get("on"))
    )


def _is_free(projection: exp.Expr, inner: exp.Select) -> bool:
    """Tell whether a column of a subquery can go, and be computed from what is handed up."""
    name, keys = projection.alias_or_name, group_keys(inner)
    clauses = (inner.args.get(key) for key in ("group", "having", "qualify", "order"))
    outputs = (node for clause in clauses if clause for node in clause.find_all(exp.Column))
    if any(not column.table and column.name == name for column in outputs):
        return False
    if is_aggregated(inner) and any(
        isinstance(node, exp.Column) and node not in keys
        for node in _inputs(exp.Paren(this=projection.unalias().copy()), inner)
    ):
        return False
    return inner.named_selects.count(name) == 1


def _as_read_above(value: exp.Expr, source: exp.Subquery, names: Names) -> exp.Expr:
    """Return an expression of a subquery as the block that reads the subquery writes it."""
    inner: exp.Select = source.this
    root = exp.Paren(this=value.copy())
    for node in list(_inputs(root, inner)):
        above = _column(_handed_up(node, inner, names), source)
        above.type = node.type
        node.replace(above)
    lifted: exp.Expr = root.this
    return lifted.pop()


def _inputs(node: exp.Expr, inner: exp.Select) -> Iterator[exp.Expr]:
    """Yield what an expression of a subquery takes of its rows, or else of its groups."""
    keys = group_keys(inner)
    computed = (exp.AggFunc, exp.WithinGroup, exp.Filter, exp.Window, exp.Column)
    for child in node.iter_expressions():
        if isinstance(child, computed) or child in keys:
            yield child
        else:
            yield from _inputs(child, inner)


def _handed_up(value: exp.Expr, inner: exp.Select, names: Names) -> str:
    """Return the name by which a subquery gives `value`, and have it give it."""
    for projection in inner.expressions:
        name: str = projection.alias_or_name
        if projection.unalias() == value and inner.named_selects.count(name) == 1:
            return name
    name = names.fresh("x")
    inner.select(exp.alias_(value.copy(), name, quoted=True), copy=False)
    return name


def _column(name: str, source: exp.Subquery) -> exp.Column:
    return exp.column(name, table=source.alias, quoted=True)
