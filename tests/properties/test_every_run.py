"""What must hold of every run, whatever the scenario: the invariants of the design, read from the records alone.

Nothing of the simulator's own checks is used: orders of statuses are written down again from the real Node's public
tests (histories of POSITION_PAYMENT_STATUS and POSITION_RECEIPT_RECIPIENT_STATUS), policies come from the scenario.
Examples are derandomised, so that the suite says the same thing every time; each test draws other ones. To look
further, raise `EXAMPLES`.
"""

from collections import Counter, defaultdict
from itertools import pairwise
from math import inf, isclose, isnan

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model.worlds import rows

from properties.scenarios import loaded, scenarios
from sim.analysis.metrics import METRICS
from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.model.run import replicate

EXAMPLES = 30
few = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)

AFTER = {
    None: {"PAYING"},
    "PAYING": {"PAYMENT_RESERVED", "CANCELLED"},
    "PAYMENT_RESERVED": {"PAYMENT_SENT"},
    "PAYMENT_SENT": {"PAYMENT_ACCEPTED", "PAYMENT_REFUSED", "PAYMENT_UNKNOWN", "PAYMENT_SEND_ERROR"},
    "PAYMENT_ACCEPTED": {"PAID", "CANCELLED"},
    "PAYMENT_UNKNOWN": {"PAID", "CANCELLED"},
    "PAYMENT_REFUSED": {"CANCELLED"},
    "PAYMENT_SEND_ERROR": {"CANCELLED"},
    "PAID": {"NOTICE_GENERATED"},
    "NOTICE_GENERATED": {"NOTICE_SENT"},
    "NOTICE_SENT": {"NOTICE_SENT", "NOTIFIED"},
    "NOTIFIED": set(),
    "CANCELLED": set(),
}
AFTER_RECEIPT = {
    None: {"NOTICE_GENERATED"},
    "NOTICE_GENERATED": {"NOTICE_SENT"},
    "NOTICE_SENT": {"NOTIFIED", "NOTICE_PENDING"},
    "NOTICE_PENDING": {"NOTICE_SENT"},
    "NOTIFIED": set(),
}
MADE = {"PAID", "NOTICE_GENERATED", "NOTICE_SENT", "NOTIFIED"}
EXPIRY = {
    "abandoned",
    "activation_failed",
    "close_late",
    "close_not_delivered",
    "outcome_missing_accepted",
    "outcome_missing_unknown",
    "outcome_late",
}


class Ran:
    """One run of a random scenario, its tables as rows."""

    def __init__(self, values, folder):
        self.loaded = loaded(values, folder)
        self.scenario = self.loaded.scenario
        self.records = replicate(self.loaded, 0, record=("calls", "states"))
        self.payments = rows(self.records, "payments")
        self.carts = rows(self.records, "carts")
        self.calls = rows(self.records, "calls")
        self.states = rows(self.records, "states")

    def by_try(self, table):
        """Group rows by try of a cart."""
        found = defaultdict(list)
        for row in getattr(self, table):
            found[row.cart, row.attempt].append(row)
        return found

    def history(self, subject):
        """Return the statuses of every payment or receipt with their times, in the order recorded."""
        found = defaultdict(list)
        for row in self.states:
            if row.subject == subject:
                found[row.cart, row.attempt, row.notice].append((row.status, row.at_s))
        return found

    def psp(self, name):
        """Return the section of a PSP."""
        return next(psp for psp in self.scenario.psps if psp.name == name)


def key(row):
    """Name a payment."""
    return row.cart, row.attempt, row.notice


@few
@given(values=scenarios())
def test_statuses_follow_one_another_as_at_the_real_node(values, folder):
    """Each history starts at the start and takes only steps of the tables; the last one is the payment's status."""
    ran = Ran(values, folder)
    for subject, after in (("payment", AFTER), ("receipt", AFTER_RECEIPT)):
        for history in ran.history(subject).values():
            before, at = None, 0.0
            for status, moment in history:
                assert status in after[before]
                assert moment >= at
                before, at = status, moment
    histories = ran.history("payment")
    for payment in ran.payments:
        found = histories.get(key(payment))
        assert (found is None) == isnan(payment.issued_s)
        assert payment.status == (found[-1][0] if found else "none")
        assert found is None or found[0][1] == payment.issued_s


