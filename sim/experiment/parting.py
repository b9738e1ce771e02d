"""Where one payment parts in two worlds: the first call or change of status that differs.

Under common random numbers the same citizen does the same thing in both, so what differs is what the change between the
worlds has done to that one payment.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.experiment.replications import StudyError
from sim.model.run import replicate
from sim.records import TABLES, Records
from sim.scenario.load import Loaded

_TOLERANCE_S = 1e-9


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened to a payment: when, and what."""

    at_s: float
    what: str


@dataclass(frozen=True, slots=True)
class Parting:
    """How long the two histories are the same, and what each has next; None where it has ended."""

    same: int
    last: Moment | None
    left: Moment | None
    right: Moment | None

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        moments = {"last": self.last, "left": self.left, "right": self.right}
        return {"same": self.same, **{k: m and {"at_s": m.at_s, "what": m.what} for k, m in moments.items()}}


def partings(worlds: Mapping[str, Loaded], payment: str) -> dict[str, Parting | None]:
    """Return where a payment of the first world, written cart.notice, parts in each of the others.

    Raises `StudyError` for what is no payment, or none of these worlds.
    """
    cart, dot, notice = payment.partition(".")
    if not (cart.isdecimal() and dot and notice.isdecimal()):
        raise StudyError(f"{payment!r} is no payment; write for example 17.0")
    first, *others = worlds
    return {name: parting(worlds[first], worlds[name], (int(cart), int(notice))) for name in others}


def parting(left: Loaded, right: Loaded, payment: tuple[int, int], replication: int = 0) -> Parting | None:
    """Return where a payment (cart, notice) parts in two scenarios, over all tries; None if it never does.

    Runs one replication of each. Raises `StudyError` if neither has such a payment, or where their seeds differ.
    """
    seeds = [each.scenario.run.seed for each in (left, right)]
    if seeds[0] != seeds[1]:
        raise StudyError(f"seeds {seeds[0]} and {seeds[1]} have other payments; give one with --seed")
    histories = [
        list(_history(replicate(each, replication, record=("calls", "states")), *payment)) for each in (left, right)
    ]
    if not any(histories):
        raise StudyError(f"there is no payment {payment[0]}.{payment[1]} in replication {replication}")
    same, last = 0, None
    for first, second in zip(*histories, strict=False):
        if first.what != second.what or abs(first.at_s - second.at_s) > _TOLERANCE_S:
            return Parting(same, last, first, second)
        same, last = same + 1, first
    rest = [history[same] if len(history) > same else None for history in histories]
    return None if rest == [None, None] else Parting(same, last, *rest)


def _history(records: Records, cart: int, notice: int) -> Iterator[Moment]:
    """Yield what happened to a payment in order of time: its changes of status, its calls and those of its cart."""
    found = [*_calls(records, cart, notice), *_states(records, cart, notice)]
    yield from sorted(found, key=lambda moment: moment.at_s)


def _calls(records: Records, cart: int, notice: int) -> Iterator[Moment]:
    rows = records.tables["calls"]
    answers = next(column.names for column in TABLES["calls"] if column.name == "answer")
    assert isinstance(answers, tuple)
    for row in np.flatnonzero((rows["cart"] == cart) & np.isin(rows["notice"], (notice, -1))):
        name = records.names["primitive"][rows["primitive"][row]]
        of = f"{name}, try {rows['attempt'][row]}, send {rows['send'][row]}"
        yield Moment(float(rows["sent_s"][row]), f"{of}: sent")
        yield Moment(float(rows["answered_s"][row]), f"{of}: {answers[rows['answer'][row]]}")


def _states(records: Records, cart: int, notice: int) -> Iterator[Moment]:
    rows = records.tables["states"]
    subjects, statuses = (next(c.names for c in TABLES["states"] if c.name == name) for name in ("subject", "status"))
    assert isinstance(subjects, tuple)
    assert isinstance(statuses, tuple)
    for row in np.flatnonzero((rows["cart"] == cart) & (rows["notice"] == notice)):
        what = f"{subjects[rows['subject'][row]]} {statuses[rows['status'][row]]}, try {rows['attempt'][row]}"
        yield Moment(float(rows["at_s"][row]), what)
