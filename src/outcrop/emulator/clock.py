"""What time it is for the service, which need not be what its clients think."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from outcrop.errors import InvalidParameter

OFFSET_MAX_S = 10 * 366 * 86_400.0


class ServiceClock:
    """The service's clock. Once it was changed, the time of every signature is looked at."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.offset_s = 0.0
        self.was_changed = False
        self._now = now

    def now(self) -> datetime:
        """Return the service's time."""
        return self._now() + timedelta(seconds=self.offset_s)

    def date(self) -> str:
        """Return it as the header Date has it."""
        return format_datetime(self.now(), usegmt=True)

    def change(self, numbers: Mapping[str, float]) -> None:
        """Be off by `offset_s` from now on; raises InvalidParameter."""
        if set(numbers) != {"offset_s"} or abs(numbers["offset_s"]) > OFFSET_MAX_S:
            raise InvalidParameter(
                "the clock takes offset_s alone, the seconds by which it is off",
                hint=f"At most {OFFSET_MAX_S:.0f}, forwards or backwards.",
            )
        self.offset_s = numbers["offset_s"]
        self.was_changed = True
