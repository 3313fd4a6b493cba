"""A block split in two: an inner block, which keeps some of its clauses, and an outer one over it.

Every rule that changes the order of things does it so. What the outer block needs, the inner one
hands up as named columns. Both are plain SQL, so a rule can be shown, and tested, as a pair of
queries that give the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlglot import exp

from outcrop.planner.blocks import (
    Names,
    derived_table,
    join_conditions,
    own_columns,
    source_names,
    upper_clauses,
)


@dataclass(slots=True)
class Split:
    """A block that is being split: clauses and expressions move from `outer` to `inner`."""

    outer: exp.Select
    names: Names
    inner: exp.Select = field(default_factory=exp.Select)
    _columns: dict[exp.Expr, str] = field(default_factory=dict)

    def lower(self, *clauses: str) -> None:
        """Move whole clauses to the inner block."""
        for clause in clauses:
            if (value := self.outer.args.get(clause)) is not None:
                self.outer.set(clause, None)
                self.inner.set(clause, value)

    def lower_expressions(self, expressions: Iterable[exp.Expr], prefix: str) -> None:
        """Have the inner block compute `expressions`, and the outer one read them as columns.

        Equal expressions share a column; the largest are taken first.
        """
        for expression in expressions:
            if expression.copy() not in self._columns:
                self._columns[expression.copy()] = self.names.fresh(prefix)

    def finish(self) -> exp.Select:
        """Hand up what the outer block still reads of the sources, and put the inner below it."""
        names = source_names(self.inner)
        alias = self.names.fresh("q")
        for part in upper_clauses(self.outer):
            self._replace_computed(part, alias)
        taken: set[str] = set(self._columns.values())
        carried: dict[tuple[str, str], str] = {}
        for part in (*upper_clauses(self.outer), *join_conditions(self.outer)):
            for column in list(own_columns(part, names)):
                key = (column.table, column.name)
                if key not in carried:
                    carried[key] = self._unique(column.name, taken)
                _read(column, carried[key], alias)
        self.inner.set("expressions", self._projections(carried))
        self.outer.set("from_", exp.From(this=derived_table(self.inner, alias)))
        return self.outer

    def _projections(self, carried: dict[tuple[str, str], str]) -> list[exp.Expr]:
        projections: list[exp.Expr] = [
            exp.alias_(exp.column(name, table=table, quoted=True), as_, quoted=True)
            for (table, name), as_ in carried.items()
        ]
        projections += [
            exp.alias_(expression, name, quoted=True) for expression, name in self._columns.items()
        ]
        return projections or [
            exp.alias_(exp.Literal.number(1), self.names.fresh("c"), quoted=True)
        ]

    def _replace_computed(self, part: exp.Expr, alias: str) -> None:
        """Replace the computed expressions in `part` by columns, outermost first."""
        if (name := self._columns.get(part)) is not None:
            _replace(part, exp.column(name, table=alias, quoted=True))
            return
        if isinstance(part, exp.Query):
            return
        for child in list(part.iter_expressions()):
            self._replace_computed(child, alias)

    def _unique(self, name: str, taken: set[str]) -> str:
        unique = name if name not in taken else self.names.fresh("c")
        taken.add(unique)
        return unique


def _read(column: exp.Column, name: str, alias: str) -> None:
    column.set("this", exp.to_identifier(name, quoted=True))
    column.set("table", exp.to_identifier(alias, quoted=True))
    for part in ("db", "catalog"):
        column.set(part, None)


def _replace(node: exp.Expr, by: exp.Expr) -> None:
    by.type = node.type
    node.replace(by)
