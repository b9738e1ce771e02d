"""Where one payment parts in two worlds."""

import pytest

import sim
from sim.experiment.parting import parting
from sim.scenario.load import from_dict

WORLD = {
    "name": "world",
    "run": {"warm_up": "0 s", "window": "100 s"},
    "arrivals": {"process": "constant", "rate": "0.01/s"},
    "citizen": {"think_time": "60 s"},
    "checkout": {"authorisation": {"time": "10 s"}},
    "node": {"processing": {"service_time": "0 s"}},
    "links": {name: {"latency": "0 s"} for name in ("checkout_node", "node_ec", "node_psp")},
    "ecs": [{"name": "ec", "share": "100%", "paGetPayment": {"time": "1 s"}, "paSendRT": {"time": "1 s"}}],
    "psps": [{"name": "psp", "share": "100%", "pspNotifyPaymentV2": {"time": "2 s"}, "outcome_delay": "1 s"}],
}


def test_a_payment_parts_where_its_outcome_is_sent_later():
    """One cart at 50 s: token at 51, close at 121, accepted at 123; the outcome is sent at 124 or at 126.

    Until then the same has happened: three calls (two moments each), and the statuses PAYING of payment and position,
    PAYMENT_RESERVED, PAYMENT_SENT and PAYMENT_ACCEPTED of the payment: but the close's reply comes before 123, and the
    activation's and paGetPayment's are in, so that four calls make eight moments and the statuses five.
    """
    found = parting(from_dict(WORLD), from_dict(WORLD, ["psps.psp.outcome_delay=3 s"]), (0, 0))
    assert (found.last.at_s, found.last.what) == (123.0, "payment PAYMENT_ACCEPTED, try 0")
    assert (found.left.at_s, found.right.at_s) == (124.0, 126.0)
    assert found.left.what == found.right.what == "sendPaymentOutcomeV2, try 0, send 0: sent"
    assert found.same == 8 + 5


def test_a_payment_that_fares_alike_does_not_part():
    """A change that does not touch it: another PSP's capacity, or nothing at all."""
    assert parting(from_dict(WORLD), from_dict(WORLD, ["title=another"]), (0, 0)) is None


def test_a_history_that_goes_on_parts_from_one_that_has_ended():
    """The citizen abandons: after the token's activation there is only its expiry, at 1860 s."""
    found = parting(from_dict(WORLD), from_dict(WORLD, ["citizen.abandon=100%"]), (0, 0))
    assert found.left.what == "closePaymentV2, try 0, send 0: sent"
    assert (found.right.at_s, found.right.what) == (1860.0, "payment CANCELLED, try 0")


def test_a_payment_that_is_not_there_is_said():
    """There is one cart with one notice."""
    with pytest.raises(ValueError, match=r"there is no payment 7\.0 in replication 0"):
        parting(from_dict(WORLD), from_dict(WORLD), (7, 0))


def test_worlds_with_different_seeds_have_no_payment_in_common():
    """The same number is another citizen there."""
    with pytest.raises(ValueError, match="seeds 1 and 6 have other payments; give one with --seed"):
        parting(from_dict(WORLD), from_dict(WORLD, ["run.seed=6"]), (0, 0))


def test_a_comparison_follows_a_payment_in_its_other_worlds(tmp_path):
    """By the name of each: it parts where the outcome is later, and not where nothing differs."""
    worlds = (sim.load(WORLD), sim.load(WORLD, ["psps.psp.outcome_delay=3 s"]), sim.load(WORLD, ["title=another"]))
    found = sim.compare(*worlds, replications=2, out=tmp_path).partings("0.0")
    assert [each and each.left.at_s for each in found.values()] == [124.0, None]
    assert list(found) == ["2: world, psps.psp.outcome_delay=3 s", "3: world, title=another"]
