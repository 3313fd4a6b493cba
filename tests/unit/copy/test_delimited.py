"""COPY of CSV and delimited text, by Redshift's rules, from real files into a real engine."""

from __future__ import annotations

import bz2
import gzip
import itertools
import random
import threading
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from outcrop.commands.copy import delimited
from outcrop.errors import (
    DuplicateObject,
    FeatureNotSupported,
    FileUnavailable,
    InvalidParameter,
    LoadFailed,
    QueryCanceled,
    SqlSyntaxError,
    StringTooLong,
    UndefinedColumn,
)
from tests.unit.copy.table import Table

CSV = {"FORMAT": "CSV"}


def naive(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


def test_csv_with_a_header(tmp_path: Path) -> None:
    with Table(tmp_path, id="int", name="varchar", score="double") as t:
        rows = t.load(
            'id,name,score\n1,Ann,1.5\n2,"Bob, ""B""",-2e3\n',
            FORMAT="CSV",
            DELIMITER=",",
            IGNOREHEADER="1",
            IAM_ROLE="DEFAULT",
        )
        assert rows == [(1, "Ann", 1.5), (2, 'Bob, "B"', -2000.0)]
        assert (t.report.rows, t.report.files, t.report.errors_total) == (2, 1, 0)
        assert t.report.bytes == (tmp_path / "in.txt").stat().st_size


def test_plain_text_is_delimited_by_bars_and_has_no_quotes(tmp_path: Path) -> None:
    with Table(tmp_path, a="varchar", b="varchar") as t:
        assert t.load('1|"x"\n"|it\'s\n') == [("1", '"x"'), ('"', "it's")]


@pytest.mark.parametrize("delimiter", ["\t", ";", "||", "~#~", "^", "-", "]"])
@pytest.mark.parametrize("form", ["TEXT", "CSV"])
def test_delimiters(tmp_path: Path, delimiter: str, form: str) -> None:
    options = {"DELIMITER": delimiter} | ({"FORMAT": "CSV"} if form == "CSV" else {})
    with Table(tmp_path, a="varchar", b="varchar") as t:
        if form == "CSV" and len(delimiter) > 1:
            with pytest.raises(InvalidParameter):
                t.load("x", **options)
            return
        assert t.load(f"a b{delimiter}c\n{delimiter}\n", **options) == [("a b", "c"), ("", "")]
        with pytest.raises(LoadFailed, match="line 1: has 1 fields"):
            t.load("ab\n", **options)


# NULLs and blanks: the rules that users trip over


@pytest.mark.parametrize("options", [{}, CSV])
def test_empty_and_blank_fields(tmp_path: Path, options: dict[str, str]) -> None:
    d = "," if options else "|"
    text = f"{d}\n  {d}  \n\\N{d}\\N\n"
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load(text, **options) == [("", None), ("  ", None), (None, None)]
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load(text, EMPTYASNULL=True, **options) == [
            (None, None),
            ("  ", None),
            (None, None),
        ]
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load(text, BLANKSASNULL=True, **options) == [
            ("", None),
            (None, None),
            (None, None),
        ]


def test_an_empty_quoted_field_is_an_empty_field(tmp_path: Path) -> None:
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load('"",""\n', FORMAT="CSV") == [("", None)]


def test_null_as(tmp_path: Path) -> None:
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load("NULL,NULL\n\\N,3\n", FORMAT="CSV", NULL="NULL") == [(None, None), ("\\N", 3)]


def test_trim_blanks_is_for_varchar(tmp_path: Path) -> None:
    with Table(tmp_path, a="varchar", b="char") as t:
        assert t.load("x  ,y  \n", FORMAT="CSV", TRIMBLANKS=True) == [("x", "y  ")]


def test_not_null_names_the_line(tmp_path: Path) -> None:
    with Table(tmp_path, a="int not null", b="varchar") as t:
        with pytest.raises(LoadFailed, match="line 2, column 'a': NULL, and the column is NOT"):
            t.load("1,x\n,y\n", FORMAT="CSV")
        assert t.rows() == []


# Records


def test_fill_record(tmp_path: Path) -> None:
    with Table(tmp_path, a="int", b="varchar", c="int") as t:
        assert t.load("1,x,2\n3\n4,y\n", FORMAT="CSV", FILLRECORD=True) == [
            (1, "x", 2),
            (3, "", None),
            (4, "y", None),
        ]
    with Table(tmp_path, a="int", b="varchar") as t:
        assert t.load("1\n", FORMAT="CSV", FILLRECORD=True, EMPTYASNULL=True) == [(1, None)]


def test_ragged_rows(tmp_path: Path) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed) as caught:
            t.load("1,x\n2,y,z\n", FORMAT="CSV")
        assert caught.value.message == (
            f"{tmp_path / 'in.txt'}, line 2: has 3 fields, and 2 columns are loaded"
        )
        assert caught.value.detail == "The record is '2,y,z'"
        assert caught.value.sqlstate == "XX006"
        with pytest.raises(LoadFailed, match="line 1: has 1 fields"):
            t.load("1\n", FORMAT="CSV")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines(tmp_path: Path, end: str) -> None:
    text = f"1,x{end}{end}2,y{end}{end}"
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match="line 2: has 1 fields"):
            t.load(text, FORMAT="CSV")
        assert t.load(text, FORMAT="CSV", IGNOREBLANKLINES=True) == [(1, "x"), (2, "y")]
    with Table(tmp_path, a="varchar") as t:
        assert t.load(f"x{end}{end}y", FORMAT="CSV") == [("x",), ("",), ("y",)]


