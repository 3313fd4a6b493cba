"""The catalog on disk: objects as rows of the warehouse file, in the transactions of the data.

Three tables. `object` has a row per schema, relation and model. `claim` has a row per name, with a
key on it: of two sessions that give one name away at the same time, one commits. `change` has a row
per change of a relation's rows, appended and never updated, so that two sessions that write to one
table do not conflict over a counter; how many a relation has had is its version.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from sqlglot import exp

from outcrop.catalog.codec import decode_model, decode_relation, encode
from outcrop.catalog.objects import (
    CATALOG_SCHEMA,
    PUBLIC_SCHEMA,
    STORE,
    ExternalModel,
    Relation,
)
from outcrop.catalog.snapshot import CatalogSnapshot
from outcrop.catalog.system_views import SYSTEM_VIEWS
from outcrop.catalog.transactions import CatalogTransactions
from outcrop.errors import ConstraintViolated, DuplicateObject, NotAWarehouse

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT_VERSION = 1
FIRST_USER_OID = 100_000

_SCHEMA = f'"{STORE}"."{CATALOG_SCHEMA}"'
_SCHEMA_KIND, _RELATION_KIND, _MODEL_KIND = "schema", "relation", "model"


class Rows(Protocol):
    """The part of an engine's result that the catalog reads."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows as Arrow batches."""
        ...

    def close(self) -> None:
        """Release the result."""
        ...


class Connection(Protocol):
    """The part of an engine's session that the catalog needs."""

    def execute(self, sql: str) -> int:
        """Run a statement that gives no rows."""
        ...

    def query(self, sql: str) -> Rows:
        """Run a query."""
        ...


