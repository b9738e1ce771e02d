"""The ways of payments: from the citizen's click until Checkout knew how it ended, cut into parts that add up.

A payment's way is a chain of moments, each of which could not come before the last: its activation with the call to
the EC inside, what is left of the activation of the last notice of its cart, the citizen's own time, the close, the
notification, the outcome, and the Node's result. The time up to each moment has one component and one actor, so that
the parts add up to the whole. What runs beside the way takes no time of it. Receipts come after the end and have a
metric of their own.

Records in, numbers out: nothing here knows of files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.analysis.calls import (
    ACTIVATE,
    ASK,
    CHECKOUT,
    CITIZEN,
    CLOSE,
    NODE,
    NOTIFY,
    RESULT,
    SEND_OUTCOME,
    TIMES,
    Calls,
    Tries,
    parts_of,
)

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

COMPONENTS = {
    "thinking": "the citizen thinks and authorises",
    "queue": "waiting for a worker",
    "service": "a worker is at it",
    "network": "on the way",
    "connection": "waiting for one of the Node's connections",
    "service or connection": "at work before paGetPayment, or waiting in vain for a connection to the EC",
    "no answer": "waiting for an answer that does not come",
    "retry": "waiting to send again",
    "outcome": "waiting for the PSP's outcome",
    "other notices": "waiting until other notices of the cart were activated",
}
"""What a payment's time is spent on. The records do not tell the Node's work before paGetPayment from its wait for a
connection, where it got none."""
_NAMES = tuple(COMPONENTS)
THINKING, _QUEUE, _SERVICE, _NETWORK, _CONNECTION, _EITHER, _NO_ANSWER, _RETRY, _OUTCOME, _OTHERS = range(len(_NAMES))
_INSIDE, _SEND, _AFTER = 3, 16, 1 << 24
"""Numbers that put the moments of a way in order: of a call inside of another, from one send to the next, and from one
part of the way to the next."""


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """The ways of many payments.

    `payments` has a row (replication, cart, try, notice) each. A part of a way is one entry of `payment` (row of
    `payments`), `component` (of `COMPONENTS`), `actor` (of `actors`) and `seconds`. `unsettled` counts payments whose
    end Checkout never knew, which are left out.
    """

    payments: Array
    actors: tuple[str, ...]
    payment: Array
    component: Array
    actor: Array
    seconds: Array
    unsettled: int

    @property
    def total_s(self) -> Array:
        """The whole way of each payment."""
        return np.bincount(self.payment, self.seconds, minlength=len(self.payments))

    @property
    def waited_s(self) -> Array:
        """The way of each payment without the citizen's own time: by this a payment is slow."""
        waited = np.where(self.component == THINKING, 0.0, self.seconds)
        return np.bincount(self.payment, waited, minlength=len(self.payments))

    def parts(self, row: int) -> dict[tuple[str, str], float]:
        """Return the parts of one payment, by component and actor."""
        found: dict[tuple[str, str], float] = {}
        for each in np.flatnonzero(self.payment == row):
            key = _NAMES[self.component[each]], self.actors[self.actor[each]]
            found[key] = found.get(key, 0.0) + float(self.seconds[each])
        return found


def ways(calls: "pd.DataFrame", *, since_s: float = 0.0) -> Ways:
    """Cut the way of every payment into parts; `calls` is the table of a run (`results/README.md`).

    Payments of carts that first arrived before `since_s` are left out.
    """
    names = calls["counterpart"].cat.categories
    actors = ("Citizen", "Checkout", "Node", *map(str, names))
    return joined((_ways(part, actors) for part in parts_of(Calls.of(calls), since_s)), actors)


def joined(many: Iterable[Ways], actors: tuple[str, ...] = ()) -> Ways:
    """Put the ways of several parts of a run together; they have the same actors."""
    parts = list(many)
    if not parts:
        nothing = np.empty(0, dtype=np.int64)
        return Ways(np.empty((0, 4), dtype=np.int64), actors, nothing, nothing, nothing, np.empty(0), 0)
    before = np.cumsum([0, *(len(part.payments) for part in parts)])
    return Ways(
        np.concatenate([part.payments for part in parts]),
        parts[0].actors,
        np.concatenate([part.payment + start for part, start in zip(parts, before, strict=False)]),
        np.concatenate([part.component for part in parts]),
        np.concatenate([part.actor for part in parts]),
        np.concatenate([part.seconds for part in parts]),
        sum(part.unsettled for part in parts),
    )


