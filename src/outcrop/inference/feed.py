"""Invocations that wait to be asked: all at hand, or put in bit by bit while others are asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from itertools import islice

from outcrop.inference.invocation import Invocation


class Feed:
    """A queue of invocations, made lazily: they are pulled by the thread that takes them.

    One thread puts and closes, another one takes.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sources: deque[Iterator[Invocation]] = deque()
        self._announced: int | None = 0
        self._is_closed = False
        self._wake: Callable[[], None] | None = None

    @classmethod
    def of(cls, invocations: Iterable[Invocation], total: int | None = None) -> Feed:
        """Return the feed of what is all at hand; `total` says how many, where `len` does not."""
        feed = cls()
        if total is None and isinstance(invocations, Sized):
            total = len(invocations)
        feed.put(invocations, total)
        feed.close()
        return feed

    def put(self, invocations: Iterable[Invocation], count: int | None) -> None:
        """Add invocations, about so many; None where that is not known."""
        with self._lock:
            self._sources.append(iter(invocations))
            if self._announced is not None:
                self._announced = None if count is None else self._announced + count
        self._tell()

    def close(self) -> None:
        """Nothing more will be put in."""
        self._is_closed = True
        self._tell()

    def watch(self, wake: Callable[[], None]) -> None:
        """Have `wake` called whenever something is put in, and at the end."""
        self._wake = wake

    def take(self, count: int) -> list[Invocation]:
        """Return the next invocations, at most `count`; none if there are none now."""
        taken: list[Invocation] = []
        while len(taken) < count and self._sources:
            wanted = count - len(taken)
            found = list(islice(self._sources[0], wanted))
            taken += found
            if len(found) < wanted:
                self._sources.popleft()
        return taken

    def take_announced(self) -> int | None:
        """Return how many were put in since this was last asked; None where that is not known."""
        if self._announced is None:
            return None
        with self._lock:
            announced, self._announced = self._announced, 0
        return announced

    @property
    def is_exhausted(self) -> bool:
        """Whether nothing is left, and nothing will come."""
        return self._is_closed and not self._sources

    def _tell(self) -> None:
        if self._wake is not None:
            self._wake()
