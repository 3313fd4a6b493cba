"""One run of all faults, on one warehouse; each has a provider, a model and an endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from unittest.mock import patch

from botocore.session import Session
from yarl import URL

from outcrop.config import WarehouseConfig, parse_config
from outcrop.providers.base import Provider
from outcrop.providers.bedrock import BedrockProvider
from outcrop.providers.bedrock_access import Options
from outcrop.providers.transport import Transport
from outcrop.warehouse import Warehouse
from tests.faults.endpoints import Endpoint, Names, tls_context
from tests.faults.faults import INJECTED, OUTAGES, Injected, Outage, Scene
from tests.faults.measure import TABLE, Asker, Measured, measure_injected, measure_outage

AT_ONCE = 6
KEYS_PROGRAM = """\
echo x >> {count}
echo '{{"Version": 1, "AccessKeyId": "AKID'$(wc -l < {count})'", "SecretAccessKey": "dev", \
"Expiration": "2999-01-01T00:00:00Z"}}'
"""


class FaultyWarehouse(Warehouse):
    """A warehouse whose providers look names up, and trust certificates, as the faults say."""

    scenes: Mapping[str, Scene]
    authority: Path

    def _build_provider(self, name: str) -> Provider:
        if name not in self.scenes:
            return super()._build_provider(name)
        scene, options = self.scenes[name], self._config.providers[name]

        def open_transport(endpoint: URL, ca_file: str | None) -> Transport:
            return Transport(endpoint, str(self.authority), scene.names)

        return BedrockProvider(
            name,
            Options(profile=options.get("profile"), endpoint_url=URL(options["endpoint_url"])),
            lambda profile: Session(profile=profile),
            open_transport=open_transport,
        )


class Run:
    """Runs all faults, a few at a time since most of them wait most of the time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # The outages first: they take longest.
        self._faults: Sequence[Injected | Outage] = (*OUTAGES, *INJECTED)
        self._measured: dict[str, Measured] | None = None

    def measured(self) -> Mapping[str, Measured]:
        """Return what each fault did, by its name."""
        if self._measured is None:
            with ExitStack() as stack:
                stack.enter_context(patch.dict(os.environ, self._environment()))
                self._measured = self._measure(stack)
        return self._measured

    def _measure(self, stack: ExitStack) -> dict[str, Measured]:
        trusted, authority = tls_context(self._folder, "trusted")
        untrusted, _ = tls_context(self._folder, "untrusted")
        scenes: dict[str, Scene] = {}
        for fault in self._faults:
            endpoint = stack.enter_context(closing(Endpoint()))
            scenes[fault.name] = Scene(endpoint, Names(), trusted, untrusted)
        warehouse = FaultyWarehouse.open(self._folder / "house", config=self._config(scenes))
        assert isinstance(warehouse, FaultyWarehouse)
        warehouse.scenes, warehouse.authority = scenes, authority
        stack.callback(warehouse.close)
        with closing(warehouse.open_session()) as session:
            session.execute(TABLE)
        askers = {
            fault.name: stack.enter_context(closing(Asker(warehouse, number, fault.name)))
            for number, fault in enumerate(self._faults)
        }

        def measure(fault: Injected | Outage) -> Measured:
            asker, scene = askers[fault.name], scenes[fault.name]
            if isinstance(fault, Injected):
                return measure_injected(fault, asker, scene)
            return measure_outage(fault, asker, scene)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            results = pool.map(measure, self._faults)
            return dict(zip((fault.name for fault in self._faults), results, strict=True))

    def _config(self, scenes: Mapping[str, Scene]) -> WarehouseConfig:
        providers: dict[str, dict[str, str]] = {}
        for fault in self._faults:
            scheme = fault.scheme if isinstance(fault, Outage) else "http"
            # Names are looked up by the scene; that of a certificate is an address.
            host = "127.0.0.1" if scheme == "https" else "models.localhost"
            port = scenes[fault.name].endpoint.port
            providers[fault.name] = {"kind": "bedrock", "endpoint_url": f"{scheme}://{host}:{port}"}
        providers["expired-credentials"]["profile"] = "renewing"
        return parse_config({"providers": providers})

    def _environment(self) -> dict[str, str]:
        """Return the variables of credentials: keys, and a profile that makes new ones."""
        program, config = self._folder / "keys.sh", self._folder / "config"
        program.write_text(KEYS_PROGRAM.format(count=self._folder / "count"))
        config.write_text(f"[profile renewing]\ncredential_process=sh {program}\n")
        return {
            "AWS_ACCESS_KEY_ID": "dev",
            "AWS_SECRET_ACCESS_KEY": "dev",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": str(config),
        }
