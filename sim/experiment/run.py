"""A run: replications of one scenario, summarised and stored.

Each replication is a pure function of scenario, seed and number, so a run is the same for any number of jobs. A run
that is interrupted keeps the replications that were finished.
"""

import hashlib
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sim.analysis.metrics import HEADLINE, METRICS
from sim.analysis.shown import shown_estimate
from sim.analysis.slo import Slo
from sim.analysis.summary import Summary, summarise
from sim.analysis.tally import Quantile, Tally, tally
from sim.experiment.executors import Report, carry_out, cores
from sim.model.run import end_of_arrivals_s, replicate
from sim.scenario import slos
from sim.scenario.load import Loaded, dump
from sim.store import Draft, begin, read_table

if TYPE_CHECKING:
    import pandas as pd

LIBRARIES = ("pagopa-sim", "simpy", "numpy", "scipy", "pandas", "pyarrow", "pydantic")
REPORT_EVERY_S = 0.2


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: seconds simulated and payments begun, over all replications."""

    simulated_s: float
    total_s: float
    payments: int
    replications: int
    of: int


Watch = Callable[[Progress], None]


@dataclass(frozen=True)
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
    _kept: Any = field(default=None, repr=False)

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
        return {**self.summary.to_json(), "manifest": dict(self.manifest)}

    def _repr_html_(self) -> str:
        """Show the headline and the verdicts, in Jupyter."""
        import pandas as pd

        percent = f"{self.summary.confidence:.0%} interval"
        headline = pd.DataFrame(
            [(METRICS[n].title, *shown_estimate(self.summary.metrics[n], METRICS[n].unit)) for n in HEADLINE],
            columns=["", "estimate", percent],
        )
        verdicts = pd.DataFrame(
            [
                (j.slo.text, *shown_estimate(j.estimate, METRICS[j.slo.metric].unit), j.verdict.value)
                for j in self.summary.slos
            ],
            columns=["SLO", "estimate", percent, "verdict"],
        )
        name = self.manifest["scenario"]["name"]
        head = f"<p><b>{name}</b>: {self.summary.replications} replications</p>"
        return head + headline.to_html(index=False) + verdicts.to_html(index=False)


@dataclass(frozen=True, slots=True)
class _Task:
    loaded: Loaded
    replication: int
    draft: Draft
    record: frozenset[str]
    asked: tuple[Quantile, ...]


def run(
    loaded: Loaded,
    *,
    replications: int | None = None,
    jobs: int | None = 1,
    out: str | Path | None = None,
    record: Collection[str] = (),
    watch: Watch | None = None,
    command: Sequence[str] = (),
) -> Run:
    """Run a scenario; `jobs` None takes every core, `out` None keeps the records only as long as the result.

    `replications` None takes the scenario's number. Raises `sim.model.run.RunError` on a broken invariant,
    `sim.store.StoreError` where results cannot be written, and `KeyboardInterrupt` when interrupted before the first
    replication was finished.
    """
    count = loaded.scenario.run.replications if replications is None else replications
    asked = objectives(loaded)
    kept = TemporaryDirectory(prefix="pagopa-sim-") if out is None else None
    draft = begin(Path(kept.name if kept else out or "."), loaded.scenario.name, fingerprint(loaded))
    started, clock = datetime.now(UTC), time.perf_counter()
    quantiles = tuple(dict.fromkeys(slo.quantile for slo in asked if slo.quantile))
    tasks = [_Task(loaded, number, draft, frozenset(record), quantiles) for number in range(count)]
    tallies: list[Tally] = []
    interrupted = False
    meter = _Meter(loaded, count, watch)
    try:
        try:
            for each in carry_out(_replication, tasks, cores() if jobs is None else jobs, meter.heard):
                tallies.append(each)
                meter.finished(each)
        except KeyboardInterrupt:
            if not tallies:
                raise
            interrupted = True
        tallies.sort(key=lambda t: t.replication)
        summary = summarise(tallies, asked, loaded.scenario.run.confidence)
        manifest = _manifest(loaded, tallies, started, time.perf_counter() - clock, jobs, command, interrupted)
        manifest["replications_asked"] = count
        folder = draft.finish(manifest, summary.to_json(), [t.replication for t in tallies])
    finally:
        draft.abandon()
    return Run(summary, manifest, folder, tuple(tallies), interrupted, kept)


def objectives(loaded: Loaded) -> tuple[Slo, ...]:
    """Return the scenario's SLOs, read."""
    scenario = loaded.scenario
    names = {"psp": tuple(p.name for p in scenario.psps), "ec_group": tuple(g.name for g in scenario.ecs)}
    return tuple(slos.parse(text, names) for text in scenario.slos)


