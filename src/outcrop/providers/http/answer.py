"""Reading one HTTP/1.1 answer: bytes in, an `Answer` out; no sockets, no clocks.

`read_answer` is a generator that is sent what arrives, as it arrives, and b"" when the server has
closed; it returns the answer when it is complete. It reads what servers of today send and nothing
else: lines end in CRLF, headers have no continuation lines, and a length that is not certain is
none. What comes after an answer belongs to nobody, so the connection is not used again.
Source: RFC 9112 (HTTP/1.1), sections 4 to 7.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

HEAD_BYTES_MAX = 64 * 1024
LINE_BYTES_MAX = 4 * 1024

_T = TypeVar("_T")
# What reads: it takes the bytes that arrive, and returns what it has read in the end.
Reading: TypeAlias = Generator[None, bytes, _T]

_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):([^\r\n\0]*)")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_BEGIN = b"HTTP/1."
_HEAD_END = b"\r\n\r\n"


class WireFault(Exception):
    """An answer that did not come, or not as it should."""


class MalformedAnswer(WireFault):
    """What arrived is no HTTP/1.1."""


class TruncatedAnswer(WireFault):
    """The server closed before its answer was complete."""


class AnswerTooLarge(WireFault):
    """The answer has more bytes than are read."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer. Names of headers are in lower case; equal ones are joined by commas.

    `keeps_alive` says whether the connection can be used again.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    keeps_alive: bool


def read_answer(body_bytes_max: int, *, is_tunnel: bool = False) -> Reading[Answer]:
    """Read one answer to a POST, or to a CONNECT that asks for a tunnel.

    Raises MalformedAnswer, TruncatedAnswer, or AnswerTooLarge.
    """
    first = yield
    if not first:
        raise TruncatedAnswer("the connection was closed")
    if first[: len(_BEGIN)] != _BEGIN[: len(first)]:
        raise MalformedAnswer(f"it begins {first[:100]!r}")
    received = _Received(first, body_bytes_max)
    while True:
        lines = (yield from received.until(_HEAD_END, HEAD_BYTES_MAX)).decode("latin-1")
        status_line, *lines_of_headers = lines.split("\r\n")
        matched = _STATUS_LINE.fullmatch(status_line)
        if matched is None:
            raise MalformedAnswer(f"the first line is {status_line[:100]!r}")
        status = int(matched[2])
        if status >= 200:
            break
        if status == 101:
            raise MalformedAnswer("the server changes to another protocol")
    headers = _parse_headers(lines_of_headers)
    connection = headers.get("connection", "").lower()
    keeps_alive = "close" not in connection if matched[1] == "1" else "keep-alive" in connection
    codings = headers.get("transfer-encoding")
    if status in (204, 304) or (is_tunnel and status < 300):
        body = b""
    elif codings is not None:
        if codings.strip().lower() != "chunked":
            raise MalformedAnswer(f"the body is encoded as {codings!r}")
        body = yield from _read_chunks(received)
        # Two lengths for one body are a sign of somebody between us and the server who errs.
        keeps_alive = keeps_alive and "content-length" not in headers
    elif "content-length" in headers:
        body = yield from received.exactly(_length_of(headers["content-length"]))
    else:
        body = yield from received.rest()
        keeps_alive = False
    if "content-encoding" in headers:
        body = _decompress(body, headers["content-encoding"], body_bytes_max)
    return Answer(status, headers, body, keeps_alive and not received.has_more)


def _parse_headers(lines: list[str]) -> Mapping[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        matched = _HEADER.fullmatch(line)
        if matched is None:
            raise MalformedAnswer(f"a header is {line[:100]!r}")
        name, value = matched[1].lower(), matched[2].strip(" \t")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _length_of(value: str) -> int:
    """Return the length that a header gives; some servers repeat it."""
    if not _LENGTH.fullmatch(value):
        [value, *others] = {part.strip() for part in value.split(",")}
        if others or not _LENGTH.fullmatch(value):
            raise MalformedAnswer(f"the length is {value!r}")
    return int(value)


def _read_chunks(received: _Received) -> Reading[bytes]:
    chunks: list[bytes] = []
    while True:
        line = yield from received.until(b"\r\n", LINE_BYTES_MAX)
        matched = _CHUNK_SIZE.fullmatch(line)
        if matched is None:
            raise MalformedAnswer(f"the size of a chunk is {line[:100]!r}")
        size = int(matched[1], 16)
        if not size:
            break
        chunks.append((yield from received.exactly(size)))
        if (yield from received.exactly(2)) != b"\r\n":
            raise MalformedAnswer("a chunk is longer than its size")
    while (yield from received.until(b"\r\n", LINE_BYTES_MAX)):
        pass  # trailers say nothing that is asked for
    return b"".join(chunks)


def _decompress(body: bytes, coding: str, bytes_max: int) -> bytes:
    """Return the body as it was; no coding is asked for, which does not keep all from using one."""
    if coding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        return body
    unpacking = zlib.decompressobj(32 + zlib.MAX_WBITS)  # finds out which of the two it is
    try:
        unpacked = unpacking.decompress(body, bytes_max)
    except zlib.error as error:
        raise MalformedAnswer(f"the body is no {coding}: {error}") from error
    if unpacking.unconsumed_tail:
        raise AnswerTooLarge("more bytes than are read")
    return unpacked


class _Received:
    """The bytes that have arrived and were not yet read; bounds what all readings may take."""

    def __init__(self, data: bytes, bytes_max: int) -> None:
        self._data = data
        self._position = 0
        self._bytes_left = bytes_max

    @property
    def has_more(self) -> bool:
        """Whether something has arrived that was not read."""
        return self._position < len(self._data)

    def until(self, separator: bytes, bytes_max: int) -> Reading[bytes]:
        """Read up to `separator`, which is read and not returned."""
        while (end := self._data.find(separator, self._position)) < 0:
            if len(self._data) - self._position > bytes_max:
                raise MalformedAnswer(f"{bytes_max} bytes have no end")
            self._data = self._data[self._position :] + (yield from self._more())
            self._position = 0
        begin, self._position = self._position, end + len(separator)
        return self._data[begin:end]

    def exactly(self, size: int) -> Reading[bytes]:
        """Read so many bytes."""
        self._spend(size)
        begin = self._position
        self._position += size
        if self._position <= len(self._data):
            return self._data[begin : self._position]
        pieces = [self._data[begin:]]
        missing = size - len(pieces[0])
        while missing > 0:
            self._data = yield from self._more()
            pieces.append(self._data[:missing])
            missing -= len(pieces[-1])
        self._position = len(pieces[-1])
        return b"".join(pieces)

    def rest(self) -> Reading[bytes]:
        """Read until the server closes."""
        piece, self._data = self._data[self._position :], b""
        self._position = 0
        pieces = [piece]
        self._spend(len(piece))
        while piece := (yield):
            pieces.append(piece)
            self._spend(len(piece))
        return b"".join(pieces)

    def _more(self) -> Reading[bytes]:
        data = yield
        if not data:
            raise TruncatedAnswer("the connection was closed")
        return data

    def _spend(self, size: int) -> None:
        self._bytes_left -= size
        if self._bytes_left < 0:
            raise AnswerTooLarge("more bytes than are read")
