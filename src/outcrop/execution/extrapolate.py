"""What the calls of a plan come to in all: by a sample of each, and by runs on answers like it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from statistics import fmean

from outcrop.execution.imputed_answers import CallSample, CallTally, SampledAnswer
from outcrop.planner.call_numbers import CallNumbers, Interval, ModelStatistics, time_of_calls
from outcrop.planner.estimate_from_sample import RUNS, SampledLine, bounds_of


def extrapolated(
    model: ModelStatistics,
    sample: CallSample,
    tallies: Sequence[CallTally],
    bound: CallNumbers,
    random: Random,
    share_max: float | None,
) -> CallNumbers:
    """Return what one call of a plan comes to; `tallies` are those of the runs, or of the only one.

    `bound` is the most that it can come to. `share_max` is set where nothing of the sample passed
    some condition, so that no run shows what follows if something does: up to this share of it.
    """
    has_price = model.price is not None and all(
        each.answer.cost_usd is not None for each in sample.answers.values()
    )
    calls = round(fmean(tally.calls for tally in tallies))
    invocations = round(fmean(tally.invocations for tally in tallies))
    amounts = _Amounts(sample, tallies, bound, share_max if bound.is_bound else None, random)
    tokens_in, _ = amounts.of(_input_tokens, bound.input_tokens)
    tokens_out, tokens_interval = amounts.of(_output_tokens, bound.output_tokens)
    cost_usd, cost_interval = amounts.of(_cost_usd, bound.cost_usd or 0.0)
    return CallNumbers(
        rows=round(fmean(tally.rows for tally in tallies)),
        invocations=invocations,
        calls=calls,
        reused=invocations - calls,
        input_tokens=round(tokens_in),
        output_tokens=round(tokens_out),
        cost_usd=cost_usd if has_price else None,
        price_as_of=None if model.price is None else model.price.as_of,
        time_s=time_of_calls(model, calls),
        output_tokens_interval=tokens_interval,
        cost_interval=cost_interval if has_price else None,
        selectivity=sample.selectivity,
        selectivity_interval=sample.selectivity_interval,
        sampled=sample.drawn,
    )


@dataclass(slots=True)
class _Amounts:
    """Adds up what answers come to: those of the sample as they are, the others by their sizes."""

    sample: CallSample
    tallies: Sequence[CallTally]
    bound: CallNumbers
    share_max: float | None
    random: Random

    def of(self, amount: Callable[[SampledAnswer], float], most: float) -> tuple[float, Interval]:
        """Return the expected sum of an amount, and its bounds; `most` is that of `bound`.

        Each run is given another quantile of what its unknown calls come to (a Latin hypercube), so
        that the draws show both how many calls there are and what each may come to.
        """
        answers = list(self.sample.answers.values())
        line = SampledLine([each.size for each in answers], [amount(each) for each in answers])
        per_call = most / self.bound.calls if self.bound.calls else 0.0
        tallies = self.tallies if len(self.tallies) > 1 else list(self.tallies) * RUNS
        levels = self.random.sample(range(1, RUNS + 1), RUNS)
        values: list[float] = []
        draws: list[float] = []
        for tally, level in zip(tallies, levels, strict=True):
            known = sum(amount(each) for each in tally.sampled)
            if tally.unknown and not answers:  # no call of this kind has been answered
                values.append(known + tally.unknown * per_call)
                draws += [known, values[-1]]
                continue
            total = line.total(tally.unknown, tally.unknown_size)
            values.append(known + total.value)
            draws.append(known + total.quantile(level / (RUNS + 1)))
        bounds = bounds_of(draws)
        if self.share_max is not None:
            bounds = Interval(0.0, max(bounds.high, most * self.share_max))
        return fmean(values), bounds


def _input_tokens(sampled: SampledAnswer) -> float:
    usage = sampled.usage
    return usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens


def _output_tokens(sampled: SampledAnswer) -> float:
    return sampled.usage.output_tokens


def _cost_usd(sampled: SampledAnswer) -> float:
    return sampled.answer.cost_usd or 0.0
