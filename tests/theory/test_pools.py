"""Pools against Erlang's formulas and impatient callers, at utilisations 0.5, 0.8 and 0.95.

How the comparison is made, and how often it fails a correct kernel, is said in `queues`: 15 comparisons.
"""

from math import exp

import numpy as np
import pytest

from theory.queues import UTILISATIONS, agree, erlang_b, erlang_c, pool, station

SIZE = 4
PATIENCE_S = 2.0
at_each_utilisation = pytest.mark.parametrize("rho", UTILISATIONS)


@at_each_utilisation
def test_a_pool_without_queue_refuses_the_share_of_erlang_b(rho):
    """M/M/4/4: Erlang's loss formula."""
    agree(erlang_b(SIZE, SIZE * rho), pool(rho, SIZE, queue_limit=0, short=True).refused_share, power=0.01)


@at_each_utilisation
def test_a_pool_delays_as_erlang_c_says(rho):
    """M/M/4, holds announced as they begin: delay probability C, mean wait C / (c mu - lambda).

    On the same draws a station of 4 workers is the same queue, so that the waits are the same to rounding.
    """
    seen, delayed = pool(rho, SIZE), erlang_c(SIZE, SIZE * rho)
    agree(delayed, seen.delayed_share, power=0.02)
    agree(delayed / (SIZE - SIZE * rho), seen.wait_s, power=0.15 * delayed / (SIZE - SIZE * rho))
    assert np.allclose(seen.wait_s, station(rho, SIZE).wait_s, rtol=1e-9)


@at_each_utilisation
def test_a_pool_with_a_wait_limit_refuses_the_impatient(rho):
    """M/M/1 where a caller waits 2 service times at most (D. Y. Barrer, Operations Research 5, 1957).

    Below the limit d the virtual wait has the density p0 lambda exp(-(mu - lambda) x), and beyond it, where nobody
    joins, p0 lambda exp(lambda d - mu x). An arrival gives up if it finds more than d, so with mu = 1 the share is
    p0 rho exp(-(1 - rho) d), where all of it adds up to 1: 1 / p0 = 1 + rho (1 - exp(-(1 - rho) d)) / (1 - rho) +
    rho exp(-(1 - rho) d).
    """
    tail = exp(-(1 - rho) * PATIENCE_S)
    idle = 1 / (1 + rho * (1 - tail) / (1 - rho) + rho * tail)
    seen = pool(rho, 1, wait_limit_s=PATIENCE_S, short=True)
    agree(idle * rho * tail, seen.refused_share, power=0.02)
    agree(1 - idle, seen.busy, power=0.03)
