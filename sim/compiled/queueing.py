"""The kernel of the machine: the event heap, flows, stations and pools. It knows nothing of payments.

Each function is what the one of the same name in `sim.kernel` is, over arrays (`clock.py`, `station.py`, `pool.py`,
`incidents.py`); entries of the heap are made in the same order, since of those at one moment the first is the first.
"""

from math import inf

import numpy as np

from sim.compiled.jit import compiled, numbers
from sim.compiled.memory import Memory

FLOW, WAKE, GRANTED, IMPATIENT, DECIDED = numbers(range(5))
"""Entries of the heap: a flow goes on; a pool wakes up; somebody who waits for a permit hears whether there is one, has
waited as long as its caller listens, or goes on after the first of the two."""
SERVED, GAVE_UP, REFUSED, QUEUED = numbers(range(4))
"""Lines of the log."""
SUSPENDED, ENDED, ASKS, NESTED = numbers(range(-1, -5, -1))
"""What a step returns instead of the next: the flow waits; is over; asks for a draw; lets others begin first."""
BACKWARDS, MOVE, SECOND_TOKEN, NOTIFICATIONS, OUTCOME_MOVED = numbers(range(1, 6))
BUGS = {
    BACKWARDS: "the clock went back",
    MOVE: "a status moved where the tables do not allow it",
    SECOND_TOKEN: "a second token is open for the notice",
    NOTIFICATIONS: "not one notification of a closed cart",
    OUTCOME_MOVED: "a refused outcome changed a status",
}
"""Bugs of the program that stop a run."""


@compiled
def enter(w: Memory, at: float, kind: int, slot: int) -> None:
    """Put an entry into the event heap."""
    s, heap = w.state[0], w.heap
    if at < s.now:
        s.error = BACKWARDS
    here, number = s.scheduled, s.entries
    s.scheduled += 1
    s.entries += 1
    while here > 0:
        above = (here - 1) >> 1
        if heap[above].at <= at:
            break
        heap[here] = heap[above]
        here = above
    heap[here].at = at
    heap[here].number = number
    heap[here].kind = kind
    heap[here].slot = slot


@compiled
def drop_first(w: Memory) -> None:
    """Take the first entry out of the event heap."""
    s, heap = w.state[0], w.heap
    s.scheduled -= 1
    size = s.scheduled
    if size == 0:
        return
    at, number, here = heap[size].at, heap[size].number, 0
    while True:
        below = 2 * here + 1
        if below >= size:
            break
        other = below + 1
        if other < size and (
            heap[other].at < heap[below].at
            or (heap[other].at == heap[below].at and heap[other].number < heap[below].number)
        ):
            below = other
        if at < heap[below].at or (at == heap[below].at and number < heap[below].number):
            break
        heap[here] = heap[below]
        here = below
    heap[here] = heap[size]


# --- flows -----------------------------------------------------------------------------------------------------------


@compiled
def flow_of(w: Memory, cart: int, attempt: int, pc: int) -> int:
    """Return a new flow."""
    s = w.state[0]
    s.free_flows -= 1
    f = w.free_flows[s.free_flows]
    flow = w.flows[f]
    flow.pc, flow.cart, flow.attempt, flow.notice = pc, cart, attempt, -1
    flow.main = flow.beside = flow.listens = flow.late = False
    return f


@compiled
def fork(w: Memory, f: int, pc: int) -> int:
    """Return a flow beside the cart's own that knows what this one knows."""
    s = w.state[0]
    s.free_flows -= 1
    g = w.free_flows[s.free_flows]
    w.flows[g] = w.flows[f]
    flow = w.flows[g]
    flow.pc, flow.main, flow.listens, flow.beside = pc, False, False, True
    w.carts[flow.cart].side_flows += 1
    return g


@compiled
def begin(w: Memory, f: int, pc: int, g: int) -> int:
    """Let another flow run up to where it first waits, before this one goes on at `pc`."""
    s = w.state[0]
    w.flows[f].pc = pc
    w.stack[s.stacked] = f
    w.stack[s.stacked + 1] = g
    s.stacked += 2
    return NESTED


