"""CREATE TABLE, CREATE TABLE AS, TRUNCATE and CREATE SCHEMA."""

from __future__ import annotations

from collections.abc import Mapping

from outcrop.catalog.objects import Column, QualifiedName, Relation, RelationKind
from outcrop.commands.context import CommandContext
from outcrop.commands.storage import bind_expression, create_storage, physical_name, stored_columns
from outcrop.datatypes import ENCODINGS, TYPES, DataType
from outcrop.errors import (
    DuplicateObject,
    FeatureNotSupported,
    InvalidStatement,
    UndefinedColumn,
    suggest,
)
from outcrop.execution.result import Notice, Result
from outcrop.sql.statements import (
    ColumnSpec,
    CreateSchema,
    CreateTable,
    CreateTableAs,
    NameParts,
    Truncate,
)
from outcrop.sql.types import declared


def create_table(context: CommandContext, statement: CreateTable) -> Result:
    """Create an empty table; encodings are checked and kept in the catalog."""
    name = claim_name(context, statement.name, if_not_exists=statement.if_not_exists)
    if name is None:
        return Result("CREATE TABLE")
    _refuse_temporary(is_temporary=statement.is_temporary)
    has_encoding = any(column.encoding for column in statement.columns)
    columns = tuple(
        _column(context, spec, statement, has_encoding=has_encoding) for spec in statement.columns
    )
    _check_unique(columns)
    _check_attributes(statement.attributes, columns)
    table = Relation(
        oid=context.store.next_oid(),
        name=name,
        kind=RelationKind.TABLE,
        columns=columns,
        owner=context.user,
        created_at=context.now(),
        table_attributes=statement.attributes,
    )
    create_storage(context, table)
    context.store.add(context.engine, table)
    context.note_catalog_change()
    return Result("CREATE TABLE")


def create_table_as(context: CommandContext, statement: CreateTableAs) -> Result:
    """Create a table from the rows of a query, which may call models."""
    name = claim_name(context, statement.name, if_not_exists=statement.if_not_exists)
    if name is None:
        return Result("CREATE TABLE AS")
    _refuse_temporary(is_temporary=statement.is_temporary)
    plan = context.plan(statement.query)
    with context.staged(plan, statement.text) as (sql, found):
        names = statement.column_names or tuple(column.name for column in plan.columns)
        columns = stored_columns(tuple(context.fold((n,))[0] for n in names), found)
        _check_attributes(statement.attributes, columns)
        table = Relation(
            oid=context.store.next_oid(),
            name=name,
            kind=RelationKind.TABLE,
            columns=columns,
            owner=context.user,
            created_at=context.now(),
            table_attributes=statement.attributes,
        )
        create_storage(context, table)
        count = context.engine.execute(f"INSERT INTO {physical_name(table)} {sql}")
    context.store.add(context.engine, table)
    context.note_rows_changed(table)
    context.note_catalog_change()
    return Result("CREATE TABLE AS", rowcount=count)


def truncate(context: CommandContext, statement: Truncate) -> Result:
    """Remove every row of a table."""
    table = context.relation(statement.name, kind=RelationKind.TABLE)
    context.engine.execute(f"DELETE FROM {physical_name(table)}")
    context.note_rows_changed(table)
    return Result("TRUNCATE")


def create_schema(context: CommandContext, statement: CreateSchema) -> Result:
    """Create a schema."""
    [name] = context.fold((statement.name,))
    if name in context.snapshot().schemas:
        if statement.if_not_exists:
            return Result("CREATE SCHEMA")
        raise DuplicateObject(f"schema {name!r} already exists")
    if name.startswith(("pg_", "outcrop_", "information_schema")):
        raise InvalidStatement(
            f"schema name {name!r} is reserved", hint="Choose a name without this prefix."
        )
    context.store.create_schema(context.engine, name)
    context.note_catalog_change()
    return Result("CREATE SCHEMA")


def claim_name(
    context: CommandContext, parts: NameParts, *, if_not_exists: bool = False
) -> QualifiedName | None:
    """Return the full name for a new relation, or None if it exists and that is fine."""
    snapshot = context.snapshot()
    name = snapshot.qualify_new(context.fold(parts))
    existing = snapshot.relations_by_name.get(name)
    if existing is None:
        return name
    if if_not_exists:
        context.notify(Notice("INFO", f"{existing.kind} {str(name)!r} already exists: skipped"))
        return None
    raise DuplicateObject(
        f"{existing.kind} {str(name)!r} already exists",
        hint=f"DROP {existing.kind.upper()} {name}; removes it.",
    )


def _refuse_temporary(*, is_temporary: bool) -> None:
    if is_temporary:
        raise FeatureNotSupported(
            "temporary tables are not supported yet",
            hint="Create a table, and drop it when you are done.",
        )


def _column(
    context: CommandContext, spec: ColumnSpec, statement: CreateTable, *, has_encoding: bool
) -> Column:
    [name] = context.fold((spec.name,))
    if spec.is_identity:
        raise FeatureNotSupported(
            f"IDENTITY is not supported yet (column {name!r})",
            hint="Number the rows with ROW_NUMBER() OVER () where you insert them.",
            position=spec.position,
        )
    datatype = declared(spec.datatype)
    default = None if spec.default is None else bind_expression(context, spec.default)
    in_key = name in {context.fold((key,))[0] for key in statement.primary_key}
    return Column(
        name=name,
        datatype=datatype,
        is_nullable=spec.is_nullable and not in_key,
        default=default,
        encoding=_encoding(spec, datatype, has_encoding=has_encoding),
    )


def _encoding(spec: ColumnSpec, datatype: DataType, *, has_encoding: bool) -> str | None:
    """Return a column's encoding, checked against its type.

    As soon as one column of a table names an encoding, the others get that of their type
    (Redshift developer guide, "Compression encodings").
    """
    facts = TYPES[datatype.kind]
    if spec.encoding is None:
        return facts.default_encoding if has_encoding else None
    encoding = spec.encoding.upper()
    if encoding not in ENCODINGS:
        raise InvalidStatement(
            f"unknown encoding {spec.encoding!r} of column {spec.name!r}",
            hint=suggest(encoding, ENCODINGS) or f"It is one of {', '.join(sorted(ENCODINGS))}.",
            position=spec.position,
        )
    if encoding != "AUTO" and encoding not in facts.encodings:
        raise InvalidStatement(
            f"encoding {encoding} cannot be used for column {spec.name!r} of type {datatype}",
            hint=f"This type takes {', '.join(sorted(facts.encodings))}.",
            position=spec.position,
        )
    return encoding


def _check_unique(columns: tuple[Column, ...]) -> None:
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise DuplicateObject(f"column {name!r} is given more than once")


def _check_attributes(attributes: Mapping[str, str], columns: tuple[Column, ...]) -> None:
    """Check that DISTKEY and SORTKEY name columns."""
    known = [column.name for column in columns]
    for attribute in ("DISTKEY", "SORTKEY"):
        value = attributes.get(attribute, "")
        for name in (part.strip().lower() for part in value.split(",")):
            if name and name != "auto" and name not in known:
                raise UndefinedColumn(
                    f"{attribute} names column {name!r}, which the table has not",
                    hint=suggest(name, known),
                )
