"""What the model calls of a plan come to: how many, in tokens, in money and in time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from outcrop.providers.base import TokenUsage

CHARS_PER_TOKEN = 4.0
"""What a token is about, in English text."""


class RequestPrice(Protocol):
    """The price of one model on one day."""

    @property
    def as_of(self) -> str:
        """The day of this price, as an ISO date, or `local`."""
        ...

    def cost_usd(self, usage: TokenUsage) -> float:
        """Return what one request with this usage costs, in US dollars."""
        ...


@dataclass(frozen=True, slots=True)
class ModelStatistics:
    """What is known of a model before it is asked, after routes.

    `input_tokens` and `output_tokens` are the means of its journaled answers, None before the
    first; `tokens_max` is the limit of an answer, `fixed_chars` the length of a request without
    what the row gives. `seconds_per_call` is None before the first call; `concurrency` is how many
    calls go on at once.
    """

    provider: str
    model_id: str
    price: RequestPrice | None
    input_tokens: float | None
    output_tokens: float | None
    tokens_per_char: float
    tokens_max: int
    fixed_chars: int
    seconds_per_call: float | None
    concurrency: float

    def input_tokens_of(self, chars_per_row: float) -> float:
        """Return the input tokens of a request whose row gives so many characters."""
        if self.input_tokens is not None:
            return self.input_tokens
        return (self.fixed_chars + chars_per_row) * self.tokens_per_char

    def output_tokens_of_answer(self) -> float:
        """Return the output tokens of an answer: the mean so far, or else the limit."""
        if self.output_tokens is None:
            return self.tokens_max
        return min(self.output_tokens, self.tokens_max)


@dataclass(frozen=True, slots=True)
class Interval:
    """The bounds between which a value lies with 90 % probability."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CallNumbers:
    """What one call of a plan, or all, come to.

    `rows` stand below the call, `invocations` are the distinct requests among them, `reused` those
    of them whose answers cost nothing (None: nobody looked), `calls` the others. Costs and times
    are None where unknown. With `is_bound` no number is exact, and none will be exceeded.
    """

    rows: int
    invocations: int
    calls: int
    reused: int | None
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    price_as_of: str | None
    time_s: float | None
    is_bound: bool = False
    output_tokens_interval: Interval | None = None
    cost_interval: Interval | None = None
    selectivity: float | None = None
    selectivity_interval: Interval | None = None
    sampled: int | None = None


def numbers_of_calls(
    model: ModelStatistics,
    rows: float,
    invocations: float,
    *,
    chars_per_row: float,
) -> CallNumbers:
    """Return what `invocations`, none of which is answered yet, come to by what is known."""
    calls = math.ceil(invocations)
    return CallNumbers(
        rows=math.ceil(rows),
        invocations=calls,
        calls=calls,
        reused=None,
        input_tokens=round(calls * model.input_tokens_of(chars_per_row)),
        output_tokens=round(calls * model.output_tokens_of_answer()),
        cost_usd=cost_of_calls(
            model, calls, model.input_tokens_of(chars_per_row), model.output_tokens_of_answer()
        ),
        price_as_of=None if model.price is None else model.price.as_of,
        time_s=time_of_calls(model, calls),
    )


def cost_of_calls(
    model: ModelStatistics, calls: int, input_tokens: float, output_tokens: float
) -> float | None:
    """Return what `calls` requests of a mean size cost; nothing costs nothing at any price."""
    if not calls:
        return 0.0
    if model.price is None:
        return None
    # Usage is in whole tokens and a mean is not: the two whole sizes around it are mixed.
    smaller = TokenUsage(math.floor(input_tokens), math.floor(output_tokens))
    more_input = TokenUsage(smaller.input_tokens + 1, smaller.output_tokens)
    more_output = TokenUsage(smaller.input_tokens, smaller.output_tokens + 1)
    base = model.price.cost_usd(smaller)
    return calls * (
        base
        + (model.price.cost_usd(more_input) - base) * (input_tokens - smaller.input_tokens)
        + (model.price.cost_usd(more_output) - base) * (output_tokens - smaller.output_tokens)
    )


def time_of_calls(model: ModelStatistics, calls: int) -> float | None:
    """Return how long `calls` calls take, as many at once as go at once."""
    if not calls:
        return 0.0
    if model.seconds_per_call is None:
        return None
    return max(calls / model.concurrency, 1.0) * model.seconds_per_call


def total_numbers(parts: Iterable[CallNumbers]) -> CallNumbers:
    """Return the sum of the parts of a plan; a cost or time that one lacks, the sum lacks."""
    found = list(parts)
    reused = _sum([p.reused for p in found])
    return CallNumbers(
        rows=sum(p.rows for p in found),
        invocations=sum(p.invocations for p in found),
        calls=sum(p.calls for p in found),
        reused=None if reused is None else int(reused),
        input_tokens=sum(p.input_tokens for p in found),
        output_tokens=sum(p.output_tokens for p in found),
        cost_usd=_sum([p.cost_usd for p in found]),
        price_as_of=min((p.price_as_of for p in found if p.price_as_of), default=None),
        time_s=_sum([p.time_s for p in found]),
        is_bound=any(p.is_bound for p in found),
        output_tokens_interval=_sum_intervals([p.output_tokens_interval for p in found]),
        cost_interval=_sum_intervals([p.cost_interval for p in found]),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _sum_intervals(intervals: Sequence[Interval | None]) -> Interval | None:
    """Add intervals as if their parts were right or wrong together, which is never too narrow."""
    known = [i for i in intervals if i is not None]
    if not known or len(known) != len(intervals):
        return None
    return Interval(sum(i.low for i in known), sum(i.high for i in known))
