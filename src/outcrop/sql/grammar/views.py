"""CREATE VIEW, and materialized views: create, refresh, alter."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot.tokenizer_core import Token

from outcrop.sql.grammar.attributes import TableAttributes
from outcrop.sql.statements import (
    AlterMaterializedView,
    CreateMaterializedView,
    CreateView,
    RefreshMaterializedView,
)
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import parse_query, strip_parentheses

_NO_SCHEMA_BINDING = ("WITH", "NO", "SCHEMA", "BINDING")


def parse_create_view(cursor: TokenCursor) -> CreateView:
    """Parse CREATE [OR REPLACE] VIEW name [(columns)] AS query [WITH NO SCHEMA BINDING].

    Every view of ours is looked up by name when it is read, so that WITH NO SCHEMA BINDING asks
    for nothing more.
    """
    cursor.expect("CREATE")
    or_replace = cursor.accept("OR", "REPLACE")
    cursor.expect("VIEW")
    name = cursor.name("the view's name")
    column_names = cursor.names() if cursor.at("(") else ()
    cursor.expect("AS")
    tokens = _query_tokens(cursor)
    return CreateView(
        text=cursor.text,
        position=cursor.start,
        name=name,
        query=parse_query(cursor.script, tokens),
        query_text=cursor.script.source(tokens[0], tokens[-1]),
        column_names=column_names,
        or_replace=or_replace,
    )


def parse_create_materialized_view(cursor: TokenCursor) -> CreateMaterializedView:
    """Parse CREATE MATERIALIZED VIEW name [attributes] [AUTO REFRESH {YES | NO}] AS query."""
    cursor.expect("CREATE", "MATERIALIZED", "VIEW")
    name = cursor.name("the materialized view's name")
    attributes = TableAttributes()
    auto_refresh: str | None = None
    attributes.parse(cursor)
    while auto_refresh is None and cursor.at("AUTO"):
        auto_refresh = _auto_refresh(cursor)
        attributes.parse(cursor)
    if not cursor.accept("AS"):
        raise cursor.error("expected AUTO REFRESH, BACKUP, DISTSTYLE, DISTKEY, SORTKEY or AS")
    tokens = _query_tokens(cursor)
    return CreateMaterializedView(
        text=cursor.text,
        position=cursor.start,
        name=name,
        query=parse_query(cursor.script, tokens),
        query_text=cursor.script.source(tokens[0], tokens[-1]),
        is_auto_refreshed=auto_refresh == "YES",
        attributes=attributes.found,
    )


def parse_refresh(cursor: TokenCursor) -> RefreshMaterializedView:
    """Parse REFRESH MATERIALIZED VIEW name [RESTRICT | CASCADE]."""
    cursor.expect("REFRESH", "MATERIALIZED", "VIEW")
    name = cursor.name("the materialized view's name")
    is_cascade = cursor.accept_one_of("RESTRICT", "CASCADE") == "CASCADE"
    cursor.end()
    return RefreshMaterializedView(
        text=cursor.text, position=cursor.start, name=name, is_cascade=is_cascade
    )


def parse_alter_materialized_view(cursor: TokenCursor) -> AlterMaterializedView:
    """Parse ALTER MATERIALIZED VIEW name AUTO REFRESH {YES | NO}."""
    cursor.expect("ALTER", "MATERIALIZED", "VIEW")
    name = cursor.name("the materialized view's name")
    is_auto_refreshed = _auto_refresh(cursor) == "YES"
    cursor.end()
    return AlterMaterializedView(
        text=cursor.text, position=cursor.start, name=name, is_auto_refreshed=is_auto_refreshed
    )


def _auto_refresh(cursor: TokenCursor) -> str:
    cursor.expect("AUTO", "REFRESH")
    return cursor.expect_one_of("YES", "NO")


def _query_tokens(cursor: TokenCursor) -> Sequence[Token]:
    """Return the tokens of the query that ends the statement, without what encloses it."""
    rest = cursor.take_rest()
    tail = [token.text.upper() for token in rest[-len(_NO_SCHEMA_BINDING) :]]
    if tail == list(_NO_SCHEMA_BINDING):
        rest = rest[: -len(_NO_SCHEMA_BINDING)]
    if not rest:
        raise cursor.error("expected a query")
    return strip_parentheses(rest)
