"""The faults that 1,000 calls meet each."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.faults.endpoints import Endpoint, Names


@dataclass(frozen=True, slots=True)
class Injected:
    """Faults of the emulator, of one kind: a statement's requests meet each at `rate`."""

    names: tuple[str, ...]
    rate: float = 0.04

    @property
    def name(self) -> str:
        return self.names[0]

    @property
    def rates(self) -> Mapping[str, float]:
        return dict.fromkeys(self.names, self.rate)


@dataclass(frozen=True, slots=True)
class Scene:
    """What a fault plays with: the endpoint, the look-up of its name, two certificates."""

    endpoint: Endpoint
    names: Names
    trusted: ssl.SSLContext
    untrusted: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Outage:
    """Something that befalls the whole endpoint.

    `begin` sets the scene before the statement, `strike` changes it in the middle of the statement
    (None: nothing happens then), `end` puts all right, for the statement that runs again.
    """

    name: str
    meaning: str
    how: str
    begin: Callable[[Scene], None]
    strike: Callable[[Scene], None] | None
    end: Callable[[Scene], None]
    settings: Mapping[str, str] = field(default_factory=dict)
    scheme: str = "http"


def _start_hanging(scene: Scene) -> None:
    scene.endpoint.start(faults={"hang": 1.0})


def _start_held(scene: Scene) -> None:
    scene.endpoint.start(backend=scene.endpoint.backend)


def _stop(scene: Scene) -> None:
    scene.endpoint.stop()


def _restart(scene: Scene) -> None:
    scene.endpoint.stop()
    scene.endpoint.start(backend=None)


def _start_anew(scene: Scene) -> None:
    scene.endpoint.start(backend=None)


def _break(name: str) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.endpoint.emulator.set_faults({name: 1.0})
        scene.endpoint.backend.may_go_on.set()

    return strike


def _heal(scene: Scene) -> None:
    scene.endpoint.emulator.set_faults({})


def _set_clock(scene: Scene) -> None:
    scene.endpoint.emulator.set_clock(3_600)
    scene.endpoint.backend.may_go_on.set()


def _nothing(scene: Scene) -> None:
    """Leave all as it is."""


def _forget_name(misses: int) -> Callable[[Scene], None]:
    def begin(scene: Scene) -> None:
        scene.names.misses_left = misses
        scene.endpoint.start()

    return begin


def _remember_name(scene: Scene) -> None:
    scene.names.misses_left = 0


def _show_wrong_certificate(scene: Scene) -> None:
    scene.endpoint.start(tls=scene.untrusted)


def _show_right_certificate(scene: Scene) -> None:
    scene.endpoint.stop()
    scene.endpoint.start(tls=scene.trusted)


OUTAGES = (
    Outage(
        "restart",
        "restart",
        "stopped in mid-statement, and started again",
        _start_held,
        _restart,
        _nothing,
    ),
    Outage(
        "refused",
        "dead endpoint",
        "stopped in mid-statement: connections are refused",
        _start_held,
        _stop,
        _start_anew,
    ),
    Outage(
        "dns-for-a-moment",
        "DNS failure that passes",
        "its name is not found four times",
        _forget_name(4),
        None,
        _nothing,
    ),
    Outage(
        "dns", "DNS failure", "its name is not found", _forget_name(10**9), None, _remember_name
    ),
    Outage(
        "tls",
        "TLS failure",
        "its certificate is not to be trusted",
        _show_wrong_certificate,
        None,
        _show_right_certificate,
        scheme="https",
    ),
    Outage(
        "all-unavailable",
        "broken service",
        "from mid-statement on, every request gets a `ServiceUnavailableException`",
        _start_held,
        _break("service-unavailable"),
        _heal,
    ),
    Outage(
        "all-hang",
        "accept, then hang",
        "every request is taken and never answered",
        _start_hanging,
        None,
        _heal,
        {"outcrop.request_timeout": "2s"},
    ),
    Outage(
        "clock-jump",
        "clock jump",
        "in mid-statement, the clocks go an hour apart",
        _start_held,
        _set_clock,
        _nothing,
    ),
)

INJECTED = (
    # Where there is no quota, every throttle teaches the limiter one.
    Injected(("throttling", "throttling-tokens"), 0.01),
    Injected(("throttling-day",)),
    Injected(
        (
            "model-not-ready",
            "service-unavailable",
            "internal-error",
            "model-error",
            "model-timeout",
        )
    ),
    Injected(("expired-credentials",), 0.01),
    Injected(("hang",), 0.02),
    Injected(("reset-before", "reset-after", "truncated-body", "garbage")),
    Injected(("slow-drip",)),
    Injected(("service-quota", "validation", "empty", "guardrail", "filtered")),
    Injected(("max-tokens",)),
    Injected(("access-denied",)),
    Injected(("not-found",)),
)
