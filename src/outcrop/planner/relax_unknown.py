"""A query over answers that are not there yet, rewritten so that its rows are none too few.

EXPLAIN (COUNT) runs everything but the calls. Where a later part of a statement depends on answers
that nobody has, the most calls that it can make are found by this rewriting, under which the
relation below those calls holds at least as many distinct arguments as the real one will:

* a condition on an unknown value is left out, and so is a LIMIT that would choose among rows by it;
* an unknown value is replaced by the values that it is computed from, as one text: what is computed
  from equal values is equal, so that there are at most as many values as such texts;
* an unknown aggregate or window is replaced by a text that differs from row to row.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from outcrop.planner.blocks import (
    conjuncts,
    count_of,
    is_aggregated,
    own_columns,
    set_condition,
    source_names,
)


@dataclass(slots=True)
class Unknown:
    """What is not known of the stored relations of a plan, by name.

    `columns` hold stand-ins; a relation in `rows` has more rows than the real one will have, but no
    more than `rows_max`, where that is known. `structural` are the relations of arguments and
    answers, by which rows are joined to their own answers.
    """

    columns: dict[str, frozenset[str]] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)
    rows_max: dict[str, int] = field(default_factory=dict)
    structural: set[str] = field(default_factory=set)

    def is_read_by(self, node: exp.Expr) -> bool:
        """Tell whether `node` reads a relation of which something is unknown."""
        names = {table.name for table in node.find_all(exp.Table) if not table.db}
        return not names.isdisjoint(self.columns) or not names.isdisjoint(self.rows)


@dataclass(frozen=True, slots=True)
class Relaxed:
    """A rewritten query, and what is unknown of its rows."""

    query: exp.Query
    columns: frozenset[str]
    has_more_rows: bool
    rows_max: int | None = None


def relax_unknown(query: exp.Query, unknown: Unknown) -> Relaxed:
    """Return `query`, which is left as it is, rewritten as the module's text says."""
    if not unknown.is_read_by(query):
        return Relaxed(query, frozenset(), has_more_rows=False)
    return _relax(query.copy(), unknown)


def _relax(query: exp.Query, unknown: Unknown) -> Relaxed:
    match query:
        case exp.Select():
            return _Block(query, unknown).relax()
        case exp.SetOperation():
            return _relax_set_operation(query, unknown)
        case exp.Subquery():
            inner = _relax(query.this, unknown)
            return Relaxed(inner.query, inner.columns, inner.has_more_rows, inner.rows_max)
    return Relaxed(query, frozenset(), has_more_rows=False)


def _relax_set_operation(query: exp.SetOperation, unknown: Unknown) -> Relaxed:
    names = query.named_selects
    left, right = _relax(query.left, unknown), _relax(query.right, unknown)
    if not isinstance(query, exp.Union) and (right.columns or right.has_more_rows):
        return Relaxed(left.query, left.columns, has_more_rows=True)
    right_names = query.right.named_selects
    columns = left.columns | {
        name for name, other in zip(names, right_names, strict=False) if other in right.columns
    }
    has_more_rows = left.has_more_rows or right.has_more_rows or bool(columns)
    query.set("this", left.query)
    query.set("expression", right.query)
    for key in ("order", "limit", "offset"):
        if has_more_rows:
            query.set(key, None)
    return Relaxed(query, frozenset(columns), has_more_rows)


