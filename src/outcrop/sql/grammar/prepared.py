"""PREPARE, EXECUTE and DEALLOCATE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from outcrop.sql.statements import (
    Deallocate,
    Delete,
    Execute,
    Insert,
    Prepare,
    Query,
    Statement,
    Update,
)
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import parse_expression, parse_type


def parse_prepare(
    cursor: TokenCursor, parse_statement: Callable[[Sequence[Token]], Statement]
) -> Prepare:
    """Parse PREPARE name [(type [, ...])] AS statement.

    `parse_statement` parses the tokens that follow.
    """
    cursor.expect("PREPARE")
    name = cursor.identifier("the statement's name")
    types: list[exp.DataType] = []
    if cursor.accept("("):
        types.append(_type(cursor))
        while cursor.accept(","):
            types.append(_type(cursor))
        cursor.expect(")")
    cursor.expect("AS")
    place = cursor.position
    rest = cursor.take_rest()
    if not rest:
        raise cursor.error("expected the statement to prepare")
    statement = parse_statement(rest)
    if not isinstance(statement, Query | Insert | Update | Delete):
        error = cursor.unsupported("preparing this statement", "Prepare SELECT, INSERT, ...")
        error.position = place
        raise error
    return Prepare(
        text=cursor.text,
        position=cursor.start,
        name=name,
        types=tuple(types),
        statement=statement,
    )


def parse_execute(cursor: TokenCursor) -> Execute:
    """Parse EXECUTE name [(value [, ...])]."""
    cursor.expect("EXECUTE")
    name = cursor.identifier("the statement's name")
    arguments: list[exp.Expr] = []
    if cursor.accept("("):
        arguments.append(_argument(cursor))
        while cursor.accept(","):
            arguments.append(_argument(cursor))
        cursor.expect(")")
    cursor.end()
    return Execute(text=cursor.text, position=cursor.start, name=name, arguments=tuple(arguments))


def parse_deallocate(cursor: TokenCursor) -> Deallocate:
    """Parse DEALLOCATE [PREPARE] { name | ALL }."""
    cursor.expect("DEALLOCATE")
    cursor.accept("PREPARE")
    name = None if cursor.accept("ALL") else cursor.identifier("ALL or a statement's name")
    cursor.end()
    return Deallocate(text=cursor.text, position=cursor.start, name=name)


def _type(cursor: TokenCursor) -> exp.DataType:
    tokens = cursor.take_until(",")
    if not tokens:
        raise cursor.error("expected a type")
    return parse_type(cursor.script, tokens)


def _argument(cursor: TokenCursor) -> exp.Expr:
    place = cursor.index
    tokens = cursor.take_until(",")
    if not tokens:
        raise cursor.error("expected a value")
    value = parse_expression(cursor.script, tokens)
    if value.find(exp.Column, exp.Query, exp.Placeholder, exp.Parameter) is not None:
        cursor.index = place
        raise cursor.error("expected a value; columns, queries and parameters are none")
    return value
