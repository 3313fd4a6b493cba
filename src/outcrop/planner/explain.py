"""A staged plan and statistics to the tree that EXPLAIN shows. Nothing is read and nothing asked.

The tree is the user's query again: what the plan stores under names of its own is shown where it is
read, a stored relation under its first reader, and every answer as the call that gave it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from sqlglot import exp

from outcrop.catalog.objects import Relation, RelationKind, Volatility
from outcrop.catalog.statistics import ColumnStatistics, TableStatistics
from outcrop.planner.bind import answer_type
from outcrop.planner.blocks import conjuncts, is_aggregated, own_windows, upper_clauses
from outcrop.planner.call_numbers import CHARS_PER_TOKEN, ModelStatistics, numbers_of_calls
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, Stage, StagedCall, StagedPlan
from outcrop.planner.plan_costs import (
    aggregated,
    cut,
    filtered,
    joined,
    limited,
    over,
    scanned,
    sorted_rows,
)
from outcrop.planner.plan_node import InferNode, PlanNode
from outcrop.planner.selectivity import (
    TEXT_WIDTH,
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
    stored_width,
    width_of,
)
from outcrop.planner.show_expression import shown, shown_text

_ROWS_UNKNOWN = 1_000


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known without reading: of stored tables by (schema, name), of models by oid."""

    tables: Mapping[tuple[str, str], TableStatistics]
    models: Mapping[int, ModelStatistics]


def explain(plan: StagedPlan, statistics: Statistics) -> PlanNode:
    """Return the tree of a plan, with estimates; every call of the plan is in it once."""
    builder = _TreeBuilder(statistics, [*plan.reads, *plan.system_views])
    builder.add_stages(plan.stages)
    return builder.build(plan.result)


@dataclass(frozen=True, slots=True)
class _Built:
    """A part of the tree, and what is known of the columns that it gives."""

    node: PlanNode
    columns: Mapping[str, ColumnFacts]

    def with_node(self, node: PlanNode) -> _Built:
        return replace(self, node=node)

    def scope(self, alias: str) -> Scope:
        return {(alias, name): facts for name, facts in self.columns.items()}


@dataclass(slots=True)
class _Block:
    """One SELECT while it is built: what it reads, and the columns that its clauses may name."""

    node: PlanNode
    scope: dict[tuple[str, str], ColumnFacts] = field(default_factory=dict)


