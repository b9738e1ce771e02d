"""Simulated time: a SimPy environment whose processes may also yield a moment.

A generator started with `Clock.start` yields either an absolute time in seconds, and is resumed then, or a SimPy
event, and is resumed when it fires. Yielding a moment costs one entry in SimPy's event heap and no new object,
which is what makes one process per cart affordable. It is still a SimPy environment: anything of SimPy works in it.
"""

from collections.abc import Generator
from heapq import heappush
from typing import Any

import simpy
from simpy.events import NORMAL, Event

Steps = Generator[float | Event, Any, Any]
"""What a process of the simulation is: a generator of moments and events."""


class Flow:
    """A running generator; itself the heap entry that resumes it, used again for every moment it yields."""

    __slots__ = ("_defused", "_ok", "_resume", "callbacks", "clock", "send")

    def __init__(self, clock: "Clock", steps: Steps) -> None:
        self.clock = clock
        self.send = steps.send
        self._ok = True
        self._defused = True
        self._resume = [self.resume]
        self.callbacks: list[Any] | None = self._resume

    def resume(self, event: Any) -> None:
        """Run the generator up to its next moment or event."""
        try:
            target = self.send(None if event is self else event.value)
        except StopIteration:
            self._resume.clear()  # the flow no longer refers to itself, so it goes without the garbage collector
            return
        if isinstance(target, float):
            self.callbacks = self._resume
            self.clock.enter(target, self)
        elif target.callbacks is None:
            raise RuntimeError("a flow waits for an event that has already fired")
        else:
            target.callbacks.append(self.resume)


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
        flow.resume(flow)
        return flow

    @property
    def events(self) -> int:
        """Number of entries that have been put into the event heap so far."""
        return int(self._eid.__reduce__()[1][0])

    @property
    def scheduled(self) -> int:
        """Number of entries in the event heap."""
        return len(self._queue)

    def enter(self, at: float, entry: Any) -> None:
        """Put an entry into the event heap; a moment in the past is a bug and refused."""
        if at < self._now:
            raise ValueError(f"cannot go back from {self._now} s to {at} s")
        heappush(self._queue, (at, NORMAL, next(self._eid), entry))
