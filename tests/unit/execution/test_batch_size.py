"""How many rows are asked about at a time where a LIMIT stands above a model predicate."""

from __future__ import annotations

import random

import pytest

from outcrop.execution.batches import BATCH_ROWS_MAX, batch_size


def test_the_first_batch_is_what_is_wanted() -> None:
    assert batch_size(0, 0, 5) == 5
    assert batch_size(0, 0, 0) == 0


def test_a_batch_that_nothing_passed_is_followed_by_a_larger_one() -> None:
    assert batch_size(5, 0, 5) == 21
    assert batch_size(26, 0, 5) == 84


def test_a_batch_is_bounded() -> None:
    assert batch_size(1_000_000, 0, 1_000_000) == BATCH_ROWS_MAX


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01])
def test_few_calls_more_than_a_clairvoyant_makes(share: float) -> None:
    ratios = [_calls_over_clairvoyant(share, 5, seed) for seed in range(100)]

    assert 1 <= sum(ratios) / len(ratios) <= 1.3


def _calls_over_clairvoyant(share: float, wanted: int, seed: int) -> float:
    """Return the rows asked about, over those up to the last one that is needed."""
    draw = random.Random(seed)
    taken = passed = 0
    last_needed: int | None = None
    while last_needed is None:
        size = batch_size(taken, passed, wanted)
        for row in range(taken + 1, taken + size + 1):
            passed += draw.random() < share
            if passed == wanted and last_needed is None:
                last_needed = row
        taken += size
    return taken / last_needed
