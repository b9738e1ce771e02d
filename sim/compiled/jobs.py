"""The Node's periodic jobs and the harvest of carts that are over: what `sim.model.jobs` is, over arrays."""

from math import isnan

from sim.compiled import steps
from sim.compiled.checkout import cancelled, send_payment_result
from sim.compiled.codes import (
    ABANDONED,
    ACTIVATION_FAILED,
    CLOSE_LATE,
    CLOSE_NOT_DELIVERED,
    KO,
    MISSING_ACCEPTED,
    MISSING_UNKNOWN,
    NODE,
    OK,
)
from sim.compiled.ec import receipt
from sim.compiled.ending import finish, is_over, no_room
from sim.compiled.expiry import awaits_jobs, drop_expired, expire_closed, expire_strays, expire_unclosed
from sim.compiled.heap import ENDED, FLOW, SUSPENDED, asks, enter
from sim.compiled.jit import compiled
from sim.compiled.ledger import send_again
from sim.compiled.memory import Memory
from sim.compiled.stations import up_from


@compiled
def step(w: Memory, f: int, pc: int) -> int:
    """Do one step of a job and return the next."""
    if pc == steps.SWEEP:
        return _sweep(w, f)
    if pc == steps.HARVEST:
        return _harvest(w, f)
    if pc == steps.SWEPT:
        return asks(w, f, steps.ASK_LOOK, steps.JOB_DONE)
    if pc == steps.SEND_PENDING:
        return _send_pending(w)
    return _job_done(w, f)


@compiled
def _sweep(w: Memory, f: int) -> int:
    """Run `mod3CancelV2`: cancel what is past its deadline, and note why (R15); a Node that is down runs no job."""
    s, flow = w.state[0], w.flows[f]
    if up_from(w, NODE, s.now) != s.now:
        return steps.JOB_DONE
    unclosed = expire_unclosed(w, s.now)
    expire_strays(w, s.now)
    closed = expire_closed(w, s.now)
    for place in range(closed):
        send_payment_result(w, w.closed[place], KO, s.now)
    for place in range(unclosed):
        t = w.activations[w.opened[place]].attempt
        attempt = w.tries[t]
        cause = CLOSE_NOT_DELIVERED
        if attempt.abandoned:
            cause = ABANDONED
        elif attempt.failed or isnan(attempt.activated_s):
            cause = ACTIVATION_FAILED
        elif not attempt.close_sent_s <= s.now:  # not sent yet, which may also be NaN
            cause = CLOSE_LATE
        cancelled(w, t, cause)
    for place in range(closed):
        t = w.closed[place]
        cancelled(w, t, MISSING_ACCEPTED if w.tries[t].answer == OK else MISSING_UNKNOWN)
    drop_expired(w, unclosed, closed)
    flow.send = 0
    return steps.HARVEST


@compiled
def _harvest(w: Memory, f: int) -> int:
    """Finish the carts about which nothing more will happen."""
    s, flow = w.state[0], w.flows[f]
    while flow.send < s.waiting:
        c = w.waiting[flow.send]
        if not is_over(w, c):
            flow.send += 1
            continue
        if no_room(w):
            return asks(w, f, steps.ASK_ROOM, steps.HARVEST)
        s.waiting -= 1
        w.waiting[flow.send] = w.waiting[s.waiting]
        finish(w, c)
    return steps.SWEPT


@compiled
def _send_pending(w: Memory) -> int:
    """Run `paSendRt`: send pending receipts again (R11)."""
    s, places = w.state[0], w.settings[0].places
    if up_from(w, NODE, s.now) == s.now:
        for place in range(s.pending):
            a = w.pending[place]
            send_again(w, a)
            t = w.activations[a].attempt
            receipt(w, w.tries[t].cart, t, a % places, s.now)
        s.pending = 0
    return steps.JOB_DONE


@compiled
def _job_done(w: Memory, f: int) -> int:
    """Wait for a job's next time, unless nothing is left that it could ever move."""
    s, settings, flow = w.state[0], w.settings[0], w.flows[f]
    if s.scheduled <= s.jobs - 1 and not awaits_jobs(w) and flow.index > 0:
        s.jobs -= 1
        return ENDED
    flow.index += 1
    flow.pc = steps.SWEEP if flow.main else steps.SEND_PENDING
    enter(w, flow.index * (settings.mod3_s if flow.main else settings.receipts_s), FLOW, f)
    return SUSPENDED
