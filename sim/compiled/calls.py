"""Calls on their way: those to the Node as their callers see them, and those of the Node to ECs and PSPs.

What `sim.model.sender` and `sim.model.callee` are, over arrays. A call is part of a flow; each function is a step, and
returns the next one (`steps.py`).
"""

from math import inf, nan
from typing import Any

import numpy as np

from sim.compiled import steps
from sim.compiled.codes import (
    END_HANG,
    END_KO,
    END_LOST_REPLY,
    END_LOST_REQUEST,
    END_MALFORMED,
    END_OK,
    END_UNREACHABLE,
    IS_OF_ECS,
    KO,
    MALFORMED,
    NODE,
    NONE,
    OK,
    SOGLIA,
    TIMEOUT,
    UNREACHABLE,
)
from sim.compiled.heap import ASKS, FLOW, SUSPENDED, enter, fork, unheard, wait
from sim.compiled.incidents import covers, factor_at
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory
from sim.compiled.pools import acquire, await_permit, release_at
from sim.compiled.stations import submit, up_from

# --- counters --------------------------------------------------------------------------------------------------------


@compiled
def counterpart_of(w: Memory, primitive: int, code: int) -> int:
    """Return the place of a counterpart among those of the records."""
    return code + w.settings[0].psps if IS_OF_ECS[primitive] else code


@compiled
def count_call(w: Memory, primitive: int, code: int, answer: int, sent: float, took_s: float) -> None:
    """Count a call sent in the measured window, by its response time."""
    settings = w.settings[0]
    if settings.opens_s <= sent < settings.closes_s:
        counts = w.counts[primitive, counterpart_of(w, primitive, code), answer]
        us = np.rint(took_s * 1e3 * 1e3)  # so that 2 s are 2 s, whatever the last bit of a sum
        counts[0] += 1
        for place in range(len(steps.LIMITS_US)):
            counts[place + 1] += us > steps.LIMITS_US[place]


@compiled
def count_refusal(w: Memory, primitive: int, code: int, fault: int, sent: float) -> None:
    """Count a fault of the Node's for a call sent in the measured window."""
    settings = w.settings[0]
    if settings.opens_s <= sent < settings.closes_s:
        w.refusals[primitive, counterpart_of(w, primitive, code), fault] += 1


@compiled
def replied(w: Memory, f: int, reply: int, known: float) -> None:
    """Note a call to the Node, and when its caller knew how it ended; `NONE` if it heard nothing usable."""
    flow = w.flows[f]
    count_call(w, flow.primitive, flow.counterpart, TIMEOUT if reply == NONE else reply, flow.sent, known - flow.sent)
    if reply != NONE and flow.fault != NONE:
        count_refusal(w, flow.primitive, flow.counterpart, flow.fault, flow.sent)


# --- to the Node -----------------------------------------------------------------------------------------------------


@compiled
def send(w: Memory, f: int, at_node: int, heard: int) -> int:
    """Send a call to the Node; what it does of it when nobody listens any more is done beside the cart's own flow."""
    flow = w.flows[f]
    flow.until, flow.heard, flow.todo, flow.started = flow.gives_up - flow.back, heard, False, nan
    if flow.arrives == inf:
        flow.fault = NONE
        replied(w, f, NONE, flow.gives_up)
        return unheard(w, f)
    if flow.arrives > flow.gives_up:
        enter(w, max(flow.arrives, w.state[0].now), FLOW, fork(w, f, at_node))
        return unheard(w, f)
    flow.listens = True
    if flow.arrives > w.state[0].now:
        flow.pc = at_node
        enter(w, flow.arrives, FLOW, f)
        return SUSPENDED
    return at_node


@compiled
def at_node(w: Memory, f: int, started: int, told: int) -> int:
    """Let the Node take a call that has reached it: `started` follows when a worker does, `told` if it is refused."""
    flow, settings = w.flows[f], w.settings[0]
    now = w.state[0].now
    work = flow.work
    if settings.node_hi > settings.node_lo:
        work = work * factor_at(w, settings.node_lo, settings.node_hi, now)
    taken, start, leaves, killed = submit(w, NODE, now, work)
    flow.started, flow.leaves, flow.killed = start, leaves, killed
    if not taken:
        flow.started = nan
        return told
    if start > now:
        return wait(w, f, start, started)
    return started


@compiled
def told(w: Memory, f: int, late: int) -> int:
    """Carry a reply back to the caller; what there is to do after one that nobody listened to begins at `late`."""
    flow = w.flows[f]
    if not flow.listens:
        replied(w, f, NONE, flow.gives_up)
        return late
    flow.listens = False
    flow.known = flow.leaves + flow.back
    if flow.reply == NONE or flow.known > flow.gives_up:
        flow.reply, flow.known = NONE, flow.gives_up
    replied(w, f, flow.reply, flow.known)
    return flow.heard


# --- of the Node -----------------------------------------------------------------------------------------------------


