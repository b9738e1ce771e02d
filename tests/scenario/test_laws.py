"""Laws as a person writes them; expected values are the textbook forms of the laws, worked out beside each."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel import distributions as law
from sim.scenario.distributions import ALL_KINDS, delay_s, describe, euros
from sim.scenario.flaws import FlawError

Z98 = 2.0537489106318225
"""The normal quantile of 98%."""


def flaws(value, read=delay_s):
    """Return what is wrong with a law: the keys that lead there, and what is said."""
    with pytest.raises(ValueError, match=";") as error:
        read(value)
    if isinstance(error.value, FlawError):
        return [(".".join(flaw.keys), flaw.said) for flaw in error.value.flaws]
    return [("", str(error.value))]


# --- every kind -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("400 ms", law.Constant(0.4)),
        (0, law.Constant(0.0)),
        ({"constant": "2 s"}, law.Constant(2.0)),
        ({"constant": {"value": "0 s"}}, law.Constant(0.0)),
        ({"uniform": {"low": "0 s", "high": "2 s"}}, law.Uniform(0.0, 2.0)),
        ({"exponential": {"mean": "2 min"}}, law.Exponential(120.0)),
        ({"lognormal": {"median": "1 s", "sigma": 0.5}}, law.Lognormal(1.0, 0.5)),
        ({"gamma": {"scale": "100 ms", "shape": 2}}, law.Gamma(2.0, 0.1)),
        ({"weibull": {"scale": "1 s", "shape": 1.5}}, law.Weibull(1.5, 1.0)),
        ({"pareto": {"minimum": "10 ms", "shape": 2}}, law.Pareto(2.0, 0.01)),
        ({"empirical": {"values": ["1 s", "250 ms"]}}, law.Empirical((1.0, 0.25))),
        ({"quantiles": {"100%": "3 s", "0%": "0 s", "50%": "1 s"}}, law.Quantiles((0.0, 0.5, 1.0), (0.0, 1.0, 3.0))),
        ({"scipy": {"name": "burr12", "c": 2, "d": 3, "scale": "1 s"}}, law.Scipy("burr12", (2.0, 3.0), 0.0, 1.0)),
        ({"scipy": {"name": "expon", "loc": "1 s", "scale": "2 s"}}, law.Scipy("expon", (), 1.0, 2.0)),
        (
            {"mixture": [{"weight": "90%", "constant": "1 s"}, {"weight": 0.1, "exponential": {"mean": "1 min"}}]},
            law.Mixture((0.9, 0.1), (law.Constant(1.0), law.Exponential(60.0))),
        ),
        ({"exponential": {"mean": "1 s"}, "shift": "2 s"}, law.Shifted(law.Exponential(1.0), 2.0)),
        ({"exponential": {"mean": "1 s"}, "truncate": {"high": "3 s"}}, law.Truncated(law.Exponential(1.0), 0.0, 3.0)),
        (
            {"exponential": {"mean": "1 s"}, "shift": "2 s", "truncate": {"low": "3 s", "high": "9 s"}},
            law.Truncated(law.Shifted(law.Exponential(1.0), 2.0), 3.0, 9.0),
        ),
    ],
)
def test_every_kind_of_law_is_read_with_its_units(written, read):
    """Quantities become seconds; shapes stay numbers; a shift comes before a truncation."""
    assert delay_s(written) == read


def test_amounts_are_cents():
    """65 EUR are 6500 cents, in every parameter that is an amount."""
    assert euros("65 EUR") == law.Constant(6500.0)
    assert euros({"lognormal": {"median": "65 EUR", "sigma": 1.5}}) == law.Lognormal(6500.0, 1.5)
    assert euros({"scipy": {"name": "expon"}}) == law.Scipy("expon", (), 0.0, 100.0)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"constant": {"p50": "2 s"}}, law.Constant(2.0)),
        ({"exponential": {"p50": "1 s"}}, law.Exponential(1 / math.log(2))),
        ({"lognormal": {"p50": "400 ms", "p98": "2 s"}}, law.Lognormal(0.4, math.log(5) / Z98)),
        ({"uniform": {"p25": "2 s", "p75": "4 s"}}, law.Uniform(1.0, 5.0)),
        ({"weibull": {"p50": "1 s", "p75": "2 s"}}, law.Weibull(1.0, 1 / math.log(2))),
        ({"pareto": {"p50": "1 s", "p75": "2 s"}}, law.Pareto(1.0, 0.5)),
    ],
)
def test_percentiles_fix_a_law(written, read):
    """Solved by hand.

    Exponential: half are below mean x ln 2. Lognormal: ln(2 s / 0.4 s) is Z98 sigmas. Uniform: 2 s between quarters.
    Weibull and Pareto: half as many are above 2 s as above 1 s, so the shape is 1.
    """
    got = delay_s(written)
    assert type(got) is type(read)
    assert list(vars(got).values()) == pytest.approx(list(vars(read).values()), rel=1e-12)


def test_a_gamma_law_goes_through_its_percentiles():
    """A gamma law of shape 1 is exponential: median ln 2, 98th percentile ln 50."""
    got = delay_s({"gamma": {"p50": f"{math.log(2)!r} s", "p98": f"{math.log(50)!r} s"}})
    assert (got.shape, got.scale) == pytest.approx((1.0, 1.0), rel=1e-9)


def test_a_percentile_need_not_be_whole():
    """p99.9 of an exponential law is mean x ln 1000."""
    assert delay_s({"exponential": {"p99.9": f"{math.log(1000)!r} s"}}).mean == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(
    ("written", "loc", "scale"),
    [
        ({"name": "expon", "p50": "3 s"}, 0.0, 3 / math.log(2)),
        ({"name": "expon", "p50": f"{1 + 2 * math.log(2)!r} s", "p98": f"{1 + 2 * math.log(50)!r} s"}, 1.0, 2.0),
        ({"name": "norm", "p50": "3 s", "p98": f"{3 + 0.5 * Z98!r} s"}, 3.0, 0.5),
        ({"name": "weibull_min", "c": 2, "p75": "4 s"}, 0.0, 4 / math.sqrt(math.log(4))),
    ],
)
def test_percentiles_move_and_stretch_a_law_of_scipy(written, loc, scale):
    """Solved by hand: one percentile stretches the law, two move it as well.

    Exponential: 1 - p are above loc + scale ln(1 / (1 - p)). Normal: the median is loc. Weibull of shape 2: a quarter
    is above scale times the root of ln 4.
    """
    got = delay_s({"scipy": written, **({"truncate": {"low": 0}} if written["name"] == "norm" else {})})
    of = got.of if isinstance(got, law.Truncated) else got
    assert (of.loc, of.scale) == pytest.approx((loc, scale), rel=1e-9, abs=1e-9)


def test_a_law_of_scipy_that_may_be_negative_can_be_truncated():
    """A normal law around 1 s is negative for one in a thousand; cut off at 0 it is a law of times."""
    normal = {"name": "norm", "loc": "1 s", "scale": "333 ms"}
    assert flaws({"scipy": normal}) == [("", "has negative values; write truncate: {low: 0} beside it")]
    assert delay_s({"scipy": normal, "truncate": {"low": 0}}).quantile(1e-9) >= 0


# --- what is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "keys", "said"),
    [
        ({}, "", f"names no law; write 400 ms, or one of {', '.join(ALL_KINDS)}"),
        ({"shift": "1 s"}, "", f"names no law; write 400 ms, or one of {', '.join(ALL_KINDS)}"),
        (
            {"gamma": {}, "constant": 0},
            "",
            f"names gamma and constant; write 400 ms, or one of {', '.join(ALL_KINDS)}",
        ),
        ({"lognormale": {}}, "lognormale", "is no law; did you mean lognormal?"),
        (
            {"p98": "2 s"},
            "p98",
            "is no law; write the law around it, for example {lognormal: {p50: 400 ms, p98: 90 s}}",
        ),
        ({"lognormal": "2 s"}, "lognormal", "needs its parameters; write {lognormal: {median: 400 ms, sigma: 0.8}}"),
        ({"lognormal": {}}, "lognormal", "needs its parameters; write {lognormal: {median: 400 ms, sigma: 0.8}}"),
        ({"lognormal": {"median": "1 s"}}, "lognormal", "lacks sigma; write {lognormal: {median: 400 ms, sigma: 0.8}}"),
        (
            {"lognormal": {"median": "1 s", "sigma": 1, "mu": 0}},
            "lognormal.mu",
            "is no parameter of the law; write {lognormal: {median: 400 ms, sigma: 0.8}}",
        ),
        ({"lognormal": {"median": "1 s", "sigma": 0}}, "lognormal.sigma", "is not positive; write more than zero"),
        ({"lognormal": {"median": "0 s", "sigma": 1}}, "lognormal.median", "is not positive; write more than zero"),
        (
            {"lognormal": {"median": "1 s", "sigma": "1 s"}},
            "lognormal.sigma",
            "1 s is not a finite number; write for example 0.8",
        ),
        (
            {"gamma": {"scale": "1 s", "shape": math.nan}},
            "gamma.shape",
            "nan is not a finite number; write for example 0.8",
        ),
        (
            {"gamma": {"scale": "1 s", "shape": True}},
            "gamma.shape",
            "true is not a finite number; write for example 0.8",
        ),
        ({"exponential": {"mean": 0}}, "exponential.mean", "is not positive; write more than zero"),
        (
            {"exponential": {"mean": "-1 s"}},
            "exponential.mean",
            "-1 s is negative; write zero or more, for example 250 ms or 15 min",
        ),
        (
            {"uniform": {"low": "2 s", "high": "2 s"}},
            "uniform",
            "has low not below high; write low < high, or a constant",
        ),
        (
            {"lognormal": {"p50": "2 s", "p98": "1 s"}},
            "lognormal",
            "percentiles are out of order: p50 is not below p98; write rising values",
        ),
        (
            {"lognormal": {"p50": "2 s"}},
            "lognormal",
            "lognormal is fixed by 2 percentile(s), not 1; write that many",
        ),
        (
            {"lognormal": {"p50": "1 s", "p98": "2 s", "p99": "3 s"}},
            "lognormal",
            "lognormal is fixed by 2 percentile(s), not 3; write that many",
        ),
        (
            {"lognormal": {"p50": "1 s", "sigma": 0.5}},
            "lognormal.sigma",
            "stands beside percentiles; write percentiles only, or parameters only",
        ),
        (
            {"lognormal": {"p50": "1 s", "p50.0": "3 s", "p98": "4 s"}},
            "lognormal.p50.0",
            "is the percentile p50 once more; keep one of the two",
        ),
        ({"lognormal": {"p50": "0 s", "p98": "1 s"}}, "lognormal.p50", "is not positive; write more than zero"),
        ({"exponential": {"p0": "1 s"}}, "exponential", "p0 is not between p0 and p100; write for example p50"),
        ({"exponential": {"p100": "1 s"}}, "exponential", "p100 is not between p0 and p100; write for example p50"),
        (
            {"uniform": {"p10": "1 s", "p20": "5 s"}},
            "uniform",
            "a uniform distribution through these percentiles has negative values; raise the lower one",
        ),
        (
            {"constant": "1 s", "shift": "1"},
            "shift",
            "1 has no unit of time; write ms, s, min, h or d, for example 1 s",
        ),
        (
            {"constant": "1 s", "truncate": "1 s"},
            "truncate",
            "needs low, high or both; write {low: 0, high: 90 s}",
        ),
        (
            {"constant": "1 s", "truncate": {"lo": 0}},
            "truncate",
            "needs low, high or both; write {low: 0, high: 90 s}",
        ),
        (
            {"exponential": {"mean": "1 s"}, "truncate": {"low": "2 s", "high": "1 s"}},
            "truncate",
            "has low not below high; write low < high",
        ),
        (
            {"constant": "1 s", "truncate": {"low": "2 s"}},
            "truncate",
            "leaves nothing of the law; write limits between which it has values",
        ),
        (
            {"mixture": {"weight": 1}},
            "mixture",
            "needs a list of laws with weights; write [{weight: 90%, constant: 400 ms}, ...]",
        ),
        (
            {"mixture": [{"constant": "1 s"}]},
            "mixture",
            "needs a list of laws with weights; write [{weight: 90%, constant: 400 ms}, ...]",
        ),
        (
            {"mixture": [{"weight": "50%", "constant": "1 s"}]},
            "mixture",
            "has weights that add up to 50%; write weights that add up to 100%",
        ),
        (
            {"mixture": [{"weight": "150%", "constant": "1 s"}]},
            "mixture.0.weight",
            "150% is more than 100%; write 0% to 100%",
        ),
        (
            {"mixture": [{"weight": 1, "gamma": {"scale": "1 s", "shape": 0}}]},
            "mixture.0.gamma.shape",
            "is not positive; write more than zero",
        ),
        (
            {"quantiles": {"0%": "0 s"}},
            "quantiles",
            "do not run from 0% to 100%; write {0%: 0, 50%: 400 ms, 100%: 90 s}",
        ),
        (
            {"quantiles": {"0%": "0 s", "50%": "2 s", "100%": "1 s"}},
            "quantiles",
            "are out of order: a higher percentage has a lower value; write rising values",
        ),
        (
            {"quantiles": {"0%": "0 s", "50%": "1 s", "0.5": "2 s", "100%": "3 s"}},
            "quantiles",
            "have two values for one percentage; keep one of the two",
        ),
        ({"quantiles": {"0%": "0 s", "p50": "1 s", "100%": "3 s"}}, "quantiles.p50", "p50 is not a quantity; "),
        ({"empirical": {"values": []}}, "empirical", "needs a file; write {file: values.csv, column: name, unit: ms}"),
        (
            {"empirical": {"values": ["1 s", "-1 s"]}},
            "empirical.1",
            "-1 s is negative; write zero or more, for example 250 ms or 15 min",
        ),
        (
            {"scipy": {"name": "bur12"}},
            "scipy.name",
            "is no continuous distribution of scipy.stats; did you mean burr12?",
        ),
        (
            {"scipy": {"name": "poisson", "mu": 3}},
            "scipy.name",
            "is no continuous distribution of scipy.stats; did you mean ",
        ),
        ({"scipy": {"name": "os"}}, "scipy.name", "is no continuous distribution of scipy.stats; "),
        ({"scipy": {"name": ["gamma"]}}, "scipy.name", "is no continuous distribution of scipy.stats; "),
        ({"scipy": {"a": 2}}, "scipy", "is no continuous distribution of scipy.stats; "),
        ({"scipy": {"name": "gamma"}}, "scipy", "lacks a; write name, a, loc and scale"),
        (
            {"scipy": {"name": "gamma", "a": 2, "shape": 2}},
            "scipy.shape",
            "is no parameter of the law; write name, a, loc and scale",
        ),
        ({"scipy": {"name": "gamma", "a": "2 s"}}, "scipy.a", "2 s is not a finite number; write for example 0.8"),
        ({"scipy": {"name": "gamma", "a": -1}}, "scipy", "is no distribution for these shapes; see scipy.stats.gamma"),
        ({"scipy": {"name": "expon", "scale": 0}}, "scipy.scale", "is not positive; write more than zero"),
        (
            {"scipy": {"name": "expon", "p50": "1 s", "scale": "1 s"}},
            "scipy.scale",
            "stands beside percentiles; write percentiles only, or loc and scale only",
        ),
        ({"scipy": {"name": "expon", "p50": "2 s", "p98": "1 s"}}, "scipy", "percentiles are out of order: p50 is not"),
        (
            {"scipy": {"name": "expon", "p1": "1 s", "p2": "2 s", "p3": "3 s"}},
            "scipy",
            "the law is fixed by 1 or 2 percentiles, not 3; write that many",
        ),
        (
            {"scipy": {"name": "expon", "p50": "1 s", "p98": "9 s"}},
            "scipy",
            "a law through these percentiles starts below zero; write one percentile, or loc and scale",
        ),
        ({"scipy": {"name": "norm", "p50": "1 s"}}, "scipy", "no law of this shape has these percentiles; write loc"),
        (
            {"scipy": {"name": "expon", "scale": 2}},
            "scipy.scale",
            "2 has no unit of time; write ms, s, min, h or d, for example 2 s",
        ),
        (
            {"pareto": {"minimum": "1 s", "shape": 0.5}},
            "",
            "may be over 30 days; write truncate: {high: 6 h} beside it",
        ),
    ],
)
def test_what_is_wrong_with_a_law_is_said_at_its_key(written, keys, said):
    """The keys lead to the parameter that is wrong; where several together are wrong, to the law."""
    ((found, message),) = flaws(written)
    assert found == keys
    assert message.startswith(said)


def test_everything_wrong_in_a_law_is_said_at_once():
    """Two parameters, a shift and a limit are wrong, each in its own way."""
    written = {
        "lognormal": {"median": "soon", "sigma": -1},
        "shift": "x",
        "truncate": {"low": 0, "high": "1"},
    }
    assert [keys for keys, _ in flaws(written)] == [
        "lognormal.median",
        "lognormal.sigma",
        "shift",
        "truncate.high",
    ]


def test_a_tail_beyond_all_bounds_must_be_cut():
    """One draw in a million: a Pareto law of shape 0.5 and minimum 1 s reaches 1 s x 10^12; shape 1, 10^6 s = 11.6 d.

    A payment that waits for years would keep a run from ending; an amount is at most 999,999,999.99 EUR.
    """
    assert delay_s({"pareto": {"minimum": "1 s", "shape": 1}}) == law.Pareto(1.0, 1.0)
    cut = {"pareto": {"minimum": "1 s", "shape": 0.5}, "truncate": {"high": "6 h"}}
    assert delay_s(cut).quantile(1 - 1e-9) <= 21600
    assert (
        flaws({"lognormal": {"median": "1 s", "sigma": 1000}})
        == flaws("31 d")
        == [("", "may be over 30 days; write truncate: {high: 6 h} beside it")]
    )
    ((_, said),) = flaws("1000000000 EUR", euros)
    assert said.startswith("may be over 999999999.99 EUR")
    assert euros("999999999.99 EUR") == law.Constant(99_999_999_999.0)


# --- and back -------------------------------------------------------------------------------------------------------

numbers = st.floats(min_value=1e-3, max_value=20)
times = st.floats(min_value=1e-3, max_value=100).map(lambda s: f"{s!r} s")
simple = st.one_of(
    times,
    st.fixed_dictionaries({"exponential": st.fixed_dictionaries({"mean": times})}),
    st.fixed_dictionaries({"lognormal": st.fixed_dictionaries({"median": times, "sigma": st.floats(0.01, 1.5)})}),
    st.fixed_dictionaries({"gamma": st.fixed_dictionaries({"scale": times, "shape": numbers})}),
    st.fixed_dictionaries({"weibull": st.fixed_dictionaries({"scale": times, "shape": st.floats(1, 20)})}),
    st.fixed_dictionaries({"pareto": st.fixed_dictionaries({"minimum": times, "shape": st.floats(2, 20)})}),
    st.fixed_dictionaries({"empirical": st.fixed_dictionaries({"values": st.lists(times, min_size=1, max_size=5)})}),
    st.fixed_dictionaries({"scipy": st.fixed_dictionaries({"name": st.just("gamma"), "a": numbers, "scale": times})}),
)
parts = st.lists(simple, min_size=1, max_size=4).map(
    lambda laws: {
        "mixture": [{"weight": 1 / len(laws), **(w if isinstance(w, dict) else {"constant": w})} for w in laws]
    }
)
shifted = st.tuples(simple.filter(lambda w: isinstance(w, dict)), times).map(lambda pair: pair[0] | {"shift": pair[1]})


@settings(deadline=None, max_examples=300)
@given(st.one_of(simple, parts, shifted))
def test_a_law_that_is_written_out_reads_as_the_same_law(written):
    """Equal to the last bit, as a time and, its numbers being what they are, as an amount."""
    read = delay_s(written)
    assert delay_s(describe(read, "s")) == read
    assert euros(describe(read, "EUR")) == read


@pytest.mark.parametrize(
    "written",
    [
        {"lognormal": {"p50": "1e-300 s", "p98": "1e300 s"}},
        {"weibull": {"p50": "1e-300 s", "p98": "1e300 s"}},
        {"pareto": {"p50": "1e-300 s", "p98": "1e300 s"}},
        {"gamma": {"scale": "1e300 s", "shape": 1e300}},
        {"weibull": {"scale": "1 s", "shape": 1e-300}},
    ],
)
def test_numbers_too_far_apart_are_refused(written):
    """Whatever overflows on the way, the answer is a message."""
    ((_, said),) = flaws(written)
    assert "; write " in said


def test_amounts_are_written_out_in_euros_where_that_is_exact():
    """6500 cents are 65.0 EUR; a number of cents whose hundredth is not exact stays in cents."""
    assert describe(law.Constant(6500.0), "EUR") == "65.0 EUR"
    inexact = next(c / 7 for c in range(1, 1000) if (c / 7) / 100 * 100 != c / 7)
    assert describe(law.Constant(inexact), "EUR") == f"{inexact!r} cent"
