"""INSERT: what it reads is planned like a query, then written at once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from outcrop.catalog.objects import Relation, RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import physical_name, quoted
from outcrop.errors import (
    DatatypeMismatch,
    Error,
    SqlSyntaxError,
    UndefinedColumn,
    suggest,
)
from outcrop.execution.result import Result
from outcrop.planner.plan import StagedPlan
from outcrop.sql.nodes import position_of
from outcrop.sql.statements import Insert


@dataclass(frozen=True, slots=True)
class PlannedInsert:
    """The plan of the query for the rows of an INSERT, and where they go.

    `plan` is None where the one row has nothing but defaults.
    """

    plan: StagedPlan | None
    table: Relation
    columns: list[str]


def plan_insert(context: CommandContext, statement: Insert) -> PlannedInsert:
    """Plan what an INSERT takes its rows from."""
    tree = statement.tree.copy()
    target = tree.this
    table_node = target.this if isinstance(target, exp.Schema) else target
    table = target_table(context, table_node)
    given = [column.name for column in target.expressions] if isinstance(target, exp.Schema) else []
    columns = target_columns(context, table, given)
    source = tree.args.get("expression")
    if source is None or tree.args.get("default"):
        return PlannedInsert(None, table, columns)
    plan = context.plan(_values_query(context, table, columns, source))
    _check_width(table, columns, len(plan.columns))
    return PlannedInsert(plan, table, columns)


def insert(context: CommandContext, statement: Insert) -> Result:
    """Insert the rows of VALUES or of a query, which may call models."""
    planned = plan_insert(context, statement)
    target = f"INSERT INTO {physical_name(planned.table)}"
    if planned.plan is None:
        count = context.engine.execute(f"{target} DEFAULT VALUES")
    else:
        names = ", ".join(quoted(name) for name in planned.columns)
        with context.staged(planned.plan, statement.text) as (sql, _):
            count = context.engine.execute(f"{target} ({names}) {sql}")
    context.note_rows_changed(planned.table)
    return Result("INSERT", rowcount=count)


def _check_width(table: Relation, columns: list[str], width: int) -> None:
    if width > len(columns):
        raise SqlSyntaxError("INSERT has more expressions than target columns")
    if width < len(columns):
        raise (
            SqlSyntaxError("INSERT has more target columns than expressions")
            if (len(columns) != len(table.columns))
            else SqlSyntaxError(
                f"INSERT gives {width} values for {len(columns)} columns",
                hint=f"Name the columns: INSERT INTO {table.name} (column, ...) ...",
            )
        )


def _values_query(
    context: CommandContext, table: Relation, columns: list[str], source: exp.Expr
) -> exp.Query:
    """Return what INSERT takes its rows from as a query."""
    if isinstance(source, exp.Query):
        return source
    rows = [row.expressions if isinstance(row, exp.Tuple) else [row] for row in source.expressions]
    defaults = {c.name: c.default for c in table.columns}
    for row in rows:
        for position, value in enumerate(row):
            if isinstance(value, exp.Var) and value.name.upper() == "DEFAULT":
                default = defaults.get(columns[position]) if position < len(columns) else None
                value.replace(exp.maybe_parse(default or "NULL", dialect="duckdb"))
    widths = {len(row) for row in rows}
    if len(widths) > 1:
        raise SqlSyntaxError("VALUES lists must all be of the same length")
    names = [f"column{number}" for number in range(1, widths.pop() + 1)]
    if has_call_by_name(context, source):
        return _union(rows)
    values = exp.Values(
        expressions=[exp.Tuple(expressions=row) for row in rows],
        alias=exp.TableAlias(
            this=exp.to_identifier("v"), columns=[exp.to_identifier(n) for n in names]
        ),
    )
    return exp.select(*(exp.column(name, table="v") for name in names)).from_(values)


def has_call_by_name(context: CommandContext, node: exp.Expr) -> bool:
    """Tell whether an unbound tree calls a model."""
    functions = {model.function.name for model in context.snapshot().models}
    return any(f.name.lower() in functions for f in node.find_all(exp.Anonymous))


def _union(rows: list[list[exp.Expr]]) -> exp.Query:
    selects: list[exp.Query] = [
        exp.select(*(exp.alias_(value, f"column{n}") for n, value in enumerate(row, start=1)))
        for row in rows
    ]
    return selects[0] if len(selects) == 1 else exp.union(*selects, distinct=False)


def target_table(context: CommandContext, node: exp.Table) -> Relation:
    """Return the table that a statement writes to."""
    parts = tuple(part.name for part in node.parts)
    try:
        return context.relation(parts, kind=RelationKind.TABLE)
    except Error as error:
        error.position = position_of(node)
        raise


def target_columns(context: CommandContext, table: Relation, given: list[str]) -> list[str]:
    """Return the columns that a statement writes to: those given, or all."""
    known = [column.name for column in table.columns]
    if not given:
        return known
    columns = list(context.fold(tuple(given)))
    for position, name in enumerate(columns):
        if name not in known:
            raise UndefinedColumn(
                f"column {name!r} of relation {str(table.name)!r} does not exist",
                hint=suggest(name, known),
            )
        if name in columns[:position]:
            raise DatatypeMismatch(f"column {name!r} is given more than once")
    return columns
