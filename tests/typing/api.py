"""The public API as users type it. Never run: `make lint` checks it with mypy and pyright."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import outcrop
from outcrop import errors


def connect() -> outcrop.Connection:
    outcrop.connect()
    outcrop.connect(Path("shop"), create=False)
    return outcrop.connect("shop", user="ann", autocommit=False)


def query(connection: outcrop.Connection) -> Iterator[tuple[Any, ...]]:
    cursor = assert_type(connection.cursor(), outcrop.Cursor)
    assert_type(cursor.execute("SELECT 1"), outcrop.Cursor)
    cursor.execute("SELECT ?", (1,))
    cursor.execute("SELECT :name", {"name": "Ann"})
    cursor.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
    assert_type(cursor.fetchone(), tuple[Any, ...] | None)
    assert_type(cursor.fetchmany(5), list[tuple[Any, ...]])
    assert_type(cursor.fetchall(), list[tuple[Any, ...]])
    assert_type(cursor.rowcount, int)
    yield from cursor
    with connection:
        connection.execute("DELETE FROM t")
        connection.commit()
        connection.rollback()
    connection.cancel()
    connection.close()


def fail(connection: outcrop.Connection) -> str | None:
    try:
        connection.execute("SELECT 1")
    except errors.UndefinedColumn as error:
        assert_type(error.sqlstate, str)
        assert_type(error.position, errors.Position | None)
        return error.hint
    except outcrop.ProgrammingError as error:
        return str(error)
    return None


def embed(path: Path) -> None:
    def note(notice: outcrop.Notice) -> None:
        assert_type(notice.severity, str)
        assert_type(notice.hint, str | None)

    with outcrop.Warehouse.open(path) as warehouse:
        session = assert_type(warehouse.open_session(on_notice=note), outcrop.Session)
        result = session.execute("SELECT 1")
        assert_type(result.tag, str)
        assert_type(result.rowcount, int)
        for row in result.rows():
            assert_type(row, tuple[object, ...])
        result.close()
        session.cancel()
        session.close()
