"""Which stations have a neighbour in theory, and that what is measured is what theory says of it.

Two tests are statistical. Each compares the means of 8 replications, at a fixed seed, with a formula, and raises a
false alarm with a probability of 0.1% for each figure that it compares.
"""

from math import exp, inf

import pytest
from scipy.special import gamma

import sim
from sim.analysis.reading import summary_of
from sim.experiment.neighbours import moments, neighbours
from sim.experiment.run import run
from sim.kernel.distributions import (
    Constant,
    Empirical,
    Exponential,
    Gamma,
    Lognormal,
    Pareto,
    Uniform,
    Weibull,
)
from sim.scenario.load import from_dict

WORLD = {
    "name": "theory",
    "run": {"warm_up": "2 min", "window": "20 min", "replications": 8, "seed": 3, "confidence": 0.999},
    "arrivals": {"rate": "4/s"},
    "node": {"processing": {"workers": 2, "service_time": {"exponential": {"mean": "100 ms"}}}},
    "ecs": [{"name": "alike", "share": 0.6, "workers": 2, "count": 4}, {"name": "one", "share": 0.4}],
    "psps": [
        {"name": "mmc", "share": 0.5, "workers": 2, "pspNotifyPaymentV2": {"time": {"exponential": {"mean": "0.7 s"}}}},
        {"name": "mmck", "share": 0.25, "workers": 1, "queue_limit": 2,
         "pspNotifyPaymentV2": {"time": {"exponential": {"mean": "0.6 s"}}}},
        {"name": "mg1", "share": 0.25, "workers": 1},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    """Return the summary of eight replications of twenty minutes."""
    return run(from_dict(WORLD), replications=8).summary


def having(summary, **changes):
    """Return the names of the stations that have a neighbour when the scenario is changed."""
    return set(neighbours(from_dict({**WORLD, **changes}).scenario, summary))


# --- which --------------------------------------------------------------------------------------------------------


def test_each_station_has_the_model_that_is_its_own(measured):
    """Exponential service and two workers are M/M/c, with two places M/M/c/K; lognormal service and one is M/G/1."""
    models = {name: (each.model, each.exact) for name, each in measured.neighbours.items()}
    assert models == {
        "node": ("M/M/c", True),
        "psps.mmc": ("M/M/c", True),
        "psps.mmck": ("M/M/c/K", True),
        "psps.mg1": ("M/G/1", True),
        "ecs.alike": ("M/G/c", False),
        "ecs.one": ("M/G/infinity", True),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"arrivals": {"rate": "4/s", "process": "constant"}},
        {"arrivals": {"rate": "4/s", "profile": [0.5, 1.5] * 12}},
        {"arrivals": {"ramp": [{"duration": "10 min", "rate": "4/s"}]}},
        {"incidents": [{"target": "psps.mmc", "effect": "outage", "at": "5 min", "duration": "1 min"}]},
    ],
)
def test_arrivals_that_are_not_poisson_at_one_rate_and_incidents_leave_no_neighbour(measured, changes):
    """At no station, since what changes at one place changes the calls that come to the others."""
    assert having(measured, **changes) == set()


def test_a_station_whose_workers_come_and_go_has_none(measured):
    """The others keep theirs."""
    psps = [{**WORLD["psps"][0], "schedule": [{"at": "5 min", "workers": 4}]}, *WORLD["psps"][1:]]
    assert set(measured.neighbours) - having(measured, psps=psps) == {"psps.mmc"}


def test_calls_of_carts_with_several_notices_come_in_bunches(measured):
    """With two notices every call has a fellow at the Node, 0.4 of one at the only EC, and 0.6 / 4 at one of four.

    PSPs are notified once for a cart. Of 100 creditors, a fellow is at the same one in 0.6% of cases.
    """
    two = {"cart": {"notices": {2: 1.0}}}
    assert having(measured, **two) == {"psps.mmc", "psps.mmck", "psps.mg1"}
    many = [{**WORLD["ecs"][0], "count": 100}, WORLD["ecs"][1]]
    assert having(measured, **two, ecs=many) == {"psps.mmc", "psps.mmck", "psps.mg1", "ecs.alike"}


def test_creditors_that_are_not_alike_have_none(measured):
    """Four creditors of whom the first has more calls than the last: no one of them stands for the group."""
    assert "ecs.alike" not in having(measured, ecs=[{**WORLD["ecs"][0], "zipf": 1.0}, WORLD["ecs"][1]])


def test_a_pool_in_front_holds_calls_back(measured):
    """What comes through a pool of the Node comes when the pool lets it, so that it does not come at random."""
    assert having(measured, node={**WORLD["node"], "psp_pool": {"size": 20}}) == {"node", "ecs.alike", "ecs.one"}
    assert not {"ecs.alike", "ecs.one"} & having(measured, node={**WORLD["node"], "ec_pool": {"size": 20}})


