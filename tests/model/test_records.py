"""What a replication writes down: rows and columns as `sim.records` describes them, against each other and by hand."""

from collections import Counter
from math import isnan

import pytest

from model.worlds import PSP, only, rows, run, trace
from sim.records import LIMITS_MS, stored

LOSSY = (
    "run.window=200 s",
    "arrivals.rate=1/s",
    "links.checkout_node.loss=20%",
    "links.node_ec.loss=20%",
    "links.node_psp.loss=20%",
    "citizen.retry={probability: 50%, max_tries: 3, wait: 60 s}",
)


def near(*expected):
    """Compare a moment, or several, to the microsecond."""
    return pytest.approx(expected if len(expected) > 1 else expected[0], abs=1e-6, nan_ok=True)


# --- calls ----------------------------------------------------------------------------------------------------------


def test_a_call_that_never_arrives_has_no_arrival():
    """A lost request is a row without arrival, start and end of service, known at its caller's timeout."""
    records = run(*LOSSY)
    lost = [call for call in rows(records, "calls") if isnan(call.arrived_s)]
    assert {call.primitive for call in lost} == {
        "activatePaymentNoticeV2", "paGetPayment", "closePaymentV2", "pspNotifyPaymentV2", "sendPaymentOutcomeV2",
        "sendPaymentResult-v2", "paSendRT",
    }  # fmt: skip
    for call in lost:
        assert isnan(call.started_s)
        assert isnan(call.served_s)
        assert call.answer == "timeout"


def test_every_send_of_a_call_has_its_row():
    """Sends of one call are numbered from 0 without a gap, lost ones included."""
    sends = {}
    for call in rows(run(*LOSSY), "calls"):
        sends.setdefault((call.primitive, call.cart, call.attempt, call.notice), []).append(call.send)
    assert all(sorted(each) == list(range(len(each))) for each in sends.values())


def test_a_call_that_waits_for_a_worker_of_the_node_starts_when_it_is_taken(tmp_path):
    """One worker and 0.5 s of work: activations arrive at 50.01 and 50.11 s, and are taken at 50.01 and 50.51 s."""
    records = run(
        "node.processing={workers: 1, service_time: 500 ms}", arrivals=trace(tmp_path, 50, 50.1), folder=tmp_path
    )
    calls = rows(records, "calls", primitive="activatePaymentNoticeV2")
    assert [call.arrived_s for call in calls] == near(50.01, 50.11)
    assert [call.started_s for call in calls] == near(50.01, 50.51)


def test_a_notification_leaves_when_it_has_its_connection(tmp_path):
    """One connection: notifications would leave at 110.77 and 110.87 s; the first holds it until 111.43 s."""
    records = run("node.psp_pool.size=1", arrivals=trace(tmp_path, 50, 50.1), folder=tmp_path)
    sent = [call.sent_s for call in rows(records, "calls", primitive="pspNotifyPaymentV2")]
    assert sent == near(110.77, 111.43)
    assert [payment.notified_s for payment in rows(records, "payments")] == near(110.77, 111.43)


@pytest.mark.parametrize("limit", ["run.seed=1", "node.ec_pool.size=1", "ecs.ec.workers=1"])
def test_the_node_gives_up_a_question_that_is_still_on_its_way(limit):
    """A link of 10 s to the ECs, and a timeout of 7 s from 0.11 on: known at 7.12, whatever the limits of the EC."""
    records = run("links.node_ec.latency=10 s", limit)
    assert only(records, "payments").fault == "PPT_STAZIONE_INT_PA_TIMEOUT"
    assert only(records, "carts").settled_s == near(57.12)


