"""Stations: edge cases by hand, and random ones against the definition (`definition.py`) and against SimPy."""

from itertools import pairwise
from math import inf

import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.definition import Plan, served
from sim.kernel.incidents import Window
from sim.kernel.occupancy import Occupancy
from sim.kernel.station import Station

thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def station(workers, *, outages=(), **options):
    """Return a station; an outage is written (start, end, kills)."""
    windows = [(Window(start, end), kills) for start, end, kills in outages]
    return Station("station", workers, outages=windows, **options)


def submitted(queue, *calls):
    """Return what becomes of calls (arrival, service)."""
    return [queue.submit(now, service) for now, service in calls]


# --- no outage and no schedule ---------------------------------------------------------------------------------------


def test_a_call_starts_at_once_when_a_worker_is_idle():
    """Two workers: calls at 0 and 1 of 10 s start on arrival; the third waits for the first end, at 10."""
    assert submitted(station(2), (0.0, 10.0), (1.0, 10.0), (2.0, 10.0)) == [
        (0.0, 10.0, False),
        (1.0, 11.0, False),
        (10.0, 20.0, False),
    ]


def test_simultaneous_arrivals_are_served_in_the_order_of_submission():
    """One worker, three calls at 5 of 1, 2 and 3 s: one after the other."""
    assert submitted(station(1), (5.0, 1.0), (5.0, 2.0), (5.0, 3.0)) == [
        (5.0, 6.0, False),
        (6.0, 8.0, False),
        (8.0, 11.0, False),
    ]


def test_an_arrival_at_the_moment_of_an_end_does_not_wait():
    """One worker, no queue: a call that arrives at 10, just as the other ends, is served at once."""
    assert submitted(station(1, queue_limit=0), (0.0, 10.0), (10.0, 1.0)) == [(0.0, 10.0, False), (10.0, 11.0, False)]


def test_a_service_time_of_zero_takes_no_capacity():
    """One worker without a queue serves any number of calls at one moment, if each takes no time."""
    queue = station(1, queue_limit=0)
    assert submitted(queue, *[(3.0, 0.0)] * 5) == [(3.0, 3.0, False)] * 5
    assert queue.submit(3.0, 1.0) == (3.0, 4.0, False)
    assert queue.submit(3.0, 0.0) is None


def test_a_service_time_of_zero_waits_its_turn():
    """FIFO: a call that takes no time does not overtake; one worker is busy until 4."""
    assert submitted(station(1), (0.0, 4.0), (1.0, 0.0), (2.0, 1.0)) == [
        (0.0, 4.0, False),
        (4.0, 4.0, False),
        (4.0, 5.0, False),
    ]


def test_unlimited_workers_never_let_a_call_wait():
    """A thousand calls at once all start at once."""
    assert submitted(station(None, queue_limit=0), *[(1.0, 9.0)] * 1000) == [(1.0, 10.0, False)] * 1000


def test_only_a_station_where_nobody_can_wait_takes_calls_in_any_order():
    """Unlimited workers without outages: a call that is submitted late, for an earlier moment, still starts then."""
    queue = station(None)
    assert queue.any_order
    assert submitted(queue, (5.0, 1.0), (2.0, 1.0)) == [(5.0, 6.0, False), (2.0, 3.0, False)]
    assert not station(1).any_order
    assert not station(None, schedule=[(5.0, 1)]).any_order
    assert not station(None, outages=[(5.0, 6.0, False)]).any_order


def test_zero_workers_refuse_every_call():
    """Nobody would ever take them: they are refused, not kept for ever, whatever the queue limit."""
    assert submitted(station(0), (0.0, 1.0), (7.0, 0.0)) == [None, None]


def test_a_full_queue_refuses():
    """One worker, two places: of five calls at 0 one is served, two wait and two are refused."""
    queue = station(1, queue_limit=2)
    taken = submitted(queue, *[(0.0, 10.0)] * 5)
    assert taken == [(0.0, 10.0, False), (10.0, 20.0, False), (20.0, 30.0, False), None, None]


