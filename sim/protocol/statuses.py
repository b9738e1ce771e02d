"""Statuses of a payment, a position and a receipt recipient, and which may follow which.

The tables here are the only place that knows the order of statuses: the ledger moves along them, the tests walk
them and `docs/protocol.md` prints them. The values are the platform's own spelling.

Source: the Node's public integration tests (histories of POSITION_PAYMENT_STATUS, POSITION_STATUS and
POSITION_RECEIPT_RECIPIENT_STATUS); ACCEPTED -> CANCELLED is the specification's text alone (SANP 3.6.1).
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class PaymentStatus(StrEnum):
    """Status of one payment, that is of one token."""

    PAYING = "PAYING"
    PAYMENT_RESERVED = "PAYMENT_RESERVED"
    PAYMENT_SENT = "PAYMENT_SENT"
    PAYMENT_ACCEPTED = "PAYMENT_ACCEPTED"
    PAYMENT_REFUSED = "PAYMENT_REFUSED"
    PAYMENT_UNKNOWN = "PAYMENT_UNKNOWN"
    PAYMENT_SEND_ERROR = "PAYMENT_SEND_ERROR"
    PAID = "PAID"
    NOTICE_GENERATED = "NOTICE_GENERATED"
    NOTICE_SENT = "NOTICE_SENT"
    NOTIFIED = "NOTIFIED"
    CANCELLED = "CANCELLED"


class PositionStatus(StrEnum):
    """Status of a notice at the Node; `INSERTED` means payable again."""

    PAYING = "PAYING"
    INSERTED = "INSERTED"
    PAID = "PAID"
    NOTIFIED = "NOTIFIED"


class RecipientStatus(StrEnum):
    """Status of one receipt towards one station of an EC."""

    NOTICE_GENERATED = "NOTICE_GENERATED"
    NOTICE_SENT = "NOTICE_SENT"
    NOTICE_PENDING = "NOTICE_PENDING"
    NOTIFIED = "NOTIFIED"


Status = PaymentStatus | PositionStatus | RecipientStatus
_P, _N, _R = PaymentStatus, PositionStatus, RecipientStatus

PAYMENT_TRANSITIONS: Mapping[PaymentStatus | None, frozenset[PaymentStatus]] = MappingProxyType(
    {
        None: frozenset({_P.PAYING}),
        _P.PAYING: frozenset({_P.PAYMENT_RESERVED, _P.CANCELLED}),
        _P.PAYMENT_RESERVED: frozenset({_P.PAYMENT_SENT}),
        _P.PAYMENT_SENT: frozenset(
            {_P.PAYMENT_ACCEPTED, _P.PAYMENT_REFUSED, _P.PAYMENT_UNKNOWN, _P.PAYMENT_SEND_ERROR}
        ),
        _P.PAYMENT_ACCEPTED: frozenset({_P.PAID, _P.CANCELLED}),
        _P.PAYMENT_UNKNOWN: frozenset({_P.PAID, _P.CANCELLED}),
        _P.PAYMENT_REFUSED: frozenset({_P.CANCELLED}),
        _P.PAYMENT_SEND_ERROR: frozenset({_P.CANCELLED}),
        _P.PAID: frozenset({_P.NOTICE_GENERATED}),
        _P.NOTICE_GENERATED: frozenset({_P.NOTICE_SENT}),
        _P.NOTICE_SENT: frozenset({_P.NOTICE_SENT, _P.NOTIFIED}),
        _P.NOTIFIED: frozenset(),
        _P.CANCELLED: frozenset(),
    }
)

POSITION_TRANSITIONS: Mapping[PositionStatus | None, frozenset[PositionStatus]] = MappingProxyType(
    {
        None: frozenset({_N.PAYING}),
        _N.PAYING: frozenset({_N.INSERTED, _N.PAID}),
        _N.INSERTED: frozenset({_N.PAYING}),
        _N.PAID: frozenset({_N.NOTIFIED}),
        _N.NOTIFIED: frozenset(),
    }
)

RECIPIENT_TRANSITIONS: Mapping[RecipientStatus | None, frozenset[RecipientStatus]] = MappingProxyType(
    {
        None: frozenset({_R.NOTICE_GENERATED}),
        _R.NOTICE_GENERATED: frozenset({_R.NOTICE_SENT}),
        _R.NOTICE_SENT: frozenset({_R.NOTIFIED, _R.NOTICE_PENDING}),
        _R.NOTICE_PENDING: frozenset({_R.NOTICE_SENT}),
        _R.NOTIFIED: frozenset(),
    }
)

SETTLED = frozenset({_P.PAID, _P.NOTICE_GENERATED, _P.NOTICE_SENT, _P.NOTIFIED})
"""Payments whose outcome OK has been acquired."""
PAYABLE = frozenset({_P.PAYMENT_ACCEPTED, _P.PAYMENT_UNKNOWN})
"""Payments that an outcome OK may still pay (R7, R9)."""
