"""The emulator's own paths, with which a rehearsal is watched and changed while it runs.

GET, DELETE /_dev/ledger    the numbers so far; DELETE starts them anew
GET, PUT    /_dev/quotas    the quotas as a JSON object; PUT replaces them all
GET, PUT    /_dev/faults    the rates of the faults, likewise
GET, PUT    /_dev/clock     by how many seconds the service's clock is off, as `offset_s`
GET         /_dev/health
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict

from outcrop.emulator.clock import ServiceClock
from outcrop.emulator.delivery import Reply
from outcrop.emulator.ledger import Ledger
from outcrop.emulator.replies import json_reply
from outcrop.emulator.runtime import Runtime
from outcrop.emulator.service_errors import ServiceError, invalid
from outcrop.emulator.validation import parse_json
from outcrop.errors import InvalidParameter


class Control:
    """Answers requests to the emulator itself."""

    def __init__(self, runtime: Runtime, ledger: Ledger, clock: ServiceClock, backend: str) -> None:
        self._runtime = runtime
        self._ledger = ledger
        self._clock = clock
        self._backend = backend

    def answer(self, method: str, path: str, content: bytes) -> Reply:
        """Answer one; raises ServiceError for one that cannot be answered."""
        match method, path:
            case "GET", "/_dev/ledger":
                return json_reply(asdict(self._ledger.snapshot()))
            case "DELETE", "/_dev/ledger":
                self._ledger.reset()
                return json_reply(asdict(self._ledger.snapshot()))
            case "GET", "/_dev/quotas":
                return json_reply(self._runtime.quotas)
            case "PUT", "/_dev/quotas":
                return json_reply(_set(self._runtime.set_quotas, content))
            case "GET", "/_dev/faults":
                return json_reply(self._runtime.faults)
            case "PUT", "/_dev/faults":
                return json_reply(_set(self._runtime.set_faults, content))
            case "GET", "/_dev/clock":
                return json_reply({"offset_s": self._clock.offset_s})
            case "PUT", "/_dev/clock":
                return json_reply(_set(self._clock.change, content))
            case "GET", "/_dev/health":
                return json_reply({"status": "ok", "backend": self._backend})
            case _:
                raise ServiceError("UnknownOperationException", f"there is no {method} {path} here")


def _set(change: Callable[[Mapping[str, float]], None], content: bytes) -> Mapping[str, float]:
    """Make a change with the numbers by name that a request holds, and return them."""
    numbers = parse_json(content, invalid("the body is no JSON object"))
    for name, number in numbers.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise invalid(f"{name!r} is {number!r}, which is no number")
    try:
        change(numbers)
    except InvalidParameter as error:
        raise invalid(" ".join(filter(None, (error.message, error.hint)))) from error
    return numbers
