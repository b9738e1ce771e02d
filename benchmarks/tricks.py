"""What each trick of the kernel gains: the same small task done with it, and as SimPy's tutorial does it.

    python -m benchmarks.tricks            # a minute or two
    python -m benchmarks.tricks --json

The small tasks run in this process, in turn, and the quickest of several runs counts. Two tricks can be left out of
the whole simulator (`benchmarks.without`); for these, and for the limit of what can be gained (`benchmarks.limit`),
pairs of whole runs are measured. `docs/performance.md` keeps the figures.
"""

import argparse
import json
import random
import sys
import time
import tracemalloc
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import simpy
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from sim.kernel.clock import Clock, Steps, heard
from sim.kernel.distributions import Lognormal
from sim.kernel.station import Station
from sim.kernel.streams import Streams
from sim.model.recorder import Table as Rows
from sim.records import PAYMENTS

RUNS = 5
CALLS = 20_000
LAW = Lognormal(0.35, 0.74)


@dataclass(frozen=True)
class Gain:
    """The cost of a task with a trick and without it."""

    trick: str
    task: str
    unit: str
    with_it: float
    without_it: float

    @property
    def ratio(self) -> float:
        """How many times the cost without the trick is that with it."""
        return self.without_it / self.with_it


def _us_per(count: int, *tasks: Callable[[], object]) -> list[float]:
    """Return the processor time of each task in microseconds per unit: the least of several runs, taken in turn."""
    least = [float("inf")] * len(tasks)
    for _ in range(RUNS):
        for number, task in enumerate(tasks):
            began = time.process_time()
            task()
            least[number] = min(least[number], time.process_time() - began)
    return [1e6 * each / count for each in least]


# --- moments instead of timeouts --------------------------------------------------------------------------------------


