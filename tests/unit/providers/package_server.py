"""A package index for tests: a real HTTP server on loopback, whose faults are set by attributes."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from outcrop.providers.model_store import LocalModel

WHEEL = "tiny_model-1.0-py3-none-any.whl"
CONTENT = bytes(range(256)) * 4_096


def make_wheel() -> bytes:
    """Return a wheel that pip accepts, with CONTENT as its model, the same at every call."""
    metadata = "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
    members = {
        "tiny_model/tiny.gguf": CONTENT,
        "tiny_model-1.0.dist-info/METADATA": metadata.encode(),
        "tiny_model-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
        "tiny_model-1.0.dist-info/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def make_model(wheel: bytes) -> LocalModel:
    """Return the registry's entry for `wheel`."""
    return LocalModel(
        name="tiny",
        package="tiny_model",
        version="1.0",
        wheel=WHEEL,
        wheel_bytes=len(wheel),
        wheel_sha256=hashlib.sha256(wheel).hexdigest(),
        member="tiny_model/tiny.gguf",
        file_bytes=len(CONTENT),
        file_sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="Apache-2.0",
        description="a model for tests",
    )


@dataclass
class PackageServer:
    """What the server offers and how it misbehaves; `ranges` are the offsets that were asked for.

    `break_after` are the bytes after which the next answers are cut off, one per answer.
    """

    wheel: bytes
    url: str = ""
    speaks_json: bool = True
    knows_ranges: bool = True
    password: str | None = None
    break_after: list[int] = field(default_factory=list)
    ranges: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def serve(server: PackageServer) -> Iterator[PackageServer]:
    """Run `server` on a free port for the length of a block."""
    handler = type("Answer", (_Answer,), {"offer": server})
    listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    listener.daemon_threads = False
    server.url = f"http://127.0.0.1:{listener.server_port}/simple"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


class _Answer(BaseHTTPRequestHandler):
    offer: PackageServer

    def do_GET(self) -> None:
        if not self._is_allowed():
            self._send(401, b"", {"WWW-Authenticate": 'Basic realm="packages"'})
        elif self.path == "/simple/tiny-model/":
            self._send_page()
        elif self.path == f"/files/{WHEEL}":
            self._send_wheel()
        else:
            self._send(404, b"")

    def _is_allowed(self) -> bool:
        if self.offer.password is None:
            return True
        expected = base64.b64encode(f"user:{self.offer.password}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {expected}"

    def _send_page(self) -> None:
        href = f"../../files/{WHEEL}"
        if self.offer.speaks_json and "json" in self.headers.get("Accept", ""):
            page = {
                "meta": {"api-version": "1.0"},
                "name": "tiny-model",
                "files": [{"filename": WHEEL, "url": href, "hashes": {}}],
            }
            kind = "application/vnd.pypi.simple.v1+json"
            self._send(200, json.dumps(page).encode(), {"Content-Type": kind})
        else:
            page_text = f'<html><a href="other.whl">o</a><a href="{href}#sha256=x">w</a></html>'
            self._send(200, page_text.encode(), {"Content-Type": "text/html"})

    def _send_wheel(self) -> None:
        offset = 0
        wanted = self.headers.get("Range")
        if wanted and self.offer.knows_ranges:
            offset = int(wanted.removeprefix("bytes=").removesuffix("-"))
        with self.offer.lock:
            self.offer.ranges.append(offset)
            cut = self.offer.break_after.pop(0) if self.offer.break_after else None
        body = self.offer.wheel[offset:]
        self.send_response(206 if offset else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        """Say nothing."""
