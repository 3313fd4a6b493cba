"""Pieces of SQL that are stored or written apart from a statement: a view's query, a type."""

from __future__ import annotations

from sqlglot import exp

from outcrop.errors import InternalError
from outcrop.sql.parser import parse_statement
from outcrop.sql.script import Script, tokenize
from outcrop.sql.statements import Query
from outcrop.sql.trees import parse_type


def parse_query_text(text: str) -> exp.Query:
    """Return the tree of a query that was stored as text."""
    statement = parse_statement(text)
    if not isinstance(statement, Query):
        raise InternalError(f"a stored query is none: {text!r}")
    return statement.tree


def parse_type_text(text: str) -> exp.DataType:
    """Return the type that `text` names; raises SqlSyntaxError."""
    script = Script.of(text)
    return parse_type(script, tokenize(script))
