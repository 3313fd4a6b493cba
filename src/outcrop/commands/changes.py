"""UPDATE and DELETE: a query finds the rows and their new values, then one write changes them.

The query is planned and staged like any other, so that it may call models, and makes no more calls
than the SELECT would. It names the rows by the engine's number for them, under a column name that
differs from every name of the statement, so that no user can read it.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from outcrop.catalog.objects import Relation
from outcrop.commands.conflicts import refuse_changed_rows
from outcrop.commands.context import CommandContext
from outcrop.commands.rows import target_columns, target_table
from outcrop.commands.storage import physical_name, quoted
from outcrop.errors import FeatureNotSupported
from outcrop.execution.result import Result
from outcrop.planner.blocks import Names
from outcrop.planner.plan import StagedPlan
from outcrop.planner.stored_rows import ROW_NUMBER, select_numbered
from outcrop.sql.statements import Delete, Update


@dataclass(frozen=True, slots=True)
class Target:
    """The table that a statement changes, as something that a query can read.

    `source` gives its columns, and under the name `row` the numbers of its rows.
    """

    table: Relation
    alias: exp.Identifier
    row: str
    source: exp.Subquery

    @classmethod
    def of(cls, table: Relation, node: exp.Table, names: Names) -> Target:
        """Return `table`, which the statement calls by `node`, as a target."""
        if any(column.name == ROW_NUMBER for column in table.columns):
            raise FeatureNotSupported(
                f"rows of {str(table.name)!r} cannot be changed: it has a column {ROW_NUMBER!r}",
                hint="CREATE TABLE ... AS SELECT with another name for the column.",
            )
        alias = node.args["alias"].this if node.alias else exp.to_identifier(table.name.name)
        row = names.fresh("w")
        stored = node.copy()
        stored.set("alias", None)
        rows = select_numbered(stored, [column.name for column in table.columns], row)
        source = exp.Subquery(this=rows, alias=exp.TableAlias(this=alias.copy()))
        return cls(table, alias, row, source)

    def row_column(self) -> exp.Column:
        """Return the column of the row's number."""
        return exp.Column(this=exp.to_identifier(self.row, quoted=True), table=self.alias.copy())


@dataclass(frozen=True, slots=True)
class PlannedUpdate:
    """The plan of an UPDATE's query, which numbers the rows of `table` in its column `row`.

    `columns` maps the table's columns to the query's.
    """

    plan: StagedPlan
    table: Relation
    columns: dict[str, str]
    row: str


def plan_update(context: CommandContext, statement: Update) -> PlannedUpdate:
    """Plan the query for the rows that an UPDATE changes, and their new values."""
    tree = statement.tree.copy()
    names = Names.beside(tree)
    target = Target.of(target_table(context, tree.this), tree.this, names)
    assigned = [assignment.this.name for assignment in tree.expressions]
    columns = target_columns(context, target.table, assigned)
    row = names.fresh("w")
    select = _reading(tree, target, exp.alias_(target.row_column(), row, quoted=True))
    values = [
        value_of(target.table, column, assignment.expression)
        for column, assignment in zip(columns, tree.expressions, strict=True)
    ]
    given = [names.fresh("v") for _ in columns]
    for name, value in zip(given, values, strict=True):
        select.select(exp.alias_(value, name, quoted=True), copy=False)
    columns_given = dict(zip(columns, given, strict=True))
    return PlannedUpdate(context.plan(select), target.table, columns_given, row)


def update(context: CommandContext, statement: Update) -> Result:
    """Update the rows of a table; FROM may join others.

    Of several joined rows that match one row of the table, one gives the new values.
    """
    planned = plan_update(context, statement)
    with context.staged(planned.plan, statement.text) as (sql, _):
        if planned.plan.stages:
            numbers = f"SELECT {quoted(planned.row)} FROM ({sql})"
            refuse_changed_rows(context, planned.table, numbers)
        count = write_update(context, planned.table, planned.columns, planned.row, sql)
    context.note_rows_changed(planned.table)
    return Result("UPDATE", rowcount=count)


