"""The order of LISTAGG where its keys leave ties."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

ROW_COLUMN = "outcrop_row"
"""The name of the columns that number the rows of a source, before their running number."""


def break_ties_of_listagg(node: exp.Expr) -> exp.Expr:
    """Order equal keys of LISTAGG by first occurrence.

    Type: rewriting. Goal: the same rows give the same text, since a text becomes a prompt and a
    prompt that changes is paid for again; the engine's order of ties depends on its threads.
    Before: `SELECT LISTAGG(s) WITHIN GROUP (ORDER BY k) FROM t`. After: `t` numbers its rows, and
    the order is `k, t.outcrop_row_1`; over a source without rows of its own, such as a grouped
    subquery, it is `k, s`.
    """
    if not isinstance(node, exp.Select):
        return node
    calls = [call for call in node.find_all(exp.GroupConcat) if call.parent_select is node]
    if not calls:
        return node
    keys = _Numbering(_names_of_ctes(node)).number(node)
    is_grouped = bool(node.args.get("group")) or _has_aggregates(node)
    for call in calls:
        is_over_groups = is_grouped and isinstance(call.parent, exp.Window)
        _append_keys(call, None if is_over_groups else keys)
    return node


def _append_keys(call: exp.GroupConcat, rows: list[exp.Column] | None) -> None:
    """Order by `rows` after the keys given, then by the value where rows cannot tell."""
    order = call.this if isinstance(call.this, exp.Order) else None
    value = order.this if order else call.this
    keys = [key.copy() for key in order.expressions] if order else []
    if rows is None:
        text = value.expressions[0] if isinstance(value, exp.Distinct) else value
        extra: list[exp.Expr] = [text.copy()]
    else:
        extra = [row.copy() for row in rows]
    keys += [exp.Ordered(this=key, nulls_first=False) for key in extra]
    call.set("this", exp.Order(this=value, expressions=keys))


def _names_of_ctes(node: exp.Expr) -> frozenset[str]:
    """Return the names that WITH defines around `node`; they are no tables."""
    names: set[str] = set()
    parent: exp.Expr | None = node
    while parent is not None:
        names.update(cte.alias for cte in getattr(parent, "ctes", ()))
        parent = parent.parent
    return frozenset(names)


class _Numbering:
    """Numbers the rows of the tables below a SELECT, each under a column of its own."""

    def __init__(self, ctes: frozenset[str]) -> None:
        self._ctes = ctes
        self._count = 0

    def number(self, select: exp.Select) -> list[exp.Column] | None:
        """Return the columns that tell the rows of `select`'s sources apart, adding them below.

        None if a source has no rows of its own, if a star would show the added columns, or if a
        join names its columns by USING or NATURAL.
        """
        sources = list(_sources(select))
        if not sources or select.is_star or not all(self._has_rows(source) for source in sources):
            return None
        joins = select.args.get("joins") or ()
        if any(join.args.get("using") or join.args.get("method") for join in joins):
            return None
        return [column for source in sources for column in self._number_source(source, select)]

    def _has_rows(self, source: exp.Expr) -> bool:
        if isinstance(source, exp.Table):
            is_table = isinstance(source.this, exp.Identifier) and bool(source.alias_or_name)
            return is_table and (bool(source.args.get("db")) or source.name not in self._ctes)
        inner = source.this if isinstance(source, exp.Subquery) else None
        if not isinstance(inner, exp.Select) or not source.alias or inner.is_star:
            return False
        sources = list(_sources(inner))
        return _is_plain(inner) and bool(sources) and all(map(self._has_rows, sources))

    def _number_source(self, source: exp.Expr, select: exp.Select) -> list[exp.Column]:
        if isinstance(source, exp.Table):
            return [self._number_table(source, select)]
        inner = source.this
        columns: list[exp.Column] = []
        for nested in list(_sources(inner)):
            for column in self._number_source(nested, inner):
                inner.append("expressions", exp.alias_(column, column.name))
                columns.append(_row_column(column.name, source.alias))
        return columns

    def _number_table(self, table: exp.Table, select: exp.Select) -> exp.Column:
        """Put a derived table with the columns that `select` reads, and the numbers, in its place.

        Its columns are listed, since a star would hide their types from whoever reads on.
        """
        self._count += 1
        name = f"{ROW_COLUMN}_{self._count}"
        table_name = table.alias_or_name
        bare = table.copy()
        bare.set("joins", None)
        alias = bare.args.get("alias") or exp.TableAlias(this=exp.to_identifier(table_name))
        bare.set("alias", alias.copy())
        row = exp.alias_(exp.Window(this=exp.RowNumber(), over="OVER"), name)
        inner = exp.Select(expressions=[*_columns_of(table_name, select), row])
        inner.set("from_", exp.From(this=bare))
        table.replace(
            exp.Subquery(
                this=inner,
                alias=exp.TableAlias(this=alias.this.copy()),
                joins=table.args.get("joins"),
            )
        )
        return _row_column(name, table_name)


def _row_column(name: str, table: str) -> exp.Column:
    column = exp.column(name, table=table)
    column.type = exp.DataType.build("bigint")
    return column


def _columns_of(table: str, select: exp.Select) -> list[exp.Column]:
    """Return every column that `select`, or a query nested in it, reads of `table`, once."""
    found: dict[str, exp.Column] = {}
    for column in select.find_all(exp.Column):
        if column.table == table and _scope_of(column, table) is select:
            found.setdefault(column.name, column.copy())
    return list(found.values())


def _scope_of(column: exp.Column, table: str) -> exp.Select | None:
    """Return the innermost SELECT around `column` that has a source called `table`."""
    select = column.parent_select
    while isinstance(select, exp.Select):
        if any(source.alias_or_name == table for source in _sources(select)):
            return select
        select = select.parent_select
    return None


def _sources(select: exp.Select) -> Iterator[exp.Expr]:
    from_ = select.args.get("from_")
    if from_ is not None:
        yield from_.this
    for join in select.args.get("joins") or ():
        yield join.this


_NOT_PLAIN = ("group", "distinct", "having", "limit", "offset", "qualify", "windows")


def _is_plain(select: exp.Select) -> bool:
    """Whether every row of `select` is one row of each of its sources."""
    return not any(select.args.get(key) for key in _NOT_PLAIN) and not _has_aggregates(select)


def _has_aggregates(select: exp.Select) -> bool:
    return any(
        call.parent_select is select and not isinstance(call.parent, exp.Window)
        for call in select.find_all(exp.AggFunc)
    )
