"""Groups: many invocations sent in one go to a provider in process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.errors import BudgetExceeded, ProviderError, Rejected, Throttled, Unavailable
from outcrop.inference.feed import Feed
from outcrop.inference.gateway import CallPolicy, Outcome
from outcrop.inference.journal import Journal
from outcrop.inference.records import CallStatus
from outcrop.providers.base import Completion, ProviderRequest
from tests.unit.inference.support import (
    CALL_COST_USD,
    EagerClock,
    House,
    InMemoryProvider,
    completion_for,
    house,
    invocation,
    invocations,
    prompt_of,
)
from tests.unit.inference.test_gateway import Background, Gate, wait_until


@dataclass
class InProcessProvider(InMemoryProvider):
    """Answers at once, also when it is called without waiting; `fault` gives errors for prompts."""

    answers_at_once: bool = True
    fault: Callable[[str], Exception | None] = lambda prompt: None
    now: list[str] = field(default_factory=list)

    def complete_now(self, request: ProviderRequest) -> Completion:
        prompt = prompt_of(request)
        self.requests.append(prompt)
        self.now.append(prompt)
        if (error := self.fault(prompt)) is not None:
            raise error
        return completion_for(prompt)

    async def complete(self, request: ProviderRequest) -> Completion:
        completion = await super().complete(request)
        if (error := self.fault(prompt_of(request))) is not None:
            raise error
        return completion


def ask(home: House, count: int, **settings: object) -> list[Outcome]:
    statement = home.statement(**settings)  # type: ignore[arg-type]
    try:
        return list(statement.ask(invocations(count), model="m", function="f"))
    finally:
        statement.finish()


def statuses(journal: Journal) -> dict[CallStatus, int]:
    found = [detail.status for detail in journal.calls()]
    return {status: found.count(status) for status in dict.fromkeys(found)}


def test_a_provider_in_process_is_asked_in_groups(tmp_path: Path) -> None:
    provider = InProcessProvider()
    with house(tmp_path, provider=provider) as home:
        outcomes = ask(home, 3_000)
        assert all(outcome.error is None and not outcome.is_reused for outcome in outcomes)
        assert len({outcome.fingerprint for outcome in outcomes}) == 3_000
        assert sorted(provider.requests) == sorted(f"prompt {i}" for i in range(3_000))
        assert len(provider.now) > 2_900
        [detail] = home.journal.details()
        assert (detail.calls, detail.attempts, detail.failed) == (3_000, 3_000, 0)
        assert (detail.input_tokens, detail.output_tokens) == (30_000, 15_000)
        assert detail.cost_usd == pytest.approx(3_000 * CALL_COST_USD)
        assert statuses(home.journal) == {CallStatus.ANSWERED: 3_000}
        assert all(outcome.is_reused for outcome in ask(home, 3_000))
    assert len(provider.requests) == 3_000


def test_a_provider_that_has_to_wait_is_not(tmp_path: Path) -> None:
    provider = InProcessProvider(answers_at_once=False)
    with house(tmp_path, provider=provider) as home:
        assert len(ask(home, 500)) == 500
    assert not provider.now
    assert len(provider.requests) == 500


def every_tenth(error: Callable[[], ProviderError]) -> Callable[[str], Exception | None]:
    return lambda prompt: error() if prompt.endswith("0") else None


def once(error: Callable[[], ProviderError]) -> Callable[[str], Exception | None]:
    """Fail the first attempt of every tenth prompt."""
    seen: set[str] = set()

    def fault(prompt: str) -> Exception | None:
        is_first = prompt not in seen
        seen.add(prompt)
        return error() if is_first and prompt.endswith("0") else None

    return fault


def test_a_row_that_is_refused_costs_no_other_one(tmp_path: Path) -> None:
    provider = InProcessProvider(fault=every_tenth(lambda: Rejected("no")))
    with house(tmp_path, provider=provider) as home:
        outcomes = ask(home, 1_000)
        failed = [outcome for outcome in outcomes if isinstance(outcome.error, Rejected)]
        assert (len(outcomes), len(failed)) == (1_000, 100)
        assert statuses(home.journal) == {CallStatus.ANSWERED: 900, CallStatus.FAILED: 100}
        [detail] = home.journal.details()
        assert (detail.calls, detail.attempts, detail.failed) == (1_000, 1_000, 100)
    assert len(provider.requests) == 1_000


@pytest.mark.parametrize("error", [Throttled, Unavailable])
def test_what_failed_once_is_tried_again_alone(tmp_path: Path, error: type[ProviderError]) -> None:
    provider = InProcessProvider(fault=once(lambda: error("later")))
    with house(tmp_path, provider=provider, clock=EagerClock()) as home:
        outcomes = ask(home, 1_000)
        assert [outcome for outcome in outcomes if outcome.error is not None] == []
        [detail] = home.journal.details()
        assert (detail.calls, detail.attempts) == (1_000, 1_100)
        assert detail.throttles + detail.retries == 100
    assert len(provider.requests) == 1_100


def test_a_bug_of_the_provider_is_possibly_paid_for(tmp_path: Path) -> None:
    provider = InProcessProvider(
        fault=lambda prompt: ZeroDivisionError() if prompt == "prompt 77" else None
    )
    with house(tmp_path, provider=provider) as home:
        outcomes = ask(home, 200)
        [failed] = [outcome for outcome in outcomes if outcome.error is not None]
        assert failed.error is not None
        assert "ZeroDivisionError" in failed.error.message
        assert statuses(home.journal)[CallStatus.POSSIBLY_PAID] == 1


@pytest.mark.parametrize("settings", [{"max_cost_usd": 100.5 * CALL_COST_USD}, {"max_calls": 100}])
def test_a_budget_is_used_up_and_not_overshot(
    tmp_path: Path, settings: dict[str, float | int]
) -> None:
    provider = InProcessProvider()
    with house(tmp_path, provider=provider) as home:
        with pytest.raises(BudgetExceeded):
            ask(home, 1_000, **settings)
        [detail] = home.journal.details()
        assert detail.cost_usd is not None
        assert detail.cost_usd <= 100.5 * CALL_COST_USD
        # A request reserves the most that it may cost, so that a few calls are left over.
        assert "max_cost_usd" in settings or detail.calls == 100
        assert len(provider.requests) == detail.calls > 50


def test_a_budget_of_a_day_knows_what_groups_cost(tmp_path: Path) -> None:
    budget = BudgetConfig(1.0, BudgetPeriod.DAY)
    with house(tmp_path, provider=InProcessProvider(), budgets=[budget]) as home:
        ask(home, 1_000)
        [state] = home.gateway.budgets()
        assert state.spent_usd == pytest.approx(1_000 * CALL_COST_USD)
        assert state.reserved_usd == 0
        [paid] = home.journal.take_spending("2000-01-01")
        assert paid.cost_pico == round(1_000 * CALL_COST_USD * 1e12)


def test_what_comes_while_every_slot_waits_for_a_retry_is_sent_after_it(tmp_path: Path) -> None:
    gate = Gate()

    async def hold_retries(prompt: str) -> None:
        if prompt.endswith("0"):
            await gate(prompt)

    provider = InProcessProvider(behavior=hold_retries, fault=once(lambda: Throttled("later")))
    feed = Feed()
    with house(tmp_path, provider=provider, clock=EagerClock()) as home:
        background = Background(home.statement(CallPolicy(max_concurrency=8)), feed)
        feed.put([invocation("known from now on to answer at once")], 1)
        wait_until(lambda: len(background.outcomes) == 1)
        feed.put([invocation(f"prompt {number}0") for number in range(8)], 8)
        gate.wait_for(8)  # each has failed in its group, and is tried again alone
        feed.put(invocations(9, "late"), 9)
        feed.close()
        wait_until(lambda: background.statement.progress().waiting == 9)
        gate.open()
        background.join()
        assert len(background.outcomes) == 18
        background.statement.finish()


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_a_group_has_no_more_than_a_share_of_the_slots(tmp_path: Path, limit: int) -> None:
    provider = InProcessProvider()
    with house(tmp_path, provider=provider) as home:
        assert len(ask(home, 300, max_concurrency=limit)) == 300


def test_rows_that_fail_beside_others_of_their_group_are_no_evidence_against_the_endpoint(
    tmp_path: Path,
) -> None:
    # Others are sent after each of them, whatever groups they come to stand in.
    bad = {f"prompt {number}" for number in range(0, 200, 20)}
    provider = InProcessProvider(fault=lambda p: Unavailable("broken") if p in bad else None)
    with house(tmp_path, provider=provider, clock=EagerClock()) as home:
        outcomes = ask(home, 200)
        assert sum(outcome.error is None for outcome in outcomes) == 190
        assert statuses(home.journal) == {CallStatus.ANSWERED: 190, CallStatus.FAILED: 10}