def test_line_ends(tmp_path: Path) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        assert t.load(b'1,x\r\n2,"y\r\nz"\r\n3,a\rb\n4,end', FORMAT="CSV") == [
            (1, "x"),
            (2, "y\r\nz"),
            (3, "a\rb"),
            (4, "end"),
        ]


def test_quotes(tmp_path: Path) -> None:
    text = 'a,"x\n\n""y"", z"\nb,"é, \'q\'"\n'
    with Table(tmp_path, a="varchar", b="text") as t:
        assert t.load(text, FORMAT="CSV") == [("a", 'x\n\n"y", z'), ("b", "é, 'q'")]
    with Table(tmp_path, a="varchar", b="varchar") as t:
        assert t.load("%a,b%,%c%%d%\n", FORMAT="CSV", QUOTE="%") == [("a,b", "c%d")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('2,a"b', "a quotation mark stands within a field"),
        ('2, "b"', "a quotation mark stands within a field"),
        ('2,"b"c', "text follows a closing quotation mark"),
    ],
)
def test_quotes_out_of_place(tmp_path: Path, line: str, reason: str) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match=f"line 2: {reason}"):
            t.load(f'1,"x"\n{line}\n3,"y"\n', FORMAT="CSV")
        assert t.load(f'1,"x"\n{line}\n3,"y"\n', FORMAT="CSV", MAXERROR="2") == [(1, "x"), (3, "y")]


def test_a_quote_that_is_never_closed(tmp_path: Path) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match="line 2: the record does not end"):
            t.load('1,x\n2,"y\n3,z\n', FORMAT="CSV")
        rows = t.load('1,x\n2,"y\n3,z\n', FORMAT="CSV", MAXERROR="5")
        assert rows == [(1, "x"), (3, "z")]


def test_escape(tmp_path: Path) -> None:
    text = "a\\|b|1\nc\\\nd|2\n\\N|3\n\\\\N|4\nplain|5\n"
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load(text, ESCAPE=True) == [
            ("a|b", 1),
            ("c\nd", 2),
            (None, 3),
            ("\\N", 4),
            ("plain", 5),
        ]


