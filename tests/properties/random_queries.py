"""Random queries over the shapes that the planner plans, as text that DuckDB reads too.

`QueryWriter` keeps to SQL that means the same to Redshift and to DuckDB, and gives LIMIT only to
rows in a total order, so that every query has one right result. Columns of results have the names
that Redshift gives them, which `RandomQuery.names` states independently of the binder.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tests.properties.random_schemas import (
    BIG,
    BOOL,
    DATE,
    DECIMAL,
    EXTRA_KINDS,
    INT,
    SMALL,
    TEXT,
    Schema,
)

# The models: their functions' names and the type that each returns.
TEXT_MODELS, INT_MODEL, BOOL_MODEL = ("f", "g"), "n", "h"
_FUNCTIONS = (*TEXT_MODELS, INT_MODEL, BOOL_MODEL)

_DEPTH_MAX = 2
_LITERALS: Mapping[str, tuple[str, ...]] = {
    INT: ("0", "1", "2", "3"),
    TEXT: ("'a'", "'b'", "'yes'", "'no'", "'é'", "''"),
    BOOL: ("true", "false"),
    BIG: ("0", "5000000000"),
    SMALL: ("0", "2"),
    DECIMAL: ("0.00", "1.50"),
    DATE: ("DATE '2024-02-29'", "DATE '2025-01-01'"),
}


@dataclass(frozen=True, slots=True)
class RandomQuery:
    """A query, the names of its columns, and whether the order of its rows is told.

    `parameters` are the types and the values of $1, $2, ...
    """

    sql: str
    names: tuple[str, ...]
    is_ordered: bool
    parameters: tuple[tuple[str, str], ...] = ()

    @property
    def plain_sql(self) -> str:
        """The query with the values in the places of its parameters."""
        return re.sub(r"\$(\d+)", lambda m: self.parameters[int(m[1]) - 1][1], self.sql)


@dataclass(frozen=True, slots=True)
class Value:
    """An expression that a block can compute, and its type."""

    sql: str
    kind: str


@dataclass(frozen=True, slots=True)
class Source:
    """What stands in FROM: its values, and those that together tell any two of its rows apart."""

    sql: str
    values: tuple[Value, ...]
    key: tuple[str, ...]

    @property
    def key_kind(self) -> str:
        """The type of the key's parts: a number, unless one of them is a text."""
        kinds = {value.sql: value.kind for value in self.values}
        return INT if all(kinds.get(part, INT) == INT for part in self.key) else TEXT


