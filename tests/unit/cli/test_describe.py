from __future__ import annotations

from datetime import UTC, datetime

import pytest

from outcrop.catalog.objects import (
    Column,
    ExternalModel,
    ModelType,
    QualifiedName,
    Relation,
    RelationKind,
)
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.cli.describe import describe, list_models, list_relations, list_tables, list_views
from outcrop.datatypes import INTEGER, DataType, TypeKind
from outcrop.errors import UndefinedRelation

CREATED = datetime(2026, 1, 1, tzinfo=UTC)


def relation(oid: int, name: str, kind: RelationKind, **more: object) -> Relation:
    columns = (
        Column("pid", INTEGER, is_nullable=False, encoding="AZ64"),
        Column("pname", DataType(TypeKind.VARCHAR, 80), default="'?'"),
    )
    qualified = QualifiedName("public", name)
    return Relation(oid, qualified, kind, columns, "ann", CREATED, **more)  # type: ignore[arg-type]


PATIENTS = relation(1, "patients", RelationKind.TABLE, table_attributes={"DISTSTYLE": "ALL"})
PROMPTS = relation(
    2,
    "prompts",
    RelationKind.MATERIALIZED_VIEW,
    definition="SELECT * FROM patients",
    is_auto_refreshed=True,
)
DIETICIAN = ExternalModel(
    oid=3,
    name=QualifiedName("public", "dietician"),
    function=QualifiedName("public", "diet_plan"),
    owner="ann",
    created_at=CREATED,
    iam_role="default",
    model_type=ModelType.BEDROCK,
    model_id="anthropic.claude-v2",
    prompt="Plan a diet:",
)
SNAPSHOT = CatalogSnapshot(
    relations_by_name={r.name: r for r in (PROMPTS, PATIENTS)},
    models_by_name={DIETICIAN.name: DIETICIAN},
)


def test_relations_are_listed_by_name() -> None:
    assert [row[:3] for row in list_relations(SNAPSHOT).rows] == [
        ("public", "patients", "table"),
        ("public", "prompts", "materialized view"),
    ]
    assert [row[1] for row in list_tables(SNAPSHOT).rows] == ["patients"]
    assert [row[1] for row in list_views(SNAPSHOT).rows] == ["prompts"]


def test_models_are_listed() -> None:
    assert list_models(SNAPSHOT).rows == [
        ("dietician", "diet_plan", "BEDROCK", "anthropic.claude-v2", "UNIFIED -> VARCHAR")
    ]


def test_a_table_is_described_by_its_columns() -> None:
    listing = describe(SNAPSHOT, "Public.Patients;")
    assert listing.title == "Table patients"
    assert listing.rows == [
        ("pid", "integer", "not null", "", "az64"),
        ("pname", "character varying(80)", "", "'?'", ""),
    ]
    assert listing.remarks == ("DISTSTYLE: ALL",)


def test_a_materialized_view_says_how_it_is_made() -> None:
    listing = describe(SNAPSHOT, "prompts")
    assert listing.title == "Materialized view prompts"
    assert listing.remarks == ("auto refresh: yes", "definition:\nSELECT * FROM patients")


@pytest.mark.parametrize("name", ["dietician", "diet_plan"])
def test_a_model_is_found_by_its_name_and_its_function(name: str) -> None:
    listing = describe(SNAPSHOT, name)
    assert listing.title == "Model dietician"
    assert ("prompt", "Plan a diet:") in listing.rows
    assert ("model id", "anthropic.claude-v2") in listing.rows
    assert not any(setting == "suffix" for setting, _ in listing.rows)


def test_an_unknown_name_is_suggested() -> None:
    with pytest.raises(UndefinedRelation, match="'pateints'") as caught:
        describe(SNAPSHOT, "pateints")
    assert caught.value.hint == "Did you mean 'patients'?"
