"""Select nothing in EXISTS, which asks whether there are rows and not what they hold.

Type:   query rewrite
Goal:   a call in the select list of EXISTS is not made.
Before: SELECT t.i FROM t WHERE EXISTS (SELECT f(u.b) FROM u WHERE u.i = 9)
After:  SELECT t.i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.i = 9)

Does not fire on set operations, which compare what they select, nor on an aggregation, of which the
select list is part, nor where OFFSET skips distinct rows.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import is_aggregated
from outcrop.planner.model_call import has_call


def empty_lists_of_exists(query: exp.Query) -> exp.Query:
    """Return `query` with a constant in place of what its EXISTS select by calling a model."""
    for exists in query.find_all(exp.Exists):
        block = exists.this
        if not isinstance(block, exp.Select) or is_aggregated(block):
            continue
        if block.args.get("distinct") and block.args.get("offset"):
            continue
        if any(has_call(part) for part in (*block.expressions, block.args.get("order"))):
            block.set("expressions", [exp.alias_(exp.Literal.number(1), "one", quoted=True)])
            block.set("distinct", None)
            block.set("order", None)
    return query