def test_the_queue_limit_counts_admitted_calls_that_have_not_started():
    """One worker, one place: full at 5 (one waits until 10), and at 10 the place is free since that one has started."""
    queue = station(1, queue_limit=1)
    assert submitted(queue, (0.0, 10.0), (4.0, 10.0), (5.0, 10.0), (10.0, 10.0)) == [
        (0.0, 10.0, False),
        (10.0, 20.0, False),
        None,
        (20.0, 30.0, False),
    ]


def test_a_refused_call_uses_neither_worker_nor_place():
    """After three refusals at 1 the next call starts at 10, as if they had never been."""
    queue = station(1, queue_limit=0)
    assert submitted(queue, (0.0, 10.0), (1.0, 99.0), (1.0, 99.0), (1.0, 99.0), (10.0, 1.0))[1:] == [
        None,
        None,
        None,
        (10.0, 11.0, False),
    ]


# --- capacity over time ----------------------------------------------------------------------------------------------


def test_the_idle_leave_before_the_busy():
    """Two workers, one busy until 100; one of them leaves at 5: the idle one, so a call at 6 waits until 100."""
    assert submitted(station(2, schedule=[(5.0, 1)]), (0.0, 100.0), (6.0, 1.0))[1] == (100.0, 101.0, False)


def test_a_busy_worker_leaves_when_its_call_ends():
    """Two workers, busy until 10 and 20; from 5 on there is one: nobody starts at 10, the next call starts at 20."""
    queue = station(2, schedule=[(5.0, 1)])
    assert submitted(queue, (0.0, 10.0), (0.0, 20.0), (6.0, 1.0), (7.0, 1.0)) == [
        (0.0, 10.0, False),
        (0.0, 20.0, False),
        (20.0, 21.0, False),
        (21.0, 22.0, False),
    ]


def test_capacity_lowered_to_nobody_lets_the_calls_in_service_end():
    """One worker until 5: its call goes on until 10, and later calls are refused since nobody comes again."""
    assert submitted(station(1, schedule=[(5.0, 0)]), (0.0, 10.0), (4.0, 1.0), (6.0, 1.0)) == [
        (0.0, 10.0, False),
        None,
        None,
    ]


def test_a_call_that_waits_for_a_worker_who_leaves_is_served_by_those_who_stay():
    """Three workers busy until 10, 12, 14; from 11 on there is one.

    The call at 1 starts at 10, before the change, and ends at 20. At 11 three are busy, until 12, 14 and 20, so the
    first two of them leave, and the call at 2 starts at 20.
    """
    queue = station(3, schedule=[(11.0, 1)])
    taken = submitted(queue, (0.0, 10.0), (0.0, 12.0), (0.0, 14.0), (1.0, 10.0), (2.0, 1.0))
    assert taken[3:] == [(10.0, 20.0, False), (20.0, 21.0, False)]


def test_capacity_raised_while_calls_wait_starts_them_at_once():
    """One worker busy until 100, two calls wait; from 30 on there are three workers, so both start at 30."""
    queue = station(1, schedule=[(30.0, 3)])
    assert submitted(queue, (0.0, 100.0), (1.0, 5.0), (2.0, 5.0), (3.0, 5.0))[1:] == [
        (30.0, 35.0, False),
        (30.0, 35.0, False),
        (35.0, 40.0, False),
    ]


def test_a_worker_who_was_to_leave_is_called_back():
    """Two workers busy until 10 and 20, one from 5 on, two again from 6 on: both are still busy at 7.

    The raise keeps who was to leave and brings nobody new, so that there are never more than two calls in service.
    """
    queue = station(2, schedule=[(5.0, 1), (6.0, 2)])
    assert submitted(queue, (0.0, 10.0), (0.0, 20.0), (7.0, 1.0))[2] == (10.0, 11.0, False)


