"""Every metric against figures worked out by hand from the thirteen carts of `analysis.hand`.

Twelve of them are measured. Tokens issued to them: 14 (carts 1, 2, 2, 3, 4, 4, 5 to 12), of which 7 are psp-a's and 7
psp-b's, 8 are of group g and 6 of h, 10 of carts of one notice and 4 of carts of two. Authorised: 10 payments (carts 1,
2, 2, 5, 6, 7, 8, 10, 11, 12) of 100 + 30 + 70 + 200 + 80 + 60 + 10 + 25 + 40 + 15 = 630 EUR.
"""

from dataclasses import replace

import numpy as np
import pytest

from analysis.hand import CARTS, PAYMENTS, STATIONS, records
from sim.analysis.intervals import COUNTED
from sim.analysis.metrics import HEADLINE, METRICS
from sim.analysis.slo import Slo
from sim.analysis.summary import estimate_of, summarise
from sim.analysis.tally import DELAY_GRID_S, each_of, tally
from sim.records import CANCEL_CAUSES, FAULTS, PLACES, REVERSAL_CAUSES
from sim.records import PAYMENTS as PAYMENT_COLUMNS


@pytest.fixture(scope="module")
def summary():
    return summarise([tally(records())], [])


def test_what_a_payment_adds_to_a_total_is_known_from_all_payments():
    """The ten authorised amounts: 63 EUR on average, their squares 68,350, so size-biased 68,350 / 630.

    Twice the same replication says the same; without any payment it is as for a count.
    """
    each = tally(records())
    found = each_of([each, each], METRICS["reversal_eur"])
    assert found == pytest.approx((63, 68_350 / 630))
    assert each_of([each], METRICS["reversal_count"]) == COUNTED
    sums = each.sums | {"amount": {"": np.zeros((1, 2))}}
    assert each_of([replace(each, sums=sums)], METRICS["reversal_eur"]) == COUNTED


OVERALL = {
    # Carts 3, 4, 4, 6, 7 of 14 tokens; 50 + 20 + 40 + 80 + 60 EUR.
    "token_expiry_rate": 5 / 14,
    "token_expiry_count": 5,
    "token_expiry_eur": 250,
    "token_count": 14,
    # 12.5 + 15 + 15 + 1860 + 1800 + 1800 + 11 + 1800 + 1800 + 30 + 11 + 13 + 5 s of 13 tokens; cart 8's has no end.
    "token_life": 9172.5 / 13 / 60,
    "activation_failure_rate": 2 / 16,
    # Carts 5, 6, 7, 10, 12; 200 + 80 + 60 + 25 + 15 EUR. Cart 7's never succeeds: 6, 1794, 10 and 5 s.
    "reversal_rate": 5 / 10,
    "reversal_count": 5,
    "reversal_eur": 380,
    "reversal_delay": (6 + 1794 + 10 + 5) / 4,
    # Accepted: carts 1 (1.5 s), 2 twice (4 s), 7 (1888 s), 8 (no outcome), 10 (0 s, since the outcome overtook).
    "tnspo_strict": 2 / 6,
    "tnspo_official": 3 / 6,
    "tnspo_cart": 2 / 5,
    "outcome_delay": (1.5 + 4 + 4 + 1888 + 0) / 5,
    # 11 notifications, 2 answered late; a timeout after 7 s is not an answer.
    "tpnp": 9 / 11,
    "tgp": 14 / 16,
    "tsrt": 4 / 7,
    # Cart 7 alone. At the PSP: carts 1, 2, 2, 6, 7, 8, 10, 11, of which 6 and 8 have no outcome.
    "lspo": 1 / 14,
    "daspo": 2 / 8,
    "amount": 63,
    "authorised_count": 10,
    "authorised_eur": 630,
    # Carts 1, 2 (first notice), 10, 11.
    "receipted_count": 4,
    "receipted_eur": 195,
    # Cart 2's second notice, 7 and 8.
    "open_count": 3,
    "open_eur": 140,
    "debited_without_receipt": 3 / 10,
    "both_ways_count": 1,
    "both_ways_eur": 25,
    "user_wait": (2 + 4 + 1 + 9 + 3 + 31 + 5 + 31 + 1 + 2 + 4 + 3) / 12,
    "paid_share": 4 / 12,
    "not_paid_share": 7 / 12,
    "unknown_share": 1 / 12,
    # Carts 6, 7 and 8 of the 11 that went back: 2402 - 640 and 2504 - 740 s, and never.
    "unknown_at_redirect_share": 3 / 11,
    "unknown_time": (1762 + 1764) / 2,
    "tries": 13 / 12,
    "cart_count": 12,
    # Carts 1, 2, 10, 11: 1, 1, 1, 2 s. Sends of carts 1, 2, 2, 10, 11.
    "receipt_delay": 5 / 4,
    "receipt_sends": (1 + 1 + 3 + 1 + 2) / 5,
    "receipt_pending_share": 1 / 5,
    # 1860 + 1800 + 1800 + 11 + 1800 + 1800 + 30 + 5 s. Cart 8 blocks its notice for good.
    "blocked_minutes": 9106 / 60,
    "still_blocked_count": 1,
}


