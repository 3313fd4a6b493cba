"""COPY of JSON documents: by name, by path and whole, from real files into a real engine."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from outcrop.commands.copy import json_rows
from outcrop.commands.copy.json_paths import parse_json_path
from outcrop.errors import FileUnavailable, InvalidParameter, LoadFailed
from tests.unit.copy.table import Table

AUTO = {"FORMAT": "JSON", "JSON": "auto"}


def test_documents_one_a_line_or_spread(tmp_path: Path) -> None:
    text = '{"a": 1, "b": "x"}\n{"b": "y",\n\n "a": 2, "other": []}{"a": 3}  {"a":null,"b":null}'
    with Table(tmp_path, a="int", b="varchar") as t:
        assert t.load(text, **AUTO) == [(1, "x"), (2, "y"), (3, None), (None, None)]
        assert t.load("", FORMAT="JSON") == t.rows()
        assert t.load("\ufeff \n\n", **AUTO) == t.rows()


def test_scalars_keep_their_text(tmp_path: Path) -> None:
    text = '{"a": 1.10, "d": 1.10, "n": "7", "t": true}\n{"a": 12345678901234567890, "d": "2.5"}'
    with Table(tmp_path, a="text", d="decimal", n="bigint", t="bool") as t:
        assert t.load(text, **AUTO) == [
            ("1.10", Decimal("1.10"), 7, True),
            ("12345678901234567890", Decimal("2.50"), None, None),
        ]


def test_objects_go_to_super_and_as_text_to_varchar(tmp_path: Path) -> None:
    text = '{"v": {"x": [1, "é"]}, "s": {"x": [1, "é"]}}'
    with Table(tmp_path, v="super", s="text") as t:
        assert t.load(text, **AUTO) == [('{"x":[1,"é"]}', '{"x":[1,"é"]}')]
        assert t.rows("v.x[2]") == [('"é"',)]


def test_names_match_exactly_or_not(tmp_path: Path) -> None:
    text = '{"A": 1}'
    with Table(tmp_path, a="int") as t:
        assert t.load(text, **AUTO) == [(None,)]
        assert t.load(text, FORMAT="JSON", JSON="auto ignorecase")[1] == (1,)


def test_whole_documents(tmp_path: Path) -> None:
    text = '{"a": {"b": 1}}\n[1, 2]\n"text"'
    with Table(tmp_path, v="super") as t:
        assert t.load(text, FORMAT="JSON", JSON="noshred") == [
            ('{"a":{"b":1}}',),
            ("[1,2]",),
            ('"text"',),
        ]
    with Table(tmp_path, v="super", b="int") as t:
        with pytest.raises(InvalidParameter, match="one SUPER column"):
            t.load(text, FORMAT="JSON", JSON="noshred")
        assert t.load("{}", "v", FORMAT="JSON", JSON="noshred") == [("{}", None)]


def test_jsonpaths(tmp_path: Path) -> None:
    paths = {"jsonpaths": ["$.id", "$['na me'][\"x\"]", "$.list[1].v"]}
    (tmp_path / "paths.json").write_text(json.dumps(paths))
    text = '{"id": 1, "na me": {"x": "y"}, "list": [0, {"v": 5}]}\n{"id": 2, "list": []}'
    with Table(tmp_path, a="int", b="varchar", c="int") as t:
        assert t.load(text, FORMAT="JSON", JSON="paths.json") == [(1, "y", 5), (2, None, None)]
        with pytest.raises(InvalidParameter, match="has 3 paths, and 2 columns"):
            t.load(text, "a", "b", FORMAT="JSON", JSON="paths.json")
        with pytest.raises(FileUnavailable, match=r"no file 'missing\.json'"):
            t.load(text, FORMAT="JSON", JSON="missing.json")
        (tmp_path / "paths.json").write_text('["$.id"]')
        with pytest.raises(InvalidParameter, match="is no jsonpaths file"):
            t.load(text, FORMAT="JSON", JSON="paths.json")


@pytest.mark.parametrize("path", ["", "a", "$.", "$a", "$..a", "$[", "$['a]", "$.a[-1]", "$.a b"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(InvalidParameter, match="invalid JSON path"):
        parse_json_path(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": "x"}', "line 2, column 'a': 'x' is no whole number"),
        ('{"a": 1}\n\n{"a": 1.5}', "line 3, column 'a': '1.5' is no whole number"),
        ('{"a": 1}\n{"a": }', "line 2: is no JSON document: Expecting value"),
        ('{"a": 1}\n{"a": 1', "line 2: is no JSON document: Expecting ','"),
        ('{"a": 1}\n{"a": "x', "line 2: is no JSON document: Unterminated string"),
        ('[{"a": 1}]', "line 1: '[{\"a\":1}]' is no JSON object"),
        ('{"a": NaN}', "line 1: is no JSON document: NaN is no JSON value"),
        ('{"a": [1]}', "line 1, column 'a': '[1]' is no integer"),
        ('{"b": "abcdefghijk"}', "line 1, column 'b': 'abcdefghijk' has 11 bytes"),
        ('{"b": "a\\u0000"}', "line 1, column 'b': 'a\\x00' has a NUL byte"),
        ('{"b": "\\ud800"}', "line 1, column 'b': "),
        ('{"v": 1e999}', "line 1, column 'v': has a number out of range"),
        ("[" * 100_000, "line 1: is no JSON document: "),
        ("junk\n", "line 1: is no JSON document: Expecting value"),
    ],
)
def test_bad_documents_are_named(tmp_path: Path, text: str, message: str) -> None:
    with Table(tmp_path, a="int", b="varchar", v="super") as t:
        with pytest.raises(LoadFailed) as caught:
            t.load(text, **AUTO)
        assert f"{tmp_path / 'in.txt'}, {message}" in caught.value.message
        assert len(caught.value.message) < 300
        assert t.rows() == []


def test_bad_documents_are_skipped(tmp_path: Path) -> None:
    text = '{"a": 1}\n{"a": "x"}\n{"a": 2,}\n{"a": 3}\n'
    with Table(tmp_path, a="int") as t:
        assert t.load(text, MAXERROR="3", **AUTO) == [(1,), (3,)]
        assert [(e.line, e.column, e.record) for e in t.recorded] == [
            (2, "a", '\'{"a": "x"}\''),
            (3, None, "'{\"a\": 2,}'"),
        ]


@pytest.mark.parametrize("block_bytes", [1, 7, 64])
def test_documents_across_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block_bytes: int
) -> None:
    monkeypatch.setattr(json_rows, "BLOCK_BYTES", block_bytes)
    documents = [
        {"a": i, "b": f'"é{i}', "v": [True, None, 1.25, {"x": "ü" * 20}]} for i in range(9)
    ]
    text = "\n".join(json.dumps(d, ensure_ascii=i % 2 == 0) for i, d in enumerate(documents))
    with Table(tmp_path, a="int", b="varchar", v="super") as t:
        rows = t.load(text + '\n{"a": "x"}', MAXERROR="2", **AUTO)
        assert [row[:2] for row in rows] == [(i, f'"é{i}') for i in range(9)]
        assert {row[2] for row in rows} == {'[true,null,1.25,{"x":"' + "ü" * 20 + '"}]'}
        assert [error.line for error in t.recorded] == [10]


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    text = b'{"b": "x"}\n{"b": "\xff"}'
    with Table(tmp_path, b="varchar") as t:
        with pytest.raises(LoadFailed, match="line 2: byte 0xff is not UTF-8"):
            t.load(text, **AUTO)
        assert t.load(text, ACCEPTINVCHARS="?", **AUTO) == [("x",), ("?",)]