class _TreeBuilder:
    def __init__(self, statistics: Statistics, relations: Iterable[Relation]) -> None:
        self._statistics = statistics
        self._relations = {(r.name.schema, r.name.name): r for r in relations}
        self._system_views = {
            r.name.name: r for r in self._relations.values() if r.kind is RelationKind.SYSTEM_VIEW
        }
        self._stored: dict[str, exp.Query] = {}
        self._fills: dict[str, FilterInBatches] = {}
        self._infers: dict[str, Infer] = {}
        self._calls: dict[str, StagedCall] = {}
        self._ids: set[str] = set()
        self._built: dict[str, _Built] = {}
        self._prepared: dict[str, _Built] = {}
        self._invocations: dict[str, float] = {}

    def add_stages(self, stages: tuple[Stage, ...]) -> None:
        """Note what the stages store, by the names under which it is read."""
        for stage in stages:
            match stage:
                case Materialize():
                    self._stored[stage.relation] = stage.query
                case Infer():
                    self._infers[stage.relation] = stage
                    self._calls |= {call.answers: call for call in stage.calls}
                    self._ids |= {call.ids for call in stage.calls}
                case FilterInBatches():
                    self._fills[stage.relation] = stage
                    self.add_stages(stage.expected.stages)

    def build(self, result: exp.Query) -> PlanNode:
        """Return the tree of the query for a statement's rows, and of what no query reads."""
        node = self._query(result).node
        unread = [name for name in self._infers if name not in self._built]
        return _with_subplans(node, [self._relation(name).node for name in unread])

    def _query(self, query: exp.Query) -> _Built:
        with_ = query.args.get("with_")
        for cte in with_.expressions if isinstance(with_, exp.With) else ():
            self._stored[cte.alias] = cte.this
        match query:
            case exp.Select():
                return self._select(query)
            case exp.SetOperation():
                return self._modified(self._set_operation(query), query)
            case exp.Subquery():
                return self._modified(self._query(query.this), query)
        return _Built(scanned("Result", 1, 0), {})

    def _set_operation(self, query: exp.SetOperation) -> _Built:
        left, right = self._query(query.left), self._query(query.right)
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
        return _Built(node, columns)

    def _modified(self, built: _Built, query: exp.Query) -> _Built:
        """Return `built` under the ORDER BY, LIMIT and OFFSET of a query."""
        node = built.node
        if order := query.args.get("order"):
            node = self._sorted(node, order.expressions, built.scope(""))
        return built.with_node(limited(node, query))

    def _select(self, select: exp.Select) -> _Built:
        block = self._sources(select)
        scope = block.scope
        node = block.node
        if is_aggregated(select):
            node = self._grouped(node, select, scope)
        node = self._windowed(node, select, scope)
        columns = {p.alias_or_name: self._facts(p, scope) for p in select.expressions}
        width = sum(facts.width for name, facts in columns.items() if not _is_own(name))
        if select.args.get("distinct"):
            groups = groups_of(select.expressions, scope, node.rows)
            node = aggregated("Unique", node, groups)
        if order := select.args.get("order"):
            keys = {("", name): facts for name, facts in columns.items()}
            node = self._sorted(node, order.expressions, {**keys, **scope})
        node = replace(limited(node, select), width=width or node.width)
        where = select.args.get("where")
        parts = (part for part in upper_clauses(select) if part is not where)
        subqueries = [query for part in parts for query in _subqueries(part)]
        node = _with_subplans(node, [self._query(query).node for query in subqueries])
        return _Built(node, columns)

    def _sources(self, select: exp.Select) -> _Block:
        """Return what FROM, joins and WHERE give; filters stand as low as they can."""
        from_ = select.args.get("from_")
        pending = conjuncts(select.args.get("where"))
        if from_ is None:
            block = _Block(scanned("Result", 1, 0))
            return self._filter(block, pending, "")
        sources = [from_.this, *(select.args.get("laterals") or [])]
        joins = [join for join in select.args.get("joins") or [] if not self._is_answer(join.this)]
        is_inner = not any(join.side for join in joins)
        block = self._source(from_.this)
        self._add_answers(select, block.scope)
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
            self._query(source.this)
            if isinstance(source, exp.Subquery)
            else self._table(source, alias)
        )
        named = source.args.get("alias")
        if isinstance(named, exp.TableAlias) and named.columns:
            names = [column.name for column in named.columns]
            built = replace(built, columns=dict(zip(names, built.columns.values(), strict=False)))
        return _Block(built.node, dict(built.scope(alias)))

    def _table(self, source: exp.Expr, alias: str) -> _Built:
        name = source.name
        if isinstance(source, exp.Table) and not source.db:
            if name in self._stored or name in self._fills or name in self._prepared:
                return self._read(name, alias)
            if name in self._system_views:
                return self._scan(self._system_views[name], alias)
        if isinstance(source, exp.Table) and (source.db, name) in self._relations:
            return self._scan(self._relations[source.db, name], alias)
        return _Built(scanned(f"Function Scan on {alias}", _ROWS_UNKNOWN, 0), {})

    def _scan(self, relation: Relation, alias: str) -> _Built:
        name = relation.name.name
        known = self._statistics.tables.get(
            (relation.name.schema, name), TableStatistics(_ROWS_UNKNOWN)
        )
        columns = {}
        for column in relation.columns:
            facts = known.columns.get(column.name, ColumnStatistics())
            width = facts.width or stored_width(column.datatype)
            columns[column.name] = ColumnFacts(width, facts.distinct, exp.column(column.name))
        shown_name = name if relation.kind is RelationKind.SYSTEM_VIEW else str(relation.name)
        title = shown_name if alias == name else f"{shown_name} {alias}"
        width = sum(facts.width for facts in columns.values())
        return _Built(scanned(f"Seq Scan on {title}", known.rows, width), columns)

    def _read(self, name: str, alias: str) -> _Built:
        """Return what a stored relation holds: its plan for the first reader, a scan for others."""
        if name in self._prepared:
            self._built[name] = self._prepared.pop(name)
            return self._built[name]
        known = self._built.get(name)
        if known is not None:
            title = "" if _is_own(alias) else f" on {alias}"
            node = known.node
            return known.with_node(scanned(f"CTE Scan{title}", node.rows, node.width))
        return self._relation(name)

    def _relation(self, name: str) -> _Built:
        if name in self._fills:
            built = self._fill(self._fills[name])
        else:
            # A recursive relation reads itself: what it finds then is a scan.
            self._built[name] = _Built(scanned("CTE Scan", _ROWS_UNKNOWN, 0), {})
            built = self._query(self._stored[name])
        if name in self._infers:
            for call in self._infers[name].calls:
                built = built.with_node(self._infer(call, built))
        self._built[name] = built
        return built

    def _fill(self, stage: FilterInBatches) -> _Built:
        """Return the plan of a part that runs in batches, in its expected order."""
        source = self._relation(stage.source)
        query, wanted = stage.expected.query, stage.rows_wanted
        passing = "distinct rows" if stage.is_distinct else "rows"
        details = [] if wanted is None else [("Until", f"{wanted} {passing} have passed")]
        if stage.is_distinct:
            query = query.copy()
            query.set("distinct", exp.Distinct())
        if len(stage.orders) > 1:
            details.append(("Order", "learned from the first rows"))
        read_before = dict(self._built)
        self._prepared[stage.batch] = source
        if wanted is None:
            built = self._query(query)
            node = over("Batches", built.node.rows, (built.node,))
            return built.with_node(replace(node, details=tuple(details)))
        passed = self._query(query).node.rows
        self._built = read_before
        rows = source.node.rows
        asked = min(rows, wanted * rows / passed) if passed else rows
        self._prepared[stage.batch] = source.with_node(cut(source.node, asked))
        built = self._query(query)
        node = over("Fill", min(built.node.rows, wanted), (built.node,))
        return built.with_node(replace(node, details=tuple(details)))

    def _infer(self, call: StagedCall, built: _Built) -> PlanNode:
        """Return a call over the rows that it is asked about."""
        model = self._statistics.models[call.model.oid]
        keys = [
            facts
            for column in call.distinct.selects[1:]
            if (facts := built.columns.get(column.name)) is not None
        ]
        rows = built.node.rows
        asked = rows * (keys[0].filled if keys else 1.0)
        known = [key.distinct for key in keys if key.distinct is not None]
        is_known = len(known) == len(keys) and call.model.volatility is Volatility.STABLE
        invocations = min(asked, math.prod(known)) if is_known else asked
        self._invocations[call.answers] = invocations
        numbers = numbers_of_calls(
            model, rows, invocations, chars_per_row=sum(key.width for key in keys)
        )
        details = _prompt_details(keys[0].shown) if keys else []
        node = over(
            f"Infer {call.model.function} on model '{model.model_id}' via {model.provider}",
            rows,
            (built.node,),
        )
        return replace(
            node,
            width=built.node.width + self._answer_width(call),
            details=tuple((name, shown_text(value, {})) for name, value in details),
            infer=InferNode(
                call.ids, str(call.model.function), model.model_id, model.provider, numbers
            ),
        )

    def _answer_width(self, call: StagedCall) -> float:
        returned = answer_type(call.model)
        if returned.is_number:
            return stored_width(returned)
        tokens = self._statistics.models[call.model.oid].output_tokens
        return TEXT_WIDTH if tokens is None else tokens * CHARS_PER_TOKEN

    def _is_answer(self, source: exp.Expr) -> bool:
        return isinstance(source, exp.Table) and (
            source.name in self._calls or source.name in self._ids
        )

    def _add_answers(self, select: exp.Select, scope: dict[tuple[str, str], ColumnFacts]) -> None:
        """Name the answers that a block joins, as the calls that give them."""
        for join in select.args.get("joins") or []:
            call = self._calls.get(join.this.name)
            if call is None or not self._is_answer(join.this):
                continue
            keys = [facts_of(exp.column(key.name), scope) for key in call.distinct.selects[1:]]
            arguments = [_without_cast(key.shown) for key in keys if key is not None]
            value = exp.Anonymous(this=str(call.model.function), expressions=arguments)
            scope[call.answers, "value"] = ColumnFacts(
                self._answer_width(call), self._invocations[call.answers], value, is_answer=True
            )

    def _filter(self, block: _Block, conditions: list[exp.Expr], alias: str) -> _Block:
        if conditions:
            condition = exp.and_(*conditions)
            rows = block.node.rows * selectivity(condition, block.scope)
            title = "Subquery Scan" if not alias or _is_own(alias) else f"Subquery Scan {alias}"
            text = f"({shown_text(condition, block.scope)})"
            block.node = filtered(block.node, rows, text, title)
            children = [self._query(q).node for c in conditions for q in _subqueries(c)]
            block.node = _with_subplans(block.node, children)
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
        children = [self._query(q).node for c in loose for q in _subqueries(c)]
        block.node = _with_subplans(node, children)
        block.scope = scope
        return [c for c in pending if c not in mine]

    def _grouped(self, node: PlanNode, select: exp.Select, scope: Scope) -> PlanNode:
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

    def _windowed(self, node: PlanNode, select: exp.Select, scope: Scope) -> PlanNode:
        for projection in select.expressions:
            windows = own_windows(projection)
            if windows and not _is_row_number(projection):
                node = over("Window", node.rows, (node,))
                break
            for window in windows:
                if order := window.args.get("order"):
                    node = self._sorted(node, order.expressions, scope)
        if qualify := conjuncts(select.args.get("qualify")):
            condition = exp.and_(*qualify)
            rows = node.rows * selectivity(condition, scope)
            node = filtered(node, rows, f"({shown_text(condition, scope)})", "Subquery Scan")
        return node

    def _sorted(self, node: PlanNode, keys: list[exp.Expr], scope: Scope) -> PlanNode:
        """Return a sort by the user's keys; that by the plan's own row numbers is left out."""
        values = [(key.this if isinstance(key, exp.Ordered) else key, key) for key in keys]
        texts = [
            shown_text(value, scope) + (" DESC" if key.args.get("desc") else "")
            for value, key in values
            if not (isinstance(value, exp.Column) and _is_own(value.name))
        ]
        return sorted_rows(node, ", ".join(texts)) if texts else node

    def _facts(self, projection: exp.Expr, scope: Scope) -> ColumnFacts:
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


