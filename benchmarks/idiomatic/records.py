"""What the idiomatic model keeps of a cart and of a payment while they are under way, and afterwards."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import simpy

OK, KO, UNREACHABLE, LOST, TIMEOUT = "ok", "ko", "unreachable", "lost", "timeout"
"""How a call can end."""


@dataclass(eq=False)
class Payment:
    """One notice being paid."""

    cart: "Cart"
    notice: int
    group: int
    ec: int
    amount_cents: int
    status: str = "new"
    fault: str | None = None
    deadline: float | None = None
    requested_s: float | None = None
    issued_s: float | None = None
    cancelled_s: float | None = None
    paid_s: float | None = None
    receipt_s: float | None = None
    receipt_sends: int = 0

    def record(self) -> dict[str, Any]:
        """Return what is kept of the payment."""
        cart = self.cart
        return {
            "cart": cart.number,
            "notice": self.notice,
            "cart_size": len(cart.payments),
            "psp": cart.psp,
            "ec_group": self.group,
            "ec": self.ec,
            "amount_cents": self.amount_cents,
            "requested_s": self.requested_s,
            "issued_s": self.issued_s,
            "fault": self.fault,
            "authorised_s": cart.authorised_s,
            "closed_s": cart.closed_s,
            "notified_s": cart.notified_s,
            "answered_s": cart.answered_s,
            "notify_answer": cart.answer,
            "outcome_s": cart.outcome_s,
            "paid_s": self.paid_s,
            "cancelled_s": self.cancelled_s,
            "receipt_s": self.receipt_s,
            "receipt_sends": self.receipt_sends,
            "reversal_requested_s": cart.reversal_requested_s,
            "reversed_s": cart.reversed_s,
            "status": self.status,
        }


@dataclass(eq=False)
class Cart:
    """One to five notices paid together."""

    number: int
    psp: int
    arrived_s: float
    payments: list[Payment] = field(default_factory=list)
    left: bool = False  # the citizen has gone without paying
    answer: str | None = None
    result: simpy.Event | None = None  # fires when the result of the notification is known
    authorised_s: float | None = None
    closed_s: float | None = None
    notified_s: float | None = None
    answered_s: float | None = None
    outcome_s: float | None = None
    reversal_requested_s: float | None = None
    reversed_s: float | None = None


def counts(records: list[dict[str, Any]]) -> dict[str, int]:
    """Count payments, tokens and how they ended."""
    count: Counter[str] = Counter()
    for each in records:
        accepted, outcome = each["notify_answer"] == OK, each["outcome_s"]
        count["payments"] += 1
        count["tokens"] += each["issued_s"] is not None
        count["expired"] += each["status"] == "expired"
        count["authorised"] += each["authorised_s"] is not None
        count["reversed"] += each["reversal_requested_s"] is not None
        count["accepted"] += accepted
        count["within_2s"] += accepted and outcome is not None and outcome - each["answered_s"] <= 2.0
        count["paid"] += each["paid_s"] is not None
        count["receipted"] += each["receipt_s"] is not None
    return dict(count)
