"""Distributions: against scipy.stats, against their own definitions, and by hand.

A law is drawn by `ppf(u)`, so its quantile function is what must be right; `cdf` and `mean` must agree with it.
"""

import pickle
from math import exp, expm1, inf, log, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from sim.kernel.distributions import (
    Constant,
    Distribution,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Mixture,
    Pareto,
    Quantiles,
    Scipy,
    Shifted,
    Truncated,
    Uniform,
    Weibull,
)
from sim.kernel.percentiles import from_percentiles

LEAST, MOST = 2.0**-53, 1 - 2.0**-53
"""The smallest and the largest uniform that is ever drawn."""
GRID = np.concatenate([[LEAST, 1e-9], np.linspace(0.001, 0.999, 500), [1 - 1e-9]])

ORACLES = {
    "uniform": (Uniform(2.0, 5.0), stats.uniform(2.0, 3.0)),
    "exponential": (Exponential(3.0), stats.expon(scale=3.0)),
    "lognormal": (Lognormal(0.4, 0.784), stats.lognorm(0.784, scale=0.4)),
    "gamma": (Gamma(2.5, 0.7), stats.gamma(2.5, scale=0.7)),
    "gamma of a small shape": (Gamma(0.3, 2.0), stats.gamma(0.3, scale=2.0)),
    "weibull": (Weibull(0.7, 2.0), stats.weibull_min(0.7, scale=2.0)),
    "pareto": (Pareto(2.5, 1.5), stats.pareto(2.5, scale=1.5)),
    "scipy": (Scipy("burr12", (2.0, 3.0), 0.5, 4.0), stats.burr12(2.0, 3.0, loc=0.5, scale=4.0)),
    "shifted": (Shifted(Exponential(3.0), 2.0), stats.expon(loc=2.0, scale=3.0)),
    "shifted twice": (Shifted(Shifted(Gamma(2.0, 1.0), 2.0), -1.5), stats.gamma(2.0, loc=0.5)),
    "truncated above": (Truncated(Exponential(3.0), 0.0, 5.0), stats.truncexpon(5 / 3, scale=3.0)),
    "truncated below": (Truncated(Exponential(3.0), 5.0), stats.expon(loc=5.0, scale=3.0)),
    "truncated to both sides": (
        Truncated(Weibull(1.7, 2.0), 1.0, 4.0),
        stats.truncweibull_min(1.7, 0.5, 2.0, scale=2.0),
    ),
    "truncated heavy tail": (Truncated(Pareto(0.8, 1.5), 0.0, 15.0), stats.truncpareto(0.8, 10.0, scale=1.5)),
    "truncated normal": (Truncated(Scipy("norm"), 0.0), stats.truncnorm(0.0, inf)),
}
"""Laws and what scipy.stats calls the same."""

CONTINUOUS = {name: law for name, (law, _) in ORACLES.items()} | {
    "quantiles": Quantiles((0.0, 0.5, 0.98, 1.0), (1.0, 2.0, 10.0, 30.0)),
    "mixture": Mixture((0.9, 0.1), (Lognormal(0.4, 0.5), Pareto(1.5, 5.0))),
    "mixture of mixtures": Mixture((0.5, 0.5), (Mixture((1.0, 3.0), (Uniform(0, 1), Uniform(0, 9))), Gamma(2.0, 1.0))),
}
STEPPED = {
    "constant": Constant(0.25),
    "empirical": Empirical((3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0, 5.0, 3.0, 5.0)),
    "mixture with atoms": Mixture((0.3, 0.2, 0.5), (Constant(0.0), Constant(2.0), Exponential(1.0))),
    "mixture of constants": Mixture((0.3, 0.7), (Constant(1.0), Constant(2.0))),
    "shifted steps": Shifted(Empirical((1.0, 2.0, 4.0)), 0.5),
    "truncated steps": Truncated(Empirical((1.0, 2.0, 4.0, 8.0)), 2.0, 4.0),
    "flat quantiles": Quantiles((0.0, 0.3, 0.6, 1.0), (1.0, 1.0, 2.0, 2.0)),
}
ALL = CONTINUOUS | STEPPED


def of(laws):
    """Return a parametrisation over named laws."""
    return pytest.mark.parametrize("law", laws.values(), ids=laws.keys())


