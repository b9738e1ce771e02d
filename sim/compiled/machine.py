"""The machine: takes one entry of the event heap after the other, and lets flows go on until they wait.

It stops for what it cannot do, such as a draw by address or more room, and goes on where it stood (`engine.py`).
"""

from sim.compiled import calls, checkout, citizen, ec, jobs, psp, steps
from sim.compiled.codes import NOTIFY, RECEIPT
from sim.compiled.ec import receipt_done
from sim.compiled.ending import try_over
from sim.compiled.heap import ASKS, ENDED, FLOW, WAKE, drop_first
from sim.compiled.jit import compiled, entry
from sim.compiled.memory import Memory
from sim.compiled.pools import forget_waiter, heard_of_permit, wake
from sim.compiled.psp import book
from sim.model.run import TOGETHER

MARGIN = 16 * TOGETHER
"""Places that a flow may take of any array before it stops, but for those that wait for a pool or for the job."""


@entry
def advance(w: Memory) -> int:
    """Run up to the next thing that has to be asked for, or to the end."""
    s = w.state[0]
    while not s.error:
        if _short(w):
            return steps.ASK_ROOM
        if s.stacked == 0:
            if s.scheduled == 0:
                break
            _take_first(w)
            continue
        s.stacked -= 1
        f = w.stack[s.stacked]
        pc = w.flows[f].pc
        while pc >= 0:
            pc = _step(w, f, pc)
        if pc == ASKS:
            w.stack[s.stacked] = f
            s.stacked += 1
            return s.asked
        if pc == ENDED:
            _end(w, f)
    return steps.ALL_DONE


@compiled
def _take_first(w: Memory) -> None:
    """Take the first entry of the heap, and let the flow go on that it is about, if there is one."""
    s, first = w.state[0], w.heap[0]
    s.now, kind, slot = first.at, first.kind, first.slot
    drop_first(w)
    if kind == WAKE:
        wake(w, slot)
        return
    if kind != FLOW:
        waiter = slot
        slot = heard_of_permit(w, kind, waiter)
        forget_waiter(w, waiter)
        if slot < 0:
            return
    w.stack[0] = slot
    s.stacked = 1


@compiled
def _short(w: Memory) -> bool:
    """Whether the next flow might need more room than there is."""
    s = w.state[0]
    many = MARGIN + s.pending + s.pool_waiters
    return (
        s.free_flows < many
        or s.free_carts < TOGETHER
        or s.free_tries < 2 * TOGETHER
        or s.free_waiters < MARGIN
        or s.free_places < MARGIN
        or s.scheduled + 2 * many > len(w.heap)
        or s.logged + 2 * many > len(w.log)
        or s.opened + MARGIN > len(w.opened)
        or s.closed + MARGIN > len(w.closed)
        or s.pending + MARGIN > len(w.pending)
        or s.strays + MARGIN > len(w.strays)
        or s.waiting + MARGIN > len(w.waiting)
    )


@compiled
def _end(w: Memory, f: int) -> None:
    """Let go of a flow that is over."""
    s, flow = w.state[0], w.flows[f]
    if flow.beside:
        w.carts[flow.cart].side_flows -= 1
    w.free_flows[s.free_flows] = f
    s.free_flows += 1


@compiled
def _step(w: Memory, f: int, pc: int) -> int:
    """Do one step of a flow and return the next."""
    if pc >= steps.OF_CALLS:
        if pc == steps.CALL_OVER:
            return w.flows[f].answered
        return _late(w, f) if pc == steps.LATE_CALL else calls.step(w, f, pc)
    if pc < steps.OF_CHECKOUT:
        return try_over(w, f) if pc == steps.TRY_OVER else citizen.step(w, f, pc)
    if pc < steps.OF_PSPS:
        return checkout.step(w, f, pc)
    if pc < steps.OF_ECS:
        return psp.step(w, f, pc)
    return ec.step(w, f, pc) if pc < steps.OF_JOBS else jobs.step(w, f, pc)


@compiled
def _late(w: Memory, f: int) -> int:
    """Go on after a call that arrived when the Node had given up: the callee does not know that."""
    called = w.flows[f].called
    w.flows[f].late = False  # what the callee sends from now on is not
    if called == NOTIFY:
        book(w, f)
        return steps.OUTCOME_DUE
    if called == RECEIPT:
        receipt_done(w, f)
    return ENDED
