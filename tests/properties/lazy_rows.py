"""Rows whose values are worked out when they are first asked for, and expressions over them.

Part of the oracle of call counts (`needs`): it knows SQL's rules of evaluation and nothing of the
planner. A value that nobody asks for costs no call, and neither does a row that nobody asks about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from sqlglot import exp

Name = tuple[str, str]
"""A column: its source's alias and its own name, in lower case."""


class Lazy:
    """A value that is worked out once, when it is first asked for."""

    __slots__ = ("_compute", "_value")

    def __init__(self, compute: Callable[[], Any]) -> None:
        self._compute: Callable[[], Any] | None = compute
        self._value: Any = None

    def get(self) -> Any:
        """Return the value."""
        if self._compute is not None:
            self._value, self._compute = self._compute(), None
        return self._value


NULL = Lazy(lambda: None)


@dataclass(slots=True, eq=False)
class Row:
    """A row that is there if all its conditions hold; they are asked in order.

    `computed` has the values of nodes that stand for something computed before: a group's key, an
    aggregate, a window; they are known by identity.
    """

    columns: Mapping[Name, Lazy]
    conditions: tuple[Callable[[], bool], ...] = ()
    computed: dict[int, Lazy] = field(default_factory=dict)
    outer: Row | None = None
    _exists: bool | None = None

    def exists(self) -> bool:
        """Tell whether the row is there."""
        if self._exists is None:
            self._exists = all(condition() for condition in self.conditions)
        return self._exists

    def require(self, conditions: tuple[Callable[[], bool], ...]) -> None:
        """Set the conditions under which the row is there."""
        self.conditions, self._exists = conditions, None

    def find(self, name: Name) -> Lazy:
        """Return a column of this row, or of the rows around it."""
        row: Row | None = self
        while row is not None:
            if name in row.columns:
                return row.columns[name]
            row = row.outer
        raise KeyError(name)


def own_nodes(node: exp.Expr, *, with_queries: bool = False) -> Iterator[exp.Expr]:
    """Yield `node` and what is below it, but not what is inside of subqueries."""
    yield node
    if isinstance(node, exp.Query) and not with_queries:
        return
    for child in node.iter_expressions():
        yield from own_nodes(child)


def conjuncts(condition: exp.Expr | None) -> list[exp.Expr]:
    """Return the parts of a condition that AND connects."""
    if condition is None:
        return []
    if isinstance(condition, exp.Where | exp.Having | exp.Qualify | exp.Paren):
        return conjuncts(condition.this)
    if isinstance(condition, exp.And):
        return [*conjuncts(condition.left), *conjuncts(condition.right)]
    return [condition]


class Expressions:
    """Evaluates expressions over rows as SQL does: by need, and what needs no model first."""

    def __init__(
        self,
        call: Callable[[str, str | None], Any],
        needs_model: Callable[[exp.Expr], bool],
        subquery: Callable[[exp.Expr, Row], list[Lazy]],
        exists: Callable[[exp.Expr, Row], bool],
        *,
        is_eager: bool,
    ) -> None:
        """`is_eager` asks what IN compares before it is known that it compares with nothing."""
        self._call = call
        self._needs_model = needs_model
        self._subquery = subquery
        self._subquery_exists = exists
        self._is_eager = is_eager

    def value(self, node: exp.Expr, row: Row) -> Any:
        """Return the value of an expression; NULL is None."""
        if (computed := row.computed.get(id(node))) is not None:
            return computed.get()
        match node:
            case exp.Paren() | exp.Alias():
                return self.value(node.this, row)
            case exp.Column():
                return row.find((node.table.lower(), node.name.lower())).get()
            case exp.Literal():
                return node.this if node.is_string else _number(node.this)
            case exp.Null():
                return None
            case exp.Boolean():
                return node.this
            case exp.Anonymous():
                return self._call(node.name, self.value(node.expressions[0], row))
            case exp.Connector():
                return self._connect(node, row)
            case exp.Not():
                value = self.value(node.this, row)
                return None if value is None else not value
            case exp.Case():
                return self._case(node, row)
            case exp.Coalesce():
                values = (self.value(part, row) for part in (node.this, *node.expressions))
                return next((value for value in values if value is not None), None)
            case exp.Nullif():
                left = self.value(node.this, row)
                is_equal = left is not None and left == self.value(node.expression, row)
                return None if is_equal else left
            case exp.Is():
                return self.value(node.this, row) is None
            case exp.In():
                return self._in(node, row)
            case exp.Exists():
                return self._subquery_exists(node.this, row)
            case exp.Subquery():
                found = self._subquery(node.this, row)
                return found[0].get() if found else None
            case exp.Between():
                return self._between(node, row)
            case exp.Cast():
                return _cast(self.value(node.this, row), node.to)
        return self._strict(node, row)

    def is_true(self, node: exp.Expr, row: Row) -> bool:
        """Tell whether a condition holds; of an unknown side no more is asked than that needs."""
        return self._is(node, row, wanted=True)

    def _is(self, node: exp.Expr, row: Row, *, wanted: bool) -> bool:
        if id(node) in row.computed:
            return self.value(node, row) is wanted
        match node:
            case exp.Paren():
                return self._is(node.this, row, wanted=wanted)
            case exp.Not():
                return self._is(node.this, row, wanted=not wanted)
            case exp.And() | exp.Or():
                takes_all = isinstance(node, exp.And) is wanted
                parts = (self._is(part, row, wanted=wanted) for part in self._sides(node))
                return all(parts) if takes_all else any(parts)
        return self.value(node, row) is wanted

    def _sides(self, node: exp.Connector) -> Sequence[exp.Expr]:
        """Return the sides of AND or OR in the order in which they are asked."""
        return sorted((node.left, node.right), key=self._price)

    def _price(self, node: exp.Expr) -> int:
        """Return when a side is asked: constants first, then what needs no model."""
        if node.find(exp.Column, exp.Query, exp.Anonymous) is None:
            return 0
        return 2 if self._needs_model(node) else 1

    def _connect(self, node: exp.Connector, row: Row) -> bool | None:
        decides = isinstance(node, exp.Or)
        values = []
        for side in self._sides(node):
            values.append(self.value(side, row))
            if values[-1] is decides:
                return decides
        return None if None in values else not decides

    def _case(self, node: exp.Case, row: Row) -> Any:
        for branch in node.args["ifs"]:
            if self.is_true(branch.this, row):
                return self.value(branch.args["true"], row)
        default = node.args.get("default")
        return None if default is None else self.value(default, row)

    def _in(self, node: exp.In, row: Row) -> bool | None:
        query = node.args.get("query")
        given: Iterable[Lazy]
        if query is not None:
            given = self._subquery(query.unnest(), row)
        else:
            given = [Lazy(lambda item=item: self.value(item, row)) for item in node.expressions]
        given = list(given)
        if not given and not self._is_eager:
            return False
        needle = self.value(node.this, row)
        if not given:
            return False
        if needle is None:
            return None
        is_unknown = False
        for item in given:
            value = item.get()
            if value == needle and value is not None:
                return True
            is_unknown |= value is None
        return None if is_unknown else False

    def _between(self, node: exp.Between, row: Row) -> bool | None:
        value, low, high = (
            self.value(part, row) for part in (node.this, node.args["low"], node.args["high"])
        )
        above = None if value is None or low is None else low <= value
        below = None if value is None or high is None else value <= high
        if above is False or below is False:
            return False
        return None if above is None or below is None else True

    def _strict(self, node: exp.Expr, row: Row) -> Any:
        """Evaluate an operator that gives NULL for NULL."""
        operator = _STRICT[type(node)]
        parts = [self.value(part, row) for part in node.iter_expressions()]
        return None if None in parts else operator(*parts)


