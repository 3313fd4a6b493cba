"""PREPARE, EXECUTE, DEALLOCATE: statements that a session keeps under names, until it ends.

A prepared statement is kept as it was written, and is bound and planned when it is executed, so
that it never runs on a plan of a catalog that has changed since.
"""

from __future__ import annotations

from dataclasses import replace

from sqlglot import exp

from outcrop.commands.context import CommandContext
from outcrop.commands.parameters import bind_numbered
from outcrop.errors import DuplicateObject, InvalidParameter, UndefinedStatement, suggest
from outcrop.execution.result import Result
from outcrop.sql.statements import Deallocate, Execute, Prepare, Statement


def prepare(context: CommandContext, statement: Prepare) -> Result:
    """Keep a statement under a name."""
    [name] = context.fold((statement.name,))
    if name in context.prepared:
        raise DuplicateObject(
            f"prepared statement {name!r} already exists", hint=f"DEALLOCATE {name}; removes it."
        )
    context.prepared[name] = statement
    return Result("PREPARE")


def deallocate(context: CommandContext, statement: Deallocate) -> Result:
    """Forget one prepared statement, or all."""
    if statement.name is None:
        context.prepared.clear()
    else:
        del context.prepared[_find(context, statement.name)]
    return Result("DEALLOCATE")


def statement_to_run(context: CommandContext, statement: Statement) -> Statement:
    """Return the statement that EXECUTE means, with its parameters filled; any other as it is."""
    if not isinstance(statement, Execute):
        return statement
    prepared = context.prepared[_find(context, statement.name)]
    arguments = [argument.copy() for argument in statement.arguments]
    if prepared.types:
        if len(arguments) != len(prepared.types):
            raise InvalidParameter(
                f"{statement.name!r} has {len(prepared.types)} parameters, and {len(arguments)} "
                "are given"
            )
        arguments = [
            exp.cast(argument, datatype)
            for argument, datatype in zip(arguments, prepared.types, strict=True)
        ]
    bound = bind_numbered(prepared.statement, [_operand(argument) for argument in arguments])
    return replace(bound, filled=(prepared.text, statement.text))


def _operand(value: exp.Expr) -> exp.Expr:
    """Return a value as something that may stand beside any operator."""
    if isinstance(value, exp.Literal | exp.Null | exp.Boolean | exp.Cast):
        return value
    return exp.paren(value, copy=False)


def _find(context: CommandContext, name: str) -> str:
    [folded] = context.fold((name,))
    if folded not in context.prepared:
        raise UndefinedStatement(
            f"prepared statement {folded!r} does not exist",
            hint=suggest(folded, context.prepared) or "PREPARE makes one, for this session.",
        )
    return folded
