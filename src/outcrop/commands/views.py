"""CREATE VIEW: a query under a name, planned anew each time that it is read."""

from __future__ import annotations

from outcrop.catalog.objects import Column, Relation, RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import stored_columns
from outcrop.engines.base import EngineColumn
from outcrop.errors import DuplicateObject
from outcrop.execution.result import Result
from outcrop.sql.statements import CreateView


def create_view(context: CommandContext, statement: CreateView) -> Result:
    """Create a view, or replace one; its query is checked, and nothing is called."""
    snapshot = context.snapshot()
    name = snapshot.qualify_new(context.fold(statement.name))
    existing = snapshot.relations_by_name.get(name)
    if existing is not None and not (statement.or_replace and existing.kind is RelationKind.VIEW):
        raise DuplicateObject(
            f"{existing.kind} {str(name)!r} already exists",
            hint="CREATE OR REPLACE VIEW replaces a view.",
        )
    if existing is not None:
        context.store.remove(context.engine, existing.oid)
    view = Relation(
        oid=context.store.next_oid(),
        name=name,
        kind=RelationKind.VIEW,
        columns=_columns(context, statement),
        owner=context.user,
        created_at=context.now(),
        definition=statement.query_text,
    )
    context.store.add(context.engine, view)
    context.note_catalog_change()
    return Result("CREATE VIEW")


def _columns(context: CommandContext, statement: CreateView) -> tuple[Column, ...]:
    plan = context.plan(statement.query)
    found = (
        tuple(EngineColumn(column.name, column.datatype) for column in plan.columns)
        if plan.stages or plan.system_views
        else context.engine.describe(plan.sql)
    )
    names = tuple(column.name for column in plan.columns)
    return stored_columns(
        tuple(context.fold((n,))[0] for n in statement.column_names) or names, found
    )
