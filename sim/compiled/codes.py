"""Small codes for what the machine keeps in its arrays; those that the records have are places in their lists of names.

The tables of the protocol are turned into arrays here, once: the machine moves along the same tables as the ledger.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.compiled.jit import numbers
from sim.model.ends import CallEnd
from sim.model.recorder import OF_ECS, PRIMITIVE_NAMES
from sim.protocol.faults import Fault
from sim.protocol.messages import OF_EC, Answer
from sim.protocol.statuses import (
    PAYMENT_TRANSITIONS,
    POSITION_TRANSITIONS,
    RECIPIENT_TRANSITIONS,
    PaymentStatus,
    PositionStatus,
    RecipientStatus,
)
from sim.records import ANSWERS, CANCEL_CAUSES, ENDINGS, FAULTS, REVERSAL_CAUSES, STATUSES

Array = npt.NDArray[Any]


NONE, NOBODY, NODE, FIRST = numbers((0, -1, 0, 0))
"""No answer, status or cause; no slot; the station of the Node; and the first try, or the first notice of a cart."""

# --- how a call ends, at its callee and for its caller ---------------------------------------------------------------

END_OK, END_HANG, END_LOST_REPLY, END_LOST_REQUEST, END_UNREACHABLE, END_MALFORMED, END_KO = numbers(CallEnd)
OK, KO, MALFORMED, TIMEOUT, UNREACHABLE = numbers(ANSWERS.index(answer.value) for answer in Answer)
"""Answers; `OK` and `KO` are outcomes and replies too, and `NONE` is a reply that was not usable."""

# --- primitives ------------------------------------------------------------------------------------------------------

ACTIVATE, ASK, CLOSE, NOTIFY, OUTCOME, RESULT, RECEIPT = numbers(
    PRIMITIVE_NAMES.index(name)
    for name in (
        "activatePaymentNoticeV2",
        "paGetPayment",
        "closePaymentV2",
        "pspNotifyPaymentV2",
        "sendPaymentOutcomeV2",
        "sendPaymentResult-v2",
        "paSendRT",
    )
)
IS_OF_ECS = np.array([name in OF_ECS for name in PRIMITIVE_NAMES])

# --- faults and causes -----------------------------------------------------------------------------------------------


def fault_code(fault: Fault) -> int:
    """Return the place of a fault among the names of the records."""
    return FAULTS.index(fault.value)


IN_CORSO, ATTIVAZIONE_IN_CORSO, DUPLICATO, SOGLIA, GIA_ACQUISITO, SEMANTICA, SCADUTO = numbers(
    fault_code(fault)
    for fault in (
        Fault.PPT_PAGAMENTO_IN_CORSO,
        Fault.PPT_ATTIVAZIONE_IN_CORSO,
        Fault.PPT_PAGAMENTO_DUPLICATO,
        Fault.PPT_SUPERAMENTOSOGLIA,
        Fault.PPT_ESITO_GIA_ACQUISITO,
        Fault.PPT_SEMANTICA,
        Fault.PPT_TOKEN_SCADUTO,
    )
)
(TRANSPORT,) = numbers([FAULTS.index("transport")])
FAULT_OF_EC = np.array([fault_code(OF_EC[Answer(name)]) if name in set(OF_EC) else NONE for name in ANSWERS])
"""How the Node says to the caller of an activation what it made of its call to the EC, by answer."""

(
    ABANDONED, ACTIVATION_FAILED, CLOSE_LATE, CLOSE_NOT_DELIVERED, MISSING_ACCEPTED, MISSING_UNKNOWN, USER_CANCELLED,
    AUTHORISATION_DENIED, CLOSE_REJECTED, PSP_REFUSED, PSP_UNREACHABLE,
) = numbers(
    CANCEL_CAUSES.index(name)
    for name in (
        "abandoned", "activation_failed", "close_late", "close_not_delivered", "outcome_missing_accepted",
        "outcome_missing_unknown", "user_cancelled", "authorisation_denied", "close_rejected", "psp_refused",
        "psp_unreachable",
    )
)  # fmt: skip
BACK_REFUSED, BACK_UNREACHABLE, BACK_EXPIRED, BACK_REJECTED, BACK_NOT_DELIVERED = numbers(
    REVERSAL_CAUSES.index(name)
    for name in ("psp_refused", "psp_unreachable", "token_expired", "close_rejected", "close_not_delivered")
)
PAID_ENDING, NOT_PAID_ENDING, UNKNOWN_ENDING = numbers(map(ENDINGS.index, ("paid", "not_paid", "unknown")))

# --- statuses --------------------------------------------------------------------------------------------------------

(
    PAYING, RESERVED, SENT, ACCEPTED, REFUSED, UNKNOWN, SEND_ERROR, PAID, NOTICE_GENERATED, NOTICE_SENT, NOTIFIED,
    CANCELLED,
) = numbers(STATUSES.index(status) for status in PaymentStatus)  # fmt: skip
POSITIONS = (None, *PositionStatus)
P_PAYING, P_INSERTED, P_PAID, P_NOTIFIED = numbers(POSITIONS.index(status) for status in PositionStatus)
RECIPIENTS = (None, *RecipientStatus)
R_GENERATED, R_SENT, R_PENDING, R_NOTIFIED = numbers(RECIPIENTS.index(status) for status in RecipientStatus)


def _moves(table: Mapping[Any, Iterable[Any]], statuses: tuple[Any, ...]) -> Array:
    """Turn a table of transitions into a matrix: whether the status of the row may become that of the column."""
    allowed = np.zeros((len(statuses), len(statuses)), dtype=bool)
    for status, after in table.items():
        for each in after:
            allowed[statuses.index(status), statuses.index(each)] = True
    return allowed


PAYMENT_MOVES = _moves(PAYMENT_TRANSITIONS, (None, *PaymentStatus))
POSITION_MOVES = _moves(POSITION_TRANSITIONS, POSITIONS)
RECIPIENT_MOVES = _moves(RECIPIENT_TRANSITIONS, RECIPIENTS)
