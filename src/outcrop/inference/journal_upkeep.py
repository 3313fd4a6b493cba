"""What is done to a journal beside asking it: its figures, its verification, its pruning.

Figures and verification read, also while the warehouse is open elsewhere. To prune is for whom has
the warehouse open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from outcrop.errors import JournalCorrupted
from outcrop.inference import journal_file
from outcrop.inference.invocation import FINGERPRINT_BYTES

PROBLEMS_MAX = 20


@dataclass(frozen=True, slots=True)
class Selection:
    """Which answers: those that came before a time (seconds since 1970), of one model, or both."""

    before: float | None = None
    model_id: str | None = None

    @property
    def parameters(self) -> tuple[float | None, str | None]:
        """The values for the parameters of SELECTED."""
        return self.before, self.model_id


# The condition of a Selection.
SELECTED = "(?1 IS NULL OR created_at < ?1) AND (?2 IS NULL OR model_id = ?2)"

_SELECT_MODELS = """
SELECT provider, model_id, count(*), sum(length(response)), coalesce(sum(input_tokens), 0)
  + coalesce(sum(cache_read_tokens), 0) + coalesce(sum(cache_write_tokens), 0),
  coalesce(sum(output_tokens), 0), sum(cost_usd), min(created_at), max(created_at)
FROM answer GROUP BY provider, model_id ORDER BY provider, model_id
"""
_SELECT_GIVEN_UP = f"""
SELECT count(*), coalesce(sum(length(response)), 0), total(cost_usd), total(cost_usd IS NULL)
FROM answer WHERE {SELECTED}
"""
_DELETE_ANSWERS = f"DELETE FROM answer WHERE {SELECTED}"
_DELETE_CALLS = "DELETE FROM call WHERE started_at < ?"
_DELETE_STATEMENTS = """
DELETE FROM statement
WHERE started_at < ? AND statement_id NOT IN (SELECT statement_id FROM call)
"""
_COUNT_ORPHANS = """
SELECT count(*) FROM call WHERE statement_id NOT IN (SELECT statement_id FROM statement)
"""


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The answers of one model. `cost_usd` is of those whose price is known, None if none is."""

    provider: str
    model_id: str
    answers: int
    answer_bytes: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    oldest: datetime
    newest: datetime


@dataclass(frozen=True, slots=True)
class JournalFigures:
    """What a journal holds. `free_bytes` of its file are used again before it grows."""

    models: tuple[ModelFigures, ...]
    calls: int
    statements: int
    file_bytes: int
    free_bytes: int

    @property
    def answers(self) -> int:
        """The answers of all models."""
        return sum(model.answers for model in self.models)


@dataclass(frozen=True, slots=True)
class Verification:
    """What was looked at, and the first problems that were found; none in a sound journal."""

    answers: int
    calls: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """The answers that pruning removes; `unpriced` of them are of unknown cost."""

    answers: int
    answer_bytes: int
    cost_usd: float
    unpriced: int


def figures(path: Path) -> JournalFigures:
    """Return what the journal at `path` holds."""
    with closing(journal_file.connect_to_read(path)) as connection:
        try:
            models = tuple(_model_figures(row) for row in connection.execute(_SELECT_MODELS))
            return JournalFigures(
                models,
                _number(connection, "SELECT count(*) FROM call"),
                _number(connection, "SELECT count(*) FROM statement"),
                _file_bytes(path),
                _free_bytes(connection),
            )
        except sqlite3.Error as error:
            raise journal_file.translate(error, path) from error


def _model_figures(row: Sequence[Any]) -> ModelFigures:
    values = list(row)
    values[-2:] = (datetime.fromtimestamp(seconds, UTC) for seconds in row[-2:])
    return ModelFigures(*values)


def verify(path: Path) -> Verification:
    """Read all of the journal at `path`: its pages, its answers, and what refers to what."""
    answers = calls = 0
    problems: list[str] = []
    try:
        with closing(journal_file.connect_to_read(path)) as connection:
            problems += _damaged_pages(connection)
            calls = _number(connection, "SELECT count(*) FROM call")
            if orphans := _number(connection, _COUNT_ORPHANS):
                problems.append(f"{orphans:,} calls belong to no statement")
            for problem in _read_answers(connection, path):
                answers += 1
                if problem is not None:
                    problems.append(problem)
    except sqlite3.Error as error:
        problems.append(journal_file.translate(error, path).message)
    except JournalCorrupted as error:
        problems.append(error.message)
    return Verification(answers, calls, _first(problems))


def _damaged_pages(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute(f"PRAGMA integrity_check({PROBLEMS_MAX})").fetchall()
    return [f"the file: {text}" for (text,) in found if text != "ok"]


def _read_answers(connection: sqlite3.Connection, path: Path) -> Iterator[str | None]:
    """Yield, for each answer, what is wrong with it, or None."""
    for fingerprint, packed in connection.execute("SELECT fingerprint, response FROM answer"):
        try:
            journal_file.unpack(packed, path)
        except JournalCorrupted as error:
            yield f"answer {fingerprint.hex()}: {error.message}"
            continue
        if len(fingerprint) != FINGERPRINT_BYTES:
            yield f"answer {fingerprint.hex()}: a fingerprint has {FINGERPRINT_BYTES} bytes"
        else:
            yield None


def _first(problems: list[str]) -> tuple[str, ...]:
    if len(problems) <= PROBLEMS_MAX:
        return tuple(problems)
    return (*problems[:PROBLEMS_MAX], f"and {len(problems) - PROBLEMS_MAX:,} more")


def count_given_up(path: Path, selection: Selection) -> GivenUp:
    """Return what `prune` would remove."""
    with closing(journal_file.connect_to_read(path)) as connection:
        try:
            row = connection.execute(_SELECT_GIVEN_UP, selection.parameters).fetchone()
        except sqlite3.Error as error:
            raise journal_file.translate(error, path) from error
    answers, answer_bytes, cost_usd, unpriced = row
    return GivenUp(answers, answer_bytes, cost_usd, int(unpriced))


def prune(path: Path, selection: Selection, *, history_before: float | None = None) -> int:
    """Remove the selected answers, and compact the file; return by how many bytes it shrank.

    `history_before` also removes the calls and the statements that began before. What was spent
    each day stays: budgets go on to count it. The removal is one transaction, and so is the
    compaction: a process that is killed in either has done all of it or nothing.
    """
    bytes_before = _file_bytes(path)
    with closing(journal_file.connect(path)) as connection:
        with journal_file.transaction(connection, path):
            connection.execute(_DELETE_ANSWERS, selection.parameters)
            if history_before is not None:
                connection.execute(_DELETE_CALLS, (history_before,))
                connection.execute(_DELETE_STATEMENTS, (history_before,))
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise journal_file.translate(error, path) from error
    return bytes_before - _file_bytes(path)


def _number(connection: sqlite3.Connection, sql: str) -> int:
    return int(connection.execute(sql).fetchone()[0])


def _free_bytes(connection: sqlite3.Connection) -> int:
    pages = _number(connection, "PRAGMA freelist_count")
    return pages * _number(connection, "PRAGMA page_size")


def _file_bytes(path: Path) -> int:
    """Return the size of the file and of its log of changes that are not in it yet."""
    log = path.with_name(path.name + "-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)
