"""From a sample to the whole, with the bounds between which it lies with 90 % probability."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from outcrop.planner.call_numbers import Interval

Z = 1.6448536269514722
"""The 95th percentile of the normal distribution."""
_T_OF_FEW = (6.3138, 2.9200, 2.3534, 2.1318)  # Student's, for 1 to 4 degrees of freedom


def t_quantile(degrees: int) -> float:
    """Return the 95th percentile of Student's t (Abramowitz and Stegun, 26.7.5)."""
    if degrees <= len(_T_OF_FEW):
        return _T_OF_FEW[degrees - 1]
    z = Z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + first / degrees + second / degrees**2


def finite_population(sampled: float, population: float) -> float:
    """Return by how much an interval shrinks since the sample is a part of the whole."""
    if population <= 1 or sampled >= population:
        return 0.0
    return math.sqrt((population - sampled) / (population - 1))


def share_interval(passed: float, sampled: float, population: float) -> Interval:
    """Return the bounds of a share, of which `passed` of `sampled` were seen (Wilson, 1927)."""
    if not sampled:
        return Interval(0.0, 1.0)
    share, z = passed / sampled, Z
    center = (share + z * z / (2 * sampled)) / (1 + z * z / sampled)
    spread = share * (1 - share) / sampled + z * z / (4 * sampled * sampled)
    half = z * math.sqrt(spread) / (1 + z * z / sampled)
    shrunk = finite_population(sampled, population)
    return Interval(
        max(0.0, share - (share - (center - half)) * shrunk),
        min(1.0, share + ((center + half) - share) * shrunk),
    )


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a sample, and half the width of its interval; None where one value says none."""

    value: float
    half_width: float | None

    @property
    def low(self) -> float:
        """The lower bound; nothing that is counted here is less than zero."""
        return 0.0 if self.half_width is None else max(0.0, self.value - self.half_width)

    @property
    def high(self) -> float:
        """The upper bound: twice the mean where a single value was seen."""
        return self.value * 2 if self.half_width is None else self.value + self.half_width


def mean_of(values: Sequence[float], population: float) -> Mean:
    """Return the mean of `values`, drawn without replacement from `population` values."""
    if not values:
        return Mean(0.0, None)
    mean = math.fsum(values) / len(values)
    if len(values) >= population:
        return Mean(mean, 0.0)
    if len(values) == 1:
        return Mean(mean, None)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    error = math.sqrt(variance / len(values)) * finite_population(len(values), population)
    return Mean(mean, t_quantile(len(values) - 1) * error)
