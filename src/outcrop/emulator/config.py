"""How one emulator is set up."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from outcrop.emulator.faults import check_rates
from outcrop.emulator.quotas import check_bursts, check_quotas
from outcrop.errors import InvalidParameter
from outcrop.providers.base import Provider


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """The settings of one emulator; checked when made, raises InvalidParameter.

    `port` 0 takes a free one. `backend` answers; None is the scripted provider with `seed`. It is
    asked for `backend_model_id`, or for the model that the client named where that is None.
    `latency_ms` comes on top of the backend's own. `quotas` maps names of `QUOTAS` to amounts,
    `bursts` to the seconds' worth that their buckets hold, and `faults` names of `FAULTS` to rates;
    `NAME@MODEL` is for some models alone (`by_model.py`). Each model has its own buckets. With
    `secret_key` signatures are verified; else any is taken.
    With `tls` it speaks HTTPS.
    `drip_s` is how long the fault `slow-drip` takes, `hang_s` how long `hang` lasts at most.
    """

    host: str = "127.0.0.1"
    port: int = 0
    backend: Provider | None = None
    backend_model_id: str | None = None
    latency_ms: float = 0.0
    quotas: Mapping[str, float] = field(default_factory=dict)
    bursts: Mapping[str, float] = field(default_factory=dict)
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    secret_key: str | None = None
    tls: ssl.SSLContext | None = None
    drip_s: float = 10.0
    hang_s: float = 3_600.0

    def __post_init__(self) -> None:
        check_quotas(self.quotas)
        check_bursts(self.bursts)
        check_rates(self.faults)
        if self.latency_ms < 0:
            raise InvalidParameter(f"the latency is {self.latency_ms:g} ms, which is below 0")
