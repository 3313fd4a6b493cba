"""When a model counts as out of reach, and when it is asked again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from outcrop.errors import (
    ModelUnreachable,
    ProviderError,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from outcrop.inference.breaker import (
    PATIENCE_S,
    REST_S,
    ROWS_FAILED_MAX,
    STALE_S,
    Admission,
    Breaker,
    BreakerState,
    SentRow,
)
from outcrop.inference.records import CallStatus, StatementOutcome
from outcrop.providers.base import Completion
from tests.unit.inference.support import Behavior, EagerClock, ask, house, invocations, texts

REFUSED = Unreachable("cannot connect to http://here", hint="Check that it is running.")
BROKEN = Unavailable("it is broken")
LATE = TimedOut("no answer", possibly_paid=True)


def row(number: int = 0, *, sent_s: float = 0.0, signs_of_life: int = 0) -> SentRow:
    return SentRow(b"row %d" % number, sent_s, signs_of_life)


def half_open(at_s: float = 0.0) -> Breaker:
    breaker = Breaker("here", "a.model")
    for _ in range(3):
        breaker.failed(REFUSED, row(), at_s)
    return breaker


def opened() -> Breaker:
    """Return a breaker that was opened at PATIENCE_S."""
    breaker = half_open()
    assert breaker.admit(PATIENCE_S) is Admission.PROBE
    breaker.failed(REFUSED, row(), PATIENCE_S, was_probe=True)
    assert breaker.state is BreakerState.OPEN
    return breaker


def test_requests_are_sent_while_nothing_is_known_against_the_endpoint() -> None:
    breaker = Breaker("here", "a.model")
    assert breaker.is_clear
    assert breaker.admit(0.0) is Admission.SEND


def test_a_few_that_find_no_endpoint_leave_one_probe() -> None:
    breaker = Breaker("here", "a.model")
    breaker.failed(REFUSED, row(), 0.0)
    breaker.failed(REFUSED, row(), 0.1)
    assert breaker.admit(0.2) is Admission.SEND
    breaker.failed(REFUSED, row(), 0.2)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit(0.3) is Admission.WAIT
    assert breaker.admit(0.7) is Admission.PROBE
    assert breaker.admit(0.7) is Admission.WAIT


def test_a_probe_that_is_heard_closes_it() -> None:
    breaker = half_open()
    assert breaker.admit(1.0) is Admission.PROBE
    breaker.heard()
    assert (breaker.state, breaker.is_clear) == (BreakerState.CLOSED, True)
    assert breaker.view.cause is None


def test_probes_that_fail_open_it_when_patience_is_over() -> None:
    breaker = half_open()
    now_s = 0.0
    while breaker.state is not BreakerState.OPEN:
        now_s += 0.25
        if breaker.admit(now_s) is Admission.PROBE:
            breaker.failed(REFUSED, row(), now_s, was_probe=True)
    assert PATIENCE_S <= now_s <= PATIENCE_S + 1.0
    assert breaker.admit(now_s) is Admission.REFUSE
    assert breaker.view.cause == "cannot connect to http://here"


def test_a_probe_that_was_given_up_makes_way_for_the_next() -> None:
    breaker = half_open()
    assert breaker.admit(1.0) is Admission.PROBE
    breaker.abandoned()
    assert breaker.admit(1.0) is Admission.PROBE


def test_once_open_one_probe_is_let_through_after_a_rest() -> None:
    breaker = opened()
    assert breaker.admit(PATIENCE_S + REST_S - 0.1) is Admission.REFUSE
    assert breaker.admit(PATIENCE_S + REST_S) is Admission.PROBE
    assert breaker.admit(PATIENCE_S + REST_S) is Admission.WAIT
    breaker.failed(REFUSED, row(), PATIENCE_S + REST_S, was_probe=True)
    assert breaker.admit(PATIENCE_S + REST_S + 0.1) is Admission.REFUSE


def test_a_sign_of_life_of_a_request_under_way_closes_it() -> None:
    breaker = opened()
    breaker.heard()
    assert breaker.admit(PATIENCE_S) is Admission.SEND


def test_what_was_sent_before_decides_nothing_any_more() -> None:
    breaker = half_open()
    assert breaker.admit(PATIENCE_S) is Admission.PROBE
    breaker.failed(REFUSED, row(), PATIENCE_S)
    assert breaker.state is BreakerState.HALF_OPEN
    assert breaker.admit(PATIENCE_S + 1) is Admission.WAIT


@pytest.mark.parametrize("error", [BROKEN, LATE])
def test_rows_that_meet_nothing_but_faults_open_it_in_the_end(error: ProviderError) -> None:
    breaker = Breaker("here", "a.model")
    for number in range(ROWS_FAILED_MAX):
        breaker.failed(error, row(number), 1.0)
    assert breaker.state is BreakerState.CLOSED
    breaker.failed(error, row(0), 1.0 + PATIENCE_S)
    assert breaker.state is BreakerState.OPEN


def test_time_outs_count_from_when_they_were_sent() -> None:
    breaker = Breaker("here", "a.model")
    for number in range(ROWS_FAILED_MAX):
        breaker.failed(LATE, row(number), 120.0)
    assert breaker.state is BreakerState.OPEN


def test_the_same_rows_over_and_over_prove_nothing() -> None:
    breaker = Breaker("here", "a.model")
    for second in range(100):
        breaker.failed(BROKEN, row(second % (ROWS_FAILED_MAX - 1)), float(second))
    assert breaker.state is BreakerState.CLOSED


def test_rows_that_fail_while_others_are_answered_prove_nothing() -> None:
    breaker = Breaker("here", "a.model")
    breaker.heard()
    for second in range(100):
        breaker.failed(BROKEN, row(second, signs_of_life=0), float(second))
    assert breaker.is_clear


def test_what_was_known_long_ago_is_forgotten() -> None:
    breaker = opened()
    assert breaker.admit(PATIENCE_S + STALE_S + 1.0) is Admission.SEND
    assert breaker.is_clear


def test_the_error_says_what_happened_and_since_when() -> None:
    error = opened().to_error(15.0, 1_700_000_015.0)
    assert error.message == (
        "model 'a.model' of provider 'here' gives no answer since 2023-11-14 22:13:20 UTC "
        "(15 s, 4 requests): cannot connect to http://here"
    )
    assert error.hint == "Check that it is running."
    assert error.sqlstate == "HV00N"


# In the gateway


def refusing_until(clock: EagerClock, until_s: float) -> Behavior:
    async def behavior(prompt: str) -> Completion | None:
        await asyncio.sleep(0)
        if clock.now_s < until_s:
            raise REFUSED
        return None

    return behavior


def test_a_dead_endpoint_stops_a_large_statement_within_seconds(tmp_path: Path) -> None:
    clock = EagerClock()
    with house(tmp_path, refusing_until(clock, 1e9), clock=clock) as home:
        statement = home.statement(max_concurrency=64)
        with pytest.raises(ModelUnreachable, match=r"10,000 invocations are left") as caught:
            ask(statement, invocations(10_000))
        assert PATIENCE_S <= clock.now_s < PATIENCE_S + 5
        assert len(home.provider.requests) < 150
        assert caught.value.hint is not None
        assert "Check that it is running. Running it again pays for the 10,000 left alone" in (
            caught.value.hint
        )
        assert statement.finish().outcome is StatementOutcome.FAILED
        [limits] = home.gateway.limits()
        assert limits.breaker.state is BreakerState.OPEN
        assert limits.breaker.cause == "cannot connect to http://here"


def test_while_it_is_open_nothing_is_sent_and_what_was_answered_is_there(tmp_path: Path) -> None:
    clock = EagerClock()
    down_from_s = [1e9]

    async def behavior(prompt: str) -> None:
        if clock.now_s >= down_from_s[0]:
            raise REFUSED

    with house(tmp_path, behavior, clock=clock) as home:
        ask(home.statement(), invocations(10))
        down_from_s[0] = clock.now_s
        with pytest.raises(ModelUnreachable, match="10 answers are kept, 90 invocations are left"):
            ask(home.statement(), invocations(100))
        home.provider.requests.clear()
        with pytest.raises(ModelUnreachable):
            ask(home.statement(), invocations(100))
        assert home.provider.requests == []
        assert len(texts(ask(home.statement(), invocations(10)))) == 10
        clock.now_s += REST_S
        down_from_s[0] = 1e9
        assert len(texts(ask(home.statement(), invocations(100)))) == 100


def test_an_endpoint_that_is_restarted_costs_nothing(tmp_path: Path) -> None:
    clock = EagerClock()
    with house(tmp_path, refusing_until(clock, 8.0), clock=clock) as home:
        statement = home.statement(max_concurrency=64)
        assert len(texts(ask(statement, invocations(1_000)))) == 1_000
        summary = statement.finish()
        assert (summary.failed, summary.possibly_paid, summary.calls) == (0, 0, 1_000)


def test_an_endpoint_that_breaks_for_a_while_costs_no_row(tmp_path: Path) -> None:
    clock = EagerClock()

    async def behavior(prompt: str) -> None:
        await asyncio.sleep(0)
        if clock.now_s < 8.0:
            raise BROKEN

    with house(tmp_path, behavior, clock=clock) as home:
        assert len(texts(ask(home.statement(max_concurrency=64), invocations(500)))) == 500


@pytest.mark.parametrize("error", [Throttled("slow down"), Rejected("too long")])
def test_throttles_and_refused_rows_never_open_it(tmp_path: Path, error: ProviderError) -> None:
    async def refuse(prompt: str) -> None:
        raise error

    with house(tmp_path, refuse, clock=EagerClock()) as home:
        outcomes = ask(home.statement(retry_timeout_s=60), invocations(50))
        assert {type(outcome.error) for outcome in outcomes} == {type(error)}
        [limits] = home.gateway.limits()
        assert limits.breaker.state is BreakerState.CLOSED


def test_rows_of_which_some_always_fail_are_all_tried(tmp_path: Path) -> None:
    async def behavior(prompt: str) -> None:
        await asyncio.sleep(0)
        if prompt.endswith(("3", "5", "8")):
            raise BROKEN

    with house(tmp_path, behavior, clock=EagerClock()) as home:
        outcomes = ask(home.statement(max_concurrency=64), invocations(1_000))
        assert len(texts(outcomes)) == 700
        failed = [call for call in home.journal.calls() if call.status is CallStatus.FAILED]
        assert len(failed) == 300


def test_the_last_rows_may_all_be_such_as_the_model_cannot_answer(tmp_path: Path) -> None:
    bad = {f"prompt {number}" for number in range(90, 100)}

    async def behavior(prompt: str) -> None:
        await asyncio.sleep(0)
        if prompt in bad:
            raise BROKEN

    with house(tmp_path, behavior, clock=EagerClock()) as home:
        outcomes = ask(home.statement(max_concurrency=64), invocations(100))
        assert len(texts(outcomes)) == 90
        assert {outcome.error for outcome in outcomes if outcome.error} == {BROKEN}


def test_a_service_that_breaks_for_good_stops_a_large_statement(tmp_path: Path) -> None:
    clock = EagerClock()
    broken_after = [300]

    async def behavior(prompt: str) -> None:
        await asyncio.sleep(0)
        broken_after[0] -= 1
        if broken_after[0] < 0:
            raise BROKEN

    with house(tmp_path, behavior, clock=clock) as home:
        with pytest.raises(ModelUnreachable, match="300 answers are kept, 9,700 invocations"):
            ask(home.statement(max_concurrency=64), invocations(10_000))
        assert clock.now_s < 60
