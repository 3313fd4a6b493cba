"""The gateway: what is sent, what is reused, and what a statement is told."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from outcrop.errors import InternalError, QueryCanceled
from outcrop.inference.ask import CHUNK
from outcrop.inference.feed import Feed
from outcrop.inference.gateway import CallPolicy, Gateway, Statement
from outcrop.inference.invocation import Invocation
from outcrop.inference.journal import Journal
from outcrop.inference.records import CallStatus, StatementOutcome
from outcrop.providers.base import Completion
from tests.unit.inference.support import (
    CALL_COST_USD,
    MODEL,
    USAGE,
    InMemoryProvider,
    OnePrice,
    ask,
    completion_for,
    house,
    invocation,
    invocations,
    response_to,
    texts,
)


def test_every_invocation_gets_its_answer(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        asked = invocations(300)
        outcomes = ask(home.statement(), asked)
        by_fingerprint = {outcome.fingerprint: outcome for outcome in outcomes}
        assert len(outcomes) == len(by_fingerprint) == 300
        for index, one in enumerate(asked):
            outcome = by_fingerprint[one.fingerprint]
            assert outcome.response == response_to(f"prompt {index}")
            assert (outcome.error, outcome.is_reused, outcome.usage) == (None, False, USAGE)
        assert sorted(home.provider.requests) == sorted(f"prompt {index}" for index in range(300))


def test_a_second_statement_reuses_what_the_first_paid_for(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        first = ask(home.statement(), invocations(10))
        second = home.statement()
        outcomes = ask(second, invocations(12))
        assert len(home.provider.requests) == 12
        assert sum(outcome.is_reused for outcome in outcomes) == 10
        assert texts(first) < texts(outcomes)
        summary = second.finish()
        assert (summary.invocations, summary.calls, summary.reused) == (12, 2, 10)
        assert (summary.saved_input_tokens, summary.saved_output_tokens) == (100, 50)
        assert summary.saved_cost_usd == pytest.approx(10 * CALL_COST_USD)
        assert summary.cost_usd == pytest.approx(2 * CALL_COST_USD)


def test_answers_are_reused_by_the_next_process(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), invocations(10))
    with house(tmp_path) as home:
        outcomes = ask(home.statement(), invocations(10))
        assert home.provider.requests == []
        assert texts(outcomes) == {f"answer to prompt {index}" for index in range(10)}


def test_an_answer_is_on_disk_before_it_is_released(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        for outcome in home.statement().ask(invocations(50), model="m", function="f"):
            other = Journal.open(tmp_path / "journal.sqlite")
            try:
                assert outcome.fingerprint in other.lookup([outcome.fingerprint])
            finally:
                other.close()


def test_reuse_off_asks_again_and_replaces_the_answer(tmp_path: Path) -> None:
    replies = iter(["old", "new"])

    async def reply(prompt: str) -> Completion:
        return completion_for(next(replies))

    with house(tmp_path, reply) as home:
        ask(home.statement(), [invocation("a")])
        fresh = ask(home.statement(reuse_answers=False), [invocation("a")])
        assert texts(fresh) == {"answer to new"}
        later = ask(home.statement(), [invocation("a")])
        assert texts(later) == {"answer to new"}
        assert len(home.provider.requests) == 2


def test_a_statement_that_asks_afresh_asks_once_for_itself(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), [invocation("a")])
        statement = home.statement(reuse_answers=False)
        ask(statement, [invocation("a"), invocation("a")])
        ask(statement, [invocation("a")])
        assert home.provider.requests == ["a", "a"]


def test_what_a_statement_paid_for_itself_is_not_reused_later_in_it(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), [invocation("a")])
        statement = home.statement()
        ask(statement, [invocation("a"), invocation("b")])
        ask(statement, [invocation("b"), invocation("c")])
        progress = statement.progress()
        assert (progress.done, progress.sent, progress.reused, progress.repeated) == (4, 2, 1, 1)
        assert progress.waiting == 0
        summary = statement.finish()
        assert (summary.invocations, summary.calls, summary.reused) == (3, 2, 1)
        assert summary.saved_cost_usd == pytest.approx(CALL_COST_USD)
        assert summary.cost_usd == pytest.approx(2 * CALL_COST_USD)


def test_equal_invocations_of_one_statement_are_sent_once(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        statement = home.statement()
        outcomes = ask(statement, [invocation("a")] * 5)
        assert home.provider.requests == ["a"]
        assert [outcome.is_reused for outcome in outcomes].count(False) == 1
        assert len(outcomes) == 5
        summary = statement.finish()
        assert (summary.invocations, summary.calls, summary.reused) == (1, 1, 0)


class Gate:
    """A provider's behavior that holds every request until it is opened."""

    def __init__(self) -> None:
        self._reached = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._held: list[asyncio.Future[None]] | None = []

    async def __call__(self, prompt: str) -> None:
        held = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._held is None:
                return
            self._held.append(held)
        self._reached.release()
        await held

    def wait_for(self, requests: int) -> None:
        for _ in range(requests):
            assert self._reached.acquire(timeout=30)

    def open(self) -> None:
        with self._lock:
            held, self._held = self._held or [], None
        for one in held:
            one.get_loop().call_soon_threadsafe(one.set_result, None)


