"""Capacity: the smallest value of a number at which the SLOs hold, the largest load that they bear, and the margin.

The search (`sim.experiment.search`) asks for evidence at one value after another, and for more of it where the verdict
is open. Replications come from the shelf where they are there, and every value is looked at with the same random
numbers, so that the curve is smoother than its points.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from sim.analysis.collapse import Collapse, collapses
from sim.analysis.slo import Slo, Verdict, judge
from sim.analysis.summary import estimate_of
from sim.analysis.tally import Tally
from sim.experiment import manifest
from sim.experiment.replications import Laboratory, Task, names_of, objectives, quantiles_of
from sim.experiment.search import (
    Effort,
    Evidence,
    Found,
    Outcome,
    Visit,
    evidence,
    grown,
    growth_margin,
    largest,
    smallest,
)
from sim.experiment.span import Span
from sim.scenario import slos as slo_language
from sim.scenario.load import Loaded, Position, Problem, ScenarioError, Source
from sim.scenario.preflight import Finding, preflight
from sim.showing import in_notebook

P = TypeVar("P", bound=Problem)
Watch = Callable[[str, float, int, Evidence], None]
"""Hears of every look: what is varied, the value, its replications, and what they say."""
GROWTH = "growth of arrivals"
"""What is varied for the margin."""


@dataclass(frozen=True, eq=False, repr=False)
class Capacity:
    """The answer of a capacity search, and how far the load may grow at that answer.

    `path` is what was varied, `load` whether more of it is worse, `slos` are the objectives as written. `margin` is
    None where it was not asked for, or where there is no answer to grow from. `collapses` are the metrics in which
    replications at the answer fall in two groups, so that the objectives are met by means that describe neither.
    """

    path: str
    unit: str
    load: bool
    slos: tuple[str, ...]
    found: Found
    margin: Found | None = None
    collapses: tuple[Collapse, ...] = ()

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Capacity of {self.path}: {self.found.text(self.unit)}>"

    @property
    def verdict(self) -> Verdict:
        """Pass if there is a value at which the SLOs are known to hold, fail if they are known to hold at none."""
        found = self.found
        enough = found.low if self.load else found.high
        if found.outcome is Outcome.EVERYWHERE or (found.outcome is Outcome.FOUND and enough is not None):
            return Verdict.PASS
        return Verdict.FAIL if found.outcome is Outcome.NOWHERE else Verdict.UNDECIDED

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "path": self.path,
            "unit": self.unit,
            "load": self.load,
            "slos": list(self.slos),
            "verdict": self.verdict.value,
            "answer": _plain(self.found),
            "margin": None if self.margin is None else _plain(self.margin),
            "collapses": [each.to_json() for each in self.collapses],
        }


def _plain(found: Found) -> dict[str, Any]:
    return {
        "outcome": found.outcome.value,
        "answer": found.answer,
        "low": found.low,
        "high": found.high,
        "confidence": found.confidence,
        "replications": found.replications,
        "reason": found.reason,
        "curve": [_point(visit) for visit in found.curve],
    }


def _point(visit: Visit) -> dict[str, Any]:
    return {
        "x": visit.x,
        "replications": visit.replications,
        "verdict": visit.evidence.verdict.value,
        "slos": [
            {"slo": judged.slo.text, "verdict": judged.verdict.value, **judged.estimate.to_json()}
            for judged in visit.evidence.judged
        ],
    }


class Evaluator:
    """Evidence at a value of one path, from replications that are kept."""

    def __init__(
        self,
        laboratory: Laboratory,
        load: Callable[[float], Loaded],
        asked: Sequence[str] | None,
        watch: Callable[[float, int, Evidence], None] | None = None,
    ) -> None:
        self.laboratory = laboratory
        self.load = load
        self.asked = asked
        self.watch = watch
        self._known: dict[float, tuple[Loaded, tuple[Slo, ...], list[Tally]]] = {}

    def __call__(self, x: float, replications: int, confidence: float) -> Evidence:
        """Return what so many replications say, each SLO at a confidence."""
        if x not in self._known:
            loaded = self.load(x)
            self._known[x] = loaded, wanted(loaded, self.asked), []
        loaded, asked, tallies = self._known[x]
        more = [Task(x, loaded, n, quantiles_of(asked)) for n in range(len(tallies), replications)]
        tallies += sorted((tally for _, tally in self.laboratory.tallies(more)), key=lambda t: t.replication)
        found = evidence([judge(slo, estimate_of(tallies, slo, confidence)) for slo in asked])
        if self.watch is not None:
            self.watch(x, len(tallies), found)
        return found

    def collapses(self, x: float, confidence: float) -> tuple[Collapse, ...]:
        """Return what collapses in the replications of a value that was looked at."""
        return collapses(self._known[x][2], confidence)


def wanted(loaded: Loaded, asked: Sequence[str] | None) -> tuple[Slo, ...]:
    """Return the objectives that are asked for, or else the scenario's; raises `ScenarioError` for what is none."""
    if asked is None:
        found, problems = list(objectives(loaded)), list[Problem]()
    else:
        found, problems = [], []
        for text in asked:
            try:
                found.append(slo_language.parse(text, names_of(loaded)))
            except ValueError as error:
                problem, _, fix = str(error).partition("; ")
                problems.append(Problem(Position(f"--slo {text}"), "slos", problem, fix))
    if not found and not problems:
        fix = "say what is enough, for example --slo 'tnspo_strict >= 98%'"
        problems = [Problem(loaded.position("slos"), "slos", "has no objective", fix)]
    if problems:
        raise ScenarioError(problems)
    return tuple(found)


