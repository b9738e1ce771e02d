"""Pools: edge cases by hand, and random ones against a definition and against SimPy."""

from math import inf

import pytest
import simpy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.kernel.clock import Clock
from sim.kernel.occupancy import Occupancy
from sim.kernel.pool import Pool

thorough = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class Users:
    """Callers of a pool, and when each got its permit, or when it was told that there is none."""

    def __init__(self, size, **options):
        self.clock = Clock()
        self.pool = Pool(self.clock, "pool", size, **options)
        self.calls = []
        self.got = {}
        self.refused = {}

    def call(self, asked, hold_s, announced_after_s=0.0):
        """Ask at a moment, hold for a while, and announce the end of the hold so long after its start."""
        self.clock.start(self._steps(len(self.calls), hold_s, announced_after_s), asked)
        self.calls.append((asked, hold_s))

    def _steps(self, number, hold_s, announced_after_s):
        asked = self.clock.now
        granted = self.pool.acquire()
        if granted is not True and (granted is False or not (yield granted)):
            self.refused[number] = self.clock.now
            return
        since = self.got[number] = self.clock.now
        if announced_after_s:
            yield since + announced_after_s
        self.pool.release_at(since + hold_s, asked, since)

    def run(self):
        """Run to the end and return the start of each call's hold, None where it got no permit."""
        self.clock.run()
        return [self.got.get(number) for number in range(len(self.calls))]


def starts(users, *calls):
    """Return when each of the calls (asked, hold) starts."""
    for call in calls:
        users.call(*call)
    return users.run()


# --- by hand ---------------------------------------------------------------------------------------------------------


def test_permits_are_given_in_the_order_of_asking():
    """One permit held for 10 s each: calls at 0, 1 and 2 start at 0, 10 and 20."""
    assert starts(Users(1), (0.0, 10.0), (1.0, 10.0), (2.0, 10.0)) == [0.0, 10.0, 20.0]


def test_simultaneous_calls_start_in_the_order_of_asking():
    """Two permits, four calls at 5: two start at 5, two as the holds of 3 and 4 s end."""
    assert starts(Users(2), (5.0, 3.0), (5.0, 4.0), (5.0, 9.0), (5.0, 9.0)) == [5.0, 5.0, 8.0, 9.0]


def test_a_pool_of_size_zero_refuses_at_once():
    """Nobody would ever be served: refused when asked, not after the wait limit, whatever the queue limit."""
    users = Users(0, queue_limit=5, wait_limit_s=60.0)
    assert starts(users, (0.0, 1.0), (3.0, 1.0)) == [None, None]
    assert users.refused == {0: 0.0, 1: 3.0}


def test_a_full_queue_refuses_at_once():
    """One permit until 10, one place: the second of two that ask at 1 is refused at 1."""
    users = Users(1, queue_limit=1)
    assert starts(users, (0.0, 10.0), (1.0, 10.0), (1.0, 10.0)) == [0.0, 10.0, None]
    assert users.refused == {2: 1.0}


def test_a_queue_limit_of_zero_lets_nobody_wait():
    """One permit until 10: refused at 9.75, served at 10."""
    assert starts(Users(1, queue_limit=0), (0.0, 10.0), (9.75, 1.0), (10.0, 1.0)) == [0.0, None, 10.0]


def test_who_has_waited_too_long_is_sent_away_then():
    """One permit until 10, patience of 4 s: who asks at 1 is refused at 5, who asks at 7 starts at 10."""
    users = Users(1, wait_limit_s=4.0)
    assert starts(users, (0.0, 10.0), (1.0, 1.0), (7.0, 1.0)) == [0.0, None, 10.0]
    assert users.refused == {1: 5.0}


def test_a_permit_that_comes_back_at_the_wait_limit_is_still_given():
    """One permit until 10, patience of 4 s: who asks at 6 starts at 10; one just earlier has been sent away."""
    users = Users(1, wait_limit_s=4.0)
    assert starts(users, (0.0, 10.0), (5.75, 1.0), (6.0, 1.0)) == [0.0, None, 10.0]
    assert users.refused == {1: 9.75}


