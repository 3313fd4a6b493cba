"""Values that are computed of several rows: aggregates and windows; and the order of ORDER BY.

Part of the oracle of call counts (`needs`).
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlglot import exp

from tests.properties.lazy_rows import Expressions, Lazy, Row, own_nodes
from tests.properties.relations import constant
from tests.properties.sql_clauses import AGGREGATES


class ComputedValues:
    """Computes aggregates and windows of rows."""

    def __init__(self, expressions: Expressions) -> None:
        self._expressions = expressions

    def groups(
        self,
        rows: Iterable[Row],
        keys: Sequence[exp.Expr],
        parts: Iterable[exp.Expr],
        outer: Row | None,
    ) -> list[Row]:
        """Return a row for each group, which knows the keys and the aggregates in `parts`."""
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            key = tuple(self._expressions.value(part, row) for part in keys)
            groups.setdefault(key, []).append(row)
        if not keys and not groups:
            groups[()] = []
        nodes = [node for part in parts for node in own_nodes(part)]
        result = []
        for key, members in groups.items():
            group = Row({}, outer=outer)
            for node in nodes:
                if node in keys:
                    group.computed[id(node)] = constant(key[keys.index(node)])
                elif isinstance(node, AGGREGATES):
                    aggregate = functools.partial(self._aggregate, node, members)
                    group.computed[id(node)] = Lazy(aggregate)
            result.append(group)
        return result

    def add_window(self, window: exp.Window, rows: list[Row], present: list[Row]) -> None:
        """Have each of `rows` know its value of a window over those that are `present`."""
        whole = Lazy(lambda: self._window_values(window, present))
        for row, member in zip(rows, present, strict=True):
            row.computed[id(window)] = Lazy(
                functools.partial(lambda member: whole.get().get(id(member)), member)
            )

    def _aggregate(self, node: exp.Expr, rows: Iterable[Row]) -> Any:
        if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
            return len(list(rows))
        is_distinct = isinstance(node.this, exp.Distinct)
        argument = node.this.expressions[0] if is_distinct else node.this
        values = [self._expressions.value(argument, row) for row in rows]
        values = [value for value in values if value is not None]
        if is_distinct:
            values = list(dict.fromkeys(values))
        if isinstance(node, exp.Count):
            return len(values)
        if not values:
            return None
        if isinstance(node, exp.Sum):
            return sum(values)
        return min(values) if isinstance(node, exp.Min) else max(values)

    def _window_values(self, window: exp.Window, rows: list[Row]) -> dict[int, Any]:
        partitions: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            if row.exists():
                parts = window.args.get("partition_by") or []
                key = tuple(self._expressions.value(part, row) for part in parts)
                partitions.setdefault(key, []).append(row)
        result: dict[int, Any] = {}
        order = window.args.get("order")
        terms = order.expressions if order is not None else []
        for members in partitions.values():
            keys = {id(row): self._sort_key(terms, row) for row in members}
            members.sort(key=lambda row: keys[id(row)])
            result.update(self._window_of(window.this, members, keys))
        return result

    def _window_of(
        self, function: exp.Expr, rows: list[Row], keys: Mapping[int, Any]
    ) -> dict[int, Any]:
        match function:
            case exp.RowNumber():
                return {id(row): number for number, row in enumerate(rows, start=1)}
            case exp.Rank():
                ordered = [keys[id(row)] for row in rows]
                return {id(row): ordered.index(keys[id(row)]) + 1 for row in rows}
            case exp.Lag():
                values = [self._expressions.value(function.this, row) for row in rows]
                return {id(r): v for r, v in zip(rows, [None, *values[:-1]], strict=True)}
        value = self._aggregate(function, rows)
        return {id(row): value for row in rows}

    def _sort_key(self, terms: Sequence[exp.Ordered], row: Row) -> list[Any]:
        return [Ordered.of(self._expressions.value(term.this, row), term) for term in terms]


def settle_computed(parts: Iterable[exp.Expr], rows: Iterable[Row]) -> None:
    """Compute the aggregates and the windows in `parts` for every row that is there."""
    nodes = [node for part in parts for node in own_nodes(part)]
    for row in rows:
        computed = [row.computed[id(node)] for node in nodes if id(node) in row.computed]
        for value in computed if computed and row.exists() else ():
            value.get()


@functools.total_ordering
@dataclass(frozen=True, slots=True)
class Ordered:
    """A value as ORDER BY compares it."""

    value: Any
    is_descending: bool
    is_first: bool

    @classmethod
    def of(cls, value: Any, term: exp.Ordered) -> Ordered:
        """Return a value as a term of ORDER BY sorts it."""
        return cls(value, bool(term.args.get("desc")), bool(term.args.get("nulls_first")))

    def __lt__(self, other: Ordered) -> bool:
        if self.value is None or other.value is None:
            if self.value is other.value:
                return False
            return (self.value is None) is self.is_first
        return (other.value < self.value) if self.is_descending else (self.value < other.value)
