"""The same protocol path as a competent SimPy user writes it from the tutorial: what the simulator is timed against.

One process per cart, per activation and per call; `simpy.Resource` for workers; `any_of([call, timeout])` for every
timeout; draws one by one from `random`; an object per payment, and a dict per payment as its record. It is written
in good faith: no needless events, records written once, tokens kept in order of expiry so that a sweep stops early.
It does less than `sim`: no incidents, pools, citizens who come back, statistics of stations or checks of invariants.
"""

import math
import random
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

import simpy

from sim.kernel.distributions import Constant, Distribution, Exponential, Lognormal
from sim.model.assemble import settings_of
from sim.scenario.schema import EcGroup, Psp, Scenario, Service

Process = Generator[simpy.Event, Any, Any]
Draw = Callable[[], Any]

OK, KO, UNREACHABLE, LOST, TIMEOUT = "ok", "ko", "unreachable", "lost", "timeout"


@dataclass(eq=False)
class Payment:
    """One notice being paid."""

    cart: "Cart"
    notice: int
    group: int
    ec: int
    amount_cents: int
    status: str = "new"
    fault: str | None = None
    deadline: float | None = None
    requested_s: float | None = None
    issued_s: float | None = None
    cancelled_s: float | None = None
    paid_s: float | None = None
    receipt_s: float | None = None
    receipt_sends: int = 0

    def record(self) -> dict[str, Any]:
        """Return what is kept of the payment."""
        cart = self.cart
        return {
            "cart": cart.number,
            "notice": self.notice,
            "cart_size": len(cart.payments),
            "psp": cart.psp,
            "ec_group": self.group,
            "ec": self.ec,
            "amount_cents": self.amount_cents,
            "requested_s": self.requested_s,
            "issued_s": self.issued_s,
            "fault": self.fault,
            "authorised_s": cart.authorised_s,
            "closed_s": cart.closed_s,
            "notified_s": cart.notified_s,
            "answered_s": cart.answered_s,
            "notify_answer": cart.answer,
            "outcome_s": cart.outcome_s,
            "paid_s": self.paid_s,
            "cancelled_s": self.cancelled_s,
            "receipt_s": self.receipt_s,
            "receipt_sends": self.receipt_sends,
            "reversal_requested_s": cart.reversal_requested_s,
            "reversed_s": cart.reversed_s,
            "status": self.status,
        }


@dataclass(eq=False)
class Cart:
    """One to five notices paid together."""

    number: int
    psp: int
    arrived_s: float
    payments: list[Payment] = field(default_factory=list)
    answer: str | None = None
    result: simpy.Event | None = None  # fires when the result of the notification is known
    authorised_s: float | None = None
    closed_s: float | None = None
    notified_s: float | None = None
    answered_s: float | None = None
    outcome_s: float | None = None
    reversal_requested_s: float | None = None
    reversed_s: float | None = None


def run(scenario: Scenario, seed: int) -> dict[str, int]:
    """Run a scenario once and count what happened; raises `ValueError` if it needs more than this model has."""
    refuse_unsupported(scenario)
    model = Model(scenario, seed)
    model.run()
    return counts(model.records) | {"events": next(model.env._eid)}


def counts(records: list[dict[str, Any]]) -> dict[str, int]:
    """Count payments, tokens and how they ended."""
    count: Counter[str] = Counter()
    for each in records:
        accepted, outcome = each["notify_answer"] == OK, each["outcome_s"]
        count["payments"] += 1
        count["tokens"] += each["issued_s"] is not None
        count["expired"] += each["status"] == "expired"
        count["authorised"] += each["authorised_s"] is not None
        count["reversed"] += each["reversal_requested_s"] is not None
        count["accepted"] += accepted
        count["within_2s"] += accepted and outcome is not None and outcome - each["answered_s"] <= 2.0
    return dict(count)


