"""The Node: relays calls to ECs and PSPs and keeps the ledger.

Each public method is a fragment of its caller's flow, from the moment the request reaches the Node: the flow of a
cart passes through Checkout, Node, EC and PSP like a baton. The ledger decides, looking when a worker of the Node
takes the call; this file only waits, asks and sends. Peers are whoever answers (`Peers`): the actors of a scenario
in the model, a script in a replay.
"""

from collections.abc import Generator, Sequence
from math import nan
from typing import Any, NamedTuple, Protocol

from sim.kernel.clock import Clock, Steps
from sim.kernel.incidents import Factor
from sim.kernel.station import Station
from sim.model.invariants import BrokenInvariantError
from sim.protocol.entities import Closing, Payment, Recipient
from sim.protocol.faults import Fault
from sim.protocol.ledger import Ledger
from sim.protocol.messages import Activate, Answer, Close, Outcome, Reply, SendOutcome


class Answered(NamedTuple):
    """How a call ended for its caller, and the moment at which the caller knew; `None`: it could not be sent."""

    answer: Answer | None
    at: float


class Replied(NamedTuple):
    """A reply of the Node, when a worker took the call, and when the reply leaves; `None`: there is no usable one."""

    reply: Reply | None
    started_s: float
    at: float


_TOO_BUSY = Reply(Outcome.KO, Fault.PPT_SUPERAMENTOSOGLIA)


Asking = Generator[Any, Any, Answered]
Activating = Generator[Any, Any, tuple[Replied, None]]
Closed = Generator[Any, Any, tuple[Replied, Closing | None]]
Paying = Generator[Any, Any, tuple[Replied, Sequence[Recipient]]]


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
    """The Node of the payments platform.

    With `ahead`, results of notifications are entered in the ledger before their time where nothing in the model can
    see the difference. A replay, which prints the ledger after every step, would see it. `slower` multiplies the work
    of calls by when they arrive.
    """

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        peers: Peers,
        station: Station,
        *,
        ahead: bool = False,
        slower: Factor | None = None,
    ) -> None:
        self.clock = clock
        self.ledger = ledger
        self.peers = peers
        self.station = station
        self.ahead = ahead
        self.slower = slower
        self.submit = station.submit if slower is None else self._submit_slowed

    def _submit_slowed(self, now: float, work_s: float) -> tuple[float, float, bool] | None:
        assert self.slower is not None
        return self.station.submit(now, work_s * self.slower.at(now))

    def activate(self, request: Activate, work_s: float = 0.0, patience_until: float = 0.0) -> Activating:
        """activatePaymentNoticeV2: reply, after asking the EC where needed (R1).

        Until `patience_until` nobody can ask for this notice again, so that an answer known before then is entered
        at once, under the time at which it comes. A call that an outage kills leaves no trace.
        """
        now = self.clock.now
        taken = self.submit(now, work_s)
        if taken is None:
            return Replied(_TOO_BUSY, nan, now), None
        start, leaves, killed = taken
        if start > now:
            yield start
        if killed:
            return Replied(None, start, leaves), None
        found = self.ledger.activate(request, start)
        if isinstance(found, Reply):
            return Replied(found, start, leaves), None
        answer, at = yield from self.peers.pa_get_payment(request, leaves)
        if at > patience_until:
            yield at
        return Replied(self.ledger.ec_answered(found, request, answer, at), start, at), None

    def close(self, request: Close, work_s: float = 0.0) -> Closed:
        """closePaymentV2: reply at once; a closing returned is for the caller's flow to `notify` (R4, R5)."""
        now = self.clock.now
        taken = self.submit(now, work_s)
        if taken is None:
            return Replied(None, nan, now), None
        start, leaves, killed = taken
        if start > now:
            yield start
        reply, closing = self.ledger.close(request, start)
        return Replied(None if killed else reply, start, leaves), closing

    def notify(self, closing: Closing, leaves: float) -> Generator[Any, Any, bool]:
        """Notify the PSP and take its answer; true when the cart was cancelled by it (R5-R7).

        Looking ahead, an answer that cancels nothing is entered under the time at which it comes: until then only an
        outcome could ask for it, which waits (R16), and the job, which leaves the cart alone up to its deadline.
        """
        answer, at = yield from self.peers.psp_notify_payment(closing, leaves)
        closing.answered_s = at
        result = answer or Answer.UNREACHABLE
        if not self.ahead or at > closing.deadline or self.ledger.is_final(result):
            yield at
        if cancelled := self.ledger.psp_answered(closing, result, at):
            self.peers.send_payment_result(closing, Outcome.KO, at)
        return cancelled

    def outcome(self, request: SendOutcome, work_s: float = 0.0) -> Paying:
        """sendPaymentOutcomeV2: reply, waiting for a notification still in flight (R16).

        Recipients returned are for the caller's flow to pass to `send_receipts`.
        """
        now = self.clock.now
        taken = self.submit(now, work_s)
        if taken is None:
            return Replied(None, nan, now), ()
        start, leaves, killed = taken
        if start > now:
            yield start
        if (closing := self.ledger.in_flight(request, start)) is not None:
            yield closing.answered_s
            leaves = max(leaves, closing.answered_s)
        moves = self.ledger.moves
        reply, recipients = self.ledger.outcome(request, self.clock.now)
        if reply.outcome is Outcome.KO and self.ledger.moves != moves:
            raise BrokenInvariantError("a refused outcome changed a status", str(request.tokens), self.clock.now)
        if recipients:
            closing = recipients[0].payment.closing
            assert closing is not None
            self.peers.send_payment_result(closing, Outcome.OK, self.station.up_from(leaves))
        return Replied(None if killed else reply, start, leaves), recipients

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
