"""Incidents: windows on a calendar and at random, their union on a timeline, and products of factors."""

from itertools import pairwise
from math import inf, log, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sim.kernel.incidents import Factor, Timeline, Window, calendar, renewals
from sim.kernel.streams import Streams

FALSE_ALARM = 0.01


def test_a_calendar_has_one_window():
    """At 600 s for 20 min: from 600 s to 1800 s."""
    assert calendar(600.0, 1200.0) == (Window(600.0, 1800.0),)


def test_renewals_have_exponential_times_between_and_during():
    """A year of incidents, an hour apart and ten minutes long in the mean: Kolmogorov-Smirnov, each at 1%.

    The year ends the last time between, so that the times between are those that fit into it; among 7,500 of them that
    does not show. A correct generator fails one of the two tests with probability 2%.
    """
    windows = renewals(Streams(1, 0), "incident", 3600.0, 600.0, 365 * 86400.0)
    starts, ends = np.array([w.start_s for w in windows]), np.array([w.end_s for w in windows])
    between, during = starts - np.concatenate([[0.0], ends[:-1]]), ends - starts
    assert stats.kstest(between, "expon", args=(0, 3600.0)).pvalue > FALSE_ALARM
    assert stats.kstest(during, "expon", args=(0, 600.0)).pvalue > FALSE_ALARM


def test_renewals_have_the_mean_times_that_were_asked_for():
    """Mean time between and mean time to repair lie within the 99% intervals of a sum of n exponentials.

    Twice such a sum over its mean is chi-square with 2n degrees of freedom. That n is itself random does not show among
    7,500. A correct generator fails one of the two comparisons with probability 2%.
    """
    windows = renewals(Streams(1, 1), "incident", 3600.0, 600.0, 365 * 86400.0)
    ends = [0.0, *(window.end_s for window in windows)]
    between = sum(window.start_s - end for window, end in zip(windows, ends, strict=False))
    during = sum(window.end_s - window.start_s for window in windows)
    low, high = stats.chi2.ppf([FALSE_ALARM / 2, 1 - FALSE_ALARM / 2], 2 * len(windows)) / 2
    assert low <= between / 3600.0 <= high
    assert low <= during / 600.0 <= high


def test_the_number_of_renewals_is_that_of_renewal_theory():
    """The mean number of windows that begin within 42,000 s, over 200 replications, with Student's 99% interval.

    A cycle is a time between (mean m = 3600 s, variance m^2) and one during (r = 600 s, r^2). The mean number of starts
    in (0, t) of a renewal process whose first one takes m in the mean tends to t / c + (s^2 + c^2) / (2 c^2) - m / c,
    with c = m + r and s^2 = m^2 + r^2 (D. R. Cox, Renewal Theory, 1962, chapter 4): here 10.02, and ten cycles are
    long enough.
    """
    counts = [len(renewals(Streams(1, r), "incident", 3600.0, 600.0, 42_000.0)) for r in range(200)]
    expected = 10 + (3600**2 + 600**2 + 4200**2) / (2 * 4200**2) - 3600 / 4200
    half_width = stats.t.ppf(1 - FALSE_ALARM / 2, 199) * np.std(counts, ddof=1) / np.sqrt(200)
    assert half_width < 1.0
    assert abs(np.mean(counts) - expected) <= half_width


def test_renewals_begin_before_the_horizon_and_come_one_after_another():
    """No start after the horizon; each window begins after the one before has ended; a later horizon only adds."""
    streams = Streams(1, 0)
    short, long = (renewals(streams, "incident", 100.0, 50.0, horizon_s) for horizon_s in (10_000.0, 20_000.0))
    assert all(window.start_s < 10_000.0 for window in short)
    assert all(before.end_s < after.start_s for before, after in pairwise(long))
    assert long[: len(short)] == short
    assert long[len(short)].start_s >= 10_000.0


def test_the_first_renewal_is_the_inverse_of_its_draw():
    """-mean ln(u), with u the uniforms at the addresses `<decision>.between` and `<decision>.during`, entity 0."""
    streams = Streams(3, 5)
    first = renewals(streams, "incident.2", 100.0, 50.0, 1e4)[0]
    between, during = streams.one("incident.2.between", 0), streams.one("incident.2.during", 0)
    assert first.start_s == pytest.approx(-100.0 * log(between), rel=1e-12)
    assert first.end_s == pytest.approx(first.start_s - 50.0 * log(during), rel=1e-12)


def test_windows_that_overlap_or_touch_are_one():
    """(5, 10) and (8, 20) and (20, 25) are (5, 25); (30, 40) stays; (7, 9) is inside; the order does not matter."""
    windows = [Window(30, 40), Window(8, 20), Window(7, 9), Window(20, 25), Window(5, 10)]
    timeline = Timeline(windows)
    assert timeline.starts == [5, 30]
    assert timeline.ends == [25, 40]


def test_windows_without_length_are_none():
    """A window that ends as it begins covers nothing."""
    timeline = Timeline([Window(5, 5)])
    assert not timeline.covers(5)
    assert timeline.next_start(0) == inf
    assert timeline.covering_end(5) == 5


def test_a_window_covers_its_start_and_not_its_end():
    """From 5 to 10: covered at 5 and 9.99, not at 4.99 and 10."""
    timeline = Timeline([Window(5, 10)])
    assert [timeline.covers(at) for at in (4.99, 5, 9.99, 10)] == [False, True, True, False]
    assert [timeline.covering_end(at) for at in (4.99, 5, 9.99, 10)] == [4.99, 10, 10, 10]


def test_the_next_start_is_after_the_moment():
    """Windows from 5 and from 30: after 0 comes 5; after 5 comes 30, since 5 is not after 5; after 30 none."""
    timeline = Timeline([Window(5, 10), Window(30, 40)])
    assert [timeline.next_start(at) for at in (0, 4.99, 5, 29, 30, 99)] == [5, 5, 30, 30, inf, inf]


windows = st.lists(
    st.tuples(st.integers(0, 30), st.integers(0, 30)).map(lambda pair: Window(min(pair), max(pair))), max_size=8
)
at_any = st.integers(-2, 64).map(lambda half: half / 2)


@settings(max_examples=200, deadline=None)
@given(windows=windows, at=at_any)
def test_a_timeline_answers_as_its_windows_would(windows, at):
    """Covered if any window covers; the covering end is the first later moment that none covers."""
    timeline = Timeline(windows)

    def covered(moment):
        return any(w.start_s <= moment < w.end_s for w in windows)

    assert timeline.covers(at) == covered(at)
    end = at
    while covered(end):
        end = min(w.end_s for w in windows if w.start_s <= end < w.end_s)
    assert timeline.covering_end(at) == end


@settings(max_examples=200, deadline=None)
@given(windows=st.lists(st.tuples(windows, st.sampled_from([0.5, 2.0, 4.0])), max_size=3), at=at_any)
def test_a_factor_is_the_product_of_all_that_cover(windows, at):
    """Factors of overlapping windows multiply; where there is none the factor is 1. Powers of two are exact."""
    pairs = [(window, factor) for several, factor in windows for window in several]
    assert Factor(pairs).at(at) == prod(factor for w, factor in pairs if w.start_s <= at < w.end_s)


def test_a_factor_by_hand():
    """Twice as slow from 10 to 30, three times from 20 to 40: 1, 2, 6, 3, 1."""
    factor = Factor([(Window(10, 30), 2.0), (Window(20, 40), 3.0)])
    assert [factor.at(now) for now in (0, 10, 20, 30, 40)] == [1.0, 2.0, 6.0, 3.0, 1.0]
