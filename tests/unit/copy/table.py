"""A table in a real engine, and COPY into it from files."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from outcrop.catalog.objects import Column, QualifiedName, Relation, RelationKind
from outcrop.commands.copy.report import CopyReport, LoadError
from outcrop.commands.copy.run import run_copy
from outcrop.commands.copy.sources import Sources
from outcrop.datatypes import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    SUPER,
    TIMESTAMP,
    TYPES,
    DataType,
    TypeKind,
)
from outcrop.engines.duckdb import STORE, DuckDbEngine
from outcrop.errors import Error, Position
from outcrop.sql.statements import Copy

SHORTHAND = {
    "int": INTEGER,
    "smallint": DataType(TypeKind.SMALLINT),
    "bigint": BIGINT,
    "bool": BOOLEAN,
    "double": DOUBLE,
    "real": DataType(TypeKind.REAL),
    "super": SUPER,
    "timestamp": TIMESTAMP,
    "timestamptz": DataType(TypeKind.TIMESTAMPTZ),
    "date": DataType(TypeKind.DATE),
    "time": DataType(TypeKind.TIME),
    "timetz": DataType(TypeKind.TIMETZ),
    "interval": DataType(TypeKind.INTERVAL),
    "varbyte": DataType(TypeKind.VARBYTE, length=4),
    "varchar": DataType(TypeKind.VARCHAR, length=10),
    "text": DataType(TypeKind.VARCHAR, length=65_535),
    "char": DataType(TypeKind.CHAR, length=3),
    "decimal": DataType(TypeKind.DECIMAL, precision=8, scale=2),
}


def column(name: str, kind: str) -> Column:
    bare = kind.removesuffix(" not null")
    return Column(name, SHORTHAND[bare], is_nullable=bare == kind)


def copy_statement(
    source: str,
    options: Mapping[str, str | bool] | None = None,
    columns: tuple[str, ...] = (),
) -> Copy:
    return Copy(
        text="COPY t",
        position=Position(1, 1, 0),
        table=("t",),
        columns=columns,
        source=source,
        options=options or {},
    )


class Table:
    """Table `t` with columns given as `name="int not null"`; use it in a `with`."""

    def __init__(self, folder: Path, **columns: str) -> None:
        self.folder = folder
        self.columns = tuple(column(name, kind) for name, kind in columns.items())
        self.relation = Relation(
            oid=1,
            name=QualifiedName("public", "t"),
            kind=RelationKind.TABLE,
            columns=self.columns,
            owner="me",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        self.engine = DuckDbEngine(None)
        self.session = self.engine.open_session()
        self.recorded: list[LoadError] = []
        self.roots: tuple[Path, ...] = ()
        self.environ: dict[str, str] = {}
        self.roles: dict[str, str] = {}
        self.session.execute(f"CREATE SCHEMA {STORE}.public")
        self.session.execute(f"CREATE TABLE {STORE}.public.t ({self._ddl()})")

    def _ddl(self) -> str:
        return ", ".join(f'"{c.name}" {_ddl_type(c)}' for c in self.columns)

    def __enter__(self) -> Table:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.engine.close()

    def copy(self, source: str, *columns: str, **options: str | bool) -> CopyReport:
        """COPY in a transaction of its own, as a session does."""
        sources = Sources(self.roles, self.roots, self.environ, self.folder, self.folder)
        self.session.begin()
        try:
            report = run_copy(
                copy_statement(source, options, columns),
                self.relation,
                f'"{STORE}"."public"."t"',
                self.session,
                sources,
                self.recorded.append,
            )
        except Error:
            self.session.rollback()
            raise
        self.session.commit()
        return report

    def load(
        self, content: str | bytes, *columns: str, **options: str | bool
    ) -> list[tuple[object, ...]]:
        """Write a file, COPY it, return the table's rows."""
        data = content.encode() if isinstance(content, str) else content
        (self.folder / "in.txt").write_bytes(data)
        self.report = self.copy("in.txt", *columns, **options)
        return self.rows()

    def rows(self, select: str = "*") -> list[tuple[object, ...]]:
        result = self.session.query(f"SELECT {select} FROM {STORE}.public.t")
        rows: list[tuple[object, ...]] = []
        for batch in result.batches():
            rows += zip(*(c.to_pylist() for c in batch.columns), strict=True)
        return rows


def _ddl_type(column: Column) -> str:
    facts = TYPES[column.datatype.kind]
    size = ""
    if column.datatype.kind is TypeKind.DECIMAL:
        size = f"({column.datatype.precision},{column.datatype.scale})"
    return facts.duckdb + size + ("" if column.is_nullable else " NOT NULL")