def test_a_wait_limit_of_zero_lets_nobody_wait():
    """One permit until 10: refused at 3, when asked, and without an event."""
    users = Users(1, wait_limit_s=0.0)
    assert starts(users, (0.0, 10.0), (3.0, 1.0)) == [0.0, None]
    assert users.refused == {1: 3.0}
    assert users.clock.events == 2


def test_who_gives_up_leaves_a_place_in_the_queue():
    """One permit until 20, one place, patience of 4 s: who asks at 1 leaves at 5, when another may begin to wait."""
    users = Users(1, queue_limit=1, wait_limit_s=4.0)
    assert starts(users, (0.0, 20.0), (1.0, 1.0), (4.75, 1.0), (5.0, 1.0)) == [0.0, None, None, None]
    assert users.refused == {1: 5.0, 2: 4.75, 3: 9.0}


@pytest.mark.parametrize("hold_s", [5.0, 15.0])
def test_the_first_permit_to_come_back_serves_the_first_who_waits(hold_s):
    """Two permits, announced in either order until 5 and 15: calls at 1 and 2 start at 5 and 15."""
    assert starts(Users(2), (0.0, hold_s), (0.0, 20.0 - hold_s), (1.0, 99.0), (2.0, 99.0))[2:] == [5.0, 15.0]


def test_a_hold_may_be_announced_long_before_or_just_as_it_ends():
    """One permit of 10 s, announced at 0, 4 or 10: who asks at 1 starts at 10 in each case."""
    for announced_after_s in (0.0, 4.0, 10.0):
        assert starts(Users(1), (0.0, 10.0, announced_after_s), (1.0, 1.0)) == [0.0, 10.0]


def test_an_early_announcement_brings_the_wake_up_forward():
    """Two permits, one until 50, known at 0, one until 6, known only at 4: who has waited since 1 starts at 6."""
    assert starts(Users(2), (0.0, 50.0), (0.0, 6.0, 4.0), (1.0, 1.0), (2.0, 1.0)) == [0.0, 0.0, 6.0, 7.0]


def test_a_newcomer_does_not_overtake_at_the_moment_of_a_release():
    """One permit until 10, one waits since 1; who asks at 10, and is looked at before the pool wakes up, is second.

    The newcomer's event lies in the heap since the start of the run, before the wake-up of the same moment.
    """
    users = Users(1)
    assert starts(users, (10.0, 1.0), (0.0, 10.0), (1.0, 3.0)) == [13.0, 0.0, 10.0]


def test_a_place_is_free_at_the_moment_of_a_release():
    """One permit until 10, one place, taken since 1: who asks at 10 finds the place free, whatever comes first."""
    assert starts(Users(1, queue_limit=1), (10.0, 1.0), (0.0, 10.0), (1.0, 3.0)) == [13.0, 0.0, 10.0]


def test_a_hold_of_no_time_gives_the_permit_on_at_once():
    """One permit until 10: three who wait, of holds of 0 s, all start at 10."""
    assert starts(Users(1), (0.0, 10.0), (1.0, 0.0), (2.0, 0.0), (3.0, 0.0)) == [0.0, 10.0, 10.0, 10.0]


def test_a_permit_that_nobody_waits_for_costs_no_event():
    """A thousand holds that never meet: only the thousand starts of the callers are in the event heap."""
    users = Users(1)
    for number in range(1000):
        users.call(number * 10.0, 9.0)
    before = users.clock.events
    users.run()
    assert users.clock.events == before


def test_a_permit_that_somebody_waits_for_costs_two_events():
    """One permit, a hundred calls at once: a start for each, and a wake-up and an answer for each of 99 who wait."""
    users = Users(1)
    for _ in range(100):
        users.call(0.0, 10.0)
    assert users.run()[-1] == 990.0
    assert users.clock.events == 100 + 99 * 2


