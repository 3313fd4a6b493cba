"""What a `Transport` does with its connections, against servers on real sockets."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from yarl import URL

from outcrop.errors import AuthFailed, ProviderError, TimedOut, Unavailable, Unreachable
from outcrop.providers.http import dialer, pool
from outcrop.providers.http.dialer import Address, Resolve
from outcrop.providers.transport import Transport
from tests.unit.providers.wire_server import WireServer, answer, hang, reset

MODELS = URL("http://models.example")
LARGE = bytes(32 * 1024 * 1024)  # more than the sockets of both sides hold


@asynccontextmanager
async def open_transport(
    url: URL, ca_file: Path | None = None, resolve: Resolve = dialer.look_up
) -> AsyncIterator[Transport]:
    transport = Transport(url, None if ca_file is None else str(ca_file), resolve)
    try:
        yield transport
    finally:
        await transport.close()


async def post(transport: Transport, body: bytes = b"{}", timeout_s: float = 30.0) -> int:
    return (await transport.post(transport.endpoint, {}, body, timeout_s)).status


async def fail(transport: Transport, body: bytes = b"{}", timeout_s: float = 30.0) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await post(transport, body, timeout_s)
    return caught.value


@asynccontextmanager
async def deaf_server() -> AsyncIterator[tuple[URL, asyncio.Queue[asyncio.StreamWriter]]]:
    """Give a server that reads the first bytes of what it gets, and a queue of its connections."""
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read(10)
        accepted.put_nowait(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1024)
    try:
        yield URL(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), accepted
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()
        await asyncio.sleep(0)  # the sockets are closed in the next turn of the loop


def test_a_request_that_was_cut_off_is_not_paid() -> None:
    async def run() -> None:
        async with deaf_server() as (url, accepted), open_transport(url) as transport:
            posting = asyncio.create_task(fail(transport, LARGE))
            await reset(asyncio.StreamReader(), await accepted.get())
            error = await posting
            assert isinstance(error, Unavailable)
            assert (error.code, error.possibly_paid) == ("ConnectionReset", False)

    asyncio.run(run())


def test_a_request_that_is_not_taken_in_time_is_not_paid() -> None:
    async def run() -> None:
        async with deaf_server() as (url, _), open_transport(url) as transport:
            error = await fail(transport, LARGE, timeout_s=0.3)
            assert isinstance(error, TimedOut)
            assert (error.code, error.possibly_paid) == ("RequestTimeout", False)

    asyncio.run(run())


def test_an_answer_before_the_request_was_read_counts() -> None:
    async def run() -> None:
        async with deaf_server() as (url, accepted), open_transport(url) as transport:
            posting = asyncio.create_task(post(transport, LARGE))
            writer = await accepted.get()
            writer.write(b"HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n")
            assert await posting == 413

    asyncio.run(run())


def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    async def run() -> None:
        closing = answer(b"{}", headers={"Connection": "close"})
        async with WireServer(closing, answer(b"{}")) as server, open_transport(server.url) as to:
            assert [await post(to), await post(to), await post(to)] == [200, 200, 200]
            assert server.connections == 2

    asyncio.run(run())


def test_a_connection_on_which_something_came_unasked_is_not_used_again() -> None:
    async def run() -> None:
        is_time, is_closed = asyncio.Event(), asyncio.Event()

        async def answer_and_talk(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await answer(b"{}")(reader, writer)
            await is_time.wait()
            writer.write(b"HTTP/1.1 408 Too slow\r\nContent-Length: 0\r\n\r\n")
            assert await reader.read() == b""
            is_closed.set()

        async with WireServer(answer_and_talk, answer(b"{}")) as server:
            async with open_transport(server.url) as transport:
                assert await post(transport) == 200
                is_time.set()
                await is_closed.wait()
                assert await post(transport) == 200
            assert server.connections == 2

    asyncio.run(run())


def test_an_old_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> int:
        async with WireServer(answer(b"{}")) as server, open_transport(server.url) as transport:
            await post(transport)
            monkeypatch.setattr(pool, "IDLE_S_MAX", 0.0)
            await post(transport)
            return server.connections

    assert asyncio.run(run()) == 2


def test_old_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE_S_MAX", 0.01)
    closed = []

    async def run() -> None:
        done = asyncio.Event()

        async def answer_and_wait(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            await answer(b"{}")(reader, writer)
            closed.append(await reader.read())
            done.set()

        async with WireServer(answer_and_wait) as server, open_transport(server.url) as transport:
            await post(transport)
            await done.wait()

    asyncio.run(run())
    assert closed == [b""]


def test_the_deadline_is_that_of_each_request() -> None:
    async def run() -> None:
        behaviours = (answer(b"{}"), answer(b"{}"), hang)
        async with WireServer(*behaviours) as server, open_transport(server.url) as transport:
            assert await post(transport, timeout_s=60.0) == 200
            assert await post(transport, timeout_s=0.3) == 200
            error = await fail(transport, timeout_s=0.5)  # later than the timer that was set
            assert "did not answer within 0.5 s" in str(error)
            assert server.connections == 1

    asyncio.run(run())


def test_a_request_that_nobody_waits_for_closes_its_connection() -> None:
    async def run() -> None:
        gone = asyncio.Event()

        async def wait_for_the_end(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            posting.cancel()
            await reader.read()
            gone.set()

        async with WireServer(wait_for_the_end) as server, open_transport(server.url) as transport:
            posting = asyncio.create_task(post(transport))
            with pytest.raises(asyncio.CancelledError):
                await posting
            await gone.wait()

    asyncio.run(run())


def test_closing_ends_what_is_under_way() -> None:
    async def run() -> None:
        async with deaf_server() as (url, accepted), open_transport(url) as transport:
            posting = asyncio.create_task(fail(transport))
            await accepted.get()
            await transport.close()
            error = await posting
            assert (error.code, error.possibly_paid) == ("ConnectionReset", True)

    asyncio.run(run())


def test_addresses_are_looked_up_once_and_tried_in_turn() -> None:
    async def run() -> None:
        with socket.socket() as refusing:
            refusing.bind(("127.0.0.1", 0))
            looked_up: list[tuple[str, int]] = []

            async def resolve(host: str, port: int) -> Sequence[Address]:
                looked_up.append((host, port))
                await asyncio.sleep(0)
                return [
                    (socket.AF_INET, socket.SOCK_STREAM, 0, "", address)
                    for address in (refusing.getsockname(), (server.url.host, server.url.port))
                ]

            async with (
                WireServer(answer(b"{}")) as server,
                open_transport(MODELS, resolve=resolve) as transport,
            ):
                statuses = await asyncio.gather(*(post(transport) for _ in range(10)))
            assert statuses == [200] * 10
            assert looked_up == [("models.example", 80)]

    asyncio.run(run())


def test_a_failed_look_up_is_not_kept() -> None:
    async def run() -> None:
        answers: list[list[Address]] = []

        async def resolve(host: str, port: int) -> Sequence[Address]:
            if not answers:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure")
            return answers[0]

        async with (
            WireServer(answer(b"{}")) as server,
            open_transport(MODELS, resolve=resolve) as transport,
        ):
            assert (await fail(transport)).code == "DnsFailed"
            address = (server.url.host, server.url.port)
            answers.append([(socket.AF_INET, socket.SOCK_STREAM, 0, "", address)])
            assert await post(transport) == 200

    asyncio.run(run())


def test_headers_of_the_user_replace_those_that_are_always_sent() -> None:
    async def run() -> None:
        async with WireServer(answer(b"{}")) as server, open_transport(server.url) as transport:
            await transport.post(server.url, {"user-agent": "mine", "X-A": "é"}, b"", 30)
            headers = server.received[0].headers
            assert (headers["user-agent"], headers["x-a"]) == ("mine", "é")

    asyncio.run(run())


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\nX-B: c"])
def test_a_header_with_a_line_break_is_not_sent(value: str) -> None:
    async def run() -> None:
        async with open_transport(MODELS) as transport:
            with pytest.raises(AuthFailed, match="line break"):
                await transport.post(MODELS, {"Authorization": value}, b"", 30)

    asyncio.run(run())


class Tunnels:
    """A proxy's behaviour: it connects to `server`, whatever is asked for."""

    def __init__(self, server: WireServer) -> None:
        self._server = server

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._server.url.host, self._server.url.port
        to_reader, to_writer = await asyncio.open_connection(host, port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(self._carry(reader, to_writer), self._carry(to_reader, writer))
        finally:
            to_writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
        finally:
            writer.close()


def test_a_large_request_is_sent_whole_over_tls(certificate: Path) -> None:
    async def run() -> None:
        body = bytes(range(256)) * 8_192
        async with (
            WireServer(answer(body), tls=server_tls(certificate)) as server,
            open_transport(server.url, certificate) as transport,
        ):
            for _ in range(2):
                assert (await transport.post(server.url, {}, body, 30)).body == body
            assert [received.body == body for received in server.received] == [True, True]
            assert server.connections == 1

    asyncio.run(run())


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.mark.parametrize("is_proxy_secure", [False, True])
def test_a_tunnel_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, certificate: Path, *, is_proxy_secure: bool
) -> None:
    async def run() -> None:
        tls = server_tls(certificate)
        async with (
            WireServer(answer(b"{}"), tls=tls) as server,
            WireServer(Tunnels(server), tls=tls if is_proxy_secure else None) as proxy,
        ):
            monkeypatch.setenv("https_proxy", str(proxy.url.with_user("me").with_password("s3")))
            monkeypatch.setenv("no_proxy", "")
            async with open_transport(URL("https://models.example/x"), certificate) as transport:
                assert [await post(transport), await post(transport)] == [200, 200]
            [asked] = proxy.received
            assert (asked.method, asked.target) == ("CONNECT", "models.example:443")
            assert asked.headers["proxy-authorization"] == "Basic bWU6czM="
            assert [(got.target, "proxy-authorization" in got.headers) for got in server.received]
            assert {got.target for got in server.received} == {"/x"}
            assert server.connections == 1

    asyncio.run(run())


