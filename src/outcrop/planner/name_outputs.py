"""Column names of results, as Redshift gives them to expressions that have no alias."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.dialect import FUNCTION_NAME
from outcrop.sql.nodes import RedshiftFunction

UNNAMED = "?column?"


def name_outputs(query: exp.Expr) -> None:
    """Give every unnamed expression in a select list the name that Redshift would show.

    A function call is called after its function, a cast after what it casts, `CASE` after itself,
    anything else `?column?` (PostgreSQL, "FigureColname", which Redshift inherits).
    """
    for select in query.find_all(exp.Select):
        select.set("expressions", [_named(projection) for projection in select.expressions])


def _named(projection: exp.Expr) -> exp.Expr:
    if projection.is_star or isinstance(projection, exp.Alias | exp.Aliases):
        return projection
    if isinstance(projection, exp.Subquery) and projection.alias:
        return projection
    if isinstance(projection, exp.Column) and not isinstance(projection.this, exp.Star):
        return exp.alias_(projection, projection.name, quoted=True, copy=False)
    return exp.alias_(projection, output_name(projection), quoted=True, copy=False)


def output_name(node: exp.Expr) -> str:
    """Return the name of an unnamed expression."""
    match node:
        case exp.Column() | exp.Identifier():
            return node.name
        case exp.Dot():
            return output_name(node.expression)
        case exp.Paren() | exp.Bracket():
            return output_name(node.this)
        case exp.Cast():
            inner = output_name(node.this)
            return inner if inner != UNNAMED else node.to.sql(dialect="redshift").lower()
        case exp.Anonymous():
            return node.name.lower()
        case exp.Window() | exp.WithinGroup() | exp.Filter() | exp.IgnoreNulls():
            return output_name(node.this)
        case exp.Case() | exp.DecodeCase():
            return "case"
        case exp.GroupConcat():
            return "listagg"
        case exp.Subquery():
            return _first_column(node.unnest())
        case exp.Connector() | exp.Boolean():
            return UNNAMED
        case RedshiftFunction():
            return str(node.meta.get(FUNCTION_NAME) or node.name).lower()
        case exp.Func():
            return str(node.meta.get(FUNCTION_NAME) or node.sql_name()).lower()
    return UNNAMED


def _first_column(query: exp.Expr) -> str:
    columns = query.selects if isinstance(query, exp.Query) else []
    return (columns[0].alias or output_name(columns[0])) if columns else UNNAMED
