"""Which models of a statement gave way to the fallbacks of their routes, and why."""

from __future__ import annotations

import threading

from outcrop.errors import Error
from outcrop.execution.compose_invocation import Destination
from outcrop.execution.result import Notice


class Fallbacks:
    """The destinations of one statement. Questions of several threads share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._causes: dict[Destination, Error] = {}

    def current(self, destination: Destination) -> Destination:
        """Return where requests for `destination` go now."""
        with self._lock:
            if destination in self._causes and destination.fallback is not None:
                return destination.fallback
            return destination

    def give_way(self, destination: Destination, error: Error) -> Destination | None:
        """Return where the rest goes after an error of the model; None: nowhere."""
        if destination.fallback is None:
            return None
        with self._lock:
            self._causes.setdefault(destination, error)
        return destination.fallback

    def notices(self) -> list[Notice]:
        """Return what is to be said of them."""
        with self._lock:
            causes = list(self._causes.items())
        return [
            Notice(
                "NOTICE",
                f"model {failed.model_id!r} of {failed.provider!r} could not be asked "
                f"({error.message}); what was left was asked of {fallback.model_id!r} of "
                f"{fallback.provider!r}, as [routes] in outcrop.toml says",
                hint=error.hint,
            )
            for failed, error in causes
            if (fallback := failed.fallback) is not None
        ]
