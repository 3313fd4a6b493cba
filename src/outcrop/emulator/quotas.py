"""Quotas as Bedrock keeps them: a bucket of requests and one of tokens for each model.

At its start a request takes one from the first, and its input and its whole limit of output tokens
from the second; when it ends, the second gets back what was not used (Bedrock user guide, "How
tokens are counted"). A request that finds too little is refused and takes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from outcrop.emulator.service_errors import TOO_MANY_REQUESTS, TOO_MANY_TOKENS, ServiceError

# The request bucket holds one second's worth, so that a full one lets no more than that through
# at once; the token bucket holds one minute's.
REQUESTS_BURST_S = 1.0
TOKENS_BURST_S = 60.0


@dataclass(slots=True)
class Bucket:
    """A token bucket: refilled at `rate_per_s` up to `capacity`; full at first."""

    rate_per_s: float
    capacity: float
    refilled_at: float
    level: float = field(init=False)

    def __post_init__(self) -> None:
        self.level = self.capacity

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` if there is as much; say whether there was."""
        elapsed = max(0.0, now - self.refilled_at)
        self.level = min(self.capacity, self.level + elapsed * self.rate_per_s)
        self.refilled_at = now
        if amount > self.level:
            return False
        self.level -= amount
        return True

    def give_back(self, amount: float) -> None:
        """Return `amount`; a negative one is a debt, for what was used beyond the reservation."""
        self.level = min(self.capacity, self.level + amount)


@dataclass(slots=True)
class _ModelQuotas:
    requests: Bucket | None
    tokens: Bucket | None


class Quotas:
    """The quotas of every model; None is no limit. `clock` gives seconds, as time.monotonic."""

    def __init__(
        self,
        *,
        requests_per_s: float | None,
        tokens_per_minute: float | None,
        clock: Callable[[], float],
    ) -> None:
        self._requests_per_s = requests_per_s
        self._tokens_per_minute = tokens_per_minute
        self._clock = clock
        self._by_model: dict[str, _ModelQuotas] = {}

    def reserve(self, model_id: str, tokens: float) -> None:
        """Take one request and `tokens` tokens; raises ThrottlingException for want of either."""
        quotas = self._quotas_of(model_id)
        now = self._clock()
        # Tokens first, since they can be given back without a trace.
        if quotas.tokens is not None and not quotas.tokens.take(tokens, now):
            raise ServiceError("ThrottlingException", TOO_MANY_TOKENS)
        if quotas.requests is not None and not quotas.requests.take(1.0, now):
            if quotas.tokens is not None:
                quotas.tokens.give_back(tokens)
            raise ServiceError("ThrottlingException", TOO_MANY_REQUESTS)

    def settle(self, model_id: str, *, reserved: float, used: float) -> None:
        """Give back what a request reserved and did not use."""
        tokens = self._quotas_of(model_id).tokens
        if tokens is not None:
            tokens.give_back(reserved - used)

    def _quotas_of(self, model_id: str) -> _ModelQuotas:
        found = self._by_model.get(model_id)
        if found is None:
            found = self._by_model[model_id] = _ModelQuotas(
                self._bucket(self._requests_per_s, REQUESTS_BURST_S),
                self._bucket((self._tokens_per_minute or 0) / 60 or None, TOKENS_BURST_S),
            )
        return found

    def _bucket(self, rate_per_s: float | None, burst_s: float) -> Bucket | None:
        if rate_per_s is None:
            return None
        return Bucket(rate_per_s, max(1.0, rate_per_s * burst_s), self._clock())
