"""How many replications are enough: the rule of `--replications auto`.

After Hoad, Robinson and Davies (2010), Journal of the Operational Research Society 61, 1632-1644: replications are
added until every interval is within the precision, and then some more, to see that this was not luck. Here results are
looked at after 5, 8, 12, 18, 27 ... replications (half as many again each time). The first time that every SLO is
decided and every headline metric is precise, five replications are added (5% beyond 100, their look-ahead). If all that
still holds, with the same verdicts, it stops. It stops at the maximum in any case.

Looking again and again would find a wrong verdict sooner or later, so looks are paid for as in clinical trials
(Haybittle 1971, British Journal of Radiology 44; Peto et al. 1976, British Journal of Cancer 34). Of the error of a
verdict, 5% at a confidence of 95%, the last look, at the maximum, spends 3% and every look before it 0.1%: by
Bonferroni's inequality 4% in all at a maximum of 200, for each SLO whatever its estimate. The rest is for replications
whose skewness makes intervals miss more often than they say. Looks that confirm cost nothing: they can only take back
what was found. Intervals of metrics have the confidence that was asked for, since half-widths say little of where a
mean lies. Measured, those of 95% cover 94% to 95%, and 92.5% at worst, where only an SLO is waited for whose limit is
0.3 standard deviations away.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from typing import Any

from sim.analysis.intervals import Estimate
from sim.analysis.metrics import HEADLINE, METRICS
from sim.analysis.slo import Slo, Verdict, judge
from sim.analysis.summary import Summary, estimate_of, summarise
from sim.analysis.tally import Tally

FIRST, GROWTH = 5, 1.5
LOOK_AHEAD = 5
"""Replications, and percent of them where that is more, for which what was found has to last."""
EARLY, LAST = 1 / 50, 3 / 5
"""The parts of the error that each look but the last, at most, and the last may spend."""

SMALL: Mapping[str, float] = {"share": 0.01, "s": 0.1, "min": 0.1, "count": 10.0, "EUR": 1000.0}
"""By unit: what a mean near zero counts as, since no number of replications makes a share of zero precise by itself.

At a precision of 5% its interval may then reach 0.05 percentage points, 5 ms, 0.3 s, half an event, 50 EUR."""


class Reason(StrEnum):
    """Why no more replications are wanted."""

    SETTLED = "settled"
    MAXIMUM = "maximum"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done after a look: stop for a reason, or look again when there are `next` replications.

    `undecided` are SLOs as written, `imprecise` are metrics; `verdicts` are those of all SLOs at this look.
    """

    replications: int
    reason: Reason | None
    next: int | None
    undecided: tuple[str, ...]
    imprecise: tuple[str, ...]
    verdicts: tuple[Verdict, ...]

    @property
    def stop(self) -> bool:
        """Whether there are enough replications, or as many as there may be."""
        return self.reason is not None

    def to_json(self) -> dict[str, Any]:
        """Return why it stopped, and what was left open, as plain values."""
        reason = None if self.reason is None else self.reason.value
        return {"reason": reason, "undecided": list(self.undecided), "imprecise": list(self.imprecise)}

    @property
    def settled(self) -> bool:
        """Whether every SLO is decided and every headline metric is precise at this look."""
        return not (self.undecided or self.imprecise)


@dataclass(frozen=True, slots=True)
class Rule:
    """When to stop adding replications.

    `precision` is relative (`precise`), `confidence` that of the intervals of metrics and, over all looks together, of
    each verdict.

    >>> rule = Rule(maximum=20)
    >>> rule.looks
    (5, 8, 12, 18, 20)
    >>> [round(rule.verdict_confidence(n), 3) for n in rule.looks]
    [0.999, 0.999, 0.999, 0.999, 0.97]
    """

    precision: float = 0.05
    maximum: int = 200
    confidence: float = 0.95
    headline: Collection[str] = HEADLINE

    def __post_init__(self) -> None:
        if self.maximum < 2:
            raise ValueError(f"a maximum of {self.maximum} replications: an interval needs 2")
        if not self.precision > 0:
            raise ValueError(f"a precision of {self.precision:g}: it is more than 0")

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of replications at which results are looked at, without those that confirm."""
        looks = [min(FIRST, self.maximum)]
        while looks[-1] < self.maximum:
            looks.append(min(self.maximum, ceil(looks[-1] * GROWTH)))
        return tuple(looks)

    def verdict_confidence(self, replications: int) -> float:
        """Return the confidence of the intervals that SLOs are judged by after so many replications."""
        early = min(EARLY, (1 - LAST) / max(1, len(self.looks) - 1))  # beyond 10,000 there are more than twenty looks
        return 1 - (1 - self.confidence) * (early if replications < self.maximum else LAST)

    def summarise(self, tallies: Sequence[Tally], slos: Sequence[Slo]) -> Summary:
        """Summarise a look: metrics at the confidence asked for, SLOs at that of this look."""
        verdict = self.verdict_confidence(len(tallies))
        judged = tuple(judge(slo, estimate_of(tallies, slo, verdict)) for slo in slos)
        return replace(summarise(tallies, (), self.confidence), slos=judged, slo_confidence=verdict)

    def decide(self, summaries: Sequence[Summary], before: Decision | None = None) -> Decision:
        """Say what to do after a look, given its summaries (`summarise`) and the decision of the look before it.

        Several scenarios, which are to have equally many replications, are looked at together, as often as one alone
        would be, so that what each verdict may err by is the same.
        """
        count = summaries[0].replications
        judged = [each for summary in summaries for each in summary.slos]
        verdicts = tuple(each.verdict for each in judged)
        undecided = tuple(dict.fromkeys(each.slo.text for each in judged if each.verdict is Verdict.UNDECIDED))
        imprecise = tuple(
            n for n in self.headline if not all(precise(n, each.metrics[n], self.precision) for each in summaries)
        )
        settled = not (undecided or imprecise)
        lasted = before is not None and before.settled and before.verdicts == verdicts
        reason, then = None, None
        if settled and (lasted or count >= self.maximum):
            reason = Reason.SETTLED
        elif count >= self.maximum:
            reason = Reason.MAXIMUM
        elif settled:
            then = min(self.maximum, count + max(LOOK_AHEAD, ceil(count * LOOK_AHEAD / 100)))
        else:
            then = next(look for look in self.looks if look > count)
        return Decision(count, reason, then, undecided, imprecise, verdicts)


def precise(name: str, estimate: Estimate, precision: float) -> bool:
    """Whether the interval of a metric reaches no further from its mean than a relative precision, to either side.

    That is held against the mean or, if that is less, against what is `SMALL`. A share is as precise as its complement,
    since 98% in time and 2% late are one finding, so the lesser of the two counts. A metric that no replication has is
    precise: there is nothing to estimate.
    """
    unit = METRICS[name].unit
    size = min(abs(estimate.mean), abs(1 - estimate.mean)) if unit == "share" else abs(estimate.mean)
    reach = max(estimate.high - estimate.mean, estimate.mean - estimate.low)
    return not estimate.n or reach <= precision * max(size, SMALL.get(unit, 0.0))
