"""The event heap and the flows that it resumes: what `sim.kernel.clock` is, over arrays.

Entries are made in the same order as the SimPy model makes them, since of those at one moment the first is the first.
"""

from sim.compiled.jit import compiled, numbers
from sim.compiled.memory import Memory

FLOW, WAKE, GRANTED, IMPATIENT, DECIDED = numbers(range(5))
"""Entries of the heap: a flow goes on; a pool wakes up; somebody who waits for a permit hears whether there is one, has
waited as long as its caller listens, or goes on after the first of the two."""
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


@compiled
def asks(w: Memory, f: int, what: int, pc: int) -> int:
    """Stop for a draw, and go on at `pc` when it is there."""
    w.flows[f].pc = pc
    w.state[0].asked = what
    return ASKS
