"""What the workers of one question wait for, and the end of it when the statement stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from outcrop.inference.limiter import Wait

_T = TypeVar("_T")

# Told first, whoever waits for it: what holds one of them up holds up all.
_COMMON = (Wait.PROBE, Wait.BUDGET)


class Waits:
    """The waits of workers, counted by what they are for. For the event loop alone.

    What waits for a provider is not among them: that is finished and kept.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], None] = {}  # in their order
        self._counts: dict[Wait, int] = {}

    async def wait(self, awaitable: Awaitable[_T], wait: Wait | None = None) -> _T:
        """Wait for `awaitable`; raises CancelledError when `end_all` is called meanwhile.

        `wait` says what for, None where another says so.
        """
        task = asyncio.current_task()
        assert task is not None
        self._tasks[task] = None
        try:
            if wait is None:
                return await awaitable
            with self.counted(wait):
                return await awaitable
        finally:
            self._tasks.pop(task, None)

    @contextmanager
    def counted(self, wait: Wait, count: int = 1) -> Iterator[None]:
        """Count a wait that goes on also when the statement stops."""
        self._counts[wait] = self._counts.get(wait, 0) + count
        try:
            yield
        finally:
            self._counts[wait] -= count

    def most(self) -> tuple[Wait | None, int]:
        """Return what most wait for, and how many do."""
        counts = {wait: count for wait, count in self._counts.items() if count}
        for common in _COMMON:
            if common in counts:
                return common, counts[common]
        most = max(counts, key=counts.__getitem__, default=None)
        return most, 0 if most is None else counts[most]

    def end_all(self) -> None:
        """End all waits that are going on and may end."""
        for task in tuple(self._tasks):
            task.cancel()