@pytest.mark.parametrize("limit", ["run.seed=1", "node.ec_pool.size=5", "ecs.ec.workers=5"])
def test_the_next_question_goes_when_the_one_before_was_given_up(limit):
    """Five notices in two lanes, a link of 10 s: three rounds of 7.12 s, the last of which is over at 21.36."""
    records = run("links.node_ec.latency=10 s", "cart.notices={5: 1}", "checkout.parallel_activations=2", limit)
    assert {p.fault for p in rows(records, "payments")} == {"PPT_STAZIONE_INT_PA_TIMEOUT"}
    assert [p.requested_s for p in rows(records, "payments")] == near(50, 50, 57.12, 57.12, 64.24)
    assert only(records, "carts").settled_s == near(71.36)


def test_a_connection_is_free_again_when_its_call_was_given_up(tmp_path):
    """One connection to the ECs, a link of 10 s: the second cart, 1 s after the first, asks at 57.11 s of the run."""
    records = run(
        "links.node_ec.latency=10 s", "node.ec_pool.size=1", arrivals=trace(tmp_path, 50, 51), folder=tmp_path
    )
    sent = [call.sent_s for call in rows(records, "calls", primitive="paGetPayment")]
    assert sent[:2] == near(50.11, 57.11)


@pytest.mark.parametrize("limit", ["run.seed=1", "node.psp_pool.size=1", "psps.psp.workers=1"])
def test_the_node_gives_up_a_notification_that_is_still_on_its_way(limit):
    """A link of 10 s to the PSP: in doubt at 67.77, booked at 71.37, and paid by the outcome that is there at 82.47."""
    payment = only(run("links.node_psp.latency=10 s", limit), "payments")
    assert (payment.notify_answer, payment.answered_s, payment.paid_s) == ("timeout", near(117.77), near(132.47))


# --- states ---------------------------------------------------------------------------------------------------------


def history(records, subject, **wanted):
    """Return the statuses of one subject in their order."""
    return [row.status for row in rows(records, "states", subject=subject, **wanted)]


def test_the_history_of_a_payment_that_goes_well_is_that_of_the_real_node():
    """Node's public tests: the happy trail of POSITION_PAYMENT_STATUS has eight rows."""
    records = run()
    assert history(records, "payment") == [
        "PAYING", "PAYMENT_RESERVED", "PAYMENT_SENT", "PAYMENT_ACCEPTED", "PAID", "NOTICE_GENERATED", "NOTICE_SENT",
        "NOTIFIED",
    ]  # fmt: skip
    assert history(records, "receipt") == ["NOTICE_GENERATED", "NOTICE_SENT", "NOTIFIED"]


@pytest.mark.parametrize(
    ("ends", "preset", "tail"),
    [
        ("ko", "sanp-3.6.1", ["PAYMENT_REFUSED", "CANCELLED"]),
        ("unreachable", "nodo-observed", ["PAYMENT_SEND_ERROR", "CANCELLED"]),
        ("unreachable", "sanp-3.6.1", ["PAYMENT_UNKNOWN", "CANCELLED"]),
        ("lost_request", "nodo-observed", ["PAYMENT_UNKNOWN", "CANCELLED"]),
        ("lost_reply", "nodo-observed", ["PAYMENT_UNKNOWN", "PAID", "NOTICE_GENERATED", "NOTICE_SENT", "NOTIFIED"]),
    ],
)
def test_the_history_of_a_payment_shows_how_its_notification_ended(ends, preset, tail):
    """Node's public tests, pspNotifyPaymentV2: the trail of each end, after PAYING, PAYMENT_RESERVED, PAYMENT_SENT."""
    records = run(f"psps.psp.pspNotifyPaymentV2.ends={{{ends}: 1}}", f"protocol.preset={preset}")
    assert history(records, "payment") == ["PAYING", "PAYMENT_RESERVED", "PAYMENT_SENT", *tail]


def test_the_history_of_a_position_is_that_of_the_real_node():
    """Node's public tests: PAYING, PAID, NOTIFIED; and PAYING, INSERTED for one that can be paid again."""
    assert history(run(), "position") == ["PAYING", "PAID", "NOTIFIED"]
    assert history(run("citizen.cancel=100%"), "position") == ["PAYING", "INSERTED"]


