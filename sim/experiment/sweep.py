"""A sweep: one scenario at many points, each with the same random numbers, in a table with a row per point.

A point that is finished is on the shelf under a hash of the scenario, its assignments, the program and the number of
replications or the rule that adds them, and so are the replications of points that are not. So a sweep that was
interrupted in any way goes on where it was when it is started again, and a sweep that was made before is read, not
made. Nothing is kept in memory of a point that is finished.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sim.analysis.collapse import WORSE
from sim.analysis.intervals import Estimate
from sim.analysis.sequential import Rule
from sim.analysis.slo import Slo
from sim.analysis.summary import Summary
from sim.analysis.tally import Tally
from sim.experiment import manifest
from sim.experiment.design import Design, Point, assignments
from sim.experiment.executors import crew
from sim.experiment.looks import Looks
from sim.experiment.replications import Laboratory, Task, objectives, quantiles_of
from sim.scenario.load import Loaded, Problem, ScenarioError, Source
from sim.scenario.preflight import Finding, preflight
from sim.scenario.units import shortened
from sim.shelf import Shelf, shelf
from sim.showing import in_notebook
from sim.store import batched, begin_sweep, read_points

if TYPE_CHECKING:
    import pandas as pd

P = TypeVar("P", bound=Problem)
CHECKED = 500
"""The first points, and as many that have a value which no point before them has, are loaded and checked before the
first replication: that is every value of a usual grid. The others are checked as their turn comes, and what is wrong
with them is said when all that can be done is done."""
MOST_PROBLEMS = 20
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep is: points and replications that are finished, and how many of the points were found finished.

    Where a rule adds replications, `growing`, `replications_of` are those that are known to be wanted so far, and those
    of points that were found finished are in neither number: a finished point is counted, not read.
    """

    points: int
    of: int
    replications: int
    replications_of: int
    found: int
    growing: bool = False


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """A finished sweep; `points` is a data frame with a row per point.

    Its columns are `point`, the paths that were varied, `verdict`, `replications`, for every metric `<metric>_mean`,
    `<metric>_low` and `<metric>_high`, and the verdict on every SLO. Of the shares of the headline there are three
    more, `<metric>_collapse_mean` and so on: the probability of a replication to collapse, empty where none does.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def points(self) -> "pd.DataFrame":
        """The table of points."""
        return read_points(self.folder)

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Sweep of {self.manifest['scenario']['name']}: {self.manifest['points']} points>"


Watch = Callable[[SweepProgress], None]
Flagged = Callable[[Sequence[Finding]], None]
"""Hears what is severe of a point that cannot work as it is, before it costs anything."""


def sweep(
    scenario: str | Path,
    design: Design,
    *,
    sets: Sequence[str] = (),
    replications: int | Rule | None = None,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
    watch: Watch | None = None,
    flagged: Flagged | None = None,
    command: Sequence[str] = (),
) -> Sweep:
    """Run every point of a design, or take what is finished of it from the shelf in `out`.

    `replications` None takes the scenario's number; a rule, at the scenario's confidence, adds replications to each
    point until it says stop there.

    Raises `ScenarioError` for points that cannot be loaded, before anything is simulated, `StoreError`, `WorkerError`,
    `RunError`, and `KeyboardInterrupt`; what is finished by then is on the shelf.
    """
    source = Source(scenario)
    base = source.load(sets)
    _check_paths(design)
    plan = _Plan(source, base, tuple(sets), design, replications)
    folder = Path(out)
    draft = begin_sweep(folder, base.scenario.name, plan.address)
    if not draft.finished:
        with shelf(folder) as kept:
            plan.check(kept, flagged)
            with crew(jobs, scheduler) as workers:
                plan.carry_out(Laboratory(workers, kept), kept, watch, flagged)
            draft.finish(plan.rows(kept), _manifest(base, design, plan.wanted, command))
    return Sweep(draft.place, draft.manifest())


def _check_paths(design: Design) -> None:
    """Refuse to vary what is the same at every point, or makes no difference."""
    fix = "vary what is simulated; the number of replications of every point is an option"
    wrong = [path for path in design.paths if not manifest.matters(path)]
    if wrong:
        raise ScenarioError([Problem(design.places[path], path, "changes nothing at a point", fix) for path in wrong])


@dataclass(frozen=True, slots=True)
class _Open:
    """A point whose replications are coming in."""

    point: Point
    loaded: Loaded
    asked: tuple[Slo, ...]
    looks: Looks
    tallies: list[Tally]

    def tasks(self) -> Iterator[Task]:
        """Yield the replications that are wanted beyond those that are there."""
        quantiles = quantiles_of(self.asked)
        for number in range(len(self.tallies), self.looks.next):
            yield Task(self.point.number, self.loaded, number, quantiles)

    def heard(self, tally: Tally) -> list[Task]:
        """Take a replication; return those that are wanted next, once all that were wanted so far are there."""
        self.tallies.append(tally)
        if len(self.tallies) < self.looks.next:
            return []
        self.looks.look(self.summary())
        return list(self.tasks())

    def summary(self) -> Summary:
        """Return what the replications say that are there."""
        return self.looks.summarise(self.tallies, self.asked)

    @property
    def finished(self) -> bool:
        """Whether no more replications are wanted."""
        return len(self.tallies) >= self.looks.next


class _Plan:
    """What is to be done for a sweep. Points are made when they are needed, and only those under way are kept."""

    def __init__(
        self, source: Source, base: Loaded, sets: tuple[str, ...], design: Design, replications: int | Rule | None
    ) -> None:
        run = base.scenario.run
        self.source = source
        self.sets = sets
        self.design = design
        self.confidence = run.confidence
        self.wanted = run.replications if replications is None else replications
        of_base = [manifest.fingerprint(base), base.scenario.slos, self.confidence, _plain(self.wanted)]
        self.base = hashlib.sha256(json.dumps(of_base).encode()).hexdigest()
        whole = hashlib.sha256(self.base.encode())
        for point in design:
            whole.update(self.key(point).encode())
        self.address = whole.hexdigest()
        self._checked: set[int] = set()
        self._found: list[int] = []

    def key(self, point: Point) -> str:
        """Return the address of a point's row."""
        return hashlib.sha256(json.dumps([self.base, assignments(point)]).encode()).hexdigest()

    def load(self, point: Point) -> Loaded:
        """Load a point; raises `ScenarioError`, in which positions name the point."""
        try:
            return self.source.load([*self.sets, *assignments(point)])
        except ScenarioError as error:
            raise ScenarioError([_at(self.design, point, problem) for problem in error.problems]) from None

    def severe(self, point: Point, loaded: Loaded) -> list[Finding]:
        """Return why a point cannot work as it is."""
        return [_at(self.design, point, finding) for finding in preflight(loaded) if finding.severe]

    def check(self, kept: Shelf, flagged: Flagged | None) -> None:
        """See what is finished; load the first points that are not, and tell of those that cannot work.

        Raises `ScenarioError` for all that cannot be loaded.
        """
        problems: dict[tuple[str, str, str], Problem] = {}
        severe: list[list[Finding]] = []
        for point in self._first(kept):
            self._checked.add(point.number)
            try:
                severe.append(self.severe(point, self.load(point)))
            except ScenarioError as error:
                for found in error.problems:
                    problems.setdefault((found.path, found.problem, found.fix), found)
        if problems:
            raise ScenarioError(list(problems.values())[:MOST_PROBLEMS])
        if flagged is not None:
            for findings in filter(None, severe):
                flagged(findings)

    def _first(self, kept: Shelf) -> Iterator[Point]:
        """Yield the points to check, and count, block by block, those that are finished."""
        seen: set[tuple[str, str]] = set()
        novel = 0
        for block in self._blocks():
            finished = kept.finished([key for key, _ in block])
            self._found.append(len(finished))
            for key, point in block:
                new = novel < CHECKED and not seen.issuperset(point.values.items())
                if (new or point.number < CHECKED) and key not in finished:
                    novel += new
                    seen.update(point.values.items())
                    yield point

    def carry_out(self, laboratory: Laboratory, kept: Shelf, watch: Watch | None, flagged: Flagged | None) -> None:
        """Finish every point that is not; raises `ScenarioError` at the end for those that cannot be loaded."""
        far = _Far(len(self.design), Looks(self.wanted, self.confidence), self._found, watch)
        under_way: dict[int, _Open] = {}
        problems: list[Problem] = []
        more: deque[Task] = deque()
        begun = self._tasks(kept, under_way, far, flagged, problems)
        while True:
            for key, tally in laboratory.tallies(_in_turn(more, begun)):
                at = under_way[int(str(key))]
                further = at.heard(tally)
                more += further
                if at.finished:
                    kept.put_point(self.key(at.point), row_of(at.summary()))
                    del under_way[at.point.number]
                far.replication(ends_point=at.finished, more=len(further))
            if not more:
                break
        if problems:
            raise ScenarioError(problems)

    def _tasks(
        self,
        kept: Shelf,
        under_way: dict[int, _Open],
        far: "_Far",
        flagged: Flagged | None,
        problems: list[Problem],
    ) -> Iterator[Task]:
        for number, points in enumerate(batched(self.design, _AT_ONCE)):
            if self._found[number] == len(points):
                continue
            block = [(self.key(point), point) for point in points]
            finished = kept.finished([key for key, _ in block])
            far.found_in(number, len(finished))
            for key, point in block:
                if key in finished:
                    continue
                try:
                    loaded = self.load(point)
                except ScenarioError as error:
                    problems += error.problems[: MOST_PROBLEMS - len(problems)]
                    continue
                if flagged and point.number not in self._checked and (severe := self.severe(point, loaded)):
                    flagged(severe)
                looks = Looks(self.wanted, self.confidence)
                under_way[point.number] = at = _Open(point, loaded, objectives(loaded), looks, [])
                yield from at.tasks()

    def _blocks(self) -> Iterator[list[tuple[str, Point]]]:
        """Yield the points with their addresses."""
        return batched(((self.key(point), point) for point in self.design), _AT_ONCE)

    def rows(self, kept: Shelf) -> Iterator[dict[str, Any]]:
        """Yield the finished rows in order of points, each with its number and what was varied."""
        for block in self._blocks():
            found = kept.points([key for key, _ in block])
            for key, point in block:
                yield {"point": point.number, **point.values, **found[key]}


