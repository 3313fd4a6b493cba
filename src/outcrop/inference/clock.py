"""Time as the runtime sees it, handed in so that tests can run years of retries in a second."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where the runtime asks for the time. Intervals are measured with `monotonic` alone."""

    def monotonic(self) -> float:
        """Return seconds since some moment; never goes back."""
        ...

    def wall(self) -> float:
        """Return seconds since the Unix epoch; may jump. For the record only, never for waiting."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def monotonic(self) -> float:
        """Return the seconds of the machine's monotonic clock."""
        return time.monotonic()

    def wall(self) -> float:
        """Return the seconds of the machine's calendar clock."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        await asyncio.sleep(seconds)
