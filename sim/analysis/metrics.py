"""The metrics: one table that the tally computes, the report prints, SLOs name and `docs/metrics.md` is made from.

A metric is a top over a base, each a column of numbers over the rows of one table, added up over the cohort: carts
that first arrived in the measured window, followed to their end with all their tries. Calls (`primitives`,
`refusals`) are those sent in the measured window.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sim.analysis.cohort import Cohort

Array = npt.NDArray[Any]
Of = Callable[[Cohort], Array]
Kind = Literal["share", "mean", "total"]
Table = Literal["payments", "carts", "primitives", "refusals"]

LIMIT_S = 2.0
"""The service level of answers and outcomes (SANP, livelli di servizio PSP: 98% within 2 s)."""


@dataclass(frozen=True, slots=True)
class Side:
    """Numbers over the rows of a table."""

    table: Table
    of: Of


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: what it says, how it is computed, and by what it can be broken down.

    A `share` is top / base between 0 and 1; a `mean` is top / base in its unit, of which quantiles are known too; a
    `total` is the sum of the top per replication (its base says what one event adds, where none happened).
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

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What the metric can be broken down by."""
        both = [d for d in DIMENSIONS[self.top.table] if d in DIMENSIONS[self.base.table]]
        return (*both, "cause") if self.cause else tuple(both)


DIMENSIONS: Mapping[Table, tuple[str, ...]] = {
    "payments": ("psp", "ec_group", "cart_size"),
    "carts": ("psp", "cart_size"),
    "primitives": ("psp", "ec_group"),
    "refusals": ("psp", "ec_group"),
}


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
    cause: str | None = None,
) -> Metric:  # fmt: skip
    return Metric(name, title, unit, "total", Side(table, top), Side(table, base), meaning, formula, cause)


def _euros(of: Of) -> Of:
    return lambda c: of(c) * c.payments["amount_cents"] / 100


def _within(primitive: str) -> tuple[Of, Of]:
    """Return top and base: calls answered within the limit, and all calls, so that no answer counts against."""
    return (lambda c: c.answered(primitive) - c.answered_late(primitive)), (lambda c: c.sent(primitive))


def _listed(*metrics: Metric) -> Mapping[str, Metric]:
    return {metric.name: metric for metric in metrics}


