"""The journal's figures, what verification finds, and what pruning removes and keeps."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from outcrop.errors import DiskFull, JournalCorrupted, NotAWarehouse
from outcrop.inference import journal_file
from outcrop.inference.journal import Journal
from outcrop.inference.journal_upkeep import (
    PROBLEMS_MAX,
    GivenUp,
    ModelFigures,
    Selection,
    count_given_up,
    figures,
    prune,
    verify,
)
from outcrop.inference.records import CallStatus, NewAnswers, NewCalls, Payment
from outcrop.providers.base import TokenUsage
from tests.unit.inference.test_journal import RUNNING, STATEMENT

DAY_S = 86_400.0


def key(number: int) -> bytes:
    return number.to_bytes(20, "big")


def call(number: int, model_id: str, cost_usd: float | None = 0.25) -> NewCalls:
    answers = NewAnswers([{"text": "long " * 200}], [None], [40], "2026-11-01", "ann", "q1")
    usage = TokenUsage(10, 5, 3, 2)
    return NewCalls(
        1, "here", model_id, CallStatus.ANSWERED, [key(number)], [usage], [cost_usd],
        [number * DAY_S], [12], 1, 0, 0, 0, answers=answers,
        payments=(Payment("2026-11-01", "ann", model_id, 7),),
    )  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal with answers 1 to 9: each came on that day of 1970; the odd ones are of model a."""
    path = tmp_path / "journal.sqlite"
    for number in range(1, 10):
        journal = Journal.open(path, wall=lambda day=number: day * DAY_S)  # type: ignore[misc]
        if number == 1:
            journal.put_statement(replace(STATEMENT, started_at=2.5 * DAY_S), RUNNING)
        asked = call(number, "a" if number % 2 else "b", None if number == 9 else 0.25)
        asyncio.run(journal.store(asked))
        journal.close()
    return path


def change(path: Path, sql: str, *parameters: object) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(sql, parameters)
        connection.commit()


