"""Queries: their rows stream."""

from __future__ import annotations

from outcrop.commands.context import CommandContext
from outcrop.execution.result import Result, ResultColumn
from outcrop.sql.statements import Query


def run_query(context: CommandContext, statement: Query) -> Result:
    """Run a query; its rows stream."""
    plan = context.plan_statement(statement)
    rows = context.runner.query(plan, context.request(statement.text))
    columns = tuple(
        ResultColumn(named.name, column.datatype)
        for named, column in zip(plan.columns, rows.columns, strict=True)
    )
    return Result("SELECT", columns, rows=rows)
