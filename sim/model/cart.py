"""What is known of one cart while it is under way: the cart, its tries, and the activation of each notice.

`Cart` and `Activation` have one attribute per column of `sim.records` that they own; a moment that has not come is NaN.
They are plain memory: the actors write into them, the recorder reads them once, when the cart is over.
"""

from math import nan
from typing import Any

from sim.kernel.clock import Steps
from sim.model.plan import CartDraws, NoticeDraws
from sim.protocol.entities import Closing, Payment
from sim.protocol.messages import Activate, Close, Outcome, SendOutcome


class Cart:
    """One citizen's cart of notices, over all tries."""

    __slots__ = (
        "amount_cents", "arrived_s", "ec_closed", "ending", "measured", "number", "psp", "redirected_s",
        "settled_s", "side_flows", "size", "tries", "waited_s",
    )  # fmt: skip

    def __init__(self, number: int, arrived_s: float, measured: bool, draws: CartDraws) -> None:
        self.number = number
        self.arrived_s = arrived_s
        self.measured = measured
        self.psp = draws.psp
        self.size = len(draws.notices)
        self.amount_cents = sum(notice.amount_cents for notice in draws.notices)
        self.tries: list[Try] = []
        self.ec_closed = 0  # bit n: the EC of notice n has closed its debt position
        self.waited_s = 0.0
        self.redirected_s = nan
        self.settled_s = nan
        self.ending = "unknown"
        self.side_flows = 0  # flows of this cart besides the citizen's own

    def forget(self) -> None:
        """Let go of everything, so that nothing refers to itself and no garbage collector is needed."""
        for attempt in self.tries:
            for activation in attempt.activations:
                activation.payment = activation.request = None
            attempt.activations.clear()
            attempt.closing = attempt.outcome = None
        self.tries.clear()


class Try:
    """One try of a cart, from activation to the end of everything it set in motion."""

    __slots__ = (
        "abandoned", "activated_s", "activations", "booked_s", "cart", "close", "close_sent_s", "closing", "draws",
        "failed", "known_s", "notifications", "number", "outcome", "result", "started_s",
    )  # fmt: skip

    def __init__(self, cart: Cart, number: int, draws: CartDraws) -> None:
        self.cart = cart
        self.number = number
        self.draws = draws
        self.activations = [Activation(self, n, notice) for n, notice in enumerate(draws.notices)]
        self.started_s = nan  # the citizen asked to pay
        self.activated_s = nan  # Checkout knew how all its activations had ended
        self.failed = False  # an activation failed
        self.abandoned = False
        self.close: Close | None = None
        self.close_sent_s = nan
        self.closing: Closing | None = None  # set once the Node has accepted a close OK
        self.notifications = 0
        self.booked_s = nan  # when the PSP had booked the payment
        self.outcome: SendOutcome | None = None
        self.result: Outcome | None = None  # sendPaymentResult, as sent by the Node
        self.known_s = nan  # when Checkout knew how the try ended


class Activation:
    """One notice in one try: a token, if the activation succeeds."""

    __slots__ = (
        "answered_s",
        "attempt",
        "authorised_s",
        "cancel_cause",
        "cancelled_s",
        "closed_s",
        "draws",
        "fault",
        "issued_s",
        "notice",
        "notified_s",
        "notify_answer",
        "outcome_s",
        "paid_s",
        "payment",
        "place",
        "receipt_refused",
        "receipt_s",
        "receipt_sends",
        "request",
        "requested_s",
        "reversal_cause",
        "reversal_requested_s",
        "reversal_tries",
        "reversed_s",
        "status",
    )  # fmt: skip

    def __init__(self, attempt: Try, notice: int, draws: NoticeDraws) -> None:
        self.attempt = attempt
        self.notice = notice
        self.draws = draws
        self.request: Activate | None = None
        self.payment: Payment | None = None
        self.requested_s = self.issued_s = self.authorised_s = self.closed_s = self.notified_s = nan
        self.answered_s = self.outcome_s = self.paid_s = self.cancelled_s = self.receipt_s = nan
        self.reversal_requested_s = self.reversed_s = nan
        self.fault = self.notify_answer = self.cancel_cause = self.reversal_cause = self.place = "none"
        self.status = "none"
        self.receipt_sends = self.reversal_tries = 0
        self.receipt_refused = False

    @property
    def name(self) -> str:
        """Name the payment as error messages and traces do: cart.try.notice."""
        return f"{self.attempt.cart.number}.{self.attempt.number}.{self.notice}"


def try_of(closing: Closing) -> Try:
    """Return the try that a closed cart belongs to."""
    activation: Any = closing.payments[0].request.body
    attempt: Try = activation.attempt
    return attempt


def beside(cart: Cart, steps: Steps) -> Steps:
    """Run a flow of a cart beside the citizen's own; the cart is not over before it ends."""
    cart.side_flows += 1
    yield from steps
    cart.side_flows -= 1
