"""Chance that can be repeated: numbers that depend on a seed and a request, never on order.

The scripted provider and the emulator draw every fault, latency and made-up value here, so that a
run with many requests in flight has the same outcome each time.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import statistics
from collections.abc import Mapping
from typing import TypeAlias

# Requests whose last attempt met a transient fault; past this many the oldest is forgotten.
FAILING_REQUESTS_MAX = 100_000

# Names with the upper end of each one's share of the numbers from 0 to 1.
Shares: TypeAlias = tuple[tuple[float, str], ...]

_NORMAL = statistics.NormalDist()


def digest(seed: int, *texts: str) -> bytes:
    """Return 16 bytes that identify `texts` under `seed`."""
    joined = "\0".join((str(seed), *texts))
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def draw(key: bytes, purpose: str) -> float:
    """Return a number from 0 to below 1 for `key`; each `purpose` has its own."""
    hashed = hashlib.blake2b(purpose.encode(), key=key, digest_size=8).digest()
    # 53 bits are what a float holds; more could round up to 1.
    return (int.from_bytes(hashed, "big") >> 11) / 2**53


def draw_lognormal(key: bytes, purpose: str, median: float, sigma: float) -> float:
    """Return a lognormal number with this median; `sigma` is that of its logarithm."""
    # Away from 0 and 1, where the inverse of the normal distribution is infinite.
    position = 0.0005 + 0.999 * draw(key, purpose)
    return median * math.exp(sigma * _NORMAL.inv_cdf(position))


def share(rates: Mapping[str, float]) -> Shares:
    """Return the shares of names that have these rates, for `pick`."""
    return tuple(zip(itertools.accumulate(rates.values()), rates, strict=True))


def pick(shares: Shares, key: bytes, purpose: str) -> str | None:
    """Return the name that `key` draws, or None, which has what the rates leave of 1."""
    if not shares:
        return None
    number = draw(key, purpose)
    return next((name for upper, name in shares if number < upper), None)


class FaultDraw:
    """Chooses the fault, if any, that a request meets, at given rates.

    A `lasting` fault is drawn for the request: the same request always meets it. A `transient` one
    is drawn for the request and the number of attempts that failed before, so that a retry may
    succeed; after a success the count starts again.
    """

    def __init__(self, *, transient: Mapping[str, float], lasting: Mapping[str, float]) -> None:
        self._transient = share(transient)
        self._lasting = share(lasting)
        self._attempts: dict[bytes, int] = {}

    def choose(self, key: bytes) -> str | None:
        """Return the fault that the next attempt of the request with this `key` meets."""
        lasting = pick(self._lasting, key, "lasting")
        if lasting is not None or not self._transient:
            return lasting
        attempt = self._attempts.pop(key, 0)
        fault = pick(self._transient, key, f"transient {attempt}")
        if fault is not None:
            self._attempts[key] = attempt + 1
            if len(self._attempts) > FAILING_REQUESTS_MAX:
                del self._attempts[next(iter(self._attempts))]
        return fault
