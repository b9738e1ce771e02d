"""Searches for the smallest or largest value that is enough, where the truth is known.

An evaluator draws noise around a known monotone curve, or numbers of calls that wait around Erlang's formula. A
coverage test counts in how many of 200 searches the interval misses the truth, and wants 22 at most: a search that
misses exactly 5% of the time exceeds that with probability 1.6e-4 (binomial). All seeds are fixed.
"""

from math import exp, inf, log, sqrt

import numpy as np
import pytest
from scenario.conftest import SMALL
from scipy.special import stdtrit

from sim.analysis.intervals import Estimate, mean, share
from sim.analysis.slo import Slo, Verdict, judge
from sim.experiment.search import (
    Effort,
    Evidence,
    Outcome,
    candidates,
    evidence,
    grown,
    growth_margin,
    largest,
    smallest,
)
from sim.experiment.span import between
from sim.scenario.load import ScenarioError, load

SEARCHES, ALLOWED = 200, 22
WORKERS = range(1, 201)
POSITIVE = Slo("margin >= 0", "margin", None, "", "", ">=", 0.0)
"""The objective of most curves here: a margin of zero or more."""


def student(values, confidence):
    """Return Student's interval of a mean that may be negative, as margins are; those of metrics end at zero."""
    centre, n = values.mean(), len(values)
    half = stdtrit(n - 1, (1 + confidence) / 2) * values.std(ddof=1) / sqrt(n)
    return Estimate(centre, centre - half, centre + half, n)


class Noisy:
    """Evaluates a curve with normal noise of standard deviation 1 per replication, and keeps what it is asked."""

    def __init__(self, curve, rng, *, common=False):
        self.curve, self.rng = curve, rng
        self.noise = rng.normal(size=1000) if common else None
        self.drawn, self.asked = {}, []

    def __call__(self, x, replications, confidence):
        """Judge the first replications at x."""
        self.asked.append((x, replications, confidence))
        if x not in self.drawn:
            self.drawn[x] = self.noise if self.noise is not None else self.rng.normal(size=1000)
        return evidence([judge(POSITIVE, student(self.curve(x) + self.drawn[x][:replications], confidence))])


def exact(curve):
    """Return an evaluator that sees the curve itself, at once; its calls are in `asked`."""

    def evaluate(x, replications, _confidence):
        evaluate.asked.append((x, replications))
        holds = curve(x) >= 0
        return Evidence(Verdict.PASS if holds else Verdict.FAIL, holds)

    evaluate.asked = []
    return evaluate


def doubtful(evaluate, *points):
    """Return an evaluator that cannot decide at some points, where it leans as the other says."""

    def doubting(x, replications, confidence):
        found = evaluate(x, replications, confidence)
        return Evidence(Verdict.UNDECIDED, found.leans) if x in points else found

    return doubting


def has(found, truth):
    """Whether an interval has a value; an end left open is at infinity."""
    low, high = -inf if found.low is None else found.low, inf if found.high is None else found.high
    return low <= truth <= high


# --- the interval ---------------------------------------------------------------------------------------------------

CURVES = {
    "gentle": lambda x: 0.2 * (x - 46.5),
    "steep": lambda x: 2.0 * (x - 46.5),
    "exactly at the limit": lambda x: 0.2 * (x - 47),
    "at the limit and never above": lambda x: 0.0 if x >= 47 else -1.0,
    "just below the limit": lambda x: 1.0 if x >= 47 else -1e-9,
}


@pytest.mark.parametrize("common", [False, True], ids=["independent", "common"])
@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_the_interval_of_the_smallest_has_the_truth_as_often_as_it_says(curve, common):
    """The smallest number of workers with a margin of zero or more is 47, whether points share their noise or not."""
    rng = np.random.default_rng(1)
    found = [smallest(WORKERS, Noisy(curve, rng, common=common)) for _ in range(SEARCHES)]
    assert sum(not has(each, 47) or each.outcome is Outcome.NOWHERE for each in found) <= ALLOWED


@pytest.mark.parametrize("start", [None, 10])
def test_the_interval_of_the_largest_has_the_truth_as_often_as_it_says(start):
    """Margins fall by 0.2 per step and are exactly zero at 80; from both ends, or feeling its way from 10."""
    rng = np.random.default_rng(2)
    found = [largest(WORKERS, Noisy(lambda x: 0.2 * (80 - x), rng), start=start) for _ in range(SEARCHES)]
    assert sum(not has(each, 80) for each in found) <= ALLOWED


