"""DROP: of tables, views, materialized views, schemas and models."""

from __future__ import annotations

from outcrop.catalog.objects import RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import physical_name
from outcrop.errors import UndefinedSchema, WrongObjectKind, suggest
from outcrop.execution.result import Notice, Result
from outcrop.sql.statements import Drop, NameParts


def drop(context: CommandContext, statement: Drop) -> Result:
    """Drop tables, views, materialized views, schemas or models."""
    for parts in statement.names:
        match statement.kind:
            case "schema":
                _drop_schema(context, parts, statement)
            case "model":
                _drop_model(context, parts, statement)
            case _:
                _drop_relation(context, parts, RelationKind(statement.kind), statement)
    return Result(f"DROP {statement.kind.upper()}")


def _drop_model(context: CommandContext, parts: NameParts, statement: Drop) -> None:
    """Remove an external model and its function; its answers stay in the journal."""
    if statement.if_exists and context.snapshot().find_model(context.fold(parts)) is None:
        context.notify(Notice("INFO", f"model {'.'.join(parts)!r} does not exist: skipped"))
        return
    context.store.remove(context.engine, context.model(parts).oid)
    context.note_catalog_change()


def _drop_relation(
    context: CommandContext, parts: NameParts, kind: RelationKind, statement: Drop
) -> None:
    relation = context.find_relation(parts)
    if relation is None and statement.if_exists:
        context.notify(Notice("INFO", f"{kind} {'.'.join(parts)!r} does not exist: skipped"))
        return
    relation = context.relation(parts, kind=kind)
    dependents = context.snapshot().dependents(relation.oid)
    if dependents and not statement.is_cascade:
        raise WrongObjectKind(
            f"{kind} {str(relation.name)!r} cannot be dropped: materialized view "
            f"{str(dependents[0].name)!r} reads it",
            hint=f"DROP {kind.upper()} {relation.name} CASCADE; drops both.",
        )
    for dependent in (*dependents, relation):
        if dependent.kind is not RelationKind.VIEW:
            context.engine.execute(f"DROP TABLE IF EXISTS {physical_name(dependent)}")
        context.store.remove(context.engine, dependent.oid)
    context.note_catalog_change()


def _drop_schema(context: CommandContext, parts: NameParts, statement: Drop) -> None:
    snapshot = context.snapshot()
    [name] = context.fold(parts[-1:])
    if name not in snapshot.schemas:
        if statement.if_exists:
            return
        raise UndefinedSchema(
            f"schema {name!r} does not exist", hint=suggest(name, snapshot.schemas)
        )
    inside = [r for r in snapshot.relations if r.name.schema == name]
    models = [m for m in snapshot.models if m.name.schema == name]
    if (inside or models) and not statement.is_cascade:
        raise WrongObjectKind(
            f"schema {name!r} is not empty",
            hint=f"DROP SCHEMA {name} CASCADE; drops what is in it.",
        )
    for relation in inside:
        if relation.kind is not RelationKind.VIEW:
            context.engine.execute(f"DROP TABLE IF EXISTS {physical_name(relation)}")
    for oid in [*(r.oid for r in inside), *(m.oid for m in models)]:
        context.store.remove(context.engine, oid)
    context.store.drop_schema(context.engine, name)
    context.note_catalog_change()
