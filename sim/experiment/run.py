"""A run: replications of one scenario, summarised and stored.

Each replication is a pure function of scenario, seed and number, so a run is the same for any number of jobs. A run
that is interrupted keeps the replications that were finished.
"""

import shutil
import time
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from sim.analysis.packing import pack
from sim.analysis.sequential import Rule
from sim.analysis.summary import Summary
from sim.analysis.tally import Tally
from sim.experiment import manifest
from sim.experiment.executors import crew, uninterrupted
from sim.experiment.looks import Looks
from sim.experiment.neighbours import neighbours
from sim.experiment.replications import Laboratory, Said, Task, objectives, quantiles_of
from sim.model.run import end_of_arrivals_s
from sim.model.snapshot import Snapshot
from sim.records import ON_REQUEST
from sim.scenario.load import Loaded
from sim.showing import in_notebook
from sim.store import Draft, begin, read_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: seconds simulated and payments begun, over all replications.

    Of a live run, `snapshot` is how the replication looks that has just said something of itself. `growing` says that a
    rule may want more than `of`, and so more than `total_s`.
    """

    simulated_s: float
    total_s: float
    payments: int
    replications: int
    of: int
    snapshot: Snapshot | None = None
    growing: bool = False


Watch = Callable[[Progress], None]


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """A finished run: its figures, its records, and where they are stored.

    `payments`, `carts`, `reversals`, `stations` (and `calls`, `states` if recorded) are data frames with one row per
    thing and a column `replication`; `results/README.md` explains every column.
    """

    summary: Summary
    manifest: Mapping[str, Any]
    folder: Path
    tallies: tuple[Tally, ...]
    interrupted: bool = False

    @property
    def metrics(self) -> "pd.DataFrame":
        """The metrics: a row each, with mean, low, high (of the interval) and n (replications)."""
        import pandas as pd

        rows = {name: estimate.to_json() for name, estimate in self.summary.metrics.items()}
        return pd.DataFrame.from_dict(rows, orient="index", dtype=float)

    @cached_property
    def payments(self) -> "pd.DataFrame":
        """One row per activation."""
        return self.table("payments")

    @cached_property
    def carts(self) -> "pd.DataFrame":
        """One row per cart."""
        return self.table("carts")

    @cached_property
    def reversals(self) -> "pd.DataFrame":
        """One row per payment given back, or to be."""
        return self.table("reversals")

    @cached_property
    def stations(self) -> "pd.DataFrame":
        """One row per station and time bin."""
        return self.table("stations")

    def table(self, name: str) -> "pd.DataFrame":
        """Return a table by name; raises `sim.store.StoreError` if the run does not have it."""
        return read_table(self.folder, name)

    def to_json(self) -> dict[str, Any]:
        """Return everything that the printed tables show, as plain values."""
        return {**self.summary.to_json(), "manifest": dict(self.manifest), "results": str(self.folder)}

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Run of {self.manifest['scenario']['name']}: {self._extent()}, {self.summary.verdict.value}>"

    def _extent(self) -> str:
        count = self.summary.replications
        return f"{count} replication{'s' if count > 1 else ''}{', interrupted' if self.interrupted else ''}"


def run(
    loaded: Loaded,
    *,
    replications: int | Rule | None = None,
    jobs: int | None = 1,
    out: str | Path | None = None,
    record: Collection[str] = (),
    watch: Watch | None = None,
    live: bool = False,
    command: Sequence[str] = (),
) -> Run:
    """Run a scenario; `jobs` None takes every core, `out` None keeps the records only as long as the result.

    `watch` hears how far the run is, and if it is `live`, how it looks; neither changes what comes out.
    `replications` None takes the scenario's number; a rule, at the scenario's confidence, adds some until it says stop.
    A run that is interrupted returns with the replications that were finished, and says so (`Run.interrupted`). Raises
    `sim.model.run.RunError` on a broken invariant, `sim.store.StoreError` where results cannot be written, and
    `KeyboardInterrupt` when interrupted before the first replication was finished.
    """
    wanted = loaded.scenario.run.replications if replications is None else replications
    looks = Looks(wanted, loaded.scenario.run.confidence)
    if strangers := set(record) - set(ON_REQUEST):
        raise ValueError(f"cannot record {', '.join(sorted(strangers))}: record may name {' and '.join(ON_REQUEST)}")
    with _place(out) as (folder, kept):
        draft = begin(folder, loaded.scenario.name, manifest.fingerprint(loaded))
        try:
            processes = manifest.cores() if jobs is None else jobs
            result = _into(draft, loaded, looks, processes, frozenset(record), watch, live, command)
        finally:
            draft.abandon()
        if kept:
            weakref.finalize(result, shutil.rmtree, folder, ignore_errors=True)
    return result


@contextmanager
def _place(out: str | Path | None) -> Iterator[tuple[Path, bool]]:
    """Give the folder for a run, and whether it is to live only as long as the result; it goes if there is none."""
    if out is not None:
        yield Path(out), False
        return
    folder = Path(mkdtemp(prefix="pagopa-sim-"))
    try:
        yield folder, True
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _into(
    draft: Draft,
    loaded: Loaded,
    looks: Looks,
    jobs: int,
    record: frozenset[str],
    watch: Watch | None,
    live: bool,
    command: Sequence[str],
) -> Run:
    """Run the replications into a draft, and finish it with what there is when they end or are interrupted."""
    asked = objectives(loaded)
    started, clock = datetime.now(UTC), time.perf_counter()
    quantiles = quantiles_of(asked)
    tallies: list[Tally] = []
    interrupted = False
    meter = _Meter(loaded, looks, watch)
    live = live and watch is not None
    try:
        with crew(min(jobs, looks.at_most)) as workers:
            laboratory = Laboratory(workers, report=meter.heard)
            while looks.next > len(tallies):
                more = [Task("", loaded, n, quantiles, draft, record, live) for n in range(len(tallies), looks.next)]
                for _, each in laboratory.tallies(more):
                    tallies.append(each)
                    meter.finished(each)
                looks.look(looks.summarise(tallies, asked))
    except KeyboardInterrupt:
        if not tallies:
            raise
        interrupted = True
    with uninterrupted(late=False):
        tallies.sort(key=lambda t: t.replication)
        numbers = [t.replication for t in tallies]
        summary = looks.summarise(tallies, asked)
        summary = replace(summary, neighbours=neighbours(loaded.scenario, summary))
        document = {
            **manifest.of_scenario(loaded),
            "replications": numbers,
            "replications_asked": looks.at_most if looks.rule is None else "auto",
            "stopping": looks.to_json(),
            "interrupted": interrupted,
            "recorded": sorted(record),
            "command": list(command),
            "started": started.isoformat(timespec="seconds"),
            "wall_s": round(time.perf_counter() - clock, 3),
            "jobs": jobs,
            "events": sum(t.events for t in tallies),
            "activations": sum(t.activations for t in tallies),
            **manifest.of_program(),
        }
        folder = draft.finish(document, summary.to_json(), numbers, [pack(t) for t in tallies])
    return Run(summary, document, folder, tuple(tallies), interrupted)


class _Meter:
    """Adds up what the replications report."""

    def __init__(self, loaded: Loaded, looks: Looks, watch: Watch | None) -> None:
        self.each_s = end_of_arrivals_s(loaded.scenario)
        self.looks = looks
        self.watch = watch
        self.at: dict[int, tuple[float, int]] = {}
        self.done = 0

    def heard(self, said: Said) -> None:
        if self.at.get(said.number, (0.0, 0))[0] < self.each_s:
            self.at[said.number] = min(said.now_s, self.each_s * 0.999), said.payments
        self._tell(said.snapshot)

    def finished(self, each: Tally) -> None:
        self.at[each.replication] = self.each_s, each.activations
        self.done += 1
        self._tell()

    def _tell(self, snapshot: Snapshot | None = None) -> None:
        if self.watch is not None:
            simulated, payments = (sum(column) for column in zip(*self.at.values(), strict=True))
            count, growing = self.looks.next, self.looks.rule is not None
            self.watch(Progress(simulated, self.each_s * count, int(payments), self.done, count, snapshot, growing))
