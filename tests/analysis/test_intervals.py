"""Intervals: by hand where that is possible, and by how often they cover a truth that is known.

A coverage test counts over 4000 data sets how often a 95% interval has the truth, and wants 93% to 97%. By the binomial
law it fails an interval that covers exactly 95% with probability 2e-8 and one that covers 94% with 0.4%; it passes one
that covers 92% with 1%. The seed is fixed, so a test that passes once passes always.
"""

import doctest
from math import isnan, nan, sqrt

import numpy as np
import pytest

from sim.analysis import intervals
from sim.analysis.intervals import COUNTED, Each, Estimate, mean, ratio, share, total

DATA_SETS, REPLICATIONS = 4000, 10


def test_examples_in_the_module_are_true():
    """What the docstrings show is what comes out."""
    assert doctest.testmod(intervals).failed == 0
    assert doctest.testmod(intervals).attempted > 0


def test_a_mean_has_students_interval():
    """1, 2, 3, 4: standard deviation sqrt(5/3), t(3, 97.5%) = 3.1824, half-width 3.1824 sqrt(5/12) = 2.0543."""
    found = mean([1.0, 2.0, 3.0, 4.0], 0.95)
    assert (found.mean, found.n) == (2.5, 4)
    assert found.half_width == pytest.approx(3.182446 * sqrt(5 / 12), rel=1e-6)
    assert found.low == pytest.approx(2.5 - found.half_width)


def test_a_mean_leaves_out_replications_without_the_quantity():
    """NaN is not zero: 1 and 3 of three replications; t(1, 97.5%) = 12.7062, half-width 12.7062 x 1."""
    found = mean([1.0, nan, 3.0], 0.95)
    assert (found.mean, found.n) == (2.0, 2)
    assert found.high - found.mean == pytest.approx(12.706205, rel=1e-6)


def test_a_ratio_is_sum_over_sum_with_the_linearised_variance():
    """Tops 1, 4 over bases 10, 20: 5/30, not the mean 3/20 of the ratios.

    Residuals 1 - 10/6 = -2/3 and 4 - 20/6 = 2/3; standard error sqrt((8/9) / 1 / 2) / 15 = (2/3) / 15; t(1) = 12.7062.
    """
    found = ratio([1.0, 4.0], [10.0, 20.0], 0.95)
    assert found.mean == pytest.approx(1 / 6)
    assert found.high - found.mean == pytest.approx(12.706205 * (2 / 3) / 15, rel=1e-6)


def test_a_replication_with_nothing_in_the_base_does_not_count():
    """Neither to the estimate, nor to the variance, nor to n; with one left there is no interval."""
    assert ratio([1.0, 0.0, 4.0], [10.0, 0.0, 20.0], 0.95) == ratio([1.0, 4.0], [10.0, 20.0], 0.95)
    one = share([1.0, 0.0], [10.0, 0.0], 0.95)
    assert (one.mean, one.n, isnan(one.low), isnan(one.high)) == (0.1, 1, True, True)


def test_a_share_of_replications_that_agree_is_wilsons_interval():
    """20 of 100 in each of two replications: Wilson's interval of 40 in 200, (0.1505, 0.2608) by its formula.

    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n) with p = 0.2, n = 200, z = 1.959964.
    """
    z, n, p = 1.959964, 200, 0.2
    half = z * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    found = share([20.0, 20.0], [100.0, 100.0], 0.95)
    assert found.low == pytest.approx((p + z**2 / (2 * n) - half) / (1 + z**2 / n), rel=1e-6)
    assert found.high == pytest.approx((p + z**2 / (2 * n) + half) / (1 + z**2 / n), rel=1e-6)
    assert (found.low, found.high) == pytest.approx((0.1505, 0.2608), abs=1e-4)


def test_a_share_of_replications_that_differ_is_wilsons_at_the_size_they_are_worth():
    """10 and 30 of 100: standard error 0.1, worth 0.2 x 0.8 / 0.01 = 16 things, and (z / t)^2 of them: 0.3807."""
    z, t = 1.959964, 12.706205
    n, p = 16 * (z / t) ** 2, 0.2
    half = z * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    found = share([10.0, 30.0], [100.0, 100.0], 0.95)
    assert found.low == pytest.approx((p + z**2 / (2 * n) - half) / (1 + z**2 / n), rel=1e-5)
    assert found.high == pytest.approx((p + z**2 / (2 * n) + half) / (1 + z**2 / n), rel=1e-5)


@pytest.mark.parametrize("things", [1, 10, 1000, 10**6])
def test_no_event_gives_a_share_from_zero_to_something(things):
    """Wilson's upper end for 0 of N is z^2 / (N + z^2): 0.1611 for 2 x 10, and of all events the mirror image."""
    z2 = 1.959964**2
    none, every = share([0.0, 0.0], [things, things], 0.95), share([things, things], [things, things], 0.95)
    assert (none.mean, none.low, every.mean, every.high) == (0, 0, 1, 1)
    assert none.high == pytest.approx(z2 / (2 * things + z2), rel=1e-6)
    assert every.low == pytest.approx(1 - none.high)


