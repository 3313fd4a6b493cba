"""Answers as a file that can be kept, sent and read by anything: one line of JSON for each.

    {"fingerprint": "9f...", "provider": "bedrock", "model_id": "...", "response": {...},
     "usage": {"input_tokens": 12, "output_tokens": 5, ...}, "cost_usd": 0.00012, ...}

An archive holds answers, not the calls and statements that led to them.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from outcrop.errors import JournalCorrupted, LoadFailed
from outcrop.inference import journal_file
from outcrop.inference.invocation import FINGERPRINT_BYTES
from outcrop.inference.journal_upkeep import SELECTED, Selection

LINE_BYTES_MAX = 64 * 1024 * 1024

_USAGE = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_FIELDS = (
    "fingerprint",
    "provider",
    "model_id",
    "response",
    "usage",
    "cost_usd",
    "priced_as_of",
    "owner",
    "query_id",
    "created_at",
)
_COLUMNS = (
    f"fingerprint, provider, model_id, response, {', '.join(_USAGE)}, cost_usd, priced_as_of, "
    "owner, query_id, created_at"
)
# By portions of the table, so that damage to one page hides no others.
_SELECT = f"SELECT {_COLUMNS} FROM answer WHERE {SELECTED} AND rowid BETWEEN ?3 AND ?4"
_PORTION = 1_000
# What is there stays: it was paid for here, and may be newer.
_INSERT = f"""
INSERT INTO answer ({_COLUMNS}) VALUES ({", ".join("?" * 13)})
ON CONFLICT (fingerprint) DO NOTHING
"""

_Row: TypeAlias = "tuple[Any, ...]"


@dataclass(frozen=True, slots=True)
class Exported:
    """How many answers were written, and how many were left out since they are damaged."""

    answers: int
    damaged: int


@dataclass(frozen=True, slots=True)
class Imported:
    """How many answers were added, and how many were there already."""

    added: int
    skipped: int


def export(path: Path, out: BinaryIO, selection: Selection) -> Exported:
    """Write the selected answers of the journal at `path` to `out`, as of now.

    What is damaged is left out and counted, so that the rest can be saved.
    """
    answers = damaged = 0
    with closing(journal_file.connect_to_read(path)) as connection:
        for row in _rows(connection, path, selection):
            try:
                line = None if row is None else _line(row, path)
            except JournalCorrupted:
                line = None
            if line is None:
                damaged += 1
            else:
                out.write(line)
                answers += 1
    return Exported(answers, damaged)


def _rows(
    connection: sqlite3.Connection, path: Path, selection: Selection
) -> Iterator[_Row | None]:
    """Yield the rows, in the order in which they were stored; None for one that cannot be read."""
    try:
        connection.execute("BEGIN")
        first, last = connection.execute("SELECT min(rowid), max(rowid) FROM answer").fetchone()
    except sqlite3.Error as error:
        raise journal_file.translate(error, path) from error
    if first is None:
        return
    for start in range(first, last + 1, _PORTION):
        end = min(start + _PORTION - 1, last)
        try:
            yield from _read(connection, selection, start, end)
        except sqlite3.DatabaseError:
            yield from _one_by_one(connection, selection, range(start, end + 1))


def _read(connection: sqlite3.Connection, selection: Selection, start: int, end: int) -> list[_Row]:
    return connection.execute(_SELECT, (*selection.parameters, start, end)).fetchall()


def _one_by_one(
    connection: sqlite3.Connection, selection: Selection, rowids: Iterable[int]
) -> Iterator[_Row | None]:
    for rowid in rowids:
        try:
            yield from _read(connection, selection, rowid, rowid)
        except sqlite3.DatabaseError:
            yield None


def _line(row: _Row, path: Path) -> bytes:
    fingerprint, provider, model_id, packed, *tokens, cost_usd, priced_as_of = row[:10]
    owner, query_id, created_at = row[10:]
    if len(fingerprint) != FINGERPRINT_BYTES:
        raise JournalCorrupted("an answer has a fingerprint of another length")
    values = (
        fingerprint.hex(),
        provider,
        model_id,
        journal_file.unpack(packed, path),
        None if tokens[0] is None else dict(zip(_USAGE, tokens, strict=True)),
        cost_usd,
        priced_as_of,
        owner,
        query_id,
        datetime.fromtimestamp(created_at, UTC).isoformat(),
    )
    members = dict(zip(_FIELDS, values, strict=True))
    return json.dumps(members, separators=(",", ":")).encode() + b"\n"


def import_from(path: Path, source: BinaryIO) -> Imported:
    """Add the answers of an archive to the journal at `path`, which must be of our version.

    All of them, or, where one line is damaged, none: LoadFailed says which. For whom has the
    warehouse open.
    """
    added = lines = 0
    with (
        closing(journal_file.connect(path)) as connection,
        journal_file.transaction(connection, path),
    ):
        for number, line in _lines(source):
            added += connection.execute(_INSERT, _parse(line, number)).rowcount
            lines += 1
    return Imported(added, lines - added)


def _lines(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank, with their numbers."""
    number = 1
    while line := source.readline(LINE_BYTES_MAX + 1):
        if len(line) > LINE_BYTES_MAX:
            raise _damaged(number, f"it is longer than {LINE_BYTES_MAX:,} bytes")
        if line.strip():
            yield number, line
        number += 1


