"""How many calls a query needs: an oracle that knows SQL's rules of evaluation, not the planner.

The query is evaluated row by row over lazy values; the invocations that it comes to make, each
counted once, are what it needs. Where SQL leaves a choice there are two evaluations (`Demand`),
which bound the calls; where they agree they are exact:

LEAST asks about a value or a row when something above wants it: a column of a derived table where
it is read, a subquery when its condition comes to it, rows under a LIMIT until there are enough.
MOST answers block by block: what a derived table's rows and the columns that are read of them
need is asked before the block above sees them, a subquery is answered before its block, each of
several model predicates sees every row (any may come first, and for some rows another; what IN
compares of a subquery's rows is one of its predicates, and what a join compares of a derived
table's is one of that), and a LIMIT above a model predicate cuts when all is answered. Predicates
on a derived table go into it in both, as far as its groups, its DISTINCT and its set operations let
them; in MOST through several blocks, where they stand beside the model predicates of the lowest. An
outer join whose added rows are dropped again is an inner one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlglot import exp, parse_one

from tests.properties.asking import Asking, Condition, Demand
from tests.properties.computed_values import ComputedValues, Ordered, settle_computed
from tests.properties.lazy_rows import (
    NULL,
    Expressions,
    Lazy,
    Name,
    Row,
    conjuncts,
    evaluated_queries,
    is_null_of_nulls,
    own_nodes,
)
from tests.properties.relations import (
    Filter,
    Relation,
    combine,
    constant,
    distinct,
    filters_by_source,
    renamed_filters,
)
from tests.properties.sql_clauses import (
    AGGREGATES,
    clauses,
    columns_read,
    group_keys,
    is_about,
    is_aggregating,
    is_correlated,
    is_existence,
    is_kept_by,
    number_of,
    parts_above,
    position_of_term,
    sources_of,
    without_correlation,
)

Table = tuple[tuple[str, ...], Sequence[tuple[Any, ...]]]
Call = tuple[str, str]
"""A function and a prompt."""

_SIDES = {
    (False, False): "",
    (True, False): "LEFT",
    (False, True): "RIGHT",
    (True, True): "FULL",
}
"""What a join is called by which rows without a match it keeps: left ones, right ones."""


@dataclass(slots=True)
class _Joined:
    """The rows of FROM, and which of their columns need a model."""

    rows: list[Row]
    asked: dict[Name, bool]


class Evaluation:
    """One evaluation of a query, which makes the invocations `calls`."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        views: Mapping[str, str],
        answer: Callable[[str, str], Any],
        functions: frozenset[str],
        demand: Demand,
        *,
        is_reversed: bool = False,
    ) -> None:
        """`is_reversed` asks the model predicates of a block last one first."""
        self._tables = tables
        self._views = {name: _parse(sql) for name, sql in views.items()}
        self._asking = Asking(answer, functions, demand, is_reversed=is_reversed)
        self._asked: dict[Name, bool] = {}
        self._ctes: dict[str, Relation] = {}
        self._answered: dict[int, Relation] = {}
        self._expressions = Expressions(
            self._asking.call,
            self._needs_model,
            self._subquery_values,
            self._subquery_exists,
            is_eager=self._asking.is_eager,
        )
        self._computed = ComputedValues(self._expressions)

    @property
    def calls(self) -> Set[Call]:
        """The functions and the prompts that were asked."""
        return self._asking.calls

    @property
    def has_choice(self) -> bool:
        """Whether several model predicates stood at one place."""
        return self._asking.has_choice

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query, all of whose columns are wanted."""
        query = _parse(sql)
        relation = self._relation(query, None, None)
        return [
            tuple(value.get() for value in values)
            for row, values in zip(relation.rows, relation.values, strict=True)
            if row.exists()
        ]

    # Queries.

    def _relation(
        self,
        query: exp.Expr,
        used: frozenset[str] | None,
        outer: Row | None,
        filters: Sequence[Filter] = (),
    ) -> Relation:
        """Evaluate a query of which the columns `used` are read (None: all)."""
        query = query.unnest() if isinstance(query, exp.Subquery) else query
        for cte in query.ctes:
            self._define(query, cte, outer)
        if isinstance(query, exp.SetOperation):
            return self._set_operation(query, used, outer, filters)
        assert isinstance(query, exp.Select)
        return self._block(query, used, outer, filters)

    def _define(self, query: exp.Expr, cte: exp.CTE, outer: Row | None) -> None:
        """Take a common table that is read once for a derived table, and evaluate another once."""
        readers = [t for t in query.find_all(exp.Table) if t.name == cte.alias]
        if len(readers) == 1:
            self._views[cte.alias] = cte.this
            return
        used = frozenset(
            column
            for reader in readers
            for block in [reader.find_ancestor(exp.Select)]
            if block is not None
            for column in columns_read(block, reader.alias_or_name)
        )
        relation = self._relation(cte.this, used, outer)
        self._ctes[cte.alias] = self._settled(relation, used)

    def _set_operation(
        self,
        query: exp.SetOperation,
        used: frozenset[str] | None,
        outer: Row | None,
        filters: Sequence[Filter],
    ) -> Relation:
        is_cut = query.args.get("limit") is not None or query.args.get("offset") is not None
        is_bag = isinstance(query, exp.Union) and not query.args.get("distinct")
        wanted = used if is_bag and used is not None else None
        passed = () if is_cut else filters
        left = self._relation(query.left, wanted, outer, passed)
        right = self._relation(
            query.right, wanted, outer, renamed_filters(passed, left, query.right)
        )
        asked = frozenset(
            name
            for name, other in zip(left.names, right.names, strict=True)
            if name in left.asked or other in right.asked
        )
        if is_bag:
            rows, values = left.rows + right.rows, left.values + right.values
            relation = Relation(left.names, rows, values, asked)
        else:
            kept = combine(query, distinct(left), distinct(right))
            relation = self._with_absent(Relation(left.names, [], kept, asked), left, right)
        return self._cut(query, relation, None) if is_cut or query.args.get("order") else relation

    def _block(
        self,
        block: exp.Select,
        used: frozenset[str] | None,
        outer: Row | None,
        filters: Sequence[Filter],
    ) -> Relation:
        names = tuple(
            (p.alias or p.output_name or p.name or f"_{n}").lower()
            for n, p in enumerate(block.expressions)
        )
        items = dict(zip(names, block.expressions, strict=True))
        is_grouped = block.args.get("group") is not None or any(
            is_aggregating(part) for part in parts_above(block)
        )
        is_distinct = block.args.get("distinct") is not None
        is_cut = block.args.get("limit") is not None or block.args.get("offset") is not None
        wanted = None if is_distinct else used
        self._answer_subqueries(block, wanted, items)
        windows = [w for part in parts_above(block) for w in part.find_all(exp.Window)]
        is_open = self._asking.is_eager and not (is_cut or is_grouped or windows)
        above = filters_by_source(filters, items) if is_open else {}
        joined = _Joined([], {})
        if self._may_have_rows(block):
            joined = self._from(block, outer, above)
        self._compute_cheaply_first(block, joined, is_grouped=is_grouped)
        rows = joined.rows
        if self._asking.is_eager:
            self._answer_correlated_subqueries(block, rows)
        if not is_cut and not windows and not (is_grouped and self._asking.is_eager):
            keys = group_keys(block, items) if is_grouped else None
            rows = self._filtered(rows, filters, items, keys)
        if is_grouped:
            rows = self._computed.groups(rows, group_keys(block, items), parts_above(block), outer)
        present = [Row(r.columns, r.conditions, r.computed, r.outer) for r in rows]
        for window in windows:
            self._computed.add_window(window, rows, present)
        if self._asking.is_eager:
            read = [item for name, item in items.items() if wanted is None or name in wanted]
            read += [part for part in parts_above(block) if part not in block.expressions]
            settle_computed(read, present)
        rows = self._having(block, rows, present if windows else None)
        asked = frozenset(name for name, item in items.items() if self._needs_model(item))
        values = [tuple(self._lazy(item.unalias(), row) for item in items.values()) for row in rows]
        relation = Relation(names, rows, values, asked)
        if is_distinct:
            once = Relation(names, [], distinct(relation), asked)
            relation = self._with_absent(once, relation)
        if is_cut or block.args.get("order"):
            relation = self._cut(block, relation, items)
        return relation

    def _with_absent(self, kept: Relation, *parts: Relation) -> Relation:
        """Return the rows that DISTINCT or a set operation keeps of its parts.

        Rows that are not there stay if blocks are answered in turn: a model predicate above goes
        below it, where it may have come first.
        """
        pairs = [p for r in parts for p in zip(r.rows, r.values, strict=True)]
        absent = [p for p in pairs if not p[0].exists()] if self._asking.is_eager else []
        rows = [*(Row({}) for _ in kept.values), *(Row({}, (row.exists,)) for row, _ in absent)]
        values = [*kept.values, *(values for _, values in absent)]
        return Relation(kept.names, rows, values, kept.asked)

    def _lazy(self, node: exp.Expr, row: Row) -> Lazy:
        return Lazy(functools.partial(self._expressions.value, node, row))

    def _may_have_rows(self, block: exp.Select) -> bool:
        """Tell whether WHERE leaves any rows, by its constants alone."""
        constants = [
            part
            for part in conjuncts(block.args.get("where"))
            if part.find(exp.Column, exp.Query, exp.Anonymous) is None
        ]
        return self._asking.is_eager or all(
            self._expressions.is_true(p, Row({})) for p in constants
        )

    def _answer_subqueries(
        self, block: exp.Select, used: frozenset[str] | None, items: Mapping[str, exp.Expr]
    ) -> None:
        """Answer the subqueries that do not depend on a row, if they come before the block."""
        if not self._asking.is_eager:
            return
        parts = [item for name, item in items.items() if used is None or name in used]
        parts += [part for part in clauses(block) if part is not None]
        for part in parts:
            for query in part.find_all(exp.Query):
                holder = query.parent
                is_source = isinstance(holder, exp.Subquery) and isinstance(
                    holder.parent, exp.From | exp.Join
                )
                inner = query.unnest() if isinstance(query, exp.Subquery) else query
                if isinstance(query, exp.Subquery) or is_source or is_correlated(inner):
                    continue
                if inner.find_ancestor(exp.Select) is not block:
                    continue
                self._answer(inner, inner, Row({}))

    def _answer_correlated_subqueries(self, block: exp.Select, rows: Iterable[Row]) -> None:
        """Answer what subqueries ask for each row, before the model predicates of the block.

        A row that needs no model to keep it from a subquery does not ask for it. Where it takes a
        model to know the rows of the block, a subquery may be asked for all that it reads.
        """
        queries = [
            query
            for query in block.find_all(exp.Select)
            if query.find_ancestor(exp.Select) is block and is_correlated(query)
        ]
        joined = [join.args.get("on") for join in block.args.get("joins") or []]
        read = [*sources_of(block), *(on for on in joined if on is not None)]
        if queries and any(self._reads_model(part) for part in read):
            for query in queries:
                self._answer(query, without_correlation(query), Row({}))
            return
        parts = [*conjuncts(block.args.get("where")), *parts_above(block)] if queries else []
        for row in rows:
            reached = {id(q) for part in parts for q in self._reached(part, row)}
            for query in queries:
                if id(query) in reached:
                    self._answer(query, query, row)

    def _answer(self, query: exp.Expr, asked: exp.Expr, row: Row) -> None:
        """Answer what a subquery asks for a row, in the form `asked`."""
        relation = self._subquery(asked, row, is_existence=is_existence(query))
        is_compared = isinstance(query.find_ancestor(exp.In, exp.Select), exp.In)
        for found, values in zip(relation.rows, relation.values, strict=True):
            if (found.exists() or is_compared) and not is_existence(query):
                values[0].get()

    def _reached(self, part: exp.Expr, row: Row) -> list[exp.Expr]:
        """Return the subqueries in `part` that what is known of a row does not keep it from."""

        def is_known(node: exp.Expr) -> bool:
            return node.find(exp.Query, exp.Window, *AGGREGATES) is None and not self._needs_model(
                node
            )

        return list(evaluated_queries(part, row, self._expressions, is_known))

    def _filtered(
        self,
        rows: list[Row],
        filters: Sequence[Filter],
        items: Mapping[str, exp.Expr],
        keys: list[exp.Expr] | None,
    ) -> list[Row]:
        """Keep the rows that pass the cheap filters; of groups, filters on their keys."""
        open_ = {n for n, item in items.items() if keys is None or item.unalias() in keys}
        cheap = {name for name in open_ if not self._needs_model(items[name])}

        def holds(found: Filter, row: Row) -> bool:
            names = found.columns
            return found.holds({name: self._lazy(items[name].unalias(), row) for name in names})

        kept = [found for found in filters if found.columns <= cheap]
        rows = [row for row in rows if all(holds(found, row) for found in kept)]
        if self._asking.is_eager:
            for found in filters:
                for row in rows if found.columns <= open_ else ():
                    holds(found, row)
        else:
            for row in rows:
                own = [functools.partial(holds, f, row) for f in filters if f.columns <= open_]
                row.require((*row.conditions, *own))
        return rows

    # FROM and WHERE.

    def _from(
        self, block: exp.Select, outer: Row | None, above: Mapping[str, Sequence[Filter]]
    ) -> _Joined:
        from_ = block.args.get("from_")
        if from_ is None:
            return _Joined([Row({}, outer=outer)], {})
        joins: list[exp.Join] = block.args.get("joins") or []
        sides = self._sides(block, joins, above)
        result = self._source(block, from_.this, outer, is_kept_by(sides, 0), [], above)
        for number, join in enumerate(joins, start=1):
            on = conjuncts(join.args.get("on"))
            is_last = not any(side in ("RIGHT", "FULL") for side in sides[number:])
            side = sides[number - 1]
            may_filter = side in ("", "LEFT") and (is_last or not self._asking.is_eager)
            right = self._source(
                block, join.this, outer, is_kept_by(sides, number), on if may_filter else [], above
            )
            may_extend = bool(side) or not is_last
            result = self._join(side, on, result, right, outer, may_extend=may_extend)
        return result

    def _source(
        self,
        block: exp.Select,
        source: exp.Expr,
        outer: Row | None,
        is_filtered: bool,
        on: Iterable[exp.Expr],
        above: Mapping[str, Sequence[Filter]],
    ) -> _Joined:
        """Evaluate a source, with the conditions that speak of it alone, those from above too."""
        alias = source.alias_or_name.lower()
        used = frozenset(columns_read(block, alias))
        where = conjuncts(block.args.get("where")) if is_filtered else []
        about = [part for part in (*where, *on) if is_about(part, alias)]
        filters = [self._filter(part, alias) for part in about]
        filters += above.get(alias, ()) if is_filtered else ()
        relation = self._settled(self._named_relation(source, used, outer, filters), used)
        if self._asking.is_eager:
            self._answer_joined_columns(block, alias, relation)
        asked = {(alias, name): name in relation.asked for name in relation.names}
        rows = [
            Row(
                {(alias, name): value for name, value in zip(relation.names, values, strict=True)},
                (row.exists,) if row.conditions else (),
                outer=outer,
            )
            for row, values in zip(relation.rows, relation.values, strict=True)
        ]
        self._asked |= asked
        cheap = [part for part in about if not self._needs_model(part)]
        rows = [r for r in rows if all(self._expressions.is_true(part, r) for part in cheap)]
        return _Joined(rows, asked)

    def _answer_joined_columns(self, block: exp.Select, alias: str, relation: Relation) -> None:
        """Answer what inner joins compare, also for rows that a derived table may drop."""
        joined = [join.args.get("on") for join in block.args.get("joins") or [] if not join.side]
        columns = (column for on in joined if on is not None for column in on.find_all(exp.Column))
        compared = {c.name.lower() for c in columns if c.table.lower() == alias}
        for number, name in enumerate(relation.names):
            for values in relation.values if name in compared else ():
                values[number].get()

    def _filter(self, part: exp.Expr, alias: str) -> Filter:
        columns = frozenset(column.name.lower() for column in part.find_all(exp.Column))
        is_free = not any(self._asking.is_call(node) for node in own_nodes(part))

        def holds(values: Mapping[str, Lazy]) -> bool:
            row = Row({(alias, name): value for name, value in values.items()})
            return self._expressions.is_true(part, row)

        return Filter(columns if is_free else frozenset({"\0"}), holds)

    def _named_relation(
        self,
        source: exp.Expr,
        used: frozenset[str],
        outer: Row | None,
        filters: Sequence[Filter],
    ) -> Relation:
        if isinstance(source.this, exp.Values):
            names = tuple(column.name.lower() for column in source.args["alias"].columns)
            values = [
                tuple(self._lazy(value, Row({})) for value in row.expressions)
                for row in source.this.expressions
            ]
            return Relation(names, [Row({}) for _ in values], values, frozenset())
        if isinstance(source, exp.Subquery):
            return self._relation(source.this, used, None, filters)
        name = source.name.lower()
        if name in self._ctes:
            return self._ctes[name]
        if name in self._views:
            return self._relation(self._views[name], used, None, filters)
        names, rows = self._tables[name]
        values = [tuple(constant(value) for value in row) for row in rows]
        return Relation(names, [Row({}) for _ in rows], values, frozenset())

    def _settled(self, relation: Relation, used: frozenset[str]) -> Relation:
        """Return a relation, of which everything is answered if blocks are answered in turn.

        Rows that are not there stay: a model predicate above may have come first.
        """
        if not self._asking.is_eager:
            return relation
        wanted = [n for n, name in enumerate(relation.names) if name in used]
        for row, values in zip(relation.rows, relation.values, strict=True):
            for number in wanted if row.exists() else ():
                values[number].get()
        rows = [Row({}, () if row.exists() else (row.exists,)) for row in relation.rows]
        return Relation(relation.names, rows, relation.values, relation.asked)

    def _sides(
        self,
        block: exp.Select,
        joins: Sequence[exp.Join],
        above: Mapping[str, Sequence[Filter]],
    ) -> list[str]:
        """Return which rows without a match each join keeps: none that are dropped again."""
        from_ = block.args["from_"]
        names = [part.this.alias_or_name.lower() for part in (from_, *joins)]
        conditions = conjuncts(block.args.get("where"))
        sides = [join.side for join in joins]

        def reject(sources: Sequence[str]) -> bool:
            filters = (found for source in sources for found in above.get(source, ()))
            return self._reject(conditions, sources) or any(map(self._rejects_nulls, filters))

        for n in reversed(range(len(joins))):
            keeps_left = sides[n] in ("LEFT", "FULL") and not reject(names[n + 1 : n + 2])
            keeps_right = sides[n] in ("RIGHT", "FULL") and not reject(names[: n + 1])
            sides[n] = _SIDES[keeps_left, keeps_right]
            if not keeps_left:
                conditions += conjuncts(joins[n].args.get("on"))
        return sides

    def _reject(self, conditions: Sequence[exp.Expr], sources: Sequence[str]) -> bool:
        return any(self._rejects(condition, frozenset(sources)) for condition in conditions)

    def _rejects_nulls(self, found: Filter) -> bool:
        """Tell whether a filter does not hold where all that it reads is NULL."""
        nulls = dict.fromkeys(found.columns, NULL)
        return self._asking.fails(functools.partial(found.holds, nulls))

    def _rejects(self, condition: exp.Expr, sources: frozenset[str]) -> bool:
        """Tell whether a condition does not hold where all columns of `sources` are NULL."""
        condition = condition.unnest()
        if isinstance(condition, exp.Or):
            return all(self._rejects(side, sources) for side in (condition.left, condition.right))
        if condition.find(exp.Query) is not None:
            return False
        columns = condition.find_all(exp.Column)
        nulls = Row({(column.table.lower(), column.name.lower()): NULL for column in columns})
        if _tables(condition) <= sources:
            is_true = functools.partial(self._expressions.is_true, condition, nulls)
            return self._asking.fails(is_true)
        compared = condition.this if isinstance(condition, exp.Not) else condition
        return is_null_of_nulls(compared, sources)

    def _join(
        self,
        side: str,
        on: list[exp.Expr],
        left: _Joined,
        right: _Joined,
        outer: Row | None,
        *,
        may_extend: bool,
    ) -> _Joined:
        """Join two relations; `may_extend` if this join or a later one adds rows of NULLs."""
        cheap = [part for part in on if not self._needs_model(part)]
        model = [part for part in on if self._needs_model(part)]
        if self._asking.is_eager and may_extend:
            self._answer_on_sides(model, [*left.rows, *right.rows])
        rows: list[Row] = []
        matched: set[int] = set()
        for one in left.rows:
            has_match = False
            for other in right.rows:
                row = Row({**one.columns, **other.columns}, outer=outer)
                if not all(self._expressions.is_true(part, row) for part in cheap):
                    continue
                row.require(self._ordered(_existence(one, other), row, model))
                if not self._is_match(side, one, other, row, is_certain=not model):
                    continue
                has_match = True
                matched.add(id(other))
                rows.append(row)
            if not has_match and side in ("LEFT", "FULL"):
                columns = {**one.columns, **dict.fromkeys(right.asked, NULL)}
                rows.append(Row(columns, _existence(one), outer=outer))
        if side in ("RIGHT", "FULL"):
            for other in right.rows:
                if id(other) not in matched:
                    columns = {**dict.fromkeys(left.asked, NULL), **other.columns}
                    rows.append(Row(columns, _existence(other), outer=outer))
        return _Joined(rows, {**left.asked, **right.asked})

    def _answer_on_sides(self, conditions: Iterable[exp.Expr], rows: Iterable[Row]) -> None:
        """Make the calls of an outer join's ON for every row of the side that they read."""
        calls = [
            node for part in conditions for node in own_nodes(part) if self._asking.is_call(node)
        ]
        for row in rows:
            for call in calls:
                names = {(c.table.lower(), c.name.lower()) for c in call.find_all(exp.Column)}
                if names <= row.columns.keys():
                    self._expressions.value(call, row)

    def _is_match(self, side: str, one: Row, other: Row, row: Row, *, is_certain: bool) -> bool:
        """Tell whether two rows match, as far as an outer join must know before what is above."""
        if side in ("LEFT", "FULL"):
            is_certain &= not other.conditions
        if side in ("RIGHT", "FULL"):
            is_certain &= not one.conditions
        return not side or is_certain or row.exists()

    def _ordered(
        self, before: Sequence[Condition], row: Row, parts: Sequence[exp.Expr]
    ) -> tuple[Condition, ...]:
        own = [functools.partial(self._expressions.is_true, part, row) for part in parts]
        return self._asking.ordered([*before, *own])

    def _compute_cheaply_first(
        self, block: exp.Select, joined: _Joined, *, is_grouped: bool
    ) -> None:
        """Drop the rows that fail a cheap part of WHERE; the other parts become conditions."""
        where = conjuncts(block.args.get("where"))
        cheap = [part for part in where if not self._needs_model(part)]
        model = [part for part in where if self._needs_model(part)]
        joined.rows = [
            row
            for row in joined.rows
            if all(self._expressions.is_true(part, row) for part in cheap)
        ]
        for row in joined.rows:
            row.require(self._ordered(row.conditions, row, model))
        if is_grouped:
            joined.rows = [row for row in joined.rows if row.exists()]

    # Groups, windows, HAVING and QUALIFY.

    def _having(self, block: exp.Select, rows: list[Row], present: list[Row] | None) -> list[Row]:
        """Apply HAVING and QUALIFY; `present` are the rows that windows see."""
        parts = [
            part for clause in ("having", "qualify") for part in conjuncts(block.args.get(clause))
        ]
        cheap = [part for part in parts if not self._needs_model(part)]
        model = [part for part in parts if self._needs_model(part)]
        if cheap and present is not None:
            rows = [r for r, member in zip(rows, present, strict=True) if member.exists()]
        rows = [r for r in rows if all(self._expressions.is_true(part, r) for part in cheap)]
        for row in rows:
            row.require(self._ordered(row.conditions, row, model))
        return rows

    # ORDER BY and LIMIT.

    def _cut(
        self, query: exp.Expr, relation: Relation, items: Mapping[str, exp.Expr] | None
    ) -> Relation:
        order = query.args.get("order")
        terms = list(order.expressions) if order is not None else []
        limit, offset = (number_of(query.args.get(key)) for key in ("limit", "offset"))
        pairs = list(zip(relation.rows, relation.values, strict=True))
        has_model_term = False
        keys: list[exp.Expr] = []
        by_name = dict(zip(relation.names, range(len(relation.names)), strict=True))
        for term in terms:
            position = position_of_term(term.this, by_name, items)
            keys.append(term.this if position is None else exp.Literal.number(position))
            has_model_term |= (
                self._needs_model(term.this)
                if position is None
                else relation.names[position] in relation.asked
            )
        if limit is None and offset is None and query.parent is not None:
            return relation  # the order of a derived table's rows is of no interest
        needs_all = has_model_term or self._asking.is_eager
        if needs_all:
            pairs = [pair for pair in pairs if pair[0].exists()]

        def key(pair: tuple[Row, tuple[Lazy, ...]]) -> list[Any]:
            found = []
            for term, expression in zip(terms, keys, strict=True):
                is_position = expression is not term.this
                value = (
                    pair[1][int(expression.name)].get()
                    if is_position
                    else self._expressions.value(expression, pair[0])
                )
                found.append(Ordered.of(value, term))
            return found

        if terms:
            pairs.sort(key=key)
        kept: list[tuple[Row, tuple[Lazy, ...]]] = []
        end = None if limit is None else limit + (offset or 0)
        for pair in pairs:
            if end is not None and len(kept) >= end:
                break
            if (end is None and offset is None) or pair[0].exists():
                kept.append(pair)
        kept = kept[offset or 0 :]
        return Relation(
            relation.names, [row for row, _ in kept], [v for _, v in kept], relation.asked
        )

    # Subqueries.

    def _subquery(self, query: exp.Expr, row: Row, *, is_existence: bool) -> Relation:
        if is_correlated(query):
            return self._relation(query, frozenset() if is_existence else None, row)
        if id(query) not in self._answered:
            used = frozenset[str]() if is_existence else None
            self._answered[id(query)] = self._relation(query, used, None)
        return self._answered[id(query)]

    def _subquery_values(self, query: exp.Expr, row: Row) -> list[Lazy]:
        relation = self._subquery(query, row, is_existence=False)
        return [
            values[0]
            for found, values in zip(relation.rows, relation.values, strict=True)
            if found.exists()
        ]

    def _subquery_exists(self, query: exp.Expr, row: Row) -> bool:
        rows = self._subquery(query, row, is_existence=True).rows
        found = (row.exists() for row in rows)
        return any(list(found)) if self._asking.is_eager else any(found)

    # What needs a model.

    def _needs_model(self, node: exp.Expr) -> bool:
        """Tell whether an expression calls a model, or reads what does."""
        return any(self._is_asked(part, node) for part in own_nodes(node))

    def _is_asked(self, part: exp.Expr, node: exp.Expr) -> bool:
        match part:
            case exp.Column():
                return self._asked.get((part.table.lower(), part.name.lower()), False)
            case exp.Query() if part is not node:
                return is_correlated(part) and self._reads_model(part)
        return self._asking.is_call(part)

    def _reads_model(self, query: exp.Expr) -> bool:
        """Tell whether a query, or a view that it reads, calls a model."""
        is_asking = any(self._asking.is_call(node) for node in query.walk())
        return is_asking or any(t.name.lower() in self._views for t in query.find_all(exp.Table))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many calls a query needs at least, and which ones an evaluation may come to make."""

    least: int
    allowed: frozenset[Call]


def bounds(
    sql: str,
    tables: Mapping[str, Table],
    views: Mapping[str, str],
    answer: Callable[[str, str], Any],
    functions: frozenset[str],
) -> Bounds:
    """Return which calls a query needs."""

    def evaluated(demand: Demand, *, is_reversed: bool = False) -> Evaluation:
        one = Evaluation(tables, views, answer, functions, demand, is_reversed=is_reversed)
        one.rows(sql)
        return one

    found = [evaluated(Demand.LEAST), evaluated(Demand.MOST)]
    if found[0].has_choice:  # in the last order of the model predicates too
        found.append(evaluated(Demand.LEAST, is_reversed=True))
    least = min(len(one.calls) for one in found)
    return Bounds(least, frozenset[Call]().union(*(one.calls for one in found)))


def _existence(*rows: Row) -> tuple[Condition, ...]:
    return tuple(row.exists for row in rows if row.conditions)


def _tables(node: exp.Expr) -> frozenset[str]:
    return frozenset(column.table.lower() for column in node.find_all(exp.Column))


@functools.lru_cache(maxsize=16)
def _parse(sql: str) -> exp.Expr:
    return parse_one(sql, read="redshift")
