from __future__ import annotations

import pytest
from sqlglot import exp, parse_one

from outcrop.planner.plan_costs import (
    aggregated,
    cut,
    filtered,
    joined,
    limited,
    over,
    scanned,
    sorted_rows,
)

SCAN = scanned("Seq Scan on t", 100, 8)


def test_a_scan_costs_a_hundredth_a_row() -> None:
    assert (SCAN.cost_start, SCAN.cost_total) == (0, 1.0)


def test_a_scan_filters_once_and_then_a_node_above_it() -> None:
    once = filtered(SCAN, 10, "(i = 3)", "Subquery Scan")
    assert (once.operator, once.rows, once.details) == (
        "Seq Scan on t",
        10,
        (("Filter", "(i = 3)"),),
    )
    twice = filtered(once, 5, "(j = 3)", "Subquery Scan")
    assert (twice.operator, twice.children) == ("Subquery Scan", (once,))


def test_a_join_is_hashed_on_an_equality_alone() -> None:
    inner = scanned("Seq Scan on u", 20, 4)
    hashed = joined(SCAN, inner, 30, " Left", "(t.i = u.i)")
    assert (hashed.operator, hashed.width) == ("Hash Left Join", 12)
    assert [child.operator for child in hashed.children] == ["Seq Scan on t", "Hash"]
    assert hashed.cost_start == hashed.children[1].cost_total
    loop = joined(SCAN, inner, 2_000, "", None)
    assert loop.operator == "Nested Loop Join"
    assert loop.cost_total > hashed.cost_total


def test_groups_come_when_all_rows_were_read() -> None:
    node = aggregated("HashAggregate", SCAN, 500)
    assert (node.rows, node.cost_start) == (100, node.cost_total)


def test_a_limit_pays_for_what_it_reads() -> None:
    assert cut(SCAN, 10).cost_total == pytest.approx(0.1)
    assert cut(SCAN, 1_000).rows == 100
    node = sorted_rows(SCAN, "i")
    assert cut(node, 10).cost_total == node.cost_total  # a sort reads all before the first row
    assert cut(scanned("Result", 0, 0), 5).cost_total == 0


@pytest.mark.parametrize(
    ("sql", "operator", "rows"),
    [
        ("SELECT 1", "Seq Scan on t", 100),
        ("SELECT 1 LIMIT 7", "Limit", 7),
        ("SELECT 1 LIMIT 7 OFFSET 2", "Limit", 7),
        ("SELECT 1 OFFSET 30", "Limit", 70),
        ("SELECT 1 OFFSET 300", "Limit", 0),
        ("SELECT 1 LIMIT 1 + 1", "Seq Scan on t", 100),
    ],
)
def test_limits(sql: str, operator: str, rows: float) -> None:
    query = parse_one(sql, dialect="duckdb")
    assert isinstance(query, exp.Query)
    node = limited(SCAN, query)
    assert (node.operator, node.rows) == (operator, rows)


def test_what_is_above_has_the_rows_of_all_below_as_its_work() -> None:
    node = over("Append", 200, (SCAN, SCAN))
    assert node.cost_total == pytest.approx(2 + 200 * 0.0025)
