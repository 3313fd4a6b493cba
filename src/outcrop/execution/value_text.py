"""Values as text: one spelling for each type, the same on a terminal and in a file."""

from __future__ import annotations

import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING

from outcrop.datatypes import DataType, TypeKind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outcrop.execution.result import ResultColumn


def to_text(value: object) -> str:
    """Return `value`, which is not None, as text."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            return format(value, "f")
        case float() if not isfinite(value):
            return json.dumps(value)  # NaN, Infinity and -Infinity, as Redshift spells them
        case float():
            return repr(value).removesuffix(".0")
        case datetime():
            return value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return _interval(0, value.days, value.seconds * 1_000_000 + value.microseconds)
        case (int(months), int(days), int(nanoseconds)):  # Arrow's interval of three parts
            return _interval(months, days, nanoseconds // 1_000)
        case bytes() | memoryview():
            return bytes(value).hex()
        case list() | dict():
            return json.dumps(value, ensure_ascii=False, default=to_text)
        case _:
            return str(value)


def to_json(value: object, datatype: DataType) -> str:
    """Return `value` as JSON text: numbers with all their digits, SUPER as the JSON that it is.

    JSON has no NaN and no infinity: they become texts, as PostgreSQL's to_json gives them.
    """
    if value is None:
        return "null"
    if datatype.kind is TypeKind.SUPER and isinstance(value, str):
        return value
    if isinstance(value, float) and not isfinite(value):
        return json.dumps(to_text(value))
    if isinstance(value, bool | int | float | Decimal | list | dict):
        return to_text(value)
    return json.dumps(to_text(value), ensure_ascii=False)


def json_keys(columns: Sequence[ResultColumn]) -> list[str]:
    """Return a key for each column, as JSON text: names that repeat are numbered (`n`, `n_2`)."""
    seen: dict[str, int] = {}
    keys = []
    for column in columns:
        count = seen[column.name] = seen.get(column.name, 0) + 1
        key = column.name if count == 1 else f"{column.name}_{count}"
        keys.append(json.dumps(key, ensure_ascii=False))
    return keys


def _interval(months: int, days: int, microseconds: int) -> str:
    """Return an interval as Redshift shows it: `1 year 2 mons 3 days 04:05:06.5`."""
    years, months = divmod(months, 12)
    parts = [(years, "year"), (months, "mon"), (days, "day")]
    words = [f"{n} {unit}{'' if n == 1 else 's'}" for n, unit in parts if n]
    if microseconds or not words:
        seconds, fraction = divmod(abs(microseconds), 1_000_000)
        minutes, seconds = divmod(seconds, 60)
        clock = (
            f"{'-' if microseconds < 0 else ''}{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
        )
        words.append(f"{clock}.{fraction:06d}".rstrip("0") if fraction else clock)
    return " ".join(words)