def test_one_event_gives_a_share_with_a_lower_end_above_zero():
    """1 of 1000 in one of ten replications: worth what it is, 10,000 things or less, so 0 < low < 1e-4 < high."""
    found = share([1.0, *[0.0] * 9], [1000.0] * 10, 0.95)
    assert found.mean == 1e-4
    assert 0 < found.low < 1e-4
    assert 1e-4 + 2e-4 < found.high < 1e-3


def test_a_share_is_never_narrower_than_if_all_things_were_independent():
    """Three replications agree to 1 in 10,000 by chance; the interval is Wilson's of all 30,000 things all the same."""
    found = share([200.0, 201.0, 200.0], [10_000.0] * 3, 0.95)
    assert found.half_width == pytest.approx(1.96 * sqrt(0.02 * 0.98 / 30_000), rel=0.01)


def test_no_event_gives_a_total_from_zero_to_something():
    """Nothing in ten replications: at most z^2 / 10 = 0.384 events each, of 200 EUR."""
    assert total([0.0] * 10, COUNTED, 0.95) == Estimate(0.0, 0.0, pytest.approx(0.384146, rel=1e-5), 10)
    assert total([0.0] * 10, Each(200.0, 1900.0), 0.95).high == pytest.approx(76.8292, rel=1e-5)


def test_a_total_of_money_is_as_uncertain_as_the_number_of_events_and_as_what_they_add():
    """Ten replications of 1000 EUR each, in events of 200 EUR on average with E[A^2] = 200 x 1000.

    (1000 - m)^2 = z^2 (200 m + 1000 (1000 - 200)) / 10 at both ends m: the number as the mean under test says, what
    they add as those that were seen say.
    """
    found = total([1000.0] * 10, Each(200.0, 1000.0), 0.95)
    for end in (found.low, found.high):
        assert (1000 - end) ** 2 == pytest.approx(1.959964**2 * (200 * end + 1000 * 800) / 10, rel=1e-6)
    assert total([10.0] * 10, Each(200.0, 1000.0), 0.95).low == 0


def test_what_cannot_be_negative_has_no_interval_below_zero():
    """0 and 3: Student's interval is 1.5 -+ 12.7062 x 1.5, up to 20.5593; it is cut at 0, the mean as the ratio."""
    for found in (mean([0.0, 3.0], 0.95), ratio([0.0, 3.0], [1.0, 1.0], 0.95)):
        assert (found.mean, found.low, found.high) == (1.5, 0.0, pytest.approx(20.559307, rel=1e-6))


def test_a_total_of_replications_that_agree_is_the_score_interval_of_a_poisson_mean():
    """Four events in each of two replications: (4 - m)^2 = z^2 m / 2 at both ends m."""
    found = total([4.0, 4.0], COUNTED, 0.95)
    for end in (found.low, found.high):
        assert (4 - end) ** 2 == pytest.approx(1.959964**2 * end / 2, rel=1e-6)


def test_a_large_total_has_nearly_students_interval():
    """Totals near 10,000 that vary by 100: the score interval is Student's within 1%."""
    values = [9900.0, 10_000.0, 10_100.0, 10_000.0]
    student, found = mean(values, 0.95), total(values, COUNTED, 0.95)
    assert found.low == pytest.approx(student.low, rel=1e-3)
    assert found.half_width == pytest.approx(student.half_width, rel=0.01)


@pytest.mark.parametrize("estimate", [
    mean([3.0], 0.95), ratio([3.0], [1.0], 0.95), share([1.0], [3.0], 0.95), total([3.0], COUNTED, 0.95),
    total([0.0], COUNTED, 0.95),
])  # fmt: skip
def test_one_replication_gives_no_interval(estimate):
    """The mean is known, its ends are not."""
    assert estimate.n == 1
    assert not isnan(estimate.mean)
    assert isnan(estimate.low)
    assert isnan(estimate.high)


@pytest.mark.parametrize("estimate", [
    mean([nan, nan, nan], 0.95), mean([], 0.95), ratio([0.0, 0.0], [0.0, 0.0], 0.95), share([0.0], [0.0], 0.95),
    ratio([1.0, 1.0], [nan, nan], 0.95), total([], COUNTED, 0.95),
])  # fmt: skip
def test_nothing_seen_gives_nothing_known(estimate):
    """No replication has the quantity: n is 0 and every value null in the document."""
    assert estimate.to_json() == {"mean": None, "low": None, "high": None, "n": 0}


def test_an_estimate_in_the_document_has_plain_values():
    """NaN is null, since JSON has no word for it."""
    assert Estimate(0.5, nan, nan, 1).to_json() == {"mean": 0.5, "low": None, "high": None, "n": 1}


@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.99])
def test_more_confidence_is_a_wider_interval_around_the_same_mean(confidence):
    """At 95% the interval lies between those at 80% or 90% and at 99%."""
    for of in (
        lambda c: mean([1.0, 2.0, 4.0], c),
        lambda c: ratio([1.0, 2.0, 4.0], [10.0, 11.0, 12.0], c),
        lambda c: share([1.0, 2.0, 4.0], [10.0, 11.0, 12.0], c),
        lambda c: total([1.0, 2.0, 4.0], COUNTED, c),
    ):
        usual, other = of(0.95), of(confidence)
        assert usual.mean == other.mean
        assert (other.half_width > usual.half_width) == (confidence > 0.95)


