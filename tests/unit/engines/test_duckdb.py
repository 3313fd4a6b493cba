"""The DuckDB engine, on real DuckDB files: sessions, streams, types, and what keeps it closed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from outcrop.datatypes import TypeKind
from outcrop.engines.base import Engine, EngineSession
from outcrop.engines.duckdb import STORE, DuckDbEngine, DuckDbSession
from outcrop.errors import (
    ConstraintViolated,
    DatatypeMismatch,
    DiskFull,
    DivisionByZero,
    DuplicateObject,
    Error,
    FileUnavailable,
    InternalError,
    InvalidGrouping,
    InvalidValue,
    LoadFailed,
    NotAWarehouse,
    QueryCanceled,
    SerializationConflict,
    StringTooLong,
    TransactionAborted,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedRelation,
    WarehouseBusy,
)

T = f"{STORE}.public.t"


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDbEngine]:
    engine = DuckDbEngine(tmp_path / "warehouse.duckdb")
    setup = engine.open_session()
    setup.execute(f"CREATE SCHEMA {STORE}.public")
    setup.execute(
        f"CREATE TABLE {T} (i INTEGER NOT NULL, s VARCHAR CHECK (strlen(s) <= 3), v VARIANT)"
    )
    yield engine
    engine.close()


@pytest.fixture
def session(engine: DuckDbEngine) -> DuckDbSession:
    return engine.open_session()


def rows(session: EngineSession, sql: str) -> list[tuple[object, ...]]:
    result = session.query(sql)
    columns = range(len(result.columns))
    return [
        tuple(batch.column(c)[r].as_py() for c in columns)
        for batch in result.batches()
        for r in range(batch.num_rows)
    ]


def test_it_is_an_engine(engine: DuckDbEngine) -> None:
    as_engine: Engine = engine
    assert as_engine.dialect == "duckdb"
    assert rows(as_engine.open_session(), "SELECT 1") == [(1,)]


def test_execute_counts_the_rows_it_changed(session: DuckDbSession) -> None:
    assert session.execute("CREATE TEMP TABLE x (a INTEGER)") == 0
    assert session.execute("INSERT INTO x VALUES (1), (2), (3)") == 3
    assert session.execute("UPDATE x SET a = 9 WHERE a > 1") == 2
    assert session.execute("DELETE FROM x") == 3


def test_arithmetic_and_null_order_are_redshifts(session: DuckDbSession) -> None:
    assert rows(session, "SELECT 5 / 2, -7 / 2, 10.00 / 4") == [(2, -3, 2.5)]
    ordered = "SELECT a FROM (VALUES (2), (NULL), (1)) AS x(a) ORDER BY a"
    assert rows(session, ordered) == [(1,), (2,), (None,)]
    assert rows(session, "SELECT current_setting('TimeZone')") == [("UTC",)]


def test_a_session_may_change_its_own_time_zone_alone(engine: DuckDbEngine) -> None:
    one, two = engine.open_session(), engine.open_session()
    one.execute("SET TimeZone = 'Asia/Tokyo'")
    query = "SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00'::VARCHAR"
    assert rows(one, query) == [("2026-01-01 09:00:00+09",)]
    assert rows(two, query) == [("2026-01-01 00:00:00+00",)]


@pytest.mark.parametrize(
    ("sql", "kind", "arrow", "value"),
    [
        ("1::TINYINT", TypeKind.SMALLINT, pa.int16(), 1),
        ("1::UBIGINT", TypeKind.DECIMAL, pa.decimal128(38, 0), Decimal(1)),
        ("1::HUGEINT", TypeKind.DECIMAL, pa.decimal128(38, 0), Decimal(1)),
        ("1.5::DECIMAL(10,2)", TypeKind.DECIMAL, pa.decimal128(10, 2), Decimal("1.50")),
        ("NULL", TypeKind.UNKNOWN, pa.string(), None),
        ("[1, 2]", TypeKind.SUPER, pa.string(), "[1,2]"),
        ("{'a': {'b': 1}}", TypeKind.SUPER, pa.string(), '{"a":{"b":1}}'),
        ("MAP {'k': 1}", TypeKind.SUPER, pa.string(), '{"k":1}'),
        ("'[1]'::JSON", TypeKind.SUPER, pa.string(), "[1]"),
        ("'x'::VARIANT", TypeKind.SUPER, pa.string(), '"x"'),
        ("'a'::ENUM ('a')", TypeKind.VARCHAR, pa.string(), "a"),
        ("'101'::BIT", TypeKind.VARCHAR, pa.string(), "101"),
        ("TIMETZ '10:00:00+01'", TypeKind.TIMETZ, pa.string(), "10:00:00+01"),
        ("'ab'::BLOB", TypeKind.VARBYTE, pa.binary(), b"ab"),
        ("TRUE", TypeKind.BOOLEAN, pa.bool_(), True),
        ("1::FLOAT", TypeKind.REAL, pa.float32(), 1.0),
    ],
)
def test_every_type_leaves_as_ours(
    session: DuckDbSession, sql: str, kind: TypeKind, arrow: pa.DataType, value: object
) -> None:
    (described,) = session.describe(f"SELECT {sql} AS x")
    result = session.query(f"SELECT {sql} AS x")
    (batch,) = list(result.batches())
    assert (described.name, described.datatype.kind) == ("x", kind)
    assert result.columns == (described,)
    assert batch.schema.field(0).name == "x"
    assert batch.schema.field(0).type == arrow
    assert batch.column(0).to_pylist() == [value]


def test_decimals_keep_their_parameters(session: DuckDbSession) -> None:
    (column,) = session.describe("SELECT 1.5::DECIMAL(10,2)")
    assert str(column.datatype) == "numeric(10,2)"


def test_describe_runs_nothing(session: DuckDbSession) -> None:
    (column,) = session.describe("SELECT error('it ran') AS e")
    assert column.name == "e"
    with pytest.raises(InternalError, match="not one query"):
        session.describe(f"INSERT INTO {T} VALUES (1, 'a', NULL)")
    with pytest.raises(InternalError, match="not one query"):
        session.query(f"SELECT 1; DELETE FROM {T}")


def test_super_is_variant_inside_and_json_text_outside(session: DuckDbSession) -> None:
    session.execute(
        f'INSERT INTO {T} VALUES (1, \'a\', json(\'{{"a":{{"b":[10,20]}},"Q":"x"}}\')::VARIANT)'
    )
    assert rows(session, f"SELECT v, i, v FROM {T}") == [
        ('{"Q":"x","a":{"b":[10,20]}}', 1, '{"Q":"x","a":{"b":[10,20]}}')
    ]
    assert session.materialize("stage", f"SELECT v AS doc FROM {T}") == 1
    assert rows(session, "SELECT doc.a.b[1], doc.nothing FROM stage") == [("10", None)]
    assert session.describe("SELECT doc FROM stage")[0].datatype.kind is TypeKind.SUPER


def test_repeated_and_odd_column_names_survive_the_export(session: DuckDbSession) -> None:
    result = session.query('SELECT 1 AS a, \'x\'::VARIANT AS a, 2 AS "we""ird" -- the end')
    (batch,) = list(result.batches())
    assert [c.name for c in result.columns] == ["a", "a", 'we"ird']
    assert batch.schema.names == ["a", "a", 'we"ird']
    assert [column.to_pylist() for column in batch.columns] == [[1], ['"x"'], [2]]


def test_the_export_keeps_the_order(session: DuckDbSession) -> None:
    query = "SELECT {'k': i} AS v FROM range(300000) AS t(i) ORDER BY (i * 7919) % 300007"
    texts = [row[0] for row in rows(session, query)]
    assert texts == [
        f'{{"k":{i}}}' for i in sorted(range(300000), key=lambda i: (i * 7919) % 300007)
    ]


def test_results_stream_in_bounded_memory(session: DuckDbSession) -> None:
    pool = pa.default_memory_pool()
    before, count, peak = pool.bytes_allocated(), 0, 0
    started = time.monotonic()
    result = session.query("SELECT i, repeat('x', 100) AS s FROM range(3000000) AS t(i)")
    for batch in result.batches():
        if not count:
            first_s = time.monotonic() - started
        count += batch.num_rows
        peak = max(peak, pool.bytes_allocated() - before, batch.nbytes)
    assert count == 3_000_000
    assert peak < 50_000_000
    assert first_s < time.monotonic() - started


def test_a_result_may_be_left_half_read(session: DuckDbSession) -> None:
    result = session.query("SELECT i FROM range(1000000) AS t(i)")
    batches = result.batches()
    assert next(batches).num_rows > 0
    result.close()
    result.close()
    assert rows(session, "SELECT 2") == [(2,)]


def test_the_next_statement_closes_an_open_result(session: DuckDbSession) -> None:
    batches = session.query("SELECT i FROM range(1000000) AS t(i)").batches()
    next(batches)
    assert session.execute("CREATE TEMP TABLE x (a INTEGER)") == 0
    with pytest.raises(InternalError, match="closed"):
        next(batches)


def test_an_error_within_a_stream_is_ours(session: DuckDbSession) -> None:
    bad = "SELECT (CASE WHEN i = 500000 THEN 'x' ELSE i::VARCHAR END)::INT FROM range(600000) t(i)"
    with pytest.raises(InvalidValue, match=r"Could not convert string 'x' to integer$"):
        rows(session, bad)
    assert rows(session, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("is_streaming", [True, False])
def test_interrupt_from_another_thread(session: DuckDbSession, is_streaming: bool) -> None:
    session.interrupt()  # nothing runs: nothing happens
    query = "SELECT a.i FROM range(100000000) a(i), range(100000) b(i) WHERE a.i * b.i = -1"
    timer = threading.Timer(0.2, session.interrupt)
    timer.start()
    with pytest.raises(QueryCanceled):
        rows(session, query) if is_streaming else session.execute(f"CREATE TEMP TABLE x AS {query}")
    timer.join()
    assert rows(session, "SELECT 1") == [(1,)]


def test_an_interrupt_leaves_other_sessions_alone(engine: DuckDbEngine) -> None:
    one, two = engine.open_session(), engine.open_session()
    batches = two.query("SELECT i FROM range(100000) AS t(i)").batches()
    count = next(batches).num_rows
    one.interrupt()
    assert count + sum(batch.num_rows for batch in batches) == 100_000


def test_transactions_are_isolated(engine: DuckDbEngine) -> None:
    one, two = engine.open_session(), engine.open_session()
    one.begin()
    one.execute(f"INSERT INTO {T} VALUES (1, 'a', NULL)")
    assert rows(two, f"SELECT count(*) FROM {T}") == [(0,)]
    one.rollback()
    one.rollback()
    assert rows(one, f"SELECT count(*) FROM {T}") == [(0,)]
    one.begin()
    one.execute(f"INSERT INTO {T} VALUES (1, 'a', NULL)")
    one.commit()
    assert rows(two, f"SELECT i, s FROM {T}") == [(1, "a")]


def test_two_writers_of_a_row_conflict(engine: DuckDbEngine) -> None:
    one, two = engine.open_session(), engine.open_session()
    one.execute(f"INSERT INTO {T} VALUES (1, 'a', NULL)")
    one.begin()
    two.begin()
    one.execute(f"UPDATE {T} SET s = 'b'")
    with pytest.raises(SerializationConflict) as caught:
        two.execute(f"UPDATE {T} SET s = 'c'")
    assert caught.value.sqlstate == "40001"
    with pytest.raises(TransactionAborted):
        two.query("SELECT 1")
    two.rollback()
    one.commit()
    assert rows(two, f"SELECT s FROM {T}") == [("b",)]


def test_temporary_relations_belong_to_their_session(engine: DuckDbEngine) -> None:
    one, two = engine.open_session(), engine.open_session()
    assert one.materialize("stage", "SELECT 1 AS a") == 1
    assert two.materialize("stage", "SELECT * FROM range(5)") == 5
    assert rows(one, "SELECT * FROM stage") == [(1,)]
    one.drop("stage")
    one.drop("stage")
    with pytest.raises(UndefinedRelation):
        one.query("SELECT * FROM stage")
    assert rows(two, "SELECT count(*) FROM stage") == [(5,)]


SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])


def batch_of(first: int, count: int) -> pa.RecordBatch:
    ids = list(range(first, first + count))
    return pa.record_batch([pa.array(ids), pa.array([f"t{i}" for i in ids])], schema=SCHEMA)


def test_load_arrow(session: DuckDbSession) -> None:
    batches = (batch_of(k * 1000, 1000) for k in range(20))
    assert session.load_arrow("in 1", batches, SCHEMA) == 20_000
    assert rows(session, 'SELECT count(*), min(text), max(id) FROM "in 1"') == [
        (20_000, "t0", 19_999)
    ]
    assert session.load_arrow("empty", iter(()), SCHEMA) == 0
    assert [c.name for c in session.describe("SELECT * FROM empty")] == ["id", "text"]


def test_load_arrow_takes_part_in_a_transaction(session: DuckDbSession) -> None:
    session.begin()
    session.load_arrow("x", iter([batch_of(1, 2)]), SCHEMA)
    session.execute(f"INSERT INTO {T} SELECT id, text, NULL FROM x")
    session.commit()
    assert rows(session, f"SELECT i, s FROM {T} ORDER BY i") == [(1, "t1"), (2, "t2")]
    session.begin()
    session.load_arrow("y", iter([batch_of(1, 2)]), SCHEMA)
    session.rollback()
    with pytest.raises(UndefinedRelation):
        session.query("SELECT * FROM y")


@pytest.mark.parametrize("in_transaction", [False, True])
def test_an_error_of_the_batches_comes_out_as_it_is(
    session: DuckDbSession, in_transaction: bool
) -> None:
    def failing() -> Iterator[pa.RecordBatch]:
        yield batch_of(0, 1)
        raise LoadFailed("line 7")

    if in_transaction:
        session.begin()
    with pytest.raises(LoadFailed, match="line 7"):
        session.load_arrow("x", failing(), SCHEMA)
    session.rollback()
    assert session.load_arrow("x", iter([batch_of(0, 1)]), SCHEMA) == 1


def test_constraints(session: DuckDbSession) -> None:
    with pytest.raises(StringTooLong, match="for column 's': its limit is 3 bytes"):
        session.execute(f"INSERT INTO {T} VALUES (1, 'äö', NULL)")
    with pytest.raises(ConstraintViolated, match=r"NOT NULL constraint failed: t\.i"):
        session.execute(f"INSERT INTO {T} VALUES (NULL, 'a', NULL)")
    session.execute(f'CREATE TABLE {STORE}.public.u ("a b" VARCHAR CHECK (strlen("a b") <= 1))')
    with pytest.raises(StringTooLong, match="'a b': its limit is 1 "):
        session.execute(f"INSERT INTO {STORE}.public.u VALUES ('ab')")


@pytest.mark.parametrize(
    ("sql", "error", "message"),
    [
        ("SELECT 'x'::INT", InvalidValue, "Could not convert string 'x' to integer"),
        ("SELECT 'INT32'::DATE", InvalidValue, 'field format: "INT32", expected'),
        ("SELECT 2147483647::INT + 1::INT", InvalidValue, "Overflow in addition of integer"),
        ("SELECT 1 % 0", DivisionByZero, "^division by zero$"),
        ("SELECT 'a'::VARCHAR + 1", DatatypeMismatch, r"'\+\(.*, .*\)'$"),
        ("SELECT CASE WHEN TRUE THEN 1 ELSE DATE '2020-01-01' END", DatatypeMismatch, "mix"),
        ("SELECT a, count(*) FROM (SELECT 1 AS a)", InvalidGrouping, "GROUP BY clause"),
        (f"SELECT nope FROM {T}", UndefinedColumn, '"nope" not found in FROM clause$'),
        ("SELECT nofunc(1)", UndefinedFunction, "nofunc does not exist$"),
        (f"SELECT * FROM {STORE}.public.zz", UndefinedRelation, "name zz does not exist$"),
        ("SELEC 1", InternalError, "syntax error"),
        (
            f"SELECT * FROM {STORE}.nope.zz",
            UndefinedRelation,
            '^Table with name "nope.zz" does not exist because schema "nope" does not exist$',
        ),
    ],
)
def test_errors_are_ours(
    session: DuckDbSession, sql: str, error: type[Error], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        rows(session, sql)
    assert type(caught.value) is error
    assert STORE not in caught.value.message
    assert "LINE 1" not in caught.value.message


def test_a_relation_that_exists_twice(session: DuckDbSession) -> None:
    with pytest.raises(DuplicateObject, match='"t" already exists'):
        session.execute(f"CREATE TABLE {T} (i INTEGER)")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_blob('/etc/passwd')",
        "SELECT * FROM read_parquet('/etc/passwd')",
        "SELECT * FROM read_json('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM '/etc/passwd.csv'",
        "SELECT * FROM 'https://example.com/x.csv'",
        "COPY (SELECT 1) TO '{out}'",
        f"COPY {T} FROM '/etc/passwd'",
        "EXPORT DATABASE '{out}'",
        "ATTACH '{out}' AS other",
        "INSTALL httpfs",
        "LOAD httpfs",
        "LOAD '/tmp/x.duckdb_extension'",
        "SET enable_external_access = true",
        "SET lock_configuration = false",
        "SET allowed_directories = ['/']",
        "SET threads = 1",
        "SET temp_directory = '{out}'",
        "RESET enable_external_access",
        "PRAGMA enable_profiling = 'json'",
        "PRAGMA profiling_output = '{out}'",
        "SELECT * FROM hostage",
        "CREATE PERSISTENT SECRET s (TYPE s3)",
    ],
)
def test_sql_cannot_leave_the_warehouse(session: DuckDbSession, tmp_path: Path, sql: str) -> None:
    hostage = pa.table({"a": [1]})
    out = tmp_path / "out"
    with pytest.raises(Error):
        session.execute(sql.format(out=out))
    assert not out.exists()
    assert hostage.num_rows == 1


def test_large_sorts_spill_beside_the_warehouse(tmp_path: Path) -> None:
    engine = DuckDbEngine(tmp_path / "warehouse.duckdb")
    (spill,) = rows(engine.open_session(), "SELECT current_setting('temp_directory')")
    assert spill == (str(tmp_path / "tmp"),)
    engine.close()


OPEN = (
    "import sys; from pathlib import Path; from outcrop.engines.duckdb import DuckDbEngine;"
    "engine = DuckDbEngine(Path(sys.argv[1]));"
)


def test_a_second_process_is_told_who_has_the_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    other = subprocess.Popen(
        [sys.executable, "-c", OPEN + "print('open', flush=True); sys.stdin.read()", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(WarehouseBusy) as caught:
            DuckDbEngine(path)
        assert f"(pid {other.pid})" in caught.value.message
        assert caught.value.hint == "End that process, or use another warehouse."
        other.communicate("")
    DuckDbEngine(path).close()


def test_a_warehouse_is_opened_once_in_a_process(engine: DuckDbEngine, tmp_path: Path) -> None:
    with pytest.raises(WarehouseBusy, match="already in this process"):
        DuckDbEngine(tmp_path / "warehouse.duckdb")


def test_closing_frees_the_file_though_sessions_are_open(tmp_path: Path) -> None:
    engine = DuckDbEngine(tmp_path / "warehouse.duckdb")
    session = engine.open_session()
    session.execute(f"CREATE TABLE {STORE}.main.x AS SELECT 42 AS a")
    next(session.query("SELECT * FROM range(1000000)").batches())
    engine.close()
    engine.close()
    session.close()
    again = DuckDbEngine(tmp_path / "warehouse.duckdb")
    assert rows(again.open_session(), f"SELECT a FROM {STORE}.main.x") == [(42,)]
    again.close()


@pytest.mark.parametrize("content", [b"hello " * 3000, b"", b"SQLite format 3\0" + b"\0" * 8176])
def test_a_file_of_something_else(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "warehouse.duckdb"
    path.write_bytes(content)
    with pytest.raises(NotAWarehouse, match="not the file of a warehouse"):
        DuckDbEngine(path)
    assert path.read_bytes() == content


def test_places_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(FileUnavailable, match="No such file"):
        DuckDbEngine(tmp_path / "missing" / "warehouse.duckdb")
    with pytest.raises(FileUnavailable):
        DuckDbEngine(tmp_path)
    if Path("/dev/full").exists():
        with pytest.raises(DiskFull):
            DuckDbEngine(Path("/dev/full"))


def test_kill_while_writing_keeps_every_acknowledged_row(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            OPEN + "s = engine.open_session();"
            f"s.execute('CREATE TABLE {STORE}.main.x (a INTEGER)')\n"
            "for i in range(100000):\n"
            f"  s.execute(f'INSERT INTO {STORE}.main.x VALUES ({{i}})'); print(i, flush=True)",
            str(path),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 30:
                writer.send_signal(signal.SIGKILL)
                break
        acknowledged = 30
        with contextlib.suppress(ValueError):  # the last line may be torn
            for line in writer.stdout:
                acknowledged = int(line)
    engine = DuckDbEngine(path)
    ((count, highest),) = rows(
        engine.open_session(), f"SELECT count(*)::INT, max(a) FROM {STORE}.main.x"
    )
    engine.close()
    assert acknowledged <= highest <= acknowledged + 1
    assert count == highest + 1


def test_in_memory(tmp_path: Path) -> None:
    engine = DuckDbEngine(None)
    session = engine.open_session()
    session.execute(f"CREATE TABLE {STORE}.main.x AS SELECT 1 AS a")
    assert rows(session, f"SELECT a FROM {STORE}.main.x") == [(1,)]
    engine.close()


def test_a_transaction_that_an_interruption_aborted_says_so(session: DuckDbSession) -> None:
    session.begin()
    session.interrupt()  # and met something of which nobody showed the error
    with pytest.raises(Error):
        next(session.query("SELECT error('stands for what was met')").batches())
    with pytest.raises(QueryCanceled):
        session.execute("CREATE TEMP TABLE x (i INTEGER)")
    session.rollback()

    session.begin()
    with pytest.raises(Error):
        next(session.query("SELECT error('no interruption')").batches())
    with pytest.raises(TransactionAborted):
        session.execute("CREATE TEMP TABLE x (i INTEGER)")
    session.rollback()