def test_the_interval_is_as_narrow_as_80_replications_allow():
    """A mean of 80 is known to 0.36 at z = 3.2, which is 1.8 workers at a slope of 0.2: at most 5 stay undecided.

    Without noise worth the name (a slope of 2 is 18 standard errors) the answer is the truth and nothing else.
    """
    rng = np.random.default_rng(3)
    gentle = [smallest(WORKERS, Noisy(CURVES["gentle"], rng)) for _ in range(50)]
    assert np.median([each.high - each.low for each in gentle]) <= 5
    steep = [smallest(WORKERS, Noisy(CURVES["steep"], rng)) for _ in range(50)]
    assert [(each.answer, each.low, each.high) for each in steep] == [(47, 47, 47)] * 50


@pytest.mark.parametrize("slope", [20, 1000], ids=["gentle", "steep"])
@pytest.mark.parametrize("way", [smallest, largest])
def test_the_interval_of_a_fraction_has_the_truth_as_often_as_it_says(way, slope):
    """The truth is uniform between 1.05 and 1.95, so never one of the values, a hundredth apart, that are looked at.

    Where a hundredth is ten standard deviations of the noise the interval is the step with the truth in it.
    """
    rng = np.random.default_rng(10)
    values = candidates(between("1.0", "2.0"))
    sign = 1 if way is smallest else -1
    missed, widths = 0, []
    for _ in range(SEARCHES):
        truth = rng.uniform(1.05, 1.95)
        found = way(values, Noisy(lambda x, truth=truth: sign * slope * (x - truth), rng))
        missed += not has(found, truth)
        widths.append(inf if found.low is None or found.high is None else found.high - found.low)
    assert missed <= ALLOWED
    assert np.median(widths) < (0.011 if slope == 1000 else 0.1)


@pytest.mark.parametrize("slope", [10, 100], ids=["gentle", "steep"])
def test_the_interval_of_the_margin_has_the_truth_as_often_as_it_says(slope):
    """Arrivals may grow by a factor between 1 / e and e, uniform in its logarithm: between two steps of 5%."""
    rng = np.random.default_rng(11)
    missed = 0
    for _ in range(SEARCHES):
        truth = exp(rng.uniform(-1, 1))
        missed += not has(growth_margin(Noisy(lambda x, truth=truth: slope * (truth - x), rng)), truth)
    assert missed <= ALLOWED


@pytest.mark.parametrize("slos", [1, 3])
@pytest.mark.parametrize("start", [None, 1, 50, 200])
def test_the_chances_of_error_that_a_search_takes_add_up_to_what_it_says(start, slos):
    """An end of an interval of confidence c is wrong with chance (1 - c) / 2, for each SLO: at most 10% in all.

    That is spent by the longest searches, in which nothing is ever decided, whatever the estimates lean to.
    """
    spent = []
    for turn in range(1, 202):
        asked = []

        def evaluate(x, _replications, confidence, turn=turn, asked=asked):
            asked.append((1 - confidence) / 2)
            return Evidence(Verdict.UNDECIDED, x >= turn)

        smallest(WORKERS, evaluate, Effort(confidence=0.9, slos=slos), start)
        spent.append(slos * sum(asked))
    assert max(spent) <= 0.1
    assert max(spent) > 0.07


def test_a_contradiction_is_seen_in_few_searches_of_a_monotone_curve():
    """Where every margin is exactly zero any two verdicts contradict each other half of the time: in 5% at most."""
    rng = np.random.default_rng(5)
    found = [smallest(WORKERS, Noisy(lambda x: 0.0, rng)) for _ in range(SEARCHES)]
    assert sum(each.outcome is Outcome.CONTRADICTED for each in found) <= ALLOWED


# --- Erlang C -------------------------------------------------------------------------------------------------------


def erlang_c(workers, load):
    """Return the share of calls that wait in M/M/c: B / (1 - rho (1 - B)), B by B(n) = a B(n-1) / (n + a B(n-1))."""
    if load >= workers:
        return 1.0
    blocked = 1.0
    for n in range(1, workers + 1):
        blocked = load * blocked / (n + load * blocked)
    return blocked / (1 - load / workers * (1 - blocked))


