"""The payment service providers (PSP): each answers pspNotifyPaymentV2, and owes one outcome for what it booked.

A PSP books the payment when the work of the notification is done, whatever became of its answer: so a PSP whose
answer was lost still sends its outcome, and one that hung does not, unless it is told to book late. Outcomes are sent
again, under the same idempotency key, only when there was no answer (SANP, quality indicators: slot x (2^k - 1)).
"""

from collections.abc import Generator, Sequence
from math import inf, isnan, nan
from typing import Any

from sim.kernel.clock import Steps
from sim.model.callee import Callee, Caller, Served
from sim.model.cart import Try, beside, try_of
from sim.model.ends import CallEnd
from sim.model.node import Answered, Node, Replied
from sim.model.plan import Plan
from sim.model.sender import Sender, Sent
from sim.protocol.entities import Closing, Recipient
from sim.protocol.messages import Answer, Outcome, SendOutcome
from sim.protocol.settings import ProtocolSettings
from sim.scenario.schema import Psp


class Psps:
    """All payment service providers of a scenario."""

    node: Node

    def __init__(
        self,
        caller: Caller,
        plan: Plan,
        settings: ProtocolSettings,
        psps: Sequence[Psp],
        callees: Sequence[Callee],
    ) -> None:
        self.caller = caller
        self.clock = caller.clock
        self.sender = Sender(caller.clock, caller.recorder)
        self.plan = plan
        self.settings = settings
        self.psps = psps
        self.callees = callees

    def psp_notify_payment(self, closing: Closing, leaves: float) -> Generator[Any, Any, Answered]:
        """Book the whole cart, or refuse it."""
        attempt = try_of(closing)
        cart, draws = attempt.cart, attempt.draws
        attempt.notifications += 1
        served, left = yield from self.caller.call(
            "pspNotifyPaymentV2",
            self.callees[cart.psp],
            draws.notify,
            leaves,
            self.settings.psp_timeout_s,
            (cart.number, attempt.number, -1, 0),
            cart,
            lambda served: self._booked_late(attempt, served),
        )
        if served is None:
            served = Served(Answer.UNREACHABLE, left)
        _book(attempt, served)
        for each in attempt.activations:
            each.notified_s = left
            each.answered_s = served.at
            each.notify_answer = served.answer.value
        return Answered(served.answer, served.at)

    def _booked_late(self, attempt: Try, served: Served) -> Steps:
        """Book what arrived when the Node had given up, and send its outcome all the same."""
        _book(attempt, served)
        yield from self.send_outcome(attempt)

    def send_outcome(self, attempt: Try, send: int = 0, sent: float = nan) -> Steps:
        """Send the outcome that a booked payment owes, and again while there is no answer.

        In an outage a PSP sends nothing before its end; what it sends while its link is cut is lost.
        """
        draws, cart, psp = attempt.draws, attempt.cart, self.psps[attempt.cart.psp]
        callee = self.callees[cart.psp]
        if isnan(attempt.booked_s) or draws.outcome_lost:
            return
        if send == 0:
            sent = attempt.booked_s + draws.outcome_delay_s
            tokens = tuple(each.payment.token for each in attempt.activations if each.payment is not None)
            ending = Outcome.KO if draws.outcome_ko else Outcome.OK
            attempt.outcome = SendOutcome(tokens, ending, None, cart.psp, attempt)
        while True:
            drawn = draws.outcome
            if send:
                drawn = self.plan.call("outcome", cart.number, -1, 0, attempt.number, send)
            sent = callee.station.up_from(sent)
            arrives = inf if callee.cut_off(sent) else sent + drawn.out_s
            address, gives_up = (cart.number, attempt.number, -1, send), sent + psp.outcome_timeout
            call = Sent("sendPaymentOutcomeV2", cart.psp, address, sent, arrives, gives_up)
            delivering = self._deliver(attempt, call.arrives_s, drawn.work_s)
            reply, _, paid = yield from self.sender.call(
                call, drawn.back_s, delivering, cart, lambda p: self.node.send_receipts(*p)
            )
            send += 1
            sent = gives_up + psp.outcome_slot * (2**send - 1)
            again = reply is None and send < psp.outcome_tries
            if paid is not None:
                if again:
                    self.clock.begin(beside(cart, self.send_outcome(attempt, send, sent)))
                yield from self.node.send_receipts(*paid)
                return
            if not again:
                return

    def _deliver(
        self, attempt: Try, arrived: float, work_s: float
    ) -> Generator[Any, Any, tuple[Replied, tuple[Sequence[Recipient], float] | None]]:
        assert attempt.outcome is not None
        for each in attempt.activations:
            if isnan(each.outcome_s):
                each.outcome_s = arrived
        replied, recipients = yield from self.node.outcome(attempt.outcome, work_s)
        if recipients:
            for each in attempt.activations:
                each.paid_s = self.clock.now
            return replied, (recipients, replied.at)
        return replied, None


def _book(attempt: Try, served: Served) -> None:
    """Note when the PSP booked the cart or, after a call that hung or a KO of its own, takes it for booked."""
    draws = attempt.draws
    if served.done_s < inf:
        attempt.booked_s = served.done_s
    elif (served.end == CallEnd.KO and draws.stray_outcome) or (served.end == CallEnd.HANG and draws.books_late):
        attempt.booked_s = served.served_s
