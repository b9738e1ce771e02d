"""Intervals over replications, which are independent and identically distributed by construction.

A rate is estimated by sum / sum over replications (the ratio estimator) and never by the mean of ratios, which is
biased. Where few events are counted, Student's t on the variance between replications fails: it has no width when
nothing happened, leaves [0, 1], and is too short when two replications agree by chance. Shares and totals therefore get
score intervals, at the sample size that the variance between replications is worth (as Korn and Graubard do for
surveys), and are never narrower than if all events were independent. Every quantity here is one that cannot be
negative, so all intervals end at 0; what may have either sign is compared in `sim.analysis.paired`.

Sources: Law, Simulation Modeling and Analysis, ch. 9; Korn and Graubard (1998), Survey Methodology 24; Wilson (1927),
JASA 22; Clopper and Pearson (1934), Biometrika 26; Patil and Rao (1978), Biometrics 34, for size-biased means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite, nan, sqrt
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtri, stdtrit

Array = npt.NDArray[Any]
Values = Sequence[float] | Array
Linear = tuple[float, Array]
"""A mean, and what each replication adds to it beside."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its interval; `low` and `high` are NaN when fewer than two replications have the quantity.

    `n` counts the replications that have it.
    """

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
        return {"mean": finite(self.mean), "low": finite(self.low), "high": finite(self.high), "n": self.n}


class Each(NamedTuple):
    """What one event adds to a total, in the total's unit: E[A], and the size-biased mean E[A^2] / E[A].

    The mean total of events that come independently, `rate` of them per replication, is rate x E[A] and its variance
    rate x E[A^2] (a compound Poisson variable): so many times the mean as the size-biased mean says. For lognormal
    amounts it is exp(sigma^2) times E[A], 9.5 times at a sigma of 1.5.
    """

    mean: float
    size_biased: float


COUNTED = Each(1.0, 1.0)
"""What one event adds to a count."""


def finite(value: float) -> float | None:
    """Return a number as the document has it: None if it is not finite, since JSON has no word for that.

    >>> finite(0.5), finite(nan), finite(inf)
    (0.5, None, None)
    """
    return float(value) if isfinite(value) else None


def mean(values: Values, confidence: float) -> Estimate:
    """Estimate a mean over replications by Student's t; NaN values are replications without the quantity."""
    seen = np.asarray(values, dtype=float)
    seen = seen[~np.isnan(seen)]
    n = len(seen)
    if n < 2:
        return Estimate(float(seen[0]) if n else nan, nan, nan, n)
    return _student(float(seen.mean()), float(seen.std(ddof=1)) / sqrt(n), n, confidence)


def linearised(tops: Array, bases: Array) -> Linear:
    """Return sum / sum over replications that have something in the base, as if it were a mean over them."""
    centre = float(tops.sum() / bases.sum())
    return centre, (tops - centre * bases) / bases.mean()


def ratio(tops: Values, bases: Values, confidence: float) -> Estimate:
    """Estimate sum / sum over replications, with Student's t on the linearised variance."""
    centre, error, n = _with_error(tops, bases)
    if n < 2 or not isfinite(centre):
        return Estimate(centre, nan, nan, n)
    return _student(centre, error, n, confidence)


def share(tops: Values, bases: Values, confidence: float) -> Estimate:
    """Estimate a share of counted things, sum / sum over replications, by Wilson's interval.

    The sample size is that of a simple sample with the standard error that the replications show, corrected for the
    few of them by (z / t)^2, and at most the number of things counted.
    """
    centre, error, n = _with_error(tops, bases)
    if n < 2 or not isfinite(centre):
        return Estimate(centre, nan, nan, n)
    z, size = _z(confidence), float(np.sum(bases))
    if error > 0:
        size = min(size, centre * (1 - centre) / error**2 * (z / _t(n, confidence)) ** 2)
    square = z**2 / size
    middle = (centre + square / 2) / (1 + square)
    half = sqrt(square * (centre * (1 - centre) + square / 4)) / (1 + square)
    low, high = max(0.0, middle - half), min(1.0, middle + half)
    return Estimate(centre, low if centre > 0 else 0.0, high if centre < 1 else 1.0, n)


def total(values: Values, each: Each, confidence: float) -> Estimate:
    """Estimate a total per replication of what events add, by the score interval of a compound Poisson mean.

    How many events come is as uncertain as the mean under test says, rate x E[A]^2; how much they add is as uncertain
    as those that were seen say, rate x Var(A). Where the variance between replications is more than both, it takes
    their place. A count has the score interval of a Poisson mean, and n replications in which nothing happened have
    0 to z^2 / n events.
    """
    seen = np.asarray(values, dtype=float)
    n = len(seen)
    if n < 2:
        return mean(seen, confidence)
    z, centre = _z(confidence), float(seen.mean())
    square = z**2 / n
    if centre > 0:
        varies = (_t(n, confidence) / z) ** 2 * float(seen.var(ddof=1))
        square *= max(1.0, varies / (centre * each.size_biased))
    middle = centre + square * each.mean / 2
    half = sqrt(square * (centre * each.size_biased + square * each.mean**2 / 4))
    return Estimate(centre, max(0.0, middle - half) if centre > 0 else 0.0, middle + half, n)


def proportion(count: int, things: int, confidence: float) -> Estimate:
    """Estimate the share of few independent things that have something, by the exact interval.

    For example of replications: with the confidence at least, where scores would be approximate.
    """
    tail = (1 - confidence) / 2
    low = float(betaincinv(count, things - count + 1, tail)) if count else 0.0
    high = float(betaincinv(count + 1, things - count, 1 - tail)) if count < things else 1.0
    return Estimate(count / things, low, high, things)


def _student(centre: float, error: float, n: int, confidence: float) -> Estimate:
    half = _t(n, confidence) * error
    return Estimate(centre, max(0.0, centre - half), centre + half, n)


def _with_error(tops: Values, bases: Values) -> tuple[float, float, int]:
    """Return ratio, its standard error, and the number of replications that have something in the base."""
    top, base = np.asarray(tops, dtype=float), np.asarray(bases, dtype=float)
    top, base = top[base > 0], base[base > 0]
    n = len(base)
    if not n:
        return nan, nan, 0
    centre, residuals = linearised(top, base)
    return centre, sqrt(float((residuals**2).sum()) / (n - 1) / n) if n > 1 else inf, n


def _z(confidence: float) -> float:
    return float(ndtri((1 + confidence) / 2))


def _t(n: int, confidence: float) -> float:
    return float(stdtrit(n - 1, (1 + confidence) / 2))
