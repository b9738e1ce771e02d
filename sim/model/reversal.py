"""Reversals: Checkout asks the gateway to give authorised money back, again while that fails.

A reversal's course is known once it starts, since nobody else can touch it: it is written down at once, with the
times at which things will happen, and costs no event.
"""

from math import inf

from sim.kernel.clock import Clock, Steps
from sim.model.cart import Try
from sim.model.plan import SENDS, Plan
from sim.protocol.settings import ProtocolSettings
from sim.scenario.schema import Scenario


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
        policy, number = self.policy, attempt.cart.number
        sent, reversed_s, tries = at, inf, 0
        while reversed_s == inf and tries <= policy.retries:
            address = attempt.number * SENDS + tries
            ends = sent + self.plan.value(policy.time, "refund.time", number, address)
            if policy.failure and self.plan.uniform("refund.fails", number, address) < policy.failure:
                sent = ends + policy.wait * (tries + 1)
            else:
                reversed_s = ends
            tries += 1
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
