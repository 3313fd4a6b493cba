"""A server that answers every POST with the same Converse response, at the least cost there is.

    python -m benchmarks.canned_server      prints its address, serves until stdin ends

What a client costs shows only where the server is cheaper than the client: the emulator checks
every request against Bedrock's service model, and would be what is measured. It knows no HTTP but
requests with a Content-Length on connections that stay open.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

_HEAD_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_BODY = json.dumps(
    {
        "output": {"message": {"role": "assistant", "content": [{"text": "An answer. " * 20}]}},
        "stopReason": "end_turn",
        "usage": {"inputTokens": 20, "outputTokens": 60, "totalTokens": 80},
        "metrics": {"latencyMs": 1},
    }
).encode()
_RESPONSE = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    b"Content-Length: " + str(len(_BODY)).encode() + _HEAD_END + _BODY
)


class CannedAnswers(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(_HEAD_END)) >= 0:
            length = _LENGTH.search(self._received, 0, end)
            size = end + len(_HEAD_END) + (int(length[1]) if length else 0)
            if len(self._received) < size:
                return
            self._received = self._received[size:]
            self._transport.write(_RESPONSE)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(CannedAnswers, "127.0.0.1", 0, backlog=1_024)
    port = server.sockets[0].getsockname()[1]
    print(f"http://127.0.0.1:{port}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
