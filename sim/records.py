"""What a replication leaves behind: columns, and what each of them means.

This is the one list of columns: the recorder fills it, the store writes it, `results/README.md` is generated from
it and the analysis reads it. Times are seconds from the start of the run; a moment that never came is NaN. Money is
integer cents. A category is stored as a small code into the list of its names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.protocol.faults import Fault
from sim.protocol.messages import Answer
from sim.protocol.statuses import PaymentStatus, PositionStatus, RecipientStatus

Array = npt.NDArray[Any]

NONE = "none"
ANSWERS = (NONE, *(a.value for a in Answer))
FAULTS = (NONE, *(f.value for f in Fault), "transport")
"""Why an activation failed; `transport` means that Checkout got no usable answer at all."""
STATUSES = (NONE, *(s.value for s in PaymentStatus))
EXPIRY_CAUSES = (
    "abandoned",
    "activation_failed",
    "close_late",
    "close_not_delivered",
    "outcome_missing_accepted",
    "outcome_missing_unknown",
    "outcome_late",
)
"""Why a token was cancelled by the job `mod3CancelV2`."""
CANCEL_CAUSES = (
    NONE,
    *EXPIRY_CAUSES,
    "user_cancelled",
    "authorisation_denied",
    "close_rejected",
    "psp_refused",
    "psp_unreachable",
)
REVERSAL_CAUSES = (NONE, "psp_refused", "psp_unreachable", "token_expired", "close_rejected", "close_not_delivered")
PLACES = (NONE, "receipted", "reversed", "pending_receipt", "manual_check")
"""Where an authorised payment's money is at the end of the run; `none` for a payment never authorised."""
ENDINGS = ("paid", "not_paid", "unknown")
"""What the citizen knows at the end of the run."""
SUBJECTS = ("payment", "position", "receipt")
STATE_NAMES = tuple(dict.fromkeys(s.value for kind in (PaymentStatus, PositionStatus, RecipientStatus) for s in kind))
"""Every status of payments, positions and receipts; a name that two of them share has one code."""
LIMITS_MS = (300, 400, 500, 600, 800, 1000, 2000)
"""Response-time limits counted per primitive: the Node's own load tests', and the service level's 2 s."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name (unit last), numpy type, meaning, and names if it is a category.

    `names` is a tuple, or the name of the list in `Records.names` (`psp`, `ec_group`).
    """

    name: str
    dtype: str
    meaning: str
    names: tuple[str, ...] | str | None = None


_F, _I1, _I2, _I4, _I8, _B = "float64", "int8", "int16", "int32", "int64", "bool"

PAYMENTS = (
    Column("cart", _I8, "number of the cart, from 0 in order of arrival"),
    Column("attempt", _I1, "the citizen's try, from 0"),
    Column("notice", _I1, "number of the notice in the cart, from 0"),
    Column("cart_size", _I1, "notices in the cart"),
    Column("psp", _I2, "the PSP chosen for the cart, drawn when it arrived", "psp"),
    Column("ec_group", _I2, "the group of the notice's EC", "ec_group"),
    Column("ec", _I4, "number of the EC in its group, from 0"),
    Column("amount_cents", _I8, "amount of the notice"),
    Column("measured", _B, "the cart first arrived in the measured window"),
    Column("requested_s", _F, "the activation left Checkout"),
    Column("issued_s", _F, "the Node issued the token"),
    Column("fault", _I1, "why the activation failed; `none` for one that gave a token", FAULTS),
    Column("authorised_s", _F, "the gateway authorised: the citizen's money is taken"),
    Column("closed_s", _F, "the Node accepted closePaymentV2 OK"),
    Column("notified_s", _F, "pspNotifyPaymentV2 left the Node, or began to wait for a connection"),
    Column("answered_s", _F, "the result of the notification was known at the Node, which may be that there is none"),
    Column("notify_answer", _I1, "the result of the notification", ANSWERS),
    Column("outcome_s", _F, "the first sendPaymentOutcomeV2 for the token reached the Node"),
    Column("paid_s", _F, "the Node accepted the outcome: PAID"),
    Column("cancelled_s", _F, "the token was cancelled"),
    Column("cancel_cause", _I1, "why it was cancelled; `abandoned` to `outcome_late` are expiry", CANCEL_CAUSES),
    Column("receipt_s", _F, "the EC took the receipt and closed the debt position"),
    Column("receipt_sends", _I2, "sends of the receipt to the notice's own EC"),
    Column("reversal_requested_s", _F, "Checkout asked the gateway to give the money back"),
    Column("reversed_s", _F, "the money was given back; NaN when every try failed"),
    Column("reversal_cause", _I1, "why it was given back", REVERSAL_CAUSES),
    Column("reversal_tries", _I1, "tries of the reversal, 0 when none was asked for"),
    Column("place", _I1, "where the money is at the end", PLACES),
    Column("status", _I1, "status of the payment at the Node at the end", STATUSES),
)
"""One row per activation: a notice in one try of a cart. It has a token where `issued_s` is a number."""

CARTS = (
    Column("cart", _I8, "number of the cart, from 0 in order of arrival"),
    Column("arrived_s", _F, "the citizen arrived"),
    Column("cart_size", _I1, "notices in the cart"),
    Column("psp", _I2, "the PSP chosen, drawn when the cart arrived", "psp"),
    Column("amount_cents", _I8, "sum of the notices"),
    Column("measured", _B, "the cart first arrived in the measured window"),
    Column("tries", _I1, "tries of the citizen"),
    Column("waited_s", _F, "time the citizen waited for the system, over all tries, without thinking and authorising"),
    Column("redirected_s", _F, "the browser went back to the EC's site for the last time; NaN if abandoned"),
    Column("settled_s", _F, "Checkout knew how the last try ended; NaN if it never did or nobody was waiting"),
    Column("ending", _I1, "what the citizen knows at the end", ENDINGS),
)
"""One row per cart."""

