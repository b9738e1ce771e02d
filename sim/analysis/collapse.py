"""Two-humped outcomes: some replications collapse and the others do not, so that their mean describes neither.

Metastable systems do that: the same scenario recovers from an incident or is lost in its own retries, as luck will have
it. What is then to be told is how likely a collapse is, and what either world looks like.

Replications are sorted by a share and split in two at every place, as in the test for clusters of Engelman and
Hartigan (1969), Journal of the American Statistical Association 64. A split counts if the nearest of the other group
lies outside of what one group predicts for its next member (Student's prediction interval), with the spread of that
group alone or of both: a collapse may be as tight as the rest or come in all degrees. It has to be so for shares and
for their log-odds alike, since skewness makes a gap on one of them but hardly on both; and the groups' means must be
ten points apart, since what is less is no collapse. Without this last rule at most 0.2% of normal, uniform,
exponential, gamma, beta, logit-normal and lognormal shares alarm, at 5 to 50 replications: at most 1% over all six
metrics. Not found are two humps that touch, and few healthy replications among many that collapsed in all degrees.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import logit, stdtr

from sim.analysis import intervals
from sim.analysis.intervals import Estimate
from sim.analysis.tally import Tally

Array = npt.NDArray[Any]

WORSE: Mapping[str, str] = {
    "token_expiry_rate": "high",
    "reversal_rate": "high",
    "tnspo_strict": "low",
    "tnspo_official": "low",
    "paid_share": "low",
    "unknown_share": "high",
}
"""The shares in which a collapse would show, and on which side the collapsed are."""

FEWEST = 5
"""Replications below which nothing can be told."""
APART = 0.1
"""The difference of the groups' means, as a share, that makes a collapse."""
CHANCE = 4e-4
"""The probability of a member that far off, over all splits; a split may have its part of it, 1 / replications."""
_TIGHT = 3
"""Members that a group needs to have a spread of its own."""


@dataclass(frozen=True, slots=True)
class Collapse:
    """A metric of which some replications are in another world.

    `probability` is that of a replication to collapse, with its exact (Clopper and Pearson's) interval, and
    `replications` are the numbers of those that did. `healthy` and `collapsed` are the shares in either group, and
    `threshold` lies halfway between the nearest two of them.
    """

    metric: str
    probability: Estimate
    replications: tuple[int, ...]
    healthy: Estimate
    collapsed: Estimate
    threshold: float

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "metric": self.metric,
            "probability": self.probability.to_json(),
            "replications": list(self.replications),
            "healthy": self.healthy.to_json(),
            "collapsed": self.collapsed.to_json(),
            "threshold": self.threshold,
        }


def collapses(tallies: Sequence[Tally], confidence: float = 0.95) -> tuple[Collapse, ...]:
    """Return the metrics in which replications fall in two groups; none is the usual case."""
    numbers = np.array([t.replication for t in tallies])
    found = []
    for metric, side in WORSE.items():
        sums = np.array([t.sums[metric][""][0] for t in tallies]).reshape(-1, 2)
        each = _collapse(metric, side, numbers, sums, confidence)
        if each is not None:
            found.append(each)
    return tuple(found)


def _collapse(metric: str, side: str, numbers: Array, sums: Array, confidence: float) -> Collapse | None:
    seen = sums[:, 1] > 0
    numbers, tops, bases = numbers[seen], sums[seen, 0], sums[seen, 1]
    order = np.argsort((tops + 0.5) / (bases + 1), kind="stable")
    numbers, tops, bases = numbers[order], tops[order], bases[order]
    below = split(tops, bases)
    if below is None:
        return None
    low, high = slice(None, below), slice(below, None)
    down, up = (low, high) if side == "low" else (high, low)
    shares = tops / bases
    return Collapse(
        metric,
        intervals.proportion(len(numbers[down]), len(numbers), confidence),
        tuple(sorted(numbers[down].tolist())),
        intervals.share(tops[up], bases[up], confidence),
        intervals.share(tops[down], bases[down], confidence),
        float(shares[below - 1] + shares[below]) / 2,
    )


def split(tops: Array, bases: Array) -> int | None:
    """Return how many of the sorted shares are in the lower of two groups, or None where there is one group.

    `tops` and `bases` count things per replication, in the order of (top + 1/2) / (base + 1). A spread is never taken
    to be less than that of independent things, on either scale.
    """
    count, overall = len(tops), tops.sum() / max(bases.sum(), 1)
    if count < FEWEST or not 0 < overall < 1:
        return None
    shares, spread, thing = (tops + 0.5) / (bases + 1), overall * (1 - overall), float(np.mean(1 / bases))
    chance = np.maximum(_chances(shares, spread * thing), _chances(logit(shares), thing / spread)).min(axis=0)
    size, sums = np.arange(1, count), np.cumsum(shares)
    chance[(sums[-1] - sums[:-1]) / (count - size) - sums[:-1] / size < APART] = 1
    best = int(np.argmin(chance))
    return best + 1 if chance[best] <= CHANCE / count else None


def _chances(values: Array, least_variance: float) -> Array:
    """Return for every split of sorted values the probability of the nearest member of the other group.

    Rows are what predicts it: the lower group, or the upper, each with its own spread and with that of both.
    """
    lower, upper = _from_below(values, least_variance), _from_below(-values[::-1], least_variance)
    return np.concatenate([lower, upper[:, ::-1]])


def _from_below(values: Array, least_variance: float) -> Array:
    """Return these probabilities for the upper group's lowest, as the lower group predicts it."""
    count = len(values)
    size = np.arange(1, count)
    values = values - values.mean()
    sums, squares = np.cumsum(values), np.cumsum(values**2)
    mean = sums[:-1] / size
    within = squares[:-1] - sums[:-1] * mean
    beyond = squares[-1] - squares[:-1] - (sums[-1] - sums[:-1]) ** 2 / (count - size)
    away = (values[1:] - mean) / np.sqrt(1 + 1 / size)
    own = np.maximum(within / np.maximum(size - 1, 1), least_variance)
    both = np.maximum((within + beyond) / (count - 2), least_variance)
    alone = np.where(size < _TIGHT, 1.0, stdtr(np.maximum(size - 1, 1), -away / np.sqrt(own)))
    return np.stack([alone, stdtr(count - 2, -away / np.sqrt(both))])
