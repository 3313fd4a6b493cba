"""A query of a plan to its part of the tree that EXPLAIN shows, with the rows of each operator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlglot import exp

from outcrop.planner.blocks import conjuncts, is_aggregated, is_fresh, own_windows, upper_clauses
from outcrop.planner.plan_costs import (
    aggregated,
    filtered,
    joined,
    limited,
    over,
    scanned,
    sorted_rows,
    with_subplans,
)
from outcrop.planner.plan_node import PlanNode
from outcrop.planner.selectivity import (
    ColumnFacts,
    Scope,
    depends_on_answer,
    distinct_values,
    facts_of,
    filled_share,
    groups_of,
    is_equality,
    join_selectivity,
    selectivity,
    width_of,
)
from outcrop.planner.show_expression import shown, shown_text


@dataclass(frozen=True, slots=True)
class Built:
    """A part of the tree, and what is known of the columns that it gives."""

    node: PlanNode
    columns: Mapping[str, ColumnFacts]

    def with_node(self, node: PlanNode) -> Built:
        """Return the same columns of another operator."""
        return replace(self, node=node)

    def scope(self, alias: str) -> Scope:
        """Return the columns as those of a source called `alias`."""
        return {(alias, name): facts for name, facts in self.columns.items()}


@dataclass(slots=True)
class _Block:
    """One SELECT while it is built: what it reads, and the columns that its clauses may name."""

    node: PlanNode
    scope: dict[tuple[str, str], ColumnFacts] = field(default_factory=dict)


class Relations(Protocol):
    """What stands behind the names in FROM: it is the plan's stages that know."""

    def name_query(self, name: str, query: exp.Query) -> None:
        """Note the query of a common table."""
        ...

    def read(self, source: exp.Expr, alias: str) -> Built:
        """Return what a source holds that is no query itself."""
        ...

    def is_answer(self, source: exp.Expr) -> bool:
        """Tell whether a source holds answers, or the arguments that they are joined by."""
        ...

    def answers(self, joins: Sequence[exp.Join], scope: Scope) -> Scope:
        """Return the answers among `joins`, as the calls that give them; they read `scope`."""
        ...


