"""Columns to relations: every column of a query is qualified, or refused with what is near it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sqlglot import exp
from sqlglot.errors import OptimizeError, SchemaError
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from outcrop.errors import AmbiguousColumn, Error, UndefinedColumn, UndefinedRelation, suggest
from outcrop.sql.dialect import Outcrop
from outcrop.sql.nodes import position_of

# sqlglot names the column at the end of its message, and says no more of it.
_NAMED = re.compile(r"olumn:? [\"']?([^\"'.\s]+)")
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]*", re.IGNORECASE)
_QUALIFY = "Write the relation's name and a dot before it."
_LISTED_MAX = 12


def resolve_columns(query: exp.Query, schema: MappingSchema) -> exp.Query:
    """Return `query` with every column qualified, every star expanded, every alias resolved.

    Raises UndefinedColumn or AmbiguousColumn, with a position and a suggestion.
    """
    _name_values(query)
    query = qualify_tables(query, dialect=Outcrop)
    typed = query.copy()
    try:
        query = qualify_columns(query, schema=schema, dialect=Outcrop)
    except (OptimizeError, SchemaError) as error:
        raise _translate(error, typed, schema) from error
    for column, scope in _unresolved(query):
        raise _explain(column, scope, schema)
    for column in query.find_all(exp.Column):  # what a star stands for comes without quotes
        if isinstance(column.this, exp.Identifier) and not _PLAIN_NAME.fullmatch(column.name):
            column.this.set("quoted", True)
    return query


def _name_values(query: exp.Query) -> None:
    """Give VALUES in FROM the names that stand behind it, which sqlglot would drop."""
    for subquery in list(query.find_all(exp.Subquery)):
        if isinstance(subquery.this, exp.Values):
            subquery.this.set("alias", subquery.args.get("alias"))
            subquery.replace(subquery.this)


def _translate(error: Exception, query: exp.Query, schema: MappingSchema) -> Error:
    """Return our error for sqlglot's, and find the column that it is about."""
    message = str(error).partition("\n")[0]
    named = _NAMED.search(message)
    name = named[1].lower() if named else ""
    column = next((c for c in query.find_all(exp.Column) if c.name.lower() == name), None)
    position = None if column is None else position_of(column)
    if "mbiguous" in message:
        return AmbiguousColumn(
            f"column {name!r} is ambiguous",
            hint=_QUALIFY,
            position=position,
        )
    if column is None:
        return UndefinedColumn(message, position=position)
    return _undefined(column, _column_names(traverse_scope(query), schema))


def _explain(column: exp.Column, scope: Scope, schema: MappingSchema) -> Error:
    """Return what is wrong with a column that was not resolved."""
    known = _column_names([scope], schema)
    if not column.table and known.count(column.name) > 1:
        return AmbiguousColumn(
            f"column {column.name!r} is ambiguous",
            hint=_QUALIFY,
            position=position_of(column),
        )
    if column.table and column.table not in scope.sources:
        return UndefinedRelation(
            f"{column.table!r} is no relation of the query's FROM",
            hint=suggest(column.table, scope.sources),
            position=position_of(column),
        )
    return _undefined(column, known)


def _undefined(column: exp.Column, known: Sequence[str]) -> UndefinedColumn:
    hint = suggest(column.name, known)
    if hint is None and 0 < len(known) <= _LISTED_MAX:
        hint = f"The columns in scope are {', '.join(known)}."
    return UndefinedColumn(
        f"column {column.sql(dialect=Outcrop)!r} does not exist",
        hint=hint,
        position=position_of(column),
    )


def _unresolved(query: exp.Query) -> Iterator[tuple[exp.Column, Scope]]:
    """Yield the columns that belong to no relation in scope."""
    for scope in traverse_scope(query):
        if not isinstance(scope.expression, exp.Select):
            continue
        for column in scope.unqualified_columns:
            yield column, scope
        if scope.parent is None:
            for column in scope.external_columns:
                yield column, scope


def _column_names(scopes: Iterable[Scope], schema: MappingSchema) -> list[str]:
    names: list[str] = []
    for scope in scopes:
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                names += schema.column_names(source)
            elif isinstance(source.expression, exp.Query):
                names += source.expression.named_selects
    return names