def fingerprint(loaded: Loaded) -> str:
    """Return a hash of everything that a replication's records depend on, but its number."""
    text = json.dumps([dump(loaded.scenario), version("pagopa-sim")], sort_keys=True)
    digest = hashlib.sha256(text.encode())
    if loaded.trace_s is not None:
        digest.update(loaded.trace_s.tobytes())
    return digest.hexdigest()


def _replication(task: _Task, report: Report) -> Tally:
    last = [0.0]

    def progress(now_s: float, payments: int) -> None:
        if time.perf_counter() - last[0] >= REPORT_EVERY_S:
            last[0] = time.perf_counter()
            report((task.replication, now_s, payments))

    records = replicate(task.loaded, task.replication, progress=progress, record=task.record)
    task.draft.write(records)
    return tally(records, task.asked)


class _Meter:
    """Adds up what the replications report."""

    def __init__(self, loaded: Loaded, count: int, watch: Watch | None) -> None:
        self.each_s = end_of_arrivals_s(loaded.scenario)
        self.count = count
        self.watch = watch
        self.at: dict[int, tuple[float, int]] = {}
        self.done = 0

    def heard(self, said: tuple[int, float, int]) -> None:
        replication, now_s, payments = said
        if self.at.get(replication, (0.0, 0))[0] < self.each_s:
            self.at[replication] = min(now_s, self.each_s * 0.999), payments
        self._tell()

    def finished(self, each: Tally) -> None:
        self.at[each.replication] = self.each_s, each.activations
        self.done += 1
        self._tell()

    def _tell(self) -> None:
        if self.watch is not None:
            simulated, payments = (sum(column) for column in zip(*self.at.values(), strict=True))
            self.watch(Progress(simulated, self.each_s * self.count, int(payments), self.done, self.count))


def _manifest(
    loaded: Loaded,
    tallies: Sequence[Tally],
    started: datetime,
    wall_s: float,
    jobs: int | None,
    command: Sequence[str],
    interrupted: bool,
) -> dict[str, Any]:
    return {
        "scenario": dump(loaded.scenario),
        "file": str(loaded.file),
        "sets": list(loaded.sets),
        "provenance": [
            {"path": p.path, "value": p.value, "source": p.source, "assumed": p.assumed, "range": [p.low, p.high]}
            for p in loaded.provenance
        ],
        "seed": loaded.scenario.run.seed,
        "replications": [t.replication for t in tallies],
        "interrupted": interrupted,
        "fingerprint": fingerprint(loaded),
        "command": list(command),
        "started": started.isoformat(timespec="seconds"),
        "wall_s": round(wall_s, 3),
        "jobs": jobs,
        "events": sum(t.events for t in tallies),
        "activations": sum(t.activations for t in tallies),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}},
        "git_commit": _git_commit(),
        "machine": {"system": platform.platform(), "processor": platform.machine(), "cores": cores()},
    }


def _git_commit() -> str | None:
    """Return the commit of the program, where it runs from a checkout."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - whatever git the user has
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() or None


def argv() -> list[str]:
    """Return the command line as typed."""
    return ["pagopa-sim", *sys.argv[1:]]


