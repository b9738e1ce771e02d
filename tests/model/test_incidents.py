"""What each incident does to the calls that it strikes, reckoned by hand.

The cart arrives at 50 s of the run. Its question is at the EC at 50.13 s, for 0.5 s of work; its notification at the
PSP at 110.80 s, for 0.6 s; its receipt at the EC at 112.65 s, for 0.7 s. Moments below are seconds of the run.
"""

from itertools import pairwise
from math import isnan

import pytest

from model.worlds import EC, PSP, only, rows, run, since, trace

NODO = "protocol.preset=nodo-observed"


def near(*expected):
    """Compare a moment, or several, to the microsecond."""
    return pytest.approx(expected if len(expected) > 1 else expected[0], abs=1e-6, nan_ok=True)


def incident(target, effect, at, duration, **more):
    """Write an incident on the calendar, times in seconds."""
    return {"target": target, "effect": effect, "at": f"{at} s", "duration": f"{duration} s", **more}


def notified(*incidents, sets=(), **sections):
    """Run the one cart past some incidents and return its payment."""
    return only(run(*sets, incidents=list(incidents), **sections), "payments")


# --- outage ---------------------------------------------------------------------------------------------------------


def test_calls_that_arrive_in_an_outage_are_unreachable():
    """Down from 110 to 120: refused at 110.80, known at 110.83; down until 110.70 or from 111.45, it is not."""
    struck = notified(incident("psps.psp", "outage", 110, 10), sets=(NODO,))
    assert (struck.notify_answer, struck.answered_s, struck.place) == ("unreachable", near(110.83), "reversed")
    assert notified(incident("psps.psp", "outage", 100, 10.7)).notify_answer == "ok"
    assert notified(incident("psps.psp", "outage", 111.45, 10)).notify_answer == "ok"


def test_an_outage_that_kills_loses_the_reply_of_a_call_in_service_but_not_its_work():
    """Down from 111.0, in mid-work: booked then, answered never; the outcome that follows pays at 117.77."""
    killed = notified(incident("psps.psp", "outage", 111, 0.5, in_service="kill"))
    assert (killed.notify_answer, killed.answered_s) == ("timeout", near(117.77))
    assert killed.paid_s == pytest.approx(117.77, abs=1e-6)


def test_an_outage_that_lets_finish_changes_nothing_for_a_call_in_service():
    """Down from 111.0, policy `finish`: the call ends at 111.40 as it would have."""
    finished = notified(incident("psps.psp", "outage", 111, 10, in_service="finish"))
    assert (finished.notify_answer, finished.answered_s) == ("ok", near(111.43))


def test_calls_that_wait_start_when_the_outage_ends(tmp_path):
    """One worker; carts 0.1 s apart. The first is being served when the outage begins at 111, the second waits.

    Finished at 111.40, the worker takes the second when the outage ends at 113, and ends at 113.60.
    """
    records = run(
        "psps.psp.workers=1",
        incidents=[incident("psps.psp", "outage", 111, 2, in_service="finish")],
        arrivals=trace(tmp_path, 50, 50.1),
        folder=tmp_path,
    )
    calls = rows(records, "calls", primitive="pspNotifyPaymentV2")
    assert [(call.started_s, call.served_s) for call in calls] == [near(110.80, 111.40), near(113.0, 113.6)]
    assert [call.answer for call in calls] == ["ok", "ok"]


def test_an_outage_of_an_ec_fails_activations_and_delays_receipts():
    """Down at 50.13: PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE, known at 50.16. Down at 112.65: sent again at 3600."""
    records = run(incidents=[incident("ecs.ec", "outage", 50, 1)])
    assert only(records, "payments").fault == "PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE"
    assert only(records, "carts").settled_s == pytest.approx(50.16, abs=1e-6)
    late = notified(incident("ecs.ec", "outage", 112, 1))
    assert (late.receipt_sends, late.receipt_s) == (2, near(3600.72))


def test_an_outage_of_one_primitive_spares_the_others_and_stops_no_worker():
    """PaSendRT alone is down all the time until 4000 s: the activation goes well, the receipt goes out at 7200."""
    payment = notified(incident("ecs.ec", "outage", 0, 4000, primitive="paSendRT"), sets=("ecs.ec.workers=1",))
    assert (payment.fault, payment.receipt_sends, payment.receipt_s) == ("none", 3, near(7200.72))


