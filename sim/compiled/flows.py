"""What flows do between their waits: the citizen, Checkout, the PSP, the creditors and the Node, over arrays.

What `citizen.py`, `checkout.py`, `node.py`, `psp.py` and `ec.py` of `sim.model` are. Each function is a step of a flow
and returns the next one (`steps.py`).
"""

from math import inf, isnan, nan

from sim.compiled import steps
from sim.compiled.calls import (
    at_node,
    count_call,
    cut_off,
    send,
    told,
    up_from,
)
from sim.compiled.codes import (
    ACTIVATE,
    ASK,
    AUTHORISATION_DENIED,
    BACK_EXPIRED,
    BACK_NOT_DELIVERED,
    BACK_REFUSED,
    BACK_REJECTED,
    BACK_UNREACHABLE,
    CANCELLED,
    CLOSE,
    CLOSE_REJECTED,
    END_HANG,
    END_KO,
    FIRST,
    KO,
    NODE,
    NONE,
    NOTIFY,
    OK,
    OUTCOME,
    PSP_REFUSED,
    PSP_UNREACHABLE,
    RECEIPT,
    RESULT,
    SOGLIA,
    TIMEOUT,
    TRANSPORT,
    UNREACHABLE,
    USER_CANCELLED,
)
from sim.compiled.jit import compiled
from sim.compiled.ledger import (
    activate,
    close,
    ec_answered,
    is_final,
    outcome,
    psp_answered,
    receipt_answered,
    size_of,
)
from sim.compiled.memory import Memory
from sim.compiled.queueing import ASKS, FLOW, SUSPENDED, begin, enter, flow_of, fork, wait


@compiled
def asks(w: Memory, f: int, what: int, pc: int) -> int:
    """Stop for a draw, and go on at `pc` when it is there."""
    w.flows[f].pc = pc
    w.state[0].asked = what
    return ASKS


# --- the citizen's tries ---------------------------------------------------------------------------------------------


@compiled
def new_try(w: Memory, f: int, number: int, started_s: float) -> int:
    """Begin a try; its draws are there already, or asked for."""
    s, places = w.state[0], w.settings[0].places
    flow = w.flows[f]
    cart = w.carts[flow.cart]
    s.free_tries -= 1
    t = w.free_tries[s.free_tries]
    if cart.tries == 0:
        cart.first = t
    else:
        w.tries[cart.last].next = t
    cart.last = t
    cart.tries += 1
    attempt = w.tries[t]
    attempt.cart, attempt.number, attempt.next, attempt.flow, attempt.started_s = flow.cart, number, -1, f, started_s
    attempt.activated_s = attempt.close_sent_s = attempt.booked_s = attempt.known_s = nan
    attempt.failed = attempt.abandoned = attempt.closed = attempt.in_closings = attempt.has_outcome = False
    attempt.close = attempt.answer = attempt.notifications = attempt.result = attempt.remembered = 0
    for a in range(t * places, t * places + cart.notices):
        each = w.activations[a]
        each.attempt = t
        each.status = each.recipient = each.sends = each.remembered = 0
        each.token = each.open = each.receipt_refused = False
        each.requested_s = each.issued_s = each.authorised_s = each.closed_s = each.notified_s = nan
        each.answered_s = each.outcome_s = each.paid_s = each.cancelled_s = each.receipt_s = nan
        each.reversal_requested_s = nan
        each.fault = each.notify_answer = each.cancel_cause = each.reversal_cause = each.receipt_sends = 0
    flow.attempt, flow.main = t, True
    if number == 0:
        place = cart.number - s.block_start
        w.try_draws[t] = w.block[place]
        for notice in range(cart.notices):
            w.notice_draws[t * places + notice] = w.block_notices[place * places + notice]
        return steps.TRY_DRAWN
    return asks(w, f, steps.ASK_TRY, steps.TRY_DRAWN)


@compiled
def try_drawn(w: Memory, f: int) -> int:
    """Activate every notice, some in parallel (R1)."""
    flow = w.flows[f]
    attempt, size = w.tries[flow.attempt], size_of(w, flow.attempt)
    if size == 1:
        return activation_begins(w, f, FIRST, attempt.started_s)
    attempt.lanes = attempt.lanes_left = min(w.settings[0].parallel_activations, size)
    attempt.next_notice, attempt.latest_s = 0, attempt.started_s
    return steps.LANES


