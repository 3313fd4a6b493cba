"""The journal: every answer that was paid for, by fingerprint, on disk before anybody sees it.

One file per warehouse, apart from the user's data, so that a rollback cannot undo a payment. Only
successes are answers; failures are recorded as calls and asked again the next time. Several
threads and several processes may use one file: writes go through one thread in each process
(`journal_writer.py`), reads through connections of their own, and see all that is committed.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from outcrop.inference import journal_file, journal_sql
from outcrop.inference.journal_writer import (
    Flush,
    JournalWriter,
    PutCalls,
    PutLimits,
    PutPredicates,
    PutReserved,
    PutStatement,
    PutTotals,
    SpendReserved,
    Write,
)
from outcrop.inference.records import (
    Answer,
    CallDetail,
    LearnedLimits,
    NewAnswers,
    NewCalls,
    NewStatement,
    Payment,
    StatementDetail,
    StatementTotals,
    TokenHistory,
)
from outcrop.inference.speed import CallSpeed, StatementSpeed, speed_of
from outcrop.providers.base import TokenUsage

JOURNAL_FILE = "journal.sqlite"
LOOKUP_MAX = 1_024

_T = TypeVar("_T")


class Journal:
    """An open journal. Every method may be called from any thread."""

    def __init__(self, path: Path, wall: Callable[[], float] = time.time) -> None:
        self._path = path
        writing = journal_file.connect(path)
        try:
            journal_file.prepare(writing, path)
            self._reading = journal_file.connect(path)
        except BaseException:  # nobody else knows of the connection
            writing.close()
            raise
        self._reading_lock = threading.Lock()
        self._writer = JournalWriter(path, writing, wall)

    @classmethod
    def open(cls, path: Path, *, wall: Callable[[], float] = time.time) -> Journal:
        """Open or create the journal at `path`; `wall` gives the time that answers are dated by.

        Raises JournalCorrupted, DiskFull, NotAWarehouse (another version) or WarehouseBusy.
        """
        return cls(path, wall)

    def close(self) -> None:
        """Commit what was handed in and close the file. Safe to call twice."""
        self._writer.close()
        with self._reading_lock:
            self._reading.close()

    async def store(self, calls: NewCalls) -> None:
        """Store calls, and their answers if they have any; returns once they are on disk.

        Raises DiskFull where they are not: then no answer may be released.
        """
        await self._write_on_loop(PutCalls(calls, _texts_of(calls.answers)))

    def put_unusable(self, call: NewCalls) -> None:
        """Store, in time, that a row got no value; what is written later is on disk later."""
        self._writer.put(PutCalls(call, ()), concurrent.futures.Future())

    async def begin_statement(self, statement: NewStatement, totals: StatementTotals) -> int:
        """Store a statement that will send calls; return its id, by which they name it."""
        return await self._write_on_loop(PutStatement(statement, totals))

    def put_statement(self, statement: NewStatement, totals: StatementTotals) -> int:
        """Store a statement that has ended without calls; return its id."""
        return self._write(PutStatement(statement, totals))

    def put_totals(self, statement_id: int, totals: StatementTotals) -> None:
        """Replace the totals of a statement."""
        self._write(PutTotals(statement_id, totals))

    async def reserve_spending(self, reserved: Payment) -> None:
        """Store what requests may cost at most, before they are sent; replaces what was stored."""
        await self._write_on_loop(PutReserved(reserved))

    def take_spending(self, since_day: str) -> list[Payment]:
        """Return what was spent from a day on, by day, user and model.

        What is still reserved, as a killed process left it, counts as spent from now on: for whom
        alone has the warehouse open.
        """
        if self._read(journal_sql.HAS_RESERVED, ()) != [(0,)]:
            self._write(SpendReserved())
        return [Payment(*row) for row in self._read(journal_sql.SELECT_SPENDING, (since_day,))]

    def put_predicates(self, tested: Mapping[str, tuple[int, int]]) -> None:
        """Add to what is known of conditions on answers: (rows tested, rows passed) by names."""
        self._write(PutPredicates(tested))

    def tested(self, conditions: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Return how many rows were tested by conditions, and passed, of those that are known.

        Of many rows the last ones count (`journal_sql.PREDICATE_ROWS_MAX`).
        """
        found: dict[str, tuple[int, int]] = {}
        for start in range(0, len(conditions), LOOKUP_MAX):
            chunk = tuple(conditions[start : start + LOOKUP_MAX])
            rows = self._read(journal_sql.SELECT_PREDICATES.format(_numbered(len(chunk))), chunk)
            found |= {name: (round(rows_), round(passed)) for name, rows_, passed in rows}
        return found

    def put_limits(self, provider: str, model_id: str, limits: LearnedLimits) -> None:
        """Store, in time, what is known of a model's quotas."""
        self._writer.put(PutLimits(provider, model_id, limits), concurrent.futures.Future())

    def limits(self, provider: str, model_id: str) -> LearnedLimits:
        """Return what was known of a model's quotas when it was last asked."""
        rows = self._read(journal_sql.SELECT_LIMITS, (provider, model_id))
        return LearnedLimits(*rows[0]) if rows else LearnedLimits()

    @property
    def has_unsaved(self) -> bool:
        """Whether paid answers are in memory alone, since the disk was full."""
        return self._writer.has_unsaved

    def save_unsaved(self) -> None:
        """Store the answers that a full disk kept in memory, if any; raises DiskFull if still so.

        Called before a lookup, so that a re-run finds them.
        """
        if self._writer.has_unsaved:
            self._write(Flush())

    async def _write_on_loop(self, write: Write) -> int:
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._writer.put(write, waiter)
        return await waiter

    def _write(self, write: Write) -> int:
        waiter: concurrent.futures.Future[int] = concurrent.futures.Future()
        self._writer.put(write, waiter)
        return waiter.result()

    def lookup(
        self, fingerprints: Sequence[bytes], *, query_id: str | None = None
    ) -> dict[bytes, Answer]:
        """Return the answers that are journaled under `fingerprints`; at most LOOKUP_MAX at once.

        With `query_id`, only answers that this statement itself paid for.
        """
        count = len(fingerprints)
        sql = journal_sql.SELECT_ANSWERS.format(_numbered(count), count + 1, count + 1)
        rows = self._read(sql, (*fingerprints, query_id))
        return {row[0]: self._answer(row) for row in rows}

    def count_known(self, fingerprints: Sequence[bytes]) -> int:
        """Return how many of the distinct `fingerprints` (at most LOOKUP_MAX) have an answer."""
        sql = journal_sql.SELECT_KNOWN.format(_numbered(len(fingerprints)))
        [(known,)] = self._read(sql, tuple(fingerprints))
        return int(known)

    def token_history(self, provider: str, model_id: str) -> TokenHistory | None:
        """Return what the model's answers teach about its tokens, or None before the first."""
        rows = self._read(journal_sql.SELECT_USAGE, (provider, model_id))
        return TokenHistory(*rows[0]) if rows else None

    def output_lengths(self, provider: str, model_id: str, model: str, count: int) -> list[int]:
        """Return how many tokens the last answers to an external model had, at most `count`.

        They are in their order. Of calls that are long ago nothing is known here.
        """
        parameters = (provider, model_id, model, count)
        return [n for (n,) in reversed(self._read(journal_sql.SELECT_OUTPUT_LENGTHS, parameters))]

    def call_speed(self, provider: str, model_id: str) -> CallSpeed | None:
        """Return how fast the model answered lately, or None before its first answer."""
        rows = self._read(journal_sql.SELECT_SPEED, (provider, model_id))
        return speed_of([StatementSpeed(*row) for row in rows])

    def calls(self) -> Iterator[CallDetail]:
        """Yield the rows of `sys_llm_call`, oldest first, as of now."""
        return self._stream(journal_sql.SELECT_CALLS, journal_sql.call_detail)

    def details(self) -> Iterator[StatementDetail]:
        """Yield the rows of `sys_llm_detail`, oldest first, as of now."""
        return self._stream(journal_sql.SELECT_DETAILS, journal_sql.statement_detail)

    def _answer(
        self, row: tuple[bytes, bytes, int | None, int, int, int, float | None, str]
    ) -> Answer:
        _, packed, input_tokens, output_tokens, cache_read, cache_write, cost_usd, query_id = row
        usage = None
        if input_tokens is not None:
            usage = TokenUsage(input_tokens, output_tokens, cache_read, cache_write)
        return Answer(journal_file.unpack(packed, self._path), usage, cost_usd, query_id)

    def _read(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        with self._reading_lock:
            try:
                return self._reading.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise journal_file.translate(error, self._path) from error

    def _stream(self, sql: str, record: Callable[[Sequence[object]], _T]) -> Iterator[_T]:
        """Yield records from a connection of its own, so that nobody waits for a slow reader."""
        with closing(journal_file.connect(self._path)) as connection:
            try:
                for row in connection.execute(sql):
                    yield record(row)
            except sqlite3.Error as error:
                raise journal_file.translate(error, self._path) from error


def _texts_of(answers: NewAnswers | None) -> list[bytes]:
    if answers is None:
        return []
    pairs = zip(answers.responses, answers.texts, strict=True)
    return [journal_file.encode(response, text) for response, text in pairs]


@lru_cache(maxsize=8)  # most chunks are of one size
def _numbered(count: int) -> str:
    return ", ".join(f"?{index}" for index in range(1, count + 1))
