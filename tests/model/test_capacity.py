"""Stations and pools in the model: who waits for whom, who is refused and what becomes of them, reckoned by hand.

Carts arrive every 0.1 s from 50 ms of the run on, so that the n-th cart's calls come 0.1 n s after the first one's.
Without waiting, the first cart's activation is at the Node at 0.06 s of the run, its question at the EC at 0.18 s and
its notification at the PSP at 60.85 s.
"""

from math import isnan

import pytest

from model.worlds import EC, PSP, names, only, rows, run, summary, trace, world

CROWD = ("run.window=500 ms", "arrivals.rate=10/s")
"""Five carts: at 0.05, 0.15, 0.25, 0.35 and 0.45 s of the run."""
NODO = "protocol.preset=nodo-observed"


def near(*expected):
    """Compare moments to the microsecond."""
    return pytest.approx(expected, abs=1e-6, nan_ok=True)


def times(records, primitive, column, **wanted):
    """Return one time of every call of a primitive, by cart."""
    found = sorted(rows(records, "calls", primitive=primitive, **wanted), key=lambda call: (call.cart, call.send))
    return [getattr(call, column) for call in found]


# --- stations -------------------------------------------------------------------------------------------------------


def test_a_psp_with_one_worker_serves_carts_one_after_another():
    """0.6 s of work each: calls that arrive at 60.85, 60.95 .. 61.25 start at 60.85, 61.45 .. 63.25."""
    records = run(*CROWD, "psps.psp.workers=1")
    assert times(records, "pspNotifyPaymentV2", "arrived_s") == near(*(60.85 + 0.1 * n for n in range(5)))
    assert times(records, "pspNotifyPaymentV2", "started_s") == near(*(60.85 + 0.6 * n for n in range(5)))
    assert times(records, "pspNotifyPaymentV2", "served_s") == near(*(61.45 + 0.6 * n for n in range(5)))


def test_two_workers_serve_two_at_a_time():
    """Calls at 0, 0.1, 0.2, 0.3 and 0.4 s after 60.85 start at 0, 0.1, 0.6, 0.7 and 1.2."""
    started = times(run(*CROWD, "psps.psp.workers=2"), "pspNotifyPaymentV2", "started_s")
    assert [at - 60.85 for at in started] == near(0, 0.1, 0.6, 0.7, 1.2)


def test_a_full_queue_is_seen_as_unreachable():
    """One worker, one place to wait: the third and later carts are refused at once, 30 ms away, and so is no work done.

    Observed, an unreachable PSP is final: three carts are reversed, two are paid.
    """
    records = run(*CROWD, NODO, "psps.psp.workers=1", "psps.psp.queue_limit=1")
    answers = [p.notify_answer for p in rows(records, "payments")]
    assert answers == ["ok", "ok", "unreachable", "unreachable", "unreachable"]
    refused = times(records, "pspNotifyPaymentV2", "answered_s", answer="unreachable")
    assert refused == near(61.08, 61.18, 61.28)
    assert [c.ending for c in rows(records, "carts")] == ["paid", "paid", "not_paid", "not_paid", "not_paid"]


def test_busy_and_waiting_times_of_a_station_are_exact():
    """Two calls of 0.6 s, the second of which waits from 60.95 to 61.45; three are refused at 61.05 .. 61.25."""
    records = run(*CROWD, NODO, "psps.psp.workers=1", "psps.psp.queue_limit=1", "run.bin=1 s")
    busy = {row.bin_start_s: row for row in rows(records, "stations", station="psps.psp")}
    assert [busy[t].busy_s for t in (59, 60, 61, 62)] == near(0, 0.15, 1.0, 0.05)
    assert [busy[t].waiting_s for t in (59, 60, 61, 62)] == near(0, 0.05, 0.45, 0)
    assert [busy[t].refused for t in (60, 61, 62)] == [0, 3, 0]
    assert [busy[t].capacity_s for t in (60, 61, 62)] == near(1, 1, 1)
    assert max(row.queue_max for row in busy.values()) == 1


def test_the_share_of_refused_calls_is_of_all_that_arrived():
    """An EC with one worker and one place to wait: five questions 0.1 s apart, of which three are refused: 60%."""
    loaded = world(
        "ecs.ec.workers=1",
        "ecs.ec.queue_limit=1",
        run={"warm_up": "0 s", "window": "10 s", "bin": "1 s"},
        arrivals={
            "process": "constant",
            "ramp": [{"duration": "500 ms", "rate": "10/s"}, {"duration": "1 s", "rate": "0/s"}],
        },
    )
    assert summary(loaded, 2).stations["ecs.ec"]["refused_share"].mean == pytest.approx(3 / 5)


