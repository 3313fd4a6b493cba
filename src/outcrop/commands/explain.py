"""EXPLAIN: the plan of a statement, and the price of its model calls before the first one."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from sqlglot import exp

from outcrop.catalog.objects import RelationKind
from outcrop.catalog.statistics import TableStatistics
from outcrop.commands.changes import plan_delete, plan_update
from outcrop.commands.context import CommandContext
from outcrop.commands.materialized_views import plan_refresh
from outcrop.commands.merge import plan_merge
from outcrop.commands.prepared import statement_to_run
from outcrop.commands.rows import plan_insert
from outcrop.datatypes import VARCHAR
from outcrop.errors import FeatureNotSupported
from outcrop.execution.count_calls import CallCounter
from outcrop.execution.journaled_calls import JournaledCalls
from outcrop.execution.measure_calls import MeasuringOperator
from outcrop.execution.model_statistics import ModelSources, model_statistics
from outcrop.execution.result import Result, ResultColumn, StoredRows
from outcrop.execution.sample_calls import CallSampler
from outcrop.execution.system_views import store_system_view
from outcrop.planner.call_numbers import CallNumbers, ModelStatistics
from outcrop.planner.explain import Statistics
from outcrop.planner.explain import explain as explain_plan
from outcrop.planner.plan import StagedPlan
from outcrop.planner.show_plan import show_json, show_text
from outcrop.sql.statements import (
    CreateMaterializedView,
    CreateTableAs,
    CreateView,
    Delete,
    Explain,
    ExplainFormat,
    ExplainMode,
    Insert,
    Merge,
    Query,
    RefreshMaterializedView,
    Statement,
    Unload,
    Update,
)

_COLUMN = (ResultColumn("QUERY PLAN", VARCHAR),)
_ONE_ROW = StagedPlan((), exp.select(exp.Literal.number(1)), ())
_NOTHING = StagedPlan((), exp.select(exp.Literal.number(1)).limit(0), ())


def explain(context: CommandContext, statement: Explain) -> Result:
    """Show the plan of a statement; nothing is changed, and nothing asked unless that is wanted."""
    plan = _plan_of(context, statement_to_run(context, statement.statement))
    models = _model_statistics(context, plan)
    tree = explain_plan(plan, Statistics(_table_statistics(context, plan), models))
    measured = _measure(context, statement, plan, models)
    has_actuals = statement.mode is ExplainMode.ANALYZE
    if statement.format is ExplainFormat.JSON:
        lines = [show_json(tree, measured, has_actuals=has_actuals)]
    else:
        lines = show_text(tree, measured, has_actuals=has_actuals)
    return Result("EXPLAIN", _COLUMN, rows=StoredRows(_COLUMN, [(line,) for line in lines]))


def _measure(
    context: CommandContext,
    statement: Explain,
    plan: StagedPlan,
    models: Mapping[int, ModelStatistics],
) -> Mapping[str, CallNumbers]:
    """Return what was counted, sampled or done of each call, by its `ids`."""
    match statement.mode:
        case ExplainMode.COUNT:
            return _count(context, statement, plan, models)
        case ExplainMode.SAMPLE:
            bounds = _count(context, statement, plan, models)
            with context.runner.asking(plan, context.request(statement.text)) as (run, operator):
                sampler = CallSampler(
                    context.engine,
                    _journaled(context, models),
                    operator,
                    bounds,
                    statement.sample_size,
                    Random(statement.text),  # the same text draws the same calls
                )
                return sampler.sample(plan, run)
        case ExplainMode.ANALYZE:
            with context.runner.asking(plan, context.request(statement.text)) as (run, operator):
                meter = MeasuringOperator(context.engine, operator, context.runner.progress, models)
                return meter.run_plan(plan, run)
    return {}


def _count(
    context: CommandContext,
    statement: Explain,
    plan: StagedPlan,
    models: Mapping[int, ModelStatistics],
) -> Mapping[str, CallNumbers]:
    for view in plan.system_views:
        store_system_view(view, context.request(statement.text).state, context.engine)
    return CallCounter(context.engine, _journaled(context, models)).count(plan)


def _journaled(context: CommandContext, models: Mapping[int, ModelStatistics]) -> JournaledCalls:
    return JournaledCalls(
        context.journal,
        models,
        reuse_answers=bool(context.settings["outcrop.reuse_answers"]),
        max_tokens_default=int(context.settings["outcrop.max_tokens_default"] or 1),
    )


def _plan_of(context: CommandContext, statement: Statement) -> StagedPlan:
    """Return the plan that a statement runs, whatever it does with the rows."""
    match statement:
        case Query():
            return context.plan(statement.tree)
        case CreateTableAs() | CreateMaterializedView() | CreateView() | Unload():
            return context.plan(statement.query)
        case Insert():
            return plan_insert(context, statement).plan or _ONE_ROW
        case Update():
            return plan_update(context, statement).plan
        case Delete():
            return plan_delete(context, statement).plan
        case Merge():
            return plan_merge(context, statement).plan
        case RefreshMaterializedView(is_cascade=False):
            view = context.relation(statement.name, kind=RelationKind.MATERIALIZED_VIEW)
            return plan_refresh(context, view) or _NOTHING
        case RefreshMaterializedView():
            raise FeatureNotSupported(
                "EXPLAIN takes the refresh of one view, not of those that it reads as well",
                hint="Explain REFRESH MATERIALIZED VIEW without CASCADE, view by view.",
                position=statement.position,
            )
    raise FeatureNotSupported(
        "EXPLAIN takes a query, or a statement that does something with the rows of one",
        hint="Those are CREATE TABLE AS, CREATE [MATERIALIZED] VIEW, INSERT, UPDATE, DELETE, "
        "MERGE, UNLOAD, REFRESH MATERIALIZED VIEW, and EXECUTE of any of these.",
        position=statement.position,
    )


def _table_statistics(
    context: CommandContext, plan: StagedPlan
) -> Mapping[tuple[str, str], TableStatistics]:
    return {
        (relation.name.schema, relation.name.name): context.engine.estimate(
            relation.name.schema, relation.name.name, [c.name for c in relation.columns]
        )
        for relation in plan.reads
        if relation.kind is not RelationKind.VIEW
    }


def _model_statistics(context: CommandContext, plan: StagedPlan) -> Mapping[int, ModelStatistics]:
    sources = ModelSources(
        context.journal, context.price, context.route, lambda name: context.settings[name]
    )
    models = {call.model.oid: call.model for call in plan.calls()}
    return {oid: model_statistics(model, sources) for oid, model in models.items()}