class CatalogStore:
    """Reads and writes the catalog of one warehouse, on the connection that it is handed.

    Two writers who claim one name conflict: the second raises DuplicateObject, or, if the first has
    not committed yet, SerializationConflict when it commits. Oids are given out here, since one
    process has the warehouse open. The snapshot of the latest version that was asked for is kept.
    """

    def __init__(self) -> None:
        self.transactions = CatalogTransactions()
        self._lock = threading.Lock()
        self._next_oid = FIRST_USER_OID
        self._kept: tuple[int, CatalogSnapshot] | None = None

    def open(self, connection: Connection) -> None:
        """Create the catalog in a new warehouse, or check that of an existing one.

        Raises NotAWarehouse if the file was written by another version of Outcrop.
        """
        schemas = _read(
            connection,
            "SELECT schema_name FROM information_schema.schemata WHERE catalog_name = "
            f"{_literal(STORE)} AND schema_name = {_literal(CATALOG_SCHEMA)}",
        )
        if not schemas:
            self._create(connection)
        [(version,)] = _read(connection, f"SELECT version FROM {_SCHEMA}.format")
        if version != FORMAT_VERSION:
            raise NotAWarehouse(
                f"the warehouse has format {version}, and this Outcrop reads {FORMAT_VERSION}",
                hint="Open it with the Outcrop that made it.",
            )
        [(oid,)] = _read(connection, f"SELECT max(oid) FROM {_SCHEMA}.object")
        self._next_oid = max(FIRST_USER_OID, (oid or 0) + 1)

    def _create(self, connection: Connection) -> None:
        for statement in (
            f"CREATE SCHEMA {_SCHEMA}",
            f"CREATE TABLE {_SCHEMA}.format (version INTEGER NOT NULL)",
            f"INSERT INTO {_SCHEMA}.format VALUES ({FORMAT_VERSION})",
            f"CREATE TABLE {_SCHEMA}.object (oid BIGINT NOT NULL, kind VARCHAR NOT NULL, "
            "body VARCHAR NOT NULL)",
            f"CREATE TABLE {_SCHEMA}.claim (name VARCHAR PRIMARY KEY, oid BIGINT NOT NULL)",
            f"CREATE TABLE {_SCHEMA}.change (oid BIGINT NOT NULL)",
        ):
            connection.execute(statement)
        self.create_schema(connection, PUBLIC_SCHEMA)

    def next_oid(self) -> int:
        """Return an oid that no object has had since the warehouse was opened."""
        with self._lock:
            self._next_oid += 1
            return self._next_oid - 1

    def load(self, connection: Connection) -> CatalogSnapshot:
        """Return the catalog as the connection's transaction sees it."""
        version, kept = self.transactions.version_of(connection), self._kept
        if kept is not None and kept[0] == version:
            return kept[1]
        snapshot = self._read_snapshot(connection)
        if version is not None and (kept is None or kept[0] < version):
            self._kept = (version, snapshot)
        return snapshot

    def _read_snapshot(self, connection: Connection) -> CatalogSnapshot:
        schemas: set[str] = set()
        relations = {view.name: view for view in SYSTEM_VIEWS}
        models = {}
        for kind, body in _read(connection, f"SELECT kind, body FROM {_SCHEMA}.object"):
            match kind:
                case "schema":
                    schemas.add(body)
                case "relation":
                    relation = decode_relation(body)
                    relations[relation.name] = relation
                case "model":
                    model = decode_model(body)
                    models[model.name] = model
        return CatalogSnapshot(frozenset(schemas), relations, models)

    def create_schema(self, connection: Connection, name: str) -> None:
        """Add a schema, and the engine's schema that holds its tables."""
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(STORE)}.{_quoted(name)}")
        self._insert(connection, self.next_oid(), _SCHEMA_KIND, name, (f"schema {name!r}",))

    def drop_schema(self, connection: Connection, name: str) -> None:
        """Remove an empty schema."""
        connection.execute(f"DROP SCHEMA {_quoted(STORE)}.{_quoted(name)}")
        is_it = f"kind = {_literal(_SCHEMA_KIND)} AND body = {_literal(name)}"
        [(oid,)] = _read(connection, f"SELECT oid FROM {_SCHEMA}.object WHERE {is_it}")
        self.remove(connection, oid)

    def add(self, connection: Connection, created: Relation | ExternalModel) -> None:
        """Add an object; raises DuplicateObject if another session has just given its name away."""
        if isinstance(created, Relation):
            names: tuple[str, ...] = (f"relation {str(created.name)!r}",)
            kind = _RELATION_KIND
        else:
            names = (f"model {str(created.name)!r}", f"function {str(created.function)!r}")
            kind = _MODEL_KIND
        self._insert(connection, created.oid, kind, encode(created), names)

    def remove(self, connection: Connection, oid: int) -> None:
        """Remove an object, and what is known of its changes."""
        self.transactions.note_change(connection)
        connection.execute(f"DELETE FROM {_SCHEMA}.object WHERE oid = {oid}")
        connection.execute(f"DELETE FROM {_SCHEMA}.claim WHERE oid = {oid}")
        connection.execute(f"DELETE FROM {_SCHEMA}.change WHERE oid = {oid}")

    def update(self, connection: Connection, changed: Relation) -> None:
        """Store a relation anew."""
        self.transactions.note_change(connection)
        connection.execute(
            f"UPDATE {_SCHEMA}.object SET body = {_literal(encode(changed))} "
            f"WHERE oid = {changed.oid}"
        )

    def note_change(self, connection: Connection, relation: Relation) -> None:
        """Note that a relation's rows have changed."""
        connection.execute(f"INSERT INTO {_SCHEMA}.change VALUES ({relation.oid})")

    def versions(self, connection: Connection) -> Mapping[int, int]:
        """Return how many changes each relation has had, by oid; none: absent."""
        rows = _read(connection, f"SELECT oid, count(*) FROM {_SCHEMA}.change GROUP BY oid")
        return {int(oid): int(count) for oid, count in rows}

    def is_stale(self, connection: Connection, view: Relation) -> bool:
        """Tell whether a materialized view's sources have changed since its last refresh."""
        versions = self.versions(connection)
        return any(versions.get(oid, 0) != seen for oid, seen in view.depends_on.items())

    def _insert(
        self, connection: Connection, oid: int, kind: str, body: str, names: tuple[str, ...]
    ) -> None:
        self.transactions.note_change(connection)
        for name in names:
            try:
                connection.execute(f"INSERT INTO {_SCHEMA}.claim VALUES ({_literal(name)}, {oid})")
            except ConstraintViolated as error:
                raise DuplicateObject(
                    f"{name} already exists: another session has just created it",
                    hint="Run the statement again to see it.",
                ) from error
        connection.execute(
            f"INSERT INTO {_SCHEMA}.object VALUES ({oid}, {_literal(kind)}, {_literal(body)})"
        )


def with_search_path(snapshot: CatalogSnapshot, search_path: str) -> CatalogSnapshot:
    """Return `snapshot` as a session with this `search_path` setting sees it."""
    path = tuple(part.strip().strip('"') for part in search_path.split(",") if part.strip())
    known = tuple(name for name in path if name in snapshot.schemas)
    return replace(snapshot, search_path=known or (PUBLIC_SCHEMA,))


def _read(connection: Connection, sql: str) -> list[tuple[Any, ...]]:
    result = connection.query(sql)
    try:
        return [
            tuple(row)
            for batch in result.batches()
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)
        ]
    finally:
        result.close()


def _literal(value: str) -> str:
    return exp.Literal.string(value).sql(dialect="duckdb")


def _quoted(name: str) -> str:
    return exp.to_identifier(name, quoted=True).sql(dialect="duckdb")