@pytest.mark.parametrize(
    ("behaviour", "said"), [(answer(b"no", 407), "407"), (reset, "ConnectionReset")]
)
def test_a_proxy_that_refuses(
    monkeypatch: pytest.MonkeyPatch, behaviour: object, said: str
) -> None:
    async def run() -> None:
        async with WireServer(behaviour) as proxy:  # type: ignore[arg-type]  # of two kinds
            monkeypatch.setenv("https_proxy", str(proxy.url))
            monkeypatch.setenv("no_proxy", "")
            async with open_transport(URL("https://models.example")) as transport:
                error = await fail(transport)
            assert (error.code, error.possibly_paid) == ("ProxyRefused", False)
            assert said in str(error)

    asyncio.run(run())


def test_a_proxy_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with WireServer(hang) as proxy:
            monkeypatch.setenv("https_proxy", str(proxy.url))
            monkeypatch.setenv("no_proxy", "")
            async with open_transport(URL("https://models.example")) as transport:
                error = await fail(transport, timeout_s=0.4)
            assert (error.code, error.possibly_paid) == ("ConnectTimeout", False)

    asyncio.run(run())


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{bound.getsockname()[1]}")
            monkeypatch.setenv("no_proxy", "")
            async with open_transport(URL("https://models.example")) as transport:
                error = await fail(transport)
            assert error.code == "ConnectFailed"
            assert "cannot reach the proxy" in str(error)

    asyncio.run(run())


def test_a_proxy_of_an_unknown_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", "")
        async with open_transport(URL("https://models.example")) as transport:
            error = await fail(transport)
        assert isinstance(error, Unreachable)
        assert error.code == "ProxyUnsupported"

    asyncio.run(run())
