"""Snapshots: what somebody sees who looks at a replication while it runs.

What a snapshot should say is reckoned from the records of the same run, which it does not read, or from the time line
of the world by hand.
"""

from collections import Counter

import numpy as np
import pytest

from model.worlds import EC, PSP, names, world
from sim.model.run import replicate
from sim.records import EXPIRY_CAUSES

BUSY = {
    "run": {"warm_up": "1 min", "window": "15 min", "seed": 5, "bin": "1 min"},
    "arrivals": {"rate": "1/s"},
    "cart": {"notices": {1: 0.7, 2: 0.3}, "amount": {"exponential": {"mean": "60 EUR"}}},
    "citizen": {
        "think_time": {"exponential": {"mean": "40 s"}},
        "abandon": 0.1,
        "cancel": 0.05,
        "retry": {"probability": 0.5, "wait": "30 s"},
    },
    "protocol": {"token_validity": "4 min"},
    "checkout": {"refund": {"time": {"exponential": {"mean": "90 s"}}, "failure": 0.3, "retries": 2, "wait": "30 s"}},
    "node": {"psp_pool": {"size": 1}, "processing": {"workers": 2, "service_time": "50 ms"}},
    "ecs": [
        {**EC, "count": 20, "workers": 1, "queue_limit": 0, "paGetPayment": {"time": "500 ms", "ends": {"ko": 0.05}}}
    ],
    "psps": [
        {**PSP, "share": 0.5, "workers": 1, "outcome_lost": 0.1},
        {**PSP, "share": 0.5, "name": "other", "pspNotifyPaymentV2": {"ends": {"ko": 0.1, "lost_reply": 0.1}}},
    ],
    "incidents": [
        {"target": "psps.psp", "effect": "outage", "at": "5 min", "duration": "2 min"},
        {"target": "ecs.ec", "effect": "slowdown", "factor": 3, "mtbf": "4 min", "mttr": "1 min"},
    ],
}
"""A quarter of an hour in which everything that a snapshot counts happens, with queues and refused calls."""


def watched(loaded):
    """Return the records of a replication, and snapshots of all its sweeps and of its end."""
    snapshots = []
    records = replicate(loaded, 0, live=lambda lookout: snapshots.append(lookout.snapshot()))
    return records, snapshots


@pytest.fixture(scope="module", params=["sanp-3.6.1", "nodo-observed"])
def busy(request):
    """Return records and snapshots of the busy world, under both readings of the protocol."""
    return watched(world(f"protocol.preset={request.param}", **BUSY))


def at(snapshots, now_s):
    """Return the snapshot of a moment."""
    return next(each for each in snapshots if each.now_s == now_s)


def by_cause(records, column, happened):
    """Count the payments of a choice by cause, as a dictionary without zeros."""
    return dict(Counter(np.array(names(records, "payments", column))[happened].tolist()))


def test_counts_at_every_sweep_are_those_that_the_records_give_of_that_moment(busy):
    """A column of the records says when something happened to a token; what has happened is what is not later.

    A token is open from its issue until it is paid or cancelled; a closed cart waits while its tokens are open.
    """
    records, snapshots = busy
    rows = records.tables["payments"]
    assert len(snapshots) > 15
    for seen in snapshots[:-1]:
        issued, paid, back = (rows[c] <= seen.now_s for c in ("issued_s", "paid_s", "reversed_s"))
        still = issued & ~paid & ~(rows["cancelled_s"] <= seen.now_s)
        closed = still & (rows["closed_s"] <= seen.now_s)
        assert (seen.issued, seen.paid) == (issued.sum(), paid.sum())
        assert seen.authorised == (rows["authorised_s"] <= seen.now_s).sum()
        assert (seen.open_tokens, seen.closed_carts) == (still.sum(), len(set(rows["cart"][closed].tolist())))
        expiry = np.isin(names(records, "payments", "cancel_cause"), EXPIRY_CAUSES)
        assert seen.expired == (expiry & (rows["cancelled_s"] <= seen.now_s)).sum()
        assert seen.reversed == by_cause(records, "reversal_cause", back)
        assert sum(seen.reversed_cents.values()) == rows["amount_cents"][back].sum()


def test_at_the_end_every_count_is_that_of_the_records(busy):
    """Causes as recorded, and all the money that went back, although the last of it does so after the last event."""
    records, snapshots = busy
    rows, last = records.tables["payments"], snapshots[-1]
    assert [each.ended for each in snapshots] == [False] * (len(snapshots) - 1) + [True]
    back = ~np.isnan(rows["reversed_s"])
    assert last.finished == len(rows["cart"])
    assert (last.issued, last.authorised) == tuple((~np.isnan(rows[c])).sum() for c in ("issued_s", "authorised_s"))
    assert last.cancelled == by_cause(records, "cancel_cause", ~np.isnan(rows["cancelled_s"]))
    assert last.reversed == by_cause(records, "reversal_cause", back)
    for cause, cents in last.reversed_cents.items():
        of_cause = back & (np.array(names(records, "payments", "reversal_cause")) == cause)
        assert cents == rows["amount_cents"][of_cause].sum() > 0
    still = ~np.isnan(rows["issued_s"]) & np.isnan(rows["paid_s"]) & np.isnan(rows["cancelled_s"])
    assert (last.open_tokens, last.closed_carts) == (still.sum(), len(set(rows["cart"][still].tolist())))
    assert last.reversed["psp_refused"] > 0  # the world has something to count


