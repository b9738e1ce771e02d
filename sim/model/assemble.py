"""Assembly: from a scenario to actors that are wired together and ready to run."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.kernel.clock import Clock
from sim.kernel.incidents import Factor, Timeline, Window, calendar, renewals
from sim.kernel.occupancy import Occupancy
from sim.kernel.pool import Pool
from sim.kernel.station import Station
from sim.kernel.streams import Streams
from sim.model.arrivals import end_of_arrivals_s
from sim.model.callee import Address, Callee, Caller, Trouble
from sim.model.checkout import Checkout
from sim.model.ec import Ecs
from sim.model.jobs import Carts, Jobs
from sim.model.node import Node
from sim.model.plan import PLANNED_AS, SENDS, Plan
from sim.model.psp import Psps
from sim.model.recorder import Recorder
from sim.protocol.ledger import Ledger
from sim.records import STATIONS
from sim.scenario.presets import settings_of
from sim.scenario.schema import Incident, PoolSection, Scenario, Servers

Array = npt.NDArray[Any]


class _Incidents:
    """The incidents of a scenario, drawn for one replication."""

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        horizon_s, alike = end_of_arrivals_s(scenario), Counter[str]()
        self.drawn: list[tuple[Incident, tuple[Window, ...]]] = []
        for incident in scenario.incidents:
            decision = f"incident.{incident.target}.{incident.effect}.{incident.primitive or ''}"
            alike[decision] += 1
            address = f"{decision}.{alike[decision]}"  # so that incidents of other kinds leave this one alone
            self.drawn.append((incident, self._windows(address, incident, horizon_s, streams)))

    @staticmethod
    def _windows(address: str, incident: Incident, horizon_s: float, streams: Streams) -> tuple[Window, ...]:
        if incident.mtbf is not None and incident.mttr is not None:
            return renewals(streams, address, incident.mtbf, incident.mttr, horizon_s)
        return calendar(incident.at or 0.0, incident.duration or 0.0)

    def outages(self, target: str) -> tuple[tuple[Window, bool], ...]:
        """Return when a target's workers stop, and whether calls in service are killed by it."""
        return tuple(
            (window, incident.in_service == "kill")
            for incident, windows in self.drawn
            if incident.target == target and incident.effect == "outage" and incident.primitive is None
            for window in windows
        )

    def slower(self, target: str) -> Factor | None:
        """Return by how much a target's work is slowed down and when, if it ever is."""
        slow = [
            (window, incident.factor)
            for incident, windows in self.drawn
            if incident.target == target and incident.effect == "slowdown"
            for window in windows
        ]
        return Factor(slow) if slow else None

    def troubles(self, target: str) -> tuple[Trouble, ...]:
        """Return what strikes the calls to a target."""
        return tuple(
            Trouble(
                incident.effect,
                incident.primitive or "",
                Timeline(windows),
                Factor([(window, incident.factor) for window in windows]) if incident.effect == "slowdown" else None,
                incident.share,
                incident.ends,
            )
            for incident, windows in self.drawn
            if incident.target == target
        )


@dataclass(slots=True)
class World:
    """One replication, assembled."""

    clock: Clock
    plan: Plan
    checkout: Checkout
    carts: Carts
    jobs: Jobs
    recorder: Recorder
    stations: "Stations"
    names: dict[str, tuple[str, ...]]
    incidents: Sequence[tuple[Incident, tuple[Window, ...]]]
    pools: Sequence[Pool]

    def dissolve(self) -> None:
        """Part those who know each other, when all is over: nothing of the world can be used any more.

        What is no longer needed is then freed at once. The garbage collector, which else has to find it, takes a tenth
        of the time of a replication.
        """
        del self.checkout.psps.node, self.checkout.psps, self.checkout.node
        self.plan.forget()


class Stations:
    """What is known of every station and pool, by the name under which it is reported."""

    def __init__(self, bin_s: float) -> None:
        self.bin_s = bin_s
        self.by_name: dict[str, Occupancy] = {}

    def of(self, name: str) -> Occupancy:
        """Return the occupancy that all stations of one name share."""
        if name not in self.by_name:
            self.by_name[name] = Occupancy(self.bin_s)
        return self.by_name[name]

    def table(self, names: Sequence[str], until_s: float) -> dict[str, Array]:
        """Return the table `stations` up to a moment."""
        parts = [
            {"station": np.full(len(table["bin_start_s"]), code), **table}
            for code, name in enumerate(names)
            if name in self.by_name
            for table in [self.by_name[name].table(until_s)]
        ]
        return {
            column.name: np.concatenate([part[column.name] for part in parts]).astype(column.dtype)
            for column in STATIONS
        }


class _Peers:
    """Those whom the Node calls, each by the actor that answers."""

    def __init__(self, ecs: Ecs, psps: Psps, checkout: Checkout) -> None:
        self.pa_get_payment = ecs.pa_get_payment
        self.pa_send_rt = ecs.pa_send_rt
        self.psp_notify_payment = psps.psp_notify_payment
        self.send_payment_result = checkout.send_payment_result


