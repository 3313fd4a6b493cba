from __future__ import annotations

import pytest

from outcrop.catalog.objects import PUBLIC_SCHEMA, SYSTEM_SCHEMA, QualifiedName, RelationKind
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.catalog.store import with_search_path
from outcrop.catalog.system_views import SYSTEM_VIEWS
from outcrop.errors import UndefinedModel, UndefinedRelation, UndefinedSchema, WrongObjectKind
from tests.unit.catalog.examples import model, relation

TABLES = (
    relation(1, "t"),
    relation(2, "t", schema="other"),
    relation(3, "only_here", schema="other"),
    relation(4, "v", kind=RelationKind.VIEW),
    relation(6, "mv2", kind=RelationKind.MATERIALIZED_VIEW, depends_on={1: 0, 5: 2}),
    relation(5, "mv1", kind=RelationKind.MATERIALIZED_VIEW, depends_on={1: 3}),
    relation(7, "pg_table_def"),
)
MODELS = (
    model(20, "m", function="f"),
    model(21, "m", schema="other", function="f"),
    model(22, "n", schema="other", function="only_there"),
)
SNAPSHOT = CatalogSnapshot(
    schemas=frozenset({PUBLIC_SCHEMA, "other"}),
    relations_by_name={r.name: r for r in (*SYSTEM_VIEWS, *TABLES)},
    models_by_name={m.name: m for m in MODELS},
)


@pytest.mark.parametrize(
    ("parts", "oid"),
    [
        (["t"], 1),
        (["public", "t"], 1),
        (["other", "t"], 2),
        (["dev", "other", "t"], 2),
        (["pg_catalog", "stv_ml_model_info"], 1_003),
        (["stv_ml_model_info"], 1_003),
        (["pg_table_def"], 7),  # a schema of the search path comes before the system's
    ],
)
def test_a_name_is_found(parts: list[str], oid: int) -> None:
    assert SNAPSHOT.relation(parts).oid == oid


@pytest.mark.parametrize("parts", [["only_here"], ["public", "only_here"], ["nowhere", "t"]])
def test_a_name_is_looked_for_where_it_says_alone(parts: list[str]) -> None:
    assert SNAPSHOT.find_relation(parts) is None
    with pytest.raises(UndefinedRelation, match="does not exist"):
        SNAPSHOT.relation(parts)


def test_the_search_path_is_an_order() -> None:
    path = with_search_path(SNAPSHOT, '"other", missing, public')
    assert path.search_path == ("other", "public")
    assert path.relation(["t"]).oid == 2
    assert path.relation(["v"]).oid == 4
    assert path.find_function(["f"]) is MODELS[1]
    assert path.qualify_new(["fresh"]) == QualifiedName("other", "fresh")


def test_a_search_path_of_unknown_schemas_is_public() -> None:
    assert with_search_path(SNAPSHOT, "missing").search_path == (PUBLIC_SCHEMA,)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (["prod", "public", "t"], "cross-database reference to 'prod'"),
        (["a", "b", "c", "d"], "too many parts"),
    ],
)
def test_a_name_that_cannot_be_one(parts: list[str], message: str) -> None:
    with pytest.raises(UndefinedRelation, match=message):
        SNAPSHOT.relation(parts)


def test_a_suggestion_names_what_is_near() -> None:
    with pytest.raises(UndefinedRelation) as caught:
        SNAPSHOT.relation(["stv_ml_model_inof"])
    assert "'stv_ml_model_info'" in str(caught.value.hint)


def test_the_kind_is_checked() -> None:
    assert SNAPSHOT.relation(["v"], RelationKind.VIEW).oid == 4
    with pytest.raises(WrongObjectKind, match="'v' is a view, not a table") as caught:
        SNAPSHOT.relation(["v"], RelationKind.TABLE)
    assert "Name a table" in str(caught.value.hint)


def test_models_and_their_functions_have_names_of_their_own() -> None:
    assert SNAPSHOT.model(["m"]) is MODELS[0]
    assert SNAPSHOT.model(["other", "n"]) is MODELS[2]
    assert SNAPSHOT.find_function(["f"]) is MODELS[0]
    assert SNAPSHOT.find_function(["other", "f"]) is MODELS[1]
    assert SNAPSHOT.find_function(["m"]) is None
    assert SNAPSHOT.find_function(["only_there"]) is None


def test_an_unknown_model_comes_with_a_hint() -> None:
    with pytest.raises(UndefinedModel, match="model 'mm' does not exist") as caught:
        SNAPSHOT.model(["mm"])
    assert "'m'" in str(caught.value.hint)
    with pytest.raises(UndefinedModel) as caught:
        SNAPSHOT.model(["something_else"])
    assert caught.value.hint == "SHOW MODEL ALL lists the models."


@pytest.mark.parametrize("schema", ["nowhere", SYSTEM_SCHEMA])
def test_nothing_is_created_in_a_schema_that_is_not_the_users(schema: str) -> None:
    with pytest.raises(UndefinedSchema, match=schema):
        SNAPSHOT.qualify_new([schema, "t"])


def test_dependents_come_oldest_first() -> None:
    assert [view.oid for view in SNAPSHOT.dependents(1)] == [5, 6]
    assert [view.oid for view in SNAPSHOT.dependents(5)] == [6]
    assert SNAPSHOT.dependents(6) == ()


def test_a_qualified_name_hides_the_public_schema() -> None:
    assert [str(r.name) for r in TABLES[:2]] == ["t", "other.t"]
