"""Random statements that write the table w, and the queries that find out what they write."""

from __future__ import annotations

from dataclasses import dataclass

from tests.properties.random_queries import QueryWriter, Source, Value
from tests.properties.random_schemas import INT, TEXT

# What w is before each statement; its rows have the keys of t.
CREATE_TARGET = "CREATE TABLE w (i integer, p varchar(10000), q varchar(10000))"
FILL_TARGET = ("DELETE FROM w", "INSERT INTO w SELECT i, p, q FROM t")
TARGET_COLUMNS = {"i": INT, "p": TEXT, "q": TEXT}

_TARGET = (Value("w.i", INT), Value("w.p", TEXT), Value("w.q", TEXT))


@dataclass(frozen=True, slots=True)
class RandomWrite:
    """A statement, and a query that asks what the statement must ask."""

    sql: str
    reads: str


class WriteWriter(QueryWriter):
    """Writes random INSERT, UPDATE, DELETE and MERGE statements."""

    def write_change(self) -> RandomWrite:
        """Return the next statement."""
        self._aliases = 0
        return self._random.choice(_CHANGES)(self)

    def insert(self) -> RandomWrite:
        """INSERT of a query."""
        query = self._arm((INT, TEXT, TEXT), ("c1", "c2", "c3"))
        return RandomWrite(f"INSERT INTO w (i, p, q) {query}", query)

    def insert_values(self) -> RandomWrite:
        """INSERT of rows that call models."""
        rows = [
            [self._number((), 1), self._text((), 1), self._text((), 1)] for _ in range(self._few())
        ]
        values = ", ".join(f"({', '.join(row)})" for row in rows)
        reads = " UNION ALL ".join(f"SELECT {a} AS c1, {b} AS c2, {c} AS c3" for a, b, c in rows)
        return RandomWrite(f"INSERT INTO w VALUES {values}", reads)

    def update(self) -> RandomWrite:
        """UPDATE, maybe with FROM."""
        source = self._joined()
        values = (*_TARGET, *(source.values if source is not None else ()))
        columns = self._random.choice((("p",), ("q",), ("p", "q")))
        given = [self._text(values, 1) for _ in columns]
        assigned = ", ".join(f"{c} = {v}" for c, v in zip(columns, given, strict=True))
        where = self._matching(source, values)
        from_ = f" FROM {source.sql}" if source is not None else ""
        reads = ", ".join(f"{value} AS c{n}" for n, value in enumerate(given, start=1))
        others = f"{source.sql}, " if source is not None else ""
        return RandomWrite(
            f"UPDATE w SET {assigned}{from_}{where}", f"SELECT {reads} FROM {others}w{where}"
        )

    def delete(self) -> RandomWrite:
        """DELETE, maybe with USING."""
        source = self._joined()
        values = (*_TARGET, *(source.values if source is not None else ()))
        where = self._matching(source, values)
        using = f" USING {source.sql}" if source is not None else ""
        others = f"{source.sql}, " if source is not None else ""
        return RandomWrite(
            f"DELETE FROM w{using}{where}", f"SELECT w.i AS c1 FROM {others}w{where}"
        )

    def merge(self) -> RandomWrite:
        """MERGE that updates or deletes what matches, and inserts the rest."""
        source = self._unique_source()
        key = source.key[0]
        given = self._text([*_TARGET, *source.values], 1)
        p, q = self._text(source.values, 1), self._text(source.values, 1)
        matched = f"UPDATE SET p = {given}" if self._chance(0.7) else "DELETE"
        reads = [f"CASE WHEN w.i IS NULL THEN {p} END AS c1"]
        reads += [f"CASE WHEN w.i IS NULL THEN {q} END AS c2"]
        if matched != "DELETE":
            reads += [f"CASE WHEN w.i IS NOT NULL THEN {given} END AS c3"]
        return RandomWrite(
            f"MERGE INTO w USING {source.sql} ON w.i = {key} WHEN MATCHED THEN {matched} "
            f"WHEN NOT MATCHED THEN INSERT (i, p, q) VALUES ({key}, {p}, {q})",
            f"SELECT {', '.join(reads)} FROM {source.sql} LEFT JOIN w ON w.i = {key}",
        )

    def _joined(self) -> Source | None:
        return self._unique_source() if self._chance(0.5) else None

    def _unique_source(self) -> Source:
        """Return a source with one number for its key, so that a row of w has one partner."""
        while True:
            source = self._table(1)
            if len(source.key) == 1 and source.key_kind == INT:
                return source

    def _matching(self, source: Source | None, values: tuple[Value, ...]) -> str:
        if source is None:
            return self._where(values, 1)
        condition = f" AND {self._condition(values, 1)}" if self._chance(0.6) else ""
        return f" WHERE {source.key[0]} = w.i{condition}"


_CHANGES = (
    WriteWriter.insert,
    WriteWriter.insert_values,
    WriteWriter.update,
    WriteWriter.update,
    WriteWriter.delete,
    WriteWriter.merge,
)
