"""The calls of a run as columns, and what is known of every try of a cart as a whole.

It is what `sim.analysis.ways` works on, and of use to nobody else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.protocol.primitives import PRIMITIVES

if TYPE_CHECKING:
    import pandas as pd

Array = npt.NDArray[Any]

ACTIVATE, ASK, CLOSE, NOTIFY, SEND_OUTCOME, RESULT = (
    [primitive.name for primitive in PRIMITIVES].index(name)
    for name in (
        "activatePaymentNoticeV2",
        "paGetPayment",
        "closePaymentV2",
        "pspNotifyPaymentV2",
        "sendPaymentOutcomeV2",
        "sendPaymentResult-v2",
    )
)
TIMES = ("asked_s", "sent_s", "arrived_s", "started_s", "served_s", "answered_s")
CITIZEN, CHECKOUT, NODE, FIRST_COUNTERPART = range(4)
"""Numbers of actors; from the last on they are counterparts, PSPs and EC groups."""
_HEARD = ("ok", "ko", "malformed", "unreachable")
_TOO_BUSY = "PPT_SUPERAMENTOSOGLIA"
_AT_ONCE = 1 << 19
"""Calls that are worked on together; carts are never cut."""


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """The columns of calls, in order of replication, cart and try; `attempt_of` numbers the tries."""

    primitive: Array
    counterpart: Array
    replication: Array
    cart: Array
    attempt: Array
    notice: Array
    send: Array
    asked_s: Array
    sent_s: Array
    arrived_s: Array
    started_s: Array
    served_s: Array
    answered_s: Array
    heard: Array
    too_busy: Array

    @classmethod
    def of(cls, calls: "pd.DataFrame") -> "Calls":
        """Take the table `calls` of a run."""
        order = np.lexsort([calls[name].to_numpy() for name in ("sent_s", "attempt", "cart", "replication")])
        code = {primitive.name: number for number, primitive in enumerate(PRIMITIVES)}
        primitives = np.array([code[str(name)] for name in calls["primitive"].cat.categories], dtype=np.int8)
        columns: dict[str, Array] = {
            "primitive": primitives[calls["primitive"].cat.codes.to_numpy()],
            "counterpart": calls["counterpart"].cat.codes.to_numpy().astype(np.int16) + FIRST_COUNTERPART,
            **{name: calls[name].to_numpy() for name in ("replication", "cart", "attempt", "notice", "send", *TIMES)},
            "heard": calls["answer"].isin(_HEARD).to_numpy(),
            "too_busy": (calls["fault"] == _TOO_BUSY).to_numpy(),
        }
        return cls(**{name: column[order] for name, column in columns.items()})

    def __getitem__(self, rows: Any) -> "Calls":
        return Calls(*(getattr(self, name)[rows] for name in self.__slots__))

    def changes(self, *names: str) -> Array:
        """Tell where a row differs from the one before it in some columns."""
        first = np.zeros(len(self.cart), dtype=bool)
        first[:1] = True
        for name in names:
            column = getattr(self, name)
            first[1:] |= column[1:] != column[:-1]
        return first


def parts_of(calls: Calls, since_s: float) -> Iterator[Calls]:
    """Cut calls between carts, leaving out carts that arrived before a moment."""
    if not len(calls.cart):
        return
    starts = np.flatnonzero(calls.changes("replication", "cart"))
    sizes = np.diff([*starts, len(calls.cart)])
    late = np.minimum.reduceat(calls.sent_s, starts) >= since_s
    calls, ends = calls[np.repeat(late, sizes)], np.cumsum(sizes[late])
    begin = 0
    while begin < len(calls.cart):
        wanted = int(np.searchsorted(ends, begin + _AT_ONCE))
        end = int(ends[min(wanted, len(ends) - 1)])
        yield calls[begin:end]
        begin = end


class Tries:
    """What is known of every try: when things happened to it as a whole, and its payments."""

    def __init__(self, calls: Calls) -> None:
        self.of_call = np.cumsum(calls.changes("replication", "cart", "attempt")) - 1
        self.count = int(self.of_call[-1]) + 1
        rows = {code: np.flatnonzero(calls.primitive == code) for code in range(len(PRIMITIVES))}
        self.rows = rows
        self.begun_s = self._least(calls.sent_s, rows[ACTIVATE])
        self.told_s = self._least(calls.sent_s, rows[RESULT])
        closes = rows[CLOSE]
        taken = closes[~np.isnan(calls.started_s[closes])]
        self.close_taken = self._least(calls.send, taken)
        """Number of the close that the Node took first; inf for none."""
        notified = np.zeros(self.count, dtype=bool)
        notified[self.of_call[rows[NOTIFY]]] = True
        self.goes_on = notified | (self.told_s < inf)
        """Whether the way leads on from the close through the Node, and not back to Checkout."""
        arrived = rows[RESULT][~np.isnan(calls.arrived_s[rows[RESULT]])]
        self.settled = ~self.goes_on
        self.settled[self.of_call[arrived]] = True
        activated = rows[ACTIVATE]
        keys, first = np.unique(self._keys(activated, calls.notice), return_index=True)
        self.keys = keys
        self.of_payment = keys // 8
        self.payments = np.column_stack(
            [getattr(calls, name)[activated[first]] for name in ("replication", "cart", "attempt", "notice")]
        ).astype(np.int64)
        self.first_payment = np.searchsorted(self.of_payment, np.arange(self.count))
        self.size = np.bincount(self.of_payment, minlength=self.count)
        self.last = self._last(activated, calls)
        """The payment of each try whose activation ended last."""

    def _last(self, activated: Array, calls: Calls) -> Array:
        ended_s = np.full(len(self.keys), -inf)
        np.maximum.at(ended_s, self.payment_of(activated, calls.notice), calls.answered_s[activated])
        order = np.lexsort((ended_s, self.of_payment))
        last: Array = order[self.first_payment + self.size - 1]
        return last

    def _least(self, values: Array, rows: Array) -> Array:
        least = np.full(self.count, inf)
        np.minimum.at(least, self.of_call[rows], values[rows])
        return least

    def _keys(self, rows: Array, notice: Array) -> Array:
        keys: Array = self.of_call[rows] * 8 + notice[rows]
        return keys

    def payment_of(self, rows: Array, notice: Array) -> Array:
        """Return the payment of calls for one notice."""
        return np.searchsorted(self.keys, self._keys(rows, notice))

    def spread(self, rows: Array) -> tuple[Array, Array]:
        """Return calls for the whole cart once for each of its payments, and these payments."""
        place, payment = self.everyone(self.of_call[rows])
        return rows[place], payment

    def everyone(self, tries: Array) -> tuple[Array, Array]:
        """Return places in a list of tries once for each payment of the try, and these payments."""
        sizes = self.size[tries]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(np.arange(len(tries)), sizes), np.repeat(self.first_payment[tries], sizes) + within
