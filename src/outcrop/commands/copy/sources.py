"""Where COPY reads from: objects of S3 by the prefix of their key, and local files.

`s3://bucket/prefix` is every object whose key begins with the prefix, in the order of their keys,
as in Redshift. A local path or `file://` URL is a file, a folder (its files in the order of their
names) or a pattern with `*`; `[copy] roots` of outcrop.toml limits them to folders, which a server
should have: without it, COPY reads what its process may read. A manifest names objects one by one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from outcrop.commands.copy.credentials import ObjectStoreAccess, find_access
from outcrop.errors import (
    Error,
    FeatureNotSupported,
    FileUnavailable,
    InsufficientPrivilege,
    InvalidParameter,
)
from outcrop.sql.statements import Copy

_BUFFER_BYTES = 1024 * 1024
_SMALL_FILE_BYTES_MAX = 16 * 1024 * 1024
_CONNECT_TIMEOUT_S = 10
_REQUEST_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file or object: `name` is how errors call it."""

    name: str
    path: str
    size: int
    file_system: fs.FileSystem

    @contextmanager
    def open_stream(self, compression: str | None) -> Iterator[pa.NativeFile]:
        """Open for reading from the start, decompressed; errors of reading are ours."""
        with _reading(self.name), self._open(compression) as stream:
            yield stream

    def _open(self, compression: str | None) -> pa.NativeFile:
        return self.file_system.open_input_stream(
            self.path, compression=compression, buffer_size=_BUFFER_BYTES
        )

    @contextmanager
    def open_random(self) -> Iterator[pa.NativeFile]:
        """Open for reading at any place, as Parquet is read."""
        with _reading(self.name), self.file_system.open_input_file(self.path) as file:
            yield file


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except pa.ArrowInvalid as error:
        raise FileUnavailable(f"cannot read {name!r}: {error}") from error
    except OSError as error:
        raise translate_error(str(error), name, None) from error


@dataclass(frozen=True, slots=True)
class Sources:
    """Finds the files of a COPY. What it depends on comes in here, and nowhere else.

    `roles` and `copy_roots` are those of the configuration; relative paths begin at
    `working_directory`.
    """

    roles: Mapping[str, str]
    copy_roots: tuple[Path, ...]
    environ: Mapping[str, str]
    home: Path
    working_directory: Path

    def find(self, statement: Copy, *, is_manifest: bool) -> tuple[SourceFile, ...]:
        """Return the files that a COPY reads, in order; raises FileUnavailable if none is."""
        if not is_manifest:
            return self._find(statement, statement.source)
        manifest = self._find_one(statement, statement.source)
        found = []
        for url, is_mandatory in _parse_manifest(_read_small(manifest), manifest.name):
            try:
                found.append(self._find_one(statement, url))
            except FileUnavailable:
                if is_mandatory:
                    raise
        if not found:
            raise FileUnavailable(
                f"manifest {manifest.name!r} names no file that exists",
                hint="Check its urls.",
            )
        return tuple(found)

    def read_text(self, statement: Copy, url: str) -> str:
        """Return the text of a small file, such as one of jsonpaths."""
        file = self._find_one(statement, url)
        try:
            return _read_small(file).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidParameter(f"{file.name!r} is not UTF-8") from error

    def _find(self, statement: Copy, url: str) -> tuple[SourceFile, ...]:
        scheme = urlsplit(url).scheme.lower() if "://" in url else "file"
        if scheme == "s3":
            return self._find_objects(statement, url)
        if scheme == "file":
            return self._find_local(url)
        raise FeatureNotSupported(
            f"COPY cannot read from {scheme}://", hint="It reads from s3:// and from local files."
        )

    def _find_one(self, statement: Copy, url: str) -> SourceFile:
        for file in self._find(statement, url):
            if file.name == url or not url.startswith("s3://"):
                return file
        raise _missing(url)

    def _find_objects(self, statement: Copy, url: str) -> tuple[SourceFile, ...]:
        bucket, _, prefix = url[len("s3://") :].partition("/")
        if not bucket:
            raise InvalidParameter(
                f"{url!r} names no bucket", hint="It looks like 's3://bucket/key'."
            )
        access = find_access(statement, self.roles, self.environ, self.home)
        try:
            file_system = connect(access, bucket)
            objects = sorted(
                _list_objects(file_system, bucket, prefix), key=lambda info: info.path.encode()
            )
        except (OSError, pa.ArrowInvalid) as error:
            raise translate_error(str(error), url, access) from error
        if not objects:
            raise _missing(url)
        return tuple(
            SourceFile(f"s3://{info.path}", info.path, info.size, file_system) for info in objects
        )

    def _find_local(self, url: str) -> tuple[SourceFile, ...]:
        path = self.working_directory / local_path(url)
        try:
            files = sorted(_local_files(path))
        except OSError as error:
            raise FileUnavailable(f"cannot read {url!r}: {error.strerror}") from error
        for file in files:
            self._check_root(file, url)
        if not files:
            self._check_root(path, url)
            raise _missing(url)
        local = fs.LocalFileSystem()
        return tuple(SourceFile(str(f), str(f), f.stat().st_size, local) for f in files)

    def _check_root(self, path: Path, url: str) -> None:
        if not self.copy_roots:
            return
        real = path.resolve()
        if not any(real.is_relative_to(root.resolve()) for root in self.copy_roots):
            raise InsufficientPrivilege(
                f"COPY may not read {url!r}",
                hint="Put the file below a folder of [copy] roots in outcrop.toml.",
            )


