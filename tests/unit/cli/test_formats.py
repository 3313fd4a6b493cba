from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from outcrop.cli.formats import Format, write_csv, write_json, write_rows
from outcrop.cli.terminal import Terminal
from outcrop.datatypes import DOUBLE, INTEGER, SUPER, VARCHAR, DataType, TypeKind
from outcrop.execution.result import ResultColumn
from outcrop.execution.value_text import to_json, to_text

DECIMAL = DataType(TypeKind.DECIMAL, precision=20, scale=2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (True, "true"),
        (12, "12"),
        (1.5, "1.5"),
        (2.0, "2"),
        (float("nan"), "NaN"),
        (float("-inf"), "-Infinity"),
        (Decimal("1E+3"), "1000"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02 03:04:05+00:00"),
        (timedelta(days=2, hours=3, microseconds=500_000), "2 days 03:00:00.5"),
        (timedelta(days=1), "1 day"),
        (timedelta(0), "00:00:00"),
        (pa.MonthDayNano((14, 3, 14_706_500_000_000)), "1 year 2 mons 3 days 04:05:06.5"),
        (pa.MonthDayNano((1, 0, -60_000_000_000)), "1 mon -00:01:00"),
        (b"\x00\xff", "00ff"),
        (["é", {"a": Decimal("1.5")}], '["é", {"a": "1.5"}]'),
    ],
)
def test_each_type_has_one_spelling(value: object, text: str) -> None:
    assert to_text(value) == text


@pytest.mark.parametrize(
    ("value", "datatype", "text"),
    [
        (None, VARCHAR, "null"),
        ('say "é"', VARCHAR, '"say \\"é\\""'),
        (Decimal("12345678901234567.89"), DECIMAL, "12345678901234567.89"),
        ('{"a": [1]}', SUPER, '{"a": [1]}'),
        ('{"a": [1]}', VARCHAR, '"{\\"a\\": [1]}"'),
        (float("inf"), DOUBLE, '"Infinity"'),
        (True, DataType(TypeKind.BOOLEAN), "true"),
    ],
)
def test_json_keeps_types(value: object, datatype: DataType, text: str) -> None:
    assert to_json(value, datatype) == text


def test_csv_is_read_back() -> None:
    columns = [ResultColumn("pid", INTEGER), ResultColumn('a "name"', VARCHAR)]
    rows = [(1, 'Castro, "Inês"'), (2, "two\nlines"), (3, ""), (4, None)]
    out = io.StringIO()
    assert write_csv(out, columns, rows) == 4
    assert list(csv.reader(io.StringIO(out.getvalue()))) == [
        ["pid", 'a "name"'],
        ["1", 'Castro, "Inês"'],
        ["2", "two\nlines"],
        ["3", ""],
        ["4", ""],
    ]
    assert out.getvalue().endswith('3,""\n4,\n')


def test_json_is_one_array_of_objects() -> None:
    columns = [ResultColumn("n", INTEGER), ResultColumn("n", INTEGER), ResultColumn("r", SUPER)]
    out = io.StringIO()
    assert write_json(out, columns, [(1, 2, '{"t": 3}'), (4, None, None)]) == 2
    assert json.loads(out.getvalue()) == [
        {"n": 1, "n_2": 2, "r": {"t": 3}},
        {"n": 4, "n_2": None, "r": None},
    ]


def test_json_of_no_rows_is_an_empty_array() -> None:
    out = io.StringIO()
    assert write_json(out, [ResultColumn("n", INTEGER)], []) == 0
    assert out.getvalue() == "[]\n"


@pytest.mark.parametrize(
    ("output", "is_expanded", "first_line"),
    [
        (Format.TABLE, False, " n"),
        (Format.TABLE, True, "─[ row 1 ]┬──────────────────────────────"),
        (Format.CSV, True, "n"),
        (Format.JSON, True, "["),
    ],
)
def test_a_format_is_chosen_by_name(output: Format, is_expanded: bool, first_line: str) -> None:
    out = io.StringIO()
    columns = [ResultColumn("n", INTEGER)]
    write_rows(out, Terminal(), output, columns, [(1,)], is_expanded=is_expanded)
    assert out.getvalue().splitlines()[0] == first_line