# --- against scipy.stats ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("law", "oracle"), ORACLES.values(), ids=ORACLES.keys())
def test_quantiles_probabilities_and_means_are_those_of_scipy(law, oracle):
    """`ppf`, `cdf` and `mean` agree with scipy.stats, over the whole range of a draw."""
    assert law.ppf(GRID) == pytest.approx(oracle.ppf(GRID), rel=1e-6, abs=1e-9)
    values = oracle.ppf(np.linspace(0.001, 0.999, 500))
    assert law.cdf(values) == pytest.approx(oracle.cdf(values), rel=1e-9)
    assert law.mean == pytest.approx(oracle.mean(), rel=1e-9)


positive = st.floats(0.05, 20.0)


@settings(max_examples=100, deadline=None)
@given(first=positive, second=positive, u=st.floats(0.001, 0.999))
def test_any_parameters_give_the_quantiles_of_scipy(first, second, u):
    """Each parametric law agrees with scipy.stats for any parameters."""
    for law, oracle in (
        (Uniform(first, first + second), stats.uniform(first, second)),
        (Exponential(first), stats.expon(scale=first)),
        (Lognormal(first, second), stats.lognorm(second, scale=first)),
        (Gamma(first, second), stats.gamma(first, scale=second)),
        (Weibull(first, second), stats.weibull_min(first, scale=second)),
        (Pareto(first, second), stats.pareto(first, scale=second)),
    ):
        assert law.quantile(u) == pytest.approx(oracle.ppf(u), rel=1e-9)
        assert law.cdf(oracle.ppf(u)) == pytest.approx(u, rel=1e-9)


# --- agreement of ppf, cdf and mean ----------------------------------------------------------------------------------


@of(CONTINUOUS)
def test_probabilities_are_the_inverse_of_quantiles(law):
    """cdf(ppf(u)) = u and ppf(cdf(x)) = x where the law is continuous."""
    u = np.linspace(0.001, 0.999, 997)
    assert law.cdf(law.ppf(u)) == pytest.approx(u, abs=1e-12)
    x = law.ppf(u)
    assert law.ppf(law.cdf(x)) == pytest.approx(x, rel=1e-9)


@of(ALL)
def test_a_quantile_is_the_smallest_value_that_reaches_its_probability(law):
    """ppf(u) is the smallest x with cdf(x) >= u: it reaches u, up to rounding, and nothing clearly below it does."""
    u = np.concatenate([np.linspace(0.001, 0.999, 997), np.arange(1, 11) / 11])
    x = law.ppf(u)
    assert np.all(law.cdf(x) >= u - 1e-12)
    assert np.all(law.cdf(x - 1e-6 * np.maximum(x, 1.0)) <= u + 1e-12)


@of(ALL)
def test_the_mean_is_the_area_above_the_probabilities(law):
    """The mean is the integral of 1 - cdf from 0 on: by trapezes 0.013% apart from 1e-9 to 1e13, and so to 0.02%."""
    x = np.concatenate([[0.0], np.geomspace(1e-9, 1e13, 400_001)])
    assert law.mean == pytest.approx(integrate.trapezoid(1 - law.cdf(x), x), rel=2e-4)


@of(ALL)
def test_a_greater_uniform_never_gives_a_smaller_value(law):
    """Quantiles rise with u, so the same uniform has the same rank in every law (common random numbers)."""
    assert np.all(np.diff(law.ppf(np.sort(GRID))) >= 0)


@of(ALL)
def test_every_draw_is_finite_and_not_negative(law):
    """Also those of the smallest and of the largest uniform that is ever drawn."""
    drawn = law.ppf(np.array([LEAST, MOST]))
    assert np.all(np.isfinite(drawn))
    assert np.all(drawn >= 0)


@of(ALL)
def test_a_law_is_evaluated_in_the_shape_of_what_is_asked(law):
    """A block gives a block of the same values as single uniforms do; one float gives one value."""
    u = np.linspace(0.01, 0.99, 12).reshape(3, 4)
    block = law.ppf(u)
    assert block.shape == (3, 4)
    assert np.shape(law.ppf(0.25)) == ()
    assert np.shape(law.cdf(0.25)) == ()
    assert block.ravel().tolist() == [float(law.ppf(one)) for one in u.ravel()]
    assert law.quantile(float(u[1, 2])) == block[1, 2]