METRICS: Mapping[str, Metric] = _listed(
    _share(
        "token_expiry_rate", "tokens that expire", "payments", lambda c: c.expired, lambda c: c.issued,
        "share of the tokens issued that the job mod3CancelV2 cancelled", "tokens cancelled by expiry / tokens issued",
        cause="cancel_cause",
    ),
    _total(
        "token_expiry_count", "tokens expired", "count", "payments", lambda c: c.expired, lambda c: c.issued,
        "tokens cancelled by the job mod3CancelV2, per replication", "sum of tokens cancelled by expiry",
        cause="cancel_cause",
    ),
    _share(
        "reversal_rate", "payments reversed", "payments", lambda c: c.reversed, lambda c: c.authorised,
        "share of authorised payments for which a reversal was requested", "reversals / authorised payments",
        cause="reversal_cause",
    ),
    _total(
        "reversal_count", "reversals", "count", "payments", lambda c: c.reversed, lambda c: c.authorised,
        "payments authorised and then to be given back, per replication", "sum of reversals", cause="reversal_cause",
    ),
    _total(
        "reversal_eur", "reversed euros", "EUR", "payments", _euros(lambda c: c.reversed),
        _euros(lambda c: c.authorised), "money authorised and then to be given back, per replication",
        "sum of amounts reversed", cause="reversal_cause",
    ),
    _mean(
        "reversal_delay", "time to reversal", "s", "payments",
        lambda c: c.payments["reversed_s"] - c.payments["authorised_s"],
        "time from the authorisation to the money being given back", "mean of reversed_s - authorised_s",
    ),
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
        "time from the acceptance at the Node to the first outcome at the Node, of tokens that had one",
        "mean of outcome_s - answered_s; 0 for an outcome that overtook the acceptance",
    ),
    Metric(
        "tpnp", "notification answered within 2 s (official TPNP)", "share", "share",
        Side("primitives", lambda c: c.sent("pspNotifyPaymentV2") - c.answered_late("pspNotifyPaymentV2")),
        Side("primitives", lambda c: c.sent("pspNotifyPaymentV2")),
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
    Metric(
        "lspo", "outcomes with an expired token (official LSPO)", "share", "share",
        Side("refusals", lambda c: c.refused_as("sendPaymentOutcomeV2", "PPT_TOKEN_SCADUTO", "PPT_TOKEN_SCADUTO_KO")),
        Side("payments", lambda c: c.issued),
        "outcomes answered PPT_TOKEN_SCADUTO or PPT_TOKEN_SCADUTO_KO, per activation that succeeded",
        "such answers / tokens issued",
    ),
    _share(
        "daspo", "activations without outcome (official DASPO)", "payments", lambda c: c.issued & c.without_outcome,
        lambda c: c.issued, "tokens for which no sendPaymentOutcomeV2 ever reached the Node",
        "tokens without outcome / tokens issued",
    ),
    _share(
        "activation_failure_rate", "activations that fail", "payments", lambda c: ~c.issued, lambda c: c.everything,
        "activations that gave no token", "activations without token / activations", cause="fault",
    ),
    _share(
        "paid_share", "carts paid", "carts", lambda c: c.ending("paid"), lambda c: c.every_cart,
        "carts whose citizen knows that they are paid", "carts paid / carts",
    ),
    _share(
        "not_paid_share", "carts not paid", "carts", lambda c: c.ending("not_paid"), lambda c: c.every_cart,
        "carts whose citizen knows that they are not paid", "carts not paid / carts",
    ),
    _share(
        "unknown_share", "carts that end unknown", "carts", lambda c: c.ending("unknown"), lambda c: c.every_cart,
        "carts of which even at the end of the run the citizen does not know", "carts unknown / carts",
    ),
    _share(
        "debited_without_receipt", "debited, no receipt", "payments",
        lambda c: c.authorised & ~c.placed("receipted") & ~c.placed("reversed"), lambda c: c.authorised,
        "authorised payments that at the end of the run have neither receipt nor reversal",
        "authorised payments neither receipted nor reversed / authorised payments",
    ),
    _total(
        "both_ways_count", "reversed and receipted", "count", "payments", lambda c: c.both_ways,
        lambda c: c.authorised, "payments both receipted and reversed: an anomaly", "sum of such payments",
    ),
    _total(
        "both_ways_eur", "reversed and receipted, euros", "EUR", "payments", _euros(lambda c: c.both_ways),
        _euros(lambda c: c.authorised), "money both receipted and reversed: an anomaly", "sum of such amounts",
    ),
    _mean(
        "user_wait", "citizen's wait", "s", "carts", lambda c: c.carts["waited_s"],
        "time the citizen waited for the system, over all tries, without thinking and authorising", "mean of waited_s",
    ),
    _mean(
        "unknown_time", "time until an unknown is settled", "s", "carts", lambda c: c.unknown_time_s,
        "time from going back to the EC's site until Checkout knew, where it did not know yet",
        "mean of settled_s - redirected_s where positive",
    ),
    _mean(
        "tries", "tries per cart", "tries", "carts", lambda c: c.carts["tries"].astype(float),
        "how often the citizen tried to pay the cart", "mean of tries",
    ),
    _mean(
        "receipt_delay", "receipt delay", "s", "payments", lambda c: c.payments["receipt_s"] - c.payments["paid_s"],
        "time from PAID to the receipt at the EC", "mean of receipt_s - paid_s",
    ),
    _mean(
        "receipt_sends", "sends per receipt", "sends", "payments",
        lambda c: np.where(c.paid, c.payments["receipt_sends"], np.nan),
        "sends of the receipt to the notice's own EC", "mean of receipt_sends over paid payments",
    ),
    _share(
        "receipt_pending_share", "receipts pending", "payments", lambda c: c.placed("pending_receipt"),
        lambda c: c.paid, "paid payments whose receipt was still not delivered at the end of the run",
        "pending receipts / paid payments",
    ),
    _total(
        "blocked_minutes", "positions blocked in vain", "min", "payments", lambda c: c.blocked_s / 60,
        lambda c: c.everything, "minutes during which a notice had a token that was later cancelled, so that nobody "
        "could pay it", "sum of cancelled_s - issued_s, in minutes",
    ),
    _total(
        "authorised_eur", "authorised euros", "EUR", "payments", _euros(lambda c: c.authorised),
        _euros(lambda c: c.authorised), "money authorised, per replication", "sum of amounts authorised",
    ),
    _total(
        "authorised_count", "payments authorised", "count", "payments", lambda c: c.authorised,
        lambda c: c.authorised, "payments authorised, per replication", "sum of payments authorised",
    ),
    _total(
        "cart_count", "carts", "count", "carts", lambda c: c.every_cart, lambda c: c.every_cart,
        "carts that arrived in the measured window, per replication", "sum of carts",
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
