"""Read no rows where LIMIT 0 lets none through.

Type:   query rewrite
Goal:   asking for the columns of a query, as BI tools do, makes no call.
Before: SELECT f(t.p) AS y FROM t LIMIT 0
After:  SELECT f(t.p) AS y FROM t WHERE FALSE LIMIT 0

The LIMIT stays, since an aggregation gives a row for no rows. `push_predicates_down` takes the
condition into the subqueries that are read.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import arms, conjuncts, count_of, set_condition


def read_nothing_under_limit_zero(query: exp.Query) -> exp.Query:
    """Return `query` with FALSE in the WHERE of all that LIMIT 0 cuts."""
    for limit in list(query.find_all(exp.Limit)):
        if count_of(limit) == 0:
            for arm in arms(limit.parent):
                set_condition(arm, "where", [*conjuncts(arm.args.get("where")), exp.false()])
    return query
