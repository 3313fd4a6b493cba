"""Endpoints that can be stopped, started and looked up on command."""

from __future__ import annotations

import asyncio
import datetime
import socket
import ssl
import threading
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.server import RunningEmulator
from outcrop.providers.base import Completion, ProviderRequest
from outcrop.providers.scripted import ScriptedProvider
from outcrop.providers.scripted_options import ScriptedOptions

HELD_AFTER = 300
LOOK_S = 0.005


class HeldBackend(ScriptedProvider):
    """Answers `HELD_AFTER` requests, and then holds the others until it is told to go on.

    So that what happens to the endpoint happens in the middle of a statement, however fast that is.
    """

    def __init__(self) -> None:
        super().__init__("held", ScriptedOptions())
        self.is_held = threading.Event()
        self.may_go_on = threading.Event()
        self._taken = 0

    async def complete(self, request: ProviderRequest) -> Completion:
        self._taken += 1
        if self._taken > HELD_AFTER:
            self.is_held.set()
            while not self.may_go_on.is_set():  # noqa: ASYNC110 - another thread sets it
                await asyncio.sleep(LOOK_S)
        return await super().complete(request)


class Endpoint:
    """An emulator on a port of its own, which stays its own while nobody listens there.

    What it was paid is summed over all its lives.
    """

    def __init__(self) -> None:
        self.backend = HeldBackend()
        self._settings: dict[str, Any] = {}
        self._lives: list[RunningEmulator] = []
        self._is_up = False
        # Bound and not listening: connections are refused, and nobody else gets the port.
        self._port = socket.socket()
        self._port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._port.bind(("127.0.0.1", 0))

    @property
    def port(self) -> int:
        """Where it listens, or will."""
        return int(self._port.getsockname()[1])

    @property
    def emulator(self) -> RunningEmulator:
        return self._lives[-1]

    def start(self, **settings: Any) -> None:
        """Listen, with these settings from now on."""
        self._settings |= settings
        emulator = RunningEmulator(EmulatorConfig(port=self.port, **self._settings))
        emulator.__enter__()
        self._lives.append(emulator)
        self._is_up = True

    def stop(self) -> None:
        """Listen no more; what is in flight is reset."""
        self.emulator.__exit__(None, None, None)
        self._is_up = False

    def paid(self, model_id: str) -> int:
        """Return how often the model ran."""
        ledgers = [emulator.ledger() for emulator in self._lives]
        return sum(x.by_model[model_id].paid for x in ledgers if model_id in x.by_model)

    def close(self) -> None:
        self.backend.may_go_on.set()
        if self._is_up:
            self.stop()
        self._port.close()


class Names:
    """A look-up of names that may know nobody."""

    def __init__(self) -> None:
        self.misses_left = 0

    async def __call__(self, host: str, port: int) -> Sequence[tuple[Any, ...]]:
        if self.misses_left:
            self.misses_left -= 1
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]


def tls_context(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """Return a server's context with a new certificate of its own, and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file