def _missing(url: str) -> FileUnavailable:
    if url.startswith("s3://"):
        return FileUnavailable(
            f"no object begins with {url!r}", hint="Check the bucket, the key and its case."
        )
    return FileUnavailable(f"no file {url!r}", hint="Check the path and its case.")


# Local files


def local_path(url: str) -> Path:
    """Return the path that a local path or `file://` URL means."""
    if not url.lower().startswith("file:"):
        return Path(url).expanduser()
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise InvalidParameter(
            f"{url!r} is on another host", hint="A local file is file:///with/three/slashes."
        )
    return Path(unquote(parts.path))


def _local_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        return [p for p in path.rglob("*") if p.is_file() and not p.name.startswith(".")]
    if "*" in str(path):
        anchor = Path(path.anchor)
        return [p for p in anchor.glob(str(path.relative_to(anchor))) if p.is_file()]
    return []


# The object store


def connect(access: ObjectStoreAccess, bucket: str) -> fs.S3FileSystem:
    """Return the object store that has `bucket`."""
    region = access.region
    if region is None:
        region = "us-east-1" if access.endpoint_url else fs.resolve_s3_region(bucket)
    endpoint = urlsplit(access.endpoint_url or "")
    return fs.S3FileSystem(
        access_key=access.access_key,
        secret_key=access.secret_key,
        session_token=access.session_token,
        region=region,
        endpoint_override=f"{endpoint.netloc}{endpoint.path.rstrip('/')}" or None,
        scheme=endpoint.scheme or "https",
        connect_timeout=_CONNECT_TIMEOUT_S,
        request_timeout=_REQUEST_TIMEOUT_S,
    )


def _list_objects(file_system: fs.S3FileSystem, bucket: str, prefix: str) -> Iterator[fs.FileInfo]:
    """Yield the objects whose key begins with `prefix`; folders beside it are not entered."""
    folder = f"{bucket}/{prefix.rpartition('/')[0]}".rstrip("/")
    wanted = f"{bucket}/{prefix}"
    selector = fs.FileSelector(folder, allow_not_found=folder != bucket)
    for info in file_system.get_file_info(selector):
        if not info.path.startswith(wanted):
            continue
        if info.type == fs.FileType.Directory:
            below = fs.FileSelector(info.path, recursive=True)
            for inner in file_system.get_file_info(below):
                if inner.type == fs.FileType.File:
                    yield inner
        elif info.type == fs.FileType.File:
            yield info


def translate_error(text: str, name: str, access: ObjectStoreAccess | None) -> Error:
    """Return our error for what Arrow said when it listed or read `name`."""
    bucket = name.removeprefix("s3://").partition("/")[0]
    who = f" (asked with {access.origin})" if access is not None and access.access_key else ""
    if "NO_SUCH_BUCKET" in text or "NoSuchBucket" in text or "bucket does not exist" in text:
        return FileUnavailable(f"bucket {bucket!r} does not exist", hint="Check its name.")
    if access is not None and not access.access_key and _is_denied(text):
        return FileUnavailable(
            f"cannot read {name!r}: no credentials",
            hint="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, give ACCESS_KEY_ID and "
            "SECRET_ACCESS_KEY in COPY, or map the role to a profile under [roles] of "
            "outcrop.toml.",
        )
    if any(sign in text for sign in _OTHER_REGION):
        return FileUnavailable(
            f"bucket {bucket!r} is in another region{who}", hint="Name it: REGION 'eu-west-1'."
        )
    if _is_denied(text):
        return FileUnavailable(
            f"access to {name!r} is denied{who}",
            detail=text,
            hint="Check the key, and that it may s3:ListBucket and s3:GetObject.",
        )
    if "NETWORK_CONNECTION" in text:
        return FileUnavailable(
            f"cannot reach the object store of {name!r}",
            detail=text,
            hint="Check the network, and AWS_ENDPOINT_URL_S3 if it is set.",
        )
    return FileUnavailable(
        f"cannot read {name!r}: {text}", hint="Check that the file is whole and may be read."
    )


def _is_denied(text: str) -> bool:
    return any(sign in text for sign in _DENIED)


_OTHER_REGION = ("HTTP status 301", "PermanentRedirect", "AuthorizationHeaderMalformed")
_DENIED = (
    *("HTTP status 401", "HTTP status 403", "ACCESS_DENIED", "AccessDenied", "ExpiredToken"),
    *("INVALID_ACCESS_KEY_ID", "InvalidAccessKeyId", "SIGNATURE", "SignatureDoesNotMatch"),
)

# Manifests


def _read_small(file: SourceFile) -> bytes:
    if file.size > _SMALL_FILE_BYTES_MAX:
        raise InvalidParameter(f"{file.name!r} has more than {_SMALL_FILE_BYTES_MAX} bytes")
    with file.open_stream(None) as stream:
        content: bytes = stream.read()
    return content


def _parse_manifest(content: bytes, name: str) -> list[tuple[str, bool]]:
    try:
        entries = json.loads(content)["entries"]
        return [(str(entry["url"]), bool(entry.get("mandatory", False))) for entry in entries]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidParameter(
            f"{name!r} is no manifest",
            hint='It looks like {"entries": [{"url": "s3://bucket/key", "mandatory": true}]}.',
        ) from error
