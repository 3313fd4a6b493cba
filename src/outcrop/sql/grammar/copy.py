"""COPY: its options in any order, each known to the one table below.

Facts are from the developer guide, "COPY" and its pages of parameters. The arguments of options
are kept as typed, backslashes included, but for DELIMITER, whose escapes are resolved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from outcrop.errors import Position, SqlSyntaxError, suggest
from outcrop.sql.statements import Copy
from outcrop.sql.tokens import TokenCursor


class Argument(StrEnum):
    """What follows an option's name."""

    NONE = "nothing"
    STRING = "a string"
    MAYBE_STRING = "maybe a string"
    NUMBER = "a number"
    WORD = "a word or a string"
    SWITCH = "maybe ON or OFF"
    ROLE = "DEFAULT or an ARN"


_OPTIONS: Mapping[str, Argument] = MappingProxyType(
    {
        # who may read the source
        "IAM_ROLE": Argument.ROLE,
        "CREDENTIALS": Argument.STRING,
        "ACCESS_KEY_ID": Argument.STRING,
        "SECRET_ACCESS_KEY": Argument.STRING,
        "SESSION_TOKEN": Argument.STRING,
        # where and how it is stored
        "REGION": Argument.STRING,
        "MANIFEST": Argument.NONE,
        "ENCRYPTED": Argument.NONE,
        "MASTER_SYMMETRIC_KEY": Argument.STRING,
        "GZIP": Argument.NONE,
        "BZIP2": Argument.NONE,
        "LZOP": Argument.NONE,
        "ZSTD": Argument.NONE,
        # format
        "QUOTE": Argument.STRING,
        "DELIMITER": Argument.STRING,
        # conversion
        "ACCEPTANYDATE": Argument.NONE,
        "ACCEPTINVCHARS": Argument.MAYBE_STRING,
        "BLANKSASNULL": Argument.NONE,
        "DATEFORMAT": Argument.WORD,
        "EMPTYASNULL": Argument.NONE,
        "ENCODING": Argument.WORD,
        "ESCAPE": Argument.NONE,
        "EXPLICIT_IDS": Argument.NONE,
        "FILLRECORD": Argument.NONE,
        "IGNOREBLANKLINES": Argument.NONE,
        "IGNOREHEADER": Argument.NUMBER,
        "NULL": Argument.STRING,
        "REMOVEQUOTES": Argument.NONE,
        "ROUNDEC": Argument.NONE,
        "TIMEFORMAT": Argument.WORD,
        "TRIMBLANKS": Argument.NONE,
        "TRUNCATECOLUMNS": Argument.NONE,
        # load
        "COMPROWS": Argument.NUMBER,
        "COMPUPDATE": Argument.SWITCH,
        "STATUPDATE": Argument.SWITCH,
        "MAXERROR": Argument.NUMBER,
        "IGNOREALLERRORS": Argument.NONE,
        "NOLOAD": Argument.NONE,
    }
)

_FORMATS: Mapping[str, Argument] = MappingProxyType(
    {
        "CSV": Argument.NONE,
        "JSON": Argument.MAYBE_STRING,
        "AVRO": Argument.MAYBE_STRING,
        "FIXEDWIDTH": Argument.STRING,
        "SHAPEFILE": Argument.NONE,
        "PARQUET": Argument.NONE,
        "ORC": Argument.NONE,
    }
)

_EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("GZIP", "BZIP2", "LZOP", "ZSTD"),
    ("IAM_ROLE", "CREDENTIALS", "ACCESS_KEY_ID"),
)
"""Options of which one excludes the others."""

_EXCLUDED_BY_FORMAT: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CSV": ("FIXEDWIDTH", "REMOVEQUOTES", "ESCAPE"),
        "FIXEDWIDTH": ("DELIMITER", "QUOTE", "ESCAPE"),
        "JSON": ("DELIMITER", "QUOTE", "ESCAPE", "REMOVEQUOTES", "IGNOREHEADER", "FILLRECORD"),
        "PARQUET": ("DELIMITER", "QUOTE", "ESCAPE", "REMOVEQUOTES", "IGNOREHEADER", "NULL"),
        "ORC": ("DELIMITER", "QUOTE", "ESCAPE", "REMOVEQUOTES", "IGNOREHEADER", "NULL"),
        "AVRO": ("DELIMITER", "QUOTE", "ESCAPE", "REMOVEQUOTES", "IGNOREHEADER"),
    }
)

_SWITCH_WORDS = ("ON", "OFF", "TRUE", "FALSE", "PRESET")
_KNOWN = (*_OPTIONS, *_FORMATS, "FORMAT")


@dataclass(slots=True)
class _Options:
    values: dict[str, str | bool] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)

    def add(self, name: str, value: str | bool, position: Position) -> None:
        if name in self.values:
            raise SqlSyntaxError(
                f"option {name!r} of COPY is given more than once"
                if name != "FORMAT"
                else f"COPY has one format only, and {self.values[name]} is given already",
                hint="Remove one of them.",
                position=position,
            )
        self.values[name] = value
        self.positions[name] = position


