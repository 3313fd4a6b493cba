"""The emulator as an HTTP server on loopback: `outcrop emulate bedrock`.

Paths: `POST /model/{modelId}/{operation}` as in the Bedrock API reference, and our own
paths below `/_dev/` (`control.py`), which need no authentication.

    async with Emulator(config) as emulator: ...      inside an event loop
    with RunningEmulator(config) as emulator: ...     in a thread of its own, for tests
    await serve(config, on_started)                   until it is told to stop, for the command line
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import unquote

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.web_protocol import RequestHandler

from outcrop.emulator.authentication import SignedRequest, authenticate
from outcrop.emulator.calls import CallReader, Operation
from outcrop.emulator.clock import ServiceClock
from outcrop.emulator.config import EmulatorConfig
from outcrop.emulator.control import Control
from outcrop.emulator.delivery import Delivery, Reply
from outcrop.emulator.faults import Fault
from outcrop.emulator.ledger import Ledger, LedgerSnapshot, Outcome
from outcrop.emulator.models import is_model_id
from outcrop.emulator.replies import error_reply, json_reply, model_reply
from outcrop.emulator.runtime import Runtime
from outcrop.emulator.service_errors import ServiceError
from outcrop.errors import Error
from outcrop.providers.base import Provider
from outcrop.providers.scripted import ScriptedProvider
from outcrop.providers.scripted_options import ScriptedOptions

__all__ = ["Emulator", "EmulatorConfig", "LedgerSnapshot", "RunningEmulator", "serve"]

# InvokeModel takes 25,000,000 bytes, and base64 in CountTokens makes 4 of 3.
BODY_BYTES_MAX = 34_000_000
# Connections that may wait to be accepted; a client opens hundreds at once.
BACKLOG = 1_024
# How long requests in flight have to end when the emulator stops.
SHUTDOWN_S = 1.0
# How many turns of the event loop a connection takes from being accepted to being known.
ACCEPT_TURNS = 5
STARTUP_S = 30.0
INVALID_MODEL_ID = "(invalid)"

T = TypeVar("T")


class Emulator:
    """One emulator, running between `async with` and its end."""

    def __init__(
        self,
        config: EmulatorConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.config = config
        self.ledger = Ledger()
        self.url = ""
        self._clock = ServiceClock(now)
        self._backend: Provider = config.backend or ScriptedProvider(
            "scripted", ScriptedOptions(seed=config.seed)
        )
        self._reader = CallReader(config.seed)
        self._runtime = Runtime(config, self._backend, self.ledger, clock=clock)
        self._control = Control(self._runtime, self.ledger, self._clock, self._backend.name)
        self._stopping = asyncio.Event()
        self._delivery = Delivery(self._stopping, config.drip_s, config.hang_s)
        self._request_numbers = itertools.count(1)
        self._runner: web.ServerRunner | None = None
        self._socket: socket.socket | None = None

    def set_quotas(self, amounts: Mapping[str, float]) -> None:
        """Keep these quotas from now on, and no others; raises InvalidParameter."""
        self._runtime.set_quotas(amounts)

    def set_faults(self, rates: Mapping[str, float]) -> None:
        """Inject these faults from now on, and no others; raises InvalidParameter."""
        self._runtime.set_faults(rates)

    def set_clock(self, offset_s: float) -> None:
        """Have the service's clock be off by so many seconds; raises InvalidParameter."""
        self._clock.change({"offset_s": offset_s})

    async def __aenter__(self) -> Self:
        server = web.Server(self._respond, request_factory=_make_request, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        host = self.config.host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server(
                (host, self.config.port), family=family, backlog=BACKLOG
            )
            site = web.SockSite(
                self._runner, self._socket, ssl_context=self.config.tls, backlog=BACKLOG
            )
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        host, port = self._runner.addresses[0][:2]
        scheme = "http" if self.config.tls is None else "https"
        self.url = f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        if self._socket is not None:
            # What is accepted while asyncio's server is closed is never closed itself.
            asyncio.get_running_loop().remove_reader(self._socket)
            for _ in range(ACCEPT_TURNS):
                await asyncio.sleep(0)
        if self._runner is not None:
            await self._runner.cleanup()
        await self._backend.close()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        path, _, query = request.raw_path.partition("?")
        model_id, _, operation = path.removeprefix("/model/").rpartition("/")
        if request.method == "POST" and path.startswith("/model/") and operation in _OPERATIONS:
            return await self._serve_model(
                request, _OPERATIONS[operation], unquote(model_id), path, query
            )
        return await self._send(request, await self._serve_ours(request, path))

    async def _serve_ours(self, request: web.BaseRequest, path: str) -> Reply:
        try:
            return self._control.answer(request.method, path, await _read(request))
        except ServiceError as error:
            return error_reply(error)

    async def _serve_model(
        self, request: web.BaseRequest, operation: Operation, model_id: str, path: str, query: str
    ) -> web.StreamResponse:
        is_counted = operation is not Operation.COUNT_TOKENS
        counted_as = model_id if is_model_id(model_id) else INVALID_MODEL_ID
        outcome = Outcome.FAILED
        if is_counted:
            self.ledger.begin(counted_as)
        try:
            content = await _read(request)
            signed = SignedRequest(request.method, path, query, request.headers, content)
            authenticate(
                signed,
                self.config.secret_key,
                self._clock.now,
                is_dated=self._clock.was_changed,
            )
            if not is_counted:
                return await self._count_tokens(request, model_id, content)
            response, outcome = await self._ask(request, operation, model_id, content)
        except ServiceError as error:
            is_throttled = error.code == "ThrottlingException"
            outcome = Outcome.THROTTLED if is_throttled else Outcome.FAILED
            return await self._send(request, error_reply(error))
        else:
            return response
        finally:
            if is_counted:
                self.ledger.end(counted_as, outcome)

    async def _ask(
        self, request: web.BaseRequest, operation: Operation, model_id: str, content: bytes
    ) -> tuple[web.StreamResponse, Outcome]:
        call = self._reader.read(operation, model_id, content)
        answer = await self._runtime.answer(call)
        reply = None
        if answer.response is not None:
            reply = self._numbered(model_reply(call, answer.response))
        try:
            return await self._deliver(request, reply, answer.fault)
        except ConnectionError:
            # The client has gone; what is returned here goes nowhere.
            return web.Response(), Outcome.FAILED

    async def _deliver(
        self, request: web.BaseRequest, reply: Reply | None, fault: Fault | None
    ) -> tuple[web.StreamResponse, Outcome]:
        if request.transport is None or request.transport.is_closing():
            raise ConnectionResetError("the client went away while the model ran")
        if fault is not None:
            return await self._delivery.send_faulty(request, reply, fault)
        if reply is None:
            raise ValueError("only a fault leaves a request without an answer")
        return await self._delivery.send(request, reply), Outcome.ANSWERED

    async def _count_tokens(
        self, request: web.BaseRequest, model_id: str, content: bytes
    ) -> web.StreamResponse:
        tokens = self._reader.count_tokens(model_id, content)
        self.ledger.count_tokens += 1
        return await self._send(request, json_reply({"inputTokens": tokens}))

    async def _send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        return await self._delivery.send(request, self._numbered(reply))

    def _numbered(self, reply: Reply) -> Reply:
        number = f"{next(self._request_numbers):08x}-0000-4000-8000-000000000000"
        added = {"x-amzn-RequestId": number, "Date": self._clock.date()}
        return replace(reply, headers={**reply.headers, **added})


_OPERATIONS = {operation.value: operation for operation in Operation}


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=BODY_BYTES_MAX
    )


