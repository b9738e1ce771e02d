"""Morris's effects and Sobol's indices of functions whose are known, and the ledger made of them.

Intervals of Ishigami's function are 99% intervals: of six that are exact one misses with probability 6% at most; the
seed is fixed. A coverage test over 300 studies wants 28 misses at most at 95%, which is exceeded with probability 6e-4.
"""

import sys
from math import isnan, nan, pi

import numpy as np
import pytest
from SALib.analyze import morris as reference

from sim.analysis.intervals import Estimate
from sim.analysis.slo import Slo, judge
from sim.experiment.design import assignments
from sim.experiment.effects import Effect, morris_design, morris_effects, sobol_design, sobol_indices
from sim.experiment.extras import MissingExtraError
from sim.experiment.ledger import Yardstick, ledger, yardsticks
from sim.experiment.ranges import Factor
from sim.experiment.span import Span
from sim.scenario.load import Position


def factor(name, *, source=None, span=None):
    """Return a factor from 0 to 1."""
    assumed = None if source else "a guess"
    return Factor((name,), span or Span(0, 1), "0.5", "0", "1", assumed, source, Position("s", 1, 1))


THREE = tuple(map(factor, ("a", "b", "c")))


def ishigami(cube):
    """Return sin x1 + 7 sin^2 x2 + 0.1 x3^4 sin x1 over [-pi, pi]^3 (Ishigami and Homma 1990)."""
    x1, x2, x3 = (2 * cube - 1).T * pi
    return np.sin(x1) + 7 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)


# --- Morris ---------------------------------------------------------------------------------------------------------


def test_a_linear_function_has_its_slopes_as_effects():
    """3a - 2b + 0c: mu 3, -2 and 0, mu* 3, 2 and 0, and no spread, since nothing interacts."""
    study = morris_design(THREE, 5, seed=1)
    effects = morris_effects(study, {"y": study.cube @ [3, -2, 0]})
    assert [effect.factor for effect in effects] == list(THREE)
    assert [effect.mu for effect in effects] == pytest.approx([3, -2, 0])
    assert [effect.mu_star.mean for effect in effects] == pytest.approx([3, 2, 0])
    assert [effect.sigma for effect in effects] == pytest.approx([0, 0, 0], abs=1e-12)
    assert {effect.mu_star.n for effect in effects} == {5}


def test_a_design_has_one_point_more_than_factors_in_every_trajectory():
    """Each step moves one factor by two thirds, and every factor once; the same seed gives the same design."""
    study = morris_design(THREE, 4, seed=3)
    assert study.cube.shape == (len(study), 3) == (16, 3)
    moved = np.diff(study.cube.reshape(4, 4, 3), axis=1)
    assert np.abs(moved).sum(axis=2) == pytest.approx(np.full((4, 3), 2 / 3))
    assert (np.abs(moved) > 0.5).sum(axis=1) == pytest.approx(np.ones((4, 3)))
    assert np.array_equal(study.cube, morris_design(THREE, 4, seed=3).cube)
    assert not np.array_equal(study.cube, morris_design(THREE, 4, seed=4).cube)


def test_effects_are_those_of_the_reference():
    """SALib's own analysis of the same points has the same mu, mu* and sigma."""
    study = morris_design(THREE, 20, seed=5)
    values = ishigami(study.cube)
    found = morris_effects(study, {"y": values})
    problem = {"num_vars": 3, "names": ["a", "b", "c"], "bounds": [[0, 1]] * 3}
    theirs = reference.analyze(problem, study.cube, values, num_levels=4, seed=1)
    for name in ("mu", "sigma"):
        assert [getattr(effect, name) for effect in found] == pytest.approx(list(theirs[name]))
    assert [effect.mu_star.mean for effect in found] == pytest.approx(list(theirs["mu_star"]))
    assert min(effect.mu_star.low for effect in found) >= 0


def test_the_interval_of_mu_star_has_the_truth_as_often_as_it_says():
    """Of y = ab the effect of a is b, whose mean over the grid is 1/2: in 28 of 300 studies at most it is missed."""
    misses = 0
    for seed in range(300):
        study = morris_design(THREE[:2], 10, seed)
        size = morris_effects(study, {"y": study.cube.prod(axis=1)})[0].mu_star
        misses += not size.low <= 0.5 <= size.high
    assert misses <= 28


