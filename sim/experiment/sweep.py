"""A sweep: one scenario at many points, each with the same random numbers, in a table with a row per point.

A point that is finished is on the shelf under a hash of the scenario, its assignments, the program and the number of
replications, and so are the replications of points that are not. So a sweep that was interrupted in any way goes on
where it was when it is started again, and a sweep that was made before is read, not made. Nothing is kept in memory of
a point that is finished.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.analysis.metrics import HEADLINE
from sim.analysis.slo import Slo
from sim.analysis.summary import Summary, summarise
from sim.analysis.tally import Tally
from sim.experiment import manifest
from sim.experiment.design import Design, Point, assignments
from sim.experiment.executors import crew
from sim.experiment.replications import Laboratory, Task, objectives, quantiles_of
from sim.scenario.load import Loaded, Problem, ScenarioError, Source
from sim.scenario.preflight import Finding, preflight
from sim.shelf import Shelf, shelf
from sim.store import begin_sweep, read_points

if TYPE_CHECKING:
    import pandas as pd

CHECKED = 2_000
"""Points that are loaded and checked before the first replication; the others as their turn comes."""
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class SweepProgress:
    """How far a sweep is: points and replications that are finished, and how many of these were found finished."""

    points: int
    of: int
    replications: int
    replications_of: int
    found: int


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """A finished sweep; `points` is a data frame with a row per point.

    Its columns are `point`, the paths that were varied, `verdict`, and of every metric `<metric>_mean`, `<metric>_low`
    and `<metric>_high`.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def points(self) -> "pd.DataFrame":
        """The table of points."""
        return read_points(self.folder)

    def __repr__(self) -> str:
        return f"<Sweep of {self.manifest['scenario']['name']}: {self.manifest['points']} points>"

    def _repr_html_(self) -> str:
        """Show what was varied, the verdict and the means of the headline figures, in Jupyter."""
        shown = self.points[["point", *self.manifest["varied"], "verdict", *(f"{name}_mean" for name in HEADLINE)]]
        return f"<p>{escape(repr(self))}</p>" + shown.to_html(index=False, float_format="{:.4g}".format)


Watch = Callable[[SweepProgress], None]
Flagged = Callable[[Point, Sequence[Finding]], None]
"""Hears of a point that cannot work as it is, before it costs anything."""


def sweep(
    scenario: str | Path,
    design: Design,
    *,
    sets: Sequence[str] = (),
    replications: int | None = None,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
    watch: Watch | None = None,
    flagged: Flagged | None = None,
    command: Sequence[str] = (),
) -> Sweep:
    """Run every point of a design, or take what is finished of it from the shelf in `out`.

    Raises `ScenarioError` for the first points that cannot be loaded, before anything is simulated, `StoreError`,
    `WorkerError`, `RunError`, and `KeyboardInterrupt`; what is finished by then is on the shelf.
    """
    source = Source(scenario)
    base = source.load(sets)
    count = base.scenario.run.replications if replications is None else replications
    plan = _Plan(source, base, tuple(sets), design, count)
    folder = Path(out)
    with shelf(folder) as kept:
        draft = begin_sweep(folder, base.scenario.name, plan.address)
        if not draft.finished:
            plan.check(flagged)
            with crew(jobs, scheduler) as workers:
                plan.carry_out(Laboratory(workers, kept), kept, watch)
            draft.finish(plan.rows(kept), _manifest(base, design, count, command))
    return Sweep(draft.place, draft.manifest())


