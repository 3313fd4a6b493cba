"""INSERT, UPDATE and DELETE: what they read is planned like a query, then written at once."""

from __future__ import annotations

from sqlglot import exp

from outcrop.catalog.objects import Relation, RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import physical_name, quoted
from outcrop.errors import (
    DatatypeMismatch,
    FeatureNotSupported,
    SqlSyntaxError,
    UndefinedColumn,
    suggest,
)
from outcrop.execution.result import Result
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.nodes import position_of
from outcrop.sql.statements import Delete, Insert, Merge, Update

_TARGET = "_target"


def insert(context: CommandContext, statement: Insert) -> Result:
    """Insert the rows of VALUES or of a query, which may call models."""
    tree = statement.tree.copy()
    target = tree.this
    table_node = target.this if isinstance(target, exp.Schema) else target
    table = _table(context, table_node)
    given = [column.name for column in target.expressions] if isinstance(target, exp.Schema) else []
    columns = _target_columns(context, table, given)
    source = tree.args.get("expression")
    if source is None or tree.args.get("default"):
        count = context.engine.execute(f"INSERT INTO {physical_name(table)} DEFAULT VALUES")
    else:
        count = _insert_rows(context, statement, table, columns, source)
    context.note_rows_changed(table)
    return Result("INSERT", rowcount=count)


def _insert_rows(
    context: CommandContext,
    statement: Insert,
    table: Relation,
    columns: list[str],
    source: exp.Expr,
) -> int:
    query = _values_query(context, table, columns, source)
    plan = context.plan(query)
    width = len(plan.columns)
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
    names = ", ".join(quoted(name) for name in columns)
    with context.staged(plan, statement.text) as (sql, _):
        return context.engine.execute(f"INSERT INTO {physical_name(table)} ({names}) {sql}")


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


def update(context: CommandContext, statement: Update) -> Result:
    """Update the rows of a table; FROM may join others."""
    tree = statement.tree.copy()
    table = _table(context, tree.this)
    assigned = [assignment.this.name for assignment in tree.expressions]
    columns = _target_columns(context, table, assigned)
    select = _reading(tree, table)
    for column, assignment in zip(columns, tree.expressions, strict=True):
        value = assignment.expression
        if isinstance(value, exp.Var) and value.name.upper() == "DEFAULT":
            default = next(c.default for c in table.columns if c.name == column)
            value = exp.maybe_parse(default or "NULL", dialect="duckdb")
        select.select(exp.alias_(value, column, quoted=True), copy=False)
    bound = _plan_reading(context, select, statement)
    values = ", ".join(
        f"{quoted(column)} = {render(projection.unalias())}"
        for column, projection in zip(columns, bound.selects, strict=True)
    )
    sql = f"UPDATE {physical_name(table)} AS {_alias(bound)} SET {values}{_others(bound, 'FROM')}"
    count = context.engine.execute(sql + _where(bound))
    context.note_rows_changed(table)
    return Result("UPDATE", rowcount=count)


def delete(context: CommandContext, statement: Delete) -> Result:
    """Delete rows of a table; USING may join others."""
    tree = statement.tree.copy()
    table = _table(context, tree.this)
    select = _reading(tree, table).select(exp.alias_(exp.Literal.number(1), "one"), copy=False)
    bound = _plan_reading(context, select, statement)
    sql = f"DELETE FROM {physical_name(table)} AS {_alias(bound)}{_others(bound, 'USING')}"
    count = context.engine.execute(sql + _where(bound))
    context.note_rows_changed(table)
    return Result("DELETE", rowcount=count)


def merge(context: CommandContext, statement: Merge) -> Result:
    """Refuse MERGE by name."""
    raise FeatureNotSupported(
        "MERGE is not supported yet",
        hint="Write it as DELETE and INSERT in one transaction.",
        position=statement.position,
    )


def _table(context: CommandContext, node: exp.Table) -> Relation:
    parts = tuple(part.name for part in node.parts)
    return context.relation(parts, kind=RelationKind.TABLE)


def _target_columns(context: CommandContext, table: Relation, given: list[str]) -> list[str]:
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


def _reading(tree: exp.Update | exp.Delete, table: Relation) -> exp.Select:
    """Return the query that finds the rows which a statement changes, without a select list."""
    target = tree.this.copy()
    if not target.alias:
        target.set("alias", exp.TableAlias(this=exp.to_identifier(table.name.name)))
    select = exp.Select()
    select.set("from_", exp.From(this=target))
    for source in _sources(tree):
        select.join(source, join_type="cross", copy=False)
    if where := tree.args.get("where"):
        select.set("where", where)
    return select


def _sources(tree: exp.Update | exp.Delete) -> list[exp.Expr]:
    from_ = tree.args.get("from_")
    if isinstance(from_, exp.From):
        first = from_.this
        joins = first.args.pop("joins", None) or []
        return [first, *(join.this for join in joins)]
    return list(tree.args.get("using") or [])


def _plan_reading(
    context: CommandContext, select: exp.Select, statement: Update | Delete
) -> exp.Select:
    """Bind the reading part of a statement, and refuse model calls in it."""
    if has_call_by_name(context, select):
        raise FeatureNotSupported(
            f"a model cannot be called in {type(statement).__name__.upper()} yet",
            hint="CREATE TABLE answers AS SELECT key, f(...) ... first, then join with it.",
            position=position_of(select),
        )
    plan = context.plan(select)
    assert isinstance(plan.result, exp.Select)
    return plan.result


def _alias(bound: exp.Select) -> str:
    return quoted(bound.args["from_"].this.alias_or_name)


def _others(bound: exp.Select, word: str) -> str:
    joins = bound.args.get("joins") or []
    return f" {word} {', '.join(render(join.this) for join in joins)}" if joins else ""


def _where(bound: exp.Select) -> str:
    joined = [join.args["on"] for join in bound.args.get("joins") or [] if join.args.get("on")]
    where = bound.args.get("where")
    conditions = [*joined, *([where.this] if where else [])]
    return f" WHERE {render(exp.and_(*conditions))}" if conditions else ""
