"""The invariants: what must hold of every payment, checked while running and again over the records.

A broken invariant is a bug of the program, never of its input. It stops the run and names the payment and the time;
whoever runs the replication adds seed and replication. Numbers are those of `docs/protocol.md`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.protocol.messages import Outcome
from sim.protocol.settings import ProtocolSettings
from sim.protocol.statuses import SETTLED, PaymentStatus, RecipientStatus
from sim.records import PLACES

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
    if payment is None:
        if activation.authorised_s == activation.authorised_s:
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


def records_hold(payments: Mapping[str, Array]) -> None:
    """Invariants 1, 2 and 4 again, over the finished columns of `payments`."""
    authorised = ~np.isnan(payments["authorised_s"])
    placed = payments["place"] != PLACES.index("none")
    _all(payments, authorised == placed, "authorised money is in no place, or money was never taken")
    paid = ~np.isnan(payments["paid_s"])
    _all(payments, ~(paid & ~np.isnan(payments["cancelled_s"])), "a payment was both paid and cancelled")
    _all(payments, paid | np.isnan(payments["receipt_s"]), "a receipt without a payment made")
    _all(payments, authorised | np.isnan(payments["reversed_s"]), "money given back that was never taken")
    _all(payments, ~paid | authorised, "a payment made without money taken")
    amounts = payments["amount_cents"]
    taken, found = int(amounts[authorised].sum()), int(amounts[placed].sum())
    if taken != found:
        raise BrokenInvariantError(f"{taken} cents were taken and {found} cents are accounted for", "of all", 0.0)


def _all(payments: Mapping[str, Array], holds: Array, what: str) -> None:
    if not holds.all():
        row = int(np.argmin(holds))
        name = ".".join(str(int(payments[key][row])) for key in ("cart", "attempt", "notice"))
        raise BrokenInvariantError(what, name, float(payments["requested_s"][row]))
