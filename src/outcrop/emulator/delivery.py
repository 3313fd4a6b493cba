"""How an answer reaches its client, or does not: the faults of the transport."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aiohttp import web

from outcrop.emulator.eventstream import encode_exception
from outcrop.emulator.faults import Fault
from outcrop.emulator.ledger import Outcome

STREAM_ERROR = encode_exception(
    "modelStreamErrorException", "The model's stream ended with an error. Try your request again."
)
GARBAGE = b"\x16\x03\x01 this is no answer"
DROPS = 20
# How often a request that hangs looks whether its client is still there.
HANG_STEP_S = 0.2
# SO_LINGER on, for 0 seconds: closing resets the connection instead of ending it in order.
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer. `parts` has one member, or one for each event of a stream."""

    status: int
    headers: Mapping[str, str]
    parts: Sequence[bytes]
    is_stream: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends replies; raises ConnectionError where the client has gone.

    `stopping` is set when the emulator stops, which ends what hangs or drips.
    """

    stopping: asyncio.Event
    drip_s: float
    hang_s: float

    async def send(self, request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
        """Send `reply` as it is."""
        if not reply.is_stream:
            return web.Response(
                status=reply.status, headers=reply.headers, body=b"".join(reply.parts)
            )
        response = web.StreamResponse(status=reply.status, headers=reply.headers)
        await response.prepare(request)
        for part in reply.parts:
            await response.write(part)
        return response

    async def send_faulty(
        self, request: web.BaseRequest, reply: Reply | None, fault: Fault
    ) -> tuple[web.StreamResponse, Outcome]:
        """Send what `fault` leaves of `reply`, and say how the request ended for its client."""
        body = b"".join(reply.parts) if reply else b""
        headers = reply.headers if reply else {}
        match fault.name:
            case "hang":
                await self._hang(request)
                return _drop(request), Outcome.FAILED
            case "truncated-body":
                return await _send_half(request, headers, body), Outcome.FAILED
            case "slow-drip":
                return await self._drip(request, headers, body)
            case "stream-error" if reply:
                events = [*reply.parts[: len(reply.parts) // 2], STREAM_ERROR]
                return await self.send(request, replace(reply, parts=events)), Outcome.FAILED
            case "garbage":
                return web.Response(headers=headers, body=GARBAGE), Outcome.FAILED
            case _:
                return _drop(request), Outcome.FAILED

    async def _hang(self, request: web.BaseRequest) -> None:
        for _ in range(round(self.hang_s / HANG_STEP_S)):
            if await self._is_over(request, HANG_STEP_S):
                return

    async def _drip(
        self, request: web.BaseRequest, headers: Mapping[str, str], body: bytes
    ) -> tuple[web.StreamResponse, Outcome]:
        response = await _start(request, headers, len(body))
        size = -(-len(body) // DROPS)
        for start in range(0, len(body), size):
            if await self._is_over(request, self.drip_s / DROPS):
                return _drop(request), Outcome.FAILED
            await response.write(body[start : start + size])
        return response, Outcome.ANSWERED

    async def _is_over(self, request: web.BaseRequest, wait_s: float) -> bool:
        """Wait, and say whether the emulator stops or the client has gone."""
        try:
            await asyncio.wait_for(self.stopping.wait(), wait_s)
        except TimeoutError:
            return request.transport is None or request.transport.is_closing()
        return True


async def _start(
    request: web.BaseRequest, headers: Mapping[str, str], length: int
) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, "Content-Length": str(length)})
    await response.prepare(request)
    return response


async def _send_half(
    request: web.BaseRequest, headers: Mapping[str, str], body: bytes
) -> web.StreamResponse:
    """Promise the whole body, send its first half and end the connection in order."""
    response = await _start(request, headers, len(body))
    response.force_close()
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


def _drop(request: web.BaseRequest) -> web.StreamResponse:
    """Reset the connection. The response that is returned goes nowhere."""
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()
