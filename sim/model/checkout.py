"""Checkout: activates the notices, has the payment authorised, closes it, and hears how it ended.

Retries follow the platform's public configuration: an activation is sent again only when there was no answer, a close
that got no answer is sent again until shortly before its tokens end, refused closes of authorised money are reversed
at once (`reversal`), and otherwise Checkout waits for sendPaymentResult-v2.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from math import inf, nan
from typing import Any

from sim.kernel.clock import Clock, Steps
from sim.model.cart import Activation, Try, beside, try_of
from sim.model.invariants import token_issued
from sim.model.node import Activating, Node, Replied
from sim.model.plan import SENDS, Plan
from sim.model.psp import Psps
from sim.model.recorder import Recorder
from sim.model.reversal import Reversals
from sim.model.sender import Sender, Sent
from sim.protocol.entities import Closing
from sim.protocol.messages import Activate, Answer, Close, Outcome, Reply
from sim.protocol.settings import ProtocolSettings
from sim.protocol.statuses import PaymentStatus
from sim.scenario.schema import Scenario

Ending = Generator[Any, Any, float | None]
"""A fragment that returns when the citizen knew that the try failed, or None when there is nothing to try again."""

_TAKEN = Reply(Outcome.OK)


@dataclass(slots=True)
class _Join:
    """Waits for the last of several lanes."""

    left: int
    latest_s: float
    event: Any


class Checkout:
    """The front end of the platform and its back ends."""

    node: Node
    psps: Psps

    def __init__(
        self, clock: Clock, plan: Plan, scenario: Scenario, settings: ProtocolSettings, recorder: Recorder
    ) -> None:
        self.clock = clock
        self.plan = plan
        self.scenario = scenario
        self.settings = settings
        self.recorder = recorder
        self.options = scenario.checkout
        self.reversals = Reversals(clock, plan, scenario, settings)
        self.loss = scenario.links.checkout_node.loss
        self.sender = Sender(clock, recorder)

    def pay(self, attempt: Try, at: float) -> Ending:
        """Carry one try of a cart from the citizen's click to the end of what follows in its own flow."""
        attempt.started_s = at
        known = attempt.activated_s = yield from self._activate_all(attempt, at)
        attempt.failed = any(each.fault != "none" for each in attempt.activations)
        draws = attempt.draws
        if attempt.failed:
            return known
        if draws.abandons:
            attempt.abandoned = True
            return None
        thought = known + draws.think_s
        if draws.cancels:
            yield from self._close(attempt, thought, Outcome.KO)
            return None
        authorised = thought + draws.authorisation_s
        if draws.denied:
            yield from self._close(attempt, authorised, Outcome.KO)
            return authorised
        for each in attempt.activations:
            each.authorised_s = authorised
        return (yield from self._close(attempt, authorised, Outcome.OK))

    # --- activation ---------------------------------------------------------------------------------------------

    def _activate_all(self, attempt: Try, at: float) -> Generator[Any, Any, float]:
        """Activate every notice, some in parallel; return when the last of them had ended (R1)."""
        activations = attempt.activations
        if len(activations) == 1:
            return (yield from self._activate(activations[0], at))
        lanes = min(self.options.parallel_activations, len(activations))
        join = _Join(lanes, at, self.clock.event())
        todo = iter(activations)
        for _ in range(lanes):
            self.clock.begin(self._lane(todo, at, join))
        yield join.event
        return join.latest_s

    def _lane(self, todo: Iterator[Activation], at: float, join: _Join) -> Steps:
        for activation in todo:
            at = yield from self._activate(activation, at)
        join.latest_s = max(join.latest_s, at)
        join.left -= 1
        if not join.left:
            join.event.succeed()

    def _activate(self, activation: Activation, sent: float) -> Generator[Any, Any, float]:
        attempt, policy, draws = activation.attempt, self.options.activation, activation.draws
        cart, notice, drawn = attempt.cart, activation.notice, draws.activate
        activation.requested_s = sent
        activation.request = Activate(
            cart.number * 8 + notice,
            draws.ec_group,
            draws.amount_cents,
            idempotency_key=activation,
            body=activation,
        )
        for send in range(policy.tries):
            if send:
                drawn = self.plan.call("activate", cart.number, notice, 0, attempt.number, send)
            address = (cart.number, attempt.number, notice, send)
            gives_up = sent + policy.timeout
            call = Sent("activatePaymentNoticeV2", draws.ec_group, address, sent, sent + drawn.out_s, gives_up)
            issuing = self._issue(activation, drawn.work_s, gives_up - drawn.back_s)
            reply, known, _ = yield from self.sender.call(call, drawn.back_s, issuing, cart)
            if reply is not None:
                if reply.fault_code is not None:
                    activation.fault = reply.fault_code.value
                return known
            sent = known + policy.wait
        activation.fault = "transport"
        return known

    def _issue(self, activation: Activation, work_s: float, patience_until: float) -> Activating:
        assert activation.request is not None
        told = yield from self.node.activate(activation.request, work_s, patience_until)
        reply, _, leaves = told[0]
        if reply is not None and reply.token is not None and activation.payment is None:
            activation.payment = self.node.ledger.payments[reply.token]
            activation.issued_s = leaves
            token_issued(activation, leaves)
        return told

    # --- close --------------------------------------------------------------------------------------------------

    def _close(self, attempt: Try, sent: float, outcome: Outcome, send: int = 0) -> Ending:
        """Close a try, again while there is no answer; a close accepted passes this flow on to the PSP (R4)."""
        policy, cart, drawn = self.options.close, attempt.cart, attempt.draws.close
        if send == 0:
            attempt.close_sent_s = sent
            tokens = tuple(each.payment.token for each in attempt.activations if each.payment is not None)
            attempt.close = Close(tokens, outcome, 0, cart.psp)
        while True:
            if send:
                drawn = self.plan.call("close", cart.number, -1, 0, attempt.number, send)
            address, gives_up = (cart.number, attempt.number, -1, send), sent + policy.timeout
            call = Sent("closePaymentV2", cart.psp, address, sent, sent + drawn.out_s, gives_up)
            reply, known, accepted = yield from self.sender.call(
                call, drawn.back_s, self._deliver(attempt, drawn.work_s), cart, lambda a: self._follow(attempt, *a)
            )
            send += 1
            last, sent = sent, gives_up + policy.wait * send
            again = reply is None and send <= policy.retries and sent <= self._tokens_end(attempt) - policy.margin
            if accepted is not None:
                if again:
                    self.clock.begin(beside(cart, self._close(attempt, sent, outcome, send)))
                elif reply is None:
                    self._unanswered(attempt, last)
                return (yield from self._follow(attempt, *accepted))
            if reply is not None:
                return self._answered(attempt, outcome, reply, known)
            if not again:
                self._unanswered(attempt, last)
                return None

    def _tokens_end(self, attempt: Try) -> float:
        return min(each.issued_s for each in attempt.activations) + self.settings.token_validity_s

    def _deliver(
        self, attempt: Try, work_s: float
    ) -> Generator[Any, Any, tuple[Replied, tuple[Closing, float] | None]]:
        assert attempt.close is not None
        replied, closing = yield from self.node.close(attempt.close, work_s)
        if closing is not None:
            attempt.closing = closing
            for each in attempt.activations:
                each.closed_s = self.clock.now
            return replied, (closing, replied.at)
        cause = "close_rejected"
        if attempt.close.outcome is Outcome.KO:
            cause = "user_cancelled" if attempt.draws.cancels else "authorisation_denied"
        self.cancelled(attempt, cause)
        return replied, None

    def _answered(self, attempt: Try, outcome: Outcome, reply: Reply, known: float) -> float | None:
        """Act on the answer to a close that the Node did not accept now (ECD, closure errors)."""
        if outcome is Outcome.KO:
            attempt.known_s = known
            return known
        if reply.http in (400, 404):
            attempt.known_s = known
            self.reversals.reverse(attempt, known, "close_rejected")
            return known
        return None  # 422: accepted before; the result will come

    def _unanswered(self, attempt: Try, last_sent: float) -> None:
        if attempt.close is not None and attempt.close.outcome is Outcome.OK:
            waiting = self.reversals.after_no_answer(attempt, self._tokens_end(attempt), last_sent)
            self.clock.begin(beside(attempt.cart, waiting))

    def _follow(self, attempt: Try, closing: Closing, leaves: float) -> Ending:
        """Pass the flow on: to the PSP, and from there to the receipts."""
        if not (yield from self.node.notify(closing, leaves)):
            yield from self.psps.send_outcome(attempt)
            return None
        self.cancelled(attempt, "psp_refused" if closing.answer is Answer.KO else "psp_unreachable")
        self.clock.begin(beside(attempt.cart, self.psps.send_outcome(attempt)))
        return attempt.known_s if attempt.known_s < inf else None

    def cancelled(self, attempt: Try, cause: str) -> None:
        """Note which payments of a try have just been cancelled, and why."""
        for each in attempt.activations:
            payment = each.payment
            if each.cancel_cause == "none" and payment is not None and payment.status is PaymentStatus.CANCELLED:
                each.cancelled_s = self.clock.now
                each.cancel_cause = cause

    # --- result -------------------------------------------------------------------------------------------------

    def send_payment_result(self, closing: Closing, outcome: Outcome, leaves: float) -> None:
        """Hear how a closed cart ended; a KO means that the money must be given back (R6, R7)."""
        attempt = try_of(closing)
        attempt.result = outcome
        attempt.known_s = self._heard(attempt, leaves)
        if outcome is Outcome.KO and attempt.known_s < inf:
            cause = "token_expired"
            if closing.answer is Answer.KO:
                cause = "psp_refused"
            elif closing.answer is Answer.UNREACHABLE and self.settings.unreachable_is_final:
                cause = "psp_unreachable"
            self.reversals.reverse(attempt, attempt.known_s, cause)

    def _heard(self, attempt: Try, leaves: float) -> float:
        """Return when the result reached Checkout, after the Node's retries (INFRA); inf if it never did."""
        policy, cart, takes_s = self.scenario.node.result, attempt.cart, attempt.draws.result_s
        for send in range(policy.retries + 2):
            again = leaves + (policy.wait if send else policy.first_wait)
            at = attempt.number * SENDS + send
            lost = self.loss > 0 and self.plan.uniform("result.lost", cart.number, at) < self.loss
            address = (cart.number, attempt.number, -1, send)
            arrives = inf if lost else leaves + takes_s
            call = Sent("sendPaymentResult-v2", cart.psp, address, leaves, arrives, again)
            if not lost:
                self.recorder.replied(call, _TAKEN, arrives, arrives, arrives + takes_s)
                return arrives
            self.recorder.replied(call, None, nan, nan, again)
            leaves = again
        return inf
