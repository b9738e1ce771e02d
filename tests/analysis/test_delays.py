"""Where the time of payments goes: ways reckoned by hand, and ways of real runs against the carts' own records."""

from math import nan
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report.story_world import ODD

from sim.analysis.delays import explain
from sim.analysis.ways import COMPONENTS, joined, ways
from sim.experiment.run import run
from sim.protocol.primitives import PRIMITIVES
from sim.scenario.load import from_dict, load

PSP, EC, OTHER = "psp-a", "ec-1", "ec-2"
ACTIVATE, ASK, CLOSE, NOTIFY, OUTCOME, RESULT, RECEIPT = (primitive.name for primitive in PRIMITIVES)
NONE = (nan, nan, nan)


def call(primitive, counterpart, sent, there, answered, answer="ok", **columns):
    """Return a row: sent and answered, and in between arrived, started and served; NaN for what never came."""
    arrived, started, served = there
    return {
        "replication": 0, "cart": 0, "attempt": 0, "notice": -1, "send": 0, "fault": "none", "primitive": primitive,
        "counterpart": counterpart, "asked_s": sent, "sent_s": sent, "arrived_s": arrived, "started_s": started,
        "served_s": served, "answered_s": answered, "answer": answer, **columns,
    }  # fmt: skip


def table(*rows):
    """Return calls as a run has them, in any order."""
    frame = pd.DataFrame(list(rows))
    counterparts = pd.CategoricalDtype([PSP, EC, OTHER])
    kinds = pd.CategoricalDtype([primitive.name for primitive in PRIMITIVES])
    categories = {name: frame[name].astype("category") for name in ("answer", "fault")}
    return frame.assign(
        **categories,
        counterpart=frame["counterpart"].astype(counterparts),
        primitive=frame["primitive"].astype(kinds),
    )


def later(seconds, *rows):
    """Return the same calls later, in a list."""
    return [{**row, **{name: row[name] + seconds for name in row if name.endswith("_s")}} for row in rows]


def activated(notice=0, ec=EC, work=1.0, **columns):
    """Return an activation at 0 s: 1 s there, 2 s in the Node's queue, 3 s of work, the EC, 1 s back.

    The EC: 0.5 s there, 0.25 s in its queue, `work` and 0.5 s back.
    """
    asked = 6.0
    ends = asked + 0.5 + 0.25 + work + 0.5
    return (
        call(ACTIVATE, ec, 0.0, (1.0, 3.0, ends), ends + 1.0, notice=notice, **columns),
        call(ASK, ec, asked, (asked + 0.5, asked + 0.75, asked + 0.75 + work), ends, notice=notice, **columns),
    )


def paid(**columns):
    """Return the rest of a payment that goes well, from a close at 100 s on.

    The close is closed at 101 and passes on at 104; the connection is there at 105; the PSP answers at 110 after 0.5 s
    there, 1 s in its queue, 3 s of work and 0.5 s back; the outcome leaves at 117, and is at the Node at 118, where it
    waits 1 s and takes 2 s; the result takes 1 s.
    """
    return (
        call(CLOSE, PSP, 100.0, (101.0, 101.0, 104.0), 105.0, **columns),
        call(NOTIFY, PSP, 105.0, (105.5, 106.5, 109.5), 110.0, **columns),
        call(OUTCOME, PSP, 117.0, (118.0, 119.0, 121.0), 122.0, **columns),
        call(RESULT, PSP, 121.0, (122.0, 122.0, 122.0), 123.0, **columns),
        call(RECEIPT, EC, 121.0, (500.0, 600.0, 700.0), 800.0, **{"notice": 0, **columns}),
    )


PARTS_OF_ACTIVATION = {
    ("network", "Checkout"): 2.0,
    ("queue", "Node"): 2.0,
    ("service", "Node"): 3.0,
    ("network", EC): 1.0,
    ("queue", EC): 0.25,
    ("service", EC): 1.0,
}
PARTS_OF_REST = {
    ("network", "Checkout"): 2.0,  # of the close and of the result
    ("service", "Node"): 5.0,  # 3 s of the close and 2 s of the outcome
    ("connection", "Node"): 1.0,
    ("network", PSP): 2.0,  # the notification, there and back, and the outcome there
    ("queue", PSP): 1.0,
    ("service", PSP): 3.0,
    ("outcome", PSP): 7.0,
    ("queue", "Node"): 1.0,
}


