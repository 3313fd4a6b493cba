"""A query to a staged plan."""

from __future__ import annotations

import pytest
from sqlglot import exp

from outcrop.errors import FeatureNotSupported
from outcrop.planner.blocks import Names
from outcrop.planner.model_call import ModelCall
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, StagedPlan
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.fragments import parse_query_text
from tests.unit.planner.world import T, U, plan


def _kinds(planned: StagedPlan) -> list[type]:
    return [type(stage) for stage in planned.stages]


def _texts(planned: StagedPlan) -> list[str]:
    """Return every query of a plan, as the engine is given it."""
    queries: list[exp.Query] = [planned.result]
    stages = list(planned.stages)
    while stages:
        match stages.pop():
            case Materialize() as stage:
                queries.append(stage.query)
            case Infer() as stage:
                queries += [call.distinct for call in stage.calls]
            case FilterInBatches() as stage:
                queries += [order.query for order in stage.orders]
                stages += [part for order in stage.orders for part in order.stages]
    return [render(query) for query in queries]


def test_a_query_without_calls_has_no_stages() -> None:
    planned = plan("SELECT i, p FROM t WHERE i > 1")
    assert planned.stages == ()
    assert planned.reads == (T,)
    assert [column.name for column in planned.columns] == ["i", "p"]


def test_a_call_is_a_relation_and_a_question_about_it() -> None:
    planned = plan("SELECT i, f(p) FROM t")
    assert _kinds(planned) == [Materialize, Infer]
    [call] = planned.calls()
    assert call.model.name.name == "f"
    first, question = planned.stages
    assert isinstance(first, Materialize)
    assert isinstance(question, Infer)
    assert question.relation == first.relation
    assert render(call.distinct) == (
        'SELECT MIN("_n3") AS id, "_k4" FROM _r2 WHERE NOT "_k4" IS NULL GROUP BY "_k4" ORDER BY id'
    )


def test_independent_calls_are_one_stage_and_dependent_ones_follow() -> None:
    assert _kinds(plan("SELECT f(p), rate(q) FROM t")) == [Materialize, Infer]
    assert _kinds(plan("SELECT f(f(p)) FROM t")) == [Materialize, Infer, Materialize, Infer]


def test_what_waits_for_a_subquery_takes_no_rows_one_by_one() -> None:
    guard = "other.g(q) IN (SELECT f(b) FROM u)"
    stages = plan(f"SELECT CASE WHEN {guard} THEN f(p) END FROM t").stages
    guarded = [s for s in stages if isinstance(s, Materialize) and s.query.find(exp.In)]
    assert [stage.follows for stage in guarded] == [None]


def test_equal_calls_are_one() -> None:
    assert len(list(plan("SELECT f(p), upper(f(p)) FROM t WHERE f(p) > ''").calls())) == 1


def test_a_volatile_call_is_asked_row_by_row() -> None:
    [call] = plan("SELECT dice(p) FROM t").calls()
    assert call.distinct.args.get("group") is None
    [call] = plan("SELECT f(p) FROM t").calls()
    assert call.distinct.args.get("group") is not None


@pytest.mark.parametrize(
    ("sql", "is_filled"),
    [
        ("SELECT DISTINCT f(p) FROM t LIMIT 3", True),
        ("SELECT DISTINCT i AS n, f(p) FROM t ORDER BY n LIMIT 3", True),
        ("SELECT DISTINCT i, f(p) FROM t ORDER BY i + 1 LIMIT 3", False),
        ("SELECT DISTINCT f(p) AS y FROM t ORDER BY y LIMIT 3", False),
        ("SELECT DISTINCT f(p) FROM t OFFSET 3", False),
        ("SELECT DISTINCT f(p) FROM t", False),
    ],
)
def test_distinct_answers_fill_a_limit_in_batches(sql: str, is_filled: bool) -> None:
    last = plan(sql).stages[-1]
    assert (isinstance(last, FilterInBatches) and last.is_distinct) == is_filled


def test_a_common_table_expression_is_stored_once() -> None:
    planned = plan(
        "WITH c AS (SELECT i, f(p) AS y FROM t) SELECT a.i FROM c a JOIN c b ON a.y = b.y"
    )
    assert _kinds(planned) == [Materialize, Infer, Materialize]
    assert len(list(planned.calls())) == 1


def test_a_subquery_that_also_stands_in_a_guard_is_asked_once() -> None:
    planned = plan("SELECT i IN (SELECT i FROM u WHERE is_good(b)) OR is_good(q) AS c FROM t")
    assert [call.model.name.name for call in planned.calls()] == ["is_good", "is_good"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT i, f(p) FROM t",
        "SELECT f(p), count(*) FROM t GROUP BY 1 HAVING is_good(max(q)) ORDER BY rate(max(p))",
        "SELECT row_number() OVER (PARTITION BY f(p) ORDER BY i) FROM t QUALIFY is_good(q)",
        "SELECT DISTINCT f(p) FROM t UNION SELECT f(b) FROM u ORDER BY 1 LIMIT 3",
        "SELECT i FROM t WHERE is_good(p) AND rate(q) > 3 ORDER BY i LIMIT 3",
        "SELECT t.i FROM t LEFT JOIN u ON t.i = u.i AND is_good(u.b) WHERE f(t.p) IS NULL",
        "WITH c AS (SELECT f(p) AS y FROM t) SELECT a.y FROM c a JOIN c b ON a.y = b.y",
        "SELECT y FROM answered WHERE y IN (SELECT f(b) FROM u)",
        "SELECT document(p).a.b, whole(doc) FROM t",
    ],
)
def test_the_engine_never_sees_a_call(sql: str) -> None:
    planned = plan(sql)
    assert planned.stages
    assert planned.result.find(ModelCall) is None
    for text in _texts(planned):
        assert "MODEL_CALL" not in text


def test_equal_queries_have_equal_plans() -> None:
    sql = "SELECT f(p), count(*) FROM t JOIN u ON t.i = u.i WHERE is_good(b) GROUP BY 1"
    assert _texts(plan(sql)) == _texts(plan(sql))


def test_what_is_read_is_known_also_where_it_is_pruned() -> None:
    assert plan("SELECT t.i FROM t WHERE EXISTS (SELECT f(b) FROM u)").reads == (T, U)


@pytest.mark.parametrize(
    ("sql", "place"),
    [
        (
            "SELECT t.i FROM t LEFT JOIN u ON f(t.p) = u.b AND f(t.p || u.b) = 'x'",
            "both of its sides",
        ),
        ("SELECT i FROM t LIMIT (SELECT rate('x'))", "LIMIT"),
    ],
)
def test_what_is_not_planned_is_refused_with_a_remedy_and_a_place(sql: str, place: str) -> None:
    with pytest.raises(FeatureNotSupported, match=place) as caught:
        plan(sql)
    assert caught.value.hint
    assert caught.value.position is not None


def test_fresh_names_are_beside_those_of_the_statement() -> None:
    names = Names.beside(parse_query_text('SELECT _Y1, "_y2" FROM _y3 AS _y5'))
    assert [names.fresh("y") for _ in range(3)] == ["_y4", "_y6", "_y7"]