class QueryTree:
    """Builds the trees of queries over `relations`."""

    def __init__(self, relations: Relations) -> None:
        self._relations = relations

    def build(self, query: exp.Query) -> Built:
        """Return the tree of a query."""
        with_ = query.args.get("with_")
        for cte in with_.expressions if isinstance(with_, exp.With) else ():
            self._relations.name_query(cte.alias, cte.this)
        match query:
            case exp.Select():
                return self._select(query)
            case exp.SetOperation():
                return self._modified(self._set_operation(query), query)
            case exp.Subquery():
                return self._modified(self.build(query.this), query)
        return Built(scanned("Result", 1, 0), {})

    def _set_operation(self, query: exp.SetOperation) -> Built:
        left, right = self.build(query.left), self.build(query.right)
        rows = left.node.rows + right.node.rows
        if not isinstance(query, exp.Union):
            kind = "Intersect" if isinstance(query, exp.Intersect) else "Except"
            node = over(f"HashSetOp {kind}", left.node.rows, (left.node, right.node))
            return left.with_node(node)
        node = over("Append", rows, (left.node, right.node))
        if query.args.get("distinct"):
            node = aggregated("Unique", node, rows)
        columns = {
            name: replace(facts, distinct=None, is_answer=facts.is_answer or other.is_answer)
            for (name, facts), other in zip(
                left.columns.items(), right.columns.values(), strict=False
            )
        }
        return Built(node, columns)

    def _modified(self, built: Built, query: exp.Query) -> Built:
        """Return `built` under the ORDER BY, LIMIT and OFFSET of a query."""
        node = built.node
        if order := query.args.get("order"):
            node = _sorted(node, order.expressions, built.scope(""))
        return built.with_node(limited(node, query))

    def _select(self, select: exp.Select) -> Built:
        block = self._sources(select)
        scope = block.scope
        node = block.node
        if is_aggregated(select):
            node = _grouped(node, select, scope)
        node = _windowed(node, select, scope)
        columns = {p.alias_or_name: _facts(p, scope) for p in select.expressions}
        width = sum(facts.width for name, facts in columns.items() if not is_fresh(name))
        if select.args.get("distinct"):
            groups = groups_of(select.expressions, scope, node.rows)
            node = aggregated("Unique", node, groups)
        if order := select.args.get("order"):
            keys = {("", name): facts for name, facts in columns.items()}
            node = _sorted(node, order.expressions, {**keys, **scope})
        node = replace(limited(node, select), width=width or node.width)
        where = select.args.get("where")
        parts = (part for part in upper_clauses(select) if part is not where)
        subqueries = [query for part in parts for query in _subqueries(part)]
        node = with_subplans(node, [self.build(query).node for query in subqueries])
        return Built(node, columns)

    def _sources(self, select: exp.Select) -> _Block:
        """Return what FROM, joins and WHERE give; filters stand as low as they can."""
        from_ = select.args.get("from_")
        pending = conjuncts(select.args.get("where"))
        if from_ is None:
            block = _Block(scanned("Result", 1, 0))
            return self._filter(block, pending, "")
        sources = [from_.this, *(select.args.get("laterals") or [])]
        all_joins = select.args.get("joins") or []
        joins = [join for join in all_joins if not self._relations.is_answer(join.this)]
        is_inner = not any(join.side for join in joins)
        block = self._source(from_.this)
        block.scope |= self._relations.answers(all_joins, block.scope)
        if all(join.side in ("", "LEFT") for join in joins):
            pending = self._filter_own(block, pending, from_.this.alias_or_name)
        for join in joins:
            other = self._source(join.this)
            if is_inner:
                pending = self._filter_own(other, pending, join.this.alias_or_name)
            pending = self._join(block, other, join, pending, is_inner=is_inner)
        for lateral in sources[1:]:
            block.node = over("Function Scan", block.node.rows * 10, (block.node,))
            block.scope[lateral.alias_or_name, ""] = ColumnFacts(32, None, exp.column("item"))
        return self._filter(block, pending, from_.this.alias_or_name)

    def _source(self, source: exp.Expr) -> _Block:
        alias = source.alias_or_name
        built = (
            self.build(source.this)
            if isinstance(source, exp.Subquery)
            else self._relations.read(source, alias)
        )
        named = source.args.get("alias")
        if isinstance(named, exp.TableAlias) and named.columns:
            names = [column.name for column in named.columns]
            built = replace(built, columns=dict(zip(names, built.columns.values(), strict=False)))
        return _Block(built.node, dict(built.scope(alias)))

    def _filter(self, block: _Block, conditions: list[exp.Expr], alias: str) -> _Block:
        if conditions:
            condition = exp.and_(*conditions)
            rows = block.node.rows * selectivity(condition, block.scope)
            title = "Subquery Scan" if not alias or is_fresh(alias) else f"Subquery Scan {alias}"
            text = f"({shown_text(condition, block.scope)})"
            block.node = filtered(block.node, rows, text, title)
            children = [self.build(q).node for c in conditions for q in _subqueries(c)]
            block.node = with_subplans(block.node, children)
        return block

    def _filter_own(self, block: _Block, conditions: list[exp.Expr], alias: str) -> list[exp.Expr]:
        """Filter a source by the conditions that name no other; return those that are left."""
        own = [
            condition
            for condition in conditions
            if {column.table for column in condition.find_all(exp.Column)} == {alias}
            and condition.find(exp.Query) is None
        ]
        self._filter(block, own, alias)
        return [condition for condition in conditions if condition not in own]

    def _join(
        self,
        block: _Block,
        other: _Block,
        join: exp.Join,
        pending: list[exp.Expr],
        *,
        is_inner: bool,
    ) -> list[exp.Expr]:
        """Join `other` to `block`; return the conditions of WHERE that are left."""
        scope = {**block.scope, **other.scope}
        aliases = {alias for alias, _ in scope}
        mine = [c for c in pending if is_inner and is_equality(c, aliases)]
        conditions = [*conjuncts(join.args.get("on")), *mine]
        rows = block.node.rows * other.node.rows
        for condition in conditions:
            rows *= join_selectivity(condition, scope, block.node.rows, other.node.rows)
        if join.side in ("LEFT", "FULL"):
            rows = max(rows, block.node.rows)
        if join.side in ("RIGHT", "FULL"):
            rows = max(rows, other.node.rows)
        hashed = [c for c in conditions if is_equality(c, aliases)]
        loose = [c for c in conditions if c not in hashed]
        kind = f" {join.side.capitalize()}" if join.side else ""
        text = f"({shown_text(exp.and_(*hashed), scope)})" if hashed else None
        node = joined(block.node, other.node, rows, kind, text)
        if loose:
            detail = ("Join Filter", f"({shown_text(exp.and_(*loose), scope)})")
            node = replace(node, details=(*node.details, detail))
        children = [self.build(q).node for c in loose for q in _subqueries(c)]
        block.node = with_subplans(node, children)
        block.scope = scope
        return [c for c in pending if c not in mine]