def added(*many):
    """Add up parts."""
    keys = {key for parts in many for key in parts}
    return {key: sum(parts.get(key, 0.0) for parts in many) for key in keys}


def only(calls, **options):
    """Return the parts of the only payment, its whole way, and what it waited."""
    found = ways(calls, **options)
    assert len(found.payments) == 1
    return found.parts(0), found.total_s[0], found.waited_s[0]


def test_a_payment_that_goes_well_is_cut_into_all_its_parts():
    """The activation ends at 9.25 s, the citizen's own time at 100, the way at 122; the receipt is no part of it."""
    parts, total_s, waited_s = only(table(*activated(), *paid()))
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, PARTS_OF_REST, {("thinking", "Citizen"): 90.75}))
    assert (total_s, waited_s) == pytest.approx((122.0, 31.25))


def test_a_citizen_who_leaves_has_a_way_that_ends_with_the_activation():
    """Nothing came after it: 9.25 s, though the token may live on for half an hour."""
    parts, total_s, _ = only(table(*activated()))
    assert parts == pytest.approx(PARTS_OF_ACTIVATION)
    assert total_s == 9.25


def test_what_an_unanswered_activation_took_is_cut_at_its_timeout():
    """Lost on its way: 14 s without an answer, 2 s of waiting, and then it goes as the first time would have."""
    lost = call(ACTIVATE, EC, 0.0, NONE, 14.0, "timeout", notice=0)
    again = later(16.0, *activated())
    again[0]["send"] = 1
    parts, total_s, _ = only(table(lost, *again))
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, {("no answer", "Node"): 14.0, ("retry", "Checkout"): 2.0}))
    assert total_s == 25.25


def test_an_ec_that_is_too_slow_is_where_the_timeout_was_spent():
    """The EC takes the call after 5 s in its queue and is at it when the Node gives up, 7 s after asking."""
    late = (
        call(ACTIVATE, EC, 0.0, (1.0, 1.0, 9.0), 10.0, "ko", notice=0, fault="PPT_STAZIONE_INT_PA_TIMEOUT"),
        call(ASK, EC, 2.0, (2.5, 7.5, 30.0), 9.0, "timeout", notice=0),
    )
    parts, _, _ = only(table(*late))
    assert parts == pytest.approx(
        {
            ("network", "Checkout"): 2.0,
            ("service", "Node"): 1.0,
            ("network", EC): 0.5,
            ("queue", EC): 5.0,
            ("service", EC): 1.5,
        }
    )


def test_a_lost_reply_is_an_answer_that_does_not_come():
    """The EC was done after 1 s; the other 5.5 s until the Node gives up went on nothing."""
    lost = (
        call(ACTIVATE, EC, 0.0, (1.0, 1.0, 9.0), 10.0, "ko", notice=0),
        call(ASK, EC, 2.0, (2.5, 2.5, 3.5), 9.0, "timeout", notice=0),
    )
    parts, _, _ = only(table(*lost))
    assert parts == pytest.approx(
        {
            ("network", "Checkout"): 2.0,
            ("service", "Node"): 1.0,
            ("network", EC): 0.5,
            ("service", EC): 1.0,
            ("no answer", EC): 5.5,
        }
    )


def test_a_notice_that_waits_for_another_one_waits_for_what_that_one_waits_for():
    """The first is activated at 9.25 s; the second one's EC is at it until 12.75, back at 13.25, known at 14.25."""
    both = table(*activated(), *activated(notice=1, ec=OTHER, work=6.0), *paid())
    first, second = ways(both).parts(0), ways(both).parts(1)
    thinking = {("thinking", "Citizen"): 85.75}
    assert second == pytest.approx(
        added(
            {key: value for key, value in PARTS_OF_ACTIVATION.items() if EC not in key},
            {("network", OTHER): 1.0, ("queue", OTHER): 0.25, ("service", OTHER): 6.0},
            PARTS_OF_REST,
            thinking,
        )
    )
    left = {("service", OTHER): 3.5, ("network", OTHER): 0.5, ("network", "Checkout"): 1.0}
    assert first == pytest.approx(added(PARTS_OF_ACTIVATION, left, PARTS_OF_REST, thinking))


