"""The cohort: the rows that count, with the conditions that metrics are made of.

Carts that first arrived in the measured window, and their payments; calls are already counted in the window only.
Every property is an array over the rows of its table.
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.records import ANSWERS, CANCEL_CAUSES, ENDINGS, EXPIRY_CAUSES, FAULTS, PLACES, Records

Array = npt.NDArray[Any]
_EXPIRY = [CANCEL_CAUSES.index(cause) for cause in EXPIRY_CAUSES]
_OK = ANSWERS.index("ok")
_ANSWERED = [ANSWERS.index(name) for name in ANSWERS if name in ("ok", "ko", "malformed")]


class Cohort:
    """The measured rows of one replication."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.payments = _measured(records, "payments")
        self.carts = _measured(records, "carts")
        self.primitives = records.tables["primitives"]
        self.refusals = records.tables["refusals"]

    def codes(self, table: str, dimension: str) -> tuple[Array, int]:
        """Return the group of every row of a table (-1: none) and the number of groups."""
        psps, groups = len(self.records.names["psp"]), len(self.records.names["ec_group"])
        rows: Any = getattr(self, table)
        if dimension == "cart_size":
            return rows["cart_size"].astype(np.int64) - 1, 5
        if dimension in rows:
            return rows[dimension].astype(np.int64), psps if dimension == "psp" else groups
        counterpart = rows["counterpart"].astype(np.int64)
        if dimension == "psp":
            return np.where(counterpart < psps, counterpart, -1), psps
        return np.where(counterpart >= psps, counterpart - psps, -1), groups

    # --- payments -----------------------------------------------------------------------------------------------

    @cached_property
    def everything(self) -> Array:
        """Every activation."""
        return np.ones(len(self.payments["cart"]), dtype=bool)

    @cached_property
    def first(self) -> Array:
        """The first notice of a cart, which stands for the cart."""
        first: Array = self.payments["notice"] == 0
        return first

    @cached_property
    def issued(self) -> Array:
        """A token was issued."""
        return ~np.isnan(self.payments["issued_s"])

    @cached_property
    def expired(self) -> Array:
        """The token was cancelled by expiry."""
        return np.isin(self.payments["cancel_cause"], _EXPIRY)

    @cached_property
    def authorised(self) -> Array:
        """The money was taken."""
        return ~np.isnan(self.payments["authorised_s"])

    @cached_property
    def reversed(self) -> Array:
        """The money was to be given back."""
        return ~np.isnan(self.payments["reversal_requested_s"])

    @cached_property
    def paid(self) -> Array:
        """The Node accepted the outcome."""
        return ~np.isnan(self.payments["paid_s"])

    @cached_property
    def accepted(self) -> Array:
        """The PSP's acceptance reached the Node."""
        accepted: Array = self.payments["notify_answer"] == _OK
        return accepted

    @cached_property
    def without_outcome(self) -> Array:
        """No outcome ever reached the Node."""
        return np.isnan(self.payments["outcome_s"])

    @cached_property
    def outcome_delay_s(self) -> Array:
        """Time from acceptance to outcome; NaN for tokens not accepted or without outcome."""
        delay: Array = np.maximum(self.payments["outcome_s"] - self.payments["answered_s"], 0.0)
        delay[~self.accepted] = np.nan
        return delay

    @cached_property
    def in_time(self) -> Array:
        """Accepted, and the outcome came within 2 s."""
        return self.outcome_delay_s <= 2.0

    @cached_property
    def late(self) -> Array:
        """Accepted, and the outcome came, but after 2 s."""
        return self.outcome_delay_s > 2.0

    @cached_property
    def both_ways(self) -> Array:
        """Receipted and given back: an anomaly."""
        return ~np.isnan(self.payments["receipt_s"]) & ~np.isnan(self.payments["reversed_s"])

    @cached_property
    def blocked_s(self) -> Array:
        """How long a token that was later cancelled blocked its notice."""
        blocked: Array = np.nan_to_num(self.payments["cancelled_s"] - self.payments["issued_s"])
        return blocked

    def placed(self, place: str) -> Array:
        """Tell whose money is in one place at the end."""
        placed: Array = self.payments["place"] == PLACES.index(place)
        return placed

    # --- carts --------------------------------------------------------------------------------------------------

    @cached_property
    def every_cart(self) -> Array:
        """Every cart."""
        return np.ones(len(self.carts["cart"]), dtype=bool)

    def ending(self, name: str) -> Array:
        """Tell whose citizen knows one thing at the end."""
        ending: Array = self.carts["ending"] == ENDINGS.index(name)
        return ending

    @cached_property
    def unknown_time_s(self) -> Array:
        """Time for which a citizen who had gone back did not know; NaN where it was known before."""
        after = self.carts["settled_s"] - self.carts["redirected_s"]
        return np.where(after > 0, after, np.nan)

    # --- calls --------------------------------------------------------------------------------------------------

    def sent(self, primitive: str) -> Array:
        """Count the calls of a primitive."""
        counts: Array = self._of(primitive) * self.primitives["count"]
        return counts

    def answered(self, primitive: str) -> Array:
        """Count the calls of a primitive that got an answer, whatever it said."""
        counts: Array = self._answered(primitive) * self.primitives["count"]
        return counts

    def answered_late(self, primitive: str) -> Array:
        """Count the calls of a primitive that got an answer after more than 2 s."""
        counts: Array = self._answered(primitive) * self.primitives["over_2000_ms"]
        return counts

    def refused_as(self, primitive: str, *faults: str) -> Array:
        """Count the Node's replies to a primitive with one of some fault codes."""
        of = self.refusals["primitive"] == self.records.names["primitive"].index(primitive)
        codes = [FAULTS.index(fault) for fault in faults]
        refused: Array = of * np.isin(self.refusals["fault"], codes) * self.refusals["count"]
        return refused

    def _of(self, primitive: str) -> Array:
        same: Array = self.primitives["primitive"] == self.records.names["primitive"].index(primitive)
        return same

    def _answered(self, primitive: str) -> Array:
        return self._of(primitive) & np.isin(self.primitives["answer"], _ANSWERED)


def _measured(records: Records, table: str) -> dict[str, Array]:
    rows = records.tables[table]
    chosen = rows["measured"]
    return {name: column[chosen] for name, column in rows.items()}