def test_every_metric_has_a_figure_worked_out_by_hand():
    """No metric is left out of the table of this file."""
    assert set(OVERALL) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_is_what_its_definition_gives_by_hand(summary, name):
    """The figure over the twelve measured carts; cart 0 of the warm-up does not count."""
    assert summary.metrics[name].mean == pytest.approx(OVERALL[name])


BY = {
    ("psp", "psp-a"): {
        "token_expiry_rate": 1 / 7,
        "token_expiry_eur": 60,
        "reversal_rate": 2 / 6,  # carts 7 and 10 of 1, 2, 2, 7, 10, 11
        "reversal_eur": 85,
        "tnspo_strict": 2 / 5,
        "tnspo_official": 2 / 5,
        "tpnp": 6 / 7,
        "lspo": 1 / 7,
        "daspo": 0 / 6,
        "open_eur": 130,
        "receipted_eur": 195,
        "user_wait": (2 + 4 + 5 + 1 + 2 + 4) / 6,
        "user_wait_p50": 3,  # 1, 2, 2, 4, 4, 5
        "paid_share": 4 / 6,
    },
    ("psp", "psp-b"): {
        "token_expiry_rate": 4 / 7,
        "token_expiry_eur": 190,
        "reversal_rate": 3 / 4,  # carts 5, 6 and 12 of 5, 6, 8, 12
        "reversal_eur": 295,
        "tnspo_strict": 0 / 1,
        "tnspo_official": 1 / 1,
        "tpnp": 3 / 4,
        "lspo": 0 / 7,
        "daspo": 2 / 2,
        "open_eur": 10,
        "receipted_eur": 0,
        "user_wait": (1 + 9 + 3 + 31 + 31 + 3) / 6,
        "user_wait_p50": 6,  # 1, 3, 3, 9, 31, 31
        "unknown_share": 1 / 6,
    },
    ("ec_group", "g"): {
        "token_expiry_rate": 2 / 8,
        "reversal_rate": 1 / 5,  # cart 5 of 1, 2, 5, 8, 11
        "tgp": 8 / 10,
        "tsrt": 3 / 3,
        "activation_failure_rate": 2 / 10,
    },
    ("ec_group", "h"): {
        "token_expiry_rate": 3 / 6,
        "reversal_rate": 4 / 5,  # carts 6, 7, 10, 12 of these and 2
        "tgp": 6 / 6,
        "tsrt": 1 / 4,
        "activation_failure_rate": 0 / 6,
    },
    ("cart_size", "1"): {
        "token_expiry_rate": 3 / 10,
        "reversal_eur": 380,
        "tnspo_cart": 2 / 4,
        "tries": 1,
    },
    ("cart_size", "2"): {
        "token_expiry_rate": 2 / 4,
        "reversal_eur": 0,
        "tnspo_cart": 0 / 1,
        "tries": 3 / 2,
    },
}