# --- tables against each other --------------------------------------------------------------------------------------


def test_the_counters_of_primitives_are_the_calls_sent_in_the_window():
    """By primitive, counterpart and answer, and those that took longer than each limit."""
    records = run(*LOSSY, "psps.psp.pspNotifyPaymentV2.time={exponential: {mean: 1 s}}")
    opens, closes = records.window_s
    counted, over = Counter(), Counter()
    for call in rows(records, "calls"):
        if opens <= call.sent_s < closes:
            key = call.primitive, call.counterpart, call.answer
            counted[key] += 1
            for limit in LIMITS_MS:
                over[*key, limit] += (call.answered_s - call.sent_s) * 1000 > limit
    found = rows(records, "primitives")
    assert {(row.primitive, row.counterpart, row.answer): row.count for row in found} == counted
    for row in found:
        for limit in LIMITS_MS:
            assert getattr(row, f"over_{limit}_ms") == over[row.primitive, row.counterpart, row.answer, limit]


def test_the_counters_of_refusals_are_the_faults_of_calls_sent_in_the_window():
    """By primitive, counterpart and fault code, as their callers heard them."""
    records = run(*LOSSY)
    opens, closes = records.window_s
    faults = Counter(
        (call.primitive, call.counterpart, call.fault)
        for call in rows(records, "calls")
        if call.fault != "none" and opens <= call.sent_s < closes
    )
    assert {(row.primitive, row.counterpart, row.fault): row.count for row in rows(records, "refusals")} == faults
    assert faults


def test_the_table_of_reversals_is_the_payments_that_were_to_be_given_back():
    """One row for each payment with a cause of reversal, with the payment's own columns."""
    records = run(*LOSSY, psps=[{**PSP, "pspNotifyPaymentV2": {"ends": {"ko": 0.3}}}])
    chosen = [p for p in rows(records, "payments") if p.reversal_cause != "none"]
    found = stored(records)["reversals"]
    assert len(chosen) > 10
    for name in ("cart", "attempt", "notice", "amount_cents"):
        assert found[name].tolist() == [getattr(p, name) for p in chosen]


def test_rows_are_in_order():
    """Payments by cart, try and notice; carts by number; states of a notice in order of time."""
    records = run(*LOSSY)
    for table, key in (("payments", ("cart", "attempt", "notice")), ("carts", ("cart",))):
        keys = [tuple(getattr(row, name) for name in key) for row in rows(records, table)]
        assert keys == sorted(keys)
    states = [(row.cart, row.attempt, row.notice, row.at_s) for row in rows(records, "states")]
    assert states == sorted(states)


def test_results_are_counted_like_every_other_primitive(tmp_path):
    """Two carts are closed OK in the window, and the Node tells Checkout of each: two calls of sendPaymentResult-v2."""
    records = run("run.window=200 s", arrivals=trace(tmp_path, 50, 60), folder=tmp_path)
    counted = {row.primitive: row.count for row in rows(records, "primitives")}
    assert counted["closePaymentV2"] == 2
    assert counted["sendPaymentResult-v2"] == 2


def test_an_activation_that_the_node_has_no_room_for_is_answered_with_a_fault(tmp_path):
    """One worker, no place to wait: the second activation is a KO within 20 ms, and counted so."""
    records = run(
        "node.processing={workers: 1, queue_limit: 0, service_time: 500 ms}",
        arrivals=trace(tmp_path, 50, 50.1),
        folder=tmp_path,
    )
    refused = only(records, "calls", primitive="activatePaymentNoticeV2", cart=1)
    assert (refused.answer, refused.fault) == ("ko", "PPT_SUPERAMENTOSOGLIA")
    assert refused.answered_s - refused.sent_s == near(0.02)
    counted = only(records, "refusals", primitive="activatePaymentNoticeV2")
    assert (counted.fault, counted.count) == ("PPT_SUPERAMENTOSOGLIA", 1)