@pytest.mark.parametrize(("load", "limit", "enough"), [(40.0, 0.18, 48), (5.0, 0.05, 10)])
def test_the_smallest_number_of_workers_is_erlangs(load, limit, enough):
    """Of 500 calls in a replication as many wait as Erlang C says, give or take what makes days differ.

    Offered 40 Erlang, 48 workers are the fewest with whom at most 18% of calls wait: C(47, 40) = 20.5% and
    C(48, 40) = 15.6%. Offered 5, 10 are the fewest for 5%: C(9, 5) = 8.1%, C(10, 5) = 3.6% (as in printed tables).
    """
    fewest = next(c for c in WORKERS if erlang_c(c, load) <= limit)
    waiting = Slo(f"waiting <= {limit}", "waiting", None, "", "", "<=", limit)
    rng = np.random.default_rng(6)

    def evaluate(x, replications, confidence):
        if x not in drawn:
            p = min(erlang_c(x, load), 1 - 1e-9)
            drawn[x] = rng.binomial(500, rng.beta(200 * p, 200 * (1 - p), size=100))
        tops = drawn[x][:replications]
        return evidence([judge(waiting, share(tops, np.full(replications, 500), confidence))])

    found = []
    for _ in range(SEARCHES):
        drawn = {}
        found.append(smallest(WORKERS, evaluate))
    assert fewest == enough
    assert sum(not has(each, fewest) for each in found) <= ALLOWED
    assert sum(each.answer == fewest for each in found) >= 0.9 * SEARCHES
    assert np.mean([each.replications for each in found]) < 300


# --- where it looks -------------------------------------------------------------------------------------------------


def test_a_search_halves_what_is_left_and_checks_both_sides():
    """Both ends, then halves down to 46 and 47, then the widest gaps beyond: 1 to 25 and 100 to 200."""
    evaluate = exact(lambda x: x - 47)
    found = smallest(WORKERS, evaluate)
    xs = [x for x, _ in evaluate.asked]
    assert xs == [1, 200, 100, 50, 25, 37, 43, 46, 48, 47, 13, 150]
    assert (found.answer, found.low, found.high, found.outcome) == (47, 47, 47, Outcome.FOUND)
    assert found.replications == 5 * len(xs)
    assert [visit.x for visit in found.curve] == sorted(xs)


def test_a_point_is_asked_for_more_and_never_for_the_same_again():
    """5, 10, 20, 40 and 80 replications, no further than the verdict; the answer counts the last number of each."""
    noisy = Noisy(CURVES["gentle"], np.random.default_rng(7))
    found = smallest(WORKERS, noisy)
    by_point = {}
    for x, replications, _ in noisy.asked:
        by_point.setdefault(x, []).append(replications)
    assert all(asked == [5, 10, 20, 40, 80][: len(asked)] for asked in by_point.values())
    assert {visit.x: visit.replications for visit in found.curve} == {x: asked[-1] for x, asked in by_point.items()}
    assert found.replications == sum(asked[-1] for asked in by_point.values())
    decided = [visit.evidence.verdict is not Verdict.UNDECIDED for visit in found.curve if visit.replications < 80]
    assert decided
    assert all(decided)


def test_a_search_that_feels_its_way_spares_the_far_end():
    """From 10 up in steps that double until 47 is passed: nothing above 10 + 64 is ever tried."""
    evaluate = exact(lambda x: 47 - x)
    found = largest(WORKERS, evaluate, start=10)
    assert [x for x, _ in evaluate.asked][:8] == [10, 11, 12, 14, 18, 26, 42, 74]
    assert max(x for x, _ in evaluate.asked) == 74
    assert (found.answer, found.low, found.high) == (47, 47, 47)


@pytest.mark.parametrize("truth", [1, 2, 3, 57, 199, 200])
@pytest.mark.parametrize("start", [None, 1, 2, 57, 200])
def test_without_noise_the_answer_is_the_truth(truth, start):
    """For the smallest and for the largest, from wherever it begins."""
    up = smallest(WORKERS, exact(lambda x: x - truth), start=start)
    down = largest(WORKERS, exact(lambda x: truth - x), start=start)
    assert (up.answer, down.answer) == (truth, truth)
    assert has(up, truth)
    assert has(down, truth)


# --- what it says ---------------------------------------------------------------------------------------------------


def test_an_interval_has_the_points_that_stay_undecided():
    """46, 47 and 48 cannot be decided: the first that leans to holding is the answer, and 49 is sure to be enough."""
    evaluate = doubtful(exact(lambda x: x - 47), 46, 47, 48)
    found = smallest(WORKERS, evaluate)
    assert (found.outcome, found.answer, found.low, found.high) == (Outcome.FOUND, 47, 46, 49)
    assert found.reason == "undecided at 46, 47, 48 after 80 replications"
    assert found.text("workers") == "47 workers, 46 to 49 at 95%"
    other_way = largest(WORKERS, doubtful(exact(lambda x: 47 - x), 46, 47, 48))
    assert (other_way.answer, other_way.low, other_way.high) == (47, 45, 48)