def _damaged(number: int, why: str) -> LoadFailed:
    return LoadFailed(
        f"line {number:,} is no journaled answer: {why}",
        hint="Nothing was imported. Export the answers again, or remove the line.",
    )


def _parse(line: bytes, number: int) -> _Row:
    """Return the row of table `answer` that a line stands for; raises LoadFailed."""
    try:
        members = json.loads(line.decode())
        if not isinstance(members, dict):
            raise ValueError("it is no JSON object")
        if missing := next((name for name in _FIELDS if name not in members), None):
            raise ValueError(f"it has no field {missing!r}")
        if unknown := next((name for name in members if name not in _FIELDS), None):
            raise ValueError(f"field {unknown!r} is unknown")
        return _row(members)
    except UnicodeDecodeError as error:
        raise _damaged(number, "it is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _damaged(number, f"it is no JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        raise _damaged(number, str(error)) from error


def _row(members: Mapping[str, object]) -> _Row:
    response = members["response"]
    if not isinstance(response, dict):
        raise ValueError("response is no JSON object")
    priced_as_of = members["priced_as_of"]
    return (
        _fingerprint(members["fingerprint"]),
        _text("provider", members["provider"]),
        _text("model_id", members["model_id"]),
        journal_file.compress(journal_file.encode(response)),
        *_tokens(members["usage"]),
        _cost(members["cost_usd"]),
        None if priced_as_of is None else _text("priced_as_of", priced_as_of),
        _text("owner", members["owner"]),
        _text("query_id", members["query_id"]),
        _moment(members["created_at"]),
    )


def _fingerprint(value: object) -> bytes:
    text = _text("fingerprint", value)
    try:
        fingerprint = bytes.fromhex(text)
    except ValueError:
        fingerprint = b""
    if len(fingerprint) != FINGERPRINT_BYTES:
        raise ValueError(f"fingerprint is not {FINGERPRINT_BYTES} bytes in hexadecimal")
    return fingerprint


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} holds half a character") from error
    return value


def _tokens(value: object) -> tuple[int | None, ...]:
    if value is None:
        return (None,) * len(_USAGE)
    if not isinstance(value, dict) or set(value) != set(_USAGE):
        raise ValueError(f"usage is not {', '.join(_USAGE)}")
    tokens = tuple(value[name] for name in _USAGE)
    if not all(type(count) is int and 0 <= count < 2**53 for count in tokens):
        raise ValueError("usage holds what is no number of tokens")
    return tokens


def _cost(value: object) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float):
        raise ValueError("cost_usd is no number")
    try:
        cost_usd = float(value)  # type: ignore[arg-type]  # a number, see above
    except OverflowError:
        cost_usd = math.inf
    if not (math.isfinite(cost_usd) and cost_usd >= 0):
        raise ValueError("cost_usd is no amount of money")
    return cost_usd


def _moment(value: object) -> float:
    try:
        moment = datetime.fromisoformat(_text("created_at", value))
        if moment.tzinfo is not None:
            return moment.astimezone(UTC).timestamp()
    except (ValueError, OverflowError) as error:
        raise ValueError("created_at is no time in ISO 8601") from error
    raise ValueError("created_at has no time zone")
