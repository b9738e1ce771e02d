"""The ledger moves along the tables, and an illegal move raises and changes nothing."""

import itertools

import pytest

from sim.protocol.entities import Payment, Position
from sim.protocol.ledger import Ledger
from sim.protocol.messages import Activate, ProtocolError
from sim.protocol.settings import SANP
from sim.protocol.statuses import PAYMENT_TRANSITIONS, PaymentStatus

ILLEGAL = [
    (before, after)
    for before, after in itertools.product(PaymentStatus, PaymentStatus)
    if after not in PAYMENT_TRANSITIONS[before]
]


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_an_illegal_transition_raises_and_changes_nothing(before, after):
    """A payment keeps its status, and nobody is told, when a move is not in the table."""
    told = []
    ledger = Ledger(SANP, lambda thing, now: told.append(thing))
    payment = Payment(1, Position("N1"), Activate("N1", "EC1", 100), 10.0, before)
    with pytest.raises(ProtocolError, match=f"token 1 cannot go from {before} to {after}"):
        ledger._move_payment(payment, after, 0.0)
    assert payment.status is before
    assert told == []