def test_a_notice_whose_turn_comes_late_has_waited_for_the_others():
    """Checkout activates one at a time: the second notice is sent at 9.25 s, when the first one is done."""
    second = later(9.25, *activated(notice=1))
    found = ways(table(*activated(), *second))
    assert found.parts(1) == pytest.approx(added(PARTS_OF_ACTIVATION, {("other notices", "Checkout"): 9.25}))
    assert found.parts(0) == pytest.approx(added(PARTS_OF_ACTIVATION, PARTS_OF_ACTIVATION))


def test_a_psp_that_refuses_leaves_nothing_to_wait_for():
    """KO at 110 s, the result leaves at once; an outcome that comes all the same is no part of the way."""
    close, notify, outcome, _, _ = paid()
    refused = {**notify, "answer": "ko"}
    result = call(RESULT, PSP, 110.0, (111.0, 111.0, 111.0), 112.0)
    parts, total_s, _ = only(table(*activated(), close, refused, {**outcome, "answer": "ko"}, result))
    rest = {
        ("network", "Checkout"): 2.0, ("service", "Node"): 3.0, ("connection", "Node"): 1.0, ("network", PSP): 1.0,
        ("queue", PSP): 1.0, ("service", PSP): 3.0,
    }  # fmt: skip
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, rest, {("thinking", "Citizen"): 90.75}))
    assert total_s == 111.0


def test_an_outcome_that_never_comes_is_waited_for_until_the_sweep():
    """Accepted at 110 s, swept at 1860: 1750 s of waiting for psp-a, and a second for the result."""
    close, notify, *_ = paid()
    result = call(RESULT, PSP, 1860.0, (1861.0, 1861.0, 1861.0), 1862.0)
    parts, total_s, _ = only(table(*activated(), close, notify, result))
    assert parts["outcome", PSP] == pytest.approx(1750.0)
    assert total_s == 1861.0


def test_an_outcome_that_is_lost_costs_its_timeout_and_the_wait_to_send_again():
    """Sent at 117 s, lost; given up after 15 s; sent again at 147, and from then on as it would have gone."""
    close, notify, outcome, result, _ = paid()
    lost = call(OUTCOME, PSP, 117.0, NONE, 132.0, "timeout")
    moved = later(30.0, outcome, result)
    moved[0]["send"] = 1
    parts, total_s, _ = only(table(*activated(), close, notify, lost, *moved))
    more = {("no answer", "Node"): 15.0, ("retry", PSP): 15.0, ("thinking", "Citizen"): 90.75}
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, PARTS_OF_REST, more))
    assert total_s == 152.0


def test_a_close_that_the_node_took_leads_on_whatever_checkout_hears():
    """Its reply is lost, so Checkout sends it again 44 s later; the payment has long been paid by then."""
    close, notify, outcome, result, _ = paid()
    unheard = {**close, "answer": "timeout", "answered_s": 114.0}
    again = call(CLOSE, PSP, 144.0, (145.0, 145.0, 146.0), 147.0, "ko", send=1)
    parts, total_s, _ = only(table(*activated(), unheard, again, notify, outcome, result))
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, PARTS_OF_REST, {("thinking", "Citizen"): 90.75}))
    assert total_s == 122.0


def test_a_close_that_is_lost_is_sent_again_and_that_takes_time():
    """14 s without an answer and 30 s of waiting come before everything that the close brings about."""
    lost = call(CLOSE, PSP, 56.0, NONE, 70.0, "timeout")
    close, *others = paid()
    parts, total_s, _ = only(table(*activated(), lost, {**close, "send": 1}, *others))
    more = {("thinking", "Citizen"): 46.75, ("no answer", "Node"): 14.0, ("retry", "Checkout"): 30.0}
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, PARTS_OF_REST, more))
    assert total_s == 122.0


