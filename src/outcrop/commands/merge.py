"""MERGE: one query joins the source with the target, then its rows are updated, deleted, inserted.

The source is joined by an outer join, so that each of its rows comes with the target's row that it
matches, or with none. What is set is computed for the former, what is inserted for the latter, so
that a model is asked for the rows that need the answer and for no others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from sqlglot import exp

from outcrop.catalog.objects import Relation
from outcrop.commands.changes import Target, value_of, write_delete, write_update
from outcrop.commands.conflicts import refuse_changed_rows
from outcrop.commands.context import CommandContext
from outcrop.commands.rows import target_columns, target_table
from outcrop.commands.storage import physical_name, quoted
from outcrop.errors import FeatureNotSupported, InvalidValue, SqlSyntaxError
from outcrop.execution.result import Result
from outcrop.planner.blocks import Names
from outcrop.planner.plan import StagedPlan
from outcrop.sql.nodes import position_of
from outcrop.sql.statements import Merge


@dataclass(slots=True)
class _Actions:
    """What a MERGE does: `updated` and `inserted` map the target's columns to the query's.

    None where it does no such thing.
    """

    updated: dict[str, str] | None = None
    is_deleting: bool = False
    inserted: dict[str, str] | None = None
    values: list[exp.Expr] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class PlannedMerge:
    """The plan of a MERGE's query: the rows of its source, each with the row that it matches.

    The query numbers the rows of `table` in its column `row`; `joined` is where its own are stored.
    """

    plan: StagedPlan
    table: Relation
    actions: _Actions
    row: str
    joined: str


def plan_merge(context: CommandContext, statement: Merge) -> PlannedMerge:
    """Plan the query that joins the source of a MERGE with its target."""
    tree = statement.tree.copy()
    names = Names.beside(tree)
    table = target_table(context, tree.this)
    target = Target.of(table, tree.this, names)
    row, joined = names.fresh("w"), names.fresh("merge")
    actions = _actions(context, target, tree.args["whens"].expressions, names)
    query = exp.select(exp.alias_(target.row_column(), row, quoted=True), *actions.values)
    query = query.from_(tree.args["using"]).join(
        target.source, on=tree.args["on"], join_type="left", copy=False
    )
    return PlannedMerge(context.plan(query), table, actions, row, joined)


def merge(context: CommandContext, statement: Merge) -> Result:
    """Update or delete the rows of a table that match those of a source, insert those missing."""
    planned = plan_merge(context, statement)
    with context.staged(planned.plan, statement.text) as (sql, _):
        context.engine.materialize(planned.joined, sql)
    try:
        _check_unique(context, planned)
        count = _write(context, planned)
    finally:
        context.engine.drop(planned.joined)
    context.note_rows_changed(planned.table)
    return Result("MERGE", rowcount=count)


def _actions(
    context: CommandContext, target: Target, whens: list[exp.When], names: Names
) -> _Actions:
    actions = _Actions()
    seen: set[bool] = set()
    for when in whens:
        is_matched = bool(when.args["matched"])
        if when.args.get("condition") is not None or when.args.get("source"):
            _refuse(when, "Put the condition into the query after USING.")
        if is_matched in seen:
            _refuse(when, "Redshift has WHEN MATCHED and WHEN NOT MATCHED once each.")
        seen.add(is_matched)
        action = when.args["then"]
        if is_matched and isinstance(action, exp.Update):
            given = [(a.this.name, a.expression) for a in action.expressions]
            columns = target_columns(context, target.table, [name for name, _ in given])
            values = [value for _, value in given]
            actions.updated = _add(actions, target, columns, values, names, is_matched=True)
        elif is_matched and isinstance(action, exp.Var) and action.name.upper() == "DELETE":
            actions.is_deleting = True
        elif not is_matched and isinstance(action, exp.Insert) and action.expression:
            named = [c.name for c in action.this.expressions] if action.this else []
            columns = target_columns(context, target.table, named)
            values = list(action.expression.expressions)
            actions.inserted = _add(actions, target, columns, values, names, is_matched=False)
        else:
            _refuse(when, "Write UPDATE SET or DELETE where it matched, INSERT ... VALUES else.")
    return actions


def _refuse(when: exp.When, hint: str) -> NoReturn:
    raise FeatureNotSupported(
        "this WHEN of MERGE is not supported", hint=hint, position=position_of(when)
    )


def _add(
    actions: _Actions,
    target: Target,
    columns: list[str],
    values: list[exp.Expr],
    names: Names,
    *,
    is_matched: bool,
) -> dict[str, str]:
    """Have the query compute `values` where they are needed; return their names by column."""
    if len(values) != len(columns):
        raise SqlSyntaxError(
            f"MERGE gives {len(values)} values for {len(columns)} columns",
            hint="Name the columns: INSERT (column, ...) VALUES (...).",
        )
    given: dict[str, str] = {}
    is_missing: exp.Expr = exp.Is(this=target.row_column(), expression=exp.null())
    for column, value in zip(columns, values, strict=True):
        needed = exp.not_(is_missing) if is_matched else is_missing
        guarded = exp.Case(
            ifs=[exp.If(this=needed.copy(), true=value_of(target.table, column, value))]
        )
        given[column] = names.fresh("v")
        actions.values.append(exp.alias_(guarded, given[column], quoted=True))
    return given


def _check_unique(context: CommandContext, planned: PlannedMerge) -> None:
    """Raise InvalidValue, as Redshift does, if a row of the target is matched twice."""
    name = quoted(planned.row)
    rows = context.engine.query(
        f"SELECT count({name}) > count(DISTINCT {name}) FROM {quoted(planned.joined)}"
    )
    has_duplicates = bool(next(iter(rows.batches())).column(0)[0].as_py())
    rows.close()
    if has_duplicates:
        raise InvalidValue(
            f"MERGE found several rows of its source for one row of {str(planned.table.name)!r}",
            hint="Have USING give each key once, with GROUP BY or DISTINCT.",
        )


def _write(context: CommandContext, planned: PlannedMerge) -> int:
    table, actions, row = planned.table, planned.actions, planned.row
    count = 0
    matched = f"FROM {quoted(planned.joined)} WHERE {quoted(row)} IS NOT NULL"
    refuse_changed_rows(context, table, f"SELECT {quoted(row)} {matched}")
    if actions.updated is not None:
        count += write_update(context, table, actions.updated, row, f"SELECT * {matched}")
    if actions.is_deleting:
        count += write_delete(context, table, f"SELECT {quoted(row)} {matched}")
    if actions.inserted is not None:
        columns = ", ".join(quoted(column) for column in actions.inserted)
        values = ", ".join(quoted(value) for value in actions.inserted.values())
        count += context.engine.execute(
            f"INSERT INTO {physical_name(table)} ({columns}) "
            f"SELECT {values} FROM {quoted(planned.joined)} WHERE {quoted(row)} IS NULL"
        )
    return count
