"""Those whom the machine calls, put into its memory: stations, pools, and callees with what befalls them.

They are built by the builder of the SimPy model, when they are first called.
"""

from math import inf, nan
from typing import Any

import numpy as np

from sim.compiled.memory import TROUBLE, WINDOW, Arrays
from sim.compiled.steps import EFFECTS
from sim.kernel.incidents import Factor, Timeline
from sim.kernel.occupancy import Occupancy
from sim.kernel.pool import Pool
from sim.kernel.station import Station
from sim.model.assemble import Builder
from sim.model.callee import Callee, Trouble
from sim.model.recorder import PRIMITIVE_NAMES


class Peers:
    """The Node's own station, and every callee so far by slot: first the PSPs, by code, then ECs as they are called."""

    def __init__(self, arrays: Arrays, builder: Builder) -> None:
        self.arrays = arrays
        self.builder = builder
        self.callees: list[Callee] = []
        self.occupancies: list[Occupancy] = []
        self.node = builder.node()
        self._slots: dict[int, int] = {}
        """Slots of stations and pools, and places of occupancies, by identity; all of them live as long as this."""
        self._counts = {"stations": 0, "pools": 0}
        self._used = {"free": 0, "returning": 0}
        self._troubles: dict[str, tuple[int, int]] = {}
        self._station(self.node)
        if (slower := builder.incidents.slower("node")) is not None:
            settings = arrays.now.settings[0]
            settings["node_lo"], settings["node_hi"] = self._factor(slower)
        for code, psp in enumerate(builder.scenario.psps):
            self._add(builder.psp(code), f"psps.{psp.name}")

    def ec(self, group: int, ec: int) -> int:
        """Return the slot of a creditor."""
        slots = self.arrays.now.callee_of
        place = int(self.arrays.now.group_starts[group]) + ec
        if slots[place] < 0:
            slots[place] = len(self.callees)
            self._add(self.builder.ec(group, ec), f"ecs.{self.builder.scenario.ecs[group].name}")
        return int(slots[place])

    def _add(self, callee: Callee, name: str) -> None:
        slot = len(self.callees)
        self.callees.append(callee)
        if name not in self._troubles:
            self._troubles[name] = self._list(callee.troubles)
        station, pool = self._station(callee.station), -1 if callee.pool is None else self._pool(callee.pool)
        self.arrays.with_room("callees", slot + 1)[slot] = callee.code, station, pool, *self._troubles[name]

    def _occupancy(self, occupancy: Occupancy) -> int:
        if id(occupancy) not in self._slots:
            self._slots[id(occupancy)] = len(self.occupancies)
            self.occupancies.append(occupancy)
        return self._slots[id(occupancy)]

    def _new(self, kind: str, thing: Station | Pool) -> int:
        slot = self._slots[id(thing)] = self._counts[kind]
        self._counts[kind] += 1
        return slot

    def _place(self, array: str, count: int) -> int:
        """Return where so many numbers of one station or pool begin in an array of all."""
        at = self._used[array]
        self._used[array] += count
        self.arrays.with_room(array, at + count)
        return at

    def _station(self, station: Station) -> int:
        if id(station) in self._slots:
            return self._slots[id(station)]
        slot, changes = self._new("stations", station), list(station.changes)
        workers = max([len(station.free), *(count for _, count in changes)])
        at = self._place("free", workers)
        self.arrays.with_room("leaving", at + workers)
        change_lo, change_hi = self.arrays.append("change_at", [moment for moment, _ in changes])
        self.arrays.append("change_workers", [count for _, count in changes])
        record = self.arrays.with_room("stations", slot + 1)
        limit = -1 if station.queue_limit is None else station.queue_limit
        planned = bool(changes or station.down.starts)
        record[slot] = (
            station.unlimited, planned, station.any_order, limit, self._occupancy(station.occupancy), at,
            len(station.free), 0, change_lo, change_hi, *self._windows(station.down), *self._windows(station.kills),
            -1, -1, 0,
        )  # fmt: skip
        return slot

    def _pool(self, pool: Pool) -> int:
        if id(pool) in self._slots:
            return self._slots[id(pool)]
        slot, at = self._new("pools", pool), self._place("returning", pool.size)
        queue_limit = -1 if pool.queue_limit is None else pool.queue_limit
        wait_limit_s = nan if pool.wait_limit_s is None else pool.wait_limit_s
        self.arrays.with_room("pools", slot + 1)[slot] = (
            pool.size, pool.size, queue_limit, wait_limit_s, self._occupancy(pool.occupancy), at, 0, -1, -1, 0, inf,
        )  # fmt: skip
        return slot

    def _windows(self, timeline: Timeline) -> tuple[int, int]:
        windows = list(zip(timeline.starts, timeline.ends, strict=True))
        return self.arrays.append("windows", np.array(windows, dtype=WINDOW)) if windows else (0, 0)

    def _factor(self, factor: Factor) -> tuple[int, int]:
        self.arrays.append("edges", [nan, *factor.edges])
        return self.arrays.append("factors", factor.values)

    def _list(self, troubles: tuple[Trouble, ...]) -> tuple[int, int]:
        """Put the incidents of an actor one behind the other."""
        records: list[tuple[Any, ...]] = []
        for trouble in troubles:
            primitive = PRIMITIVE_NAMES.index(trouble.primitive) if trouble.primitive else -1
            edges = (0, 0) if trouble.factor is None else self._factor(trouble.factor)
            effect = EFFECTS.index(trouble.effect)
            records.append((effect, primitive, *self._windows(trouble.during), *edges, trouble.share))
        return self.arrays.append("troubles", np.array(records, dtype=TROUBLE))
