"""In which order the model predicates of a WHERE are decided: by cost / (1 - selectivity).

Deciding first what drops many rows for little money makes a conjunction cheapest (Hellerstein and
Stonebraker, "Predicate migration", 1993). What earlier statements saw of a predicate is in the
history; where it has too few rows of one, the order is left to be learned from the first rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Protocol

from outcrop.catalog.objects import ExternalModel
from outcrop.planner.call_numbers import ModelStatistics, cost_of_calls

ROWS_KNOWN_MIN = 50
"""So many rows tell a selectivity to within 0.12 (90 % of the time): enough for an order."""
SELECTIVITY_UNKNOWN = 0.5
_SELECTIVITY_MAX = 0.999
_PERMUTED_MAX = 3
_CHARS_PER_ROW = 32.0


class PredicateHistory(Protocol):
    """What earlier statements saw."""

    def tested(self, conditions: Sequence[str]) -> Mapping[str, tuple[int, int]]:
        """Return how many rows were tested by conditions, and how many passed, by their names."""
        ...

    def statistics(self, model: ExternalModel) -> ModelStatistics:
        """Return what is known of a model."""
        ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """A predicate, as its order depends on it: its conditions' names, and what a row costs."""

    names: tuple[str | None, ...]
    cost: float


@dataclass(frozen=True, slots=True)
class Ordering:
    """A decision: the order of predicates that is expected to be cheapest.

    With `is_known` all were seen on enough rows; otherwise it is to be learned from the first rows.
    """

    predicates: tuple[Ranked, ...]
    order: tuple[int, ...]
    is_known: bool

    def orders(self) -> list[tuple[int, ...]]:
        """Return the orders to try, the expected one first.

        All there are of two and three predicates; of more, those in which each comes first once.
        """
        if self.is_known:
            return [self.order]
        if len(self.order) <= _PERMUTED_MAX:
            return list(permutations(self.order))
        return [self.order[i:] + self.order[:i] for i in range(len(self.order))]


def order_predicates(predicates: Sequence[Ranked], history: PredicateHistory | None) -> Ordering:
    """Decide by what the history has now."""
    names = [name for predicate in predicates for name in predicate.names if name is not None]
    tested = history.tested(names) if history is not None else {}
    shares = [_share(predicate, tested) for predicate in predicates]
    ranks = [
        predicate.cost / (1 - min(_or_unknown(share), _SELECTIVITY_MAX))
        for predicate, share in zip(predicates, shares, strict=True)
    ]
    order = tuple(sorted(range(len(ranks)), key=lambda index: ranks[index]))
    return Ordering(tuple(predicates), order, all(share is not None for share in shares))


def is_current(orderings: Sequence[Ordering], history: PredicateHistory) -> bool:
    """Tell whether the decisions of a plan would be taken again: a plan that is kept depends on it.

    What a row costs is taken as it was.
    """
    return all(order_predicates(o.predicates, history) == o for o in orderings)


def known_share(rows: int, passed: int) -> float | None:
    """Return a selectivity, or None where too few rows were tested."""
    return passed / rows if rows >= ROWS_KNOWN_MIN else None


def _share(predicate: Ranked, tested: Mapping[str, tuple[int, int]]) -> float | None:
    share = 1.0
    for name in predicate.names:
        seen = None if name is None else tested.get(name)
        known = None if seen is None else known_share(*seen)
        if known is None:
            return None
        share *= known
    return share


def _or_unknown(share: float | None) -> float:
    return SELECTIVITY_UNKNOWN if share is None else share


def costs_of(
    called: Sequence[Sequence[ExternalModel]], history: PredicateHistory | None
) -> list[float]:
    """Return what a row costs in each predicate, by the models that it calls.

    In dollars where the price of every model is known and one costs anything, else in tokens. A
    predicate that calls one model once is not worth a look where all do.
    """
    models = {model.oid: model for group in called for model in group}
    if len(models) < 2 or history is None:
        return [float(len(group)) for group in called]
    known = {oid: history.statistics(model) for oid, model in models.items()}
    prices = {oid: _price(statistics) for oid, statistics in known.items()}
    if None in prices.values() or not any(prices.values()):
        prices = {oid: _tokens(statistics) for oid, statistics in known.items()}
    return [sum(prices[model.oid] or 0.0 for model in group) for group in called]


def _price(model: ModelStatistics) -> float | None:
    tokens_in = model.input_tokens_of(_CHARS_PER_ROW)
    return cost_of_calls(model, 1, tokens_in, model.output_tokens_of_answer())


def _tokens(model: ModelStatistics) -> float:
    return model.input_tokens_of(_CHARS_PER_ROW) + model.output_tokens_of_answer()