@pytest.mark.parametrize(
    ("dimension", "group", "name"), [(*place, name) for place, figures in BY.items() for name in figures]
)
def test_a_metric_by_group_is_what_its_definition_gives_by_hand(summary, dimension, group, name):
    """By PSP, EC group and cart size."""
    assert summary.by[dimension][group][name].mean == pytest.approx(BY[dimension, group][name])


CAUSES = {
    "token_expiry_count": {
        "abandoned": 1, "activation_failed": 2, "outcome_missing_unknown": 1, "outcome_late": 1,
    },
    "token_expiry_eur": {"abandoned": 50, "activation_failed": 60, "outcome_missing_unknown": 80, "outcome_late": 60},
    "reversal_count": {"psp_refused": 1, "token_expired": 2, "close_not_delivered": 1, "psp_unreachable": 1},
    "reversal_eur": {"psp_refused": 200, "token_expired": 140, "close_not_delivered": 25, "psp_unreachable": 15},
    "open_count": {"pending_receipt": 1, "manual_check": 2},
    "open_eur": {"pending_receipt": 70, "manual_check": 70},
    "blocked_minutes": {
        "abandoned": 31, "activation_failed": 60, "psp_refused": 11 / 60, "outcome_missing_unknown": 30,
        "outcome_late": 30, "user_cancelled": 0.5, "psp_unreachable": 5 / 60,
    },
    "token_expiry_rate": {
        "abandoned": 1 / 14, "activation_failed": 2 / 14, "outcome_missing_unknown": 1 / 14, "outcome_late": 1 / 14,
    },
    "reversal_rate": {
        "psp_refused": 1 / 10, "token_expired": 2 / 10, "close_not_delivered": 1 / 10, "psp_unreachable": 1 / 10,
    },
    "debited_without_receipt": {"pending_receipt": 1 / 10, "manual_check": 2 / 10},
    "activation_failure_rate": {"PPT_STAZIONE_INT_PA_TIMEOUT": 1 / 16, "PPT_PAGAMENTO_IN_CORSO": 1 / 16},
}  # fmt: skip


def test_every_metric_with_causes_has_them_worked_out_by_hand():
    """No metric with a cause is left out of the table of this file."""
    assert set(CAUSES) == {metric.name for metric in METRICS.values() if metric.cause}


@pytest.mark.parametrize("name", CAUSES)
def test_causes_are_exclusive_and_add_up_to_the_total(summary, name):
    """Each cause is as worked out by hand, no other cause is named, and together they are the whole figure."""
    found = {cause: figures[name].mean for cause, figures in summary.by["cause"].items() if name in figures}
    assert found == pytest.approx(CAUSES[name])
    assert sum(found.values()) == pytest.approx(summary.metrics[name].mean)


def test_groups_of_a_dimension_add_up_to_the_total(summary):
    """Totals of payments, by PSP, EC group and cart size."""
    for dimension in ("psp", "ec_group", "cart_size"):
        for name in ("token_count", "token_expiry_eur", "reversal_eur", "authorised_count", "blocked_minutes"):
            found = sum(figures[name].mean for figures in summary.by[dimension].values())
            assert found == pytest.approx(OVERALL[name])


def test_every_authorised_cent_is_in_exactly_one_place(summary):
    """195 EUR receipted, 70 pending, 295 given back (carts 5, 6, 12) and 70 to check make 630; 25 went both ways."""
    found = {place: (figures["count"].mean, figures["eur"].mean) for place, figures in summary.money.items()}
    assert found == {
        "receipted": (4, 195), "reversed": (3, 295), "pending_receipt": (1, 70),
        "manual_check": (2, 70),
    }  # fmt: skip
    assert sum(eur for _, eur in found.values()) == summary.metrics["authorised_eur"].mean


