"""A value that a model gave as JSON, as the text that the engine casts to the declared type.

The engine would stop the whole statement at a text that it cannot cast, and an answer is kept, so
that the statement would never pass. So what is given here can be cast, whatever the model said.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from types import MappingProxyType
from typing import Any

from outcrop.datatypes import DataType, TypeKind

_INTEGER_BITS = {TypeKind.SMALLINT: 16, TypeKind.INTEGER: 32, TypeKind.BIGINT: 64}
_REAL_MAX = 3.4028234663852886e38
_WIDE = Context(prec=100)

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLOCK = r"\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?"
_ZONE = r"(?:Z|[+-]\d{2}(?::?\d{2})?)"
_TIME = re.compile(_CLOCK, re.ASCII)
_TIMETZ = re.compile(_CLOCK + _ZONE, re.ASCII)
_OFFSET_MAX = timedelta(hours=15, minutes=59)
_TIMESTAMP = re.compile(rf"{_DATE.pattern}(?:[ T]{_CLOCK}{_ZONE}?)?", re.ASCII)
_UNIT = r"(?:year|month|week|day|hour|minute|second)s?"
_SPAN = rf"-?\d{{1,6}} {_UNIT}"
_INTERVAL = re.compile(rf"{_SPAN}(?: {_SPAN}){{0,6}}", re.ASCII | re.IGNORECASE)
# The engine reads a backslash as the start of an escape.
_BYTES = re.compile(r"[ -\[\]-~]*", re.ASCII)


def as_text(value: Any, datatype: DataType) -> str:
    """Return a JSON value of the kind that the type's schema asks for, as text.

    Raises ValueError where the type cannot hold it: it is out of range, or no date that there is.
    """
    return _WRITERS[datatype.kind](value, datatype)


def _integer(value: Any, datatype: DataType) -> str:
    _finite(value)
    number = int(value)
    limit = 1 << (_INTEGER_BITS[datatype.kind] - 1)
    if not -limit <= number < limit:
        raise ValueError("out of range")
    return str(number)


def _decimal(value: Any, datatype: DataType) -> str:
    precision, scale = datatype.precision or 18, datatype.scale or 0
    number = Decimal(value)
    _check_digits(number, precision - scale)
    number = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _WIDE)
    _check_digits(number, precision - scale)
    return f"{number:f}"


def _check_digits(number: Decimal, digits: int) -> None:
    if not number.is_finite() or (number and number.adjusted() >= digits):
        raise ValueError("out of range")


def _float(value: Any, datatype: DataType) -> str:
    number = _finite(value)
    if datatype.kind is TypeKind.REAL and abs(number) > _REAL_MAX:
        raise ValueError("out of range")
    return str(number)


def _finite(value: Any) -> float:
    try:
        number = float(value)
    except OverflowError as error:
        raise ValueError("out of range") from error
    if not math.isfinite(number):
        raise ValueError("out of range")
    return number


def _boolean(value: Any, _datatype: DataType) -> str:
    return "true" if value else "false"


def _time_with_zone(value: Any, _datatype: DataType) -> str:
    """Return a time with seconds and minutes of offset, without which the engine reads none."""
    text = str(value).strip()
    moment = time.fromisoformat(text)
    if not _TIMETZ.fullmatch(text) or abs(moment.utcoffset() or timedelta()) > _OFFSET_MAX:
        raise ValueError("of another form")
    return moment.isoformat()


def _matching(
    pattern: re.Pattern[str], parse: Callable[[str], object] | None = None
) -> Callable[[Any, DataType], str]:
    """Return what gives a text of a form, which `parse` must understand too."""

    def write(value: Any, _datatype: DataType) -> str:
        text = str(value).strip()
        if not pattern.fullmatch(text):
            raise ValueError("of another form")
        if parse is not None:
            parse(text)
        return text

    return write


_WRITERS: Mapping[TypeKind, Callable[[Any, DataType], str]] = MappingProxyType(
    {
        TypeKind.SMALLINT: _integer,
        TypeKind.INTEGER: _integer,
        TypeKind.BIGINT: _integer,
        TypeKind.DECIMAL: _decimal,
        TypeKind.REAL: _float,
        TypeKind.DOUBLE: _float,
        TypeKind.BOOLEAN: _boolean,
        TypeKind.DATE: _matching(_DATE, date.fromisoformat),
        TypeKind.TIME: _matching(_TIME, time.fromisoformat),
        TypeKind.TIMETZ: _time_with_zone,
        TypeKind.TIMESTAMP: _matching(_TIMESTAMP, datetime.fromisoformat),
        TypeKind.TIMESTAMPTZ: _matching(_TIMESTAMP, datetime.fromisoformat),
        TypeKind.INTERVAL: _matching(_INTERVAL),
        TypeKind.VARBYTE: _matching(_BYTES),
    }
)
