"""COPY of Parquet files: columns by position, types cast, values named where they do not fit."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from outcrop.errors import DatatypeMismatch, FileUnavailable, LoadFailed
from tests.unit.copy.table import Table

PARQUET = {"FORMAT": "PARQUET"}


def write(folder: Path, **columns: pa.Array) -> str:
    pq.write_table(pa.table(columns), folder / "in.parquet")
    return "in.parquet"


def test_columns_match_by_position(tmp_path: Path) -> None:
    source = write(tmp_path, x=pa.array([1, None]), y=pa.array(["a", None]))
    with Table(tmp_path, a="int", b="varchar") as t:
        report = t.copy(source, **PARQUET)
        assert t.rows() == [(1, "a"), (None, None)]
        assert (report.rows, report.files) == (2, 1)
        t.copy(source, "a", "b", **PARQUET)
        with pytest.raises(DatatypeMismatch, match="has 2 columns, and 1 are loaded"):
            t.copy(source, "a", **PARQUET)
    with Table(tmp_path, a="int", b="varchar", c="int") as t:
        with pytest.raises(DatatypeMismatch, match="has 2 columns, and 3 are loaded"):
            t.copy(source, **PARQUET)
        t.copy(source, FILLRECORD=True, **PARQUET)
        assert t.rows() == [(1, "a", None), (None, None, None)]


def test_types_are_cast(tmp_path: Path) -> None:
    moment = datetime(2024, 1, 1, 10, tzinfo=UTC)
    source = write(
        tmp_path,
        i=pa.array([7], pa.int64()),
        d=pa.array([Decimal("1.5")], pa.decimal128(20, 1)),
        f=pa.array([1.5], pa.float32()),
        day=pa.array([date(2024, 1, 1)]),
        ts=pa.array([moment.replace(tzinfo=None)], pa.timestamp("ns")),
        tz=pa.array([moment], pa.timestamp("ms", tz="Europe/Berlin")),
        s=pa.array(["x"], pa.large_string()).dictionary_encode(),
        n=pa.array([42]),
        v=pa.array([{"k": [1, None], "d": date(2024, 1, 1)}]),
    )
    with Table(
        tmp_path,
        i="smallint",
        d="decimal",
        f="double",
        day="date",
        ts="timestamp",
        tz="timestamptz",
        s="varchar",
        n="varchar",
        v="super",
    ) as t:
        t.copy(source, **PARQUET)
        assert t.rows() == [
            (
                7,
                Decimal("1.50"),
                1.5,
                date(2024, 1, 1),
                moment.replace(tzinfo=None),
                moment,
                "x",
                "42",
                '{"d":"2024-01-01","k":[1,null]}',
            )
        ]


def test_values_that_do_not_fit_are_named(tmp_path: Path) -> None:
    long = write(tmp_path, a=pa.array([1, 2]), b=pa.array(["x", "y" * 11]))
    with Table(tmp_path, a="int", b="varchar") as t:
        with pytest.raises(LoadFailed, match=r"in\.parquet, line 2, column 'b': .* has 11 bytes"):
            t.copy(long, **PARQUET)
        assert t.copy(long, MAXERROR="2", **PARQUET).rows == 1
        assert t.rows() == [(1, "x")]
        wide = write(tmp_path, a=pa.array([1 << 40]), b=pa.array(["x"]))
        with pytest.raises(LoadFailed, match="column 'a': '1099511627776' is out of the range"):
            t.copy(wide, **PARQUET)
    null = write(tmp_path, a=pa.array([None], pa.int32()))
    expected = pytest.raises(LoadFailed, match="line 1, column 'a': NULL, and the column is NOT")
    with Table(tmp_path, a="int not null") as t, expected:
        t.copy(null, **PARQUET)


def test_a_file_of_something_else(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_bytes(b"a,b\n1,2\n" * 10)
    with Table(tmp_path, a="int") as t, pytest.raises(FileUnavailable, match="is no Parquet file"):
        t.copy("in.parquet", **PARQUET)
    (tmp_path / "in.parquet").write_bytes(b"")
    with Table(tmp_path, a="int") as t, pytest.raises(FileUnavailable, match="is no Parquet file"):
        t.copy("in.parquet", **PARQUET)
