"""Who is next: statements that ask one model at the same time get equal shares of it.

Weighted fair queueing in virtual time (stride scheduling, Waldspurger and Weihl, 1995): what a
share has got, divided by its weight, is its time; the share with the least is served next. One that
comes anew begins at the time of the others, so that a question of one row is served next, however
many rows the others still have.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

_T = TypeVar("_T")


class Share(Generic[_T]):
    """One statement's part in a model; `weight` is relative to that of the others."""

    __slots__ = ("time", "waiting", "weight")

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight
        self.time = 0.0
        self.waiting: deque[tuple[asyncio.Future[_T], float]] = deque()


class Shares(Generic[_T]):
    """All who wait for one model, each for an amount of its quota."""

    def __init__(self) -> None:
        # In the order in which they came: of two that are equal the first is served first.
        self._active: dict[Share[_T], None] = {}
        self._time = 0.0

    def __len__(self) -> int:
        """Return how many wait."""
        return sum(len(share.waiting) for share in self._active)

    def __bool__(self) -> bool:
        """Whether anybody waits."""
        return bool(self._active)

    def wait(self, share: Share[_T], amount: float) -> asyncio.Future[_T]:
        """Return what is done when it is this one's turn; its share is served in order."""
        future: asyncio.Future[_T] = asyncio.get_running_loop().create_future()
        if not share.waiting:
            share.time = max(share.time, self._time)
            self._active[share] = None
        share.waiting.append((future, amount))
        return future

    def charge(self, share: Share[_T], cost: float) -> None:
        """Note that a share got so much without waiting."""
        share.time = max(share.time, self._time) + cost / share.weight

    def first(self) -> tuple[Share[_T], float] | None:
        """Return who is next, and the amount that it waits for; None if nobody waits."""
        while self._active:
            share = min(self._active, key=_time_of)
            while share.waiting and share.waiting[0][0].done():  # canceled
                share.waiting.popleft()
            if share.waiting:
                return share, share.waiting[0][1]
            self._active.pop(share, None)
        return None

    def serve(self, share: Share[_T], served: _T, cost: float) -> None:
        """Give the first who waits in a share, as `first` returned it, what it waits for."""
        future, _ = share.waiting.popleft()
        self._time = share.time
        share.time += cost / share.weight
        if not share.waiting:
            self._active.pop(share, None)
        future.set_result(served)


def _time_of(share: Share[_T]) -> float:
    return share.time
