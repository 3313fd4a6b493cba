from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import outcrop
from outcrop import dbapi, errors
from outcrop.datatypes import BIGINT, VARCHAR, DataType, TypeKind
from outcrop.dbapi.exceptions import translated


def subclasses(kind: type[errors.Error]) -> list[type[errors.Error]]:
    found = []
    for child in kind.__subclasses__():
        if child.__module__ == "outcrop.errors":
            found += [child, *subclasses(child)]
    return found


@pytest.mark.parametrize("kind", subclasses(errors.Error), ids=lambda kind: kind.__name__)
def test_every_error_is_one_of_pep_249_too(kind: type[errors.Error]) -> None:
    original = kind("it failed", hint="Mend it.")
    with pytest.raises(dbapi.DatabaseError) as caught, translated():
        raise original
    error = caught.value
    assert isinstance(error, kind)
    assert type(error).__name__ == kind.__name__
    assert (str(error), error.hint, error.sqlstate) == ("it failed", "Mend it.", kind.sqlstate)
    assert error.__cause__ is original


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (errors.UndefinedColumn, dbapi.ProgrammingError),
        (errors.FeatureNotSupported, dbapi.NotSupportedError),
        (errors.ConstraintViolated, dbapi.IntegrityError),
        (errors.LoadFailed, dbapi.DataError),
        (errors.Throttled, dbapi.OperationalError),
        (errors.BudgetExceeded, dbapi.OperationalError),
        (errors.RowsFailed, dbapi.OperationalError),
        (errors.JournalCorrupted, dbapi.InternalError),
    ],
)
def test_errors_are_sorted_as_pep_249_says(
    kind: type[errors.Error], expected: type[Exception]
) -> None:
    with pytest.raises(expected), translated():
        raise kind("it failed")


def test_the_facts_of_an_error_are_kept() -> None:
    with pytest.raises(dbapi.OperationalError) as caught, translated():
        raise errors.Throttled("slow down", code="ThrottlingException", retry_after_s=2.0)
    assert isinstance(caught.value, errors.Throttled)
    assert (caught.value.code, caught.value.retry_after_s) == ("ThrottlingException", 2.0)


def test_an_error_is_translated_once() -> None:
    with pytest.raises(dbapi.ProgrammingError) as caught, translated(), translated():
        raise errors.UndefinedModel("no such model")
    assert type(caught.value).__mro__.count(dbapi.ProgrammingError) == 1


def test_what_pep_249_wants_of_the_module() -> None:
    assert (outcrop.apilevel, outcrop.threadsafety, outcrop.paramstyle) == ("2.0", 1, "qmark")
    assert issubclass(outcrop.Warning, Exception)
    assert issubclass(outcrop.InterfaceError, outcrop.Error)
    assert not issubclass(outcrop.InterfaceError, outcrop.DatabaseError)
    for name in ("Data", "Operational", "Integrity", "Internal", "Programming", "NotSupported"):
        assert issubclass(getattr(outcrop, f"{name}Error"), outcrop.DatabaseError)
    assert outcrop.Error is errors.Error


@pytest.mark.parametrize("name", outcrop.__all__)
def test_public_names_are_there(name: str) -> None:
    assert getattr(outcrop, name) is not None
    assert name in dir(outcrop)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="'outcrop' has no attribute 'conect'"):
        _ = outcrop.conect  # type: ignore[attr-defined]


def test_type_objects_equal_the_types_they_stand_for() -> None:
    assert VARCHAR == dbapi.STRING
    assert DataType(TypeKind.DECIMAL, precision=18, scale=2) == dbapi.NUMBER
    assert DataType(TypeKind.TIMESTAMPTZ) == dbapi.DATETIME
    assert BIGINT != dbapi.STRING
    assert len({dbapi.STRING, dbapi.NUMBER, dbapi.DATETIME, dbapi.BINARY, dbapi.ROWID}) == 5


