"""The brute force itself, on statements of which the smallest number is plain to see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.shapes.database import Invocation
from tests.shapes.smallest import PlainDatabase, find_smallest


@pytest.fixture(scope="module")
def database() -> Iterator[PlainDatabase]:
    with closing(PlainDatabase()) as opened:
        yield opened


@pytest.mark.parametrize(
    ("calls", "sql"),
    [
        (0, "SELECT i FROM t"),
        (0, "SELECT f(NULL)"),
        (1, "SELECT f('a'), f('a')"),
        (3, "SELECT f('a'), f('b'), g('a')"),
        # Either predicate alone drops the only row.
        (1, "SELECT i FROM t WHERE f(p) = 'yes' AND g(q) = 'x' AND i = 2"),
        # A row that passes shows that there are rows; to show that there are none takes all.
        (1, "SELECT EXISTS (SELECT 1 FROM u WHERE f(b) = 'yes')"),
        (4, "SELECT EXISTS (SELECT 1 FROM u WHERE f(b) = 'maybe')"),
        # Nothing is greater than 'yes'; 'maybe' might be less than 'no'.
        (1, "SELECT max(f(p)) FROM t"),
        (3, "SELECT min(f(p)) FROM t"),
        # What is asked next depends on the answer.
        (2, "SELECT g(f('a'))"),
        # Any row will do; the texts of rows 1 and 3 are equal.
        (1, "SELECT i FROM t WHERE f(p) = 'yes' LIMIT 2"),
        (2, "SELECT i FROM t WHERE f(p) = 'yes' ORDER BY i LIMIT 2"),
        (3, "SELECT i FROM t WHERE f(p) = 'no' LIMIT 9"),
        (3, "SELECT i FROM t WHERE f(p) = 'no' LIMIT 2 OFFSET 1"),
        (0, "SELECT i FROM t WHERE f(p) = 'no' LIMIT 0"),
    ],
)
def test_the_smallest_number(database: PlainDatabase, calls: int, sql: str) -> None:
    assert find_smallest(database, [sql], known=()).calls == calls


def test_what_is_known_is_not_counted(database: PlainDatabase) -> None:
    known = [Invocation("f", "a"), Invocation("f", "b")]
    assert find_smallest(database, ["SELECT f(p) FROM t"], known).calls == 1


def test_what_a_script_changes_is_undone(database: PlainDatabase) -> None:
    script = ["DELETE FROM t WHERE f(p) = 'no'", "SELECT count(*) FROM t"]
    assert find_smallest(database, script, known=()).calls == 3
    assert find_smallest(database, ["SELECT count(*) FROM t"], known=()).rows == [(6,)]