@compiled
def wait(w: Memory, f: int, at: float, pc: int) -> int:
    """Let a flow go on at a moment; if its caller will not listen any more then, the rest is a flow of its own."""
    flow = w.flows[f]
    if flow.listens and at > flow.until:
        enter(w, at, FLOW, fork(w, f, pc))
        return unheard(w, f)
    flow.pc = pc
    enter(w, at, FLOW, f)
    return SUSPENDED


@compiled
def unheard(w: Memory, f: int) -> int:
    """Let the caller of a call to the Node go on without an answer."""
    flow = w.flows[f]
    flow.listens, flow.reply, flow.known, flow.todo = False, 0, flow.gives_up, False
    return flow.heard


# --- incidents -------------------------------------------------------------------------------------------------------


@compiled
def _after(w: Memory, lo: int, hi: int, at: float) -> int:
    """Return the first window from `lo` on that starts after a moment."""
    while lo < hi:
        middle = (lo + hi) >> 1
        if w.windows[middle].start <= at:
            lo = middle + 1
        else:
            hi = middle
    return lo


@compiled
def covering_end(w: Memory, lo: int, hi: int, at: float) -> float:
    """Return the end of the window that a moment lies in, or the moment itself."""
    index = _after(w, lo, hi, at) - 1
    return w.windows[index].end if index >= lo and at < w.windows[index].end else at


@compiled
def covers(w: Memory, lo: int, hi: int, at: float) -> bool:
    """Whether a moment lies in a window."""
    index = _after(w, lo, hi, at) - 1
    return index >= lo and at < w.windows[index].end


@compiled
def factor_at(w: Memory, lo: int, hi: int, at: float) -> float:
    """Return the factor at a moment: `factors` has, from `lo` on, one value before each edge and one after them all.

    The edges are at the places of the values that follow them.
    """
    first, last = lo + 1, hi
    while first < last:
        middle = (first + last) >> 1
        if w.edges[middle] <= at:
            first = middle + 1
        else:
            last = middle
    return w.factors[first - 1]


# --- what happened ---------------------------------------------------------------------------------------------------


@compiled
def note(w: Memory, occupancy: int, kind: int, asked: float, start: float, end: float) -> None:
    """Write a line of the log."""
    s = w.state[0]
    line = w.log[s.logged]
    line.occupancy, line.kind, line.asked, line.start, line.end = occupancy, kind, asked, start, end
    s.logged += 1


# --- stations --------------------------------------------------------------------------------------------------------


@compiled
def _replace_first(values, at, size, value) -> None:  # type: ignore[no-untyped-def]
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
        note(w, station.occupancy, REFUSED, now, now, now)
        return False, now, now, False
    end, killed = start + service_s, False
    if station.kill_hi > station.kill_lo:
        stops = _after(w, station.kill_lo, station.kill_hi, start)
        if stops < station.kill_hi and end > w.windows[stops].start:
            end, killed = w.windows[stops].start, True
    if not station.unlimited:
        _replace_first(w.free, station.free_at, station.free, end)
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
        s.queued -= 1


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
    s.queued += 1
    note(w, station.occupancy, QUEUED, now, float(station.waiting), now)


# --- pools -----------------------------------------------------------------------------------------------------------


@compiled
def acquire(w: Memory, number: int, f: int) -> int:
    """Take a permit: 1 at once, 0 if refused, -1 if the flow has to wait for one as `FLOW.waiter`."""
    s, pool = w.state[0], w.pools[number]
    now = s.now
    _settle(w, number, now)
    if pool.free > 0:
        pool.free -= 1
        return 1
    full = pool.queue_limit >= 0 and pool.waiting >= pool.queue_limit
    if pool.permits == 0 or full or pool.wait_limit_s == 0.0:
        note(w, pool.occupancy, REFUSED, now, now, now)
        return 0
    s.free_waiters -= 1
    number_of = w.free_waiters[s.free_waiters]
    waiter = w.waiters[number_of]
    waiter.flow, waiter.asked, waiter.entries = f, now, 0
    waiter.triggered = waiter.granted = waiter.raced = waiter.decided = waiter.consumed = False
    if pool.waiting > 0:
        w.waiters[pool.tail].next = number_of
    else:
        pool.head = number_of
    pool.tail = number_of
    pool.waiting += 1
    s.pool_waiters += 1
    w.flows[f].waiter = number_of
    note(w, pool.occupancy, QUEUED, now, float(pool.waiting), now)
    _plan(w, number)
    return -1


