"""Fetch one large file through the package index, continuing wherever the connection breaks."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO, TypeAlias

from outcrop.errors import FileUnavailable
from outcrop.providers.package_index import PackageIndex

# Called with the number of bytes that are on disk, and their number in all.
OnProgress: TypeAlias = Callable[[int, int], None]

_PIECE_BYTES = 256 * 1024
# How often in a row a download is tried again that brings nothing new, and the pause before it.
_FRUITLESS_MAX = 4
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """What the file must be: without its hash known before, a download could not be continued."""

    name: str
    size_bytes: int
    sha256: str


def download(
    index: PackageIndex,
    address: str,
    part_path: Path,
    expected: ExpectedFile,
    on_progress: OnProgress,
    *,
    pause_s: float = _PAUSE_S,
) -> None:
    """Fetch `address` into `part_path`, keeping what an earlier run left there, and check it.

    Raises FileUnavailable where the server stops answering (what came is kept, and the next run
    continues) or sends another file (which is deleted); OSError where the disk is full.
    """
    _Download(index, address, expected, on_progress).run(part_path, pause_s)


def check_file(path: Path, expected_sha256: str) -> None:
    """Raise FileUnavailable unless the file at `path` has the hash that is expected."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    check_digest(path.name, digest.hexdigest(), expected_sha256)


def check_digest(name: str, sha256: str, expected_sha256: str) -> None:
    """Raise FileUnavailable unless the file called `name` has the hash that is expected."""
    if sha256 != expected_sha256:
        raise FileUnavailable(
            f"{name!r} is not the file that Outcrop knows: its SHA-256 is {sha256}, "
            f"and should be {expected_sha256}",
            hint="The package index serves something else under this name; use another index "
            "(PIP_INDEX_URL).",
        )


class _Download:
    """A file on its way: how much of it is on disk, and the hash of that much."""

    def __init__(
        self, index: PackageIndex, address: str, expected: ExpectedFile, on_progress: OnProgress
    ) -> None:
        self._index = index
        self._address = address
        self._expected = expected
        self._on_progress = on_progress
        self._digest = hashlib.sha256()
        self._done_bytes = 0

    def run(self, part_path: Path, pause_s: float) -> None:
        with part_path.open("a+b") as part:
            self._read_part(part)
            fruitless = 0
            while self._done_bytes < self._expected.size_bytes:
                before = self._done_bytes
                reason = self._read_more(part)
                fruitless = 0 if self._done_bytes > before else fruitless + 1
                if fruitless > _FRUITLESS_MAX:
                    raise self._broken(reason)
                if fruitless:
                    time.sleep(pause_s)
        try:
            check_digest(self._expected.name, self._digest.hexdigest(), self._expected.sha256)
        except FileUnavailable:
            part_path.unlink()
            raise

    def _broken(self, reason: str) -> FileUnavailable:
        return FileUnavailable(
            f"the download of {self._expected.name!r} broke at byte {self._done_bytes:,} of "
            f"{self._expected.size_bytes:,}: {reason}",
            hint="Run it again; it continues where it stopped.",
        )

    def _read_part(self, part: BinaryIO) -> None:
        """Take in what an earlier run left; more than the whole file is none of ours."""
        if part.seek(0, os.SEEK_END) > self._expected.size_bytes:
            part.truncate(0)
        part.seek(0)
        while piece := part.read(_PIECE_BYTES):
            self._digest.update(piece)
            self._done_bytes += len(piece)
        self._on_progress(self._done_bytes, self._expected.size_bytes)

    def _read_more(self, part: BinaryIO) -> str:
        """Read until the end or a break, and return the reason of the break."""
        try:
            body, offset = self._index.open(self._address, self._done_bytes)
        except (OSError, HTTPException) as error:
            return str(error)
        with contextlib.closing(body):
            if offset != self._done_bytes:
                self._restart(part)
            while missing_bytes := self._expected.size_bytes - self._done_bytes:
                try:
                    piece = body.read(min(_PIECE_BYTES, missing_bytes))
                except (OSError, HTTPException) as error:
                    return str(error)
                if not piece:
                    return "the server closed the connection"
                part.write(piece)
                self._digest.update(piece)
                self._done_bytes += len(piece)
                self._on_progress(self._done_bytes, self._expected.size_bytes)
        return ""

    def _restart(self, part: BinaryIO) -> None:
        """Begin anew with a server that cannot continue."""
        part.truncate(0)
        self._digest = hashlib.sha256()
        self._done_bytes = 0