def test_an_answer_that_is_sure_stands_alone():
    """46 fails, 47 passes."""
    found = smallest(WORKERS, exact(lambda x: x - 47))
    assert found.text("workers") == "47 workers at 95%"
    assert found.reason == "the SLOs fail at 46 and hold at 47"


def test_between_fractions_the_answer_is_between_what_fails_and_what_holds():
    """SLOs that hold from 1.625 on: of hundredths 1.62 fails and 1.63 holds. What is undecided is no end."""
    values = candidates(between("1.0", "2.0"))
    found = smallest(values, exact(lambda x: x - 1.625))
    assert found.reason == "the SLOs fail at 1.62 and hold at 1.63"
    assert found.text("s") == "1.63 s, 1.62 to 1.63 at 95%"
    assert largest(values, exact(lambda x: 1.625 - x)).text() == "1.62, 1.62 to 1.63 at 95%"
    assert smallest((1, 2, 3), exact(lambda x: x - 1.5)).text() == "2, 1 to 2 at 95%"
    assert smallest((1, 2, 3), doubtful(exact(lambda x: x - 1.5), 2)).text() == "2, 1 to 3 at 95%"


def test_an_answer_of_which_nothing_is_known_is_said_to_be_one():
    """No value can be decided; the estimates lean to 2."""
    found = smallest(range(1, 4), doubtful(exact(lambda x: x - 2), 1, 2, 3))
    assert (found.answer, found.low, found.high) == (2, None, None)
    assert found.text("workers") == "it may be 2 workers or any other"


def test_slos_that_hold_everywhere_are_said_to():
    """The least is enough; whether less would be is not known, so that the interval has no lower end."""
    found = smallest(WORKERS, exact(lambda x: 1))
    assert (found.outcome, found.answer, found.low, found.high) == (Outcome.EVERYWHERE, 1, None, 1)
    assert found.reason == "the SLOs hold at 1, and so everywhere from 1 to 200"
    assert found.text("workers") == "1 workers, at most 1 at 95%"
    assert largest(WORKERS, exact(lambda x: 1)).answer == 200


def test_slos_that_hold_nowhere_are_said_to():
    """Not even the most is enough: there is no answer; a fraction would be larger than the largest."""
    fractions = smallest((0.5, 1.5), exact(lambda x: -1))
    assert (fractions.outcome, fractions.answer, fractions.low, fractions.high) == (Outcome.NOWHERE, None, 1.5, None)
    found = smallest(WORKERS, exact(lambda x: -1))
    assert (found.outcome, found.answer, found.low, found.high) == (Outcome.NOWHERE, None, None, None)
    assert found.text() == found.reason == "the SLOs fail at 200, and so everywhere from 1 to 200"


def test_slos_that_are_not_seen_to_hold_leave_it_open():
    """At 200 it cannot be decided and leans to failing. Below, 200 - sqrt(199) = 186 fails, and 200 - sqrt(14) = 196.

    So the truth is 197 or more.
    """
    found = smallest(WORKERS, doubtful(exact(lambda x: -1), 200))
    assert (found.outcome, found.answer, found.low, found.high) == (Outcome.UNDECIDED, None, 197, None)
    assert found.reason == "the SLOs are not seen to hold anywhere: undecided at 200 after 80 replications"


def test_slos_that_hold_and_fail_again_contradict_the_search():
    """They hold from 40 to 90 and from 120 on: found at 120, but the check halfway between 1 and 100 sees it."""
    found = smallest(WORKERS, exact(lambda x: 1 if 40 <= x <= 90 or x >= 120 else -1))
    assert (found.outcome, found.answer, found.low, found.high) == (Outcome.CONTRADICTED, None, None, None)
    assert "hold at 50 and fail at 119: there is no one value" in found.reason
    assert "at most 5% of searches" in found.reason


def test_evidence_leans_by_its_estimates():
    """Two SLOs, one of them undecided: the whole is; it leans to holding if both estimates meet their limits."""
    sure, unsure = judge(POSITIVE, Estimate(2.0, 1.0, 3.0, 9)), judge(POSITIVE, Estimate(0.5, -1.0, 2.0, 9))
    doubtful_one, unknown = judge(POSITIVE, Estimate(-0.5, -2.0, 1.0, 9)), judge(POSITIVE, mean([], 0.95))
    assert evidence([sure, unsure]) == Evidence(Verdict.UNDECIDED, True, (sure, unsure))
    assert not evidence([sure, doubtful_one]).leans
    assert not evidence([sure, unknown]).leans