def test_a_worker_who_has_left_is_replaced():
    """Two workers busy until 10 and 20, one from 5 on, two again from 15 on: the one of 10 has left, so one is new."""
    queue = station(2, schedule=[(5.0, 1), (15.0, 2)])
    assert submitted(queue, (0.0, 10.0), (0.0, 20.0), (7.0, 1.0))[2] == (15.0, 16.0, False)


def test_calls_wait_for_workers_who_come_later():
    """Nobody until 60: a call at 5 starts at 60; a queue of one place is full for the next."""
    assert submitted(station(0, schedule=[(60.0, 1)], queue_limit=1), (5.0, 10.0), (6.0, 10.0)) == [
        (60.0, 70.0, False),
        None,
    ]


def test_a_schedule_alone_begins_with_nobody():
    """Workers unlimited and a schedule: none until its first change, then what it says."""
    assert submitted(station(None, schedule=[(10.0, 1)]), (0.0, 5.0), (1.0, 5.0)) == [
        (10.0, 15.0, False),
        (15.0, 20.0, False),
    ]


def test_of_two_changes_at_one_moment_the_last_one_counts():
    """Changes at 5 to three workers and then to one: two calls at 6 are served one after the other."""
    queue = station(2, schedule=[(5.0, 3), (5.0, 1)])
    assert submitted(queue, (6.0, 1.0), (6.0, 1.0)) == [(6.0, 7.0, False), (7.0, 8.0, False)]


def test_a_refusal_leaves_the_changes_to_come_as_they_were():
    """One worker busy until 20, no queue, two workers from 10 on: refused at 5, served at once at 11."""
    queue = station(1, schedule=[(10.0, 2)], queue_limit=0)
    assert submitted(queue, (0.0, 20.0), (5.0, 1.0), (11.0, 4.0), (11.0, 4.0)) == [
        (0.0, 20.0, False),
        None,
        (11.0, 15.0, False),
        None,
    ]


def test_a_full_queue_empties_when_workers_come():
    """One worker, two places; at 10 two more come and take both who wait, so that two may wait again."""
    queue = station(1, schedule=[(10.0, 3)], queue_limit=2)
    calls = [(0.0, 50.0), (1.0, 50.0), (2.0, 50.0), (3.0, 50.0), (10.0, 1.0), (10.0, 1.0), (10.0, 1.0)]
    assert submitted(queue, *calls)[1:] == [
        (10.0, 60.0, False),
        (10.0, 60.0, False),
        None,
        (50.0, 51.0, False),
        (51.0, 52.0, False),
        None,
    ]


# --- outages ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kills", "first"), [(False, (0.0, 10.0, False)), (True, (0.0, 5.0, True))])
def test_an_outage_in_mid_service_finishes_or_kills_as_its_policy_says(kills, first):
    """A call from 0 to 10 and an outage from 5 to 20: it ends at 10, or is killed at 5; the next starts at 20."""
    queue = station(1, outages=[(5.0, 20.0, kills)])
    assert submitted(queue, (0.0, 10.0), (6.0, 1.0)) == [first, (20.0, 21.0, False)]


def test_a_call_that_outlasts_the_outage_keeps_its_worker():
    """One worker, a call from 0 to 30, an outage from 5 to 20 that finishes: the next call starts at 30."""
    queue = station(1, outages=[(5.0, 20.0, False)])
    assert submitted(queue, (0.0, 30.0), (6.0, 1.0)) == [(0.0, 30.0, False), (30.0, 31.0, False)]


def test_a_call_that_ends_as_the_outage_begins_is_not_killed():
    """The outage begins at 10, just as the call is done; a call that needs a moment more is killed."""
    queue = station(2, outages=[(10.0, 20.0, True)])
    assert submitted(queue, (0.0, 10.0), (0.0, 10.5)) == [(0.0, 10.0, False), (0.0, 10.0, True)]


