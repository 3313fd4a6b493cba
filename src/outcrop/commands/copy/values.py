"""The text of a field as a value of its column, one at a time or a column at once.

`Converter.parse` defines what is right and words what is wrong; `Converter.parse_array` is the same
at Arrow's speed where Arrow reads the text as Redshift does, and asks `parse` where it does not.
Both raise ValueRefused for a value that the column cannot take.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Any, NoReturn

import pyarrow as pa
import pyarrow.compute as pc

from outcrop.catalog.objects import Column
from outcrop.commands.copy import datetimes
from outcrop.commands.copy.options import CopyOptions
from outcrop.commands.copy.report import shorten
from outcrop.datatypes import SUPER_BYTES_MAX, DataType, TypeKind

_INTEGER_BITS = {TypeKind.SMALLINT: 16, TypeKind.INTEGER: 32, TypeKind.BIGINT: 64}
_TRUE = frozenset({"t", "true", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "n", "no", "0"})
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_NOT_FINITE = frozenset({"nan", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity"})
_TIMETZ_ZONE = re.compile(r"(?P<time>.*?)\s*(?P<zone>Z|[+-]\d{2}(:?\d{2})?)?", re.DOTALL)
_WIDE = Context(prec=100)


class ValueRefused(ValueError):
    """A column cannot take a value; the text is the reason."""


def refusal(text: str, reason: str) -> ValueRefused:
    """Return the refusal of `text`, shortened, for a reason."""
    return ValueRefused(f"{shorten(text)} {reason}")


@dataclass(frozen=True, slots=True)
class Converter:
    """Makes values of one column out of text."""

    column: Column
    options: CopyOptions
    arrow_type: pa.DataType = field(init=False)
    _parse: Callable[[str], object] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arrow_type", arrow_type_of(self.column.datatype))
        object.__setattr__(self, "_parse", _choose_parser(self.column.datatype, self.options))

    def parse(self, text: str | None) -> object:
        """Return the value that `text` stands for; None is NULL."""
        value = None if text is None else self._parse(text)
        if value is None and not self.column.is_nullable:
            raise ValueRefused("NULL, and the column is NOT NULL")
        return value

    def parse_array(self, texts: pa.Array) -> pa.Array:
        """Return the values that an array of strings stands for."""
        values = self._parse_array(texts)
        if values.null_count and not self.column.is_nullable:
            raise ValueRefused("NULL, and the column is NOT NULL")
        return values

    def _parse_array(self, texts: pa.Array) -> pa.Array:
        if self.column.datatype.is_character:
            return _parse_text_array(texts, self.column.datatype, self.options)
        fast = _ARRAY_PARSERS.get(self.column.datatype.kind)
        if fast is not None:
            stripped = pc.utf8_trim_whitespace(texts)
            stripped = pc.if_else(pc.equal(stripped, ""), pa.scalar(None, pa.string()), stripped)
            try:
                return fast(stripped, self.arrow_type, self.options)
            except pa.ArrowInvalid:
                pass  # another spelling than Arrow's, or a bad value: parse() tells which
        values = [None if t is None else self._parse(t) for t in texts.to_pylist()]
        return pa.array(values, self.arrow_type)


def _choose_parser(datatype: DataType, options: CopyOptions) -> Callable[[str], object]:
    """Return the parser of a type; but for text, blanks are nothing, and nothing is NULL."""
    parse = _PARSERS[datatype.kind]
    if datatype.is_character:
        return lambda text: parse(text, datatype, options)

    def parse_stripped(text: str) -> object:
        text = text.strip()
        return parse(text, datatype, options) if text else None

    return parse_stripped


def arrow_type_of(datatype: DataType) -> pa.DataType:
    """Return the Arrow type in which COPY hands a column's values to the engine.

    SUPER, TIMETZ and INTERVAL travel as text; the engine casts them.
    """
    if datatype.kind is TypeKind.DECIMAL:
        return pa.decimal128(datatype.precision or 18, datatype.scale or 0)
    return _ARROW_TYPES.get(datatype.kind, pa.string())


_ARROW_TYPES: Mapping[TypeKind, pa.DataType] = MappingProxyType(
    {
        TypeKind.SMALLINT: pa.int16(),
        TypeKind.INTEGER: pa.int32(),
        TypeKind.BIGINT: pa.int64(),
        TypeKind.REAL: pa.float32(),
        TypeKind.DOUBLE: pa.float64(),
        TypeKind.BOOLEAN: pa.bool_(),
        TypeKind.DATE: pa.date32(),
        TypeKind.TIME: pa.time64("us"),
        TypeKind.TIMESTAMP: pa.timestamp("us"),
        TypeKind.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
        TypeKind.VARBYTE: pa.binary(),
    }
)


# Text


def _parse_text(text: str, datatype: DataType, options: CopyOptions) -> str | None:
    if options.blanks_as_null and text and not text.strip():
        return None
    if options.trim_blanks and datatype.kind is TypeKind.VARCHAR:
        text = text.rstrip(" ")
    if not text and options.empty_as_null:
        return None
    _check_characters(text, datatype)
    limit = datatype.length
    if limit is not None and len(text) * 4 > limit:
        encoded = text.encode()
        if len(encoded) > limit:
            if not options.truncate_columns:
                raise refusal(text, f"has {len(encoded)} bytes, and the column takes {limit}")
            return encoded[:limit].decode(errors="ignore")
    return text


def _check_characters(text: str, datatype: DataType) -> None:
    if "\0" in text:
        raise refusal(text, "has a NUL byte")
    if text.isascii():
        return
    for character in text:
        if "\ud800" <= character <= "\udfff":
            byte = ord(character) & 0xFF
            raise refusal(text, f"has byte 0x{byte:02x}, which is not UTF-8; see ACCEPTINVCHARS")
    if datatype.kind is TypeKind.CHAR:
        raise refusal(text, "has a character of several bytes, which CHAR cannot take; use VARCHAR")


def _parse_text_array(texts: pa.Array, datatype: DataType, options: CopyOptions) -> pa.Array:
    null = pa.scalar(None, pa.string())
    if options.blanks_as_null:
        is_blank = pc.and_(pc.equal(pc.utf8_trim_whitespace(texts), ""), pc.not_equal(texts, ""))
        texts = pc.if_else(is_blank, null, texts)
    if options.trim_blanks and datatype.kind is TypeKind.VARCHAR:
        texts = pc.utf8_rtrim(texts, " ")
    if options.empty_as_null:
        texts = pc.if_else(pc.equal(texts, ""), null, texts)
    if datatype.kind is TypeKind.CHAR and pc.all(pc.string_is_ascii(texts)).as_py() is False:
        raise ValueRefused("a character of several bytes")
    lengths = pc.binary_length(texts)
    longest = pc.max(lengths).as_py()
    if datatype.length is None or longest is None or longest <= datatype.length:
        return texts
    if not options.truncate_columns:
        raise ValueRefused("too long")
    values = [None if t is None else _parse_text(t, datatype, options) for t in texts.to_pylist()]
    return pa.array(values, pa.string())


# Numbers and booleans


def _parse_integer(text: str, datatype: DataType, options: CopyOptions) -> int:
    if not _INTEGER.fullmatch(text):
        raise refusal(text, "is no whole number")
    number = int(text) if len(text) <= 40 else 1 << 64
    limit = 1 << (_INTEGER_BITS[datatype.kind] - 1)
    if not -limit <= number < limit:
        raise refusal(text, f"is out of the range of {datatype}")
    return number


def _parse_decimal(text: str, datatype: DataType, options: CopyOptions) -> Decimal:
    if not _NUMBER.fullmatch(text) or len(text) > 90:
        raise refusal(text, "is no number")
    precision, scale = datatype.precision or 18, datatype.scale or 0
    number = Decimal(text)
    if number.adjusted() >= precision - scale and number:
        raise refusal(text, f"is out of the range of {datatype}")
    rounding = ROUND_HALF_UP if options.round_decimals else ROUND_DOWN
    number = number.quantize(Decimal(1).scaleb(-scale), rounding, _WIDE)
    if number.adjusted() >= precision - scale and number:
        raise refusal(text, f"is out of the range of {datatype}")
    return number


def _parse_float(text: str, datatype: DataType, options: CopyOptions) -> float:
    if not _NUMBER.fullmatch(text) and text.lower() not in _NOT_FINITE:
        raise refusal(text, "is no number")
    return float(text)


def _parse_boolean(text: str, datatype: DataType, options: CopyOptions) -> bool:
    folded = text.lower()
    if folded in _TRUE:
        return True
    if folded not in _FALSE:
        raise refusal(text, "is no boolean")
    return False


def _integers(texts: pa.Array, arrow_type: pa.DataType, _options: CopyOptions) -> pa.Array:
    if pc.any(pc.match_substring(texts, "x", ignore_case=True)).as_py():
        raise pa.ArrowInvalid("Arrow would read 0x1F as a number")
    return pc.cast(texts, arrow_type)


def _numbers(texts: pa.Array, arrow_type: pa.DataType, _options: CopyOptions) -> pa.Array:
    return pc.cast(texts, arrow_type)


def _booleans(texts: pa.Array, _arrow_type: pa.DataType, _options: CopyOptions) -> pa.Array:
    folded = pc.utf8_lower(texts)
    is_true = pc.is_in(folded, pa.array(sorted(_TRUE)))
    is_false = pc.is_in(folded, pa.array(sorted(_FALSE)))
    if pc.sum(pc.or_(is_true, is_false)).as_py() != len(texts) - texts.null_count:
        raise pa.ArrowInvalid("not all are booleans")
    return pc.if_else(pc.is_null(texts), pa.scalar(None, pa.bool_()), is_true)


# Dates and times


def _dated(
    text: str, options: CopyOptions, parse: Callable[[str, str | None], object], form: str | None
) -> object:
    try:
        return parse(text, form)
    except ValueError as error:
        if options.accept_any_date:
            return None
        reason = str(error) if "format" in str(error) else f"is no date or time: {error}"
        raise refusal(text, reason) from error


def _parse_date(text: str, datatype: DataType, options: CopyOptions) -> object:
    return _dated(text, options, datetimes.parse_date, options.date_format)


def _parse_timestamp(text: str, datatype: DataType, options: CopyOptions) -> object:
    return _dated(text, options, datetimes.parse_timestamp, _timestamp_form(options))


def _parse_timestamptz(text: str, datatype: DataType, options: CopyOptions) -> object:
    return _dated(text, options, datetimes.parse_timestamptz, _timestamp_form(options))


def _timestamp_form(options: CopyOptions) -> str | None:
    if options.time_format is None and (options.date_format or "").lower() == "auto":
        return "auto"
    return options.time_format


def _parse_time(text: str, datatype: DataType, options: CopyOptions) -> object:
    return _dated(text, options, lambda t, _form: datetimes.parse_time(t), None)


def _parse_timetz(text: str, datatype: DataType, options: CopyOptions) -> object:
    found = _TIMETZ_ZONE.fullmatch(text)
    clock = found["time"] if found else text
    parsed = _dated(clock, options, lambda t, _form: datetimes.parse_time(t), None)
    zone = (found and found["zone"]) or "+00"
    return None if parsed is None else f"{parsed}{'+00' if zone == 'Z' else zone}"


def _is_iso(form: str | None) -> bool:
    return form is None or form.lower() == "auto"


def _dates(texts: pa.Array, arrow_type: pa.DataType, options: CopyOptions) -> pa.Array:
    if not _is_iso(options.date_format) and (options.date_format or "").upper() != "YYYY-MM-DD":
        raise pa.ArrowInvalid("a format of its own")
    return pc.cast(texts, arrow_type)


def _timestamps(texts: pa.Array, arrow_type: pa.DataType, options: CopyOptions) -> pa.Array:
    if not _is_iso(options.time_format):
        raise pa.ArrowInvalid("a format of its own")
    if arrow_type.tz is None:
        return pc.cast(texts, arrow_type)
    try:
        return pc.cast(texts, arrow_type)
    except pa.ArrowInvalid:
        return pc.assume_timezone(pc.cast(texts, pa.timestamp("us")), "UTC")


def _times(texts: pa.Array, arrow_type: pa.DataType, _options: CopyOptions) -> pa.Array:
    # Arrow casts no text to a time of day, so that a day stands before it on the way.
    dated = pc.binary_join_element_wise("1970-01-01", texts, " ")
    return pc.cast(pc.cast(dated, pa.timestamp("us")), arrow_type)


# The rest


def _parse_super(text: str, datatype: DataType, options: CopyOptions) -> str:
    check_json(text)
    return text


def check_json(text: str) -> Any:
    """Return the value of a JSON text that SUPER can hold."""
    if len(text.encode(errors="replace")) > SUPER_BYTES_MAX:
        raise refusal(text, f"is longer than {SUPER_BYTES_MAX} bytes")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise refusal(text, f"is no JSON: {error}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _parse_varbyte(text: str, datatype: DataType, options: CopyOptions) -> bytes:
    try:
        value = bytes.fromhex(text)
    except ValueError:
        raise refusal(text, "is no hexadecimal text") from None
    if datatype.length is not None and len(value) > datatype.length:
        raise refusal(text, f"has {len(value)} bytes, and the column takes {datatype.length}")
    return value


def _parse_interval(text: str, datatype: DataType, options: CopyOptions) -> str:
    return text


_PARSERS: Mapping[TypeKind, Callable[[str, DataType, CopyOptions], object]] = MappingProxyType(
    {
        TypeKind.CHAR: _parse_text,
        TypeKind.VARCHAR: _parse_text,
        TypeKind.SMALLINT: _parse_integer,
        TypeKind.INTEGER: _parse_integer,
        TypeKind.BIGINT: _parse_integer,
        TypeKind.DECIMAL: _parse_decimal,
        TypeKind.REAL: _parse_float,
        TypeKind.DOUBLE: _parse_float,
        TypeKind.BOOLEAN: _parse_boolean,
        TypeKind.DATE: _parse_date,
        TypeKind.TIME: _parse_time,
        TypeKind.TIMETZ: _parse_timetz,
        TypeKind.TIMESTAMP: _parse_timestamp,
        TypeKind.TIMESTAMPTZ: _parse_timestamptz,
        TypeKind.INTERVAL: _parse_interval,
        TypeKind.SUPER: _parse_super,
        TypeKind.VARBYTE: _parse_varbyte,
        TypeKind.UNKNOWN: _parse_interval,
    }
)

_ArrayParser = Callable[[pa.Array, pa.DataType, CopyOptions], pa.Array]
_ARRAY_PARSERS: Mapping[TypeKind, _ArrayParser] = MappingProxyType(
    {
        TypeKind.SMALLINT: _integers,
        TypeKind.INTEGER: _integers,
        TypeKind.BIGINT: _integers,
        TypeKind.DECIMAL: _numbers,
        TypeKind.REAL: _numbers,
        TypeKind.DOUBLE: _numbers,
        TypeKind.BOOLEAN: _booleans,
        TypeKind.DATE: _dates,
        TypeKind.TIME: _times,
        TypeKind.TIMESTAMP: _timestamps,
        TypeKind.TIMESTAMPTZ: _timestamps,
    }
)
