"""What a COPY did: the rows it loaded, and the rows it could not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from outcrop.errors import LoadFailed

_SHOWN_CHARACTERS = 100

ERRORS_KEPT_MAX = 1_000


@dataclass(frozen=True, slots=True)
class LoadError:
    """A row that was not loaded, as `stl_load_errors` shows it.

    `line` counts from 1 (in a Parquet file it is the row); `column` is None where the whole record
    is at fault; `value` and `record` are shortened.
    """

    file: str
    line: int
    column: str | None
    datatype: str | None
    value: str | None
    reason: str
    record: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}, line {self.line}"
        if self.column is not None:
            place += f", column {self.column!r}"
        return f"{place}: {self.reason}"


@dataclass(frozen=True, slots=True)
class CopyReport:
    """A finished COPY: with NOLOAD, `rows` counts those that would have been loaded.

    `errors_total` counts the skipped rows; `errors` are the first of them.
    """

    rows: int
    files: int
    bytes: int
    errors_total: int = 0
    errors: tuple[LoadError, ...] = ()


def shorten(value: str) -> str:
    """Return `value` quoted, cut where it is long, with its odd characters escaped."""
    if len(value) > _SHOWN_CHARACTERS:
        return f"{value[:_SHOWN_CHARACTERS]!r}... ({len(value)} characters)"
    return repr(value)


class BadRows:
    """Counts the rows that cannot be loaded, and fails the load at the limit of MAXERROR.

    `record` is told of each as it is met, so that they are known also when the load fails.
    """

    def __init__(self, errors_max: int | None, record: Callable[[LoadError], None]) -> None:
        self._errors_max = errors_max
        self._record = record
        self.total = 0
        self.kept: list[LoadError] = []

    def add(self, error: LoadError) -> None:
        """Take note of a bad row; raises LoadFailed if it is one too many."""
        self.total += 1
        if len(self.kept) < ERRORS_KEPT_MAX:
            self.kept.append(error)
            self._record(error)
        if self._errors_max is not None and self.total >= self._errors_max:
            raise self._failure(error)

    def fail(self, error: LoadError) -> LoadFailed:
        """Take note of what nothing can be skipped after; return the failure to raise."""
        self.total += 1
        self.kept.append(error)
        self._record(error)
        return self._failure(error)

    def _failure(self, error: LoadError) -> LoadFailed:
        message = str(error)
        if self.total > 1:
            message = f"{self.total} rows cannot be loaded; the last one is {message}"
        return LoadFailed(
            message,
            detail=None if error.record is None else f"The record is {error.record}",
            hint="Nothing was loaded. Mend the file, or skip up to n bad rows with MAXERROR n + 1.",
        )
