"""The starts of prompts that a model's provider has in its cache, as far as one can tell.

A provider puts a start into its cache when it has read it once. Where many requests with the same
start went out at once, each would be billed for putting it there; so the first goes ahead, and the
others wait for its answer. If it fails, the next one goes ahead.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from outcrop.inference.clock import Clock
from outcrop.providers.prompt_caching import LIFETIME_S

# A start that was last used so long ago may be gone by the time that a request comes in.
_WARM_S = 0.8 * LIFETIME_S
_REMEMBERED_MAX = 10_000


class WarmPrefixes:
    """The starts of prompts to one model, by their digests. For the event loop alone."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._used_s: OrderedDict[bytes, float] = OrderedDict()
        self._writing: dict[bytes, asyncio.Event] = {}

    async def take_turn(self, prefixes: Sequence[bytes]) -> Sequence[bytes]:
        """Wait until nobody else puts one of `prefixes`, the shortest first, into the cache.

        Return those that the caller's request puts there; it ends its turn whatever happens.
        """
        written: list[bytes] = []
        try:
            for prefix in prefixes:
                while (writing := self._writing.get(prefix)) is not None:
                    await writing.wait()
                if not self._is_warm(prefix):
                    self._writing[prefix] = asyncio.Event()
                    written.append(prefix)
        except BaseException:  # canceled while it waits: others must not wait for it
            self.end_turn(written)
            raise
        return written

    def keep(self, prefixes: Iterable[bytes]) -> None:
        """Note that a request with these starts was answered."""
        now_s = self._clock.monotonic()
        for prefix in prefixes:
            self._used_s[prefix] = now_s
            self._used_s.move_to_end(prefix)
        while len(self._used_s) > _REMEMBERED_MAX:
            self._used_s.popitem(last=False)

    def end_turn(self, written: Iterable[bytes]) -> None:
        """Let others pass, or try in their turn, who wait for these starts."""
        for prefix in written:
            self._writing.pop(prefix).set()

    def _is_warm(self, prefix: bytes) -> bool:
        used_s = self._used_s.get(prefix)
        return used_s is not None and self._clock.monotonic() - used_s < _WARM_S
