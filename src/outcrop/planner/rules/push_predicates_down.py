"""Move predicates next to the relations that they speak of, below joins, subqueries and calls.

Type:   query rewrite (sqlglot's pass, which knows outer joins, windows and limits)
Goal:   fewer rows reach a model.
Before: SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t) AS s WHERE s.i > 2
After:  SELECT s.y FROM (SELECT t.i, f(t.p) AS y FROM t WHERE t.i > 2) AS s
"""

from __future__ import annotations

from sqlglot import exp
from sqlglot.optimizer.pushdown_predicates import pushdown_predicates

from outcrop.planner.blocks import blocks, conjuncts, is_true, set_condition
from outcrop.sql.dialect import Outcrop


def push_predicates_down(query: exp.Query) -> exp.Query:
    """Return `query` with its predicates as low as they can stand."""
    query = pushdown_predicates(query, dialect=Outcrop)
    for block in blocks(query):
        for clause in ("where", "having"):
            if condition := block.args.get(clause):
                kept = [part for part in conjuncts(condition) if not is_true(part)]
                set_condition(block, clause, kept)
    return query