def _prompt_details(argument: exp.Expr) -> list[tuple[str, exp.Expr]]:
    """Return the lines that say what is asked, and about which rows."""
    if isinstance(argument, exp.Case) and len(argument.args["ifs"]) == 1:
        branch = argument.args["ifs"][0]
        if not argument.args.get("default") and isinstance(branch.args["true"], exp.Cast):
            prompt = _without_cast(branch.args["true"])
            return [("Prompt", prompt), ("Asked If", _without_coalesce(branch.this))]
    return [("Prompt", _without_cast(argument))]


def _without_coalesce(guard: exp.Expr) -> exp.Expr:
    """Return a guard as the user wrote it: the plan takes NULL for false in it."""
    return guard.this if isinstance(guard, exp.Coalesce) else guard


def _without_cast(node: exp.Expr) -> exp.Expr:
    """Return an argument as the user gave it, without what the plan did to make it a text."""
    while isinstance(node, exp.Paren | exp.Cast):
        node = node.this
    return node


def _is_row_number(projection: exp.Expr) -> bool:
    """Tell whether the plan itself numbers rows by this, which keeps their order."""
    window = projection.unalias()
    return (
        isinstance(window, exp.Window)
        and isinstance(window.this, exp.RowNumber)
        and _is_own(projection.alias_or_name)
    )


def _is_own(name: str) -> bool:
    """Tell whether a name is the plan's own, not the user's."""
    return name.startswith("_")


def _subqueries(node: exp.Expr) -> Iterator[exp.Query]:
    """Yield the outermost subqueries in an expression."""
    for found in node.walk(prune=lambda n: isinstance(n, exp.Query)):
        if isinstance(found, exp.Query):
            yield found


def _with_subplans(node: PlanNode, subplans: list[PlanNode]) -> PlanNode:
    """Return `node` with the plans of its subqueries below it."""
    if not subplans:
        return node
    below = tuple(over("SubPlan", plan.rows, (plan,)) for plan in subplans)
    cost = node.cost_total + sum(plan.cost_total for plan in below)
    return replace(node, children=(*node.children, *below), cost_total=cost)
