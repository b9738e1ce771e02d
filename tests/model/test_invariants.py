"""What breaks an invariant stops the run: each is broken on purpose, in the records and in the simulation itself."""

import re

import numpy as np
import pytest

from model.worlds import run
from sim.model import ending
from sim.model.cart import try_of
from sim.model.invariants import BrokenInvariantError, records_hold
from sim.model.psp import Psps
from sim.model.run import RunError
from sim.protocol.ledger import Ledger
from sim.protocol.statuses import PaymentStatus
from sim.records import PLACES, STATUSES

TWO = {"cart": {"notices": {2: 1}, "amount": "50 EUR"}}
"""A world with one cart of two notices, 0.0.0 and 0.0.1, both of which are paid."""


@pytest.fixture(scope="module")
def good():
    """Return the payments of a run in which all is well."""
    return run(**TWO, record=()).tables["payments"]


def changed(payments, **columns):
    """Return payments whose second row has other values."""
    table = {name: column.copy() for name, column in payments.items()}
    for name, value in columns.items():
        table[name][1] = value
    return table


def test_records_that_hold_are_passed(good):
    """Nothing is wrong with the world that the tests below change, and both of its payments are made."""
    records_hold(good, 48)
    assert np.isfinite(good["paid_s"]).all()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"paid_s": np.nan, "cancelled_s": 1800.0}, "a receipt without a payment made"),
        ({"cancelled_s": 1800.0}, "a payment was both paid and cancelled"),
        ({"paid_s": np.nan, "receipt_s": np.nan}, "tokens of one cart ended in different branches"),
        ({"notified_s": np.nan}, "a closed cart was not notified, or one that was never closed was"),
        ({"closed_s": np.nan}, "a payment made that was never closed"),
        ({"place": PLACES.index("none")}, "authorised money is in no place, or money was never taken"),
        ({"authorised_s": np.nan}, "authorised money is in no place, or money was never taken"),
        ({"place": PLACES.index("pending_receipt")}, "NOTIFIED before every recipient was final"),
        ({"receipt_sends": 50}, "a receipt was sent too often"),
    ],
)
def test_a_broken_invariant_is_seen_in_the_records(good, columns, said):
    """It names the payment, the second notice of the first try of the first cart, and the moment it was asked for."""
    with pytest.raises(BrokenInvariantError, match=rf"^payment 0\.0\.1 at 50\.000000 s: {said}$"):
        records_hold(changed(good, **columns), 48)


def test_a_second_open_token_is_seen_in_the_records(good):
    """The same notice with two tokens, neither of which was cancelled before the other was issued."""
    with pytest.raises(BrokenInvariantError, match="a second token is open for the notice"):
        records_hold(changed(good, notice=0, attempt=1), 48)


def test_tokens_of_a_notice_are_followed_in_the_order_of_issue(good):
    """The second try's token was issued at 10 s and cancelled at 20 s, before an old send of the first got its own."""
    nothing = dict.fromkeys(("paid_s", "receipt_s", "closed_s", "notified_s", "answered_s", "authorised_s"), np.nan)
    codes = {"place": PLACES.index("none"), "notify_answer": 0, "receipt_sends": 0}
    codes["status"] = STATUSES.index(PaymentStatus.CANCELLED)
    second = {"notice": 0, "attempt": 1, "issued_s": 10.0, **nothing, **codes}
    records_hold(changed(good, cancelled_s=20.0, **second), 48)
    with pytest.raises(BrokenInvariantError, match="a second token is open for the notice"):
        records_hold(changed(good, cancelled_s=60.0, **second), 48)


def twice(original):
    """Let the PSP be notified twice of one cart."""

    def notify(self, closing, leaves):
        try_of(closing).notifications += 1
        return (yield from original(self, closing, leaves))

    return notify


def forgetful(original):
    """Let the Node forget that a notice has an open token."""

    def ec_answered(self, position, *rest):
        reply = original(self, position, *rest)
        position.payment = None
        return reply

    return ec_answered


def meddling(original):
    """Let a refused outcome change something."""

    def outcome(self, *rest):
        self.moves += 1
        return original(self, *rest)

    return outcome


def partial(original):
    """Let an outcome pay the first token of a cart only."""

    def pay(self, payment, now):
        if payment.token == 1:
            original(self, payment, now)

    return pay


def hasty(original):
    """Let a payment be NOTIFIED while its receipt is pending."""

    def receipt_answered(self, recipient, answer, now):
        original(self, recipient, answer, now)
        self._move_payment(recipient.payment, PaymentStatus.NOTIFIED, now)

    return receipt_answered


def dogged(_):
    """Let the job send a receipt again although it may not, up to the third time."""

    def pa_send_rt(self, now):
        again = [recipient for recipient in self.pending if recipient.sends < 3]
        for recipient in again:
            del self.pending[recipient]
            self._send(recipient, now)
        return again

    return pa_send_rt


def premature(original):
    """Let the Node take a payment for paid when the PSP has accepted it."""

    def psp_answered(self, closing, answer, now):
        self._move_payment(closing.payments[0], PaymentStatus.PAID, now)
        return original(self, closing, answer, now)

    return psp_answered


def losing(_):
    """Let money be nowhere."""
    return lambda activation: "none"


UNREACHABLE = "ecs.ec.paSendRT.ends={unreachable: 1}"


@pytest.mark.parametrize(
    ("where", "what", "broken", "sets", "said"),
    [
        (Psps, "psp_notify_payment", twice, (), "0.0.0 at S s: 2 notifications of one cart"),
        (Ledger, "ec_answered", forgetful, (), "0.0.0 at S s: a second token is open for the notice"),
        (Ledger, "outcome", meddling, ("psps.psp.outcome_ko=1",), "T at S s: a refused outcome changed a status"),
        (Ledger, "_pay", partial, (), "0.0.0 at S s: tokens of one cart ended in different branches"),
        (Ledger, "receipt_answered", hasty, (UNREACHABLE,), "0.0.0 at S s: NOTIFIED before every recipient was final"),
        (
            Ledger,
            "pa_send_rt",
            dogged,
            (UNREACHABLE, "protocol.receipt_max_retries=1"),
            "0.0.0 at S s: 3 sends of one receipt",
        ),
        (Ledger, "psp_answered", premature, (), "0.0.0 at S s: token 1 cannot go from PAYMENT_SENT to PAID"),
        (ending, "_place", losing, (), "0.0.0 at S s: authorised money is in no place, or money was never taken"),
    ],
)
def test_a_run_that_breaks_an_invariant_names_payment_time_seed_and_replication(
    monkeypatch, where, what, broken, sets, said
):
    """And says what was broken: two notices are paid, unless what is done to the world prevents it."""
    monkeypatch.setattr(where, what, broken(getattr(where, what)))
    with pytest.raises(RunError) as caught:
        run("run.seed=7", *sets, replication=3, **TWO)
    pattern = re.escape(said).replace("T", r"\(.*\)", said.startswith("T")).replace(r"S\ s", r"\d+\.\d{6}\ s", 1)
    assert re.fullmatch(rf"payment {pattern}; seed 7, replication 3", str(caught.value))
