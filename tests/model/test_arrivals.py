"""When carts arrive: every kind of arrival process against its own definition.

A cart whose citizen leaves at once is enough to see its arrival.
"""

from math import floor, sqrt

import numpy as np
import pytest
from scipy import stats

from model.worlds import run, world

ALARM = 0.001
"""Chance that a test of a random process fails although the process is right; seeds are fixed."""


def arrivals(*sets, folder=".", **sections):
    """Return the arrival times of all carts."""
    records = run("citizen.abandon=100%", *sets, folder=folder, record=(), **sections)
    return records.tables["carts"]["arrived_s"]


def test_constant_arrivals_are_evenly_spaced_from_half_a_step_on():
    """0.5/s for 10 s: at 1, 3, 5, 7 and 9 s."""
    assert arrivals("run.window=10 s", "arrivals.rate=0.5/s") == pytest.approx([1, 3, 5, 7, 9])


def test_poisson_counts_have_the_variance_of_a_poisson_process():
    """5/s for 1000 s: counts of 200 slots of 5 s. The sum of (count - 25)^2 / 25 is chi-square with 200 degrees.

    It is too regular or too clustered outside the central 99.9%: false alarm 0.1%.
    """
    times = arrivals("run.window=1000 s", arrivals={"rate": "5/s"})
    counts = np.histogram(times, bins=200, range=(0, 1000))[0]
    statistic = ((counts - 25) ** 2 / 25).sum()
    assert stats.chi2.ppf(ALARM / 2, 200) < statistic < stats.chi2.ppf(1 - ALARM / 2, 200)


def test_poisson_gaps_are_exponential():
    """The gaps between arrivals follow 1 - exp(-5 t) by Kolmogorov and Smirnov: false alarm 0.1%."""
    times = arrivals("run.window=400 s", arrivals={"rate": "5/s"})
    assert stats.kstest(np.diff(times, prepend=0.0), "expon", args=(0, 0.2)).pvalue > ALARM


def test_a_ramp_from_nothing_gets_denser():
    """From 0 to 2/s over 100 s the cumulative rate is t^2 / 100: the n-th cart comes at 10 sqrt(n + 1/2)."""
    ramp = [{"duration": "100 s", "start": "0/s", "rate": "2/s"}]
    times = arrivals(arrivals={"process": "constant", "ramp": ramp})
    assert times == pytest.approx([10 * sqrt(n + 0.5) for n in range(100)])


def test_a_stage_without_a_start_is_a_step_and_the_last_rate_goes_on():
    """1/s for 10 s, then 2/s for 5 s and until arrivals stop at 30 s: 10 carts and 40 carts, evenly spaced."""
    ramp = [{"duration": "10 s", "rate": "1/s"}, {"duration": "5 s", "rate": "2/s"}]
    times = arrivals("run.window=30 s", arrivals={"process": "constant", "ramp": ramp})
    assert times == pytest.approx([*(n + 0.5 for n in range(10)), *(10.25 + n / 2 for n in range(40))])


def test_a_ramp_is_cut_where_arrivals_stop():
    """A stage from 0 to 2/s over 100 s, of which 50 s are run: t^2 / 100 gives 25 carts."""
    ramp = [{"duration": "100 s", "start": "0/s", "rate": "2/s"}]
    times = arrivals("run.window=50 s", arrivals={"process": "constant", "ramp": ramp})
    assert times == pytest.approx([10 * sqrt(n + 0.5) for n in range(25)])


def test_a_profile_scales_the_rate_by_the_hour_of_the_day():
    """0.1/s times 2 and 0 in turn, from half past midnight: 0.2/s for 1800 s, nothing for an hour, then 0.2/s again."""
    profile = {"process": "constant", "rate": "0.1/s", "profile": [2, 0] * 12, "start_hour": 0.5}
    times = arrivals("run.window=2 h", arrivals=profile)
    assert times[:360] == pytest.approx([5 * n + 2.5 for n in range(360)])
    assert times[360:] == pytest.approx([5400 + 5 * n + 2.5 for n in range(360)])


def test_a_profile_goes_round_midnight():
    """From 23:00 with all of the day's load between 0:00 and 1:00: nothing for an hour, then 24 times the rate."""
    profile = {"process": "constant", "rate": "0.01/s", "profile": [24] + [0] * 23, "start_hour": 23}
    times = arrivals("run.window=2 h", arrivals=profile)
    assert len(times) == floor(0.24 * 3600)
    assert times.min() > 3600


@pytest.mark.parametrize(
    ("column", "written"),
    [
        ("seconds", ["3", "1.5", "99", "250"]),
        ("moment", ["2024-05-31T10:00:03", "2024-05-31T10:00:01.500", "2024-05-31T10:01:39", "2024-05-31T10:04:10"]),
    ],
)
def test_a_trace_gives_the_arrivals(tmp_path, column, written):
    """Times of a CSV column, in any order: seconds from the start, or timestamps counted from the first one.

    The world ends at 100 s, so the fourth is left out.
    """
    (tmp_path / "trace.csv").write_text("\n".join([column, *written]) + "\n", encoding="utf-8")
    times = arrivals(folder=tmp_path, arrivals={"trace": {"file": "trace.csv", "column": column}})
    first = 0.0 if column == "seconds" else 1.5
    assert times == pytest.approx([1.5 - first, 3 - first, 99 - first])


def test_arrivals_do_not_wait_for_a_slow_system():
    """An open process: with one worker who needs a minute for each call, carts arrive as without."""
    fast = arrivals("arrivals.rate=1/s")
    slow = arrivals("arrivals.rate=1/s", "ecs.ec.workers=1", "ecs.ec.paGetPayment.time=60 s")
    assert (fast == slow).all()
    assert world("arrivals.rate=1/s").scenario.arrivals.rate == 1.0
