"""Relations of lazy values, and what set operations make of them.

Part of the oracle of call counts (`needs`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from tests.properties.lazy_rows import Lazy, Row


@dataclass(frozen=True, slots=True)
class Relation:
    """The rows of a query under the names of its columns; `asked` are those that need a model."""

    names: tuple[str, ...]
    rows: list[Row]
    values: list[tuple[Lazy, ...]]
    asked: frozenset[str]


@dataclass(frozen=True, slots=True)
class Filter:
    """A cheap condition from above on the columns of a relation, by their names."""

    columns: frozenset[str]
    holds: Callable[[Mapping[str, Lazy]], bool]


def constant(value: Any) -> Lazy:
    """Return a value that is known."""
    return Lazy(lambda: value)


def distinct(relation: Relation) -> list[tuple[Lazy, ...]]:
    """Return the values of the rows that are there, each once."""
    found: dict[tuple[Any, ...], tuple[Lazy, ...]] = {}
    for row, values in zip(relation.rows, relation.values, strict=True):
        if row.exists():
            found.setdefault(tuple(value.get() for value in values), values)
    return list(found.values())


def combine(
    query: exp.SetOperation, left: list[tuple[Lazy, ...]], right: list[tuple[Lazy, ...]]
) -> list[tuple[Lazy, ...]]:
    """Return the values of a set operation of two arms whose rows differ."""

    def plain(values: tuple[Lazy, ...]) -> tuple[Any, ...]:
        return tuple(value.get() for value in values)

    others = {plain(values) for values in right}
    if isinstance(query, exp.Intersect):
        return [values for values in left if plain(values) in others]
    if isinstance(query, exp.Except):
        return [values for values in left if plain(values) not in others]
    own = {plain(values) for values in left}
    return left + [values for values in right if plain(values) not in own]


def renamed_filters(filters: Sequence[Filter], left: Relation, right: exp.Expr) -> list[Filter]:
    """Return filters on the columns of a set operation as filters on its second arm's."""
    names = dict(zip(left.names, (name.lower() for name in right.named_selects), strict=True))

    def renamed(found: Filter) -> Filter:
        def holds(values: Mapping[str, Lazy]) -> bool:
            return found.holds({name: values[names[name]] for name in found.columns})

        return Filter(frozenset(names[name] for name in found.columns), holds)

    return [renamed(found) for found in filters if found.columns <= set(names)]
