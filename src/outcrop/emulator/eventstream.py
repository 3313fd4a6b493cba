"""AWS's event stream: the framing of streamed answers.

A message is its length, the length of its headers, a checksum of both, the headers, the payload
and a checksum of all (Smithy, "Amazon Event Stream specification").
"""

from __future__ import annotations

import base64
import json
import struct
import zlib

from outcrop.providers.base import JsonObject

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4
_STRING_TYPE = 7


def encode_event(event_type: str, payload: JsonObject) -> bytes:
    """Return the message of one event."""
    return _encode_message("event", event_type, payload)


def encode_exception(exception_type: str, message: str) -> bytes:
    """Return the message of an error in the middle of a stream."""
    return _encode_message("exception", exception_type, {"message": message})


def _encode_message(kind: str, name: str, payload: JsonObject) -> bytes:
    headers = b"".join(
        _encode_header(header, value)
        for header, value in (
            (f":{kind}-type", name),
            (":content-type", "application/json"),
            (":message-type", kind),
        )
    )
    content = json.dumps(payload).encode()
    total = _PRELUDE_BYTES + len(headers) + len(content) + _CHECKSUM_BYTES
    prelude = struct.pack("!II", total, len(headers))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + content
    return message + struct.pack("!I", zlib.crc32(message))


def encode_chunk(chunk: JsonObject) -> bytes:
    """Return the message of one chunk of InvokeModelWithResponseStream: JSON within JSON."""
    content = json.dumps(chunk, ensure_ascii=False).encode()
    return encode_event("chunk", {"bytes": base64.b64encode(content).decode()})


def _encode_header(name: str, value: str) -> bytes:
    return struct.pack(
        f"!B{len(name)}sBH{len(value)}s",
        len(name),
        name.encode(),
        _STRING_TYPE,
        len(value),
        value.encode(),
    )
