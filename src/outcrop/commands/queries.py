"""Queries, and EXPLAIN, which waits for the planner's next issue."""

from __future__ import annotations

from outcrop.commands.context import CommandContext
from outcrop.errors import FeatureNotSupported
from outcrop.execution.result import Result, ResultColumn
from outcrop.sql.statements import Explain, Query


def run_query(context: CommandContext, statement: Query) -> Result:
    """Run a query; its rows stream."""
    plan = context.plan(statement.tree)
    rows = context.runner.query(plan, context.request(statement.text))
    columns = tuple(
        ResultColumn(named.name, column.datatype)
        for named, column in zip(plan.columns, rows.columns, strict=True)
    )
    return Result("SELECT", columns, rows=rows)


def explain(context: CommandContext, statement: Explain) -> Result:
    """Refuse EXPLAIN by name."""
    raise FeatureNotSupported(
        "EXPLAIN is not supported yet",
        hint="SET outcrop.max_calls TO 0; lets a statement run as far as its first call.",
        position=statement.position,
    )
