"""One replication: a pure function of scenario, seed and replication number, giving records.

The run has a warm-up, a measured window, and a drain in which arrivals have stopped and everything in flight is
followed to its end.
"""

import gc
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numpy.typing as npt

from sim.kernel.clock import Clock, Flow, Steps
from sim.model.arrivals import arrival_times, end_of_arrivals_s
from sim.model.assemble import World, assemble
from sim.model.cart import Cart
from sim.model.citizen import journey
from sim.model.invariants import BrokenInvariantError, records_hold
from sim.model.recorder import Recorder
from sim.model.snapshot import Counting, Live, Lookout
from sim.protocol.messages import ProtocolError
from sim.records import Records
from sim.scenario.load import Loaded

__all__ = ["RunError", "end_of_arrivals_s", "replicate"]

Progress = Callable[[float, int], None]
TOGETHER = 256
"""Carts whose journeys are begun at one moment, up to their first call; they arrive at their own times."""


class RunError(Exception):
    """A rule of the protocol or an invariant broke: a bug of the program, never of its input."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Pause the garbage collector: nothing that lives long refers to itself, and it would walk over all of it."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@uncollected()
def replicate(
    loaded: Loaded,
    replication: int,
    *,
    progress: Progress | None = None,
    live: Live | None = None,
    record: Collection[str] = frozenset(),
) -> Records:
    """Run one replication and return its records.

    `progress(now_s, payments)` is called after every sweep of the simulated Node, and so is `live`, with somebody who
    takes a snapshot if asked; once more when all is over. `record` names the tables wanted on top of the usual ones:
    `calls`, `states`. Raises `RunError` when an invariant breaks.
    """
    scenario = loaded.scenario
    world, streams = assemble(scenario, replication, record, Recorder if live is None else Counting)
    lookout = None if live is None else Lookout(world, scenario, replication)

    def look() -> None:
        if live is not None and lookout is not None:
            live(lookout)

    def swept() -> None:
        if progress is not None:
            progress(world.clock.now, world.recorder.finished)
        look()

    times = arrival_times(scenario, streams, loaded.trace_s)
    try:
        world.clock.begin(_arrive(world, times, scenario.run.warm_up, scenario.citizen.retry.max_tries))
        world.jobs.start(scenario.node.jobs.mod3CancelV2, scenario.node.jobs.paSendRt, swept)
        world.clock.run()
        world.carts.finish_all()
        if lookout is not None:
            lookout.ended = True
        look()
        stations = world.stations.table(world.names["station"], world.clock.now)
        records = world.recorder.records(replication, world.clock.now, world.names, stations, world.clock.events)
        records_hold(records.tables["payments"], world.checkout.settings.receipt_max_retries)
        world.dissolve()
    except (BrokenInvariantError, ProtocolError) as error:
        _cut_short(world.clock)
        said: BaseException = error
        if isinstance(error, ProtocolError):
            activation: Any = error.payment.request.body
            said = BrokenInvariantError(str(error), activation, world.clock.now)
        raise RunError(f"{said}; seed {scenario.run.seed}, replication {replication}") from error
    except BaseException:
        _cut_short(world.clock)
        raise
    return records


def _cut_short(clock: Clock) -> None:
    """End the flows of a replication that goes no further, each from its outermost fragment inwards.

    A flow that waits for an event refers to itself. Left to the garbage collector its fragments end in any order, and
    one that is asked to end by the next while it does so already complains.
    """
    for flow in [each for each in gc.get_objects() if isinstance(each, Flow) and each.clock is clock]:
        send: Any = flow.send
        send.__self__.close()


def _arrive(world: World, times: npt.NDArray[Any], warm_up_s: float, max_tries: int) -> Steps:
    """Begin the journey of every cart, some together."""
    for start in range(0, len(times), TOGETHER):
        arriving = times[start : start + TOGETHER].tolist()
        if arriving[0] > world.clock.now:
            yield arriving[0]
        for number, at in enumerate(arriving, start):
            cart = Cart(number, at, at >= warm_up_s, world.plan.cart(number))
            steps = journey(cart, world.plan, world.checkout, max_tries)
            world.clock.begin(world.carts.follow(cart, steps))
