"""The types of Redshift, their names, limits and encodings, and how the engines store them.

One table, `TYPES`, holds everything that depends on a type's name. Facts are from the Amazon
Redshift developer guide, "Data types", "Character types" and "Compression encodings".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

VARCHAR_BYTES_MAX = 65_535
VARCHAR_BYTES_DEFAULT = 256
CHAR_BYTES_MAX = 4_096
SUPER_BYTES_MAX = 16_000_000
DECIMAL_PRECISION_MAX = 38
DECIMAL_DEFAULT = (18, 0)


class TypeKind(StrEnum):
    """The name by which Redshift shows a type."""

    SMALLINT = "smallint"
    INTEGER = "integer"
    BIGINT = "bigint"
    DECIMAL = "numeric"
    REAL = "real"
    DOUBLE = "double precision"
    BOOLEAN = "boolean"
    CHAR = "character"
    VARCHAR = "character varying"
    DATE = "date"
    TIME = "time without time zone"
    TIMETZ = "time with time zone"
    TIMESTAMP = "timestamp without time zone"
    TIMESTAMPTZ = "timestamp with time zone"
    INTERVAL = "interval"
    SUPER = "super"
    VARBYTE = "binary varying"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class DataType:
    """A type with its parameters.

    `length` is the limit of CHAR, VARCHAR and VARBYTE **in bytes** (None: not declared, as for the
    result of an expression); `precision` and `scale` are those of DECIMAL.
    """

    kind: TypeKind
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        if self.kind is TypeKind.DECIMAL and self.precision is not None:
            return f"{self.kind}({self.precision},{self.scale or 0})"
        if self.length is not None:
            return f"{self.kind}({self.length})"
        return str(self.kind)

    @property
    def is_character(self) -> bool:
        """Whether this is CHAR or VARCHAR."""
        return self.kind in (TypeKind.CHAR, TypeKind.VARCHAR)

    @property
    def is_number(self) -> bool:
        """Whether this is a numeric type."""
        return self.kind in _NUMBERS


_NUMBERS = frozenset(
    {
        TypeKind.SMALLINT,
        TypeKind.INTEGER,
        TypeKind.BIGINT,
        TypeKind.DECIMAL,
        TypeKind.REAL,
        TypeKind.DOUBLE,
    }
)

_ANY = frozenset({"RAW", "BYTEDICT", "RUNLENGTH", "ZSTD"})
_INTEGERS = _ANY | {"AZ64", "DELTA", "LZO"}


@dataclass(frozen=True, slots=True)
class TypeFacts:
    """What depends on a type's kind alone.

    `oid` is PostgreSQL's (Redshift's for SUPER), `duckdb` the name of the type that stores it,
    `encodings` the compression encodings that ENCODE may name for it, `default_encoding` what
    Redshift gives a column without ENCODE in a table that has one elsewhere.
    """

    oid: int
    duckdb: str
    encodings: frozenset[str]
    default_encoding: str
    aliases: tuple[str, ...] = ()


TYPES: Mapping[TypeKind, TypeFacts] = MappingProxyType(
    {
        TypeKind.SMALLINT: TypeFacts(
            21, "SMALLINT", (_INTEGERS | {"MOSTLY8"}), "AZ64", ("smallint", "int2")
        ),
        TypeKind.INTEGER: TypeFacts(
            23,
            "INTEGER",
            _INTEGERS | {"DELTA32K", "MOSTLY8", "MOSTLY16"},
            "AZ64",
            ("integer", "int", "int4"),
        ),
        TypeKind.BIGINT: TypeFacts(
            20,
            "BIGINT",
            _INTEGERS | {"DELTA32K", "MOSTLY8", "MOSTLY16", "MOSTLY32"},
            "AZ64",
            ("bigint", "int8"),
        ),
        TypeKind.DECIMAL: TypeFacts(
            1700,
            "DECIMAL",
            _INTEGERS | {"DELTA32K", "MOSTLY8", "MOSTLY16", "MOSTLY32"},
            "AZ64",
            ("decimal", "numeric"),
        ),
        TypeKind.REAL: TypeFacts(700, "FLOAT", _ANY, "RAW", ("real", "float4")),
        TypeKind.DOUBLE: TypeFacts(
            701, "DOUBLE", _ANY, "RAW", ("double precision", "float8", "float", "double")
        ),
        TypeKind.BOOLEAN: TypeFacts(
            16, "BOOLEAN", frozenset({"RAW", "RUNLENGTH", "ZSTD"}), "RAW", ("boolean", "bool")
        ),
        TypeKind.CHAR: TypeFacts(
            1042, "VARCHAR", _ANY | {"LZO"}, "LZO", ("char", "character", "nchar", "bpchar")
        ),
        TypeKind.VARCHAR: TypeFacts(
            1043,
            "VARCHAR",
            _ANY | {"LZO", "TEXT255", "TEXT32K"},
            "LZO",
            ("varchar", "character varying", "nvarchar", "text"),
        ),
        TypeKind.DATE: TypeFacts(
            1082, "DATE", _ANY | {"AZ64", "DELTA", "DELTA32K", "LZO"}, "AZ64", ("date",)
        ),
        TypeKind.TIME: TypeFacts(1083, "TIME", _ANY | {"AZ64", "LZO"}, "AZ64", ("time",)),
        TypeKind.TIMETZ: TypeFacts(1266, "TIMETZ", _ANY | {"AZ64", "LZO"}, "AZ64", ("timetz",)),
        TypeKind.TIMESTAMP: TypeFacts(
            1114,
            "TIMESTAMP",
            _ANY | {"AZ64", "DELTA", "DELTA32K", "LZO"},
            "AZ64",
            ("timestamp", "timestamp without time zone"),
        ),
        TypeKind.TIMESTAMPTZ: TypeFacts(
            1184,
            "TIMESTAMPTZ",
            _ANY | {"AZ64", "DELTA", "DELTA32K", "LZO"},
            "AZ64",
            ("timestamptz", "timestamp with time zone"),
        ),
        TypeKind.INTERVAL: TypeFacts(1186, "INTERVAL", frozenset({"RAW"}), "RAW", ("interval",)),
        TypeKind.SUPER: TypeFacts(
            4000, "VARIANT", frozenset({"RAW", "ZSTD", "LZO"}), "ZSTD", ("super",)
        ),
        TypeKind.VARBYTE: TypeFacts(
            6551, "BLOB", frozenset({"RAW", "ZSTD", "LZO"}), "LZO", ("varbyte", "varbinary")
        ),
        TypeKind.UNKNOWN: TypeFacts(705, "VARCHAR", frozenset({"RAW"}), "RAW"),
    }
)

ENCODINGS = frozenset[str]().union(*(facts.encodings for facts in TYPES.values())) | {"AUTO"}

VARCHAR = DataType(TypeKind.VARCHAR)
SUPER = DataType(TypeKind.SUPER)
BIGINT = DataType(TypeKind.BIGINT)
INTEGER = DataType(TypeKind.INTEGER)
DOUBLE = DataType(TypeKind.DOUBLE)
BOOLEAN = DataType(TypeKind.BOOLEAN)
TIMESTAMP = DataType(TypeKind.TIMESTAMP)
UNKNOWN = DataType(TypeKind.UNKNOWN)
