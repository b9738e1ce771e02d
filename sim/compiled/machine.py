"""The machine: takes one entry of the event heap after the other, and lets flows go on until they wait.

It stops for what it cannot do, such as a draw by address or more room, and goes on where it stood (`engine.py`).
"""

from math import inf, isnan, nan

from sim.compiled import calls, flows, ledger, steps
from sim.compiled.codes import (
    ABANDONED,
    ACTIVATION_FAILED,
    CANCELLED,
    CLOSE_LATE,
    CLOSE_NOT_DELIVERED,
    FIRST,
    KO,
    MISSING_ACCEPTED,
    MISSING_UNKNOWN,
    NOBODY,
    NODE,
    NONE,
    NOT_PAID_ENDING,
    NOTIFIED,
    OK,
    PAID_ENDING,
    UNKNOWN_ENDING,
)
from sim.compiled.jit import compiled, entry
from sim.compiled.memory import Memory
from sim.compiled.queueing import (
    ASKS,
    ENDED,
    FLOW,
    SUSPENDED,
    WAKE,
    begin,
    drop_first,
    enter,
    flow_of,
    forget_waiter,
    heard_of_permit,
    wake,
)
from sim.model.run import TOGETHER

MARGIN = 16 * TOGETHER
"""Places that one entry of the heap may take of any array, but for those that wait for a pool or for the job."""


@entry
def advance(w: Memory) -> int:
    """Run up to the next thing that has to be asked for, or to the end."""
    s = w.state[0]
    while True:
        while s.stacked > 0:
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
        if s.error:
            return steps.ALL_DONE
        if _short(w):
            return steps.ASK_ROOM
        if s.scheduled == 0:
            return steps.ALL_DONE
        first = w.heap[0]
        s.now, kind, slot = first.at, first.kind, first.slot
        drop_first(w)
        if kind == WAKE:
            wake(w, slot)
            continue
        if kind != FLOW:
            waiter = slot
            slot = heard_of_permit(w, kind, waiter)
            forget_waiter(w, waiter)
            if slot < 0:
                continue
        w.stack[0] = slot
        s.stacked = 1


