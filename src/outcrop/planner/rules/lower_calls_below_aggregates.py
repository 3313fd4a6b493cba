"""Call first and aggregate afterwards, where a call stands in an aggregate, a group key or WHERE.

Type:   block rewrite
Goal:   what is left above is a plain aggregation; below it is a plain block.
Before: SELECT f(t.p), COUNT(*) FROM t GROUP BY f(t.p)
After:  SELECT q._v1, COUNT(*) FROM (SELECT f(t.p) AS _v1 FROM t) AS q GROUP BY q._v1
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from outcrop.planner.blocks import (
    SOURCE_CLAUSES,
    Names,
    group_keys,
    has_own_call,
    is_aggregated,
    own_aggregates,
)
from outcrop.planner.model_call import has_call_in_scope
from outcrop.planner.split import Split

# What stands between an aggregate and the values that it takes.
_WRAPPERS = (exp.AggFunc, exp.WithinGroup, exp.Filter, exp.Distinct, exp.Order, exp.Ordered)


def lower_calls_below_aggregates(block: exp.Select, names: Names) -> None:
    """Split `block` if it groups, and calls a model before that."""
    if not is_aggregated(block) or not has_own_call(block):
        return
    split = Split(block, names)
    split.lower(*SOURCE_CLAUSES, "where")
    split.lower_expressions((k for k in group_keys(block) if has_call_in_scope(k)), "v")
    for part in [*block.expressions, block.args.get("having"), block.args.get("order")]:
        for aggregate in own_aggregates(part) if part is not None else ():
            split.lower_expressions(_arguments_with_calls(aggregate), "v")
    split.finish()


def _arguments_with_calls(node: exp.Expr) -> Iterator[exp.Expr]:
    for child in node.iter_expressions():
        if isinstance(child, _WRAPPERS):
            yield from _arguments_with_calls(child)
        elif has_call_in_scope(child):
            yield child
