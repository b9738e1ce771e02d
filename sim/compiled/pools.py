"""Pools of permits with FIFO waiters: what `sim.kernel.pool` is, over arrays."""

from math import inf

from sim.compiled.heap import DECIDED, GRANTED, IMPATIENT, SUSPENDED, WAKE, enter, fork, unheard
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory
from sim.compiled.stations import GAVE_UP, QUEUED, REFUSED_CALL, SERVED, note, replace_first


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
        note(w, pool.occupancy, REFUSED_CALL, now, now, now)
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
            replace_first(w.returning, lo, pool.returning, w.returning[lo + pool.returning])
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