@compiled
def _short(w: Memory) -> bool:
    """Whether the next entry of the heap might need more room than there is."""
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
    if pc == steps.CALL:
        return calls.call(w, f)
    if pc == steps.CALL_PERMIT:
        return calls.permit(w, f)
    if pc == steps.CALL_GRANTED:
        return calls.granted(w, f)
    if pc == steps.CALL_LEAVES:
        return calls.leaves(w, f)
    if pc == steps.CALL_ARRIVED:
        return calls.arrived(w, f)
    if pc == steps.CALL_TAKEN:
        return calls.taken(w, f)
    if pc == steps.CALL_LOSES:
        return calls.loses(w, f)
    if pc == steps.CALL_SERVED:
        return calls.served(w, f)
    if pc == steps.CALL_OVER:
        return w.flows[f].answered
    if pc == steps.LATE_CALL:
        return flows.late_call(w, f)
    if pc == steps.ACTIVATION_SENDS:
        return flows.activation_sends(w, f)
    if pc == steps.ACTIVATION_AT_NODE:
        return flows.activation_at_node(w, f)
    if pc == steps.ACTIVATION_STARTED:
        return flows.activation_started(w, f)
    if pc == steps.ACTIVATION_ANSWERED:
        return flows.activation_answered(w, f)
    if pc == steps.ACTIVATION_ENTERED:
        return flows.activation_entered(w, f)
    if pc == steps.ACTIVATION_TOLD:
        return flows.activation_told(w, f)
    if pc == steps.ACTIVATION_HEARD:
        return flows.activation_heard(w, f)
    if pc == steps.CLOSE_AGAIN:
        return flows.asks(w, f, steps.ASK_CALL, steps.CLOSE_SENDS)
    if pc == steps.CLOSE_SENDS:
        return flows.close_sends(w, f)
    if pc == steps.CLOSE_AT_NODE:
        return flows.close_at_node(w, f)
    if pc == steps.CLOSE_STARTED:
        return flows.close_started(w, f)
    if pc == steps.CLOSE_TOLD:
        return calls.told(w, f, steps.CLOSE_UNHEARD)
    if pc == steps.CLOSE_UNHEARD:
        return steps.FOLLOW if w.flows[f].todo else steps.OVER
    if pc == steps.CLOSE_HEARD:
        return flows.close_heard(w, f)
    if pc == steps.NO_ANSWER:
        return flows.no_answer(w, f)
    if pc == steps.FOLLOW:
        return flows.follow(w, f)
    if pc == steps.NOTIFICATION_ANSWERED:
        return flows.notification_answered(w, f)
    if pc == steps.NOTIFICATION_ENTERED:
        return flows.notification_entered(w, f)
    if pc == steps.OUTCOME_DUE:
        return flows.outcome_due(w, f)
    if pc == steps.OUTCOME_AGAIN:
        return flows.asks(w, f, steps.ASK_CALL, steps.OUTCOME_SENDS)
    if pc == steps.OUTCOME_SENDS:
        return flows.outcome_sends(w, f)
    if pc == steps.OUTCOME_AT_NODE:
        return flows.outcome_at_node(w, f)
    if pc == steps.OUTCOME_STARTED:
        return flows.outcome_started(w, f)
    if pc == steps.OUTCOME_ENTERED:
        return flows.outcome_entered(w, f)
    if pc == steps.OUTCOME_TOLD:
        return calls.told(w, f, steps.RECEIPTS)
    if pc == steps.OUTCOME_HEARD:
        return flows.outcome_heard(w, f)
    if pc == steps.RECEIPTS:
        return flows.receipts(w, f)
    if pc == steps.RECEIPT_SENDS:
        return flows.receipt_sends(w, f)
    if pc == steps.RECEIPT_ANSWERED:
        return flows.receipt_delivered(w, f)
    if pc == steps.RECEIPT_ENTERED:
        return flows.receipt_entered(w, f)
    if pc == steps.TRY:
        return flows.new_try(w, f, FIRST, w.carts[w.flows[f].cart].arrived_s)
    if pc == steps.TRY_DRAWN:
        return flows.try_drawn(w, f)
    if pc == steps.LANES:
        return flows.lanes(w, f)
    if pc == steps.LANE:
        return flows.lane(w, f)
    if pc == steps.JOINED:
        return flows.joined(w, f)
    if pc == steps.ACTIVATED:
        return flows.activated(w, f)
    if pc == steps.TRY_RETURNS:
        return flows.try_returns(w, f)
    if pc == steps.TRY_OVER:
        return _try_over(w, f)
    if pc == steps.ARRIVE:
        return _arrive(w, f)
    if pc == steps.ARRIVE_NEXT:
        return _arrive_next(w, f)
    if pc == steps.SWEEP:
        return _sweep(w, f)
    if pc == steps.HARVEST:
        return _harvest(w, f)
    if pc == steps.SWEPT:
        return flows.asks(w, f, steps.ASK_LOOK, steps.JOB_DONE)
    if pc == steps.SEND_PENDING:
        return _send_pending(w)
    if pc == steps.JOB_DONE:
        return _job_done(w, f)
    return ENDED


# --- arrivals --------------------------------------------------------------------------------------------------------


@compiled
def _arrive(w: Memory, f: int) -> int:
    """Wait for the first of the carts whose journeys are begun together; their draws are asked for by the block."""
    s, flow = w.state[0], w.flows[f]
    if flow.index == len(w.arrivals):
        return ENDED
    if flow.index == s.block_end:
        return flows.asks(w, f, steps.ASK_BLOCK, steps.ARRIVE)
    first = w.arrivals[flow.index]
    if first > s.now:
        flow.pc = steps.ARRIVE_NEXT
        enter(w, first, FLOW, f)
        return SUSPENDED
    return steps.ARRIVE_NEXT


@compiled
def _arrive_next(w: Memory, f: int) -> int:
    """Begin the journey of the next cart."""
    s, settings, flow = w.state[0], w.settings[0], w.flows[f]
    number = flow.index
    flow.index += 1
    s.free_carts -= 1
    c = w.free_carts[s.free_carts]
    cart, draws = w.carts[c], w.block[number - s.block_start]
    cart.number, cart.arrived_s, cart.notices, cart.psp = number, w.arrivals[number], draws.notices, draws.psp
    cart.measured = cart.arrived_s >= settings.warm_up_s
    cart.tries = cart.side_flows = cart.ec_closed = 0
    cart.amount_cents = 0
    for notice in range(cart.notices):
        cart.amount_cents += w.block_notices[(number - s.block_start) * settings.places + notice].amount_cents
        position = w.positions[c * settings.places + notice]
        position.status, position.activating, position.payment = 0, False, -1
    more = flow.index < len(w.arrivals) and flow.index % TOGETHER != 0
    return begin(w, f, steps.ARRIVE_NEXT if more else steps.ARRIVE, flow_of(w, c, NOBODY, steps.TRY))


