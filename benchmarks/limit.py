"""The limit: what plain carts cost when everything is left out that they do not need.

A plain cart has one notice and meets no trouble. Here it is one flat generator on the simulator's clock, with the
simulator's own draws, stations and tables of records, but without ledger, actors and objects per cart: the least that
this way of simulating can cost, and the same moments of payment to the last bit (tests/benchmarks). It is no model: it
would not notice a late answer. For measurements only.
"""

from math import nan
from typing import Any

from sim.kernel.clock import Clock, Steps
from sim.kernel.station import Station
from sim.kernel.streams import Streams
from sim.model.arrivals import arrival_times
from sim.model.plan import Plan
from sim.model.recorder import Table
from sim.records import CARTS, PAYMENTS
from sim.scenario.load import Loaded

TOGETHER = 256
"""Carts that are begun at one moment, as in the simulator."""
PLAIN = (
    "cart.notices={1: 1}",
    "citizen.abandon=0",
    *(f"psps.{psp}.outcome_lost=0" for psp in ("psp-a", "psp-b")),
    *(f"psps.{psp}.pspNotifyPaymentV2.ends={{ko: 0}}" for psp in ("psp-a", "psp-b")),
    *(
        f"ecs.{group}.{primitive}.ends={{ko: 0}}"
        for group in ("aci", "utilities", "municipalities")
        for primitive in ("paGetPayment", "paSendRT")
    ),
)
"""Assignments that make every cart of the benchmark's scenario plain."""


class Limit:
    """Plain carts of a scenario, run once by `run`."""

    def __init__(self, loaded: Loaded) -> None:
        scenario = loaded.scenario
        streams = Streams(scenario.run.seed, 0)
        self.plan = Plan(scenario, streams)
        self.times = arrival_times(scenario, streams, loaded.trace_s)
        self.clock = Clock()
        self.node = Station("node", scenario.node.processing.workers)
        self.ecs = [Station(each.name, each.workers) for each in scenario.ecs]
        self.psps = [Station(each.name, each.workers) for each in scenario.psps]
        self.payments, self.carts = Table(PAYMENTS), Table(CARTS)
        self.elapsed: dict[str, list[float]] = {name: [] for name in self.plan.calls}

    def run(self) -> dict[str, Any]:
        """Run all carts and return the columns of the payments."""
        self.clock.begin(self._arrive())
        self.clock.run()
        self.carts.columns_sorted_by(("cart",))
        return self.payments.columns_sorted_by(("cart", "attempt", "notice"))

    def _arrive(self) -> Steps:
        for start in range(0, len(self.times), TOGETHER):
            arriving = self.times[start : start + TOGETHER].tolist()
            if arriving[0] > self.clock.now:
                yield arriving[0]
            for number, at in enumerate(arriving, start):
                self.clock.begin(self._cart(number, at))

    def _cart(self, number: int, at: float) -> Steps:
        """Pay: activate, ask the EC, think, authorise, close, notify, take the outcome, send the receipt."""
        draws, elapsed = self.plan.cart(number), self.elapsed
        (notice,) = draws.notices
        creditor, node = self.ecs[notice.ec_group], self.node

        out_s, _, work_s, back_s, _ = notice.activate
        yield (arrives := at + out_s)
        start, leaves, _ = node.submit(arrives, work_s)  # type: ignore[misc] # no queue is limited
        if start > arrives:
            yield start
        arrives = leaves + notice.ask.out_s
        if not creditor.any_order:
            yield arrives
        _, served, _ = creditor.submit(arrives, notice.ask.work_s)  # type: ignore[misc]
        issued = served + notice.ask.back_s
        elapsed["ask"].append(issued - leaves)
        elapsed["activate"].append(issued + back_s - at)

        authorised = issued + back_s + draws.think_s + draws.authorisation_s
        out_s, _, work_s, back_s, _ = draws.close
        yield (arrives := authorised + out_s)
        closed, notified, _ = node.submit(arrives, work_s)  # type: ignore[misc]
        if closed > arrives:
            yield closed
        elapsed["close"].append(notified + back_s - authorised)

        out_s, _, work_s, back_s, _ = draws.notify
        yield (arrives := notified + out_s)
        _, booked, _ = self.psps[draws.psp].submit(arrives, work_s)  # type: ignore[misc]
        answered = booked + back_s
        elapsed["notify"].append(answered - notified)

        sent = booked + draws.outcome_delay_s
        out_s, _, work_s, back_s, _ = draws.outcome
        yield (outcome := sent + out_s)
        paid, leaves, _ = node.submit(outcome, work_s)  # type: ignore[misc]
        if paid > outcome:
            yield paid
        if answered > paid:
            yield (paid := answered)
            leaves = max(leaves, answered)
        elapsed["outcome"].append(leaves + back_s - sent)

        arrives = leaves + notice.receipt.out_s
        if not creditor.any_order:
            yield arrives
        _, receipt, _ = creditor.submit(arrives, notice.receipt.work_s)  # type: ignore[misc]
        elapsed["receipt"].append(receipt + notice.receipt.back_s - leaves)
        self.payments.add(
            (
                number, 0, 0, 1, draws.psp, notice.ec_group, notice.ec, notice.amount_cents, True, at, issued, "none",
                authorised, closed, notified, answered, "ok", outcome, paid, nan, "none", receipt, 1, nan, nan, "none",
                0, "receipted", "NOTIFIED",
            )
        )  # fmt: skip
        heard = leaves + draws.result_s
        self.carts.add((number, at, 1, draws.psp, notice.amount_cents, True, 1, nan, heard, heard, "paid"))
