"""What a station must do, written as its definition: slow, and without any trick.

A call starts at the first moment from its arrival and from the start of the call before it at which fewer calls are in
service than there are workers, and no outage is on. Those moments can only be an arrival, a start, an end, a change
of workers or the end of an outage, so all of them are tried.
"""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True)
class Plan:
    """A station: workers (None: unlimited), changes of workers, outages (start, end, kills), queue limit."""

    workers: int | None
    schedule: tuple[tuple[float, int], ...] = ()
    outages: tuple[tuple[float, float, bool], ...] = ()
    queue_limit: int | None = None

    def workers_at(self, at):
        """Return how many workers there are; the last change of those up to a moment counts."""
        found = 0 if self.workers is None and self.schedule else self.workers
        for moment, workers in self.schedule:
            if moment <= at:
                found = workers
        return inf if found is None else found

    def is_down(self, at):
        """Whether an outage is on."""
        return any(start <= at < end for start, end, _ in self.outages)


def served(plan, calls):
    """Return (start, end, killed), or None for a refusal, of each call (arrival, service), in order of arrival."""
    results = []
    for now, service in calls:
        taken = [result for result in results if result is not None]
        start = _start(plan, now, taken)
        waiting = sum(1 for other, _, _ in taken if other > now)
        full = plan.queue_limit is not None and waiting >= plan.queue_limit
        if start == inf or (start > now and full):
            results.append(None)
            continue
        kills = [at for at, until, kill in plan.outages if kill and start < at < start + service and until > at]
        results.append((start, min(kills, default=start + service), bool(kills)))
    return results


def _start(plan, now, taken):
    earliest = max([now, *(start for start, _, _ in taken)])
    moments = {earliest, *(end for _, end, _ in taken)}
    moments |= {at for at, _ in plan.schedule} | {end for _, end, _ in plan.outages}
    for at in sorted(moment for moment in moments if moment >= earliest):
        busy = sum(1 for start, end, _ in taken if start <= at < end)
        if busy < plan.workers_at(at) and not plan.is_down(at):
            return at
    return inf
