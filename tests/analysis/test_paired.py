"""Paired differences: by hand, against scipy, and by how often their intervals have a difference that is known."""

import doctest
import json
from dataclasses import replace
from math import inf, isnan, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from analysis.hand import records
from sim.analysis import paired
from sim.analysis.intervals import COUNTED, Each, Estimate
from sim.analysis.metrics import HEADLINE
from sim.analysis.paired import Difference, compare, holm, mean_difference, ratio_difference, total_difference
from sim.analysis.summary import summarise
from sim.analysis.tally import tally

BASE, OTHER = [3.0, 5.0, 4.0, 8.0, 6.0], [4.0, 5.5, 6.0, 8.5, 7.5]


def test_examples_in_the_module_are_true():
    """What the docstrings show is what comes out."""
    assert doctest.testmod(paired).failed == 0
    assert doctest.testmod(paired).attempted > 0


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_difference_of_means_is_the_paired_t_test():
    """Interval and p-value are those of scipy.stats.ttest_rel; the mean difference of 1, 0.5, 2, 0.5, 1.5 is 1.1."""
    expected = stats.ttest_rel(OTHER, BASE)
    found = mean_difference(BASE, OTHER, 0.9)
    assert (found.base_mean, found.other_mean, found.estimate.n) == (5.2, 6.3, 5)
    assert found.estimate.mean == pytest.approx(1.1)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_the_variance_reduction_is_that_against_independent_seeds():
    """(var A + var B) / var(B - A): squares 14.8 and 12.3 against 1.7, so 15.9."""
    assert mean_difference(BASE, OTHER, 0.95).variance_reduction == pytest.approx((14.8 + 12.3) / 1.7)


def test_replications_that_move_against_each_other_are_worse_than_independent_ones():
    """1, 2, 3 and 3, 2, 1: squares 2 and 2 against 8."""
    assert mean_difference([1.0, 2.0, 3.0], [3.0, 2.0, 1.0], 0.95).variance_reduction == pytest.approx(0.5)


def test_a_difference_of_ratios_is_that_of_their_residuals():
    """2, 4 over 10, 20 is 0.2; 3, 9 over 10, 20 is 0.4. Counted or not, since what differs is more than it varies.

    Residuals 0, 0 and (3 - 4, 9 - 8) / 15; differences of them -1/15, 1/15, standard error 1/15; t(1, 97.5%) = 12.7062.
    """
    found = ratio_difference(([2.0, 4.0], [10.0, 20.0]), ([3.0, 9.0], [10.0, 20.0]), 0.95)
    assert (found.base_mean, found.other_mean) == pytest.approx((0.2, 0.4))
    assert found.estimate.mean == pytest.approx(0.2)
    assert found.estimate.half_width == pytest.approx(12.706205 / 15, rel=1e-6)
    assert found.p_value == pytest.approx(2 * stats.t.sf(3, 1))
    assert found.variance_reduction == pytest.approx(1.0)


