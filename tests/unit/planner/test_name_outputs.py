"""Column names of results, as PostgreSQL's FigureColname gives them."""

from __future__ import annotations

import pytest

from tests.unit.planner.world import bind


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("i", "i"),
        ("t.i", "i"),
        ("(i)", "i"),
        ("i AS x", "x"),
        ('i AS "My Column"', "my column"),
        ("f(p)", "f"),
        ("upper(p)", "upper"),
        ("UPPER(p)", "upper"),
        ("len(p)", "len"),
        ("nvl(p, q)", "nvl"),
        ("coalesce(p, q)", "coalesce"),
        ("count(*)", "count"),
        ("max(f(p))", "max"),
        ("listagg(p, ',') WITHIN GROUP (ORDER BY i)", "listagg"),
        ("row_number() OVER (ORDER BY i)", "row_number"),
        ("CASE WHEN i = 1 THEN p END", "case"),
        ("decode(i, 1, p, q)", "case"),
        ("CAST(p AS integer)", "p"),
        ("i::varchar", "i"),
        ("CAST(f(p) AS integer)", "f"),
        ("i + 1", "?column?"),
        ("p || q", "?column?"),
        ("'text'", "?column?"),
        ("1", "?column?"),
        ("NULL", "?column?"),
        ("i = 1 AND i < 2", "?column?"),
        ("i IS NULL", "?column?"),
        ("(SELECT b FROM u)", "b"),
        ("(SELECT max(b) FROM u)", "max"),
        ("getdate()", "getdate"),
    ],
)
def test_an_expression_has_the_name_that_redshift_shows(expression: str, name: str) -> None:
    assert bind(f"SELECT {expression} FROM t").names == (name,)


def test_a_name_may_be_given_twice() -> None:
    assert bind("SELECT f(p), f(q), i AS f FROM t").names == ("f", "f", "f")


def test_a_set_operation_has_the_names_of_its_first_arm() -> None:
    assert bind("SELECT f(p), i AS x FROM t UNION ALL SELECT b, i FROM u").names == ("f", "x")
