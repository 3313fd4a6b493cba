"""Where UNLOAD writes: a name that others see once it is whole, and never before.

A local file is written under another name in its folder, and then renamed. An object is first a
file of the machine, since an object store has no rename, and is then sent; it is seen when all of
it has arrived.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
from pyarrow import fs

from outcrop.commands.copy.credentials import ObjectStoreAccess
from outcrop.commands.copy.sources import connect, local_path
from outcrop.errors import Error, FeatureNotSupported, FileUnavailable, InvalidParameter

Fill = Callable[[BinaryIO], int]
"""Writes the content of a file; returns what the caller wants to know of it."""


class Destination(Protocol):
    """A place for files; `name` is what follows its prefix."""

    def url(self, name: str) -> str:
        """Return how others call a file."""
        ...

    def exists(self, name: str) -> bool:
        """Tell whether there is a file."""
        ...

    def write(self, name: str, compression: str | None, fill: Fill) -> int:
        """Write a file, all of it or nothing; return what `fill` returned."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...


def find_destination(
    target: str,
    working_directory: Path,
    find_access: Callable[[], ObjectStoreAccess],
    check_path: Callable[[Path, str], None],
) -> Destination:
    """Return the place that UNLOAD's target names.

    `check_path` refuses a local path that must not be written.
    """
    scheme = urlsplit(target).scheme.lower() if "://" in target else "file"
    if scheme == "file":
        path = working_directory / local_path(target)
        check_path(path, target)
        is_folder = target.endswith("/") or path.is_dir()
        return _LocalFiles(path if is_folder else path.parent, "" if is_folder else path.name)
    if scheme != "s3":
        raise FeatureNotSupported(
            f"UNLOAD cannot write to {scheme}://", hint="It writes to s3:// and to local files."
        )
    bucket, _, prefix = target[len("s3://") :].partition("/")
    if not bucket:
        raise InvalidParameter(
            f"{target!r} names no bucket", hint="It looks like 's3://bucket/prefix'."
        )
    access = find_access()
    try:
        return _Objects(connect(access, bucket), f"{bucket}/{prefix}")
    except (OSError, pa.ArrowInvalid) as error:
        raise _cannot_write(target, error) from error


@dataclass(frozen=True, slots=True)
class _LocalFiles:
    folder: Path
    prefix: str

    def _path(self, name: str) -> Path:
        return self.folder / f"{self.prefix}{name}"

    def url(self, name: str) -> str:
        return str(self._path(name))

    def exists(self, name: str) -> bool:
        return self._path(name).exists()

    def write(self, name: str, compression: str | None, fill: Fill) -> int:
        path = self._path(name)
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            count = _fill_file(temporary, compression, fill)
            temporary.replace(path)
        except OSError as error:
            raise _cannot_write(str(path), error) from error
        finally:
            temporary.unlink(missing_ok=True)
        return count

    def remove(self, name: str) -> None:
        self._path(name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _Objects:
    store: fs.S3FileSystem
    prefix: str

    def url(self, name: str) -> str:
        return f"s3://{self.prefix}{name}"

    def exists(self, name: str) -> bool:
        try:
            info = self.store.get_file_info(f"{self.prefix}{name}")
        except OSError as error:
            raise _cannot_write(self.url(name), error) from error
        return bool(info.type == fs.FileType.File)

    def write(self, name: str, compression: str | None, fill: Fill) -> int:
        with TemporaryDirectory(prefix="outcrop-unload-") as folder:
            whole = Path(folder) / "rows"
            count = _fill_file(whole, compression, fill)
            try:
                fs.copy_files(
                    str(whole),
                    f"{self.prefix}{name}",
                    source_filesystem=fs.LocalFileSystem(),
                    destination_filesystem=self.store,
                )
            except OSError as error:
                raise _cannot_write(self.url(name), error) from error
        return count

    def remove(self, name: str) -> None:
        self.store.delete_file(f"{self.prefix}{name}")


def _fill_file(path: Path, compression: str | None, fill: Fill) -> int:
    with fs.LocalFileSystem().open_output_stream(str(path), compression=compression) as file:
        return fill(file)


def _cannot_write(url: str, error: Exception) -> Error:
    return FileUnavailable(
        f"cannot write {url!r}: {error}",
        hint="Check that the folder or bucket exists, and that it may be written.",
    )
