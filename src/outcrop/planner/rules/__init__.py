"""The rewriting rules of the planner, one per file, each named by a verb phrase.

A rule turns SQL into SQL that gives the same rows; the pairs in `tests/rules/planner` show what
each one does, and run both forms. `QUERY_RULES` see a whole query, `BLOCK_RULES` one SELECT of it
at a time, inner ones first. The order matters and is this: what moves rows away from calls first,
then what takes blocks apart until every call stands in a plain block, extraction last, because an
inference block is a barrier that nothing is pushed past.
"""

from __future__ import annotations

from outcrop.planner.rules.answer_join_calls_on_their_side import answer_join_calls_on_their_side
from outcrop.planner.rules.compute_group_keys_first import compute_group_keys_first
from outcrop.planner.rules.cut_unions_in_a_block import cut_unions_in_a_block
from outcrop.planner.rules.decorrelate_subqueries import decorrelate_subqueries
from outcrop.planner.rules.draw_random_order_first import draw_random_order_first
from outcrop.planner.rules.drop_order_of_subqueries import drop_order_of_subqueries
from outcrop.planner.rules.empty_lists_of_exists import empty_lists_of_exists
from outcrop.planner.rules.extract_calls import extract_calls
from outcrop.planner.rules.filter_before_calls import filter_before_calls
from outcrop.planner.rules.filter_before_left_joins import filter_before_left_joins
from outcrop.planner.rules.filter_shared_ctes import filter_shared_ctes
from outcrop.planner.rules.guard_subqueries import guard_subqueries
from outcrop.planner.rules.inline_single_use_ctes import inline_single_use_ctes
from outcrop.planner.rules.join_subqueries_with_their_domain import (
    join_subqueries_with_their_domain,
)
from outcrop.planner.rules.keep_groups_that_join import keep_groups_that_join
from outcrop.planner.rules.lift_calls_out_of_arms import lift_calls_out_of_arms
from outcrop.planner.rules.lift_calls_out_of_subqueries import lift_calls_out_of_subqueries
from outcrop.planner.rules.lower_calls_below_aggregates import lower_calls_below_aggregates
from outcrop.planner.rules.lower_calls_below_distinct import lower_calls_below_distinct
from outcrop.planner.rules.lower_calls_below_windows import lower_calls_below_windows
from outcrop.planner.rules.move_join_calls_to_where import move_join_calls_to_where
from outcrop.planner.rules.prune_unused_projections import prune_unused_projections
from outcrop.planner.rules.push_limit_below_calls import push_limit_below_calls
from outcrop.planner.rules.push_limit_below_subqueries import push_limit_below_subqueries
from outcrop.planner.rules.push_predicates_below_groups import push_predicates_below_groups
from outcrop.planner.rules.push_predicates_down import push_predicates_down
from outcrop.planner.rules.push_predicates_into_arms import push_predicates_into_arms
from outcrop.planner.rules.read_nothing_under_limit_zero import read_nothing_under_limit_zero
from outcrop.planner.rules.require_operands_first import require_operands_first
from outcrop.planner.rules.resolve_order_aliases import resolve_order_aliases
from outcrop.planner.rules.separate_calls_over_aggregates import separate_calls_over_aggregates
from outcrop.planner.rules.separate_calls_over_windows import separate_calls_over_windows
from outcrop.planner.rules.settle_constant_conditions import settle_constant_conditions
from outcrop.planner.rules.stop_exists_at_first_row import stop_exists_at_first_row
from outcrop.planner.rules.turn_outer_joins_into_inner import turn_outer_joins_into_inner
from outcrop.planner.rules.write_in_as_exists import write_in_as_exists
from outcrop.planner.rules.write_values_as_union import write_values_as_union

QUERY_RULES = (
    write_values_as_union,
    settle_constant_conditions,
    prune_unused_projections,
    read_nothing_under_limit_zero,
    push_predicates_down,
    push_predicates_into_arms,
    turn_outer_joins_into_inner,
    push_limit_below_subqueries,
    cut_unions_in_a_block,
    compute_group_keys_first,
    empty_lists_of_exists,
    write_in_as_exists,
    decorrelate_subqueries,
    join_subqueries_with_their_domain,
    stop_exists_at_first_row,
    inline_single_use_ctes,
    filter_shared_ctes,
    drop_order_of_subqueries,
    push_predicates_down,
    push_predicates_into_arms,
    push_predicates_below_groups,
    turn_outer_joins_into_inner,  # again, of what was pushed into their blocks
    prune_unused_projections,
    lift_calls_out_of_arms,
    lift_calls_out_of_subqueries,
    keep_groups_that_join,
    guard_subqueries,
)

BLOCK_RULES = (
    resolve_order_aliases,
    move_join_calls_to_where,
    filter_before_left_joins,
    answer_join_calls_on_their_side,
    separate_calls_over_aggregates,
    separate_calls_over_windows,
    lower_calls_below_aggregates,
    lower_calls_below_windows,
    lower_calls_below_distinct,
    draw_random_order_first,
    require_operands_first,
    filter_before_calls,
    push_limit_below_calls,
    extract_calls,
)
