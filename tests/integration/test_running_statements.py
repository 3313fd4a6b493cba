"""What the system views show of statements while they ask, and how they share a model."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from outcrop.config import parse_config
from outcrop.session import Session
from outcrop.warehouse import Warehouse

ROWS = 400
JOB = "SELECT max(f(p)) FROM t"
PRICE = {
    "input_usd_per_million": 0.0,
    "output_usd_per_million": 1_000_000 / 512,  # a dollar for the longest answer
    "as_of": "2026-11-01",
}


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    config = parse_config(
        {
            "providers": {
                "slow": {"kind": "scripted", "latency_ms": 20, "concurrency_max": 4},
                "long": {"kind": "scripted", "latency_ms": 4_000},
                "wide": {"kind": "scripted", "latency_ms": 100},
                "down": {"kind": "scripted", "faults": {"unavailable": 1.0}},
            },
            "settings": {"query_group": "tests"},
            "prices": dict.fromkeys(("a.priced.model", "few.requests"), PRICE),
            "limits": {
                "few.requests": {"requests_per_minute": 600},
                "few.tokens": {"tokens_per_minute": 1_500},
            },
        }
    )
    with Warehouse.open(tmp_path / "w", config=config) as warehouse:
        session = warehouse.open_session()
        session.execute("CREATE TABLE t (p varchar(40))")
        values = ", ".join(f"('prompt {n}')" for n in range(ROWS))
        session.execute(f"INSERT INTO t VALUES {values}")
        create_model(session, "f", "a.model", "slow")
        session.close()
        yield warehouse


def create_model(session: Session, function: str, model_id: str, endpoint: str) -> None:
    session.execute(
        f"CREATE EXTERNAL MODEL m_{function} FUNCTION {function} IAM_ROLE default MODEL_TYPE "
        f"BEDROCK SETTINGS (MODEL_ID '{model_id}', ENDPOINT '{endpoint}')"
    )


@contextmanager
def running(session: Session, job: str = JOB) -> Iterator[threading.Thread]:
    """Run the large job in a thread, from when it asks on; cancel it at the end."""

    def run() -> None:
        with pytest.raises(Exception, match="canceled"):
            list(session.execute(job).rows())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        wait_for(lambda: (p := session.progress()) is not None and p.in_flight + p.waiting > 0)
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


def waits_for(session: Session, job: str) -> list[tuple[object, ...]]:
    query = f"SELECT waits_for, waiting > 0 FROM sys_llm_query WHERE query_text = '{job}'"
    return list(session.execute(query).rows())


@pytest.mark.parametrize(
    ("model_id", "endpoint", "setting", "reason"),
    [
        ("a.model", "wide", "max_concurrency TO 2", "outcrop.max_concurrency"),
        ("a.model", "down", "max_concurrency TO 8", "next attempt"),
        ("few.requests", "wide", "max_concurrency TO 8", "quota of requests"),
        ("few.tokens", "wide", "max_concurrency TO 8", "quota of tokens"),
        ("a.priced.model", "wide", "max_cost_usd TO 1.5", "budget"),
    ],
)
def test_each_reason_to_wait_is_named(
    warehouse: Warehouse, model_id: str, endpoint: str, setting: str, reason: str
) -> None:
    job, other = warehouse.open_session(), warehouse.open_session()
    create_model(job, "g", model_id, endpoint)
    job.execute(f"SET outcrop.{setting}")
    text = "SELECT max(g(p)) FROM t"
    with running(job, text):
        wait_for(lambda: waits_for(other, text) == [(reason, True)])


def test_who_asks_what_another_statement_asks_waits_for_its_calls(warehouse: Warehouse) -> None:
    job, second, other = (warehouse.open_session() for _ in range(3))
    create_model(job, "g", "a.model", "long")
    job.execute("CREATE TABLE one AS SELECT CAST('prompt' AS varchar(40)) AS p")
    texts = ["SELECT max(g(p)) FROM one", "SELECT min(g(p)) FROM one"]
    with running(job, texts[0]), running(second, texts[1]):
        wait_for(lambda: waits_for(other, texts[1]) == [("another statement's call", True)])


def test_who_waits_for_the_disk_says_so(warehouse: Warehouse, tmp_path: Path) -> None:
    job, other = warehouse.open_session(), warehouse.open_session()
    create_model(job, "g", "a.model", "wide")
    job.execute("SET outcrop.max_concurrency TO 8")
    text = "SELECT max(g(p)) FROM t"
    with running(job, text), closing(sqlite3.connect(tmp_path / "w" / "journal.sqlite")) as held:
        held.execute("BEGIN IMMEDIATE")
        wait_for(lambda: waits_for(other, text) == [("journal", True)])
        held.rollback()


def test_the_numbers_of_a_running_statement_add_up(warehouse: Warehouse) -> None:
    job, other = warehouse.open_session(), warehouse.open_session()
    create_model(job, "g", "few.requests", "wide")
    list(job.execute("SELECT g(p) FROM t LIMIT 7").rows())
    query = (
        "SELECT calls_total, calls_done, calls, reused, failed, in_flight, waiting, cost_usd "
        "FROM sys_llm_query"
    )

    def has_begun() -> bool:
        rows = list(other.execute(query).rows())
        [(total, done, sent, reused, failed, in_flight, waiting, cost_usd)] = rows or [(0,) * 8]
        if not sent or not reused:
            return False
        assert (total, reused, failed) == (ROWS, 7, 0)
        assert done + in_flight + waiting == ROWS
        assert reused <= done <= sent + reused
        return bool(cost_usd)

    with running(job, "SELECT max(g(p)) FROM t"):
        wait_for(has_begun)


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