def refuse_unsupported(scenario: Scenario) -> None:
    """Raise `ValueError` when a scenario uses what this model leaves out."""
    links, node, citizen = scenario.links, scenario.node, scenario.citizen
    settings = settings_of(scenario)
    servers = (*scenario.ecs, *scenario.psps)
    services = [s for g in scenario.ecs for s in (g.pa_get_payment, g.pa_send_rt)]
    services += [p.psp_notify_payment for p in scenario.psps]
    unsupported = {
        "arrivals other than a Poisson process": scenario.arrivals.process != "poisson" or not scenario.arrivals.rate,
        "a profile of arrivals": scenario.arrivals.profile is not None,
        "a warm-up": scenario.run.warm_up > 0,
        "cancelling or returning citizens, or denials": citizen.cancel + citizen.retry.probability > 0
        or scenario.checkout.authorisation.denied > 0,
        "links that vary or lose": any(
            each.loss > 0 or not isinstance(each.latency, Constant)
            for each in (links.checkout_node, links.node_ec, links.node_psp)
        ),
        "fewer lanes than notices": scenario.checkout.parallel_activations < max(scenario.cart.notices),
        "pools": node.ec_pool.size is not None or node.psp_pool.size is not None,
        "queue limits or schedules": any(s.queue_limit is not None or s.schedule for s in servers)
        or node.processing.queue_limit is not None,
        "outcomes KO or stray, booking late": any(
            p.outcome_ko + p.outcome_after_ko + p.books_after_hang > 0 for p in scenario.psps
        ),
        "ends other than ko, lost_reply and unreachable": any(
            s.ends.malformed.probability + s.ends.lost_request.probability + s.ends.hang.probability > 0
            or any(end.time is not None for end in (s.ends.ko, s.ends.lost_reply, s.ends.unreachable))
            for s in services
        ),
        "incidents": bool(scenario.incidents),
        "another protocol than the text": settings.unreachable_is_final
        or not settings.accepted_expires
        or settings.token_extension_s is not None,
    }
    if found := [what for what, present in unsupported.items() if present]:
        raise ValueError(f"the idiomatic model has no {'; no '.join(found)}")


