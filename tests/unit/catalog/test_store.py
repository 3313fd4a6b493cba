from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from outcrop.catalog.objects import PUBLIC_SCHEMA, QualifiedName, RelationKind
from outcrop.catalog.store import FIRST_USER_OID, CatalogStore
from outcrop.catalog.system_views import SYSTEM_VIEWS
from outcrop.engines.duckdb import DuckDbEngine, DuckDbSession
from outcrop.errors import DuplicateObject, NotAWarehouse, SerializationConflict
from tests.unit.catalog.examples import model, relation


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def engine(path: Path) -> Iterator[DuckDbEngine]:
    engine = DuckDbEngine(path)
    yield engine
    engine.close()


@pytest.fixture
def session(engine: DuckDbEngine) -> DuckDbSession:
    return engine.open_session()


@pytest.fixture
def store(session: DuckDbSession) -> CatalogStore:
    store = CatalogStore()
    store.open(session)
    return store


def test_a_new_catalog_has_the_public_schema_and_the_system_views(
    store: CatalogStore, session: DuckDbSession
) -> None:
    snapshot = store.load(session)
    assert snapshot.schemas == {PUBLIC_SCHEMA}
    assert tuple(snapshot.relations) == SYSTEM_VIEWS
    assert list(snapshot.models) == []


def test_what_was_added_is_there_after_a_restart(path: Path) -> None:
    table, judge = relation(FIRST_USER_OID + 7, "it's"), model(FIRST_USER_OID + 9, "judge")
    engine = DuckDbEngine(path)
    session, store = engine.open_session(), CatalogStore()
    store.open(session)
    store.create_schema(session, "other")
    store.add(session, table)
    store.add(session, judge)
    engine.close()

    engine = DuckDbEngine(path)
    session, store = engine.open_session(), CatalogStore()
    store.open(session)
    snapshot = store.load(session)
    assert snapshot.schemas == {PUBLIC_SCHEMA, "other"}
    assert snapshot.relation(["it's"]) == table
    assert snapshot.model(["judge"]) == judge
    assert store.next_oid() == FIRST_USER_OID + 10
    engine.close()


def test_oids_are_given_out_once(store: CatalogStore) -> None:
    oids = [store.next_oid() for _ in range(3)]
    assert oids == list(range(oids[0], oids[0] + 3))
    assert oids[0] > FIRST_USER_OID


def test_a_catalog_of_another_format_is_not_read(
    store: CatalogStore, session: DuckDbSession
) -> None:
    session.execute('UPDATE "outcrop_store"."outcrop_catalog".format SET version = 99')
    with pytest.raises(NotAWarehouse, match="format 99, and this Outcrop reads 1"):
        CatalogStore().open(session)


def test_what_is_rolled_back_was_never_there(store: CatalogStore, session: DuckDbSession) -> None:
    session.begin()
    store.add(session, relation(200_000, "t"))
    store.create_schema(session, "other")
    session.rollback()
    assert store.load(session).find_relation(["t"]) is None
    assert store.load(session).schemas == {PUBLIC_SCHEMA}


def test_a_transaction_sees_the_catalog_as_it_began(
    store: CatalogStore, session: DuckDbSession, engine: DuckDbEngine
) -> None:
    other = engine.open_session()
    other.begin()
    assert store.load(other).find_relation(["t"]) is None
    store.add(session, relation(200_000, "t"))
    assert store.load(other).find_relation(["t"]) is None
    other.commit()
    assert store.load(other).relation(["t"]).oid == 200_000


def test_an_update_replaces_the_object(store: CatalogStore, session: DuckDbSession) -> None:
    view = relation(200_000, "mv", kind=RelationKind.MATERIALIZED_VIEW)
    store.add(session, view)
    changed = replace(view, depends_on={3: 4}, is_auto_refreshed=True)
    store.update(session, changed)
    assert store.load(session).relation(["mv"]) == changed


def test_what_is_removed_leaves_no_trace(store: CatalogStore, session: DuckDbSession) -> None:
    table = relation(200_000, "t")
    store.add(session, table)
    store.note_change(session, table)
    store.remove(session, table.oid)
    assert store.load(session).find_relation(["t"]) is None
    assert store.versions(session) == {}
    store.add(session, replace(table, oid=200_001))


def test_a_schema_is_dropped_and_made_again(store: CatalogStore, session: DuckDbSession) -> None:
    store.create_schema(session, "other")
    store.drop_schema(session, "other")
    assert store.load(session).schemas == {PUBLIC_SCHEMA}
    store.create_schema(session, "other")
    assert store.load(session).schemas == {PUBLIC_SCHEMA, "other"}


def test_versions_count_changes(store: CatalogStore, session: DuckDbSession) -> None:
    one, two = relation(200_000, "one"), relation(200_001, "two")
    assert store.versions(session) == {}
    for changed in (one, two, one):
        store.note_change(session, changed)
    assert store.versions(session) == {200_000: 2, 200_001: 1}


def test_a_view_is_stale_once_a_source_has_changed(
    store: CatalogStore, session: DuckDbSession
) -> None:
    table = relation(200_000, "t")
    view = relation(200_001, "mv", depends_on={200_000: 0})
    assert not store.is_stale(session, view)
    store.note_change(session, table)
    assert store.is_stale(session, view)
    assert not store.is_stale(session, replace(view, depends_on={200_000: 1}))
    assert not store.is_stale(session, replace(view, depends_on={}))


def test_two_writers_of_one_table_do_not_conflict(
    store: CatalogStore, session: DuckDbSession, engine: DuckDbEngine
) -> None:
    table, other = relation(200_000, "t"), engine.open_session()
    for writer in (session, other):
        writer.begin()
        store.note_change(writer, table)
    session.commit()
    other.commit()
    assert store.versions(session) == {200_000: 2}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (relation(1, "t"), relation(2, "t", kind=RelationKind.VIEW)),
        (model(1, "m", function="f"), model(2, "m", function="g")),
        (model(1, "m", function="f"), model(2, "n", function="f")),
    ],
    ids=["relation", "model", "function"],
)
def test_a_name_is_given_away_once(
    store: CatalogStore,
    session: DuckDbSession,
    engine: DuckDbEngine,
    first: object,
    second: object,
) -> None:
    other = engine.open_session()
    for writer, created in ((session, first), (other, second)):
        writer.begin()
        store.add(writer, created)  # type: ignore[arg-type]  # either kind of object
    session.commit()
    with pytest.raises(SerializationConflict, match="added the same key first"):
        other.commit()
    other.rollback()
    other.begin()
    with pytest.raises(DuplicateObject, match="already exists: another session"):
        store.add(other, second)  # type: ignore[arg-type]  # either kind of object
    other.rollback()


def test_a_relation_a_model_and_a_function_may_share_a_name(
    store: CatalogStore, session: DuckDbSession
) -> None:
    store.create_schema(session, "x")
    store.add(session, relation(200_000, "x"))
    store.add(session, model(200_001, "x"))
    snapshot = store.load(session)
    assert (
        snapshot.relation(["x"]).name == snapshot.model(["x"]).name == QualifiedName("public", "x")
    )
