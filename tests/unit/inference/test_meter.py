"""What a statement's calls come to."""

from __future__ import annotations

from outcrop.inference.meter import Meter, progress_of, total_of
from outcrop.inference.records import Answer
from outcrop.providers.base import TokenUsage

USAGE = TokenUsage(10, 5)


def test_nothing_asked_costs_nothing_for_certain() -> None:
    progress = progress_of(Meter().counts(), 1.5)
    assert (progress.cost_usd, progress.is_cost_complete, progress.elapsed_s) == (0.0, True, 1.5)


def test_an_unknown_price_is_not_zero() -> None:
    meter = Meter()
    meter.sending(is_first=True)
    meter.paid([USAGE], [None])
    progress = progress_of(meter.counts(), 0.0)
    assert progress.cost_usd is None
    assert not progress.is_cost_complete


def test_a_cost_known_in_part_says_so() -> None:
    meter = Meter()
    for cost_usd in (0.25, None, 0.5):
        meter.sending(is_first=True)
        meter.paid([USAGE], [cost_usd])
    progress = progress_of(meter.counts(), 0.0)
    assert (progress.cost_usd, progress.is_cost_complete) == (0.75, False)


def test_a_call_that_was_possibly_paid_makes_the_cost_incomplete() -> None:
    meter = Meter()
    meter.sending(is_first=True)
    meter.refused(is_throttle=False, is_possibly_paid=True)
    counts = meter.counts()
    assert (counts.possibly_paid, counts.cost.unknown, counts.in_flight) == (1, 1, 0)


def test_progress_adds_up() -> None:
    meter = Meter()
    meter.expect(10)
    meter.asked(10)
    meter.reused(
        [Answer({"stopReason": "max_tokens"}, USAGE, 0.5, "q0"), Answer({}, None, None, "q0")]
    )
    meter.sending(is_first=True)
    meter.refused(is_throttle=True, is_possibly_paid=False)
    meter.sending(is_first=False)
    meter.paid([USAGE], [0.25])
    meter.answered([{"stopReason": "max_tokens"}])
    meter.sending(is_first=True)
    meter.refused(is_throttle=False, is_possibly_paid=False)
    meter.retried()
    meter.failed()
    meter.sending(is_first=True)
    counts = meter.counts()
    progress = progress_of(counts, 0.0)
    assert progress.calls_total == 10
    assert (progress.done, progress.sent, progress.reused, progress.failed) == (4, 3, 2, 1)
    assert (progress.in_flight, progress.waiting) == (1, 5)
    assert (progress.throttles, progress.retries, progress.truncated) == (1, 1, 2)
    assert (progress.input_tokens, progress.output_tokens, progress.cost_usd) == (10, 5, 0.25)
    assert (counts.attempts, counts.saved_input_tokens, counts.saved_cost.usd) == (4, 10, 0.5)


def test_a_total_is_known_only_if_every_part_is() -> None:
    known, unknown = Meter(), Meter()
    known.expect(3)
    known.expect(4)
    assert total_of([known]).calls_total == 7
    unknown.expect(None)
    unknown.expect(5)
    assert total_of([known, unknown]).calls_total is None