@of(ALL)
def test_laws_compare_by_value_and_survive_pickling(law):
    """A pickled copy is equal and has the same hash and draws, also after the law has been used."""
    law.ppf(0.5)
    copy = pickle.loads(pickle.dumps(law))  # noqa: S301 - pickled in the line itself
    assert copy == law
    assert hash(copy) == hash(law)
    assert copy.ppf(GRID).tolist() == law.ppf(GRID).tolist()
    assert isinstance(law, Distribution)


def test_laws_with_other_parameters_are_not_equal():
    """Every law differs from every other of the list, and from the same law with another parameter."""
    assert len(set(ALL.values())) == len(ALL)
    assert Exponential(1.0) != Exponential(2.0)
    assert Truncated(Exponential(1.0), 0.0, 5.0) != Truncated(Exponential(1.0), 0.0, 6.0)
    assert Weibull(2.0, 3.0) != Gamma(2.0, 3.0)


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_a_constant_is_itself():
    """All probability lies on 4."""
    law = Constant(4.0)
    assert law.ppf(np.array([0.1, 0.9])).tolist() == [4.0, 4.0]
    assert law.cdf(np.array([3.99, 4.0, 4.01])).tolist() == [0.0, 1.0, 1.0]
    assert law.mean == 4.0


def test_closed_forms_at_round_probabilities():
    """Exponential: median = mean ln 2. Weibull: p(1 - 1/e) = scale. Lognormal: p50 = median. Pareto: p75 of shape 2."""
    assert Exponential(3.0).quantile(0.5) == pytest.approx(3 * log(2), rel=1e-14)
    assert Weibull(0.7, 2.0).quantile(-expm1(-1.0)) == pytest.approx(2.0, rel=1e-12)
    assert Lognormal(0.4, 0.784).quantile(0.5) == pytest.approx(0.4, rel=1e-14)
    assert Pareto(2.0, 1.5).quantile(0.75) == pytest.approx(3.0, rel=1e-14)
    assert Lognormal(0.4, 0.784).mean == pytest.approx(0.4 * exp(0.784**2 / 2), rel=1e-14)


def test_a_pareto_of_shape_one_or_less_has_no_mean():
    """The integral of its tail diverges, and truncating it below does not help; truncating it above does."""
    assert Pareto(1.0, 2.0).mean == inf
    assert Truncated(Pareto(0.9, 1.0), 2.0).mean == inf
    assert Mixture((0.99, 0.01), (Constant(1.0), Pareto(0.9, 1.0))).mean == inf
    assert Truncated(Pareto(1.0, 1.0), 0.0, exp(1.0)).mean == pytest.approx(1 / (1 - exp(-1.0)), rel=1e-9)


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_measured_values_have_their_own_quantiles(values):
    """The k-th smallest of n is the quantile at k / n and just above (k - 1) / n; p7 of 1..100 is 7, not 8."""
    law, n = Empirical(tuple(values)), len(values)
    assert law.ppf(np.arange(1, n + 1) / n).tolist() == sorted(values)
    assert law.ppf((np.arange(n) + 1e-9) / n).tolist() == sorted(values)
    assert law.mean == pytest.approx(sum(values) / n)
    assert Empirical(tuple(map(float, range(1, 101)))).quantile(0.07) == 7.0


def test_a_table_of_quantiles_is_linear_in_between():
    """p0 = 1, p50 = 2, p98 = 10, p100 = 30: p25 = 1.5, p74 = 6, p99 = 20; mean 0.75 + 2.88 + 0.4."""
    law = Quantiles((0.0, 0.5, 0.98, 1.0), (1.0, 2.0, 10.0, 30.0))
    assert law.ppf(np.array([0.0, 0.25, 0.5, 0.74, 0.98, 0.99, 1.0])) == pytest.approx([1, 1.5, 2, 6, 10, 20, 30])
    assert law.cdf(np.array([0.5, 1.0, 1.5, 6.0, 20.0, 30.0, 99.0])) == pytest.approx([0, 0, 0.25, 0.74, 0.99, 1, 1])
    assert law.mean == pytest.approx(0.5 * 1.5 + 0.48 * 6.0 + 0.02 * 20.0)


