"""A pool: a limited number of permits, held while somebody else works, with FIFO waiters.

The end of a hold is not known when the permit is taken. It is announced later, as a moment that may lie in the
future: a permit that nobody waits for costs no event when it comes back, and an exhausted pool costs one wake-up.
"""

from collections import deque
from heapq import heappop, heappush
from math import inf

from simpy.events import Event

from sim.kernel.clock import Clock, Steps
from sim.kernel.occupancy import Occupancy


class Pool:
    """Permits with a FIFO queue, bounded in length and in waiting time.

    Of things that happen at one moment, permits come back first, then those who wait are served, then newcomers ask.
    """

    def __init__(
        self,
        clock: Clock,
        name: str,
        size: int,
        *,
        queue_limit: int | None = None,
        wait_limit_s: float | None = None,
        occupancy: Occupancy | None = None,
    ) -> None:
        self.clock = clock
        self.name = name
        self.size = size
        self.queue_limit = queue_limit
        self.wait_limit_s = wait_limit_s
        self.occupancy = occupancy or Occupancy()
        self.occupancy.capacity(0.0, size)
        self._free = size
        self._returning: list[float] = []
        self._waiters: deque[tuple[Event, float]] = deque()
        self._wakes_at = inf

    @property
    def waiting_since(self) -> list[float]:
        """When each of those who wait now asked."""
        return [asked for _, asked in self._waiters]

    def acquire(self) -> bool | Event:
        """Take a permit: True at once, False if refused, or an event whose value says which, later."""
        now = self.clock.now
        self._settle(now)
        if self._free:
            self._free -= 1
            return True
        full = self.queue_limit is not None and len(self._waiters) >= self.queue_limit
        if self.size == 0 or full or self.wait_limit_s == 0:
            self.occupancy.refuse(now)
            return False
        event = self.clock.event()
        self._waiters.append((event, now))
        self.occupancy.queue(now, len(self._waiters))
        self._plan()
        return event

    def release_at(self, at: float, asked: float, since: float) -> None:
        """Give a permit back at a moment, now or later; it was asked for and held since the moments given."""
        self.occupancy.serve(asked, since, at)
        heappush(self._returning, at)
        self._plan()

    def _settle(self, now: float) -> None:
        """Take back what is due by now, give it to those who wait, and send away those who have waited too long."""
        while self._returning and self._returning[0] <= now:
            heappop(self._returning)
            self._free += 1
        while self._waiters:
            event, asked = self._waiters[0]
            if self._free:
                self._free -= 1
                event.succeed(True)
            elif self.wait_limit_s is not None and asked + self.wait_limit_s <= now:
                self.occupancy.gave_up(asked, now)
                event.succeed(False)
            else:
                return
            self._waiters.popleft()

    def _plan(self) -> None:
        """Have the pool wake up when the first waiter can be served or has waited too long."""
        if not self._waiters:
            return
        due = self._returning[0] if self._returning else inf
        if self.wait_limit_s is not None:
            due = min(due, self._waiters[0][1] + self.wait_limit_s)
        if due < self._wakes_at:
            self._wakes_at = max(due, self.clock.now)
            self.clock.start(self._wake(self._wakes_at), self._wakes_at)

    def _wake(self, at: float) -> Steps:
        yield from ()
        if at != self._wakes_at:
            return  # an earlier wake-up has taken its place
        self._wakes_at = inf
        self._settle(at)
        self._plan()