def test_a_schedule_changes_the_workers_while_calls_wait():
    """No worker until 62 s of the run, then two: carts wait from 60.85 s on, and start two at a time."""
    schedule = [{"at": "62 s", "workers": 2}]
    records = run(*CROWD, psps=[{**PSP, "workers": 0, "schedule": schedule}])
    assert times(records, "pspNotifyPaymentV2", "started_s") == near(62, 62, 62.6, 62.6, 63.2)


def test_a_worker_who_leaves_finishes_the_call():
    """Two workers until 61 s of the run, one from then on: the calls of 60.85 and 60.95 end, then one goes on alone.

    The one that is left takes 61.45, when the first of both comes free and one has left at the end of its call.
    """
    records = run(*CROWD, psps=[{**PSP, "workers": 2, "schedule": [{"at": "61 s", "workers": 1}]}])
    started = times(records, "pspNotifyPaymentV2", "started_s")
    assert started[:2] == near(60.85, 60.95)
    served = times(records, "pspNotifyPaymentV2", "served_s")
    for at in (61.6, 61.9, 62.5, 63.1):
        assert sum(start <= at < end for start, end in zip(started, served, strict=True)) <= 1
    assert max(served) == pytest.approx(61.45 + 3 * 0.6, abs=0.1 + 1e-6)


def test_no_workers_at_all_means_unreachable():
    """Zero workers for ever: every call is refused, none waits."""
    records = run(*CROWD, NODO, "psps.psp.workers=0")
    assert {p.notify_answer for p in rows(records, "payments")} == {"unreachable"}


def test_every_creditor_of_a_group_has_its_own_workers():
    """One worker per EC and 0.5 s of work: five calls to one EC queue up, to five of a thousand ECs they do not."""
    alone = run(*CROWD, "ecs.ec.workers=1")
    assert times(alone, "paGetPayment", "started_s") == near(*(0.18 + 0.5 * n for n in range(5)))
    many = run(*CROWD, "ecs.ec.workers=1", "ecs.ec.count=1000")
    creditors = [p.ec for p in rows(many, "payments")]
    assert len(set(creditors)) == 5
    assert times(many, "paGetPayment", "started_s") == times(many, "paGetPayment", "arrived_s")


def test_questions_and_receipts_of_an_ec_share_its_workers(tmp_path):
    """One worker. Carts arrive at 50 and 112.4 s: the second asks at 112.53 for 0.5 s, and the first's receipt waits.

    It is at the EC at 112.65, and taken at 113.03.
    """
    records = run("run.window=200 s", "ecs.ec.workers=1", arrivals=trace(tmp_path, 50, 112.4), folder=tmp_path)
    assert times(records, "paGetPayment", "started_s") == near(50.13, 112.53)
    assert times(records, "paSendRT", "arrived_s")[0] == pytest.approx(112.65, abs=1e-6)
    assert times(records, "paSendRT", "started_s")[0] == pytest.approx(113.03, abs=1e-6)


# --- the Node -------------------------------------------------------------------------------------------------------


def test_calls_to_the_node_wait_for_its_workers():
    """One worker, 0.5 s a call: activations at 0.06, 0.16 .. 0.46 s are taken every 0.5 s, and then ask the EC."""
    records = run(*CROWD, "node.processing={workers: 1, service_time: 500 ms}")
    assert times(records, "paGetPayment", "sent_s") == near(*(0.56 + 0.5 * n for n in range(5)))


def test_an_activation_that_the_node_has_no_room_for_is_refused():
    """One worker and no place to wait: cart 0 is taken, the others get PPT_SUPERAMENTOSOGLIA at once (20 ms in all)."""
    records = run(*CROWD, "node.processing={workers: 1, queue_limit: 0, service_time: 500 ms}")
    assert [p.fault for p in rows(records, "payments")] == ["none"] + ["PPT_SUPERAMENTOSOGLIA"] * 4
    refused = [cart for cart in rows(records, "carts") if cart.ending == "not_paid"]
    assert [cart.waited_s for cart in refused] == near(*[0.02] * 4)


