"""The clock: flows that yield moments and events, beside ordinary SimPy, and fragments that are heard for a while."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.kernel.clock import Clock, Rest, heard


def waiting(clock, log, name, *targets):
    """Yield targets in turn, and note the time and the value that came with each."""
    for target in targets:
        value = yield target
        log.append((clock.now, name, value))


def test_a_flow_is_resumed_at_the_moments_that_it_yields():
    """Moments are absolute: 3, 3 again, and 7.5."""
    clock, log = Clock(), []
    clock.start(waiting(clock, log, "flow", 3.0, 3.0, 7.5))
    clock.run()
    assert log == [(3.0, "flow", None), (3.0, "flow", None), (7.5, "flow", None)]
    assert clock.now == 7.5


def test_a_flow_is_resumed_by_an_event_with_its_value():
    """An event that succeeds at 4 with a value hands it over at 4."""
    clock, log = Clock(), []
    event = clock.event()
    clock.start(waiting(clock, log, "flow", event))

    def other():
        yield 4.0
        event.succeed("value")

    clock.start(other())
    clock.run()
    assert log == [(4.0, "flow", "value")]


def test_a_flow_starts_at_its_moment_and_is_begun_at_once():
    """`start` runs nothing before its moment; `begin` runs up to the first yield without an event."""
    clock, log = Clock(), []

    def steps(name):
        log.append((name, clock.now))
        yield from ()

    clock.start(steps("later"), 5.0)
    clock.start(steps("now"))
    clock.begin(steps("at once"))
    assert log == [("at once", 0.0)]
    clock.run()
    assert log == [("at once", 0.0), ("now", 0.0), ("later", 5.0)]


@settings(max_examples=100, deadline=None)
@given(moments=st.lists(st.integers(0, 5), max_size=20))
def test_what_happens_at_one_moment_happens_in_the_order_in_which_it_was_asked_for(moments):
    """Flows are resumed in order of time, and of their entry into the heap where times are equal."""
    clock, log = Clock(), []
    for number, moment in enumerate(moments):
        clock.start(waiting(clock, log, number, float(moment)))
    clock.run()
    expected = sorted(enumerate(moments), key=lambda pair: pair[1])
    assert [(at, name) for at, name, _ in log] == [(float(moment), number) for number, moment in expected]


def test_flows_and_simpy_processes_share_one_time():
    """A process waits for its timeout of 2 s and for a flow's event at 3; the flow waits for the process."""
    clock, log = Clock(), []
    event = clock.event()

    def process():
        yield clock.timeout(2.0)
        log.append(("process", clock.now))
        value = yield event
        log.append((value, clock.now))
        yield clock.timeout(1.0)
        return "result"

    def flow():
        yield 3.0
        event.succeed("event")
        value = yield running
        log.append((value, clock.now))

    running = clock.process(process())
    clock.start(flow())
    clock.run()
    assert log == [("process", 2.0), ("event", 3.0), ("result", 4.0)]


def test_a_run_may_end_at_a_moment_or_at_an_event():
    """As in SimPy: up to 5, exclusive; then until the event at 8, whose value is returned; then to the end."""
    clock, log = Clock(), []
    clock.start(waiting(clock, log, "flow", 4.0, 5.0, 9.0))
    clock.run(until=5.0)
    assert ([at for at, _, _ in log], clock.now) == ([4.0], 5.0)
    assert clock.run(until=clock.timeout(3.0, "value")) == "value"
    assert ([at for at, _, _ in log], clock.now) == ([4.0, 5.0], 8.0)
    clock.run()
    assert [at for at, _, _ in log] == [4.0, 5.0, 9.0]


def test_a_moment_costs_one_entry_of_the_heap():
    """A flow of three moments: its start and three entries; nothing is left when it is over."""
    clock = Clock()
    clock.start(waiting(clock, [], "flow", 1.0, 2.0, 3.0))
    assert (clock.events, clock.scheduled) == (1, 1)
    clock.run()
    assert (clock.events, clock.scheduled) == (4, 0)


def test_a_moment_in_the_past_is_refused():
    """Time does not go back: neither for a flow that runs nor for one that is started."""
    clock = Clock()
    clock.start(waiting(clock, [], "flow", 5.0, 4.0))
    with pytest.raises(ValueError, match=r"cannot go back from 5\.0 s to 4\.0 s"):
        clock.run()
    with pytest.raises(ValueError, match=r"cannot go back from 5\.0 s to 1\.0 s"):
        clock.start(waiting(clock, [], "flow", 6.0), 1.0)


def test_an_event_that_has_fired_is_refused():
    """Nobody would ever resume the flow, so that it is a bug to wait for it."""
    clock = Clock()
    event = clock.event()
    event.succeed()
    clock.run()
    with pytest.raises(RuntimeError, match="has already fired"):
        clock.begin(waiting(clock, [], "flow", event))


def test_an_error_in_a_flow_stops_the_run():
    """Nothing is swallowed."""

    def broken():
        yield 1.0
        raise LookupError("in the flow")

    clock = Clock()
    clock.start(broken())
    with pytest.raises(LookupError, match="in the flow"):
        clock.run()


# --- fragments that are heard for a while ----------------------------------------------------------------------------


def listening(clock, log, steps, until):
    """Listen to a fragment until a moment, note how that ended, and let the rest go on by itself."""
    heard_of = yield from heard(clock, steps, steps.send(None), until)
    if isinstance(heard_of, Rest):
        log.append((clock.now, "rest"))
        result = yield from heard_of.steps
        log.append((clock.now, "result", result))
    else:
        log.append((clock.now, "heard", heard_of))


def fragment(clock, log, *targets):
    """Yield targets, note each, and return their values."""
    values = []
    for target in targets:
        values.append((yield target))
        log.append((clock.now, "step"))
    return values


def test_a_fragment_that_ends_in_time_is_heard():
    """Moments 1 and 4, heard until 4: both are in time, since 4 is not after 4."""
    clock, log = Clock(), []
    clock.start(listening(clock, log, fragment(clock, log, 1.0, 4.0), 4.0))
    clock.run()
    assert log == [(1.0, "step"), (4.0, "step"), (4.0, "heard", [None, None])]
    assert clock.events == 3


def test_a_moment_that_comes_too_late_is_known_at_once_and_costs_no_timer():
    """Moments 1 and 5, heard until 4: what is left is given back at 1, and goes on at 5."""
    clock, log = Clock(), []
    clock.start(listening(clock, log, fragment(clock, log, 1.0, 5.0), 4.0))
    clock.run()
    assert log == [(1.0, "step"), (1.0, "rest"), (5.0, "step"), (5.0, "result", [None, None])]
    assert clock.events == 3


@pytest.mark.parametrize(
    ("fires", "expected"),
    [
        (3.0, [(3.0, "step"), (3.0, "heard", ["value"])]),
        (6.0, [(4.0, "rest"), (6.0, "step"), (6.0, "result", ["value"])]),
    ],
)
def test_an_event_is_heard_until_the_moment_and_goes_on_after_it(fires, expected):
    """An event at 3 is heard until 4; one at 6 is not, and the rest, given back at 4, still gets its value at 6."""
    clock, log = Clock(), []
    event = clock.event()

    def firing():
        yield fires
        event.succeed("value")

    clock.start(firing())
    clock.start(listening(clock, log, fragment(clock, log, event), 4.0))
    clock.run()
    assert log == expected
