"""VACUUM and ANALYZE: accepted, since scripts have them; the engine does both by itself."""

from __future__ import annotations

from outcrop.commands.context import CommandContext
from outcrop.execution.result import Result
from outcrop.sql.statements import Maintenance


def maintain(context: CommandContext, statement: Maintenance) -> Result:
    """Check that the table exists, and do nothing."""
    if statement.target is not None:
        context.relation(statement.target)
    return Result(statement.verb.upper())