def test_remove_quotes(tmp_path: Path) -> None:
    text = "'a|b'|1\n\"c\"|2\nd'|3\n''e''|4\n''|5\n'it''s'|6\n"
    with Table(tmp_path, a="varchar", b="int") as t:
        assert t.load(text, REMOVEQUOTES=True) == [
            ("a|b", 1),
            ("c", 2),
            ("d'", 3),
            ("'e'", 4),
            ("", 5),
            ("it''s", 6),
        ]
        with pytest.raises(LoadFailed, match="line 1: a field begins with ' and does not end"):
            t.load("'a|1\n", REMOVEQUOTES=True)


# Types


def test_numbers(tmp_path: Path) -> None:
    with Table(tmp_path, s="smallint", b="bigint", d="decimal", r="real") as t:
        assert t.load(" -32768 , 9223372036854775807,-1.999,.5\n+7,-0,1e2,nan\n", **CSV)[0] == (
            -32768,
            9223372036854775807,
            Decimal("-1.99"),
            0.5,
        )
        assert t.rows("s, b, d")[1] == (7, 0, Decimal("100.00"))
    with Table(tmp_path, d="decimal") as t:
        assert t.load("1.995\n-1.995\n20.254\n", ROUNDEC=True, **CSV) == [
            (Decimal("2.00"),),
            (Decimal("-2.00"),),
            (Decimal("20.25"),),
        ]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("int", "abc", "'abc' is no whole number"),
        ("int", "1.5", "'1.5' is no whole number"),
        ("int", "0x1F", "'0x1F' is no whole number"),
        ("int", "1_000", "'1_000' is no whole number"),
        ("int", "١", "'١' is no whole number"),
        ("int", "2147483648", "'2147483648' is out of the range of integer"),
        ("smallint", "9" * 5000, "9'... (5000 characters) is out of the range of smallint"),
        ("decimal", "1234567", "'1234567' is out of the range of numeric(8,2)"),
        ("decimal", "1e999", "'1e999' is out of the range of numeric(8,2)"),
        ("decimal", "x", "'x' is no number"),
        ("double", "1,5", "has 3 fields"),
        ("double", "1_5", "'1_5' is no number"),
        ("bool", "maybe", "'maybe' is no boolean"),
        ("date", "2024-02-30", "'2024-02-30' is no date or time: day is out of range for month"),
        ("date", "01/02/2024", "'01/02/2024' has not the format YYYY-MM-DD"),
        ("timestamp", "2024-01-01 25:00:00", "is no date or time: hour must be in 0..23"),
        ("time", "25:00", "'25:00' is no date or time: hour must be in 0..23"),
        ("super", "{'a': 1}", "is no JSON: Expecting property name"),
        ("super", "NaN", "'NaN' is no JSON: NaN is no JSON value"),
        ("super", "[" * 100_000, "is no JSON: "),
        ("varbyte", "zz", "'zz' is no hexadecimal text"),
        ("varbyte", "0102030405", "has 5 bytes, and the column takes 4"),
        ("char", "abcd", "'abcd' has 4 bytes, and the column takes 3"),
        ("char", "é", "'é' has a character of several bytes, which CHAR cannot take"),
        ("varchar", "ééééé1", "'ééééé1' has 11 bytes, and the column takes 10"),
    ],
)
def test_bad_values_are_named(tmp_path: Path, kind: str, value: str, reason: str) -> None:
    with Table(tmp_path, a="int", b=kind) as t:
        with pytest.raises(LoadFailed) as caught:
            t.load(f"1,\n2,{value}\n", FORMAT="CSV", NULL="")
        assert f"{tmp_path / 'in.txt'}, line 2" in caught.value.message
        assert reason in caught.value.message
        assert len(caught.value.message) < 400
        assert t.rows() == []


def test_booleans(tmp_path: Path) -> None:
    with Table(tmp_path, a="bool") as t:
        text = "t\nTRUE\ny\nYes\n1\nf\nfalse\nN\nno\n0\n\n"
        assert t.load(text, **CSV) == [(True,)] * 5 + [(False,)] * 5 + [(None,)]