def capacity(
    source: Source,
    laboratory: Laboratory,
    path: str,
    span: Span,
    xs: Sequence[float],
    *,
    sets: Sequence[str] = (),
    slos: Sequence[str] | None = None,
    load: bool = False,
    margin: bool = True,
    most: int = 80,
    watch: Watch | None = None,
) -> Capacity:
    """Find the smallest of the values `xs` of a path at which the SLOs hold, or with `load` the largest.

    `slos` are objectives as text, the scenario's unless given. With `margin`, find also the factor by which arrivals
    may grow at the answer; those of a trace cannot. Answer and margin are two statements, each with the scenario's
    confidence, `run.confidence`. Raises `ScenarioError` for a path or an end of the range that the
    scenario refuses and for objectives that are none, before anything is simulated.
    """
    if not manifest.matters(path):
        fix = "vary what is simulated"
        raise ScenarioError([Problem(Position(f"--vary {path}"), path, "changes nothing that is simulated", fix)])

    def at(x: float) -> Loaded:
        return _load(source, sets, path, span.text(x))

    def told(name: str) -> Callable[[float, int, Evidence], None] | None:
        return None if watch is None else partial(watch, name)

    ends = [at(end) for end in (xs[0], xs[-1])]
    asked, _ = (wanted(end, slos) for end in ends)
    effort = Effort(ends[0].scenario.run.confidence, len(asked), most=most)
    evaluator = Evaluator(laboratory, at, slos, told(path))
    found = (largest if load else smallest)(xs, evaluator, effort)
    grows = None
    if margin and found.answer is not None:
        answer = at(found.answer)
        if answer.scenario.arrivals.trace is None:
            sets = [*sets, f"{path}={span.text(found.answer)}"]
            growing = Evaluator(laboratory, lambda k: source.load([*sets, *grown(answer, k)]), slos, told(GROWTH))
            grows = growth_margin(growing, effort)
    humps = () if found.answer is None else evaluator.collapses(found.answer, effort.confidence)
    return Capacity(path, span.unit, load, tuple(slo.text for slo in asked), found, grows, humps)


def flagged(source: Source, sets: Sequence[str], path: str, text: str) -> list[Finding]:
    """Return what looks wrong at a value of the path that is varied; raises `ScenarioError`."""
    return [_placed(each, path, text) for each in preflight(_load(source, sets, path, text))]


def _load(source: Source, sets: Sequence[str], path: str, text: str) -> Loaded:
    """Load a scenario with a value of the path that is varied."""
    try:
        return source.load([*sets, f"{path}={text}"])
    except ScenarioError as error:
        raise ScenarioError([_placed(each, path, text) for each in error.problems]) from None


def _placed(found: P, path: str, text: str) -> P:
    """Say where a value of the path that is varied is from: nobody wrote a `--set` for it."""
    if found.position.file != f"--set {path}={text}":
        return found
    return replace(found, position=replace(found.position, file=f"--vary {path} at {text}"))
