"""The journal's file: a SQLite database in WAL mode, its tables, and SQLite's errors as ours.

SQLite was chosen since it survives what the journal must survive: a killed process (the WAL's
frames carry checksums, and those after the last complete commit are ignored), power loss
(`synchronous=FULL`), several processes, and a full disk, which fails the transaction and leaves
the file as it was.
"""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from outcrop.errors import (
    DiskFull,
    Error,
    InternalError,
    JournalCorrupted,
    NotAWarehouse,
    WarehouseBusy,
)
from outcrop.providers.base import JsonObject

SCHEMA_VERSION = 4
_APPLICATION_ID = 0x4F43524A  # "OCRJ", so that `file journal.sqlite` and we know it for ours
_BUSY_TIMEOUT_S = 30.0
_MEET_AGAIN_S = 0.001
_CACHE_KIB = 32_768
# So many pages (of 4 KiB) are written ahead before they are brought into the database itself. At
# SQLite's own 1,000 that happens after each fifth commit of a bulk statement, while paid answers
# wait to be released, and brings the same pages of the index over and over: a tenth of its time.
_CHECKPOINT_PAGES = 10_000

_SCHEMA = """
CREATE TABLE answer (
  fingerprint BLOB PRIMARY KEY,
  provider TEXT NOT NULL,
  model_id TEXT NOT NULL,
  response BLOB NOT NULL,
  input_tokens INTEGER, output_tokens INTEGER,
  cache_read_tokens INTEGER, cache_write_tokens INTEGER,
  cost_usd REAL, priced_as_of TEXT,
  owner TEXT NOT NULL,
  query_id TEXT NOT NULL,
  created_at REAL NOT NULL
) STRICT;
CREATE TABLE statement (
  statement_id INTEGER PRIMARY KEY,
  query_id TEXT NOT NULL, user_name TEXT NOT NULL, query_group TEXT NOT NULL,
  query_text TEXT NOT NULL, model TEXT NOT NULL, function TEXT NOT NULL,
  started_at REAL NOT NULL, ended_at REAL, outcome TEXT NOT NULL,
  invocations INTEGER NOT NULL, calls INTEGER NOT NULL, reused INTEGER NOT NULL,
  failed INTEGER NOT NULL, attempts INTEGER NOT NULL, throttles INTEGER NOT NULL,
  retries INTEGER NOT NULL, truncated INTEGER NOT NULL, possibly_paid INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost_usd REAL,
  saved_input_tokens INTEGER NOT NULL, saved_output_tokens INTEGER NOT NULL, saved_cost_usd REAL
) STRICT;
CREATE TABLE call (
  call_id INTEGER PRIMARY KEY,
  statement_id INTEGER NOT NULL,
  fingerprint BLOB NOT NULL,
  provider TEXT NOT NULL, model_id TEXT NOT NULL, status TEXT NOT NULL,
  attempts INTEGER NOT NULL, throttles INTEGER NOT NULL, retries INTEGER NOT NULL,
  possibly_paid INTEGER NOT NULL,
  input_tokens INTEGER, output_tokens INTEGER, cost_usd REAL,
  started_at REAL NOT NULL, duration_ms INTEGER NOT NULL,
  error_code TEXT, error_message TEXT
) STRICT;
CREATE TABLE model_usage (
  provider TEXT NOT NULL, model_id TEXT NOT NULL,
  answers INTEGER NOT NULL, request_chars INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
  PRIMARY KEY (provider, model_id)
) STRICT, WITHOUT ROWID;
"""
# Since version 2.
_PREDICATE_TABLE = """
CREATE TABLE predicate (
  condition TEXT PRIMARY KEY,
  row_count REAL NOT NULL, passed REAL NOT NULL
) STRICT, WITHOUT ROWID
"""
# Since version 3: what was paid, summed so that budgets are known as soon as the file is open.
_SPENDING_TABLE = """
CREATE TABLE spending (
  day TEXT NOT NULL, user_name TEXT NOT NULL, model_id TEXT NOT NULL,
  spent_pico INTEGER NOT NULL, reserved_pico INTEGER NOT NULL,
  PRIMARY KEY (day, user_name, model_id)
) STRICT, WITHOUT ROWID
"""
# Since version 4.
_LIMIT_TABLE = """
CREATE TABLE model_limit (
  provider TEXT NOT NULL, model_id TEXT NOT NULL,
  requests_per_s REAL, tokens_per_s REAL, learned_at REAL NOT NULL,
  PRIMARY KEY (provider, model_id)
) STRICT, WITHOUT ROWID
"""
_SUM_OLDER_CALLS = """
INSERT INTO spending
SELECT date(call.started_at, 'unixepoch'), user_name, model_id,
  sum(CAST(round(call.cost_usd * 1e12) AS INTEGER)), 0
FROM call JOIN statement USING (statement_id)
WHERE call.cost_usd > 0 GROUP BY 1, 2, 3
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for use by one thread at a time; raises what `translate` gives."""
    try:
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a journal that is there, to read it alone, also while others write it.

    Raises NotAWarehouse where there is none, or one of another version, and JournalCorrupted.
    """
    nothing = NotAWarehouse(
        f"there is no journal in {str(path.parent)!r}", hint="Check the path of --warehouse."
    )
    if not path.is_file():
        raise nothing
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        if _version(connection, path) == 0:
            raise nothing
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    except BaseException:  # nobody else knows of the connection
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    """Run the block in one transaction that may write; whatever ends it early undoes it all."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise translate(error, path) from error
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Create the tables of an empty file, or see to it that a journal is of our version."""
    try:
        if _version(connection, path) != SCHEMA_VERSION:
            connection.execute("BEGIN IMMEDIATE")
            version = _version(connection, path)
            if version != SCHEMA_VERSION:  # another process may have been first
                _bring_up_to_date(connection, version)
            connection.execute("COMMIT")
        _write_ahead(connection)
    except sqlite3.Error as error:
        raise translate(error, path) from error


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Have the file write ahead, which it then does for good.

    Two processes that create a journal may meet here. Each then keeps the other from the lock that
    it needs, which SQLite sees and tells at once, without the wait that it makes elsewhere.
    """
    give_up_at_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at_s:
                raise
            time.sleep(_MEET_AGAIN_S)


