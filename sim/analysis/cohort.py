"""The cohort: the rows that count, with the conditions that metrics are made of.

Carts that first arrived in the measured window, and their payments; calls are already counted in the window only.
Every property is an array over the rows of its table.
"""

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.records import ANSWERS, CANCEL_CAUSES, ENDINGS, EXPIRY_CAUSES, PLACES, Records

Array = npt.NDArray[Any]

LIMIT_S = 2.0
"""The service level of answers and outcomes (SANP, livelli di servizio PSP: 98% within 2 s)."""
ANSWERED = tuple(ANSWERS.index(name) for name in ("ok", "ko", "malformed"))
"""Codes of calls that got an answer, whatever it said."""
_EXPIRY = [CANCEL_CAUSES.index(cause) for cause in EXPIRY_CAUSES]
_OK = ANSWERS.index("ok")
_MAY_BE_BOOKED = [ANSWERS.index(name) for name in ("ok", "malformed", "timeout")]


class Cohort:
    """The measured rows of one replication."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.payments = _measured(records, "payments")
        self.carts = _measured(records, "carts")
        self.primitives = records.tables["primitives"]
        self._codes: dict[tuple[str, str], Array] = {}

    def codes(self, table: str, dimension: str) -> Array:
        """Return the group of every row of a table, by cart size, PSP, EC group or a category column; -1 for none."""
        known = self._codes.get((table, dimension))
        if known is None:
            known = self._codes[table, dimension] = self._grouped(getattr(self, table), dimension).astype(np.int64)
        return known

    def _grouped(self, rows: dict[str, Array], dimension: str) -> Array:
        if dimension == "cart_size":
            return rows["cart_size"].astype(np.int64) - 1
        if dimension in rows:
            return rows[dimension]
        counterpart, psps = rows["counterpart"], len(self.records.names["psp"])
        if dimension == "psp":
            return np.where(counterpart < psps, counterpart, -1)
        return np.where(counterpart >= psps, counterpart - psps, -1)

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
    def owes_outcome(self) -> Array:
        """The PSP has the payment for all that the Node knows: it accepted, or took the call and gave no usable answer.

        A PSP that refused, or that could not be reached, owes nothing.
        """
        return np.isin(self.payments["notify_answer"], _MAY_BE_BOOKED)

    @cached_property
    def without_outcome(self) -> Array:
        """No outcome ever reached the Node."""
        return np.isnan(self.payments["outcome_s"])

    @cached_property
    def outcome_after_expiry(self) -> Array:
        """The first outcome reached the Node when the token had been cancelled by expiry."""
        after: Array = self.payments["outcome_s"] > self.payments["cancelled_s"]
        return self.expired & after

    @cached_property
    def outcome_delay_s(self) -> Array:
        """Time from acceptance to outcome, to the millisecond; NaN for tokens not accepted or without outcome.

        The platform's clock has milliseconds: without rounding, a delay of exactly 2 s would be late or not by the
        last bit of a sum.
        """
        delay = np.round(self.payments["outcome_s"] - self.payments["answered_s"], 3)
        return np.where(self.accepted, np.maximum(delay, 0.0), np.nan)

    @cached_property
    def in_time(self) -> Array:
        """Accepted, and the outcome came within the limit."""
        in_time: Array = self.outcome_delay_s <= LIMIT_S
        return in_time

    @cached_property
    def late(self) -> Array:
        """Accepted, and the outcome came, but after the limit."""
        late: Array = self.outcome_delay_s > LIMIT_S
        return late

    @cached_property
    def both_ways(self) -> Array:
        """Receipted and given back: an anomaly."""
        return ~np.isnan(self.payments["receipt_s"]) & ~np.isnan(self.payments["reversed_s"])

    @cached_property
    def life_s(self) -> Array:
        """How long a token was open; NaN for a token that was never issued, or never paid nor cancelled."""
        released = np.fmin(self.payments["paid_s"], self.payments["cancelled_s"])
        life: Array = released - self.payments["issued_s"]
        return life

    @cached_property
    def blocked_s(self) -> Array:
        """How long a token that was later cancelled blocked its notice; 0 for all others."""
        blocked: Array = np.nan_to_num(self.payments["cancelled_s"] - self.payments["issued_s"])
        return blocked

    @cached_property
    def still_blocked(self) -> Array:
        """The token is neither paid nor cancelled at the end of the run."""
        return self.issued & np.isnan(self.life_s)

    def placed(self, *places: str) -> Array:
        """Tell whose money is in one of some places at the end."""
        return np.isin(self.payments["place"], [PLACES.index(place) for place in places])

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
    def redirected(self) -> Array:
        """The citizen went back to the EC's site; one who abandoned did not."""
        return ~np.isnan(self.carts["redirected_s"])

    @cached_property
    def unknown_time_s(self) -> Array:
        """Time for which a citizen who had gone back did not know; NaN where it was known before, or never."""
        after = self.carts["settled_s"] - self.carts["redirected_s"]
        return np.where(after > 0, after, np.nan)

    @cached_property
    def unknown_at_redirect(self) -> Array:
        """The citizen went back to the EC's site without knowing how it ended."""
        return ~np.isnan(self.unknown_time_s) | (self.redirected & self.ending("unknown"))

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
        """Count the calls of a primitive that got an answer after the limit."""
        counts: Array = self._answered(primitive) * self.primitives[f"over_{LIMIT_S * 1000:.0f}_ms"]
        return counts

    def _of(self, primitive: str) -> Array:
        same: Array = self.primitives["primitive"] == self.records.names["primitive"].index(primitive)
        return same

    def _answered(self, primitive: str) -> Array:
        return self._of(primitive) & np.isin(self.primitives["answer"], ANSWERED)


def _measured(records: Records, table: str) -> dict[str, Array]:
    rows = records.tables[table]
    chosen = rows["measured"]
    return {name: column[chosen] for name, column in rows.items()}
