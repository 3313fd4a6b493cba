"""Names to things."""

from __future__ import annotations

import pytest

from outcrop.datatypes import BIGINT, BOOLEAN, INTEGER, SUPER, TypeKind
from outcrop.errors import (
    AmbiguousColumn,
    Error,
    FeatureNotSupported,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedRelation,
)
from outcrop.planner.bind import BindOptions, bind_query
from outcrop.planner.model_call import ModelCall, calls_in_scope
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.fragments import parse_query_text
from tests.unit.planner.world import ANSWERED, FAR, SNAPSHOT, T, U, bind


def test_a_table_gets_its_physical_name_and_columns_get_their_table() -> None:
    bound = bind("SELECT i FROM t")
    assert render(bound.tree) == 'SELECT t.i AS "i" FROM "outcrop_store"."public"."t" AS t'
    assert bound.reads == (T,)
    assert bound.names == ("i",)
    assert bound.types == (INTEGER,)


@pytest.mark.parametrize(
    "name", ["other.far", "dev.other.far", "OTHER.Far", '"other"."far"', '"OTHER".FAR']
)
def test_names_are_folded_and_may_be_qualified(name: str) -> None:
    assert bind(f"SELECT I FROM {name}").reads == (FAR,)


def test_quoted_names_keep_their_case_where_the_session_says_so() -> None:
    sensitive = BindOptions(is_identifier_case_sensitive=True)
    bound = bind('SELECT "Id", id FROM "MixedCase"', sensitive)
    assert bound.names == ("Id", "id")
    with pytest.raises(UndefinedRelation):
        bind('SELECT 1 FROM "T"', sensitive)
    assert bind("SELECT 1 AS one FROM T", sensitive).reads == (T,)


def test_a_star_is_every_column() -> None:
    bound = bind("SELECT *, t.* FROM u JOIN t ON u.i = t.i")
    assert bound.names == ("i", "b", "i", "p", "q", "doc", "i", "p", "q", "doc")


def test_a_view_is_its_query() -> None:
    bound = bind("SELECT y FROM answered")
    assert "FROM (SELECT" in render(bound.tree)
    assert bound.tree.find(ModelCall) is not None
    assert bound.reads == (T, ANSWERED)


def test_a_view_has_the_column_names_that_it_was_made_with() -> None:
    assert bind("SELECT * FROM renamed").names == ("a", "b")
    assert bind("SELECT * FROM renamed AS r (x, y)").names == ("x", "y")
    with pytest.raises(UndefinedColumn):
        bind("SELECT p FROM renamed")


def test_views_without_end_are_refused() -> None:
    with pytest.raises(FeatureNotSupported, match="nested more than 32 deep"):
        bind("SELECT i FROM endless")


def test_a_system_view_is_a_relation_of_the_session() -> None:
    bound = bind("SELECT model_name FROM stv_ml_model_info")
    assert 'FROM "stv_ml_model_info" AS stv_ml_model_info' in render(bound.tree)
    assert bound.reads == ()
    assert [view.name.name for view in bound.system_views] == ["stv_ml_model_info"]


def test_a_common_table_expression_hides_a_table() -> None:
    bound = bind("WITH t AS (SELECT b FROM u) SELECT b FROM t")
    assert bound.reads == (U,)
    assert bind("WITH t AS (SELECT b FROM u) SELECT i FROM public.t").reads == (T, U)
    assert bind("WITH t AS (SELECT i FROM t) SELECT i FROM t").reads == (T,)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM outcrop_store.public.t",
        "SELECT * FROM outcrop_catalog.object",
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM duckdb_tables",
        "SELECT * FROM sqlite_master",
        'SELECT * FROM "t.csv"',
    ],
)
def test_nothing_of_the_engine_can_be_named(sql: str) -> None:
    with pytest.raises(UndefinedRelation):
        bind(sql)


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM read_csv('x')", "SELECT read_text('x')", "SELECT getenv('HOME')"]
)
def test_no_function_of_the_engine_can_be_called(sql: str) -> None:
    with pytest.raises(Error) as caught:
        bind(sql)
    assert caught.value.sqlstate in ("42883", "0A000")


def test_a_models_function_is_a_call_of_the_model() -> None:
    bound = bind("SELECT f(p), other.G(q), upper(f('x')) FROM t")
    calls = list(calls_in_scope(bound.tree))
    assert sorted(call.model_oid for call in calls) == [20, 20, 21]
    assert bound.names == ("f", "g", "upper")


def test_a_function_is_looked_for_in_its_schema() -> None:
    with pytest.raises(UndefinedFunction, match="function 'g' does not exist"):
        bind("SELECT g(q) FROM t")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("rate(p)", INTEGER),
        ("is_good(p)", BOOLEAN),
        ("document(p)", SUPER),
        ("whole(doc)", SUPER),
        ("rate(p) + 1", INTEGER),
        ("count(f(p))", BIGINT),
    ],
)
def test_a_call_has_the_type_that_its_model_returns(call: str, expected: object) -> None:
    assert bind(f"SELECT {call} FROM t").types == (expected,)


def test_a_call_of_a_model_without_returns_is_a_text() -> None:
    [datatype] = bind("SELECT f(p) FROM t").types
    assert datatype.kind is TypeKind.VARCHAR


@pytest.mark.parametrize(
    ("sql", "error", "message", "hint", "column"),
    [
        ("SELECT pp FROM t", UndefinedColumn, "'pp'", "p", 8),
        ("SELECT i FROM tt", UndefinedRelation, "'tt'", "'t'", 15),
        ("SELECT ff(p) FROM t", UndefinedFunction, "'ff'", "'f'", 8),
        ("SELECT i FROM t JOIN u ON t.p = u.b", AmbiguousColumn, "'i'", "relation's name", 8),
        ("SELECT x.i FROM t", UndefinedRelation, "'x'", None, 8),
    ],
)
def test_an_error_has_a_place_and_a_hint(
    sql: str, error: type[Error], message: str, hint: str | None, column: int
) -> None:
    with pytest.raises(error, match=message) as caught:
        bind(sql)
    assert caught.value.position is not None
    assert caught.value.position.column == column
    if hint is not None:
        assert hint in str(caught.value.hint)


def test_binding_leaves_the_query_as_it_was() -> None:
    tree = parse_query_text("SELECT y FROM answered WHERE i > 1")
    before = tree.copy()
    bind_query(tree, SNAPSHOT, BindOptions(), parse_query_text)
    assert tree == before
