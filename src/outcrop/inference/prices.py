"""What the runtime needs to know of prices; `outcrop.pricing.PriceTable` knows it."""

from __future__ import annotations

from typing import Protocol

from outcrop.providers.base import TokenUsage


class Price(Protocol):
    """The price of one model on one day."""

    @property
    def as_of(self) -> str:
        """The day of this price, as an ISO date."""
        ...

    def cost_usd(self, usage: TokenUsage) -> float:
        """Return what one request with this usage costs, in US dollars."""
        ...


class Prices(Protocol):
    """The prices of all models."""

    def find(self, provider_kind: str, model_id: str) -> Price | None:
        """Return the price of a model, or None where it is unknown. Unknown is never free."""
        ...
