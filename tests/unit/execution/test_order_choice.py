"""Which order of predicates is taken from batch to batch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import permutations

import pytest

from outcrop.execution.order_choice import OrderChoice, Spent


def test_each_order_is_tried_and_the_cheapest_goes_on() -> None:
    choice = OrderChoice(2, 1_000)
    assert choice.next() == (0, 16)
    choice.note(0, 10, Spent(None, 0, 19))
    assert choice.next() == (0, 6)
    choice.note(0, 6, Spent(None, 0, 11))
    assert choice.next() == (1, 16)
    choice.note(1, 16, Spent(None, 0, 20))
    assert choice.next() == (1, None)


def test_an_order_that_turns_out_dearer_is_left() -> None:
    choice = OrderChoice(2, 1_000)
    choice.note(0, 16, Spent(None, 0, 24))
    choice.note(1, 16, Spent(None, 0, 16))
    assert choice.next()[0] == 1
    choice.note(1, 64, Spent(None, 0, 128))
    assert choice.next()[0] == 0


def test_few_rows_take_the_expected_order() -> None:
    assert OrderChoice(2, 15).next() == (0, None)
    assert OrderChoice(6, 47).next() == (0, None)
    assert OrderChoice(6, 48).next() == (0, 4)


def test_dollars_go_before_tokens_and_tokens_before_calls() -> None:
    cheap_but_many = Spent(0.01, 900, 90), Spent(0.02, 100, 10)
    unpriced = Spent(None, 100, 90), Spent(0.02, 900, 10)
    free = Spent(0.0, 900, 10), Spent(0.0, 100, 90)
    for spent, best in ((cheap_but_many, 0), (unpriced, 0), (free, 1)):
        choice = OrderChoice(2, 1_000)
        choice.note(0, 16, spent[0])
        choice.note(1, 16, spent[1])
        assert choice.next() == (best, None)


def test_equal_orders_keep_the_expected_one() -> None:
    choice = OrderChoice(2, 1_000)
    choice.note(0, 16, Spent())
    choice.note(1, 16, Spent())
    assert choice.next() == (0, None)


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.6, 0.4), (0.95, 0.9), (0.9, 0.5, 0.1)])
def test_few_calls_more_than_who_knows_the_best_order(shares: tuple[float, ...]) -> None:
    ratios = [_calls_over_best(shares, 1_000, seed) for seed in range(100)]

    assert 1 <= sum(ratios) / len(ratios) <= 1.1


def _calls_over_best(shares: tuple[float, ...], rows_total: int, seed: int) -> float:
    """Return the calls made, over those of the best fixed order."""
    draw = random.Random(seed)
    rows = [[draw.random() < share for share in shares] for _ in range(rows_total)]
    orders = list(permutations(range(len(shares))))
    choice = OrderChoice(len(orders), rows_total)
    taken = made = 0
    while taken < rows_total:
        index, rows_max = choice.next()
        part = rows[taken : taken + (rows_max or max(64, 3 * taken))]
        calls = _calls(orders[index], part)
        choice.note(index, len(part), Spent(None, 0, calls))
        taken += len(part)
        made += calls
    return made / min(_calls(order, rows) for order in orders)


def _calls(order: Sequence[int], rows: Sequence[Sequence[bool]]) -> int:
    calls = 0
    for row in rows:
        for predicate in order:
            calls += 1
            if not row[predicate]:
                break
    return calls