def test_an_outage_strikes_its_target_only():
    """The other group and the other PSP go on as if nothing had happened."""
    ecs = [{**EC, "share": 0.5}, {**EC, "name": "other", "share": 0.5}]
    psps = [{**PSP, "share": 0.5}, {**PSP, "name": "spare", "share": 0.5}]
    down = [incident("ecs.ec", "outage", 0, 60), incident("psps.psp", "outage", 0, 4000)]
    records = run("run.window=50 s", "arrivals.rate=1/s", NODO, ecs=ecs, psps=psps, incidents=down)
    for payment in rows(records, "payments"):
        assert (payment.fault == "none") == (payment.ec_group == "other")
        if not isnan(payment.notified_s):
            assert payment.notify_answer == ("ok" if payment.psp == "spare" else "unreachable")


@pytest.mark.parametrize("workers", ["", "node.processing.workers=3"])
def test_an_outage_of_the_node_lets_calls_wait_for_its_end(workers):
    """Down from 50 to 55: the activation, there at 50.01, is taken at 55, so the token is issued at 55.64."""
    sets = ("run.seed=1", workers) if workers else ("run.seed=1",)
    payment = notified(incident("node", "outage", 50, 5), sets=sets)
    assert payment.issued_s == pytest.approx(55.64, abs=1e-6)


def test_a_psp_whose_outcome_meets_an_outage_of_the_node_is_answered_after_it():
    """Down from 112 to 114: the outcome is there at 112.53 and taken at 114, which counts as 1.1 s for TNSPO."""
    payment = notified(incident("node", "outage", 112, 2))
    assert (payment.outcome_s, payment.paid_s) == near(112.53, 114)


def test_a_node_that_is_down_hears_no_answer_before_its_end():
    """Down from 111 to 112.2: accepted by the PSP at 111.43, known at 112.2, while the outcome is still on its way."""
    payment = notified(incident("node", "outage", 111, 1.2))
    assert (payment.answered_s, payment.notify_answer, payment.paid_s) == (near(112.2), "ok", near(112.53))


def test_a_node_that_is_down_sends_nothing_before_its_end():
    """Killed at 112.6 and up at 115: the outcome had paid at 112.53; receipt and result leave at 115, the reply never.

    The receipt is at the EC at 115.02 and done at 115.72. The PSP, which heard nothing, sends its outcome again.
    """
    down = incident("node", "outage", 112.6, 2.4, in_service="kill")
    records = run(incidents=[down])
    payment = only(records, "payments")
    assert (payment.paid_s, payment.receipt_s) == near(112.53, 115.72)
    first, *again = rows(records, "calls", primitive="sendPaymentOutcomeV2")
    assert (first.answer, len(again)) == ("timeout", 1)
    assert only(records, "calls", primitive="sendPaymentResult-v2").sent_s == pytest.approx(115, abs=1e-6)


def test_a_close_that_an_outage_kills_has_cancelled_its_tokens_and_says_why():
    """The citizen cancels at 90.66; a worker takes the close at 90.67 and is killed at 90.70, and the reply with it."""
    payment = notified(incident("node", "outage", 90.7, 1, in_service="kill"), sets=("citizen.cancel=1",))
    assert (payment.cancel_cause, payment.cancelled_s, payment.status) == ("user_cancelled", near(90.67), "CANCELLED")


def test_a_node_that_is_down_cancels_nothing():
    """Down from 112 to 700: the outcome is there at 112.53 and waits; the token's 10 min are over at 650.65.

    A Node that is down sweeps nothing at 660. At 700 it takes the outcome, which has waited longest, and it pays.
    """
    payment = notified(incident("node", "outage", 112, 588), sets=("protocol.token_validity=10 min",))
    assert (payment.paid_s, payment.place) == (near(700), "receipted")


# --- slow-down ------------------------------------------------------------------------------------------------------


def test_a_slowdown_multiplies_the_work_of_calls_that_arrive_in_it():
    """Five times slower from 110 to 111: 3 s of work, known at 113.83; from 110.90 on it comes too late."""
    assert notified(incident("psps.psp", "slowdown", 110, 1, factor=5)).answered_s == pytest.approx(113.83, abs=1e-6)
    assert notified(incident("psps.psp", "slowdown", 110.9, 1, factor=5)).answered_s == pytest.approx(111.43, abs=1e-6)


def test_slowdowns_at_the_same_time_multiply():
    """Twice and three times: 0.6 x 6 = 3.6 s of work, known at 114.43."""
    both = [incident("psps.psp", "slowdown", 100, 20, factor=2), incident("psps.psp", "slowdown", 110, 20, factor=3)]
    assert notified(*both).answered_s == pytest.approx(114.43, abs=1e-6)