def evaluated_queries(
    node: exp.Expr, row: Row, expressions: Expressions, is_known: Callable[[exp.Expr], bool]
) -> Iterator[exp.Expr]:
    """Yield the subqueries in `node` that are evaluated for a row, as far as that `is_known`."""

    def within(part: exp.Expr | None) -> Iterator[exp.Expr]:
        if part is not None:
            yield from evaluated_queries(part, row, expressions, is_known)

    match node:
        case exp.Select():
            yield node
        case exp.Case():
            for branch in node.args["ifs"]:
                is_decided = is_known(branch.this)
                if is_decided and not expressions.is_true(branch.this, row):
                    continue
                yield from within(branch.this)
                yield from within(branch.args["true"])
                if is_decided:
                    return
            yield from within(node.args.get("default"))
        case exp.And() | exp.Or():
            decisive = isinstance(node, exp.Or)
            sides = (node.left, node.right)
            if not any(is_known(s) and expressions.value(s, row) is decisive for s in sides):
                for side in sides:
                    yield from within(side)
        case exp.Coalesce():
            for part in (node.this, *node.expressions):
                yield from within(part)
                if is_known(part) and expressions.value(part, row) is not None:
                    return
        case _:
            for child in node.iter_expressions():
                yield from within(child)


def _like(text: str, pattern: str) -> bool:
    parts = {"%": ".*", "_": "."}
    regex = "".join(parts.get(character, re.escape(character)) for character in pattern)
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _right(text: str, count: int) -> str:
    return text[-count:] if count else ""


_STRICT: Mapping[type[exp.Expr], Callable[..., Any]] = {
    exp.DPipe: lambda a, b: text_of(a) + text_of(b),
    exp.Upper: lambda a: a.upper(),
    exp.Length: len,
    exp.Right: _right,
    exp.Add: lambda a, b: a + b,
    exp.EQ: lambda a, b: a == b,
    exp.NEQ: lambda a, b: a != b,
    exp.LT: lambda a, b: a < b,
    exp.LTE: lambda a, b: a <= b,
    exp.GT: lambda a, b: a > b,
    exp.GTE: lambda a, b: a >= b,
    exp.Like: _like,
}


def is_null_of_nulls(node: exp.Expr, sources: Set[str]) -> bool:
    """Tell whether it is plain that a value is NULL where all columns of some sources are."""
    if isinstance(node, exp.Column):
        return node.table.lower() in sources
    match node:
        case exp.Case():
            results = [branch.args["true"] for branch in node.args["ifs"]]
            results += [node.args["default"]] if node.args.get("default") is not None else []
            return all(is_null_of_nulls(result, sources) for result in results)
        case exp.Coalesce():
            parts = (node.this, *node.expressions)
            return all(is_null_of_nulls(part, sources) for part in parts)
        case exp.Nullif() | exp.Between() | exp.In():
            return node.args.get("query") is None and is_null_of_nulls(node.this, sources)
    is_strict = isinstance(node, exp.Paren | exp.Cast | exp.Anonymous) or type(node) in _STRICT
    return is_strict and any(is_null_of_nulls(n, sources) for n in node.iter_expressions())


def _number(text: str) -> int | Decimal:
    return int(text) if text.isdecimal() else Decimal(text)


def text_of(value: Any) -> str:
    """Return a value as the text that a cast makes of it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date) else str(value)


def _cast(value: Any, datatype: exp.DataType) -> Any:
    if value is None:
        return None
    if datatype.is_type("varchar", "text"):
        return text_of(value)
    if datatype.is_type("date"):
        return date.fromisoformat(value) if isinstance(value, str) else value
    raise NotImplementedError(datatype.sql())
