"""Registry of the faults of the use case.

The Node's own (PPT) are what its replies carry. Those of an EC (PAA) and of a PSP (CANALE) are what stands behind a
valid KO of theirs: the Node does not validate which (SANP), and no rule of the use case tells them apart.

A fault is *definite* when its receiver knows that the work was not done, and *retryable* when the platform's rules
let the same request be sent again. Add a fault of the Node here before emitting it anywhere.

Source: SANP "Gestione degli errori"; closePaymentV2 is a REST call and answers with an HTTP status instead.
"""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Fault codes, spelled as on the platform."""

    PPT_PAGAMENTO_IN_CORSO = "PPT_PAGAMENTO_IN_CORSO"
    PPT_ATTIVAZIONE_IN_CORSO = "PPT_ATTIVAZIONE_IN_CORSO"
    PPT_PAGAMENTO_DUPLICATO = "PPT_PAGAMENTO_DUPLICATO"
    PPT_ERRORE_EMESSO_DA_PAA = "PPT_ERRORE_EMESSO_DA_PAA"
    PPT_STAZIONE_INT_PA_TIMEOUT = "PPT_STAZIONE_INT_PA_TIMEOUT"
    PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE = "PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE"
    PPT_STAZIONE_INT_PA_ERRORE_RESPONSE = "PPT_STAZIONE_INT_PA_ERRORE_RESPONSE"
    PPT_ERRORE_IDEMPOTENZA = "PPT_ERRORE_IDEMPOTENZA"
    PPT_SUPERAMENTOSOGLIA = "PPT_SUPERAMENTOSOGLIA"
    PPT_TOKEN_SCONOSCIUTO = "PPT_TOKEN_SCONOSCIUTO"
    PPT_TOKEN_SCADUTO = "PPT_TOKEN_SCADUTO"
    PPT_TOKEN_SCADUTO_KO = "PPT_TOKEN_SCADUTO_KO"
    PPT_ESITO_GIA_ACQUISITO = "PPT_ESITO_GIA_ACQUISITO"
    PPT_SEMANTICA = "PPT_SEMANTICA"
    PAA_PAGAMENTO_DUPLICATO = "PAA_PAGAMENTO_DUPLICATO"
    PAA_RECEIPT_DUPLICATA = "PAA_RECEIPT_DUPLICATA"
    PAA_SYSTEM_ERROR = "PAA_SYSTEM_ERROR"
    CANALE_SEMANTICA = "CANALE_SEMANTICA"


@dataclass(frozen=True, slots=True)
class FaultFacts:
    """What is known of a fault: who emits it, what it means, and what the receiver may conclude."""

    emitted_by: str
    meaning: str
    definite: bool
    retryable: bool


FAULTS: dict[Fault, FaultFacts] = {
    Fault.PPT_PAGAMENTO_IN_CORSO: FaultFacts("Node", "the notice has an open token", True, True),
    Fault.PPT_ATTIVAZIONE_IN_CORSO: FaultFacts("Node", "an activation of the notice is in flight", True, True),
    Fault.PPT_PAGAMENTO_DUPLICATO: FaultFacts("Node", "the notice is paid or being paid otherwise", True, False),
    Fault.PPT_ERRORE_EMESSO_DA_PAA: FaultFacts("Node", "the EC refused", True, False),
    Fault.PPT_STAZIONE_INT_PA_TIMEOUT: FaultFacts("Node", "the EC did not answer in time", False, True),
    Fault.PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE: FaultFacts("Node", "no connection to the EC", True, True),
    Fault.PPT_STAZIONE_INT_PA_ERRORE_RESPONSE: FaultFacts("Node", "the EC's answer is unusable", False, True),
    Fault.PPT_ERRORE_IDEMPOTENZA: FaultFacts("Node", "same idempotency key, another request", True, False),
    Fault.PPT_SUPERAMENTOSOGLIA: FaultFacts("Node", "the Node is over a threshold", True, True),
    Fault.PPT_TOKEN_SCONOSCIUTO: FaultFacts("Node", "token unknown, or not of this PSP's closed cart", True, False),
    Fault.PPT_TOKEN_SCADUTO: FaultFacts("Node", "outcome OK after the token was cancelled", True, False),
    Fault.PPT_TOKEN_SCADUTO_KO: FaultFacts("Node", "outcome KO after the token was cancelled", True, False),
    Fault.PPT_ESITO_GIA_ACQUISITO: FaultFacts("Node", "the same outcome was acquired before", True, False),
    Fault.PPT_SEMANTICA: FaultFacts("Node", "discordant outcome, wrong state or wrong fee", True, False),
    Fault.PAA_PAGAMENTO_DUPLICATO: FaultFacts("EC", "the debt position is already closed", True, False),
    Fault.PAA_RECEIPT_DUPLICATA: FaultFacts("EC", "the receipt had already arrived", True, False),
    Fault.PAA_SYSTEM_ERROR: FaultFacts("EC", "the EC refuses for a reason of its own", True, True),
    Fault.CANALE_SEMANTICA: FaultFacts("PSP", "the PSP refuses the payment", True, False),
}
