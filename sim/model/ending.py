"""How a cart ended: where the money is, and what the citizen knows.

Called once, when nothing more will happen to the cart.
"""

from math import inf, isnan, nan

from sim.model.cart import Activation, Cart, Try
from sim.protocol.messages import Outcome
from sim.protocol.statuses import SETTLED
from sim.records import EXPIRY_CAUSES


def settle(cart: Cart, redirect_wait_s: float) -> None:
    """Fill in the columns of a cart and its payments that follow from all the others."""
    for attempt in cart.tries:
        for each in attempt.activations:
            each.place = _place(each)
            if each.outcome_s > each.cancelled_s and each.cancel_cause in EXPIRY_CAUSES:
                each.cancel_cause = "outcome_late"
            if each.payment is not None:
                each.status = str(each.payment.status)
        cart.waited_s += _waited_s(attempt, redirect_wait_s)
    last = cart.tries[-1]
    cart.ending, cart.settled_s = _ending(last)
    cart.redirected_s = _redirected_s(last, redirect_wait_s)


def _place(activation: Activation) -> str:
    if isnan(activation.authorised_s):
        return "none"
    if not isnan(activation.receipt_s):
        return "receipted"
    if not isnan(activation.reversed_s):
        return "reversed"
    paid = activation.payment is not None and activation.payment.status in SETTLED
    if paid and not activation.receipt_refused:
        return "pending_receipt"
    return "manual_check"


def _ending(attempt: Try) -> tuple[str, float]:
    """Return what the citizen knows, and when Checkout knew it."""
    if attempt.failed:
        return "not_paid", attempt.activated_s
    if attempt.abandoned:
        return "not_paid", nan
    if attempt.close is None or attempt.close.outcome is Outcome.KO:
        return "not_paid", attempt.close_sent_s if isnan(attempt.known_s) else attempt.known_s
    if attempt.result is Outcome.OK and attempt.known_s < inf:
        return "paid", attempt.known_s
    first = attempt.activations[0]
    if not isnan(first.reversal_requested_s):
        return "not_paid", first.reversal_requested_s
    return "unknown", nan


def _redirected_s(attempt: Try, redirect_wait_s: float) -> float:
    """Return when the browser went back to the EC's site."""
    if attempt.abandoned:
        return nan
    if attempt.failed:
        return attempt.activated_s
    latest = attempt.close_sent_s + redirect_wait_s
    return min(attempt.known_s, latest) if attempt.known_s < inf else latest


def _waited_s(attempt: Try, redirect_wait_s: float) -> float:
    """Return how long the citizen waited for the system in one try, without thinking and authorising."""
    waited = attempt.activated_s - attempt.started_s
    if not isnan(attempt.close_sent_s):
        waited += _redirected_s(attempt, redirect_wait_s) - attempt.close_sent_s
    return waited
