"""Which types the columns of a query have by Redshift's rules, read from its text alone.

`_AGGREGATED` and `_RULES` are where Redshift differs from DuckDB: LENGTH is an INTEGER, SUM of an
integer is a BIGINT, and SUM of a BIGINT a NUMERIC(38,0).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlglot import exp, parse_one

SMALLINT, INTEGER, BIGINT = "smallint", "integer", "bigint"
TEXT, BOOLEAN, DATE = "character varying", "boolean", "date"
WIDEST = "numeric(38,0)"

# From the narrowest to the widest: what holds the values of two of them is the later one.
_INTEGERS = (SMALLINT, INTEGER, BIGINT, WIDEST)
_NULL = "null"

_SUMS: Mapping[str, str] = {SMALLINT: BIGINT, INTEGER: BIGINT, BIGINT: WIDEST}

_RULES: Mapping[type[exp.Expr], str] = {
    exp.Length: INTEGER,
    exp.DPipe: TEXT,
    exp.Upper: TEXT,
    exp.Right: TEXT,
    exp.Count: BIGINT,
    exp.RowNumber: BIGINT,
    exp.Rank: BIGINT,
    exp.Boolean: BOOLEAN,
    exp.Predicate: BOOLEAN,
    exp.Connector: BOOLEAN,
    exp.Not: BOOLEAN,
}

Columns = Mapping[str, str]


class ResultTypes:
    """The types of the columns of queries over some relations."""

    def __init__(
        self,
        relations: Mapping[str, Columns],
        views: Mapping[str, str],
        functions: Mapping[str, str],
    ) -> None:
        self._functions = functions
        self._relations = dict(relations)
        for name, sql in views.items():
            self._relations[name] = self._columns(parse_one(sql, read="redshift"), {})

    def of(self, sql: str) -> tuple[str, ...]:
        """Return the types of the columns of a query, in their order."""
        return self._types(parse_one(sql, read="redshift"), {})

    def _columns(self, query: exp.Expr, outer: Mapping[str, Columns]) -> Columns:
        names = (name.lower() for name in query.unnest().named_selects)
        return dict(zip(names, self._types(query, outer), strict=True))

    def _types(self, query: exp.Expr, outer: Mapping[str, Columns]) -> tuple[str, ...]:
        query = query.unnest() if isinstance(query, exp.Subquery) else query
        for cte in query.ctes:
            self._relations[cte.alias] = self._columns(cte.this, outer)
        if isinstance(query, exp.SetOperation):
            left, right = self._types(query.left, outer), self._types(query.right, outer)
            return tuple(_common(pair) for pair in zip(left, right, strict=True))
        assert isinstance(query, exp.Select)
        sources = {**outer, **self._sources(query)}
        return tuple(self._type(item, sources) for item in query.expressions)

    def _sources(self, block: exp.Select) -> dict[str, Columns]:
        from_ = block.args.get("from_")
        found: list[exp.Expr] = [from_.this] if from_ is not None else []
        found += [join.this for join in block.args.get("joins") or []]
        return {source.alias_or_name.lower(): self._source(source) for source in found}

    def _source(self, source: exp.Expr) -> Columns:
        if isinstance(source.this, exp.Values):
            names = [column.name.lower() for column in source.args["alias"].columns]
            rows = [row.expressions for row in source.this.expressions]
            return {
                name: _common(self._type(row[number], {}) for row in rows)
                for number, name in enumerate(names)
            }
        if isinstance(source, exp.Subquery):
            return self._columns(source.this, {})
        return self._relations[source.name.lower()]

    def _type(self, node: exp.Expr, sources: Mapping[str, Columns]) -> str:
        def types(parts: Iterable[exp.Expr]) -> list[str]:
            return [self._type(part, sources) for part in parts]

        match node:
            case exp.Column():
                return sources[node.table.lower()][node.name.lower()]
            case exp.Literal():
                return TEXT if node.is_string else INTEGER
            case exp.Null():
                return _NULL
            case exp.Anonymous():
                return self._functions[node.name]
            case exp.Add():
                return _common(types([node.left, node.right]))
            case exp.Sum():
                return _SUMS[self._type(node.this, sources)]
            case exp.Distinct():
                return self._type(node.expressions[0], sources)
            case exp.Case():
                branches = [branch.args["true"] for branch in node.args["ifs"]]
                default = node.args.get("default")
                return _common(types([*branches, *([default] if default is not None else [])]))
            case exp.Coalesce():
                return _common(types([node.this, *node.expressions]))
            case exp.Subquery():
                return self._types(node, sources)[0]
            case exp.Cast():
                return TEXT if node.is_type("varchar", "text") else node.to.sql("redshift").lower()
        for kind, datatype in _RULES.items():
            if isinstance(node, kind):
                return datatype
        return self._type(node.this, sources)  # MIN, MAX, LAG, OVER, NULLIF, parentheses, aliases


def _common(types: Iterable[str]) -> str:
    """Return the type that holds the values of all `types`."""
    known = {datatype for datatype in types if datatype != _NULL}
    if len(known) <= 1:
        return known.pop() if known else TEXT
    assert known <= set(_INTEGERS), known
    return max(known, key=_INTEGERS.index)


def spelled(names: Sequence[object]) -> tuple[str, ...]:
    """Return our own names of types as this module spells them."""
    return tuple(str(name) for name in names)
