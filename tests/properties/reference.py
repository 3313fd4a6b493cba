"""The reference that staged plans are compared with: plain DuckDB and deterministic functions.

The functions answer row by row what the scripted provider answers by request, from one table of
rules (`ANSWERS`). A prompt without text is NULL, as `on_error null` makes it.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
from duckdb.func import FunctionNullHandling

from outcrop.providers.scripted import scripted_answer
from tests.properties.random_schemas import BIG, BOOL, DATE, DECIMAL, INT, SMALL, Schema

# The rules of each function: a regex that is searched in the prompt, and the answer. What no rule
# of `f` and `g` fits gets the scripted provider's own answer.
ANSWERS: Mapping[str, Sequence[tuple[str, str]]] = {
    "f": (("a", "yes"), ("b", "no"), ("^[A-Z]", "é"), ("e", "a")),
    "g": (("[ax]", "b"), ("o$", "Yes"), ("é", "x")),
    "n": (("^[a-c]", "1"), ("yes", "2"), ("é", "0"), ("", "3")),
    "h": (("[ay]", "true"), ("^x", "true"), ("", "false")),
}
TYPES: Mapping[str, str] = {"f": "VARCHAR", "g": "VARCHAR", "n": "INTEGER", "h": "BOOLEAN"}

_TEXTS = (None, "", "a", "b", "ab", "x", "é", "Ünï", "hello", "Yes", "a", "b")
Row = tuple[object, ...]


def answer(function: str, prompt: str) -> str | None:
    """Return what a function answers, as text."""
    if not prompt.strip():
        return None
    for pattern, text in ANSWERS[function]:
        if re.search(pattern, prompt):
            return text
    return scripted_answer(prompt)


def provider_options(function: str) -> dict[str, Any]:
    """Return the options of the scripted provider that answers like `function`."""
    is_text = TYPES[function] == "VARCHAR"
    return {
        "kind": "scripted",
        "answers": [
            {"match_regex": pattern or ".?", "answer": text if is_text else f'{{"answer": {text}}}'}
            for pattern, text in ANSWERS[function]
        ],
    }


def random_rows(seed: int, schema: Schema) -> Mapping[str, Sequence[Row]]:
    """Return the rows of the tables: NULLs, duplicates, empty texts and non-ASCII among them."""
    draw = random.Random(seed)
    rows: dict[str, Sequence[Row]] = {}
    for table, count_max in zip(schema.tables, (12, 8), strict=True):
        kinds = [kind for _, kind in table.columns[1:]]
        rows[table.name] = [
            (key, *(draw.choice(_VALUES.get(kind, _TEXTS)) for kind in kinds))
            for key in range(1, draw.randint(0, count_max) + 1)
        ]
    return rows


_VALUES: Mapping[str, Sequence[object]] = {
    INT: (None, 0, 1, 1, 2, 3),
    SMALL: (None, 0, 1, 2),
    BIG: (None, 0, 5_000_000_000, 5_000_000_001),
    DECIMAL: (None, Decimal("0.00"), Decimal("1.50"), Decimal("-2.25")),
    DATE: (None, date(2024, 2, 29), date(2025, 1, 1)),
    BOOL: (None, True, False),
}


def insert_statements(rows: Mapping[str, Sequence[Row]]) -> list[str]:
    """Return the INSERTs that store `rows`."""
    return [
        f"INSERT INTO {table} VALUES {', '.join(f'({_literals(row)})' for row in stored)}"
        for table, stored in rows.items()
        if stored
    ]


def open_reference() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB with the functions."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
    connection.execute("SET disabled_optimizers = 'statistics_propagation'")  # it gives wrong rows
    connection.execute("CREATE MACRO nvl(a, b) AS coalesce(a, b)")
    for function, datatype in TYPES.items():
        connection.create_function(
            function,
            value_of(function),
            ["VARCHAR"],
            datatype,
            null_handling=FunctionNullHandling.SPECIAL,
        )
    return connection


def value_of(name: str) -> Callable[[str | None], str | int | bool | None]:
    """Return a function as Python's."""
    read: Mapping[str, Callable[[str], str | int | bool]] = {
        "VARCHAR": str,
        "INTEGER": int,
        "BOOLEAN": lambda text: text == "true",
    }
    convert = read[TYPES[name]]

    def call(prompt: str | None) -> str | int | bool | None:
        text = None if prompt is None else answer(name, prompt)
        return None if text is None else convert(text)

    return call


def _literals(row: Row) -> str:
    return ", ".join(
        "NULL" if v is None else f"'{v}'" if isinstance(v, str | date) else str(v) for v in row
    )
