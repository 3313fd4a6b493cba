"""One POST to a provider over connections that we own, and the faults of the wire as our errors.

A `Transport` sends each request exactly once. What went wrong decides whether the model may have
run, which is what the budget and the journal need to know:

    could not connect (refused, no such host, TLS)   Unavailable             not paid
    could not connect in time                        TimedOut                not paid
    no complete answer in time                       TimedOut                possibly paid
    closed or reset before an answer began           Unavailable             possibly paid
    closed or reset within an answer                 Unavailable             possibly paid
    an answer that is no HTTP, or no JSON            Unavailable             possibly paid
    a redirect                                       Rejected                not paid

Proxies come from the environment (HTTPS_PROXY, NO_PROXY), read once; a loopback address is never
proxied. Redirects are not followed: they would send a prompt, and a key, to a place that nobody
configured.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import socket
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from outcrop.errors import (
    AuthFailed,
    ModelNotFound,
    ProviderError,
    QuotaKind,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
)
from outcrop.providers.base import JsonObject

CONNECT_TIMEOUT_S = 10.0
# Idle connections are dropped before the usual servers drop them (60 s and more), since a request
# on a connection that is just being closed counts as possibly paid.
KEEPALIVE_S = 30.0
DNS_CACHE_S = 60
# A bound for what an answer may fill; Bedrock's own is 25 MB.
RESPONSE_BYTES_MAX = 64 * 1024 * 1024
ERROR_TEXT_CHARS_MAX = 500
# A larger request is sent in pieces, so that the event loop can breathe.
PIECE_BYTES_MAX = 512 * 1024

# NAT gateways forget a silent connection after 350 s, and a model may think longer than that.
_TCP_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete HTTP answer. `latency_ms` is from sending the request to its last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    latency_ms: int

    def json(self) -> JsonObject:
        """Return the answer as a JSON object; raises Unavailable, since it was paid for."""
        try:
            value = json.loads(self.body)
        except ValueError as error:
            raise _bad_answer("an answer that is not JSON", self.body) from error
        if not isinstance(value, dict):
            raise _bad_answer("an answer that is not a JSON object", self.body)
        return value

    def error_json(self) -> JsonObject:
        """Return the body of an error as a JSON object, {} where it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def text(self) -> str:
        """Return the body as text, cut to what an error message can show."""
        return self.body[: ERROR_TEXT_CHARS_MAX * 4].decode(errors="replace")[:ERROR_TEXT_CHARS_MAX]


def _bad_answer(what: str, body: bytes) -> Unavailable:
    shown = body[:200].decode(errors="replace")
    return Unavailable(
        f"the provider sent {what}",
        code="BadAnswer",
        possibly_paid=True,
        detail=f"It begins {shown!r}." if shown else "It is empty.",
    )


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def encode_json(body: JsonObject) -> bytes:
    """Return `body` as the bytes of a request; raises Rejected for what JSON cannot carry."""
    try:
        return _encode(body).encode("ascii")
    except (TypeError, ValueError) as error:
        raise Rejected(f"the request is no JSON: {error}", code="ValidationException") from error


def is_loopback(url: URL) -> bool:
    """Return whether `url` names this machine."""
    host = url.host or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def is_private(url: URL) -> bool:
    """Return whether `url` names this machine, or one of a private network."""
    host = url.host or ""
    if is_loopback(url) or "." not in host.rstrip(".") or host.endswith((".local", ".internal")):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def proxy_for(url: URL) -> URL | None:
    """Return the proxy that the environment names for `url`, or None."""
    host = url.host or ""
    if is_loopback(url) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    return URL(proxy) if proxy else None


