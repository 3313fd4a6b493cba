from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from outcrop.planner.call_numbers import (
    CallNumbers,
    Interval,
    ModelStatistics,
    cost_of_calls,
    numbers_of_calls,
    time_of_calls,
    total_numbers,
)
from outcrop.providers.base import TokenUsage


@dataclass(frozen=True)
class _Price:
    as_of: str = "2026-11-01"

    def cost_usd(self, usage: TokenUsage) -> float:
        return usage.input_tokens * 0.001 + usage.output_tokens * 0.01


MODEL = ModelStatistics(
    provider="p",
    model_id="m",
    price=_Price(),
    input_tokens=None,
    output_tokens=None,
    tokens_per_char=0.25,
    tokens_max=512,
    fixed_chars=40,
    seconds_per_call=2.0,
    concurrency=8.0,
)
NOTHING = CallNumbers(0, 0, 0, 0, 0, 0, 0.0, None, 0.0)


def test_before_the_first_answer_tokens_follow_from_lengths_and_limits() -> None:
    found = numbers_of_calls(MODEL, 20, 10, chars_per_row=60)
    assert (found.input_tokens, found.output_tokens) == (250, 5_120)
    assert found.cost_usd == pytest.approx(0.25 + 51.2)
    assert found.price_as_of == "2026-11-01"


def test_afterwards_they_are_as_they_were() -> None:
    seen = replace(MODEL, input_tokens=12.5, output_tokens=3.5)
    found = numbers_of_calls(seen, 20, 10, chars_per_row=60)
    assert (found.input_tokens, found.output_tokens) == (125, 35)
    assert found.cost_usd == pytest.approx(0.125 + 0.35)


def test_an_answer_is_no_longer_than_its_limit() -> None:
    assert replace(MODEL, output_tokens=900.0).output_tokens_of_answer() == 512


def test_an_unknown_price_is_unknown_unless_nothing_is_bought() -> None:
    unpriced = replace(MODEL, price=None)
    assert cost_of_calls(unpriced, 3, 10, 10) is None
    assert cost_of_calls(unpriced, 0, 10, 10) == 0


def test_time_at_the_learned_rate() -> None:
    assert time_of_calls(MODEL, 80) == 20.0
    assert time_of_calls(MODEL, 3) == 2.0  # as many at once as go at once, but none is faster
    assert time_of_calls(MODEL, 0) == 0
    assert time_of_calls(replace(MODEL, seconds_per_call=None), 3) is None


def test_a_total_lacks_what_a_part_lacks() -> None:
    known = replace(NOTHING, calls=2, cost_usd=1.0, price_as_of="2026-11-01", time_s=3.0)
    unknown = replace(NOTHING, calls=1, cost_usd=None, time_s=None, is_bound=True, reused=None)
    total = total_numbers([known, unknown])
    assert (total.calls, total.cost_usd, total.time_s, total.reused) == (3, None, None, None)
    assert total.is_bound
    assert total_numbers([known, known]).cost_usd == 2.0


def test_bounds_add_up_as_if_all_were_wrong_together() -> None:
    one = replace(NOTHING, cost_interval=Interval(1.0, 2.0))
    assert total_numbers([one, one]).cost_interval == Interval(2.0, 4.0)
    assert total_numbers([one, NOTHING]).cost_interval is None
