from __future__ import annotations

from random import Random

import pytest

from outcrop.planner.estimate_from_sample import (
    Mean,
    finite_population,
    mean_of,
    share_interval,
    t_quantile,
)

# From the tables of Student's t, one-sided 95 %.
T_TABLE = [(1, 6.3138), (4, 2.1318), (5, 2.0150), (10, 1.8125), (30, 1.6973), (1000, 1.6464)]


@pytest.mark.parametrize(("degrees", "expected"), T_TABLE)
def test_t(degrees: int, expected: float) -> None:
    assert t_quantile(degrees) == pytest.approx(expected, abs=0.01)


def test_a_sample_of_everything_is_exact() -> None:
    assert finite_population(8, 8) == 0
    assert mean_of([1, 2, 6], 3) == Mean(3.0, 0.0)
    assert share_interval(2, 8, 8).low == share_interval(2, 8, 8).high == 0.25


def test_one_value_says_nothing_of_its_spread() -> None:
    mean = mean_of([5], 100)
    assert (mean.low, mean.value, mean.high) == (0.0, 5.0, 10.0)


def test_wilson() -> None:
    interval = share_interval(10, 50, 1e12)
    assert (interval.low, interval.high) == pytest.approx((0.1235, 0.3073), abs=0.001)
    none = share_interval(0, 50, 1e12)
    assert none.low == 0
    assert 0.03 < none.high < 0.08


def test_intervals_cover_in_nine_of_ten_seeded_draws() -> None:
    random = Random(7)
    lengths = [random.lognormvariate(4, 0.4) for _ in range(1_000)]
    passes = [random.random() < 0.3 for _ in range(1_000)]
    true_mean, true_share = sum(lengths) / 1_000, sum(passes) / 1_000
    covered_mean = covered_share = 0
    for seed in range(200):
        drawn = Random(seed).sample(range(1_000), 50)
        mean = mean_of([lengths[i] for i in drawn], 1_000)
        covered_mean += mean.low <= true_mean <= mean.high
        share = share_interval(sum(passes[i] for i in drawn), 50, 1_000)
        covered_share += share.low <= true_share <= share.high
    assert covered_mean >= 174
    assert covered_share >= 174