def test_dates_and_times(tmp_path: Path) -> None:
    with Table(tmp_path, d="date", t="time", ts="timestamp", tz="timestamptz", tt="timetz") as t:
        text = (
            "2024-02-29,10:11:12.5,2024-02-29 10:11:12.123456,2024-02-29 10:00:00+02,10:00+02\n"
            "2024-2-9 00:00,10:11,2024-02-29T10:11,2024-02-29 10:00:00,10:00:00\n"
        )
        rows = t.load(text, **CSV)
        assert rows == [
            (
                date(2024, 2, 29),
                time(10, 11, 12, 500_000),
                naive(2024, 2, 29, 10, 11, 12, 123_456),
                datetime(2024, 2, 29, 8, tzinfo=UTC),
                "10:00:00+02",
            ),
            (
                date(2024, 2, 9),
                time(10, 11),
                naive(2024, 2, 29, 10, 11),
                datetime(2024, 2, 29, 10, tzinfo=UTC),
                "10:00:00+00",
            ),
        ]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("MM/DD/YYYY", "02/29/2024", date(2024, 2, 29)),
        ("DD.MM.YY", "29.02.24", date(2024, 2, 29)),
        ("Mon DD, YYYY", "Feb 9, 2024", date(2024, 2, 9)),
        ("auto", "20240229", date(2024, 2, 29)),
        ("auto", "2024/2/9", date(2024, 2, 9)),
        ("auto", "2/9/2024", date(2024, 2, 9)),
        ("auto", "9 February 2024", date(2024, 2, 9)),
        ("auto", "February 9, 2024", date(2024, 2, 9)),
    ],
)
def test_date_formats(tmp_path: Path, form: str, text: str, expected: date) -> None:
    with Table(tmp_path, d="date") as t:
        assert t.load(text, DATEFORMAT=form) == [(expected,)]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("epochsecs", "1704067200", naive(2024, 1, 1)),
        ("epochmillisecs", "1704067200123", naive(2024, 1, 1, 0, 0, 0, 123_000)),
        ("epochsecs", "-1.5", naive(1969, 12, 31, 23, 59, 58, 500_000)),
        ("DD/MM/YYYY HH12:MI AM", "01/02/2024 12:05 am", naive(2024, 2, 1, 0, 5)),
        ("auto", "Jan 2, 2024 3:04:05 PM", naive(2024, 1, 2, 15, 4, 5)),
    ],
)
def test_time_formats(tmp_path: Path, form: str, text: str, expected: datetime) -> None:
    with Table(tmp_path, a="timestamp") as t:
        assert t.load(text, TIMEFORMAT=form) == [(expected,)]


def test_accept_any_date(tmp_path: Path) -> None:
    with Table(tmp_path, a="date", b="timestamp") as t:
        assert t.load("0000-00-00|x\n2024-01-01|\n", ACCEPTANYDATE=True) == [
            (None, None),
            (date(2024, 1, 1), None),
        ]


def test_super_takes_json(tmp_path: Path) -> None:
    text = '1,"{""a"": [1, ""x""]}"\n2,3.5\n3,\n'
    with Table(tmp_path, a="int", v="super") as t:
        assert t.load(text, **CSV) == [(1, '{"a":[1,"x"]}'), (2, "3.5"), (3, None)]
        assert t.rows("v.a[1]")[0] == ("1",)


def test_the_rest_of_the_types(tmp_path: Path) -> None:
    with Table(tmp_path, a="varbyte", b="interval") as t:
        assert t.load("00ff|2 days\n")[0][0] == b"\x00\xff"
        assert t.rows("b::VARCHAR") == [("2 days",)]


# Lengths