@lru_cache(maxsize=64)
def _timeout_of(timeout_s: float) -> aiohttp.ClientTimeout:
    # Connecting must time out first, so that it can be told from a request that was sent.
    return aiohttp.ClientTimeout(total=timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s / 2))


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    opened = socket.socket(family=family, type=kind, proto=protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _TCP_KEEPALIVE:
        if hasattr(socket, option):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return opened


class Transport:
    """The connections to one provider; all of them belong to the event loop that first posts.

    `endpoint` is the base address, named in errors. `ca_file` replaces the system's authorities,
    `resolver` the system's look-up of names.
    """

    def __init__(
        self, endpoint: URL, ca_file: str | None = None, resolver: AbstractResolver | None = None
    ) -> None:
        self.endpoint = endpoint
        self._ca_file = ca_file
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._proxy: URL | None = None

    async def post(
        self, url: URL, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Reply:
        """Send one POST and return its answer, whatever its status but a redirect."""
        session = self._session or self._open_session()
        clock = asyncio.get_running_loop().time
        started_s = clock()
        try:
            response = await session.post(
                url,
                headers=headers,
                data=body if len(body) <= PIECE_BYTES_MAX else io.BytesIO(body),
                timeout=_timeout_of(timeout_s),
                allow_redirects=False,
                proxy=self._proxy,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise self._explain(error, timeout_s) from error
        async with response:
            answer = await self._read(response, timeout_s)
        if 300 <= response.status < 400:
            raise self._redirected(response)
        return Reply(response.status, response.headers, answer, round((clock() - started_s) * 1000))

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        context = ssl.create_default_context(cafile=self._ca_file) if self._ca_file else True
        connector = aiohttp.TCPConnector(
            limit=0,  # concurrency is the limiter's business
            keepalive_timeout=KEEPALIVE_S,
            ttl_dns_cache=DNS_CACHE_S,
            ssl=context,
            resolver=self._resolver,
            socket_factory=_open_socket,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": "outcrop"},
            skip_auto_headers=("Accept-Encoding",),
        )
        self._proxy = proxy_for(self.endpoint)
        return self._session

    async def _read(self, response: aiohttp.ClientResponse, timeout_s: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in response.content.iter_any():
                chunks.append(chunk)
                size += len(chunk)
                if size > RESPONSE_BYTES_MAX:
                    raise Rejected(
                        f"the answer is larger than {RESPONSE_BYTES_MAX} bytes",
                        code="AnswerTooLarge",
                        possibly_paid=True,
                    )
        except TimeoutError as error:
            raise self._too_late(timeout_s) from error
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                f"{self.endpoint} closed the connection within its answer",
                code="TruncatedBody",
                possibly_paid=True,
                detail=_describe(error),
            ) from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _explain(self, error: Exception, timeout_s: float) -> ProviderError:
        """Return our error for one that came before an answer began."""
        match error:
            case aiohttp.ConnectionTimeoutError():
                return TimedOut(
                    f"could not connect to {self.endpoint} in time",
                    code="ConnectTimeout",
                    hint=f"Check that {self.endpoint} can be reached from this machine.",
                )
            case TimeoutError():
                return self._too_late(timeout_s)
            case aiohttp.ClientConnectorError():
                return self._unreachable(error)
            case aiohttp.ClientHttpProxyError():
                return Unavailable(
                    f"the proxy refused a connection to {self.endpoint}: {error.status}",
                    code="ProxyRefused",
                    hint="Check HTTPS_PROXY and NO_PROXY.",
                )
            case aiohttp.ClientResponseError():
                return Unavailable(
                    f"{self.endpoint} sent an answer that is no HTTP",
                    code="BadAnswer",
                    possibly_paid=True,
                    detail=_describe(error),
                )
        return Unavailable(
            f"{self.endpoint} closed the connection before it answered",
            code="ConnectionReset",
            possibly_paid=True,
            detail=_describe(error),
        )

    def _unreachable(self, error: aiohttp.ClientConnectorError) -> Unavailable:
        match error:
            case aiohttp.ClientConnectorDNSError():
                code, what = "DnsFailed", f"there is no host {self.endpoint.host!r}"
            case aiohttp.ClientSSLError():
                code, what = "TlsFailed", f"no secure connection to {self.endpoint}"
            case aiohttp.ClientProxyConnectionError():
                code, what = "ConnectFailed", f"cannot reach the proxy for {self.endpoint}"
            case _:
                code, what = "ConnectFailed", f"cannot connect to {self.endpoint}"
        return Unavailable(
            what,
            code=code,
            hint=f"Check that the endpoint {self.endpoint} is right and that it is running.",
            detail=_describe(error),
        )

    def _too_late(self, timeout_s: float) -> TimedOut:
        return TimedOut(
            f"{self.endpoint} did not answer within {timeout_s:g} s",
            code="RequestTimeout",
            possibly_paid=True,
        )

    def _redirected(self, response: aiohttp.ClientResponse) -> Rejected:
        target = response.headers.get("Location", "another address")
        return Rejected(
            f"{self.endpoint} redirects to {target}, which is not followed",
            code="Redirected",
            hint="Configure the address that it redirects to.",
        )


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


_SECONDS = re.compile(r"\d+(\.\d+)?")


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `retry-after-ms` or `retry-after` ask for; a date counts as none."""
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        if _SECONDS.fullmatch(value):
            return float(value) * unit_s
    return None


def quota_named(message: str) -> QuotaKind | None:
    """Return the quota that the text of a throttle names, as Bedrock, OpenAI and Anthropic do."""
    folded = message.lower()
    if "token" in folded:
        return QuotaKind.TOKENS
    return QuotaKind.REQUESTS if "request" in folded else None


def error_of_status(reply: Reply, message: str, code: str) -> ProviderError:
    """Return the error that an HTTP status stands for, where a provider says no more than that.

    An error that the provider itself wrote was not paid; one from a gateway before it (502, 504)
    may hide an answer that was.
    """
    code = code or f"HTTP {reply.status}"
    match reply.status:
        case 401 | 403:
            return AuthFailed(message, code=code)
        case 404:
            return ModelNotFound(message, code=code)
        case 408:
            return TimedOut(message, code=code)
        case 429:
            return Throttled(
                message,
                code=code,
                retry_after_s=retry_after_of(reply.headers),
                quota=quota_named(message),
            )
        case 504:
            return TimedOut(message, code=code, possibly_paid=True)
        case status if status >= 500 or status == 424:
            return Unavailable(message, code=code, possibly_paid=status == 502)
    return Rejected(message, code=code)