class _Way:
    """The moments of every payment's way, in an order that is known beforehand; what is late already is passed."""

    def __init__(self) -> None:
        self.moments: list[tuple[Array, ...]] = []

    def reach(self, payment: Array, order: Any, at_s: Array, component: Any, actor: Any) -> None:
        """Note moments up to which the time has a component and an actor; NaN never comes."""
        known = ~np.isnan(at_s) & (at_s < inf)
        columns = (payment, np.asarray(order), at_s, np.asarray(component), np.asarray(actor))
        self.moments.append(tuple(np.broadcast_to(column, payment.shape)[known] for column in columns))

    def call(
        self,
        payment: Array,
        order: Array,
        calls: Calls,
        until_s: Array,
        before: tuple[Any, Any],
        callee: Any,
        link: Any,
        *,
        work: Any = _SERVICE,
        back: bool = True,
    ) -> None:
        """Note a call that matters up to a moment; `before` is what the time until it was sent went on."""
        _, sent, arrived, started, served, answered = (np.minimum(getattr(calls, name), until_s) for name in TIMES)
        self.reach(payment, order, sent, *before)
        self.reach(payment, order + 1, arrived, _NETWORK, link)
        self.reach(payment, order + 2, started, _QUEUE, callee)
        self.reach(payment, order + _INSIDE + len(TIMES), served, work, callee)
        if back:
            component = np.where(calls.heard, _NETWORK, _NO_ANSWER)
            self.reach(payment, order + _SEND - 1, answered, component, np.where(calls.heard, link, callee))

    def columns(self) -> tuple[Array, ...]:
        """Return payment, order, time, component and actor of every moment."""
        return tuple(np.concatenate(columns) for columns in zip(*self.moments, strict=True))

    def walk(self) -> tuple[Array, ...]:
        """Return payment, component, actor and seconds of every part that takes time."""
        payment, order, at_s, component, actor = self.columns()
        in_order = np.lexsort((order, payment))
        payment, at_s, component, actor = (each[in_order] for each in (payment, at_s, component, actor))
        # Ranks instead of times, so that a running maximum over all payments at once is exact.
        moments, rank = np.unique(at_s, return_inverse=True)
        reached = moments[np.maximum.accumulate(payment * len(moments) + rank) % len(moments)]
        seconds = np.diff(reached, prepend=reached[:1])
        seconds[np.flatnonzero(np.diff(payment, prepend=-1))] = 0.0
        takes = seconds > 0
        return payment[takes], component[takes], actor[takes], seconds[takes]


def _ways(calls: Calls, actors: tuple[str, ...]) -> Ways:
    tries, way = Tries(calls), _Way()
    everybody = np.arange(len(tries.payments))
    way.reach(everybody, -1, tries.begun_s[tries.of_payment], _OTHERS, CHECKOUT)
    _activation(way, tries, calls)
    _last_activation(way, tries)
    _close(way, tries, calls)
    _notification(way, tries, calls)
    _outcome(way, tries, calls)
    _result(way, tries, calls)
    payment, component, actor, seconds = way.walk()
    settled = tries.settled[tries.of_payment]
    kept, number = settled[payment], np.cumsum(settled) - 1
    return Ways(
        tries.payments[settled],
        actors,
        number[payment[kept]],
        component[kept].astype(np.int8),
        actor[kept].astype(np.int16),
        seconds[kept],
        int((~settled).sum()),
    )


def _activation(way: _Way, tries: Tries, calls: Calls) -> None:
    """Note activations, each with the call to the EC inside; lanes may make a notice wait for others before it."""
    rows = tries.rows[ACTIVATE]
    mine, payment = calls[rows], tries.payment_of(rows, calls.notice)
    order = mine.send.astype(np.int64) * _SEND
    first = np.where(mine.send == 0, _OTHERS, _RETRY), CHECKOUT
    at_work = np.where(mine.too_busy, _EITHER, _SERVICE)
    way.call(payment, order, mine, mine.answered_s, first, NODE, CHECKOUT, work=at_work)
    asked = tries.rows[ASK]
    if not len(asked):
        return
    asking, asker = calls[asked], tries.payment_of(asked, calls.notice)
    owner = _owner(payment, mine.started_s, asker, asking.sent_s)
    until_s = np.minimum(asking.answered_s, mine.answered_s[owner])
    begin, ec = order[owner] + _INSIDE, asking.counterpart
    times = [np.minimum(getattr(asking, name), until_s) for name in TIMES]
    back = np.where(asking.heard, _NETWORK, _NO_ANSWER)
    for place, (at_s, component, actor) in enumerate(
        zip(
            times,
            (_SERVICE, _CONNECTION, _NETWORK, _QUEUE, _SERVICE, back),
            (NODE, NODE, ec, ec, ec, ec),
            strict=True,
        )
    ):
        way.reach(asker, begin + place, at_s, component, actor)


