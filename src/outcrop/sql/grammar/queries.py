"""SELECT, and SELECT ... INTO, which is CREATE TABLE AS in other words."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.statements import CreateTableAs, NameParts, Query
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import parse_query


def parse_select(cursor: TokenCursor) -> Query | CreateTableAs:
    """Parse a query: SELECT, WITH, a set operation, or any of them in parentheses."""
    text, position = cursor.text, cursor.start
    tree = parse_query(cursor.script, cursor.take_rest())
    into = tree.args.get("into")
    if not isinstance(into, exp.Into):
        return Query(text=text, position=position, tree=tree)
    into.pop()
    return CreateTableAs(
        text=text,
        position=position,
        name=table_name(into.this),
        query=tree,
        is_temporary=bool(into.args.get("temporary")),
    )


def table_name(table: exp.Expr) -> NameParts:
    """Return the parts of a table's name, as typed."""
    return tuple(part.name for part in table.parts) if isinstance(table, exp.Table) else ()
