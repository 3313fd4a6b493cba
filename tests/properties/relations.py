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
    """A condition from above on the columns of a relation, by their names."""

    columns: frozenset[str]
    holds: Callable[[Mapping[str, Lazy]], bool]

    def renamed(self, names: Mapping[str, str]) -> Filter:
        """Return the filter on columns of other names."""

        def holds(values: Mapping[str, Lazy]) -> bool:
            return self.holds({name: values[names[name]] for name in self.columns})

        return Filter(frozenset(names[name] for name in self.columns), holds)


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
    return [found.renamed(names) for found in filters if found.columns <= set(names)]


def filters_by_source(
    filters: Sequence[Filter], items: Mapping[str, exp.Expr]
) -> Mapping[str, Sequence[Filter]]:
    """Return filters on a block's columns as filters on the one source that gives them, by alias.

    `items` are the block's columns by name.
    """
    found: dict[str, list[Filter]] = {}
    for one in filters:
        values = [items[name].unalias() for name in one.columns if name in items]
        columns = [value for value in values if isinstance(value, exp.Column)]
        sources = {column.table.lower() for column in columns}
        if len(columns) == len(one.columns) and len(sources) == 1:
            names = {n: items[n].unalias().name.lower() for n in one.columns}
            found.setdefault(sources.pop(), []).append(one.renamed(names))
    return found
