"""The official quality indicators, each with its threshold, its official formula, and how it is computed here.

The platform judges every PSP and every EC by calendar month. A run judges them over its measured window, from all
replications together, with an interval: an indicator passes or fails only when the whole interval is on one side of
the threshold. A group of ECs stands for its members.

Sources: SANP, appendix Indicatori di qualita per i soggetti aderenti (service levels of EC and PSP); PSP quality
improvement programme; the platform's public KPI queries (pagopa/pagopa-infra, observability).
"""

from dataclasses import dataclass

from sim.analysis.intervals import Estimate
from sim.analysis.slo import Slo, Verdict, judge


@dataclass(frozen=True, slots=True)
class Indicator:
    """An official indicator of one subject against its threshold; `verdict` as of an SLO."""

    name: str
    title: str
    subject: str
    estimate: Estimate
    threshold: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Official:
    """An official indicator: the metric that computes it, of each group of a dimension, and its threshold."""

    title: str
    metric: str
    dimension: str
    threshold: str
    operator: str
    limit: float
    formula: str
    here: str

    def of(self, subject: str, estimate: Estimate) -> Indicator:
        """Judge one subject."""
        slo = Slo(self.title, self.metric, None, self.dimension, subject, self.operator, self.limit)
        return Indicator(self.metric, self.title, subject, estimate, self.threshold, judge(slo, estimate).verdict)


OFFICIAL: tuple[Official, ...] = (
    Official(
        "TPNP", "tpnp", "psp", "98% within 2 s", ">=", 0.98,
        "100 x notifications with RESP - REQ > 2 s / notifications, KO above 2; one without a response is in the base "
        "alone",
        "the complement; each notification counts once for its cart, officially once for each payment in it",
    ),
    Official(
        "TNSPO", "tnspo_official", "psp", "98% within 2 s", ">=", 0.98,
        "per payment token: 100 x tokens with REQ of sendPaymentOutcome - RESP of pspNotifyPayment > 2 s / tokens "
        "positively notified, KO above 2; a token without an outcome is in the base alone",
        "the complement; `tnspo_strict` counts a missing outcome against the PSP",
    ),
    Official(
        "LSPO", "lspo", "psp", "at most 2%", "<=", 0.02,
        "100 x replies PPT_TOKEN_SCADUTO or PPT_TOKEN_SCADUTO_KO to sendPaymentOutcome / activations OK, KO above 2",
        "a token counts once, however often its outcome is repeated, and whichever fault code the preset answers; "
        "activations are those of carts that chose the PSP, which a real citizen does only later",
    ),
    Official(
        "DASPO", "daspo", "psp", "2%, as if it applied", "<=", 0.02,
        "100 x activations without any sendPaymentOutcome / activations OK, KO above 2; activations by Checkout (PSP "
        "AGID_01) are excluded, that is all of this use case",
        "no official value exists. An activation made by Checkout owes an outcome only once its PSP has the payment: "
        "carts abandoned, cancelled, denied, refused or never delivered to the PSP are left out, which the official "
        "base would count against it",
    ),
    Official(
        "TGP", "tgp", "ec_group", "98% within 2 s", ">=", 0.98,
        "98% of paGetPayment answered within 2 s", "a call without an answer counts against the EC",
    ),
    Official(
        "TSRT", "tsrt", "ec_group", "98% within 2 s", ">=", 0.98,
        "98% of paSendRT answered within 2 s", "a call without an answer counts against the EC",
    ),
)  # fmt: skip
"""Every official indicator that the simulator can compute."""