def test_a_result_that_is_lost_is_sent_again_by_the_node():
    """It is sent again 10 minutes after 121 s; until then Checkout knows nothing."""
    close, notify, outcome, *_ = paid()
    lost = call(RESULT, PSP, 121.0, NONE, 721.0, "timeout")
    again = call(RESULT, PSP, 721.0, (722.0, 722.0, 722.0), 723.0, send=1)
    parts, total_s, _ = only(table(*activated(), close, notify, outcome, lost, again))
    rest = added(PARTS_OF_REST, {("retry", "Node"): 600.0, ("thinking", "Citizen"): 90.75})
    assert parts == pytest.approx(added(PARTS_OF_ACTIVATION, rest))
    assert total_s == 722.0


def test_a_payment_that_is_never_settled_is_left_out_and_counted():
    """Accepted, and neither an outcome nor a result ever came, as the preset of the observed platform allows."""
    close, notify, *_ = paid()
    found = ways(table(*activated(), close, notify, *activated(cart=1)))
    assert found.unsettled == 1
    assert found.payments.tolist() == [[0, 1, 0, 0]]


def test_the_wait_for_a_connection_to_an_ec_is_told_from_the_work_before_it():
    """Taken at 3 s, to be sent at 4.5 s and sent at 6 s: of these 3 s at the Node 1.5 s are work and 1.5 s a wait."""
    activation, ask = activated()
    parts, _, _ = only(table(activation, {**ask, "asked_s": 4.5}))
    assert parts == pytest.approx({**PARTS_OF_ACTIVATION, ("service", "Node"): 1.5, ("connection", "Node"): 1.5})


def test_carts_of_the_warm_up_are_left_out():
    """A cart is left out with all its tries if the first of them was sent before the measured window."""
    calls = table(*activated(), *later(50.0, *activated(attempt=1)), *later(30.0, *activated(cart=1)))
    assert ways(calls).payments.tolist() == [[0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]]
    assert ways(calls, since_s=10.0).payments.tolist() == [[0, 1, 0, 0]]


def test_a_run_without_calls_has_no_ways_and_nothing_to_explain():
    """No payments, no parts; and no explanation."""
    found = ways(table(*activated()).iloc[:0])
    assert (len(found.payments), len(found.seconds), found.unsettled) == (0, 0, 0)
    assert explain(found) is None


def hundred():
    """Return calls of a hundred payments, the n-th of which has an EC that works n seconds; the last think long."""
    return [row for n in range(100) for row in activated(cart=n, work=float(n))]


def test_the_slowest_are_compared_with_the_middle_half():
    """Of 0 to 99 s of work the slowest 10% are 90 to 99, 94.5 on average, and the middle half 25 to 74, 49.5."""
    explained = explain(ways(table(*hundred())), 0.10)
    assert (explained.payments, explained.slowest, explained.share) == (100, 10, 0.10)
    assert explained.from_s == pytest.approx(90.0 + 8.25)
    assert explained.typical_waited_s == pytest.approx(49.5 + 8.25)
    first = explained.places[0]
    assert (first.component, first.actor, first.mostly) == ("service", EC, 1.0)
    assert (first.slowest_s, first.typical_s, first.more_s) == pytest.approx((94.5, 49.5, 45.0))
    assert first.example == (0, 99, 0, 0)
    assert explained.slowest_s == pytest.approx(94.5 + 8.25)
    assert explained.typical_s == pytest.approx(49.5 + 8.25)


def test_a_payment_is_not_slow_because_its_citizen_thinks():
    """A day of thinking, and the fastest EC of all: it is not among the slowest."""
    day = later(86400.0, *paid(cart=0))
    explained = explain(ways(table(*hundred(), *day)), 0.10)
    assert all(place.component != "thinking" for place in explained.places if place.slowest_s > 0)


def test_at_least_one_payment_is_slow_and_a_share_is_rounded_up():
    """1% of a hundred is one; 1% of 101 is two; any share of one is one."""
    calls = table(*hundred())
    assert explain(ways(calls), 0.01).slowest == 1
    assert explain(ways(table(*hundred(), *activated(cart=100))), 0.01).slowest == 2
    assert explain(ways(table(*activated())), 0.01).slowest == 1


