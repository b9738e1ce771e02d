"""Simulated time: a SimPy environment whose processes may also yield a moment.

A generator started with `Clock.start` yields either an absolute time in seconds, and is resumed then, or a SimPy
event, and is resumed when it fires. Yielding a moment costs one entry in SimPy's event heap and no new object,
which is what makes one process per cart affordable. It is still a SimPy environment: anything of SimPy works in it.
"""

from collections.abc import Generator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVar

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, Event

Steps = Generator[float | Event, Any, Any]
"""What a process of the simulation is: a generator of moments and events."""
T = TypeVar("T")


class Flow:
    """A running generator; itself the heap entry that resumes it, used again for every moment it yields."""

    __slots__ = ("clock", "send")

    def __init__(self, clock: "Clock", steps: Steps) -> None:
        self.clock = clock
        self.send = steps.send

    def resume(self, value: Any = None) -> None:
        """Run the generator up to its next moment or event."""
        try:
            target = self.send(value)
        except StopIteration:
            return
        if isinstance(target, float):
            self.clock.enter(target, self)
        elif target.callbacks is None:
            raise RuntimeError("a flow waits for an event that has already fired")
        else:
            target.callbacks.append(self._fired)

    def _fired(self, event: Event) -> None:
        self.resume(event.value)


class Clock(simpy.Environment):
    """The simulation's clock, in seconds from the start of the run."""

    def start(self, steps: Steps, at: float | None = None) -> Flow:
        """Start a process at a moment, now unless told."""
        flow = Flow(self, steps)
        self.enter(self._now if at is None else at, flow)
        return flow

    def begin(self, steps: Steps) -> Flow:
        """Start a process and run it at once, up to its first moment or event."""
        flow = Flow(self, steps)
        flow.resume()
        return flow

    @property
    def events(self) -> int:
        """Number of entries that have been put into the event heap so far."""
        seen = next(self._eid)
        self._eid = count(seen)  # as if nobody had looked
        return seen

    @property
    def scheduled(self) -> int:
        """Number of entries in the event heap."""
        return len(self._queue)

    def enter(self, at: float, entry: Any) -> None:
        """Put an entry into the event heap; a moment in the past is a bug and refused."""
        if at < self._now:
            raise ValueError(f"cannot go back from {self._now} s to {at} s")
        heappush(self._queue, (at, NORMAL, next(self._eid), entry))

    def run(self, until: Any = None) -> Any:
        """Run until nothing is scheduled any more, or as SimPy does until a moment or an event."""
        if until is not None:
            return super().run(until)
        while self._queue:
            self.step()
        return None

    def step(self) -> None:
        """Go to the next entry in the event heap and resume its flow, or fire its event as SimPy does."""
        if not self._queue:
            raise EmptySchedule
        self._now, _, _, entry = heappop(self._queue)
        if isinstance(entry, Flow):
            entry.resume()
            return
        callbacks, entry.callbacks = entry.callbacks, None  # type: ignore[assignment] # SimPy's mark of a fired event
        for callback in callbacks:
            callback(entry)
        if not entry._ok and not hasattr(entry, "_defused"):
            raise entry._value


@dataclass(slots=True)
class Rest:
    """What is left of a fragment to which nobody listens any more: steps whose result is that of the whole."""

    steps: Generator[Any, Any, Any]


def heard(
    clock: Clock, steps: Generator[Any, Any, T], target: float | Event, until: float
) -> Generator[Any, Any, T | Rest]:
    """Run a fragment of a flow, from what it waits for first, as long as its caller listens.

    Returns its result, or the rest of it.

    A moment after `until` is known as soon as it is yielded, so it costs no timer: the rest is given back at once, for
    whoever takes it to run in a flow of its own. Only an event, of which nobody knows when it fires, is raced
    against a timer.
    """
    while True:
        if isinstance(target, float):
            if target > until:
                return Rest(_rest(steps, target))
            value = yield target
        else:
            yield target | clock.timeout(max(until - clock.now, 0.0))
            if not target.triggered:
                return Rest(_rest(steps, target))
            value = target.value
        try:
            target = steps.send(value)
        except StopIteration as end:
            result: T = end.value
            return result


def _rest(steps: Generator[Any, Any, T], target: float | Event) -> Generator[Any, Any, T]:
    """Go on with a fragment from the moment or event at which it stands."""
    while True:
        value = yield target
        try:
            target = steps.send(value)
        except StopIteration as end:
            result: T = end.value
            return result
