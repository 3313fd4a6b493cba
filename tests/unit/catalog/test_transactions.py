from __future__ import annotations

from collections.abc import Iterator

import pytest

from outcrop.catalog.store import CatalogStore
from outcrop.engines.duckdb import DuckDbEngine, DuckDbSession
from outcrop.errors import SerializationConflict
from tests.unit.catalog.examples import relation


@pytest.fixture
def engine() -> Iterator[DuckDbEngine]:
    engine = DuckDbEngine(None)
    yield engine
    engine.close()


@pytest.fixture
def store(engine: DuckDbEngine) -> CatalogStore:
    store = CatalogStore()
    store.open(engine.open_session())
    return store


def version_now(store: CatalogStore, session: DuckDbSession) -> int:
    """Return the version that a new transaction reads."""
    store.transactions.begin(session)
    version = store.transactions.version_of(session)
    store.transactions.rollback(session)
    assert version is not None
    return version


def test_a_commit_without_a_change_keeps_the_version(
    store: CatalogStore, engine: DuckDbEngine
) -> None:
    session = engine.open_session()
    before = version_now(store, session)
    store.transactions.begin(session)
    session.execute("CREATE TEMP TABLE nothing_of_the_catalog (i INTEGER)")
    store.transactions.commit(session)
    assert version_now(store, session) == before


def test_a_change_has_no_version_until_it_is_committed(
    store: CatalogStore, engine: DuckDbEngine
) -> None:
    session, other = engine.open_session(), engine.open_session()
    before = version_now(store, other)
    store.transactions.begin(session)
    store.add(session, relation(200_000, "t"))
    assert store.transactions.version_of(session) is None
    assert version_now(store, other) == before
    store.transactions.commit(session)
    assert version_now(store, other) > before
    assert store.transactions.version_of(session) is None


@pytest.mark.parametrize("change", ["add", "update", "remove", "create_schema", "drop_schema"])
def test_every_way_to_change_the_catalog_is_noticed(
    store: CatalogStore, engine: DuckDbEngine, change: str
) -> None:
    session = engine.open_session()
    table = relation(200_000, "t")
    store.add(session, table)
    store.create_schema(session, "empty")
    arguments = {
        "add": (relation(200_001, "u"),),
        "update": (table,),
        "remove": (table.oid,),
        "create_schema": ("other",),
        "drop_schema": ("empty",),
    }
    store.transactions.begin(session)
    getattr(store, change)(session, *arguments[change])
    assert store.transactions.version_of(session) is None
    store.transactions.rollback(session)


def test_what_is_rolled_back_keeps_the_version(store: CatalogStore, engine: DuckDbEngine) -> None:
    session = engine.open_session()
    before = version_now(store, session)
    store.transactions.begin(session)
    store.add(session, relation(200_000, "t"))
    store.transactions.rollback(session)
    assert version_now(store, session) == before


def test_an_open_transaction_keeps_the_version_that_it_began_with(
    store: CatalogStore, engine: DuckDbEngine
) -> None:
    session, other = engine.open_session(), engine.open_session()
    store.transactions.begin(other)  # reads nothing before the other has committed
    before = store.transactions.version_of(other)
    store.transactions.begin(session)
    store.add(session, relation(200_000, "t"))
    store.transactions.commit(session)
    store.transactions.begin(session)
    assert store.load(session).find_relation(["t"]) is not None
    assert store.load(other).find_relation(["t"]) is None
    assert store.transactions.version_of(other) == before


def test_the_snapshot_of_a_version_is_read_once(store: CatalogStore, engine: DuckDbEngine) -> None:
    session, other = engine.open_session(), engine.open_session()
    store.transactions.begin(session)
    store.transactions.begin(other)
    assert store.load(session) is store.load(other)


def test_of_two_who_claim_a_name_one_commits_and_both_can_go_on(
    store: CatalogStore, engine: DuckDbEngine
) -> None:
    one, two = engine.open_session(), engine.open_session()
    for session, oid in ((one, 200_000), (two, 200_001)):
        store.transactions.begin(session)
        store.add(session, relation(oid, "t"))
    store.transactions.commit(one)
    with pytest.raises(SerializationConflict):
        store.transactions.commit(two)
    store.transactions.rollback(two)
    store.transactions.begin(two)
    assert store.load(two).relation(["t"]).oid == 200_000