class _Block:
    """One SELECT while it is rewritten."""

    def __init__(self, select: exp.Select, unknown: Unknown) -> None:
        self._select = select
        self._unknown = unknown
        self._columns: dict[str, frozenset[str]] = {}
        self._has_more_rows = False
        self._rows_max: int | None = None

    def relax(self) -> Relaxed:
        """Rewrite the block in place."""
        self._relax_sources()
        for clause in ("where", "having", "qualify"):
            self._relax_condition(clause)
        is_cut = self._relax_order()
        columns = self._relax_values()
        if is_cut:
            self._has_more_rows = True
        return Relaxed(self._select, columns, self._has_more_rows, self._rows_max)

    def _relax_sources(self) -> None:
        from_ = self._select.args.get("from_")
        if from_ is None:
            return
        joins = self._select.args.get("joins") or []
        self._relax_source(from_.this)
        if any(not self._is_structural(join) for join in joins):
            self._rows_max = None
        for join in joins:
            self._relax_source(join.this)
            condition = join.args.get("on")
            if condition is None or self._is_structural(join):
                continue
            parts = conjuncts(condition)
            known = [part for part in parts if not self._is_unknown(part)]
            if len(known) < len(parts):
                self._has_more_rows = True
                join.set("on", exp.and_(*known, copy=False) if known else exp.true())

    def _is_structural(self, join: exp.Join) -> bool:
        return join.this.name in self._unknown.structural

    def _relax_source(self, source: exp.Expr) -> None:
        alias = source.alias_or_name
        if isinstance(source, exp.Table):
            if source.db:
                return
            self._columns[alias] = self._unknown.columns.get(source.name, frozenset())
            if source.name in self._unknown.rows:
                self._has_more_rows = True
                self._rows_max = self._unknown.rows_max.get(source.name)
        elif isinstance(source, exp.Subquery):
            inner = _relax(source.this, self._unknown)
            source.set("this", inner.query)
            self._columns[alias] = inner.columns
            self._has_more_rows |= inner.has_more_rows
            self._rows_max = inner.rows_max

    def _is_unknown(self, node: exp.Expr) -> bool:
        """Tell whether the value of `node` depends on an unknown one."""
        for found in node.walk(prune=lambda n: isinstance(n, exp.Query)):
            if isinstance(found, exp.Query) and self._unknown.is_read_by(found):
                return True
            if isinstance(found, exp.Column) and found.name in self._unknown_of(found.table):
                return True
        return self._has_more_rows and self._counts_rows(node)

    def _unknown_of(self, table: str) -> frozenset[str]:
        if table:
            return self._columns.get(table, frozenset())
        return frozenset().union(*self._columns.values())

    def _counts_rows(self, node: exp.Expr) -> bool:
        """Tell whether `node` depends on which rows there are, the plan's own numbers aside."""
        return any(
            isinstance(found, exp.AggFunc | exp.Window)
            and not (isinstance(found, exp.RowNumber) or isinstance(found.this, exp.RowNumber))
            for found in node.walk(prune=lambda n: isinstance(n, exp.Query))
        )

    def _relax_condition(self, clause: str) -> None:
        parts = conjuncts(self._select.args.get(clause))
        known = [part for part in parts if not self._is_unknown(part)]
        if len(known) < len(parts):
            set_condition(self._select, clause, known)
            self._has_more_rows = True

    def _relax_order(self) -> bool:
        """Leave out unknown keys of ORDER BY; return whether a LIMIT was left out with them."""
        order = self._select.args.get("order")
        keys = order.expressions if order is not None else []
        known = [key for key in keys if not self._is_unknown(key)]
        if len(known) < len(keys):
            self._select.set("order", exp.Order(expressions=known) if known else None)
        limit = self._select.args.get("limit")
        if limit is None and self._select.args.get("offset") is None:
            return False
        if len(known) == len(keys) and not self._has_more_rows:
            return False
        if (count := count_of(limit)) is not None:
            self._rows_max = count
        self._select.set("limit", None)
        self._select.set("offset", None)
        return True

    def _relax_values(self) -> frozenset[str]:
        """Replace unknown values; return the names of the columns that hold stand-ins."""
        group = self._select.args.get("group")
        if isinstance(group, exp.Group):
            keys = group.expressions
            group.set("expressions", [self._value(k) if self._is_unknown(k) else k for k in keys])
        unknown: set[str] = set()
        projections: list[exp.Expr] = []
        for projection in self._select.expressions:
            name, node = projection.alias_or_name, projection.unalias()
            if self._is_unknown(node) and not _is_row_number(node):
                value = self._value(node)
                if self._is_unknown(value) or self._counts_rows(node):
                    unknown.add(name)
                projection = exp.alias_(value, name, quoted=True)
            projections.append(projection)
        self._select.set("expressions", projections)
        if unknown and is_aggregated(self._select) and not isinstance(group, exp.Group):
            self._rows_max = 1
        return frozenset(unknown)

    def _value(self, node: exp.Expr) -> exp.Expr:
        """Return a stand-in for an unknown value, as a text."""
        own = node.walk(prune=lambda n: isinstance(n, exp.Query))
        if any(isinstance(part, exp.AggFunc | exp.Window) for part in own):
            return exp.cast(exp.Anonymous(this="uuid"), exp.DataType.Type.TEXT)
        if (
            isinstance(node, exp.Case)
            and len(node.args["ifs"]) == 1
            and not node.args.get("default")
        ):
            return self._guarded(node)
        bare = node
        while isinstance(bare, exp.Cast | exp.Paren | exp.Alias):
            bare = bare.this
        if isinstance(bare, exp.Column):
            return exp.cast(bare.copy(), exp.DataType.Type.TEXT)
        columns = dict.fromkeys(own_columns(node, source_names(self._select)))
        texts = [exp.cast(column.copy(), exp.DataType.Type.TEXT) for column in columns]
        if not texts:  # the same in each row
            return exp.Literal.string("")
        return exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("|"), *texts])

    def _guarded(self, node: exp.Case) -> exp.Expr:
        """Return a stand-in for an argument that only some rows have."""
        branch = node.args["ifs"][0]
        argument = branch.args["true"]
        value = self._value(argument) if self._is_unknown(argument) else argument.copy()
        if self._is_unknown(branch.this):
            self._has_more_rows = True
            return value
        return exp.Case(ifs=[exp.If(this=branch.this.copy(), true=value)])


def _is_row_number(node: exp.Expr) -> bool:
    return isinstance(node, exp.Window) and isinstance(node.this, exp.RowNumber)