def test_truncate_columns_cuts_between_characters(tmp_path: Path) -> None:
    with Table(tmp_path, a="varchar", b="char") as t:
        assert t.load("ééééé1|abcd\nx|y\n", TRUNCATECOLUMNS=True) == [("ééééé", "abc"), ("x", "y")]
        assert t.load("aééééé|a\n", TRUNCATECOLUMNS=True)[2] == ("aéééé", "a")


# Bytes


def test_bytes_that_are_no_utf8(tmp_path: Path) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match=r"line 2, column 'b': .* byte 0xff, which is not UTF"):
            t.load(b"1,x\n2,a\xff\xfe\n", FORMAT="CSV")
        rows = t.load(b"1,x\n2,a\xff\xfe\n", FORMAT="CSV", ACCEPTINVCHARS=True)
        assert rows == [(1, "x"), (2, "a??")]
        assert t.load(b"3,\xc3\n", FORMAT="CSV", ACCEPTINVCHARS="^")[2] == (3, "^")


def test_nul_bytes(tmp_path: Path) -> None:
    expected = pytest.raises(LoadFailed, match=r"line 1, column 'b': .* has a NUL byte")
    with Table(tmp_path, a="int", b="varchar") as t, expected:
        t.load(b"1,a\0b\n", FORMAT="CSV")


def test_a_byte_order_mark_is_no_data(tmp_path: Path) -> None:
    with Table(tmp_path, a="int") as t:
        assert t.load(b"\xef\xbb\xbf1\n2\n", FORMAT="CSV") == [(1,), (2,)]
    with Table(tmp_path, a="int") as t:
        assert t.load(b"\xef\xbb\xbfa\n2\n", FORMAT="CSV", IGNOREHEADER="1") == [(2,)]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("UTF16", "utf-16"),
        ("UTF16LE", "utf-16-le"),
        ("UTF16BE", "utf-16-be"),
        ("ISO88591", "latin-1"),
        ("utf8", "utf-8"),
    ],
)
def test_encodings(tmp_path: Path, name: str, encoding: str) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        assert t.load("1,é\n2,ü\n".encode(encoding), ENCODING=name, **CSV) == [(1, "é"), (2, "ü")]


def test_a_wrong_encoding(tmp_path: Path) -> None:
    expected = pytest.raises(LoadFailed, match="is not utf-16-le: truncated data")
    with Table(tmp_path, a="varchar") as t, expected:
        t.load(b"abc", ENCODING="UTF16LE")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (gzip.compress(b"1,x\n", mtime=0), "gzip-compressed"),
        (bz2.compress(b"1,x\n"), "bzip2-compressed"),
        (b"PAR1\x15\x00", "a Parquet file"),
        ("1,x\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_what_is_no_text_is_told(tmp_path: Path, content: bytes, what: str) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match=what) as caught:
            t.load(content, FORMAT="CSV")
        assert caught.value.hint is not None


def test_binary_junk(tmp_path: Path) -> None:
    junk = random.Random(7).randbytes(200_000)
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match="line 1"):
            t.load(b"\x01" + junk, FORMAT="CSV")
        assert t.load(b"\x01" + junk + b"\n5,x\n", IGNOREALLERRORS=True, **CSV) == [(5, "x")]
        assert t.report.errors_total > 100


@pytest.mark.parametrize("form", [{}, CSV])
def test_a_line_of_10_megabytes(tmp_path: Path, form: dict[str, str]) -> None:
    d = "," if form else "|"
    text = f"1{d}x\n2{d}{'y' * 10_000_000}\n3{d}z\n"
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match=r"line 2, column 'b'.* has 10000000 bytes"):
            t.load(text, **form)
        assert t.load(text, MAXERROR="2", **form) == [(1, "x"), (3, "z")]


@pytest.mark.parametrize("content", ["", "id,name\n", "id,name", "\ufeff"])
def test_files_without_rows(tmp_path: Path, content: str) -> None:
    with Table(tmp_path, a="int", b="varchar") as t:
        assert t.load(content, FORMAT="CSV", IGNOREHEADER="1") == []
        assert t.report.rows == 0


