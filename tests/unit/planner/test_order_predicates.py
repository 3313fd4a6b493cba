"""Model predicates: what they are called, and in which order they are decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.catalog.objects import ExternalModel
from outcrop.planner.call_numbers import ModelStatistics
from outcrop.planner.order_predicates import is_current
from outcrop.planner.plan import FilterInBatches, Infer, StagedPlan
from outcrop.planner.plan_query import plan_query
from outcrop.providers.base import TokenUsage
from tests.unit.planner.world import MODELS, bind


@dataclass(frozen=True)
class FlatPrice:
    """A price per token."""

    usd: float
    as_of: str = "2026-11-01"

    def cost_usd(self, usage: TokenUsage) -> float:
        return self.usd * (usage.input_tokens + usage.output_tokens)


@dataclass
class History:
    """A history in memory; `prices` are those of a token, by the model's name."""

    known: dict[str, tuple[int, int]] = field(default_factory=dict)
    prices: dict[str, float] = field(default_factory=dict)

    def tested(self, conditions: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        return {name: self.known[name] for name in conditions if name in self.known}

    def statistics(self, model: ExternalModel) -> ModelStatistics:
        usd = self.prices.get(model.name.name)
        price = None if usd is None else FlatPrice(usd)
        return ModelStatistics("p", "m", price, 10.0, 5.0, 0.25, 100, 0, None, 1.0)


def _plan(sql: str, history: History | None = None) -> StagedPlan:
    return plan_query(bind(sql), MODELS, history)


def _names(sql: str) -> set[str]:
    planned = _plan(sql)
    orders = [order for s in planned.stages if isinstance(s, FilterInBatches) for order in s.orders]
    tests = [*planned.tests, *(test for order in orders for test in order.tests)]
    return {name for test in tests for name in test.conditions}


def _asked(planned: StagedPlan) -> list[str]:
    """Return the models in the order in which they are expected to be asked."""
    return [str(call.model.name.name) for call in planned.calls()]


F, RATE = "f(p) = 'x'", "rate(q) > 3"
TWO = f"SELECT i FROM t WHERE {F} AND {RATE}"
[F_NAME] = _names(f"SELECT i FROM t WHERE {F}")
[RATE_NAME] = _names(f"SELECT i FROM t WHERE {RATE}")


def test_a_condition_has_one_name_whatever_stands_around_it() -> None:
    assert _names("SELECT a.q FROM t AS a WHERE a.i < 3 AND f(a.p) = 'x'") == {F_NAME}
    assert _names(
        "SELECT x FROM (SELECT p AS x, i FROM t) AS s WHERE 'x' IS NOT NULL AND f(x) = 'x'"
    ) == {F_NAME}
    assert _names("SELECT t.i FROM t JOIN u ON t.i = u.i WHERE f(t.p) = 'x'") == {F_NAME}
    assert _names("SELECT i, f(q) FROM t WHERE f(p) = 'x' ORDER BY i LIMIT 3") == {F_NAME}
    assert _names(TWO) == {F_NAME, RATE_NAME}


def test_another_condition_has_another_name() -> None:
    others = {
        *_names("SELECT i FROM t WHERE f(p) = 'y'"),
        *_names("SELECT i FROM t WHERE f(q) = 'x'"),
    }
    others |= _names("SELECT i FROM t WHERE rate(p) = 1")
    assert len(others) == 3
    assert F_NAME not in others


def test_a_condition_on_rows_of_a_set_operation_has_no_name() -> None:
    assert not _names(
        "SELECT i FROM (SELECT i, p FROM t UNION SELECT i, b FROM u) AS s WHERE f(p) = 'x'"
    )


def test_conditions_that_are_large_taken_together_stay_as_written() -> None:
    doubled = "SELECT i, q, f(p) AS x FROM t"
    for _ in range(8):  # each doubles what the condition is in terms of the stored columns
        doubled = f"SELECT i, q, x || x AS x FROM ({doubled}) AS s"
    planned = _plan(f"SELECT i FROM ({doubled}) AS s WHERE x <> '' AND {RATE}", History())
    assert not planned.tests
    assert not any(isinstance(stage, FilterInBatches) for stage in planned.stages)
    assert _asked(planned) == ["f", "rate"]


def test_an_unknown_order_is_learned() -> None:
    [*_, batches] = _plan(TWO, History()).stages
    assert isinstance(batches, FilterInBatches)
    assert (len(batches.orders), batches.rows_wanted) == (2, None)
    three = _plan(f"{TWO} AND is_good(q)", History()).stages[-1]
    assert isinstance(three, FilterInBatches)
    assert len(three.orders) == 6
    four = _plan(f"{TWO} AND is_good(q) AND g(p) = 'a'".replace("g(p)", "other.g(p)")).stages[-1]
    assert isinstance(four, FilterInBatches)
    assert len(four.orders) == 4


def test_all_orders_name_the_same_call_alike() -> None:
    batches = _plan(TWO).stages[-1]
    assert isinstance(batches, FilterInBatches)
    ids = [
        {call.ids for stage in order.stages if isinstance(stage, Infer) for call in stage.calls}
        for order in batches.orders
    ]
    assert ids[0] == ids[1]
    assert batches.orders[0].query.named_selects == batches.orders[1].query.named_selects


def test_a_known_order_needs_no_batches() -> None:
    selective = History({F_NAME: (100, 90), RATE_NAME: (100, 10)})
    planned = _plan(TWO, selective)
    assert not any(isinstance(stage, FilterInBatches) for stage in planned.stages)
    assert _asked(planned) == ["rate", "f"]
    assert planned.is_streamed
    assert _asked(_plan(TWO, History({F_NAME: (100, 10), RATE_NAME: (100, 90)}))) == ["f", "rate"]


def test_few_rows_do_not_make_an_order_known() -> None:
    planned = _plan(TWO, History({F_NAME: (100, 90), RATE_NAME: (49, 1)}))
    assert isinstance(planned.stages[-1], FilterInBatches)


def test_a_limit_takes_the_known_order_too() -> None:
    planned = _plan(f"{TWO} LIMIT 5", History({F_NAME: (100, 90), RATE_NAME: (100, 10)}))
    batches = planned.stages[-1]
    assert isinstance(batches, FilterInBatches)
    assert (len(batches.orders), batches.rows_wanted) == (1, 5)
    assert _asked(planned) == ["rate", "f"]


def test_price_weighs_against_selectivity() -> None:
    known = {F_NAME: (100, 50), RATE_NAME: (100, 10)}
    assert _asked(_plan(TWO, History(known, {"f": 1.0, "rate": 1.0}))) == ["rate", "f"]
    assert _asked(_plan(TWO, History(known, {"f": 1.0, "rate": 10.0}))) == ["f", "rate"]
    assert _asked(_plan(TWO, History(known, {"f": 1.0}))) == ["rate", "f"]
    assert _asked(_plan(TWO, History({}, {"f": 9.0, "rate": 1.0}))) == ["rate", "f"]


def test_conditions_on_one_answer_are_one_predicate() -> None:
    planned = _plan("SELECT i FROM t WHERE f(p) > 'a' AND f(p) < 'x'", History())
    assert not any(isinstance(stage, FilterInBatches) for stage in planned.stages)
    assert planned.orderings == ()


def test_a_plan_is_current_until_it_would_be_another() -> None:
    history = History()
    planned = _plan(TWO, history)
    assert is_current(planned.orderings, history)
    history.known = {F_NAME: (100, 90), RATE_NAME: (100, 10)}
    assert not is_current(planned.orderings, history)
    planned = _plan(TWO, history)
    history.known = {F_NAME: (100, 80), RATE_NAME: (100, 20)}
    assert is_current(planned.orderings, history)
    history.known = {F_NAME: (100, 20), RATE_NAME: (100, 80)}
    assert not is_current(planned.orderings, history)
    assert is_current(_plan("SELECT i FROM t").orderings, history)
