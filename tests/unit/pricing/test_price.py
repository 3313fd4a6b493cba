from __future__ import annotations

import pytest

from outcrop.pricing.price import Price, Rates, Tier
from outcrop.providers.base import TokenUsage

PLAIN = Price(Rates(3.0, 15.0), as_of="2026-11-10", source="a page")
CACHED = Price(Rates(3.0, 15.0, 0.3, 3.75), as_of="2026-11-10", source="a page")
TIERED = Price(
    Rates(3.0, 15.0, 0.3, 3.75),
    as_of="2026-11-10",
    source="a page",
    tiers=(Tier(100_000, Rates(4.0, 20.0)), Tier(200_000, Rates(6.0, 22.5, 0.6, 7.5))),
)


@pytest.mark.parametrize(
    ("price", "usage", "cost_usd"),
    [
        (PLAIN, TokenUsage(), 0.0),
        (PLAIN, TokenUsage(1_000_000, 0), 3.0),
        (PLAIN, TokenUsage(1_000, 100), 0.0045),
        (PLAIN, TokenUsage(0, 0, 1_000, 1_000), 0.006),
        (CACHED, TokenUsage(0, 0, 1_000_000, 0), 0.3),
        (CACHED, TokenUsage(0, 0, 0, 1_000_000), 3.75),
        (TIERED, TokenUsage(100_000, 1_000), 0.315),
        (TIERED, TokenUsage(100_001, 0), 0.400004),
        (TIERED, TokenUsage(200_001, 1_000), 1.222506),
        (TIERED, TokenUsage(1, 0, 150_000, 50_000), 0.465006),
    ],
)
def test_cost_of_one_request(price: Price, usage: TokenUsage, cost_usd: float) -> None:
    assert price.cost_usd(usage) == pytest.approx(cost_usd, rel=1e-12)


def test_two_requests_below_a_tier_do_not_add_up_to_one_above_it() -> None:
    half = TokenUsage(150_000, 0)
    assert 2 * TIERED.cost_usd(half) < TIERED.cost_usd(TokenUsage(300_000, 0))


def test_shown_rates_are_those_of_a_request_of_usual_size() -> None:
    assert (TIERED.input_usd_per_million, TIERED.output_usd_per_million) == (3.0, 15.0)
