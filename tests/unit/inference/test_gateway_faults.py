"""The gateway under faults, budgets and full disks."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from outcrop.errors import (
    AuthFailed,
    BudgetExceeded,
    InternalError,
    ModelNotFound,
    ProviderError,
    QuotaKind,
    Rejected,
    TerminalProviderError,
    Throttled,
    TimedOut,
    Unavailable,
)
from outcrop.inference.gateway import Outcome
from outcrop.inference.records import CallStatus, StatementOutcome
from outcrop.inference.tokens import usage_max
from outcrop.providers.base import Completion
from tests.unit.inference.support import (
    CALL_COST_USD,
    Behavior,
    EagerClock,
    FlatPrice,
    ask,
    house,
    invocation,
    invocations,
    response_to,
    texts,
)


class FailFirst:
    """Fails the first `times` requests of every prompt with `error`, then answers."""

    def __init__(self, error: ProviderError, times: int) -> None:
        self._error = error
        self._times = times
        self.seen: Counter[str] = Counter()

    async def __call__(self, prompt: str) -> None:
        self.seen[prompt] += 1
        if self.seen[prompt] <= self._times:
            raise self._error


def failing_for(bad: str, error: Exception) -> Behavior:
    async def behavior(prompt: str) -> None:
        if prompt == bad:
            raise error

    return behavior


def test_throttles_are_no_failures(tmp_path: Path) -> None:
    with house(tmp_path, FailFirst(Throttled("slow down"), 3), clock=EagerClock()) as home:
        statement = home.statement(max_concurrency=8)
        assert len(texts(ask(statement, invocations(50)))) == 50
        summary = statement.finish()
        assert (summary.calls, summary.failed, summary.throttles, summary.retries) == (
            50,
            0,
            150,
            0,
        )
        assert summary.cost_usd == pytest.approx(50 * CALL_COST_USD)
        assert summary.is_cost_complete
        [detail] = home.journal.details()
        assert (detail.attempts, detail.throttles) == (200, 150)
        assert {(c.attempts, c.throttles) for c in home.journal.calls()} == {(4, 3)}


def test_faults_are_tried_again(tmp_path: Path) -> None:
    with house(tmp_path, FailFirst(Unavailable("down"), 5), clock=EagerClock()) as home:
        statement = home.statement()
        assert len(texts(ask(statement, invocations(10)))) == 10
        summary = statement.finish()
        assert (summary.failed, summary.retries, summary.possibly_paid) == (0, 50, 0)


def test_a_row_whose_tries_are_used_up_fails_alone(tmp_path: Path) -> None:
    down = Unavailable("it is down", code="ServiceUnavailable")
    with house(tmp_path, failing_for("prompt 3", down), clock=EagerClock()) as home:
        statement = home.statement()
        outcomes = ask(statement, invocations(10))
        [bad] = [outcome for outcome in outcomes if outcome.error is not None]
        assert bad.fingerprint == invocation("prompt 3").fingerprint
        assert bad.error is down
        assert bad.error.detail is not None
        assert re.match(r"given up after \d+ attempts in 1\d\.\d s", bad.error.detail)
        assert bad.response is None
        assert len(texts(outcomes)) == 9
        summary = statement.finish()
        assert (summary.failed, summary.outcome) == (1, StatementOutcome.COMPLETED)
        [call] = [call for call in home.journal.calls() if call.status is CallStatus.FAILED]
        assert call.attempts >= 6
        assert call.retries == call.attempts - 1
        assert (call.error_code, call.error_message) == ("ServiceUnavailable", "it is down")


def test_a_failed_row_is_asked_again_by_the_next_statement_and_nothing_else_is(
    tmp_path: Path,
) -> None:
    with house(tmp_path, failing_for("prompt 3", Rejected("too long"))) as home:
        ask(home.statement(), invocations(10))
        home.provider.requests.clear()
        ask(home.statement(), invocations(10))
        assert home.provider.requests == ["prompt 3"]


def test_requests_that_may_have_been_paid_are_counted(tmp_path: Path) -> None:
    late = TimedOut("no answer", possibly_paid=True)
    with house(tmp_path, FailFirst(late, 1), clock=EagerClock()) as home:
        statement = home.statement()
        ask(statement, invocations(4))
        summary = statement.finish()
        assert (summary.possibly_paid, summary.retries, summary.failed) == (4, 4, 0)
        assert not summary.is_cost_complete
        assert {c.possibly_paid for c in home.journal.calls()} == {1}


def test_the_time_budget_ends_throttles(tmp_path: Path) -> None:
    clock = EagerClock()
    with house(tmp_path, FailFirst(Throttled("slow down"), 10**6), clock=clock) as home:
        [outcome] = ask(home.statement(retry_timeout_s=60), [invocation("a")])
        assert isinstance(outcome.error, Throttled)
        assert 50 < clock.now_s <= 61
        assert next(home.journal.calls()).status is CallStatus.FAILED


@pytest.mark.parametrize("error", [AuthFailed("no key"), ModelNotFound("no such model")])
def test_an_error_of_the_model_stops_the_statement_at_once(
    tmp_path: Path, error: TerminalProviderError
) -> None:
    async def refuse(prompt: str) -> None:
        await asyncio.sleep(0.001)
        raise error

    with house(tmp_path, refuse) as home:
        statement = home.statement(max_concurrency=4)
        with pytest.raises(type(error)) as caught:
            ask(statement, invocations(500))
        assert caught.value is error
        assert statement.finish().outcome is StatementOutcome.FAILED
        assert len(home.provider.requests) == 4


def test_an_error_of_the_model_is_raised_for_a_single_row_too(tmp_path: Path) -> None:
    async def refuse(prompt: str) -> None:
        raise AuthFailed("no key")

    with house(tmp_path, refuse) as home, pytest.raises(AuthFailed):
        ask(home.statement(), [invocation("a")])


def test_what_is_in_flight_when_the_model_fails_is_kept(tmp_path: Path) -> None:
    async def behavior(prompt: str) -> None:
        if prompt == "prompt 0":
            raise ModelNotFound("gone")
        await asyncio.sleep(0.02)

    with house(tmp_path, behavior) as home:
        with pytest.raises(ModelNotFound):
            ask(home.statement(max_concurrency=3), invocations(9))
        home.gateway.close()
        answered = [c for c in home.journal.calls() if c.status is CallStatus.ANSWERED]
        assert len(answered) == 2


def test_a_bug_of_a_provider_fails_its_row_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with house(tmp_path, failing_for("prompt 1", ZeroDivisionError("secret prompt"))) as home:
        outcomes = ask(home.statement(), invocations(3))
        [bad] = [outcome for outcome in outcomes if outcome.error is not None]
        assert isinstance(bad.error, InternalError)
        assert len(texts(outcomes)) == 2
        [call] = [call for call in home.journal.calls() if call.error_code is not None]
        assert call.status is CallStatus.POSSIBLY_PAID
        assert call.error_code == "InternalError"
    [bug] = [r for r in caplog.records if r.getMessage() == "code_failed"]
    assert (bug.name, bug.exc_info) == ("outcrop.inference", None)
    assert vars(bug)["error"] == "ZeroDivisionError"
    assert "in complete" in vars(bug)["stack"]
    assert "secret" not in str(vars(bug))


def test_neither_prompts_nor_answers_are_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="outcrop")
    with house(tmp_path, FailFirst(Unavailable("down"), 1), clock=EagerClock()) as home:
        ask(home.statement(), [invocation("a secret")])
    assert "secret" not in caplog.text


# Budgets


def cost_max_usd(prompt: str) -> float:
    one = invocation(prompt)
    usage = usage_max(one.body, one.to_request(1.0).body)
    assert usage is not None
    return FlatPrice().cost_usd(usage)


def test_a_budget_of_calls_is_never_overshot(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        statement = home.statement(max_calls=7, max_concurrency=5)
        with pytest.raises(BudgetExceeded) as caught:
            ask(statement, invocations(20))
        assert len(home.provider.requests) == 7
        assert str(caught.value) == (
            "outcrop.max_calls of 7 is reached; $0.00014 was spent on 7 calls, "
            "7 answers are kept, 13 invocations are left"
        )
        assert caught.value.hint == (
            "Raise the limit. Running it again pays for the 13 left alone: about $0.00026."
        )
        assert statement.finish().outcome is StatementOutcome.BUDGET_EXCEEDED
        ask(home.statement(max_calls=13), invocations(20))
        assert len(home.provider.requests) == 20


def test_what_was_answered_before_the_budget_ended_is_yielded(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        outcomes: list[Outcome] = []
        asking = home.statement(max_calls=7).ask(invocations(20), model="m", function="f")
        with pytest.raises(BudgetExceeded):
            outcomes.extend(asking)
        assert len(texts(outcomes)) == 7


def test_reused_answers_need_no_budget(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), invocations(5))
        assert len(texts(ask(home.statement(max_calls=0, max_cost_usd=0.0), invocations(5)))) == 5


def test_what_is_left_counts_also_what_was_never_pulled(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        known = invocations(5_000)[-100:]
        ask(home.statement(), known)
        with pytest.raises(BudgetExceeded, match="4,890 invocations are left"):
            ask(home.statement(max_calls=10), iter(invocations(5_000)))


def test_a_cost_is_reserved_before_the_call_and_settled_after(tmp_path: Path) -> None:
    """The limit holds one bound only: calls go one by one, each after the last has settled."""

    async def linger(prompt: str) -> None:
        await asyncio.sleep(0.001)

    bound = cost_max_usd("prompt 00")
    with house(tmp_path, linger) as home:
        asked = [invocation(f"prompt {index:02}") for index in range(20)]
        statement = home.statement(max_cost_usd=bound + 4.5 * CALL_COST_USD)
        with pytest.raises(BudgetExceeded, match=r"outcrop\.max_cost_usd of \$"):
            ask(statement, asked)
        assert len(home.provider.requests) == 5
        assert home.provider.in_flight_max == 1
        assert statement.finish().cost_usd == pytest.approx(5 * CALL_COST_USD)


def test_a_budget_needs_a_price(tmp_path: Path) -> None:
    with house(tmp_path, price=None) as home:
        with pytest.raises(BudgetExceeded, match=r"the price of 'test\.model-1' is unknown") as e:
            ask(home.statement(max_cost_usd=1.0), invocations(3))
        assert e.value.hint is not None
        assert '[prices."test.model-1"] in outcrop.toml' in e.value.hint
        assert home.provider.requests == []


def test_a_budget_needs_a_limit_of_the_answer(tmp_path: Path) -> None:
    with house(tmp_path) as home, pytest.raises(BudgetExceeded, match="no upper bound"):
        ask(home.statement(max_cost_usd=1.0), [invocation("a", max_tokens=None)])


def test_throttles_cost_no_budget_and_lost_answers_do(tmp_path: Path) -> None:
    async def throttle_a_lose_b(prompt: str) -> None:
        seen[prompt] += 1
        if seen[prompt] == 1:
            raise Throttled("slow") if prompt == "a" else TimedOut("lost", possibly_paid=True)

    seen: Counter[str] = Counter()
    with house(tmp_path, throttle_a_lose_b, clock=EagerClock()) as home:
        assert len(texts(ask(home.statement(max_calls=1), [invocation("a")]))) == 1
        with pytest.raises(BudgetExceeded, match="1 invocation is left"):
            ask(home.statement(max_calls=1), [invocation("b")])
        assert len(texts(ask(home.statement(max_calls=1), [invocation("b")]))) == 1


def test_an_answer_that_was_paid_without_usage_spends_its_bound(tmp_path: Path) -> None:
    async def silent(prompt: str) -> Completion:
        return Completion(response_to(prompt), None, 1)

    with house(tmp_path, silent) as home:
        bound = cost_max_usd("prompt 0")
        statement = home.statement(max_cost_usd=2.5 * bound)
        with pytest.raises(BudgetExceeded):
            ask(statement, invocations(5))
        assert len(home.provider.requests) == 2
        assert statement.finish().cost_usd is None


# A journal that cannot be written


def break_writes(path: Path, *, are_broken: bool) -> None:
    """Make the next transactions fail, by a trigger in the file itself."""
    connection = sqlite3.connect(path)
    if are_broken:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON call BEGIN SELECT RAISE(ABORT, 'broken'); END"
        )
    else:
        connection.execute("DROP TRIGGER broken")
    connection.close()


def test_an_answer_that_could_not_be_journaled_is_not_released(tmp_path: Path) -> None:
    with house(tmp_path) as home:
        ask(home.statement(), [invocation("before")])
        break_writes(tmp_path / "journal.sqlite", are_broken=True)
        released: list[Outcome] = []
        asking = home.statement(max_concurrency=4).ask(invocations(50), model="m", function="f")
        with pytest.raises(InternalError):
            released.extend(asking)
        assert released == []
        assert len(home.provider.requests) <= 5
        break_writes(tmp_path / "journal.sqlite", are_broken=False)
        assert len(texts(ask(home.statement(), invocations(50)))) == 50


def test_a_learned_rate_is_known_after_a_restart(tmp_path: Path) -> None:
    refused = FailFirst(Throttled("too many requests", quota=QuotaKind.REQUESTS), 1)
    with house(tmp_path, refused, clock=EagerClock()) as home:
        statement = home.statement()
        ask(statement, invocations(5))
        statement.finish()
    with house(tmp_path, refused, clock=EagerClock()) as home:
        statement = home.statement()
        ask(statement, invocations(1, "another"))
        [state] = home.gateway.limits()
        statement.finish()
    assert state.limiter.learned.requests_per_s is not None