def test_a_close_and_an_outcome_that_the_node_has_no_room_for_are_sent_again(tmp_path):
    """One worker, no place to wait, 50 ms a call, so all that follows an activation is 50 ms earlier than usual.

    The first cart's close would be at the Node at 110.62 s, where another cart's activation, since 110.61, is being
    worked on: no answer, and sent again 44 s later, at 154.61. Its outcome would be there at 156.43, just after a third
    cart's activation: sent again 30 s after 156.40, and paid at 186.43 s of the run.
    """
    records = run(
        "run.window=200 s",
        "node.processing={workers: 1, queue_limit: 0, service_time: 50 ms}",
        arrivals=trace(tmp_path, 50, 110.60, 156.41),
        folder=tmp_path,
    )
    closes = rows(records, "calls", primitive="closePaymentV2", cart=0)
    assert [(call.send, call.answer) for call in closes] == [(0, "timeout"), (1, "ok")]
    assert [call.sent_s for call in closes] == near(110.61, 154.61)
    outcomes = rows(records, "calls", primitive="sendPaymentOutcomeV2", cart=0)
    assert [(call.send, call.answer) for call in outcomes] == [(0, "timeout"), (1, "ok")]
    assert [call.sent_s for call in outcomes] == near(156.40, 186.40)
    assert rows(records, "payments")[0].paid_s == pytest.approx(186.43, abs=1e-6)


# --- pools ----------------------------------------------------------------------------------------------------------


def test_a_call_holds_its_connection_until_it_is_answered():
    """One connection: a question takes 0.54 s, so questions that would leave at 0.16 .. 0.56 s leave in turn."""
    records = run(*CROWD, "node.ec_pool.size=1")
    assert times(records, "paGetPayment", "sent_s") == near(*(0.16 + 0.54 * n for n in range(5)))
    assert times(records, "paGetPayment", "asked_s") == near(*(0.16 + 0.1 * n for n in range(5)))


def test_a_call_without_an_answer_holds_its_connection_until_its_timeout():
    """One connection, every question lost: they leave 7 s apart."""
    records = run(*CROWD, "node.ec_pool.size=1", "ecs.ec.paGetPayment.ends={lost_request: 100%}")
    sent = times(records, "paGetPayment", "sent_s")
    assert sent[:3] == near(0.16, 7.16, 14.16)


def test_a_connection_that_is_waited_for_too_long_is_a_fault():
    """One connection, 1 s of patience: cart 1 waits 0.44 s, cart 2 0.88 s, carts 3 and 4 a second, in vain."""
    records = run(*CROWD, "node.ec_pool={size: 1, wait_limit: 1 s}")
    payments = rows(records, "payments")
    assert [p.fault for p in payments] == ["none", "none", "none", "PPT_SUPERAMENTOSOGLIA", "PPT_SUPERAMENTOSOGLIA"]
    carts = rows(records, "carts")
    assert [carts[n].settled_s for n in (3, 4)] == near(0.16 + 0.3 + 1.01, 0.16 + 0.4 + 1.01)


def test_a_queue_for_a_connection_has_its_limit():
    """One connection, one place to wait: cart 1 waits, carts 2 to 4 are refused at once, the first at 0.36 s."""
    records = run(*CROWD, "node.ec_pool={size: 1, queue_limit: 1}")
    assert [p.fault for p in rows(records, "payments")] == ["none", "none"] + ["PPT_SUPERAMENTOSOGLIA"] * 3
    assert rows(records, "carts")[2].settled_s == pytest.approx(0.37, abs=1e-6)


ECS = [{**EC, "share": 0.5}, {**EC, "name": "slow", "share": 0.5, "paGetPayment": {"time": "6 s"}}]


@pytest.mark.parametrize(("shared", "hurt"), [("true", True), ("false", False)])
def test_one_slow_creditor_hurts_the_others_only_where_they_share_a_pool(shared, hurt):
    """Ten carts a second for 5 s, half of them of a slow EC, 10 connections in all or each: the fast one waits, or not.

    The fast EC holds 10 x 0.5 x 0.54 = 2.7 connections on average, the slow one would need 30.
    """
    records = run(
        "run.window=5 s", "arrivals.rate=10/s", "node.ec_pool.size=10", f"node.ec_pool.shared={shared}", ecs=ECS
    )
    fast = [p.issued_s - p.requested_s for p in rows(records, "payments", ec_group="ec") if not isnan(p.issued_s)]
    if hurt:
        assert max(fast) > 5
    else:
        assert fast == near(*[0.65] * len(fast))


