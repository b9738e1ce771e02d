"""A station: a FIFO queue in front of workers, solved when a call arrives.

The service time is known on arrival and capacity is known in advance, so start and end of the call are known at once
and waiting costs no event. Exact for FIFO provided that calls arrive in order of time. Workers come and go by a
schedule: a busy one leaves when its call ends. No call starts in an outage; calls in service when it begins are
finished, or killed if its policy says so.
"""

from collections import deque
from collections.abc import Callable, Sequence
from heapq import heapreplace
from operator import itemgetter

from sim.kernel.incidents import Timeline, Window
from sim.kernel.occupancy import Occupancy


class Station:
    """Workers with one FIFO queue.

    `workers` None means unlimited or, with a schedule, none until its first change. `queue_limit` counts admitted calls
    that have not started. `schedule` lists (moment, workers from then on). `outages` lists (window, whether it kills
    calls in service). A call that no worker would ever take is refused. Of things that happen at one moment, arrivals
    are last. Stations that share an `occupancy` are reported as one. `free` has the times at which workers become free,
    `changes` those of the schedule that are to come, `down` and `kills` the outages; another engine starts from them.
    """

    def __init__(
        self,
        name: str,
        workers: int | None,
        *,
        queue_limit: int | None = None,
        schedule: Sequence[tuple[float, int]] = (),
        outages: Sequence[tuple[Window, bool]] = (),
        occupancy: Occupancy | None = None,
    ) -> None:
        self.name = name
        self.queue_limit = queue_limit
        self.occupancy = occupancy or Occupancy()
        self._waiting: deque[float] = deque()
        self.free: list[float] = [0.0] * (workers or 0)
        self._leaving: list[float] = []
        self.changes = deque(sorted(schedule, key=itemgetter(0)))
        self.down = Timeline([window for window, _ in outages])
        self.kills = Timeline([window for window, kills in outages if kills])
        limited = workers is not None or bool(schedule)
        self._note_capacity((workers or 0) if limited else None)
        self.submit: Callable[[float, float], tuple[float, float, bool] | None]
        """Take a call that arrives now and needs so many seconds of a worker; return when its service starts and
        ends and whether an outage killed it, or None when the call is refused."""
        self.unlimited = not limited
        if outages or schedule:
            self.submit = self._planned
        else:
            self.submit = self._plain if limited else self._at_once
        self.any_order = not (limited or outages)
        """Whether calls may be submitted in any order of time: no call can wait, so none can see another."""

    def up_from(self, at: float) -> float:
        """Return the end of the outage that a moment lies in, or the moment itself."""
        return self.down.covering_end(at)

    def _note_capacity(self, workers: int | None) -> None:
        self.occupancy.capacity(0.0, workers)
        level = workers or 0
        for at, count in self.changes:
            self.occupancy.capacity(at, count - level)
            level = count

    def _at_once(self, now: float, service_s: float) -> tuple[float, float, bool]:
        end = now + service_s
        self.occupancy.serve(now, now, end)
        return now, end, False

    def _plain(self, now: float, service_s: float) -> tuple[float, float, bool] | None:
        free = self.free
        if free and free[0] <= now:
            end = now + service_s
            heapreplace(free, end)
            self.occupancy.serve(now, now, end)
            return now, end, False
        if not free or self._queue_is_full(now):
            self.occupancy.refuse(now)
            return None
        start = free[0]
        end = start + service_s
        heapreplace(free, end)
        self._enqueue(now, start)
        self.occupancy.serve(now, start, end)
        return start, end, False

    def _planned(self, now: float, service_s: float) -> tuple[float, float, bool] | None:
        start = self._start(now)
        if start == float("inf") or (start > now and self._queue_is_full(now)):
            self.occupancy.refuse(now)
            return None
        end, killed = start + service_s, False
        stops = self.kills.next_start(start)
        if end > stops:
            end, killed = stops, True
        if not self.unlimited:
            heapreplace(self.free, end)
        if start > now:
            self._enqueue(now, start)
        self.occupancy.serve(now, start, end)
        return start, end, killed

    def _start(self, now: float) -> float:
        """Return when a worker is free for a call that arrives now, having applied all changes up to then."""
        while True:
            start = now if self.unlimited else max(now, self.free[0]) if self.free else float("inf")
            start = self.down.covering_end(start)
            if not self.changes or self.changes[0][0] > start:
                return start
            self._change(*self.changes.popleft())

    def _change(self, at: float, workers: int) -> None:
        """Keep so many workers: the idle leave first, then whoever ends first, unless called back before that."""
        busy = sorted(end for end in self.free + self._leaving if end > at)
        too_many = max(0, len(busy) - workers)
        self._leaving = busy[:too_many]
        self.free = [at] * max(0, workers - len(busy)) + busy[too_many:]

    def _queue_is_full(self, now: float) -> bool:
        if self.queue_limit is None:
            return False
        self._leave(now)
        return len(self._waiting) >= self.queue_limit

    def _leave(self, now: float) -> None:
        waiting = self._waiting
        while waiting and waiting[0] <= now:
            waiting.popleft()

    def _enqueue(self, now: float, start: float) -> None:
        self._leave(now)
        self._waiting.append(start)
        self.occupancy.queue(now, len(self._waiting))
