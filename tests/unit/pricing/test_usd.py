from __future__ import annotations

import pytest

from outcrop.pricing.usd import format_usd


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0, "$0"),
        (0.000_000_5, "under $0.000001"),
        (0.000_001, "$0.000001"),
        (0.001_25, "$0.00125"),
        (0.5, "$0.5"),
        (0.999_999_9, "$1.00"),
        (1.0, "$1.00"),
        (12.5, "$12.50"),
        (1_234.567, "$1,234.57"),
    ],
)
def test_an_amount_is_told_as_exactly_as_it_matters(amount: float, text: str) -> None:
    assert format_usd(amount) == text
