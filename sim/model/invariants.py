"""The invariants: what must hold of every payment, checked while running and again over the records.

A broken invariant is a bug of the program, never of its input. It stops the run and names the payment and the time;
whoever runs the replication adds seed and replication. Numbers are those of `docs/protocol.md`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.protocol.messages import Answer, Outcome
from sim.protocol.settings import ProtocolSettings
from sim.protocol.statuses import SETTLED, PaymentStatus, RecipientStatus
from sim.records import ANSWERS, PLACES, STATUSES

if TYPE_CHECKING:
    from sim.model.cart import Activation, Cart, Try

Array = npt.NDArray[Any]


class BrokenInvariantError(AssertionError):
    """An invariant does not hold."""

    def __init__(self, what: str, activation: "Activation | str", at_s: float) -> None:
        name = activation if isinstance(activation, str) else activation.name
        super().__init__(f"payment {name} at {at_s:.6f} s: {what}")


def token_issued(activation: "Activation", now: float) -> None:
    """Invariant 6: at most one open token per notice."""
    payment = activation.payment
    if payment is None or payment.position.payment is not payment:
        raise BrokenInvariantError("a second token is open for the notice", activation, now)


def cart_over(cart: "Cart", settings: ProtocolSettings, now: float) -> None:
    """Invariants 1-4, 7 and 8 over a cart about which nothing more will happen."""
    for attempt in cart.tries:
        _one_branch(attempt, now)
        for each in attempt.activations:
            _receipts(each, settings, now)


def _one_branch(attempt: "Try", now: float) -> None:
    first = attempt.activations[0]
    if attempt.notifications != (attempt.closing is not None):
        raise BrokenInvariantError(f"{attempt.notifications} notifications of one cart", first, now)
    if attempt.closing is not None:
        if attempt.close is None or attempt.close.outcome is Outcome.KO:
            raise BrokenInvariantError("a cart closed KO was notified", first, now)
        if len({each.payment.status in SETTLED for each in attempt.activations if each.payment is not None}) != 1:
            raise BrokenInvariantError("tokens of one cart ended in different branches", first, now)


def _receipts(activation: "Activation", settings: ProtocolSettings, now: float) -> None:
    payment = activation.payment
    authorised = activation.authorised_s == activation.authorised_s
    if authorised != (activation.place != "none"):
        raise BrokenInvariantError("authorised money is in no place, or money was never taken", activation, now)
    if payment is None:
        if authorised:
            raise BrokenInvariantError("money was taken without a token", activation, now)
        return
    paid = payment.status in SETTLED
    if (activation.paid_s == activation.paid_s) != paid or (activation.receipt_sends > 0) != paid:
        raise BrokenInvariantError("a receipt and a payment made do not go together", activation, now)
    if payment.status is PaymentStatus.NOTIFIED and any(
        r.status is not RecipientStatus.NOTIFIED for r in payment.recipients
    ):
        raise BrokenInvariantError("NOTIFIED before every recipient was final", activation, now)
    if activation.receipt_sends > 1 + settings.receipt_max_retries:
        raise BrokenInvariantError(f"{activation.receipt_sends} sends of one receipt", activation, now)


def records_hold(payments: Mapping[str, Array], receipt_max_retries: int) -> None:
    """All but invariant 5 again, over the finished columns of `payments`, in order of cart, try and notice."""
    at = {name: ~np.isnan(column) for name, column in payments.items() if name.endswith("_s")}
    authorised, paid, closed = at["authorised_s"], at["paid_s"], at["closed_s"]
    placed = payments["place"] != PLACES.index("none")
    accepted = payments["notify_answer"] == ANSWERS.index(Answer.OK)
    _all(payments, authorised == placed, "authorised money is in no place, or money was never taken")
    _all(payments, ~(paid & at["cancelled_s"]), "a payment was both paid and cancelled")
    _all(payments, paid | ~at["receipt_s"], "a receipt without a payment made")
    _all(payments, ~paid | closed, "a payment made that was never closed")
    _all(payments, closed == at["notified_s"], "a closed cart was not notified, or one that was never closed was")
    _all(payments, ~accepted | at["answered_s"], "a payment accepted without an answer")
    _all(payments, authorised | ~at["reversed_s"], "money given back that was never taken")
    _all(payments, ~paid | authorised, "a payment made without money taken")
    same_try = _same(payments, "cart", "attempt")
    _all(payments, ~(same_try & closed) | (paid == _before(paid)), "tokens of one cart ended in different branches")
    _all(payments, _one_token(payments), "a second token is open for the notice")
    notified = payments["status"] == STATUSES.index(PaymentStatus.NOTIFIED)
    pending = payments["place"] == PLACES.index("pending_receipt")
    _all(payments, ~(notified & pending), "NOTIFIED before every recipient was final")
    _all(payments, payments["receipt_sends"] <= 1 + receipt_max_retries, "a receipt was sent too often")
    amounts = payments["amount_cents"]
    taken, found = int(amounts[authorised].sum()), int(amounts[placed].sum())
    if taken != found:
        raise BrokenInvariantError(f"{taken} cents were taken and {found} cents are accounted for", "of all", 0.0)


def _before(values: Array) -> Array:
    """Return the value of the row before, for every row; the first row's own."""
    return np.concatenate([values[:1], values[:-1]])


def _same(payments: Mapping[str, Array], *keys: str) -> Array:
    """Tell whether a row has the same keys as the row before it."""
    same = np.all([payments[key] == _before(payments[key]) for key in keys], axis=0)
    same[:1] = False
    return np.asarray(same)


def _one_token(payments: Mapping[str, Array]) -> Array:
    """Tell whether the token that a notice had before, if any, was cancelled when this one was issued."""
    tokens = np.flatnonzero(~np.isnan(payments["issued_s"]))
    tokens = tokens[np.lexsort([payments[key][tokens] for key in ("issued_s", "notice", "cart")])]
    columns = {key: payments[key][tokens] for key in ("cart", "notice", "issued_s", "cancelled_s")}
    holds = np.ones(len(payments["cart"]), dtype=bool)
    holds[tokens] = ~_same(columns, "cart", "notice") | (_before(columns["cancelled_s"]) <= columns["issued_s"])
    return holds


def _all(payments: Mapping[str, Array], holds: Array, what: str) -> None:
    if not holds.all():
        row = int(np.argmin(holds))
        name = ".".join(str(int(payments[key][row])) for key in ("cart", "attempt", "notice"))
        raise BrokenInvariantError(what, name, float(payments["requested_s"][row]))
