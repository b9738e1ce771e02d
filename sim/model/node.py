"""The Node: relays calls to ECs and PSPs and keeps the ledger.

Each public method is a fragment of its caller's flow, from the moment the request reaches the Node: the flow of a
cart passes through Checkout, Node, EC and PSP like a baton. The ledger decides, looking when a worker of the Node
takes the call; this file only waits, asks and sends. Peers are whoever answers (`Peers`): the actors of a scenario
in the model, a script in a replay.
"""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple, Protocol

from sim.kernel.clock import Clock, Steps
from sim.kernel.station import Station
from sim.protocol.ledger import Closing, Ledger, Payment, Recipient
from sim.protocol.messages import Activate, Answer, Close, Outcome, Reply, SendOutcome


class Answered(NamedTuple):
    """How a call ended for its caller, and the moment at which the caller knew; `None`: it could not be sent."""

    answer: Answer | None
    at: float


class Replied(NamedTuple):
    """A reply of the Node and the moment it leaves; `None`: the Node was too busy to take the call."""

    reply: Reply | None
    at: float


Asking = Generator[Any, Any, Answered]
Replying = Generator[Any, Any, Replied]


class Peers(Protocol):
    """Those whom the Node calls. A call leaves at `leaves`; its fragment returns how it ends for the Node, and when."""

    def pa_get_payment(self, request: Activate, leaves: float) -> Asking:
        """Ask the notice's own EC."""

    def psp_notify_payment(self, closing: Closing, leaves: float) -> Asking:
        """Notify the PSP of a whole closed cart."""

    def pa_send_rt(self, recipient: Recipient, leaves: float) -> Asking:
        """Send one receipt to one station."""

    def send_payment_result(self, closing: Closing, outcome: Outcome, leaves: float) -> None:
        """Tell Checkout how a closed cart ended."""


class Node:
    """The Node of the payments platform."""

    def __init__(self, clock: Clock, ledger: Ledger, peers: Peers, station: Station) -> None:
        self.clock = clock
        self.ledger = ledger
        self.peers = peers
        self.station = station
        self._answered_at: dict[Closing, float] = {}

    def activate(self, request: Activate, work_s: float = 0.0, patience_until: float = 0.0) -> Replying:
        """activatePaymentNoticeV2: reply, after asking the EC where needed (R1).

        Until `patience_until` nobody can ask for this notice again, so that an answer known before then is entered
        at once, under the time at which it comes.
        """
        taken = self.station.submit(self.clock.now, work_s)
        if taken is None:
            return Replied(None, self.clock.now)
        start, leaves, _ = taken
        if start > self.clock.now:
            yield start
        found = self.ledger.activate(request, start)
        if isinstance(found, Reply):
            return Replied(found, leaves)
        answer, at = yield from self.peers.pa_get_payment(request, leaves)
        if at > patience_until:
            yield at
        return Replied(self.ledger.ec_answered(found, request, answer, at), at)

    def close(self, request: Close, work_s: float = 0.0) -> Generator[Any, Any, tuple[Replied, Closing | None]]:
        """closePaymentV2: reply at once; a closing returned is for the caller's flow to `notify` (R4, R5)."""
        taken = self.station.submit(self.clock.now, work_s)
        if taken is None:
            return Replied(None, self.clock.now), None
        start, leaves, _ = taken
        if start > self.clock.now:
            yield start
        reply, closing = self.ledger.close(request, start)
        return Replied(reply, leaves), closing

    def notify(self, closing: Closing, leaves: float) -> Generator[Any, Any, bool]:
        """Notify the PSP and take its answer; true when the cart was cancelled by it (R5-R7)."""
        answer, at = yield from self.peers.psp_notify_payment(closing, leaves)
        self._answered_at[closing] = at
        yield at
        del self._answered_at[closing]
        if cancelled := self.ledger.psp_answered(closing, answer or Answer.UNREACHABLE, at):
            self.peers.send_payment_result(closing, Outcome.KO, at)
        return cancelled

    def outcome(
        self, request: SendOutcome, work_s: float = 0.0
    ) -> Generator[Any, Any, tuple[Replied, Sequence[Recipient]]]:
        """sendPaymentOutcomeV2: reply, waiting for a notification still in flight (R16).

        Recipients returned are for the caller's flow to pass to `send_receipts`.
        """
        taken = self.station.submit(self.clock.now, work_s)
        if taken is None:
            return Replied(None, self.clock.now), ()
        start, leaves, _ = taken
        if start > self.clock.now:
            yield start
        while (closing := self.ledger.in_flight(request)) is not None:
            yield self._answered_at[closing]
            leaves = max(leaves, self.clock.now)
        reply, recipients = self.ledger.outcome(request, self.clock.now)
        if recipients:
            closing = recipients[0].payment.closing
            assert closing is not None
            self.peers.send_payment_result(closing, Outcome.OK, leaves)
        return Replied(reply, leaves), recipients

    def send_receipts(self, recipients: Sequence[Recipient], leaves: float) -> Steps:
        """Send receipts, the last of them in the caller's own flow (R11)."""
        for recipient in recipients[:-1]:
            self.clock.start(self._send_receipt(recipient, leaves))
        if recipients:
            yield from self._send_receipt(recipients[-1], leaves)

    def _send_receipt(self, recipient: Recipient, leaves: float) -> Steps:
        answer, at = yield from self.peers.pa_send_rt(recipient, leaves)
        if answer is not Answer.OK and answer is not Answer.KO:
            yield at  # the job paSendRt may look at a receipt only once it is pending
        self.ledger.receipt_answered(recipient, answer or Answer.UNREACHABLE, at)

    def mod3_cancel_v2(self) -> tuple[list[Payment], list[Closing]]:
        """Run the job that cancels what is past its deadline (R15); return what `Ledger.mod3_cancel_v2` does."""
        unclosed, closed = self.ledger.mod3_cancel_v2(self.clock.now)
        for closing in closed:
            self.peers.send_payment_result(closing, Outcome.KO, self.clock.now)
        return unclosed, closed

    def pa_send_rt(self) -> None:
        """Run the job that sends pending receipts again (R11)."""
        for recipient in self.ledger.pa_send_rt(self.clock.now):
            self.clock.start(self._send_receipt(recipient, self.clock.now))
