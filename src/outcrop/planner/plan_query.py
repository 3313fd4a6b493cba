"""A bound query to a staged plan: the rules in their order, then the cut into stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from outcrop.catalog.objects import ExternalModel
from outcrop.planner.bind import BoundQuery
from outcrop.planner.blocks import Names, blocks, names_in
from outcrop.planner.check_calls import check_calls
from outcrop.planner.model_call import has_call
from outcrop.planner.model_filters import predicate_tests, stored_queries
from outcrop.planner.order_predicates import PredicateHistory, known_share
from outcrop.planner.plan import OutputColumn, StagedPlan
from outcrop.planner.predicates import CONDITION, note_conditions
from outcrop.planner.refuse import (
    refuse_calls_left,
    refuse_correlated_calls,
    refuse_unplanned_shapes,
)
from outcrop.planner.rules import BLOCK_RULES, QUERY_RULES
from outcrop.planner.rules.prune_unused_projections import prune_unused_projections
from outcrop.planner.selectivity import LEARNED_SELECTIVITY
from outcrop.planner.stage import Stager
from outcrop.sql.semantics import apply as apply_semantics


def plan_query(
    bound: BoundQuery,
    models: Mapping[int, ExternalModel],
    history: PredicateHistory | None = None,
) -> StagedPlan:
    """Return the plan of a bound query, in the dialect of the engine.

    `models` are the external models by oid; `history` is what earlier statements saw of model
    predicates, None where nobody remembers. Raises the errors of `check_calls`, and
    FeatureNotSupported for a shape that is not planned.
    """
    query = bound.tree
    check_calls(query, models)
    names = Names(names_in(query))  # the rules may return another tree
    stager = Stager(models, names, history)
    is_streamed = False
    if has_call(query):
        refuse_unplanned_shapes(query)
        query = normalize(bound, names)
        refuse_calls_left(query)
        _note_selectivity(note_conditions(query, models), history)
        query, is_streamed = stager.stage_root(query)
    else:
        query = _apply_semantics(query, bound)
    return StagedPlan(
        stages=tuple(stager.stages),
        result=query,
        columns=tuple(
            OutputColumn(name, datatype)
            for name, datatype in zip(bound.names, bound.types, strict=True)
        ),
        is_streamed=is_streamed,
        system_views=bound.system_views,
        reads=bound.reads,
        tests=predicate_tests([*stored_queries(stager.stages), query]),
        orderings=tuple(stager.orderings),
    )


def _note_selectivity(conditions: Sequence[exp.Expr], history: PredicateHistory | None) -> None:
    """Note on conditions on answers what share of rows passed them before, where that is known."""
    if not conditions or history is None:
        return
    tested = history.tested([condition.meta[CONDITION] for condition in conditions])
    for condition in conditions:
        seen = tested.get(condition.meta[CONDITION])
        if seen is not None and (share := known_share(*seen)) is not None:
            condition.meta[LEARNED_SELECTIVITY] = share


def normalize(bound: BoundQuery, names: Names) -> exp.Query:
    """Return a query with every model call in an inference block, which is the normal form."""
    query = bound.tree
    for query_rule in QUERY_RULES:
        query = query_rule(query)
    names.avoid(query)
    refuse_correlated_calls(query)
    query = _apply_semantics(query, bound)
    for block_rule in BLOCK_RULES:
        for block in blocks(query):
            block_rule(block, names)
    return prune_unused_projections(query)


def _apply_semantics(query: exp.Query, bound: BoundQuery) -> exp.Query:
    translated = apply_semantics(
        query, is_super_case_sensitive=bound.options.is_super_case_sensitive
    )
    assert isinstance(translated, exp.Query)
    return translated