def test_what_is_explained_is_plain_values():
    """As `run --explain --format json` prints it."""
    said = explain(ways(table(*activated())), 0.01).to_json()
    assert said["slowest"] == said["payments"] == 1
    assert {place["component"] for place in said["places"]} <= set(COMPONENTS)
    assert sum(place["slowest_s"] for place in said["places"]) == pytest.approx(9.25)
    assert sum(place["mostly"] for place in said["places"]) == 1.0


SHIPPED = ("psp_outage", "slow_ec", "retry_storm", "spec_vs_observed_nodo")


@pytest.fixture(scope="module", params=[*SHIPPED, "odd"])
def real(request):
    """Return a short run of a shipped scenario, or of the one in which everything goes wrong, and its ways."""
    if request.param == "odd":
        loaded = from_dict(ODD)
    else:
        file = Path(__file__).parents[2] / "scenarios" / f"{request.param}.yaml"
        loaded = load(file, ["run.warm_up=0 s", "run.window=3 min", *EARLY.get(request.param, ())])
    done = run(loaded, replications=1, record=("calls",))
    return done, ways(done.table("calls"))


EARLY = {
    "psp_outage": ("incidents.outage.at=1 min", "incidents.outage.duration=1 min"),
    "slow_ec": ("incidents.slow.at=1 min", "incidents.slow.duration=1 min"),
}
"""The incidents of shipped scenarios, early enough for a short run."""


def test_parts_are_positive_and_add_up_to_the_way(real):
    """Property of every payment of a real run: no part is negative, and nothing of the way is missing.

    The way's two ends are taken from the payments and carts as the model itself recorded them.
    """
    done, found = real
    assert (found.seconds > 0).all()
    ended = ends(done, found)
    known = ~np.isnan(ended)
    assert known.sum() > 100
    np.testing.assert_allclose(found.total_s[known], ended[known], atol=1e-6)


def test_the_wait_is_the_one_that_the_cart_remembers(real):
    """The way without the citizen's own time is `waited_s`, for carts of one try settled before the redirect."""
    done, found = real
    frame = pd.DataFrame(found.payments, columns=["replication", "cart", "attempt", "notice"])
    carts = frame.assign(way_s=found.waited_s).merge(done.carts, on=["replication", "cart"])
    carts = carts[(carts["tries"] == 1) & (carts["settled_s"] <= carts["redirected_s"])]
    assert len(carts) > 50
    np.testing.assert_allclose(carts["way_s"], carts["waited_s"], atol=1e-6)


def ends(done, found):
    """Return the length of every way by what the model recorded of carts: when it was begun, and when it was known.

    The last try of a cart is settled at `settled_s`; where citizens do not wait for the end nothing is recorded.
    """
    frame = pd.DataFrame(found.payments, columns=["replication", "cart", "attempt", "notice"])
    begun = done.payments.groupby(["cart", "attempt"])["requested_s"].min().rename("begun_s").reset_index()
    rows = frame.merge(begun, on=["cart", "attempt"], how="left").merge(done.carts, on="cart", how="left")
    length = (rows["settled_s"] - rows["begun_s"]).where(rows["attempt"] == rows["tries"] - 1)
    cancelled = done.payments.groupby("cart")["cancel_cause"].agg(lambda each: each.isin(OWN).any())
    return length.where(~rows["cart"].map(cancelled)).to_numpy()


OWN = ("user_cancelled", "authorisation_denied", "close_rejected", "close_not_delivered")
"""Causes whose end is known when Checkout hears of a close: or, if it never does, when it was sent."""


def test_large_runs_are_cut_between_carts_and_the_parts_are_the_same(real, monkeypatch):
    """Worked on in pieces of 50 calls a run has the same ways as in one piece."""
    done, found = real
    monkeypatch.setattr("sim.analysis.calls._AT_ONCE", 50)
    again = ways(done.table("calls"))
    assert (again.payments == found.payments).all()
    np.testing.assert_array_equal(again.total_s, found.total_s)
    assert again.unsettled == found.unsettled


def test_replications_are_put_together(real):
    """Ways joined are those of each, with the payments of the second after those of the first."""
    _, found = real
    twice = joined([found, found])
    assert len(twice.payments) == 2 * len(found.payments)
    np.testing.assert_array_equal(twice.total_s, np.tile(found.total_s, 2))
    assert twice.unsettled == 2 * found.unsettled
