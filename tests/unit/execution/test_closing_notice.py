"""The notice with which a statement ends that called a model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from outcrop.errors import Rejected
from outcrop.execution.closing_notice import closing_notice
from outcrop.execution.question import Failures, RowFailure
from outcrop.inference.meter import Summary
from outcrop.inference.records import StatementOutcome
from outcrop.settings import OnError

SUMMARY = Summary(
    outcome=StatementOutcome.COMPLETED,
    invocations=5,
    calls=3,
    reused=2,
    failed=0,
    throttles=0,
    retries=0,
    truncated=0,
    asked_again=0,
    possibly_paid=0,
    input_tokens=1_200,
    cached_tokens=0,
    output_tokens=34,
    cost_usd=0.00125,
    is_cost_complete=True,
    saved_input_tokens=0,
    saved_output_tokens=0,
    saved_cost_usd=None,
    elapsed_s=1.25,
)
NOTHING_SENT = replace(SUMMARY, calls=0, input_tokens=0, output_tokens=0, cost_usd=0.0)


def _text(summary: Summary, failures: Failures | None = None) -> str:
    return closing_notice(summary, failures or Failures()).message


def test_it_says_what_the_prompt_cache_of_the_provider_had() -> None:
    cached = replace(SUMMARY, cached_tokens=1_000)
    assert "1,200 tokens in (1,000 cached), 34 out" in _text(cached)


def test_it_says_calls_reuse_failures_tokens_cost_and_time() -> None:
    notice = closing_notice(SUMMARY, Failures())
    assert notice.severity == "NOTICE"
    assert notice.message == (
        "3 calls, 2 reused, 0 failed, 1,200 tokens in, 34 out, cost $0.00125, 1.2 s"
    )
    assert notice.hint is None


@pytest.mark.parametrize(
    ("cost_usd", "is_complete", "text"),
    [
        (0.0, True, "cost $0,"),
        (0.0000005, True, "cost under $0.000001,"),
        (0.000001, True, "cost $0.000001,"),
        (12.5, True, "cost $12.50,"),
        (1_234.5, True, "cost $1,234.50,"),
        (None, False, "price unknown,"),
        (0.5, False, "cost $0.5 and calls of unknown price,"),
    ],
)
def test_what_it_cost(cost_usd: float | None, is_complete: bool, text: str) -> None:
    assert text in _text(replace(SUMMARY, cost_usd=cost_usd, is_cost_complete=is_complete))


def test_what_was_saved() -> None:
    assert "cost $0.00125 (saved $2.00)" in _text(replace(SUMMARY, saved_cost_usd=2.0))
    notice = closing_notice(replace(NOTHING_SENT, saved_cost_usd=2.0), Failures())
    assert "0 calls, 2 reused" in notice.message
    assert "cost $0 (saved $2.00)" in notice.message
    assert "reuse_answers" in str(notice.hint)


def test_one_is_singular() -> None:
    assert _text(replace(SUMMARY, calls=1)).startswith("1 call,")


def test_failures_and_nulls_are_told_apart() -> None:
    failures = Failures()
    failure = RowFailure(1, "x", "f", Rejected("no"))
    failures.add(failure, OnError.FAIL)
    assert "1 failed," in _text(SUMMARY, failures)
    failures.add(failure, OnError.NULL)
    failures.add(failure, OnError.NULL)
    assert "3 failed (2 given as NULL)," in _text(SUMMARY, failures)
    assert (failures.count, failures.nulls, failures.named) == (1, 2, [failure])


def test_answers_that_were_cut_are_counted_with_a_remedy() -> None:
    notice = closing_notice(replace(SUMMARY, truncated=2), Failures())
    assert "0 failed, 2 answers cut at the token limit, 1,200 tokens in" in notice.message
    assert "MAX_TOKENS" in str(notice.hint)


def test_answers_that_were_asked_for_again_are_counted() -> None:
    text = _text(replace(SUMMARY, asked_again=3, truncated=1))
    assert (
        "0 failed, 1 answer cut at the token limit, 3 asked again for a longer answer, "
        "1,200 tokens in" in text
    )
