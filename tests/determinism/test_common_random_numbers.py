"""Common random numbers: what changes in a scenario changes what it must, and nothing else is drawn anew.

In a world without queues a cart meets nobody else, so two scenarios can be compared cart by cart: every column of every
payment of a cart that the change does not touch is the same, to the last bit. Each test says who is touched.
"""

from math import isnan

import numpy as np
import pytest
from model.worlds import EC, PSP, rows, world

from sim.model.run import replicate

PEOPLE = (
    "run.window=150 s",
    "arrivals={rate: 2/s}",
    "cart={notices: {1: 0.6, 3: 0.4}, amount: {lognormal: {median: 65 EUR, sigma: 1.5}}}",
    "citizen.think_time={lognormal: {median: 60 s, sigma: 0.6}}",
    "citizen.abandon=10%",
    "checkout.authorisation.time={exponential: {mean: 20 s}}",
    "links.node_psp.latency={exponential: {mean: 20 ms}}",
)
ENDS = {"ko": 0.05, "lost_reply": 0.05, "malformed": 0.05}
ECS = [
    {**EC, "share": 0.5, "paGetPayment": {"time": {"lognormal": {"median": "400 ms", "sigma": 0.8}}, "ends": ENDS}},
    {**EC, "share": 0.5, "name": "towns", "count": 100, "zipf": 1.0, "paSendRT": {"ends": {"unreachable": 0.2}}},
]
PSPS = [
    {**PSP, "share": 0.5, "outcome_delay": {"exponential": {"mean": "1 s"}}, "outcome_lost": 0.05},
    {**PSP, "share": 0.5, "name": "other", "pspNotifyPaymentV2": {"ends": ENDS}},
]


def run(*sets, **sections):
    """Run the world of this file, changed."""
    return replicate(world(*PEOPLE, *sets, **{"ecs": ECS, "psps": PSPS, **sections}), 0, record=("calls",))


def by_cart(records, first_try_only=False):
    """Return the payments of every cart, as text to the last bit."""
    found = {}
    for payment in rows(records, "payments"):
        if payment.attempt == 0 or not first_try_only:
            found.setdefault(payment.cart, []).append(payment)
    return found


def touched(before, after):
    """Return the numbers of the carts that are not the same in both."""
    assert before.keys() == after.keys()
    return {cart for cart in before if list(map(str, before[cart])) != list(map(str, after[cart]))}


@pytest.fixture(scope="module")
def before():
    """Run the world unchanged."""
    return run()


# --- a change of one actor ------------------------------------------------------------------------------------------


def test_a_psps_latency_leaves_every_other_actors_draws_untouched(before):
    """PSP `psp` becomes slower: carts of PSP `other` are the same, and what ECs and citizens do in any cart."""
    after = run("psps.psp.pspNotifyPaymentV2.time={lognormal: {median: 3 s, sigma: 1}}")
    changed = touched(by_cart(before), by_cart(after))
    psps = {cart.cart: cart.psp for cart in rows(before, "carts")}
    assert {psps[cart] for cart in changed} == {"psp"}
    ends = ("primitive", "cart", "notice", "send", "sent_s", "arrived_s", "served_s", "answered_s", "answer")
    for primitive in ("activatePaymentNoticeV2", "paGetPayment", "closePaymentV2"):
        answers = [
            [[getattr(call, name) for name in ends] for call in rows(each, "calls", primitive=primitive)]
            for each in (before, after)
        ]
        assert answers[0] == answers[1]
    pairs = zip(rows(before, "payments"), rows(after, "payments"), strict=True)
    for one, two in pairs:
        for name in ("psp", "ec_group", "ec", "amount_cents", "fault", "requested_s", "issued_s", "authorised_s"):
            assert str(getattr(one, name)) == str(getattr(two, name))