def _bring_up_to_date(connection: sqlite3.Connection, version: int) -> None:
    if version == 0:
        for statement in _SCHEMA.split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    if version < 2:
        connection.execute(_PREDICATE_TABLE)
    if version < 3:
        connection.execute(_SPENDING_TABLE)
        connection.execute(_SUM_OLDER_CALLS)
    connection.execute(_LIMIT_TABLE)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the file's version, 0 if it is empty; raise NotAWarehouse if it is not ours."""
    # One statement, so that it sees one state: another process may be creating the journal.
    version, application, tables = connection.execute(
        "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)"
        " FROM pragma_user_version, pragma_application_id"
    ).fetchone()
    is_ours = application == _APPLICATION_ID and 1 <= version <= SCHEMA_VERSION
    if is_ours or (tables, version) == (0, 0):
        return int(version)
    raise NotAWarehouse(
        f"{str(path)!r} is no journal of version {SCHEMA_VERSION}",
        hint="Open it with the Outcrop that wrote it, or move it away to start an empty journal.",
    )


def translate(error: sqlite3.Error, path: Path) -> Error:
    """Return our error for SQLite's, by its result code (https://sqlite.org/rescode.html)."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return InternalError(f"the journal {str(path)!r} was used wrongly: {error}")
    if code in _CORRUPTED or code & 0xFF in _CORRUPTED:
        return JournalCorrupted(f"the journal {str(path)!r} is damaged: {error}")
    if code & 0xFF in _UNWRITABLE:
        return DiskFull(
            f"the journal {str(path)!r} cannot be written: {error}",
            hint="Make space, or make the file writable, and run the statement again: what was "
            "answered before is kept and is not paid for again.",
        )
    if code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return WarehouseBusy(
            f"another process has kept the journal {str(path)!r} locked for "
            f"{_BUSY_TIMEOUT_S:g} seconds",
            hint="End that process, or wait for it, and run the statement again.",
        )
    return InternalError(f"the journal {str(path)!r} was used wrongly: {error}")


_CORRUPTED = frozenset(
    {
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_IOERR_READ,
        sqlite3.SQLITE_IOERR_SHORT_READ,
        sqlite3.SQLITE_IOERR_CORRUPTFS,
    }
)
_UNWRITABLE = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)

# A circular object is no JSON either way; to look for one takes a sixth of the time.
_encode_json = json.JSONEncoder(
    separators=(",", ":"), ensure_ascii=False, check_circular=False
).encode
_WINDOW_BITS_MIN, _WINDOW_BITS_MAX = 9, 15
_MEMORY_LEVEL_MIN = 4
_COMPRESSED_FROM_BYTES = 1_024


def encode(response: JsonObject, text: bytes | None = None) -> bytes:
    """Return `response` as JSON text; raises InternalError where it is no JSON.

    `text` is its JSON text, where whoever read it still has it.
    """
    if text is not None and text.startswith(b"{"):
        return text
    try:
        return _encode_json(response).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, RecursionError) as error:
        raise InternalError(f"a provider's answer is no JSON: {error}") from error


def compress(text: bytes) -> bytes:
    """Return the JSON text of an answer as it is stored: compressed, where that pays.

    A short text stays as it is: 300 bytes would become 220 in the time that all else takes which
    is done for their journaling. The compressor's window is no larger than the text needs: zlib
    allocates and clears it first.
    """
    if len(text) < _COMPRESSED_FROM_BYTES:
        return text
    window_bits = min(max(len(text).bit_length(), _WINDOW_BITS_MIN), _WINDOW_BITS_MAX)
    memory_level = max(window_bits - 7, _MEMORY_LEVEL_MIN)
    compressor = zlib.compressobj(1, zlib.DEFLATED, window_bits, memory_level)
    return compressor.compress(text) + compressor.flush()


def unpack(packed: bytes, path: Path) -> JsonObject:
    """Return the answer that is stored so; raises JournalCorrupted where `packed` is damaged."""
    try:
        is_plain = packed.startswith(b"{")  # no stream of zlib's begins so
        response = json.loads(packed if is_plain else zlib.decompress(packed))
    except (zlib.error, ValueError, RecursionError) as error:
        raise JournalCorrupted(f"an answer in {str(path)!r} is damaged: {error}") from error
    if not isinstance(response, dict):
        raise JournalCorrupted(f"an answer in {str(path)!r} is not a JSON object")
    return response
