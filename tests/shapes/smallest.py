"""The smallest number of calls that a statement can do with, by brute force and without a planner.

A *world* gives every invocation one of the answers that its model may give; in the *real* world
models answer as they do. Plain DuckDB evaluates the statement in a world, with the models replaced
by functions that look up the world's answers. A set of invocations *suffices* if there is a result
that is right in every world that answers them as the real world does: who knows these answers knows
the result, and with fewer nobody could. We want the size of the smallest set that suffices.

All worlds are tried, but for what cannot matter: the functions note what they are asked, and where
two worlds agree on what was asked in one of them, their results are equal. So the search runs a
statement in the real world, and then again for every other answer to every question that was asked.

A result is wrong in some of these worlds. Each differs from the real one in the answers to some
invocations, and a set that suffices must hold one of them: else the world could be the real one.
So what we look for is the smallest set that has an element in common with each of these sets.

Usually one result alone is right. LIMIT without ORDER BY leaves a choice of rows, so that there
every choice is tried as the result, and the one that needs the fewest answers counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import duckdb
from duckdb.func import FunctionNullHandling
from sqlglot import exp, parse_one

from tests.shapes.database import MODELS, TABLES, Invocation

Row = tuple[object, ...]
Answers = dict[Invocation, str]


@dataclass(frozen=True, slots=True)
class Reading:
    """The last statement of a plain script, taken apart: what it leaves open about its rows.

    `sql` gives all rows. Of them `offset` are left out and then `limit` taken, whichever they are;
    None: all of them. Where `is_ordered`, their order is part of the result.
    """

    sql: str
    is_ordered: bool
    limit: int | None = None
    offset: int = 0

    @classmethod
    def of(cls, sql: str) -> Reading:
        """Read a query of plain DuckDB."""
        query = parse_one(sql, read="duckdb")
        if query.args.get("order"):
            return cls(sql, is_ordered=True)
        limit, offset = query.args.get("limit"), query.args.get("offset")
        if limit is None:
            return cls(sql, is_ordered=False)
        query.set("limit", None)
        query.set("offset", None)
        return cls(query.sql("duckdb"), False, _number(limit), _number(offset) if offset else 0)

    def is_right(self, result: Sequence[Row], rows: Sequence[Row]) -> bool:
        """Tell whether `result` is a right result, `rows` being all that there are."""
        if self.is_ordered:
            return list(result) == list(rows)
        return len(result) == self._count(rows) and Counter(result) <= Counter(rows)

    def right_results(self, rows: Sequence[Row]) -> Iterable[Sequence[Row]]:
        """Return the right results, `rows` being all that there are."""
        return combinations(rows, self._count(rows))

    def _count(self, rows: Sequence[Row]) -> int:
        return len(rows) if self.limit is None else min(self.limit, max(0, len(rows) - self.offset))


@dataclass(slots=True)
class World:
    """What the models answer while a statement runs, and what they were asked."""

    given: Answers = field(default_factory=dict)
    asked: Answers = field(default_factory=dict)

    def answer(self, invocation: Invocation) -> str:
        """Return this world's answer: the real one unless another is given."""
        return self.asked.setdefault(invocation, self.given.get(invocation, invocation.answer))


class PlainDatabase:
    """Plain DuckDB with the tables, and functions that answer as the current world does."""

    def __init__(self) -> None:
        self._world = World()
        self._connection = duckdb.connect(":memory:")
        # One thread, so that a statement asks in the same order each time.
        self._connection.execute("SET threads = 1")
        self._connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
        self._connection.execute("CREATE MACRO nvl(a, b) AS coalesce(a, b)")
        for name in MODELS:
            self._connection.create_function(
                name,
                self._function(name),
                ["VARCHAR"],
                "VARCHAR",
                null_handling=FunctionNullHandling.SPECIAL,
            )
        for statement in TABLES:
            self._connection.execute(statement)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def run(self, script: Sequence[str], world: World) -> list[Row]:
        """Run statements, and undo them; return the rows of the last one."""
        self._world = world
        self._connection.execute("BEGIN")
        try:
            for statement in script[:-1]:
                self._connection.execute(statement)
            return self._connection.execute(script[-1]).fetchall()
        finally:
            self._connection.execute("ROLLBACK")

    def _function(self, name: str) -> Callable[[str | None], str | None]:
        def call(prompt: str | None) -> str | None:
            return None if prompt is None else self._world.answer(Invocation(name, prompt))

        return call


@dataclass(frozen=True, slots=True)
class Smallest:
    """What the search finds: the least number of calls, and all rows in the real world."""

    calls: int
    rows: list[Row]
    reading: Reading


def find_smallest(
    database: PlainDatabase, script: Sequence[str], known: Collection[Invocation]
) -> Smallest:
    """Return the least number of calls that the result of `script` takes.

    The answers to `known` are in the journal already, and need no call.
    """
    reading = Reading.of(script[-1])
    runs = list(_try_all(database, (*script[:-1], reading.sql), known))
    _, real_rows = runs[0]
    worlds = [(frozenset(_differences(world)), rows) for world, rows in runs]
    calls = min(
        _smallest_common(
            {differs for differs, rows in worlds if not reading.is_right(result, rows)}
        )
        for result in set(map(tuple, reading.right_results(real_rows)))
    )
    return Smallest(calls, real_rows, reading)


def _try_all(
    database: PlainDatabase, script: Sequence[str], known: Collection[Invocation]
) -> Iterator[tuple[World, list[Row]]]:
    """Run `script` in every world that can matter, the real one first."""
    waiting: list[Answers] = [{}]
    while waiting:
        world = World(given=waiting.pop())
        rows = database.run(script, world)
        yield world, rows
        asked = list(world.asked)
        assert asked[: len(world.given)] == list(world.given), "asked in another order than before"
        for position in range(len(world.given), len(asked)):
            invocation = asked[position]
            for answer in () if invocation in known else MODELS[invocation.function].answers:
                if answer != world.asked[invocation]:
                    before = {other: world.asked[other] for other in asked[:position]}
                    waiting.append({**before, invocation: answer})


def _differences(world: World) -> Iterator[Invocation]:
    return (i for i, answer in world.asked.items() if answer != i.answer)


def _smallest_common(sets: Collection[frozenset[Invocation]]) -> int:
    """Return the size of the smallest set that has an element in common with each of `sets`."""
    needed = frozenset[Invocation]().union(*(s for s in sets if len(s) == 1))
    open_sets = [s for s in sets if not s & needed]
    candidates = frozenset[Invocation]().union(*open_sets)
    for size in range(len(candidates) + 1):
        for chosen in combinations(candidates, size):
            if all(s.intersection(chosen) for s in open_sets):
                return len(needed) + size
    raise AssertionError("a result is wrong in the real world")


def _number(clause: exp.Expr) -> int:
    return int(clause.expression.name)
