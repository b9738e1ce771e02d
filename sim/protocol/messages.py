"""Requests that reach the ledger, replies it gives, and the ends that a peer's call can have.

Plain values. Money is integer cents, times are seconds.
"""

from collections.abc import Hashable
from enum import StrEnum
from typing import Any, NamedTuple

from sim.protocol.faults import Fault


class Outcome(StrEnum):
    """The two outcomes of the platform's messages."""

    OK = "OK"
    KO = "KO"


class Answer(StrEnum):
    """What a caller makes of its call: an answer, or the way in which there is none."""

    OK = "ok"
    KO = "ko"
    MALFORMED = "malformed"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"


OF_EC: dict[Answer, Fault] = {
    Answer.KO: Fault.PPT_ERRORE_EMESSO_DA_PAA,
    Answer.TIMEOUT: Fault.PPT_STAZIONE_INT_PA_TIMEOUT,
    Answer.UNREACHABLE: Fault.PPT_STAZIONE_INT_PA_IRRAGGIUNGIBILE,
    Answer.MALFORMED: Fault.PPT_STAZIONE_INT_PA_ERRORE_RESPONSE,
}
"""How the Node says to the caller of an activation what it made of its call to the EC."""


class Reply(NamedTuple):
    """A reply of the Node; `http` only for closePaymentV2, `token` only for an activation."""

    outcome: Outcome
    fault_code: Fault | None = None
    http: int | None = None
    description: str | None = None
    token: int | None = None


class Activate(NamedTuple):
    """activatePaymentNoticeV2: two requests are the same only if every field is equal."""

    notice: Hashable
    ec: Hashable
    amount_cents: int
    transfers: tuple[Hashable, ...] = ()
    validity_s: float | None = None
    idempotency_key: Hashable | None = None
    body: Hashable = None


class Close(NamedTuple):
    """closePaymentV2 for all tokens of a cart."""

    tokens: tuple[Hashable, ...]
    outcome: Outcome
    fee_cents: int
    psp: Hashable = None
    channel_version: int = 2


class SendOutcome(NamedTuple):
    """sendPaymentOutcomeV2: one outcome for all tokens of a cart."""

    tokens: tuple[Hashable, ...]
    outcome: Outcome
    fee_cents: int | None = None
    psp: Hashable = None
    idempotency_key: Hashable | None = None
    body: Hashable = None


class ProtocolError(Exception):
    """An illegal transition: a bug of the program, never of its input; `payment` is the one on whose account."""

    def __init__(self, subject: str, status: object, wanted: object, payment: Any) -> None:
        super().__init__(f"{subject} cannot go from {status} to {wanted}")
        self.payment = payment