def test_a_flat_table_puts_probability_on_one_value():
    """p0 = p30 = 1, p60 = p100 = 2: 30% at 1, 40% at 2, the rest in between."""
    law = Quantiles((0.0, 0.3, 0.6, 1.0), (1.0, 1.0, 2.0, 2.0))
    assert law.cdf(np.array([0.99, 1.0, 1.5, 1.999999, 2.0])) == pytest.approx([0.0, 0.3, 0.45, 0.6, 1.0], abs=1e-6)
    assert law.ppf(np.array([0.1, 0.45, 0.8])) == pytest.approx([1.0, 1.5, 2.0])


def test_a_mixture_of_constants_gives_exactly_these():
    """30% of 1 and 70% of 2: up to 30% the value is 1, to the last bit, and above it is 2."""
    law = Mixture((0.3, 0.7), (Constant(1.0), Constant(2.0)))
    assert law.ppf(np.array([LEAST, 0.2, 0.3, 0.3 + 1e-9, 0.9, MOST])).tolist() == [1.0, 1.0, 1.0, 2.0, 2.0, 2.0]


def test_a_mixture_with_zero_gives_exactly_zero():
    """90% of 0 and 10% exponential: 0 up to 90%, then the exponential's quantile at 10 u - 9."""
    law = Mixture((0.9, 0.1), (Constant(0.0), Exponential(2.0)))
    assert law.ppf(np.array([0.1, 0.5, 0.9])).tolist() == [0.0, 0.0, 0.0]
    assert law.ppf(np.array([0.95, 0.99])) == pytest.approx([-2 * log(0.5), -2 * log(0.1)], rel=1e-12)


def test_the_weights_of_a_mixture_are_relative():
    """Weights 1 and 3 are weights 25% and 75%; two uniforms side by side are a table of quantiles."""
    law = Mixture((1.0, 3.0), (Uniform(0.0, 1.0), Uniform(1.0, 5.0)))
    assert law.ppf(np.array([0.125, 0.25, 0.625])) == pytest.approx([0.5, 1.0, 3.0])
    assert law.cdf(np.array([0.5, 1.0, 3.0])) == pytest.approx([0.125, 0.25, 0.625])
    assert law.mean == pytest.approx(0.25 * 0.5 + 0.75 * 3.0)


