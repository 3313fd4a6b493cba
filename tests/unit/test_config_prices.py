"""Prices in outcrop.toml."""

from __future__ import annotations

from typing import Any

import pytest

from outcrop.config import PriceOverride, parse_config
from outcrop.errors import ConfigInvalid

PRICE = {"input_usd_per_million": 1, "output_usd_per_million": 2.5, "as_of": "2026-11-23"}


def _parse(**price: Any) -> PriceOverride:
    return parse_config({"prices": {"own": price}}).prices["own"]


def test_the_prices_of_the_cache_may_be_left_out() -> None:
    assert _parse(**PRICE) == PriceOverride(1.0, 2.5, "2026-11-23")
    whole = _parse(**PRICE, cache_read_usd_per_million=0.1, cache_write_usd_per_million=1.25)
    assert whole == PriceOverride(1.0, 2.5, "2026-11-23", 0.1, 1.25)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cache_read_usd_per_million": -1}, "cache_read_usd_per_million must be a number from 0"),
        ({"input_usd_per_million": True}, "input_usd_per_million must be a number from 0"),
        ({"cache_reed_usd_per_million": 1}, "unknown key prices.own.cache_reed_usd_per_million"),
    ],
)
def test_prices_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigInvalid, match=message):
        _parse(**{**PRICE, **changes})


def test_a_price_needs_its_date() -> None:
    with pytest.raises(ConfigInvalid, match=r"prices\.own\.as_of is missing"):
        _parse(input_usd_per_million=1, output_usd_per_million=2)
