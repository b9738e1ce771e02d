"""When incidents happen: windows of time that are known before the run starts, and questions about them."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.kernel.streams import Streams


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time: from its start up to, but not including, its end."""

    start_s: float
    end_s: float


def calendar(at_s: float, duration_s: float) -> tuple[Window, ...]:
    """Return the one window that begins at a moment and lasts for a while."""
    return (Window(at_s, at_s + duration_s),)


def renewals(streams: Streams, decision: str, mtbf_s: float, mttr_s: float, horizon_s: float) -> tuple[Window, ...]:
    """Return the windows that begin before the horizon, with exponential times between and during them.

    `mtbf_s` is the mean time from the end of one window to the start of the next, `mttr_s` their mean length.
    """
    windows: list[Window] = []
    now, number = 0.0, 0
    while True:
        start = now - mtbf_s * float(np.log(streams.one(f"{decision}.between", number)))
        if start >= horizon_s:
            return tuple(windows)
        now = start - mttr_s * float(np.log(streams.one(f"{decision}.during", number)))
        windows.append(Window(start, now))
        number += 1


class Timeline:
    """Windows on one line; those that overlap or touch are one."""

    __slots__ = ("ends", "starts")

    def __init__(self, windows: Sequence[Window]) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        for window in sorted(windows, key=lambda w: w.start_s):
            if window.end_s <= window.start_s:
                continue
            if self.ends and window.start_s <= self.ends[-1]:
                self.ends[-1] = max(self.ends[-1], window.end_s)
            else:
                self.starts.append(window.start_s)
                self.ends.append(window.end_s)

    def covers(self, at: float) -> bool:
        """Whether a moment lies in a window."""
        index = bisect_right(self.starts, at) - 1
        return index >= 0 and at < self.ends[index]

    def covering_end(self, at: float) -> float:
        """Return the end of the window that a moment lies in, or the moment itself."""
        index = bisect_right(self.starts, at) - 1
        return self.ends[index] if index >= 0 and at < self.ends[index] else at

    def next_start(self, at: float) -> float:
        """Return the first start after a moment; inf when there is none."""
        index = bisect_right(self.starts, at)
        return self.starts[index] if index < len(self.starts) else float("inf")


class Factor:
    """The product of the factors of the windows that a moment lies in."""

    __slots__ = ("edges", "values")

    def __init__(self, windows: Sequence[tuple[Window, float]]) -> None:
        self.edges = sorted({edge for window, _ in windows for edge in (window.start_s, window.end_s)})
        self.values = [1.0] * (len(self.edges) + 1)
        for index, edge in enumerate(self.edges):
            for window, factor in windows:
                if window.start_s <= edge < window.end_s:
                    self.values[index + 1] *= factor

    def at(self, now: float) -> float:
        """Return the factor at a moment."""
        return self.values[bisect_right(self.edges, now)]
