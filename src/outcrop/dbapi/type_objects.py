"""The type objects and constructors of PEP 249."""

from __future__ import annotations

from datetime import date, datetime, time

from outcrop.datatypes import DataType, TypeKind


class TypeObject:
    """A group of types, equal to the `type_code` of every column of such a type."""

    def __init__(self, name: str, *kinds: TypeKind) -> None:
        self._name = name
        self._kinds = frozenset(kinds)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DataType):
            return other.kind in self._kinds
        return self is other

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"outcrop.dbapi.{self._name}"


STRING = TypeObject("STRING", TypeKind.CHAR, TypeKind.VARCHAR, TypeKind.SUPER, TypeKind.UNKNOWN)
BINARY = TypeObject("BINARY", TypeKind.VARBYTE)
NUMBER = TypeObject("NUMBER", *(kind for kind in TypeKind if DataType(kind).is_number))
DATETIME = TypeObject(
    "DATETIME",
    TypeKind.DATE,
    TypeKind.TIME,
    TypeKind.TIMETZ,
    TypeKind.TIMESTAMP,
    TypeKind.TIMESTAMPTZ,
    TypeKind.INTERVAL,
)
ROWID = TypeObject("ROWID")

Date = date
Time = time
Timestamp = datetime
DateFromTicks = date.fromtimestamp
TimestampFromTicks = datetime.fromtimestamp
Binary = bytes


def TimeFromTicks(ticks: float) -> time:  # noqa: N802 - PEP 249 gives the name
    """Return the local time of day at `ticks` seconds since the epoch."""
    return datetime.fromtimestamp(ticks).time()  # noqa: DTZ006 - PEP 249: local time
