"""Intervals over replications, which are independent and identically distributed by construction.

A rate is estimated by sum / sum over replications (the ratio estimator) and never by the mean of ratios, which is
biased. A share near 0 or 1 gets Wilson's interval, at the sample size that the variance between replications is worth
(as Korn and Graubard do for surveys), so that it stays inside [0, 1] and has a width when nothing happened.
Sources: Law, Simulation Modeling and Analysis, ch. 9; Korn and Graubard (1998), Survey Methodology 24; Wilson (1927).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, ndtri, stdtrit

Values = Sequence[float] | npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval; `low` and `high` are NaN when there are not enough replications. `n` counts them."""

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half of the interval's width, or NaN."""
        return (self.high - self.low) / 2

    def to_json(self) -> dict[str, float | int | None]:
        """Return plain values; what is not finite becomes null."""
        values = {"mean": self.mean, "low": self.low, "high": self.high}
        return {**{k: float(v) if isfinite(v) else None for k, v in values.items()}, "n": self.n}


def mean(values: Values, confidence: float) -> Estimate:
    """Estimate a mean over replications by Student's t; NaN values are replications without the quantity."""
    seen = np.asarray(values, dtype=float)
    seen = seen[~np.isnan(seen)]
    n = len(seen)
    if n < 2:
        return Estimate(float(seen[0]) if n else nan, nan, nan, n)
    centre, half = float(seen.mean()), _t(n, confidence) * float(seen.std(ddof=1)) / sqrt(n)
    return Estimate(centre, centre - half, centre + half, n)


def ratio(tops: Values, bases: Values, confidence: float) -> Estimate:
    """Estimate sum / sum over replications, with Student's t on the linearised variance."""
    centre, error, n = _linearised(tops, bases)
    if n < 2 or not isfinite(centre):
        return Estimate(centre, nan, nan, n)
    half = _t(n, confidence) * error
    return Estimate(centre, centre - half, centre + half, n)


def share(tops: Values, bases: Values, confidence: float) -> Estimate:
    """Estimate a share of counted things, sum / sum over replications, inside [0, 1] and never of zero width."""
    centre, error, n = _linearised(tops, bases)
    if n < 2 or not isfinite(centre):
        return Estimate(centre, nan, nan, n)
    total = float(np.sum(bases))
    if error > 0 and 0 < centre < 1:
        size, quantile = centre * (1 - centre) / error**2, _t(n, confidence)
    else:
        size, quantile = total, float(ndtri((1 + confidence) / 2))
    low, high = _wilson(centre, size, quantile)
    return Estimate(centre, low, high, n)


def total(values: Values, each: float, confidence: float) -> Estimate:
    """Estimate a total per replication; `each` is what one event would add, for the interval where none happened."""
    found = mean(values, confidence)
    if found.n >= 2 and not np.any(np.asarray(values)):
        events = float(chdtri(2, (1 - confidence) / 2)) / 2 / found.n
        return Estimate(0.0, 0.0, events * each, found.n)
    return Estimate(found.mean, max(found.low, 0.0) if isfinite(found.low) else nan, found.high, found.n)


def _linearised(tops: Values, bases: Values) -> tuple[float, float, int]:
    """Return ratio, standard error and number of replications that had something in the base."""
    top, base = np.asarray(tops, dtype=float), np.asarray(bases, dtype=float)
    n = int(np.count_nonzero(base))
    if not n:
        return nan, nan, 0
    centre = float(top.sum() / base.sum())
    if n < 2:
        return centre, inf, n
    count = len(base)
    residuals = top - centre * base
    return centre, sqrt(float((residuals**2).sum()) / (count - 1) / count) / float(base.mean()), count


def _wilson(centre: float, size: float, quantile: float) -> tuple[float, float]:
    square = quantile**2 / size
    middle = (centre + square / 2) / (1 + square)
    half = sqrt(square * (centre * (1 - centre) + square / 4)) / (1 + square)
    return max(0.0, middle - half) if centre > 0 else 0.0, min(1.0, middle + half) if centre < 1 else 1.0


def _t(n: int, confidence: float) -> float:
    return float(stdtrit(n - 1, (1 + confidence) / 2))
