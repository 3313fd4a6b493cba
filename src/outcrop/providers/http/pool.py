"""The connections to one server that are open."""

from __future__ import annotations

import asyncio
from collections import deque

from outcrop.providers.http.connection import Connection
from outcrop.providers.http.dialer import Dialer

# Idle connections are dropped before the usual servers drop them (60 s and more), since a request
# on a connection that is just being closed counts as possibly paid.
IDLE_S_MAX = 30.0


class Pool:
    """Connections of one event loop; as many as there are requests at once.

    The one that was used last is used next, so that those that are not needed grow old.
    """

    def __init__(self, dialer: Dialer) -> None:
        self._dialer = dialer
        self._loop = asyncio.get_running_loop()
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._sweep: asyncio.TimerHandle | None = None

    async def acquire(self, connect_timeout_s: float) -> Connection:
        """Return a connection that is free, or else a new one; raises what `dial` does."""
        while self._idle:
            connection = self._idle.pop()
            if self._is_fresh(connection):
                break
            connection.close()
        else:
            connection = await self._dialer.dial(connect_timeout_s)
        self._busy.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Take a connection back, and keep it if it can be used again."""
        self._busy.discard(connection)
        if connection.is_usable:
            connection.idle_since_s = self._loop.time()
            self._idle.append(connection)
            if self._sweep is None:
                self._sweep = self._loop.call_later(IDLE_S_MAX, self._drop_old)

    async def close(self) -> None:
        """Close all connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        connections = [*self._idle, *self._busy]
        self._idle.clear()
        for connection in connections:
            connection.close()
        await asyncio.gather(self._dialer.close(), *(each.lost for each in connections))

    def _is_fresh(self, connection: Connection) -> bool:
        idle_s = self._loop.time() - connection.idle_since_s
        return connection.is_usable and idle_s < IDLE_S_MAX

    def _drop_old(self) -> None:
        self._sweep = None
        while self._idle and not self._is_fresh(self._idle[0]):
            self._idle.popleft().close()
        if self._idle:
            due_s = self._idle[0].idle_since_s + IDLE_S_MAX
            self._sweep = self._loop.call_at(due_s, self._drop_old)
