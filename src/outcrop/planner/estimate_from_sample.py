"""From a sample to the whole, with the bounds between which it lies with 90 % probability.

The bounds are made for 95 %: what is promised must hold although the data are as skewed as prompts
and answers are, for which the textbook's intervals are known to be a little too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from outcrop.planner.call_numbers import Interval

HIGH = 0.975
"""The probability that a value is below the upper bound of its interval."""
RUNS = 39
"""So many draws that one more lies between the least and the most of them in 38 of 40 cases."""
_NORMAL = NormalDist()
_VALUES_FOR_A_SLOPE = 4
_SKEWNESS_MIN = 1e-6
_FREE_MIN = 1e-9  # below it a value alone decides where the line goes


def t_quantile(probability: float, degrees: int) -> float:
    """Return a quantile of Student's t (exact for 1 and 2 degrees of freedom, else Abramowitz and
    Stegun, 26.7.5).
    """
    if degrees == 1:
        return math.tan(math.pi * (probability - 0.5))
    if degrees == 2:
        return (2 * probability - 1) / math.sqrt(2 * probability * (1 - probability))
    z: float = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return z + math.fsum(term / degrees**power for power, term in enumerate(terms, start=1))


def finite_population(sampled: float, population: float) -> float:
    """Return by how much an error shrinks, since so much of everything was sampled."""
    if population <= 1 or sampled >= population:
        return 0.0
    return math.sqrt((population - sampled) / (population - 1))


def share_interval(passed: float, sampled: float, population: float) -> Interval:
    """Return the bounds of a share, of which `passed` of `sampled` were seen (Wilson, 1927)."""
    if not sampled:
        return Interval(0.0, 1.0)
    share, z = passed / sampled, _NORMAL.inv_cdf(HIGH)
    center = (share + z * z / (2 * sampled)) / (1 + z * z / sampled)
    spread = share * (1 - share) / sampled + z * z / (4 * sampled * sampled)
    half = z * math.sqrt(spread) / (1 + z * z / sampled)
    shrunk = finite_population(sampled, population)
    return Interval(
        max(0.0, share - (share - (center - half)) * shrunk),
        min(1.0, share + ((center + half) - share) * shrunk),
    )


@dataclass(frozen=True, slots=True)
class Total:
    """A sum that is estimated, with its standard error: None where one value says nothing of it.

    `skewness` is that of the values of the sample, of which there are `degrees`, less those that
    went into the estimate.
    """

    value: float
    error: float | None
    degrees: int
    skewness: float = 0.0

    def quantile(self, probability: float) -> float:
        """Return what the sum is below with a probability; never less than nothing.

        Of a single value, it is taken to lie between nothing and twice that.
        """
        if self.error is None:
            return self.value * 2 * probability
        deviation = unskewed(t_quantile(1 - probability, self.degrees), self.skewness, self.degrees)
        return max(0.0, self.value - deviation * self.error)


def unskewed(quantile: float, skewness: float, number: int) -> float:
    """Return a quantile of t as it is for a mean of skewed values.

    P. Hall, "On the removal of skewness by transformation", 1992: the inverse of his second
    transformation. Prompts and answers have long tails to the right, and a sample that has seen few
    of the longest ones gives too low a mean and too small an error at once.
    """
    if abs(skewness) < _SKEWNESS_MIN:
        return quantile
    root = math.sqrt(number)
    inner = 1 + skewness * (quantile / root - skewness / (6 * number))
    return 3 * root / skewness * (math.cbrt(inner) - 1)


class SampledLine:
    """What calls come to by the sizes of their requests: a line through a sample (least squares).

    The sizes of all requests are known before any is sent, and most of a call's cost follows from
    them. Through few values the line is a level one, at their mean.
    """

    def __init__(self, sizes: Sequence[float], values: Sequence[float]) -> None:
        self._number = len(values)
        if not values:
            return
        self._mean_size = math.fsum(sizes) / len(values)
        self._mean = math.fsum(values) / len(values)
        self._offsets = [size - self._mean_size for size in sizes]
        self._spread = math.fsum(offset * offset for offset in self._offsets)
        self._slope = 0.0
        if self._spread and len(values) >= _VALUES_FOR_A_SLOPE:
            common = zip(self._offsets, values, strict=True)
            self._slope = math.fsum(offset * value for offset, value in common) / self._spread
        self._residuals = [
            value - self._mean - self._slope * offset
            for offset, value in zip(self._offsets, values, strict=True)
        ]

    def total(self, count: int, size: float) -> Total:
        """Estimate the sum over `count` calls that were not made, whose sizes add up to `size`.

        Its error is that of the line, told by leaving out each value in turn (the jackknife), and
        that of so many values around it.
        """
        if not count or not self._number:
            return Total(0.0, 0.0, 1)
        offset = size / count - self._mean_size
        value = max(0.0, count * (self._mean + self._slope * offset))
        if self._number == 1:
            return Total(value, None, 1)
        degrees = self._number - (2 if self._slope else 1)
        changes = [count * self._change_without(index, offset) for index in range(self._number)]
        mean = math.fsum(changes) / self._number
        of_line = math.fsum((change - mean) ** 2 for change in changes)
        around = math.fsum(residual * residual for residual in self._residuals) / degrees
        variance = of_line * (self._number - 1) / self._number + count * around
        return Total(value, math.sqrt(variance), degrees, self._skewness())

    def _skewness(self) -> float:
        second, third = (
            math.fsum(residual**power for residual in self._residuals) / self._number
            for power in (2, 3)
        )
        return third / second**1.5 if second else 0.0

    def _change_without(self, index: int, offset: float) -> float:
        """Return by how much the line is higher at `offset` than it were without a value."""
        own = self._offsets[index]
        pull = weight = 1 / self._number
        if self._slope:
            pull += offset * own / self._spread
            weight += own * own / self._spread
        free = 1 - weight
        return pull * self._residuals[index] / free if free > _FREE_MIN else 0.0


def bounds_of(draws: Sequence[float]) -> Interval:
    """Return the bounds of what was drawn many times."""
    return Interval(min(draws), max(draws))
