"""Drop ORDER BY where the order of rows means nothing to what reads them.

Type:   query rewrite
Goal:   a call that only sorts is not made where nothing is cut by it.
Before: SELECT t.i FROM t WHERE t.i IN (SELECT u.i FROM u ORDER BY f(u.b))
After:  SELECT t.i FROM t WHERE t.i IN (SELECT u.i FROM u)

Order means nothing to IN, EXISTS, a value, the arms of a set operation, and in FROM to a block that
sorts, joins or counts its rows, or takes a minimum, maximum, sum or average of them. Does not fire
on LIMIT, nor where rows may be taken in the order in which the subquery gives them.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import (
    is_aggregated,
    is_plain,
    own_aggregates,
    own_windows,
    upper_clauses,
)
from outcrop.planner.model_call import has_call

_UNORDERED = (exp.Count, exp.Sum, exp.Min, exp.Max, exp.Avg)


def drop_order_of_subqueries(query: exp.Query) -> exp.Query:
    """Return `query` without the orders of its subqueries that call models to no end."""
    for order in list(query.find_all(exp.Order)):
        sorted_query = order.parent
        if not isinstance(sorted_query, exp.Select | exp.SetOperation) or sorted_query is query:
            continue
        is_cut = any(sorted_query.args.get(key) for key in ("limit", "offset"))
        if not is_cut and _takes_answers(order, sorted_query) and _is_read_as_a_set(sorted_query):
            sorted_query.set("order", None)
    return query


def _takes_answers(order: exp.Order, sorted_query: exp.Query) -> bool:
    outputs = {column.name for column in order.find_all(exp.Column) if not column.table}
    return has_call(order) or any(
        has_call(projection) for projection in sorted_query.selects if projection.alias in outputs
    )


def _is_read_as_a_set(subquery: exp.Query) -> bool:
    """Tell whether the reader of a subquery takes its rows in any order."""
    holder = subquery.parent
    while isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.Subquery):
        holder = holder.parent
    if isinstance(holder, exp.Subquery) and isinstance(holder.parent, exp.From | exp.Join):
        block = holder.find_ancestor(exp.Select)
        return block is not None and (_takes_any_order(block) or _passes_a_set_on(block))
    is_inner = isinstance(holder, exp.Subquery) and holder.parent is not None
    return is_inner or isinstance(holder, exp.SetOperation | exp.Exists)


def _passes_a_set_on(block: exp.Select) -> bool:
    is_cut = any(block.args.get(key) for key in ("limit", "offset"))
    return is_plain(block) and not is_cut and _is_read_as_a_set(block)


def _takes_any_order(block: exp.Select) -> bool:
    if any(own_windows(part) for part in upper_clauses(block)):
        return False
    if is_aggregated(block):
        aggregates = [a for part in upper_clauses(block) for a in own_aggregates(part)]
        return all(isinstance(a, _UNORDERED) for a in aggregates)
    return bool(block.args.get("order") or block.args.get("joins") or block.args.get("distinct"))
