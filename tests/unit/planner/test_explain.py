from __future__ import annotations

from collections.abc import Mapping

import pytest

from outcrop.catalog.statistics import ColumnStatistics, TableStatistics
from outcrop.planner.call_numbers import ModelStatistics
from outcrop.planner.explain import Statistics, explain
from outcrop.planner.plan_node import PlanNode
from outcrop.planner.show_plan import show_text
from tests.unit.planner.world import MODELS, plan

_MODEL = ModelStatistics(
    provider="somewhere",
    model_id="m",
    price=None,
    input_tokens=None,
    output_tokens=None,
    tokens_per_char=0.25,
    tokens_max=100,
    fixed_chars=40,
    seconds_per_call=None,
    concurrency=4.0,
)
_TABLES: Mapping[tuple[str, str], TableStatistics] = {
    ("public", "t"): TableStatistics(
        1_000,
        {
            "i": ColumnStatistics(distinct=1_000, width=4),
            "p": ColumnStatistics(distinct=100, width=20),
            "q": ColumnStatistics(distinct=5, width=8),
        },
    ),
    ("public", "u"): TableStatistics(50, {"i": ColumnStatistics(distinct=50, width=4)}),
}


def _tree(sql: str) -> PlanNode:
    return explain(plan(sql), Statistics(_TABLES, dict.fromkeys(MODELS, _MODEL)))


def _operators(node: PlanNode) -> list[str]:
    """The operators from the top down, each call by its function alone."""
    name = f"Infer {node.infer.function}" if node.infer else node.operator
    return [name, *(found for child in node.children for found in _operators(child))]


@pytest.mark.parametrize(
    ("sql", "operators"),
    [
        ("SELECT i FROM t", ["Seq Scan on t"]),
        ("SELECT i FROM t AS x WHERE i = 3", ["Seq Scan on t x"]),
        ("SELECT f(p) FROM t", ["Infer f", "Seq Scan on t"]),
        ("SELECT f(p) FROM t LIMIT 3", ["Infer f", "Limit", "Seq Scan on t"]),
        (
            "SELECT i FROM t WHERE f(p) = 'x' AND q = 'y'",
            ["Subquery Scan", "Infer f", "Seq Scan on t"],
        ),
        ("SELECT f(p), count(*) FROM t GROUP BY 1", ["HashAggregate", "Infer f", "Seq Scan on t"]),
        ("SELECT f(q) FROM t ORDER BY i", ["Infer f", "Sort", "Seq Scan on t"]),
        ("SELECT DISTINCT q FROM t", ["Unique", "Seq Scan on t"]),
        ("SELECT q FROM t UNION ALL SELECT b FROM u", ["Append", "Seq Scan on t", "Seq Scan on u"]),
        ("SELECT 1", ["Result"]),
    ],
)
def test_operators(sql: str, operators: list[str]) -> None:
    assert _operators(_tree(sql)) == operators


def _calls(sql: str) -> list[tuple[str, int, int]]:
    return [(n.function, n.calls.rows, n.calls.invocations) for n in _tree(sql).infer_nodes()]


@pytest.mark.parametrize(
    ("sql", "calls"),
    [
        ("SELECT f(p) FROM t", [("f", 1_000, 100)]),
        ("SELECT f(p || i) FROM t", [("f", 1_000, 1_000)]),
        ("SELECT f(q) FROM t WHERE i = 3", [("f", 1, 1)]),
        ("SELECT dice(q) FROM t", [("dice", 1_000, 1_000)]),
        ("SELECT f(p) FROM t LIMIT 7", [("f", 7, 7)]),
        ("SELECT CASE WHEN i = 3 THEN f(p) END FROM t", [("f", 1_000, 1)]),
        ("SELECT f('a constant') FROM t", [("f", 1_000, 1)]),
        (
            "SELECT i FROM t WHERE f(p) = 'x' AND rate(q) > 3",
            [("f", 903, 100), ("rate", 452, 5)],
        ),
    ],
)
def test_calls(sql: str, calls: list[tuple[str, int, int]]) -> None:
    assert sorted(_calls(sql)) == sorted(calls)


def test_every_call_of_a_plan_is_in_the_tree_once() -> None:
    sql = "WITH c AS (SELECT i, f(p) AS y FROM t) SELECT a.y FROM c AS a JOIN c AS b ON a.i = b.i"
    tree = _tree(sql)
    assert [node.function for node in tree.infer_nodes()] == ["f"]
    assert any(name.startswith("CTE Scan") for name in _operators(tree))


def test_a_limit_over_a_predicate_asks_about_as_many_rows_as_it_takes() -> None:
    sql = "SELECT i FROM t WHERE f(p || i) = 'x' LIMIT 5"
    assert "Fill" in _operators(_tree(sql))
    assert _calls(sql) == [("f", 10, 10)]


def test_expressions_are_shown_as_they_were_written() -> None:
    lines = show_text(_tree("SELECT i FROM t WHERE f('is it? ' || p) = 'yes'"), {})
    assert "  Filter: (f('is it? ' || p) = 'yes')" in lines
    assert "        Prompt: 'is it? ' || p" in lines


def test_a_table_without_statistics_is_taken_to_have_a_thousand_rows() -> None:
    tree = explain(plan("SELECT i FROM t"), Statistics({}, {}))
    assert tree.rows == 1_000