class Model:
    """Citizens, Checkout, the Node, creditors and payment service providers in one SimPy environment."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        self.scenario = scenario
        self.settings = settings_of(scenario)
        self.env = simpy.Environment()
        self.rng = random.Random(seed)  # noqa: S311 - a simulation
        self.records: list[dict[str, Any]] = []
        self.open: dict[Payment, None] = {}  # tokens issued and not settled, in order of expiry
        self.pending: list[Payment] = []  # receipts to send again
        self.unsettled = 0
        self.arriving = True

        links, node = scenario.links, scenario.node.processing
        self.to_node = links.checkout_node.latency.mean
        self.to_ec = links.node_ec.latency.mean
        self.to_psp = links.node_psp.latency.mean

        self.node = Server(self, node.workers, {"": Service(time=node.service_time)})
        self.psps = [Server(self, p.workers, {"notify": p.psp_notify_payment}) for p in scenario.psps]
        self.ecs = [EcServers(self, group) for group in scenario.ecs]
        self.outcome_delay = [self.sampler(p.outcome_delay) for p in scenario.psps]

        self.draw_psp = self.choice([p.share for p in scenario.psps])
        self.draw_group = self.choice([g.share for g in scenario.ecs])
        sizes = sorted(scenario.cart.notices)
        index = self.choice([scenario.cart.notices[n] for n in sizes])
        self.draw_size = lambda: sizes[index()]
        self.draw_amount = self.sampler(scenario.cart.amount)
        self.draw_think_time = self.sampler(scenario.citizen.think_time)
        self.draw_authorisation = self.sampler(scenario.checkout.authorisation.time)
        self.draw_refund = self.sampler(scenario.checkout.refund.time)

    def run(self) -> None:
        """Run until arrivals have stopped and every payment is settled."""
        jobs = self.scenario.node.jobs
        self.env.process(self.arrivals())
        self.env.process(self.every(jobs.mod3CancelV2, self.sweep))
        self.env.process(self.every(jobs.paSendRt, self.send_pending))
        self.env.run()

    # --- draws --------------------------------------------------------------------------------------------------

    def sampler(self, distribution: Distribution) -> Draw:
        """Return a function that draws one value."""
        rng = self.rng
        if isinstance(distribution, Constant):
            return lambda: distribution.value
        if isinstance(distribution, Exponential):
            rate = 1 / distribution.mean
            return lambda: rng.expovariate(rate)
        if isinstance(distribution, Lognormal):
            mu, sigma = math.log(distribution.median), distribution.sigma
            return lambda: rng.lognormvariate(mu, sigma)
        return lambda: distribution.quantile(rng.random())

    def choice(self, weights: list[float]) -> Draw:
        """Return a function that draws an index by weight."""
        rng, cumulative = self.rng, list(accumulate(weights))
        total, last = cumulative[-1], len(cumulative) - 1
        return lambda: bisect(cumulative, rng.random() * total, 0, last)

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
        for notice in range(self.draw_size()):
            group = self.draw_group()
            cents = max(round(self.draw_amount()), 1)
            cart.payments.append(Payment(cart, notice, group, self.ecs[group].draw(), cents))
        self.unsettled += len(cart.payments)
        yield self.env.all_of([self.env.process(self.activate(each)) for each in cart.payments])
        if any(each.fault is not None for each in cart.payments):
            return
        if self.rng.random() < self.scenario.citizen.abandon:
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
                self.env.process(self.reverse(cart))
            if answer != TIMEOUT:
                return

    def reverse(self, cart: Cart) -> Process:
        """Give the money of a cart back, again while that fails; its payments are then settled."""
        policy = self.scenario.checkout.refund
        yield self.env.timeout(self.to_node)
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
        self.records.append(payment.record())
        self.unsettled -= 1

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
            self.env.process(self.reverse(cart))
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
        else:
            self.pending.append(payment)

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
                payment.cancelled_s = self.env.now
                payment.status = "expired"
                if cart.authorised_s is None:
                    self.settle(payment, "expired")
            elif payment in self.open and payment.status in ("accepted", "unknown"):
                self.cancel(cart, "expired")
                self.env.process(self.reverse(cart))

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


class Server:
    """An actor with workers that answers calls."""

    def __init__(self, model: Model, workers: int | None, services: dict[str, Service]) -> None:
        self.env, self.rng = model.env, model.rng
        self.workers = None if workers is None else simpy.Resource(model.env, workers)
        self.times = {name: model.sampler(each.time) for name, each in services.items()}
        self.ends = {
            name: [
                (KO, each.ends.ko.probability),
                (LOST, each.ends.lost_reply.probability),
                (UNREACHABLE, each.ends.unreachable.probability),
            ]
            for name, each in services.items()
        }

    def work(self, name: str = "") -> Process:
        """Take a worker for one service time."""
        if self.workers is None:
            yield self.env.timeout(self.times[name]())
            return
        with self.workers.request() as worker:
            yield worker
            yield self.env.timeout(self.times[name]())

    def answer(self, name: str, latency_s: float, done: Callable[[], Any] | None = None) -> Process:
        """Travel there, do the work, and travel back; return how the call ends."""
        yield self.env.timeout(latency_s)
        end = self.draw_end(name)
        if end != UNREACHABLE:
            yield from self.work(name)
            if done is not None and end != KO:
                done()
        if end != LOST:
            yield self.env.timeout(latency_s)
        return end

    def draw_end(self, name: str) -> str:
        """Draw how a call ends."""
        u = self.rng.random()
        for end, probability in self.ends[name]:
            if u < probability:
                return end
            u -= probability
        return OK


class EcServers:
    """The creditors of a group, each with its own workers; one server stands for all if workers are unlimited."""

    def __init__(self, model: Model, group: EcGroup) -> None:
        self.model, self.group = model, group
        self.draw = model.choice([1 / n**group.zipf for n in range(1, group.count + 1)])
        self.servers: dict[int, Server] = {}

    def server(self, ec: int) -> Server:
        """Return the server of a creditor."""
        if self.group.workers is None:
            ec = 0
        server = self.servers.get(ec)
        if server is None:
            services = {"ask": self.group.pa_get_payment, "receipt": self.group.pa_send_rt}
            server = self.servers[ec] = Server(self.model, self.group.workers, services)
        return server