def test_an_effort_that_makes_no_sense_is_refused():
    """One replication has no interval; a point cannot have less than its first look."""
    for wrong in ({"first": 1}, {"first": 10, "most": 9}, {"confidence": 1.0}, {"slos": 0}):
        with pytest.raises(ValueError, match="first from 2"):
            Effort(**wrong)
    assert [count for count, _ in Effort(first=5, most=30).looks] == [5, 10, 20, 30]
    assert Effort(first=5, most=5).looks == ((5, 1.0),)


# --- what it chooses from -------------------------------------------------------------------------------------------


def test_a_search_over_fractions_chooses_within_a_tolerance():
    """0 s to 1 s, 0.3 s apart at most, are five values; by factors of at most 2, 1 s to 10 s are five as well."""
    assert candidates(between("0 s", "1 s"), 0.3) == pytest.approx((0, 0.25, 0.5, 0.75, 1))
    powers = candidates(between("1 s", "10 s", log=True), 1.0)
    assert powers == pytest.approx([exp(log(10) * k / 4) for k in range(5)])
    assert candidates(between(1, 200)) == range(1, 201)
    assert len(candidates(between("1/s", "2/s"))) == 101


@pytest.mark.parametrize(
    ("span", "tolerance", "said"),
    [
        (between("0 s", "1 s"), 0.0, "a tolerance of 0; write more than zero"),
        (between("0 s", "1 s"), float("nan"), "a tolerance of nan; write more than zero"),
        (between(1, 200), 2.0, r"whole numbers have no tolerance; leave it out, or write 1\.0\.\.200"),
        (between("1 s", "20 s"), 1e-9, "a tolerance of 1e-09 leaves more than 1,000,000 values; write a larger one"),
    ],
)
def test_a_tolerance_that_makes_no_sense_is_refused(span, tolerance, said):
    """Rather than ignored, or worked out for ever: a nanosecond within 19 s leaves 19,000,000,000 values."""
    with pytest.raises(ValueError, match=said):
        candidates(span, tolerance)


def test_the_interval_of_a_real_threshold_has_it_within_the_tolerance():
    """Margins rise through zero at 0.7123, between the values 0.71 and 0.72."""
    rng = np.random.default_rng(8)
    values = candidates(between(0.0, 1.0), 0.01)
    found = [smallest(values, Noisy(lambda x: 20 * (x - 0.7123), rng)) for _ in range(SEARCHES)]
    assert sum(not has(each, 0.7123) for each in found) <= ALLOWED


def test_load_can_grow_by_a_factor_until_the_verdict_turns():
    """The margin is 1.30 - factor in units of 0.02: of the powers of 1.05, 1.276 holds and 1.340 does not."""
    noisy = Noisy(lambda x: (1.30 - x) / 0.02, np.random.default_rng(9))
    found = growth_margin(noisy)
    assert (found.answer, found.low, found.high) == pytest.approx((1.05**5, 1.05**5, 1.05**6))
    assert max(x for x, _, _ in noisy.asked) == pytest.approx(1.05**8)


def test_load_that_is_too_high_already_has_a_factor_below_one():
    """It holds up to 0.8 of today: 0.784 = 1.05 ** -5 is the largest power of 1.05 that does, and 0.823 fails."""
    found = growth_margin(exact(lambda x: 0.8 - x))
    assert (found.answer, found.low, found.high) == pytest.approx((1.05**-5, 1.05**-5, 1.05**-4))
    assert growth_margin(exact(lambda x: 1), most=2.0).answer == pytest.approx(1.05**15)


def test_a_grown_scenario_has_a_multiple_of_every_rate(tmp_path):
    """10/s by 1.5, and every stage of a ramp; a trace has no rate to multiply, and says where it is written."""
    file = tmp_path / "s.yaml"
    file.write_text(SMALL)
    assert load(file, grown(load(file), 1.5)).scenario.arrivals.rate == 15.0
    ramp = "{duration: 1 min, rate: 2/s, start: 1/s}, {duration: 2 min, rate: 4/s}"
    file.write_text(SMALL.replace("rate: 10/s", f"ramp: [{ramp}]"))
    stages = load(file, grown(load(file), 0.5)).scenario.arrivals.ramp
    assert [(stage.duration, stage.rate, stage.start) for stage in stages] == [(60, 1.0, 0.5), (120, 2.0, None)]
    (tmp_path / "t.csv").write_text("t\n1\n700\n")
    file.write_text(SMALL.replace("rate: 10/s", "trace: {file: t.csv, column: t}"))
    with pytest.raises(ScenarioError, match=r"s\.yaml:2:19  arrivals\.trace  has arrivals that cannot be multiplied"):
        grown(load(file), 2.0)
