"""Which payment to tell of: the one that a reader names, or one that is worth a look."""

from collections.abc import Sequence
from enum import StrEnum

import numpy as np

from sim.reader import Array, Columns, PaymentId, Recorded
from sim.records import EXPIRY_CAUSES
from sim.store import StoreError

_KEYS = ("cart", "attempt", "notice")
_TIMES = ("requested_s", "issued_s", "authorised_s", "paid_s", "cancelled_s", "outcome_s")
_CATEGORIES = ("cancel_cause", "reversal_cause", "notify_answer")
_OUTCOME = "sendPaymentOutcomeV2"
_OF_WARM_UP = 1e9
"""Less than the score of any payment of the cohort, more than that of none."""


class Pick(StrEnum):
    """What makes a payment worth a look."""

    SLOWEST = "slowest"
    EXPIRED = "expired"
    REVERSED = "reversed"
    DISCORDANT = "discordant"


_NONE_OF = {
    Pick.SLOWEST: "no payment was paid",
    Pick.EXPIRED: "no token expired",
    Pick.REVERSED: "no payment was to be given back",
    Pick.DISCORDANT: "no outcome was discordant; a PSP sends such ones with psps.NAME.outcome_ko or outcome_after_ko",
}


def pick(run: Recorded, how: Pick, replications: Sequence[int] = ()) -> PaymentId:
    """Choose a payment of the measured cohort; of the warm-up where there is no other.

    The slowest is the paid payment whose activation and way from the authorisation to PAID took longest together. Of
    expired tokens those whose money was taken come first; otherwise the first of its kind is taken. Raises
    `StoreError` if there is none.
    """
    found: tuple[float, PaymentId] | None = None
    for replication in replications or run.replications:
        payments = run.columns("payments", replication, ("measured", *_KEYS, *_TIMES, *_CATEGORIES))
        score = _score(run, how, replication, payments) - np.where(payments["measured"], 0.0, _OF_WARM_UP)
        best = int(score.argmax()) if len(score) else 0
        if len(score) and score[best] > (-np.inf if found is None else found[0]):
            found = float(score[best]), PaymentId(replication, *(int(payments[key][best]) for key in _KEYS))
        if how is not Pick.SLOWEST and found is not None and found[0] >= 1:
            break
    if found is None:
        raise StoreError(f"{run.folder}: {_NONE_OF[how]}")
    return found[1]


def _score(run: Recorded, how: Pick, replication: int, payments: Columns) -> Array:
    """Return how well each payment fits; -inf for one that does not, 1 or more for one that is as good as any."""
    if how is Pick.SLOWEST:
        took = payments["issued_s"] - payments["requested_s"] + payments["paid_s"] - payments["authorised_s"]
        return np.where(np.isnan(took), -np.inf, took)
    if how is Pick.EXPIRED:
        expired = np.isin(payments["cancel_cause"], [payments.code("cancel_cause", each) for each in EXPIRY_CAUSES])
        return np.where(expired, 0.0 + ~np.isnan(payments["authorised_s"]), -np.inf)
    chosen = payments["reversal_cause"] != payments.code("reversal_cause", "none")
    if how is Pick.DISCORDANT:
        chosen = _discordant(run, replication, payments)
    return np.where(chosen, 1.0, -np.inf)


def _discordant(run: Recorded, replication: int, payments: Columns) -> Array:
    """Tell whose outcome the Node refused although it was neither late nor a repeat (R8, R10)."""
    calls = run.columns("calls", replication, ("primitive", "fault", "cart", "attempt"))
    outcomes = calls["primitive"] == calls.code("primitive", _OUTCOME)
    tries = _tries(calls)[outcomes & (calls["fault"] != calls.code("fault", "none"))]
    in_time = ~(payments["outcome_s"] > payments["cancelled_s"])
    after_ko = payments["notify_answer"] == payments.code("notify_answer", "ko")
    unpaid = ~np.isnan(payments["outcome_s"]) & np.isnan(payments["paid_s"])
    discordant: Array = np.isin(_tries(payments), tries) & unpaid & (in_time | after_ko)
    return discordant


def _tries(table: Columns) -> Array:
    """Return a number for the try of every row."""
    numbers: Array = table["cart"] * 128 + table["attempt"]
    return numbers
