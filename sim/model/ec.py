"""The creditors (EC): each answers paGetPayment and paSendRT, and closes the debt position on the receipt (R12).

A creditor exists once somebody asks for it. Creditors of a group share their settings; where they have limited
workers each has its own station, and where the Node has one pool per counterpart each has its own pool.
"""

from collections.abc import Callable, Generator
from math import inf
from typing import Any

from sim.kernel.clock import Steps
from sim.model.callee import Callee, Caller, Served
from sim.model.cart import Activation
from sim.model.node import Answered
from sim.model.plan import Plan
from sim.protocol.entities import Recipient
from sim.protocol.messages import Activate, Answer
from sim.protocol.settings import ProtocolSettings


class Ecs:
    """All creditors of a scenario."""

    def __init__(
        self, caller: Caller, plan: Plan, settings: ProtocolSettings, build: Callable[[int, int], Callee]
    ) -> None:
        self.caller = caller
        self.plan = plan
        self.settings = settings
        self.build = build
        self.callees: dict[tuple[int, int], Callee] = {}

    def _callee(self, group: int, ec: int) -> Callee:
        callee = self.callees.get((group, ec))
        if callee is None:
            callee = self.callees[group, ec] = self.build(group, ec)
        return callee

    def pa_get_payment(self, request: Activate, leaves: float) -> Generator[Any, Any, Answered]:
        """Answer with the debt position.

        It is open: a receipt closes it, and the Node asks for no notice that has been paid (R3).
        """
        activation: Any = request.body
        cart, draws = activation.attempt.cart, activation.draws
        served, left = yield from self.caller.call(
            "paGetPayment",
            self._callee(draws.ec_group, draws.ec),
            draws.ask,
            leaves,
            self.settings.ec_timeout_s,
            (cart.number, activation.attempt.number, activation.notice, 0),
            cart,
            _nothing_follows,
        )
        return Answered(None, left) if served is None else Answered(served.answer, served.at)

    def pa_send_rt(self, recipient: Recipient, leaves: float) -> Generator[Any, Any, Answered]:
        """Take a receipt; the first one done closes the debt position, a later one is refused as a duplicate."""
        activation: Any = recipient.payment.request.body
        attempt, draws, send = activation.attempt, activation.draws, recipient.sends - 1
        cart = attempt.cart
        drawn = draws.receipt
        if send:
            drawn = self.plan.call("receipt", cart.number, activation.notice, draws.ec_group, attempt.number, send)
        activation.receipt_sends += 1
        served, left = yield from self.caller.call(
            "paSendRT",
            self._callee(draws.ec_group, draws.ec),
            drawn,
            leaves,
            self.settings.receipt_timeout_s,
            (cart.number, attempt.number, activation.notice, send),
            cart,
            lambda late: _closed_late(activation, late),
        )
        if served is None:
            return Answered(None, left)
        answer, at, done = served.answer, served.at, served.done_s
        closed = cart.ec_closed >> activation.notice & 1
        if answer is Answer.KO:
            activation.receipt_refused = not closed
        elif closed and answer is Answer.OK:
            answer = Answer.KO  # PAA_RECEIPT_DUPLICATA, which is final too
        _close(activation, done)
        return Answered(answer, at)


def _close(activation: Activation, done_s: float) -> None:
    """Close the debt position when the work of a receipt is done, for the first of them."""
    cart, bit = activation.attempt.cart, 1 << activation.notice
    if done_s < inf and not cart.ec_closed & bit:
        cart.ec_closed |= bit
        activation.receipt_s = done_s


def _closed_late(activation: Activation, served: Served) -> Steps:
    _close(activation, served.done_s)
    yield from ()


def _nothing_follows(_: Served) -> Steps:
    yield from ()
