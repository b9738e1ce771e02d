"""A world that can be reckoned by hand, runs of it, and its records as plain rows.

Every delay of the world is a constant that no sum of the others resembles. For a cart of one notice, in seconds after
its arrival (10 ms to the Node, 20 ms to the EC, 30 ms to the PSP, 100 ms of work for each call to the Node, which looks
into its ledger when it takes the call and relays what an EC or a PSP said at once):

    0.00  activation sent            60.66  authorised, close sent         62.53  outcome at the Node: PAID
    0.01  at the Node                60.67  closed                         62.63  reply, result and receipt leave
    0.11  paGetPayment leaves        60.77  reply and notification leave   62.64  Checkout knows
    0.13  at the EC, 0.5 s of work   60.80  at the PSP, 0.6 s of work      62.65  receipt at the EC, 0.7 s of work
    0.65  token issued               61.40  booked                         63.35  debt position closed
    0.66  Checkout knows             61.43  accepted                       63.37  NOTIFIED
   40.66  end of thinking            62.50  outcome sent, after 1.1 s

Only tests may import it. A test states the few things that differ, as assignments `path=value`.
"""

from collections.abc import Sequence
from types import SimpleNamespace

from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.model.run import replicate
from sim.records import TABLES
from sim.scenario.load import from_dict

WORLD = {
    "name": "by-hand",
    "run": {"warm_up": "0 s", "window": "100 s"},
    "arrivals": {"process": "constant", "rate": "0.01/s"},  # one cart, at 50 s
    "cart": {"notices": {1: 1}, "amount": "50 EUR"},
    "citizen": {"think_time": "40 s"},
    "checkout": {"authorisation": {"time": "20 s"}, "refund": {"time": "3 s"}},
    "node": {"processing": {"service_time": "100 ms"}},
    "links": {
        "checkout_node": {"latency": "10 ms"},
        "node_ec": {"latency": "20 ms"},
        "node_psp": {"latency": "30 ms"},
    },
    "ecs": [{"name": "ec", "share": 1, "paGetPayment": {"time": "500 ms"}, "paSendRT": {"time": "700 ms"}}],
    "psps": [
        {"name": "psp", "share": 1, "pspNotifyPaymentV2": {"time": "600 ms"}, "outcome_delay": "1.1 s"},
    ],
}
ARRIVAL_S = 50.0
"""When the world's only cart arrives, unless a test has more of them."""

EC, PSP = WORLD["ecs"][0], WORLD["psps"][0]
"""The world's only EC group and PSP, for a test that has several."""


def world(*sets, folder=".", **sections):
    """Load the world with whole sections replaced, then changed by assignments."""
    return from_dict({**WORLD, **sections}, sets, folder)


def trace(folder, *times):
    """Write arrival times, in seconds of the run, where a scenario finds them; return its section `arrivals`."""
    (folder / "trace.csv").write_text("\n".join(["seconds", *map(str, times)]) + "\n", encoding="utf-8")
    return {"trace": {"file": "trace.csv", "column": "seconds"}}


def run(*sets, replication=0, record=("calls", "states"), folder=".", **sections):
    """Run one replication of the changed world."""
    return replicate(world(*sets, folder=folder, **sections), replication, record=record)


def names(records, table, column):
    """Return a category column as a list of names."""
    described = next(c for c in TABLES[table] if c.name == column)
    listed = records.column_names(described)
    return [listed[code] for code in records.tables[table][column].tolist()]


def rows(records, table, **wanted):
    """Return the rows of a table that have the values wanted, as objects with categories by name."""
    columns = {}
    for column in TABLES[table]:
        named = column.names is not None
        columns[column.name] = names(records, table, column.name) if named else _values(records, table, column.name)
    found = [SimpleNamespace(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    return [row for row in found if all(getattr(row, name) == value for name, value in wanted.items())]


def _values(records, table, column):
    return records.tables[table][column].tolist()


def only(records, table, **wanted):
    """Return the only row of a table that has the values wanted."""
    (row,) = rows(records, table, **wanted)
    return row


def since(row, *columns: str, arrival_s=ARRIVAL_S) -> Sequence[float]:
    """Return moments of a row in seconds after the cart's arrival."""
    return [getattr(row, column) - arrival_s for column in columns]


def summary(loaded, replications, confidence=0.99):
    """Run replications and summarise them as a run does."""
    return summarise([tally(replicate(loaded, number)) for number in range(replications)], (), confidence)
