"""Random schemas: two tables with columns of any type and name, and views that call models."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

INT, TEXT, BOOL = "integer", "character varying", "boolean"
BIG, SMALL, DECIMAL, DATE = "bigint", "smallint", "numeric(10,2)", "date"

# What columns there are beside those that every relation has.
EXTRA_KINDS = (BIG, SMALL, DECIMAL, DATE, BOOL)
_EXTRA_NAMES = ('"Mixed Case"', '"order"', "CamelCase", '"été"', "amount", '"two words"')


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or a view: its columns with their types, and those that tell any two rows apart."""

    name: str
    columns: tuple[tuple[str, str], ...]
    key: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """The tables t and u, and views on t, which call models."""

    tables: tuple[Relation, ...]

    @property
    def relations(self) -> tuple[Relation, ...]:
        """What queries read."""
        return (*self.tables, *_VIEWS)

    @property
    def create(self) -> tuple[str, ...]:
        """The statements that create it."""
        tables = (
            f"CREATE TABLE {table.name} ({', '.join(map(' '.join, table.columns))})"
            for table in self.tables
        )
        views = (f"CREATE VIEW {name} AS {sql}" for name, sql in VIEWS.items())
        return tuple(sql.replace(TEXT, "varchar(100)") for sql in (*tables, *views))


def random_schema(seed: int) -> Schema:
    """Return t and u with a few columns more, of any type and name."""
    draw = random.Random(seed)

    def more() -> tuple[tuple[str, str], ...]:
        names = draw.sample(_EXTRA_NAMES, draw.randint(0, 3))
        return tuple((name, draw.choice(EXTRA_KINDS)) for name in names)

    t = (("i", INT), ("k", INT), ("p", TEXT), ("q", TEXT), *more())
    u = (("j", INT), ("i", INT), ("b", TEXT), *more())
    return Schema((Relation("t", t, ("i",)), Relation("u", u, ("j",))))


VIEWS: Mapping[str, str] = {
    "answered": "SELECT t.i, f(t.p) AS y, t.q FROM t",
    "chosen": "SELECT t.i, t.p FROM t WHERE h(t.q) OR t.k = 1",
}
_VIEWS = (
    Relation("answered", (("i", INT), ("y", TEXT), ("q", TEXT)), ("i",)),
    Relation("chosen", (("i", INT), ("p", TEXT)), ("i",)),
)
