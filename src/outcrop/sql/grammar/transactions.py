"""BEGIN, COMMIT, ROLLBACK and their synonyms."""

from __future__ import annotations

from outcrop.sql.statements import Begin, Commit, Rollback
from outcrop.sql.tokens import TokenCursor

_ISOLATION_LEVELS = (
    ("SERIALIZABLE",),
    ("SNAPSHOT",),
    ("REPEATABLE", "READ"),
    ("READ", "COMMITTED"),
    ("READ", "UNCOMMITTED"),
)


def parse_begin(cursor: TokenCursor) -> Begin:
    """Parse BEGIN [WORK | TRANSACTION] or START TRANSACTION, with modes.

    Redshift runs every isolation level as a serializable one; ours is a snapshot at any of them.
    """
    if cursor.accept("START"):
        cursor.expect("TRANSACTION")
    else:
        cursor.expect("BEGIN")
        cursor.accept_one_of("WORK", "TRANSACTION")
    while cursor.peek() is not None:
        _parse_mode(cursor)
        cursor.accept(",")
    return Begin(text=cursor.text, position=cursor.start)


def parse_commit(cursor: TokenCursor) -> Commit:
    """Parse COMMIT or END [WORK | TRANSACTION]."""
    cursor.expect_one_of("COMMIT", "END")
    cursor.accept_one_of("WORK", "TRANSACTION")
    cursor.end()
    return Commit(text=cursor.text, position=cursor.start)


def parse_rollback(cursor: TokenCursor) -> Rollback:
    """Parse ROLLBACK or ABORT [WORK | TRANSACTION]."""
    cursor.expect_one_of("ROLLBACK", "ABORT")
    cursor.accept_one_of("WORK", "TRANSACTION")
    if cursor.at("TO"):
        raise cursor.unsupported("ROLLBACK TO", "Redshift has no savepoints.")
    cursor.end()
    return Rollback(text=cursor.text, position=cursor.start)


def _parse_mode(cursor: TokenCursor) -> None:
    if cursor.accept("READ", "WRITE") or cursor.accept("READ", "ONLY"):
        return
    cursor.expect("ISOLATION", "LEVEL")
    if not any(cursor.accept(*level) for level in _ISOLATION_LEVELS):
        raise cursor.error("expected an isolation level, such as SERIALIZABLE")
