"""How one emulator is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from outcrop.emulator.faults import check_rates
from outcrop.errors import InvalidParameter
from outcrop.providers.base import Provider


@dataclass(frozen=True, slots=True)
class EmulatorConfig:
    """The settings of one emulator; checked when made, raises InvalidParameter.

    `port` 0 takes a free one. `backend` answers; None is the scripted provider with `seed`. It is
    asked for `backend_model_id`, or for the model that the client named where that is None.
    `latency_ms` comes on top of the backend's own. The quotas hold for each model. `faults` maps
    names of `FAULTS` to rates. With `secret_key` signatures are verified; else any is taken.
    `drip_s` is how long the fault `slow-drip` takes, `hang_s` how long `hang` lasts at most.
    """

    host: str = "127.0.0.1"
    port: int = 0
    backend: Provider | None = None
    backend_model_id: str | None = None
    latency_ms: float = 0.0
    quota_rps: float | None = None
    quota_tpm: float | None = None
    faults: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0
    secret_key: str | None = None
    drip_s: float = 10.0
    hang_s: float = 3_600.0

    def __post_init__(self) -> None:
        check_rates(self.faults)
        if self.latency_ms < 0:
            raise InvalidParameter(f"the latency is {self.latency_ms:g} ms, which is below 0")
        for name, quota in (("requests", self.quota_rps), ("tokens", self.quota_tpm)):
            if quota is not None and quota <= 0:
                raise InvalidParameter(f"the quota of {name} is {quota:g}, which is not above 0")