@few
@given(values=scenarios())
def test_a_receipt_exists_only_for_a_payment_that_was_made(values, folder):
    """Invariants 1 and 7: a receipt begins when its payment is PAID; the payment is NOTIFIED when its receipt is."""
    ran = Ran(values, folder)
    payments, receipts = ran.history("payment"), ran.history("receipt")
    assert receipts.keys() == {name for name, history in payments.items() if "PAID" in dict(history)}
    for name, receipt in receipts.items():
        payment = dict(payments[name])
        assert payment["PAID"] == receipt[0][1]
        assert ("NOTIFIED" in payment) == ("NOTIFIED" in dict(receipt))
        assert payment.get("NOTIFIED") == dict(receipt).get("NOTIFIED")
    for payment in ran.payments:
        made = payment.status in MADE
        assert made == (payment.receipt_sends > 0) == (not isnan(payment.paid_s))
        assert made or isnan(payment.receipt_s)


@few
@given(values=scenarios())
def test_all_tokens_of_a_closed_cart_share_one_fate(values, folder):
    """Invariant 2: after the close they are all made or all not, by the same answer, at the same moments."""
    for payments in Ran(values, folder).by_try("payments").values():
        if not isnan(payments[0].closed_s):
            fates = {
                (
                    p.closed_s, p.notified_s, p.answered_s, p.notify_answer, p.status in MADE, p.cancel_cause,
                    p.reversal_cause, str(p.paid_s), str(p.cancelled_s), str(p.outcome_s), str(p.reversed_s),
                )
                for p in payments
            }  # fmt: skip
            assert len(fates) == 1


@few
@given(values=scenarios())
def test_an_accepted_close_causes_one_notification_and_no_other_close_does(values, folder):
    """Invariant 3: one call for each closed cart, unless the pool had no room for it; none after a close KO."""
    ran = Ran(values, folder)
    notified = Counter((c.cart, c.attempt) for c in ran.calls if c.primitive == "pspNotifyPaymentV2")
    unlimited = ran.scenario.node.psp_pool.size is None
    for name, payments in ran.by_try("payments").items():
        closed = [not isnan(p.closed_s) for p in payments]
        assert len(set(closed)) == 1
        assert not isnan(payments[0].notified_s) if closed[0] else isnan(payments[0].notified_s)
        assert notified[name] == closed[0] if unlimited else notified[name] <= closed[0]
        if any(p.cancel_cause in ("user_cancelled", "authorisation_denied") for p in payments):
            assert not notified[name]


@few
@given(values=scenarios())
def test_every_cent_that_was_taken_is_in_one_place(values, folder):
    """Invariant 4: what is authorised is receipted, reversed or a named open item, to the cent."""
    ran = Ran(values, folder)
    taken, found = 0, Counter()
    for payment in ran.payments:
        authorised = not isnan(payment.authorised_s)
        taken += payment.amount_cents * authorised
        found[payment.place] += payment.amount_cents
        receipted, given_back = not isnan(payment.receipt_s), not isnan(payment.reversed_s)
        assert authorised or not (receipted or given_back)
        if payment.place == "receipted":
            assert receipted
        elif payment.place == "reversed":
            assert given_back
            assert not receipted
        else:
            assert not receipted
            assert not given_back
            assert (payment.place == "none") == (not authorised)
    del found["none"]
    assert sum(found.values()) == taken
    for cart in ran.carts:
        first = [p.amount_cents for p in ran.payments if (p.cart, p.attempt) == (cart.cart, 0)]
        assert cart.amount_cents == sum(first)
        assert min(first) >= 1