def test_quantiles_are_those_of_the_sample_of_one_replication(summary):
    """Waits 1, 1, 2, 2, 3, 3, 4, 4, 5, 9, 31, 31 s: the median is half way from 3 to 4, the 95th percentile 31.

    Percentiles are interpolated between order statistics (Hyndman and Fan's type 7): the 80th is at 0.8 x 11 = 8.8,
    that is 5 + 0.8 x (9 - 5).
    """
    assert summary.metrics["user_wait_p50"].mean == pytest.approx(3.5)
    assert summary.metrics["user_wait_p95"].mean == pytest.approx(31)
    slo = Slo("", "user_wait", 80.0, "", "", "<", 0.0)
    assert estimate_of([tally(records(), [slo.quantile])], slo, 0.95).mean == pytest.approx(8.2)


def test_a_quantile_of_one_group_is_that_of_its_rows():
    """Waits of psp-b: 1, 3, 3, 9, 31, 31 s; the 75th percentile is at 3.75, that is 9 + 0.75 x (31 - 9)."""
    slo = Slo("", "user_wait", 75.0, "psp", "psp-b", "<", 0.0)
    assert estimate_of([tally(records(), [slo.quantile])], slo, 0.95).mean == pytest.approx(25.5)


def test_a_delay_of_two_seconds_to_the_millisecond_is_in_time():
    """255.1 + 2 - 255.1 is more than 2 in binary; 2.0004 s is 2 s on the platform's clock; 2.001 s is late."""
    one = {**PAYMENTS[1], "answered_s": 255.1}
    rows = [{**one, "outcome_s": 255.1 + delay} for delay in (2.0, 2.0004, 2.001)]
    assert 255.1 + 2.0 - 255.1 > 2.0
    found = summarise([tally(records(payments=rows))], []).metrics
    assert found["tnspo_strict"].mean == pytest.approx(2 / 3)
    assert found["tnspo_official"].mean == pytest.approx(2 / 3)


def test_the_curve_of_outcome_delays_is_the_share_of_accepted_tokens(summary):
    """psp-a: 0, 1.5, 4, 4 and 1888 s of 5; psp-b: none of 1; together they are of 6."""
    at = {s: int(np.flatnonzero(s == DELAY_GRID_S)[0]) for s in (0.0, 1.45, 1.5, 2.0, 4.0)}
    curves = summary.outcome_curve
    assert [curves["psp-a"][at[s]] for s in at] == [1 / 5, 1 / 5, 2 / 5, 2 / 5, 4 / 5]
    assert [curves[""][at[s]] for s in at] == pytest.approx([1 / 6, 1 / 6, 2 / 6, 2 / 6, 4 / 6])
    assert (curves["psp-a"][-1], curves["psp-b"][-1], curves[""][-1]) == (1, 0, pytest.approx(5 / 6))


def test_open_tokens_count_those_issued_and_not_yet_paid_or_cancelled():
    """At 0, 110, ... 1100 s, of all carts.

    Open at the end: cart 0 from 50 s, 3 from 301, 4 from 401 and 421, 6 from 601, 7 from 701, 8 from 801. Cart 1's
    token lives from 101 to 113.5 s; those of carts 2, 5, 9, 10, 11 and 12 live between two of the moments.
    """
    found = tally(records())
    assert found.open_tokens_at_s[::10].tolist() == [110.0 * k for k in range(11)]
    assert found.open_tokens[::10].tolist() == [0, 2, 1, 2, 4, 4, 5, 6, 7, 7, 7]


def test_stations_are_added_up_over_the_bins_of_the_window(summary):
    """Ten bins of 100 s: 500 of 2000 worker-seconds, 100 calls, queues of 1 to 10 (p95 at 8.55: 9.55), one refusal.

    The 5500 s of waiting are 55 s for each of the 100 calls. Workers of psp-a are unlimited: no utilisation.
    """
    node = {name: estimate.mean for name, estimate in summary.stations["node"].items()}
    assert node == pytest.approx({
        "utilisation": 0.25, "calls_per_s": 0.1, "busy": 0.5, "queue_mean": 5.5, "wait_mean_s": 55.0, "queue_p95": 9.55,
        "queue_max": 17.0, "refused_share": 0.01,
    })  # fmt: skip
    unlimited = summary.stations["psps.psp-a"]
    assert np.isnan(unlimited["utilisation"].mean)
    assert unlimited["busy"].mean == 0.5


