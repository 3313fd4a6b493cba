"""COPY: its options in any order, each known to the one table below.

Facts are from the developer guide, "COPY" and its pages of parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outcrop.errors import Position, SqlSyntaxError, suggest
from outcrop.sql.grammar.options import FORMAT, Argument, Options, parse_argument
from outcrop.sql.statements import Copy
from outcrop.sql.tokens import TokenCursor

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

_KNOWN = (*_OPTIONS, *_FORMATS, FORMAT)


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
    options = Options("COPY")
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


def _parse_option(cursor: TokenCursor, options: Options) -> None:
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


def _parse_format(cursor: TokenCursor, options: Options, position: Position) -> None:
    word = cursor.expect_one_of(*_FORMATS)
    options.add(FORMAT, word, position)
    argument = parse_argument(cursor, word, _FORMATS[word])
    if isinstance(argument, str):
        options.add(word, argument, position)


def _check_conflicts(options: Options) -> None:
    for group in _EXCLUSIVE:
        given = [name for name in group if name in options.values]
        if len(given) > 1:
            raise options.conflict(given[1], given[0])
    file_format = str(options.values.get(FORMAT, ""))
    for name in _EXCLUDED_BY_FORMAT.get(file_format, ()):
        if name in options.values:
            raise options.conflict(name, file_format)
    if "QUOTE" in options.values and file_format != "CSV":
        raise SqlSyntaxError(
            "option 'QUOTE' of COPY needs the format CSV",
            hint="Add CSV, or remove QUOTE.",
            position=options.positions["QUOTE"],
        )