def test_no_call_starts_in_an_outage_and_one_starts_as_it_ends():
    """Down from 5 to 20: arrivals at 5 and 19 start at 20, an arrival at 20 at once; there are workers enough."""
    queue = station(3, outages=[(5.0, 20.0, False)])
    assert [start for start, _, _ in submitted(queue, (5.0, 1.0), (19.0, 1.0), (20.0, 1.0))] == [20.0, 20.0, 20.0]


def test_a_call_that_waited_for_the_end_of_an_outage_is_killed_by_the_next():
    """Down from 5 to 10 and, killing, from 12 to 20: a call at 6 of 5 s starts at 10 and is killed at 12."""
    queue = station(1, outages=[(5.0, 10.0, True), (12.0, 20.0, True)])
    assert submitted(queue, (6.0, 5.0), (6.0, 5.0)) == [(10.0, 12.0, True), (20.0, 25.0, False)]


def test_overlapping_outages_are_down_until_the_last_one_ends():
    """Down from 5 to 15 (finish) and from 10 to 25 (kill): a call at 6 starts at 25; one from 4 is killed at 10."""
    queue = station(2, outages=[(5.0, 15.0, False), (10.0, 25.0, True)])
    assert submitted(queue, (3.0, 4.0), (4.0, 30.0), (6.0, 1.0)) == [
        (3.0, 7.0, False),
        (4.0, 10.0, True),
        (25.0, 26.0, False),
    ]


def test_an_outage_inside_another_changes_nothing():
    """Down from 5 to 30 and from 10 to 20: a call at 12 starts at 30."""
    assert station(1, outages=[(5.0, 30.0, True), (10.0, 20.0, True)]).submit(12.0, 1.0) == (30.0, 31.0, False)


def test_unlimited_workers_also_stop_in_an_outage():
    """Down from 5 to 20: two calls at 6 both start at 20; with a queue of one place the second is refused."""
    outages = [(5.0, 20.0, True)]
    assert submitted(station(None, outages=outages), (0.0, 9.0), (6.0, 1.0), (6.0, 1.0)) == [
        (0.0, 5.0, True),
        (20.0, 21.0, False),
        (20.0, 21.0, False),
    ]
    assert submitted(station(None, outages=outages, queue_limit=1), (6.0, 1.0), (6.0, 1.0)) == [
        (20.0, 21.0, False),
        None,
    ]


def test_workers_change_during_an_outage():
    """Down from 5 to 20, two workers until 10 and one from then on: two calls at 6 start at 20 and at 21."""
    queue = station(2, schedule=[(10.0, 1)], outages=[(5.0, 20.0, False)])
    assert submitted(queue, (6.0, 1.0), (6.0, 1.0)) == [(20.0, 21.0, False), (21.0, 22.0, False)]


def test_a_killed_worker_is_there_again_after_the_outage_unless_it_was_to_leave():
    """Two workers killed at 5, down until 10, one worker from 4 on: two calls at 6 start at 10 and at 13."""
    queue = station(2, schedule=[(4.0, 1)], outages=[(5.0, 10.0, True)])
    assert submitted(queue, (0.0, 99.0), (0.0, 99.0), (6.0, 3.0), (6.0, 3.0))[2:] == [
        (10.0, 13.0, False),
        (13.0, 16.0, False),
    ]


# --- random stations against the definition --------------------------------------------------------------------------

times = st.integers(0, 40).map(lambda quarter: quarter / 4)
"""Few different moments, all exact in binary: many things happen at once."""
calls = st.lists(st.tuples(times, st.integers(0, 12).map(lambda quarter: quarter / 4)), max_size=25).map(
    lambda found: sorted(found, key=lambda call: call[0])
)
plans = st.builds(
    Plan,
    workers=st.none() | st.integers(0, 3),
    schedule=st.lists(st.tuples(times, st.integers(0, 3)), max_size=4).map(
        lambda found: tuple(sorted(found, key=lambda change: change[0]))
    ),
    outages=st.lists(st.tuples(times, times, st.booleans()), max_size=3).map(
        lambda found: tuple((min(a, b), max(a, b), kills) for a, b, kills in found)
    ),
    queue_limit=st.none() | st.integers(0, 3),
)