def test_stations_are_those_of_the_last_whole_bin(busy):
    """Sweeps and bins are both of a minute: at minute n, the record's bin n - 1; refused calls are from the start."""
    records, snapshots = busy
    rows = records.tables["stations"]
    of = np.array(names(records, "stations", "station"))
    refused = queued = 0
    for seen in snapshots[:-1]:
        minute = round(seen.now_s / 60)
        assert [s.name for s in seen.stations] == ["node", "psps.psp", "psps.other", "ecs.ec", "node.psp_pool"]
        for station in seen.stations:
            found = {c: rows[c][of == station.name] for c in ("busy_s", "waiting_s", "refused", "bin_start_s")}
            assert found["bin_start_s"][minute - 1] == seen.now_s - 60
            unseen = 0.03 / 60 if station.name == "node.psp_pool" else 0  # a call of 30 ms on its way
            assert station.busy == pytest.approx(found["busy_s"][minute - 1] / 60, abs=unseen + 1e-9)
            assert station.queue == pytest.approx(found["waiting_s"][minute - 1] / 60, abs=1e-9)
            assert station.refused == found["refused"][:minute].sum()
            refused, queued = refused + station.refused, max(queued, station.queue)
    assert refused > 0
    assert queued > 1  # of the pool, which notes a wait when it has ended
    assert [station.workers for station in snapshots[2].stations] == [2, 1, None, pytest.approx(20, abs=20), 1]


def test_one_payment_is_seen_where_it_is():
    """By the time line of the world: issued at 50.65 s, closed at 110.67, booked at 111.43, paid at 112.53."""
    _, snapshots = watched(world("node.jobs.mod3CancelV2=1 s"))
    seen = {s: (at(snapshots, s).issued, at(snapshots, s).open_tokens, at(snapshots, s).closed_carts) for s in (
        50.0, 51.0, 110.0, 111.0, 112.0, 113.0,
    )}  # fmt: skip
    assert seen == {
        50.0: (0, 0, 0), 51.0: (1, 1, 0), 110.0: (1, 1, 0), 111.0: (1, 1, 1), 112.0: (1, 1, 1), 113.0: (1, 0, 0),
    }  # fmt: skip
    assert [at(snapshots, s).paid for s in (112.0, 113.0)] == [0, 1]
    assert [at(snapshots, s).authorised for s in (110.0, 111.0)] == [0, 1]


def test_money_counts_when_it_is_back():
    """The PSP refuses, which the Node knows at 111.43 s and Checkout 10 ms later; the refund takes 3 s: 114.44 s."""
    psps = [{**PSP, "pspNotifyPaymentV2": {"time": "600 ms", "ends": {"ko": 1}}}]
    _, snapshots = watched(world("node.jobs.mod3CancelV2=1 s", "node.jobs.paSendRt=1 s", psps=psps))
    assert (at(snapshots, 112.0).cancelled, at(snapshots, 112.0).reversed) == ({"psp_refused": 1}, {})
    last = snapshots[-1]
    assert last.now_s < 114.44
    assert (last.reversed, last.reversed_cents) == ({"psp_refused": 1}, {"psp_refused": 5000})


def test_incidents_are_those_that_have_begun_and_the_youngest_come_first():
    """First those under way, then those that ended last."""
    incidents = [
        {"target": "psps.psp", "effect": "outage", "at": "60 s", "duration": "20 s"},
        {"target": "ecs.ec", "effect": "partition", "primitive": "paSendRT", "at": "30 s", "duration": "60 s"},
        {"target": "node", "effect": "outage", "at": "90.5 s", "duration": "1 s"},
        {"target": "psps.psp", "effect": "slowdown", "factor": 2, "at": "1 s", "duration": "200 s"},
    ]
    _, snapshots = watched(world("node.jobs.mod3CancelV2=10 s", incidents=incidents))
    said = {s: [each.effect[0] for each in at(snapshots, s).incidents] for s in (20.0, 30.0, 60.0, 80.0, 90.0, 100.0)}
    assert said == {
        20.0: ["s"],
        30.0: ["p", "s"],
        60.0: ["o", "p", "s"],
        80.0: ["p", "s", "o"],  # an incident lasts up to its end, and not including it
        90.0: ["s", "p", "o"],
        100.0: ["s", "o", "p", "o"],
    }
    partition = at(snapshots, 30.0).incidents[0]
    assert (partition.target, partition.primitive, partition.start_s, partition.end_s) == ("ecs.ec", "paSendRT", 30, 90)


def test_a_snapshot_names_the_phases_of_its_run():
    """Warm-up of a minute, a window of fifteen, and then the drain."""
    _, snapshots = watched(world(**{**BUSY, "arrivals": {"rate": "0.05/s"}}))
    assert {(each.replication, each.warm_up_s, each.arrivals_end_s) for each in snapshots} == {(0, 60.0, 960.0)}


def test_a_cart_left_to_a_manual_check_stays_open():
    """By the observed platform an accepted payment without outcome is left alone: closed, and open for good."""
    psps = [{**PSP, "outcome_lost": 1}]
    _, snapshots = watched(world("protocol.preset=nodo-observed", psps=psps))
    assert [(each.open_tokens, each.closed_carts, each.paid) for each in snapshots[-2:]] == [(1, 1, 0), (1, 1, 0)]
    assert snapshots[-1].cancelled == {}


def test_records_are_the_same_bytes_whether_or_not_somebody_looks():
    """Looking changes nothing, not even the order in which numbers are added up."""
    seen, unseen = watched(world(**BUSY))[0], replicate(world(**BUSY), 0)
    assert seen.tables.keys() == unseen.tables.keys()
    for name, columns in unseen.tables.items():
        assert [c.tobytes() for c in seen.tables[name].values()] == [c.tobytes() for c in columns.values()]
    assert seen.events == unseen.events


def test_nobody_is_told_of_a_snapshot_that_nobody_takes():
    """A lookout costs nothing until it is asked."""
    offered = []
    replicate(world(), 0, live=offered.append)
    assert len({id(each) for each in offered}) == 1
    assert offered[0].ended
