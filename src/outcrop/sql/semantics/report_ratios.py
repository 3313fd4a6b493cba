"""RATIO_TO_REPORT."""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import FeatureNotSupported
from outcrop.sql.nodes import RedshiftFunction, position_of
from outcrop.sql.semantics.tree import engine


def report_ratios(node: exp.Expr) -> exp.Expr:
    """Divide a value by the sum over its window.

    Type: rewriting. Goal: the engine has no RATIO_TO_REPORT. Before: `ratio_to_report(x) OVER
    (PARTITION BY y)`. After: `CAST(x AS DOUBLE) / nullif(sum(x) OVER (PARTITION BY y), 0)`.
    """
    if not isinstance(node, exp.Window | RedshiftFunction):
        return node
    call = node.this if isinstance(node, exp.Window) else node
    if not isinstance(call, RedshiftFunction) or call.name != "ratio_to_report":
        return node
    if isinstance(node, RedshiftFunction):
        if isinstance(node.parent, exp.Window):
            return node
        raise FeatureNotSupported(
            "RATIO_TO_REPORT without OVER is not supported",
            hint="Add OVER (PARTITION BY ...).",
            position=position_of(node),
        )
    value = call.expressions[0]
    node.set("this", exp.Sum(this=value.copy()))
    return engine("(CAST($1 AS DOUBLE) / nullif($2, 0))", value, node, returns="double")