def test_a_psps_latency_leaves_its_own_other_draws_untouched(before):
    """The slower PSP takes as long as before from booking to outcome, and loses the same outcomes."""
    after = run("psps.psp.pspNotifyPaymentV2.time=5 s")
    delays = []
    for each in (before, after):
        booked = {c.cart: c.served_s for c in rows(each, "calls", primitive="pspNotifyPaymentV2", counterpart="psp")}
        outcomes = rows(each, "calls", primitive="sendPaymentOutcomeV2", counterpart="psp")
        delays.append({call.cart: call.sent_s - booked[call.cart] for call in outcomes})
    assert delays[0].keys() == delays[1].keys()
    assert list(delays[0].values()) == pytest.approx(list(delays[1].values()), abs=1e-9)


def test_an_ecs_answers_do_not_depend_on_the_mix_of_another(before):
    """Group `ec` refuses more: carts that have no notice of that group are the same."""
    after = run("ecs.ec.paGetPayment.ends.ko=50%")
    changed = touched(by_cart(before), by_cart(after))
    with_ec = {p.cart for p in rows(before, "payments", ec_group="ec")}
    assert changed <= with_ec
    assert len(changed) > 20


def test_a_larger_share_of_one_end_takes_only_calls_that_would_have_ended_well(before):
    """`hang` is the last of the ends: its share comes out of ok, and what went wrong goes wrong as before."""
    after = run("psps.other.pspNotifyPaymentV2.ends.hang=30%")
    answers = [{p.cart: p.notify_answer for p in rows(each, "payments", psp="other")} for each in (before, after)]
    changed = {cart for cart in answers[0] if answers[0][cart] != answers[1][cart]}
    assert {answers[0][cart] for cart in changed} == {"ok"}
    assert {answers[1][cart] for cart in changed} == {"timeout"}


# --- a change of load -----------------------------------------------------------------------------------------------


def test_the_nth_cart_does_the_same_at_any_arrival_rate(before):
    """Three times the rate: the n-th cart comes earlier, and everything it does takes as long as before."""
    after = run("arrivals.rate=6/s")
    arrived = [{cart.cart: cart.arrived_s for cart in rows(each, "carts")} for each in (before, after)]
    some, many = by_cart(before), by_cart(after)
    assert len(many) > 2 * len(some)
    moments = ("requested_s", "issued_s", "authorised_s", "closed_s", "notified_s", "answered_s", "outcome_s", "paid_s")
    same = ("cart_size", "psp", "ec_group", "ec", "amount_cents", "fault", "notify_answer")
    for cart, payments in some.items():
        for one, two in zip(payments, many[cart], strict=True):
            assert [getattr(one, name) for name in same] == [getattr(two, name) for name in same]
            lasted = [[getattr(p, m) - a[cart] for m in moments] for p, a in ((one, arrived[0]), (two, arrived[1]))]
            assert lasted[0] == pytest.approx(lasted[1], abs=1e-6, nan_ok=True)


def test_more_load_moves_the_same_arrivals_closer_together(before):
    """The n-th of a Poisson process at three times the rate comes at a third of the time."""
    after = run("arrivals.rate=6/s")
    slow, fast = (each.tables["carts"]["arrived_s"] for each in (before, after))
    assert np.allclose(fast[: len(slow)], slow / 3)


# --- a decision point more ------------------------------------------------------------------------------------------

ADDED = [
    ("citizen.cancel=20%", lambda p: p.cancel_cause == "user_cancelled"),
    ("checkout.authorisation.denied=20%", lambda p: p.cancel_cause == "authorisation_denied"),
    ("psps.other.outcome_lost=20%", lambda p: p.psp == "other" and isnan(p.paid_s)),
    ("psps.other.outcome_ko=20%", lambda p: p.psp == "other" and isnan(p.paid_s)),
    ("psps.psp.pspNotifyPaymentV2.ends={ko: 20%}", lambda p: p.notify_answer == "ko"),
    ("psps.psp.pspNotifyPaymentV2.ends={malformed: 20%}", lambda p: p.notify_answer == "malformed"),
    ("psps.psp.pspNotifyPaymentV2.ends={hang: 20%}", lambda p: p.notify_answer == "timeout"),
    ("ecs.towns.paGetPayment={time: 500 ms, ends: {ko: 20%}}", lambda p: p.fault == "PPT_ERRORE_EMESSO_DA_PAA"),
    ("ecs.ec.paSendRT.ends={ko: 20%}", lambda p: not isnan(p.paid_s) and isnan(p.receipt_s)),
    ("checkout.refund.failure=20%", lambda p: p.reversal_tries > 1),
]
"""A decision that is added, and how a payment looks that it decided against."""


