from __future__ import annotations

import pytest

from outcrop.cli.variables import parse_variable, substitute
from outcrop.errors import InvalidParameter

VARIABLES = {"bucket": "s3://it's", "limit": "5", "col": 'a"b', "path": "C:\\x"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("LIMIT :limit", "LIMIT 5"),
        ("FROM :'bucket'", "FROM 's3://it''s'"),
        ("FROM :'path'", "FROM 'C:\\\\x'"),
        ('SELECT :"col"', 'SELECT "a""b"'),
        ("SELECT ':limit'", "SELECT ':limit'"),
        ("SELECT 'it''s :limit', :limit", "SELECT 'it''s :limit', 5"),
        (r"SELECT 'a\' :limit', :limit", r"SELECT 'a\' :limit', 5"),
        ('SELECT ":limit"', 'SELECT ":limit"'),
        ("SELECT 1 -- :limit\n, :limit", "SELECT 1 -- :limit\n, 5"),
        ("/* :limit */ :limit", "/* :limit */ 5"),
        ("$$ :limit $$ $a$ :limit $a$ :limit", "$$ :limit $$ $a$ :limit $a$ 5"),
        ("SELECT x::limit", "SELECT x::limit"),
        ("SELECT :unknown", "SELECT :unknown"),
        ("SELECT 'open :limit", "SELECT 'open :limit"),
    ],
)
def test_variables_are_put_in(text: str, expected: str) -> None:
    assert substitute(text, VARIABLES) == expected


def test_a_quoted_variable_must_be_set() -> None:
    with pytest.raises(InvalidParameter, match="'bucket2' is not set") as caught:
        substitute("COPY t FROM :'bucket2'", VARIABLES)
    assert caught.value.hint == "Did you mean 'bucket'?"


def test_name_and_value() -> None:
    assert parse_variable("a=b=c") == ("a", "b=c")
    for bad in ("a", "=b", "1a=b", "a-b=c"):
        with pytest.raises(ValueError, match="is not NAME=VALUE"):
            parse_variable(bad)
