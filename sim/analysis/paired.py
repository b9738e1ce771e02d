"""Scenarios against each other, replication by replication.

Common random numbers give the same citizens to the same replication of every scenario, so what is compared is the
difference within a replication: most of the noise is in both, and goes. Ratios are linearised as in
`sim.analysis.intervals`, and the difference of their residuals has Student's interval (Law, Simulation Modeling and
Analysis, ch. 10.2 and 11.2). The variance of a difference of shares or totals is never taken to be less than that of
the things that differ, as if they were independent and at least two of them (Bonett and Price 2012, Journal of
Educational and Behavioral Statistics 37): that nothing differed in ten replications is no proof that nothing ever does.

Several comparisons are paid for within each metric: intervals are Bonferroni's, so that all of them together hold with
the confidence asked for, and p-values are Holm's (1979), which find more; both whatever the scenarios have in common.
That many metrics are looked at is not paid for.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import inf, isnan, nan, sqrt
from typing import Any, NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from sim.analysis.intervals import Each, Estimate, Linear, Values, finite, linearised
from sim.analysis.metrics import METRICS, QUANTILES, Metric
from sim.analysis.tally import Tally, each_of


@dataclass(frozen=True, slots=True)
class Difference:
    """How much more of a metric one scenario has than another.

    `metric` is named as in a summary, also percentiles. `base_mean` and `other_mean` are over the replications that
    both have, `estimate` is other minus base. `variance_reduction` is how many times as many replications would be
    needed with independent seeds; infinite where replications differ by exactly the same, NaN where nothing varies.
    """

    metric: str
    base: str
    other: str
    base_mean: float
    other_mean: float
    estimate: Estimate
    p_value: float
    variance_reduction: float

    @property
    def sign(self) -> int:
        """Whether the other scenario has more (1) or less (-1) of it, or whether there is not enough evidence (0)."""
        return int(self.estimate.low > 0) - int(self.estimate.high < 0)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; what is not finite becomes null."""
        values = {k: finite(v) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {**values, "estimate": self.estimate.to_json()}


def compare(scenarios: Mapping[str, Sequence[Tally]], confidence: float = 0.95) -> tuple[Difference, ...]:
    """Compare every scenario with the first in every metric and its usual percentiles.

    Tallies are paired by replication number; those of all scenarios must come from the same seed. Raises `ValueError`
    for less than two scenarios, and for two without a common replication.
    """
    if len(scenarios) < 2:
        raise ValueError(f"{len(scenarios)} scenarios to compare: give at least 2")
    base, *others = scenarios.items()
    level = 1 - (1 - confidence) / len(others)
    families = zip(*(_pair(base, other, level) for other in others), strict=True)
    return tuple(each for family in families for each in _holm(family))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number; NaN, of a comparison that has none, stays.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    adjusted, least, left = [nan] * len(p_values), 0.0, len(p_values)
    for index in sorted((i for i, p in enumerate(p_values) if not isnan(p)), key=lambda i: p_values[i]):
        least = max(least, min(1.0, left * p_values[index]))
        adjusted[index] = least
        left -= 1
    return adjusted


def _holm(family: Sequence[Difference]) -> Iterator[Difference]:
    for each, p_value in zip(family, holm([d.p_value for d in family]), strict=True):
        yield replace(each, p_value=p_value)


def _pair(base: tuple[str, Sequence[Tally]], other: tuple[str, Sequence[Tally]], level: float) -> Iterator[Difference]:
    """Yield the differences of two named scenarios in every metric, p-values not yet adjusted."""
    of_base, of_other = ({t.replication: t for t in tallies} for _, tallies in (base, other))
    numbers = sorted(of_base.keys() & of_other.keys())
    if not numbers:
        raise ValueError(f"{base[0]} and {other[0]} have no replication in common")
    both = [of_base[n] for n in numbers], [of_other[n] for n in numbers]
    for metric in METRICS.values():
        for name, compared in _compared(metric, both, level):
            yield Difference(name, base[0], other[0], *compared)


class Compared(NamedTuple):
    """Two means and their difference, as in `Difference`; the p-value is not adjusted."""

    base_mean: float
    other_mean: float
    estimate: Estimate
    p_value: float
    variance_reduction: float


def _compared(metric: Metric, both: tuple[list[Tally], list[Tally]], level: float) -> Iterator[tuple[str, Compared]]:
    """Yield a metric and its usual percentiles."""
    (tops, bases), (other_tops, other_bases) = (np.array([t.sums[metric.name][""][0] for t in each]).T for each in both)
    if metric.kind == "total":
        yield metric.name, total_difference(tops, other_tops, each_of([*both[0], *both[1]], metric), level)
    else:
        counted = metric.kind == "share"
        yield metric.name, ratio_difference((tops, bases), (other_tops, other_bases), level, counted=counted)
    for percentile in QUANTILES if metric.sample else ():
        key = metric.name, percentile, "", ""
        values, other_values = ([t.quantiles[key] for t in tallies] for tallies in both)
        yield f"{metric.name}_p{percentile:g}", mean_difference(values, other_values, level)


def mean_difference(base: Values, other: Values, confidence: float) -> Compared:
    """Compare means over replications; those where either is NaN are left out."""
    return _difference(*_means(base, other), None, confidence)


def total_difference(base: Values, other: Values, each: Each, confidence: float) -> Compared:
    """Compare totals per replication of what events add."""
    return _difference(*_means(base, other), each, confidence)


def ratio_difference(
    base: tuple[Values, Values], other: tuple[Values, Values], confidence: float, *, counted: bool = False
) -> Compared:
    """Compare sum / sum over replications, given tops and bases; `counted` if it is a share of counted things.

    Replications in which either has nothing in the base are left out.
    """
    sides = [np.asarray(side, dtype=float) for side in (base, other)]
    seen = (sides[0][1] > 0) & (sides[1][1] > 0)
    if not seen.any():
        return _difference((nan, np.zeros(0)), (nan, np.zeros(0)), None, confidence)
    linear = [linearised(*side[:, seen]) for side in sides]
    thing = 1 / min(float(side[1, seen].mean()) for side in sides)
    return _difference(linear[0], linear[1], Each(thing, thing) if counted else None, confidence, share=counted)


def _means(base: Values, other: Values) -> tuple[Linear, Linear]:
    both = np.array([base, other], dtype=float)
    both = both[:, ~np.isnan(both).any(axis=0)]
    if not both.shape[1]:
        return (nan, both[0]), (nan, both[1])
    means = both.mean(axis=1)
    return (float(means[0]), both[0] - means[0]), (float(means[1]), both[1] - means[1])


def _difference(base: Linear, other: Linear, each: Each | None, confidence: float, *, share: bool = False) -> Compared:
    """Compare two linearised means; `each` is what one counted thing adds to a replication, if things are counted."""
    (mean, residuals), (other_mean, other_residuals) = base, other
    n, centre = len(residuals), other_mean - mean
    if n < 2:
        return Compared(mean, other_mean, Estimate(centre, nan, nan, n), nan, nan)
    differences = other_residuals - residuals
    varies, together = float((differences**2).sum()), float((residuals**2).sum() + (other_residuals**2).sum())
    square = varies / (n - 1) / n
    if each:
        differing = (float(np.abs(centre + differences).sum()) + 2 * each.mean) / n
        square = max(square, (differing - (centre**2 if share else 0.0)) * each.size_biased / n)
    error = sqrt(square)
    half = float(stdtrit(n - 1, (1 + confidence) / 2)) * error
    p_value = 2 * float(stdtr(n - 1, -abs(centre) / error)) if error else float(centre == 0)
    reduction = together / varies if varies else inf if together else nan
    return Compared(mean, other_mean, Estimate(centre, centre - half, centre + half, n), p_value, reduction)
