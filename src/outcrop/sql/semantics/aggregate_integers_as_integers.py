"""SUM and AVG of whole numbers."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.tree import INTEGER_TYPES, engine, is_type


def aggregate_integers_as_integers(node: exp.Expr) -> exp.Expr:
    """Give SUM and AVG the types that Redshift gives them.

    Type: typed. Goal: AVG of whole numbers is a BIGINT, truncated; SUM of INTEGER is a BIGINT, of
    BIGINT a NUMERIC(38,0). Before: `avg(i)`. After: `CAST(trunc(avg(i)) AS BIGINT)`. In a window
    the whole call with its OVER is cast.
    """
    call = node.this if isinstance(node, exp.Window) else node
    if not isinstance(call, exp.Sum | exp.Avg):
        return node
    if isinstance(node.parent, exp.Window) and node.arg_key == "this":
        return node
    argument = call.this.expressions[0] if isinstance(call.this, exp.Distinct) else call.this
    if not is_type(argument, *INTEGER_TYPES):
        return node
    if isinstance(call, exp.Avg):
        return engine("CAST(trunc($1) AS BIGINT)", node, returns="bigint")
    returns = "numeric(38, 0)" if is_type(argument, exp.DType.BIGINT) else "bigint"
    target = "DECIMAL(38, 0)" if returns != "bigint" else "BIGINT"
    return engine(f"CAST($1 AS {target})", node, returns=returns)
