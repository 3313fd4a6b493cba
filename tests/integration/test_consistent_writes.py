"""Statements that ask models and write: one snapshot to read, one short write at the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from outcrop.config import parse_config
from outcrop.errors import BudgetExceeded, Error, QueryCanceled, RowsFailed, SerializationConflict
from outcrop.execution.result import Notice
from outcrop.session import Session
from outcrop.warehouse import Warehouse
from tests.emulated import wait_until

ROWS = 60
Rows = list[tuple[object, ...]]


class Running:
    """A statement that runs in a thread of its own, and what it came to."""

    def __init__(self, session: Session, sql: str) -> None:
        self._session = session
        self._sql = sql
        self._error: Error | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        wait_until(lambda: self.done() >= 1, "an answer")

    def done(self) -> int:
        """Return how many calls are done; 0 where none were begun."""
        progress = self._session.progress()
        return 0 if progress is None else progress.done

    def is_asking(self) -> bool:
        """Whether it still waits for answers."""
        return self._session.progress() is not None and self.done() < ROWS

    def _run(self) -> None:
        try:
            self._session.execute(self._sql)
        except Error as error:
            self._error = error

    def end(self) -> None:
        """Wait for its end; raises its error."""
        self._thread.join()
        if self._error is not None:
            raise self._error


class Clinic:
    """Two sessions of a warehouse with `t` (i, p, v), and a slow model `f` of known price."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.notices: list[Notice] = []
        self.asker = warehouse.open_session(on_notice=self.notices.append)
        self.other = warehouse.open_session()
        self.run("CREATE TABLE t (i integer, p varchar(40), v varchar(200))")
        self.run("CREATE TABLE u (i integer)")
        values = ", ".join(f"({n}, 'prompt {n}')" for n in range(1, ROWS + 1))
        self.run(f"INSERT INTO t (i, p) VALUES {values}")
        self.run(
            "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
            "SETTINGS (MODEL_ID 'm', ENDPOINT 'slow')"
        )

    def run(self, sql: str) -> Rows:
        """Run a statement of the other session."""
        result = self.other.execute(sql)
        return list(result.rows()) if result.columns else []

    def ask(self, sql: str) -> None:
        """Run a statement of the asking session to its end."""
        self.notices.clear()
        self.asker.execute(sql)

    def start(self, sql: str) -> Running:
        """Have the asking session begin a statement; return when its first answer is there."""
        return Running(self.asker, sql)

    def answers(self) -> int:
        """Return how many answers the journal has."""
        [(count,)] = self.run("SELECT count(*) FROM sys_llm_call WHERE status = 'answered'")
        assert isinstance(count, int)
        return count


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 1.0, "as_of": "2026-11-23"}
    config = parse_config(
        {
            "settings": {"max_concurrency": 2, "max_tokens_default": 50},
            "providers": {
                "slow": {"kind": "scripted", "latency_ms": 40, "fail_matching": "poison"}
            },
            "prices": {"m": price},
        }
    )
    with Warehouse.open(tmp_path / "w", config=config) as warehouse:
        yield Clinic(warehouse)


def test_others_write_while_a_statement_asks_and_it_does_not_see_what_they_wrote(
    clinic: Clinic,
) -> None:
    running = clinic.start("CREATE TABLE a AS SELECT i, f(p) AS v FROM t")
    clinic.run("INSERT INTO u VALUES (1)")
    clinic.run("INSERT INTO t (i, p) VALUES (1000, 'late')")
    clinic.run("UPDATE t SET p = 'changed' WHERE i = 1")
    clinic.run("DELETE FROM t WHERE i = 2")
    clinic.run("CREATE TABLE other AS SELECT 1 AS one")
    assert running.is_asking()
    running.end()
    assert clinic.run("SELECT count(*), max(i), count(v) FROM a") == [(ROWS, ROWS, ROWS)]
    assert clinic.run("SELECT v LIKE 'answer to: prompt 1 %' FROM a WHERE i = 1") == [(True,)]
    assert clinic.run("SELECT count(*) FROM t") == [(ROWS,)]


def test_all_stages_of_a_statement_read_one_snapshot(clinic: Clinic) -> None:
    running = clinic.start(
        "CREATE TABLE a AS SELECT b.i, f(b.v || ' again') AS v, n FROM "
        "(SELECT i, f(p) AS v FROM t WHERE f(p) <> '') AS b CROSS JOIN "
        "(SELECT count(*) AS n FROM t) AS c WHERE b.i IN (SELECT i FROM t)"
    )
    clinic.run("DELETE FROM t WHERE i > 10")
    clinic.run("INSERT INTO t (i, p) VALUES (1000, 'late')")
    assert running.is_asking()
    running.end()
    assert clinic.run("SELECT count(*), min(n), max(n), max(i) FROM a") == [
        (ROWS, ROWS, ROWS, ROWS)
    ]


