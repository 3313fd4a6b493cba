"""Write the expressions that ORDER BY means in place of their aliases.

Type:   block rewrite
Goal:   later rules see whether an order needs a call, and can move the order.
Before: SELECT f(t.p) AS y FROM t ORDER BY y
After:  SELECT f(t.p) AS y FROM t ORDER BY f(t.p)
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import Names


def resolve_order_aliases(block: exp.Select, names: Names) -> None:
    """Rewrite `block`'s ORDER BY; DISTINCT keeps aliases, since it may order by nothing else."""
    order = block.args.get("order")
    if order is None or block.args.get("distinct"):
        return
    by_name = {projection.alias_or_name: projection.unalias() for projection in block.expressions}
    for ordered in order.expressions:
        key = ordered.this
        if isinstance(key, exp.Literal) and key.is_int:
            key.replace(block.expressions[int(key.name) - 1].unalias().copy())
            continue
        for column in list(key.find_all(exp.Column)):
            if not column.table and column.name in by_name:
                column.replace(by_name[column.name].copy())