PRIMITIVES = (
    Column("primitive", _I1, "name of the call", "primitive"),
    Column("counterpart", _I2, "PSP or EC group at the other end", "counterpart"),
    Column("answer", _I1, "what the caller made of it", ANSWERS),
    Column("count", _I8, "calls sent in the measured window"),
    *(Column(f"over_{ms}_ms", _I8, f"of these, ended for the caller after more than {ms} ms") for ms in LIMITS_MS),
)
"""One row per primitive, counterpart and answer: counters."""

REFUSALS = (
    Column("primitive", _I1, "name of the call", "primitive"),
    Column("counterpart", _I2, "PSP or EC group of the caller or callee", "counterpart"),
    Column("fault", _I1, "fault code of the Node's reply", FAULTS),
    Column("count", _I8, "replies in the measured window"),
)
"""One row per primitive, counterpart and fault code."""

_OF_REVERSALS = (
    "cart", "attempt", "notice", "cart_size", "psp", "ec_group", "ec", "amount_cents", "measured", "authorised_s",
    "cancelled_s", "cancel_cause", "reversal_requested_s", "reversed_s", "reversal_cause", "reversal_tries", "place",
)  # fmt: skip
REVERSALS = tuple(column for column in PAYMENTS if column.name in _OF_REVERSALS)
"""One row per payment that was to be given back: the payments with a reversal cause."""

STATIONS = (
    Column("station", _I2, "station or pool; the stations of an EC group are added up", "station"),
    Column("bin_start_s", _F, "start of the time bin"),
    Column("arrivals", _I8, "calls that arrived, those refused included"),
    Column("refused", _I8, "calls refused, when they arrived or when they had waited too long"),
    Column("busy_s", _F, "worker-seconds in use; permit-seconds of a pool"),
    Column("waiting_s", _F, "call-seconds spent waiting: the integral of the queue length"),
    Column("queue_max", _I8, "longest queue (of one station, in a group)"),
    Column("capacity_s", _F, "worker-seconds available; NaN when unlimited"),
)
"""One row per station and time bin."""

CALLS = (
    Column("primitive", _I1, "name of the call", "primitive"),
    Column("counterpart", _I2, "PSP or EC group at the other end", "counterpart"),
    Column("cart", _I8, "number of the cart"),
    Column("attempt", _I1, "the citizen's try, from 0"),
    Column("notice", _I1, "number of the notice in the cart; -1 for a call for the whole cart"),
    Column("send", _I2, "sends of this call before this one"),
    Column("asked_s", _F, "the caller wanted to send it: before `sent_s` when it waited for a connection"),
    Column("sent_s", _F, "the caller sent it"),
    Column("arrived_s", _F, "it reached the callee; NaN if it never did"),
    Column("started_s", _F, "a worker of the callee took it; NaN if none did"),
    Column("served_s", _F, "the callee was done with it; NaN if it never was"),
    Column("answered_s", _F, "the caller knew how it ended"),
    Column("answer", _I1, "what the caller made of it", ANSWERS),
    Column("fault", _I1, "fault code of the reply", FAULTS),
)
"""One row per call; only with `--record calls`."""

STATES = (
    Column("at_s", _F, "when the status changed"),
    Column("cart", _I8, "number of the cart"),
    Column("attempt", _I1, "the citizen's try, from 0"),
    Column("notice", _I1, "number of the notice in the cart"),
    Column("subject", _I1, "what changed", SUBJECTS),
    Column("status", _I1, "its new status", STATE_NAMES),
)
"""One row per change of status at the Node; only with `--record states`."""

TABLES: Mapping[str, tuple[Column, ...]] = {
    "payments": PAYMENTS,
    "carts": CARTS,
    "primitives": PRIMITIVES,
    "refusals": REFUSALS,
    "stations": STATIONS,
    "calls": CALLS,
    "states": STATES,
}
STORED: Mapping[str, tuple[Column, ...]] = {**TABLES, "reversals": REVERSALS}
"""What a run's folder has, one file each."""
ON_REQUEST = ("calls", "states")
"""Tables that are recorded only when asked for, since they have a row per event."""


@dataclass(frozen=True, slots=True)
class Records:
    """The tables of one replication, each a mapping from column name to an array of equal length.

    `names` gives the categories that depend on the scenario: `psp`, `ec_group`, `primitive`, `counterpart`,
    `station`. `window_s` is the measured window (start, end); `end_s` the moment at which the drain was over.
    """

    replication: int
    window_s: tuple[float, float]
    end_s: float
    names: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, Mapping[str, Array]]
    events: int = 0

    def column_names(self, column: Column) -> tuple[str, ...] | None:
        """Return the names of a category column, or None for a plain column."""
        return self.names[column.names] if isinstance(column.names, str) else column.names


def stored(records: Records) -> dict[str, Mapping[str, Array]]:
    """Return the tables as they are stored: those recorded, and the reversals among the payments."""
    payments = records.tables["payments"]
    chosen = payments["reversal_cause"] != 0
    return {**records.tables, "reversals": {c.name: payments[c.name][chosen] for c in REVERSALS}}


def empty(columns: tuple[Column, ...]) -> dict[str, Array]:
    """Return a table without rows."""
    return {c.name: np.empty(0, dtype=c.dtype) for c in columns}