class _Far:
    """How far a sweep is. What another sweep on the same shelf finishes meanwhile counts as found."""

    def __init__(self, points: int, of_point: Looks, found: list[int], watch: Watch | None) -> None:
        self._found = found
        self._first = of_point.next
        self._watch = watch
        self._now = SweepProgress(0, points, 0, points * self._first, 0, growing=of_point.rule is not None)
        self._tell_found(sum(found))

    def found_in(self, block: int, finished: int) -> None:
        """Count what has been finished by others in a block since the sweep began."""
        if more := finished - self._found[block]:
            self._tell_found(more)

    def replication(self, *, ends_point: bool, more: int) -> None:
        """Count a replication, and those that are wanted after a look at it and the others of its point."""
        self._tell(points=int(ends_point), replications=1, replications_of=more)

    def _tell_found(self, points: int) -> None:
        count = points * self._first
        done, gone = (0, -count) if self._now.growing else (count, 0)
        self._tell(points=points, found=points, replications=done, replications_of=gone)

    def _tell(self, **more: int) -> None:
        self._now = replace(self._now, **{name: getattr(self._now, name) + count for name, count in more.items()})
        if self._watch is not None:
            self._watch(self._now)


def _in_turn(more: deque[Task], begun: Iterator[Task]) -> Iterator[Task]:
    """Yield what points under way want more of, as long as there is any, before points that have not begun."""
    while True:
        if more:
            yield more.popleft()
        elif (task := next(begun, None)) is not None:
            yield task
        else:
            return


