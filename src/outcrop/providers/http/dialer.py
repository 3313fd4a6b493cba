"""Opening connections to one server: look-up of its name, sockets, proxies, TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import aiohappyeyeballs
from yarl import URL

from outcrop.providers.http.answer import WireFault
from outcrop.providers.http.connection import Connection

ADDRESSES_KEPT_S = 60.0
# The next address is tried when one has not answered for so long (RFC 8305, "Happy Eyeballs").
NEXT_ADDRESS_AFTER_S = 0.25
PROXY_ANSWER_BYTES_MAX = 64 * 1024

# NAT gateways forget a silent connection after 350 s, and a model may think longer than that.
_TCP_KEEPALIVE = (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 30), ("TCP_KEEPCNT", 4))

Address: TypeAlias = tuple[Any, Any, int, str, Any]  # as `socket.getaddrinfo` gives it
Resolve: TypeAlias = Callable[[str, int], Awaitable[Sequence[Address]]]


class UnknownHost(Exception):
    """No address is known for a name."""


class ProxyRefused(Exception):
    """The proxy did not connect to the server."""


async def look_up(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host as the system knows them."""
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def open_socket(address: Address) -> socket.socket:
    """Return a socket for an address, which tells the network now and then that it is alive."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family=family, type=kind, proto=protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _TCP_KEEPALIVE:
        if hasattr(socket, option):
            opened.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return opened


class Dialer:
    """Opens connections to the server of `endpoint`, through `proxy` if there is one.

    `ca_file` replaces the system's authorities. Addresses are looked up once for all who want one
    at the same time, and again after a minute.
    """

    def __init__(
        self, endpoint: URL, proxy: URL | None, ca_file: str | None, resolve: Resolve = look_up
    ) -> None:
        self.proxy = proxy
        self._endpoint = endpoint
        self._next_hop = proxy or endpoint
        self._tls: ssl.SSLContext | None = None
        if "https" in (endpoint.scheme, self._next_hop.scheme):
            self._tls = ssl.create_default_context(cafile=ca_file)
            self._tls.set_alpn_protocols(["http/1.1"])
        self._resolve = resolve
        self._addresses: asyncio.Future[Sequence[Address]] | None = None
        self._addresses_until_s = 0.0

    async def dial(self, timeout_s: float) -> Connection:
        """Open a connection.

        Raises TimeoutError, UnknownHost, ProxyRefused, ssl.SSLError, or another OSError.
        """
        async with asyncio.timeout(timeout_s):
            connection = await self._open()
            if self.proxy is not None and self._endpoint.scheme == "https":
                try:
                    await self._go_through(connection, timeout_s)
                except BaseException:
                    connection.close()
                    raise
            return connection

    async def close(self) -> None:
        """End a look-up that is under way."""
        if self._addresses is not None:
            self._addresses.cancel()
            await asyncio.wait([self._addresses])

    async def _open(self) -> Connection:
        loop = asyncio.get_running_loop()
        opened = await aiohappyeyeballs.start_connection(
            await self._look_up(),
            happy_eyeballs_delay=NEXT_ADDRESS_AFTER_S,
            interleave=1,
            loop=loop,
            socket_factory=open_socket,
        )
        is_secure = self._next_hop.scheme == "https"
        _, connection = await loop.create_connection(
            lambda: Connection(loop),
            sock=opened,
            ssl=self._tls if is_secure else None,
            server_hostname=self._next_hop.host if is_secure else None,
        )
        return connection

    async def _go_through(self, connection: Connection, timeout_s: float) -> None:
        """Have the proxy connect to the server, and make the connection to that one secure."""
        loop = asyncio.get_running_loop()
        assert self._tls is not None
        authority = f"{self._endpoint.host_subcomponent}:{self._endpoint.port}"
        request = (
            f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{self.proxy_credentials}\r\n"
        )
        try:
            answer = await connection.exchange(
                request.encode(), loop.time() + timeout_s, PROXY_ANSWER_BYTES_MAX, is_tunnel=True
            )
        except WireFault as error:
            raise ProxyRefused(str(error)) from error
        if answer.status >= 300 or not connection.is_usable:
            raise ProxyRefused(str(answer.status))
        secure = await loop.start_tls(
            connection.transport, connection, self._tls, server_hostname=self._endpoint.host
        )
        if secure is None:
            raise ConnectionResetError("the proxy closed the connection")
        connection.connection_made(secure)

    @property
    def proxy_credentials(self) -> str:
        """The header with the proxy's credentials, '' where its address has none."""
        if self.proxy is None or self.proxy.user is None:
            return ""
        text = f"{self.proxy.user}:{self.proxy.password or ''}"
        return f"Proxy-Authorization: Basic {b64encode(text.encode()).decode()}\r\n"

    async def _look_up(self) -> Sequence[Address]:
        loop = asyncio.get_running_loop()
        if self._addresses is None or (
            self._addresses.done() and loop.time() >= self._addresses_until_s
        ):
            self._addresses = asyncio.ensure_future(self._ask_for_addresses())
        return await asyncio.shield(self._addresses)

    async def _ask_for_addresses(self) -> Sequence[Address]:
        host, port = self._next_hop.host or "", self._next_hop.port or 0
        self._addresses_until_s = 0.0  # a failure is not kept
        try:
            addresses = await self._resolve(host, port)
        except OSError as error:
            raise UnknownHost(str(error)) from error
        self._addresses_until_s = asyncio.get_running_loop().time() + ADDRESSES_KEPT_S
        return addresses
