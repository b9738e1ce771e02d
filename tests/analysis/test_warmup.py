"""MSER-5 by hand and by its definition."""

from fractions import Fraction

import numpy as np
import pytest

from analysis.hand import cart, records
from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.analysis.warmup import mser_5


def by_definition(values):
    """Return the number of values cut by MSER-5, in exact arithmetic and as it is written down.

    White, Cobb and Spratt (2000): z_j are means of batches of 5, and d* minimises the sum over j > d of
    (z_j - mean of z_d+1 to z_n)^2, divided by (n - d)^2; here d is at most n - 6.
    """
    batches = [sum(map(Fraction, values[i : i + 5])) / 5 for i in range(0, len(values) - len(values) % 5, 5)]
    n, scores = len(batches), []
    for d in range(n - 5):
        rest = batches[d:]
        centre = sum(rest) / (n - d)
        scores.append(sum((z - centre) ** 2 for z in rest) / (n - d) ** 2)
    return 5 * scores.index(min(scores))


def test_the_cut_of_a_series_worked_out_by_hand_is_after_its_first_batch():
    """Twelve batches of equal values 9, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0.

    Squares around the mean over (n - d)^2: without a cut (86 - 14^2/12) / 12^2 = 0.484; cutting one batch
    (5 - 5^2/11) / 11^2 = 0.0225; two (5 - 5^2/10) / 10^2 = 0.025; three (4 - 4^2/9) / 9^2 = 0.027; more are worse.
    """
    values = np.repeat([9.0, *[0.0, 1.0] * 5, 0.0], 5)
    assert mser_5(values, np.arange(60) * 10.0) == 50.0


@pytest.mark.parametrize("seed", range(20))
def test_the_cut_is_that_of_the_definition(seed):
    """Noise of thousandths on a decaying start, against exact fractions; a last incomplete batch is left out."""
    random = np.random.default_rng(seed)
    length = int(random.integers(50, 120))
    start = 5 * np.exp(-np.arange(length) / random.uniform(1, 30))
    values = np.round(start + random.exponential(1.0, length), 3)
    assert mser_5(values, np.arange(length, dtype=float)) == by_definition(values)


def test_a_constant_series_is_not_cut():
    """1.2 s summed 500 times is not 500 x 1.2 s in binary; the rounding errors are no start-up."""
    assert mser_5(np.full(500, 1.2), np.arange(500.0)) == 0.0


def test_a_start_before_a_constant_series_is_cut_where_it_ends():
    """Fifty values of 9 and 500 of 1.2."""
    assert mser_5(np.array([9.0] * 50 + [1.2] * 500), np.arange(550.0)) == 50.0


def test_a_series_of_less_than_ten_batches_is_too_short_to_say():
    """49 values, whatever they are."""
    assert mser_5(np.arange(49.0), np.arange(49.0)) == 0.0


def waits(of):
    """Return tallies of four replications of 200 carts, 5 s apart, the k-th of which waits `of(k)` seconds."""
    carts = [cart(k, 1, "a", of(k), "paid", arrived_s=5.0 * k) for k in range(200)]
    return [tally(records(r, carts=carts, payments=())) for r in range(4)]


@pytest.mark.parametrize(("of", "says"), [
    (lambda k: 1 + k % 7, None),
    (lambda k: 30 if k < 40 else 1 + k % 7, "the warm-up of 100 s looks short: MSER-5 would cut at up to 200 s"),
    (lambda k: 1 + max(0, k - 120), "4 of 4 replications never settle"),
])  # fmt: skip
def test_a_run_is_warned_of_a_warm_up_too_short_and_of_a_queue_that_grows(of, says):
    """Steady waits say nothing; a start of 200 s is longer than the warm-up of 100 s; growth ends nowhere."""
    found = summarise(waits(of), []).warnings
    assert found == () if says is None else says in found[0]


def test_replications_that_settle_late_and_never_count_together():
    """Two of four settle at 200 s, after the warm-up of 100 s, and one never does: three are not as they should be."""
    starts, grows = waits(lambda k: 30 if k < 40 else 1 + k % 7), waits(lambda k: 1 + max(0, k - 120))
    steady = waits(lambda k: 1 + k % 7)
    (said,) = summarise([*starts[:2], grows[2], steady[3]], []).warnings
    assert said.startswith("the warm-up of 100 s looks short: MSER-5 would cut at up to ")
    assert int(said.rpartition("up to ")[2].removesuffix(" s")) == round(grows[2].warm_up_cut_s) > 200
    assert summarise([*starts[:1], grows[1], *steady[2:]], []).warnings == ()


def test_one_replication_is_warned_of():
    """It has no interval."""
    assert summarise(waits(lambda k: 1)[:1], []).warnings == ("one replication gives no interval: run at least 2",)
