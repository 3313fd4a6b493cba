"""What the system views show of statements while they ask, and how they share a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from outcrop.config import parse_config
from outcrop.session import Session
from outcrop.warehouse import Warehouse

ROWS = 400
JOB = "SELECT max(f(p)) FROM t"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    config = parse_config(
        {
            "providers": {"slow": {"kind": "scripted", "latency_ms": 20, "concurrency_max": 4}},
            "settings": {"query_group": "tests"},
        }
    )
    with Warehouse.open(tmp_path / "w", config=config) as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (p varchar(40))")
        values = ", ".join(f"('prompt {n}')" for n in range(ROWS))
        session.execute(f"INSERT INTO t VALUES {values}")
        session.execute(
            "CREATE EXTERNAL MODEL m FUNCTION f IAM_ROLE default MODEL_TYPE BEDROCK "
            "SETTINGS (MODEL_ID 'a.model', ENDPOINT 'slow')"
        )
        session.close()
        yield warehouse


@contextmanager
def running(session: Session) -> Iterator[threading.Thread]:
    """Run the large job in a thread, from when it asks on; cancel it at the end."""

    def run() -> None:
        with pytest.raises(Exception, match="canceled"):
            list(session.execute(JOB).rows())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: (p := session.progress()) is not None and p.in_flight > 0)
        yield thread
    finally:
        session.cancel()
        thread.join()


def wait_for(claim: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(2_000):
        if claim():
            return
        pause.wait(0.005)
    raise AssertionError


def test_a_running_statement_says_what_it_waits_for(warehouse: Warehouse) -> None:
    job, other = warehouse.open_session(), warehouse.open_session()
    with running(job):
        query = (
            "SELECT query_text, query_group, calls_total, in_flight BETWEEN 1 AND 4, waiting > 0, "
            "waits_for FROM sys_llm_query"
        )
        expected = [(JOB, "tests", ROWS, True, True, "concurrency")]
        wait_for(lambda: list(other.execute(query).rows()) == expected)
    # What is in flight is finished; then the statement is gone.
    wait_for(lambda: not list(other.execute("SELECT * FROM sys_llm_query").rows()))


def test_limits_are_shown_for_each_model_that_was_asked(warehouse: Warehouse) -> None:
    job, other = warehouse.open_session(), warehouse.open_session()
    query = (
        "SELECT provider, model_id, requests_per_second, concurrency_max, "
        "in_flight BETWEEN 1 AND 4, waits_for FROM sys_llm_limits"
    )
    assert list(other.execute(query).rows()) == []
    with running(job):
        # Between two calls nothing may be in the way for a moment.
        expected = [("slow", "a.model", None, 4, True, "concurrency")]
        wait_for(lambda: list(other.execute(query).rows()) == expected)


def test_a_question_of_one_row_is_answered_during_a_large_job(warehouse: Warehouse) -> None:
    job, other = warehouse.open_session(), warehouse.open_session()
    with running(job) as thread:
        [(answer,)] = other.execute("SELECT f('a question')").rows()
        progress = job.progress()
        assert answer
        # Behind the job's queue it would have come after all of its calls.
        assert thread.is_alive()
        assert progress is not None
        assert progress.done < ROWS


def test_a_priority_is_one_of_three(warehouse: Warehouse) -> None:
    session = warehouse.open_session()
    session.execute("SET outcrop.priority TO HIGH")
    assert list(session.execute("SHOW outcrop.priority").rows()) == [("high",)]
    with pytest.raises(Exception, match="invalid value for outcrop"):
        session.execute("SET outcrop.priority TO urgent")
