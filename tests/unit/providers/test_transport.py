from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import pytest
from yarl import URL

from outcrop.errors import (
    AuthFailed,
    ModelNotFound,
    ProviderError,
    Rejected,
    Throttled,
    TimedOut,
    Unavailable,
    Unreachable,
)
from outcrop.providers import transport as transport_module
from outcrop.providers.http.dialer import Address, Resolve, open_socket
from outcrop.providers.transport import (
    Reply,
    Transport,
    encode_json,
    error_of_reply,
    is_loopback,
    proxy_for,
    retry_after_of,
)
from tests.unit.providers.wire_server import (
    Behaviour,
    WireServer,
    answer,
    close,
    drip,
    hang,
    raw,
    reset,
)

T = TypeVar("T")
JSON = {"Content-Type": "application/json"}


def with_transport(behaviour: Behaviour, use: Callable[[Transport, WireServer], Awaitable[T]]) -> T:
    async def run() -> T:
        async with WireServer(behaviour) as server:
            transport = Transport(server.url)
            try:
                return await use(transport, server)
            finally:
                await transport.close()

    return asyncio.run(run())


def post(
    behaviour: Behaviour, *, timeout_s: float = 5.0, body: bytes = b'{"a":1}'
) -> tuple[Reply, WireServer]:
    async def use(transport: Transport, server: WireServer) -> tuple[Reply, WireServer]:
        return await transport.post(server.url / "x", JSON, body, timeout_s), server

    return with_transport(behaviour, use)


def fail(behaviour: Behaviour, *, timeout_s: float = 5.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        post(behaviour, timeout_s=timeout_s)
    return caught.value


def test_sends_the_bytes_and_returns_the_answer() -> None:
    reply, server = post(answer(b'{"b":2}', 418, {"X-Mine": "yes"}))
    assert (reply.status, reply.body, reply.headers["x-mine"]) == (418, b'{"b":2}', "yes")
    assert reply.latency_ms >= 0
    (received,) = server.received
    assert (received.method, received.target, received.body) == ("POST", "/x", b'{"a":1}')
    assert received.headers == {
        "host": f"127.0.0.1:{server.url.port}",
        "content-type": "application/json",
        "accept": "*/*",
        "user-agent": "outcrop",
        "content-length": "7",
    }


def test_a_large_request_is_sent_whole() -> None:
    body = b"x" * (3 * 1024 * 1024)
    _, server = post(answer(b"{}"), body=body)
    assert server.received[0].body == body


def test_a_quoted_path_stays_as_it_is() -> None:
    async def use(transport: Transport, server: WireServer) -> str:
        url = URL(f"{server.url}/model/a%3Ab%2Fc/converse", encoded=True)
        await transport.post(url, JSON, b"", 5)
        return server.received[0].target

    assert with_transport(answer(), use) == "/model/a%3Ab%2Fc/converse"


def test_connections_are_kept_and_not_limited() -> None:
    async def use(transport: Transport, server: WireServer) -> tuple[int, int]:
        for _ in range(5):
            await transport.post(server.url, JSON, b"", 5)
        in_turn = server.connections
        await asyncio.gather(*(transport.post(server.url, JSON, b"", 5) for _ in range(150)))
        return in_turn, server.connections

    in_turn, at_once = with_transport(answer(), use)
    assert in_turn == 1
    assert at_once == 150


def test_sockets_are_kept_alive() -> None:
    opened = open_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 0)))
    with opened:
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


def test_closing_twice_is_safe_and_before_use_as_well() -> None:
    async def use(transport: Transport, server: WireServer) -> None:
        await transport.close()
        await transport.post(server.url, JSON, b"", 5)
        await transport.close()
        await transport.close()

    with_transport(answer(), use)


def test_nobody_listens() -> None:
    with socket.socket() as bound:  # bound and not listening: the port refuses
        bound.bind(("127.0.0.1", 0))
        url = URL(f"http://127.0.0.1:{bound.getsockname()[1]}")

        async def run() -> None:
            transport = Transport(url)
            try:
                await transport.post(url, JSON, b"", 5)
            finally:
                await transport.close()

        with pytest.raises(Unavailable) as caught:
            asyncio.run(run())
    assert caught.value.code == "ConnectFailed"
    assert not caught.value.possibly_paid
    assert caught.value.hint == f"Check that the endpoint {url} is right and that it is running."


async def know_no_name(host: str, port: int) -> Sequence[Address]:
    """Look names up as a name server does that knows none."""
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


async def never_answer(host: str, port: int) -> Sequence[Address]:
    """Look names up as a name server does that is gone."""
    return await asyncio.get_running_loop().create_future()


async def post_to_name(resolve: Resolve, timeout_s: float) -> Reply:
    url = URL("http://models.example")
    transport = Transport(url, resolve=resolve)
    try:
        return await transport.post(url, JSON, b"", timeout_s)
    finally:
        await transport.close()


def test_no_such_host() -> None:
    with pytest.raises(Unavailable, match=r"there is no host 'models\.example'") as caught:
        asyncio.run(post_to_name(know_no_name, 5))
    assert (caught.value.code, caught.value.possibly_paid) == ("DnsFailed", False)


def test_too_late_while_connecting_is_not_paid() -> None:
    with pytest.raises(Unreachable) as caught:
        asyncio.run(post_to_name(never_answer, 0.2))
    assert (caught.value.code, caught.value.possibly_paid) == ("ConnectTimeout", False)


