"""Integrals of calls in service and in the queue: areas by hand, and against sums of overlaps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.occupancy import Occupancy
from sim.kernel.station import Station


def test_the_area_of_a_call_is_split_at_the_edges_of_bins():
    """Bins of 10 s; a call asks at 4, is served from 12 to 35.

    Waiting: 6 s in the first bin, 2 s in the second. Busy: 8 s in the second, 10 s in the third, 5 s in the fourth.
    """
    occupancy = Occupancy(bin_s=10.0)
    occupancy.serve(4.0, 12.0, 35.0)
    table = occupancy.table(50.0)
    assert table["bin_start_s"].tolist() == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert table["waiting_s"].tolist() == [6.0, 2.0, 0.0, 0.0, 0.0]
    assert table["busy_s"].tolist() == [0.0, 8.0, 10.0, 5.0, 0.0]
    assert table["arrivals"].tolist() == [1, 0, 0, 0, 0]


def test_a_step_at_the_edge_of_a_bin_belongs_to_the_bin_that_begins():
    """Bins of 10 s; a call is served from 10 to 20: 10 s of the second bin, where it also arrives."""
    occupancy = Occupancy(bin_s=10.0)
    occupancy.serve(10.0, 10.0, 20.0)
    table = occupancy.table(30.0)
    assert table["busy_s"].tolist() == [0.0, 10.0, 0.0]
    assert table["arrivals"].tolist() == [0, 1, 0]


def test_areas_of_simultaneous_calls_add_up():
    """Bins of 10 s; calls from 0 to 5, from 2 to 12 and from 5 to 7: 5 + 8 + 2 s, then 2 s."""
    occupancy = Occupancy(bin_s=10.0)
    for start, end in ((0.0, 5.0), (2.0, 12.0), (5.0, 7.0)):
        occupancy.serve(start, start, end)
    assert occupancy.table(20.0)["busy_s"].tolist() == [15.0, 2.0]


def test_a_call_that_takes_no_time_arrives_and_covers_nothing():
    """Served from 3 to 3: an arrival, no area."""
    occupancy = Occupancy(bin_s=10.0)
    occupancy.serve(3.0, 3.0, 3.0)
    table = occupancy.table(10.0)
    assert (table["arrivals"].tolist(), table["busy_s"].tolist(), table["waiting_s"].tolist()) == ([1], [0.0], [0.0])


def test_refused_calls_are_arrivals_that_cover_nothing():
    """Three calls at 1, 2 and 12, of which the last two are refused: arrivals 2 and 1, refused 1 and 1."""
    occupancy = Occupancy(bin_s=10.0)
    occupancy.serve(1.0, 1.0, 2.0)
    occupancy.refuse(2.0)
    occupancy.refuse(12.0)
    table = occupancy.table(20.0)
    assert table["arrivals"].tolist() == [2, 1]
    assert table["refused"].tolist() == [1, 1]
    assert table["busy_s"].tolist() == [1.0, 0.0]


def test_a_call_that_waits_in_vain_arrives_when_it_asks_and_is_refused_when_it_stops():
    """Waits from 4 to 16: 6 s and 6 s of queue, one arrival in the first bin, one refusal in the second."""
    occupancy = Occupancy(bin_s=10.0)
    occupancy.gave_up(4.0, 16.0)
    table = occupancy.table(20.0)
    assert table["waiting_s"].tolist() == [6.0, 6.0]
    assert table["arrivals"].tolist() == [1, 0]
    assert table["refused"].tolist() == [0, 1]


def test_many_calls_noted_at_once_are_split_and_counted_as_one_by_one():
    """One is served from 0 to 4 s, one waits from 1 for 4 to 12 s, one is refused at 5 s, one waits from 6 to 13 s."""
    occupancy = Occupancy(10.0)
    asked, until, end = (np.array(at) for at in ([0.0, 1.0, 5.0, 6.0], [0.0, 4.0, 5.0, 13.0], [4.0, 12.0, 5.0, 13.0]))
    occupancy.extend(asked, until, end, np.array([True, True, False, False]))
    occupancy.queues(np.array([1.0, 6.0]), np.array([1.0, 2.0]))
    table = occupancy.table(20.0)
    assert table["arrivals"].tolist() == [4, 0]
    assert table["refused"].tolist() == [1, 1]
    assert table["busy_s"].tolist() == [10.0, 2.0]
    assert table["waiting_s"].tolist() == [7.0, 3.0]
    assert table["queue_max"].tolist() == [2, 1]


def test_capacity_is_the_area_under_the_workers():
    """Four workers, one of whom leaves at 15, three more come at 22: 40; 20 + 15; 3 x 2 + 6 x 8 s."""
    occupancy = Occupancy(bin_s=10.0)
    for at, change in ((0.0, 4), (15.0, -1), (22.0, 3)):
        occupancy.capacity(at, change)
    assert occupancy.table(30.0)["capacity_s"].tolist() == [40.0, 35.0, 54.0]


def test_the_capacity_of_a_station_follows_its_schedule():
    """Two workers, five from 5 on and one from 15 on: 2 x 5 + 5 x 5; 5 x 5 + 1 x 5; 1 x 10 s."""
    occupancy = Occupancy(bin_s=10.0)
    Station("station", 2, schedule=[(15.0, 1), (5.0, 5)], occupancy=occupancy)
    assert occupancy.table(30.0)["capacity_s"].tolist() == [35.0, 30.0, 10.0]


def test_stations_reported_as_one_add_up_and_unlimited_workers_have_no_capacity():
    """Two stations of 2 and 3 workers have 50 s per bin of 10 s; with an unlimited one there is no such number."""
    occupancy = Occupancy(bin_s=10.0)
    queues = [Station("station", workers, occupancy=occupancy) for workers in (2, 3)]
    for queue in queues:
        queue.submit(1.0, 4.0)
    table = occupancy.table(10.0)
    assert table["capacity_s"].tolist() == [50.0]
    assert table["busy_s"].tolist() == [8.0]
    Station("station", None, occupancy=occupancy)
    assert np.isnan(occupancy.table(10.0)["capacity_s"]).all()


def test_the_longest_queue_is_that_of_one_station():
    """Two stations of one worker each, bins of 10 s; each is busy until 25 and has one call waiting since 1.

    The longest queue of one station is 1 in the first two bins and, as the third one begins, still 1, though two calls
    wait in all; nobody waits in the fourth.
    """
    occupancy = Occupancy(bin_s=10.0)
    for queue in [Station("station", 1, occupancy=occupancy) for _ in range(2)]:
        queue.submit(0.0, 25.0)
        queue.submit(1.0, 1.0)
    table = occupancy.table(40.0)
    assert table["queue_max"].tolist() == [1, 1, 1, 0]
    assert table["waiting_s"].tolist() == [18.0, 20.0, 10.0, 0.0]


def test_a_table_may_end_before_or_long_after_its_calls():
    """A call from 5 to 25 in bins of 10 s: up to 12 there are two bins; up to 100 there are ten."""
    occupancy = Occupancy(bin_s=10.0)
    occupancy.serve(5.0, 5.0, 25.0)
    assert occupancy.table(12.0)["busy_s"].tolist() == [5.0, 10.0]
    assert occupancy.table(100.0)["busy_s"].tolist() == [5.0, 10.0, 5.0, 0, 0, 0, 0, 0, 0, 0]


def test_the_same_table_comes_twice_and_calls_may_follow_it():
    """Reading changes nothing, and what comes after is added."""
    occupancy = Occupancy(bin_s=10.0)
    occupancy.serve(0.0, 0.0, 4.0)
    assert occupancy.table(10.0)["busy_s"].tolist() == occupancy.table(10.0)["busy_s"].tolist() == [4.0]
    occupancy.serve(5.0, 5.0, 6.0)
    assert occupancy.table(10.0)["busy_s"].tolist() == [5.0]


def test_the_integrals_of_many_calls_are_those_of_each():
    """100,000 calls, many more than are kept at once: the areas are the sums of all waits and of all services.

    An M/M/1 queue at 90% that ends empty; areas and sums are taken in different orders and agree to rounding.
    """
    random = np.random.default_rng(7)
    arrivals = np.cumsum(random.exponential(1.0, 100_000))
    services = random.exponential(0.9, 100_000)
    occupancy = Occupancy(bin_s=60.0)
    queue = Station("station", 1, occupancy=occupancy)
    taken = [queue.submit(now, service) for now, service in zip(arrivals.tolist(), services.tolist(), strict=True)]
    starts, ends = np.array([start for start, _, _ in taken]), np.array([end for _, end, _ in taken])
    table = occupancy.table(float(ends.max()))
    assert table["arrivals"].sum() == 100_000
    assert table["busy_s"].sum() == pytest.approx(services.sum(), rel=1e-9)
    assert table["waiting_s"].sum() == pytest.approx((starts - arrivals).sum(), rel=1e-9)
    assert table["busy_s"].min() >= -1e-6
    assert table["busy_s"].max() <= 60.0 + 1e-6


moments = st.floats(0, 100)


@settings(max_examples=200, deadline=None)
@given(
    calls=st.lists(st.tuples(moments, moments, moments).map(sorted), max_size=20),
    bin_s=st.floats(0.5, 50),
)
def test_areas_are_sums_of_overlaps(calls, bin_s):
    """For any calls and any width of bins, a bin's area is the sum over calls of their overlap with it."""
    occupancy = Occupancy(bin_s)
    for asked, start, end in calls:
        occupancy.serve(asked, start, end)
    table = occupancy.table(100.0)
    low = table["bin_start_s"]

    def overlaps(spans):
        return sum((np.clip(end, low, low + bin_s) - np.clip(start, low, low + bin_s) for start, end in spans), 0 * low)

    assert table["busy_s"] == pytest.approx(overlaps([(start, end) for _, start, end in calls]), abs=1e-9)
    assert table["waiting_s"] == pytest.approx(overlaps([(asked, start) for asked, start, _ in calls]), abs=1e-9)