class _Plan:
    """What is to be done for a sweep."""

    def __init__(self, source: Source, base: Loaded, sets: tuple[str, ...], design: Design, count: int) -> None:
        self.source = source
        self.sets = sets
        self.design = design
        self.count = count
        of_base = [manifest.fingerprint(base), base.scenario.slos, base.scenario.run.confidence, count]
        self.base = hashlib.sha256(json.dumps(of_base).encode()).hexdigest()
        whole = hashlib.sha256(self.base.encode())
        for point in design:
            whole.update(self.key(point).encode())
        self.address = whole.hexdigest()
        self._done: dict[int, list[Tally]] = {}
        self._asked: dict[int, tuple[Slo, ...]] = {}

    def key(self, point: Point) -> str:
        """Return the address of a point's row."""
        return hashlib.sha256(json.dumps([self.base, assignments(point)]).encode()).hexdigest()

    def load(self, point: Point) -> Loaded:
        """Load a point; a value that the scenario refuses is said with the point's number."""
        try:
            return self.source.load([*self.sets, *assignments(point)])
        except ScenarioError as error:
            said = [Problem(p.position, p.path, f"(point {point.number}) {p.problem}", p.fix) for p in error.problems]
            raise ScenarioError(said) from None

    def check(self, flagged: Flagged | None) -> None:
        """Load the first points, and tell of those that cannot work."""
        for number in range(min(len(self.design), CHECKED)):
            point = self.design[number]
            severe = [finding for finding in preflight(self.load(point)) if finding.severe]
            if severe and flagged is not None:
                flagged(point, severe)

    def carry_out(self, laboratory: Laboratory, kept: Shelf, watch: Watch | None) -> None:
        """Finish every point that is not."""
        found = sum(len(finished) for _, finished in self._by_block(kept))
        points, replications = found, found * self.count

        def tell() -> None:
            if watch is not None:
                watch(SweepProgress(points, len(self.design), replications, len(self.design) * self.count, found))

        tell()
        for key, tally in laboratory.tallies(self._tasks(kept)):
            number = int(str(key))
            replications += 1
            tallies = self._done[number]
            tallies.append(tally)
            if len(tallies) == self.count:
                point = self.design[number]
                kept.put_point(self.key(point), self._row(self._done.pop(number), self._asked.pop(number)))
                points += 1
            tell()

    def _by_block(self, kept: Shelf) -> Iterator[tuple[list[Point], set[str]]]:
        """Yield the points block by block, and which keys of each are finished."""
        for start in range(0, len(self.design), _AT_ONCE):
            block = [self.design[n] for n in range(start, min(start + _AT_ONCE, len(self.design)))]
            yield block, kept.finished([self.key(point) for point in block])

    def _tasks(self, kept: Shelf) -> Iterator[Task]:
        for block, finished in self._by_block(kept):
            for point in block:
                if self.key(point) not in finished:
                    loaded = self.load(point)
                    self._done[point.number], self._asked[point.number] = [], objectives(loaded)
                    quantiles = quantiles_of(self._asked[point.number])
                    yield from (Task(point.number, loaded, n, quantiles) for n in range(self.count))

    def _row(self, tallies: Sequence[Tally], asked: Sequence[Slo]) -> dict[str, Any]:
        confidence = self.source.load(self.sets).scenario.run.confidence
        return row_of(summarise(tallies, asked, confidence))

    def rows(self, kept: Shelf) -> Iterator[dict[str, Any]]:
        """Yield the finished rows in order of points, each with its number and what was varied."""
        for block, _ in self._by_block(kept):
            found = kept.points([self.key(point) for point in block])
            for point in block:
                yield {"point": point.number, **point.values, **found[self.key(point)]}


def row_of(summary: Summary) -> dict[str, Any]:
    """Return the columns that a table of points has of one summary."""
    row: dict[str, Any] = {"verdict": summary.verdict.value, "replications": summary.replications}
    for name, estimate in summary.metrics.items():
        found = estimate.to_json()
        row |= {f"{name}_{part}": found[part] for part in ("mean", "low", "high")}
    for judged in summary.slos:
        row[judged.slo.text] = judged.verdict.value
    return row


def _manifest(base: Loaded, design: Design, count: int, command: Sequence[str]) -> dict[str, Any]:
    return {
        **manifest.of_scenario(base),
        "design": design.kind.value,
        "varied": dict(design.varied),
        "points": len(design),
        "replications": count,
        "command": list(command),
        **manifest.of_program(),
    }
