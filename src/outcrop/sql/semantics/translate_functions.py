"""Scalar functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlglot import exp

from outcrop.errors import FeatureNotSupported, InvalidParameter
from outcrop.sql.functions import DATE_PARTS, FUNCTIONS, FunctionKind
from outcrop.sql.nodes import RedshiftFunction, position_of
from outcrop.sql.semantics.date_formats import format_date, parse_date, parse_timestamp
from outcrop.sql.semantics.function_templates import (
    NUMBER_FUNCTIONS,
    TEMPLATES,
    TEXT_FUNCTIONS,
)
from outcrop.sql.semantics.regular_expressions import (
    count_matches,
    find_match,
    replace_matches,
    select_match,
)
from outcrop.sql.semantics.super_values import super_as, super_as_text
from outcrop.sql.semantics.tree import (
    CHAR_TYPES,
    engine,
    is_null,
    is_super,
    is_type,
    literal_integer,
    literal_text,
)

Arguments = list[exp.Expr]
Translation = Callable[[RedshiftFunction, Arguments], exp.Expr]


def translate_functions(node: exp.Expr) -> exp.Expr:
    """Write a scalar function of Redshift as DuckDB's SQL.

    Type: rewriting. Goal: each function means what Redshift's guide says; one that the session
    should have answered never reaches the engine. Before: `len(x)`, `dateadd(month, 1, d)`.
    After: `length(x)`, `CAST(d AS TIMESTAMP) + to_months(...)`.
    """
    if not isinstance(node, RedshiftFunction):
        return node
    spec = FUNCTIONS[node.name]
    if spec.kind is not FunctionKind.SCALAR:
        raise FeatureNotSupported(
            f"function {node.name!r} cannot be called here",
            hint="The session answers it, or it needs OVER (...).",
            position=position_of(node),
        )
    arguments = _without_super(node.name, node.expressions)
    special = SPECIAL_FUNCTIONS.get(node.name)
    if special is not None:
        translated = special(node, arguments)
    else:
        text = TEMPLATES[node.name][len(arguments) - spec.arity_min]
        translated = engine(text, *arguments)
    if translated.type is None:
        translated.type = _type(node, spec.returns)
    return translated


def _type(node: RedshiftFunction, returns: str | None) -> exp.DataType | None:
    if node.type is not None:
        return node.type
    if returns == "argument":
        return node.expressions[0].type if node.expressions else None
    return exp.DataType.build(returns, dialect="outcrop") if returns else None


def _without_super(name: str, arguments: Arguments) -> Arguments:
    """Turn SUPER arguments into the texts or numbers that the function works on."""
    if name in NUMBER_FUNCTIONS:
        return [super_as(value, "double") if is_super(value) else value for value in arguments]
    if name in TEXT_FUNCTIONS:
        return [super_as_text(value) if is_super(value) else value for value in arguments]
    return arguments


def _length(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    """The blanks that pad a CHAR do not count."""
    text = "rtrim($1)" if is_type(arguments[0], *CHAR_TYPES) else "$1"
    return engine(f"CAST(length({text}) AS INTEGER)", *arguments)


def _isnull(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    if len(arguments) == 1:
        return engine("($1 IS NULL)", *arguments, returns="boolean")
    coalesce = exp.Coalesce(this=arguments[0], expressions=arguments[1:])
    coalesce.type = arguments[0].type
    return coalesce


def _truncate(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    """TRUNC of a timestamp is its date."""
    value = arguments[0]
    if is_type(value, exp.DType.TIMESTAMP, exp.DType.TIMESTAMPTZ, exp.DType.DATE):
        return engine("CAST($1 AS DATE)", value, returns="date")
    if len(arguments) == 1:
        return engine("trunc($1)", value)
    return engine("trunc($1, CAST($2 AS INTEGER))", *arguments)


def _sha2(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    if literal_integer(arguments[1]) not in (0, 256):
        raise FeatureNotSupported(
            "SHA2 with another length than 256 is not supported",
            hint="Write SHA2(text, 256).",
            position=position_of(node),
        )
    return engine("sha256($1)", arguments[0])


_INTERVALS: Mapping[str, str] = MappingProxyType(
    {
        "millennium": "to_years(1000 * CAST(trunc($1) AS INTEGER))",
        "century": "to_years(100 * CAST(trunc($1) AS INTEGER))",
        "decade": "to_years(10 * CAST(trunc($1) AS INTEGER))",
        "year": "to_years(CAST(trunc($1) AS INTEGER))",
        "quarter": "to_months(3 * CAST(trunc($1) AS INTEGER))",
        "month": "to_months(CAST(trunc($1) AS INTEGER))",
        "week": "to_days(7 * CAST(trunc($1) AS INTEGER))",
        "day": "to_days(CAST(trunc($1) AS INTEGER))",
        "dayofweek": "to_days(CAST(trunc($1) AS INTEGER))",
        "dayofyear": "to_days(CAST(trunc($1) AS INTEGER))",
        "hour": "to_hours(CAST(trunc($1) AS BIGINT))",
        "minute": "to_minutes(CAST(trunc($1) AS BIGINT))",
        "second": "to_seconds(CAST(trunc($1) AS BIGINT))",
        "millisecond": "to_milliseconds(CAST(trunc($1) AS BIGINT))",
        "microsecond": "to_microseconds(CAST(trunc($1) AS BIGINT))",
        "epoch": "to_seconds(CAST(trunc($1) AS BIGINT))",
    }
)
_KEPT_TYPES = (exp.DType.TIMESTAMPTZ, exp.DType.TIME, exp.DType.TIMETZ)


def _date_part(argument: exp.Expr) -> str:
    return DATE_PARTS[argument.name.lower()]


def _as_timestamp(value: exp.Expr, place: str) -> str:
    return place if is_type(value, *_KEPT_TYPES) else f"CAST({place} AS TIMESTAMP)"


def _add_to_date(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    part, number, value = arguments
    base = _as_timestamp(value, "$2")
    returns = value.type if is_type(value, *_KEPT_TYPES) and value.type else "timestamp"
    return engine(f"({base} + {_INTERVALS[_date_part(part)]})", number, value, returns=returns)


def _difference_of_dates(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    """Count the boundaries between two dates; a week begins on Sunday.

    The engine counts whole weeks, and its weeks begin on Monday. Epoch and the days of week and
    year count seconds and days.
    """
    part, first, second = arguments
    name = {"dayofweek": "day", "dayofyear": "day", "epoch": "second"}.get(
        _date_part(part), _date_part(part)
    )
    left, right = _as_timestamp(first, "$1"), _as_timestamp(second, "$2")
    text = f"date_diff('{name}', {left}, {right})"
    if name == "week":
        text = f"(({_monday_after(right)} - {_monday_after(left)}) // 7)"
    return engine(text, first, second, returns="bigint")


def _monday_after(value: str) -> str:
    """Return the Monday after the Sunday that begins the week of `value`."""
    return f"CAST(date_trunc('week', {value} + to_days(1)) AS DATE)"


def _truncate_date(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    part, value = arguments
    returns = value.type if is_type(value, exp.DType.TIMESTAMPTZ) and value.type else "timestamp"
    text = f"date_trunc('{_date_part(part)}', {_as_timestamp(value, '$1')})"
    return engine(text, value, returns=returns)


def _convert_timezone(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    if len(arguments) == 2:
        arguments = [exp.Literal.string("UTC"), *arguments]
    source, target, value = arguments
    return engine(
        "timezone($2, timezone($1, CAST($3 AS TIMESTAMP)))",
        source,
        target,
        value,
        returns="timestamp",
    )


_WEEKDAYS = ("su", "mo", "tu", "we", "th", "fr", "sa")


def _next_day(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    day = literal_text(arguments[1])
    if day is None or day[:2].lower() not in _WEEKDAYS:
        raise InvalidParameter(
            "NEXT_DAY takes the name of a weekday",
            hint="Write NEXT_DAY(date, 'Tuesday') or 'Tue'.",
            position=position_of(node),
        )
    number = _WEEKDAYS.index(day[:2].lower())
    return engine(
        f"(CAST($1 AS DATE) + CAST(({number} + 6 - dayofweek(CAST($1 AS DATE))) % 7 + 1 "
        "AS INTEGER))",
        arguments[0],
        returns="date",
    )


def _json_path_text(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    """A path that leads nowhere gives '', and so does a JSON null."""
    keys = arguments[1:]
    is_lax = isinstance(keys[-1], exp.Boolean)
    ignores_invalid = is_lax and bool(keys.pop().this)
    path = " || ".join(
        f"'.\"' || replace(CAST(${place} AS VARCHAR), '\"', '\\\"') || '\"'"
        for place in range(2, len(keys) + 2)
    )
    found = f"coalesce(json_extract_string(json($1), '$' || {path}), '')"
    condition = "json_valid($1)" if ignores_invalid else "$1 IS NOT NULL"
    return engine(f"CASE WHEN {condition} THEN {found} END", arguments[0], *keys)


def _json_element_text(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    """A negative place counts from the end; a place that is not there gives ''."""
    ignores_invalid = len(arguments) == 3 and bool(arguments[2].this)
    place = "CASE WHEN $2 >= 0 THEN '$[' || $2 || ']' ELSE '$[#' || $2 || ']' END"
    found = f"coalesce(json_extract_string(json($1), {place}), '')"
    condition = "json_valid($1)" if ignores_invalid else "$1 IS NOT NULL"
    return engine(f"CASE WHEN {condition} THEN {found} END", *arguments[:2])


def _to_char(node: RedshiftFunction, arguments: Arguments) -> exp.Expr:
    if is_null(arguments[0]):
        return engine("CAST(NULL AS VARCHAR)", returns="varchar")
    return format_date(node, *arguments)


SPECIAL_FUNCTIONS: Mapping[str, Translation] = MappingProxyType(
    {
        "len": _length,
        "length": _length,
        "char_length": _length,
        "character_length": _length,
        "textlen": _length,
        "isnull": _isnull,
        "trunc": _truncate,
        "sha2": _sha2,
        "dateadd": _add_to_date,
        "date_add": _add_to_date,
        "datediff": _difference_of_dates,
        "date_diff": _difference_of_dates,
        "date_trunc": _truncate_date,
        "convert_timezone": _convert_timezone,
        "next_day": _next_day,
        "to_char": _to_char,
        "to_date": lambda node, arguments: parse_date(node, *arguments),
        "to_timestamp": lambda node, arguments: parse_timestamp(node, *arguments),
        "json_extract_path_text": _json_path_text,
        "json_extract_array_element_text": _json_element_text,
        "regexp_replace": replace_matches,
        "regexp_substr": select_match,
        "regexp_count": count_matches,
        "regexp_instr": find_match,
    }
)
"""Functions whose translation looks at literals or types; the others are in TEMPLATES."""
