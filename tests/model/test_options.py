"""Options of the protocol and of policies: each of them moves what it says, by as much as can be reckoned by hand.

Numbers are seconds after the cart's arrival at 50 s (see `model.worlds`), unless they say "run".
"""

from math import isnan

import pytest

from model.worlds import EC, PSP, only, rows, run, since

LOST_REQUEST = "psps.psp.pspNotifyPaymentV2.ends={lost_request: 100%}"
NO_OUTCOME = "psps.psp.outcome_lost=100%"
NODO, SANP = "protocol.preset=nodo-observed", "protocol.preset=sanp-3.6.1"
MANY = ("run.window=400 s", "arrivals.rate=1/s")


def near(*expected):
    """Compare moments to the microsecond."""
    return pytest.approx(expected, abs=1e-6, nan_ok=True)


# --- protocol -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("preset", "validity"), [(SANP, 1800), (NODO, 900)])
def test_each_preset_has_its_own_token_validity(preset, validity):
    """Text: 30 min. Observed: 15 min. A token issued at 50.65 s of run is swept at the first minute after its end."""
    payment = only(run(preset, "citizen.abandon=100%"), "payments")
    assert payment.cancelled_s == 60 * ((50.65 + validity) // 60 + 1)


@pytest.mark.parametrize(
    ("sets", "cancelled"),
    [
        ((SANP,), 1860),  # the token's own: 50.65 + 1800
        ((SANP, "protocol.token_extension=5 min"), 420),  # closed at 110.67, + 300
        ((NODO,), 3720),  # 110.67 + 3600
        ((NODO, "protocol.token_extension=none"), 960),  # 50.65 + 900
        ((NODO, "protocol.token_extension=0 s"), 120),  # closed and already past: the next sweep after the 7 s
    ],
)
def test_the_close_replaces_the_deadline_by_its_extension(sets, cancelled):
    """The deadline of a cart closed OK at 110.67 s of run, and the sweep after it, at whole minutes of the run."""
    payment = only(run(LOST_REQUEST, *sets), "payments")
    assert payment.cancelled_s == cancelled


@pytest.mark.parametrize(("preset", "final"), [(SANP, True), (NODO, False)])
def test_whether_an_unreachable_psp_is_final_can_be_overridden(preset, final):
    """R7: final means cancelled at 60.83, when the connection is refused; otherwise the cart waits for its end."""
    sets = ("psps.psp.pspNotifyPaymentV2.ends={unreachable: 100%}", f"protocol.unreachable_is_final={final}".lower())
    payment = only(run(preset, *sets), "payments")
    assert (payment.reversal_cause == "psp_unreachable") == final
    assert (since(payment, "cancelled_s") == near(60.83)) == final


@pytest.mark.parametrize(("preset", "expires"), [(SANP, False), (NODO, True)])
def test_whether_an_accepted_cart_expires_can_be_overridden(preset, expires):
    """R15: expires means cancelled and reversed at its end; otherwise it stays for a manual check."""
    payment = only(run(preset, NO_OUTCOME, f"protocol.accepted_expires={expires}".lower()), "payments")
    assert payment.place == ("reversed" if expires else "manual_check")
    assert payment.status == ("CANCELLED" if expires else "PAYMENT_ACCEPTED")


@pytest.mark.parametrize(
    ("option", "sets", "column", "known"),
    [
        ("psp_timeout", (LOST_REQUEST,), "answered_s", 60.77),
        ("ec_timeout", ("ecs.ec.paGetPayment.ends={lost_request: 100%}",), "settled_s", 0.12),
    ],
)
def test_the_nodes_timeouts_can_be_set(option, sets, column, known):
    """The Node gives up 3 s instead of 7 s after the call has left, at 60.77 and at 0.11 (known 10 ms later)."""
    records = run(*sets, f"protocol.{option}=3 s")
    row = only(records, "carts" if column == "settled_s" else "payments")
    assert since(row, column) == near(known + 3)


def test_the_timeout_of_a_receipt_can_be_set():
    """A receipt that takes 0.74 s there and back is not answered within 0.5 s, and is sent 1 + 2 times in vain.

    The EC has closed the position all the same; the limit of retries leaves the receipt pending at the Node.
    """
    records = run("protocol.receipt_timeout=500 ms", "protocol.receipt_max_retries=2")
    calls = rows(records, "calls", primitive="paSendRT")
    assert [call.answered_s - call.sent_s for call in calls] == near(0.5, 0.5, 0.5)
    assert only(records, "payments").place == "receipted"


def test_without_idempotency_a_repeated_activation_meets_its_own_token():
    """R14, R3: the EC needs 15 s. Checkout, which gave up at 14, asks again at 16 and finds the payment in course."""
    slow = ("ecs.ec.paGetPayment.time=15 s", "protocol.ec_timeout=20 s")
    assert only(run(*slow), "payments").fault == "none"
    payment = only(run(*slow, "protocol.idempotency=false"), "payments")
    assert (payment.fault, since(payment, "issued_s")) == ("PPT_PAGAMENTO_IN_CORSO", near(15.15))


def test_an_answer_is_remembered_for_as_long_as_the_key_lives():
    """R14: the token is there at 15.15 and the repeat arrives at 16.01, 0.86 s later: a key of 0.5 s is forgotten."""
    slow = ("ecs.ec.paGetPayment.time=15 s", "protocol.ec_timeout=20 s")
    assert only(run(*slow, "protocol.idempotency_validity=1 s"), "payments").fault == "none"
    payment = only(run(*slow, "protocol.idempotency_validity=500 ms"), "payments")
    assert payment.fault == "PPT_PAGAMENTO_IN_CORSO"


@pytest.mark.parametrize(
    ("primitive", "option", "takes_ms"),
    [
        ("paGetPayment", "protocol.ec_timeout", 540),
        ("pspNotifyPaymentV2", "protocol.psp_timeout", 660),
        ("paSendRT", "protocol.receipt_timeout", 740),
        ("activatePaymentNoticeV2", "checkout.activation.timeout", 660),
        ("closePaymentV2", "checkout.close.timeout", 120),
        ("sendPaymentOutcomeV2", "psps.psp.outcome_timeout", 160),
    ],
)
def test_an_answer_counts_up_to_its_callers_timeout(primitive, option, takes_ms):
    """Each call takes what the table of `model.worlds` says; a timeout 10 ms longer hears it, one 10 ms shorter not."""
    for timeout_ms, answer in ((takes_ms + 10, "ok"), (takes_ms - 10, "timeout")):
        calls = rows(run(f"{option}={timeout_ms} ms"), "calls", primitive=primitive, send=0)
        assert [call.answer for call in calls] == [answer]


# --- Checkout and citizens ------------------------------------------------------------------------------------------


def test_the_activation_policy_can_be_set():
    """Timeout 3 s, 2 tries, 1 s between: the EC hangs, sends at 0 and 4, the second meets the first (R3), at 4.12."""
    records = run("ecs.ec.paGetPayment.ends={hang: 100%}", "checkout.activation={timeout: 3 s, tries: 2, wait: 1 s}")
    calls = rows(records, "calls", primitive="activatePaymentNoticeV2")
    assert [call.sent_s - 50 for call in calls] == near(0, 4)
    assert since(only(records, "carts"), "settled_s") == near(4.12)
    assert only(records, "payments").fault == "PPT_ATTIVAZIONE_IN_CORSO"


def test_the_close_policy_can_be_set():
    """Timeout 2 s, 1 retry after 5 s: of the carts that lose messages, sends go at 0 and 7 s after the first."""
    records = run(*MANY, "links.checkout_node.loss=60%", "checkout.close={timeout: 2 s, retries: 1, wait: 5 s}")
    first = {call.cart: call.sent_s for call in rows(records, "calls", primitive="closePaymentV2", send=0)}
    again = rows(records, "calls", primitive="closePaymentV2", send=1)
    assert again
    assert all(call.sent_s - first[call.cart] == pytest.approx(7, abs=1e-6) for call in again)
    assert not rows(records, "calls", primitive="closePaymentV2", send=2)


def test_the_refund_policy_can_be_set():
    """Always failing, 2 retries 10 s x k later, 1 s each: three tries, then a manual check."""
    policy = "checkout.refund={time: 1 s, failure: 100%, retries: 2, wait: 10 s}"
    payment = only(run("psps.psp.pspNotifyPaymentV2.ends={ko: 100%}", policy), "payments")
    assert (payment.reversal_tries, payment.place, isnan(payment.reversed_s)) == (3, "manual_check", True)


@pytest.mark.parametrize(
    ("preset", "policy", "places"), [(SANP, "manual_check", {"manual_check"}), (NODO, "reverse", {"reversed"})]
)
def test_what_becomes_of_an_unanswered_close_can_be_set(preset, policy, places):
    """Each preset with the other one's policy, over the carts whose closes were all lost."""
    records = run(*MANY, preset, "links.checkout_node.loss=60%", f"checkout.when_close_unanswered={policy}")
    lost = [p for p in rows(records, "payments") if not isnan(p.authorised_s) and isnan(p.closed_s)]
    assert len(lost) > 10
    assert {p.place for p in lost} == places


def test_think_time_and_authorisation_follow_their_laws():
    """Uniform 10-20 s and 1-2 s: from the token being known to the authorisation 11 to 22 s pass.

    The mean of 400 such sums is 16.5 s within 4 standard errors, 4 sqrt((100 + 1) / 12 / 400) = 0.58 s: 0.006%.
    """
    records = run(
        *MANY,
        "citizen.think_time={uniform: {low: 10 s, high: 20 s}}",
        "checkout.authorisation.time={uniform: {low: 1 s, high: 2 s}}",
    )
    lasted = [p.authorised_s - p.issued_s - 0.01 for p in rows(records, "payments")]
    assert 11 <= min(lasted) < 12.5
    assert 20.5 < max(lasted) <= 22
    assert sum(lasted) / 400 == pytest.approx(16.5, abs=0.58)


@pytest.mark.parametrize(
    ("sets", "tries"),
    [
        (("ecs.ec.paGetPayment.ends={ko: 100%}",), 4),
        (("checkout.authorisation.denied=100%",), 4),
        (("psps.psp.pspNotifyPaymentV2.ends={ko: 100%}",), 4),
        (("psps.psp.pspNotifyPaymentV2.ends={unreachable: 100%}", NODO), 4),
        (("protocol.token_validity=20 s", "citizen.think_time=90 s"), 4),  # swept, so refused with 400
        (("citizen.abandon=100%",), 1),
        (("citizen.cancel=100%",), 1),
        ((NO_OUTCOME,), 1),
        ((LOST_REQUEST,), 1),
        ((), 1),
    ],
)
def test_a_citizen_comes_back_only_after_learning_of_a_failure(sets, tries):
    """Certain to come back, up to 4 tries: after failures that are known at once, not after leaving or in doubt."""
    retry = "citizen.retry={probability: 1, max_tries: 4, wait: 10 min}"
    assert only(run(retry, *sets), "carts").tries == tries


def test_a_close_after_the_sweep_is_refused_and_the_money_goes_back():
    """R4: tokens of 20 s end at 70.65 s of run and are swept at 120 s; who thinks until 140.66 s closes too late.

    Authorised at 160.66 s, refused with 400, known at 160.78 s: reversed at once. The token had expired on its own.
    """
    payment = only(run("protocol.token_validity=20 s", "citizen.think_time=90 s"), "payments")
    assert (payment.cancelled_s, payment.authorised_s, payment.reversal_requested_s) == near(120, 160.66, 160.78)
    assert (payment.cancel_cause, payment.reversal_cause) == ("close_late", "close_rejected")


def test_a_link_has_the_same_latency_each_way():
    """EC link of 1 s: the question arrives at 0.11 + 1 and the answer, after 0.5 s, at 2.61: 1.96 s later than 0.65."""
    payment = only(run("links.node_ec.latency=1 s"), "payments")
    assert since(payment, "issued_s", "paid_s", "receipt_s") == near(2.61, 64.49, 66.29)


# --- PSPs -----------------------------------------------------------------------------------------------------------


def test_an_outcome_ko_is_refused_and_the_payment_still_waits():
    """R10: the KO reaches the Node at 62.53, in time for TNSPO, is refused, and the cart expires like one without."""
    records = run("psps.psp.outcome_ko=100%")
    payment = only(records, "payments")
    assert since(payment, "outcome_s") == near(62.53)
    assert (payment.cancelled_s, payment.cancel_cause) == (1860, "outcome_missing_accepted")
    assert only(records, "calls", primitive="sendPaymentOutcomeV2").fault == "PPT_SEMANTICA"


@pytest.mark.parametrize(("preset", "fault"), [(SANP, "PPT_TOKEN_SCADUTO_KO"), (NODO, "PPT_SEMANTICA")])
def test_a_late_outcome_ko_gets_the_fault_of_the_preset(preset, fault):
    """R13: the notification's reply was lost; the PSP has booked, and sends its KO after 2 h, long after expiry."""
    lost = "psps.psp.pspNotifyPaymentV2.ends={lost_reply: 100%}"
    records = run(preset, lost, "psps.psp.outcome_ko=100%", "psps.psp.outcome_delay=2 h")
    assert only(records, "calls", primitive="sendPaymentOutcomeV2").fault == fault
    assert only(records, "payments").place == "reversed"


@pytest.mark.parametrize("end", ["ko", "unreachable", "lost_request", "hang"])
def test_a_psp_sends_no_outcome_for_what_it_has_not_booked(end):
    """R9: it owes one for what it accepted; strays and late bookings happen only where they are asked for."""
    records = run(f"psps.psp.pspNotifyPaymentV2.ends={{{end}: 1}}")
    assert not rows(records, "calls", primitive="sendPaymentOutcomeV2")
    assert isnan(only(records, "payments").outcome_s)


@pytest.mark.parametrize(("preset", "fault"), [(SANP, "PPT_SEMANTICA"), (NODO, "PPT_TOKEN_SCADUTO")])
def test_a_stray_outcome_after_the_psps_own_ko_is_refused(preset, fault):
    """R8: KO at 61.43, reversed; the outcome OK that follows all the same changes nothing."""
    records = run(preset, "psps.psp.pspNotifyPaymentV2.ends={ko: 100%}", "psps.psp.outcome_after_ko=100%")
    assert only(records, "calls", primitive="sendPaymentOutcomeV2").fault == fault
    payment = only(records, "payments")
    assert (payment.status, payment.place, payment.reversal_cause) == ("CANCELLED", "reversed", "psp_refused")


UNHEARD = "psps.psp.pspNotifyPaymentV2.ends={ko: {probability: 100%, time: 8 s}}"


@pytest.mark.parametrize(
    ("sets", "outcome", "place"),
    [
        (("psps.psp.books_after_hang=100%",), (), "reversed"),
        (("psps.psp.outcome_after_ko=100%",), (60.80 + 8 + 1.1,), "receipted"),
    ],
)
def test_a_psp_that_was_not_heard_knows_what_it_has_done(sets, outcome, place):
    """Its KO after 8 s comes too late for the Node. It has not hung, and so books nothing for that.

    A stray outcome after its own KO is another matter: sent 1.1 s after it, it pays, since the Node is in doubt (R7).
    """
    records = run(UNHEARD, *sets)
    sent = rows(records, "calls", primitive="sendPaymentOutcomeV2")
    assert [call.sent_s - 50 for call in sent] == near(*outcome)
    payment = only(records, "payments")
    assert (payment.notify_answer, payment.place) == ("timeout", place)


def test_a_call_that_arrives_after_its_timeout_does_not_hold_back_the_next():
    """Half of all ways take 30 s: an activation sent again after its timeout of 14 s may overtake its first send.

    The Node has unlimited workers, so that each call is taken when it arrives, and a token is had by the first to
    arrive; a payment whose first send was on its way for 30 s has its token 16.65 s after it was asked for.
    """
    slow = "links.checkout_node.latency={mixture: [{weight: 50%, constant: 30 s}, {weight: 50%, constant: 10 ms}]}"
    records = run(*MANY, slow)
    calls = rows(records, "calls", primitive="activatePaymentNoticeV2")
    assert [call.started_s for call in calls] == [call.arrived_s for call in calls]
    first = {(call.cart, call.send): call.arrived_s - call.sent_s > 1 for call in calls}
    overtaken = [cart for cart, send in first if send == 0 and first[cart, 0] and first.get((cart, 1)) is False]
    assert len(overtaken) > 50
    waited = {p.cart: p.issued_s - p.requested_s for p in rows(records, "payments")}
    assert {round(waited[cart], 6) for cart in overtaken} == {16.65}


HASTY = ("psps.psp.outcome_timeout=1 s", "psps.psp.outcome_tries=3", "psps.psp.outcome_slot=2 s")


def test_the_outcome_policy_can_be_set():
    """Timeout 1 s, 3 tries, slot 2 s: sends at 0, 3 and 3 + 1 + 6 = 10 s after the first.

    The Node gives up a notification after 1 s, at 61.77, so that no outcome, from 62.53 on, has to wait for it.
    """
    records = run(*MANY, *HASTY, "links.node_psp.loss=60%", "protocol.psp_timeout=1 s")
    booked = {call.cart: call.served_s for call in rows(records, "calls", primitive="pspNotifyPaymentV2")}
    sent = rows(records, "calls", primitive="sendPaymentOutcomeV2")
    assert {call.send for call in sent} == {0, 1, 2}
    for call in sent:
        assert call.sent_s - booked[call.cart] - 1.1 == pytest.approx((0, 3, 10)[call.send], abs=1e-6)


SENT_AGAIN = "an outcome sent again while the first one waits is taken for a refused one that changed the state"


def test_an_outcome_that_waits_for_its_notification_is_sent_again_by_its_policy():
    """R16: the reply of the notification is lost, so outcomes wait from 62.53 until the Node gives up at 67.77.

    The PSP does not know that: after 1 s without an answer it sends again, at 65.50, and after that at 72.50, unless
    it has been answered. The second send waits too, and both are answered after 67.77, too late for either; the
    third is answered by what the Node remembers (R14).
    """
    records = run(*HASTY, "psps.psp.pspNotifyPaymentV2.ends={lost_reply: 1}")
    calls = rows(records, "calls", primitive="sendPaymentOutcomeV2")
    assert [call.sent_s - 50 for call in calls] == near(62.50, 65.50, 72.50)
    assert [call.answer for call in calls] == ["timeout", "timeout", "ok"]
    assert since(only(records, "payments"), "paid_s") == near(67.77)


@pytest.mark.parametrize(("done", "place"), [(1, "receipted"), (0, "reversed")])
def test_a_malformed_answer_may_hide_work_that_was_done(done, place):
    """R7: in doubt at 61.43; what the PSP has booked is paid by its outcome, what it has not booked expires."""
    payment = only(run(f"psps.psp.pspNotifyPaymentV2.ends={{malformed: {{probability: 1, done: {done}}}}}"), "payments")
    assert (payment.notify_answer, since(payment, "answered_s"), payment.place) == ("malformed", near(61.43), place)


def test_an_outcome_that_waits_for_the_node_is_sent_again_by_its_policy():
    """The Node is down from 112 to 122 s of the run: outcomes are sent at 112.50, 115.50 and 122.50.

    The first pays at 122, when its caller has long stopped listening; the last is answered.
    """
    outage = {"target": "node", "effect": "outage", "at": "112 s", "duration": "10 s"}
    records = run(*HASTY, incidents=[outage])
    calls = rows(records, "calls", primitive="sendPaymentOutcomeV2")
    assert [call.sent_s for call in calls] == near(112.50, 115.50, 122.50)
    assert [call.answer for call in calls] == ["timeout", "timeout", "ok"]
    assert only(records, "payments").paid_s == 122


# --- ECs ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "sends", "place", "status"),
    [
        ("{ko: 1}", 1, "manual_check", "NOTIFIED"),
        ("{malformed: {probability: 1, done: 1}}", 49, "receipted", "NOTICE_SENT"),
        ("{malformed: {probability: 1, done: 0}}", 49, "pending_receipt", "NOTICE_SENT"),
        ("{unreachable: 1}", 49, "pending_receipt", "NOTICE_SENT"),
        ("{lost_request: 1}", 49, "pending_receipt", "NOTICE_SENT"),
        ("{hang: 1}", 49, "pending_receipt", "NOTICE_SENT"),
    ],
)
def test_each_end_of_a_receipt_has_its_own_fate(end, sends, place, status):
    """R11: a valid KO is final and closes nothing; the others are sent again, up to 48 times."""
    payment = only(run(f"ecs.ec.paSendRT.ends={end}"), "payments")
    assert (payment.receipt_sends, payment.place, payment.status) == (sends, place, status)


