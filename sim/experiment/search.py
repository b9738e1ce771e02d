"""The smallest x at which the SLOs hold, or the largest: a bisection that knows that simulation is noisy.

It rests on one assumption: from some x on the SLOs hold (for the largest: up to some x), and nowhere before. A point is
looked at with more and more replications until its verdict is pass or fail, or until it has had its share. A point that
stays undecided sends the bisection where its estimates lean, and stays in the interval of the answer.

What the interval means. The truth, the x at which the SLOs begin to hold, lies beyond the last point that is known to
fail, and not beyond the first that is known to pass. Among fractions it may be anywhere between the two, and these are
the ends of the interval; a whole number that fails is not the truth, so that the next one is the end. The interval
misses the truth only if a verdict is wrong, so every verdict is asked for at a confidence at which the chances of a
wrong one, over all points, looks and SLOs of the search, add up to at most 1 - confidence (a union bound). Before the
first wrong verdict a bisection walks where a faultless one would, so that it does no harm that points are chosen by
what was seen at others, with the same random numbers. Points that stay undecided may lead it elsewhere; that the bound
has room for this is shown by tests, which count how often the interval has the truth. What that costs is
`Found.replications`.

Sources: Waeber, Frazier and Henderson (2013), SIAM J. Control Optim. 51 (bisection by noisy answers); Jennison and
Turnbull (2000), Group Sequential Methods, ch. 2 (the price of several looks). Nothing is simulated here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import ceil, copysign, log, log1p, log2, sqrt

from sim.analysis.shown import percent
from sim.analysis.slo import Judged, Verdict, overall
from sim.experiment.span import Span, parse
from sim.scenario.load import Loaded
from sim.scenario.tree import Problem, ScenarioError
from sim.showing import in_notebook

STEPS = 100
"""Between how many values a search over fractions chooses unless a tolerance is given."""
MOST_VALUES = 1_000_000
"""Between how many fractions it may choose."""
ON_THE_WAY = 0.8
"""The part of the chance of error that is for the bisection; the rest is for what follows it."""
AT_LAST = 0.5
"""The part of a point's chance of error that is for its last look, which the points that matter reach."""
NARROWING = 2
"""How many points more each end of the interval is worth."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What some replications say at one point; `leans` tells whether the estimates themselves meet every limit."""

    verdict: Verdict
    leans: bool
    judged: tuple[Judged, ...] = ()


def evidence(judged: Sequence[Judged]) -> Evidence:
    """Return the evidence of a run's SLOs."""
    leans = all(each.slo.holds(each.estimate.mean) for each in judged)
    return Evidence(overall(list(judged)), leans, tuple(judged))


Evaluate = Callable[[float, int, float], Evidence]
"""Called with x, a number of replications and the confidence that the interval of each SLO must have.

For one x the number only grows, and the evidence is on all of them: an evaluator keeps the ones that it has.
"""


@dataclass(frozen=True, slots=True)
class Effort:
    """How sure the answer must be, and what it may cost.

    A point gets `first` replications, then twice as many again and again, at most `most`. `slos` is how many
    objectives have to hold together.
    """

    confidence: float = 0.95
    slos: int = 1
    first: int = 5
    most: int = 80

    def __post_init__(self) -> None:
        if not (0 < self.confidence < 1 and self.slos >= 1 and 2 <= self.first <= self.most):
            raise ValueError(f"{self}: confidence is between 0 and 1, slos from 1, first from 2, most from first")

    @property
    def looks(self) -> tuple[tuple[int, float], ...]:
        """The numbers of replications at which a point is judged, each with its part of the chance of error.

        >>> Effort(first=5, most=30).looks
        ((5, 0.16666666666666666), (10, 0.16666666666666666), (20, 0.16666666666666666), (30, 0.5))
        """
        doublings = ceil(log2(self.most / self.first))
        early = [(self.first << doubling, (1 - AT_LAST) / doublings) for doubling in range(doublings)]
        return (*early, (self.most, AT_LAST if early else 1.0))


