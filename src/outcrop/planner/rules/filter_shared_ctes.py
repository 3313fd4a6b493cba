"""Filter a common table expression that is read several times by what its readers want of it.

Type:   query rewrite
Goal:   rows that no reader wants never reach a model.
Before: WITH c AS (SELECT t.i, f(t.p) AS y FROM t)
        SELECT c.y FROM c WHERE c.i = 1 UNION ALL SELECT c.y FROM c WHERE c.i = 2
After:  WITH c AS (SELECT t.i, f(t.p) AS y FROM t WHERE t.i = 1 OR t.i = 2)
        SELECT c.y FROM c WHERE c.i = 1 UNION ALL SELECT c.y FROM c WHERE c.i = 2

Does not fire unless each reader has a cheap predicate on the CTE alone, nor on a CTE that groups,
cuts, has windows or is a set operation. What an outer join extends with NULL is wanted as its ON
says.
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import replace_aliases

from outcrop.planner.blocks import conjuncts, has_random, is_open, set_condition
from outcrop.planner.model_call import has_call
from outcrop.planner.rules.inline_single_use_ctes import cte_readers
from outcrop.planner.rules.push_predicates_into_arms import is_about


def filter_shared_ctes(query: exp.Query) -> exp.Query:
    """Return `query` with the predicates of all readers, joined by OR, in the CTEs they read."""
    readers = cte_readers(query)
    for with_ in query.find_all(exp.With):
        for cte in () if with_.recursive else with_.expressions:
            body = cte.this
            if isinstance(body, exp.Select) and is_open(body) and has_call(body):
                _filter(body, readers.get(id(body), []))
    return query


def _filter(body: exp.Select, readers: list[exp.Table]) -> None:
    wanted: list[exp.Expr] = []
    for table in readers:
        lowered = [replace_aliases(body, part.copy()) for part in _predicates(table)]
        cheap = [part for part in lowered if not has_call(part)]
        if not cheap:
            return
        wanted.append(exp.and_(*cheap))
    if wanted:
        condition = exp.paren(exp.or_(*dict.fromkeys(wanted)))
        set_condition(body, "where", [*conjuncts(body.args.get("where")), condition])


def _predicates(table: exp.Table) -> list[exp.Expr]:
    """Return the predicates that a row of a reader must meet to be of any use."""
    holder = table.parent
    block = holder.parent if holder is not None else None
    if not isinstance(holder, exp.From | exp.Join) or not isinstance(block, exp.Select):
        return []
    joins: list[exp.Join] = block.args.get("joins") or []
    conditions: list[exp.Expr | None] = []
    if all(not join.side for join in joins):
        conditions = [block.args.get("where"), *(join.args.get("on") for join in joins)]
    elif isinstance(holder, exp.Join) and holder.side == "LEFT":
        conditions = [holder.args.get("on")]
    elif isinstance(holder, exp.From) and all(join.side in ("", "LEFT") for join in joins):
        conditions = [block.args.get("where")]
    parts = [part for condition in conditions for part in conjuncts(condition)]
    return [p for p in parts if is_about(p, table.alias_or_name) and not has_random(p)]
