"""Registry of the primitives of the use case: the calls between actors, by the platform's own names.

It says who calls whom, what for, and how long the caller waits unless a scenario says otherwise. It decides nothing:
replies are the ledger's (`ledger.py`), waiting and sending again are the actors'. Timeouts are the caller's; the callee
does not know them. The order is that of one payment, and the records' codes of primitives follow it, so a primitive
is added at the end. Anybody may import it; `docs/protocol.md` prints it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Primitive:
    """One kind of call; `timeout_s` is the caller's default in seconds, None where no source gives one."""

    name: str
    caller: str
    callee: str
    timeout_s: float | None
    asked_for: str
    source: str


PRIMITIVES: tuple[Primitive, ...] = (
    Primitive(
        "activatePaymentNoticeV2",
        "Checkout",
        "Node",
        14.0,
        "a token for one notice",
        "pagopa/pagopa-ecommerce-transactions-service, helm/values-prod.yaml: NODO_READ_TIMEOUT",
    ),
    Primitive(
        "paGetPayment",
        "Node",
        "EC",
        7.0,
        "the debt position behind one notice, and the EC's consent to its payment",
        "SANP, quality indicators, service levels of the EC (livelli di servizio enti creditori)",
    ),
    Primitive(
        "closePaymentV2",
        "Checkout",
        "Node",
        14.0,
        "closing a whole cart: OK once its payment is authorised, KO once it is given up",
        "pagopa/pagopa-ecommerce-event-dispatcher-service, helm/values-prod.yaml: NODO_READ_TIMEOUT",
    ),
    Primitive(
        "pspNotifyPaymentV2",
        "Node",
        "PSP",
        7.0,
        "the PSP's acceptance of all payments of a closed cart",
        "SANP, quality indicators, service levels of the PSP (livelli di servizio PSP)",
    ),
    Primitive(
        "sendPaymentOutcomeV2",
        "PSP",
        "Node",
        15.0,
        "taking note of one outcome for all tokens of a cart",
        "SANP, quality indicators (indicatori di qualita per i soggetti aderenti): suggested wait",
    ),
    Primitive(
        "sendPaymentResult-v2",
        "Node",
        "Checkout",
        None,
        "taking note of how a closed cart ended",
        "pagopa/pagopa-infra, src/domains/ecommerce-common/00_alerts.tf: retries only, no timeout is published",
    ),
    Primitive(
        "paSendRT",
        "Node",
        "EC",
        15.0,
        "taking the receipt of one payment made, which closes the debt position",
        "SANP, quality indicators, service levels of the EC (livelli di servizio enti creditori)",
    ),
)
