"""The PSPs: notified, and owing one outcome for what they booked; what `sim.model.psp` is, over arrays."""

from math import inf, isnan, nan

from sim.compiled import steps
from sim.compiled.calls import at_node, called, cut_off, send, told
from sim.compiled.checkout import cancelled, send_payment_result
from sim.compiled.codes import (
    END_HANG,
    END_KO,
    KO,
    NODE,
    NONE,
    NOTIFY,
    OK,
    OUTCOME,
    PSP_REFUSED,
    PSP_UNREACHABLE,
    UNREACHABLE,
)
from sim.compiled.heap import asks, begin, fork, wait
from sim.compiled.jit import compiled
from sim.compiled.ledger import is_final, outcome, psp_answered
from sim.compiled.memory import Memory
from sim.compiled.moves import size_of
from sim.compiled.stations import up_from


@compiled
def step(w: Memory, f: int, pc: int) -> int:
    """Do one step of a PSP and return the next."""
    if pc == steps.FOLLOW:
        return follow(w, f)
    if pc == steps.NOTIFICATION_ANSWERED:
        return notification_answered(w, f)
    if pc == steps.NOTIFICATION_ENTERED:
        return notification_entered(w, f)
    if pc == steps.OUTCOME_DUE:
        return outcome_due(w, f)
    if pc == steps.OUTCOME_AGAIN:
        return asks(w, f, steps.ASK_CALL, steps.OUTCOME_SENDS)
    if pc == steps.OUTCOME_SENDS:
        return outcome_sends(w, f)
    if pc == steps.OUTCOME_AT_NODE:
        return outcome_at_node(w, f)
    if pc == steps.OUTCOME_STARTED:
        return outcome_started(w, f)
    if pc == steps.OUTCOME_ENTERED:
        return outcome_entered(w, f)
    if pc == steps.OUTCOME_TOLD:
        return told(w, f, steps.RECEIPTS)
    return outcome_heard(w, f)


@compiled
def follow(w: Memory, f: int) -> int:
    """Notify the PSP of the whole cart (R5)."""
    flow = w.flows[f]
    draws = w.try_draws[flow.attempt]
    w.tries[flow.attempt].notifications += 1
    flow.notice = -1
    timeout_s = w.settings[0].psp_timeout_s
    return called(w, f, NOTIFY, draws.psp, timeout_s, draws.notify, steps.NOTIFICATION_ANSWERED)


@compiled
def book(w: Memory, f: int) -> None:
    """Note when the PSP booked the cart or, after a call that hung or a KO of its own, takes it for booked."""
    flow = w.flows[f]
    draws = w.try_draws[flow.attempt]
    if flow.done < inf:
        w.tries[flow.attempt].booked_s = flow.done
    elif (flow.end == END_KO and draws.stray_outcome) or (flow.end == END_HANG and draws.books_late):
        w.tries[flow.attempt].booked_s = flow.served


@compiled
def notification_answered(w: Memory, f: int) -> int:
    """Take the result of the notification, ahead of its time where nothing can see the difference (R5-R7)."""
    flow, places = w.flows[f], w.settings[0].places
    t = flow.attempt
    attempt = w.tries[t]
    if flow.answer == NONE:
        flow.answer = UNREACHABLE
    book(w, f)
    for a in range(t * places, t * places + size_of(w, t)):
        each = w.activations[a]
        each.notified_s, each.answered_s, each.notify_answer = flow.left, flow.at, flow.answer
    attempt.answered_s = flow.at
    if flow.at > attempt.deadline or is_final(w, flow.answer):
        return wait(w, f, flow.at, steps.NOTIFICATION_ENTERED)
    return steps.NOTIFICATION_ENTERED