# Compression


def test_compressed_files(tmp_path: Path) -> None:
    text = "".join(f"{i},row {i}\n" for i in range(10_000)).encode()
    kinds = {
        "GZIP": gzip.compress(text[:50_000]) + gzip.compress(text[50_000:]),
        "BZIP2": bz2.compress(text),
        "ZSTD": pa.compress(text, "zstd", asbytes=True),
    }
    for name, content in kinds.items():
        with Table(tmp_path, a="int", b="varchar") as t:
            rows = t.load(content, FORMAT="CSV", **{name: True})
            assert rows == [(i, f"row {i}") for i in range(10_000)]


def test_a_truncated_gzip_loads_nothing(tmp_path: Path) -> None:
    text = "".join(f"{i},row {i}\n" for i in range(100_000)).encode()
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(FileUnavailable, match="Truncated compressed stream") as caught:
            t.load(gzip.compress(text)[:-100], FORMAT="CSV", GZIP=True)
        assert caught.value.hint == "Check that the file is whole and may be read."
        with pytest.raises(FileUnavailable, match="incorrect header check"):
            t.load(text, FORMAT="CSV", GZIP=True)
        assert t.rows() == []


# Errors that are skipped


def test_maxerror_skips_and_counts(tmp_path: Path) -> None:
    text = "1,a\nx,b\n3,c,d\n4,toolongtoolong\n5,e\n"
    with Table(tmp_path, a="int", b="varchar") as t:
        assert t.load(text, MAXERROR="4", **CSV) == [(1, "a"), (5, "e")]
        assert t.report.rows == 2
        assert t.report.errors_total == 3
        assert list(t.report.errors) == t.recorded
        first = t.recorded[0]
        assert (first.line, first.column, first.datatype) == (2, "a", "integer")
        assert (first.value, first.record) == ("'x'", "'x,b'")
        assert [(e.line, e.column) for e in t.recorded] == [(2, "a"), (3, None), (4, "b")]


def test_maxerror_is_the_number_that_fails(tmp_path: Path) -> None:
    with Table(tmp_path, a="int") as t:
        with pytest.raises(LoadFailed, match=r"2 rows cannot be loaded; the last one is .* line 3"):
            t.load("1\nx\ny\n4\n", MAXERROR="2", **CSV)
        assert len(t.recorded) == 2
        assert t.rows() == []


def test_line_numbers_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1000)
    lines = [f'{i},"text\n{i}"' for i in range(1, 501)]
    lines[400] = 'x,"bad"'
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match=r"line 802, column 'a': 'x' is no whole number"):
            t.load("header\n" + "\n".join(lines), IGNOREHEADER="1", **CSV)
        rows = t.load("header\n" + "\n".join(lines), IGNOREHEADER="1", MAXERROR="9", **CSV)
        assert len(rows) == 499
        assert rows[-1] == (500, "text\n500")


def test_noload_checks_and_loads_nothing(tmp_path: Path) -> None:
    with Table(tmp_path, a="int") as t:
        assert t.load("1\n2\n", NOLOAD=True) == []
        assert t.report.rows == 2
        with pytest.raises(LoadFailed, match="line 2"):
            t.load("1\nx\n", NOLOAD=True)


# Columns


def test_column_lists(tmp_path: Path) -> None:
    with Table(tmp_path, a="int", b="varchar", c="int") as t:
        assert t.load("x,1\n", "B", "a", **CSV) == [(1, "x", None)]
        with pytest.raises(UndefinedColumn, match="column 'bb' of table 't'"):
            t.load("x\n", "bb", **CSV)
        with pytest.raises(DuplicateObject, match="'A' is named twice"):
            t.load("x\n", "a", "A", **CSV)


