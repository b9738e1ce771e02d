"""Who counts: warm-up, measured window and drain."""

from math import isnan

from model.worlds import PSP, only, rows, run
from sim.analysis.tally import tally

PHASES = {"warm_up": "30 s", "window": "20 s"}
"""Carts arrive at 0.5, 1.5 .. 49.5 s; 20 of them, from 30.5 s on, count."""


def test_the_cohort_is_who_first_arrived_in_the_window():
    """50 carts arrive, at 1/s; those of the last 20 s are measured, and no cart arrives after that."""
    records = run("arrivals.rate=1/s", run=PHASES)
    assert records.window_s == (30.0, 50.0)
    carts = rows(records, "carts")
    assert [cart.arrived_s for cart in carts] == [n + 0.5 for n in range(50)]
    assert [cart.measured for cart in carts] == [False] * 30 + [True] * 20
    assert [p.measured for p in rows(records, "payments")] == [False] * 30 + [True] * 20


def test_metrics_are_of_the_cohort_only():
    """20 carts of 50 EUR count; the others are simulated and not measured."""
    sums = tally(run("arrivals.rate=1/s", run=PHASES)).sums
    assert sums["cart_count"][""][0, 0] == 20
    assert sums["authorised_eur"][""][0, 0] == 20 * 50


def test_a_citizen_who_comes_back_after_the_window_still_counts_and_one_of_the_warm_up_never_does():
    """Denied 60.66 s after arrival and back 100 s later: every second try comes after the window's end at 50 s."""
    records = run(
        "arrivals.rate=1/s",
        "checkout.authorisation.denied=100%",
        "citizen.retry={probability: 1, max_tries: 2, wait: 100 s}",
        run=PHASES,
    )
    again = rows(records, "payments", attempt=1)
    assert min(p.requested_s for p in again) > 50
    assert [p.measured for p in again] == [False] * 30 + [True] * 20


def test_the_drain_follows_everything_in_flight_to_its_end():
    """The last cart arrives at 49.5 s; its outcome comes 10 min later, and the run does not end before its receipt."""
    records = run("arrivals.rate=1/s", run=PHASES, psps=[{**PSP, "outcome_delay": "10 min"}])
    payments = rows(records, "payments")
    assert {p.status for p in payments} == {"NOTIFIED"}
    assert not any(isnan(p.receipt_s) for p in payments)
    assert records.end_s >= max(p.receipt_s for p in payments)


def test_the_drain_ends_although_something_stays_open():
    """Observed: an accepted payment without an outcome stays; the run ends when each job has run in vain."""
    records = run("psps.psp.outcome_lost=100%", "protocol.preset=nodo-observed")
    assert only(records, "payments").place == "manual_check"
    assert records.end_s <= 3600


def test_counters_of_calls_are_of_calls_sent_in_the_window():
    """Of 50 activations, one a second, 20 are sent in the window; no close is, 60.66 s after the arrival."""
    records = run("arrivals.rate=1/s", run=PHASES)
    counted = {row.primitive: row.count for row in rows(records, "primitives")}
    assert counted["activatePaymentNoticeV2"] == 20
    assert counted["paGetPayment"] == 20
    assert "closePaymentV2" not in counted


def test_a_run_without_a_single_cart_is_a_run():
    """A rate of 0.001/s evenly spaced has its first cart at 500 s; a window of 100 s has none."""
    records = run("arrivals.rate=0.001/s")
    assert rows(records, "carts") == []
    assert rows(records, "payments") == []
