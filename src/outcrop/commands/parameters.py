"""Parameters of a statement, put into its tree as literals: never into its text."""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from sqlglot import exp

from outcrop.errors import DatatypeMismatch, InvalidParameter
from outcrop.sql.statements import Explain, Statement


def bind_parameters(
    statement: Statement, params: Sequence[object] | Mapping[str, object]
) -> Statement:
    """Return `statement` with its placeholders, `?` by position or `:name`, filled.

    Raises InvalidParameter if their number or names differ, DatatypeMismatch for a value that SQL
    has no literal for.
    """
    bound, placeholders = _with_placeholders(statement)
    if isinstance(params, Mapping):
        values = _values_by_name(placeholders, params)
    else:
        values = _values_by_position(placeholders, params)
    for placeholder, value in zip(placeholders, values, strict=True):
        placeholder.replace(value)
    return replace(bound, filled=tuple(value.sql() for value in values))


def bind_numbered(statement: Statement, arguments: Sequence[exp.Expr]) -> Statement:
    """Return `statement` with its parameters, `$1` and so on, replaced by expressions.

    Raises InvalidParameter if there are more parameters than arguments, or fewer.
    """
    filled, placeholders = _with_placeholders(statement)
    numbers = [int(p.name) if p.name.isdigit() else 0 for p in placeholders]
    if 0 in numbers:
        raise InvalidParameter("a prepared statement numbers its parameters: $1, $2 ...")
    count = max(numbers, default=0)
    if count != len(arguments):
        raise InvalidParameter(
            f"the statement has {count} parameters, and {len(arguments)} are given"
        )
    for placeholder, number in zip(placeholders, numbers, strict=True):
        placeholder.replace(arguments[number - 1].copy())
    return filled


def _with_placeholders(statement: Statement) -> tuple[Statement, list[exp.Expr]]:
    """Return a copy of `statement`, and the placeholders in it."""
    if isinstance(statement, Explain):
        inner, placeholders = _with_placeholders(statement.statement)
        return replace(statement, statement=inner), placeholders
    trees = {f.name: getattr(statement, f.name) for f in fields(statement)}
    copies = {n: tree.copy() for n, tree in trees.items() if isinstance(tree, exp.Expr)}
    placeholders = [p for tree in copies.values() for p in _placeholders(tree)]
    changes: dict[str, Any] = dict(copies)
    return replace(statement, **changes), placeholders


def _placeholders(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the placeholders in the order of the text."""
    yield from list(tree.find_all(exp.Placeholder, exp.Parameter, bfs=False))


def _values_by_position(placeholders: list[exp.Expr], params: Sequence[object]) -> list[exp.Expr]:
    if len(placeholders) != len(params):
        raise InvalidParameter(
            f"the statement has {len(placeholders)} placeholders, and {len(params)} parameters "
            "are given",
            hint="Write one ? for each parameter.",
        )
    return [literal(value) for value in params]


def _values_by_name(placeholders: list[exp.Expr], params: Mapping[str, object]) -> list[exp.Expr]:
    for placeholder in placeholders:
        if placeholder.name not in params:
            raise InvalidParameter(f"parameter {placeholder.name!r} is not given")
    return [literal(params[placeholder.name]) for placeholder in placeholders]


def literal(value: object) -> exp.Expr:
    """Return a Python value as a literal of our SQL."""
    match value:
        case None:
            return exp.null()
        case bool():
            return exp.true() if value else exp.false()
        case int():
            return _number(str(value))
        case float():
            return exp.cast(exp.Literal.string(repr(value)), exp.DataType.Type.DOUBLE)
        case decimal.Decimal():
            return _number(f"{value:f}")
        case str():
            return exp.Literal.string(value)
        case datetime.datetime():
            kind = exp.DataType.Type.TIMESTAMPTZ if value.tzinfo else exp.DataType.Type.TIMESTAMP
            return exp.cast(exp.Literal.string(value.isoformat(" ")), kind)
        case datetime.date():
            return exp.cast(exp.Literal.string(value.isoformat()), exp.DataType.Type.DATE)
        case datetime.time():
            return exp.cast(exp.Literal.string(value.isoformat()), exp.DataType.Type.TIME)
        case dict() | list() | tuple():
            text = exp.Literal.string(json.dumps(value, ensure_ascii=False))
            return exp.ParseJSON(this=text)
    raise DatatypeMismatch(
        f"a parameter of type {type(value).__name__!r} has no SQL literal",
        hint="Pass None, bool, int, float, Decimal, str, date, time, datetime, dict or list.",
    )


def _number(text: str) -> exp.Expr:
    if text.startswith("-"):
        return exp.paren(exp.Neg(this=exp.Literal.number(text[1:])))
    return exp.Literal.number(text)
