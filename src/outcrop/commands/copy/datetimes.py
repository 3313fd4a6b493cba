"""Dates and times as COPY reads them: ISO by default, by DATEFORMAT and TIMEFORMAT, or `auto`.

The patterns are Redshift's ("DATEFORMAT and TIMEFORMAT strings" in the developer guide). A text
that fits no pattern, or is no day of the calendar, raises ValueError.
"""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

_DAY = r"(?P<day>\d{1,2})"
_MONTH = r"(?P<month>\d{1,2})"
_NAME = r"(?P<name>[A-Za-z]{3,9})"
_YEAR = r"(?P<year>\d{4})"
_TIME = (
    r"(?:(?:T|\s+)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.(?P<fraction>\d+))?)?"
    r"\s*(?P<half>[AaPp][Mm])?\s*(?P<zone>Z|[+-]\d{2}(?::?\d{2})?|[A-Za-z][A-Za-z_/+-]*)?)?"
)

_ISO = re.compile(f"{_YEAR}-{_MONTH}-{_DAY}{_TIME}")
_AUTO = tuple(
    re.compile(day + _TIME)
    for day in (
        f"{_YEAR}-{_MONTH}-{_DAY}",
        f"{_YEAR}/{_MONTH}/{_DAY}",
        rf"{_YEAR}\.{_MONTH}\.{_DAY}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        f"{_MONTH}/{_DAY}/{_YEAR}",
        f"{_MONTH}-{_DAY}-{_YEAR}",
        rf"{_NAME}[\s-]+{_DAY},?[\s-]*{_YEAR}",
        rf"{_DAY}[\s-]+{_NAME}[\s-]+{_YEAR}",
    )
)

# The longer name first: MONTH would be read as MON otherwise.
_TOKENS = (
    ("YYYY", _YEAR),
    ("YY", r"(?P<short>\d{2})"),
    ("MONTH", _NAME),
    ("MON", _NAME),
    ("MM", _MONTH),
    ("DD", _DAY),
    ("HH24", r"(?P<hour>\d{1,2})"),
    ("HH12", r"(?P<hour>\d{1,2})"),
    ("HH", r"(?P<hour>\d{1,2})"),
    ("MI", r"(?P<minute>\d{1,2})"),
    ("SS", r"(?P<second>\d{1,2})(?:\.(?P<fraction>\d+))?"),
    ("AM", r"(?P<half>[AaPp][Mm])"),
    ("PM", r"(?P<half>[AaPp][Mm])"),
    ("OF", r"(?P<zone>Z|[+-]\d{2}(?::?\d{2})?)"),
    ("TZ", r"(?P<zone>[A-Za-z][A-Za-z_/+-]*)"),
)
_TOKEN = re.compile("|".join(token for token, _ in _TOKENS), re.IGNORECASE)
_EPOCH = {"epochsecs": 1, "epochmillisecs": 1_000}


@lru_cache(maxsize=64)
def _patterns(form: str | None) -> tuple[re.Pattern[str], ...]:
    if form is None:
        return (_ISO,)
    if form.lower() == "auto":
        return _AUTO
    by_token = dict(_TOKENS)
    pieces, last = [], 0
    for token in _TOKEN.finditer(form):
        pieces += [re.escape(form[last : token.start()]), by_token[token[0].upper()]]
        last = token.end()
    try:
        return (re.compile("".join(pieces) + re.escape(form[last:])),)
    except re.error as error:
        raise ValueError(f"{form!r} is no format: it has a part twice") from error


def _match(text: str, form: str | None) -> dict[str, str]:
    for pattern in _patterns(form):
        if found := pattern.fullmatch(text):
            return {name: piece for name, piece in found.groupdict().items() if piece is not None}
    raise ValueError(f"has not the format {form or 'YYYY-MM-DD'}")


def _date(parts: dict[str, str]) -> date:
    if "short" in parts:
        short = int(parts["short"])
        year = short + (2000 if short < 70 else 1900)
    else:
        year = int(parts.get("year", "1"))
    month = int(parts.get("month", "1"))
    if "name" in parts:
        name = parts["name"][:3].lower()
        if name not in _MONTHS:
            raise ValueError(f"{parts['name']!r} is no month")
        month = _MONTHS.index(name) + 1
    return date(year, month, int(parts.get("day", "1")))


def _clock(parts: dict[str, str]) -> time:
    hour = int(parts.get("hour", "0"))
    if half := parts.get("half"):
        if not 1 <= hour <= 12:
            raise ValueError("has an hour above 12 with AM or PM")
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    fraction = parts.get("fraction", "").ljust(6, "0")[:6]
    return time(hour, int(parts.get("minute", "0")), int(parts.get("second", "0")), int(fraction))


def _zone(name: str) -> tzinfo:
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if name[0] in "+-":
        digits = name[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        return timezone(-offset if name[0] == "-" else offset)
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name!r} is no time zone") from error


def parse_date(text: str, form: str | None) -> date:
    """Return the date that `text` is; a time after it is left out."""
    return _date(_match(text, form))


def parse_timestamp(text: str, form: str | None) -> datetime:
    """Return the timestamp that `text` is; a time zone after it is left out."""
    if form is not None and form.lower() in _EPOCH:
        return _epoch(text, form).replace(tzinfo=None)
    parts = _match(text, form)
    return datetime.combine(_date(parts), _clock(parts))


def parse_timestamptz(text: str, form: str | None) -> datetime:
    """Return the point in time that `text` is; without a time zone it is in UTC."""
    if form is not None and form.lower() in _EPOCH:
        return _epoch(text, form)
    parts = _match(text, form)
    local = datetime.combine(_date(parts), _clock(parts), _zone(parts.get("zone", "UTC")))
    return local.astimezone(UTC)


def _epoch(text: str, form: str) -> datetime:
    if not re.fullmatch(r"[+-]?\d{1,15}(\.\d+)?", text):
        raise ValueError(f"is no number of {form.lower().removeprefix('epoch')}")
    whole, _, fraction = text.partition(".")
    per_unit = 1_000_000 // _EPOCH[form.lower()]
    part = int(fraction.ljust(6, "0")[:6]) * per_unit // 1_000_000
    microseconds = int(whole) * per_unit + (-part if text.startswith("-") else part)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    except OverflowError as error:
        raise ValueError("is no time between the years 1 and 9999") from error


def parse_time(text: str) -> time:
    """Return the time of day that `text` is."""
    parts = _match(f"2000-01-01 {text}", None)
    if "hour" not in parts:
        raise ValueError("has not the format HH:MI:SS")
    return _clock(parts)
