"""Drop columns of subqueries that nobody reads, and the calls in them.

Type:   query rewrite (sqlglot's pass)
Goal:   a call whose answer is not used is not made.
Before: SELECT s.i FROM (SELECT t.i, f(t.p) AS y FROM t) AS s
After:  SELECT s.i FROM (SELECT t.i FROM t) AS s
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.pushdown_projections import pushdown_projections


def prune_unused_projections(query: exp.Query) -> exp.Query:
    """Return `query` without the columns of its subqueries that are not read."""
    return pushdown_projections(query)