def _at(design: Design, point: Point, found: P) -> P:
    """Say of something found at which point it is, and where its value is written: nobody wrote a `--set` for it."""
    at, values = found.position, assignments(point)
    said = at.file.removeprefix("--set ").removesuffix("...")
    for path, assignment in zip(point.values, values, strict=True):
        if said != at.file and assignment.startswith(said):
            at = design.place(point, path)
    name = shortened(", ".join(values))
    return replace(found, position=replace(at, file=f"point {point.number} ({name}): {at.file}"))


def row_of(summary: Summary) -> dict[str, Any]:
    """Return the columns that a table of points has of one summary: every metric, what each SLO is about, collapses."""
    row: dict[str, Any] = {"verdict": summary.verdict.value, "replications": summary.replications}
    estimates: dict[str, Estimate | None] = dict(summary.metrics)
    for judged in summary.slos:
        estimates.setdefault(column_of(judged.slo), judged.estimate)
    estimates |= {f"{metric}_collapse": summary.chance_of_collapse(metric) for metric in WORSE}
    for name, estimate in estimates.items():
        found = {} if estimate is None else estimate.to_json()
        row |= {f"{name}_{part}": found.get(part) for part in ("mean", "low", "high")}
    return row | {judged.slo.text: judged.verdict.value for judged in summary.slos}


def column_of(slo: Slo) -> str:
    """Return what the columns are called that have the estimate of an SLO, as `user_wait_p95` or `tgp{ec_group=e}`."""
    percentile = "" if slo.percentile is None else f"_p{slo.percentile:g}"
    return f"{slo.metric}{percentile}" + (f"{{{slo.dimension}={slo.group}}}" if slo.dimension else "")


def _plain(wanted: int | Rule) -> Any:
    return {"precision": wanted.precision, "maximum": wanted.maximum} if isinstance(wanted, Rule) else wanted


def _manifest(base: Loaded, design: Design, wanted: int | Rule, command: Sequence[str]) -> dict[str, Any]:
    return {
        **manifest.of_scenario(base),
        "design": design.kind.value,
        "varied": dict(design.varied),
        "points": len(design),
        "replications": "auto" if isinstance(wanted, Rule) else wanted,
        "stopping": _plain(wanted) if isinstance(wanted, Rule) else None,
        "slos": {slo.text: column_of(slo) for slo in objectives(base)},
        "command": list(command),
        **manifest.of_program(),
    }
