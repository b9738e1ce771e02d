"""Stations, solved when a call arrives: what `sim.kernel.station` is, over arrays."""

from math import inf

import numpy as np

from sim.compiled.incidents import after, covering_end
from sim.compiled.jit import compiled, numbers
from sim.compiled.memory import Memory

SERVED, GAVE_UP, REFUSED_CALL, QUEUED = numbers(range(4))
"""Lines of the log."""


@compiled
def note(w: Memory, occupancy: int, kind: int, asked: float, start: float, end: float) -> None:
    """Write a line of the log."""
    s = w.state[0]
    line = w.log[s.logged]
    line.occupancy, line.kind, line.asked, line.start, line.end = occupancy, kind, asked, start, end
    s.logged += 1


@compiled
def replace_first(values, at, size, value) -> None:  # type: ignore[no-untyped-def]
    """Replace the least of a heap."""
    here = 0
    while True:
        below = 2 * here + 1
        if below >= size:
            break
        if below + 1 < size and values[at + below + 1] < values[at + below]:
            below += 1
        if value <= values[at + below]:
            break
        values[at + here] = values[at + below]
        here = below
    values[at + here] = value


@compiled
def up_from(w: Memory, station: int, at: float) -> float:
    """Return the end of the outage of a station that a moment lies in, or the moment itself."""
    return covering_end(w, w.stations[station].down_lo, w.stations[station].down_hi, at)


@compiled
def submit(w: Memory, number: int, now: float, service_s: float) -> tuple[bool, float, float, bool]:
    """Take a call: whether it was taken, when its service starts and ends, and whether an outage killed it."""
    station = w.stations[number]
    if station.planned:
        start = _start(w, number, now)
    elif station.unlimited:
        start = now
    elif station.free == 0:
        start = inf
    else:
        start = max(now, w.free[station.free_at])
    if start == inf or (start > now and _queue_is_full(w, number, now)):
        note(w, station.occupancy, REFUSED_CALL, now, now, now)
        return False, now, now, False
    end, killed = start + service_s, False
    if station.kill_hi > station.kill_lo:
        stops = after(w, station.kill_lo, station.kill_hi, start)
        if stops < station.kill_hi and end > w.windows[stops].start:
            end, killed = w.windows[stops].start, True
    if not station.unlimited:
        replace_first(w.free, station.free_at, station.free, end)
    if start > now:
        _enqueue(w, number, now, start)
    note(w, station.occupancy, SERVED, now, start, end)
    return True, start, end, killed


@compiled
def _start(w: Memory, number: int, now: float) -> float:
    """Return when a worker is free for a call that arrives now, having applied all changes up to then."""
    station = w.stations[number]
    while True:
        start = now
        if not station.unlimited:
            start = max(now, w.free[station.free_at]) if station.free else inf
        start = covering_end(w, station.down_lo, station.down_hi, start)
        if station.change == station.change_end or w.change_at[station.change] > start:
            return start
        _change(w, number, w.change_at[station.change], w.change_workers[station.change])
        station.change += 1


@compiled
def _change(w: Memory, number: int, at: float, workers: int) -> None:
    """Keep so many workers: the idle leave first, then whoever ends first, unless called back before that."""
    station = w.stations[number]
    lo, busy = station.free_at, 0
    ends = np.empty(station.free + station.leaving)
    for place in range(station.free + station.leaving):
        end = w.free[lo + place] if place < station.free else w.leaving[lo + place - station.free]
        if end > at:
            here = busy
            while here > 0 and ends[here - 1] > end:
                ends[here] = ends[here - 1]
                here -= 1
            ends[here] = end
            busy += 1
    too_many, idle = max(0, busy - workers), max(0, workers - busy)
    for place in range(too_many):
        w.leaving[lo + place] = ends[place]
    for place in range(workers):
        w.free[lo + place] = at if place < idle else ends[too_many + place - idle]
    station.leaving, station.free = too_many, workers


@compiled
def _queue_is_full(w: Memory, number: int, now: float) -> bool:
    station = w.stations[number]
    if station.queue_limit < 0:
        return False
    _leave(w, number, now)
    return station.waiting >= station.queue_limit


@compiled
def _leave(w: Memory, number: int, now: float) -> None:
    s, station = w.state[0], w.stations[number]
    while station.waiting > 0 and w.places[station.head].at <= now:
        first = station.head
        station.head = w.places[first].next
        station.waiting -= 1
        w.free_places[s.free_places] = first
        s.free_places += 1


@compiled
def _enqueue(w: Memory, number: int, now: float, start: float) -> None:
    s, station = w.state[0], w.stations[number]
    _leave(w, number, now)
    s.free_places -= 1
    place = w.free_places[s.free_places]
    w.places[place].at = start
    if station.waiting > 0:
        w.places[station.tail].next = place
    else:
        station.head = place
    station.tail = place
    station.waiting += 1
    note(w, station.occupancy, QUEUED, now, float(station.waiting), now)