def parse_copy(cursor: TokenCursor) -> Copy:
    """Parse COPY table [(columns)] FROM 'source' [option ...]."""
    cursor.expect("COPY")
    if cursor.at("JOB"):
        raise cursor.unsupported("COPY JOB", "Run COPY when files arrive.")
    name_position = cursor.position
    table = cursor.name("the table's name")
    columns = cursor.names() if cursor.at("(") else ()
    if cursor.at("TO"):
        raise cursor.unsupported("COPY table TO", "Write COPY (SELECT * FROM table) TO 'target'.")
    cursor.expect("FROM")
    if cursor.at("STDIN"):
        raise cursor.unsupported("COPY FROM STDIN", "Name a file or an s3:// object.")
    source = cursor.string("the source to load from")
    options = _Options()
    while cursor.peek() is not None:
        _parse_option(cursor, options)
    _check_conflicts(options)
    return Copy(
        text=cursor.text,
        position=cursor.start,
        name_position=name_position,
        table=table,
        columns=columns,
        source=source,
        options=options.values,
        option_positions=options.positions,
    )


def _parse_option(cursor: TokenCursor, options: _Options) -> None:
    position = cursor.position
    has_word = cursor.accept("FORMAT")
    if has_word:
        cursor.accept("AS")
    else:
        cursor.accept("WITH")
    word = cursor.word() or ""
    if word in _FORMATS:
        _parse_format(cursor, options, position)
    elif has_word:
        raise cursor.error(f"expected one of {', '.join(_FORMATS)}", known=tuple(_FORMATS))
    elif word in _OPTIONS:
        cursor.index += 1
        options.add(word, parse_argument(cursor, word, _OPTIONS[word]), position)
    elif not word:
        raise cursor.error("expected an option of COPY")
    else:
        raise SqlSyntaxError(
            f"unknown option {word!r} of COPY",
            hint=suggest(word, _KNOWN) or "The options of COPY are in its reference.",
            position=position,
        )


def _parse_format(cursor: TokenCursor, options: _Options, position: Position) -> None:
    word = cursor.expect_one_of(*_FORMATS)
    options.add("FORMAT", word, position)
    argument = parse_argument(cursor, word, _FORMATS[word])
    if isinstance(argument, str):
        options.add(word, argument, position)


def parse_argument(cursor: TokenCursor, name: str, kind: Argument) -> str | bool:
    """Parse what follows the name of an option; True where nothing does."""
    if kind is Argument.NONE:
        return True
    if kind is Argument.SWITCH:
        return cursor.accept_one_of(*_SWITCH_WORDS) or True
    cursor.accept("AS")
    if kind is Argument.ROLE and cursor.accept("DEFAULT"):
        return "default"
    text = cursor.accept_raw_string()
    if text is not None:
        return _argument_text(name, text)
    match kind:
        case Argument.MAYBE_STRING:
            return True
        case Argument.NUMBER:
            return cursor.number(f"a number for {name}")
        case Argument.WORD:
            return cursor.identifier_or_word(f"a value for {name}").lower()
        case _:
            raise cursor.error(f"expected {kind} for {name}, in single quotes")


def _argument_text(name: str, text: str) -> str:
    if name == "DELIMITER":
        return _resolve_escapes(text)
    return text.replace("\\\\", "\\") if name == "NULL" else text


_ESCAPE = re.compile(r"\\(?:([0-7]{1,3})|(.))", re.DOTALL)
_NAMED_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}


def _resolve_escapes(text: str) -> str:
    r"""Replace `\t` and octal codes such as `\001` (or `\\001`) by their characters."""

    def replace(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 8))
        return _NAMED_ESCAPES.get(found[2], found[2])

    return _ESCAPE.sub(replace, re.sub(r"\\\\(?=[0-7tnr])", r"\\", text))


def _check_conflicts(options: _Options) -> None:
    for group in _EXCLUSIVE:
        given = [name for name in group if name in options.values]
        if len(given) > 1:
            raise _conflict(options, given[1], given[0])
    file_format = str(options.values.get("FORMAT", ""))
    for name in _EXCLUDED_BY_FORMAT.get(file_format, ()):
        if name in options.values:
            raise _conflict(options, name, file_format)
    if "QUOTE" in options.values and file_format != "CSV":
        raise SqlSyntaxError(
            "option 'QUOTE' of COPY needs the format CSV",
            hint="Add CSV, or remove QUOTE.",
            position=options.positions["QUOTE"],
        )


def _conflict(options: _Options, name: str, other: str) -> SqlSyntaxError:
    return SqlSyntaxError(
        f"option {name!r} of COPY cannot be used with {other!r}",
        hint=f"Remove {name} or {other}.",
        position=options.positions[name],
    )