def built(plan, occupancy=None):
    return station(
        plan.workers,
        schedule=plan.schedule,
        outages=plan.outages,
        queue_limit=plan.queue_limit,
        occupancy=occupancy,
    )


@thorough
@given(plan=plans, calls=calls)
def test_a_station_does_what_its_definition_says(plan, calls):
    """Start, end, kill and refusal of every call are those of the definition, with changes, outages and limits."""
    assert submitted(built(plan), *calls) == served(plan, calls)


@thorough
@given(plan=plans, calls=calls)
def test_integrals_of_a_station_are_those_of_its_calls(plan, calls):
    """Busy, waiting and capacity seconds of a bin are sums of overlaps with it; arrivals and refusals are counted."""
    occupancy, width, until = Occupancy(bin_s=2.5), 2.5, 100.0
    taken = list(zip(calls, submitted(built(plan, occupancy), *calls), strict=True))
    table = occupancy.table(until)
    for at, low in enumerate(table["bin_start_s"]):
        high = low + width

        def overlap(start, end, low=low, high=high):
            return max(0.0, min(end, high) - max(start, low))

        arrived = [result for (now, _), result in taken if low <= now < high]
        assert table["arrivals"][at] == len(arrived)
        assert table["refused"][at] == arrived.count(None)
        assert table["busy_s"][at] == sum(overlap(r[0], r[1]) for _, r in taken if r)
        assert table["waiting_s"][at] == sum(overlap(now, r[0]) for (now, _), r in taken if r)
        if plan.workers is not None or plan.schedule:
            steps = sorted({low, high, *(moment for moment, _ in plan.schedule if low < moment < high)})
            capacity = sum(plan.workers_at(a) * (b - a) for a, b in pairwise(steps))
            assert table["capacity_s"][at] == capacity


@thorough
@given(
    workers=st.integers(1, 4),
    gaps=st.lists(st.tuples(st.floats(0, 5), st.floats(0, 9)), min_size=1, max_size=40),
)
def test_a_plain_station_is_a_simpy_resource(workers, gaps):
    """Arrivals and service times of any length: start and end of every call are those of `simpy.Resource`."""
    environment = simpy.Environment()
    resource, expected = simpy.Resource(environment, workers), []

    def call(number, service):
        with resource.request() as granted:
            yield granted
            start = environment.now
            yield environment.timeout(service)
            expected.append((number, (start, environment.now, False)))

    def source():
        for number, (gap, service) in enumerate(gaps):
            yield environment.timeout(gap)
            arrivals.append((environment.now, service))
            environment.process(call(number, service))

    arrivals = []
    environment.process(source())
    environment.run()
    assert submitted(station(workers), *arrivals) == [result for _, result in sorted(expected)]


def test_a_queue_is_never_longer_than_its_limit_and_the_table_says_how_long_it_was():
    """One worker, three places, ten calls at 1 of 30 s each, bins of 60 s.

    Three wait from 1 on and start at 31, 61 and 91: the longest queue is 3 in the first bin, 2 as the second one
    begins, and 0 in the third, from 120 s on.
    """
    occupancy = Occupancy(bin_s=60.0)
    submitted(station(1, queue_limit=3, occupancy=occupancy), *[(1.0, 30.0)] * 10)
    table = occupancy.table(180.0)
    assert table["queue_max"].tolist() == [3, 2, 0]
    assert table["refused"].tolist() == [6, 0, 0]
    assert table["arrivals"].tolist() == [10, 0, 0]


def test_times_that_never_come_are_never_returned():
    """No result of a station has an infinite start: what cannot start is refused."""
    queue = station(1, schedule=[(5.0, 0)], outages=[(1.0, 4.0, True)])
    results = submitted(queue, (0.0, 9.0), (2.0, 9.0), (3.0, 9.0))
    assert results == [(0.0, 1.0, True), (4.0, 13.0, False), None]
    assert all(result is None or result[0] < inf for result in results)