def test_a_trajectory_without_a_value_does_not_count():
    """One of five points lacks it: four trajectories are left; without any, there is nothing to say."""
    study = morris_design(THREE, 5, seed=1)
    values = study.cube @ [3, -2, 0]
    values[7] = nan
    some, none = morris_effects(study, {"y": values})[0], morris_effects(study, {"y": np.full(20, nan)})[0]
    assert (some.mu_star.n, some.mu_star.mean) == (4, pytest.approx(3))
    assert (none.mu_star.n, isnan(none.mu), isnan(none.mu_star.mean)) == (0, True, True)


# --- Sobol ----------------------------------------------------------------------------------------------------------


def test_ishigami_s_function_has_the_indices_of_the_textbook():
    """First 0.3139, 0.4424, 0 and total 0.5576, 0.4424, 0.2437, in closed form (a = 7, b = 0.1)."""
    variance = 7**2 / 8 + 0.1 * pi**4 / 5 + 0.1**2 * pi**8 / 18 + 1 / 2
    alone = [(1 + 0.1 * pi**4 / 5) ** 2 / 2 / variance, 7**2 / 8 / variance, 0]
    with_others = 8 * 0.1**2 * pi**8 / 225 / variance
    totals = [alone[0] + with_others, alone[1], with_others]
    assert [*alone, *totals] == pytest.approx([0.3139, 0.4424, 0, 0.5576, 0.4424, 0.2437], abs=1e-4)
    study = sobol_design(THREE, 1024, seed=1)
    assert len(study) == 1024 * 5
    found = sobol_indices(study, {"y": ishigami(study.cube)}, confidence=0.99)
    for index, first, total in zip(found, alone, totals, strict=True):
        assert index.first.low <= first <= index.first.high
        assert index.total.low <= total <= index.total.high
        assert (index.first.mean, index.total.mean) == pytest.approx((first, total), abs=0.05)
        assert index.first.high - index.first.low < 0.35


def test_indices_of_what_does_not_vary_are_not_known():
    """A variance of zero has no parts; and points without a value leave those that are derived from them out."""
    study = sobol_design(THREE, 8, seed=2)
    constant = sobol_indices(study, {"y": np.ones(len(study))})[0]
    assert (isnan(constant.first.mean), isnan(constant.total.high), constant.first.n) == (True, True, 8)
    values = ishigami(study.cube)
    values[0] = nan
    assert {index.first.n for index in sobol_indices(study, {"y": values})} == {7}


def test_indices_are_the_same_for_the_same_seed_also_for_zero():
    """Bootstrap intervals too: nothing comes from a generator that others draw from."""
    study = sobol_design(THREE, 16, seed=0)
    values = ishigami(study.cube)
    assert sobol_indices(study, {"y": values}) == sobol_indices(study, {"y": values})


# --- studies --------------------------------------------------------------------------------------------------------


def test_the_points_of_a_study_are_assignments():
    """Numbered from 0, in the units of the factors; the steps of two thirds of 1 s to 4 s are 2 s."""
    workers = Span(1, 100, whole=True, log=True)
    study = morris_design([factor("a", span=Span(1, 4, "s")), factor("b", span=workers)], 2, 1)
    assert study.paths == ("a", "b")
    assert {point.values["a"] for point in study} <= {"1 s", "2 s", "3 s", "4 s"}
    assert [point.number for point in study] == list(range(6))
    assert assignments(study[0]) == (f"a={study[0].values['a']}", f"b={study[0].values['b']}")
    with pytest.raises(IndexError, match="point 6 of 6"):
        study[6]


def test_designs_that_make_no_sense_are_refused():
    """One trajectory has no spread, no factor nothing to move, and Sobol's points come in powers of two."""
    for wrong in (lambda: morris_design(THREE, 1), lambda: morris_design([], 5), lambda: sobol_design([], 8)):
        with pytest.raises(ValueError, match="of 1 or more"):
            wrong()
    with pytest.raises(ValueError, match="12 points of 3 factors: take a power of two"):
        sobol_design(THREE, 12)
    with pytest.raises(ValueError, match="y has 3 values for 16 points"):
        morris_effects(morris_design(THREE, 4), {"y": [1.0, 2.0, 3.0]})


