"""Catalog objects for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from outcrop.catalog.objects import (
    PUBLIC_SCHEMA,
    Column,
    ExternalModel,
    ModelType,
    QualifiedName,
    Relation,
    RelationKind,
)
from outcrop.datatypes import INTEGER

MADE_AT = datetime(2026, 1, 1, tzinfo=UTC)


def relation(
    oid: int,
    name: str,
    *,
    schema: str = PUBLIC_SCHEMA,
    kind: RelationKind = RelationKind.TABLE,
    depends_on: dict[int, int] | None = None,
) -> Relation:
    return Relation(
        oid=oid,
        name=QualifiedName(schema, name),
        kind=kind,
        columns=(Column("i", INTEGER),),
        owner="tester",
        created_at=MADE_AT,
        depends_on=depends_on or {},
    )


def model(
    oid: int, name: str, *, schema: str = PUBLIC_SCHEMA, function: str | None = None
) -> ExternalModel:
    return ExternalModel(
        oid=oid,
        name=QualifiedName(schema, name),
        function=QualifiedName(schema, function or name),
        owner="tester",
        created_at=MADE_AT,
        iam_role="default",
        model_type=ModelType.BEDROCK,
        model_id="a.model",
    )