def test_a_slowdown_of_one_primitive_spares_the_other():
    """PaSendRT ten times slower: 7 s, so the receipt is there at 119.65; the question takes its 0.5 s."""
    payment = notified(incident("ecs.ec", "slowdown", 0, 1000, factor=10, primitive="paSendRT"))
    assert (payment.issued_s, payment.receipt_s) == near(50.65, 119.65)


def test_a_slowdown_uses_up_workers(tmp_path):
    """One worker, ten times slower: the first call takes 6 s, and the second, 0.1 s later, starts at 116.80."""
    records = run(
        "psps.psp.workers=1",
        incidents=[incident("psps.psp", "slowdown", 110, 0.85, factor=10)],
        arrivals=trace(tmp_path, 50, 50.1),
        folder=tmp_path,
    )
    calls = rows(records, "calls", primitive="pspNotifyPaymentV2")
    assert [call.started_s for call in calls] == near(110.80, 116.80)
    assert [call.served_s for call in calls] == near(116.80, 117.40)


# --- partition and lost replies -------------------------------------------------------------------------------------


def test_a_partition_loses_requests_that_arrive_in_it():
    """At 110.80: nothing at the PSP, nothing known until 117.77; the cart expires."""
    payment = notified(incident("psps.psp", "partition", 110, 1.0))
    assert (payment.notify_answer, payment.answered_s) == ("timeout", near(117.77))
    assert (payment.cancel_cause, isnan(payment.outcome_s)) == ("outcome_missing_unknown", True)


def test_a_partition_loses_replies_that_leave_in_it():
    """From 111 to 111.5: the reply of 111.40 is lost, the work is done, and the outcome of 112.53 pays at 117.77."""
    payment = notified(incident("psps.psp", "partition", 111, 0.5))
    assert (payment.notify_answer, payment.paid_s) == ("timeout", near(117.77))


def test_lost_replies_lose_a_share_of_the_replies_that_leave_in_them():
    """All replies from 111 to 112: done and not known. Half of them, for 400 carts: 200 plus or minus 4 deviations.

    A deviation is sqrt(400) / 2 = 10 carts; false alarm 0.006%.
    """
    payment = notified(incident("psps.psp", "lost_replies", 111, 1))
    assert (payment.notify_answer, payment.place) == ("timeout", "receipted")
    half = incident("psps.psp", "lost_replies", 0, 1000, share=0.5)
    records = run("run.window=400 s", "arrivals.rate=1/s", incidents=[half])
    lost = [p for p in rows(records, "payments") if p.notify_answer == "timeout"]
    assert 160 <= len(lost) <= 240
    assert {p.place for p in rows(records, "payments")} == {"receipted"}


def test_a_partition_loses_the_outcomes_that_are_sent_in_it():
    """A partition is of the link: the outcome of 112.50 is lost, and sent again 30 s later, at 142.50."""
    payment = notified(incident("psps.psp", "partition", 112, 10))
    assert (payment.notify_answer, payment.paid_s) == ("ok", near(142.53))


def test_a_psp_that_is_down_sends_no_outcome():
    """Down from 112 to 1000, after it has accepted: its outcome cannot come before it is up again."""
    payment = notified(incident("psps.psp", "outage", 112, 888))
    assert not payment.outcome_s < 1000


@pytest.mark.parametrize(
    ("at", "column", "moment"),
    [(50, "issued_s", 51.05), (110.6, "answered_s", 111.83), (112.5, "receipt_s", 113.75)],
)
def test_a_slow_node_takes_longer_over_each_of_its_calls(at, column, moment):
    """Five times as slow when one call arrives, at 50.01, 110.67 or 112.53: what follows its 100 ms comes 0.4 s later.

    Without, the token is issued at 50.65, the PSP has answered at 111.43, and the EC has the receipt at 113.35.
    """
    slow = incident("node", "slowdown", at, 0.1, factor=5)
    assert getattr(notified(slow), column) == near(moment)


# --- another mix of ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "answer", "known"),
    [("ko", "ko", 111.43), ("unreachable", "unreachable", 110.83), ("hang", "timeout", 117.77)],
)
def test_a_mix_replaces_the_ends_of_calls_that_arrive_in_it(end, answer, known):
    """Certain to end so from 110 to 111, and never before or after."""
    struck = notified(incident("psps.psp", "mix", 110, 1, ends={end: 1}))
    assert (struck.notify_answer, struck.answered_s) == (answer, near(known))
    assert notified(incident("psps.psp", "mix", 100, 10, ends={end: 1})).notify_answer == "ok"


