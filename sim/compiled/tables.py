"""Tables from the rows and counters that the machine leaves."""

from collections.abc import Mapping
from math import inf, nan
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.model.plan import Plan
from sim.model.reversal import course
from sim.protocol.statuses import SETTLED
from sim.records import CANCEL_CAUSES, CARTS, EXPIRY_CAUSES, PAYMENTS, PLACES, PRIMITIVES, REFUSALS, STATUSES, Column

Array = npt.NDArray[Any]
_SETTLED = [STATUSES.index(status) for status in SETTLED]
_EXPIRED = [CANCEL_CAUSES.index(cause) for cause in EXPIRY_CAUSES]


def payments(rows: Array, plan: Plan) -> list[Array]:
    """Return the columns of some payments, those of a try together."""
    late = (rows["outcome_s"] > rows["cancelled_s"]) & np.isin(rows["cancel_cause"], _EXPIRED)
    rows["cancel_cause"][late] = CANCEL_CAUSES.index("outcome_late")
    reversed_s, tries = _reversals(rows, plan)
    more = {"reversed_s": reversed_s, "reversal_tries": tries, "place": _places(rows, reversed_s)}
    return _columns(PAYMENTS, rows, more)


def carts(rows: Array) -> list[Array]:
    """Return the columns of some carts."""
    return _columns(CARTS, rows, {})


def primitives(counts: Array) -> dict[str, Array]:
    """Return the table of calls from counters of shape (primitives, counterparts, answers, 1 + limits)."""
    found = np.argwhere(counts[..., 0])
    return _table(PRIMITIVES, [*found.T, *counts[tuple(found.T)].T])


def refusals(counts: Array) -> dict[str, Array]:
    """Return the table of refusals from counters of shape (primitives, counterparts, faults)."""
    found = np.argwhere(counts)
    return _table(REFUSALS, [*found.T, counts[tuple(found.T)]])


def _table(columns: tuple[Column, ...], values: list[Array]) -> dict[str, Array]:
    return {column.name: each.astype(column.dtype) for column, each in zip(columns, values, strict=True)}


def _columns(columns: tuple[Column, ...], rows: Array, more: Mapping[str, Array]) -> list[Array]:
    """Return columns of their own, whose rows may be written over."""
    return [(more[c.name] if c.name in more else rows[c.name]).astype(c.dtype) for c in columns]


def _reversals(rows: Array, plan: Plan) -> tuple[Array, Array]:
    """Return when each payment's money was back, and after how many tries: the same for all of one try."""
    policy = plan.scenario.checkout.refund
    reversed_s, tries = np.full(len(rows), nan), np.zeros(len(rows), dtype=np.int64)
    known: dict[tuple[int, int], tuple[float, int]] = {}
    for row in np.flatnonzero(rows["reversal_cause"]).tolist():
        address = int(rows["cart"][row]), int(rows["attempt"][row])
        if address not in known:
            known[address] = course(plan, policy, *address, float(rows["reversal_requested_s"][row]))
        ended, tries[row] = known[address]
        reversed_s[row] = ended if ended < inf else nan
    return reversed_s, tries


def _places(rows: Array, reversed_s: Array) -> Array:
    """Return where the money of each payment is at the end."""
    paid = np.isin(rows["status"], _SETTLED)
    conditions = {
        "none": np.isnan(rows["authorised_s"]),
        "receipted": ~np.isnan(rows["receipt_s"]),
        "reversed": ~np.isnan(reversed_s),
        "pending_receipt": paid & ~rows["receipt_refused"],
    }
    codes = [PLACES.index(place) for place in conditions]
    return np.select(list(conditions.values()), codes, PLACES.index("manual_check"))