@compiled
def step(w: Memory, f: int, pc: int) -> int:
    """Do one step of a call of the Node and return the next."""
    if pc == steps.CALL:
        return call(w, f)
    if pc == steps.CALL_PERMIT:
        return permit(w, f)
    if pc == steps.CALL_GRANTED:
        return granted(w, f)
    if pc == steps.CALL_LEAVES:
        return leaves(w, f)
    if pc == steps.CALL_ARRIVED:
        return arrived(w, f)
    if pc == steps.CALL_TAKEN:
        return taken(w, f)
    if pc == steps.CALL_LOSES:
        return loses(w, f)
    return served(w, f)


@compiled
def called(w: Memory, f: int, primitive: int, callee: int, timeout_s: float, drawn: Any, answered: int) -> int:
    """Begin a call of the Node with what was drawn of it; `answered` follows it."""
    flow = w.flows[f]
    flow.called, flow.callee, flow.c_timeout, flow.answered, flow.c_send = primitive, callee, timeout_s, answered, 0
    flow.c_out, flow.c_work, flow.c_back = drawn.out_s, drawn.work_s, drawn.back_s
    flow.c_end, flow.c_done = drawn.end, drawn.done
    return steps.CALL


@compiled
def ec_of(w: Memory, a: int) -> int:
    """Return the slot of a notice's own EC, -1 if nobody has called it yet."""
    notice = w.notice_draws[a]
    return w.callee_of[w.group_starts[notice.ec_group] + notice.ec]


@compiled
def call(w: Memory, f: int) -> int:
    """Send a call of the Node that may leave at `leaves`; it leaves when it has its connection."""
    s, flow = w.state[0], w.flows[f]
    if flow.callee < 0:
        flow.pc = steps.CALL
        s.asked = steps.ASK_CALLEE
        return ASKS
    flow.left = up_from(w, NODE, flow.leaves)
    flow.asked = flow.left
    if w.callees[flow.callee].pool < 0:
        return steps.CALL_LEAVES
    if flow.left > s.now:
        return wait(w, f, flow.left, steps.CALL_PERMIT)
    return steps.CALL_PERMIT


@compiled
def permit(w: Memory, f: int) -> int:
    """Ask the pool for a connection."""
    flow = w.flows[f]
    got = acquire(w, w.callees[flow.callee].pool, f)
    if got < 0:
        return await_permit(w, f, steps.CALL_GRANTED)
    if got == 0:
        return refused(w, f)
    flow.left = w.state[0].now
    return steps.CALL_LEAVES


@compiled
def granted(w: Memory, f: int) -> int:
    """Take the connection that was waited for, or hear that there is none."""
    flow = w.flows[f]
    if not w.waiters[flow.waiter].granted:
        return refused(w, f)
    flow.left = w.state[0].now
    return steps.CALL_LEAVES


@compiled
def refused(w: Memory, f: int) -> int:
    """Give up a call that found no free connection."""
    flow = w.flows[f]
    count_refusal(w, flow.called, w.callees[flow.callee].code, SOGLIA, flow.asked)
    flow.answer, flow.at, flow.left = NONE, w.state[0].now, w.state[0].now
    flow.done, flow.served, flow.end = inf, nan, END_OK
    return steps.CALL_OVER


@compiled
def leaves(w: Memory, f: int) -> int:
    """Let a call leave: it arrives in time, or when the Node has given up, or never."""
    flow = w.flows[f]
    callee = w.callees[flow.callee]
    flow.c_gives_up = flow.left + flow.c_timeout
    flow.c_arrives = flow.left + flow.c_out
    if flow.c_arrives > flow.c_gives_up:
        flow.answer, flow.at = TIMEOUT, up_from(w, NODE, flow.c_gives_up)
        flow.done, flow.served, flow.end = inf, nan, END_OK
        if flow.c_arrives < inf:
            g = fork(w, f, steps.CALL_ARRIVED)
            w.flows[g].late = True
            enter(w, flow.c_arrives, FLOW, g)
        else:
            count_call(w, flow.called, callee.code, TIMEOUT, flow.left, flow.at - flow.left)
        return steps.CALL_SERVED
    if callee.pool >= 0 or not w.stations[callee.station].any_order:
        return wait(w, f, flow.c_arrives, steps.CALL_ARRIVED)
    return steps.CALL_ARRIVED


