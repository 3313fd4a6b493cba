"""How many requests one model gets at once: additive increase, multiplicative decrease.

A provider does not say what its quota is, so the limiter learns it from throttles. The window
starts small and doubles with each round trip until the first throttle (slow start); from then on
it grows by one for each window of successes, and is halved by a throttle, **at most once per
epoch**: a request that was sent before the last decrease says nothing about the window after it.
After a decrease nothing is sent for a moment, so that those who wait do not all rush in at once.

One limiter serves all statements that ask one model. It runs on the gateway's event loop alone.
"""

from __future__ import annotations

import asyncio
from collections import deque

from outcrop.inference.clock import Clock

WINDOW_START = 16
PAUSE_S = 0.1
PAUSE_MAX_S = 30.0


class Permit:
    """The right to send one request; ended by exactly one of its methods."""

    __slots__ = ("_epoch", "_limiter")

    def __init__(self, limiter: Limiter, epoch: int) -> None:
        self._limiter = limiter
        self._epoch = epoch

    def succeeded(self) -> None:
        """The provider answered: the window may grow."""
        self._limiter._grow()
        self._limiter._release()

    def throttled(self, retry_after_s: float | None = None) -> None:
        """The provider's quota was hit: the window shrinks, once per epoch."""
        self._limiter._shrink(self._epoch, retry_after_s or 0.0)
        self._limiter._release()

    def failed(self) -> None:
        """It ended in another way, which says nothing of the quota."""
        self._limiter._release()


class Limiter:
    """The window of requests in flight to one model."""

    def __init__(self, clock: Clock, window_max: int, window_start: int = WINDOW_START) -> None:
        self._clock = clock
        self._window_max = window_max
        self._window = float(min(window_start, window_max))
        self._in_flight = 0
        self._epoch = 0
        self._waiters: deque[asyncio.Future[Permit]] = deque()
        self._paused_until_s = float("-inf")
        self._resuming: asyncio.Task[None] | None = None

    @property
    def window(self) -> int:
        """How many requests may be in flight now."""
        return int(self._window)

    @property
    def in_flight(self) -> int:
        """How many requests are in flight now."""
        return self._in_flight

    def try_acquire(self) -> Permit | None:
        """Return a permit if one is free and nobody waits for it, else None."""
        if self._waiters or not self._has_room():
            return None
        return self._permit()

    async def acquire(self) -> Permit:
        """Return a permit as soon as one is free, first come, first served."""
        permit = self.try_acquire()
        if permit is not None:
            return permit
        waiter: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._resume_after_pause()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():  # canceled with the permit in hand
                waiter.result().failed()
            raise

    async def close(self) -> None:
        """Stop the pause, if there is one."""
        if self._resuming is not None:
            self._resuming.cancel()
            await asyncio.gather(self._resuming, return_exceptions=True)

    def _permit(self) -> Permit:
        self._in_flight += 1
        return Permit(self, self._epoch)

    def _has_room(self) -> bool:
        return self._in_flight < int(self._window) and not self._is_paused()

    def _is_paused(self) -> bool:
        return bool(self._epoch) and self._clock.monotonic() < self._paused_until_s

    def _grow(self) -> None:
        """Widen the window, if it was full: what was not used proves nothing."""
        if self._in_flight >= int(self._window):
            step = 1.0 / self._window if self._epoch else 1.0
            self._window = min(self._window + step, float(self._window_max))

    def _shrink(self, epoch: int, retry_after_s: float) -> None:
        pause_s = min(retry_after_s, PAUSE_MAX_S)
        if epoch == self._epoch:
            self._epoch += 1
            self._window = max(self._window / 2, 1.0)
            pause_s = max(pause_s, PAUSE_S)
        self._paused_until_s = max(self._paused_until_s, self._clock.monotonic() + pause_s)

    def _release(self) -> None:
        self._in_flight -= 1
        self._serve()

    def _serve(self) -> None:
        while self._waiters and self._has_room():
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(self._permit())
        self._resume_after_pause()

    def _resume_after_pause(self) -> None:
        """See to it that those who wait are served when the pause ends."""
        if self._waiters and self._resuming is None and self._is_paused():
            self._resuming = asyncio.ensure_future(self._resume())

    async def _resume(self) -> None:
        while self._is_paused():
            await self._clock.sleep(self._paused_until_s - self._clock.monotonic())
        self._resuming = None
        self._serve()
