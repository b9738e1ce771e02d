"""Citizens, Checkout, the Node, creditors and payment service providers, as SimPy processes."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import simpy

from benchmarks.idiomatic.records import KO, LOST, OK, TIMEOUT, Cart, Payment
from benchmarks.idiomatic.servers import EcServers, Process, Server, choice, sampler
from benchmarks.idiomatic.supported import refuse_unsupported
from sim.scenario.presets import settings_of
from sim.scenario.schema import Psp, Scenario, Service


class Model:
    """One SimPy environment; raises `ValueError` if the scenario needs more than this model has."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        refuse_unsupported(scenario)
        self.scenario = scenario
        self.settings = settings_of(scenario.protocol)
        self.env = simpy.Environment()
        self.rng = random.Random(seed)  # noqa: S311 - a simulation
        self.records: list[dict[str, Any]] = []
        self.open: dict[Payment, None] = {}  # tokens issued and not settled, in order of expiry
        self.pending: list[Payment] = []  # receipts to send again
        self.unsettled: set[Payment] = set()
        self.arriving = True

        links, node = scenario.links, scenario.node.processing
        self.to_node = links.checkout_node.latency.mean
        self.to_ec = links.node_ec.latency.mean
        self.to_psp = links.node_psp.latency.mean

        rng, shares = self.rng, scenario.cart.notices
        self.node = Server(self.env, rng, node.workers, {"": Service(time=node.service_time)})
        self.psps = [Server(self.env, rng, p.workers, {"notify": p.psp_notify_payment}) for p in scenario.psps]
        self.ecs = [EcServers(self.env, rng, group) for group in scenario.ecs]
        self.outcome_delay = [sampler(rng, p.outcome_delay) for p in scenario.psps]

        self.draw_psp = choice(rng, [p.share for p in scenario.psps])
        self.draw_group = choice(rng, [g.share for g in scenario.ecs])
        self.sizes = sorted(shares)
        self.draw_size = choice(rng, [shares[size] for size in self.sizes])
        self.draw_amount = sampler(rng, scenario.cart.amount)
        self.draw_think_time = sampler(rng, scenario.citizen.think_time)
        self.draw_authorisation = sampler(rng, scenario.checkout.authorisation.time)
        self.draw_refund = sampler(rng, scenario.checkout.refund.time)

    def run(self) -> None:
        """Run until arrivals have stopped and every payment is settled."""
        jobs = self.scenario.node.jobs
        self.env.process(self.arrivals())
        self.env.process(self.every(jobs.mod3CancelV2, self.sweep))
        self.env.process(self.every(jobs.paSendRt, self.send_pending))
        self.env.run()

    @property
    def events(self) -> int:
        """Number of events scheduled so far; looking costs one."""
        return next(self.env._eid)

    # --- calls --------------------------------------------------------------------------------------------------

    def call(self, callee: Process, timeout_s: float) -> Process:
        """Start a call as a process of its own and wait for its answer, or for the caller's timeout."""
        call, timer = self.env.process(callee), self.env.timeout(timeout_s)
        yield self.env.any_of([call, timer])
        if call.triggered and call.value != LOST:
            return call.value
        if not timer.processed:
            yield timer
        return TIMEOUT

    # --- citizen and Checkout -----------------------------------------------------------------------------------

    def arrivals(self) -> Process:
        """Let carts arrive until the end of the window."""
        rate = self.scenario.arrivals.rate
        assert rate is not None
        number = 0
        while True:
            yield self.env.timeout(self.rng.expovariate(rate))
            if self.env.now >= self.scenario.run.window:
                break
            self.env.process(self.cart(number))
            number += 1
        self.arriving = False

    def cart(self, number: int) -> Process:
        """Pay one cart: activate, think, authorise, close."""
        cart = Cart(number, self.draw_psp(), self.env.now)
        for notice in range(self.sizes[self.draw_size()]):
            group = self.draw_group()
            cents = max(round(self.draw_amount()), 1)
            cart.payments.append(Payment(cart, notice, group, self.ecs[group].draw(), cents))
        self.unsettled.update(cart.payments)
        yield self.env.all_of([self.env.process(self.activate(each)) for each in cart.payments])
        failed = any(each.fault is not None for each in cart.payments)
        if failed or self.rng.random() < self.scenario.citizen.abandon:
            cart.left = True
            return
        yield self.env.timeout(self.draw_think_time())
        yield self.env.timeout(self.draw_authorisation())
        cart.authorised_s = self.env.now
        yield from self.close(cart)

    def activate(self, payment: Payment) -> Process:
        """Activate one notice, again while there is no answer."""
        policy = self.scenario.checkout.activation
        payment.requested_s = self.env.now
        for tried in range(policy.tries):
            if tried:
                yield self.env.timeout(policy.wait)
            answer = yield from self.call(self.node_activate(payment), policy.timeout)
            if answer != TIMEOUT:
                break
        if answer != OK:
            payment.fault = answer
            if payment.issued_s is None:
                self.settle(payment, "failed")

    def close(self, cart: Cart) -> Process:
        """Close a cart, again while there is no answer; money of a rejected close is given back."""
        policy = self.scenario.checkout.close
        for tried in range(policy.retries + 1):
            if tried:
                yield self.env.timeout(policy.wait * tried)
            answer = yield from self.call(self.node_close(cart), policy.timeout)
            if answer == KO:
                yield from self.reverse(cart)
            if answer != TIMEOUT:
                return
        yield self.env.timeout(self.settings.token_validity_s + self.scenario.node.jobs.mod3CancelV2)
        if cart.closed_s is None:
            yield from self.reverse(cart)

    def reverse(self, cart: Cart, heard_after_s: float = 0.0) -> Process:
        """Give the money of a cart back, again while that fails; its payments are then settled."""
        policy = self.scenario.checkout.refund
        yield self.env.timeout(heard_after_s)
        cart.reversal_requested_s = self.env.now
        for tried in range(1, policy.retries + 2):
            yield self.env.timeout(self.draw_refund())
            if self.rng.random() >= policy.failure:
                cart.reversed_s = self.env.now
                break
            yield self.env.timeout(policy.wait * tried)
        for each in cart.payments:
            self.settle(each, each.status)

    def settle(self, payment: Payment, status: str) -> None:
        """Write the record of a payment to which nothing more will happen."""
        payment.status = status
        if payment in self.unsettled:
            self.unsettled.remove(payment)
            self.records.append(payment.record())

    # --- Node ---------------------------------------------------------------------------------------------------

    def node_activate(self, payment: Payment) -> Process:
        """activatePaymentNoticeV2: ask the EC, issue a token."""
        yield self.env.timeout(self.to_node)
        yield from self.node.work()
        if payment.issued_s is None:
            callee = self.ecs[payment.group].server(payment.ec).answer("ask", self.to_ec)
            answer = yield from self.call(callee, self.settings.ec_timeout_s)
            if answer != OK:
                yield self.env.timeout(self.to_node)
                return f"ec {answer}"
            payment.issued_s = self.env.now
            payment.deadline = self.env.now + self.settings.token_validity_s
            payment.status = "open"
            self.open[payment] = None
        yield self.env.timeout(self.to_node)
        return OK

    def node_close(self, cart: Cart) -> Process:
        """closePaymentV2: all tokens or none; then the Node notifies the PSP by itself."""
        yield self.env.timeout(self.to_node)
        yield from self.node.work()
        answer = OK
        if cart.closed_s is None:
            if all(each.status == "open" for each in cart.payments):
                cart.closed_s = self.env.now
                for each in cart.payments:
                    each.status = "sent"
                cart.result = self.env.event()
                self.env.process(self.notify(cart))
            else:
                answer = KO
                self.cancel(cart, "cancelled")
        yield self.env.timeout(self.to_node)
        return answer

    def notify(self, cart: Cart) -> Process:
        """Notify the PSP of a closed cart and take its answer."""
        cart.notified_s = self.env.now
        answer = yield from self.call(self.psp_notify(cart), self.settings.psp_timeout_s)
        cart.answer, cart.answered_s = answer, self.env.now
        if answer == KO:
            self.cancel(cart, "refused")
            self.env.process(self.reverse(cart, self.to_node))
        else:
            for each in cart.payments:
                each.status = "accepted" if answer == OK else "unknown"
        assert cart.result is not None
        cart.result.succeed()

    def node_outcome(self, cart: Cart) -> Process:
        """sendPaymentOutcomeV2: pay the cart if it still waits, after the notification's result."""
        yield self.env.timeout(self.to_psp)
        if cart.outcome_s is None:
            cart.outcome_s = self.env.now
        yield from self.node.work()
        assert cart.result is not None
        if not cart.result.processed:
            yield cart.result
        answer = KO
        if all(each.status in ("accepted", "unknown") for each in cart.payments):
            answer = OK
            for each in cart.payments:
                each.status, each.paid_s = "paid", self.env.now
                del self.open[each]
                self.env.process(self.send_receipt(each))
        yield self.env.timeout(self.to_psp)
        return answer

    def send_receipt(self, payment: Payment) -> Process:
        """Send a receipt; without a usable answer it waits for the job."""
        payment.receipt_sends += 1
        answer = yield from self.call(self.ec_receipt(payment), self.settings.receipt_timeout_s)
        if answer in (OK, KO):
            self.settle(payment, "notified")
        elif payment.receipt_sends <= self.settings.receipt_max_retries:
            self.pending.append(payment)
        else:
            self.settle(payment, "pending")

    def cancel(self, cart: Cart, status: str) -> None:
        """Cancel what is still open of a cart."""
        for each in cart.payments:
            if each in self.open:
                del self.open[each]
                each.status, each.cancelled_s = status, self.env.now

    def every(self, period_s: float, job: Callable[[], None]) -> Process:
        """Run a job periodically while there is anything left to do."""
        while self.arriving or self.unsettled:
            yield self.env.timeout(period_s)
            job()

    def sweep(self) -> None:
        """mod3CancelV2: cancel tokens past their deadline; those of a closed cart go together, with the money."""
        for payment in list(self.expired()):
            cart = payment.cart
            if payment.status == "open":
                del self.open[payment]
                payment.status, payment.cancelled_s = "expired", self.env.now
                if cart.left:
                    self.settle(payment, "expired")
            elif payment in self.open and payment.status in ("accepted", "unknown"):
                self.cancel(cart, "expired")
                self.env.process(self.reverse(cart, self.to_node))

    def expired(self) -> Iterator[Payment]:
        """Yield the tokens past their deadline."""
        for payment in self.open:
            assert payment.deadline is not None
            if payment.deadline > self.env.now:
                return
            yield payment

    def send_pending(self) -> None:
        """paSendRt: send pending receipts again."""
        again, self.pending = self.pending, []
        for payment in again:
            self.env.process(self.send_receipt(payment))

    # --- PSPs and ECs -------------------------------------------------------------------------------------------

    def psp_notify(self, cart: Cart) -> Process:
        """pspNotifyPaymentV2: book the cart, which then owes an outcome, or refuse it."""
        answer = yield from self.psps[cart.psp].answer(
            "notify", self.to_psp, lambda: self.env.process(self.send_outcome(cart))
        )
        return answer

    def send_outcome(self, cart: Cart) -> Process:
        """Send the outcome of a booked cart, again while there is no answer."""
        psp: Psp = self.scenario.psps[cart.psp]
        if self.rng.random() < psp.outcome_lost:
            return
        yield self.env.timeout(self.outcome_delay[cart.psp]())
        for tried in range(psp.outcome_tries):
            if tried:
                yield self.env.timeout(psp.outcome_slot * (2**tried - 1))
            answer = yield from self.call(self.node_outcome(cart), psp.outcome_timeout)
            if answer != TIMEOUT:
                return

    def ec_receipt(self, payment: Payment) -> Process:
        """paSendRT: the first receipt closes the debt position, a second one is refused."""
        duplicate = payment.receipt_s is not None

        def done() -> None:
            if payment.receipt_s is None:
                payment.receipt_s = self.env.now

        answer = yield from self.ecs[payment.group].server(payment.ec).answer("receipt", self.to_ec, done)
        return KO if duplicate and answer == OK else answer
