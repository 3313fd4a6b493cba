"""SET, RESET and SHOW."""

from __future__ import annotations

from outcrop.sql.statements import SetSetting, ShowModel, ShowSetting
from outcrop.sql.tokens import TokenCursor

_UNSUPPORTED_SHOWS = {
    "TABLE": "Read the catalog: SELECT * FROM pg_table_def.",
    "TABLES": "Read the catalog: SELECT DISTINCT tablename FROM pg_table_def.",
    "VIEW": r"The shell describes it: \d name.",
    "SCHEMAS": "Read the catalog: SELECT DISTINCT schemaname FROM pg_table_def.",
    "DATABASES": "A warehouse is one database.",
    "COLUMNS": "Read the catalog: SELECT * FROM pg_table_def.",
    "GRANTS": "Grants come with a later version.",
    "PROCEDURE": "Stored procedures are not supported.",
    "EXTERNAL": "External tables are not supported.",
    "DATASHARES": "Data shares are not supported.",
}

ALL = "all"


def parse_set(cursor: TokenCursor) -> SetSetting:
    """Parse SET [SESSION | LOCAL] name { TO | = } { value [, ...] | DEFAULT }."""
    cursor.expect("SET")
    if cursor.at("SESSION", "AUTHORIZATION") or cursor.at("SESSION", "CHARACTERISTICS"):
        raise cursor.unsupported(f"SET SESSION {cursor.word(1)}", "Open another session.")
    if cursor.at("TRANSACTION"):
        raise cursor.unsupported("SET TRANSACTION", "Every transaction is a snapshot.")
    scope = cursor.accept_one_of("SESSION", "LOCAL")
    name_position = cursor.position
    if cursor.accept("TIME", "ZONE"):
        name = "timezone"
    else:
        name = _setting_name(cursor)
        if cursor.accept_one_of("TO", "=") is None:
            raise cursor.error("expected TO or =")
    value = None if _accept_default(cursor) else _values(cursor)
    cursor.end()
    return SetSetting(
        text=cursor.text,
        position=cursor.start,
        name_position=name_position,
        name=name,
        value=value,
        is_local=scope == "LOCAL",
    )


def parse_reset(cursor: TokenCursor) -> SetSetting:
    """Parse RESET { name | ALL }."""
    cursor.expect("RESET")
    name_position = cursor.position
    name = ALL if cursor.accept("ALL") else _setting_name(cursor)
    cursor.end()
    return SetSetting(
        text=cursor.text,
        position=cursor.start,
        name_position=name_position,
        name=name,
        value=None,
    )


def parse_show_model(cursor: TokenCursor) -> ShowModel:
    """Parse SHOW MODEL { ALL | name }."""
    cursor.expect("SHOW", "MODEL")
    name_position = cursor.position
    name = None if cursor.accept("ALL") else cursor.name("ALL or a model's name")
    cursor.end()
    return ShowModel(
        text=cursor.text, position=cursor.start, name_position=name_position, name=name
    )


def parse_show(cursor: TokenCursor) -> ShowSetting:
    """Parse SHOW { ALL | setting }."""
    cursor.expect("SHOW")
    name_position = cursor.position
    word = cursor.word()
    if word in _UNSUPPORTED_SHOWS:
        raise cursor.unsupported(f"SHOW {word}", _UNSUPPORTED_SHOWS[word])
    if cursor.accept("ALL"):
        name = None
    elif cursor.accept("TIME", "ZONE"):
        name = "timezone"
    else:
        name = _setting_name(cursor)
    cursor.end()
    return ShowSetting(
        text=cursor.text, position=cursor.start, name_position=name_position, name=name
    )


def _setting_name(cursor: TokenCursor) -> str:
    return ".".join(cursor.name("the name of a setting")).lower()


def _accept_default(cursor: TokenCursor) -> bool:
    return cursor.peek(1) is None and cursor.accept("DEFAULT")


def _values(cursor: TokenCursor) -> str:
    values = [_value(cursor)]
    while cursor.accept(","):
        values.append(_value(cursor))
    return ", ".join(values)


def _value(cursor: TokenCursor) -> str:
    """Parse a string, a number (with a unit: `90s`) or a word such as `on`."""
    text = cursor.accept_string()
    if text is not None:
        return text
    tokens = cursor.take_until(",")
    if not tokens:
        raise cursor.error("expected a value")
    if len(tokens) > 1 and tokens[0].end + 1 != tokens[1].start:
        cursor.index -= len(tokens) - 1
        raise cursor.error("expected one value; a text of several words is quoted")
    return cursor.unquoted(tokens)
