"""What the Node keeps: a notice's position, the payments made of it, carts closed, and receipts on their way.

Plain memory with a status each; `ledger.py` alone moves the statuses, along the tables of `statuses.py`. Anybody may
read them.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import inf

from sim.protocol.messages import Activate, Answer, Close
from sim.protocol.statuses import PaymentStatus, PositionStatus, RecipientStatus


@dataclass(slots=True, eq=False)
class Position:
    """A notice at the Node; `payment` is its open token, if any (R3)."""

    notice: Hashable
    status: PositionStatus | None = None
    payment: "Payment | None" = None
    activating: bool = False


@dataclass(slots=True, eq=False)
class Payment:
    """One notice being paid under one token."""

    token: int
    position: Position
    request: Activate
    deadline: float
    status: PaymentStatus | None = None
    closing: "Closing | None" = None
    recipients: "list[Recipient]" = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Closing:
    """A cart closed OK: its payments share one deadline, one notification and one fate."""

    payments: tuple[Payment, ...]
    request: Close
    deadline: float
    answer: Answer | None = None
    answered_s: float = inf
    """When the Node knows the result of the notification, once that is certain."""


@dataclass(slots=True, eq=False)
class Recipient:
    """One receipt towards one station; `sends` counts from 1."""

    payment: Payment
    ec: Hashable
    own: bool
    status: RecipientStatus | None = None
    sends: int = 0