@compiled
def await_permit(w: Memory, f: int, pc: int) -> int:
    """Let a flow go on when it hears of its permit, raced against its caller's patience if it has one."""
    s, flow = w.state[0], w.flows[f]
    flow.pc = pc
    if flow.listens:
        waiter = w.waiters[flow.waiter]
        waiter.raced = True
        waiter.entries += 1
        enter(w, s.now + max(flow.until - s.now, 0.0), IMPATIENT, flow.waiter)
    return SUSPENDED


@compiled
def heard_of_permit(w: Memory, kind: int, number: int) -> int:
    """Act on an entry about a waiter: return the flow that goes on now, or -1."""
    waiter = w.waiters[number]
    waiter.entries -= 1
    goes_on = -1
    if kind == GRANTED and not waiter.raced and not waiter.consumed:
        waiter.consumed = True
        goes_on = waiter.flow
    elif kind != DECIDED and waiter.raced and not waiter.decided:
        waiter.decided = True
        waiter.entries += 1
        enter(w, w.state[0].now, DECIDED, number)
    elif kind == DECIDED and waiter.triggered:
        waiter.consumed = True
        goes_on = waiter.flow
    elif kind == DECIDED:  # nobody listens any more: the rest waits in a flow of its own
        goes_on = waiter.flow
        waiter.flow = fork(w, goes_on, w.flows[goes_on].pc)
        waiter.raced = False
        w.flows[goes_on].pc = unheard(w, goes_on)
    return goes_on


@compiled
def forget_waiter(w: Memory, number: int) -> None:
    """Use a waiter's place again once nothing refers to it."""
    s, waiter = w.state[0], w.waiters[number]
    if waiter.consumed and waiter.entries == 0:
        w.free_waiters[s.free_waiters] = number
        s.free_waiters += 1


@compiled
def release_at(w: Memory, number: int, at: float, asked: float, since: float) -> None:
    """Give a permit back at a moment, now or later."""
    pool = w.pools[number]
    note(w, pool.occupancy, SERVED, asked, since, at)
    lo, here = pool.returning_at, pool.returning
    pool.returning += 1
    while here > 0:
        above = (here - 1) >> 1
        if w.returning[lo + above] <= at:
            break
        w.returning[lo + here] = w.returning[lo + above]
        here = above
    w.returning[lo + here] = at
    _plan(w, number)


@compiled
def _settle(w: Memory, number: int, now: float) -> None:
    """Take back what is due by now, give it to those who wait, and send away those who have waited too long."""
    s, pool = w.state[0], w.pools[number]
    lo = pool.returning_at
    while pool.returning > 0 and w.returning[lo] <= now:
        pool.returning -= 1
        if pool.returning > 0:
            _replace_first(w.returning, lo, pool.returning, w.returning[lo + pool.returning])
        pool.free += 1
    while pool.waiting > 0:
        first = pool.head
        waiter = w.waiters[first]
        if pool.free > 0:
            pool.free -= 1
            waiter.granted = True
        elif waiter.asked + pool.wait_limit_s <= now:  # NaN, which is no limit, compares false
            note(w, pool.occupancy, GAVE_UP, waiter.asked, now, now)
        else:
            return
        waiter.triggered = True
        waiter.entries += 1
        enter(w, now, GRANTED, first)
        pool.head = waiter.next
        pool.waiting -= 1
        s.pool_waiters -= 1


@compiled
def _plan(w: Memory, number: int) -> None:
    """Have the pool wake up when the first waiter can be served or has waited too long."""
    s, pool = w.state[0], w.pools[number]
    if pool.waiting == 0:
        return
    due = w.returning[pool.returning_at] if pool.returning > 0 else inf
    if pool.wait_limit_s == pool.wait_limit_s:
        due = min(due, w.waiters[pool.head].asked + pool.wait_limit_s)
    if due < pool.wakes_at:
        pool.wakes_at = max(due, s.now)
        enter(w, pool.wakes_at, WAKE, number)


@compiled
def wake(w: Memory, number: int) -> None:
    """Wake a pool up, unless an earlier wake-up has taken this one's place."""
    now, pool = w.state[0].now, w.pools[number]
    if now != pool.wakes_at:
        return
    pool.wakes_at = inf
    _settle(w, number, now)
    _plan(w, number)
