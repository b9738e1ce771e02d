"""Replications of scenarios, each computed once: taken from the shelf where it is there, else carried out by a crew.

Whatever needs more than one replication asks here: runs, sweeps, comparisons, searches. A replication is a pure
function of scenario, seed and number, so who computes it, when and in which order changes nothing.
"""

import time
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sim.analysis.packing import pack, unpack
from sim.analysis.slo import Slo
from sim.analysis.tally import Quantile, Tally, tally
from sim.experiment import engines
from sim.experiment.executors import Crew, Known, Report
from sim.experiment.manifest import fingerprint
from sim.model.snapshot import Lookout, Snapshot
from sim.scenario import slos
from sim.scenario.load import Loaded
from sim.shelf import Shelf
from sim.store import Draft

REPORT_EVERY_S = 0.2
LOOKING_SHARE = 0.05
"""How much of its time a replication may spend on snapshots."""


class StudyError(ValueError):
    """What is asked of a study has no answer: the message says why, and what to ask instead."""


class Said(NamedTuple):
    """What a replication under way says of itself: whose it is, how far it is, and how it looks if asked for that."""

    key: Hashable
    number: int
    now_s: float
    payments: int
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A replication that somebody wants, under a key of theirs; with a draft, its records are written there.

    A `live` one takes snapshots of itself on its way.
    """

    key: Hashable
    loaded: Loaded
    number: int
    asked: tuple[Quantile, ...] = ()
    draft: Draft | None = None
    record: frozenset[str] = frozenset()
    live: bool = False


def names_of(loaded: Loaded) -> dict[str, tuple[str, ...]]:
    """Return the names that an SLO may use of what is in a scenario."""
    scenario = loaded.scenario
    return {"psp": tuple(p.name for p in scenario.psps), "ec_group": tuple(g.name for g in scenario.ecs)}


def objectives(loaded: Loaded) -> tuple[Slo, ...]:
    """Return the scenario's SLOs, read."""
    names = names_of(loaded)
    return tuple(slos.parse(text, names) for text in loaded.scenario.slos)


def quantiles_of(objectives: Iterable[Slo]) -> tuple[Quantile, ...]:
    """Return the quantiles that SLOs need of every replication."""
    return tuple(dict.fromkeys(slo.quantile for slo in objectives if slo.quantile))


class Laboratory:
    """Where replications come from: a crew that computes them, and a shelf with those that are finished."""

    def __init__(self, crew: Crew, shelf: Shelf | None = None, report: Report = lambda said: None) -> None:
        self.crew = crew
        self.shelf = shelf
        self.report = report
        self.computed = 0
        """Replications carried out so far, without those that were on the shelf."""
        self._kept: tuple[str, dict[int, bytes]] = ("", {})

    def tallies(self, tasks: Iterable[Task]) -> Iterator[tuple[Hashable, Tally]]:
        """Yield key and tally of every task, in any order, and put on the shelf what was not there.

        Tasks are drawn as they are needed, and none is kept that is done. Raises what the crew and the shelf raise.
        """
        under_way: dict[tuple[Hashable, int], Task] = {}
        for key, done in self.crew.carry_out(_carried_out, self._to_do(tasks, under_way), self.report):
            task = under_way.pop((key, done.replication), None)
            if task is not None:
                self.computed += 1
                self._keep(task, done)
            yield key, done

    def _to_do(
        self, tasks: Iterable[Task], under_way: dict[tuple[Hashable, int], Task]
    ) -> Iterator[Task | Known[tuple[Hashable, Tally]]]:
        """Yield what is on the shelf as known, and note the tasks that are not."""
        for task in tasks:
            found = self._on_shelf(task)
            if found is not None and found.quantiles.keys() >= set(task.asked):
                yield Known((task.key, found))
                continue
            quantiles = () if found is None else tuple(found.quantiles)  # those that others asked for are kept
            engines.prepare(task.loaded, task.record, task.live)
            under_way[task.key, task.number] = task
            yield replace(task, asked=(*quantiles, *task.asked))

    def _keep(self, task: Task, done: Tally) -> None:
        if self.shelf is None:
            return
        address, packed = fingerprint(task.loaded), pack(done)
        self.shelf.put_replication(address, task.number, packed)
        if self._kept[0] == address:
            self._kept[1][task.number] = packed

    def _on_shelf(self, task: Task) -> Tally | None:
        if self.shelf is None or task.draft is not None:
            return None
        address = fingerprint(task.loaded)
        if self._kept[0] != address:
            self._kept = address, self.shelf.replications(address)
        packed = self._kept[1].get(task.number)
        try:
            return None if packed is None else unpack(packed)
        except ValueError as error:
            raise self.shelf.damaged(str(error)) from error


def _carried_out(task: Task, report: Report) -> tuple[Hashable, Tally]:
    due_s = 0.0

    def progress(now_s: float, payments: int) -> None:
        nonlocal due_s
        if time.perf_counter() >= due_s:
            due_s = time.perf_counter() + REPORT_EVERY_S
            report(Said(task.key, task.number, now_s, payments))

    def live(lookout: Lookout) -> None:
        nonlocal due_s
        if (began_s := time.perf_counter()) >= due_s or lookout.ended:
            seen = lookout.snapshot()
            ended_s = time.perf_counter()
            due_s = ended_s + max(REPORT_EVERY_S, (ended_s - began_s) / LOOKING_SHARE)
            report(Said(task.key, task.number, seen.now_s, seen.finished, seen))

    records = engines.carry_out(task.loaded, task.number, task.record, progress, live if task.live else None)
    if task.draft is not None:
        task.draft.write(records)
    return task.key, tally(records, task.asked)