class QueryWriter:
    """Writes random queries; equal seeds give equal queries."""

    def __init__(self, seed: int, schema: Schema) -> None:
        self._random = random.Random(seed)
        self._relations = schema.relations
        self._aliases = 0
        self._parameters: list[tuple[str, str]] | None = None

    def write(self) -> RandomQuery:
        """Return the next query."""
        self._aliases = 0
        shape = self._random.choice(_SHAPES)
        return shape(self)

    # The shapes: what a whole query is.

    def plain(self) -> RandomQuery:
        """A block that filters and projects, with ORDER BY and LIMIT where they are told."""
        source = self._source(0)
        items = [self._value(source.values, 0) for _ in range(self._few())]
        labels = self._labels(items)
        head = self._select_list(items, labels)
        where = self._where(source.values, 0)
        tail, is_ordered = self._order_and_limit(source.values, source.key, items, labels)
        return RandomQuery(f"SELECT {head} FROM {source.sql}{where}{tail}", labels, is_ordered)

    def prepared(self) -> RandomQuery:
        """A plain block with parameters in the places of some literals."""
        self._parameters = []
        try:
            query = self.plain()
            used = list(dict.fromkeys(int(n) for n in re.findall(r"\$(\d+)", query.sql)))
            sql = re.sub(r"\$(\d+)", lambda m: f"${used.index(int(m[1])) + 1}", query.sql)
            parameters = tuple(self._parameters[number - 1] for number in used)
            return replace(query, sql=sql, parameters=parameters)
        finally:
            self._parameters = None

    def grouped(self) -> RandomQuery:
        """A block that groups, with calls below, in and above the groups."""
        source = self._source(0)
        keys = [self._value(source.values, 1) for _ in range(self._random.randint(0, 2))]
        keys = [key for key in keys if not _is_literal(key)]
        above = [*keys, *(self._aggregate(source.values) for _ in range(self._few()))]
        items = [*keys, *(self._value(above, 1) for _ in range(self._few()))]
        items += [self._random.choice(above[len(keys) :])]
        labels = self._labels(items, is_aliased=True)
        sql = f"SELECT {self._select_list(items, labels)} FROM {source.sql}"
        sql += self._where(source.values, 1)
        if keys:
            sql += " GROUP BY " + ", ".join(
                self._random.choice((key.sql, label, str(position)))
                for position, (key, label) in enumerate(zip(keys, labels, strict=False), start=1)
            )
        if self._chance(0.4):
            sql += f" HAVING {self._condition(above, 1)}"
        key_sql = tuple(key.sql for key in keys)
        tail, is_ordered = self._order_and_limit(above, key_sql, items, labels)
        return RandomQuery(sql + tail, labels, is_ordered)

    def windowed(self) -> RandomQuery:
        """A block with window functions, and maybe QUALIFY."""
        source = self._source(0)
        windows = [self._window(source) for _ in range(self._random.randint(1, 2))]
        items = [*windows, *(self._value(source.values, 1) for _ in range(self._few()))]
        if self._chance(0.4):
            items.append(self._value([*source.values, *windows], 1))
        self._random.shuffle(items)
        labels = self._labels(items, is_aliased=True)
        sql = f"SELECT {self._select_list(items, labels)} FROM {source.sql}"
        sql += self._where(source.values, 1)
        if self._chance(0.4):
            sql += f" QUALIFY {self._condition([*source.values, self._window(source)], 1)}"
        tail, is_ordered = self._order_and_limit(source.values, source.key, items, labels)
        return RandomQuery(sql + tail, labels, is_ordered)

    def distinct(self) -> RandomQuery:
        """A block with DISTINCT, which may be ordered by what it selects alone."""
        source = self._source(0)
        items = [self._value(source.values, 1) for _ in range(self._few())]
        labels = self._labels(items, is_aliased=True)
        sql = f"SELECT DISTINCT {self._select_list(items, labels)} FROM {source.sql}"
        sql += self._where(source.values, 1)
        if self._chance(0.5):
            return RandomQuery(sql, labels, is_ordered=False)
        sql += f" ORDER BY {', '.join(labels)}" + self._limit()
        return RandomQuery(sql, labels, is_ordered=True)

    def set_operation(self) -> RandomQuery:
        """Two or three arms under UNION, INTERSECT or EXCEPT."""
        kinds = [self._random.choice((INT, TEXT)) for _ in range(self._few())]
        labels = tuple(f"c{n}" for n in range(1, len(kinds) + 1))
        arms = [self._arm(kinds, labels) for _ in range(self._random.choice((2, 2, 3)))]
        sql = arms[0]
        for arm in arms[1:]:
            word = self._random.choice(("UNION", "UNION ALL", "INTERSECT", "EXCEPT"))
            sql = f"({sql}) {word} {arm}" if len(arms) > 2 else f"{sql} {word} {arm}"
        if self._chance(0.5):
            return RandomQuery(sql, labels, is_ordered=False)
        order = ", ".join(labels)
        return RandomQuery(f"{sql} ORDER BY {order}{self._limit()}", labels, is_ordered=True)

    def without_from(self) -> RandomQuery:
        """A block that reads nothing."""
        items = [self._value((), 0) for _ in range(self._few())]
        labels = self._labels(items)
        return RandomQuery(f"SELECT {self._select_list(items, labels)}", labels, is_ordered=True)

    def with_common_table(self) -> RandomQuery:
        """A query over a common table expression that is read once or twice."""
        relation = self._derived(0)
        body = relation.sql
        columns = tuple((value.sql, value.kind) for value in relation.values)
        is_twice = self._chance(0.5)
        name = self._alias("w")
        left, right = self._alias("a"), self._alias("a")
        values = [Value(f"{left}.{column}", kind) for column, kind in columns]
        source = f"{name} AS {left}"
        if is_twice:
            values += [Value(f"{right}.{column}", kind) for column, kind in columns]
            join = self._random.choice(("JOIN", "LEFT JOIN"))
            source += f" {join} {name} AS {right} ON {left}.x1 = {right}.x1"
        items = [self._value(values, 1) for _ in range(self._few())]
        labels = self._labels(items, is_aliased=True)
        sql = f"WITH {name} AS ({body}) SELECT {self._select_list(items, labels)} FROM {source}"
        sql += self._where(values, 1)
        if self._chance(0.3):
            sql += f" UNION ALL SELECT {self._select_list(items, labels)} FROM {source}"
        return RandomQuery(sql, labels, is_ordered=False)

    # Clauses.

    def _source(self, depth: int) -> Source:
        first = self._table(depth)
        if self._chance(0.6) or depth > 1:
            return first
        second = self._table(depth + 1)
        values = (*first.values, *second.values)
        kind = self._random.choice(("JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"))
        match = f"{self._pick(first.values, INT)} = {self._pick(second.values, INT)}"
        if kind == "JOIN" and self._chance(0.5):
            match += f" AND {self._condition(values, 1)}"
        elif kind != "JOIN" and self._chance(0.5):
            side = self._random.choice((first, second))
            match += f" AND {self._condition(side.values, 1)}"
        sql, key = f"{first.sql} {kind} {second.sql} ON {match}", (*first.key, *second.key)
        if depth > 0 or self._chance(0.7):
            return Source(sql, values, key)
        third = self._table(depth + 1)
        kind = self._random.choice(("JOIN", "LEFT JOIN", "RIGHT JOIN"))
        match = f"{self._pick(values, INT)} = {self._pick(third.values, INT)}"
        if self._chance(0.5):
            match += f" AND {self._condition(third.values, 1)}"
        return Source(
            f"{sql} {kind} {third.sql} ON {match}", (*values, *third.values), (*key, *third.key)
        )

    def _table(self, depth: int) -> Source:
        alias = self._alias("s")
        if depth < _DEPTH_MAX and self._chance(0.3):
            derived = self._derived(depth + 1)
            return Source(
                f"({derived.sql}) AS {alias}",
                tuple(replace(v, sql=f"{alias}.{v.sql}") for v in derived.values),
                tuple(f"{alias}.{k}" for k in derived.key),
            )
        if self._chance(0.05):
            return self._values(alias)
        relation = self._random.choice(self._relations)
        return Source(
            f"{relation.name} AS {alias}",
            tuple(Value(f"{alias}.{name}", kind) for name, kind in relation.columns),
            tuple(f"{alias}.{name}" for name in relation.key),
        )

    def _values(self, alias: str) -> Source:
        texts = ("NULL", *_LITERALS[TEXT])
        rows = [
            f"({number}, {self._random.choice(texts)})"
            for number in range(1, self._random.randint(2, 4))
        ]
        rows[0] = f"(1, {self._random.choice(_LITERALS[TEXT])})"
        return Source(
            f"(VALUES {', '.join(rows)}) AS {alias} (x1, x2)",
            (Value(f"{alias}.x1", INT), Value(f"{alias}.x2", TEXT)),
            (f"{alias}.x1",),
        )

    def _derived(self, depth: int) -> Source:
        """Return a subquery whose columns are x1, a number, x2, ...; they, or some, are its key."""
        match self._random.randrange(10):
            case 0 | 1:
                return self._derived_groups(depth)
            case 2:
                return self._derived_distinct(depth)
            case 3:
                return self._derived_union(depth)
            case _:
                return self._derived_rows(depth)

    def _derived_rows(self, depth: int) -> Source:
        source = self._source(depth)
        items = [Value(key, INT) for key in source.key if source.key_kind == INT]
        items = items or [self._value_of(INT, source.values, depth)]
        items += [self._value(source.values, depth) for _ in range(self._few())]
        sql = f"SELECT {_numbered(items)} FROM {source.sql}{self._where(source.values, depth)}"
        if source.key_kind != INT:
            return _named(f"SELECT DISTINCT {sql.removeprefix('SELECT ')}", items, len(items))
        if self._chance(0.3):
            sql += f" ORDER BY {', '.join(source.key)}{self._limit()}"
        return _named(sql, items, len(source.key))

    def _derived_groups(self, depth: int) -> Source:
        source = self._source(depth)
        key = Value(f"({self._number(source.values, depth + 1)} + 0)", INT)
        above = [key, self._aggregate(source.values)]
        items = [key, *(self._value(above, depth) for _ in range(self._few()))]
        sql = f"SELECT {_numbered(items)} FROM {source.sql}{self._where(source.values, depth)}"
        sql += f" GROUP BY {key.sql}"
        if self._chance(0.3):
            sql += f" HAVING {self._condition(above, depth + 1)}"
        return _named(sql, items, 1)

    def _derived_distinct(self, depth: int) -> Source:
        source = self._source(depth)
        items = [self._value_of(kind, source.values, depth) for kind in (INT, TEXT)]
        sql = f"SELECT DISTINCT {_numbered(items)} FROM {source.sql}"
        return _named(sql + self._where(source.values, depth), items, len(items))

    def _derived_union(self, depth: int) -> Source:
        kinds = (INT, TEXT)
        arms = [self._arm(kinds, ("x1", "x2")) for _ in range(2)]
        word = self._random.choice(("UNION", "INTERSECT", "EXCEPT"))
        items = [Value(f"x{number}", kind) for number, kind in enumerate(kinds, start=1)]
        return _named(f"{arms[0]} {word} {arms[1]}", items, len(items))

    def _arm(self, kinds: Sequence[str], labels: Sequence[str]) -> str:
        source = self._source(1)
        items = [self._value_of(kind, source.values, 1) for kind in kinds]
        head = ", ".join(f"{v.sql} AS {name}" for v, name in zip(items, labels, strict=True))
        return f"SELECT {head} FROM {source.sql}{self._where(source.values, 1)}"

    def _where(self, values: Sequence[Value], depth: int) -> str:
        return f" WHERE {self._condition(values, depth)}" if self._chance(0.6) else ""

    def _order_and_limit(
        self,
        values: Sequence[Value],
        key: tuple[str, ...],
        items: Sequence[Value],
        labels: Sequence[str],
    ) -> tuple[str, bool]:
        """Return ORDER BY with the key last, and LIMIT: nothing, or a total order."""
        if not key or self._chance(0.4):
            return "", False
        terms = []
        if self._chance(0.5):
            position = self._random.randrange(len(items))
            if not _is_literal(items[position]):
                names = {str(position + 1), labels[position]}
                terms.append(self._random.choice(sorted(filter(_is_safe, names))))
        elif self._chance(0.4):
            value = self._value(values, 1)
            terms += [] if _is_literal(value) else [value.sql]
        terms = [term + self._random.choice(("", " DESC", " NULLS FIRST")) for term in terms]
        return f" ORDER BY {', '.join([*terms, *key])}{self._limit()}", True

    def _limit(self) -> str:
        limit = f" LIMIT {self._random.randint(0, 4)}" if self._chance(0.6) else ""
        return limit + (f" OFFSET {self._random.randint(0, 2)}" if self._chance(0.2) else "")

    def _select_list(self, items: Sequence[Value], labels: Sequence[str]) -> str:
        return ", ".join(
            item.sql if self._own_label(item) == label else f"{item.sql} AS {label}"
            for item, label in zip(items, labels, strict=True)
        )

    def _labels(self, items: Sequence[Value], *, is_aliased: bool = False) -> tuple[str, ...]:
        """Return names for a select list; what has a name of its own may keep it."""
        labels: list[str] = []
        for number, item in enumerate(items, start=1):
            own = self._own_label(item)
            is_kept = not is_aliased and own not in labels and self._chance(0.5)
            labels.append(own if own is not None and is_kept else f"c{number}")
        return tuple(labels)

    @staticmethod
    def _own_label(item: Value) -> str | None:
        name, _, rest = item.sql.partition("(")
        if rest and name in _FUNCTIONS and _closes_at_end(item.sql):
            return name
        column = re.fullmatch(r's\d+\."?([^"()]+)"?', item.sql)
        return column[1].lower() if column is not None else None

    # Expressions.

    def _value(self, values: Sequence[Value], depth: int) -> Value:
        if self._chance(0.1) and (extra := self._extra(values)) is not None:
            return extra
        return self._value_of(self._random.choice((INT, TEXT, TEXT, TEXT, BOOL)), values, depth)

    def _value_of(self, kind: str, values: Sequence[Value], depth: int) -> Value:
        if kind == BOOL:
            return Value(f"({self._condition(values, depth)})", BOOL)
        return Value(
            self._number(values, depth) if kind == INT else self._text(values, depth), kind
        )

    def _text(self, values: Sequence[Value], depth: int) -> str:
        if depth > _DEPTH_MAX:
            return self._pick(values, TEXT)
        inner = depth + 1
        match self._random.randrange(14):
            case 0 | 1 | 2:
                return self._pick(values, TEXT)
            case 3 | 4 | 5 | 6:
                model = self._random.choice(TEXT_MODELS)
                return f"{model}({self._text(values, self._random.choice((inner, 9)))})"
            case 7:
                extra = self._extra(values, EXTRA_KINDS[:-1])
                right = f"CAST({extra.sql} AS VARCHAR)" if extra and self._chance(0.5) else None
                return f"({self._text(values, inner)} || {right or self._text(values, inner)})"
            case 8:
                return f"upper({self._text(values, inner)})"
            case 9:
                return f"right({self._text(values, inner)}, 1)"
            case 10:
                return self._case(TEXT, values, inner)
            case 11:
                word = self._random.choice(("COALESCE", "NVL"))
                return f"{word}({self._text(values, inner)}, {self._text(values, inner)})"
            case 12:
                return f"NULLIF({self._text(values, inner)}, {self._text(values, inner)})"
            case _:
                return self._scalar_subquery(TEXT, depth)

    def _number(self, values: Sequence[Value], depth: int) -> str:
        if depth > _DEPTH_MAX:
            return self._pick(values, INT)
        inner = depth + 1
        match self._random.randrange(8):
            case 0 | 1 | 2:
                return self._pick(values, INT)
            case 3 | 4:
                return f"{INT_MODEL}({self._text(values, self._random.choice((inner, 9)))})"
            case 5:
                return f"({self._number(values, inner)} + {self._number(values, inner)})"
            case 6:
                return f"length({self._text(values, inner)})"
            case _:
                return self._case(INT, values, inner)

    def _condition(self, values: Sequence[Value], depth: int) -> str:
        inner = depth + 1
        if self._chance(0.15) and (extra := self._extra(values)) is not None:
            if extra.kind == BOOL:
                return extra.sql
            return f"{extra.sql} {self._comparison()} {self._random.choice(_LITERALS[extra.kind])}"
        if depth <= _DEPTH_MAX and self._chance(0.45):
            left, right = self._condition(values, inner), self._condition(values, inner)
            match self._random.randrange(5):
                case 0 | 1 | 2:
                    return f"{left} AND {right}" if self._chance(0.5) else f"({left} AND {right})"
                case 3:
                    return f"({left} OR {right})"
                case _:
                    return f"NOT ({left})"
        match self._random.randrange(11):
            case 0 | 1:
                return f"{self._number(values, inner)} {self._comparison()} {self._number((), 9)}"
            case 2 | 3:
                return f"{self._text(values, inner)} {self._comparison()} {self._text((), 9)}"
            case 4 | 5:
                return f"{BOOL_MODEL}({self._text(values, self._random.choice((inner, 9)))})"
            case 6:
                word = self._random.choice(("IS NULL", "IS NOT NULL"))
                return f"{self._text(values, inner)} {word}"
            case 7:
                items = ", ".join(self._text(values, inner) for _ in range(self._few()))
                return f"{self._text(values, inner)} {self._maybe_not()}IN ({items})"
            case 8:
                return f"{self._number(values, inner)} BETWEEN 1 AND {self._number(values, 9)}"
            case 9:
                return f"{self._text(values, inner)} LIKE '%e%'"
            case _:
                return self._subquery_condition(values, depth)

    def _subquery_condition(self, values: Sequence[Value], depth: int) -> str:
        if depth > 1:
            return self._random.choice(_LITERALS[BOOL])
        kind = self._random.choice((INT, TEXT))
        source = self._source(_DEPTH_MAX)
        item = self._value_of(kind, source.values, _DEPTH_MAX)
        where = self._where(source.values, _DEPTH_MAX)
        if self._chance(0.3):
            match = f"{self._column(source.values, INT)} = {self._column(values, INT)}"
            where = f"{where} AND {match}" if where else f" WHERE {match}"
        sql = f"(SELECT {item.sql} FROM {source.sql}{where})"
        if self._chance(0.3):
            return f"{self._maybe_not()}EXISTS {sql}"
        needle = self._value_of(kind, values, _DEPTH_MAX)
        return f"{needle.sql} {self._maybe_not()}IN {sql}"

    def _scalar_subquery(self, kind: str, depth: int) -> str:
        if depth > 0:
            return self._random.choice(_LITERALS[kind])
        source = self._source(_DEPTH_MAX)
        item = self._value_of(kind, source.values, _DEPTH_MAX)
        return f"(SELECT max({item.sql}) FROM {source.sql}{self._where(source.values, 2)})"

    def _case(self, kind: str, values: Sequence[Value], depth: int) -> str:
        branches = " ".join(
            f"WHEN {self._condition(values, depth)} THEN {self._value_of(kind, values, depth).sql}"
            for _ in range(self._random.choice((1, 1, 2)))
        )
        otherwise = ""
        if self._chance(0.6):
            otherwise = f" ELSE {self._value_of(kind, values, depth).sql}"
        return f"CASE {branches}{otherwise} END"

    def _aggregate(self, values: Sequence[Value]) -> Value:
        distinct = "DISTINCT " if self._chance(0.3) else ""
        extra = self._extra(values, EXTRA_KINDS[:-1])
        if extra is not None and self._chance(0.15):
            return Value(f"max({extra.sql})", extra.kind)
        match self._random.randrange(5):
            case 0:
                return Value("count(*)", INT)
            case 1:
                return Value(f"count({distinct}{self._text(values, 1)})", INT)
            case 2:
                return Value(f"sum({distinct}{self._number(values, 1)})", INT)
            case _:
                word = self._random.choice(("min", "max"))
                return Value(f"{word}({self._text(values, 1)})", TEXT)

    def _window(self, source: Source) -> Value:
        values = source.values
        partition = f"PARTITION BY {self._value(values, 1).sql} " if self._chance(0.6) else ""
        order = ", ".join(
            [*([self._value(values, 2).sql] if self._chance(0.5) else []), *source.key]
        )
        match self._random.randrange(5):
            case 0:
                return Value(f"row_number() OVER ({partition}ORDER BY {order})", INT)
            case 1:
                return Value(f"count(*) OVER ({partition.strip()})", INT)
            case 2:
                return Value(f"max({self._text(values, 1)}) OVER ({partition.strip()})", TEXT)
            case 3:
                return Value(f"rank() OVER ({partition}ORDER BY {self._number(values, 1)})", INT)
            case _:
                return Value(
                    f"lag({self._text(values, 1)}) OVER ({partition}ORDER BY {order})", TEXT
                )

    def _pick(self, values: Sequence[Value], kind: str) -> str:
        fitting = [value.sql for value in values if value.kind == kind]
        if not fitting or self._chance(0.1):
            return self._literal(kind)
        return self._random.choice(fitting)

    def _literal(self, kind: str) -> str:
        literal = self._random.choice(_LITERALS[kind])
        if self._parameters is None or self._chance(0.5):
            return literal
        self._parameters.append((kind, literal))
        return f"${len(self._parameters)}"

    def _extra(self, values: Sequence[Value], kinds: Sequence[str] = EXTRA_KINDS) -> Value | None:
        """Return a column of another type than those that every relation has, if there is one."""
        fitting = [value for value in values if value.kind in kinds and "(" not in value.sql]
        return self._random.choice(fitting) if fitting else None

    def _column(self, values: Sequence[Value], kind: str) -> str:
        fitting = [value.sql for value in values if value.kind == kind and "(" not in value.sql]
        return self._random.choice(fitting or _LITERALS[kind])

    def _comparison(self) -> str:
        return self._random.choice(("=", "=", "<>", "<", ">="))

    def _maybe_not(self) -> str:
        return "NOT " if self._chance(0.3) else ""

    def _few(self) -> int:
        return self._random.choice((1, 1, 2, 2, 3))

    def _chance(self, rate: float) -> bool:
        return self._random.random() < rate

    def _alias(self, prefix: str) -> str:
        self._aliases += 1
        return f"{prefix}{self._aliases}"


