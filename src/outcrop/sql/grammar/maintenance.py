"""VACUUM and ANALYZE: read in full and without effect, since the engine needs neither."""

from __future__ import annotations

from outcrop.sql.statements import Maintenance, NameParts
from outcrop.sql.tokens import TokenCursor

_VACUUM_KINDS = (("SORT", "ONLY"), ("DELETE", "ONLY"), ("FULL",), ("REINDEX",), ("RECLUSTER",))


def parse_vacuum(cursor: TokenCursor) -> Maintenance:
    """Parse VACUUM [kind] [[TABLE] name] [TO n PERCENT] [BOOST]."""
    cursor.expect("VACUUM")
    for words in _VACUUM_KINDS:
        if cursor.accept(*words):
            break
    target: NameParts | None = None
    if cursor.accept("TABLE") or cursor.word() not in (None, "TO", "BOOST"):
        target = cursor.name("the table's name")
    if cursor.accept("TO"):
        cursor.number("a percentage")
        cursor.expect("PERCENT")
    cursor.accept("BOOST")
    cursor.end()
    return Maintenance(text=cursor.text, position=cursor.start, verb="VACUUM", target=target)


def parse_analyze(cursor: TokenCursor) -> Maintenance:
    """Parse ANALYZE [VERBOSE] [name [(columns)]] [{PREDICATE | ALL} COLUMNS]."""
    cursor.expect_one_of("ANALYZE", "ANALYSE")
    if cursor.at("COMPRESSION"):
        raise cursor.unsupported("ANALYZE COMPRESSION", "The engine compresses by itself.")
    cursor.accept("VERBOSE")
    target: NameParts | None = None
    if cursor.peek() is not None:
        target = cursor.name("the table's name")
        if cursor.at("("):
            cursor.names()
    if cursor.accept_one_of("PREDICATE", "ALL"):
        cursor.expect("COLUMNS")
    cursor.end()
    return Maintenance(text=cursor.text, position=cursor.start, verb="ANALYZE", target=target)