def test_a_notification_without_a_connection_is_as_unreachable():
    """One connection to the PSP and no place to wait: cart 0 is notified; observed, the others are reversed at once."""
    records = run(*CROWD, NODO, "node.psp_pool={size: 1, queue_limit: 0}")
    payments = rows(records, "payments")
    assert [p.notify_answer for p in payments] == ["ok"] + ["unreachable"] * 4
    assert [p.reversal_cause for p in payments] == ["none"] + ["psp_unreachable"] * 4


@pytest.mark.parametrize(("shared", "hurt"), [("true", True), ("false", False)])
def test_one_slow_psp_hurts_the_others_only_where_they_share_a_pool(shared, hurt):
    """Ten carts a second for 5 s, half of them of a PSP that needs 6 s, and 10 connections in all, or for each.

    The fast PSP holds 10 x 0.5 x 0.66 = 3.3 connections on average, the slow one would need 30.
    """
    psps = [{**PSP, "share": 0.5}, {**PSP, "name": "slow", "share": 0.5, "pspNotifyPaymentV2": {"time": "6 s"}}]
    pool = ("node.psp_pool.size=10", f"node.psp_pool.shared={shared}")
    records = run("run.window=5 s", "arrivals.rate=10/s", *pool, psps=psps)
    fast = [p.answered_s - p.closed_s for p in rows(records, "payments", psp="psp")]
    if hurt:
        assert max(fast) > 5
    else:
        assert fast == near(*[0.76] * len(fast))


def test_a_notification_that_waits_too_long_for_a_connection_is_as_unreachable():
    """One connection, 1 s of patience, 0.66 s a call: it comes free at 61.48 and 62.14.

    Carts 2 and 3 wait from 61.02 and 61.12 and give up before that, at 62.02 and 62.12; cart 4, since 61.22, does not.
    """
    payments = rows(run(*CROWD, NODO, "node.psp_pool={size: 1, wait_limit: 1 s}"), "payments")
    assert [p.notify_answer for p in payments] == ["ok", "ok", "unreachable", "unreachable", "ok"]
    assert [payments[n].answered_s for n in (2, 3)] == near(62.02, 62.12)


def test_a_receipt_without_a_connection_is_pending(tmp_path):
    """Carts of 2 at 50 and 50.6 s, two connections, no place to wait: questions do not meet, receipts do.

    The first cart's receipts hold both connections from 112.63 to 113.37; the second's would leave at 113.23. They are
    pending, and sent by the job at 3600 s: delivered 0.72 s later.
    """
    records = run(
        "cart.notices={2: 1}",
        "node.ec_pool={size: 2, queue_limit: 0}",
        arrivals=trace(tmp_path, 50, 50.6),
        folder=tmp_path,
    )
    delivered = [payment.receipt_s for payment in rows(records, "payments")]
    assert delivered == near(113.35, 113.35, 3600.72, 3600.72)
    history = [row.status for row in rows(records, "states", cart=1, notice=0, subject="receipt")]
    assert history == ["NOTICE_GENERATED", "NOTICE_SENT", "NOTICE_PENDING", "NOTICE_SENT", "NOTIFIED"]


def test_pools_are_reported_like_stations():
    """Two connections held for 0.54 s by five questions and 0.74 s by five receipts: 6.4 s in use."""
    records = run(*CROWD, "node.ec_pool.size=2", "run.bin=1 s")
    used = rows(records, "stations", station="node.ec_pool")
    assert sum(row.busy_s for row in used) == pytest.approx(5 * 0.54 + 5 * 0.74)
    assert {row.capacity_s for row in used} == {2.0}
    assert "node.psp_pool" not in names(records, "stations", "station")


def test_unlimited_stations_have_no_capacity_and_nobody_waits_there():
    """Without limits the Node works for 1.5 s on 15 calls of 0.1 s, at the same time if need be."""
    records = run(*CROWD)
    node = rows(records, "stations", station="node")
    assert sum(row.busy_s for row in node) == pytest.approx(1.5)
    assert sum(row.waiting_s for row in node) == 0
    assert all(isnan(row.capacity_s) for row in node)
    assert only(run(), "carts").ending == "paid"