_SHAPES = (
    QueryWriter.plain,
    QueryWriter.plain,
    QueryWriter.plain,
    QueryWriter.prepared,
    QueryWriter.grouped,
    QueryWriter.grouped,
    QueryWriter.windowed,
    QueryWriter.distinct,
    QueryWriter.set_operation,
    QueryWriter.without_from,
    QueryWriter.with_common_table,
)


def _numbered(items: Sequence[Value]) -> str:
    return ", ".join(f"{item.sql} AS x{number}" for number, item in enumerate(items, start=1))


def _named(sql: str, items: Sequence[Value], key_length: int) -> Source:
    values = tuple(Value(f"x{number}", item.kind) for number, item in enumerate(items, start=1))
    return Source(sql, values, tuple(value.sql for value in values[:key_length]))


def _is_safe(label: str) -> bool:
    """Tell whether a name or number in ORDER BY can only mean the column of the result."""
    return re.fullmatch(r"c?\d+", label) is not None


def _is_literal(value: Value) -> bool:
    return value.sql.strip("()").startswith("$") or value.sql.strip("()") in {
        sql for sqls in _LITERALS.values() for sql in sqls
    }


def _closes_at_end(sql: str) -> bool:
    """Tell whether the first parenthesis of `sql` closes with its last character."""
    depth = 0
    for position, character in enumerate(sql):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and character == ")":
            return position == len(sql) - 1
    return False