def test_a_receipt_that_the_ec_has_already_is_final():
    """The reply of the first is lost; the second, an hour later, is a duplicate: final, and nothing closed twice."""
    loss = {"target": "ecs.ec", "effect": "lost_replies", "primitive": "paSendRT", "at": "100 s", "duration": "60 s"}
    payment = only(run(incidents=[loss]), "payments")
    assert (payment.receipt_sends, payment.status) == (2, "NOTIFIED")
    assert since(payment, "receipt_s") == near(63.35)


def test_no_notice_that_was_paid_is_given_another_token():
    """R3, R12: in a world of losses and of citizens who come back, no try after a payment made has a token."""
    records = run(
        *MANY,
        "links.checkout_node.loss=40%",
        "citizen.retry={probability: 1, max_tries: 3, wait: 1 s}",
        "psps.psp.pspNotifyPaymentV2.ends={ko: 30%}",
    )
    paid = {}
    for payment in rows(records, "payments"):
        assert payment.cart not in paid or isnan(payment.issued_s)
        if not isnan(payment.paid_s):
            paid[payment.cart] = payment.paid_s
    assert len(paid) > 50


def test_groups_and_psps_keep_their_own_settings():
    """Two groups and two PSPs that differ in their times: every call takes what its own callee takes."""
    ecs = [{**EC, "share": 0.5}, {**EC, "name": "slow", "share": 0.5, "paGetPayment": {"time": "3 s"}}]
    psps = [{**PSP, "share": 0.5}, {**PSP, "name": "slow-psp", "share": 0.5, "pspNotifyPaymentV2": {"time": "2 s"}}]
    records = run(*MANY, ecs=ecs, psps=psps)
    expected = {"ec": 0.54, "slow": 3.04, "psp": 0.66, "slow-psp": 2.06}
    for call in rows(records, "calls"):
        if call.primitive in ("paGetPayment", "pspNotifyPaymentV2"):
            assert call.answered_s - call.sent_s == pytest.approx(expected[call.counterpart], abs=1e-6)


def test_a_receipt_may_get_through_after_any_number_of_sends():
    """Each send fails with f = 98%, 200 retries: 60 (f^64 - f^200) = 15.4 receipts need 65 to 200 sends.

    None does with probability 2e-8, since each of the 60 has the probability 25.7%.
    """
    records = run(
        "run.window=60 s",
        "arrivals.rate=1/s",
        "ecs.ec.paSendRT.ends={unreachable: 98%}",
        "protocol.receipt_max_retries=200",
        record=(),
    )
    delivered = [p.receipt_sends for p in rows(records, "payments") if p.place == "receipted"]
    assert any(sends > 64 for sends in delivered)
