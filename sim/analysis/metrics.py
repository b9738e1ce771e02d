"""The metrics: one table that the tally computes, the report prints, SLOs name and `docs/metrics.md` is made from.

A metric is a top over a base, each a column of numbers over the rows of one table, added up over the cohort: carts
that first arrived in the measured window, followed to their end with all their tries. Calls (`primitives`) are those
sent in the measured window. The order here is the order of the page: by what is measured.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sim.analysis.cohort import Cohort
from sim.records import PLACES

Array = npt.NDArray[Any]
Of = Callable[[Cohort], Array]
Kind = Literal["share", "mean", "total"]
Table = Literal["payments", "carts", "primitives"]


@dataclass(frozen=True, slots=True)
class Side:
    """Numbers over the rows of a table."""

    table: Table
    of: Of


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it says, how it is computed, and by what it can be broken down.

    A `share` is top / base between 0 and 1. A `mean` is top / base in its unit, and its quantiles are those of
    `sample`. A `total` is the sum of the top per replication; its base tells where it could have been more than zero,
    and `each` names the mean that one event adds to it (none: 1). `cause` is a column of the payments that splits
    the top into exclusive parts.
    """

    name: str
    title: str
    unit: str
    kind: Kind
    top: Side
    base: Side
    meaning: str
    formula: str
    cause: str | None = None
    sample: Side | None = None
    each: str | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What the metric can be broken down by."""
        both = [d for d in DIMENSIONS[self.top.table] if d in DIMENSIONS[self.base.table]]
        return (*both, "cause") if self.cause else tuple(both)


DIMENSIONS: Mapping[Table, tuple[str, ...]] = {
    "payments": ("psp", "ec_group", "cart_size"),
    "carts": ("psp", "cart_size"),
    "primitives": ("psp", "ec_group"),
}


OPEN_ITEMS = tuple(place for place in PLACES if place not in ("none", "receipted", "reversed"))
"""Places where authorised money is neither receipted nor given back."""


def _share(
    name: str, title: str, table: Table, top: Of, base: Of, meaning: str, formula: str, cause: str | None = None
) -> Metric:
    return Metric(name, title, "share", "share", Side(table, top), Side(table, base), meaning, formula, cause)


def _mean(name: str, title: str, unit: str, table: Table, sample: Of, meaning: str, formula: str) -> Metric:
    return Metric(
        name,
        title,
        unit,
        "mean",
        Side(table, lambda c: np.nan_to_num(sample(c))),
        Side(table, lambda c: ~np.isnan(sample(c))),
        meaning,
        formula,
        sample=Side(table, sample),
    )


def _total(
    name: str, title: str, unit: str, table: Table, top: Of, base: Of, meaning: str, formula: str,
    cause: str | None = None, each: str | None = None,
) -> Metric:  # fmt: skip
    return Metric(name, title, unit, "total", Side(table, top), Side(table, base), meaning, formula, cause, each=each)


def _count_and_euros(
    name: str, title: str, top: Of, base: Of, meaning: str, formula: str, cause: str | None = None
) -> tuple[Metric, Metric]:
    """Return a total of payments and the total of their amounts."""
    return (
        _total(
            f"{name}_count", title, "count", "payments", top, base, f"{meaning}, per replication",
            f"number of {formula}", cause,
        ),
        _total(
            f"{name}_eur", f"{title}, euros", "EUR", "payments", lambda c: top(c) * _amount_eur(c), base,
            f"{meaning}: their amounts, per replication", f"sum of amount_cents / 100 over {formula}", cause, "amount",
        ),
    )  # fmt: skip


def _amount_eur(cohort: Cohort) -> Array:
    amounts: Array = cohort.payments["amount_cents"] / 100
    return amounts


def _where(chosen: Array, values: Array) -> Array:
    return np.where(chosen, values, np.nan)


def _within(primitive: str) -> tuple[Of, Of]:
    """Return top and base: calls answered within the limit, and all calls, so that no answer counts against."""
    return (lambda c: c.answered(primitive) - c.answered_late(primitive)), (lambda c: c.sent(primitive))


def _listed(*metrics: Metric) -> Mapping[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: Mapping[str, Metric] = _listed(
    # --- token expiry
    _share(
        "token_expiry_rate", "tokens that expire", "payments", lambda c: c.expired, lambda c: c.issued,
        "share of the tokens issued that the job mod3CancelV2 cancelled", "tokens cancelled by expiry / tokens issued",
        cause="cancel_cause",
    ),
    *_count_and_euros(
        "token_expiry", "tokens expired", lambda c: c.expired, lambda c: c.issued,
        "tokens that the job mod3CancelV2 cancelled", "tokens cancelled by expiry", cause="cancel_cause",
    ),
    _total(
        "token_count", "tokens issued", "count", "payments", lambda c: c.issued, lambda c: c.issued,
        "tokens that the Node issued, per replication", "number of tokens issued",
    ),
    _mean(
        "token_life", "life of a token", "min", "payments", lambda c: c.life_s / 60,
        "time from a token's issue until it was paid or cancelled", "mean of min(paid_s, cancelled_s) - issued_s",
    ),
    _share(
        "activation_failure_rate", "activations that fail", "payments", lambda c: ~c.issued, lambda c: c.everything,
        "activations that gave no token; the cause is the fault code", "activations without token / activations",
        cause="fault",
    ),
    # --- reversals
    _share(
        "reversal_rate", "payments reversed", "payments", lambda c: c.reversed, lambda c: c.authorised,
        "share of authorised payments for which a reversal was requested",
        "payments with reversal_requested_s / authorised payments", cause="reversal_cause",
    ),
    *_count_and_euros(
        "reversal", "reversals", lambda c: c.reversed, lambda c: c.authorised,
        "payments authorised (money taken) and then to be given back", "payments with reversal_requested_s",
        cause="reversal_cause",
    ),
    _mean(
        "reversal_delay", "time to reversal", "s", "payments",
        lambda c: c.payments["reversed_s"] - c.payments["authorised_s"],
        "time from the authorisation to the money being given back, of payments given back by the end of the run",
        "mean of reversed_s - authorised_s",
    ),
    # --- outcome within 2 s
    _share(
        "tnspo_strict", "outcome within 2 s (strict)", "payments", lambda c: c.in_time, lambda c: c.accepted,
        "tokens accepted by the PSP whose first outcome reached the Node within 2 s; no outcome counts against",
        "accepted tokens with outcome_s - answered_s <= 2 s / accepted tokens",
    ),
    _share(
        "tnspo_official", "outcome within 2 s (official TNSPO)", "payments", lambda c: c.accepted & ~c.late,
        lambda c: c.accepted,
        "as the platform computes TNSPO: a token without an outcome counts in the base alone, as if in time",
        "1 - accepted tokens with outcome_s - answered_s > 2 s / accepted tokens",
    ),
    _share(
        "tnspo_cart", "outcome within 2 s (per cart)", "payments", lambda c: c.in_time & c.first,
        lambda c: c.accepted & c.first, "as tnspo_strict, each cart counted once",
        "accepted carts with outcome_s - answered_s <= 2 s / accepted carts",
    ),
    _mean(
        "outcome_delay", "outcome delay", "s", "payments", lambda c: c.outcome_delay_s,
        "time from the acceptance at the Node to the first outcome at the Node, of accepted tokens that had one",
        "mean of outcome_s - answered_s, to the millisecond; 0 for an outcome that overtook the acceptance",
    ),
    _share(
        "tpnp", "notification answered within 2 s (official TPNP)", "primitives",
        lambda c: c.sent("pspNotifyPaymentV2") - c.answered_late("pspNotifyPaymentV2"),
        lambda c: c.sent("pspNotifyPaymentV2"),
        "pspNotifyPaymentV2 not answered late; as the platform computes TPNP, no answer counts in the base alone",
        "1 - notifications answered after 2 s / notifications",
    ),
    _share(
        "tgp", "paGetPayment answered within 2 s (TGP)", "primitives", *_within("paGetPayment"),
        "paGetPayment answered within 2 s; no answer counts against", "answers within 2 s / calls",
    ),
    _share(
        "tsrt", "paSendRT answered within 2 s (TSRT)", "primitives", *_within("paSendRT"),
        "paSendRT answered within 2 s; no answer counts against", "answers within 2 s / calls",
    ),
    _share(
        "lspo", "outcomes with an expired token (LSPO)", "payments", lambda c: c.outcome_after_expiry,
        lambda c: c.issued, "tokens whose first outcome reached the Node after they had been cancelled by expiry, per "
        "token issued", "expired tokens with outcome_s > cancelled_s / tokens issued",
    ),
    _share(
        "daspo", "payments at the PSP without outcome (DASPO, as if it applied)", "payments",
        lambda c: c.owes_outcome & c.without_outcome, lambda c: c.owes_outcome,
        "tokens that the PSP accepted, or whose notification it took without a usable answer, and for which no outcome "
        "ever reached the Node",
        "tokens notified (answer ok, malformed or timeout) without outcome_s / tokens so notified",
    ),
    # --- money
    _mean(
        "amount", "amount of a payment", "EUR", "payments", lambda c: _where(c.authorised, _amount_eur(c)),
        "amount of an authorised payment", "mean of amount_cents / 100 over authorised payments",
    ),
    *_count_and_euros(
        "authorised", "payments authorised", lambda c: c.authorised, lambda c: c.authorised,
        "payments authorised: the citizen's money is taken", "authorised payments",
    ),
    *_count_and_euros(
        "receipted", "payments receipted", lambda c: c.placed("receipted"), lambda c: c.authorised,
        "authorised payments whose receipt reached the EC", "payments in the place `receipted`",
    ),
    *_count_and_euros(
        "open", "open items", lambda c: c.placed(*OPEN_ITEMS), lambda c: c.authorised,
        "authorised payments that at the end of the run are neither receipted nor given back; the cause is the place "
        "of the money", "payments in another place than `receipted` and `reversed`", cause="place",
    ),
    *_count_and_euros(
        "both_ways", "reversed and receipted", lambda c: c.both_ways, lambda c: c.authorised,
        "payments both receipted and given back: an anomaly", "payments with receipt_s and reversed_s",
    ),
    # --- what the citizen sees
    _mean(
        "user_wait", "citizen's wait", "s", "carts", lambda c: c.carts["waited_s"],
        "time the citizen waited for the system until the redirect, over all tries, without thinking and authorising",
        "mean of waited_s",
    ),
    _share(
        "paid_share", "carts paid", "carts", lambda c: c.ending("paid"), lambda c: c.every_cart,
        "carts whose citizen knows at the end of the run that they are paid", "carts paid / carts",
    ),
    _share(
        "not_paid_share", "carts not paid", "carts", lambda c: c.ending("not_paid"), lambda c: c.every_cart,
        "carts whose citizen knows at the end of the run that they are not paid", "carts not paid / carts",
    ),
    _share(
        "unknown_share", "carts that end unknown", "carts", lambda c: c.ending("unknown"), lambda c: c.every_cart,
        "carts of which even at the end of the run the citizen does not know", "carts unknown / carts",
    ),
    _share(
        "unknown_at_redirect_share", "carts unknown at the redirect", "carts", lambda c: c.unknown_at_redirect,
        lambda c: c.redirected, "carts whose citizen went back to the EC's site not knowing yet how the payment ended",
        "carts with settled_s > redirected_s, or never settled / carts with redirected_s",
    ),
    _mean(
        "unknown_time", "time until an unknown is settled", "s", "carts", lambda c: c.unknown_time_s,
        "time from going back to the EC's site until Checkout knew, where it did not know yet and came to know",
        "mean of settled_s - redirected_s where positive",
    ),
    _share(
        "debited_without_receipt", "debited, no receipt", "payments", lambda c: c.placed(*OPEN_ITEMS),
        lambda c: c.authorised, "authorised payments that at the end of the run have neither receipt nor reversal; the "
        "cause is the place of the money", "authorised payments neither receipted nor reversed / authorised payments",
        cause="place",
    ),
    _mean(
        "tries", "tries per cart", "tries", "carts", lambda c: c.carts["tries"].astype(float),
        "how often the citizen tried to pay the notices of the cart", "mean of tries",
    ),
    _total(
        "cart_count", "carts", "count", "carts", lambda c: c.every_cart, lambda c: c.every_cart,
        "carts that arrived in the measured window, per replication", "number of carts",
    ),
    # --- receipts and positions
    _mean(
        "receipt_delay", "receipt delay", "s", "payments", lambda c: c.payments["receipt_s"] - c.payments["paid_s"],
        "time from PAID to the receipt at the EC, of receipts delivered", "mean of receipt_s - paid_s",
    ),
    _mean(
        "receipt_sends", "sends per receipt", "sends", "payments",
        lambda c: _where(c.paid, c.payments["receipt_sends"]),
        "sends of the receipt to the notice's own EC", "mean of receipt_sends over paid payments",
    ),
    _share(
        "receipt_pending_share", "receipts pending", "payments", lambda c: c.placed("pending_receipt"),
        lambda c: c.paid, "paid payments whose receipt was still not delivered at the end of the run",
        "payments in the place `pending_receipt` / paid payments",
    ),
    _total(
        "blocked_minutes", "positions blocked in vain", "min", "payments", lambda c: c.blocked_s / 60,
        lambda c: c.issued, "minutes during which a notice had a token that was later cancelled, so that nobody could "
        "pay it, per replication; the cause is that of the cancellation",
        "sum of (cancelled_s - issued_s) / 60", cause="cancel_cause", each="token_life",
    ),
    _total(
        "still_blocked_count", "positions blocked for good", "count", "payments", lambda c: c.still_blocked,
        lambda c: c.issued, "tokens neither paid nor cancelled at the end of the run, whose notice stays blocked, per "
        "replication", "number of tokens issued with neither paid_s nor cancelled_s",
    ),
)  # fmt: skip
"""Every metric by name."""

ALIASES: Mapping[str, str] = {"tnspo": "tnspo_official"}
"""Other names that an SLO may use."""

HEADLINE = (
    "token_expiry_rate", "reversal_rate", "reversal_count", "reversal_eur", "tnspo_strict", "tnspo_official",
    "outcome_delay", "user_wait", "paid_share", "unknown_share",
)  # fmt: skip
"""The metrics shown first."""

QUANTILES = (50.0, 95.0, 98.0, 99.0)
"""Percentiles that are reported of every `mean`."""

_PERCENTILE = re.compile(r"(?P<name>\w+)_p(?P<percentile>\d+(?:\.\d+)?)")


def parts_of(column: str) -> tuple[str, str, str]:
    """Return the metric that a column is about, its percentile and its group, of which any but the first may be empty.

    >>> parts_of("user_wait_p98{psp=psp-a}")
    ('user_wait', '98', 'psp=psp-a')
    """
    bare, _, group = column.partition("{")
    found = None if bare in METRICS else _PERCENTILE.fullmatch(bare)
    name, percentile = (found["name"], found["percentile"]) if found else (bare, "")
    return name, percentile, group.rstrip("}")


def title_of(column: str) -> str:
    """Return what a metric, or a percentile of one, is called; its group is not said."""
    name, percentile, _ = parts_of(column)
    return METRICS[name].title + (f", {percentile}th percentile" if percentile else "")


def unit_of(column: str) -> str:
    """Return the unit of a metric, of a percentile of one, or of one in a group."""
    return METRICS[parts_of(column)[0]].unit