def test_a_window_inside_one_time_bin_is_judged_by_that_bin():
    """Window 120 s to 180 s lies in bin 1, whose 10 calls are the whole record of it."""
    found = tally(replace(records(), window_s=(120.0, 180.0))).stations["node"]
    assert (found["window_s"], found["arrivals"]) == (100.0, 10.0)


def test_time_after_a_replication_was_over_counts_as_idle():
    """Rows end with bin 4: queues of 1 to 4 and six of 0 on average, p95 at 8.55 in order: 3.55. Workers stay."""
    short = [row for row in STATIONS if row["bin_start_s"] < 500]
    found = tally(records(stations=short)).stations["node"]
    assert (found["arrivals"], found["window_s"], found["capacity_s"]) == (40, 1000, 2000)
    assert found["queue_p95"] == pytest.approx(3.55)


def test_calls_are_counted_by_primitive_and_answer(summary):
    """16 calls of paGetPayment in 1000 s; of 15 answers all took over 300 ms, one over 400 ms and over 2 s."""
    found = {name: estimate.mean for name, estimate in summary.calls["paGetPayment"].items()}
    assert found["per_s"] == pytest.approx(0.016)
    assert (found["over_300_ms"], found["over_400_ms"], found["over_2000_ms"]) == pytest.approx((1, 1 / 15, 1 / 15))
    assert [found[a] for a in ("ok", "ko", "malformed", "timeout", "unreachable")] == pytest.approx(
        [15 / 16, 0, 0, 1 / 16, 0]
    )


def test_replies_with_a_fault_are_counted_by_primitive(summary):
    """One and two refusals of activations of the two groups make three."""
    found = {p: {f: e.mean for f, e in faults.items()} for p, faults in summary.refusals.items()}
    assert found == {
        "activatePaymentNoticeV2": {"PPT_PAGAMENTO_IN_CORSO": 3},
        "sendPaymentOutcomeV2": {"PPT_TOKEN_SCADUTO": 1},
    }


def test_records_without_carts_give_figures_that_are_not_known():
    """No division by zero: shares and means are NaN, totals are 0, and every place is empty."""
    found = summarise([tally(records(r, payments=(), carts=(), primitives=(), refusals=())) for r in (0, 1)], [])
    for name, metric in METRICS.items():
        mean = found.metrics[name].mean
        assert mean == 0 if metric.kind == "total" else np.isnan(mean), name
    assert found.money["receipted"]["eur"].mean == 0
    assert found.outcome_curve == {}
    assert not any(found.by.values())


def test_the_cohort_is_followed_beyond_the_window():
    """Cart 7's outcome at 2600 s is after the window's end at 1100 s, and counts as late and as too late."""
    of_cart_7 = [row for row in PAYMENTS if row["cart"] == 7]
    found = summarise([tally(records(payments=of_cart_7, carts=CARTS[7:8]))], []).metrics
    assert (found["lspo"].mean, found["tnspo_official"].mean, found["token_expiry_rate"].mean) == (1, 0, 1)


def test_causes_come_from_columns_with_names_and_headlines_are_metrics():
    """A cause is a category column of payments, so that by cause and in the records it has one spelling."""
    names = {column.name: column.names for column in PAYMENT_COLUMNS}
    assert {m.cause for m in METRICS.values() if m.cause} == {"cancel_cause", "reversal_cause", "fault", "place"}
    assert (names["cancel_cause"], names["reversal_cause"]) == (CANCEL_CAUSES, REVERSAL_CAUSES)
    assert (names["fault"], names["place"]) == (FAULTS, PLACES)
    assert set(HEADLINE) <= set(METRICS)
