"""TO_CHAR, TO_DATE and TO_TIMESTAMP: Redshift's patterns as the engine's.

Patterns are those of the developer guide, "Datetime format strings". A pattern must be a literal,
since the engine has none of them by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from sqlglot import exp

from outcrop.errors import FeatureNotSupported, InvalidParameter
from outcrop.sql.nodes import RedshiftFunction, position_of
from outcrop.sql.semantics.tree import NUMBER_TYPES, engine, is_type, literal_text, quote

_OUTPUT: Mapping[str, str] = MappingProxyType(
    {
        "YYYY": "%Y", "IYYY": "%G", "YY": "%y", "MM": "%m", "DDD": "%j", "DD": "%d",
        "HH24": "%H", "HH12": "%I", "HH": "%I", "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f",
        "AM": "%p", "PM": "%p", "IW": "%V", "TZ": "%Z",
    }
)  # fmt: skip

_INPUT: Mapping[str, str] = MappingProxyType(
    {
        "YYYY": "%Y", "YY": "%y", "MONTH": "%B", "MON": "%b", "MM": "%m", "DDD": "%j",
        "DD": "%d", "DAY": "%A", "DY": "%a", "HH24": "%H", "HH12": "%I", "HH": "%I",
        "MI": "%M", "SS": "%S", "MS": "%g", "US": "%f", "AM": "%p", "PM": "%p",
    }
)  # fmt: skip

_NAMES: Mapping[str, tuple[str, int]] = MappingProxyType(
    {"MONTH": ("%B", 9), "MON": ("%b", 0), "DAY": ("%A", 9), "DY": ("%a", 0)}
)
"""Patterns that give a name, in the case in which the pattern is written, and padded to a width."""

_NUMBERS: Mapping[str, str] = MappingProxyType(
    {"D": "dayofweek($1) + 1", "Q": "quarter($1)", "WW": "(dayofyear($1) - 1) // 7 + 1"}
)
"""Patterns that the engine can only compute."""

_PART = re.compile(
    r'"(?P<text>[^"]*)"|(?P<pattern>IYYY|YYYY|YY|MONTH|MON|MM|MI|MS|DDD|DD|DAY|DY|D|HH24|HH12|HH'
    r"|SS|US|AM|PM|IW|WW|TZ|Q)|(?P<letter>[A-Za-z])|(?P<other>[^A-Za-z\"]+)",
    re.IGNORECASE,
)


def format_date(node: RedshiftFunction, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return TO_CHAR of a date or a timestamp."""
    if is_type(value, *NUMBER_TYPES) or (isinstance(value, exp.Literal) and not value.is_string):
        raise FeatureNotSupported(
            "TO_CHAR of a number is not supported",
            hint="Cast it to VARCHAR, or round it first.",
            position=position_of(node),
        )
    pieces = [_output_piece(kind, text) for kind, text in _parts(node, pattern)]
    text = " || ".join(pieces) or "''"
    operand = "$1" if is_type(value, exp.DType.TIMESTAMPTZ) else "CAST($1 AS TIMESTAMP)"
    return engine(f"({text.replace('$1', operand)})", value, returns="varchar")


def parse_date(node: RedshiftFunction, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return TO_DATE."""
    text = f"CAST(strptime(CAST($1 AS VARCHAR), {_input_pattern(node, pattern)}) AS DATE)"
    return engine(text, value, returns="date")


def parse_timestamp(node: RedshiftFunction, value: exp.Expr, pattern: exp.Expr) -> exp.Expr:
    """Return TO_TIMESTAMP."""
    text = f"CAST(strptime(CAST($1 AS VARCHAR), {_input_pattern(node, pattern)}) AS TIMESTAMPTZ)"
    return engine(text, value, returns="timestamptz")


def _parts(node: RedshiftFunction, pattern: exp.Expr) -> Iterator[tuple[str, str]]:
    """Yield the parts of a pattern as ('pattern' | 'text', what it says)."""
    literal = literal_text(pattern)
    if literal is None:
        raise FeatureNotSupported(
            f"{node.name.upper()} needs its format as a literal string",
            hint="Write the format itself, such as 'YYYY-MM-DD'.",
            position=position_of(node),
        )
    for part in _PART.finditer(literal):
        if part["pattern"]:
            yield "pattern", part["pattern"]
        elif part["letter"] and part["letter"].upper() != "T":
            raise InvalidParameter(
                f"unknown pattern {literal[part.start() :]!r} in the format {literal!r}",
                hint='Patterns are YYYY, MM, MON, DD, HH24, MI, SS ...; quote other text with ".',
                position=position_of(node),
            )
        else:
            yield "text", part["text"] or part["other"] or part["letter"] or ""


def _output_piece(kind: str, text: str) -> str:
    upper = text.upper()
    if kind == "text":
        return quote(text)
    if upper in _NAMES:
        return _name_piece(text, *_NAMES[upper])
    if upper in _NUMBERS:
        return f"CAST({_NUMBERS[upper]} AS VARCHAR)"
    return f"strftime($1, '{_OUTPUT[upper]}')"


def _name_piece(pattern: str, code: str, width: int) -> str:
    piece = f"strftime($1, '{code}')"
    if pattern.isupper():
        piece = f"upper({piece})"
    elif pattern.islower():
        piece = f"lower({piece})"
    return f"rpad({piece}, {width}, ' ')" if width else piece


def _input_pattern(node: RedshiftFunction, pattern: exp.Expr) -> str:
    codes = []
    for kind, text in _parts(node, pattern):
        if kind == "text":
            codes.append(text.replace("%", "%%"))
            continue
        code = _INPUT.get(text.upper())
        if code is None:
            raise FeatureNotSupported(
                f"{node.name.upper()} does not read the pattern {text!r}",
                hint="Use YYYY, MM, MON, DD, HH24, MI, SS, MS and US.",
                position=position_of(node),
            )
        codes.append(code)
    return quote("".join(codes))
