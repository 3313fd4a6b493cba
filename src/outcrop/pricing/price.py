"""The price of a model's tokens, and what one request costs at it."""

from __future__ import annotations

from dataclasses import dataclass

from outcrop.providers.base import TokenUsage

_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens; a cache rate is None where the provider names none."""

    input_usd_per_million: float
    output_usd_per_million: float
    cache_read_usd_per_million: float | None = None
    cache_write_usd_per_million: float | None = None

    def cost_usd(self, usage: TokenUsage) -> float:
        """Return what `usage` costs; cached tokens without a rate of their own cost as input."""
        read, write = self.cache_read_usd_per_million, self.cache_write_usd_per_million
        return (
            usage.input_tokens * self.input_usd_per_million
            + usage.output_tokens * self.output_usd_per_million
            + usage.cache_read_tokens * (self.input_usd_per_million if read is None else read)
            + usage.cache_write_tokens * (self.input_usd_per_million if write is None else write)
        ) / _MILLION


@dataclass(frozen=True, slots=True)
class Tier:
    """The rates of a request whose input is longer than `above_input_tokens`."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's tokens cost, as `source` said on the day `as_of` (ISO, or `local`).

    `tiers` are in ascending order. A long request pays its tier for **all** of its tokens, so
    that a price applies to one request at a time and never to the sum of several.
    """

    rates: Rates
    as_of: str
    source: str
    tiers: tuple[Tier, ...] = ()

    @property
    def input_usd_per_million(self) -> float:
        """The rate of input tokens in a request of usual size."""
        return self.rates.input_usd_per_million

    @property
    def output_usd_per_million(self) -> float:
        """The rate of output tokens in a request of usual size."""
        return self.rates.output_usd_per_million

    def cost_usd(self, usage: TokenUsage) -> float:
        """Return what one request with this usage costs.

        `input_tokens` counts what was neither read from nor written to a cache, as Bedrock and
        Anthropic report it.
        """
        return self._rates_for(usage).cost_usd(usage)

    def _rates_for(self, usage: TokenUsage) -> Rates:
        size = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
        reached = self.rates
        for tier in self.tiers:
            if size > tier.above_input_tokens:
                reached = tier.rates
        return reached