@pytest.fixture
def connection(tmp_path: Path):
    with outcrop.connect(tmp_path / "shop") as opened:
        yield opened


@pytest.fixture
def filled(connection: outcrop.Connection) -> outcrop.Connection:
    connection.execute("CREATE TABLE t (pid integer, pname varchar(20), paid decimal(8, 2))")
    rows = [(1, "Ann", Decimal("1.50")), (2, "Bo", None), (3, "Çelik", Decimal("20.00"))]
    connection.cursor().executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    return connection


ROWS = [(1, "Ann", Decimal("1.50")), (2, "Bo", None), (3, "Çelik", Decimal("20.00"))]
ALL = "SELECT * FROM t ORDER BY pid"


def test_rows_are_fetched_one_by_one_and_together(filled: outcrop.Connection) -> None:
    cursor = filled.execute(ALL)
    assert cursor.fetchone() == ROWS[0]
    assert cursor.fetchmany() == ROWS[1:2]
    assert cursor.fetchmany(5) == ROWS[2:]
    assert cursor.fetchmany(5) == []
    assert cursor.fetchone() is None
    assert filled.execute(ALL).fetchall() == ROWS
    assert list(filled.execute(ALL)) == ROWS


def test_columns_are_described(filled: outcrop.Connection) -> None:
    description = filled.execute(ALL).description
    assert description is not None
    assert [column[0] for column in description] == ["pid", "pname", "paid"]
    assert [column[1] for column in description] == [dbapi.NUMBER, dbapi.STRING, dbapi.NUMBER]
    assert description[2][4:6] == (8, 2)
    assert filled.execute("DELETE FROM t").description is None


def test_changed_rows_are_counted(filled: outcrop.Connection) -> None:
    cursor = filled.cursor()
    assert cursor.rowcount == -1
    assert cursor.execute("UPDATE t SET pname = 'x' WHERE pid > ?", (1,)).rowcount == 2
    cursor.executemany("DELETE FROM t WHERE pid = ?", [(1,), (2,), (9,)])
    assert cursor.rowcount == 2


def test_parameters_are_values_not_text(filled: outcrop.Connection) -> None:
    assert filled.execute("SELECT ?", ("a'; DROP TABLE t; --",)).fetchone() == (
        "a'; DROP TABLE t; --",
    )


def test_arrow_takes_up_where_rows_stopped(filled: outcrop.Connection) -> None:
    cursor = filled.execute(ALL)
    cursor.fetchone()
    table = cursor.fetch_arrow()
    assert table.column("pid").to_pylist() == [2, 3]
    assert cursor.fetch_arrow().num_rows == 0


@pytest.mark.parametrize("where", ["", " WHERE pid > 9"])
def test_arrow_has_the_types_of_the_columns(filled: outcrop.Connection, where: str) -> None:
    table = filled.execute(f"SELECT pid, pname, paid FROM t{where}").fetch_arrow()
    assert table.schema.names == ["pid", "pname", "paid"]
    assert table.schema.types == [pa.int32(), pa.string(), pa.decimal128(8, 2)]


def test_a_data_frame(filled: outcrop.Connection) -> None:
    pytest.importorskip("pandas")
    frame = filled.execute(ALL).fetch_df()
    assert list(frame["pname"]) == ["Ann", "Bo", "Çelik"]


def test_cursors_of_a_connection_keep_their_rows(filled: outcrop.Connection) -> None:
    first, second = filled.execute(ALL), filled.execute("SELECT 'other'")
    assert second.fetchall() == [("other",)]
    assert first.fetchall() == ROWS


def test_each_statement_commits_by_itself(tmp_path: Path) -> None:
    with outcrop.connect(tmp_path) as writer, outcrop.connect(tmp_path) as reader:
        writer.execute("CREATE TABLE t (n integer)")
        writer.execute("INSERT INTO t VALUES (1)")
        assert reader.execute("SELECT n FROM t").fetchall() == [(1,)]
        writer.rollback()
        assert reader.execute("SELECT n FROM t").fetchall() == [(1,)]