def test_a_mix_can_be_better_than_usual():
    """A PSP that always refuses does not while a mix without failures lasts."""
    always = {**PSP, "pspNotifyPaymentV2": {"time": "600 ms", "ends": {"ko": 1}}}
    assert notified(incident("psps.psp", "mix", 110, 1), psps=[always]).notify_answer == "ok"


@pytest.mark.parametrize("usual", ["hang", "unreachable", {"ko": {"probability": 1, "time": "5 s"}}])
def test_nothing_of_the_usual_end_is_left_in_a_mix(usual):
    """Taken at 110.80 and answered after 0.6 s of work and 0.03 s of way back, whatever would have become of it."""
    ends = usual if isinstance(usual, dict) else {usual: 1}
    always = {**PSP, "pspNotifyPaymentV2": {"time": "600 ms", "ends": ends}}
    payment = notified(incident("psps.psp", "mix", 110, 1), psps=[always])
    assert (payment.notify_answer, payment.answered_s) == ("ok", near(111.43))


def test_a_slow_down_does_not_slow_a_refused_connection():
    """Nobody works on it: refused after 2 s to connect, at 110.80 + 2.03, however slow the PSP is."""
    refused = {**PSP, "pspNotifyPaymentV2": {"ends": {"unreachable": {"probability": 1, "time": "2 s"}}}}
    slow = incident("psps.psp", "slowdown", 110, 10, factor=9)
    assert notified(psps=[refused]).answered_s == near(112.83)
    assert notified(slow, psps=[refused]).answered_s == near(112.83)


def test_a_call_that_hangs_in_a_mix_holds_its_worker_for_the_hang_time(tmp_path):
    """One worker, hanging for a minute from 110.80: the second call is taken at 170.80."""
    records = run(
        "psps.psp.workers=1",
        incidents=[incident("psps.psp", "mix", 110, 0.85, ends={"hang": 1})],
        arrivals=trace(tmp_path, 50, 50.1),
        folder=tmp_path,
    )
    calls = rows(records, "calls", primitive="pspNotifyPaymentV2")
    assert [call.started_s for call in calls] == near(110.80, 170.80)


def test_an_end_in_a_mix_may_have_its_own_time():
    """A KO after 2 s, known at 110.80 + 2.03, and a malformed answer whose work was never done: expired."""
    slow = notified(incident("psps.psp", "mix", 110, 1, ends={"ko": {"probability": 1, "time": "2 s"}}))
    assert slow.answered_s == pytest.approx(112.83, abs=1e-6)


@pytest.mark.parametrize(("done", "place"), [(1, "receipted"), (0, "reversed")])
def test_a_malformed_answer_in_a_mix_hides_the_work_that_its_mix_says(done, place):
    """Done: the PSP has booked and its outcome pays. Not done: nothing comes, and the cart expires."""
    ends = {"malformed": {"probability": 1, "done": done}}
    assert notified(incident("psps.psp", "mix", 110, 1, ends=ends)).place == place


# --- at random ------------------------------------------------------------------------------------------------------


def test_incidents_at_random_last_and_return_as_they_should():
    """Mean 60 s up and 20 s down, over 4000 s: a quarter of the time down.

    A cycle has a mean of 80 s, so there are 50 of them; the share down has a standard deviation of about
    sqrt(2) x 0.75 x 0.25 / sqrt(50) = 3.8 points. Within 4 of them: false alarm below 0.01%. Carts meet the PSP when
    they are 60.80 s old, so those of the last minute meet none that began after arrivals stopped.
    """
    down = {"target": "psps.psp", "effect": "outage", "mtbf": "60 s", "mttr": "20 s", "in_service": "finish"}
    records = run("run.window=4000 s", "arrivals.rate=1/s", "links.node_psp.latency=0 s", incidents=[down], record=())
    answers = [p.notify_answer for p in rows(records, "payments") if p.notified_s < 4000]
    assert set(answers) == {"ok", "unreachable"}
    assert answers.count("unreachable") / len(answers) == pytest.approx(0.25, abs=4 * 0.038)
    changes = sum(a != b for a, b in pairwise(answers))
    assert 40 < changes < 160  # twice the number of outages that last long enough to be met


def test_the_timing_of_the_world_that_these_tests_reckon_with():
    """Without incidents: answered at 111.43, outcome at 112.53, receipt at 113.35."""
    assert since(notified(), "answered_s", "outcome_s", "receipt_s") == near(61.43, 62.53, 63.35)
