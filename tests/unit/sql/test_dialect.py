"""The dialect: what sqlglot gets wrong on reading Redshift, right here."""

from __future__ import annotations

import pytest
from sqlglot import exp

from outcrop.errors import Position
from outcrop.sql.dialect import FUNCTION_NAME
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.nodes import (
    ArrayConstructor,
    ObjectConstructor,
    RedshiftFunction,
    position_of,
    raw_text,
)
from outcrop.sql.parser import parse_statement
from outcrop.sql.statements import Delete, Insert, Merge, Query, Update


def _first(text: str) -> exp.Expr:
    statement = parse_statement(text)
    assert isinstance(statement, Query)
    node = statement.tree.expressions[0]
    assert isinstance(node, exp.Expr)
    return node


@pytest.mark.parametrize(
    ("call", "is_distinct", "delimiter", "keys"),
    [
        ("listagg(a)", False, "", []),
        ("listagg(all a, ';')", False, ";", []),
        ("listagg(distinct a, ',')", True, ",", []),
        ("listagg(distinct a)", True, "", []),
        ("listagg(a, ',') within group (order by b desc, c)", False, ",", ["b DESC", "c"]),
        ("listagg(distinct a, ' | ') within group (order by b)", True, " | ", ["b"]),
    ],
)
def test_listagg_keeps_its_delimiter_and_its_order(
    call: str, is_distinct: bool, delimiter: str, keys: list[str]
) -> None:
    node = _first(f"select {call} from t")
    assert isinstance(node, exp.GroupConcat)
    order = node.this if isinstance(node.this, exp.Order) else None
    value = order.this if order else node.this
    assert isinstance(value, exp.Distinct) is is_distinct
    if is_distinct:
        assert [part.sql() for part in value.expressions] == ["a"]
    assert node.args["separator"].name == delimiter
    assert [key.sql("outcrop") for key in (order.expressions if order else [])] == keys


def test_listagg_may_stand_over_a_window() -> None:
    node = _first(
        "select listagg(distinct a, ',') within group (order by b) over (partition by c) from t"
    )
    assert isinstance(node, exp.Window)
    assert isinstance(node.this, exp.GroupConcat)
    assert [group.sql() for group in node.args["partition_by"]] == ["c"]


def test_object_and_array_are_nodes_of_their_own() -> None:
    node = _first("select object('a', array(1, 2), 'b', object())")
    assert isinstance(node, ObjectConstructor)
    kinds = [type(part) for part in node.expressions]
    assert kinds == [exp.Literal, ArrayConstructor, exp.Literal, ObjectConstructor]


def test_paths_keep_their_indexes() -> None:
    node = _first("select t.r.items[0].name[2] from t")
    assert [literal.name for literal in node.find_all(exp.Literal)] == ["2", "0"]


def test_identifiers_keep_their_text_and_their_place() -> None:
    statement = parse_statement('select a,\n   "My ""Col""",\n  $$x\n$$ as Late from T')
    assert isinstance(statement, Query)
    found = {raw_text(i): position_of(i) for i in statement.tree.find_all(exp.Identifier)}
    assert found == {
        "a": Position(1, 8, 7),
        'My "Col"': Position(2, 4, 13),
        "Late": Position(4, 7, 39),
        "T": Position(4, 17, 49),
    }


def test_a_raw_text_outlives_folding_and_copying() -> None:
    node = _first("select InputTokens from t").copy()
    for identifier in node.find_all(exp.Identifier):
        identifier.set("this", "inputtokens")
    assert [raw_text(i) for i in node.copy().find_all(exp.Identifier)] == ["InputTokens"]


def test_a_function_remembers_the_name_that_was_typed() -> None:
    node = _first("select Nvl(a, b)")
    assert isinstance(node, exp.Coalesce)
    assert node.meta[FUNCTION_NAME] == "Nvl"


@pytest.mark.parametrize(
    "word", ["current_user", "user", "session_user", "current_date", "sysdate", "getdate()"]
)
def test_functions_without_parentheses_are_functions(word: str) -> None:
    node = _first(f"select {word}")
    assert isinstance(node, RedshiftFunction)
    assert node.name == word.replace("()", "").replace("user", "current_user").replace(
        "current_current_user", "current_user"
    ).replace("session_current_user", "session_user")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("insert into t (a, b) values (1, default)", "INSERT INTO t (a, b) VALUES (1, DEFAULT)"),
        ("insert into t select a / 2 from u", "INSERT INTO t SELECT a / 2 FROM u"),
        ("update t set a = b / 2, c = default from u where t.x = u.x",
         "UPDATE t SET a = b / 2, c = DEFAULT FROM u WHERE t.x = u.x"),
        ("delete from t using u where t.a = u.a", "DELETE FROM t USING u WHERE t.a = u.a"),
        ("merge into t using s on t.a = s.a when matched then update set b = s.b "
         "when not matched then insert (a, b) values (s.a, s.b)",
         "MERGE INTO t USING s ON t.a = s.a WHEN MATCHED THEN UPDATE SET b = s.b "
         "WHEN NOT MATCHED THEN INSERT (a, b) VALUES (s.a, s.b)"),
        ("select a || b, a::super, a::numeric, a::varbyte, a::char(3) from t",
         "SELECT a || b, CAST(a AS VARIANT), CAST(a AS DECIMAL(18, 0)), CAST(a AS BLOB), "
         "CAST(a AS VARCHAR) FROM t"),
    ],
)  # fmt: skip
def test_trees_are_rendered_for_the_engine(text: str, expected: str) -> None:
    statement = parse_statement(text)
    assert isinstance(statement, Query | Insert | Update | Delete | Merge)
    assert render(statement.tree) == expected