@dataclass(frozen=True, slots=True)
class PlannedDelete:
    """The plan of a DELETE's query, which gives the numbers of the rows; `is_all` are all rows.

    Then the query need not be run.
    """

    plan: StagedPlan
    table: Relation
    is_all: bool


def plan_delete(context: CommandContext, statement: Delete) -> PlannedDelete:
    """Plan the query for the rows that a DELETE removes."""
    tree = statement.tree.copy()
    names = Names.beside(tree)
    table = target_table(context, tree.this)
    if not tree.args.get("where") and not _sources(tree):
        return PlannedDelete(context.plan(exp.select("*").from_(tree.this)), table, is_all=True)
    target = Target.of(table, tree.this, names)
    row = exp.alias_(target.row_column(), names.fresh("w"), quoted=True)
    return PlannedDelete(context.plan(_reading(tree, target, row)), table, is_all=False)


def delete(context: CommandContext, statement: Delete) -> Result:
    """Delete rows of a table; USING may join others."""
    planned = plan_delete(context, statement)
    if planned.is_all:
        count = context.engine.execute(f"DELETE FROM {physical_name(planned.table)}")
    else:
        with context.staged(planned.plan, statement.text) as (sql, _):
            if planned.plan.stages:
                refuse_changed_rows(context, planned.table, sql)
            count = write_delete(context, planned.table, sql)
    context.note_rows_changed(planned.table)
    return Result("DELETE", rowcount=count)


def write_update(
    context: CommandContext, table: Relation, columns: dict[str, str], row: str, sql: str
) -> int:
    """Set `columns` of a table to what `sql` calls by the mapped names; return the rows changed.

    `sql` numbers the rows in its column `row`.
    """
    name = physical_name(table)
    values = ", ".join(
        f"{quoted(column)} = _new.{quoted(value)}" for column, value in columns.items()
    )
    once = f"SELECT DISTINCT ON ({quoted(row)}) * FROM ({sql})"
    return context.engine.execute(
        f"UPDATE {name} SET {values} FROM ({once}) AS _new "
        f"WHERE {name}.{ROW_NUMBER} = _new.{quoted(row)}"
    )


def write_delete(context: CommandContext, table: Relation, sql: str) -> int:
    """Delete the rows of a table whose numbers `sql` gives; return how many there were."""
    return context.engine.execute(
        f"DELETE FROM {physical_name(table)} WHERE {ROW_NUMBER} IN ({sql})"
    )


def value_of(table: Relation, column: str, value: exp.Expr) -> exp.Expr:
    """Return what a column is set to, with DEFAULT spelled out."""
    if not isinstance(value, exp.Var) or value.name.upper() != "DEFAULT":
        return value
    default = next(c.default for c in table.columns if c.name == column)
    return exp.maybe_parse(default or "NULL", dialect="duckdb")


def _reading(tree: exp.Update | exp.Delete, target: Target, row: exp.Expr) -> exp.Select:
    """Return the query for the rows that a statement changes; it selects their numbers.

    The target comes last, so that the joins between the others are made as they are written.
    """
    first, *others = [*_sources(tree), target.source]
    select = exp.select(row)
    select.set("with_", tree.args.get("with_"))
    joins = first.args.pop("joins", None) or []
    select.set("from_", exp.From(this=first))
    for join in joins:
        select.append("joins", join)
    for source in others:
        inner = source.args.pop("joins", None) or []
        select.join(source, join_type="cross", copy=False)
        for join in inner:
            select.append("joins", join)
    if where := tree.args.get("where"):
        select.set("where", where)
    return select


def _sources(tree: exp.Update | exp.Delete) -> list[exp.Expr]:
    from_ = tree.args.get("from_")
    return [from_.this] if isinstance(from_, exp.From) else list(tree.args.get("using") or [])
