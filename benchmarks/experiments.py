"""What the experiment layer costs, and what a core makes in an hour.

    python -m benchmarks.experiments           # 3 pairs of sweeps with one job and with two: a quarter of an hour
    python -m benchmarks.experiments --quick   # one small pair, to see that it works

- **overhead**: a sweep of `scenarios/baseline.yaml` in this process. What its replications take by themselves is timed
  inside, so that both are of the same run; the rest is loading, figures, intervals, the shelf and the table. Of the
  figures of each replication, which are read from its records, it is also told what they take alone.
- **jobs**: the same sweep with one job and with two, in turn, each pair in the opposite order of the one before.
- **finished points**: a sweep of 10,000 points whose rows are on the shelf, by the command in a process of its own,
  with all that a start takes: first it is resumed, which writes its table, and then it is listed.
- **a run**: `pagopa-sim run scenarios/baseline.yaml` with its ten replications, one job per core, by each engine in
  turn, from the start of the command to its end. The machine of the compiled engine is there already.
- **points an hour**: of five replications each, by the processor seconds of one job, which other work on the machine
  lengthens less than seconds.

Nothing is asserted here; `docs/how-to/clusters.md` keeps the figures.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from rich.table import Table

from benchmarks.bench import Spread, machine, spread, table_of, tell
from benchmarks.commands import PROGRAM, Command, command
from sim.analysis.summary import summarise
from sim.experiment import engines
from sim.experiment import replications as laboratory
from sim.experiment import sweep as sweeping
from sim.experiment.design import Design, read_vary
from sim.experiment.executors import Alone
from sim.scenario.load import Source
from sim.shelf import shelf

BASELINE = Path(__file__).parents[1] / "scenarios" / "baseline.yaml"
VARY = "psps.psp-a.workers=16..18"
"""Three worlds that cost the same: at none of these values has the largest PSP a queue to speak of."""
REPLICATIONS = 5
SHORT = ("run.warm_up=10 s", "run.window=20 s")
FINISHED = 10_000
ENGINES = "simpy", "compiled"
GOALS = {"overhead": 0.05, "speed-up": 1.7, "resumed": 2.0, "listed": 2.0}


@dataclass(frozen=True)
class Swept:
    """What a sweep took: seconds on the wall clock, and of the processor in this process.

    `replicating_s` is the processor time of the replications themselves, `reading_s` that of their figures; both are
    zero where other processes did the work.
    """

    points: int
    replications: int
    wall_s: float
    cpu_s: float
    replicating_s: float
    reading_s: float

    @property
    def overhead(self) -> float:
        """Processor time of all but the replications themselves, as a part of theirs."""
        return self.cpu_s / self.replicating_s - 1

    @property
    def reading(self) -> float:
        """The part of the overhead that reads figures from records."""
        return self.reading_s / self.replicating_s

    @property
    def replication_s(self) -> float:
        """Processor seconds of a replication by itself."""
        return self.replicating_s / self.replications

    @property
    def points_per_hour(self) -> float:
        """Points in an hour of processor time."""
        return 3600 * self.points / self.cpu_s


def swept(jobs: int, sets: Sequence[str] = ()) -> Swept:
    """Make the sweep from nothing."""
    design = read_vary([VARY])
    timed = _Timed()
    with (
        TemporaryDirectory() as out,
        patch.object(engines, "carry_out", timed("replicate", engines.carry_out)),
        patch.object(laboratory, "tally", timed("tally", laboratory.tally)),
    ):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        sweeping.sweep(BASELINE, design, sets=sets, replications=REPLICATIONS, jobs=jobs, out=out)
        wall_s, cpu_s = time.perf_counter() - wall_s, time.process_time() - cpu_s
    spent = timed.cpu_s
    count = len(design) * REPLICATIONS
    return Swept(len(design), count, wall_s, cpu_s, spent.get("replicate", 0.0), spent.get("tally", 0.0))


class _Timed:
    """Functions that add up the processor time that they take, by name."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}

    def __call__(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            began_s = time.process_time()
            try:
                return function(*arguments, **options)
            finally:
                self.cpu_s[name] = self.cpu_s.get(name, 0.0) + time.process_time() - began_s

        return timed


def pairs(count: int, sets: Sequence[str] = ()) -> list[tuple[Swept, Swept]]:
    """Make the sweep with one job and with two, so many times, in the opposite order each time."""
    swept(1, SHORT)  # loads what has to be loaded
    found = []
    for number in range(count):
        order = (1, 2) if number % 2 == 0 else (2, 1)
        made = {jobs: swept(jobs, sets) for jobs in order}
        found.append((made[1], made[2]))
    return found


# --- finished points ----------------------------------------------------------------------------------------------


def finished(points: int) -> dict[str, Command]:
    """Resume and then list a sweep whose points are all finished, each in a process of its own."""
    with TemporaryDirectory() as folder:
        out = Path(folder)
        vary = f"arrivals.rate=lin:1/s..3/s:{points}"
        _finish(read_vary([vary]), out)
        words = [PROGRAM, "sweep", str(BASELINE), "--vary", vary, "--replications", "1", "--jobs", "1", "--quiet"]
        words += ["--out", folder, *(word for each in SHORT for word in ("--set", each))]
        return {name: command(words) for name in ("resumed", "listed")}


def _finish(design: Design, out: Path) -> None:
    """Put a row of every point on the shelf, as if it had been made; what is in it does not matter here."""
    source = Source(BASELINE)
    base = source.load(SHORT)
    asked = laboratory.objectives(base)
    task = laboratory.Task(0, base, 0, laboratory.quantiles_of(asked))
    tallies = [tally for _, tally in laboratory.Laboratory(Alone()).tallies([task])]
    row = sweeping.row_of(summarise(tallies, asked, base.scenario.run.confidence))
    plan = sweeping._Plan(source, base, SHORT, design, 1)
    with shelf(out) as kept:
        for point in design:
            kept.put_point(plan.key(point), row)


# --- a run --------------------------------------------------------------------------------------------------------


def ran(times: int, sets: Sequence[str] = ()) -> dict[str, list[Command]]:
    """Run the baseline by each engine in turn, so many times, and return what each run took, by engine."""
    _run("compiled", SHORT)  # compiles the machine where that has not been done
    found = [{engine: _run(engine, sets) for engine in ENGINES} for _ in range(times)]
    return {engine: [each[engine] for each in found] for engine in ENGINES}


def _run(engine: str, sets: Sequence[str]) -> Command:
    """Run the baseline; a short run is not held against SLOs, which it would leave undecided."""
    assigned = [f"run.engine={engine}", *sets, *(("slos=[]",) if sets else ())]
    with TemporaryDirectory() as out:
        words = [PROGRAM, "run", str(BASELINE), "--quiet", "--out", out]
        return command([*words, *(word for each in assigned for word in ("--set", each))])


# --- command ------------------------------------------------------------------------------------------------------


def figures(
    found: Sequence[tuple[Swept, Swept]], commands: Mapping[str, Command], runs: Mapping[str, Sequence[Command]]
) -> dict[str, Spread]:
    """Return every figure over the pairs; of runs only seconds, since their work is done in other processes."""
    alone = [one for one, _ in found]
    return {
        "replication": spread([each.replication_s for each in alone]),
        "overhead": spread([each.overhead for each in alone]),
        "reading": spread([each.reading for each in alone]),
        "speed-up": spread([one.wall_s / two.wall_s for one, two in found]),
        "points": spread([each.points_per_hour for each in alone]),
        **{name: spread([took.wall_s]) for name, took in commands.items()},
        **{f"{name}_cpu": spread([took.cpu_s]) for name, took in commands.items()},
        **{f"run_{engine}": spread([took.wall_s for took in each]) for engine, each in runs.items()},
    }


def table(found: dict[str, Spread], count: int, points: int) -> Table:
    """Show every figure and its goal."""
    title = f"{count} pair{'s' if count > 1 else ''} of sweeps: median (least - greatest)"
    shown = table_of(title, "", "measured", "goal")
    percent = {
        name: Spread(*(100 * value for value in asdict(found[name]).values())) for name in ("overhead", "reading")
    }
    shown.add_row("a replication by itself, CPU s", str(found["replication"]), "2 or more")
    shown.add_row(
        "overhead of a sweep, % of its replications", str(percent["overhead"]), f"< {100 * GOALS['overhead']:g}"
    )
    shown.add_row("  of this, to read figures from records", str(percent["reading"]), "")
    shown.add_row("two jobs, times one job", str(found["speed-up"]), f">= {GOALS['speed-up']:g}")
    for name in ("resumed", "listed"):
        shown.add_row(f"{points:,} finished points {name}, s", str(found[name]), f"< {GOALS[name]:g}")
        shown.add_row("  of the processor", str(found[f"{name}_cpu"]), "")
    for engine in ENGINES:
        shown.add_row(f"a run of the baseline, engine {engine}, s", str(found[f"run_{engine}"]), "")
    shown.add_row(f"points an hour and core, {REPLICATIONS} replications each", str(found["points"]), "")
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure all and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.experiments", description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=3, help="sweeps with one job and with two (3)")
    parser.add_argument("--quick", action="store_true", help="one pair of replications that last a moment, 400 points")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    asked = parser.parse_args(arguments)
    count, sets, points = (1, SHORT, 400) if asked.quick else (asked.pairs, (), FINISHED)
    if count < 1:
        parser.error("measure at least one pair")
    where = machine()
    found = figures(pairs(count, sets), finished(points), ran(count, sets))
    tell(where, {"figures": found}, table(found, count, points), as_json=asked.json)


if __name__ == "__main__":
    main()
