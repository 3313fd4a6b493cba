from __future__ import annotations

import pytest
import sqlglot
from sqlglot import exp

from outcrop.planner.relax_unknown import Relaxed, Unknown, relax_unknown
from outcrop.sql.duckdb_dialect import render

UNKNOWN = Unknown(columns={"a": frozenset({"value"})}, rows={"more"}, structural={"a", "d"})


def relax(sql: str, unknown: Unknown = UNKNOWN) -> Relaxed:
    query = sqlglot.parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    before = query.sql()
    relaxed = relax_unknown(query, unknown)
    assert query.sql() == before  # the plan's own query is left as it is
    return relaxed


REWRITES = [
    ("SELECT t.i FROM t WHERE t.i > 1", "SELECT t.i FROM t WHERE t.i > 1", (), False),
    (
        "SELECT a.value AS y, a.id FROM a WHERE a.id > 1 AND a.value = 'x'",
        'SELECT CAST(a.value AS VARCHAR) AS "y", a.id FROM a WHERE a.id > 1',
        ("y",),
        True,
    ),
    (
        "SELECT upper(a.value) || a.id AS y FROM a",
        "SELECT CONCAT_WS('|', CAST(a.value AS VARCHAR), CAST(a.id AS VARCHAR)) AS \"y\" FROM a",
        ("y",),
        False,
    ),
    ("SELECT a.id FROM a ORDER BY a.value LIMIT 3", "SELECT a.id FROM a", (), True),
    (
        "SELECT count(*) AS n FROM more",
        'SELECT CAST(UUID() AS VARCHAR) AS "n" FROM more',
        ("n",),
        True,
    ),
    ("SELECT b.i FROM b EXCEPT SELECT a.value FROM a", "SELECT b.i FROM b", (), True),
    (
        "SELECT b.i FROM b WHERE b.i IN (SELECT a.id FROM a WHERE a.value = 'x') AND b.i > 0",
        "SELECT b.i FROM b WHERE b.i > 0",
        (),
        True,
    ),
    (
        "SELECT CASE WHEN a.value = 'x' THEN a.id END AS k FROM a",
        'SELECT a.id AS "k" FROM a',
        (),
        True,
    ),
]


@pytest.mark.parametrize(("sql", "expected", "columns", "has_more_rows"), REWRITES)
def test_rewritten(sql: str, expected: str, columns: tuple[str, ...], has_more_rows: bool) -> None:
    relaxed = relax(sql)
    assert render(relaxed.query) == expected
    assert (relaxed.columns, relaxed.has_more_rows) == (frozenset(columns), has_more_rows)


def test_a_limit_that_is_left_out_still_bounds_the_rows() -> None:
    assert relax("SELECT a.id FROM a ORDER BY a.value LIMIT 3").rows_max == 3
    assert (
        relax("SELECT q.id FROM (SELECT a.id FROM a ORDER BY a.value LIMIT 3) AS q").rows_max == 3
    )
