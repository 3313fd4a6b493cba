"""Call first and compute windows afterwards, where a call stands inside a window or in WHERE.

Type:   block rewrite
Goal:   what is left above is a plain window computation; below it is a plain block.
Before: SELECT COUNT(*) OVER (PARTITION BY f(t.p)) FROM t
After:  SELECT COUNT(*) OVER (PARTITION BY q._v1) FROM (SELECT f(t.p) AS _v1 FROM t) AS q
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from outcrop.planner.blocks import SOURCE_CLAUSES, Names, has_own_call, own_windows
from outcrop.planner.model_call import has_call_in_scope
from outcrop.planner.split import Split

# What stands between a window and the values that it takes.
_WRAPPERS = (exp.Window, exp.AggFunc, exp.Order, exp.Ordered, exp.IgnoreNulls, exp.Distinct)


def lower_calls_below_windows(block: exp.Select, names: Names) -> None:
    """Split `block` if it has windows, and calls in or before them."""
    parts = [*block.expressions, block.args.get("qualify"), block.args.get("order")]
    windows = [window for part in parts if part is not None for window in own_windows(part)]
    if not windows or not has_own_call(block):
        return
    split = Split(block, names)
    split.lower(*SOURCE_CLAUSES, "where")
    for window in windows:
        split.lower_expressions(_values_with_calls(window), "v")
    split.finish()


def _values_with_calls(node: exp.Expr) -> Iterator[exp.Expr]:
    for child in node.iter_expressions():
        if isinstance(child, _WRAPPERS):
            yield from _values_with_calls(child)
        elif has_call_in_scope(child):
            yield child
