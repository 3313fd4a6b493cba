"""A query over an answered relation, for some of its rows at a time."""

from __future__ import annotations

import duckdb
from sqlglot import exp, parse_one

from outcrop.execution.portions import Portions
from outcrop.planner.plan import Infer


def _portions(sql: str) -> Portions:
    query = parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    return Portions(query, Infer("_r1", "_n1", ()))


def test_portions_together_are_the_whole() -> None:
    sql = "SELECT q.p || '!' AS c FROM (SELECT p, _n1 FROM _r1) AS q WHERE q.p <> 'b'"
    portions = _portions(sql)
    with duckdb.connect(":memory:") as connection:
        connection.execute(
            "CREATE TABLE _r1 AS SELECT * FROM (VALUES ('a', 1), ('b', 2), ('_r1', 3)) t(p, _n1)"
        )
        whole = connection.execute(sql).fetchall()
        parts = [connection.execute(portions.sql(n, n + 1)).fetchall() for n in range(3)]

    assert [row for part in parts for row in part] == whole
    assert parts[1] == []


def test_only_the_relation_itself_is_restricted() -> None:
    text = _portions("SELECT _r1._n1, 'FROM _r1' AS c FROM _r1 JOIN s._r1 AS o ON TRUE").sql(3, 7)

    assert text.count("> 3") == text.count("<= 7") == 1
    assert "AS _r1" in text.replace('"', "")