@pytest.mark.parametrize(
    ("behaviour", "kind", "code"),
    [
        pytest.param(close, Unavailable, "ConnectionReset", id="closed"),
        pytest.param(reset, Unavailable, "ConnectionReset", id="reset"),
        pytest.param(raw(b"SSH-2.0-x\r\n"), Unavailable, "BadAnswer", id="no HTTP"),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"),
            Unavailable,
            "TruncatedBody",
            id="half a body",
        ),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"),
            Unavailable,
            "TruncatedBody",
            id="half a chunk",
        ),
        pytest.param(
            raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            Unavailable,
            "BadAnswer",
            id="a chunk that is none",
        ),
    ],
)
def test_faults_after_sending_are_possibly_paid(
    behaviour: Behaviour, kind: type[ProviderError], code: str
) -> None:
    error = fail(behaviour)
    assert (type(error), error.code, error.possibly_paid) == (kind, code, True)


@pytest.mark.parametrize("behaviour", [hang, drip], ids=["hangs", "drips"])
def test_too_late_after_sending_is_possibly_paid(behaviour: Behaviour) -> None:
    error = fail(behaviour, timeout_s=0.3)
    assert (type(error), error.code, error.possibly_paid) == (TimedOut, "RequestTimeout", True)
    assert "did not answer within 0.3 s" in str(error)


def test_a_redirect_is_not_followed() -> None:
    error = fail(answer(b"", 302, {"Location": "http://127.0.0.1:9/"}))
    assert (type(error), error.code, error.possibly_paid) == (Rejected, "Redirected", False)
    assert "redirects to http://127.0.0.1:9/" in str(error)


def test_an_endless_answer_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport_module, "RESPONSE_BYTES_MAX", 1000)
    error = fail(answer(b"x" * 1001))
    assert (type(error), error.code, error.possibly_paid) == (Rejected, "AnswerTooLarge", True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"a":', b"\xff"])
def test_an_answer_that_is_no_json_object_was_paid(body: bytes) -> None:
    with pytest.raises(Unavailable) as caught:
        Reply(200, {}, body, 1).json()
    assert (caught.value.code, caught.value.possibly_paid) == ("BadAnswer", True)
    assert Reply(500, {}, body, 1).error_json() == {}


def test_json_of_requests() -> None:
    assert encode_json({"a": "é\ud800", "b": 1.5}) == b'{"a":"\\u00e9\\ud800","b":1.5}'
    for value in (float("nan"), b"bytes"):
        with pytest.raises(Rejected, match="the request is no JSON"):
            encode_json({"a": value})


def test_tls_to_a_server_that_has_none() -> None:
    async def run() -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad\r\n\r\n")
            await reader.read()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        url = URL(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        transport = Transport(url)
        try:
            await transport.post(url, JSON, b"", 5)
        finally:
            await transport.close()
            server.close()
            await server.wait_closed()

    with pytest.raises(Unavailable) as caught:
        asyncio.run(run())
    assert (caught.value.code, caught.value.possibly_paid) == ("TlsFailed", False)


def test_only_known_authorities_are_trusted(certificate: Path) -> None:
    async def run(ca_file: str | None) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        async with WireServer(answer(b"{}"), tls=context) as server:
            transport = Transport(server.url, ca_file)
            try:
                return (await transport.post(server.url, JSON, b"", 5)).status
            finally:
                await transport.close()

    assert asyncio.run(run(str(certificate))) == 200
    with pytest.raises(Unavailable) as caught:
        asyncio.run(run(None))
    assert (caught.value.code, caught.value.possibly_paid) == ("TlsFailed", False)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:80", True),
        ("http://127.8.9.1", True),
        ("http://[::1]:80", True),
        ("http://localhost:1", True),
        ("http://a.localhost", True),
        ("http://10.0.0.1", False),
        ("http://localhost.example", False),
    ],
)
def test_loopback(url: str, *, expected: bool) -> None:
    assert is_loopback(URL(url)) is expected


def test_proxies_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("http_proxy", "http://other.example:3128")
    monkeypatch.setenv("no_proxy", "inside.example")
    assert proxy_for(URL("https://api.example")) == URL("http://proxy.example:3128")
    assert proxy_for(URL("http://api.example")) == URL("http://other.example:3128")
    assert proxy_for(URL("https://a.inside.example")) is None
    assert proxy_for(URL("https://127.0.0.1:1")) is None
    assert proxy_for(URL("https://localhost:1")) is None


def test_a_proxy_gets_the_whole_address_and_its_credentials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> tuple[str, str | None]:
        async with WireServer(answer(b"{}")) as server:
            monkeypatch.setenv("http_proxy", str(server.url.with_user("me").with_password("s3")))
            monkeypatch.setenv("no_proxy", "")
            url = URL("http://models.example/x")
            transport = Transport(url)
            try:
                await transport.post(url, JSON, b"", 5)
            finally:
                await transport.close()
            received = server.received[0]
            return received.target, received.headers.get("proxy-authorization")

    assert asyncio.run(run()) == ("http://models.example/x", "Basic bWU6czM=")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_of(headers) == expected


@pytest.mark.parametrize(
    ("status", "kind", "possibly_paid"),
    [
        (400, Rejected, False),
        (401, AuthFailed, False),
        (403, AuthFailed, False),
        (404, ModelNotFound, False),
        (408, TimedOut, False),
        (413, Rejected, False),
        (422, Rejected, False),
        (424, Unavailable, False),
        (429, Throttled, False),
        (500, Unavailable, False),
        (502, Unavailable, True),
        (503, Unavailable, False),
        (504, TimedOut, True),
        (529, Unavailable, False),
    ],
)
def test_errors_by_status(status: int, kind: type[ProviderError], *, possibly_paid: bool) -> None:
    error = error_of_reply(Reply(status, {"retry-after": "3"}, b"", 1), "no", "", {})
    assert (type(error), error.code, error.possibly_paid) == (kind, f"HTTP {status}", possibly_paid)
    if isinstance(error, Throttled):
        assert error.retry_after_s == 3.0
