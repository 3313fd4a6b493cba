"""How many requests one model gets at once.

Two kinds of endpoint, two signals. A provider with quotas refuses what is too much (`AimdWindow`).
A server of one's own takes everything and lets it wait, so that only its latency tells
(`GradientWindow`).
"""

from __future__ import annotations

import math
from typing import Protocol

WINDOW_START = 16
LATENCY_WINDOW_START = 4  # what the first requests take is taken for the least
_GROWTH_FIRST = 0.5


class Window(Protocol):
    """How many requests may be in flight; told how each of them ended."""

    @property
    def size(self) -> int:
        """How many may be in flight now, at least one."""
        ...

    def answered(self, in_flight: int, latency_s: float, answers: int = 1) -> None:
        """Requests were answered together, the last of `in_flight` that were in flight."""
        ...

    def refused(self) -> None:
        """A request was refused that was sent after the last decrease."""
        ...


class AimdWindow:
    """Additive increase, multiplicative decrease.

    It starts small and grows by half with each round trip until the first refusal; from then on by
    one for each window of answers, and a refusal halves it. What was not used proves nothing: only
    a full window grows.
    """

    def __init__(self, size_max: int, size: int = WINDOW_START) -> None:
        self._size_max = float(size_max)
        self._size = float(min(size, size_max))
        self._was_refused = False

    @property
    def size(self) -> int:
        """How many may be in flight now."""
        return int(self._size)

    def answered(self, in_flight: int, latency_s: float, answers: int = 1) -> None:
        """Grow, if the window was full."""
        if in_flight >= int(self._size):
            step = 1.0 / self._size if self._was_refused else _GROWTH_FIRST
            self._size = min(self._size + step * answers, self._size_max)

    def refused(self) -> None:
        """Halve."""
        self._was_refused = True
        self._size = max(self._size / 2, 1.0)


class GradientWindow:
    """Follows the latency, in the way of Netflix's gradient limits (concurrency-limits, 2018).

    As long as more requests at once take no longer than the fewest did, the window grows by the
    square root of itself; where they do, requests wait in the server, and it shrinks by as much as
    the latency exceeds the least, times a tolerance. Both are averages: answers differ in length.
    """

    _TOLERANCE = 1.5
    _RECENT = 1 / 10
    _FORGETTING = 1 / 20_000
    _SMOOTHING = 0.4
    _WARM_UP = 10

    def __init__(self, size_max: int, size: int = LATENCY_WINDOW_START) -> None:
        self._size_max = float(size_max)
        self._size = float(min(size, size_max))
        self._least_s = 0.0
        self._recent_s = 0.0
        self._answers = 0

    @property
    def size(self) -> int:
        """How many may be in flight now."""
        return int(self._size)

    def answered(self, in_flight: int, latency_s: float, answers: int = 1) -> None:
        """Take a latency into account: once for what was answered together."""
        self._answers += 1
        if self._answers <= self._WARM_UP:  # the plain mean at first
            self._recent_s += (latency_s - self._recent_s) / self._answers
            self._least_s = self._recent_s
            return
        self._recent_s += (latency_s - self._recent_s) * self._RECENT
        self._least_s += (self._recent_s - self._least_s) * self._FORGETTING
        self._least_s = min(self._least_s, self._recent_s)
        if in_flight >= self._size / 2:  # what was not used proves nothing
            self._move()

    def _move(self) -> None:
        excess = self._TOLERANCE * self._least_s / max(self._recent_s, 1e-9)
        wanted = self._size * max(0.5, min(1.0, excess)) + math.sqrt(self._size)
        size = self._size + (wanted - self._size) * self._SMOOTHING / self._size
        self._size = max(1.0, min(size, self._size_max))

    def refused(self) -> None:
        """Halve, as anybody would."""
        self._size = max(self._size / 2, 1.0)
