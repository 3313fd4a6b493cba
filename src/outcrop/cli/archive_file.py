"""The files of `outcrop journal export` and `import`: compressed where they are named so."""

from __future__ import annotations

import gzip
import os
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from outcrop.errors import FileUnavailable

STANDARD_STREAM = "-"
_COMPRESSION_LEVEL = 6


@contextmanager
def create_archive(name: str) -> Iterator[BinaryIO]:
    """Give a new file to write to, or stdout for `-`; it has its name once it is complete.

    Raises FileUnavailable where there is a file of that name: it may hold answers that nothing
    else has.
    """
    if name == STANDARD_STREAM:
        yield sys.stdout.buffer
        return
    path = Path(name)
    if path.exists():
        raise FileUnavailable(f"{name!r} is there already", hint="Name another file.")
    partial = path.with_name(path.name + ".partial")
    with _naming(name, "written"):
        try:
            with partial.open("wb") as file:
                if _is_compressed(path):
                    with gzip.open(file, "wb", compresslevel=_COMPRESSION_LEVEL) as packed:
                        yield cast(BinaryIO, packed)
                else:
                    yield file
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def open_archive(name: str) -> Iterator[BinaryIO]:
    """Give a file to read from, or stdin for `-`; raises FileUnavailable, also for a torn one."""
    if name == STANDARD_STREAM:
        yield sys.stdin.buffer
        return
    path = Path(name)
    with _naming(name, "read"), path.open("rb") as file:
        if _is_compressed(path):
            with gzip.open(file, "rb") as unpacked:
                yield cast(BinaryIO, unpacked)
        else:
            yield file


def _is_compressed(path: Path) -> bool:
    return path.suffix == ".gz"


@contextmanager
def _naming(name: str, what: str) -> Iterator[None]:
    """Name the file in whatever goes wrong with it."""
    try:
        yield
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileUnavailable(f"{name!r} cannot be {what}: {reason}") from error