class Background(threading.Thread):
    """A statement that asks in a thread of its own."""

    def __init__(self, statement: Statement, asked: list[Invocation] | Feed) -> None:
        super().__init__()
        self.statement = statement
        self.outcomes: list[object] = []
        self.error: BaseException | None = None
        self._asked = asked
        self.start()

    def run(self) -> None:
        try:
            for outcome in self.statement.ask(self._asked, model="m", function="f"):
                self.outcomes.append(outcome)
        except QueryCanceled as error:
            self.error = error


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(3_000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it did not happen within 30 seconds")


def test_equal_invocations_in_flight_of_two_statements_are_sent_once(tmp_path: Path) -> None:
    gate = Gate()
    with house(tmp_path, gate) as home:
        payer, joiner = home.statement(), home.statement()
        first = Background(payer, invocations(5))
        gate.wait_for(5)
        second = Background(joiner, invocations(5))
        wait_until(lambda: joiner.progress().waiting == 5)
        gate.open()
        first.join()
        second.join()
        assert len(home.provider.requests) == 5
        assert (payer.finish().calls, joiner.finish().reused) == (5, 5)
        assert len(second.outcomes) == 5


def test_a_question_does_not_wait_for_a_slow_statement_that_asked_the_same_before(
    tmp_path: Path,
) -> None:
    gate = Gate()

    async def hold_the_first(prompt: str) -> None:
        if prompt == "prompt 0":
            await gate(prompt)

    with house(tmp_path, hold_the_first) as home:
        slow, quick = home.statement(max_concurrency=1), home.statement()
        first = Background(slow, invocations(6))
        gate.wait_for(1)
        assert texts(ask(quick, [invocation("prompt 5")])) == {"answer to prompt 5"}
        assert home.provider.requests == ["prompt 0", "prompt 5"]
        gate.open()
        first.join()
        assert len(home.provider.requests) == len(first.outcomes) == 6
        assert (slow.finish().calls, quick.finish().calls) == (5, 1)


def test_a_canceled_statement_leaves_its_flights_to_those_who_wait(tmp_path: Path) -> None:
    gate = Gate()
    with house(tmp_path, gate, concurrency_max=2) as home:
        canceled, heir = home.statement(), home.statement()
        first = Background(canceled, invocations(6))
        gate.wait_for(2)
        second = Background(heir, invocations(6))
        wait_until(lambda: heir.progress().waiting == 6)
        canceled.cancel()
        first.join()
        assert isinstance(first.error, QueryCanceled)
        gate.open()
        second.join()
        assert len(second.outcomes) == 6
        assert len(home.provider.requests) == 6
        summary = heir.finish()
        assert (summary.calls, summary.reused) == (4, 2)


def test_cancel_is_heard_at_once_and_what_is_in_flight_is_kept(tmp_path: Path) -> None:
    gate = Gate()
    with house(tmp_path, gate) as home:
        statement = home.statement(max_concurrency=4)
        asking = Background(statement, invocations(20))
        gate.wait_for(4)
        statement.cancel()
        asking.join()  # while the provider still holds the requests
        assert isinstance(asking.error, QueryCanceled)
        assert statement.finish().outcome is StatementOutcome.CANCELED
        assert next(home.journal.details()).outcome is StatementOutcome.RUNNING
        gate.open()
        wait_until(lambda: next(home.journal.details()).outcome is StatementOutcome.CANCELED)
        [detail] = home.journal.details()
        assert (detail.invocations, detail.calls, detail.input_tokens) == (20, 4, 40)
        ask(home.statement(), invocations(20))
        assert len(home.provider.requests) == 20


def test_a_canceled_statement_asks_nothing_more(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        statement = home.statement()
        statement.cancel()
        with pytest.raises(QueryCanceled):
            ask(statement, invocations(3))
        assert home.provider.requests == []


def test_a_statement_that_is_canceled_before_its_first_call_sends_none(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        other = sqlite3.connect(tmp_path / "journal.sqlite", isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")  # the statement's row has to wait for this
            statement = home.statement()
            asking = Background(statement, invocations(5))
            wait_until(lambda: statement.progress().waiting == 5)
            statement.cancel()
            asking.join()
            other.execute("ROLLBACK")
        finally:
            other.close()
        home.gateway.close()
        assert home.provider.requests == []


def test_a_caller_that_has_enough_stops_the_sending(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        statement = home.statement(max_concurrency=2)
        outcomes = statement.ask(invocations(1_000), model="m", function="f")
        for _ in range(3):
            next(outcomes)
        outcomes.close()  # type: ignore[attr-defined]
        statement.finish()
        wait_until(lambda: next(home.journal.details()).outcome is StatementOutcome.COMPLETED)
        sent = len(home.provider.requests)
        assert sent < 1_000
        assert len(list(home.journal.calls())) == sent


def test_invocations_are_pulled_as_outcomes_leave(tmp_path: Path) -> None:
    """A million prompts are never in memory: what was pulled is at most a window ahead."""
    pulled = 0

    def source() -> Iterator[Invocation]:
        nonlocal pulled
        for one in invocations(6 * CHUNK):
            pulled += 1
            yield one

    with house(tmp_path) as home:
        left = 0
        ahead_max = 0
        for _ in home.statement().ask(source(), model="m", function="f"):
            left += 1
            ahead_max = max(ahead_max, pulled - left)
        assert left == 6 * CHUNK
        assert ahead_max <= 2 * CHUNK


def test_no_more_requests_are_in_flight_than_the_policy_allows(tmp_path: Path) -> None:
    async def linger(prompt: str) -> None:
        await asyncio.sleep(0.001)

    with house(tmp_path, linger) as home:
        ask(home.statement(max_concurrency=7), invocations(100))
        assert home.provider.in_flight_max == 7


def test_a_providers_own_limit_holds_for_all_statements(tmp_path: Path) -> None:
    async def linger(prompt: str) -> None:
        await asyncio.sleep(0.001)

    with house(tmp_path, linger, concurrency_max=3) as home:
        asking = [Background(home.statement(), invocations(30, f"p{n}")) for n in range(4)]
        for thread in asking:
            thread.join()
        assert home.provider.in_flight_max == 3
        assert len(home.provider.requests) == 120


def test_statements_are_shown_in_the_views(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        statement = home.statement()
        ask(statement, invocations(3))
        list(statement.ask(invocations(4), model="other", function="g"))
        statement.finish()
        first, second = home.journal.details()
        assert (first.model, first.function, first.invocations, first.calls) == ("m", "f", 3, 3)
        assert (second.model, second.function, second.calls, second.reused) == ("other", "g", 1, 0)
        assert {first.outcome, second.outcome} == {StatementOutcome.COMPLETED}
        assert first.query_id == second.query_id
        assert first.cost_usd == pytest.approx(3 * CALL_COST_USD)
        calls = list(home.journal.calls())
        assert [call.function for call in calls] == ["f", "f", "f", "g"]
        assert {(call.status, call.attempts, call.model_id) for call in calls} == {
            (CallStatus.ANSWERED, 1, MODEL)
        }


def test_a_statement_that_paid_nothing_is_shown_too(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), invocations(2))
        statement = home.statement()
        ask(statement, invocations(2))
        statement.finish()
        detail = list(home.journal.details())[1]
        assert (detail.calls, detail.reused, detail.outcome) == (0, 2, StatementOutcome.COMPLETED)


def test_progress_counts_while_it_runs(tmp_path: Path) -> None:
    gate = Gate()
    with house(tmp_path, gate) as home:
        statement = home.statement(max_concurrency=4)
        asking = Background(statement, invocations(10))
        gate.wait_for(4)
        progress = statement.progress()
        assert (progress.calls_total, progress.sent, progress.in_flight) == (10, 4, 4)
        assert (progress.waiting, progress.done) == (6, 0)
        gate.open()
        asking.join()
        progress = statement.progress()
        assert (progress.done, progress.in_flight, progress.waiting) == (10, 0, 0)


def test_truncated_answers_are_counted_each_time_they_are_used(tmp_path: Path) -> None:
    async def cut(prompt: str) -> Completion:
        return Completion(response_to(prompt, "max_tokens"), USAGE, 1)

    with house(tmp_path, cut) as home:
        for _ in range(2):
            statement = home.statement()
            ask(statement, invocations(3))
            assert statement.finish().truncated == 3


def test_unknown_prices_stay_unknown(tmp_path: Path) -> None:
    with house(tmp_path, price=None) as home:
        statement = home.statement()
        ask(statement, invocations(3))
        summary = statement.finish()
        assert (summary.cost_usd, summary.is_cost_complete) == (None, False)
        assert next(home.journal.details()).cost_usd is None


def test_closing_cancels_what_runs_and_keeps_what_is_in_flight(tmp_path: Path) -> None:
    gate = Gate()
    with house(tmp_path, gate) as home:
        statement = home.statement(max_concurrency=3)
        asking = Background(statement, invocations(10))
        gate.wait_for(3)
        closing = threading.Thread(target=home.gateway.close)
        closing.start()
        asking.join()
        assert isinstance(asking.error, QueryCanceled)
        gate.open()
        closing.join()
        statement.finish()
        assert home.provider.is_closed
        assert [call.status for call in home.journal.calls()] == [CallStatus.ANSWERED] * 3
        assert next(home.journal.details()).outcome is StatementOutcome.CANCELED
        with pytest.raises(InternalError, match="closed"):
            home.statement()


def test_what_does_not_come_back_within_the_grace_is_possibly_paid(tmp_path: Path) -> None:
    gate = Gate()
    with house(tmp_path, gate) as home:
        asking = Background(home.statement(max_concurrency=3), invocations(10))
        gate.wait_for(3)
        home.gateway.close(grace_s=0.01)
        asking.join()
        assert [call.status for call in home.journal.calls()] == [CallStatus.POSSIBLY_PAID] * 3
        assert next(home.journal.details()).possibly_paid == 3


def test_a_provider_that_cannot_be_built_stops_the_statement(tmp_path: Path) -> None:
    def build(name: str) -> InMemoryProvider:
        raise InternalError("no such thing")

    journal = Journal.open(tmp_path / "journal.sqlite")
    gateway = Gateway(journal, build, lambda name: "test", OnePrice())
    try:
        statement = gateway.open_statement("q1", "ann", "SELECT 1", "", CallPolicy())
        with pytest.raises(InternalError, match="no such thing"):
            ask(statement, invocations(100))
        assert statement.finish().outcome is StatementOutcome.FAILED
    finally:
        gateway.close()
        journal.close()


def test_who_waits_for_a_lookup_that_fails_looks_for_itself(tmp_path: Path) -> None:
    """Ctrl-C in one statement's lookup must not make another pay for what the journal has."""
    with house(tmp_path) as home:
        ask(home.statement(), invocations(3))
        joined = threading.Event()
        lookup, interrupted = home.journal.lookup, []

        def interrupt_once(fingerprints: Sequence[bytes], *, query_id: str | None = None):  # type: ignore[no-untyped-def]
            if not interrupted:
                interrupted.append(True)
                assert joined.wait(30)
                raise QueryCanceled("interrupted")
            return lookup(fingerprints, query_id=query_id)

        home.journal.lookup = interrupt_once  # type: ignore[method-assign]
        first = Background(home.statement(), invocations(3))
        wait_until(lambda: bool(interrupted))
        statement = home.statement()
        second = Background(statement, invocations(3))
        wait_until(lambda: statement.progress().waiting == 3)
        joined.set()
        first.join()
        second.join()
        assert isinstance(first.error, QueryCanceled)
        assert len(second.outcomes) == 3
        assert len(home.provider.requests) == 3