@few
@given(values=scenarios())
def test_an_outcome_that_is_refused_changes_nothing(values, folder):
    """Invariant 5: whatever is PAID was paid while an outcome of its own cart was at the Node and was not refused."""
    ran = Ran(values, folder)
    outcomes = defaultdict(list)
    for call in ran.calls:
        if call.primitive == "sendPaymentOutcomeV2":
            outcomes[call.cart, call.attempt].append(call)
    for payment in ran.payments:
        calls = outcomes[payment.cart, payment.attempt]
        if not isnan(payment.paid_s):
            assert any(c.answer != "ko" and c.arrived_s <= payment.paid_s <= c.served_s for c in calls)
        elif not isnan(payment.closed_s):
            assert all(c.answer != "ok" for c in calls)
        arrived = [c.arrived_s for c in calls if not isnan(c.arrived_s)]
        assert min(arrived, default=payment.outcome_s) == pytest.approx(payment.outcome_s, nan_ok=True)


@few
@given(values=scenarios())
def test_a_notice_never_has_two_open_tokens(values, folder):
    """Invariant 6, R3: a notice's tokens over all tries follow one another, and none follows a payment made."""
    ran = Ran(values, folder)
    tokens = defaultdict(list)
    for payment in ran.payments:
        if not isnan(payment.issued_s):
            end = inf if isnan(payment.cancelled_s) else payment.cancelled_s
            tokens[payment.cart, payment.notice].append((payment.issued_s, end))
    for spans in tokens.values():
        spans.sort()
        for (_, end), (start, _) in pairwise(spans):
            assert end <= start


@few
@given(values=scenarios())
def test_no_retry_exceeds_its_policy(values, folder):
    """Invariant 8: activations, closes, outcomes, receipts, reversals and the citizen's own tries."""
    ran = Ran(values, folder)
    checkout, retries = ran.scenario.checkout, ran.scenario.protocol.receipt_max_retries
    sends = 1 + (48 if retries is None else retries)
    psps = {(p.cart, p.attempt): p.psp for p in ran.payments}
    allowed = {
        "activatePaymentNoticeV2": lambda _: checkout.activation.tries,
        "closePaymentV2": lambda _: 1 + checkout.close.retries,
        "sendPaymentOutcomeV2": lambda call: ran.psp(psps[call.cart, call.attempt]).outcome_tries,
        "paGetPayment": lambda _: inf,
        "pspNotifyPaymentV2": lambda _: 1,
        "sendPaymentResult-v2": lambda _: 2 + ran.scenario.node.result.retries,
        "paSendRT": lambda _: sends,
    }
    made = Counter((c.primitive, *key(c)) for c in ran.calls)
    for call in ran.calls:
        assert call.send < allowed[call.primitive](call)
        assert made[call.primitive, *key(call)] <= allowed[call.primitive](call)
    for payment in ran.payments:
        assert payment.receipt_sends <= sends
        assert payment.reversal_tries <= 1 + checkout.refund.retries
    for cart in ran.carts:
        assert 1 <= cart.tries <= ran.scenario.citizen.retry.max_tries


@few
@given(values=scenarios())
def test_causes_are_exclusive_complete_and_where_they_belong(values, folder):
    """A cancelled token has one cause, which fits; tokens expire at sweeps only; a reversal has one cause as well."""
    ran = Ran(values, folder)
    period = ran.scenario.node.jobs.mod3CancelV2
    for p in ran.payments:
        assert (p.cancel_cause == "none") == isnan(p.cancelled_s) == (p.status != "CANCELLED")
        assert (p.reversal_cause == "none") == isnan(p.reversal_requested_s) == (p.reversal_tries == 0)
        assert (p.fault != "none") or not isnan(p.issued_s)
        closed, expired = not isnan(p.closed_s), p.cancel_cause in EXPIRY
        if expired:
            assert isclose(p.cancelled_s / period, round(p.cancelled_s / period), abs_tol=1e-9)
        if p.cancel_cause in ("outcome_missing_accepted", "outcome_missing_unknown", "outcome_late"):
            assert closed
            assert (p.notify_answer == "ok") or p.cancel_cause != "outcome_missing_accepted"
            assert (p.notify_answer != "ok") or p.cancel_cause != "outcome_missing_unknown"
            assert not isnan(p.outcome_s) or p.cancel_cause != "outcome_late"
        elif p.cancel_cause in ("psp_refused", "psp_unreachable"):
            assert closed
            assert p.notify_answer == ("ko" if p.cancel_cause == "psp_refused" else "unreachable")
        elif p.cancel_cause != "none":
            assert not closed
        if p.reversal_cause == "token_expired":
            assert expired
        if p.reversal_cause in ("psp_refused", "psp_unreachable"):
            assert p.cancel_cause == p.reversal_cause
        if p.reversal_cause != "none":
            assert not isnan(p.authorised_s)


