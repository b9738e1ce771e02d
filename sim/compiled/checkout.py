"""Checkout: activates, closes, and hears how a payment ended; what `sim.model.checkout` is, over arrays."""

from math import inf, isnan, nan

from sim.compiled import steps
from sim.compiled.calls import at_node, called, count_call, ec_of, send, told
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
    KO,
    NONE,
    OK,
    RESULT,
    SOGLIA,
    TIMEOUT,
    TRANSPORT,
    UNREACHABLE,
    USER_CANCELLED,
)
from sim.compiled.heap import ENDED, FLOW, asks, begin, enter, fork, wait
from sim.compiled.jit import compiled
from sim.compiled.ledger import activate, close, ec_answered
from sim.compiled.memory import Memory
from sim.compiled.moves import size_of


@compiled
def step(w: Memory, f: int, pc: int) -> int:
    """Do one step of Checkout and return the next."""
    if pc == steps.ACTIVATION_SENDS:
        return activation_sends(w, f)
    if pc == steps.ACTIVATION_AT_NODE:
        return activation_at_node(w, f)
    if pc == steps.ACTIVATION_STARTED:
        return activation_started(w, f)
    if pc == steps.ACTIVATION_ANSWERED:
        return activation_answered(w, f)
    if pc == steps.ACTIVATION_ENTERED:
        return activation_entered(w, f)
    if pc == steps.ACTIVATION_TOLD:
        return activation_told(w, f)
    if pc == steps.ACTIVATION_HEARD:
        return activation_heard(w, f)
    if pc == steps.CLOSE_AGAIN:
        return asks(w, f, steps.ASK_CALL, steps.CLOSE_SENDS)
    if pc == steps.CLOSE_SENDS:
        return close_sends(w, f)
    if pc == steps.CLOSE_AT_NODE:
        return close_at_node(w, f)
    if pc == steps.CLOSE_STARTED:
        return close_started(w, f)
    if pc == steps.CLOSE_TOLD:
        return told(w, f, steps.CLOSE_UNHEARD)
    if pc == steps.CLOSE_UNHEARD:
        return steps.FOLLOW if w.flows[f].todo else ENDED
    if pc == steps.CLOSE_HEARD:
        return close_heard(w, f)
    return no_answer(w, f)


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
    timeout_s = w.settings[0].ec_timeout_s
    return called(w, f, ASK, ec_of(w, a), timeout_s, w.notice_draws[a].ask, steps.ACTIVATION_ANSWERED)


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
    return told(w, f, ENDED)


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
    else:
        cause = CLOSE_REJECTED
        if attempt.close == KO:
            cause = USER_CANCELLED if w.try_draws[t].cancels else AUTHORISATION_DENIED
        cancelled(w, t, cause)
    if flow.killed:
        flow.reply = NONE
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
    return ENDED


# --- result ----------------------------------------------------------------------------------------------------------


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
