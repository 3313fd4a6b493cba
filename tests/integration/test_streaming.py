"""Rows leave in order as soon as they are answered, and a result that is let go asks no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.config import parse_config
from outcrop.errors import QueryCanceled, RowsFailed
from outcrop.execution.result import Notice
from outcrop.session import Session
from outcrop.warehouse import Warehouse

ROWS = 200
CONCURRENCY = 4


class Client:
    """A session on a slow scripted model, with a table of `ROWS` prompts."""

    def __init__(self, session: Session, notices: list[Notice]) -> None:
        self.session = session
        self.notices = notices

    def calls(self) -> int:
        """Return how many calls the journal knows of."""
        [(count,)] = self.session.execute("SELECT count(*) FROM sys_llm_call").rows()
        assert isinstance(count, int)
        return count


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    config = parse_config(
        {
            "settings": {"max_concurrency": CONCURRENCY},
            "providers": {
                "slow": {"kind": "scripted", "latency_ms": 20, "fail_matching": "poison"}
            },
        }
    )
    notices: list[Notice] = []
    with Warehouse.open(tmp_path / "w", config=config) as warehouse:
        session = warehouse.open_session(on_notice=notices.append)
        session.execute("CREATE TABLE t (i integer, p varchar(40))")
        values = ", ".join(f"({n}, 'prompt {n}')" for n in range(1, ROWS + 1))
        session.execute(f"INSERT INTO t VALUES {values}")
        session.execute(
            "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
            "SETTINGS (MODEL_ID 'm', ENDPOINT 'slow')"
        )
        yield Client(session, notices)


def test_the_first_row_does_not_wait_for_the_last(client: Client) -> None:
    rows = client.session.execute("SELECT i, f(p) FROM t ORDER BY i DESC").rows()

    assert next(rows)[0] == ROWS
    progress = client.session.progress()
    assert progress is not None
    assert progress.done < ROWS
    assert [row[0] for row in rows] == list(range(ROWS - 1, 0, -1))
    assert client.calls() == ROWS


def test_a_result_that_is_let_go_asks_no_more(client: Client) -> None:
    result = client.session.execute("SELECT i, f(p) FROM t")
    next(result.rows())
    result.close()

    assert client.session.progress() is None
    assert 0 < client.calls() < ROWS
    assert "calls" in client.notices[-1].message


def test_the_next_statement_lets_go_of_the_result(client: Client) -> None:
    rows = client.session.execute("SELECT i, f(p) FROM t").rows()
    next(rows)

    assert list(client.session.execute("SELECT 1").rows()) == [(1,)]
    assert client.calls() < ROWS


def test_a_canceled_result_raises_and_keeps_its_answers(client: Client) -> None:
    rows = client.session.execute("SELECT i, f(p) FROM t").rows()
    first = next(rows)
    client.session.cancel()

    with pytest.raises(QueryCanceled):
        list(rows)
    assert first[0] == 1
    assert 0 < client.calls() < ROWS
    assert len(list(client.session.execute("SELECT i, f(p) FROM t").rows())) == ROWS


def test_no_row_leaves_from_the_first_failed_one_on(client: Client) -> None:
    client.session.execute("UPDATE t SET p = 'poison' WHERE i = 100")
    rows = client.session.execute("SELECT i, f(p) FROM t ORDER BY i").rows()
    seen: list[object] = []

    def read() -> None:
        seen.extend(row[0] for row in rows)

    with pytest.raises(RowsFailed, match="row 100"):
        read()
    assert seen == list(range(1, 100))
    assert client.calls() == ROWS


def test_statement_timeout_covers_the_rows(client: Client) -> None:
    client.session.execute("SET statement_timeout TO 300")
    rows = client.session.execute("SELECT i, f(p) FROM t").rows()

    with pytest.raises(QueryCanceled, match=r"statement_timeout \(300 ms\)"):
        list(rows)
    client.session.execute("SET statement_timeout TO 0")
    assert client.calls() < ROWS


def test_a_failure_while_reading_aborts_an_open_transaction(client: Client) -> None:
    client.session.execute("BEGIN")
    client.session.execute("UPDATE t SET p = 'poison' WHERE i = 1")
    rows = client.session.execute("SELECT f(p) FROM t WHERE i < 3").rows()

    with pytest.raises(RowsFailed):
        list(rows)
    assert client.session.execute("COMMIT").tag == "ROLLBACK"
    assert list(client.session.execute("SELECT p FROM t WHERE i = 1").rows()) == [("prompt 1",)]


def test_rows_of_predicates_in_batches_leave_after_their_batch(client: Client) -> None:
    for function in ("a", "b"):
        client.session.execute(
            f"CREATE EXTERNAL MODEL m{function} FUNCTION {function} IAM_ROLE default "
            f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID 'm{function}', ENDPOINT 'slow')"
        )
    query = "SELECT i FROM t WHERE a(p) <> 'x' AND b(p) <> 'y'"
    rows = client.session.execute(f"{query} ORDER BY i DESC").rows()

    assert next(rows)[0] == ROWS
    assert client.session.progress() is not None
    assert [row[0] for row in rows] == list(range(ROWS - 1, 0, -1))
    assert client.calls() == 2 * ROWS


def test_a_batch_with_a_failed_row_gives_no_rows_and_the_rest_is_asked(client: Client) -> None:
    for function in ("a", "b"):
        client.session.execute(
            f"CREATE EXTERNAL MODEL m{function} FUNCTION {function} IAM_ROLE default "
            f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID 'm{function}', ENDPOINT 'slow')"
        )
    client.session.execute("UPDATE t SET p = 'poison' WHERE i = 150")
    rows = client.session.execute("SELECT i FROM t WHERE a(p) <> 'x' AND b(p) <> 'y'").rows()
    seen: list[object] = []

    def read() -> None:
        seen.extend(row[0] for row in rows)

    with pytest.raises(RowsFailed, match="poison"):
        read()
    assert seen == list(range(1, len(seen) + 1))
    assert 0 < len(seen) < 150
    assert client.calls() >= 2 * ROWS - 1
