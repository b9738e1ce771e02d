"""The Node's memory of first answers, by idempotency key (R14).

The same request under a key that is remembered gets the first answer again and has no effect; another request gets
`PPT_ERRORE_IDEMPOTENZA`. Source: SANP, best practice of the PSP; Node's tests, activatePaymentNoticeV2_idempotency.
"""

from collections.abc import Hashable
from typing import NamedTuple

from sim.protocol.faults import Fault
from sim.protocol.messages import Activate, Outcome, Reply, SendOutcome

Keyed = Activate | SendOutcome
_OTHER_REQUEST = Reply(Outcome.KO, Fault.PPT_ERRORE_IDEMPOTENZA)


class _Remembered(NamedTuple):
    request: Keyed
    reply: Reply
    until_s: float


class Memory:
    """First answers that are still remembered."""

    def __init__(self) -> None:
        self._first: dict[Hashable, _Remembered] = {}

    def recall(self, request: Keyed, now: float) -> Reply | None:
        """Return the first answer to a request's key, a fault if that was another request, or None."""
        first = self._first.get(request.idempotency_key)
        if first is None or first.until_s <= now:
            return None
        return first.reply if first.request == request else _OTHER_REQUEST

    def remember(self, request: Keyed, reply: Reply, until_s: float) -> None:
        """Keep an answer under the request's key, if it has one."""
        if request.idempotency_key is not None:
            self._first[request.idempotency_key] = _Remembered(request, reply, until_s)

    def forget(self, request: Keyed) -> None:
        """Drop what is kept under the request's key."""
        self._first.pop(request.idempotency_key, None)
