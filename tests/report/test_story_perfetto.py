"""A window of a run as a Chrome trace: valid by the rules of the format, a track per actor, nothing lost.

The rules are those of the Trace Event Format: every event has ph, ts (microseconds), pid and tid; complete events (X)
have a dur and are nested within one thread; names of processes and threads come in metadata events (M); a flow has a
start (s) and an end (f) of the same id, name and category, each inside a slice of its thread.
"""

import json
from collections import Counter, defaultdict

import pytest

from sim.reader import Recorded
from sim.report.stories.perfetto import as_text, trace

from .story_world import odd, stored

WINDOW_S = (10.0, 40.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Return a run in which everything goes wrong."""
    return Recorded(odd(tmp_path_factory.mktemp("odd")).folder)


@pytest.fixture(scope="module")
def events(run):
    """Return the events of half a minute of it, by kind, as a reader of the file gets them."""
    by_kind = defaultdict(list)
    for event in json.loads(as_text(trace(run, 0, WINDOW_S)))["traceEvents"]:
        by_kind[event["ph"]].append(event)
    return by_kind


def named(events, kind):
    """Return the names that metadata give to processes or threads."""
    return {(e["pid"], e["tid"]): e["args"]["name"] for e in events["M"] if e["name"] == kind}


def test_every_event_has_the_fields_that_the_format_asks_for(events):
    """Kinds M, X, i, s and f alone; whole microseconds that are not negative; durations, scopes and ids where due."""
    assert set(events) == {"M", "X", "i", "s", "f"}
    for each in (event for some in events.values() for event in some):
        assert {"name", "ph", "ts", "pid", "tid"} <= set(each)
        assert all(isinstance(each[key], int) and each[key] >= 0 for key in ("ts", "pid", "tid"))
    assert all(isinstance(each["dur"], int) and each["dur"] >= 0 for each in events["X"])
    assert {each["s"] for each in events["i"]} == {"t"}
    assert {each["bp"] for each in events["f"]} == {"e"}


def test_there_is_a_track_for_each_actor(events):
    """Checkout and Node, then PSPs and EC groups as the scenario lists them, each a process with a name and a place."""
    names = {pid: name for (pid, _), name in named(events, "process_name").items()}
    assert names == {1: "Checkout", 2: "Node", 3: "psp-a", 4: "psp-b", 5: "psp-c", 6: "ec-1", 7: "ec-2"}
    assert {e["pid"]: e["args"]["sort_index"] for e in events["M"] if e["name"] == "process_sort_index"} == {
        pid: pid for pid in names
    }


def test_every_thread_that_is_used_has_a_name_and_one_process(events):
    """A thread's number belongs to one process in the whole file, since readers may know threads by it alone."""
    threads = {(e["pid"], e["tid"]) for kind in ("X", "i", "s", "f") for e in events[kind]}
    assert threads <= set(named(events, "thread_name"))
    assert len({tid for _, tid in threads}) == len(threads)


def test_slices_of_a_thread_are_nested(events):
    """Of two slices of one thread one contains the other, or they do not overlap; otherwise a reader drops one."""
    by_thread = defaultdict(list)
    for each in events["X"]:
        by_thread[each["tid"]].append((each["ts"], each["ts"] + each["dur"]))
    for slices in by_thread.values():
        open_until = []
        for start, end in sorted(slices, key=lambda each: (each[0], -each[1])):
            while open_until and open_until[-1] <= start:
                open_until.pop()
            assert not open_until or end <= open_until[-1]
            open_until.append(end)


def test_every_arrow_leads_from_a_call_to_what_it_brought_about(events):
    """Same id, name and category at both ends; each end lies at the start of a slice of that name in its thread.

    A call that waited for a connection leaves when it has one: at the end of the wait, which begins with the call.
    """
    starts = {(e["tid"], e["ts"], e["name"]) for e in events["X"]}
    waits = [e for e in events["X"] if e["cat"] == "connection"]
    begun = {(e["tid"], e["ts"]): e["name"] for e in events["X"] if e["cat"] == "call"}
    leaves = {(e["tid"], e["ts"] + e["dur"], begun[e["tid"], e["ts"]]) for e in waits}
    assert len(waits) > 20
    ends = {each["id"]: each for each in events["f"]}
    assert sorted(ends) == sorted(each["id"] for each in events["s"]) == list(range(1, len(ends) + 1))
    for each in events["s"]:
        end = ends[each["id"]]
        assert (each["name"], each["cat"]) == (end["name"], end["cat"])
        assert each["ts"] <= end["ts"]
        assert (end["tid"], end["ts"], end["name"]) in starts
        assert (each["tid"], each["ts"], each["name"]) in starts | leaves


def test_every_call_in_the_window_is_there_once(run, events):
    """Calls asked for before its end and not over before its start, counted in the records, with what they waited."""
    calls = run.columns("calls", 0).plain()
    inside = [
        row
        for row in calls
        if row["asked_s"] < WINDOW_S[1] and max(row["answered_s"], row["served_s"] or 0) >= WINDOW_S[0]
    ]
    wanted = Counter((row["primitive"], round(row["asked_s"] * 1e6)) for row in inside)
    waits = Counter(
        (round(row["asked_s"] * 1e6), round(row["sent_s"] * 1e6)) for row in inside if row["sent_s"] > row["asked_s"]
    )
    drawn = (each for each in events["X"] if each["cat"] == "connection")
    assert Counter((each["ts"], each["ts"] + each["dur"]) for each in drawn) == waits
    assert Counter((each["name"], each["ts"]) for each in events["X"] if each["cat"] == "call") == wanted
    assert len(wanted) > 400


def test_every_change_of_status_in_the_window_is_an_instant_of_the_node(run, events):
    """Counted in the records themselves; each says of which payment it is."""
    states = [row for row in run.columns("states", 0).plain() if WINDOW_S[0] <= row["at_s"] < WINDOW_S[1]]
    wanted = Counter((row["status"], round(row["at_s"] * 1e6)) for row in states)
    assert Counter((each["name"], each["ts"]) for each in events["i"]) == wanted
    assert {each["pid"] for each in events["i"]} == {2}
    assert all(each["args"]["payment"].startswith("0:") for each in events["i"])


def test_a_payment_is_drawn_with_its_queues_and_its_services(tmp_path):
    """Of the world that is reckoned by hand, at 50 s of the run: the activation as Checkout, Node and EC see it."""
    drawn = trace(Recorded(stored(tmp_path).folder), 0, (50.0, 51.0))["traceEvents"]
    slices = [(e["pid"], e["name"], e["cat"], e["ts"] / 1e6, e["dur"] / 1e6) for e in drawn if e["ph"] == "X"]
    assert slices == [
        (1, "activatePaymentNoticeV2", "call", 50.0, 0.66),
        (2, "activatePaymentNoticeV2", "work", 50.01, 0.64),
        (2, "service", "service", 50.01, 0.64),
        (2, "paGetPayment", "call", 50.11, 0.54),
        (4, "paGetPayment", "work", 50.13, 0.5),
        (4, "service", "service", 50.13, 0.5),
    ]


def test_an_empty_window_is_a_trace_of_actors_alone(run):
    """Long after the end nothing is under way."""
    drawn = trace(run, 0, (1e9, 2e9))["traceEvents"]
    assert {event["ph"] for event in drawn} == {"M"}