USUAL = Effort()


class Outcome(StrEnum):
    """What a search has found out."""

    FOUND = "found"
    EVERYWHERE = "everywhere"
    NOWHERE = "nowhere"
    UNDECIDED = "undecided"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, slots=True)
class Visit:
    """A point that was looked at, and all that is known of it."""

    x: float
    replications: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of a search: with `confidence`, the truth is from `low` to `high`; None is an end left open.

    The truth is the smallest (largest) x at which the SLOs hold: of whole numbers one of them, of fractions any value,
    also between those that were looked at. `answer` is the first of these in the interval whose estimates meet the
    limits. Everywhere, the truth may lie beyond the range; nowhere and contradicted have no answer. `curve` has every
    point visited, by x; `replications` is what they cost.
    """

    outcome: Outcome
    answer: float | None
    low: float | None
    high: float | None
    confidence: float
    curve: tuple[Visit, ...]
    replications: int
    reason: str

    _repr_html_ = in_notebook

    def text(self, unit: str = "", digits: int = 6) -> str:
        """Return the answer in words, `47 workers, 46 to 48 at 95%`, or why there is none."""
        if self.answer is None:
            return self.reason
        words = f"{self.answer:.{digits}g} {unit}".rstrip()
        if self.low is None and self.high is None:
            return f"it may be {words} or any other"
        low, high = (None if end is None else f"{end:.{digits}g}" for end in (self.low, self.high))
        if low is None or high is None:
            words += f", at most {high}" if low is None else f", at least {low}"
        elif self.low != self.high:
            words += f", {low} to {high}"
        return f"{words} at {percent(self.confidence)}"


def within(text: str) -> Span:
    """Read the span in which to search; raises `ValueError("problem; what to write instead")`, also for steps in it."""
    span, steps = parse(text)
    if steps is not None:
        raise ValueError(f"{text} has steps, which a search chooses; write {span}, and a tolerance if need be")
    return span


def candidates(span: Span, tolerance: float | None = None) -> Sequence[float]:
    """Return the values between which a search over a span chooses; they include both limits.

    Whole numbers are a `range`, to be tried one by one. Fractions are at most `tolerance` apart, in the span's unit; on
    a logarithmic scale, by a factor of at most 1 + `tolerance`. Raises `ValueError("problem; what to write instead")`
    for a tolerance that makes no sense or too many values.
    """
    if span.whole and tolerance is not None:
        raise ValueError(f"whole numbers have no tolerance; leave it out, or write {span.low:.1f}..{span.high:g}")
    if span.whole:
        return range(int(span.low), int(span.high) + 1)
    if tolerance is not None and not tolerance > 0:
        raise ValueError(f"a tolerance of {tolerance:g}; write more than zero")
    width = log(span.high / span.low) if span.log else span.high - span.low
    step = width / STEPS if tolerance is None else log1p(tolerance) if span.log else tolerance
    if width > step * MOST_VALUES:
        raise ValueError(f"a tolerance of {tolerance:g} leaves more than {MOST_VALUES:,} values; write a larger one")
    return span.steps(max(2, ceil(width / step - 1e-9) + 1))


def smallest(xs: Sequence[float], evaluate: Evaluate, effort: Effort = USUAL, start: float | None = None) -> Found:
    """Find the smallest x at which the SLOs hold, given that they hold at all larger ones; `xs` rise.

    A `range` has all x that there are; between the values of any other sequence there are more. Begins at both ends;
    from `start`, one of the values, it feels its way instead, which spares the far ends.
    """
    return _Search(xs, evaluate, effort).run(None if start is None else xs.index(start))


def largest(xs: Sequence[float], evaluate: Evaluate, effort: Effort = USUAL, start: float | None = None) -> Found:
    """Find the largest x at which the SLOs hold, given that they hold at all smaller ones, as `smallest` does."""
    return smallest(xs[::-1], evaluate, effort, start)


def growth_margin(evaluate: Evaluate, effort: Effort = USUAL, most: float = 8.0, precision: float = 0.05) -> Found:
    """Find the largest factor on the arrival rate at which the SLOs hold; `evaluate` is called with factors.

    It feels its way from 1, today's rate, in steps of `precision`, up to `most` or down to 1 / `most`: a factor below
    1 says that the load is too high already.
    """
    count = ceil(log(most) / log1p(precision) - 1e-9)
    return largest(tuple((1 + precision) ** step for step in range(-count, count + 1)), evaluate, effort, start=1.0)


def grown(loaded: Loaded, factor: float) -> tuple[str, ...]:
    """Return the assignments that multiply the arrival rate of a scenario; raises `ScenarioError` for a trace."""
    arrivals = loaded.scenario.arrivals
    if arrivals.rate is not None:
        return (f"arrivals.rate={arrivals.rate * factor!r}/s",)
    if arrivals.ramp is None:
        fix = "write rate or ramp instead, or let the service times grow"
        at = loaded.position("arrivals.trace")
        raise ScenarioError([Problem(at, "arrivals.trace", "has arrivals that cannot be multiplied", fix)])
    rates = [
        (f"arrivals.ramp.{number}.{name}", rate)
        for number, stage in enumerate(arrivals.ramp)
        for name, rate in (("rate", stage.rate), ("start", stage.start))
        if rate is not None
    ]
    return tuple(f"{path}={rate * factor!r}/s" for path, rate in rates)


class _ContradictionError(Exception):
    """The SLOs fail where they should hold, given that they hold elsewhere."""


class _Search:
    """Values in the order in which the SLOs begin to hold, and what has been seen at some of them.

    Places are counted in that order. -1 stands for failing before the first, their number for holding after the last.
    """

    def __init__(self, xs: Sequence[float], evaluate: Evaluate, effort: Effort) -> None:
        if not xs:
            raise ValueError("there is nothing to choose from")
        self.xs, self.evaluate, self.effort = xs, evaluate, effort
        self.last = len(xs) - 1
        self.visits: dict[int, Visit] = {}
        self.error = 0.0
        """The chance of a wrong verdict at one point."""

    def run(self, start: int | None) -> Found:
        depth = ceil(log2(len(self.xs) + 1))
        error = 1 - self.effort.confidence
        try:
            self.error = ON_THE_WAY * error / (depth + 2 if start is None else 2 * depth + 2)
            lo, hi = self._ends() if start is None else self._felt(start)
            while hi - lo > 1:
                middle = (lo + hi) // 2
                lo, hi = (lo, middle) if self._leans(middle) else (middle, hi)
            self.error = (1 - ON_THE_WAY) * error / (2 * NARROWING + 2)
            self._narrow(lo, Verdict.FAIL)
            self._narrow(hi, Verdict.PASS)
            self._check()
        except _ContradictionError:
            return self._found(Outcome.CONTRADICTED, None, self._contradiction())
        return self._answer()

    # --- looking ---

    def _visit(self, place: int) -> Verdict:
        """Look at a point until it is decided or has had its share, once."""
        if place not in self.visits:
            x = self.xs[place]
            for count, part in self.effort.looks:
                sure = 1 - 2 * part * self.error / self.effort.slos
                self.visits[place] = Visit(x, count, self.evaluate(x, count, sure))
                if self.visits[place].evidence.verdict is not Verdict.UNDECIDED:
                    break
            if self.failing > self.passing:
                raise _ContradictionError
        return self.visits[place].evidence.verdict

    def _leans(self, place: int) -> bool:
        verdict = self._visit(place)
        return self.visits[place].evidence.leans if verdict is Verdict.UNDECIDED else verdict is Verdict.PASS

    @property
    def failing(self) -> int:
        """The last place that is known to fail."""
        return max(self._places(Verdict.FAIL), default=-1)

    @property
    def passing(self) -> int:
        """The first place that is known to pass."""
        return min(self._places(Verdict.PASS), default=self.last + 1)

    def _places(self, verdict: Verdict) -> list[int]:
        return [place for place, visit in self.visits.items() if visit.evidence.verdict is verdict]

    # --- where to look ---

    def _ends(self) -> tuple[int, int]:
        first_leans, last_leans = self._leans(0), self._leans(self.last)
        return (-1, 0) if first_leans else (0, self.last) if last_leans else (self.last, self.last + 1)

    def _felt(self, start: int) -> tuple[int, int]:
        """Go from a place in steps that double until the leaning turns."""
        leans, there, step = self._leans(start), start, 1
        end = 0 if leans else self.last
        while there != end:
            before, there = there, max(start - step, 0) if leans else min(start + step, self.last)
            if self._leans(there) is not leans:
                return min(before, there), max(before, there)
            step *= 2
        return (-1, 0) if leans else (self.last, self.last + 1)

    def _narrow(self, edge: int, wanted: Verdict) -> None:
        """Look for a verdict nearer to an undecided place than the nearest known, halfway on a logarithmic scale."""
        for _ in range(NARROWING):
            gap = (self.failing if wanted is Verdict.FAIL else self.passing) - edge
            if abs(gap) <= 1:
                return
            place = edge + round(copysign(sqrt(abs(gap)), gap))
            if self._visit(place) is not wanted:
                edge = place

    def _check(self) -> None:
        """Look in the middle of the widest gaps on both sides of the interval, where nothing new is expected."""
        seen = sorted(self.visits)
        for side in ([p for p in seen if p <= self.failing], [p for p in seen if p >= self.passing]):
            width, before = max(((after - before, before) for before, after in pairwise(side)), default=(0, 0))
            if width > 1:
                self._visit(before + width // 2)

    # --- what is found ---

    def _answer(self) -> Found:
        everywhere = f"and so everywhere from {min(self.xs):.6g} to {max(self.xs):.6g}"
        if self.passing == 0:
            return self._found(Outcome.EVERYWHERE, self.xs[0], f"the SLOs hold at {self.xs[0]:.6g}, {everywhere}")
        if self.failing == self.last:
            return self._found(Outcome.NOWHERE, None, f"the SLOs fail at {self.xs[-1]:.6g}, {everywhere}")
        inside = [place for place in sorted(self.visits) if self.failing < place <= self.passing]
        first = next((place for place in inside if self._leans(place)), None)
        undecided = ", ".join(f"{self.xs[place]:.6g}" for place in inside if place != self.passing)
        spent = f"undecided at {undecided} after {self.effort.most} replications"
        if first is None:
            return self._found(Outcome.UNDECIDED, None, f"the SLOs are not seen to hold anywhere: {spent}")
        decided = f"the SLOs fail at {self.xs[self.failing]:.6g} and hold at {self.xs[first]:.6g}"
        return self._found(Outcome.FOUND, self.xs[first], spent if undecided else decided)

    def _contradiction(self) -> str:
        chance = 100 * (1 - self.effort.confidence)
        return (
            f"the SLOs hold at {self.xs[self.passing]:.6g} and fail at {self.xs[self.failing]:.6g}: there is no one "
            f"value from which on they hold (if there were, at most {chance:g}% of searches would see this)"
        )

    def _found(self, outcome: Outcome, answer: float | None, reason: str) -> Found:
        next_one = 1 if isinstance(self.xs, range) else 0  # a whole number that fails is not the truth
        before, after = self.failing + next_one, self.passing
        ends = (
            self.xs[before] if self.failing >= 0 and before <= min(after, self.last) else None,
            self.xs[after] if before <= after <= self.last else None,
        )
        low, high = ends if self.xs[0] <= self.xs[-1] else ends[::-1]
        curve = tuple(sorted(self.visits.values(), key=lambda visit: visit.x))
        cost = sum(visit.replications for visit in curve)
        return Found(outcome, answer, low, high, self.effort.confidence, curve, cost, reason)
