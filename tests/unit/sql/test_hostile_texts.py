"""Texts that are meant to break a parser: they parse, or fail with an error of ours, quickly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from outcrop.errors import FeatureNotSupported, SqlSyntaxError, UserError
from outcrop.sql.duckdb_dialect import render
from outcrop.sql.parser import parse_script, parse_statement
from outcrop.sql.semantics import apply
from outcrop.sql.statements import Insert, Query
from outcrop.sql.trees import NESTING_MAX

NESTED = {
    "parentheses": ("select ", "(", "1", ")"),
    "calls": ("select ", "abs(", "1", ")"),
    "cases": ("select ", "case when a then ", "1", " end"),
    "subqueries": ("select * from ", "(select * from ", "t", ")"),
    "predicates": ("select 1 where ", "a in (select 1 where ", "b", ")"),
    "brackets": ("select a", "[b", "[0]", "]"),
}


def _nest(shape: str, levels: int) -> str:
    start, opening, middle, closing = NESTED[shape]
    return start + opening * levels + middle + closing * levels


@pytest.mark.parametrize("shape", NESTED)
def test_deep_nesting_is_parsed_and_rendered(shape: str) -> None:
    levels = NESTING_MAX - 1
    statement = parse_statement(_nest(shape, levels))
    assert isinstance(statement, Query)
    if shape not in ("subqueries", "brackets"):
        assert len(render(apply(statement.tree))) > levels


@pytest.mark.parametrize("shape", NESTED)
@pytest.mark.parametrize("levels", [NESTING_MAX + 2, 5_000])
def test_nesting_without_end_is_refused(shape: str, levels: int) -> None:
    with pytest.raises(FeatureNotSupported, match="nests too deeply") as caught:
        parse_statement(_nest(shape, levels))
    assert caught.value.position is not None
    assert "WITH" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text",
    [
        "select " + "not " * 20_000 + "a",
        "select " + "- " * 20_000 + "1",
        "select " + "(" * 10_000,
        "select " + "a[" * 10_000,
    ],
    ids=["not", "minus", "open parentheses", "open brackets"],
)
def test_chains_without_end_are_errors_of_ours(text: str) -> None:
    with pytest.raises((FeatureNotSupported, SqlSyntaxError)):
        parse_statement(text)


@pytest.mark.parametrize(
    "text",
    [
        "select " + " || ".join(["a"] * 1_000),
        "select " + " and ".join(["a = 1"] * 1_000),
        "select 1 where a in (" + ", ".join(map(str, range(5_000))) + ")",
        " union all ".join(["select 1"] * 500),
        "select '" + "x" * 1_000_000 + "'",
        "-- comment\n" * 50_000 + "select 1",
    ],
    ids=["concatenation", "conjunction", "list", "union", "string", "comments"],
)
def test_long_statements_are_fine(text: str) -> None:
    statement = parse_statement(text)
    assert isinstance(statement, Query)
    assert render(apply(statement.tree))


def test_many_rows_are_inserted_at_once() -> None:
    statement = parse_statement("insert into t values " + ", ".join(["(1, 'abc')"] * 5_000))
    assert isinstance(statement, Insert)
    assert len(statement.tree.expression.expressions) == 5_000


def test_a_long_open_quote_is_found_quickly() -> None:
    with pytest.raises(SqlSyntaxError, match="unterminated string"):
        parse_statement("select '" + "''" * 100_000)


@pytest.mark.parametrize(
    "text",
    [
        "select * from read_csv('/etc/passwd')",
        "select getenv('HOME')",
        "select * from query('select 1')",
        "select * from duckdb_settings()",
        "select columns(*) from t",
    ],
)
def test_functions_of_the_engine_stay_unknown_functions(text: str) -> None:
    """They reach the binder as names that no catalog has, never as nodes that could be rendered."""
    statement = parse_statement(text)
    assert isinstance(statement, Query)
    names = [node.name for node in statement.tree.find_all(exp.Anonymous)]
    assert names == [text.partition("(")[0].split()[-1]]


@pytest.mark.parametrize(
    "text",
    [
        "attach 'x.db'",
        "install httpfs",
        "load httpfs",
        "pragma version",
        "export database 'x'",
        "from t select 1",
        "pivot t on a using sum(b)",
        "summarize t",
    ],
)
def test_statements_of_the_engine_are_no_statements(text: str) -> None:
    with pytest.raises(SqlSyntaxError):
        parse_statement(text)


_WORDS = """select from where group by order ( ) [ ] , ; . 'a' "b" 1 2.5 * + - || :: = < case when
then else end listagg within over partition distinct object array insert into values create table
external model settings copy csv iam_role default t a b null not in and or $$ -- /* */ é \\ ' "
materialized view as with"""
_PIECES = st.sampled_from([*_WORDS.split(), "\0", "\n"])


@given(st.lists(_PIECES, max_size=30).map(" ".join))
def test_any_words_give_statements_or_errors_of_ours(text: str) -> None:
    assert all(part in text for part in _texts_or_none(text))


@given(st.text(max_size=40))
def test_any_text_gives_statements_or_errors_of_ours(text: str) -> None:
    assert all(part in text for part in _texts_or_none(text))


def _texts_or_none(text: str) -> list[str]:
    """Return the texts of the statements; an error is one that the user can mend, or a failure."""
    try:
        return [statement.text for statement in parse_script(text)]
    except UserError:
        return []
