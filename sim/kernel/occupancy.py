"""Exact integrals over time bins of how many calls are in service and how many wait.

A call adds a step up where it begins to wait or to be served and a step down where that ends. What is kept per bin is
the number of steps and the area that they cover until the bin's end, so the integrals are exact and no call is kept.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_TOGETHER = 2048


class _Level:
    """A step function of time, integrated over bins."""

    def __init__(self, bin_s: float) -> None:
        self.bin_s = bin_s
        self.steps = np.zeros(0)
        self.area = np.zeros(0)

    def add(self, at: Array, height: float | Array) -> None:
        """Step up by `height`, or by each of so many heights, at the moments `at`."""
        if not len(at):
            return
        bins = (at / self.bin_s).astype(np.int64)
        size = max(len(self.steps), int(bins.max()) + 1)
        rest = (bins + 1) * self.bin_s - at
        heights = np.broadcast_to(height, at.shape)
        self.steps = _padded(self.steps, size) + np.bincount(bins, weights=heights, minlength=size)
        self.area = _padded(self.area, size) + np.bincount(bins, weights=heights * rest, minlength=size)

    def before(self, bins: int) -> Array:
        """Return the level at the start of each bin."""
        return np.concatenate([[0.0], np.cumsum(_padded(self.steps, bins))])[:bins]

    def integral(self, bins: int) -> Array:
        """Return the area under the function in each bin."""
        return _padded(self.area, bins)[:bins] + self.before(bins) * self.bin_s

    def integral_of(self, number: int, up: Sequence[float] = (), down: Sequence[float] = ()) -> float:
        """Return the area in one bin, with steps up and down that have not been added yet."""
        end_s = (number + 1) * self.bin_s
        area = float(self.steps[:number].sum()) * self.bin_s + float(self.area[number : number + 1].sum())
        added, taken = (np.clip(end_s - np.array(at), 0.0, self.bin_s).sum() for at in (up, down))
        return area + float(added - taken)


def _padded(values: Array, size: int) -> Array:
    return values if len(values) >= size else np.concatenate([values, np.zeros(size - len(values))])


class Bin(NamedTuple):
    """The integrals over one time bin; the capacity is NaN where it is unlimited."""

    busy_s: float
    waiting_s: float
    capacity_s: float


class Occupancy:
    """Calls of one station or pool, or of several that are reported as one."""

    def __init__(self, bin_s: float = 60.0) -> None:
        self.bin_s = bin_s
        self._asked: list[float] = []
        self._from: list[float] = []
        self._until: list[float] = []
        self._waits_from: list[float] = []
        self._waits_until: list[float] = []
        self._arrivals = _Level(bin_s)
        self._busy = _Level(bin_s)
        self._waiting = _Level(bin_s)
        self._refused: dict[int, int] = {}
        self._longest: dict[int, int] = {}
        self._capacity = _Level(bin_s)
        self._unlimited = False
        self._changes: list[tuple[float, int]] = []

    def serve(self, asked: float, start: float, end: float) -> None:
        """Note a call that asked, was served from `start`, and ended."""
        self._asked.append(asked)
        self._from.append(start)
        self._until.append(end)
        if start > asked:
            self._waits_from.append(asked)
            self._waits_until.append(start)
        if len(self._asked) >= _TOGETHER:
            self._integrate()

    def gave_up(self, asked: float, until: float) -> None:
        """Note a call that waited in vain: it arrived when it asked and is refused when it stops waiting."""
        self._waits_from.append(asked)
        self._waits_until.append(until)
        self._refuse(asked, until)

    def refuse(self, now: float) -> None:
        """Note a call that was refused when it arrived."""
        self._refuse(now, now)

    def _refuse(self, asked: float, at: float) -> None:
        self._asked.append(asked)
        index = int(at / self.bin_s)
        self._refused[index] = self._refused.get(index, 0) + 1
        if len(self._asked) >= _TOGETHER:
            self._integrate()

    def extend(self, asked: Array, until: Array, end: Array, served: Array) -> None:
        """Note many calls at once, in order, as `serve`, `gave_up` and `refuse` note one; all of shape (n,).

        A call that was `served` was so from `until` to `end`; any other was refused at `until`, when it arrived or had
        waited in vain.
        """
        for at, count in zip(*np.unique(self._bins(until[~served]), return_counts=True), strict=True):
            self._refused[int(at)] = self._refused.get(int(at), 0) + int(count)
        waited = until > asked
        first = 0
        while first < len(asked):
            part = slice(first, first + _TOGETHER - len(self._asked))
            taken, had_waited = served[part], waited[part]
            self._asked.extend(asked[part].tolist())
            self._from.extend(until[part][taken].tolist())
            self._until.extend(end[part][taken].tolist())
            self._waits_from.extend(asked[part][had_waited].tolist())
            self._waits_until.extend(until[part][had_waited].tolist())
            if len(self._asked) >= _TOGETHER:
                self._integrate()
            first = part.stop

    def queues(self, now: Array, lengths: Array) -> None:
        """Note many lengths of the queue at once, as `queue` notes one."""
        bins, place = np.unique(self._bins(now), return_inverse=True)
        longest = np.zeros(len(bins))
        np.maximum.at(longest, place, lengths)
        for at, length in zip(bins.tolist(), longest.tolist(), strict=True):
            self._longest[at] = max(self._longest.get(at, 0), int(length))

    def _bins(self, at: Array) -> Array:
        bins: Array = (at / self.bin_s).astype(np.int64)
        return bins

    def queue(self, now: float, length: int) -> None:
        """Note the length of the queue after somebody joined it."""
        at = int(now / self.bin_s)
        if length > self._longest.get(at, 0):
            self._longest[at] = length

    def capacity(self, at: float, change: int | None) -> None:
        """Note workers that come or go, None for an unlimited number; one who goes may still finish a call."""
        if change is None:
            self._unlimited = True
        else:
            self._changes.append((at, change))

    def _limit(self) -> _Level | None:
        """Return the capacity with all changes so far, None if it is unlimited."""
        if self._changes:
            at, changes = np.array(self._changes, dtype=float).T
            self._capacity.add(at, changes)
            self._changes.clear()
        return None if self._unlimited else self._capacity

    def _integrate(self) -> None:
        for level, begins, ends in (
            (self._busy, self._from, self._until),
            (self._waiting, self._waits_from, self._waits_until),
        ):
            level.add(np.array(begins), 1.0)
            level.add(np.array(ends), -1.0)
            begins.clear()
            ends.clear()
        self._arrivals.add(np.array(self._asked), 1.0)
        self._asked.clear()

    def bin(self, number: int, waiting_since: Sequence[float] = ()) -> Bin:
        """Return one bin as it is known so far, for somebody who looks in after its end: nothing is added up for that.

        `waiting_since` has the waits that began at those moments and have not been noted, since they have not ended.
        What a table will say differs by nothing but rounding, since sums are taken in another order.
        """
        limit = self._limit()
        return Bin(
            self._busy.integral_of(number, self._from, self._until),
            self._waiting.integral_of(number, [*self._waits_from, *waiting_since], self._waits_until),
            float("nan") if limit is None else limit.integral_of(number),
        )

    @property
    def refused(self) -> int:
        """Calls refused so far."""
        return sum(self._refused.values())

    def table(self, until_s: float) -> dict[str, Array]:
        """Return one value per bin up to a moment; names and meanings as in the records of stations."""
        self._integrate()
        limit = self._limit()
        bins = max(1, int(np.ceil(until_s / self.bin_s)))
        refused = np.array([self._refused.get(at, 0) for at in range(bins)], dtype=np.int64)
        arrived = np.rint(_padded(self._arrivals.steps, bins)[:bins]).astype(np.int64)
        return {
            "bin_start_s": np.arange(bins) * self.bin_s,
            "arrivals": arrived,
            "refused": refused,
            "busy_s": self._busy.integral(bins),
            "waiting_s": self._waiting.integral(bins),
            "queue_max": self._queue_max(bins),
            "capacity_s": np.full(bins, np.nan) if limit is None else limit.integral(bins),
        }

    def _queue_max(self, bins: int) -> Array:
        """Return the longest queue per bin: as somebody joined it, or as the bin before left it.

        What several stations that are reported as one left behind is known only as their sum; none of them left more
        than that, nor more than the longest of the bin before.
        """
        longest, last = np.zeros(bins, dtype=np.int64), 0
        for at, left in enumerate(np.rint(self._waiting.before(bins)).astype(np.int64).tolist()):
            last = max(self._longest.get(at, 0), min(left, last))
            longest[at] = last
        return longest
