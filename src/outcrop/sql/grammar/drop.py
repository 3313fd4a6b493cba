"""DROP, and CREATE SCHEMA."""

from __future__ import annotations

from outcrop.sql.statements import CreateSchema, Drop
from outcrop.sql.tokens import TokenCursor

_KINDS = (("MATERIALIZED", "VIEW"), ("TABLE",), ("VIEW",), ("SCHEMA",), ("MODEL",))


def parse_drop(cursor: TokenCursor) -> Drop:
    """Parse DROP kind [IF EXISTS] name [, ...] [CASCADE | RESTRICT]."""
    cursor.expect("DROP")
    kind = _parse_kind(cursor)
    if_exists = cursor.accept("IF", "EXISTS")
    name_position = cursor.position
    names = [cursor.name(f"the name of the {kind}")]
    while cursor.accept(","):
        names.append(cursor.name(f"the name of the {kind}"))
    is_cascade = cursor.accept_one_of("CASCADE", "RESTRICT") == "CASCADE"
    cursor.end()
    return Drop(
        text=cursor.text,
        position=cursor.start,
        name_position=name_position,
        kind=kind,
        names=tuple(names),
        if_exists=if_exists,
        is_cascade=is_cascade,
    )


def parse_create_schema(cursor: TokenCursor) -> CreateSchema:
    """Parse CREATE SCHEMA [IF NOT EXISTS] name."""
    cursor.expect("CREATE", "SCHEMA")
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name_position = cursor.position
    name = cursor.identifier("the schema's name")
    if cursor.at("AUTHORIZATION") or cursor.at("QUOTA"):
        raise cursor.unsupported(f"{cursor.word()} in CREATE SCHEMA", "Leave it out.")
    cursor.end()
    return CreateSchema(
        text=cursor.text,
        position=cursor.start,
        name_position=name_position,
        name=name,
        if_not_exists=if_not_exists,
    )


def _parse_kind(cursor: TokenCursor) -> str:
    for words in _KINDS:
        if cursor.accept(*words):
            return " ".join(words).lower()
    raise cursor.error(
        "expected TABLE, VIEW, MATERIALIZED VIEW, SCHEMA or MODEL",
        known=[words[0] for words in _KINDS],
    )
