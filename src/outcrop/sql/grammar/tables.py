"""CREATE TABLE, CREATE TABLE AS and TRUNCATE.

Facts are from the developer guide, "CREATE TABLE" and "CREATE TABLE AS". UNIQUE and foreign keys
are informational in Redshift and are read past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.tokenizer_core import Token

from outcrop.errors import InvalidStatement
from outcrop.sql.grammar.attributes import TableAttributes
from outcrop.sql.statements import ColumnSpec, CreateTable, CreateTableAs, NameParts, Truncate
from outcrop.sql.tokens import TokenCursor
from outcrop.sql.trees import parse_expression, parse_query, parse_type

_COLUMN_WORDS = (
    "DEFAULT", "IDENTITY", "GENERATED", "ENCODE", "DISTKEY", "SORTKEY", "COLLATE", "NOT", "NULL",
    "UNIQUE", "PRIMARY", "REFERENCES", "CONSTRAINT", "CHECK",
)  # fmt: skip

_TABLE_CONSTRAINTS = ("CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "LIKE", "CHECK")


@dataclass(slots=True)
class _TableParts:
    """What the parentheses of CREATE TABLE have given so far."""

    columns: list[ColumnSpec] = field(default_factory=list)
    primary_key: tuple[str, ...] = ()
    attributes: TableAttributes = field(default_factory=TableAttributes)


def parse_create_table(cursor: TokenCursor) -> CreateTable | CreateTableAs:
    """Parse CREATE [[LOCAL] TEMP[ORARY]] TABLE [IF NOT EXISTS] name ..., with or without AS."""
    cursor.expect("CREATE")
    is_local = cursor.accept("LOCAL")
    is_temporary = cursor.accept_one_of("TEMP", "TEMPORARY") is not None
    if is_local and not is_temporary:
        raise cursor.error("expected TEMP")
    cursor.expect("TABLE")
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name("the table's name")
    is_temporary = is_temporary or name[-1].startswith("#")
    if cursor.at("(") and not _is_list_of_names(cursor):
        return _finish_table(cursor, name, is_temporary, if_not_exists)
    return _finish_table_as(cursor, name, is_temporary, if_not_exists)


def parse_truncate(cursor: TokenCursor) -> Truncate:
    """Parse TRUNCATE [TABLE] name."""
    cursor.expect("TRUNCATE")
    cursor.accept("TABLE")
    name = cursor.name("the table's name")
    cursor.end()
    return Truncate(text=cursor.text, position=cursor.start, name=name)


def _is_list_of_names(cursor: TokenCursor) -> bool:
    """Whether the parentheses that follow hold column names alone, as CREATE TABLE AS may have."""
    return cursor.word(2) in (",", ")")


def _finish_table(
    cursor: TokenCursor, name: NameParts, is_temporary: bool, if_not_exists: bool
) -> CreateTable:
    parts = _TableParts()
    cursor.expect("(")
    _parse_element(cursor, parts)
    while cursor.accept(","):
        _parse_element(cursor, parts)
    cursor.expect(")")
    parts.attributes.parse(cursor)
    if cursor.peek() is not None:
        raise cursor.error("expected BACKUP, DISTSTYLE, DISTKEY, SORTKEY or ENCODE AUTO")
    _check_columns(cursor, parts)
    return CreateTable(
        text=cursor.text,
        position=cursor.start,
        name=name,
        columns=tuple(parts.columns),
        is_temporary=is_temporary,
        if_not_exists=if_not_exists,
        primary_key=parts.primary_key,
        attributes=parts.attributes.found,
    )


def _finish_table_as(
    cursor: TokenCursor, name: NameParts, is_temporary: bool, if_not_exists: bool
) -> CreateTableAs:
    column_names = cursor.names() if cursor.at("(") else ()
    attributes = TableAttributes()
    attributes.parse(cursor)
    if not cursor.accept("AS"):
        raise cursor.error("expected a list of columns, or AS and a query")
    rest = cursor.take_rest()
    if not rest:
        raise cursor.error("expected a query")
    return CreateTableAs(
        text=cursor.text,
        position=cursor.start,
        name=name,
        query=parse_query(cursor.script, rest),
        column_names=column_names,
        is_temporary=is_temporary,
        if_not_exists=if_not_exists,
        attributes=attributes.found,
    )


def _parse_element(cursor: TokenCursor, parts: _TableParts) -> None:
    """Parse a column or a table constraint."""
    if cursor.word() in _TABLE_CONSTRAINTS and cursor.word(1) != ",":
        _parse_table_constraint(cursor, parts)
    else:
        parts.columns.append(_parse_column(cursor, parts))


def _parse_table_constraint(cursor: TokenCursor, parts: _TableParts) -> None:
    if cursor.at("LIKE"):
        raise cursor.unsupported("LIKE in CREATE TABLE", "List the columns.")
    if cursor.at("CHECK"):
        raise cursor.unsupported("CHECK", "Redshift has no CHECK constraints.")
    if cursor.accept("CONSTRAINT"):
        cursor.identifier("the constraint's name")
    match cursor.expect_one_of("PRIMARY", "UNIQUE", "FOREIGN"):
        case "PRIMARY":
            cursor.expect("KEY")
            _set_primary_key(cursor, parts, cursor.names())
        case "UNIQUE":
            cursor.names()
        case _:
            cursor.expect("KEY")
            cursor.names()
            _parse_reference(cursor)


def _parse_reference(cursor: TokenCursor) -> None:
    cursor.expect("REFERENCES")
    cursor.name("the referenced table's name")
    if cursor.at("("):
        cursor.names()


def _set_primary_key(cursor: TokenCursor, parts: _TableParts, columns: tuple[str, ...]) -> None:
    if parts.primary_key:
        raise cursor.error("expected one PRIMARY KEY only")
    parts.primary_key = columns


@dataclass(slots=True)
class _ColumnParts:
    """The attributes of a column; a second one of a kind is refused through `seen`."""

    is_nullable: bool = True
    default: exp.Expression | None = None
    encoding: str | None = None
    is_identity: bool = False
    seed: int = 1
    step: int = 1
    seen: set[str] = field(default_factory=set)


def _parse_column(cursor: TokenCursor, parts: _TableParts) -> ColumnSpec:
    position = cursor.position
    name = cursor.identifier("a column's name")
    type_tokens = cursor.take_until(*_COLUMN_WORDS, ",")
    if not type_tokens:
        raise cursor.error(f"expected the type of column {name!r}")
    datatype = parse_type(cursor.script, type_tokens)
    column = _ColumnParts()
    while cursor.peek() is not None and not cursor.at(",") and not cursor.at(")"):
        _parse_column_attribute(cursor, name, column, parts)
    return ColumnSpec(
        name=name,
        datatype=datatype,
        is_nullable=column.is_nullable,
        default=column.default,
        encoding=column.encoding,
        is_identity=column.is_identity,
        identity_seed=column.seed,
        identity_step=column.step,
        position=position,
    )


def _parse_column_attribute(
    cursor: TokenCursor, name: str, column: _ColumnParts, parts: _TableParts
) -> None:
    before = cursor.index
    word = cursor.expect_one_of(*_COLUMN_WORDS)
    kind = "NULL" if word == "NOT" else word
    if kind in column.seen:
        cursor.index = before
        raise cursor.error(f"expected {word} once for column {name!r}")
    column.seen.add(kind)
    match word:
        case "NOT":
            cursor.expect("NULL")
            column.is_nullable = False
        case "DEFAULT":
            column.default = _parse_default(cursor)
        case "IDENTITY" | "GENERATED":
            _parse_identity(cursor, word, column)
        case "ENCODE":
            column.encoding = cursor.identifier_or_word("an encoding").upper()
        case "DISTKEY" | "SORTKEY":
            parts.attributes.set(cursor, word, name)
        case "PRIMARY":
            cursor.expect("KEY")
            column.is_nullable = False
            _set_primary_key(cursor, parts, (name,))
        case "REFERENCES":
            cursor.index = before
            _parse_reference(cursor)
        case "COLLATE":
            _parse_collation(cursor)
        case "CONSTRAINT":
            cursor.identifier("the constraint's name")
        case "CHECK":
            raise cursor.unsupported("CHECK", "Redshift has no CHECK constraints.")


def _parse_default(cursor: TokenCursor) -> exp.Expression:
    tokens: Sequence[Token] = cursor.take_until(
        *(word for word in _COLUMN_WORDS if word not in ("NULL", "DEFAULT")), ","
    )
    if not tokens:
        raise cursor.error("expected a default value")
    if len(tokens) > 1 and tokens[-1].text.upper() == "NULL":
        tokens = tokens[:-1]
    return parse_expression(cursor.script, tokens)


def _parse_identity(cursor: TokenCursor, word: str, column: _ColumnParts) -> None:
    """Parse IDENTITY(seed, step) or GENERATED BY DEFAULT AS IDENTITY(seed, step)."""
    if word == "GENERATED":
        cursor.expect("BY", "DEFAULT", "AS", "IDENTITY")
    cursor.expect("(")
    column.seed = int(cursor.number("the seed"))
    cursor.expect(",")
    column.step = int(cursor.number("the step"))
    cursor.expect(")")
    column.is_identity = True
    column.is_nullable = False


def _parse_collation(cursor: TokenCursor) -> None:
    if cursor.at("CASE_INSENSITIVE") or cursor.at("CI"):
        raise cursor.unsupported("COLLATE CASE_INSENSITIVE", "Compare lower(column) instead.")
    cursor.expect_one_of("CASE_SENSITIVE", "CS")


def _check_columns(cursor: TokenCursor, parts: _TableParts) -> None:
    if not parts.columns:
        raise InvalidStatement(
            "a table needs at least one column", hint="List its columns.", position=cursor.start
        )
    known: set[str] = set()
    for column in parts.columns:
        if column.name.lower() in known:
            raise InvalidStatement(
                f"column {column.name!r} is specified more than once",
                hint="Rename one of them.",
                position=column.position,
            )
        known.add(column.name.lower())
