"""Stations against M/M/1, M/M/c, M/M/c/K, M/G/1 and Little's law, at utilisations 0.5, 0.8 and 0.95.

How the comparison is made, and how often it fails a correct kernel, is said in `queues`: 39 comparisons.
"""

from functools import cache
from math import exp

import pytest

from sim.kernel.distributions import Constant, Lognormal
from theory.queues import UTILISATIONS, agree, blocking, erlang_c, station

WORKERS, PLACES = 4, 2
"""Of M/M/c and M/M/c/K, with K = WORKERS + PLACES."""
SIGMA = 0.784
station = cache(station)
at_each_utilisation = pytest.mark.parametrize("rho", UTILISATIONS)


@at_each_utilisation
def test_mm1_delays_a_share_rho_of_its_calls(rho):
    """M/M/1: a call waits with probability rho, since Poisson arrivals see time averages."""
    agree(rho, station(rho).delayed_share, power=0.02)


@at_each_utilisation
def test_mm1_has_the_mean_wait_and_queue_of_theory(rho):
    """M/M/1: mean wait Wq = rho / (1 - rho) service times, mean queue Lq = rho^2 / (1 - rho)."""
    agree(rho / (1 - rho), station(rho).wait_s, power=0.15 * rho / (1 - rho))
    agree(rho**2 / (1 - rho), station(rho).queue, power=0.15 * rho**2 / (1 - rho))


@at_each_utilisation
def test_mmc_delays_the_share_of_erlang_c(rho):
    """M/M/4: a call waits with the probability of Erlang's C formula."""
    agree(erlang_c(WORKERS, WORKERS * rho), station(rho, WORKERS).delayed_share, power=0.02)


@at_each_utilisation
def test_mmc_has_the_mean_wait_of_erlang_c(rho):
    """M/M/4: mean wait Wq = C / (c mu - lambda)."""
    truth = erlang_c(WORKERS, WORKERS * rho) / (WORKERS - WORKERS * rho)
    agree(truth, station(rho, WORKERS).wait_s, power=0.15 * truth)


@at_each_utilisation
def test_mmck_refuses_the_share_of_theory(rho):
    """M/M/4/6, a queue limit of 2: a call is refused with probability p6; the rest keep workers busy."""
    seen = station(rho, WORKERS, queue_limit=PLACES, short=True)
    refused = blocking(WORKERS, WORKERS + PLACES, WORKERS * rho)
    agree(refused, seen.refused_share, power=0.01)
    agree(WORKERS * rho * (1 - refused), seen.busy, power=0.05)


@at_each_utilisation
def test_md1_has_the_mean_wait_of_pollaczek_and_khinchine(rho):
    """M/D/1: Wq = lambda E[S^2] / (2 (1 - rho)) with E[S^2] = 1, half the wait of M/M/1."""
    truth = rho / (2 * (1 - rho))
    agree(truth, station(rho, 1, Constant(1.0)).wait_s, power=0.15 * truth)


@at_each_utilisation
def test_mg1_has_the_mean_wait_of_pollaczek_and_khinchine(rho):
    """M/G/1, lognormal with mean 1: Wq = lambda E[S^2] / (2 (1 - rho)) with E[S^2] = exp(sigma^2)."""
    truth = rho * exp(SIGMA**2) / (2 * (1 - rho))
    seen = station(rho, 1, Lognormal(exp(-(SIGMA**2) / 2), SIGMA))
    agree(truth, seen.wait_s, power=0.15 * truth)


@at_each_utilisation
def test_utilisation_is_the_offered_load_per_worker(rho):
    """Without refusals the mean number of busy workers is a = lambda E[S], whatever the queue does."""
    agree(rho, station(rho).busy, power=0.01)
    agree(WORKERS * rho, station(rho, WORKERS).busy, power=0.03)


@at_each_utilisation
def test_littles_law_holds_between_queue_and_wait(rho):
    """Lq = lambda Wq: the exact integral of the queue over time, against waits averaged over calls, for lambda known.

    The two are measured on the same calls, so that their difference varies far less than either.
    """
    seen = station(rho, WORKERS)
    queue = WORKERS * rho * erlang_c(WORKERS, WORKERS * rho) / (WORKERS - WORKERS * rho)
    agree(0.0, seen.queue - WORKERS * rho * seen.wait_s, power=0.02 * queue)


@at_each_utilisation
def test_littles_law_holds_where_calls_are_refused(rho):
    """Lq = lambda (1 - P_K) Wq: those who are refused never wait, and count in no mean."""
    seen = station(rho, WORKERS, queue_limit=PLACES, short=True)
    admitted_per_s = WORKERS * rho * (1 - blocking(WORKERS, WORKERS + PLACES, WORKERS * rho))
    agree(0.0, seen.queue - admitted_per_s * seen.wait_s, power=0.01)
