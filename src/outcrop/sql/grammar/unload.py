"""UNLOAD: a query in quotes, where its rows go, and options in any order.

Facts are from the developer guide, "UNLOAD". COPY (query) TO, as PostgreSQL has it, is the same
statement with its query not in quotes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlglot import exp

from outcrop.errors import Position, SqlSyntaxError, suggest
from outcrop.sql.grammar.options import FORMAT, Argument, Options, parse_argument
from outcrop.sql.script import Script, statements, tokenize
from outcrop.sql.statements import Unload
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import check_nesting, parse_query

_FORMATS = ("CSV", "PARQUET", "JSON")

_OPTIONS: Mapping[str, Argument] = MappingProxyType(
    {
        "IAM_ROLE": Argument.ROLE,
        "CREDENTIALS": Argument.STRING,
        "ACCESS_KEY_ID": Argument.STRING,
        "SECRET_ACCESS_KEY": Argument.STRING,
        "SESSION_TOKEN": Argument.STRING,
        "REGION": Argument.STRING,
        "HEADER": Argument.NONE,
        "DELIMITER": Argument.STRING,
        "NULL": Argument.STRING,
        "ADDQUOTES": Argument.NONE,
        "ESCAPE": Argument.NONE,
        "GZIP": Argument.NONE,
        "BZIP2": Argument.NONE,
        "ZSTD": Argument.NONE,
        "ALLOWOVERWRITE": Argument.NONE,
        "PARALLEL": Argument.SWITCH,
        "MANIFEST": Argument.NONE,
        "EXTENSION": Argument.STRING,
    }
)

_UNSUPPORTED: Mapping[str, str] = MappingProxyType(
    {
        "CLEANPATH": "Remove the old files first, or write ALLOWOVERWRITE.",
        "PARTITION BY": "Unload each part with a query of its own.",
        "MAXFILESIZE": "One file is written; unload each part with a query of its own.",
        "ROWGROUPSIZE": "Leave it out.",
        "FIXEDWIDTH": "Pad the columns in the query with RPAD.",
        "ENCRYPTED": "Use the encryption of the bucket, which needs no option.",
        "KMS_KEY_ID": "Use the encryption of the bucket, which needs no option.",
    }
)

_TEXT_OPTIONS = ("DELIMITER", "NULL", "HEADER", "ADDQUOTES", "ESCAPE")

_EXCLUDED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "CSV": ("ADDQUOTES", "ESCAPE"),
        "JSON": _TEXT_OPTIONS,
        "PARQUET": (*_TEXT_OPTIONS, "GZIP", "BZIP2", "ZSTD"),
        "GZIP": ("BZIP2", "ZSTD"),
        "BZIP2": ("ZSTD",),
        "IAM_ROLE": ("CREDENTIALS", "ACCESS_KEY_ID"),
    }
)
"""Options, and the words that cannot stand beside them."""


def parse_unload(cursor: TokenCursor) -> Unload:
    """Parse UNLOAD ('query') TO 'target' [option ...]."""
    cursor.expect("UNLOAD", "(")
    place = cursor.position
    query = _parse_query(cursor.string("the query"), place)
    cursor.expect(")")
    return _parse_rest(cursor, query)


def parse_copy_query(cursor: TokenCursor) -> Unload:
    """Parse COPY ( query ) TO 'target' [option ...]."""
    cursor.expect("COPY", "(")
    query = parse_query(cursor.script, cursor.take_until())
    cursor.expect(")")
    return _parse_rest(cursor, query)


def _parse_rest(cursor: TokenCursor, query: exp.Query) -> Unload:
    cursor.expect("TO")
    target = cursor.string("where the rows go")
    options = Options("UNLOAD")
    while cursor.peek() is not None:
        _parse_option(cursor, options)
    _check_conflicts(options)
    return Unload(
        text=cursor.text,
        position=cursor.start,
        query=query,
        target=target,
        options=options.values,
        option_positions=options.positions,
    )


def _parse_query(text: str, place: Position) -> exp.Query:
    """Return the tree of a query in quotes; an error in it is placed where the quotes begin."""
    script = Script.of(text)
    try:
        found = list(statements(script, tokenize(script)))
        if len(found) != 1:
            raise SqlSyntaxError("UNLOAD takes one query", hint="Write UNLOAD ('SELECT ...') TO")
        check_nesting(script, found[0])
        return parse_query(script, found[0])
    except SqlSyntaxError as error:
        error.position = place
        raise


def _parse_option(cursor: TokenCursor, options: Options) -> None:
    position = cursor.position
    if cursor.accept(FORMAT):
        cursor.accept("AS")
        options.add(FORMAT, cursor.expect_one_of(*_FORMATS), position)
        return
    cursor.accept("WITH")
    if (chosen := cursor.accept_one_of(*_FORMATS)) is not None:
        options.add(FORMAT, chosen, position)
        return
    word = cursor.word() or ""
    if word in _UNSUPPORTED:
        raise cursor.unsupported(f"{word} of UNLOAD", _UNSUPPORTED[word])
    if word not in _OPTIONS:
        raise SqlSyntaxError(
            f"unknown option {word!r} of UNLOAD" if word else "expected an option of UNLOAD",
            hint=suggest(word, (*_OPTIONS, *_FORMATS, FORMAT)),
            position=cursor.position,
        )
    cursor.index += 1
    options.add(word, parse_argument(cursor, word, _OPTIONS[word]), position)


def _check_conflicts(options: Options) -> None:
    chosen = {*options.values, str(options.values.get(FORMAT, ""))}
    for word, excluded in _EXCLUDED.items():
        for name in excluded:
            if word in chosen and name in options.values:
                raise options.conflict(name, word)
