"""The closed-form neighbour of a station: against textbooks, against formulas summed term by term, and at its ends."""

import doctest
import json
from fractions import Fraction
from math import exp, inf, isnan, nan, pi, sqrt

import pytest
from scipy.stats import norm
from theory import queues

from sim.analysis import theory
from sim.analysis.theory import Neighbour, erlang_b, erlang_c, neighbour
from sim.kernel.distributions import Lognormal


def test_examples_in_the_module_are_true():
    """What the docstrings show is what comes out."""
    assert doctest.testmod(theory).failed == 0
    assert doctest.testmod(theory).attempted > 0


# --- textbooks --------------------------------------------------------------------------------------------------------


def test_the_eye_clinic():
    """Gross et al., example 2.3, M/M/3: six patients an hour, 20 minutes each; p0 = 1/9, Lq = 8/9, W = 28.9 min.

    A patient waits with probability (2^3 / 3!) / (1 - 2/3) / 9 = 4/9.
    """
    found = neighbour(6 / 3600, 1200.0, 1.0, 3)
    assert (found.model, found.exact) == ("M/M/c", True)
    assert found.queue_mean == pytest.approx(8 / 9)
    assert found.wait_probability == pytest.approx(4 / 9)
    assert (found.wait_mean_s + 1200) / 60 == pytest.approx(28.9, abs=0.05)
    assert (found.utilisation, found.busy, found.refused_share) == (pytest.approx(2 / 3), pytest.approx(2.0), 0.0)


def test_the_emission_inspection_station():
    """Gross et al., example 2.5, M/M/3/7: a car a minute, 6 minutes each, 3 stalls, 4 places to wait.

    p0 = 0.00088, Lq = 3.09, L = 6.06. Half the cars cannot enter: p7 = 6^7 / (3^4 3!) p0 = 576 p0 with 1 / p0 =
    1 + 6 + 18 + 36 x 31 = 1141. A car waits in states 3 to 6, 36 (1 + 2 + 4 + 8) p0.
    """
    found = neighbour(1 / 60, 360.0, 1.0, 3, 4)
    assert (found.model, found.exact) == ("M/M/c/K", True)
    assert found.refused_share == pytest.approx(576 / 1141)
    assert found.queue_mean == pytest.approx(3.09, abs=0.005)
    assert found.queue_mean + found.busy == pytest.approx(6.06, abs=0.005)
    assert found.wait_probability == pytest.approx(36 * 15 / 1141)
    assert found.utilisation == pytest.approx(6 / 3 * (1 - 576 / 1141))
    assert found.wait_mean_s == pytest.approx(found.queue_mean * 60)


def test_the_call_centre():
    """The usual worked example of Erlang's C: 360 calls in half an hour, 4 minutes each, 55 agents; C = 0.239.

    With 48 agents' load the mean wait is C x 240 s / (55 - 48) = 8.2 s.
    """
    found = neighbour(0.2, 240.0, 1.0, 55)
    assert found.wait_probability == pytest.approx(0.239, abs=5e-4)
    assert found.wait_mean_s == pytest.approx(8.2, abs=0.05)


@pytest.mark.parametrize(
    ("workers", "offered", "refused"),
    [(1, 0.0101, 0.01), (10, 4.461, 0.01), (20, 12.03, 0.01), (50, 37.90, 0.01), (100, 84.06, 0.01), (10, 6.216, 0.05)],
)
def test_tables_of_erlang_b(workers, offered, refused):
    """Traffic tables (for example in the Teletraffic Engineering Handbook of ITU-D): loads at 1% and at 5%."""
    assert erlang_b(workers, offered) == pytest.approx(refused, rel=2e-3)


@pytest.mark.parametrize("scv", [0.0, 0.25, 1.0, 4.0])
def test_one_worker_waits_as_pollaczek_and_khinchine_say(scv):
    """Wq = lambda E[S^2] / (2 (1 - rho)): rate 0.4/s and mean 2 s, E[S^2] = 4 (1 + scv), so 4 (1 + scv) s."""
    found = neighbour(0.4, 2.0, scv, 1)
    assert (found.model, found.exact) == ("M/M/c" if scv == 1 else "M/G/1", True)
    assert found.wait_mean_s == pytest.approx(4 * (1 + scv))
    assert found.queue_mean == pytest.approx(0.4 * 4 * (1 + scv))
    assert found.wait_probability == pytest.approx(0.8)


# --- the formulas of the tests of the kernel --------------------------------------------------------------------------


