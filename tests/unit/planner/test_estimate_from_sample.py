from __future__ import annotations

from random import Random

import pytest

from outcrop.planner.estimate_from_sample import (
    SampledLine,
    Total,
    finite_population,
    share_interval,
    t_quantile,
    unskewed,
)

# From the tables of Student's t: degrees of freedom, and the quantiles of 95 % and 97.5 %.
T_TABLE = [
    (1, 6.3138, 12.7062),
    (2, 2.9200, 4.3027),
    (3, 2.3534, 3.1824),
    (4, 2.1318, 2.7764),
    (10, 1.8125, 2.2281),
    (30, 1.6973, 2.0423),
    (1_000, 1.6464, 1.9623),
]


@pytest.mark.parametrize(("degrees", "high", "higher"), T_TABLE)
def test_t(degrees: int, high: float, higher: float) -> None:
    assert t_quantile(0.95, degrees) == pytest.approx(high, abs=0.01)
    assert t_quantile(0.975, degrees) == pytest.approx(higher, abs=0.01)
    assert t_quantile(0.025, degrees) == pytest.approx(-higher, abs=0.01)


def test_a_sample_of_everything_is_exact() -> None:
    assert finite_population(8, 8) == 0
    assert share_interval(2, 8, 8).low == share_interval(2, 8, 8).high == 0.25
    assert SampledLine([1, 2], [5, 6]).total(0, 0) == Total(0.0, 0.0, 1)


def test_one_value_says_nothing_of_its_spread() -> None:
    total = SampledLine([3], [5]).total(10, 30)
    assert (total.value, total.quantile(0), total.quantile(1)) == (50, 0, 100)


def test_what_follows_from_the_size_is_read_off_the_line() -> None:
    total = SampledLine([10, 20, 40, 80], [6, 11, 21, 41]).total(2, 1_000)
    assert total.value == pytest.approx(502)
    assert total.error == pytest.approx(0, abs=1e-9)


def test_what_has_nothing_to_do_with_the_size_keeps_its_mean() -> None:
    total = SampledLine([7, 7, 7, 7], [1, 3, 1, 3]).total(100, 700)
    assert total.value == pytest.approx(200)
    assert total.error is not None
    # Of 100 values around a mean that is known from four: s * sqrt(100 + 100 * 100 / 4).
    assert total.error == pytest.approx((4 / 3) ** 0.5 * (100 + 2_500) ** 0.5, rel=0.01)


def test_a_long_tail_to_the_right_raises_both_bounds() -> None:
    assert unskewed(1.9, 0.0, 50) == 1.9
    assert unskewed(-2.0, 2.0, 50) < -2.0
    assert unskewed(2.0, 2.0, 50) < 2.0
    assert Total(10, 1, 30, 2.0).quantile(0.975) > Total(10, 1, 30).quantile(0.975)


def test_no_sum_is_below_nothing() -> None:
    assert Total(1.0, 5.0, 3).quantile(0.025) == 0


def test_wilson() -> None:
    interval = share_interval(10, 50, 1e12)
    assert (interval.low, interval.high) == pytest.approx((0.1124, 0.3304), abs=0.001)
    none = share_interval(0, 50, 1e12)
    assert none.low == 0
    assert 0.05 < none.high < 0.09
    assert share_interval(0, 0, 9).high == 1


@pytest.mark.parametrize("sigma", [0.4, 1.0])
def test_bounds_hold_in_nine_of_ten_seeded_draws(sigma: float) -> None:
    random = Random(7)
    sizes = [random.lognormvariate(4, 1) for _ in range(500)]
    values = [size / 4 + random.lognormvariate(4, sigma) for size in sizes]
    held = 0
    for seed in range(200):
        order = Random(seed).sample(range(500), 500)
        drawn, others = order[:50], order[50:]
        line = SampledLine([sizes[i] for i in drawn], [values[i] for i in drawn])
        total = line.total(len(others), sum(sizes[i] for i in others))
        true_sum = sum(values[i] for i in others)
        held += total.quantile(0.025) <= true_sum <= total.quantile(0.975)
    assert held >= 180