@compiled
def lanes(w: Memory, f: int) -> int:
    """Begin the lanes, one after the other, and wait for the last of them to end."""
    flow = w.flows[f]
    attempt = w.tries[flow.attempt]
    if attempt.lanes == 0:
        flow.pc = steps.JOINED
        return SUSPENDED
    attempt.lanes -= 1
    g = flow_of(w, flow.cart, flow.attempt, steps.LANE)
    w.flows[g].known = attempt.started_s
    return begin(w, f, steps.LANES, g)


@compiled
def joined(w: Memory, f: int) -> int:
    """Go on after the last of the lanes."""
    flow = w.flows[f]
    flow.known = w.tries[flow.attempt].latest_s
    return steps.ACTIVATED


@compiled
def lane(w: Memory, f: int) -> int:
    """Take the next notice, or end."""
    s, flow = w.state[0], w.flows[f]
    attempt = w.tries[flow.attempt]
    if attempt.next_notice < size_of(w, flow.attempt):
        attempt.next_notice += 1
        return activation_begins(w, f, attempt.next_notice - 1, flow.known)
    attempt.latest_s = max(attempt.latest_s, flow.known)
    attempt.lanes_left -= 1
    if attempt.lanes_left == 0:
        enter(w, s.now, FLOW, attempt.flow)
    return steps.OVER


@compiled
def activated(w: Memory, f: int) -> int:
    """Let the citizen think, and have the payment authorised, once every activation has ended."""
    flow, places = w.flows[f], w.settings[0].places
    t = flow.attempt
    attempt, draws = w.tries[t], w.try_draws[t]
    attempt.activated_s = flow.known
    first, size = t * places, size_of(w, t)
    for a in range(first, first + size):
        attempt.failed |= w.activations[a].fault != NONE
    flow.ends_none = False
    if attempt.failed:
        flow.failed_at = flow.known
        return steps.TRY_RETURNS
    flow.failed_at = nan
    if draws.abandons:
        attempt.abandoned = True
        return steps.TRY_RETURNS
    thought = flow.known + draws.think_s
    if draws.cancels:
        flow.ends_none = True
        return close_begins(w, f, thought, KO)
    authorised = thought + draws.authorisation_s
    if draws.denied:
        return close_begins(w, f, authorised, KO)
    for a in range(first, first + size):
        w.activations[a].authorised_s = authorised
    return close_begins(w, f, authorised, OK)


@compiled
def try_returns(w: Memory, f: int) -> int:
    """End a try of the citizen's, or a flow beside it; `failed_at` is NaN when there is nothing to try again."""
    flow = w.flows[f]
    if not flow.main:
        return steps.OVER
    attempt, draws = w.tries[flow.attempt], w.try_draws[flow.attempt]
    if draws.denied and not draws.cancels and not attempt.failed and not attempt.abandoned:
        flow.failed_at = attempt.close_sent_s
    number = attempt.number + 1
    if flow.ends_none or isnan(flow.failed_at) or not draws.comes_back or number == w.settings[0].max_tries:
        return steps.TRY_OVER
    return new_try(w, f, number, flow.failed_at + draws.wait_s)


# --- activation ------------------------------------------------------------------------------------------------------


@compiled
def activation_begins(w: Memory, f: int, notice: int, sent: float) -> int:
    """Begin the activation of a notice."""
    flow = w.flows[f]
    a = flow.attempt * w.settings[0].places + notice
    drawn = w.notice_draws[a].activate
    flow.notice, flow.send, flow.sent = notice, 0, sent
    flow.out, flow.work, flow.back = drawn.out_s, drawn.work_s, drawn.back_s
    flow.counterpart = w.notice_draws[a].ec_group
    w.activations[a].requested_s = sent
    return steps.ACTIVATION_SENDS


@compiled
def activation_sends(w: Memory, f: int) -> int:
    """Send an activation."""
    flow = w.flows[f]
    flow.primitive = ACTIVATE
    flow.gives_up, flow.arrives = flow.sent + w.settings[0].activation_timeout_s, flow.sent + flow.out
    return send(w, f, steps.ACTIVATION_AT_NODE, steps.ACTIVATION_HEARD)


@compiled
def activation_at_node(w: Memory, f: int) -> int:
    """activatePaymentNoticeV2 reaches the Node."""
    flow = w.flows[f]
    flow.reply, flow.fault = KO, SOGLIA
    return at_node(w, f, steps.ACTIVATION_STARTED, steps.ACTIVATION_TOLD)


