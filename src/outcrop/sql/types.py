"""Our types and sqlglot's: one from the other."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from outcrop.datatypes import (
    CHAR_BYTES_MAX,
    DECIMAL_DEFAULT,
    DECIMAL_PRECISION_MAX,
    VARCHAR_BYTES_DEFAULT,
    VARCHAR_BYTES_MAX,
    DataType,
    TypeKind,
)
from outcrop.errors import InvalidStatement

_T = exp.DType

_KINDS: Mapping[exp.DType, TypeKind] = {
    _T.TINYINT: TypeKind.SMALLINT,
    _T.SMALLINT: TypeKind.SMALLINT,
    _T.INT: TypeKind.INTEGER,
    _T.BIGINT: TypeKind.BIGINT,
    _T.INT128: TypeKind.DECIMAL,
    _T.DECIMAL: TypeKind.DECIMAL,
    _T.FLOAT: TypeKind.REAL,
    _T.DOUBLE: TypeKind.DOUBLE,
    _T.BOOLEAN: TypeKind.BOOLEAN,
    _T.CHAR: TypeKind.CHAR,
    _T.NCHAR: TypeKind.CHAR,
    _T.BPCHAR: TypeKind.CHAR,
    _T.VARCHAR: TypeKind.VARCHAR,
    _T.NVARCHAR: TypeKind.VARCHAR,
    _T.TEXT: TypeKind.VARCHAR,
    _T.NAME: TypeKind.VARCHAR,
    _T.DATE: TypeKind.DATE,
    _T.TIME: TypeKind.TIME,
    _T.TIMETZ: TypeKind.TIMETZ,
    _T.TIMESTAMP: TypeKind.TIMESTAMP,
    _T.TIMESTAMPNTZ: TypeKind.TIMESTAMP,
    _T.DATETIME: TypeKind.TIMESTAMP,
    _T.TIMESTAMPTZ: TypeKind.TIMESTAMPTZ,
    _T.TIMESTAMPLTZ: TypeKind.TIMESTAMPTZ,
    _T.INTERVAL: TypeKind.INTERVAL,
    _T.SUPER: TypeKind.SUPER,
    _T.VARIANT: TypeKind.SUPER,
    _T.JSON: TypeKind.SUPER,
    _T.JSONB: TypeKind.SUPER,
    _T.OBJECT: TypeKind.SUPER,
    _T.ARRAY: TypeKind.SUPER,
    _T.LIST: TypeKind.SUPER,
    _T.STRUCT: TypeKind.SUPER,
    _T.MAP: TypeKind.SUPER,
    _T.VARBINARY: TypeKind.VARBYTE,
    _T.BINARY: TypeKind.VARBYTE,
}

_SQLGLOT: Mapping[TypeKind, exp.DType] = {
    TypeKind.SMALLINT: _T.SMALLINT,
    TypeKind.INTEGER: _T.INT,
    TypeKind.BIGINT: _T.BIGINT,
    TypeKind.DECIMAL: _T.DECIMAL,
    TypeKind.REAL: _T.FLOAT,
    TypeKind.DOUBLE: _T.DOUBLE,
    TypeKind.BOOLEAN: _T.BOOLEAN,
    TypeKind.CHAR: _T.CHAR,
    TypeKind.VARCHAR: _T.VARCHAR,
    TypeKind.DATE: _T.DATE,
    TypeKind.TIME: _T.TIME,
    TypeKind.TIMETZ: _T.TIMETZ,
    TypeKind.TIMESTAMP: _T.TIMESTAMP,
    TypeKind.TIMESTAMPTZ: _T.TIMESTAMPTZ,
    TypeKind.INTERVAL: _T.INTERVAL,
    TypeKind.SUPER: _T.SUPER,
    TypeKind.VARBYTE: _T.VARBINARY,
    TypeKind.UNKNOWN: _T.UNKNOWN,
}


def from_sqlglot(datatype: exp.DataType | None) -> DataType:
    """Return our type for one of sqlglot's; UNKNOWN for None and for what we do not know."""
    if datatype is None or not isinstance(datatype.this, exp.DataType.Type):
        return DataType(TypeKind.UNKNOWN)
    kind = _KINDS.get(datatype.this, TypeKind.UNKNOWN)
    if kind is TypeKind.DECIMAL:
        precision, scale = _decimal_parameters(datatype)
        return DataType(kind, precision=precision, scale=scale)
    if kind in (TypeKind.CHAR, TypeKind.VARCHAR, TypeKind.VARBYTE):
        return DataType(kind, length=_length(datatype))
    return DataType(kind)


def to_sqlglot(datatype: DataType) -> exp.DataType:
    """Return sqlglot's type for one of ours."""
    parameters: list[int] = []
    if datatype.kind is TypeKind.DECIMAL and datatype.precision is not None:
        parameters = [datatype.precision, datatype.scale or 0]
    elif datatype.length is not None:
        parameters = [datatype.length]
    return exp.DataType(
        this=_SQLGLOT[datatype.kind],
        expressions=[
            exp.DataTypeParam(this=exp.Literal.number(parameter)) for parameter in parameters
        ],
    )


def declared(datatype: exp.DataType) -> DataType:
    """Return the type of a column that is declared so, with Redshift's defaults and limits.

    VARCHAR alone is VARCHAR(256), CHAR alone CHAR(1), DECIMAL alone DECIMAL(18,0) (Redshift
    developer guide, "Character types", "Numeric types"). Raises InvalidStatement.
    """
    known = from_sqlglot(datatype)
    match known.kind:
        case TypeKind.UNKNOWN:
            raise InvalidStatement(
                f"type {datatype.sql(dialect='redshift').lower()!r} does not exist",
                hint="The types are those of Amazon Redshift, such as VARCHAR(100) or SUPER.",
            )
        case TypeKind.VARCHAR | TypeKind.CHAR:
            limit = VARCHAR_BYTES_MAX if known.kind is TypeKind.VARCHAR else CHAR_BYTES_MAX
            default = VARCHAR_BYTES_DEFAULT if known.kind is TypeKind.VARCHAR else 1
            length = default if known.length is None else known.length
            if not 1 <= length <= limit:
                raise InvalidStatement(
                    f"length of {known.kind} must be from 1 to {limit} bytes, not {length}"
                )
            return DataType(known.kind, length=length)
        case TypeKind.DECIMAL:
            precision = known.precision or DECIMAL_DEFAULT[0]
            scale = known.scale or DECIMAL_DEFAULT[1]
            if not 1 <= precision <= DECIMAL_PRECISION_MAX or not 0 <= scale <= precision:
                raise InvalidStatement(
                    f"precision of DECIMAL must be from 1 to {DECIMAL_PRECISION_MAX} and its "
                    f"scale from 0 to the precision, not ({precision},{scale})"
                )
            return DataType(known.kind, precision=precision, scale=scale)
    return known


def _length(datatype: exp.DataType) -> int | None:
    parameters = datatype.expressions
    if not parameters:
        return None
    text = parameters[0].name.upper()
    return VARCHAR_BYTES_MAX if text == "MAX" else int(text)


def _decimal_parameters(datatype: exp.DataType) -> tuple[int | None, int | None]:
    parameters = [int(parameter.name) for parameter in datatype.expressions]
    match parameters:
        case [precision, scale]:
            return precision, scale
        case [precision]:
            return precision, 0
    return None, None