@settings(max_examples=50, deadline=None)
@given(weight=st.floats(0.01, 0.99), slow=positive, u=st.floats(0.001, 0.999))
def test_a_mixture_of_exponentials_is_hyperexponential(weight, slow, u):
    """cdf(x) = 1 - w exp(-x) - (1 - w) exp(-x / slow), and ppf is its inverse."""
    x = Mixture((weight, 1 - weight), (Exponential(1.0), Exponential(slow))).quantile(u)
    assert 1 - weight * exp(-x) - (1 - weight) * exp(-x / slow) == pytest.approx(u, rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(low=st.floats(0, 5), width=st.floats(0.01, 100), u=st.floats(LEAST, MOST))
def test_a_truncated_draw_lies_between_its_limits(low, width, u):
    """Whatever the limits and the uniform; the law in between is that of all values, given that they are there."""
    law = Truncated(Lognormal(1.0, 1.0), low, low + width)
    x = law.quantile(u)
    assert low <= x <= low + width
    whole = stats.lognorm(1.0)
    share = (whole.cdf(x) - whole.cdf(low)) / (whole.cdf(low + width) - whole.cdf(low))
    assert share == pytest.approx(u, abs=1e-6)


def test_a_value_on_a_limit_is_kept():
    """1, 2, 4 and 8, truncated to 2..4, are 2 and 4; to 8 and more, 8; a constant survives on its own limit."""
    measured = Empirical((1.0, 2.0, 4.0, 8.0))
    assert Truncated(measured, 2.0, 4.0).ppf(np.array([0.1, 0.5, 0.51, 0.9])).tolist() == [2.0, 2.0, 4.0, 4.0]
    assert Truncated(measured, 8.0).mean == 8.0
    assert Truncated(Constant(3.0), 3.0, 3.0).quantile(0.5) == 3.0
    assert Truncated(Shifted(Constant(1.0), 2.0), 3.0).mean == 3.0


def test_a_truncation_deep_in_the_tail_stays_finite():
    """Beyond 30 means an exponential has a share of 1e-13, where probabilities are coarse: no draw is infinite."""
    law = Truncated(Exponential(1.0), 30.0)
    drawn = law.ppf(np.array([LEAST, 0.5, MOST]))
    assert np.all((drawn >= 30.0) & (drawn < 40.0))


@pytest.mark.parametrize("limits", [(6.0, 9.0), (0.0, 1.0)])
def test_a_truncation_that_leaves_nothing_is_refused(limits):
    """A uniform from 2 to 5 has no values from 6 to 9, nor up to 1."""
    with pytest.raises(ValueError, match="no probability lies between the limits"):
        Truncated(Uniform(2.0, 5.0), *limits).ppf(0.5)


# --- percentiles -----------------------------------------------------------------------------------------------------

probabilities = st.floats(0.005, 0.995)


@settings(max_examples=100, deadline=None)
@given(p=probabilities, value=st.floats(1e-3, 1e4))
def test_one_percentile_fixes_a_constant_and_an_exponential(p, value):
    """The law has the value at the percentile."""
    for kind, expected in (("constant", Constant(value)), ("exponential", Exponential(-value / log(1 - p)))):
        law = from_percentiles(kind, {p: value})
        assert law.quantile(p) == pytest.approx(value, rel=1e-12)
        assert law.mean == pytest.approx(expected.mean, rel=1e-12)


@pytest.mark.parametrize("kind", ["lognormal", "gamma", "weibull", "pareto", "uniform"])
@settings(max_examples=100, deadline=None)
@given(
    p=st.tuples(probabilities, probabilities).map(sorted).filter(lambda pair: pair[1] - pair[0] > 0.05),
    low=st.floats(1e-3, 1e3),
    ratio=st.floats(1.01, 50.0),
)
def test_two_percentiles_are_hit_exactly(kind, p, low, ratio):
    """The law of each kind has both values at both percentiles; where none has, that is said, not approximated."""
    points = {p[0]: low, p[1]: low * ratio}
    if kind == "uniform" and low - p[0] * (low * ratio - low) / (p[1] - p[0]) < 0:
        with pytest.raises(ValueError, match="has negative values; raise the lower one"):
            from_percentiles(kind, points)
        return
    law = from_percentiles(kind, points)
    assert type(law).__name__.lower() == kind
    assert law.quantile(p[0]) == pytest.approx(low, rel=1e-9)
    assert law.quantile(p[1]) == pytest.approx(low * ratio, rel=1e-9)


def test_the_lognormal_of_the_median_and_p98_is_that_of_the_text_book():
    """p50 = 0.4 s and p98 = 2 s: median 0.4 and sigma = ln 5 / z(0.98), z(0.98) = 2.0537489106 (normal tables)."""
    law = from_percentiles("lognormal", {0.98: 2.0, 0.5: 0.4})
    assert isinstance(law, Lognormal)
    assert law.median == pytest.approx(0.4, rel=1e-12)
    assert law.sigma == pytest.approx(log(5) / 2.0537489106318225, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "points", "problem"),
    [
        ("mixture", {0.5: 1.0}, "mixture cannot be given by percentiles; write constant, "),
        ("exponential", {0.5: 1.0, 0.9: 2.0}, "exponential is fixed by 1 percentile.s., not 2"),
        ("lognormal", {0.5: 1.0}, "lognormal is fixed by 2 percentile.s., not 1"),
        ("lognormal", {}, "lognormal is fixed by 2 percentile.s., not 0"),
        ("lognormal", {0.5: 2.0, 0.9: 1.0}, "percentiles are out of order: p50 is not below p90"),
        ("lognormal", {0.5: 2.0, 0.9: 2.0}, "percentiles are out of order: p50 is not below p90"),
        ("lognormal", {0.5: 2.0, 1.0: 3.0}, "p100 is not between p0 and p100"),
        ("exponential", {0.0: 2.0}, "p0 is not between p0 and p100"),
        ("weibull", {0.5: 0.0, 0.9: 2.0}, "the value at p50 is not positive"),
        ("weibull", {0.5: 1.0, 0.9: inf}, "the value at p90 is not positive and finite"),
        ("weibull", {0.5: nan, 0.9: 1.0}, "the value at p50 is not positive and finite"),
        ("gamma", {0.5: 1.0, 0.98: 1.0001}, "no gamma distribution has these percentiles"),
    ],
)
def test_percentiles_that_fix_no_law_are_answered_with_what_to_write(kind, points, problem):
    """Too many, too few, out of order, out of range, not positive, not finite, or more extreme than the kind allows."""
    with pytest.raises(ValueError, match=problem):
        from_percentiles(kind, points)