# --- carts that are over ---------------------------------------------------------------------------------------------


@compiled
def _is_over(w: Memory, c: int) -> bool:
    cart, places = w.carts[c], w.settings[0].places
    if cart.side_flows > 0:
        return False
    t = cart.first
    while t >= 0:
        for a in range(t * places, t * places + cart.notices):
            each = w.activations[a]
            if each.token and each.status != CANCELLED and each.status != NOTIFIED:
                return False
        t = w.tries[t].next
    return True


@compiled
def _try_over(w: Memory, f: int) -> int:
    """Take a cart over whose journey ends."""
    s, flow = w.state[0], w.flows[f]
    if _is_over(w, flow.cart):
        if _no_room(w):
            return flows.asks(w, f, steps.ASK_ROOM, steps.TRY_OVER)
        finish(w, flow.cart)
    else:
        w.waiting[s.waiting] = flow.cart
        s.waiting += 1
    return steps.OVER


@compiled
def _no_room(w: Memory) -> bool:
    s, settings = w.state[0], w.settings[0]
    return s.rows + settings.max_tries * settings.places > len(w.rows) or s.cart_rows >= len(w.cart_rows)


@compiled
def _harvest(w: Memory, f: int) -> int:
    """Finish the carts about which nothing more will happen."""
    s, flow = w.state[0], w.flows[f]
    while flow.send < s.waiting:
        c = w.waiting[flow.send]
        if not _is_over(w, c):
            flow.send += 1
            continue
        if _no_room(w):
            return flows.asks(w, f, steps.ASK_ROOM, steps.HARVEST)
        s.waiting -= 1
        w.waiting[flow.send] = w.waiting[s.waiting]
        finish(w, c)
    return steps.SWEPT


@entry
def finish_all(w: Memory) -> int:
    """Finish what is left when nothing moves any more: open items, such as a manual check."""
    s = w.state[0]
    while s.waiting > 0:
        if _no_room(w):
            return steps.ASK_ROOM
        s.waiting -= 1
        finish(w, w.waiting[s.waiting])
    return steps.ALL_DONE


@compiled
def finish(w: Memory, c: int) -> None:
    """Write the rows of a cart that is over, and forget it."""
    s, cart = w.state[0], w.carts[c]
    waited, t = 0.0, cart.first
    while t >= 0:
        attempt = w.tries[t]
        ledger.check_over(w, t)
        _write(w, c, t)
        waited += _waited_s(w, t)
        w.free_tries[s.free_tries] = t
        s.free_tries += 1
        t = attempt.next
    row = w.cart_rows[s.cart_rows]
    s.cart_rows += 1
    row.cart, row.arrived_s, row.cart_size, row.psp = cart.number, cart.arrived_s, cart.notices, cart.psp
    row.amount_cents, row.measured, row.tries, row.waited_s = cart.amount_cents, cart.measured, cart.tries, waited
    row.redirected_s = _redirected_s(w, cart.last)
    row.ending, row.settled_s = _ending(w, cart.last)
    ledger.forget_strays(w, c)
    w.free_carts[s.free_carts] = c
    s.free_carts += 1


@compiled
def _write(w: Memory, c: int, t: int) -> None:
    s, settings, cart, attempt = w.state[0], w.settings[0], w.carts[c], w.tries[t]
    for notice in range(cart.notices):
        a = t * settings.places + notice
        each, draws, row = w.activations[a], w.notice_draws[a], w.rows[s.rows]
        s.rows += 1
        row.cart, row.attempt, row.notice, row.cart_size = cart.number, attempt.number, notice, cart.notices
        row.psp, row.ec_group, row.ec, row.amount_cents = cart.psp, draws.ec_group, draws.ec, draws.amount_cents
        row.measured = cart.measured
        row.requested_s, row.issued_s, row.fault = each.requested_s, each.issued_s, each.fault
        row.authorised_s, row.closed_s, row.notified_s = each.authorised_s, each.closed_s, each.notified_s
        row.answered_s, row.notify_answer = each.answered_s, each.notify_answer
        row.outcome_s, row.paid_s, row.cancelled_s = each.outcome_s, each.paid_s, each.cancelled_s
        row.cancel_cause, row.receipt_s, row.receipt_sends = each.cancel_cause, each.receipt_s, each.receipt_sends
        row.reversal_requested_s, row.reversal_cause = each.reversal_requested_s, each.reversal_cause
        row.receipt_refused, row.status = each.receipt_refused, each.status
    s.finished += cart.notices