@few
@given(values=scenarios())
def test_times_of_a_payment_are_in_causal_order(values, folder):
    """Nothing comes before what causes it; moments that did not come are NaN and not infinite."""
    ran = Ran(values, folder)
    chains = (
        ("requested_s", "issued_s", "cancelled_s"),
        ("issued_s", "authorised_s", "closed_s", "notified_s", "answered_s", "paid_s", "receipt_s"),
        ("answered_s", "cancelled_s"),
        ("notified_s", "outcome_s", "paid_s"),
        ("authorised_s", "reversal_requested_s", "reversed_s"),
    )
    for payment in ran.payments:
        for chain in chains:
            times = [t for t in (getattr(payment, name) for name in chain) if not isnan(t)]
            assert times == sorted(times)
            assert inf not in times
    for call in ran.calls:
        times = (call.asked_s, call.sent_s, call.arrived_s, call.started_s, call.served_s)
        assert [t for t in times if not isnan(t)] == sorted(t for t in times if not isnan(t))
        assert call.sent_s <= call.answered_s < inf
    for cart in ran.carts:
        assert cart.waited_s >= 0
        assert not cart.redirected_s < cart.arrived_s


@few
@given(values=scenarios())
def test_no_caller_waits_longer_than_its_timeout(values, folder):
    """A caller knows how its call ended by its own timeout at the latest, and a timeout is known just then.

    A Node that goes down knows it when it is up again; such scenarios say nothing of the Node's own calls.
    """
    ran = Ran(values, folder)
    goes_down = any(incident.target == "node" for incident in ran.scenario.incidents)
    protocol, checkout = ran.scenario.protocol, ran.scenario.checkout
    psps = {(p.cart, p.attempt): p.psp for p in ran.payments}
    timeouts = {
        "activatePaymentNoticeV2": lambda _: checkout.activation.timeout,
        "closePaymentV2": lambda _: checkout.close.timeout,
        "sendPaymentOutcomeV2": lambda call: ran.psp(psps[call.cart, call.attempt]).outcome_timeout,
        "paGetPayment": lambda _: protocol.ec_timeout or 7.0,
        "pspNotifyPaymentV2": lambda _: protocol.psp_timeout or 7.0,
        "paSendRT": lambda _: protocol.receipt_timeout or 15.0,
    }
    for call in ran.calls:
        if call.primitive == "sendPaymentResult-v2":
            continue  # the Node sends a lost result again by its own clock
        if goes_down and call.primitive in ("paGetPayment", "pspNotifyPaymentV2", "paSendRT"):
            continue
        waited, timeout = call.answered_s - call.sent_s, timeouts[call.primitive](call)
        assert waited <= timeout + 1e-6
        if call.answer == "timeout":
            assert waited == pytest.approx(timeout, abs=1e-6)


@few
@given(values=scenarios())
def test_a_cart_is_the_same_cart_in_every_try(values, folder):
    """Same notices, creditors, amounts and PSP; and the cohort is who first arrived in the measured window."""
    ran = Ran(values, folder)
    opens = ran.scenario.run.warm_up
    closes = opens + ran.scenario.run.window
    notices, tries = {}, Counter()
    for payment in ran.payments:
        same = (payment.ec_group, payment.ec, payment.amount_cents, payment.psp, payment.cart_size)
        assert notices.setdefault((payment.cart, payment.notice), same) == same
        tries[payment.cart] = max(tries[payment.cart], payment.attempt + 1)
    for cart in ran.carts:
        assert cart.arrived_s < closes
        assert cart.measured == (opens <= cart.arrived_s)
        assert cart.tries == tries[cart.cart]
        assert sum(cart.cart == number for number, _ in notices) == cart.cart_size
    assert [cart.cart for cart in ran.carts] == list(range(len(ran.carts)))


