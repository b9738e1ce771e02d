"""The Node: relays calls to ECs and PSPs and keeps the ledger.

Each public method is a process fragment that runs in its caller's flow, from the moment the request is processed by
the Node. The ledger decides; this file only waits, asks and sends. Peers are whoever answers (`Peers`), which in the
model are the ECs and PSPs of the scenario, and in a replay a script.
"""

from collections.abc import Hashable
from typing import NamedTuple, Protocol

from sim.kernel.clock import Clock, Steps
from sim.protocol.ledger import Closing, Ledger, Recipient
from sim.protocol.messages import Activate, Answer, Close, Outcome, Reply, SendOutcome


class Answered(NamedTuple):
    """How a call ended for its caller, and the moment at which the caller knew."""

    answer: Answer
    at: float


class Peers(Protocol):
    """Those whom the Node calls. Every method returns how the Node's call will end, and when."""

    def pa_get_payment(self, request: Activate) -> Answered:
        """Ask the notice's own EC."""

    def psp_notify_payment(self, closing: Closing) -> Answered:
        """Notify the PSP of a whole closed cart."""

    def pa_send_rt(self, recipient: Recipient) -> Answered:
        """Send one receipt to one station."""

    def send_payment_result(self, closing: Closing, outcome: Outcome) -> None:
        """Tell Checkout how a closed cart ended."""


class Node:
    """The Node of the payments platform."""

    def __init__(self, clock: Clock, ledger: Ledger, peers: Peers) -> None:
        self.clock = clock
        self.ledger = ledger
        self.peers = peers
        self._notified_at: dict[Hashable, float] = {}

    def activate(self, request: Activate) -> Steps:
        """activatePaymentNoticeV2: return the reply, after asking the EC where needed (R1)."""
        found = self.ledger.activate(request, self.clock.now)
        if isinstance(found, Reply):
            return found
        answer, at = self.peers.pa_get_payment(request)
        yield at
        return self.ledger.ec_answered(found, request, answer, at)

    def close(self, request: Close) -> Reply:
        """closePaymentV2: answer at once; the notification follows as a flow of its own (R4, R5)."""
        reply, closing = self.ledger.close(request, self.clock.now)
        if closing is not None:
            self.clock.start(self._notify(closing))
        return reply

    def _notify(self, closing: Closing) -> Steps:
        answer, at = self.peers.psp_notify_payment(closing)
        for payment in closing.payments:
            self._notified_at[payment.token] = at
        yield at
        for payment in closing.payments:
            del self._notified_at[payment.token]
        if self.ledger.psp_answered(closing, answer, at):
            self.peers.send_payment_result(closing, Outcome.KO)

    def outcome(self, request: SendOutcome) -> Steps:
        """sendPaymentOutcomeV2: return the reply; wait for a notification still in flight (R16)."""
        while self.ledger.in_flight(request):
            yield max(self._notified_at[t] for t in request.tokens if t in self._notified_at)
        reply, recipients = self.ledger.outcome(request, self.clock.now)
        for recipient in recipients:
            self.clock.start(self._send_receipt(recipient))
        if recipients:
            closing = recipients[0].payment.closing
            assert closing is not None
            self.peers.send_payment_result(closing, Outcome.OK)
        return reply

    def _send_receipt(self, recipient: Recipient) -> Steps:
        answer, at = self.peers.pa_send_rt(recipient)
        yield at
        self.ledger.receipt_answered(recipient, answer, at)

    def mod3_cancel_v2(self) -> None:
        """Run the job that cancels what is past its deadline (R15)."""
        for closing in self.ledger.mod3_cancel_v2(self.clock.now)[1]:
            self.peers.send_payment_result(closing, Outcome.KO)

    def pa_send_rt(self) -> None:
        """Run the job that sends pending receipts again (R11)."""
        for recipient in self.ledger.pa_send_rt(self.clock.now):
            self.clock.start(self._send_receipt(recipient))