@compiled
def activation_started(w: Memory, f: int) -> int:
    """Answer at once, or ask the EC."""
    flow = w.flows[f]
    a = flow.attempt * w.settings[0].places + flow.notice
    if flow.killed:
        flow.reply = NONE
        return steps.ACTIVATION_TOLD
    if not activate(w, f, a, flow.started):
        return steps.ACTIVATION_TOLD
    notice = w.notice_draws[a]
    callee = w.callee_of[w.group_starts[notice.ec_group] + notice.ec]
    called(w, f, ASK, callee, w.settings[0].ec_timeout_s, steps.ACTIVATION_ANSWERED)
    drawn = notice.ask
    flow.c_out, flow.c_work, flow.c_back = drawn.out_s, drawn.work_s, drawn.back_s
    flow.c_end, flow.c_done = drawn.end, drawn.done
    return steps.CALL


@compiled
def called(w: Memory, f: int, primitive: int, callee: int, timeout_s: float, answered: int) -> None:
    """Prepare a call of the Node; `answered` follows it."""
    flow = w.flows[f]
    flow.called, flow.callee, flow.c_timeout, flow.answered, flow.c_send = primitive, callee, timeout_s, answered, 0


@compiled
def activation_answered(w: Memory, f: int) -> int:
    """Enter the EC's answer: at once, if nobody can ask for this notice again before it comes."""
    flow = w.flows[f]
    if flow.at > flow.until:
        return wait(w, f, flow.at, steps.ACTIVATION_ENTERED)
    return steps.ACTIVATION_ENTERED


@compiled
def activation_entered(w: Memory, f: int) -> int:
    """Issue a token, or refuse."""
    flow = w.flows[f]
    ec_answered(w, f, flow.attempt * w.settings[0].places + flow.notice, flow.answer, flow.at)
    flow.leaves = flow.at
    return steps.ACTIVATION_TOLD


@compiled
def activation_told(w: Memory, f: int) -> int:
    """Reply to Checkout."""
    flow = w.flows[f]
    activation = w.activations[flow.attempt * w.settings[0].places + flow.notice]
    if flow.reply == OK and activation.token and isnan(activation.issued_s):
        activation.issued_s = flow.leaves
    return told(w, f, steps.OVER)


@compiled
def activation_heard(w: Memory, f: int) -> int:
    """Send an activation again that got no answer; otherwise it has ended."""
    flow, settings = w.flows[f], w.settings[0]
    activation = w.activations[flow.attempt * settings.places + flow.notice]
    if flow.reply != NONE:
        activation.fault = flow.fault
    else:
        flow.send += 1
        if flow.send < settings.activation_tries:
            flow.sent = flow.known + settings.activation_wait_s
            flow.primitive = ACTIVATE
            return asks(w, f, steps.ASK_CALL, steps.ACTIVATION_SENDS)
        activation.fault = TRANSPORT
    return steps.ACTIVATED if flow.main else steps.LANE


# --- close -----------------------------------------------------------------------------------------------------------


@compiled
def close_begins(w: Memory, f: int, sent: float, outcome_: int) -> int:
    """Close a try."""
    flow = w.flows[f]
    attempt, drawn = w.tries[flow.attempt], w.try_draws[flow.attempt].close
    attempt.close_sent_s, attempt.close = sent, outcome_
    flow.notice, flow.send, flow.sent = -1, 0, sent
    flow.out, flow.work, flow.back = drawn.out_s, drawn.work_s, drawn.back_s
    return steps.CLOSE_SENDS


@compiled
def close_sends(w: Memory, f: int) -> int:
    """Send a close."""
    flow = w.flows[f]
    flow.primitive, flow.counterpart = CLOSE, w.try_draws[flow.attempt].psp
    flow.gives_up, flow.arrives = flow.sent + w.settings[0].close_timeout_s, flow.sent + flow.out
    return send(w, f, steps.CLOSE_AT_NODE, steps.CLOSE_HEARD)


@compiled
def close_at_node(w: Memory, f: int) -> int:
    """closePaymentV2 reaches the Node."""
    w.flows[f].reply = NONE
    return at_node(w, f, steps.CLOSE_STARTED, steps.CLOSE_TOLD)


@compiled
def close_started(w: Memory, f: int) -> int:
    """Close all tokens of the cart or none."""
    flow, s, places = w.flows[f], w.state[0], w.settings[0].places
    t = flow.attempt
    attempt = w.tries[t]
    flow.todo = close(w, f, t, flow.started)
    if flow.todo:
        for a in range(t * places, t * places + size_of(w, t)):
            w.activations[a].closed_s = s.now
    if flow.killed:
        flow.reply = NONE
    elif not flow.todo:
        cause = CLOSE_REJECTED
        if attempt.close == KO:
            cause = USER_CANCELLED if w.try_draws[t].cancels else AUTHORISATION_DENIED
        cancelled(w, t, cause)
    return steps.CLOSE_TOLD


