"""A staged plan and statistics to the tree that EXPLAIN shows. Nothing is read and nothing asked.

The tree is the user's query again: what the plan stores under names of its own is shown where it is
read, a stored relation under its first reader, and every answer as the call that gave it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from outcrop.catalog.objects import Relation, RelationKind, Volatility
from outcrop.catalog.statistics import ColumnStatistics, TableStatistics
from outcrop.errors import counted
from outcrop.planner.bind import answer_type
from outcrop.planner.blocks import is_fresh
from outcrop.planner.call_numbers import CHARS_PER_TOKEN, ModelStatistics, numbers_of_calls
from outcrop.planner.plan import FilterInBatches, Infer, Materialize, Stage, StagedCall, StagedPlan
from outcrop.planner.plan_costs import cut, over, scanned, with_subplans
from outcrop.planner.plan_node import InferNode, PlanNode
from outcrop.planner.query_tree import Built, QueryTree, Relations
from outcrop.planner.selectivity import TEXT_WIDTH, ColumnFacts, Scope, facts_of, stored_width
from outcrop.planner.show_expression import shown_text

_ROWS_UNKNOWN = 1_000


@dataclass(frozen=True, slots=True)
class Statistics:
    """What is known without reading: of stored tables by (schema, name), of models by oid."""

    tables: Mapping[tuple[str, str], TableStatistics]
    models: Mapping[int, ModelStatistics]


def explain(plan: StagedPlan, statistics: Statistics) -> PlanNode:
    """Return the tree of a plan, with estimates; every call of the plan is in it once."""
    builder = _PlanTree(statistics, [*plan.reads, *plan.system_views])
    builder.add_stages(plan.stages)
    return builder.build(plan.result)


class _PlanTree(Relations):
    """Builds the tree of a plan: what its stages store is shown where it is read first."""

    def __init__(self, statistics: Statistics, relations: Iterable[Relation]) -> None:
        self._queries = QueryTree(self)
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
        self._built: dict[str, Built] = {}
        self._prepared: dict[str, Built] = {}
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
        node = self._queries.build(result).node
        unread = [name for name in self._infers if name not in self._built]
        return with_subplans(node, [self._relation(name).node for name in unread])

    def name_query(self, name: str, query: exp.Query) -> None:
        """Note the query of a common table."""
        self._stored[name] = query

    def read(self, source: exp.Expr, alias: str) -> Built:
        """Return what a source holds that is no query itself."""
        name = source.name
        if isinstance(source, exp.Table) and not source.db:
            if name in self._stored or name in self._fills or name in self._prepared:
                return self._read_stored(name, alias)
            if name in self._system_views:
                return self._scan(self._system_views[name], alias)
        if isinstance(source, exp.Table) and (source.db, name) in self._relations:
            return self._scan(self._relations[source.db, name], alias)
        return Built(scanned(f"Function Scan on {alias}", _ROWS_UNKNOWN, 0), {})

    def is_answer(self, source: exp.Expr) -> bool:
        """Tell whether a source holds answers, or the arguments that they are joined by."""
        return isinstance(source, exp.Table) and (
            source.name in self._calls or source.name in self._ids
        )

    def answers(self, joins: Sequence[exp.Join], scope: Scope) -> Scope:
        """Return the answers among `joins`, as the calls that give them; they read `scope`."""
        found: dict[tuple[str, str], ColumnFacts] = {}
        for join in joins:
            call = self._calls.get(join.this.name)
            if call is None or not self.is_answer(join.this):
                continue
            known = {**scope, **found}
            keys = [facts_of(exp.column(key.name), known) for key in call.distinct.selects[1:]]
            arguments = [_without_cast(key.shown) for key in keys if key is not None]
            value = exp.Anonymous(this=str(call.model.function), expressions=arguments)
            found[call.answers, "value"] = ColumnFacts(
                self._answer_width(call), self._invocations[call.answers], value, is_answer=True
            )
        return found

    def _scan(self, relation: Relation, alias: str) -> Built:
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
        return Built(scanned(f"Seq Scan on {title}", known.rows, width), columns)

    def _read_stored(self, name: str, alias: str) -> Built:
        """Return what a stored relation holds: its plan for the first reader, a scan for others."""
        if name in self._prepared:
            self._built[name] = self._prepared.pop(name)
            return self._built[name]
        known = self._built.get(name)
        if known is not None:
            title = "" if is_fresh(alias) else f" on {alias}"
            node = known.node
            return known.with_node(scanned(f"CTE Scan{title}", node.rows, node.width))
        return self._relation(name)

    def _relation(self, name: str) -> Built:
        if name in self._fills:
            built = self._fill(self._fills[name])
        else:
            # A recursive relation reads itself: what it finds then is a scan.
            self._built[name] = Built(scanned("CTE Scan", _ROWS_UNKNOWN, 0), {})
            built = self._queries.build(self._stored[name])
        if name in self._infers:
            for call in self._infers[name].calls:
                built = built.with_node(self._infer(call, built))
        self._built[name] = built
        return built

    def _fill(self, stage: FilterInBatches) -> Built:
        """Return the plan of a part that runs in batches, in its expected order."""
        source = self._relation(stage.source)
        query, wanted = stage.expected.query, stage.rows_wanted
        passing = "distinct row" if stage.is_distinct else "row"
        details = [] if wanted is None else [("Until", f"{counted(wanted, passing)} passed")]
        if stage.is_distinct:
            query = query.copy()
            query.set("distinct", exp.Distinct())
        if len(stage.orders) > 1:
            details.append(("Order", "learned from the first rows"))
        read_before = dict(self._built)
        self._prepared[stage.batch] = source
        if wanted is None:
            built = self._queries.build(query)
            node = over("Batches", built.node.rows, (built.node,))
            return built.with_node(replace(node, details=tuple(details)))
        passed = self._queries.build(query).node.rows
        self._built = read_before
        rows = source.node.rows
        asked = min(rows, wanted * rows / passed) if passed else rows
        self._prepared[stage.batch] = source.with_node(cut(source.node, asked))
        built = self._queries.build(query)
        node = over("Fill", min(built.node.rows, wanted), (built.node,))
        return built.with_node(replace(node, details=tuple(details)))

    def _infer(self, call: StagedCall, built: Built) -> PlanNode:
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
