"""The format of .slt files."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.slt.script import (
    CallsWere,
    InputFile,
    NoticeWas,
    QueryGives,
    Record,
    Reopen,
    Script,
    ScriptInvalid,
    SessionIs,
    StatementFails,
    StatementSucceeds,
    parse_script,
)

PATH = Path("example.slt")


def parse(text: str) -> Script:
    return parse_script(text, PATH)


def records(text: str) -> tuple[Record, ...]:
    return parse(text).records


def test_statements() -> None:
    assert records(
        "# a comment\n\nstatement ok\nCREATE TABLE t (\n  a int)\n\n"
        "statement count 2\nDELETE FROM t\n"
    ) == (
        StatementSucceeds(3, "CREATE TABLE t (\n  a int)"),
        StatementSucceeds(7, "DELETE FROM t", 2),
    )


def test_errors() -> None:
    plain, matched = records(
        "statement error 42P01\nSELECT 1\n\nstatement error 38000 two  words$\nSELECT 2\n"
    )
    assert plain == StatementFails(1, "SELECT 1", "42P01")
    assert isinstance(matched, StatementFails)
    assert matched.pattern == re.compile("two  words$")


def test_queries() -> None:
    assert records(
        "query IT rowsort\nSELECT a, b\nFROM t\n----\n1 | x\n2 | NULL\n\nquery I\nSELECT 1\n\n"
        "query T\nSELECT x WHERE false\n----\n"
    ) == (
        QueryGives(1, "SELECT a, b\nFROM t", "IT", True, ("1 | x", "2 | NULL")),
        QueryGives(8, "SELECT 1", "I", False, None),
        QueryGives(11, "SELECT x WHERE false", "T", False, ()),
    )


def test_what_is_said_of_the_statement_before() -> None:
    assert records("calls 3\nnotice none\nnotice 2 calls,  1 reused\n") == (
        CallsWere(1, 3),
        NoticeWas(2, None),
        NoticeWas(3, re.compile("2 calls,  1 reused")),
    )


def test_sessions_files_and_reopening() -> None:
    assert records("session b\nreopen\nfile in.csv\na,b\n\n# 1\n----\n") == (
        SessionIs(1, "b"),
        Reopen(2),
        InputFile(3, "in.csv", "a,b\n\n# 1\n"),
    )


def test_config_is_toml_in_the_leading_comment() -> None:
    script = parse(
        '# What this is about.\n\n# config:\n# [settings]\n# on_error = "null"\n\ncalls 0'
    )
    assert script.config == {"settings": {"on_error": "null"}}
    assert script.records == (CallsWere(7, 0),)


def test_without_config() -> None:
    assert parse("# Only a comment\ncalls 0").config == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nstatment ok\nSELECT 1", "example.slt:2: 'statment' is none of statement, query"),
        ("statement fine\nSELECT 1", "example.slt:1: say `statement ok`"),
        ("statement error nope\nSELECT 1", "example.slt:1: say `statement ok`"),
        ("statement ok\n\nSELECT 1", "example.slt:1: the SQL is missing"),
        ("query\nSELECT 1", "example.slt:1: say `query` and a letter"),
        ("query Q\nSELECT 1", "example.slt:1: say `query` and a letter"),
        ("query I sorted\nSELECT 1", "example.slt:1: rows are sorted by one of"),
        ("calls many", "example.slt:1: "),
        ("notice", "example.slt:1: say `notice none`"),
        ("notice (", "example.slt:1: "),
        ("reopen now", "example.slt:1: `reopen` stands alone"),
        ("file a.csv\n1,2\n", "example.slt:1: the content of a file ends with ----"),
        ("# config:\n# [settings\n", "example.slt: # config:"),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ScriptInvalid) as failure:
        parse(text)
    assert str(failure.value).startswith(message)
