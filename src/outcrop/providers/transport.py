"""One POST to a provider over connections that we own, and the faults of the wire as our errors.

A `Transport` sends each request exactly once. What went wrong decides whether the model may have
run, which is what the budget and the journal need to know:

    could not connect (refused, no such host, TLS)   Unreachable             not paid
    could not connect in time                        Unreachable             not paid
    not all of it sent in time                       TimedOut                not paid
    no complete answer in time                       TimedOut                possibly paid
    closed or reset before all of it was sent        Unavailable             not paid
    closed or reset before an answer began           Unavailable             possibly paid
    closed or reset within an answer                 Unavailable             possibly paid
    an answer that is no HTTP, or no JSON            Unavailable             possibly paid
    an answer that is too large                      Rejected                possibly paid
    a redirect                                       Rejected                not paid

Proxies come from the environment (HTTPS_PROXY, NO_PROXY), read once; a loopback address is never
proxied. Redirects are not followed: they would send a prompt, and a key, to a place that nobody
configured.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from yarl import URL

from outcrop.errors import (
    AuthFailed,
    ProviderError,
    QuotaKind,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from outcrop.providers.base import JsonObject
from outcrop.providers.fault_table import Fault, find_fault
from outcrop.providers.http.answer import (
    AnswerTooLarge,
    MalformedAnswer,
    TruncatedAnswer,
    WireFault,
)
from outcrop.providers.http.connection import Connection, ConnectionLost, TooLate
from outcrop.providers.http.dialer import Dialer, ProxyRefused, Resolve, UnknownHost, look_up
from outcrop.providers.http.pool import Pool

CONNECT_TIMEOUT_S = 10.0
# A bound for what an answer may fill; Bedrock's own is 25 MB.
RESPONSE_BYTES_MAX = 64 * 1024 * 1024
ERROR_TEXT_CHARS_MAX = 500

_DEFAULT_HEADERS = (("accept", "Accept: */*\r\n"), ("user-agent", "User-Agent: outcrop\r\n"))


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
            value = _decode(str(self.body, "utf-8").removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            raise _bad_answer("an answer that is not JSON", self.body) from error
        if not isinstance(value, dict):
            raise _bad_answer("an answer that is not a JSON object", self.body)
        return value

    def error_json(self) -> JsonObject:
        """Return the body of an error as a JSON object, {} where it is none."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
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


_decode = json.JSONDecoder().decode
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


@lru_cache(maxsize=1024)
def _begin_of(url: URL, proxy_credentials: str | None) -> str:
    """Return the first lines of a request; a proxy that does not tunnel gets the whole address."""
    target = url.raw_path_qs if proxy_credentials is None else str(url.with_fragment(None))
    host = f"Host: {url.host_port_subcomponent}\r\n"
    return f"POST {target} HTTP/1.1\r\n{host}{proxy_credentials or ''}"


def _headers_text(headers: Mapping[str, str]) -> str:
    """Return the lines of the headers, and those that are always sent."""
    names = {name.lower() for name in headers}
    lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
    lines += [line for name, line in _DEFAULT_HEADERS if name not in names]
    text = "".join(lines)
    if text.count("\n") != len(lines) or text.count("\r") != len(lines):
        raise AuthFailed(
            "a header of the request has a line break",
            code="InvalidHeader",
            hint="Check the key, and the `headers` of the provider in outcrop.toml.",
        )
    return text