async def _read(request: web.BaseRequest) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise ServiceError(
            "RequestEntityTooLargeException", f"The request is longer than {BODY_BYTES_MAX} bytes."
        ) from error


async def serve(config: EmulatorConfig, on_started: Callable[[str], None]) -> LedgerSnapshot:
    """Serve until SIGINT, SIGTERM or cancellation; `on_started` gets the URL. Main thread only.

    Returns the ledger, for a last word. Raises OSError where the port is taken.
    """
    told_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    async with Emulator(config) as emulator:
        for number in signals:
            loop.add_signal_handler(number, told_to_stop.set)
        try:
            on_started(emulator.url)
            await told_to_stop.wait()
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
    return emulator.ledger.snapshot()


class RunningEmulator:
    """An emulator in a thread of its own, between `with` and its end."""

    def __init__(self, config: EmulatorConfig | None = None) -> None:
        self._config = config or EmulatorConfig()
        self._started: Future[tuple[Emulator, asyncio.AbstractEventLoop]] = Future()
        self._told_to_stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="outcrop-emulator")

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:40123`."""
        return self._started.result(STARTUP_S)[0].url

    def ledger(self) -> LedgerSnapshot:
        """Return the ledger of this moment; also when it has ended."""
        if not self._thread.is_alive():
            return self._started.result()[0].ledger.snapshot()
        return self._call(lambda emulator: emulator.ledger.snapshot())

    def reset_ledger(self) -> None:
        """Start the ledger anew."""
        self._call(lambda emulator: emulator.ledger.reset())

    def set_quotas(self, amounts: Mapping[str, float]) -> None:
        """Keep these quotas from now on, and no others; raises InvalidParameter."""
        self._call(lambda emulator: emulator.set_quotas(amounts))

    def set_faults(self, rates: Mapping[str, float]) -> None:
        """Inject these faults from now on, and no others; raises InvalidParameter."""
        self._call(lambda emulator: emulator.set_faults(rates))

    def set_clock(self, offset_s: float) -> None:
        """Have the service's clock be off by so many seconds; raises InvalidParameter."""
        self._call(lambda emulator: emulator.set_clock(offset_s))

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._started.result(STARTUP_S)
        except (Error, OSError):
            self._thread.join()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        loop = self._started.result()[1]
        loop.call_soon_threadsafe(self._told_to_stop.set)
        self._thread.join()

    def _call(self, ask: Callable[[Emulator], T]) -> T:
        emulator, loop = self._started.result()

        async def run() -> T:
            return ask(emulator)

        return asyncio.run_coroutine_threadsafe(run(), loop).result()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        try:
            emulator = Emulator(self._config)
            await emulator.__aenter__()
        except (Error, OSError) as error:
            self._started.set_exception(error)
            return
        try:
            self._started.set_result((emulator, asyncio.get_running_loop()))
            await self._told_to_stop.wait()
        finally:
            await emulator.__aexit__(None, None, None)
