"""Service level objectives and their verdicts.

An SLO passes when its whole interval meets the limit, fails when none of it does, and is undecided otherwise: "not
enough evidence" is an answer.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import isnan

from sim.analysis.intervals import Estimate
from sim.analysis.tally import Quantile


class Verdict(StrEnum):
    """What an interval says of a limit."""

    PASS = "pass"
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Slo:
    """`text` as written; a metric, or a percentile of it, perhaps of one group only, against a limit in its unit."""

    text: str
    metric: str
    percentile: float | None
    dimension: str
    group: str
    operator: str
    limit: float

    @property
    def quantile(self) -> Quantile | None:
        """The quantile that the tallies must have for this SLO."""
        return None if self.percentile is None else (self.metric, self.percentile, self.dimension, self.group)

    def holds(self, value: float) -> bool:
        """Whether a value meets the limit."""
        return {
            "<": value < self.limit,
            "<=": value <= self.limit,
            ">": value > self.limit,
            ">=": value >= self.limit,
        }[self.operator]


@dataclass(frozen=True, slots=True)
class Judged:
    """An SLO with its estimate and verdict."""

    slo: Slo
    estimate: Estimate
    verdict: Verdict


def judge(slo: Slo, estimate: Estimate) -> Judged:
    """Give the verdict of an interval on an SLO; without an interval it is undecided."""
    if isnan(estimate.low) or isnan(estimate.high):
        return Judged(slo, estimate, Verdict.UNDECIDED)
    held = slo.holds(estimate.low), slo.holds(estimate.high)
    return Judged(slo, estimate, Verdict.PASS if all(held) else Verdict.UNDECIDED if any(held) else Verdict.FAIL)


def overall(judged: list[Judged]) -> Verdict:
    """Return fail if any SLO fails, otherwise undecided if any is, otherwise pass."""
    verdicts = {each.verdict for each in judged}
    return next((v for v in (Verdict.FAIL, Verdict.UNDECIDED) if v in verdicts), Verdict.PASS)
