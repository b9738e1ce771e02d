"""The Node's periodic jobs, and the harvest of carts that are over.

`mod3CancelV2` cancels what is past its deadline (R15), `paSendRt` sends pending receipts again (R11). Both stop when
there is nothing left that they could ever move, which ends the drain.
"""

from collections.abc import Callable
from math import isnan
from typing import Any

from sim.kernel.clock import Clock, Steps
from sim.model.cart import Cart, Try, try_of
from sim.model.checkout import Checkout
from sim.model.ending import settle
from sim.model.invariants import cart_over
from sim.model.node import Node
from sim.model.recorder import Recorder
from sim.protocol.entities import Payment
from sim.protocol.messages import Answer
from sim.protocol.settings import ProtocolSettings
from sim.protocol.statuses import PaymentStatus

_FINAL = frozenset({PaymentStatus.CANCELLED, PaymentStatus.NOTIFIED})


class Carts:
    """The carts under way. One that is over is settled, checked, recorded and forgotten, here and by the ledger."""

    def __init__(
        self, clock: Clock, node: Node, settings: ProtocolSettings, recorder: Recorder, redirect_wait_s: float
    ) -> None:
        self.clock = clock
        self.node = node
        self.settings = settings
        self.recorder = recorder
        self.redirect_wait_s = redirect_wait_s
        self.waiting: dict[int, Cart] = {}
        """Carts whose citizen has left, by number, while something of theirs is still open."""

    def follow(self, cart: Cart, journey: Steps) -> Steps:
        """Run a cart's journey and take it over when it ends."""
        yield from journey
        if _is_over(cart):
            self._finish(cart)
        else:
            self.waiting[cart.number] = cart

    def harvest(self) -> None:
        """Finish the carts about which nothing more will happen."""
        for cart in [cart for cart in self.waiting.values() if _is_over(cart)]:
            del self.waiting[cart.number]
            self._finish(cart)

    def finish_all(self) -> None:
        """Finish what is left when nothing moves any more: open items, such as a manual check."""
        for cart in self.waiting.values():
            self._finish(cart)
        self.waiting.clear()

    def _finish(self, cart: Cart) -> None:
        settle(cart, self.redirect_wait_s)
        cart_over(cart, self.settings, self.clock.now)
        self.recorder.finish(cart)
        activations = [each for attempt in cart.tries for each in attempt.activations]
        requests = [each.request for each in activations if each.request is not None]
        outcomes = [attempt.outcome for attempt in cart.tries if attempt.outcome is not None]
        tokens = [each.payment.token for each in activations if each.payment is not None]
        self.node.ledger.forget([*requests, *outcomes], tokens)
        cart.forget()


def _is_over(cart: Cart) -> bool:
    if cart.side_flows:
        return False
    for attempt in cart.tries:
        for each in attempt.activations:
            if each.payment is not None and each.payment.status not in _FINAL:
                return False
    return True


class Jobs:
    """The periodic jobs of one replication."""

    def __init__(self, clock: Clock, node: Node, checkout: Checkout, carts: Carts) -> None:
        self.clock = clock
        self.node = node
        self.checkout = checkout
        self.carts = carts
        self.running = 0

    def start(self, mod3_cancel_v2_s: float, pa_send_rt_s: float, swept: Callable[[], None]) -> None:
        """Start both jobs with their periods; `swept` is called after each sweep."""

        def sweep() -> None:
            self.mod3_cancel_v2()
            swept()

        self.clock.begin(self._every(mod3_cancel_v2_s, sweep))
        self.clock.begin(self._every(pa_send_rt_s, self.node.pa_send_rt))

    def _every(self, period_s: float, job: Callable[[], None]) -> Steps:
        self.running += 1
        number = 0
        while self._needed() or not number:
            number += 1
            yield number * period_s
            if self.node.station.up_from(self.clock.now) == self.clock.now:  # a Node that is down runs no job
                job()
        self.running -= 1

    def _needed(self) -> bool:
        """Whether anything but the jobs is scheduled, or the ledger holds something that a job could move."""
        return self.clock.scheduled > self.running - 1 or self.node.ledger.awaits_jobs()

    def mod3_cancel_v2(self) -> None:
        """Run `mod3CancelV2` once, note whom it cancelled and why, and harvest."""
        unclosed, closed = self.node.mod3_cancel_v2()
        for attempt in {_try(payment): None for payment in unclosed}:
            cause = "close_not_delivered"
            if attempt.abandoned:
                cause = "abandoned"
            elif attempt.failed or isnan(attempt.activated_s):
                cause = "activation_failed"
            elif not attempt.close_sent_s <= self.clock.now:  # not sent yet, which may also be NaN
                cause = "close_late"
            self.checkout.cancelled(attempt, cause)
        for closing in closed:
            accepted = closing.answer is Answer.OK
            self.checkout.cancelled(
                try_of(closing), "outcome_missing_accepted" if accepted else "outcome_missing_unknown"
            )
        self.carts.harvest()


def _try(payment: Payment) -> Try:
    activation: Any = payment.request.body
    attempt: Try = activation.attempt
    return attempt
