"""Compute a group key below the groups, where it holds a subquery that calls a model.

Type:   query rewrite
Goal:   the key in GROUP BY and in the select list stay one expression: other rules rewrite the
        subquery in each place by itself, and the engine would not know them as equal any more.
Before: SELECT t.p IN (SELECT f(u.b) FROM u) AS c FROM t GROUP BY t.p IN (SELECT f(u.b) FROM u)
After:  SELECT q._k1 AS c FROM (SELECT t.p IN (SELECT f(u.b) FROM u) AS _k1 FROM t) AS q
        GROUP BY q._k1

Comes before every rule that looks into subqueries.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import SOURCE_CLAUSES, Names, blocks, group_keys
from outcrop.planner.model_call import has_call
from outcrop.planner.split import Split


def compute_group_keys_first(query: exp.Query) -> exp.Query:
    """Return `query`, in which no group key holds a subquery that calls a model."""
    names = Names.beside(query)
    for block in blocks(query):
        keys = [key for key in group_keys(block) if any(map(has_call, key.find_all(exp.Query)))]
        if keys:
            split = Split(block, names)
            split.lower(*SOURCE_CLAUSES, "where")
            split.lower_expressions(keys, "k")
            split.finish()
    return query