def test_a_constraint_of_the_table_holds_too(tmp_path: Path) -> None:
    with Table(tmp_path, a="int") as t:
        t.session.execute("ALTER TABLE outcrop_store.public.t ADD COLUMN s VARCHAR DEFAULT 'd'")
        assert t.load("1\n", "a") == [(1, "d")]
        t.session.execute("DROP TABLE outcrop_store.public.t")
        t.session.execute("CREATE TABLE outcrop_store.public.t (a VARCHAR CHECK (strlen(a) <= 1))")
        with pytest.raises(StringTooLong):
            t.load("11\n")


# Options


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"GZPI": True}, SqlSyntaxError, "COPY has no option 'GZPI'"),
        ({"FORMAT": "AVRO"}, FeatureNotSupported, "format AVRO"),
        ({"LZOP": True}, FeatureNotSupported, "LZOP"),
        ({"GZIP": True, "ZSTD": True}, SqlSyntaxError, "GZIP or ZSTD, and not both"),
        ({"MAXERROR": "-1"}, InvalidParameter, "MAXERROR: '-1'"),
        ({"MAXERROR": "100001"}, InvalidParameter, "MAXERROR"),
        ({"IGNOREHEADER": "x"}, InvalidParameter, "IGNOREHEADER: 'x'"),
        ({"ENCODING": "KOI8"}, InvalidParameter, "ENCODING: 'KOI8'"),
        ({"FORMAT": "CSV", "QUOTE": ","}, InvalidParameter, "QUOTE"),
        ({"FORMAT": "CSV", "QUOTE": "''"}, InvalidParameter, "QUOTE"),
        ({"DELIMITER": "\n"}, InvalidParameter, "DELIMITER"),
    ],
)
def test_options_are_checked(
    tmp_path: Path, options: dict[str, str | bool], error: type[Exception], message: str
) -> None:
    with Table(tmp_path, a="int") as t, pytest.raises(error, match=message):
        t.load("1\n", **options)


def test_options_without_effect_are_accepted(tmp_path: Path) -> None:
    with Table(tmp_path, a="int") as t:
        assert t.load("1\n", COMPUPDATE="OFF", STATUPDATE="ON", COMPROWS="10") == [(1,)]


# Both ways of reading give the same


FIELDS = ["", "1", " 2 ", "+3", "x", "é", '"q"', '"a,b"', '"l\nm"', '""', "\\N", "a\\|b", "'s'"]
FIELDS += ["2024-01-01", "1.239", "0x1", '"dd""dd"', '"open', 'mid"dle', "\r", "t", "12345678901"]


@pytest.mark.parametrize("options", [CSV, {}, {"ESCAPE": True}, {"REMOVEQUOTES": True}])
def test_blocks_read_fast_as_they_do_record_by_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, str | bool]
) -> None:
    chance = random.Random(11)
    shared = {"IGNOREALLERRORS": True, "DELIMITER": ","} | options
    seen_good = 0
    for kinds in itertools.combinations(["int", "varchar", "decimal", "date", "bool"], 2):
        lines = [",".join(chance.choices(FIELDS, k=2)) for _ in range(60)]
        text = "\n".join(lines) + "\n"
        outcomes = []
        for block_bytes in (8_000_000, 40):
            monkeypatch.setattr(delimited, "BLOCK_BYTES", block_bytes)
            with Table(tmp_path, a=kinds[0], b=kinds[1]) as t:
                rows = t.load(text, **shared)
                outcomes.append((rows, [str(error) for error in t.report.errors]))
        assert outcomes[0] == outcomes[1]
        seen_good += len(outcomes[0][0])
    assert seen_good > 20


def test_an_interrupt_ends_a_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 10_000)
    with Table(tmp_path, a="varchar", b="varchar") as t:
        interrupt = threading.Timer(0.2, t.session.interrupt)
        interrupt.start()
        with pytest.raises(QueryCanceled):
            t.load("\\a|b\n" * 1_000_000, ESCAPE=True)
        interrupt.join()
        assert t.rows() == []
