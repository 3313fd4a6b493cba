"""Join with what a subquery asks of the query around it, where the subquery calls a model.

Type:   query rewrite
Goal:   the calls of a correlated subquery are known before the query around it runs.
Before: SELECT t.i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = t.i AND f(u.b) = 'x')
After:  SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT u.i AS k FROM u WHERE f(u.b) = 'x'
        AND EXISTS (SELECT 1 FROM t WHERE u.i = t.i)) AS s ON s.k = t.i WHERE NOT s.k IS NULL

The subquery is grouped by what it compares with the query around it; the EXISTS within keeps it
from asking about rows that nobody around wants. It fires on EXISTS, on IN where WHERE requires it,
and on a scalar subquery that aggregates, which gives what it has for no rows (0 for COUNT) where
there is no group. An IN that does not refer to the query around stays, and is told in the same way
which rows are wanted; where unknown is not as good as false, as in NOT IN, these are the NULLs as
well, and all rows if a NULL is compared with them. Does not fire unless each reference to the query
around is one side of an equality that WHERE requires; what is left is refused.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    blocks,
    conjuncts,
    derived_table,
    has_random,
    is_aggregated,
    rename_sources,
    set_condition,
    source_names,
    typed_column,
)
from outcrop.planner.correlation import (
    CUTS,
    Correlation,
    correlation_of,
    is_scalar,
    join_in_place,
    reads,
    reads_others,
    rows_around,
    stands_before_groups,
    value_of_group,
)
from outcrop.planner.guards import evaluated_if
from outcrop.planner.model_call import has_call

_VARYING = (exp.Column, exp.Query)
"""What may differ from row to row, or is no part of a row."""


def decorrelate_subqueries(query: exp.Query) -> exp.Query:
    """Return `query` with joins in place of the correlated subqueries that call models."""
    names = Names.beside(query)
    for inner in blocks(query):
        if has_call(inner):
            _decorrelate(inner, names)
    return query


def _decorrelate(inner: exp.Select, names: Names) -> None:
    holder = inner.parent
    block = holder.find_ancestor(exp.Select) if holder is not None else None
    if block is None or any(inner.args.get(key) for key in CUTS):
        return
    if isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.In):
        holder = holder.parent
    assert holder is not None
    is_unknown_as_false = not isinstance(holder, exp.In) or _is_required(holder, block)
    compared = _compared(holder, inner)
    if not stands_before_groups(holder, block):
        return
    found = correlation_of(block, inner, compared, evaluated_if(holder, block))
    if found is None:
        return
    if isinstance(holder, exp.Exists | exp.In):
        if is_aggregated(inner):
            return
        if not found.is_correlated:
            wanted = _wanted(found, names, with_nulls=not is_unknown_as_false)
            set_condition(inner, "where", [*conjuncts(inner.args.get("where")), *wanted])
        elif is_unknown_as_false:
            _join_existence(found, holder, names)
    elif isinstance(holder, exp.Subquery) and is_scalar(holder):
        _join_value(found, holder, names)


def _compared(holder: exp.Expr, inner: exp.Select) -> list[tuple[exp.Expr, exp.Expr]]:
    """Return the sides of the equality that IN is, inner one first."""
    if not isinstance(holder, exp.In) or len(inner.expressions) != 1:
        return []
    return [(inner.expressions[0].unalias().copy(), holder.this.copy())]


def _is_required(node: exp.Expr, block: exp.Select) -> bool:
    """Tell whether a condition is one that WHERE requires, where unknown is the same as false."""
    return any(part is node for part in conjuncts(block.args.get("where")))


def _join_existence(found: Correlation, holder: exp.Expr, names: Names) -> None:
    side, columns = _group(found, names)
    side.set("distinct", exp.Distinct())
    _join(found, holder, exp.not_(_is_null(columns[0])), side, columns)


def _join_value(found: Correlation, holder: exp.Subquery, names: Names) -> None:
    projection = found.inner.expressions[0]
    side, columns = _group(found, names)
    side.group_by(*(inner.copy() for inner, _ in found.keys), copy=False)
    name = names.fresh("v")
    side.select(exp.alias_(projection.unalias().copy(), name, quoted=True), copy=False)
    column = typed_column(name, columns[0].table, projection)
    given = value_of_group(projection, column, _is_null(columns[0]))
    _join(found, holder, given, side, columns)


def _is_null(column: exp.Column) -> exp.Expr:
    return exp.Is(this=column.copy(), expression=exp.null())


def _group(found: Correlation, names: Names) -> tuple[exp.Select, list[exp.Column]]:
    """Return the subquery as one that stands alone, and the columns of its keys."""
    alias = names.fresh("s")
    side = found.inner.copy()
    keys = [names.fresh("k") for _ in found.keys]
    wanted = _wanted(found, names)
    set_condition(side, "where", [part.copy() for part in (*found.rest, *wanted)])
    side.set("order", None)
    side.set(
        "expressions",
        [
            exp.alias_(inner.copy(), key, quoted=True)
            for key, (inner, _) in zip(keys, found.keys, strict=True)
        ],
    )
    columns = [
        typed_column(key, alias, inner) for key, (inner, _) in zip(keys, found.keys, strict=True)
    ]
    return side, columns


def _wanted(found: Correlation, names: Names, *, with_nulls: bool = False) -> list[exp.Expr]:
    """Return the condition that a row of the subquery is wanted around it, if it is cheap to know.

    `with_nulls` is for a comparison by which NULL is told from FALSE.
    """
    around = rows_around(found.block)
    matches = [
        exp.EQ(this=inner.copy(), expression=outer.copy())
        for inner, outer in found.keys
        if _is_cheap(inner) and _is_cheap(outer)
    ]
    if has_call(around) or has_random(around):  # of its rows nothing is known before
        return [p.copy() for p in found.guards if _is_cheap(p) and p.find(*_VARYING) is None]
    if not matches and not found.is_correlated:
        return []  # whether there are rows at all, `guard_subqueries` sees to
    cheap = [
        part.copy()
        for part in (*conjuncts(found.block.args.get("where")), *found.guards)
        if _is_cheap(part) and part.find(exp.Query) is None and not reads_others(part, around)
    ]
    if not with_nulls:
        cheap += [
            exp.not_(exp.Is(this=outer.copy(), expression=exp.null()))
            for inner, outer in found.keys
            if not _is_cheap(inner) and _is_cheap(outer) and outer.find(exp.Column) is not None
        ]
    if source_names(around) & source_names(found.inner):
        rename_sources(around, [*cheap, *(match.expression for match in matches)], names)
    is_found = _is_there(around, [*cheap, *matches])
    if not with_nulls:
        known = [match for match in matches if not _reads_answer(match.this, found.inner)]
        is_partial = known and len(known) < len(matches)
        return [_is_there(around, [*cheap, *known]), is_found] if is_partial else [is_found]
    [match] = matches
    is_compared = _is_there(around, [*cheap, exp.Is(this=match.expression, expression=exp.null())])
    return [exp.or_(is_found, exp.Is(this=match.this, expression=exp.null()), is_compared)]


def _reads_answer(value: exp.Expr, inner: exp.Select) -> bool:
    """Tell whether a value of a block reads what a derived table asks a model for."""
    from_ = inner.args.get("from_")
    sources = [from_.this] if from_ is not None else []
    sources += [join.this for join in inner.args.get("joins") or []]
    answers = {
        (source.alias, projection.alias_or_name)
        for source in sources
        if isinstance(source, exp.Subquery)
        for projection in source.selects
        if has_call(projection)
    }
    return any((column.table, column.name) in answers for column in value.find_all(exp.Column))


def _is_there(around: exp.Select, conditions: Sequence[exp.Expr]) -> exp.Expr:
    """Return the condition that a block has a row for which `conditions` hold."""
    names = source_names(around)
    outside = [c.copy() for c in conditions if c.find(exp.Column) and not reads(c, names)]
    block = around.copy()
    set_condition(block, "where", [c.copy() for c in conditions if c not in outside])
    return exp.and_(*outside, exp.Exists(this=block))


def _is_cheap(value: exp.Expr) -> bool:
    return not has_call(value) and not has_random(value)


def _join(
    found: Correlation,
    holder: exp.Expr,
    given: exp.Expr,
    side: exp.Select,
    columns: list[exp.Column],
) -> None:
    matches = [
        exp.EQ(this=column.copy(), expression=_guarded(outer.copy(), found.guards))
        for column, (_, outer) in zip(columns, found.keys, strict=True)
    ]
    source = derived_table(side, columns[0].table)
    join_in_place(holder, given, found.block, source, exp.and_(*matches))


def _guarded(value: exp.Expr, guards: Sequence[exp.Expr]) -> exp.Expr:
    """Return a value that asks a model only where `guards` hold."""
    if not guards or not has_call(value):
        return value
    case = exp.Case(ifs=[exp.If(this=exp.and_(*guards), true=value)])
    case.type = value.type
    return case
