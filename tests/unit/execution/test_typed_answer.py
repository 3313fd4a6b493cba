"""What a model gives as a typed value can be cast by the engine, or is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outcrop.datatypes import TYPES, DataType, TypeKind
from outcrop.execution.typed_answer import as_text

SMALL = DataType(TypeKind.DECIMAL, precision=5, scale=2)
WIDE = DataType(TypeKind.DECIMAL, precision=38, scale=10)


def of(kind: TypeKind) -> DataType:
    return DataType(kind)


@pytest.mark.parametrize(
    ("datatype", "value", "text"),
    [
        (of(TypeKind.SMALLINT), 32_767, "32767"),
        (of(TypeKind.BIGINT), -(2**63), "-9223372036854775808"),
        (of(TypeKind.INTEGER), 42.0, "42"),
        (SMALL, 999.994, "999.99"),
        (SMALL, Decimal("0.005"), "0.01"),
        (WIDE, Decimal("12345678901234567890.0123456789"), "12345678901234567890.0123456789"),
        (WIDE, 7, "7.0000000000"),
        (of(TypeKind.REAL), 3.4e38, "3.4e+38"),
        (of(TypeKind.DOUBLE), 10**300, "1e+300"),
        (of(TypeKind.BOOLEAN), False, "false"),
        (of(TypeKind.DATE), "2024-02-29", "2024-02-29"),
        (of(TypeKind.TIME), "10:00", "10:00"),
        (of(TypeKind.TIMETZ), "10:00Z", "10:00:00+00:00"),
        (of(TypeKind.TIMESTAMP), "2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z"),
        (of(TypeKind.TIMESTAMPTZ), " 2026-11-24 10:00+02 ", "2026-11-24 10:00+02"),
        (of(TypeKind.INTERVAL), "3 days -2 Hours", "3 days -2 Hours"),
        (of(TypeKind.VARBYTE), "abc", "abc"),
    ],
)
def test_a_value_that_the_type_holds(datatype: DataType, value: object, text: str) -> None:
    assert as_text(value, datatype) == text
    assert is_cast(text, datatype)


@pytest.mark.parametrize(
    ("datatype", "value"),
    [
        (of(TypeKind.SMALLINT), 32_768),
        (of(TypeKind.INTEGER), 1e25),
        (of(TypeKind.BIGINT), 2**63),
        (of(TypeKind.BIGINT), float("inf")),
        (SMALL, 1_000),
        (SMALL, 999.995),
        (SMALL, Decimal("1e999999999")),
        (SMALL, float("nan")),
        (WIDE, 10**28),
        (of(TypeKind.REAL), 1e39),
        (of(TypeKind.DOUBLE), float("inf")),
        (of(TypeKind.DOUBLE), 10**400),
        (of(TypeKind.DATE), "2026-02-30"),
        (of(TypeKind.DATE), "20260230"),
        (of(TypeKind.DATE), "tomorrow"),
        (of(TypeKind.TIME), "25:00"),
        (of(TypeKind.TIME), "noon"),
        (of(TypeKind.TIMETZ), "10:00"),
        (of(TypeKind.TIMETZ), "10:00+23:00"),
        (of(TypeKind.TIMESTAMP), "2026-11-24T25:00:00"),
        (of(TypeKind.TIMESTAMP), "24 November"),
        (of(TypeKind.TIMESTAMPTZ), "2026-11-24T10:00:00 Europe/Berlin"),
        (of(TypeKind.INTERVAL), "a while"),
        (of(TypeKind.VARBYTE), "\\x"),
        (of(TypeKind.VARBYTE), "é"),
    ],
)
def test_a_value_that_the_type_cannot_hold(datatype: DataType, value: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        as_text(value, datatype)


ENGINE = duckdb.connect()
# Texts and SUPER are not written by it, and a declared DECIMAL always has digits.
UNTYPED = {TypeKind.CHAR, TypeKind.VARCHAR, TypeKind.SUPER, TypeKind.UNKNOWN, TypeKind.DECIMAL}
TYPED = [*(of(kind) for kind in TYPES if kind not in UNTYPED), SMALL, WIDE]
NUMBERS = st.one_of(
    st.integers(), st.integers(-(2**70), 2**70), st.floats(), st.decimals(allow_nan=False)
)
PIECES = [
    "0001",
    "9999",
    "2024",
    "-02-",
    "-",
    "29",
    "31",
    "T",
    "10",
    ":",
    "59",
    ".5",
    "Z",
    "+",
    "-15:59",
    "+02",
    "3",
    "day",
    "s",
    "hour",
    "\\",
    "é",
    "x",
]
PARTS = st.lists(st.sampled_from([" ", *PIECES]), max_size=12).map("".join)


def is_cast(text: str, datatype: DataType) -> bool:
    name = TYPES[datatype.kind].duckdb
    if datatype.precision:
        name += f"({datatype.precision}, {datatype.scale})"
    query = f"SELECT TRY_CAST(CAST(? AS varchar) AS {name}) IS NOT NULL"
    [(is_there,)] = ENGINE.execute(query, [text]).fetchall()
    return bool(is_there)


@settings(max_examples=600)
@given(datatype=st.sampled_from(TYPED), number=NUMBERS, text=PARTS)
def test_what_is_given_can_be_cast(datatype: DataType, number: Any, text: str) -> None:
    try:
        given_text = as_text(number if datatype.is_number else text, datatype)
    except ValueError:
        return
    assert is_cast(given_text, datatype), json.dumps(given_text)