def answers(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT fingerprint FROM answer").fetchall()
    return {int.from_bytes(fingerprint, "big") for (fingerprint,) in rows}


def test_the_figures_are_by_model(path: Path) -> None:
    size = len(journal_file.compress(journal_file.encode({"text": "long " * 200})))
    held = figures(path)
    day_1, day_2, day_8, day_9 = (datetime.fromtimestamp(d * DAY_S, UTC) for d in (1, 2, 8, 9))
    assert held.models == (
        ModelFigures("here", "a", 5, 5 * size, 75, 25, 1.0, day_1, day_9),
        ModelFigures("here", "b", 4, 4 * size, 60, 20, 1.0, day_2, day_8),
    )
    assert (held.answers, held.calls, held.statements) == (9, 9, 1)
    assert (held.file_bytes, held.free_bytes) == (path.stat().st_size, 0)


def test_figures_and_verification_read_while_somebody_writes(path: Path) -> None:
    journal = Journal.open(path)
    with closing(journal_file.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert figures(path).answers == 9
        assert verify(path).problems == ()
        assert count_given_up(path, Selection(model_id="a")).answers == 5
    journal.close()


@pytest.mark.parametrize("content", [None, b""])
def test_where_there_is_no_journal_none_is_made(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal.sqlite"
    if content is not None:
        path.write_bytes(content)
    for read in (figures, lambda path: count_given_up(path, Selection())):
        with pytest.raises(NotAWarehouse, match="there is no journal"):
            read(path)
    with pytest.raises(NotAWarehouse, match="there is no journal"):
        verify(path)
    assert path.exists() == (content is not None)


def test_a_sound_journal_has_no_problems(path: Path) -> None:
    found = verify(path)
    assert (found.answers, found.calls, found.problems) == (9, 9, ())


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE answer SET response = x'78' WHERE model_id = 'a'", "is damaged"),
        ("UPDATE answer SET response = CAST('[1]' AS BLOB)", "is damaged"),
        ("UPDATE answer SET response = substr(response, 1, 20)", "is damaged"),
        ("UPDATE answer SET fingerprint = x'0102' WHERE created_at < 100000", "has 20 bytes"),
        ("DELETE FROM statement", "9 calls belong to no statement"),
    ],
)
def test_what_is_wrong_is_named(path: Path, damage: str, problem: str) -> None:
    change(path, damage)
    problems = verify(path).problems
    assert problems
    assert all(problem in text for text in problems)


def test_of_many_problems_the_first_are_named(path: Path) -> None:
    change(
        path,
        "WITH RECURSIVE n (i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 199) "
        "INSERT INTO answer SELECT CAST(i AS BLOB), 'p', 'm', x'00', 1, 1, 1, 1, 0, '', '', '', 0 "
        "FROM n",
    )
    problems = verify(path).problems
    assert len(problems) == PROBLEMS_MAX + 1
    assert problems[-1] == "and 80 more"


@pytest.mark.parametrize("start", [0, 4_096])
def test_damaged_pages_are_a_problem_and_no_crash(path: Path, start: int) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(start)
        file.write(os.urandom(size - start))
    problems = verify(path).problems
    assert any("damaged" in text or "the file" in text for text in problems)
    with pytest.raises(JournalCorrupted):
        figures(path)


@pytest.mark.parametrize(
    ("selection", "kept", "cost_usd", "unpriced"),
    [
        (Selection(before=4 * DAY_S), {4, 5, 6, 7, 8, 9}, 0.75, 0),
        (Selection(model_id="a"), {2, 4, 6, 8}, 1.0, 1),
        (Selection(before=4 * DAY_S, model_id="b"), {1, 3, 4, 5, 6, 7, 8, 9}, 0.25, 0),
        (Selection(before=0.0), set(range(1, 10)), 0.0, 0),
        (Selection(), set(), 2.0, 1),
    ],
)
def test_pruning_removes_what_was_counted_and_no_more(
    path: Path, selection: Selection, kept: set[int], cost_usd: float, unpriced: int
) -> None:
    size = figures(path).models[0].answer_bytes // 5
    gone = 9 - len(kept)
    assert count_given_up(path, selection) == GivenUp(gone, gone * size, cost_usd, unpriced)
    assert answers(path) == set(range(1, 10))
    prune(path, selection)
    assert answers(path) == kept
    assert verify(path).problems == ()
    held = figures(path)
    assert (held.calls, held.statements) == (9, 1), "who paid for what is still known"


def test_pruning_gives_the_space_back(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        rows = [(key(number), os.urandom(400)) for number in range(100, 2_100)]
        connection.executemany(
            "INSERT INTO answer VALUES (?, 'p', 'm', ?, 1, 1, 1, 1, 0, '', '', '', 0)", rows
        )
        connection.commit()
    before = path.stat().st_size
    freed = prune(path, Selection(model_id="m"))
    held = figures(path)
    assert freed == before - held.file_bytes > 500_000
    assert held.free_bytes == 0


def test_history_goes_with_its_age_and_what_was_spent_stays(path: Path) -> None:
    prune(path, Selection(before=4 * DAY_S), history_before=4 * DAY_S)
    held = figures(path)
    assert (held.answers, held.calls, held.statements) == (6, 6, 1)
    prune(path, Selection(before=10 * DAY_S), history_before=10 * DAY_S)
    held = figures(path)
    assert (held.answers, held.calls, held.statements) == (0, 0, 0)
    journal = Journal.open(path)
    try:
        assert sum(payment.cost_pico for payment in journal.take_spending("")) == 9 * 7
    finally:
        journal.close()


def test_an_open_journal_sees_what_was_pruned(path: Path) -> None:
    journal = Journal.open(path)
    try:
        assert len(journal.lookup([key(1), key(2)])) == 2
        prune(path, Selection(model_id="a"))
        assert set(journal.lookup([key(1), key(2)])) == {key(2)}
        asyncio.run(journal.store(call(1, "a")))
        assert len(journal.lookup([key(1), key(2)])) == 2
    finally:
        journal.close()


def test_a_journal_that_cannot_be_written_is_left_as_it_is(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = journal_file.connect

    def connect_small(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA query_only = ON")
        return connection

    monkeypatch.setattr(journal_file, "connect", connect_small)
    with pytest.raises(DiskFull, match="cannot be written"):
        prune(path, Selection())
    assert answers(path) == set(range(1, 10))