@few
@given(values=scenarios())
def test_citizens_are_told_the_truth(values, folder):
    """Who knows the cart as paid has paid it; who knows it as not paid has not, unless Checkout gave money back."""
    ran = Ran(values, folder)
    tries = ran.by_try("payments")
    for cart in ran.carts:
        last = tries[cart.cart, cart.tries - 1]
        made = {payment.status in MADE for payment in last}
        if cart.ending == "paid":
            assert made == {True}
        if cart.ending == "not_paid":
            assert made == {False} or last[0].reversal_cause == "close_not_delivered"
        if cart.tries > 1:
            earlier = [p for n in range(cart.tries - 1) for p in tries[cart.cart, n]]
            assert not any(p.status in MADE for p in earlier)


@few
@given(values=scenarios())
def test_under_a_preset_nobody_is_both_paid_and_given_back(values, folder):
    """Where Checkout hears of every result, money is never both receipted and reversed, whatever else is lost."""
    protocol = {"preset": values["protocol"]["preset"]}
    checkout = {k: v for k, v in values["checkout"].items() if k != "when_close_unanswered"}
    links = {**values["links"], "checkout_node": {"latency": "10 ms"}}
    ran = Ran({**values, "protocol": protocol, "checkout": checkout, "links": links}, folder)
    for payment in ran.payments:
        assert isnan(payment.paid_s) or payment.reversal_cause == "none"


@few
@given(values=scenarios(), replications=st.integers(1, 2))
def test_metrics_are_finite_within_bounds_and_add_up(values, folder, replications):
    """Shares lie in 0..1 inside their intervals; groups add up to the whole; causes add up to the top."""
    ran = loaded(values, folder)
    tallies = [tally(replicate(ran, number)) for number in range(replications)]
    summary = summarise(tallies, ())
    for name, metric in METRICS.items():
        estimate = summary.metrics[name]
        if metric.kind == "share" and not isnan(estimate.mean):
            assert 0 <= estimate.mean <= 1
            assert estimate.n < 2 or 0 <= estimate.low <= estimate.mean <= estimate.high <= 1
        if metric.kind == "total":
            assert 0 <= estimate.mean < inf
        for each in tallies:
            sums = each.sums[name]
            ((top, base),) = sums[""]
            assert top < inf
            assert base < inf
            for dimension in metric.dimensions:
                tops = sums[dimension][:, 0].sum()
                whole = {metric.top.table, metric.base.table} <= {"payments", "carts"}
                if dimension == "cause" or whole:
                    assert tops == pytest.approx(top)
                if whole and dimension != "cause":
                    assert sums[dimension][:, 1].sum() == pytest.approx(base)
    for each in tallies:
        cents = sum(cents for _, cents in each.money.values())
        assert cents == pytest.approx(100 * each.sums["authorised_eur"][""][0, 0], abs=0.5)


@few
@given(values=scenarios())
def test_stations_are_never_busier_than_they_can_be(values, folder):
    """No negative time anywhere; what has a fixed number of workers or permits is busy for no more than these."""
    ran = Ran(values, folder)
    for row in rows(ran.records, "stations"):
        assert row.arrivals >= 0
        assert row.refused >= 0
        assert row.busy_s >= -1e-6
        assert row.waiting_s >= -1e-6
        changing = any(
            each.schedule for each in (*ran.scenario.ecs, *ran.scenario.psps) if row.station.endswith(each.name)
        )
        if not isnan(row.capacity_s) and not changing:
            assert row.busy_s <= row.capacity_s + 1e-6