def test_begin_opens_a_transaction(tmp_path: Path) -> None:
    with outcrop.connect(tmp_path) as writer, outcrop.connect(tmp_path) as reader:
        writer.execute("CREATE TABLE t (n integer)")
        writer.execute("BEGIN")
        writer.execute("INSERT INTO t VALUES (1)")
        assert reader.execute("SELECT n FROM t").fetchall() == []
        with pytest.raises(dbapi.InterfaceError, match="inside a transaction"):
            writer.autocommit = False
        writer.rollback()
        assert writer.execute("SELECT n FROM t").fetchall() == []


def test_without_autocommit_a_transaction_begins_by_itself(tmp_path: Path) -> None:
    with outcrop.connect(tmp_path) as reader:
        reader.execute("CREATE TABLE t (n integer)")
        with outcrop.connect(tmp_path, autocommit=False) as writer:
            writer.execute("INSERT INTO t VALUES (1)")
            writer.rollback()
            writer.execute("INSERT INTO t VALUES (2)")
            assert reader.execute("SELECT n FROM t").fetchall() == []
            writer.commit()
            assert reader.execute("SELECT n FROM t").fetchall() == [(2,)]
            writer.execute("INSERT INTO t VALUES (3)")
        assert reader.execute("SELECT count(*) FROM t").fetchall() == [(2,)]


def test_leaving_by_an_exception_rolls_back(tmp_path: Path) -> None:
    with outcrop.connect(tmp_path) as reader:
        reader.execute("CREATE TABLE t (n integer)")
        with pytest.raises(outcrop.ProgrammingError):
            insert_and_fail(tmp_path)
        assert reader.execute("SELECT n FROM t").fetchall() == []


def insert_and_fail(path: Path) -> None:
    with outcrop.connect(path, autocommit=False) as writer:
        writer.execute("INSERT INTO t VALUES (1)")
        writer.execute("SELECT m FROM t")


def test_executemany_is_all_or_nothing(filled: outcrop.Connection) -> None:
    cursor = filled.cursor()
    with pytest.raises(outcrop.Error):
        cursor.executemany("INSERT INTO t VALUES (?, 'x', 1)", [(8,), ("no number",)])
    assert filled.execute("SELECT count(*) FROM t").fetchone() == (3,)
    with pytest.raises(outcrop.ProgrammingError, match="give no rows"):
        cursor.executemany("SELECT ?", [(1,)])


def test_errors_of_a_statement(filled: outcrop.Connection) -> None:
    with pytest.raises(outcrop.ProgrammingError) as caught:
        filled.execute("SELECT pnme FROM t")
    assert isinstance(caught.value, errors.UndefinedColumn)
    assert caught.value.sqlstate == "42703"
    assert caught.value.hint is not None
    assert re.search("pname", caught.value.hint)


def test_what_is_closed_says_so(connection: outcrop.Connection) -> None:
    cursor = connection.execute("SELECT 1")
    cursor.close()
    with pytest.raises(outcrop.InterfaceError, match="the cursor is closed"):
        cursor.fetchone()
    with pytest.raises(outcrop.InterfaceError, match="no rows to fetch"):
        connection.cursor().fetchone()
    connection.close()
    connection.close()
    for use in (connection.cursor, connection.commit, connection.cancel):
        with pytest.raises(outcrop.InterfaceError, match="the connection is closed"):
            use()


def test_a_warehouse_that_must_exist(tmp_path: Path) -> None:
    with pytest.raises(outcrop.OperationalError):
        outcrop.connect(tmp_path / "missing", create=False)
    assert not (tmp_path / "missing").exists()


def test_the_warehouse_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUTCROP_WAREHOUSE", str(tmp_path / "mine"))
    with outcrop.connect():
        assert (tmp_path / "mine").is_dir()
