"""Draw the random numbers of an ORDER BY once, below the calls.

Type:   block rewrite
Goal:   a random order can be cut, numbered and kept like any other: it is the same in each place
        where the rules after this one repeat it.
Before: SELECT f(t.p) FROM t ORDER BY RANDOM() LIMIT 3
After:  SELECT f(q.p) FROM (SELECT t.p, RANDOM() AS _o1 FROM t) AS q ORDER BY q._o1 LIMIT 3

Does not fire above DISTINCT, groups and windows, which other rules part from their calls first.
"""

from __future__ import annotations

from sqlglot import exp

from outcrop.planner.blocks import SOURCE_CLAUSES, Names, has_own_call, is_plain, is_random
from outcrop.planner.split import Split


def draw_random_order_first(block: exp.Select, names: Names) -> None:
    """Split `block` if it calls a model and its order is random."""
    order = block.args.get("order")
    if order is None or not is_plain(block) or not has_own_call(block):
        return
    drawn = [node for node in order.walk() if is_random(node)]
    if not drawn:
        return
    split = Split(block, names)
    split.lower(*SOURCE_CLAUSES)
    split.lower_expressions(drawn, "o")
    split.finish()
