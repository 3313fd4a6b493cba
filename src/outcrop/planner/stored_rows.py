"""A table together with the numbers of its rows, by which a statement changes what it found.

The engine has a pseudo-column for the number of a stored row, which holds for a transaction. No
name of a user resolves to it: it is a node of its own in the tree until they are all resolved.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

ROW_NUMBER = "rowid"
"""The engine's name for it; a column of this name would hide it."""


class StoredRowNumber(exp.Expression, exp.Func):
    """The number of a row of the only table of its block."""

    arg_types = {}  # noqa: RUF012  # sqlglot's protocol


def select_numbered(table: exp.Table, columns: Sequence[str], row: str) -> exp.Select:
    """Return the query for `columns` of a table, with the numbers of its rows under `row`."""
    return exp.select(
        exp.alias_(StoredRowNumber(), row, quoted=True),
        *(exp.column(column, quoted=True) for column in columns),
    ).from_(table)


def resolve_row_numbers(query: exp.Query) -> None:
    """Turn the row numbers of a query whose names are resolved into the engine's column."""
    for number in list(query.find_all(StoredRowNumber)):
        block = number.find_ancestor(exp.Select)
        assert block is not None
        column = exp.column(ROW_NUMBER, table=block.args["from_"].this.alias_or_name, quoted=True)
        column.type = exp.DataType.Type.BIGINT
        number.replace(column)