@compiled
def close_heard(w: Memory, f: int) -> int:
    """Act on the answer to a close, or send it again while there is none and the tokens last."""
    flow, settings = w.flows[f], w.settings[0]
    t = flow.attempt
    flow.send += 1
    last, flow.sent = flow.sent, flow.gives_up + settings.close_wait_s * flow.send
    again = (
        flow.reply == NONE
        and flow.send <= settings.close_retries
        and flow.sent <= _tokens_end(w, t) - settings.close_margin_s
    )
    if flow.todo:
        if again:
            return begin(w, f, steps.FOLLOW, fork(w, f, steps.CLOSE_AGAIN))
        if flow.reply == NONE:
            _unanswered(w, f, last)
        return steps.FOLLOW
    if flow.reply != NONE:
        return _answered(w, f)
    if again:
        return steps.CLOSE_AGAIN
    _unanswered(w, f, last)
    flow.failed_at = nan
    return steps.TRY_RETURNS


@compiled
def _tokens_end(w: Memory, t: int) -> float:
    places, end = w.settings[0].places, inf
    for a in range(t * places, t * places + size_of(w, t)):
        end = min(end, w.activations[a].issued_s)
    return end + w.settings[0].token_validity_s


@compiled
def _answered(w: Memory, f: int) -> int:
    """Act on the answer to a close that the Node did not accept now."""
    flow = w.flows[f]
    attempt = w.tries[flow.attempt]
    flow.failed_at = nan
    if attempt.close == KO:
        attempt.known_s = flow.failed_at = flow.known
    elif flow.http == 400:
        attempt.known_s = flow.failed_at = flow.known
        reverse(w, flow.attempt, flow.known, BACK_REJECTED)
    return steps.TRY_RETURNS


@compiled
def _unanswered(w: Memory, f: int, last_sent: float) -> None:
    """Decide later what becomes of authorised money when no close was ever answered."""
    flow, settings = w.flows[f], w.settings[0]
    if w.tries[flow.attempt].close != OK or not settings.gives_back_unanswered:
        return
    extension = settings.token_extension_s if settings.extends else 0.0
    end = max(_tokens_end(w, flow.attempt), last_sent + extension) + settings.grace_s
    g = fork(w, f, steps.NO_ANSWER)
    w.flows[g].known = end
    enter(w, max(end, w.state[0].now), FLOW, g)


@compiled
def no_answer(w: Memory, f: int) -> int:
    """Give the money back if the Node has not said how the payment ended."""
    flow = w.flows[f]
    attempt = w.tries[flow.attempt]
    if attempt.result == NONE or attempt.known_s > flow.known:
        reverse(w, flow.attempt, flow.known, BACK_NOT_DELIVERED)
    return steps.OVER


@compiled
def cancelled(w: Memory, t: int, cause: int) -> None:
    """Note which payments of a try have just been cancelled, and why."""
    places = w.settings[0].places
    for a in range(t * places, t * places + size_of(w, t)):
        each = w.activations[a]
        if each.cancel_cause == NONE and each.status == CANCELLED:
            each.cancelled_s, each.cancel_cause = w.state[0].now, cause


@compiled
def reverse(w: Memory, t: int, at: float, cause: int) -> None:
    """Give the money of one try back from a moment on, at most once; how that goes is known after the run."""
    places = w.settings[0].places
    if w.activations[t * places].reversal_cause != NONE:
        return
    for a in range(t * places, t * places + size_of(w, t)):
        w.activations[a].reversal_requested_s, w.activations[a].reversal_cause = at, cause


@compiled
def send_payment_result(w: Memory, t: int, outcome_: int, leaves: float) -> None:
    """Let Checkout hear how a closed cart ended; a KO means that the money must be given back (R6, R7)."""
    settings, attempt, draws = w.settings[0], w.tries[t], w.try_draws[t]
    attempt.result, attempt.known_s = outcome_, inf
    for number in range(settings.result_retries + 2):
        again = leaves + (settings.result_wait_s if number else settings.result_first_wait_s)
        if number >= draws.result_losses:
            attempt.known_s = leaves + draws.result_s
            count_call(w, RESULT, draws.psp, OK, leaves, attempt.known_s + draws.result_s - leaves)
            break
        count_call(w, RESULT, draws.psp, TIMEOUT, leaves, again - leaves)
        leaves = again
    if outcome_ == KO and attempt.known_s < inf:
        cause = BACK_EXPIRED
        if attempt.answer == KO:
            cause = BACK_REFUSED
        elif attempt.answer == UNREACHABLE and settings.unreachable_is_final:
            cause = BACK_UNREACHABLE
        reverse(w, t, attempt.known_s, cause)


