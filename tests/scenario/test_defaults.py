"""Defaults: what a scenario that says little says all the same. Expected values are those of the sources."""

import numpy as np
import pytest

from sim.kernel.distributions import Lognormal
from sim.kernel.streams import Streams
from sim.model.plan import Plan

from .conftest import SMALL


@pytest.fixture
def small(folder):
    return folder.load(SMALL).scenario


def test_an_amount_is_65_euros_in_the_middle_and_200_on_average(small):
    """In cents: median 6,500, mean 6,500 x exp(1.5^2 / 2) = 20,021, as the press has it for 2020-2023."""
    assert small.cart.amount == Lognormal(6500.0, 1.5)
    assert small.cart.amount.mean == pytest.approx(20_021, abs=1)


def test_the_amounts_that_carts_have_are_those_of_the_scenario(small):
    """The median of 4,096 notices is 65 EUR, give or take 9.7%.

    The logarithm of a sample's median has the standard error 1.2533 x 1.5 / sqrt(4096) = 2.94%; 3.29 of them are
    exceeded once in a thousand seeds.
    """
    plan = Plan(small, Streams(seed=1, replication=0))
    cents = [plan.cart(number).notices[0].amount_cents for number in range(4096)]
    assert np.log(np.median(cents) / 6500) == pytest.approx(0, abs=3.29 * 0.0294)


def test_defaults_that_have_a_source_are_those_of_the_source(small):
    """Checkout's production settings, SANP's quality indicators, the alerts' comments."""
    checkout, node, psp = small.checkout, small.node, small.psps[0]
    assert (checkout.activation.timeout, checkout.activation.tries, checkout.activation.wait) == (14.0, 3, 2.0)
    assert checkout.parallel_activations == 5
    assert (checkout.close.timeout, checkout.close.retries, checkout.close.wait) == (14.0, 3, 30.0)
    assert checkout.close.margin == 10.0
    assert (checkout.refund.retries, checkout.refund.wait) == (5, 600.0)
    assert (node.result.first_wait, node.result.wait, node.result.retries) == (600.0, 120.0, 5)
    assert node.jobs.paSendRt == 3600.0
    assert (psp.outcome_timeout, psp.outcome_tries, psp.outcome_slot) == (15.0, 5, 15.0)


def test_response_times_just_meet_the_service_level(small):
    """98% within 2 s with a median of 0.4 s: sigma = ln 5 / 2.0537 = 0.784, rounded."""
    services = (small.ecs[0].pa_get_payment.time, small.psps[0].psp_notify_payment.time, small.psps[0].outcome_delay)
    for law in services:
        assert law.quantile(0.5) == pytest.approx(0.4)
        assert law.quantile(0.98) == pytest.approx(2.0, rel=0.001)


def test_nothing_goes_wrong_unless_a_scenario_says_so(small):
    """No failures, no incidents, no limits, nobody who leaves or comes back."""
    ends = small.psps[0].psp_notify_payment.ends
    assert all(getattr(ends, name).probability == 0 for name in type(ends).model_fields)
    assert (small.citizen.abandon, small.citizen.cancel, small.citizen.retry.probability) == (0, 0, 0)
    assert (small.psps[0].workers, small.ecs[0].workers, small.node.processing.workers) == (None, None, None)
    assert (small.incidents, small.slos) == ((), ())
