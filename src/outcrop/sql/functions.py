"""The functions that users may call: the one allow-list, by Redshift's names.

A name that is not here is no function: neither DuckDB's own (`read_csv`, `getenv`, `query`) nor
sqlglot's of another dialect. The dialect parses only these names, the binder calls
`check_function` for every other, and `semantics/` says what each means on the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from outcrop.errors import Position, UndefinedFunction, counted, suggest


class FunctionKind(StrEnum):
    """Where a function may stand, and what it works on."""

    SCALAR = "scalar"
    AGGREGATE = "aggregate"
    WINDOW = "window"
    TABLE = "table"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """A function: its name, how many arguments it takes, and the type of what it returns.

    `arity_max` is None where there is no limit. `returns` is a type's name, or `argument` for the
    type of the first argument; None where sqlglot infers it. SESSION functions are answered by the
    session, never by the engine.
    """

    name: str
    kind: FunctionKind
    arity_min: int
    arity_max: int | None
    returns: str | None = None

    def takes(self, arity: int) -> bool:
        """Whether the function can be called with `arity` arguments."""
        return self.arity_min <= arity and (self.arity_max is None or arity <= self.arity_max)


ARGUMENT = "argument"
VARIADIC = None


def _scalar(returns: str, lowest: int, highest: int | None, *names: str) -> list[FunctionSpec]:
    return [FunctionSpec(name, FunctionKind.SCALAR, lowest, highest, returns) for name in names]


def _typed(kind: FunctionKind, lowest: int, highest: int | None, *names: str) -> list[FunctionSpec]:
    return [FunctionSpec(name, kind, lowest, highest) for name in names]


_STRING_FUNCTIONS = (
    *_scalar("varchar", 1, 1, "initcap", "lower", "upper", "reverse", "md5", "sha", "sha1"),
    *_scalar("varchar", 1, 1, "func_sha1", "quote_ident", "quote_literal", "chr", "to_hex"),
    *_scalar("varchar", 1, 2, "btrim", "ltrim", "rtrim"),
    *_scalar("varchar", 2, 2, "concat", "left", "right", "repeat", "replicate", "sha2"),
    *_scalar("varchar", 2, 3, "lpad", "rpad", "substr"),
    *_scalar("varchar", 3, 3, "replace", "translate", "split_part"),
    *_scalar("varchar", 2, 5, "regexp_replace", "regexp_substr"),
    *_scalar("integer", 1, 1, "ascii", "len", "length", "char_length", "character_length"),
    *_scalar("integer", 1, 1, "textlen", "octet_length"),
    *_scalar("integer", 2, 2, "strpos", "charindex"),
    *_scalar("integer", 2, 4, "regexp_count"),
    *_scalar("integer", 2, 2, "regexp_instr"),
    *_scalar("bigint", 2, 2, "strtol"),
    *_scalar("super", 1, 2, "split_to_array"),
)

_NUMBER_FUNCTIONS = (
    *_scalar("double", 1, 1, "acos", "asin", "atan", "cbrt", "cos", "cot", "degrees", "dexp"),
    *_scalar("double", 1, 1, "dlog1", "dlog10", "exp", "ln", "radians", "sin", "sqrt", "tan"),
    *_scalar("double", 1, 2, "log"),
    *_scalar("double", 2, 2, "atan2", "power", "pow"),
    *_scalar("double", 0, 0, "pi", "random"),
    *_scalar(ARGUMENT, 1, 1, "abs", "ceil", "ceiling", "floor", "sign"),
    *_scalar(ARGUMENT, 1, 2, "round", "trunc"),
    *_scalar(ARGUMENT, 2, 2, "mod"),
)

_DATE_FUNCTIONS = (
    *_scalar("timestamp", 0, 0, "getdate", "sysdate"),
    *_scalar("timestamptz", 0, 0, "current_timestamp"),
    *_scalar("date", 0, 0, "current_date"),
    *_scalar("timestamp", 2, 2, "add_months"),
    *_scalar("timestamp", 3, 3, "dateadd", "date_add"),
    *_scalar("bigint", 3, 3, "datediff", "date_diff"),
    *_scalar("timestamp", 2, 2, "date_trunc"),
    *_scalar("timestamp", 2, 3, "convert_timezone"),
    *_scalar("date", 1, 1, "last_day", "date"),
    *_scalar("date", 2, 2, "next_day", "to_date"),
    *_scalar("timestamptz", 2, 2, "to_timestamp"),
    *_scalar("double", 2, 2, "months_between"),
    *_scalar("integer", 1, 1, "date_part_year"),
    *_scalar("integer", 2, 2, "date_cmp"),
    *_scalar("varchar", 2, 2, "to_char"),
)

_SUPER_FUNCTIONS = (
    *_scalar("super", 1, 1, "json_parse", "array_flatten"),
    *_scalar("super", 2, 2, "array_concat"),
    *_scalar("super", 2, 3, "subarray"),
    *_scalar("varchar", 1, 1, "json_serialize", "json_typeof"),
    *_scalar("integer", 1, 1, "get_array_length"),
    *_scalar("integer", 1, 2, "json_array_length"),
    *_scalar("boolean", 1, 1, "can_json_parse", "is_valid_json", "is_valid_json_array"),
    *_scalar("boolean", 1, 1, "is_object", "is_array", "is_scalar", "is_boolean", "is_varchar"),
    *_scalar("boolean", 1, 1, "is_char", "is_integer", "is_smallint", "is_bigint"),
    *_scalar("boolean", 1, 1, "is_decimal", "is_float"),
    *_scalar("varchar", 2, VARIADIC, "json_extract_path_text"),
    *_scalar("varchar", 2, 3, "json_extract_array_element_text"),
)

_CONDITIONAL_FUNCTIONS = (
    *_scalar(ARGUMENT, 1, 2, "isnull"),
    *_scalar("integer", 1, 1, "grouping"),
    *_typed(FunctionKind.SCALAR, 1, VARIADIC, "coalesce", "nvl", "greatest", "least"),
    *_typed(FunctionKind.SCALAR, 2, 2, "nullif"),
    *_typed(FunctionKind.SCALAR, 3, 3, "nvl2"),
)

_AGGREGATES = (
    *_typed(FunctionKind.AGGREGATE, 1, 1, "count", "sum", "avg", "min", "max", "median"),
    *_typed(FunctionKind.AGGREGATE, 1, 1, "stddev", "stddev_samp", "stddev_pop", "any_value"),
    *_typed(FunctionKind.AGGREGATE, 1, 1, "variance", "var_samp", "var_pop"),
    *_typed(FunctionKind.AGGREGATE, 1, 1, "bool_and", "bool_or", "bit_and", "bit_or"),
    *_typed(FunctionKind.AGGREGATE, 1, 1, "percentile_cont", "percentile_disc"),
    *_typed(FunctionKind.AGGREGATE, 1, 2, "listagg"),
)

_WINDOW_FUNCTIONS = (
    *_typed(FunctionKind.WINDOW, 0, 0, "row_number", "rank", "dense_rank"),
    *_typed(FunctionKind.WINDOW, 0, 0, "percent_rank", "cume_dist"),
    *_typed(FunctionKind.WINDOW, 1, 1, "ntile", "first_value", "last_value"),
    *_typed(FunctionKind.WINDOW, 2, 2, "nth_value"),
    *_typed(FunctionKind.WINDOW, 1, 3, "lag", "lead"),
    FunctionSpec("ratio_to_report", FunctionKind.WINDOW, 1, 1, "double"),
)

_OTHER_FUNCTIONS = (
    *(
        FunctionSpec(name, FunctionKind.SESSION, 0, 0, "varchar")
        for name in ("version", "current_database", "current_schema", "current_user")
    ),
    FunctionSpec("session_user", FunctionKind.SESSION, 0, 0, "varchar"),
    FunctionSpec("pg_backend_pid", FunctionKind.SESSION, 0, 0, "integer"),
    FunctionSpec("generate_series", FunctionKind.TABLE, 2, 3),
)

_PARSED_WORDS = (
    # Functions with a syntax of their own; the parser checks their arguments.
    *_typed(FunctionKind.SCALAR, 1, VARIADIC, "cast", "try_cast", "convert", "decode", "extract"),
    *_typed(FunctionKind.SCALAR, 1, 3, "substring", "trim", "position", "date_part"),
    *_typed(FunctionKind.SCALAR, 0, VARIADIC, "object", "array"),
)

FUNCTIONS: Mapping[str, FunctionSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            *_STRING_FUNCTIONS,
            *_NUMBER_FUNCTIONS,
            *_DATE_FUNCTIONS,
            *_SUPER_FUNCTIONS,
            *_CONDITIONAL_FUNCTIONS,
            *_AGGREGATES,
            *_WINDOW_FUNCTIONS,
            *_OTHER_FUNCTIONS,
            *_PARSED_WORDS,
        )
    }
)

SYNTACTIC_FUNCTIONS = frozenset(spec.name for spec in _PARSED_WORDS) | {"listagg"}
"""Functions that the parser reads by a syntax of their own, or without parentheses."""


def find_function(name: str) -> FunctionSpec | None:
    """Return the function called `name` (any case), or None."""
    return FUNCTIONS.get(name.lower())


def check_function(
    name: str, arity: int, *, known: Iterable[str] = (), position: Position | None = None
) -> FunctionSpec:
    """Return the function called `name`, or raise UndefinedFunction with a suggestion.

    `known` are further names to suggest, such as the functions of external models.
    """
    spec = find_function(name)
    if spec is None:
        raise UndefinedFunction(
            f"function {name.lower()!r} does not exist",
            hint=suggest(name, (*FUNCTIONS, *known))
            or "Only Redshift's functions and those of external models can be called.",
            position=position,
        )
    if not spec.takes(arity):
        raise UndefinedFunction(
            f"function {spec.name!r} does not take {counted(arity, 'argument')}",
            hint=f"It takes {_arity(spec)}.",
            position=position,
        )
    return spec


def _arity(spec: FunctionSpec) -> str:
    if spec.arity_max is None:
        return f"{counted(spec.arity_min, 'argument')} or more"
    if spec.arity_min == spec.arity_max:
        return counted(spec.arity_min, "argument")
    return f"from {spec.arity_min} to {counted(spec.arity_max, 'argument')}"


DATE_PARTS: Mapping[str, str] = MappingProxyType(
    {
        alias: part
        for part, aliases in {
            "millennium": "millennium millennia mil mils",
            "century": "century centuries c cent cents",
            "decade": "decade decades dec decs",
            "epoch": "epoch",
            "year": "year years y yr yrs",
            "quarter": "quarter quarters qtr qtrs",
            "month": "month months mon mons",
            "week": "week weeks w",
            "dayofweek": "dayofweek dow dw weekday",
            "dayofyear": "dayofyear doy dy yearday",
            "day": "day days d",
            "hour": "hour hours h hr hrs",
            "minute": "minute minutes m min mins",
            "second": "second seconds s sec secs",
            "millisecond": "millisecond milliseconds ms msec msecs msecond mseconds millisec "
            "millisecs millisecon",
            "microsecond": "microsecond microseconds us usec usecs usecond useconds microsec "
            "microsecs microsecon",
        }.items()
        for alias in aliases.split()
    }
)
"""Every spelling of a date part, with its canonical name (developer guide, "Date parts")."""

DATE_PART_FUNCTIONS = frozenset({"dateadd", "date_add", "datediff", "date_diff", "date_trunc"})
"""Functions whose first argument is a date part, as a word or as a string."""
