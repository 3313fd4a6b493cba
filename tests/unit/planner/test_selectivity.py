from __future__ import annotations

import pytest
from sqlglot import exp, parse_one

from outcrop.datatypes import INTEGER, VARCHAR
from outcrop.planner.selectivity import (
    ANSWER_SELECTIVITY,
    TEXT_WIDTH,
    ColumnFacts,
    depends_on_answer,
    distinct_values,
    facts_of,
    filled_share,
    groups_of,
    is_equality,
    join_selectivity,
    selectivity,
    stored_width,
    width_of,
)

SCOPE = {
    ("t", "i"): ColumnFacts(4, 100, exp.column("i")),
    ("t", "p"): ColumnFacts(20, None, exp.column("p")),
    ("u", "i"): ColumnFacts(4, 20, exp.column("i")),
    ("u", "b"): ColumnFacts(50, 10, exp.column("b")),
    ("_a9", "value"): ColumnFacts(32, 3, exp.column("y"), is_answer=True),
}


def _parsed(sql: str) -> exp.Expr:
    return parse_one(sql, dialect="duckdb")


@pytest.mark.parametrize(
    ("condition", "share"),
    [
        ("t.i = 3", 1 / 100),
        ("3 = t.i", 1 / 100),
        ("t.p = 'x'", 0.1),
        ("t.i <> 3", 0.99),
        ("t.i = u.i", 1 / 100),
        ("t.i IN (1, 2, 3)", 0.03),
        ("u.b IN ('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j', 'k')", 1.0),
        ("t.i > 3", 1 / 3),
        ("t.i BETWEEN 1 AND 2", 0.25),
        ("t.p LIKE 'a%'", 0.1),
        ("t.p IS NULL", 0.05),
        ("NOT t.p IS NULL", 0.95),
        ("t.i = 3 AND t.p IS NULL", 0.0005),
        ("t.i = 3 OR u.b = 'x'", 0.01 + 0.1 - 0.001),
        ("(t.i = 3)", 1 / 100),
        ("TRUE", 1.0),
        ("FALSE", 0.0),
        ("abs(t.i)", 1 / 3),
        ("_a9.value = 'yes'", ANSWER_SELECTIVITY),
        ("NOT _a9.value = 'yes'", 1 - ANSWER_SELECTIVITY),
        ("_a9.value = 'yes' AND t.i = 3", ANSWER_SELECTIVITY / 100),
    ],
)
def test_selectivity(condition: str, share: float) -> None:
    assert selectivity(_parsed(condition), SCOPE) == pytest.approx(share)


def test_a_column_without_qualifier_is_found_where_one_relation_has_it() -> None:
    assert facts_of(exp.column("b"), SCOPE) is SCOPE["u", "b"]
    assert facts_of(exp.column("i"), SCOPE) is None


def test_what_depends_on_an_answer() -> None:
    assert depends_on_answer(_parsed("upper(_a9.value) || t.p"), SCOPE)
    assert not depends_on_answer(_parsed("upper(t.p)"), SCOPE)


def test_distinct_values() -> None:
    assert distinct_values(_parsed("t.i + u.i"), SCOPE) == 2_000
    assert distinct_values(_parsed("'constant'"), SCOPE) == 1
    assert distinct_values(_parsed("t.p"), SCOPE) is None


@pytest.mark.parametrize(
    ("expression", "width"),
    [
        ("t.p", 20),
        ("'1 ' || t.p", 22),
        ("CASE WHEN t.i > 1 THEN t.p ELSE 'x' END", 20),
        ("CAST(t.p AS TEXT)", 20),
        ("CAST(t.p AS BIGINT)", 8),
        ("count(*)", 8),
        ("t.i = 1 AND t.i = 2", 1),
        ("no_such_thing", TEXT_WIDTH),
    ],
)
def test_width(expression: str, width: float) -> None:
    assert width_of(_parsed(expression), SCOPE) == width


def test_the_width_of_stored_values() -> None:
    assert stored_width(INTEGER) == 4
    assert stored_width(VARCHAR) == TEXT_WIDTH


def test_a_guarded_argument_is_there_for_some_rows() -> None:
    assert filled_share(_parsed("CASE WHEN t.i = 3 THEN t.p END"), SCOPE) == 0.01
    assert filled_share(_parsed("CASE WHEN t.i = 3 THEN t.p ELSE 'x' END"), SCOPE) == 1
    assert filled_share(_parsed("t.p"), SCOPE) == 1


def test_joins() -> None:
    assert is_equality(_parsed("t.i = u.i"), {"t", "u"})
    assert not is_equality(_parsed("t.i = 3"), {"t", "u"})
    assert not is_equality(_parsed("t.i < u.i"), {"t", "u"})
    assert join_selectivity(_parsed("t.i = u.i"), SCOPE, 50, 50) == 1 / 100
    assert join_selectivity(_parsed("t.p = u.b"), SCOPE, 50, 80) == 1 / 80
    assert join_selectivity(_parsed("t.i < u.i"), SCOPE, 50, 80) == 1 / 3


def test_groups_are_no_more_than_rows() -> None:
    assert groups_of([_parsed("u.b")], SCOPE, 1_000) == 10
    assert groups_of([_parsed("t.i"), _parsed("u.b")], SCOPE, 300) == 300