class Transport:
    """The connections to one provider; all of them belong to the event loop that first posts.

    `endpoint` is the base address, named in errors. `ca_file` replaces the system's authorities,
    `resolve` the system's look-up of names.
    """

    def __init__(
        self, endpoint: URL, ca_file: str | None = None, resolve: Resolve = look_up
    ) -> None:
        self.endpoint = endpoint
        self._ca_file = ca_file
        self._resolve = resolve
        self._pool: Pool | None = None
        self._proxy: URL | None = None
        self._proxy_credentials: str | None = None

    async def post(
        self, url: URL, headers: Mapping[str, str], body: bytes, timeout_s: float
    ) -> Reply:
        """Send one POST and return its answer, whatever its status but a redirect."""
        pool = self._pool or self._open_pool()
        begin = _begin_of(url, self._proxy_credentials)
        head = f"{begin}{_headers_text(headers)}Content-Length: {len(body)}\r\n\r\n"
        request = head.encode("utf-8", "surrogateescape") + body
        clock = asyncio.get_running_loop().time
        started_s = clock()
        connection = await self._connect(pool, timeout_s)
        try:
            answer = await connection.exchange(request, started_s + timeout_s, RESPONSE_BYTES_MAX)
        except WireFault as error:
            raise self._explain(error, timeout_s) from error
        finally:
            pool.release(connection)
        if 300 <= answer.status < 400:
            raise self._redirected(answer.headers.get("location", "another address"))
        return Reply(
            answer.status, answer.headers, answer.body, round((clock() - started_s) * 1000)
        )

    async def close(self) -> None:
        """Close the connections. Safe to call twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    def _open_pool(self) -> Pool:
        self._proxy = proxy_for(self.endpoint)
        if self._proxy is not None and self._proxy.scheme not in ("http", "https"):
            raise Unreachable(
                f"the proxy for {self.endpoint} is of an unknown kind: {self._proxy.scheme!r}",
                code="ProxyUnsupported",
                hint="Set HTTPS_PROXY to a proxy for HTTP, or NO_PROXY for the endpoint.",
            )
        dialer = Dialer(self.endpoint, self._proxy, self._ca_file, self._resolve)
        is_tunnel = self.endpoint.scheme == "https"
        self._proxy_credentials = (
            None if self._proxy is None or is_tunnel else dialer.proxy_credentials
        )
        self._pool = Pool(dialer)
        return self._pool

    async def _connect(self, pool: Pool, timeout_s: float) -> Connection:
        # Connecting must time out first, so that it can be told from a request that was sent.
        connect_timeout_s = min(CONNECT_TIMEOUT_S, timeout_s / 2)
        try:
            return await pool.acquire(connect_timeout_s)
        except TimeoutError as error:
            raise Unreachable(
                f"could not connect to {self.endpoint} in time",
                code="ConnectTimeout",
                hint=f"Check that {self.endpoint} can be reached from this machine.",
            ) from error
        except ProxyRefused as error:
            raise Unreachable(
                f"the proxy refused a connection to {self.endpoint}: {error}",
                code="ProxyRefused",
                hint="Check HTTPS_PROXY and NO_PROXY.",
            ) from error
        except (UnknownHost, OSError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> Unreachable:
        match error:
            case ssl.SSLError():
                code, what = "TlsFailed", f"no secure connection to {self.endpoint}"
            case _ if self._proxy is not None:
                code, what = "ConnectFailed", f"cannot reach the proxy for {self.endpoint}"
            case UnknownHost():
                code, what = "DnsFailed", f"there is no host {self.endpoint.host!r}"
            case _:
                code, what = "ConnectFailed", f"cannot connect to {self.endpoint}"
        return Unreachable(
            what,
            code=code,
            hint=f"Check that the endpoint {self.endpoint} is right and that it is running.",
            detail=_describe(error),
        )

    def _explain(self, error: WireFault, timeout_s: float) -> ProviderError:
        """Return our error for one that came after the connection was there."""
        match error:
            case TooLate():
                return TimedOut(
                    f"{self.endpoint} did not answer within {timeout_s:g} s",
                    code="RequestTimeout",
                    possibly_paid=error.is_sent,
                    hint="Where its answers take longer, raise outcrop.request_timeout.",
                )
            case ConnectionLost():
                return Unavailable(
                    f"{self.endpoint} closed the connection before it answered",
                    code="ConnectionReset",
                    possibly_paid=error.is_sent,
                    detail=_describe(error),
                )
            case AnswerTooLarge():
                return Rejected(
                    f"the answer is larger than {RESPONSE_BYTES_MAX} bytes",
                    code="AnswerTooLarge",
                    possibly_paid=True,
                )
            case TruncatedAnswer():
                code, what = "TruncatedBody", "closed the connection within its answer"
            case MalformedAnswer():
                code, what = "BadAnswer", "sent an answer that is no HTTP"
        return Unavailable(
            f"{self.endpoint} {what}", code=code, possibly_paid=True, detail=_describe(error)
        )

    def _redirected(self, target: str) -> Rejected:
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


def error_of_reply(
    reply: Reply, message: str, code: str, known: Mapping[str, Fault]
) -> ProviderError:
    """Return the error that a reply other than 200 stands for, among the faults of its provider."""
    fault = find_fault(known, code, reply.status)
    code = code or f"HTTP {reply.status}"
    if fault.error is Throttled:
        return Throttled(
            message,
            code=code,
            retry_after_s=retry_after_of(reply.headers),
            quota=quota_named(message),
        )
    return fault.error(message, code=code, possibly_paid=fault.is_possibly_paid)
