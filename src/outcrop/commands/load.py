"""COPY: a table gets the rows of files or objects, all of them or none."""

from __future__ import annotations

import os
from pathlib import Path

from outcrop.catalog.objects import RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.copy.report import LoadError
from outcrop.commands.copy.run import run_copy
from outcrop.commands.copy.sources import Sources
from outcrop.commands.storage import physical_name
from outcrop.errors import counted
from outcrop.execution.result import Notice, Result
from outcrop.sql.statements import Copy

_ERRORS_SHOWN_MAX = 10


def copy(context: CommandContext, statement: Copy) -> Result:
    """Load files into a table; with MAXERROR, rows that cannot be loaded are left out and named."""
    table = context.relation(statement.table, kind=RelationKind.TABLE)
    sources = Sources(
        roles=context.config.roles,
        copy_roots=context.config.copy_roots,
        environ=os.environ,
        home=Path.home(),
        working_directory=Path.cwd(),
    )
    errors: list[LoadError] = []
    report = run_copy(
        statement, table, physical_name(table), context.engine, sources, errors.append
    )
    context.note_rows_changed(table)
    for error in errors[:_ERRORS_SHOWN_MAX]:
        context.notify(Notice("WARNING", f"not loaded: {error}"))
    if report.errors_total > _ERRORS_SHOWN_MAX:
        context.notify(Notice("WARNING", f"{report.errors_total} rows in all were not loaded"))
    rows, files = counted(report.rows, "row"), counted(report.files, "file")
    context.notify(Notice("INFO", f"Load into table {table.name} completed, {rows} of {files}."))
    return Result("COPY", rowcount=report.rows)