class Builder:
    """Builds the stations, pools and callees of one replication."""

    def __init__(self, scenario: Scenario, streams: Streams, plan: Plan, clock: Clock) -> None:
        self.scenario = scenario
        self.plan = plan
        self.clock = clock
        self.incidents = _Incidents(scenario, streams)
        self.stations = Stations(scenario.run.bin)
        self.pools: dict[str, Pool] = {}
        self.every_pool: list[Pool] = []
        self.unlimited: dict[str, Station] = {}
        self.troubles = {
            f"{kind}.{each.name}": self.incidents.troubles(f"{kind}.{each.name}")
            for kind, servers in (("psps", scenario.psps), ("ecs", scenario.ecs))
            for each in servers
        }

    def station(self, name: str, servers: Servers) -> Station:
        """Return a station with the workers, the schedule and the outages of its actor."""
        return Station(
            name,
            servers.workers,
            queue_limit=servers.queue_limit,
            schedule=[(change.at, change.workers) for change in servers.schedule],
            outages=self.incidents.outages(name),
            occupancy=self.stations.of(name),
        )

    def node(self) -> Station:
        """Return the Node's own station."""
        processing = self.scenario.node.processing
        return Station(
            "node",
            processing.workers,
            queue_limit=processing.queue_limit,
            outages=self.incidents.outages("node"),
            occupancy=self.stations.of("node"),
        )

    def pool(self, name: str, options: PoolSection) -> Pool | None:
        """Return the pool through which the Node calls a counterpart, the shared one or its own, if it is limited."""
        if options.size is None:
            return None
        if options.shared and name in self.pools:
            return self.pools[name]
        pool = Pool(
            self.clock,
            name,
            options.size,
            queue_limit=options.queue_limit,
            wait_limit_s=options.wait_limit,
            occupancy=self.stations.of(name),
        )
        self.pools[name] = pool
        self.every_pool.append(pool)
        return pool

    def ec(self, group: int, _ec: int) -> Callee:
        """Return a creditor; those of a group with unlimited workers share one station, since nothing can differ."""
        servers = self.scenario.ecs[group]
        name = f"ecs.{servers.name}"
        if servers.workers is None and not servers.schedule:
            station = self.unlimited.get(name) or self.station(name, servers)
            self.unlimited[name] = station
        else:
            station = self.station(name, servers)
        pool = self.pool("node.ec_pool", self.scenario.node.ec_pool)
        return Callee(group, station, pool, self.troubles[name], self._uniform, self._usual(group))

    def psp(self, code: int) -> Callee:
        """Return a PSP."""
        servers = self.scenario.psps[code]
        name = f"psps.{servers.name}"
        pool = self.pool("node.psp_pool", self.scenario.node.psp_pool)
        station = self.station(name, servers)
        return Callee(code, station, pool, self.troubles[name], self._uniform, self._usual(code))

    def _usual(self, code: int) -> Callable[[str, Address], float]:
        """Return who knows the service times of one callee."""

        def usual_s(primitive: str, address: Address) -> float:
            cart, attempt, notice, send = address
            return self.plan.service_s(PLANNED_AS[primitive], cart, notice, code, attempt, send)

        return usual_s

    def _uniform(self, decision: str, address: Address) -> float:
        cart, attempt, notice, send = address
        prefix = f"{notice}." if notice >= 0 else ""
        return self.plan.uniform(f"{prefix}{decision}", cart, attempt * SENDS + send)

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return the categories that depend on the scenario."""
        psps = tuple(p.name for p in self.scenario.psps)
        groups = tuple(g.name for g in self.scenario.ecs)
        stations = ("node", *(f"psps.{n}" for n in psps), *(f"ecs.{n}" for n in groups))
        return {
            "psp": psps,
            "ec_group": groups,
            "station": (*stations, "node.ec_pool", "node.psp_pool"),
        }


def assemble(
    scenario: Scenario, replication: int, record: Iterable[str], recording: type[Recorder] = Recorder
) -> tuple[World, Streams]:
    """Build one replication of a scenario; `recording` is the kind of recorder that it is given."""
    streams = Streams(scenario.run.seed, replication)
    clock, settings, plan = Clock(), settings_of(scenario.protocol), Plan(scenario, streams)
    window = (scenario.run.warm_up, end_of_arrivals_s(scenario))
    recorder = recording(window, len(scenario.psps), record)
    builder = Builder(scenario, streams, plan, clock)
    station = builder.node()
    caller = Caller(clock, recorder, station.up_from)
    ecs = Ecs(caller, plan, settings, builder.ec)
    psps = Psps(caller, plan, settings, scenario.psps, [builder.psp(code) for code in range(len(scenario.psps))])
    checkout = Checkout(clock, plan, scenario, settings, recorder)
    ledger = Ledger(settings, recorder.watch if recorder.states is not None else None)
    slower = builder.incidents.slower("node")
    node = Node(clock, ledger, _Peers(ecs, psps, checkout), station, ahead=True, slower=slower)
    checkout.node, checkout.psps, psps.node = node, psps, node
    carts = Carts(clock, node, settings, recorder, scenario.checkout.redirect_wait)
    jobs = Jobs(clock, node, checkout, carts)
    built = builder.stations, builder.names(), builder.incidents.drawn, builder.every_pool
    return World(clock, plan, checkout, carts, jobs, recorder, *built), streams
