"""When to try an invocation again: full jitter, inside one time budget.

The class of an error decides (`outcrop.errors`), never its text:

    Throttled                no limit of attempts: a quota is no failure
    Unreachable              likewise: nothing was sent; the breaker knows when to stop (`breaker`)
    Unavailable, TimedOut    `transient_attempts_min` attempts in all, and, where nothing can have
                             been paid, as many more as `transient_s_min` has room for
    TerminalProviderError    never

So no row is lost to an endpoint that is away for less than `transient_s_min`, whatever the jitter.
Full jitter (a wait drawn evenly between nothing and an exponentially growing bound) spreads the
clients of one quota best; see "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from outcrop.errors import ProviderError, Throttled, TransientProviderError, Unreachable


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The bounds of trying again. `timeout_s` counts from the first attempt."""

    timeout_s: float = 600.0
    base_s: float = 0.25
    cap_s: float = 8.0
    unreachable_cap_s: float = 1.0
    transient_attempts_min: int = 6
    transient_s_min: float = 12.0


class Backoff:
    """How long one invocation waits before its next attempt."""

    def __init__(self, policy: RetryPolicy, random: Random, started_s: float) -> None:
        self._policy = policy
        self._random = random
        self._started_s = started_s
        self._throttles = 0
        self._unreached = 0
        self._failures = 0

    def next_delay_s(self, error: ProviderError, now_s: float) -> float | None:
        """Return how long to wait after `error`, or None if it is the invocation's last.

        A wait that would end past the time budget is not begun.
        """
        policy = self._policy
        if isinstance(error, Throttled):
            delay_s = self._jitter_s(self._throttles) + (error.retry_after_s or 0.0)
            self._throttles += 1
        elif isinstance(error, Unreachable):
            delay_s = min(self._jitter_s(self._unreached), policy.unreachable_cap_s)
            self._unreached += 1
        elif isinstance(error, TransientProviderError):
            self._failures += 1
            is_early = now_s - self._started_s < policy.transient_s_min and not error.possibly_paid
            if self._failures >= policy.transient_attempts_min and not is_early:
                return None
            delay_s = self._jitter_s(self._failures - 1)
        else:
            return None
        return delay_s if now_s + delay_s <= self._started_s + policy.timeout_s else None

    def _jitter_s(self, failures_before: int) -> float:
        exponent = min(failures_before, 32)  # 2.0 ** 1024 would overflow; the cap rules long before
        bound_s = min(self._policy.cap_s, self._policy.base_s * 2.0**exponent)
        return self._random.uniform(0.0, bound_s)
