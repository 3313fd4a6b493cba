"""Materialized views: stored once, stale when what they read changes, refreshed by hand or alone.

A refresh runs the whole query again. Where the query calls models it pays for prompts that were
not seen before, and for nothing else, since the journal has the answers to the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from outcrop.catalog.objects import Relation, RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import create_storage, physical_name, quoted, stored_columns
from outcrop.commands.tables import claim_name
from outcrop.execution.result import Notice, Result
from outcrop.planner.plan import StagedPlan
from outcrop.sql.fragments import parse_query_text
from outcrop.sql.statements import (
    AlterMaterializedView,
    CreateMaterializedView,
    RefreshMaterializedView,
)


def create_materialized_view(context: CommandContext, statement: CreateMaterializedView) -> Result:
    """Run a query once and store its rows under a name."""
    name = claim_name(context, statement.name)
    assert name is not None
    plan = context.plan(statement.query)
    with context.staged(plan, statement.text) as (sql, found):
        view = Relation(
            oid=context.store.next_oid(),
            name=name,
            kind=RelationKind.MATERIALIZED_VIEW,
            columns=stored_columns(tuple(column.name for column in plan.columns), found),
            owner=context.user,
            created_at=context.now(),
            definition=statement.query_text,
            is_auto_refreshed=statement.is_auto_refreshed,
            depends_on=_versions(context, plan),
            table_attributes=statement.attributes,
        )
        create_storage(context, view)
        _store_rows(context, view, sql)
    context.store.add(context.engine, view)
    context.note_catalog_change()
    return Result("CREATE MATERIALIZED VIEW")


def refresh_materialized_view(
    context: CommandContext, statement: RefreshMaterializedView
) -> Result:
    """Bring a materialized view up to date; CASCADE first brings those that it reads."""
    view = context.relation(statement.name, kind=RelationKind.MATERIALIZED_VIEW)
    refresh(context, view, statement.text, is_cascade=statement.is_cascade)
    return Result("REFRESH")


def plan_refresh(context: CommandContext, view: Relation) -> StagedPlan | None:
    """Plan the query of a materialized view; None, and a notice, where it is up to date."""
    if not context.store.is_stale(context.engine, view):
        context.notify(Notice("INFO", f"Materialized view {view.name} is already up to date."))
        return None
    return context.plan(parse_query_text(view.definition or ""))


def refresh(
    context: CommandContext, view: Relation, text: str, *, is_cascade: bool = False
) -> None:
    """Refresh `view` if it is stale, and say what was done; `text` is the statement's."""
    if is_cascade:
        for source in context.snapshot().relations:
            is_view = source.kind is RelationKind.MATERIALIZED_VIEW
            if is_view and source.oid in view.depends_on:
                refresh(context, source, text, is_cascade=True)
    plan = plan_refresh(context, view)
    if plan is None:
        return
    with context.staged(plan, text) as (sql, _):
        refreshed = replace(view, depends_on=_versions(context, plan))
        context.engine.execute(f"DELETE FROM {physical_name(view)}")
        _store_rows(context, view, sql)
    context.store.update(context.engine, refreshed)
    context.note_rows_changed(refreshed)
    context.note_catalog_change()
    context.notify(Notice("INFO", f"Materialized view {view.name} was recomputed successfully."))


def alter_materialized_view(context: CommandContext, statement: AlterMaterializedView) -> Result:
    """Switch the refresh of a materialized view by itself on or off."""
    view = context.relation(statement.name, kind=RelationKind.MATERIALIZED_VIEW)
    altered = replace(view, is_auto_refreshed=statement.is_auto_refreshed)
    context.store.update(context.engine, altered)
    context.note_catalog_change()
    return Result("ALTER MATERIALIZED VIEW")


def stale_views(context: CommandContext, changed: set[int]) -> tuple[Relation, ...]:
    """Return the stale views that refresh by themselves and read a relation in `changed`."""
    snapshot = context.snapshot()
    found = {view.oid: view for oid in changed for view in snapshot.dependents(oid)}
    return tuple(
        view
        for _, view in sorted(found.items())
        if view.is_auto_refreshed and context.store.is_stale(context.engine, view)
    )


def _store_rows(context: CommandContext, view: Relation, sql: str) -> None:
    """Store the rows of a query in a view, sorted by its columns from left to right.

    The order in which an engine groups rows is its own, and may differ from run to run. Sorted,
    the same data gives the same first rows, so that `SELECT f(x) FROM view LIMIT 5` asks what it
    asked before, and pays for nothing.
    """
    keys = ", ".join(f"{quoted(column.name)} NULLS LAST" for column in view.columns)
    names = ", ".join(quoted(column.name) for column in view.columns)
    context.engine.execute(
        f"INSERT INTO {physical_name(view)} SELECT * FROM ({sql}) AS rows({names}) ORDER BY {keys}"
    )


def _versions(context: CommandContext, plan: StagedPlan) -> Mapping[int, int]:
    versions = context.store.versions(context.engine)
    return {relation.oid: versions.get(relation.oid, 0) for relation in plan.reads}