def _owner(payment: Array, started_s: Array, asker: Array, sent_s: Array) -> Array:
    """Return for each call to an EC the activation that made it: the last of its payment that had started by then."""
    count = len(payment)
    when, whose = np.concatenate([started_s, sent_s]), np.concatenate([payment, asker])
    order = np.lexsort((np.arange(len(when)) >= count, when, whose))
    last = np.maximum.accumulate(np.where((order < count) & ~np.isnan(when[order]), np.arange(len(order)), 0))
    owner = np.empty(len(when), dtype=np.int64)
    owner[order] = order[last]
    return owner[count:]


def _last_activation(way: _Way, tries: Tries) -> None:
    """Note for all notices of a cart the activation that ended last: what is left of it when their own has ended."""
    payment, order, at_s, component, actor = way.columns()
    attempt = tries.of_payment[payment]
    mine = np.flatnonzero(tries.last[attempt] == payment)
    place, everyone = tries.everyone(attempt[mine])
    rows = mine[place]
    way.reach(everyone, order[rows] + _AFTER, at_s[rows], component[rows], actor[rows])


def _close(way: _Way, tries: Tries, calls: Calls) -> None:
    """Note closes; from the one that the Node took first the way leads on, whatever Checkout hears of it."""
    rows = tries.rows[CLOSE]
    taken, goes_on = tries.close_taken[tries.of_call[rows]], tries.goes_on[tries.of_call[rows]]
    for chosen, back in ((~goes_on | (calls.send[rows] < taken), True), (goes_on & (calls.send[rows] == taken), False)):
        spread, payment = tries.spread(rows[chosen])
        mine = calls[spread]
        until_s = mine.answered_s if back else np.full(len(spread), inf)
        first = mine.send == 0
        before = np.where(first, THINKING, _RETRY), np.where(first, CITIZEN, CHECKOUT)
        order = mine.send.astype(np.int64) * _SEND + 2 * _AFTER
        way.call(payment, order, mine, until_s, before, NODE, CHECKOUT, back=back)


def _notification(way: _Way, tries: Tries, calls: Calls) -> None:
    """Note the notification, which may have waited for a connection."""
    rows, payment = tries.spread(tries.rows[NOTIFY])
    mine = calls[rows]
    order = np.full(len(rows), 3 * _AFTER)
    way.call(payment, order, mine, mine.answered_s, (_CONNECTION, NODE), mine.counterpart, mine.counterpart)


def _outcome(way: _Way, tries: Tries, calls: Calls) -> None:
    """Note outcomes up to the Node's result, which the one that paid brings about; without one the wait goes on."""
    rows, payment = tries.spread(tries.rows[SEND_OUTCOME])
    told_s = tries.told_s[tries.of_call[rows]]
    before_result = calls.sent_s[rows] < told_s
    rows, payment, told_s = rows[before_result], payment[before_result], told_s[before_result]
    mine = calls[rows]
    until_s = np.where(np.isnan(mine.started_s), np.minimum(told_s, mine.answered_s), told_s)
    psp, order = mine.counterpart, mine.send.astype(np.int64) * _SEND + 4 * _AFTER
    way.call(payment, order, mine, until_s, (np.where(mine.send == 0, _OUTCOME, _RETRY), psp), NODE, psp)
    results = tries.rows[RESULT]
    spread, payment = tries.spread(results[calls.send[results] == 0])
    way.reach(payment, 5 * _AFTER, calls.sent_s[spread], _OUTCOME, calls.counterpart[spread])


def _result(way: _Way, tries: Tries, calls: Calls) -> None:
    """Note the Node's result, sent again until it reaches Checkout, which ends the way."""
    rows, payment = tries.spread(tries.rows[RESULT])
    mine = calls[rows]
    order = mine.send.astype(np.int64) * _SEND + 6 * _AFTER
    arrived = ~np.isnan(mine.arrived_s)
    way.reach(payment, order, mine.sent_s, _RETRY, NODE)
    way.reach(payment, order + 1, np.where(arrived, mine.arrived_s, nan), _NETWORK, CHECKOUT)
    way.reach(payment, order + 2, np.where(arrived, nan, mine.answered_s), _RETRY, NODE)