@pytest.mark.parametrize(("added", "bitten"), ADDED, ids=[added for added, _ in ADDED])
def test_a_decision_that_is_added_changes_no_other_draw(before, added, bitten):
    """Carts in which the new decision goes as if it were not there are the same; some are not, and each shows why."""
    untouched, after = by_cart(before), by_cart(run(added))
    changed = touched(untouched, after)
    assert 0 < len(changed) < len(untouched) / 2
    for cart in changed:
        assert any(bitten(payment) for payment in after[cart])


def test_citizens_who_come_back_change_no_first_try(before):
    """Retries only add rows: every first try is the same."""
    after = run("citizen.retry={probability: 80%, max_tries: 3, wait: {exponential: {mean: 60 s}}}")
    assert not touched(by_cart(before), by_cart(after, first_try_only=True))
    assert len(rows(after, "payments")) > len(rows(before, "payments"))


@pytest.mark.parametrize(
    ("link", "primitives"),
    [
        ("checkout_node", {"activatePaymentNoticeV2", "closePaymentV2"}),
        ("node_ec", {"paGetPayment", "paSendRT"}),
        ("node_psp", {"pspNotifyPaymentV2", "sendPaymentOutcomeV2"}),
    ],
)
def test_losses_on_a_link_touch_only_carts_that_lost_something(before, link, primitives):
    """A cart all of whose calls over the link were answered is the same as without losses."""
    lossy = run(f"links.{link}.loss=10%")
    changed = touched(by_cart(before), by_cart(lossy))
    answered = [
        {(c.cart, c.notice, c.primitive, c.send) for c in rows(each, "calls") if c.answer != "timeout"}
        for each in (before, lossy)
    ]
    lost = {cart for cart, _, primitive, _ in answered[0] - answered[1] if primitive in primitives}
    results = {p.cart for p in rows(lossy, "payments") if p.reversal_cause != "none"}
    assert 0 < len(changed) < len(by_cart(before))
    assert changed <= lost | (results if link == "checkout_node" else set())


# --- incidents ------------------------------------------------------------------------------------------------------

OUTAGE = {"target": "psps.psp", "effect": "outage", "in_service": "finish"}


@pytest.mark.parametrize("when", [{"at": "80 s", "duration": "30 s"}, {"mtbf": "60 s", "mttr": "10 s"}])
def test_an_incident_touches_only_the_calls_that_it_strikes(before, when):
    """An outage of `psp`, on the calendar or at random: who is touched found it unreachable."""
    after = run(incidents=[{**OUTAGE, **when}])
    changed = touched(by_cart(before), by_cart(after))
    assert changed
    payments = by_cart(after)
    for cart in changed:
        assert {(p.psp, p.notify_answer) for p in payments[cart]} == {("psp", "unreachable")}


def test_an_incident_on_the_calendar_draws_nothing(before):
    """An incident that strikes nobody leaves everything as it was, an incident drawn at random included."""
    random = {**OUTAGE, "target": "psps.other", "mtbf": "60 s", "mttr": "10 s"}
    nobody = {"target": "ecs.ec", "effect": "slowdown", "factor": 9, "at": "1 d", "duration": "1 h"}
    alone, beside = run(incidents=[random]), run(incidents=[random, nobody])
    assert not touched(by_cart(alone), by_cart(beside))
    assert not touched(by_cart(before), by_cart(run(incidents=[nobody])))
    assert touched(by_cart(before), by_cart(alone))


def test_an_incident_put_before_another_does_not_move_it():
    """The windows of an incident at random are its own, wherever it stands in the list."""
    random = {**OUTAGE, "target": "psps.other", "mtbf": "60 s", "mttr": "10 s"}
    nobody = {"target": "ecs.ec", "effect": "slowdown", "factor": 9, "at": "1 d", "duration": "1 h"}
    alone, behind = run(incidents=[random]), run(incidents=[nobody, random])
    assert not touched(by_cart(alone), by_cart(behind))
