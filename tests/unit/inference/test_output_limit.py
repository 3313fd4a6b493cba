"""The limit of an answer that the runtime chooses: learned, kept to what was asked, and mended."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from outcrop.config import BudgetConfig, BudgetPeriod
from outcrop.errors import BudgetExceeded, Rejected
from outcrop.inference.budget import pico_of
from outcrop.inference.invocation import Invocation
from outcrop.inference.output_limit import LENGTHS_LEAST, LENGTHS_MAX, OutputLimit
from outcrop.inference.records import CallStatus
from outcrop.inference.tokens import usage_max
from outcrop.providers.base import Completion, ProviderRequest, RequestType, TokenUsage
from tests.unit.inference.support import (
    MODEL,
    PROVIDER,
    FlatPrice,
    House,
    InMemoryProvider,
    ask,
    house,
    invocation,
    prompt_of,
    response_to,
    texts,
)

DEFAULT = 400


def test_a_few_answers_teach_nothing() -> None:
    limit = OutputLimit()
    for _ in range(LENGTHS_LEAST - 1):
        limit.answered(4)
        assert limit.choose(DEFAULT) == DEFAULT
    limit.answered(4)
    assert limit.choose(DEFAULT) == 16


@pytest.mark.parametrize(
    ("lengths", "chosen"),
    [
        ([0] * 50, 16),
        ([10] * 50, 16),
        ([11] * 50, 32),
        ([100] * 50, 160),
        ([5] * 99 + [100], 16),
        ([5] * 98 + [100, 100], 160),
        ([300] * 50, DEFAULT),
    ],
)
def test_it_is_what_nearly_all_answers_kept_within_and_half_as_much_again(
    lengths: list[int], chosen: int
) -> None:
    assert OutputLimit(lengths).choose(DEFAULT) == chosen


def test_it_follows_answers_that_become_longer_and_forgets_old_ones() -> None:
    limit = OutputLimit([5] * LENGTHS_MAX)
    for _ in range(32):
        limit.answered(100)
    assert limit.choose(DEFAULT) == 160
    for _ in range(LENGTHS_MAX + 32):
        limit.answered(5)
    assert limit.choose(DEFAULT) == 16


def test_the_default_holds_while_many_are_asked_again() -> None:
    limit = OutputLimit([5] * LENGTHS_MAX)
    for _ in range(5):
        limit.asking_again()
    assert limit.choose(DEFAULT) == 16
    limit.asking_again()
    assert limit.choose(DEFAULT) == DEFAULT
    for _ in range(6):
        limit.ended_asking_again()
        limit.answered(100)
    assert limit.choose(DEFAULT) == 160


@dataclass
class CuttingProvider(InMemoryProvider):
    """Answers as many tokens as the prompt's last word says, cut at the request's limit."""

    limits: list[tuple[str, int]] = field(default_factory=list)
    refuses: Callable[[ProviderRequest], bool] = lambda request: False

    async def complete(self, request: ProviderRequest) -> Completion:
        prompt = prompt_of(request)
        tokens_max = int(request.body["inferenceConfig"]["maxTokens"])
        self.limits.append((prompt, tokens_max))
        if self.refuses(request):
            raise Rejected("refused")
        wanted = int(prompt.split()[-1])
        is_cut = wanted > tokens_max
        usage = TokenUsage(10, min(wanted, tokens_max))
        answer = f"{prompt}, cut" if is_cut else prompt
        response = response_to(answer, "max_tokens" if is_cut else "end_turn")
        return Completion(response, usage, latency_ms=1)


def asked(prompt: str) -> Invocation:
    return invocation(prompt, max_tokens=DEFAULT)


def teach(home: House, tokens: int = 5) -> CuttingProvider:
    """Have as many answers given as it takes to choose a limit."""
    assert isinstance(home.provider, CuttingProvider)
    statement = home.statement()
    ask(statement, [asked(f"lesson {n} {tokens}") for n in range(LENGTHS_LEAST)])
    statement.finish()
    home.provider.limits.clear()
    return home.provider


def test_the_limit_is_learned_within_a_statement_and_is_there_for_the_next(tmp_path: Path) -> None:
    provider = CuttingProvider()
    with house(tmp_path, provider=provider) as home:
        statement = home.statement(max_concurrency=1)
        ask(statement, [asked(f"row {n} 5") for n in range(LENGTHS_LEAST + 1)])
        assert [limit for _, limit in provider.limits] == [DEFAULT] * LENGTHS_LEAST + [16]
        assert statement.finish().asked_again == 0
    again = CuttingProvider()
    with house(tmp_path, provider=again) as home:  # from the journal
        ask(home.statement(), [asked("row 5")])
    assert again.limits == [("row 5", 16)]


def test_each_external_model_has_a_history_of_its_own(tmp_path: Path) -> None:
    with house(tmp_path, provider=CuttingProvider()) as home:
        provider = teach(home)
        list(home.statement().ask([asked("row 5")], model="another", function="g"))
        assert provider.limits == [("row 5", DEFAULT)]


def test_what_the_user_asked_for_is_sent(tmp_path: Path) -> None:
    body = {
        "messages": [{"role": "user", "content": [{"text": "long 300"}]}],
        "inferenceConfig": {"maxTokens": 90},
    }
    own = Invocation(PROVIDER, MODEL, RequestType.UNIFIED, json.dumps(body), DEFAULT)
    with house(tmp_path, provider=CuttingProvider()) as home:
        provider = teach(home)
        statement = home.statement()
        ask(statement, [own])
        summary = statement.finish()
    assert provider.limits == [("long 300", 90)]
    assert (summary.truncated, summary.asked_again) == (1, 0)


def test_an_answer_that_was_cut_is_asked_for_again_and_both_are_counted(tmp_path: Path) -> None:
    with house(tmp_path, provider=CuttingProvider()) as home:
        provider = teach(home)
        statement = home.statement()
        [outcome] = ask(statement, [asked("long 300")])
        summary = statement.finish()
        call = list(home.journal.calls())[-1]
        detail = list(home.journal.details())[-1]
    assert provider.limits == [("long 300", 16), ("long 300", DEFAULT)]
    assert texts([outcome]) == {"answer to long 300"}
    assert outcome.usage == TokenUsage(20, 316)
    assert (summary.calls, summary.asked_again, summary.truncated) == (1, 1, 0)
    assert (summary.input_tokens, summary.output_tokens) == (20, 316)
    cost_usd = FlatPrice().cost_usd(TokenUsage(20, 316))
    assert (call.status, call.attempts) == (CallStatus.ANSWERED, 2)
    assert (call.input_tokens, call.output_tokens) == (20, 316)
    assert (detail.calls, detail.attempts) == (1, 2)
    assert (detail.input_tokens, detail.output_tokens) == (20, 316)
    for known in (call.cost_usd, detail.cost_usd, summary.cost_usd):
        assert known == pytest.approx(cost_usd)


def test_an_answer_that_is_cut_at_the_default_too_is_given_and_counted(tmp_path: Path) -> None:
    with house(tmp_path, provider=CuttingProvider()) as home:
        teach(home)
        statement = home.statement()
        outcomes = ask(statement, [asked("long 900")])
        summary = statement.finish()
    assert texts(outcomes) == {"answer to long 900, cut"}
    assert (summary.asked_again, summary.truncated) == (1, 1)


def test_an_answer_that_ended_long_before_its_limit_is_not_asked_for_again(tmp_path: Path) -> None:
    async def stop_early(prompt: str) -> Completion:
        return Completion(response_to(prompt, "max_tokens"), TokenUsage(10, 5), 1)

    with house(tmp_path, stop_early) as home:
        statement = home.statement(max_concurrency=1)
        ask(statement, [asked(f"row {n}") for n in range(LENGTHS_LEAST + 20)])
        summary = statement.finish()
    assert (summary.asked_again, summary.truncated) == (0, LENGTHS_LEAST + 20)


def test_what_a_cut_answer_cost_is_journaled_where_asking_again_fails(tmp_path: Path) -> None:
    provider = CuttingProvider(
        refuses=lambda request: (
            "long" in prompt_of(request) and request.body["inferenceConfig"]["maxTokens"] == DEFAULT
        )
    )
    with house(tmp_path, provider=provider) as home:
        teach(home)
        statement = home.statement()
        [outcome] = ask(statement, [asked("long 300")])
        summary = statement.finish()
        call = list(home.journal.calls())[-1]
        answers = home.journal.lookup([asked("long 300").fingerprint])
    assert isinstance(outcome.error, Rejected)
    assert (call.status, call.output_tokens, summary.output_tokens) == (CallStatus.FAILED, 16, 16)
    assert call.cost_usd == pytest.approx(summary.cost_usd)
    assert answers == {}


def test_a_budget_that_has_no_room_for_asking_again_counts_the_cut_answer(tmp_path: Path) -> None:
    cost_of_cut = FlatPrice().cost_usd(TokenUsage(10, 16))
    taught = LENGTHS_LEAST * FlatPrice().cost_usd(TokenUsage(10, 5))
    last = asked("long 300")
    most = usage_max(last.body, last.to_request(1.0).body)
    assert most is not None
    # The default fits until the last cheap answer, and no more beside the answer that was cut.
    budget = BudgetConfig(taught + FlatPrice().cost_usd(most), BudgetPeriod.DAY)
    with house(tmp_path, provider=CuttingProvider(), budgets=[budget]) as home:
        assert isinstance(home.provider, CuttingProvider)
        statement = home.statement(max_concurrency=1)
        with pytest.raises(BudgetExceeded) as raised:
            ask(statement, [*(asked(f"a {n} 5") for n in range(LENGTHS_LEAST)), last])
        summary = statement.finish(raised.value)
        [state] = home.gateway.budgets()
        call = list(home.journal.calls())[-1]
        paid = sum(payment.cost_pico for payment in home.journal.take_spending("2000-01-01"))
    assert [limit for _, limit in home.provider.limits][-1] == 16
    assert call.status is CallStatus.CANCELED
    assert call.cost_usd == pytest.approx(cost_of_cut)
    assert summary.cost_usd == pytest.approx(taught + cost_of_cut)
    assert state.spent_usd == pytest.approx(taught + cost_of_cut)
    assert paid == pico_of(taught + cost_of_cut)


def test_a_limit_of_the_runtimes_choice_is_no_part_of_the_identity(tmp_path: Path) -> None:
    short = replace(asked("row 5"), max_tokens_default=7)
    with house(tmp_path, provider=CuttingProvider()) as home:
        teach(home)
        ask(home.statement(), [asked("row 5")])
        [outcome] = ask(home.statement(), [short])
    assert short.fingerprint == asked("row 5").fingerprint
    assert outcome.is_reused


def test_where_a_provider_lets_wait_the_default_is_sent(tmp_path: Path) -> None:
    with house(tmp_path, provider=CuttingProvider(lets_wait=True)) as home:
        provider = teach(home)
        ask(home.statement(), [asked("row 5")])
    assert provider.limits == [("row 5", DEFAULT)]


def test_a_raw_request_is_sent_as_it_is() -> None:
    raw = Invocation(PROVIDER, MODEL, RequestType.RAW, '{"prompt": "x"}', DEFAULT)
    assert raw.output_tokens_default is None
    assert raw.to_request(1.0).body == {"prompt": "x"}