def moments() -> Gain:
    """Have a thousand processes wait twenty times each: `Flow` against `simpy.Process` and `Timeout` (0010)."""
    waits = [[random.Random(n * 20 + k).random() for k in range(20)] for n in range(CALLS // 20)]  # noqa: S311

    def flows() -> None:
        clock = Clock()

        def waiting(delays: list[float]) -> Steps:
            for delay in delays:
                yield clock.now + delay

        for delays in waits:
            clock.begin(waiting(delays))
        clock.run()

    def processes() -> None:
        env = simpy.Environment()

        def waiting(delays: list[float]) -> Generator[simpy.Event, Any, None]:
            for delay in delays:
                yield env.timeout(delay)

        for delays in waits:
            env.process(waiting(delays))
        env.run()

    return Gain("moments instead of timeouts", "a wait", "us", *_us_per(CALLS, flows, processes))


# --- stations solved at arrival ---------------------------------------------------------------------------------------


def _calls() -> tuple[list[float], list[float]]:
    rng = random.Random(1)  # noqa: S311
    now, arrivals, services = 0.0, [], []
    for _ in range(CALLS):
        now += rng.expovariate(4.0)
        arrivals.append(now)
        services.append(rng.expovariate(1.0))
    return arrivals, services


def stations() -> Gain:
    """Send calls to eight workers, half busy: solved at arrival, with the integrals, against `simpy.Resource`."""
    arrivals, services = _calls()

    def solved() -> None:
        clock, station = Clock(), Station("station", 8)

        def arriving() -> Steps:
            for arrival, service in zip(arrivals, services, strict=True):
                yield arrival
                station.submit(arrival, service)

        clock.start(arriving())
        clock.run()

    def queued() -> None:
        env = simpy.Environment()
        workers = simpy.Resource(env, 8)

        def call(service: float) -> Generator[simpy.Event, Any, None]:
            with workers.request() as worker:
                yield worker
                yield env.timeout(service)

        def arriving() -> Generator[simpy.Event, Any, None]:
            for arrival, service in zip(arrivals, services, strict=True):
                yield env.timeout(arrival - env.now)
                env.process(call(service))

        env.process(arriving())
        env.run()

    return Gain("stations solved at arrival", "a call at a station", "us", *_us_per(CALLS, solved, queued))


# --- no racing timers -------------------------------------------------------------------------------------------------


def timers() -> Gain:
    """Make calls of a second whose callers wait for 14 s: the kernel's comparison of moments against `any_of`."""
    gap_s = 0.1

    def compared() -> None:
        clock = Clock()

        def answering() -> Generator[float, Any, bool]:
            yield clock.now + 1.0
            return True

        def calling() -> Steps:
            steps = answering()
            yield from heard(clock, steps, steps.send(None), clock.now + 14.0)

        for number in range(CALLS):
            clock.start(calling(), number * gap_s)
        clock.run()

    def raced() -> None:
        env = simpy.Environment()

        def answering() -> Generator[simpy.Event, Any, bool]:
            yield env.timeout(1.0)
            return True

        def calling(number: int) -> Generator[simpy.Event, Any, None]:
            yield env.timeout(number * gap_s)
            yield env.any_of([env.process(answering()), env.timeout(14.0)])

        for number in range(CALLS):
            env.process(calling(number))
        env.run()

    return Gain("no racing timers", "a call with a timeout", "us", *_us_per(CALLS, compared, raced))


# --- block draws ------------------------------------------------------------------------------------------------------


def draws() -> Iterator[Gain]:
    """Draw lognormal delays: in blocks of 1024, against one by one, addressed or from `random`."""
    streams, block = Streams(1, 0), 1024
    count = 20 * block
    mu = float(np.log(LAW.median))

    def blocks() -> None:
        for start in range(0, count, block):
            LAW.ppf(streams.block("delay", start, block)).tolist()

    def addressed() -> None:
        for entity in range(count // 10):
            LAW.quantile(streams.one("delay", entity))

    def scalar() -> None:
        rng = random.Random(1)  # noqa: S311
        for _ in range(count):
            rng.lognormvariate(mu, LAW.sigma)

    in_blocks, one_by_one, plain = _us_per(count, blocks, addressed, scalar)
    yield Gain("block draws", "an addressed draw, against one by one", "us", in_blocks, one_by_one * 10)
    yield Gain("block draws", "a draw, against random.lognormvariate", "us", in_blocks, plain)


# --- columns instead of objects ---------------------------------------------------------------------------------------


def _values(number: int) -> tuple[Any, ...]:
    """Return a row of payments; numbers are made anew, as a run makes them."""
    moment = float(number)
    return tuple(
        each.names[0] if isinstance(each.names, tuple) else moment + k if each.dtype == "float64" else number % 100
        for k, each in enumerate(PAYMENTS)
    )


def columns() -> Gain:
    """Keep the records of payments: packed columns, against a dict per payment."""
    names = [column.name for column in PAYMENTS]

    def packed() -> object:
        table = Rows(PAYMENTS)
        for number in range(CALLS):
            table.add(_values(number))
        table.pack()
        return table

    def dicts() -> object:
        return [dict(zip(names, _values(number), strict=True)) for number in range(CALLS)]

    return Gain("columns instead of objects", "a payment's record, kept", "bytes", _kept(packed), _kept(dicts))


def _kept(make: Callable[[], object]) -> float:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = make()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del kept
    return grown / CALLS


# --- whole runs -------------------------------------------------------------------------------------------------------


def whole(count: int, payments: int) -> Iterator[Gain]:
    """Compare whole runs with a trick and without it, in pairs; the median of the ratios decides."""
    for trick, one, other in (
        ("answers entered ahead", measure.SIMULATOR, measure.NOT_AHEAD),
        ("collector paused", measure.SIMULATOR, measure.COLLECTED),
        ("collector paused, idiomatic model", measure.UNCOLLECTED, measure.IDIOMATIC),
        ("the limit, against the simulator", measure.LIMIT, measure.PLAINLY),
        ("the limit, against the idiomatic model", measure.LIMIT, measure.PLAINLY_IDIOMATIC),
    ):
        found = [(each[one], each[other]) for each in measure.in_turn((one, other), count, payments)]
        task = "a plain payment" if one == measure.LIMIT else "a payment"
        cost = median(1e6 / a.per_cpu_s for a, _ in found)
        ratio = median(a.per_cpu_s / b.per_cpu_s for a, b in found)
        yield Gain(trick, task, "us", cost, cost * ratio)
        if other == measure.NOT_AHEAD:
            yield Gain(trick, task, "events", *(each.events_per_payment for each in found[0]))


def gains(count: int, payments: int) -> Iterator[Gain]:
    """Measure everything."""
    yield moments()
    yield stations()
    yield timers()
    yield from draws()
    yield columns()
    if count:
        yield from whole(count, payments)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tricks", description=__doc__)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of whole runs (5); 0 leaves them out")
    parser.add_argument("--payments", type=int, default=10_000, help="payments of a whole run, about (10000)")
    parser.add_argument("--json", action="store_true", help="print one JSON array instead of a table")
    asked = parser.parse_args()
    found = list(gains(asked.pairs, asked.payments))
    if asked.json:
        json.dump([{**asdict(each), "ratio": each.ratio} for each in found], sys.stdout, indent=2)
        print()
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("trick", "task"):
        table.add_column(name)
    for name in ("with it", "without it", "ratio"):
        table.add_column(name, justify="right")
    for each in found:
        costs = (f"{cost:.3g} {each.unit}" for cost in (each.with_it, each.without_it))
        table.add_row(each.trick, each.task, *costs, f"{each.ratio:.2f}")
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    main()
