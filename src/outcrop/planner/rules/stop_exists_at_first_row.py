"""Stop an EXISTS that calls a model at the first row that shows it.

Type:   query rewrite
Goal:   rows that no longer decide are not asked about.
Before: SELECT t.i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(u.b) = 'x')
After:  SELECT t.i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE f(u.b) = 'x' LIMIT 1)

Does not fire on set operations, nor where a LIMIT stands already. Comes after
`decorrelate_subqueries`, which makes joins of the EXISTS that refer to the query around them.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.model_call import has_call


def stop_exists_at_first_row(query: exp.Query) -> exp.Query:
    """Return `query` with LIMIT 1 in each EXISTS that calls a model."""
    for exists in query.find_all(exp.Exists):
        block = exists.this
        if isinstance(block, exp.Select) and has_call(block) and not block.args.get("limit"):
            block.limit(1, copy=False)
    return query
