"""One measurement of one model, in a process of its own so that its peak memory is its own.

    python -m benchmarks.measure simulator 20000

A tiny run comes first: it loads what has to be loaded, and the peak of memory after it is the base. All models build
their world, run until every payment has ended and have their records when the clock stops; reading the scenario file
is not counted. The machine of the compiled engine has to be there already: where the tiny run compiles it, the base is
that of a compiler. Prints one JSON object.
"""

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import without
from benchmarks.idiomatic import Model
from benchmarks.limit import PLAIN, Limit
from sim.model.run import replicate
from sim.scenario.load import Loaded, load

SCENARIO = Path(__file__).parent / "scenario.yaml"
TINY = 200
"""Payments of the run that comes first."""


@dataclass(frozen=True)
class Measured:
    """What one run did and cost."""

    model: str
    payments: int
    events: int
    cpu_s: float
    wall_s: float
    base_bytes: int
    peak_bytes: int

    @property
    def per_cpu_s(self) -> float:
        """Payments per second of processor time."""
        return self.payments / self.cpu_s

    @property
    def per_wall_s(self) -> float:
        """Payments per second of the wall clock."""
        return self.payments / self.wall_s

    @property
    def events_per_payment(self) -> float:
        """Entries of the heap of events per payment, be it SimPy's or the compiled engine's."""
        return self.events / self.payments

    @property
    def bytes_per_payment(self) -> float:
        """Peak memory beyond the base, per payment."""
        return (self.peak_bytes - self.base_bytes) / self.payments

    @property
    def base_mb(self) -> float:
        """Peak memory after the tiny run, in megabytes of 10^6 bytes."""
        return self.base_bytes / 1e6


def _simulator(loaded: Loaded) -> tuple[int, int]:
    """Run the SimPy engine, invariants on; return payments and events."""
    records = replicate(loaded, 0)
    return len(records.tables["payments"]["cart"]), records.events


def _compiled(loaded: Loaded) -> tuple[int, int]:
    """Run the compiled engine, invariants on; return payments and events."""
    from sim.compiled.engine import replicate  # noqa: PLC0415 - no other model should have Numba in its memory

    records = replicate(loaded, 0)
    return len(records.tables["payments"]["cart"]), records.events


def _idiomatic(loaded: Loaded) -> tuple[int, int]:
    """Run the idiomatic model; return payments and events."""
    model = Model(loaded.scenario, loaded.scenario.run.seed)
    model.run()
    return len(model.records), model.events


def _limit(loaded: Loaded) -> tuple[int, int]:
    """Run plain carts as cheaply as can be; return payments and events."""
    limit = Limit(loaded)
    return len(limit.run()["cart"]), limit.clock.events


SIMULATOR, COMPILED, IDIOMATIC = "simulator", "compiled", "idiomatic"
NOT_AHEAD, COLLECTED, UNCOLLECTED = "simulator-not-ahead", "simulator-collected", "idiomatic-uncollected"
LIMIT, PLAINLY, PLAINLY_IDIOMATIC = "plain-limit", "plain-simulator", "plain-idiomatic"
MODELS: Mapping[str, Callable[[Loaded], tuple[int, int]]] = {
    SIMULATOR: _simulator,
    COMPILED: _compiled,
    IDIOMATIC: _idiomatic,
    NOT_AHEAD: without.entering_ahead(_simulator),
    COLLECTED: without.pausing_the_collector(_simulator),
    UNCOLLECTED: without.a_collector(_idiomatic),
    LIMIT: without.a_collector(_limit),
    PLAINLY: _simulator,
    PLAINLY_IDIOMATIC: _idiomatic,
}


def world(payments: int, sets: Sequence[str] = ()) -> Loaded:
    """Load the benchmark's scenario, changed by `sets`, with a window long enough for about so many payments."""
    scenario = load(SCENARIO, sets).scenario
    per_cart = sum(size * share for size, share in scenario.cart.notices.items())
    assert scenario.arrivals.rate is not None
    return load(SCENARIO, [*sets, f"run.window={payments / (per_cart * scenario.arrivals.rate)} s"])


def _peak_bytes() -> int:
    """Return the most memory that this program has had; Linux's `ru_maxrss` would count the parent's before it too."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(each for each in status.read_text().splitlines() if each.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def here(model: str, payments: int) -> Measured:
    """Run a model for about so many payments in this process, after a tiny run."""
    sets = PLAIN if model.startswith("plain-") else ()
    run, loaded = MODELS[model], world(payments, sets)
    run(world(TINY, sets))
    gc.collect()
    base, wall, cpu = _peak_bytes(), time.perf_counter(), time.process_time()
    made, events = run(loaded)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Measured(model, made, events, cpu, wall, base, _peak_bytes())


def apart(model: str, payments: int) -> Measured:
    """Run a model for about so many payments in a fresh process of this process group."""
    command = [sys.executable, "-m", "benchmarks.measure", model, str(payments)]
    done = subprocess.run(command, cwd=SCENARIO.parents[1], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return Measured(**json.loads(done.stdout))


def in_turn(models: Sequence[str], rounds: int, payments: int) -> list[dict[str, Measured]]:
    """Run models in rounds, the first of a round last in the next, so that a drift of the machine hits all of them."""
    first = [number % len(models) for number in range(rounds)]
    return [{model: apart(model, payments) for model in (*models[each:], *models[:each])} for each in first]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("payments", type=int)
    asked = parser.parse_args()
    print(json.dumps(asdict(here(asked.model, asked.payments))))