def test_others_may_insert_into_the_table_that_a_statement_inserts_into(clinic: Clinic) -> None:
    running = clinic.start("INSERT INTO t (i, v) SELECT i + 100, f(p) FROM t")
    clinic.run("INSERT INTO t (i) VALUES (1000)")
    assert running.is_asking()
    running.end()
    assert clinic.run("SELECT count(*) FROM t") == [(2 * ROWS + 1,)]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET v = f(p)",
        "DELETE FROM t WHERE f(p) LIKE 'answer%'",
        "MERGE INTO t USING (SELECT i AS j, f(p) AS w FROM t) AS s ON t.i = s.j "
        "WHEN MATCHED THEN UPDATE SET v = s.w WHEN NOT MATCHED THEN INSERT (i) VALUES (s.j)",
    ],
    ids=["update", "delete", "merge"],
)
def test_of_two_that_change_a_row_the_second_fails_and_its_answers_are_kept(
    clinic: Clinic, statement: str
) -> None:
    running = clinic.start(statement)
    clinic.run("UPDATE t SET p = 'changed' WHERE i = 1")
    assert running.is_asking()
    with pytest.raises(SerializationConflict) as caught:
        running.end()
    assert caught.value.sqlstate == "40001"
    assert "not paid for again" in str(caught.value.hint)
    assert clinic.run("SELECT count(*), count(v) FROM t") == [(ROWS, 0)]
    assert clinic.answers() == ROWS

    clinic.ask(statement)
    assert f"1 call, {ROWS - 1} reused" in clinic.notices[-1].message


def test_others_may_change_rows_that_a_statement_does_not(clinic: Clinic) -> None:
    running = clinic.start("UPDATE t SET v = f(p) WHERE i > 10")
    clinic.run("UPDATE t SET v = 'mine' WHERE i <= 10")
    running.end()
    assert clinic.run("SELECT count(v), count(CASE WHEN v = 'mine' THEN 1 END) FROM t") == [
        (ROWS, 10)
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE a AS SELECT i, f(p) AS v FROM t",
        "INSERT INTO u SELECT i FROM t WHERE f(p) <> ''",
        "UPDATE t SET v = f(p)",
        "DELETE FROM t WHERE f(p) <> ''",
        "MERGE INTO t USING (SELECT i AS j, f(p) AS w FROM t) AS s ON t.i = s.j "
        "WHEN MATCHED THEN UPDATE SET v = s.w WHEN NOT MATCHED THEN INSERT (i) VALUES (s.j)",
    ],
    ids=["create", "insert", "update", "delete", "merge"],
)
@pytest.mark.parametrize("ending", ["failed", "canceled"])
def test_a_statement_that_fails_or_is_canceled_changes_nothing_and_loses_no_answer(
    clinic: Clinic, statement: str, ending: str
) -> None:
    if ending == "failed":
        clinic.run(f"UPDATE t SET p = 'poison' WHERE i = {ROWS}")
        with pytest.raises(RowsFailed):
            clinic.ask(statement)
        assert clinic.answers() == ROWS - 1
    else:
        running = clinic.start(statement)
        clinic.asker.cancel()
        with pytest.raises(QueryCanceled):
            running.end()
        assert 0 < clinic.answers() < ROWS
    assert clinic.run("SELECT count(*), count(v) FROM t") == [(ROWS, 0)]
    assert clinic.run("SELECT count(*) FROM u") == [(0,)]
    with pytest.raises(Error, match="'a' does not exist"):
        clinic.run("SELECT * FROM a")

    clinic.run(f"UPDATE t SET p = 'prompt {ROWS}' WHERE i = {ROWS}")
    clinic.ask(statement)
    [(calls,)] = clinic.run("SELECT count(DISTINCT fingerprint) FROM sys_llm_call")
    assert clinic.answers() == ROWS == calls - (ending == "failed")


def test_a_refresh_pays_only_for_what_it_has_not_seen(clinic: Clinic) -> None:
    clinic.ask("CREATE MATERIALIZED VIEW w AS SELECT i, f(p) AS v FROM t")
    clinic.run("INSERT INTO t (i, p) VALUES (61, 'new'), (62, 'newer'), (63, 'prompt 1')")
    clinic.run("DELETE FROM t WHERE i < 11")
    clinic.ask("REFRESH MATERIALIZED VIEW w")
    messages = " ".join(notice.message for notice in clinic.notices)
    assert f"2 calls, {ROWS - 9} reused" in messages
    assert clinic.run("SELECT count(*), min(i), max(i) FROM w") == [(ROWS - 7, 11, 63)]


@pytest.mark.parametrize("limit", ["outcrop.max_cost_usd TO 0.0004", "outcrop.max_calls TO 7"])
def test_a_refresh_that_stops_at_its_budget_leaves_the_old_rows_and_keeps_its_answers(
    clinic: Clinic, limit: str
) -> None:
    clinic.ask("CREATE MATERIALIZED VIEW w AS SELECT i, f(p) AS v FROM t WHERE i < 4")
    clinic.ask("CREATE MATERIALIZED VIEW x AS SELECT i, f(p || ' x') AS v FROM t WHERE v IS NULL")
    before = clinic.run("SELECT * FROM x ORDER BY i")
    clinic.run("UPDATE t SET p = 'other ' || i")
    kept = clinic.answers()
    clinic.ask(f"SET {limit}")
    with pytest.raises(BudgetExceeded):
        clinic.ask("REFRESH MATERIALIZED VIEW x")
    assert clinic.run("SELECT * FROM x ORDER BY i") == before
    assert clinic.run("SELECT is_stale FROM stv_mv_info WHERE name = 'x'") == [("t",)]
    paid = clinic.answers() - kept
    assert 0 < paid < ROWS
    clinic.ask(f"RESET {limit.split()[0]}")
    clinic.ask("REFRESH MATERIALIZED VIEW x")
    messages = " ".join(notice.message for notice in clinic.notices)
    assert f"{ROWS - paid} calls, {paid} reused" in messages
    assert clinic.run("SELECT count(*) FROM x WHERE v LIKE 'answer to: other%'") == [(ROWS,)]
