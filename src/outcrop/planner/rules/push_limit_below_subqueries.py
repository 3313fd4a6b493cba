"""Sort and cut before the subqueries of a select list are answered.

Type:   query rewrite
Goal:   LIMIT 5 answers subqueries for five rows.
Before: SELECT (SELECT max(f(u.b)) FROM u WHERE u.i = t.i) AS y FROM t ORDER BY t.i LIMIT 5
After:  SELECT (SELECT max(f(u.b)) FROM u WHERE u.i = q.i) AS y
        FROM (SELECT t.i FROM t ORDER BY t.i LIMIT 5) AS q ORDER BY q.i

It comes before the rules that join subqueries, which would answer them for every row. Does not fire
where it takes an answer to know which rows are kept.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names, blocks, is_plain, join_conditions
from outcrop.planner.model_call import has_call
from outcrop.planner.rules.push_limit_below_calls import cut_first
from outcrop.planner.rules.resolve_order_aliases import resolve_order_aliases


def push_limit_below_subqueries(query: exp.Query) -> exp.Query:
    """Return `query` with LIMIT below the subqueries that call models."""
    names = Names.beside(query)
    for block in blocks(query):
        is_cut = block.args.get("limit") or block.args.get("offset")
        if not is_cut or not is_plain(block) or not _asks_in_subqueries(block.expressions):
            continue
        if not _is_decided_by_answers(block, names):
            resolve_order_aliases(block, names)
            cut_first(block, (), names)
    return query


def _is_decided_by_answers(block: exp.Select, names: Names) -> bool:
    """Tell whether it takes an answer to know which rows `block` keeps."""
    resolved = block.copy()
    resolve_order_aliases(resolved, names)
    parts = (resolved.args.get("where"), resolved.args.get("order"), *join_conditions(resolved))
    return any(map(has_call, parts))


def _asks_in_subqueries(parts: list[exp.Expr]) -> bool:
    return any(has_call(query) for part in parts for query in part.find_all(exp.Query))