def _grouped(node: PlanNode, select: exp.Select, scope: Scope) -> PlanNode:
    group = select.args.get("group")
    keys = group.expressions if isinstance(group, exp.Group) else []
    if keys:
        node = aggregated("HashAggregate", node, groups_of(keys, scope, node.rows))
    else:
        node = aggregated("Aggregate", node, 1)
    if having := conjuncts(select.args.get("having")):
        condition = exp.and_(*having)
        rows = node.rows * selectivity(condition, scope)
        detail = ("Filter", f"({shown_text(condition, scope)})")
        node = replace(node, rows=rows, details=(*node.details, detail))
    return node


def _windowed(node: PlanNode, select: exp.Select, scope: Scope) -> PlanNode:
    for projection in select.expressions:
        windows = own_windows(projection)
        if windows and not _is_row_number(projection):
            node = over("Window", node.rows, (node,))
            break
        for window in windows:
            if order := window.args.get("order"):
                node = _sorted(node, order.expressions, scope)
    if qualify := conjuncts(select.args.get("qualify")):
        condition = exp.and_(*qualify)
        rows = node.rows * selectivity(condition, scope)
        node = filtered(node, rows, f"({shown_text(condition, scope)})", "Subquery Scan")
    return node


def _sorted(node: PlanNode, keys: list[exp.Expr], scope: Scope) -> PlanNode:
    """Return a sort by the user's keys; that by the plan's own row numbers is left out."""
    values = [(key.this if isinstance(key, exp.Ordered) else key, key) for key in keys]
    texts = [
        shown_text(value, scope) + (" DESC" if key.args.get("desc") else "")
        for value, key in values
        if not (isinstance(value, exp.Column) and is_fresh(value.name))
    ]
    return sorted_rows(node, ", ".join(texts)) if texts else node


def _facts(projection: exp.Expr, scope: Scope) -> ColumnFacts:
    node = projection.unalias()
    if isinstance(node, exp.Column) and (facts := facts_of(node, scope)) is not None:
        return facts
    return ColumnFacts(
        width=width_of(node, scope),
        distinct=distinct_values(node, scope),
        shown=shown(node, scope),
        is_answer=depends_on_answer(node, scope),
        filled=filled_share(node, scope),
    )


def _is_row_number(projection: exp.Expr) -> bool:
    """Tell whether the plan itself numbers rows by this, which keeps their order."""
    window = projection.unalias()
    return (
        isinstance(window, exp.Window)
        and isinstance(window.this, exp.RowNumber)
        and is_fresh(projection.alias_or_name)
    )


def _subqueries(node: exp.Expr) -> Iterator[exp.Query]:
    """Yield the outermost subqueries in an expression."""
    for found in node.walk(prune=lambda n: isinstance(n, exp.Query)):
        if isinstance(found, exp.Query):
            yield found
