"""Carts that are over: settled, written and forgotten; what `sim.model.ending` and `Carts` are, over arrays."""

from math import inf, isnan, nan

from sim.compiled import steps
from sim.compiled.codes import CANCELLED, KO, NONE, NOT_PAID_ENDING, NOTIFIED, OK, PAID_ENDING, UNKNOWN_ENDING
from sim.compiled.expiry import forget_strays
from sim.compiled.heap import ENDED, NOTIFICATIONS, asks
from sim.compiled.jit import compiled, entry
from sim.compiled.memory import Memory
from sim.compiled.moves import fail


@compiled
def check_over(w: Memory, t: int) -> None:
    """Invariant 3 over a try about which nothing more will happen; all others are checked over the records."""
    attempt = w.tries[t]
    if attempt.notifications != attempt.closed:
        fail(w, NOTIFICATIONS, t)


@compiled
def is_over(w: Memory, c: int) -> bool:
    """Whether nothing more will happen to a cart."""
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
def try_over(w: Memory, f: int) -> int:
    """Take a cart over whose journey ends."""
    s, flow = w.state[0], w.flows[f]
    if is_over(w, flow.cart):
        if no_room(w):
            return asks(w, f, steps.ASK_ROOM, steps.TRY_OVER)
        finish(w, flow.cart)
    else:
        w.waiting[s.waiting] = flow.cart
        s.waiting += 1
    return ENDED


@compiled
def no_room(w: Memory) -> bool:
    """Whether the rows of one more cart might find no place."""
    s, settings = w.state[0], w.settings[0]
    return s.rows + settings.max_tries * settings.places > len(w.rows) or s.cart_rows >= len(w.cart_rows)


@entry
def finish_all(w: Memory) -> int:
    """Finish what is left when nothing moves any more: open items, such as a manual check."""
    s = w.state[0]
    while s.waiting > 0:
        if no_room(w):
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
        check_over(w, t)
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
    forget_strays(w, c)
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
