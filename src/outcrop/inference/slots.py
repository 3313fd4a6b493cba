"""The slots of a statement: how many of its invocations may be on their way at once.

Like a semaphore of which several may be taken at a time, since what is sent as a group is taken,
and given back, as one. For the event loop alone.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Slots:
    """So many slots, all free. Who waits longest is served first."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiters: deque[asyncio.Future[None]] = deque()

    async def take(self, most: int = 1) -> int:
        """Wait for a slot; take as many as are free then, up to `most`, and return their number."""
        if not self._free or self._waiters:
            await self._turn()
        taken = min(most, self._free)
        self._free -= taken
        self._wake()
        return taken

    def release(self, count: int = 1) -> None:
        """Give slots back."""
        self._free += count
        self._wake()

    async def _turn(self) -> None:
        """Wait until there is a free slot, and nobody before this one."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            self._waiters.remove(waiter)
            self._wake()
            raise
        self._waiters.popleft()

    def _wake(self) -> None:
        """Wake the first who waits, which takes its slots before anybody else may."""
        if self._free and self._waiters and not self._waiters[0].done():
            self._waiters[0].set_result(None)