def test_a_missing_extra_says_how_it_is_installed(monkeypatch):
    """SALib is optional."""
    monkeypatch.setitem(sys.modules, "SALib.sample.morris", None)
    with pytest.raises(MissingExtraError, match=r'install it with: pip install "pagopa-sim\[sensitivity\]"'):
        morris_design(THREE, 4)


# --- the ledger -----------------------------------------------------------------------------------------------------

SLOW, LATE = (Slo(text, text, None, "", "", "<", limit) for text, limit in (("slow < 5", 5.0), ("late < 2%", 0.02)))


def effect(of, output, size):
    """Return an effect whose interval is half of its size to either side."""
    return Effect(of, output, size, Estimate(size, size / 2, size * 1.5, 10), 0.0)


def test_yardsticks_are_distances_to_limits_and_half_widths():
    """4 s against 5 s, 1.5% against 2%, and an interval of 10 to 14."""
    judged = [judge(SLOW, Estimate(4.0, 3.0, 4.5, 9)), judge(LATE, Estimate(0.015, 0.01, 0.03, 9))]
    found = yardsticks(judged, {"paid": Estimate(12.0, 10.0, 14.0, 9)})
    assert list(found) == ["paid", "slow < 5", "late < 2%"]
    assert [each.distance for each in found.values()] == pytest.approx([2, 1, 0.005])
    assert [each.of_slo for each in found.values()] == [False, True, True]


def test_assumptions_are_ranked_by_the_slo_that_rests_on_them_most():
    """Of a, slow is moved by 0.5 of 1 and late by 0.002 of 0.005 (0.4); of b, late by 0.01: twice the distance.

    The number c has a source and is not in the ledger. That d moves what has no SLO by 100 half-widths is no answer.
    """
    a, b, c, d = factor("a"), factor("b"), factor("c", source="a table"), factor("d")
    measured = {"slow": Yardstick(1.0, of_slo=True), "late": Yardstick(0.005, of_slo=True)}
    measured["paid"] = Yardstick(2.0, of_slo=False)
    rows = ledger(
        [
            effect(a, "slow", 0.5), effect(a, "late", 0.002), effect(b, "slow", 0.1), effect(b, "late", 0.01),
            effect(c, "slow", 9.0), effect(d, "slow", 0.0), effect(d, "paid", 200.0), effect(d, "unknown", 1.0),
        ],
        measured,
    )  # fmt: skip
    ranked = [(row.rank, row.factor.name, row.output) for row in rows]
    assert ranked == [(1, "b", "late"), (2, "a", "slow"), (3, "d", "slow")]
    assert [row.weight.mean for row in rows] == pytest.approx([2.0, 0.5, 0.0])
    assert [row.turns for row in rows] == [True, False, False]
    assert (rows[0].weight.low, rows[0].weight.high) == pytest.approx((1.0, 3.0))
    assert rows[0].effect.mu_star.mean == 0.01
    assert {name: weight.mean for name, weight in rows[1].weights.items()} == pytest.approx({"slow": 0.5, "late": 0.4})
    assert rows[2].weights["paid"].mean == 100


def test_without_slos_the_answer_is_the_metrics():
    """Effects are then counted in half-widths, and nothing can turn."""
    found = [effect(THREE[0], "paid", 3.0), effect(THREE[1], "paid", 5.0)]
    rows = ledger(found, {"paid": Yardstick(2.0, of_slo=False)})
    assert [(row.factor.name, row.weight.mean, row.turns) for row in rows] == [("b", 2.5, False), ("a", 1.5, False)]


def test_at_the_limit_any_effect_is_worth_more_than_all():
    """An SLO met to the last digit rests on whatever moves it; on what does not, it does not; unknown comes last."""
    at_limit = {"slow": Yardstick(0.0, of_slo=True)}
    rows = ledger([effect(factor(n), "slow", s) for n, s in (("a", 0.0), ("b", 1e-9), ("c", nan))], at_limit)
    assert [(row.factor.name, row.turns) for row in rows] == [("b", True), ("a", False), ("c", False)]
    assert rows[0].weight.mean == float("inf")
