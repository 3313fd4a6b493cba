"""Stages that do not wait for each other are asked side by side, and rows go through them alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from outcrop.config import parse_config
from outcrop.errors import BudgetExceeded, QueryCanceled, RowsFailed
from outcrop.session import Session
from outcrop.warehouse import Warehouse

ROWS = 60
CONCURRENCY = 4
NESTED = "SELECT i, f(g(p)) FROM t"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    slow = {"kind": "scripted", "latency_ms": 10}
    config = parse_config(
        {
            "settings": {"max_concurrency": CONCURRENCY},
            "providers": {
                "first": {
                    **slow,
                    "fail_matching": "poison",
                    "answers": [{"match_regex": "drop", "answer": "no"}],
                },
                "second": slow,
            },
        }
    )
    with Warehouse.open(tmp_path / "w", config=config) as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (i integer, p varchar(40))")
        values = ", ".join(f"({n}, 'prompt {n}')" for n in range(1, ROWS + 1))
        session.execute(f"INSERT INTO t VALUES {values}")
        for function, endpoint in (("g", "first"), ("f", "second")):
            session.execute(
                f"CREATE EXTERNAL MODEL m{function} FUNCTION {function} IAM_ROLE default "
                f"MODEL_TYPE BEDROCK SETTINGS (MODEL_ID 'm{function}', ENDPOINT '{endpoint}')"
            )
        yield session


def _rows(session: Session, sql: str) -> list[tuple[object, ...]]:
    return list(session.execute(sql).rows())


def _count(session: Session) -> int:
    [(count,)] = session.execute("SELECT count(*) FROM sys_llm_call").rows()
    assert isinstance(count, int)
    return count


def _starts(session: Session, model: str) -> list[datetime]:
    """Return when the calls of a model started, in their order."""
    sql = f"SELECT start_time FROM sys_llm_call WHERE model_id = '{model}' ORDER BY start_time"
    return [start for (start,) in session.execute(sql).rows() if isinstance(start, datetime)]


def _question_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name == "outcrop-question"]


def test_arms_of_a_union_are_asked_side_by_side(session: Session) -> None:
    sql = "SELECT f(p) FROM t UNION ALL SELECT g(p) FROM t"

    assert len(_rows(session, sql)) == 2 * ROWS
    f, g = _starts(session, "mf"), _starts(session, "mg")
    assert min(f) < max(g)
    assert min(g) < max(f)


def test_calls_of_one_stage_are_asked_side_by_side(session: Session) -> None:
    session.execute("CREATE TABLE answered AS SELECT f(p) AS a, g(p) AS b FROM t")

    f, g = _starts(session, "mf"), _starts(session, "mg")
    assert len(f) == len(g) == ROWS
    assert min(g) < max(f)


def test_all_questions_of_a_statement_share_its_concurrency(session: Session) -> None:
    _rows(session, "SELECT f(p) FROM t UNION ALL SELECT g(p) FROM t")

    at_once = _rows(
        session,
        "SELECT count(*) FROM sys_llm_call AS a JOIN sys_llm_call AS b ON b.start_time <= "
        "a.start_time AND b.start_time + b.duration_ms * INTERVAL '1 millisecond' > "
        "a.start_time + INTERVAL '2 milliseconds' GROUP BY a.call_id ORDER BY 1 DESC LIMIT 1",
    )
    assert 1 < int(str(at_once[0][0])) <= CONCURRENCY


def test_a_tuple_goes_on_while_others_are_still_asked(session: Session) -> None:
    rows = session.execute(NESTED).rows()

    assert next(rows)[0] == 1
    progress = session.progress()
    assert progress is not None
    assert progress.done < 2 * ROWS
    assert [row[0] for row in rows] == list(range(2, ROWS + 1))
    assert min(_starts(session, "mf")) < max(_starts(session, "mg"))
    assert _count(session) == 2 * ROWS


def test_rows_keep_their_order_through_a_chain(session: Session) -> None:
    session.execute("UPDATE t SET p = 'drop ' || p WHERE mod(i, 3) = 0")
    rows = _rows(session, "SELECT i, f(p) FROM t WHERE g(p) <> 'no' ORDER BY i DESC")

    kept = [n for n in range(ROWS, 0, -1) if n % 3]
    assert [row[0] for row in rows] == kept
    assert _count(session) == ROWS + len(kept)


def test_equal_arguments_that_come_in_different_portions_are_asked_once(session: Session) -> None:
    session.execute("UPDATE t SET p = 'drop ' || p WHERE i > 2")
    rows = _rows(session, NESTED)

    assert len(rows) == ROWS
    assert len({row[1] for row in rows[2:]}) == 1
    assert _count(session) == ROWS + 3


def test_a_volatile_model_in_a_chain_is_asked_for_every_row(session: Session) -> None:
    session.execute(
        "CREATE EXTERNAL MODEL mv FUNCTION v IAM_ROLE default MODEL_TYPE BEDROCK "
        "SETTINGS (MODEL_ID 'mv', ENDPOINT 'second', VOLATILITY 'VOLATILE')"
    )
    session.execute("UPDATE t SET p = 'drop'")

    assert len(_rows(session, "SELECT i, v(g(p)) FROM t")) == ROWS
    assert _count(session) == 1 + ROWS


def test_no_row_leaves_behind_one_that_failed_in_an_earlier_stage(session: Session) -> None:
    session.execute("UPDATE t SET p = 'poison' WHERE i = 20")
    session.execute("UPDATE t SET p = 'drop ' || p WHERE i < 10")
    rows = session.execute("SELECT i, f(p) FROM t WHERE g(p) <> 'no' ORDER BY i").rows()
    seen: list[object] = []

    def read() -> None:
        seen.extend(row[0] for row in rows)

    with pytest.raises(RowsFailed, match="row 20"):
        read()
    assert seen == list(range(10, 20))
    assert _count(session) == ROWS + (ROWS - 9 - 1)  # every other row was finished


def test_a_result_that_is_let_go_leaves_no_thread(session: Session) -> None:
    result = session.execute(NESTED)
    next(result.rows())
    result.close()

    assert not _question_threads()
    assert 0 < _count(session) < 2 * ROWS


def test_a_canceled_chain_raises_and_leaves_no_thread(session: Session) -> None:
    rows = session.execute(NESTED).rows()
    next(rows)
    session.cancel()

    with pytest.raises(QueryCanceled):
        list(rows)
    assert not _question_threads()


def test_a_chain_stops_at_the_budget_and_goes_on_where_it_stopped(session: Session) -> None:
    session.execute(f"SET outcrop.max_calls TO {ROWS}")
    with pytest.raises(BudgetExceeded):
        _rows(session, NESTED)
    assert not _question_threads()

    session.execute("RESET outcrop.max_calls")
    assert len(_rows(session, NESTED)) == ROWS
    assert _count(session) == 2 * ROWS


def test_a_stage_that_needs_all_answers_waits_for_them(session: Session) -> None:
    sql = "SELECT f(listagg(y, ',') WITHIN GROUP (ORDER BY i)) FROM (SELECT i, g(p) AS y FROM t) q"

    assert len(_rows(session, sql)) == 1
    assert min(_starts(session, "mf")) > max(_starts(session, "mg"))


def test_no_more_calls_than_a_limit_are_under_way(session: Session) -> None:
    arms = " UNION ALL ".join(
        f"SELECT f(g('arm {n} ' || p)) AS y FROM t WHERE i < 3" for n in range(40)
    )
    counts: list[int] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.002):
            counts.append(len(_question_threads()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        assert len(_rows(session, f"SELECT y FROM ({arms}) AS s")) == 80
    finally:
        stop.set()
        watcher.join()
    assert 1 < max(counts) <= 33  # the last chain that is begun has one more
    assert not _question_threads()


def test_an_empty_relation_ends_a_chain(session: Session) -> None:
    assert _rows(session, f"{NESTED} WHERE i < 0") == []
    assert _rows(session, "SELECT f(p) FROM t WHERE g(p) = 'nobody says this' AND i < 3") == []
    assert _count(session) == 2
