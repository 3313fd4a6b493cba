"""LISTAGG(DISTINCT ...) OVER (PARTITION BY ...)."""

from __future__ import annotations

from sqlglot import exp

from outcrop.sql.semantics.aggregate_text import Listagg
from outcrop.sql.semantics.tree import engine

TEXTS = "outcrop_texts"
"""The name of the derived table in which the first of equal texts are marked."""

_OUTER_PARTS = ("expressions", "qualify", "order")
_MOVED_PARTS = ("from_", "joins", "where", "laterals")


def mark_first_texts(node: exp.Expr) -> exp.Expr:
    """Mark the first of equal texts below, and join the marked ones over the window.

    Type: rewriting. Goal: linear cost; a list a row, which `aggregate_text` would build, grows with
    the square of a partition. Before: `SELECT g, LISTAGG(DISTINCT s, ',') WITHIN GROUP (ORDER BY k)
    OVER (PARTITION BY g) FROM t`. After: the columns come from a derived table that adds
    `row_number() OVER (PARTITION BY g, rtrim(s) ORDER BY k) = 1`, and `string_agg` takes the rows
    where that is true. It does not fire in a SELECT that groups, has a star or a nested query.
    """
    if not isinstance(node, exp.Select):
        return node
    windows = [window for window in node.find_all(exp.Window) if _is_distinct(window, node)]
    if not windows or not _is_movable(node):
        return node
    inner = exp.Select(expressions=[])
    for place, window in enumerate(windows, start=1):
        _mark(window, inner, f"is_first_{place}")
    _keep_names(node)
    _replace_columns(node, inner)
    for key in _MOVED_PARTS:
        inner.set(key, node.args.get(key))
        node.set(key, None)
    alias = exp.TableAlias(this=exp.to_identifier(TEXTS))
    node.set("from_", exp.From(this=exp.Subquery(this=inner, alias=alias)))
    return node


def _is_distinct(window: exp.Window, select: exp.Select) -> bool:
    call = window.this
    if not isinstance(call, exp.GroupConcat) or window.parent_select is not select:
        return False
    listagg = Listagg.of(call)
    return listagg.is_distinct and isinstance(listagg.delimiter, exp.Literal)


def _is_movable(select: exp.Select) -> bool:
    """Whether FROM and WHERE can go into a derived table of their own."""
    if any(select.args.get(key) for key in ("group", "having", "windows")) or select.is_star:
        return False
    if select.args.get("from_") is None:
        return False
    outer = [part for key in _OUTER_PARTS for part in _parts(select, key)]
    if any(part.find(exp.Query) for part in outer):
        return False
    calls = (call for part in outer for call in part.find_all(exp.AggFunc))
    return all(call.find_ancestor(exp.Window) is not None for call in calls)


def _parts(select: exp.Select, key: str) -> list[exp.Expr]:
    value = select.args.get(key)
    return value if isinstance(value, list) else [value] if value is not None else []


def _mark(window: exp.Window, inner: exp.Select, name: str) -> None:
    """Add the mark of `window` to the derived table, and join over the marked rows."""
    listagg = Listagg.of(window.this)
    groups = [group.copy() for group in window.args.get("partition_by") or ()]
    number = exp.Window(
        this=exp.RowNumber(),
        partition_by=[*groups, engine("rtrim($1)", listagg.text())],
        order=exp.Order(expressions=[key.copy() for key in listagg.keys]),
        over="OVER",
    )
    inner.append("expressions", exp.alias_(engine("($1 = 1)", number), name))
    mark = exp.column(name, table=TEXTS)
    window.set("this", listagg.joined(mark))


def _keep_names(select: exp.Select) -> None:
    """Give every bare column of the select list its name as an alias."""
    for column in list(select.expressions):
        if isinstance(column, exp.Column):
            column.replace(exp.alias_(column.copy(), column.name, quoted=True))


def _replace_columns(select: exp.Select, inner: exp.Select) -> None:
    """Read every column from the derived table; a column without a table names an output."""
    names: dict[tuple[str, ...], str] = {}
    columns = [
        column
        for key in _OUTER_PARTS
        for part in _parts(select, key)
        for column in part.find_all(exp.Column)
    ]
    for column in columns:
        if not column.table or column.table == TEXTS:
            continue
        parts = tuple(part.name for part in column.parts)
        if parts not in names:
            names[parts] = f"column_{len(names) + 1}"
            inner.append("expressions", exp.alias_(column.copy(), names[parts]))
        moved = exp.column(names[parts], table=TEXTS)
        moved.type = column.type
        column.replace(moved)