@compiled
def _ending(w: Memory, t: int) -> tuple[int, float]:
    """Return what the citizen knows, and when Checkout knew it."""
    attempt, first = w.tries[t], w.activations[t * w.settings[0].places]
    if attempt.failed:
        return NOT_PAID_ENDING, attempt.activated_s
    if attempt.abandoned:
        return NOT_PAID_ENDING, nan
    if attempt.close == NONE or attempt.close == KO:
        return NOT_PAID_ENDING, attempt.close_sent_s if isnan(attempt.known_s) else attempt.known_s
    if attempt.result == OK and attempt.known_s < inf:
        return PAID_ENDING, attempt.known_s
    if not isnan(first.reversal_requested_s):
        return NOT_PAID_ENDING, first.reversal_requested_s
    return UNKNOWN_ENDING, nan


@compiled
def _redirected_s(w: Memory, t: int) -> float:
    """Return when the browser went back to the EC's site."""
    attempt = w.tries[t]
    if attempt.abandoned:
        return nan
    if attempt.failed:
        return attempt.activated_s
    latest = attempt.close_sent_s + w.settings[0].redirect_wait_s
    return min(attempt.known_s, latest) if attempt.known_s < inf else latest


@compiled
def _waited_s(w: Memory, t: int) -> float:
    """Return how long the citizen waited for the system in one try, without thinking and authorising."""
    attempt = w.tries[t]
    waited = attempt.activated_s - attempt.started_s
    if not isnan(attempt.close_sent_s):
        waited += _redirected_s(w, t) - attempt.close_sent_s
    return waited


# --- jobs ------------------------------------------------------------------------------------------------------------


@compiled
def _sweep(w: Memory, f: int) -> int:
    """Run `mod3CancelV2`: cancel what is past its deadline, and note why (R15); a Node that is down runs no job."""
    s, flow = w.state[0], w.flows[f]
    if calls.up_from(w, NODE, s.now) != s.now:
        return steps.JOB_DONE
    unclosed = ledger.expire_unclosed(w, s.now)
    ledger.expire_strays(w, s.now)
    closed = ledger.expire_closed(w, s.now)
    for place in range(closed):
        flows.send_payment_result(w, w.closed[place], KO, s.now)
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
        flows.cancelled(w, t, cause)
    for place in range(closed):
        t = w.closed[place]
        flows.cancelled(w, t, MISSING_ACCEPTED if w.tries[t].answer == OK else MISSING_UNKNOWN)
    ledger.drop_expired(w, unclosed, closed)
    flow.send = 0
    return steps.HARVEST


@compiled
def _send_pending(w: Memory) -> int:
    """Run `paSendRt`: send pending receipts again (R11)."""
    s, places = w.state[0], w.settings[0].places
    if calls.up_from(w, NODE, s.now) == s.now:
        for place in range(s.pending):
            a = w.pending[place]
            ledger.send_again(w, a)
            t = w.activations[a].attempt
            flows.receipt(w, w.tries[t].cart, t, a % places, s.now)
        s.pending = 0
    return steps.JOB_DONE


@compiled
def _job_done(w: Memory, f: int) -> int:
    """Wait for a job's next time, unless nothing is left that it could ever move."""
    s, settings, flow = w.state[0], w.settings[0], w.flows[f]
    if s.scheduled <= s.jobs - 1 and not ledger.awaits_jobs(w) and flow.index > 0:
        s.jobs -= 1
        return ENDED
    flow.index += 1
    flow.pc = steps.SWEEP if flow.main else steps.SEND_PENDING
    enter(w, flow.index * (settings.mod3_s if flow.main else settings.receipts_s), FLOW, f)
    return SUSPENDED