@pytest.mark.parametrize("rho", [0.1, 0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("workers", [1, 2, 4, 30, 150])
def test_logarithms_give_what_the_terms_add_up_to(workers, rho):
    """Erlang's B and C and the blocking of M/M/c/K, their terms added up as exact fractions."""
    offered, exact = workers * rho, Fraction(workers * rho)
    assert erlang_b(workers, offered) == pytest.approx(float(queues.erlang_b(workers, exact)), rel=1e-9, abs=0)
    assert erlang_c(workers, offered) == pytest.approx(float(queues.erlang_c(workers, exact)), rel=1e-9, abs=0)
    blocked = float(queues.blocking(workers, workers + 7, exact))
    assert neighbour(offered, 1.0, 1.0, workers, 7).refused_share == pytest.approx(blocked, rel=1e-9, abs=0)


def test_allen_and_cunneen_are_near_the_simulation():
    """M/G/4 with lognormal service (sigma 0.784, scv exp(sigma^2) - 1 = 0.849): within 10% of its mean wait."""
    rho, sigma = 0.8, 0.784
    found = neighbour(4 * rho, 1.0, exp(sigma**2) - 1, 4)
    assert (found.model, found.exact) == ("M/G/c", False)
    seen = queues.station(rho, 4, Lognormal(exp(-(sigma**2) / 2), sigma))
    assert found.wait_mean_s == pytest.approx(seen.wait_s.mean(), rel=0.1)
    exponential = neighbour(4 * rho, 1.0, 1.0, 4)
    assert found.wait_mean_s == pytest.approx(exponential.wait_mean_s * (1 + exp(sigma**2) - 1) / 2)


# --- ends -------------------------------------------------------------------------------------------------------------


def test_ten_thousand_workers_wait_as_halfin_and_whitt_say():
    """Halfin and Whitt (1981): with c = a + b sqrt(a), C nears 1 / (1 + b Phi(b) / phi(b)); 0.2234 for b = 1."""
    limit = 1 / (1 + norm.cdf(1) / norm.pdf(1))
    assert erlang_c(10_000, 10_000 - 99.501) == pytest.approx(limit, rel=0.01)


def test_ten_thousand_workers_refuse_as_the_normal_law_says():
    """At a load of exactly c, B nears sqrt(2 / (pi c)) (Jagerman 1974): 0.00798 for 10,000."""
    assert erlang_b(10_000, 10_000.0) == pytest.approx(sqrt(2 / (pi * 10_000)), rel=0.01)


@pytest.mark.parametrize(("workers", "offered"), [(10_000, 1e-6), (10_000, 1.0), (10_000, 1e6), (1, 1e9)])
def test_extremes_are_numbers(workers, offered):
    """Far too many workers refuse nobody, far too few all but what they can serve: 1 - c / a."""
    expected = max(0.0, 1 - workers / offered)
    found = neighbour(offered, 1.0, 1.0, workers, 20_000)
    assert found.refused_share == pytest.approx(expected, abs=1e-9)
    assert erlang_b(workers, offered) == pytest.approx(expected, abs=1e-4)
    assert found.busy == pytest.approx(min(workers, offered), rel=1e-6)
    assert 0 <= found.queue_mean <= 20_000 * (1 + 1e-12)


def test_a_long_bounded_queue_is_nearly_an_unbounded_one():
    """M/M/4/K at 80%: with 500 places it refuses less than 0.8^500 and waits as M/M/4."""
    bounded, unbounded = neighbour(3.2, 1.0, 1.0, 4, 500), neighbour(3.2, 1.0, 1.0, 4)
    assert bounded.wait_mean_s == pytest.approx(unbounded.wait_mean_s, rel=1e-9)
    assert bounded.wait_probability == pytest.approx(unbounded.wait_probability, rel=1e-9)
    assert bounded.refused_share < 0.8**500


def test_at_a_utilisation_of_one_a_bounded_queue_has_all_lengths_alike():
    """M/M/1/K at rho = 1: K + 1 = 5 states with 1/5 each; the queue is (0 + 0 + 1 + 2 + 3) / 5."""
    found = neighbour(1.0, 1.0, 1.0, 1, 3)
    assert (found.refused_share, found.wait_probability) == (pytest.approx(0.2), pytest.approx(0.6))
    assert found.queue_mean == pytest.approx(6 / 5)


def test_unlimited_workers_make_nobody_wait():
    """M/G/infinity: the mean number busy is the offered load, for any service law; there is no utilisation."""
    found = neighbour(3.0, 2.0, 17.0, None)
    assert (found.model, found.exact, found.busy) == ("M/G/infinity", True, 6.0)
    assert (found.wait_probability, found.wait_mean_s, found.queue_mean, found.refused_share) == (0, 0, 0, 0)
    assert isnan(found.utilisation)


def test_without_places_the_service_law_does_not_matter():
    """Erlang's B is insensitive: exact, and said so, for any variance; with places it is not."""
    constant, varied = (neighbour(8.0, 1.0, scv, 10, 0) for scv in (0.0, 9.0))
    assert constant == varied
    assert (constant.model, constant.exact) == ("M/G/c/c", True)
    assert constant.refused_share == pytest.approx(queues.erlang_b(10, 8.0))
    assert (constant.wait_probability, constant.queue_mean) == (0, 0)
    found = neighbour(8.0, 1.0, 0.0, 10, 5)
    assert (found.model, found.exact, len(found.caveats)) == ("M/M/c/K", False, 2)


def test_service_that_takes_no_time_makes_nobody_wait():
    """With and without a bound."""
    for places in (None, 0, 3):
        found = neighbour(5.0, 0.0, 0.0, 2, places)
        assert (found.utilisation, found.wait_mean_s, found.refused_share) == (0, 0, 0)


@pytest.mark.parametrize(
    ("rate", "mean", "scv", "workers"),
    [
        (1.0, 1.0, 1.0, 1),
        (3.1, 1.0, 1.0, 3),
        (1.0, 1.0, 1.0, 0),
        (0.0, 1.0, 1.0, 4),
        (1.0, inf, 1.0, 4),
        (1.0, nan, 1.0, 4),
        (1.0, 1.0, inf, 4),
    ],
)
def test_there_is_not_always_a_neighbour(rate, mean, scv, workers):
    """Utilisation 1 or more, no workers, no calls, no mean, no variance."""
    assert neighbour(rate, mean, scv, workers) is None


def test_a_neighbour_in_the_document_has_plain_values():
    """NaN is null, since JSON has no word for it."""
    found = neighbour(3.0, 2.0, 1.0, None).to_json()
    assert json.loads(json.dumps(found, allow_nan=False))["utilisation"] is None
    assert found["busy"] == 6.0
    assert set(found) == set(Neighbour.__dataclass_fields__)
