"""A process that measures what sweeps of several sizes keep in memory: `python -m experiment.memory FOLDER SIZE...`.

What other code has allocated, cached or left for the collector would change the peaks, so that they are measured where
nothing else has run. A point costs next to nothing here: every replication is a copy of one tally, and the rows are
alike. The peak is that from the twentieth point on, since reading the scenario takes more; it is printed as JSON for
every size.
"""

import gc
import json
import sys
import tracemalloc
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import sim.experiment.sweep as module
import sim.store
from experiment.tiny import tiny
from sim.analysis.packing import pack, unpack
from sim.experiment.design import read_vary
from sim.experiment.executors import Alone, Known
from sim.experiment.looks import Looks
from sim.experiment.replications import Laboratory, Task
from sim.scenario.load import Source

BLOCK = 10
"""Points are handled in blocks; these are made so small here that few points have several."""
FIRST = 20


class Idle:
    """A crew that gives everybody a copy of one tally, at once."""

    def __init__(self, scenario):
        ((_, found),) = Laboratory(Alone()).tallies([Task("", Source(scenario).load(), 0)])
        self.packed = pack(found)

    def carry_out(self, work, tasks, report):
        """Yield what is known, and else the tally under the number that is asked for."""
        for task in tasks:
            if isinstance(task, Known):
                yield task.result
            else:
                yield task.key, replace(unpack(self.packed), replication=task.number)


def swept(scenario, out, points, watch=None):
    """Sweep over points of which none is known, since no other sweep has their seed."""
    design = read_vary([f"psps.psp-a.workers=1..{points}"])
    module.sweep(scenario, design, sets=[f"run.seed={points}"], replications=1, out=out, watch=watch)


def peak(scenario, out, points):
    """Return the bytes in use at most from the twentieth point of a sweep on, garbage not counted."""

    def watch(far):
        gc.collect()
        if far.points == FIRST:
            tracemalloc.reset_peak()

    tracemalloc.start()
    swept(scenario, out, points, watch)
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def main(folder, *sizes):
    """Measure, after a sweep in which whatever is kept from the first time on is made."""
    scenario = tiny(Path(folder))
    idle = Idle(scenario)
    module.crew = lambda *asked: nullcontext(idle)
    Looks.summarise = lambda looks, tallies, asked: None
    module.row_of = lambda summary: {"verdict": "pass", "replications": 1, "user_wait_mean": 1.0}
    module._AT_ONCE = module.CHECKED = sim.store.MOST_AT_ONCE = BLOCK
    out = Path(folder) / "results"
    swept(scenario, out, FIRST)
    sys.stdout.write(json.dumps([peak(scenario, out, int(size)) for size in sizes]))


if __name__ == "__main__":
    main(*sys.argv[1:])
