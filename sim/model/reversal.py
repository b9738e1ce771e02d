"""Reversals: Checkout asks the gateway to give authorised money back, again while that fails.

A reversal's course is known once it starts, since nobody else can touch it: it is written down at once, with the
times at which things will happen, and costs no event.
"""

from math import inf

from sim.kernel.clock import Clock, Steps
from sim.model.cart import Try
from sim.model.plan import SENDS, Plan
from sim.protocol.settings import ProtocolSettings
from sim.scenario.schema import Refund, Scenario


class Reversals:
    """Gives money back, by the policy of the scenario."""

    def __init__(self, clock: Clock, plan: Plan, scenario: Scenario, settings: ProtocolSettings) -> None:
        self.clock = clock
        self.plan = plan
        self.policy = scenario.checkout.refund
        self.settings = settings
        result, job = scenario.node.result, scenario.node.jobs.mod3CancelV2
        self.grace_s = result.first_wait + result.wait * result.retries + job + 60.0
        """After the tokens' end, how long the Node's own word may still take: a sweep, and all its retries."""
        chosen = scenario.checkout.when_close_unanswered
        self.gives_back_unanswered = (settings.accepted_expires if chosen is None else chosen == "reverse")

    def reverse(self, attempt: Try, at: float, cause: str) -> None:
        """Give the money of one try back from `at` on; at most once."""
        if attempt.activations[0].reversal_cause != "none":
            return
        reversed_s, tries = course(self.plan, self.policy, attempt.cart.number, attempt.number, at)
        for each in attempt.activations:
            each.reversal_requested_s = at
            each.reversal_cause = cause
            each.reversal_tries = tries
            if reversed_s < inf:
                each.reversed_s = reversed_s

    def after_no_answer(self, attempt: Try, tokens_end: float, last_close: float) -> Steps:
        """Decide what becomes of authorised money when no close was ever answered.

        The text leaves this open. Checkout waits until the Node would have said how the payment ended; then, if it
        has said nothing, the money goes back, or stays for a manual check (assumed; docs/decisions). The close that the
        Node took, if it took any, may have been the last one sent.
        """
        if not self.gives_back_unanswered:
            return
        end = max(tokens_end, last_close + (self.settings.token_extension_s or 0.0)) + self.grace_s
        yield max(end, self.clock.now)
        if attempt.result is None or attempt.known_s > end:
            self.reverse(attempt, end, "close_not_delivered")


def course(plan: Plan, policy: Refund, cart: int, attempt: int, at: float) -> tuple[float, int]:
    """Return when the money of one try is back (inf: never), asked for from `at` on, and after how many tries."""
    sent, tries = at, 0
    while tries <= policy.retries:
        address = attempt * SENDS + tries
        ends = sent + plan.value(policy.time, "refund.time", cart, address)
        tries += 1
        if not policy.failure or plan.uniform("refund.fails", cart, address) >= policy.failure:
            return ends, tries
        sent = ends + policy.wait * tries
    return inf, tries