@compiled
def arrived(w: Memory, f: int) -> int:
    """Let incidents change a call that reaches its callee; in an outage nothing else matters."""
    flow = w.flows[f]
    callee, now = w.callees[flow.callee], flow.c_arrives
    down, flow.factor, flow.mix = False, 1.0, -1
    flow.served_started = flow.served = nan
    flow.done, flow.end = inf, END_OK
    for number in range(callee.trouble_lo, callee.trouble_hi):
        trouble = w.troubles[number]
        if trouble.primitive >= 0 and trouble.primitive != flow.called:
            continue
        if trouble.effect == steps.SLOWDOWN:
            flow.factor *= factor_at(w, trouble.edge_lo, trouble.edge_hi, now)
        elif covers(w, trouble.lo, trouble.hi, now):
            if trouble.effect == steps.PARTITION:
                return _nothing_heard(w, f)
            if trouble.effect == steps.OUTAGE:
                down = True
            elif trouble.effect == steps.MIX:
                flow.mix = number
    if down:
        flow.c_end, flow.c_work = END_UNREACHABLE, 0.0
        flow.factor = 1.0
    elif flow.mix >= 0:
        flow.pc = steps.CALL_TAKEN
        w.state[0].asked = steps.ASK_MIX
        return ASKS
    return steps.CALL_TAKEN


@compiled
def _nothing_heard(w: Memory, f: int) -> int:
    flow = w.flows[f]
    flow.answer, flow.at = TIMEOUT, flow.c_gives_up
    return _served(w, f)


@compiled
def _served(w: Memory, f: int) -> int:
    """Note how a call ended for the Node, and when it knew that: what is down hears nothing."""
    flow = w.flows[f]
    if flow.late:
        flow.answer, flow.at = TIMEOUT, flow.c_gives_up
    flow.at = up_from(w, NODE, flow.at)
    count_call(w, flow.called, w.callees[flow.callee].code, flow.answer, flow.left, flow.at - flow.left)
    return steps.LATE_CALL if flow.late else steps.CALL_SERVED


@compiled
def taken(w: Memory, f: int) -> int:
    """Let the callee take the call."""
    flow = w.flows[f]
    callee, now = w.callees[flow.callee], flow.c_arrives
    if flow.factor != 1.0 and flow.c_end != END_UNREACHABLE:
        flow.c_work = flow.c_work * flow.factor
    end = flow.c_end
    if end == END_LOST_REQUEST:
        return _nothing_heard(w, f)
    ok, start, served, killed = True, nan, nan, False
    if end != END_UNREACHABLE:
        ok, start, served, killed = submit(w, callee.station, now, flow.c_work)
    if end == END_UNREACHABLE or not ok:
        refused_at = now + (flow.c_work if end == END_UNREACHABLE else 0.0) + flow.c_back
        if refused_at > flow.c_gives_up:
            return _nothing_heard(w, f)
        flow.answer, flow.at = UNREACHABLE, refused_at
        return _served(w, f)
    flow.served_started, flow.served, flow.end = start, served, end
    if end == END_HANG:
        return _nothing_heard(w, f)
    if end == END_OK or end == END_LOST_REPLY or (end == END_MALFORMED and flow.c_done):
        flow.done = served
    flow.at = served + flow.c_back
    if killed or end == END_LOST_REPLY or flow.at > flow.c_gives_up:
        return _nothing_heard(w, f)
    flow.answer = OK if end == END_OK else KO if end == END_KO else MALFORMED
    asks = False
    for number in range(callee.trouble_lo, callee.trouble_hi):
        trouble = w.troubles[number]
        strikes = trouble.primitive < 0 or trouble.primitive == flow.called
        if strikes and trouble.lo < trouble.hi and covers(w, trouble.lo, trouble.hi, served):
            if trouble.effect == steps.PARTITION:
                return _nothing_heard(w, f)
            asks |= trouble.effect == steps.LOST_REPLIES
    if asks:
        flow.pc = steps.CALL_LOSES
        w.state[0].asked = steps.ASK_REPLY
        return ASKS
    return _served(w, f)


@compiled
def loses(w: Memory, f: int) -> int:
    """Let incidents lose the reply."""
    flow = w.flows[f]
    callee = w.callees[flow.callee]
    for number in range(callee.trouble_lo, callee.trouble_hi):
        trouble = w.troubles[number]
        strikes = trouble.primitive < 0 or trouble.primitive == flow.called
        lost = strikes and trouble.effect == steps.LOST_REPLIES and flow.uniform < trouble.share
        if lost and covers(w, trouble.lo, trouble.hi, flow.served):
            return _nothing_heard(w, f)
    return _served(w, f)


@compiled
def served(w: Memory, f: int) -> int:
    """Give the connection back, when the Node knows how the call ended."""
    flow = w.flows[f]
    pool = w.callees[flow.callee].pool
    if pool >= 0:
        release_at(w, pool, flow.at, flow.asked, flow.left)
    return steps.CALL_OVER


@compiled
def cut_off(w: Memory, callee: int, at: float) -> bool:
    """Whether the link to the Node is cut at a moment, for whatever this actor sends of its own accord."""
    for number in range(w.callees[callee].trouble_lo, w.callees[callee].trouble_hi):
        trouble = w.troubles[number]
        if trouble.effect == steps.PARTITION and trouble.primitive < 0 and covers(w, trouble.lo, trouble.hi, at):
            return True
    return False