# --- the PSP ---------------------------------------------------------------------------------------------------------


@compiled
def follow(w: Memory, f: int) -> int:
    """Notify the PSP of the whole cart (R5)."""
    flow = w.flows[f]
    draws = w.try_draws[flow.attempt]
    w.tries[flow.attempt].notifications += 1
    flow.notice = -1
    called(w, f, NOTIFY, draws.psp, w.settings[0].psp_timeout_s, steps.NOTIFICATION_ANSWERED)
    drawn = draws.notify
    flow.c_out, flow.c_work, flow.c_back = drawn.out_s, drawn.work_s, drawn.back_s
    flow.c_end, flow.c_done = drawn.end, drawn.done
    return steps.CALL


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
    attempt.has_outcome = True
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


# --- receipts --------------------------------------------------------------------------------------------------------


@compiled
def receipts(w: Memory, f: int) -> int:
    """Send the receipts of payments made, the last of them in the caller's own flow (R11)."""
    flow = w.flows[f]
    if not flow.todo:
        return steps.OVER
    last = size_of(w, flow.attempt) - 1
    for notice in range(last):
        receipt(w, flow.cart, flow.attempt, notice, flow.leaves)
    flow.notice = last
    return steps.RECEIPT_SENDS


@compiled
def receipt(w: Memory, cart: int, attempt: int, notice: int, leaves: float) -> None:
    """Start a flow that sends one receipt, now."""
    g = flow_of(w, cart, attempt, steps.RECEIPT_SENDS)
    w.flows[g].notice, w.flows[g].leaves = notice, leaves
    enter(w, w.state[0].now, FLOW, g)


@compiled
def receipt_sends(w: Memory, f: int) -> int:
    """Send one receipt to the notice's own EC."""
    flow = w.flows[f]
    a = flow.attempt * w.settings[0].places + flow.notice
    notice = w.notice_draws[a]
    callee = w.callee_of[w.group_starts[notice.ec_group] + notice.ec]
    called(w, f, RECEIPT, callee, w.settings[0].receipt_timeout_s, steps.RECEIPT_ANSWERED)
    flow.c_send = w.activations[a].sends - 1
    w.activations[a].receipt_sends += 1
    if flow.c_send > 0:
        flow.primitive, flow.send = RECEIPT, flow.c_send
        return asks(w, f, steps.ASK_CALL, steps.CALL)
    drawn = notice.receipt
    flow.c_out, flow.c_work, flow.c_back = drawn.out_s, drawn.work_s, drawn.back_s
    flow.c_end, flow.c_done = drawn.end, drawn.done
    return steps.CALL


@compiled
def receipt_done(w: Memory, f: int) -> None:
    """Close the debt position when the work of a receipt is done, for the first of them."""
    flow = w.flows[f]
    cart, bit = w.carts[flow.cart], 1 << flow.notice
    if flow.done < inf and not cart.ec_closed & bit:
        cart.ec_closed |= bit
        w.activations[flow.attempt * w.settings[0].places + flow.notice].receipt_s = flow.done


@compiled
def receipt_delivered(w: Memory, f: int) -> int:
    """Take the EC's answer to a receipt; a second one is refused as a duplicate, which is final too."""
    flow = w.flows[f]
    a = flow.attempt * w.settings[0].places + flow.notice
    if flow.answer == NONE:
        flow.answer = UNREACHABLE
        return wait(w, f, flow.at, steps.RECEIPT_ENTERED)
    closed = bool(w.carts[flow.cart].ec_closed >> flow.notice & 1)
    if flow.answer == KO:
        w.activations[a].receipt_refused = not closed
    elif closed and flow.answer == OK:
        flow.answer = KO
    receipt_done(w, f)
    if flow.answer == OK or flow.answer == KO:
        return steps.RECEIPT_ENTERED
    return wait(w, f, flow.at, steps.RECEIPT_ENTERED)


@compiled
def receipt_entered(w: Memory, f: int) -> int:
    """Close a receipt, or keep it for the job."""
    flow = w.flows[f]
    receipt_answered(w, flow.attempt * w.settings[0].places + flow.notice, flow.answer)
    return steps.TRY_RETURNS


@compiled
def late_call(w: Memory, f: int) -> int:
    """Go on after a call that arrived when the Node had given up: the callee does not know that."""
    flow = w.flows[f]
    if flow.called == NOTIFY:
        book(w, f)
        return steps.OUTCOME_DUE
    if flow.called == RECEIPT:
        receipt_done(w, f)
    return steps.OVER
