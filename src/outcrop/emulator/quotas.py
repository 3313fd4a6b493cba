"""Quotas as Bedrock keeps them: buckets of requests and of tokens for each model.

At its start a request takes one from those of requests, and its input and its whole limit of output
tokens from those of tokens; when it ends, the latter get back what was not used (Bedrock user
guide, "How tokens are counted"). A request that finds too little in one is refused and takes
nothing from any.

`QUOTAS` names them; what may be set for which model is said in `by_model.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from outcrop.emulator.by_model import check_names, for_model
from outcrop.emulator.service_errors import (
    TOO_MANY_REQUESTS,
    TOO_MANY_TOKENS,
    TOO_MANY_TOKENS_A_DAY,
    ServiceError,
)
from outcrop.errors import InvalidParameter

_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Quota:
    """One kind of quota: so much of what it counts in each `period_s`.

    Its bucket holds what flows in within `burst_s`, unless that is set otherwise.
    """

    counts_tokens: bool
    period_s: float
    burst_s: float
    message: str
    meaning: str


# Looked at in this order. The bucket of requests a second holds one second's worth, so that a full
# one lets no more than that through at once.
QUOTAS: Mapping[str, Quota] = MappingProxyType(
    {
        "tpd": Quota(True, _DAY_S, _DAY_S, TOO_MANY_TOKENS_A_DAY, "tokens a day"),
        "tpm": Quota(True, 60.0, 60.0, TOO_MANY_TOKENS, "tokens a minute"),
        "rpm": Quota(False, 60.0, 60.0, TOO_MANY_REQUESTS, "requests a minute"),
        "rps": Quota(False, 1.0, 1.0, TOO_MANY_REQUESTS, "requests a second"),
    }
)


def check_quotas(amounts: Mapping[str, float]) -> None:
    """Raise InvalidParameter for an unknown name, or for an amount that is not above 0."""
    check_names(amounts, QUOTAS, "quota")
    for key, amount in amounts.items():
        if not 0 < amount < math.inf:
            raise InvalidParameter(f"the quota {key!r} is {amount:g}, not a number above 0")


def check_bursts(bursts: Mapping[str, float]) -> None:
    """Raise InvalidParameter for an unknown name, or for a time that is not above 0."""
    check_names(bursts, QUOTAS, "quota")
    for key, burst_s in bursts.items():
        if not 0 < burst_s < math.inf:
            raise InvalidParameter(
                f"the burst of {key!r} is {burst_s:g} seconds' worth, not a number above 0"
            )


@dataclass(slots=True)
class Bucket:
    """A token bucket: refilled at `rate_per_s` up to `capacity`; full at first."""

    rate_per_s: float
    capacity: float
    refilled_at: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    def has(self, amount: float, now: float) -> bool:
        """Let time pass, and say whether there is as much."""
        elapsed = max(0.0, now - self.refilled_at)
        self.level = min(self.capacity, self.level + elapsed * self.rate_per_s)
        self.refilled_at = now
        return amount <= self.level

    def take(self, amount: float) -> None:
        """Take `amount`; a negative one is given back. A level below 0 is a debt."""
        self.level = min(self.capacity, self.level - amount)

    def change(self, rate_per_s: float, capacity: float, now: float) -> None:
        """Go on at another rate with what is in it, as far as it holds that."""
        self.has(0.0, now)
        self.rate_per_s, self.capacity = rate_per_s, capacity
        self.take(0.0)


class Quotas:
    """The quotas of every model, by `NAME` or `NAME@MODEL`; what has none is not limited.

    `bursts` are the seconds' worth that the buckets hold, named likewise. Both are checked before.
    `clock` gives seconds, as time.monotonic.
    """

    def __init__(
        self,
        amounts: Mapping[str, float],
        bursts: Mapping[str, float],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._amounts = dict(amounts)
        self._bursts = bursts
        self._clock = clock
        self._by_model: dict[str, dict[str, Bucket]] = {}

    @property
    def amounts(self) -> Mapping[str, float]:
        """The quotas that hold now."""
        return self._amounts

    def change(self, amounts: Mapping[str, float]) -> None:
        """Keep these quotas from now on, and no others. One that is new begins with all of it."""
        self._amounts = dict(amounts)
        now = self._clock()
        for model_id, before in self._by_model.items():
            buckets = self._make_buckets(model_id, now)
            for name in buckets.keys() & before.keys():
                new, kept = buckets[name], before[name]
                kept.change(new.rate_per_s, new.capacity, now)
                buckets[name] = kept
            self._by_model[model_id] = buckets

    def reserve(self, model_id: str, tokens: float) -> None:
        """Take one request and `tokens` tokens; raises ThrottlingException for want of either."""
        buckets = self._buckets_of(model_id)
        now = self._clock()
        for name, bucket in buckets.items():
            if not bucket.has(tokens if QUOTAS[name].counts_tokens else 1.0, now):
                raise ServiceError("ThrottlingException", QUOTAS[name].message)
        for name, bucket in buckets.items():
            bucket.take(tokens if QUOTAS[name].counts_tokens else 1.0)

    def settle(self, model_id: str, *, reserved: float, used: float) -> None:
        """Give back what a request reserved and did not use; what it used beyond is owed."""
        for name, bucket in self._buckets_of(model_id).items():
            if QUOTAS[name].counts_tokens:
                bucket.take(used - reserved)

    def _buckets_of(self, model_id: str) -> dict[str, Bucket]:
        found = self._by_model.get(model_id)
        if found is None:
            found = self._by_model[model_id] = self._make_buckets(model_id, self._clock())
        return found

    def _make_buckets(self, model_id: str, now: float) -> dict[str, Bucket]:
        amounts, bursts = for_model(self._amounts, model_id), for_model(self._bursts, model_id)
        buckets = {}
        for name, quota in QUOTAS.items():
            if name in amounts:
                rate_per_s = amounts[name] / quota.period_s
                capacity = rate_per_s * bursts.get(name, quota.burst_s)
                buckets[name] = Bucket(rate_per_s, max(1.0, capacity), now)
        return buckets
