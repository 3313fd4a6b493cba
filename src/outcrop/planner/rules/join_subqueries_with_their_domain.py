"""Answer a correlated subquery for each combination of values that it takes from around it.

Type:   query rewrite
Goal:   a subquery that calls a model may refer to the query around it in any way.
Before: SELECT t.i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i < t.i AND f(u.b) = 'x')
After:  SELECT t.i FROM t LEFT JOIN (SELECT DISTINCT TRUE AS _e1, _d2._o3 AS _o3
        FROM (SELECT DISTINCT t.i AS _o3 FROM t) AS _d2 CROSS JOIN u
        WHERE u.i < _d2._o3 AND f(u.b) = 'x') AS _s4 ON _s4._o3 IS NOT DISTINCT FROM t.i
        WHERE NOT _s4._e1 IS NULL

It is for what `decorrelate_subqueries` leaves: EXISTS, and a scalar subquery that aggregates. Does
not fire where the rows around need answers themselves, in the ON of a join, above groups, on what
groups or cuts, nor on a subquery that refers further out; such a query is refused.
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
    own_columns,
    set_condition,
    source_names,
    typed_column,
)
from outcrop.planner.correlation import (
    CUTS,
    is_scalar,
    join_in_place,
    reads_others,
    rows_around,
    stands_before_groups,
    value_of_group,
)
from outcrop.planner.guards import evaluated_if
from outcrop.planner.model_call import has_call


def join_subqueries_with_their_domain(query: exp.Query) -> exp.Query:
    """Return `query` with joins in place of the correlated subqueries that call models."""
    names = Names.beside(query)
    for inner in blocks(query):
        holder = inner.parent
        block = holder.find_ancestor(exp.Select) if holder is not None else None
        if holder is not None and block is not None and _is_joinable(inner, holder, block):
            _join(inner, holder, block, names)
    return query


def _is_joinable(inner: exp.Select, holder: exp.Expr, block: exp.Select) -> bool:
    if not has_call(inner) or any(inner.args.get(key) for key in CUTS):
        return False
    is_exists = isinstance(holder, exp.Exists) and not is_aggregated(inner)
    is_value = isinstance(holder, exp.Subquery) and is_scalar(holder)
    if not is_exists and (not is_value or isinstance(holder.parent, exp.In)):
        return False
    if any(join.side in ("RIGHT", "FULL") for join in inner.args.get("joins") or []):
        return False
    return stands_before_groups(holder, block)


def _join(inner: exp.Select, holder: exp.Expr, block: exp.Select, names: Names) -> None:
    taken = list(own_columns(inner, source_names(block)))
    values: list[exp.Expr] = list(dict.fromkeys(column.copy() for column in taken))
    outputs = {value: names.fresh("o") for value in values}
    domain = _domain(block, outputs, evaluated_if(holder, block))
    if not taken or domain is None or _refers_further(inner, block):
        return
    alias, domain_alias, present = names.fresh("s"), names.fresh("d"), names.fresh("e")
    for column in taken:
        name = outputs[column.copy()]
        column.replace(typed_column(name, domain_alias, column))
    projection = inner.expressions[0]
    side = inner.copy()
    _read_domain_first(side, domain, domain_alias)
    keys = [typed_column(name, domain_alias, value) for value, name in outputs.items()]
    projections: list[exp.Expr] = [exp.alias_(exp.true(), present, quoted=True)]
    projections += [exp.alias_(key, key.name, quoted=True) for key in keys]
    has_none = exp.Is(this=exp.column(present, table=alias, quoted=True), expression=exp.null())
    if isinstance(holder, exp.Exists):
        side.set("distinct", exp.Distinct())
        given: exp.Expr = exp.not_(has_none)
    else:
        side.group_by(*(key.copy() for key in keys), copy=False)
        name = names.fresh("v")
        projections.append(exp.alias_(projection.unalias().copy(), name, quoted=True))
        given = value_of_group(projection, typed_column(name, alias, projection), has_none)
    side.set("expressions", projections)
    side.set("order", None)
    matches = [
        exp.NullSafeEQ(this=typed_column(name, alias, value), expression=value.copy())
        for value, name in outputs.items()
    ]
    join_in_place(holder, given, block, derived_table(side, alias), exp.and_(*matches))


def _refers_further(inner: exp.Select, block: exp.Select) -> bool:
    known = source_names(block)
    for found in inner.find_all(exp.Select):
        known |= source_names(found)
    return any(c.table and c.table not in known for c in inner.find_all(exp.Column))


def _domain(
    block: exp.Select, outputs: dict[exp.Expr, str], guards: Sequence[exp.Expr]
) -> exp.Select | None:
    """Return the distinct values that a block has for a subquery; None if they need answers.

    `guards` must hold for the subquery to be evaluated.
    """
    domain = rows_around(block)
    domain.set("distinct", exp.Distinct())
    values = [exp.alias_(v.copy(), name, quoted=True) for v, name in outputs.items()]
    domain.set("expressions", values)
    cheap = [
        part.copy()
        for part in conjuncts(block.args.get("where"))
        if not has_call(part) and part.find(exp.Query) is None and not reads_others(part, domain)
    ]
    if has_call(domain) or has_random(domain):
        return None
    own = [guard.copy() for guard in guards if not reads_others(guard, domain)]
    set_condition(domain, "where", [*cheap, *own])
    return domain


def _read_domain_first(side: exp.Select, domain: exp.Select, alias: str) -> None:
    """Have a block read the domain before all else, so that its joins may refer to it."""
    first = side.args.get("from_")
    joins = side.args.get("joins") or []
    side.set("from_", exp.From(this=derived_table(domain, alias)))
    if first is not None:
        side.set("joins", [exp.Join(this=first.this, kind="CROSS"), *joins])
