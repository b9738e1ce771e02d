"""The same scenario, seed and replication give the same records, byte for byte, however they are run."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from model.worlds import EC, PSP, WORLD, world

import sim
from sim.model.run import replicate

RANDOM = {
    **WORLD,
    "run": {"warm_up": "20 s", "window": "100 s", "replications": 3, "seed": 7},
    "arrivals": {"rate": "1/s"},
    "cart": {"notices": {1: 0.6, 3: 0.4}, "amount": {"lognormal": {"median": "65 EUR", "sigma": 1.5}}},
    "citizen": {
        "think_time": {"lognormal": {"median": "60 s", "sigma": 0.6}},
        "abandon": 0.1,
        "cancel": 0.1,
        "retry": {"probability": 0.5, "wait": {"exponential": {"mean": "60 s"}}},
    },
    "node": {"processing": {"workers": 4, "service_time": "20 ms"}, "psp_pool": {"size": 3}},
    "links": {"checkout_node": {"loss": 0.02}, "node_ec": {"loss": 0.02}, "node_psp": {"loss": 0.02}},
    "ecs": [
        {**EC, "share": 0.5, "paGetPayment": {"ends": {"ko": 0.1, "hang": 0.05}}},
        {
            **EC,
            "share": 0.5,
            "name": "small",
            "count": 50,
            "zipf": 1.0,
            "workers": 1,
            "paSendRT": {"ends": {"ko": 0.1}},
        },
    ],
    "psps": [
        {**PSP, "share": 0.5, "outcome_delay": {"exponential": {"mean": "2 s"}}, "outcome_lost": 0.1},
        {**PSP, "share": 0.5, "name": "other", "workers": 2, "pspNotifyPaymentV2": {"ends": {"lost_reply": 0.2}}},
    ],
    "incidents": [
        {"target": "psps.psp", "effect": "outage", "at": "50 s", "duration": "20 s"},
        {"target": "ecs.small", "effect": "slowdown", "factor": 5, "mtbf": "60 s", "mttr": "20 s"},
    ],
}
"""A world in which chance decides about everything."""


def fingerprint(records):
    """Return a hash over every column: its name, type and bytes."""
    seen = hashlib.sha256()
    for table, columns in sorted(records.tables.items()):
        for name, values in sorted(columns.items()):
            seen.update(f"{table}.{name}:{values.dtype}".encode())
            seen.update(values.tobytes())
    return seen.hexdigest()


def fingerprints(records):
    """Return a hash for each replication."""
    return [fingerprint(each) for each in records]


def test_two_runs_give_the_same_bytes():
    """Every column of every table, calls and states included; another seed gives other bytes."""
    loaded = sim.load(RANDOM)
    first, second = (replicate(loaded, 0, record=("calls", "states")) for _ in range(2))
    assert fingerprint(first) == fingerprint(second)
    assert len(first.tables["payments"]["cart"]) > 100
    reseeded = replicate(sim.load(RANDOM, ["run.seed=8"]), 0, record=("calls", "states"))
    assert fingerprint(reseeded) != fingerprint(first)


def test_what_is_recorded_changes_nothing_that_happens():
    """Asking for calls and states adds tables, and leaves the others as they are."""
    loaded = sim.load(RANDOM)
    plain, more = replicate(loaded, 0), replicate(loaded, 0, record=("calls", "states"))
    kept = {name: more.tables[name] for name in plain.tables}
    assert set(more.tables) - set(plain.tables) == {"calls", "states"}
    for table, columns in plain.tables.items():
        for name, values in columns.items():
            assert values.tobytes() == kept[table][name].tobytes()


def test_a_replication_is_the_same_alone_or_among_others():
    """Replication 2 of 3, run first, last, or alone; and no two replications are the same."""
    loaded = sim.load(RANDOM)
    alone = fingerprint(replicate(loaded, 2))
    among = fingerprints(replicate(loaded, number) for number in (0, 1, 2))
    assert among[2] == alone
    assert len(set(among)) == 3


def test_one_process_and_two_give_the_same_bytes(tmp_path):
    """The figures and every stored table are the same for any number of jobs."""
    one, two = (sim.run(RANDOM, jobs=jobs, out=tmp_path / str(jobs), record=("calls", "states")) for jobs in (1, 2))
    assert one.summary.to_json() == two.summary.to_json()
    for table in ("payments", "carts", "calls", "states", "stations", "reversals"):
        files = [sorted((tmp_path / str(jobs)).rglob(f"{table}.parquet")) for jobs in (1, 2)]
        assert [len(found) for found in files] == [1, 1]
        assert files[0][0].read_bytes() == files[1][0].read_bytes()


SCRIPT = """
from determinism.test_repeatable import RANDOM, fingerprint
from sim.model.run import replicate
import sim
print(fingerprint(replicate(sim.load(RANDOM), 0, record=("calls", "states"))))
"""


def test_the_hash_seed_of_the_interpreter_changes_nothing():
    """Two interpreters whose sets and strings hash differently give the bytes that this one gives."""
    here = fingerprint(replicate(sim.load(RANDOM), 0, record=("calls", "states")))
    tests = Path(__file__).parents[1]
    for seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"}
        printed = subprocess.run(  # noqa: S603 - the command is this interpreter and the script above
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=True
        )
        assert printed.stdout.strip() == here


@pytest.mark.parametrize("window", ["40 s", "500 s"])
def test_a_longer_window_only_adds_carts(window):
    """In a world without queues a cart is the same whether few or many come after it."""
    sets = ("arrivals.rate=1/s", "citizen.abandon=20%", "psps.psp.outcome_delay={exponential: {mean: 2 s}}")
    short = replicate(world("run.window=20 s", *sets), 0).tables["payments"]
    long = replicate(world(f"run.window={window}", *sets), 0).tables["payments"]
    count = len(short["cart"])
    assert 0 < count < len(long["cart"])
    for name, values in short.items():
        assert values.tobytes() == long[name][:count].tobytes()