def test_a_service_time_without_variance_has_none(measured):
    """Pareto with a shape of 1.5 has a mean and no variance."""
    law = {"time": {"pareto": {"shape": 1.5, "minimum": "100 ms"}}}
    psps = [*WORLD["psps"][:2], {**WORLD["psps"][2], "pspNotifyPaymentV2": law}]
    assert "psps.mg1" not in having(measured, psps=psps)


# --- what ---------------------------------------------------------------------------------------------------------


def test_what_is_measured_is_what_theory_says(measured):
    """Utilisation, queue, mean wait and refused share of every exact neighbour are within their 99.9% intervals.

    The rate of a neighbour is the rate that was measured, which has no error of its own.
    """
    for name, theory in measured.neighbours.items():
        for column in ("busy", "queue_mean", "wait_mean_s", "refused_share") if theory.exact else ():
            seen = measured.stations[name][column]
            assert seen.low <= getattr(theory, column) <= seen.high, (name, column)


def test_equal_creditors_stand_for_one_another(measured):
    """Four creditors with two workers each: 8 workers busy as one of them is, whose rate is a quarter of the group's.

    A call takes 0.4 exp(0.784^2 / 2) = 0.544 s; the group's busy workers are the rate times that.
    """
    theory, seen = measured.neighbours["ecs.alike"], measured.stations["ecs.alike"]
    busy = seen["calls_per_s"].mean * 0.4 * exp(0.784**2 / 2)
    assert theory.busy == pytest.approx(busy)
    assert theory.utilisation == pytest.approx(busy / 8)
    assert seen["busy"].low <= theory.busy <= seen["busy"].high


def test_the_service_time_is_over_all_ends_that_hold_a_worker(measured):
    """Half of the calls that get a worker take 1 s, a quarter is refused after 2 s, a quarter hangs for 60 s: 16 s.

    A fifth of all calls never gets one, so that the shares of the others are 0.4, 0.2 and 0.2 of 0.8.
    """
    ends = {"ko": {"probability": 0.2, "time": "2 s"}, "hang": 0.2, "unreachable": 0.1, "lost_request": 0.1}
    psps = [*WORLD["psps"][:2], {"name": "mg1", "share": 0.25, "pspNotifyPaymentV2": {"time": "1 s", "ends": ends}}]
    found = neighbours(from_dict({**WORLD, "psps": psps}).scenario, measured)["psps.mg1"]
    assert found.busy == pytest.approx(16 * measured.stations["psps.mg1"]["calls_per_s"].mean)


def test_two_primitives_are_mixed_as_they_are_called(measured):
    """With 1 s of paGetPayment and 3 s of paSendRT the mean is in between, by the calls per second of each."""
    rates = [measured.calls[name]["per_s"].mean for name in ("paGetPayment", "paSendRT")]
    ecs = [WORLD["ecs"][0], {"name": "one", "share": 0.4, "paGetPayment": {"time": "1 s"}, "paSendRT": {"time": "3 s"}}]
    found = neighbours(from_dict({**WORLD, "ecs": ecs}).scenario, measured)["ecs.one"]
    mean_s = (rates[0] + 3 * rates[1]) / sum(rates)
    assert found.busy == pytest.approx(mean_s * measured.stations["ecs.one"]["calls_per_s"].mean)


@pytest.mark.parametrize(
    ("law", "mean", "square"),
    [
        (Constant(0.3), 0.3, 0.09),
        (Uniform(1, 3), 2, 13 / 3),
        (Exponential(2), 2, 8),
        (Lognormal(0.4, 0.784), 0.4 * exp(0.784**2 / 2), 0.16 * exp(2 * 0.784**2)),
        (Gamma(0.3, 2), 0.6, 0.3 * 1.3 * 4),
        (Weibull(0.5, 1), 2, gamma(5)),
        (Pareto(6, 1), 6 / 5, 6 / 4),
        (Pareto(1.5, 1), 3, inf),
        (Pareto(2, 1), 2, inf),
    ],
)
def test_moments_are_those_of_the_textbook(law, mean, square):
    """Means of laws and of their squares; a Pareto law has no variance up to a shape of 2."""
    assert moments(law) == pytest.approx((mean, square), rel=1e-8)


def test_moments_of_values_are_those_of_the_values():
    """1, 2 and 3 s: 14 / 3, but for the steps of the sum."""
    assert moments(Empirical((1.0, 2.0, 3.0)))[1] == pytest.approx(14 / 3, rel=1e-4)


# --- kept -----------------------------------------------------------------------------------------------------------


def test_neighbours_are_kept_with_the_run(tmp_path):
    """In its document, and in the summary that is read back; a run of before there were any has none."""
    made = sim.run({**WORLD, "run": {"warm_up": "0 s", "window": "30 s"}}, replications=2, out=tmp_path)
    document = made.to_json()
    assert document["neighbours"]["psps.mmck"]["model"] == "M/M/c/K"
    assert document["neighbours"]["ecs.one"]["utilisation"] is None
    again = sim.read(made.folder).summary
    assert again.to_json() == made.summary.to_json()
    del document["neighbours"]
    assert summary_of(document, []).neighbours == {}
