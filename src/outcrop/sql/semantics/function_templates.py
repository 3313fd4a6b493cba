"""What the plain scalar functions of Redshift are on DuckDB: one table, name by name.

Each entry gives one text for each number of arguments, from the fewest on, with the arguments as
$1, $2, ... Functions whose meaning depends on a literal argument or on a type are in
`translate_functions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from outcrop.sql.semantics.read_substrings import SUBSTRING_FROM, SUBSTRING_FROM_FOR
from outcrop.sql.semantics.super_values import (
    IS_ARRAY,
    IS_BOOLEAN,
    IS_DECIMAL,
    IS_FLOAT,
    IS_INTEGER,
    IS_NUMBER,
    IS_OBJECT,
    IS_TEXT,
)

_QUOTED_IDENTIFIER = "('\"' || replace($1, '\"', '\"\"') || '\"')"
_QUOTED_LITERAL = "('''' || replace(replace($1, '\\', '\\\\'), '''', '''''') || '''')"

# The first letter of every word upper, the rest lower; a word is a run of letters and digits.
_INITCAP = (
    "array_to_string(list_transform(regexp_extract_all($1, '[A-Za-z0-9]+|[^A-Za-z0-9]+'), "
    "lambda word: upper(word[1]) || lower(word[2:])), '')"
)

_TEXTS: Mapping[str, tuple[str, ...]] = {
    "initcap": (_INITCAP,),
    "lower": ("lower($1)",),
    "upper": ("upper($1)",),
    "reverse": ("reverse($1)",),
    "md5": ("md5($1)",),
    "sha": ("sha1($1)",),
    "sha1": ("sha1($1)",),
    "func_sha1": ("sha1($1)",),
    "quote_ident": (
        f"CASE WHEN regexp_full_match($1, '[a-z_][a-z0-9_]*') THEN $1 ELSE {_QUOTED_IDENTIFIER} "
        "END",
    ),
    "quote_literal": (_QUOTED_LITERAL,),
    "chr": ("chr(CAST($1 AS INTEGER))",),
    "to_hex": ("lower(to_hex($1))",),
    "btrim": ("trim($1)", "trim($1, $2)"),
    "ltrim": ("ltrim($1)", "ltrim($1, $2)"),
    "rtrim": ("rtrim($1)", "rtrim($1, $2)"),
    "concat": ("(CAST($1 AS VARCHAR) || CAST($2 AS VARCHAR))",),
    "left": ("left($1, greatest(CAST($2 AS BIGINT), 0))",),
    "right": ("right($1, greatest(CAST($2 AS BIGINT), 0))",),
    "repeat": ("repeat($1, CAST($2 AS BIGINT))",),
    "replicate": ("repeat($1, CAST($2 AS BIGINT))",),
    "lpad": ("lpad($1, CAST($2 AS INTEGER), ' ')", "lpad($1, CAST($2 AS INTEGER), $3)"),
    "rpad": ("rpad($1, CAST($2 AS INTEGER), ' ')", "rpad($1, CAST($2 AS INTEGER), $3)"),
    "substr": (SUBSTRING_FROM, SUBSTRING_FROM_FOR),
    "replace": ("replace($1, $2, $3)",),
    "translate": ("translate($1, $2, $3)",),
    "split_part": ("split_part($1, $2, CAST($3 AS BIGINT))",),
    "ascii": ("ascii($1)",),
    "octet_length": ("CAST(strlen($1) AS INTEGER)",),
    "strpos": ("CAST(instr($1, $2) AS INTEGER)",),
    "charindex": ("CAST(instr($2, $1) AS INTEGER)",),
    "strtol": (
        "list_reduce(list_prepend(CAST(0 AS BIGINT), list_transform(string_split(lower($1), ''), "
        "lambda digit: CAST(instr('0123456789abcdefghijklmnopqrstuvwxyz', digit) - 1 AS BIGINT))), "
        "lambda total, digit: total * $2 + digit)",
    ),
}

_NUMBERS: Mapping[str, tuple[str, ...]] = {
    **{
        name: (f"{name}($1)",)
        for name in (
            "acos", "asin", "atan", "cbrt", "cos", "cot", "degrees", "exp", "ln", "radians",
            "sin", "sqrt", "tan", "abs", "ceil", "floor", "sign",
        )
    },
    "ceiling": ("ceil($1)",),
    "dexp": ("exp($1)",),
    "dlog1": ("ln($1)",),
    "dlog10": ("log10($1)",),
    "log": ("log10($1)", "log($1, $2)"),
    "atan2": ("atan2($1, $2)",),
    "power": ("power($1, $2)",),
    "pow": ("power($1, $2)",),
    "pi": ("pi()",),
    "random": ("random()",),
    "round": ("round($1)", "round($1, CAST($2 AS INTEGER))"),
    "mod": ("mod($1, $2)",),
    "grouping": ("grouping($1)",),
}  # fmt: skip

_DATE = "CAST($1 AS DATE)"
_MONTHS_APART = (
    "((year(CAST($1 AS DATE)) - year(CAST($2 AS DATE))) * 12"
    " + month(CAST($1 AS DATE)) - month(CAST($2 AS DATE)))"
)

_DATES: Mapping[str, tuple[str, ...]] = {
    "getdate": ("date_trunc('second', CAST(now() AS TIMESTAMP))",),
    "sysdate": ("CAST(now() AS TIMESTAMP)",),
    "current_timestamp": ("now()",),
    "current_date": ("CAST(now() AS DATE)",),
    "date": (_DATE,),
    "last_day": (f"last_day({_DATE})",),
    "date_part_year": (f"CAST(year({_DATE}) AS INTEGER)",),
    "date_cmp": ("CAST(sign(CAST($1 AS DATE) - CAST($2 AS DATE)) AS INTEGER)",),
    # The last day of a month stays one (developer guide, ADD_MONTHS).
    "add_months": (
        f"CASE WHEN {_DATE} = last_day({_DATE}) "
        f"THEN CAST(last_day(CAST({_DATE} + to_months(CAST($2 AS INTEGER)) AS DATE)) AS TIMESTAMP)"
        " + (CAST($1 AS TIMESTAMP) - date_trunc('day', CAST($1 AS TIMESTAMP))) "
        "ELSE CAST($1 AS TIMESTAMP) + to_months(CAST($2 AS INTEGER)) END",
    ),
    "months_between": (
        "CASE WHEN day(CAST($1 AS DATE)) = day(CAST($2 AS DATE)) OR (CAST($1 AS DATE) = "
        "last_day(CAST($1 AS DATE)) AND CAST($2 AS DATE) = last_day(CAST($2 AS DATE))) "
        f"THEN CAST({_MONTHS_APART} AS DOUBLE) ELSE {_MONTHS_APART} + "
        "(day(CAST($1 AS DATE)) - day(CAST($2 AS DATE))) / CAST(31 AS DOUBLE) END",
    ),
}

_ELEMENTS = "CAST($1 AS VARIANT[])"
_LISTS_OF_ELEMENTS = (
    f"list_transform({_ELEMENTS}, lambda item: CASE WHEN starts_with(variant_typeof(item), "
    "'ARRAY') THEN CAST(item AS VARIANT[]) ELSE [item] END)"
)

_SUPERS: Mapping[str, tuple[str, ...]] = {
    "json_parse": ("CAST(json(CAST($1 AS VARCHAR)) AS VARIANT)",),
    "json_serialize": ("CAST(to_json($1) AS VARCHAR)",),
    "can_json_parse": ("json_valid($1)",),
    "is_valid_json": ("(json_valid($1) AND starts_with(trim($1), '{'))",),
    "is_valid_json_array": ("(json_valid($1) AND starts_with(trim($1), '['))",),
    "json_typeof": (
        f"CASE WHEN $1 IS NULL THEN NULL WHEN {IS_OBJECT} THEN 'object' WHEN {IS_ARRAY} THEN "
        f"'array' WHEN {IS_TEXT} THEN 'string' WHEN {IS_BOOLEAN} THEN 'boolean' WHEN {IS_NUMBER} "
        "THEN 'number' ELSE 'null' END",
    ),
    "is_object": (IS_OBJECT,),
    "is_array": (IS_ARRAY,),
    "is_scalar": (f"(NOT ({IS_OBJECT} OR {IS_ARRAY}))",),
    "is_boolean": (IS_BOOLEAN,),
    "is_varchar": (IS_TEXT,),
    "is_char": (IS_TEXT,),
    "is_integer": (f"({IS_INTEGER} AND TRY_CAST($1 AS INTEGER) IS NOT NULL)",),
    "is_smallint": (f"({IS_INTEGER} AND TRY_CAST($1 AS SMALLINT) IS NOT NULL)",),
    "is_bigint": (f"({IS_INTEGER} AND TRY_CAST($1 AS BIGINT) IS NOT NULL)",),
    "is_decimal": (f"({IS_DECIMAL} OR {IS_INTEGER})",),
    "is_float": (IS_FLOAT,),
    "get_array_length": (
        f"CASE WHEN {IS_ARRAY} THEN CAST(variant_array_length($1) AS INTEGER) END",
    ),
    "array_concat": (
        f"CAST(list_concat({_ELEMENTS}, {_ELEMENTS.replace('$1', '$2')}) AS VARIANT)",
    ),
    "array_flatten": (
        f"CASE WHEN {IS_ARRAY} THEN CAST(flatten({_LISTS_OF_ELEMENTS}) AS VARIANT) END",
    ),
    "subarray": (
        f"CASE WHEN {IS_ARRAY} THEN CAST(list_slice({_ELEMENTS}, $2 + 1, len({_ELEMENTS})) AS "
        "VARIANT) END",
        f"CASE WHEN {IS_ARRAY} THEN CAST(list_slice({_ELEMENTS}, $2 + 1, $2 + $3) AS VARIANT) END",
    ),
    "json_array_length": (
        "CAST(json_array_length(json($1)) AS INTEGER)",
        "CAST(CASE WHEN json_valid($1) OR NOT $2 THEN json_array_length(json($1)) END AS INTEGER)",
    ),
    "split_to_array": (
        "CAST(string_split($1, ',') AS VARIANT)",
        "CAST(string_split($1, $2) AS VARIANT)",
    ),
}

TEMPLATES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {**_TEXTS, **_NUMBERS, **_DATES, **_SUPERS}
)

TEXT_FUNCTIONS = frozenset(_TEXTS) | {
    "len", "length", "char_length", "character_length", "textlen", "json_parse", "can_json_parse",
    "is_valid_json", "is_valid_json_array", "json_array_length", "split_to_array", "sha2",
    "regexp_replace", "regexp_substr", "regexp_count", "regexp_instr", "to_date", "to_timestamp",
    "json_extract_path_text", "json_extract_array_element_text",
}  # fmt: skip
"""Functions whose first argument is a text, so that a SUPER becomes one."""

NUMBER_FUNCTIONS = frozenset(_NUMBERS) | {"trunc"}
"""Functions whose arguments are numbers, so that a SUPER becomes one."""
