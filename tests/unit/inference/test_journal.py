"""The journal: what is stored, how it is found again, and what its views show."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from outcrop.errors import InternalError, JournalCorrupted, NotAWarehouse
from outcrop.inference import journal_file
from outcrop.inference.journal import LOOKUP_MAX, Journal
from outcrop.inference.records import (
    Answer,
    CallDetail,
    CallStatus,
    LearnedLimits,
    NewAnswers,
    NewCalls,
    NewStatement,
    Payment,
    StatementDetail,
    StatementOutcome,
    StatementTotals,
    TokenHistory,
)
from outcrop.providers.base import JsonObject, TokenUsage

USAGE = TokenUsage(10, 5, 3, 2)
STATEMENT = NewStatement("q1", "ann", "nightly", "SELECT f(x) FROM t", "m", "f", 1_000.0)
RUNNING = StatementTotals(StatementOutcome.RUNNING)


def key(number: int) -> bytes:
    return number.to_bytes(20, "big")


def answered(
    number: int,
    response: JsonObject | None = None,
    *,
    usage: TokenUsage | None = USAGE,
    cost_usd: float | None = 0.25,
    query_id: str = "q1",
) -> NewCalls:
    answers = NewAnswers([response or {"n": number}], [None], [40], "2026-11-01", "ann", query_id)
    return NewCalls(
        1, "here", "model-1", CallStatus.ANSWERED, [key(number)], [usage], [cost_usd],
        [1_001.0], [12], 1, 0, 0, 0, answers=answers,
    )  # fmt: skip


def failed(number: int) -> NewCalls:
    return NewCalls(
        1, "here", "model-1", CallStatus.FAILED, [key(number)], [None], [None],
        [1_002.0], [340], 6, 1, 5, 0, "ServiceUnavailable", "it is down \ud800",
    )  # fmt: skip


def store(journal: Journal, *calls: NewCalls) -> None:
    async def store_all() -> None:
        await asyncio.gather(*(journal.store(call) for call in calls))

    asyncio.run(store_all())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path):  # type: ignore[no-untyped-def]
    opened = Journal.open(path, wall=lambda: 1_003.0)
    opened.put_statement(STATEMENT, RUNNING)
    yield opened
    opened.close()


def test_an_answer_is_found_by_its_fingerprint(journal: Journal) -> None:
    store(journal, answered(1, {"text": "žluťoučký \ud800 漢字", "list": [1, 2.5, None, True]}))
    assert journal.lookup([key(1), key(2)]) == {
        key(1): Answer(
            {"text": "žluťoučký \ud800 漢字", "list": [1, 2.5, None, True]}, USAGE, 0.25, "q1"
        )
    }


def test_unknown_usage_and_cost_stay_unknown(journal: Journal) -> None:
    store(journal, answered(1, usage=None, cost_usd=None))
    assert journal.lookup([key(1)])[key(1)] == Answer({"n": 1}, None, None, "q1")


def test_only_successes_are_answers(journal: Journal) -> None:
    store(journal, failed(1))
    assert journal.lookup([key(1)]) == {}
    assert [call.status for call in journal.calls()] == [CallStatus.FAILED]


def test_a_new_answer_replaces_the_old_one(journal: Journal) -> None:
    store(journal, answered(1, {"text": "old"}))
    store(journal, answered(1, {"text": "new"}))
    assert journal.lookup([key(1)])[key(1)].response == {"text": "new"}
    assert len(list(journal.calls())) == 2


def test_a_statement_can_look_for_its_own_answers_alone(journal: Journal) -> None:
    store(journal, answered(1, query_id="q1"), answered(2, query_id="q2"))
    assert set(journal.lookup([key(1), key(2)], query_id="q2")) == {key(2)}


def test_many_fingerprints_are_looked_up_at_once(journal: Journal) -> None:
    store(journal, *(answered(number) for number in range(0, 2 * LOOKUP_MAX, 2)))
    found = journal.lookup([key(number) for number in range(LOOKUP_MAX)])
    assert set(found) == {key(number) for number in range(0, LOOKUP_MAX, 2)}
    assert journal.count_known([key(number) for number in range(LOOKUP_MAX)]) == LOOKUP_MAX // 2


def test_answers_outlive_the_journal_that_stored_them(journal: Journal, path: Path) -> None:
    store(journal, *(answered(number) for number in range(50)))
    journal.close()
    reopened = Journal.open(path)
    try:
        assert len(reopened.lookup([key(number) for number in range(50)])) == 50
    finally:
        reopened.close()


def test_token_history_grows_with_the_answers_whose_usage_is_known(journal: Journal) -> None:
    assert journal.token_history("here", "model-1") is None
    store(journal, answered(1), answered(2), answered(3, usage=None), failed(4))
    store(journal, answered(5))
    assert journal.token_history("here", "model-1") == TokenHistory(
        3, 120, 45, 15
    )  # cached ones too
    assert journal.token_history("here", "model-2") is None


def test_calls_are_shown_with_their_statement(journal: Journal) -> None:
    store(journal, answered(1))
    store(journal, failed(2))
    assert list(journal.calls()) == [
        CallDetail(
            1, "q1", key(1), "ann", "m", "f", "here", "model-1", CallStatus.ANSWERED, 1, 0, 0, 0,
            15, 5, 0.25, datetime.fromtimestamp(1_001, UTC), 12, None, None,
        ),
        CallDetail(
            2, "q1", key(2), "ann", "m", "f", "here", "model-1", CallStatus.FAILED, 6, 1, 5, 0,
            None, None, None, datetime.fromtimestamp(1_002, UTC), 340, "ServiceUnavailable",
            "it is down ?",
        ),
    ]  # fmt: skip


def test_a_statement_is_shown_while_it_runs_and_after(journal: Journal) -> None:
    [running] = journal.details()
    assert (running.outcome, running.ended_at) == (StatementOutcome.RUNNING, None)
    totals = StatementTotals(
        StatementOutcome.COMPLETED, 1_009.0, 10, 6, 3, 1, 9, 2, 1, 1, 0, 60, 30, 1.5, 30, 15, None
    )
    journal.put_totals(1, totals)
    assert list(journal.details()) == [
        StatementDetail(
            "q1", "ann", "nightly", "SELECT f(x) FROM t", "m", "f",
            datetime.fromtimestamp(1_000, UTC), datetime.fromtimestamp(1_009, UTC),
            StatementOutcome.COMPLETED, 10, 6, 3, 1, 9, 2, 1, 1, 0, 60, 30, 1.5, 30, 15, None,
        )
    ]  # fmt: skip


def test_who_paid_for_what_is_a_sql_query(journal: Journal, path: Path) -> None:
    store(journal, answered(1), answered(2))
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute(
            "SELECT owner, model_id, sum(cost_usd), priced_as_of, max(created_at) "
            "FROM answer GROUP BY owner, model_id"
        ).fetchall()
    finally:
        connection.close()
    assert rows == [("ann", "model-1", 0.5, "2026-11-01", 1_003.0)]


def test_an_answer_that_is_no_json_fails_its_own_call_only(journal: Journal) -> None:
    async def scenario() -> list[BaseException | None]:
        return await asyncio.gather(
            journal.store(answered(1)),
            journal.store(answered(2, {"bytes": b"\0"})),
            journal.store(answered(3)),
            return_exceptions=True,
        )

    first, second, third = asyncio.run(scenario())
    assert (first, third) == (None, None)
    assert isinstance(second, InternalError)
    assert set(journal.lookup([key(1), key(2), key(3)])) == {key(1), key(3)}


def test_calls_of_a_group_are_kept_each_by_itself(journal: Journal) -> None:
    usages = [USAGE, None, TokenUsage(1, 2)]
    costs_usd = [0.25, None, 0.5]
    one = answered(1)
    assert one.answers is not None
    group = one._replace(
        fingerprints=[key(1), key(2), key(3)],
        usages=usages,
        costs_usd=costs_usd,
        started_at=[1_001.0, 1_001.5, 1_000.0],
        durations_ms=[12, 340, 0],
        answers=one.answers._replace(
            responses=[{"n": 1}, {"n": 2}, {"n": 3}],
            texts=[None, b'{"n":2}', None],
            request_chars=[40, 50, 60],
        ),
    )
    store(journal, group)
    assert journal.lookup([key(1), key(2), key(3)]) == {
        key(number): Answer({"n": number}, usage, cost_usd, "q1")
        for number, usage, cost_usd in zip((1, 2, 3), usages, costs_usd, strict=True)
    }
    assert [call.cost_usd for call in journal.calls()] == costs_usd
    assert [call.output_tokens for call in journal.calls()] == [5, None, 2]
    assert [call.duration_ms for call in journal.calls()] == [12, 340, 0]
    assert [call.started_at.timestamp() for call in journal.calls()] == [1_001.0, 1_001.5, 1_000.0]
    assert journal.token_history("here", "model-1") == TokenHistory(2, 100, 16, 7)


def test_calls_of_any_kind_and_number_are_stored_at_once(journal: Journal) -> None:
    """They share columns or not, and take as many statements as their number needs."""
    store(journal, *(answered(number) for number in range(700)))
    store(
        journal, *(answered(n, query_id=f"q{n}") if n % 3 else failed(n) for n in range(700, 1_050))
    )
    calls = list(journal.calls())
    assert [call.fingerprint for call in calls] == [key(number) for number in range(1_050)]
    assert [n for n, call in enumerate(calls) if call.status is CallStatus.FAILED] == [
        number for number in range(700, 1_050) if not number % 3
    ]
    found = journal.lookup([key(number) for number in range(700, 1_050)])
    assert {fingerprint: answer.query_id for fingerprint, answer in found.items()} == {
        key(number): f"q{number}" for number in range(700, 1_050) if number % 3
    }


def test_a_closed_journal_takes_nothing(journal: Journal) -> None:
    journal.close()
    with pytest.raises(InternalError, match="closed"):
        store(journal, answered(1))
    journal.close()


@pytest.mark.parametrize("size", [0, 1, 200, 511, 512, 5_000, 40_000, 300_000])
def test_answers_of_any_length_are_packed_and_unpacked(size: int) -> None:
    response = {"text": "".join(chr(97 + (i * i) % 26) for i in range(size))}
    packed = journal_file.compress(journal_file.encode(response))
    assert journal_file.unpack(packed, Path("j")) == response
    if size >= 1_024:
        assert len(packed) < len(json.dumps(response)) * 0.6


@pytest.mark.parametrize(
    "packed",
    [b"", b"no zlib", b'{"a"', journal_file.compress(b'{"a": "%s"}' % (b"b" * 5_000))[:-3]],
)
def test_a_damaged_answer_is_no_answer(packed: bytes) -> None:
    with pytest.raises(JournalCorrupted):
        journal_file.unpack(packed, Path("j"))


def test_many_processes_create_one_journal_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    for attempt in range(20):
        path = tmp_path / f"{attempt}.sqlite"
        start = context.Barrier(4)
        processes = [context.Process(target=_open_at, args=(start, path)) for _ in range(4)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * 4


def _open_at(start: Barrier, path: Path) -> None:
    start.wait()
    Journal.open(path).close()


def test_a_journal_of_another_version_is_refused(path: Path) -> None:
    Journal.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NotAWarehouse, match=f"no journal of version {journal_file.SCHEMA_VERSION}"):
        Journal.open(path)


def test_a_database_of_somebody_else_is_refused_and_left_alone(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(NotAWarehouse):
        Journal.open(path)
    assert path.read_bytes() == before


def test_what_conditions_select_adds_up_and_stays(path: Path, journal: Journal) -> None:
    journal.put_predicates({"a": (60, 6), "b": (10, 9), "none": (0, 0)})
    journal.put_predicates({"a": (40, 34)})
    assert journal.tested(["a", "b", "none", "c"]) == {"a": (100, 40), "b": (10, 9)}
    journal.close()
    reopened = Journal.open(path)
    assert reopened.tested(["a"]) == {"a": (100, 40)}
    reopened.close()


def test_what_many_rows_showed_makes_way_for_what_the_next_ones_show(journal: Journal) -> None:
    journal.put_predicates({"a": (1_000_000, 1_000_000)})
    assert journal.tested(["a"]) == {"a": (10_000, 10_000)}
    journal.put_predicates({"a": (10_000, 0)})
    assert journal.tested(["a"]) == {"a": (10_000, 5_000)}


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_journal_of_an_older_version_is_brought_up_to_date(path: Path, version: int) -> None:
    opened = Journal.open(path)
    opened.put_statement(STATEMENT, RUNNING)
    store(opened, answered(1), answered(2), failed(3))
    opened.close()
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE model_limit")
    if version <= 2:
        connection.execute("DROP TABLE spending")
    if version == 1:
        connection.execute("DROP TABLE predicate")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.close()
    opened = Journal.open(path)
    assert set(opened.lookup([key(1)])) == {key(1)}
    opened.put_predicates({"a": (2, 1)})
    assert opened.tested(["a"]) == {"a": (2, 1)}
    spent = [Payment("1970-01-01", "ann", "model-1", 500_000_000_000)]
    assert opened.take_spending("") == (spent if version <= 2 else [])  # kept as it was, since 3
    opened.close()


def test_what_is_known_of_quotas_is_kept(tmp_path: Path) -> None:
    with closing(Journal.open(tmp_path / "journal.sqlite")) as journal:
        assert journal.limits("here", "a.model") == LearnedLimits()
        journal.put_limits("here", "a.model", LearnedLimits(40.0))
        journal.put_limits("here", "a.model", LearnedLimits(39.5, 1_000.0))
    with closing(Journal.open(tmp_path / "journal.sqlite")) as journal:
        assert journal.limits("here", "a.model") == LearnedLimits(39.5, 1_000.0)
        assert journal.limits("there", "a.model") == LearnedLimits()