@compiled
def notification_entered(w: Memory, f: int) -> int:
    """Go on to the outcome, or hear that the cart was cancelled."""
    flow = w.flows[f]
    t = flow.attempt
    attempt = w.tries[t]
    flow.failed_at = nan
    if not psp_answered(w, t, flow.answer, flow.at):
        return steps.OUTCOME_DUE
    send_payment_result(w, t, KO, flow.at)
    cancelled(w, t, PSP_REFUSED if flow.answer == KO else PSP_UNREACHABLE)
    if attempt.known_s < inf:
        flow.failed_at = attempt.known_s
    g = fork(w, f, steps.OUTCOME_DUE)
    return begin(w, f, steps.TRY_RETURNS, g)


# --- outcome ---------------------------------------------------------------------------------------------------------


@compiled
def outcome_due(w: Memory, f: int) -> int:
    """Send the outcome that a booked payment owes."""
    flow = w.flows[f]
    attempt, draws = w.tries[flow.attempt], w.try_draws[flow.attempt]
    if isnan(attempt.booked_s) or draws.outcome_lost:
        return steps.TRY_RETURNS
    drawn = draws.outcome
    flow.send, flow.sent = 0, attempt.booked_s + draws.outcome_delay_s
    flow.out, flow.work, flow.back = drawn.out_s, drawn.work_s, drawn.back_s
    return steps.OUTCOME_SENDS


@compiled
def outcome_sends(w: Memory, f: int) -> int:
    """Send an outcome: not before the end of an outage, and in vain while the link is cut."""
    flow = w.flows[f]
    psp = w.try_draws[flow.attempt].psp
    flow.sent = up_from(w, w.callees[psp].station, flow.sent)
    flow.arrives = inf if cut_off(w, psp, flow.sent) else flow.sent + flow.out
    flow.gives_up = flow.sent + w.outcome_timeout_s[psp]
    flow.primitive, flow.counterpart, flow.notice = OUTCOME, psp, -1
    return send(w, f, steps.OUTCOME_AT_NODE, steps.OUTCOME_HEARD)


@compiled
def outcome_at_node(w: Memory, f: int) -> int:
    """sendPaymentOutcomeV2 reaches the Node."""
    flow, places = w.flows[f], w.settings[0].places
    t = flow.attempt
    for a in range(t * places, t * places + size_of(w, t)):
        if isnan(w.activations[a].outcome_s):
            w.activations[a].outcome_s = flow.arrives
    flow.reply = NONE
    return at_node(w, f, steps.OUTCOME_STARTED, steps.OUTCOME_TOLD)


@compiled
def outcome_started(w: Memory, f: int) -> int:
    """Wait for a notification still in flight (R16)."""
    flow = w.flows[f]
    attempt = w.tries[flow.attempt]
    if attempt.answered_s > flow.started:
        flow.leaves = max(flow.leaves, attempt.answered_s)
        return wait(w, f, attempt.answered_s, steps.OUTCOME_ENTERED)
    return steps.OUTCOME_ENTERED


@compiled
def outcome_entered(w: Memory, f: int) -> int:
    """Take the outcome or refuse it."""
    s, flow, places = w.state[0], w.flows[f], w.settings[0].places
    t = flow.attempt
    flow.todo = outcome(w, f, t, s.now)
    if flow.todo:
        send_payment_result(w, t, OK, up_from(w, NODE, flow.leaves))
        for a in range(t * places, t * places + size_of(w, t)):
            w.activations[a].paid_s = s.now
    if flow.killed:
        flow.reply = NONE
    return steps.OUTCOME_TOLD


@compiled
def outcome_heard(w: Memory, f: int) -> int:
    """Send an outcome again that got no answer, under the same key; go on to the receipts."""
    flow = w.flows[f]
    psp = w.try_draws[flow.attempt].psp
    flow.send += 1
    flow.sent = flow.gives_up + w.outcome_slot_s[psp] * (2.0**flow.send - 1.0)
    again = flow.reply == NONE and flow.send < w.outcome_tries[psp]
    if flow.todo:
        return begin(w, f, steps.RECEIPTS, fork(w, f, steps.OUTCOME_AGAIN)) if again else steps.RECEIPTS
    return steps.OUTCOME_AGAIN if again else steps.TRY_RETURNS