def test_the_integrals_of_a_pool_are_exact():
    """Two permits, patience of 10 s, bins of 10 s; calls (asked, hold): (0, 12), (2, 30), (4, 6), (5, 1), (21, 2).

    The first two start at once. The third waits from 4 until 12 and holds until 18. The fourth waits from 5 until it
    gives up at 15. The last starts at 21, when one permit is back. Busy: 10 + 8; 2 + 10 + 6; 10 + 2; 2. Waiting:
    6 + 5; 2 + 5.
    """
    occupancy = Occupancy(bin_s=10.0)
    users = Users(2, wait_limit_s=10.0, occupancy=occupancy)
    assert starts(users, (0.0, 12.0), (2.0, 30.0), (4.0, 6.0), (5.0, 1.0), (21.0, 2.0)) == [0.0, 2.0, 12.0, None, 21.0]
    table = occupancy.table(40.0)
    assert table["busy_s"].tolist() == [18.0, 18.0, 12.0, 2.0]
    assert table["waiting_s"].tolist() == [11.0, 7.0, 0.0, 0.0]
    assert table["queue_max"].tolist() == [2, 2, 0, 0]
    assert table["arrivals"].tolist() == [4, 0, 1, 0]
    assert table["refused"].tolist() == [0, 1, 0, 0]
    assert table["capacity_s"].tolist() == [20.0, 20.0, 20.0, 20.0]


# --- random pools against a definition and against SimPy -------------------------------------------------------------


def defined(size, queue_limit, wait_limit_s, calls):
    """Return (start or None, when that was known) of each call (asked, hold), by trying all moments.

    A call starts at the first moment, from its asking and the last start on, at which fewer than `size` permits are
    held, unless it has waited too long by then, or the queue is full as it asks.
    """
    known, held, patience = [], [], inf if wait_limit_s is None else wait_limit_s
    for asked, hold in calls:
        earliest = max([asked, *(since for since, _ in held)])
        moments = sorted({earliest, *(end for _, end in held if end >= earliest)})
        free = (at for at in moments if sum(since <= at < end for since, end in held) < size)
        start = next(free, inf)
        waiting = sum(at > asked for _, at in known)
        if start > asked and (size == 0 or waiting >= (inf if queue_limit is None else queue_limit)):
            known.append((None, asked))
        elif start - asked > patience or (patience == 0 and start > asked):
            known.append((None, asked + patience))
        else:
            known.append((start, start))
            held.append((start, start + hold))
    return known


quarters = st.integers(0, 60).map(lambda quarter: quarter / 4)


@thorough
@given(
    size=st.integers(0, 3),
    queue_limit=st.none() | st.integers(0, 3),
    wait_limit_s=st.none() | st.integers(0, 16).map(lambda quarter: quarter / 4),
    calls=st.lists(
        st.tuples(quarters, st.integers(1, 20).map(lambda quarter: quarter / 4), st.sampled_from([0.0, 0.25, 0.5])),
        max_size=25,
    ),
)
def test_a_pool_does_what_its_definition_says(size, queue_limit, wait_limit_s, calls):
    """Start or refusal of every call, and when the caller knew, whenever holds are announced before they end."""
    users = Users(size, queue_limit=queue_limit, wait_limit_s=wait_limit_s)
    calls = sorted(calls, key=lambda call: call[0])
    for asked, hold, share in calls:
        users.call(asked, hold, share * hold)
    expected = defined(size, queue_limit, wait_limit_s, [(asked, hold) for asked, hold, _ in calls])
    assert users.run() == [start for start, _ in expected]
    assert users.refused == {number: at for number, (start, at) in enumerate(expected) if start is None}


@thorough
@given(
    size=st.integers(1, 4),
    calls=st.lists(st.tuples(st.floats(0, 50), st.floats(0, 20), st.floats(0, 1)), min_size=1, max_size=40),
)
def test_a_pool_without_limits_is_a_simpy_resource(size, calls):
    """Arrivals and holds of any length: every start is that of `simpy.Resource`, whenever the hold is announced."""
    environment = simpy.Environment()
    resource, expected = simpy.Resource(environment, size), {}

    def call(number, asked, hold):
        yield environment.timeout(asked)
        with resource.request() as granted:
            yield granted
            expected[number] = environment.now
            yield environment.timeout(hold)

    users = Users(size)
    calls = sorted(calls, key=lambda call: call[0])
    for number, (asked, hold, share) in enumerate(calls):
        environment.process(call(number, asked, hold))
        users.call(asked, hold, share * hold)
    environment.run()
    assert users.run() == [expected[number] for number in range(len(calls))]