def test_with_bases_that_are_alike_a_difference_of_ratios_is_that_of_their_means():
    """Per replication top / base; scipy.stats.ttest_rel."""
    bases = [20.0] * 5
    expected = stats.ttest_rel(np.array(OTHER) / 20, np.array(BASE) / 20)
    found = ratio_difference((BASE, bases), (OTHER, bases), 0.95)
    assert (found.estimate.low, found.estimate.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_replications_that_either_scenario_does_not_have_are_left_out():
    """NaN, or nothing in the base."""
    assert mean_difference([*BASE, nan, 1.0], [*OTHER, 2.0, nan], 0.95) == mean_difference(BASE, OTHER, 0.95)
    ones = [1.0] * 5
    assert ratio_difference(([*BASE, 0.0, 1.0], [*ones, 0.0, 1.0]), ([*OTHER, 1.0, 0.0], [*ones, 1.0, 0.0]), 0.95) == (
        ratio_difference((BASE, ones), (OTHER, ones), 0.95)
    )


@pytest.mark.parametrize("found", [
    mean_difference([1.0, nan], [2.0, 3.0], 0.95),
    total_difference([1.0], [2.0], COUNTED, 0.95),
    ratio_difference(([1.0, 0.0], [1.0, 0.0]), ([2.0, 1.0], [1.0, 1.0]), 0.95, counted=True),
])  # fmt: skip
def test_one_replication_in_common_gives_no_interval(found):
    """The difference of 1 is known, its ends are not, nor is anything that needs a variance."""
    assert (found.estimate.mean, found.estimate.n) == (1.0, 1)
    assert all(isnan(v) for v in (found.estimate.low, found.estimate.high, found.p_value, found.variance_reduction))


def test_nothing_in_common_gives_nothing_known():
    """No replication has it in both scenarios."""
    for found in (mean_difference([nan], [1.0], 0.95), ratio_difference(([0.0], [0.0]), ([1.0], [1.0]), 0.95)):
        assert found.estimate.to_json() == {"mean": None, "low": None, "high": None, "n": 0}


def test_shares_that_never_differ_have_an_interval_all_the_same():
    """Ten replications of 1000 things: as if two of 10,000 had differed, a standard error of sqrt(2) / 10,000.

    t(9, 97.5%) = 2.2622. No difference is no evidence: the p-value is 1.
    """
    side = [30.0, 20.0] * 5, [1000.0] * 10
    found = ratio_difference(side, side, 0.95, counted=True)
    assert (found.estimate.mean, found.p_value, found.variance_reduction) == (0.0, 1.0, inf)
    assert found.estimate.half_width == pytest.approx(2.262157 * sqrt(2) / 10_000, rel=1e-6)
    assert isnan(ratio_difference(*[([0.0, 0.0], [10.0, 10.0])] * 2, 0.95, counted=True).variance_reduction)


def test_shares_that_differ_alike_are_no_more_precise_than_things_that_differ_independently():
    """Four in each of ten replications of 1000, 40 + 2 in all: variance (0.0042 - 0.004^2) / 10,000."""
    base, other = ([20.0, 30.0] * 5, [1000.0] * 10), ([24.0, 34.0] * 5, [1000.0] * 10)
    found = ratio_difference(base, other, 0.95, counted=True)
    assert found.estimate.half_width == pytest.approx(2.262157 * sqrt((0.0042 - 0.004**2) / 10_000), rel=1e-6)


def test_totals_that_differ_alike_are_no_more_precise_than_events_that_come_independently():
    """Two events of 50 EUR more in each of four replications, 8 + 2 in all, with E[A^2] = 50 x 90.

    Standard error sqrt(10 x 50 x 90) / 4; t(3, 97.5%) = 3.1824. Those that never differ have sqrt(2 x 50 x 90) / 4.
    """
    found = total_difference([100.0, 300.0, 200.0, 0.0], [200.0, 400.0, 300.0, 100.0], Each(50.0, 90.0), 0.95)
    assert found.estimate.mean == 100
    assert found.estimate.half_width == pytest.approx(3.182446 * sqrt(10 * 50 * 90) / 4, rel=1e-6)
    same = total_difference([100.0] * 4, [100.0] * 4, Each(50.0, 90.0), 0.95)
    assert same.estimate.half_width == pytest.approx(3.182446 * sqrt(2 * 50 * 90) / 4, rel=1e-6)


def test_means_that_differ_by_exactly_the_same_are_certain():
    """Every replication takes 1 s more: no width, p-value 0; and 1 where there is no difference at all."""
    found = mean_difference([1.0, 3.0, 2.0], [2.0, 4.0, 3.0], 0.95)
    assert (found.estimate, found.p_value, found.variance_reduction) == (Estimate(1.0, 1.0, 1.0, 3), 0.0, inf)
    assert mean_difference([1.0, 3.0], [1.0, 3.0], 0.95).p_value == 1.0


# --- several comparisons ----------------------------------------------------------------------------------------------


def test_p_values_are_adjusted_by_holm():
    """Holm (1979): the least of m times m, the next times m - 1, and none less than the one before; 1 at most."""
    assert holm([0.01, 0.02, 0.005, 0.04]) == pytest.approx([0.03, 0.04, 0.02, 0.04])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    found = holm([0.02, nan, 0.01])
    assert isnan(found[1])
    assert (found[0], found[2]) == pytest.approx((0.04, 0.03))


# --- of tallies -------------------------------------------------------------------------------------------------------

HAND = tally(records(0))


def scenario(factor, replications=range(6)):
    """Return tallies whose waits and expired tokens grow with the replication and with a factor."""
    made = []
    for number in replications:
        expired, waited = 100.0 + 10 * number, 200.0 + 20 * number
        expiry = np.array([[expired + 9 * factor + number % 3, 1000.0]])
        wait = np.array([[waited * (1 + factor), 100.0]])
        quantiles = {key: value + factor * number for key, value in HAND.quantiles.items()}
        sums = HAND.sums | {"token_expiry_rate": HAND.sums["token_expiry_rate"] | {"": expiry}}
        sums |= {"user_wait": HAND.sums["user_wait"] | {"": wait}}
        made.append(replace(HAND, replication=number, sums=sums, quantiles=quantiles))
    return made


def named(found, metric, other="b"):
    (each,) = (d for d in found if (d.metric, d.other) == (metric, other))
    return each


def test_two_scenarios_are_compared_in_everything_that_a_summary_has():
    """Every metric and percentile, with its own kind of difference, from means that are those of the summaries."""
    scenarios = {"a": scenario(0.0), "b": scenario(1.0)}
    found = compare(scenarios)
    assert [each.metric for each in found] == list(summarise(scenarios["a"], ()).metrics)
    assert {(each.base, each.other) for each in found} == {("a", "b")}
    for metric in HEADLINE:
        each = named(found, metric)
        assert each.base_mean == pytest.approx(summarise(scenarios["a"], ()).metrics[metric].mean)
        assert each.other_mean == pytest.approx(summarise(scenarios["b"], ()).metrics[metric].mean)
        assert each.estimate.mean == pytest.approx(each.other_mean - each.base_mean)
    # Wait: 2 s + 0.2 s per replication, and twice that, so that differences are those again: scipy's one-sample test.
    wait = named(found, "user_wait")
    expected = stats.ttest_1samp(2.0 + 0.2 * np.arange(6), 0.0)
    assert (wait.estimate.low, wait.estimate.high) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert (wait.p_value, wait.sign) == (pytest.approx(expected.pvalue), 1)
    # Percentiles: by the number of the replication, 0 to 5.
    late = named(found, "user_wait_p95").estimate
    expected = stats.ttest_1samp(np.arange(6.0), 0.0).confidence_interval(0.95)
    assert (late.low, late.high) == pytest.approx(tuple(expected))
    # Expired: nine things more, of a thousand, each time; as independent: 54 + 2 of 6000.
    expiry = named(found, "token_expiry_rate").estimate
    assert expiry.mean == pytest.approx(0.009)
    assert expiry.half_width == pytest.approx(2.570582 * sqrt((56 / 6000 - 0.009**2) / 6000), rel=1e-6)


def test_only_replications_that_both_scenarios_have_are_compared():
    """In any order: 0 to 5 and 2 to 7 have 2 to 5 in common."""
    found = named(compare({"a": scenario(0.0), "b": scenario(1.0, [7, 6, 5, 4, 3, 2])}), "user_wait")
    assert found.estimate.n == 4
    assert found.estimate.mean == pytest.approx(2.0 + 0.2 * 3.5)


def test_several_scenarios_are_compared_with_the_first_and_paid_for():
    """Three against one: intervals at 1 - 5% / 3, Bonferroni; p-values as Holm has them."""
    three = {name: scenario(factor) for name, factor in (("a", 0.0), ("b", 1.0), ("c", 0.5), ("d", 0.0))}
    found = compare(three)
    alone = {name: named(compare({"a": three["a"], name: three[name]}), "user_wait", name) for name in "bcd"}
    for name in "bcd":
        paid, pair = named(found, "user_wait", name), {"a": three["a"], name: three[name]}
        assert paid.estimate == named(compare(pair, 1 - 0.05 / 3), "user_wait", name).estimate
        assert paid.variance_reduction == alone[name].variance_reduction
    adjusted = [named(found, "user_wait", name).p_value for name in "bcd"]
    assert adjusted == pytest.approx(holm([alone[name].p_value for name in "bcd"]))
    assert adjusted[2] == 1.0


def test_what_cannot_be_compared_is_refused():
    """One scenario, and two without a common replication."""
    with pytest.raises(ValueError, match="1 scenarios to compare"):
        compare({"a": scenario(0.0)})
    with pytest.raises(ValueError, match="a and b have no replication in common"):
        compare({"a": scenario(0.0), "b": scenario(0.0, [8, 9])})


def test_a_difference_in_the_document_has_plain_values():
    """What is not finite is null."""
    found = compare({"a": scenario(0.0), "b": scenario(1.0)})
    document = json.loads(json.dumps([each.to_json() for each in found], allow_nan=False))
    assert set(document[0]) == set(Difference.__dataclass_fields__)
    assert next(d for d in document if d["metric"] == "amount")["variance_reduction"] is None


# --- coverage ---------------------------------------------------------------------------------------------------------

DATA_SETS, REPLICATIONS = 4000, 10


def coverage(draw, difference, truth):
    """Return how often the interval of a data set has the truth, and the median variance reduction."""
    random = np.random.default_rng(20_240_101)
    found = [difference(*draw(random)) for _ in range(DATA_SETS)]
    covered = sum(each.estimate.low <= truth <= each.estimate.high for each in found) / DATA_SETS
    return covered, float(np.median([each.variance_reduction for each in found]))


@pytest.mark.parametrize(("shared", "reduction"), [(0.0, 1.0), (0.9, 10.0), (0.99, 100.0)])
def test_the_interval_of_a_difference_of_means_covers_the_truth(shared, reduction):
    """Normal replications that share a part of their variance: the interval is exact, and the reduction 1 / (1 - part).

    A count of 4000 leaves 93% to 97% with probability 2e-8 if 95% are covered.
    """

    def draw(random):
        together = sqrt(shared) * random.normal(0, 1, REPLICATIONS)
        return [together + sqrt(1 - shared) * random.normal(at, 1, REPLICATIONS) for at in (0.0, 2.0)]

    covered, seen = coverage(draw, lambda a, b: mean_difference(a, b, 0.95), 2 * sqrt(1 - shared))
    assert 0.93 <= covered <= 0.97
    assert seen == pytest.approx(reduction, rel=0.1)


@pytest.mark.parametrize(("rate", "other"), [(0.02, 0.03), (0.5, 0.6), (0.05, 0.9)])
def test_the_interval_of_a_difference_of_shares_covers_the_truth(rate, other):
    """The same things in both scenarios, each with one uniform number; rates vary by a tenth between replications.

    The same probabilities; it has the truth at most 99% of the time, being no narrower than independent things.
    """

    def draw(random):
        bases = random.poisson(2000, REPLICATIONS)
        load = 1 + 0.1 * random.uniform(-1, 1, REPLICATIONS)
        tops = random.binomial(bases, rate * load)
        more = random.binomial(bases - tops, (other - rate) * load / (1 - rate * load))
        return (tops, bases), (tops + more, bases)

    covered, reduction = coverage(draw, lambda a, b: ratio_difference(a, b, 0.95, counted=True), other - rate)
    assert 0.93 <= covered <= 0.99
    assert reduction > 1


@pytest.mark.parametrize("expected", [0.05, 0.5, 5.0])
def test_the_interval_of_a_difference_of_rare_events_covers_the_truth(expected):
    """Three events each, and Poisson ones more in the other scenario: 93% or more, also where none is seen."""

    def draw(random):
        base = random.poisson(3.0, REPLICATIONS)
        return base, base + random.poisson(expected, REPLICATIONS)

    covered, _ = coverage(draw, lambda a, b: total_difference(a, b, COUNTED, 0.95), expected)
    assert covered >= 0.93


def test_the_interval_of_a_difference_of_ratios_covers_the_truth():
    """Exponential waits with means 2 and 2.5 over the same calls; the load of a replication changes both."""

    def draw(random):
        bases = random.poisson(300, REPLICATIONS)
        load, waits = random.gamma(20, 0.05, REPLICATIONS), random.gamma(bases, 1.0)
        return (2 * load * waits, bases), (2.5 * load * waits * random.gamma(400, 1 / 400, REPLICATIONS), bases)

    covered, reduction = coverage(draw, lambda a, b: ratio_difference(a, b, 0.95), 0.5)
    assert 0.93 <= covered <= 0.97
    assert reduction > 5


@pytest.mark.parametrize(("more", "less"), [(3, 0), (8, 0), (19, 0), (2, 2), (8, 4)])
def test_the_interval_of_a_difference_of_money_covers_the_truth(more, less):
    """Lognormal amounts with the shipped sigma of 1.5: so many events that only one scenario has, three that both have.

    Over more seeds 98.4% (8 and 4) to 99.97% are covered; 97% fail one that covers 98.4% with a probability below 1e-9.
    With an event's mean in place of its size-biased mean it would be 82% to 90% where events only come to it.
    """
    each = Each(float(np.exp(1.125)), float(np.exp(3.375)))

    def amounts(random, expected):
        return np.array([random.lognormal(0, 1.5, count).sum() for count in random.poisson(expected, REPLICATIONS)])

    def draw(random):
        both = amounts(random, 3)
        return both + amounts(random, less), both + amounts(random, more)

    covered, _ = coverage(draw, lambda a, b: total_difference(a, b, each, 0.95), (more - less) * each.mean)
    assert covered >= 0.97