# --- coverage ---------------------------------------------------------------------------------------------------------


def coverage(draw, estimate, truth):
    """Return how often the interval of a data set has the truth."""
    random = np.random.default_rng(20_240_101)
    found = (estimate(*draw(random)) for _ in range(DATA_SETS))
    return sum(each.low <= truth <= each.high for each in found) / DATA_SETS


def over_dispersed(probability, things, correlation):
    """Draw beta-binomial counts: the share differs between replications, with this intra-replication correlation."""
    weight = (1 - correlation) / correlation

    def draw(random):
        bases = random.poisson(things, REPLICATIONS)
        shares = random.beta(probability * weight, (1 - probability) * weight, REPLICATIONS)
        return random.binomial(bases, shares), bases

    return draw


@pytest.mark.parametrize(
    ("probability", "things", "correlation"),
    [
        (0.02, 2000, 0.001), (0.02, 2000, 0.005), (0.98, 2000, 0.003), (0.5, 500, 0.01), (0.1, 50, 0.02),
        (0.002, 2000, 0.001),
    ],
)  # fmt: skip
def test_the_interval_of_an_over_dispersed_share_covers_the_truth(probability, things, correlation):
    """From 2 to 11 times the variance of independent things, at ten replications."""
    found = coverage(over_dispersed(probability, things, correlation), lambda t, b: share(t, b, 0.95), probability)
    assert 0.93 <= found <= 0.97


@pytest.mark.parametrize("probability", [0.0005, 0.02, 0.3])
def test_the_interval_of_a_share_of_independent_things_covers_the_truth_and_a_little_more(probability):
    """It is never narrower than the binomial one, so that it has the truth a little too often: up to 99%."""

    def draw(random):
        bases = random.poisson(2000, REPLICATIONS)
        return random.binomial(bases, probability), bases

    assert 0.95 <= coverage(draw, lambda t, b: share(t, b, 0.95), probability) <= 0.99


def test_the_interval_of_a_ratio_covers_the_truth():
    """Sums of exponential waits whose mean differs between replications (gamma, 22% of the truth, which is 2)."""

    def draw(random):
        bases = random.poisson(300, REPLICATIONS)
        tops = random.gamma(bases, random.gamma(20, 0.1, REPLICATIONS))
        return tops, bases

    assert 0.93 <= coverage(draw, lambda t, b: ratio(t, b, 0.95), 2.0) <= 0.97


def test_the_interval_of_a_mean_covers_the_truth():
    """Normal quantities, for which Student's interval is exact."""
    assert 0.93 <= coverage(lambda r: (r.normal(3, 1, REPLICATIONS),), lambda v: mean(v, 0.95), 3.0) <= 0.97


@pytest.mark.parametrize(("expected", "shape"), [(1, 1), (5, 3), (20, 5)])
def test_the_interval_of_an_over_dispersed_total_covers_the_truth(expected, shape):
    """Negative-binomial counts: events come in replications that have their own rate (gamma)."""

    def draw(random):
        return (random.poisson(random.gamma(shape, expected / shape, REPLICATIONS)),)

    assert 0.93 <= coverage(draw, lambda v: total(v, COUNTED, 0.95), expected) <= 0.97


@pytest.mark.parametrize("expected", [0.05, 0.1, 0.35, 1, 5])
def test_the_interval_of_a_total_of_rare_events_covers_the_truth(expected):
    """Poisson counts from 0.5 to 50 events in all ten replications: 93% or more, also where none happens."""
    found = coverage(lambda r: (r.poisson(expected, REPLICATIONS),), lambda v: total(v, COUNTED, 0.95), expected)
    assert 0.93 <= found <= 0.995


@pytest.mark.parametrize(("sigma", "expected"), [(1.0, 20), (1.5, 3), (1.5, 8), (1.5, 19), (1.5, 38)])
def test_the_interval_of_a_total_of_money_covers_the_truth(sigma, expected):
    """Events of lognormal amounts; one adds exp(sigma^2 / 2) on average, and exp(sigma^2) times that size-biased.

    Over more seeds 97.0% to 98.9% are covered: 95.5% fail one that covers 97% with a probability below 1e-6. With an
    event's mean in place of its size-biased mean it would be 88% to 93% at a sigma of 1.5.
    """
    each = Each(float(np.exp(sigma**2 / 2)), float(np.exp(1.5 * sigma**2)))
    truth = expected * each.mean
    covered = coverage(lambda r: (compound(r, sigma, expected),), lambda v: total(v, each, 0.95), truth)
    assert 0.955 <= covered <= 0.995


def compound(random, sigma, expected):
    """Draw the sums of a Poisson number of lognormal amounts whose median is 1, per replication."""
    return [random.lognormal(0, sigma, count).sum() for count in random.poisson(expected, REPLICATIONS)]
