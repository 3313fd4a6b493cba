"""How long a statement may run: `statement_timeout`, from its start to its last row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from outcrop.errors import QueryCanceled


class Deadline:
    """Calls `cancel` when `timeout_ms` are over; 0 is no limit. Whoever makes one stops it."""

    def __init__(self, timeout_ms: int, cancel: Callable[[], None]) -> None:
        self._timeout_ms = timeout_ms
        self._cancel = cancel
        self._has_expired = False
        self._timer: threading.Timer | None = None
        if timeout_ms:
            self._timer = threading.Timer(timeout_ms / 1_000, self._expire)
            self._timer.daemon = True
            self._timer.start()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise the cancellation that this deadline caused as one that says so."""
        try:
            yield
        except QueryCanceled as error:
            if not self._has_expired:
                raise
            raise QueryCanceled(
                f"the statement ran longer than statement_timeout ({self._timeout_ms} ms)",
                hint="What its model calls were answered is kept: run it again to go on.",
            ) from error

    def stop(self) -> None:
        """Let the statement run as long as it likes. Safe to call twice."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        self._has_expired = True
        self._cancel()
