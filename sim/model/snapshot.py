"""A snapshot: what a replication looks like at one moment, for somebody who watches it run.

It only reads. Tokens of carts under way are reckoned from the ledger, those of finished carts from sums that `Counting`
keeps as they are recorded, stations from their exact integrals. A run that nobody watches knows nothing of this file.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf, isnan
from typing import TYPE_CHECKING, Any

from sim.model.arrivals import end_of_arrivals_s
from sim.model.cart import Activation, Cart
from sim.model.recorder import Recorder
from sim.protocol.entities import Closing
from sim.records import EXPIRY_CAUSES
from sim.scenario.schema import Scenario

if TYPE_CHECKING:
    from sim.model.assemble import World

MOST_INCIDENTS = 8
"""Incidents that a snapshot names: those under way and those that ended last."""


@dataclass(frozen=True, slots=True)
class StationSeen:
    """A station or pool over the last whole time bin: means of exact integrals; `refused` counts from the start.

    `workers` is None if they are unlimited.
    """

    name: str
    busy: float
    workers: float | None
    queue: float
    refused: int


@dataclass(frozen=True, slots=True)
class IncidentSeen:
    """An incident that has begun; `primitive` is empty if it befalls them all."""

    target: str
    effect: str
    primitive: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One replication at one moment. All counts are of tokens and from the start of the run, warm-up included.

    `finished` counts the activations of carts that are over. `closed_carts` have been closed and wait for the PSP's
    answer, its outcome, or their end. `cancelled`, `reversed` and `reversed_cents` are by cause; money counts when it
    is back. Of an `ended` replication, everything that was on its way has arrived; what is open then stays so.
    """

    replication: int
    now_s: float
    warm_up_s: float
    arrivals_end_s: float
    ended: bool
    finished: int
    issued: int
    authorised: int
    paid: int
    open_tokens: int
    closed_carts: int
    cancelled: Mapping[str, int]
    reversed: Mapping[str, int]
    reversed_cents: Mapping[str, int]
    stations: tuple[StationSeen, ...]
    incidents: tuple[IncidentSeen, ...]

    @property
    def expired(self) -> int:
        """Tokens cancelled by the job `mod3CancelV2`."""
        return sum(self.cancelled.get(cause, 0) for cause in EXPIRY_CAUSES)


@dataclass(slots=True)
class _Sums:
    """What has happened to tokens."""

    issued: int = 0
    authorised: int = 0
    paid: int = 0
    left: int = 0
    """Closed carts that nothing will ever move: left to a manual check."""
    cancelled: Counter[str] = field(default_factory=Counter)
    reversed: Counter[str] = field(default_factory=Counter)
    reversed_cents: Counter[str] = field(default_factory=Counter)

    def add(self, token: Activation, until_s: float) -> None:
        """Add what happened to a token up to a moment, without its reversal; what never comes is NaN."""
        self.issued += token.issued_s <= until_s
        self.authorised += token.authorised_s <= until_s
        self.paid += token.paid_s <= until_s
        if token.cancelled_s <= until_s:
            self.cancelled[token.cancel_cause] += 1

    def add_reversal(self, cause: str, cents: int) -> None:
        """Add a payment given back."""
        self.reversed[cause] += 1
        self.reversed_cents[cause] += cents

    def copy(self) -> "_Sums":
        """Return sums that go their own way."""
        parts = self.cancelled.copy(), self.reversed.copy(), self.reversed_cents.copy()
        return _Sums(self.issued, self.authorised, self.paid, self.left, *parts)


class Counting(Recorder):
    """A recorder that adds up finished carts, for snapshots."""

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self.sums = _Sums()
        self._going_back: list[tuple[float, str, int]] = []

    def finish(self, cart: Cart) -> None:
        """Write the rows of a cart that is over, and add them up."""
        super().finish(cart)
        for attempt in cart.tries:
            first = attempt.activations[0]
            self.sums.left += attempt.closing is not None and isnan(first.paid_s) and isnan(first.cancelled_s)
            for each in attempt.activations:
                self.sums.add(each, inf)
                if not isnan(each.reversed_s):  # written down at once, often before its time
                    self._going_back.append((each.reversed_s, each.reversal_cause, each.draws.amount_cents))

    def sums_at(self, now_s: float) -> _Sums:
        """Return the sums over finished carts at a moment; moments must not go back."""
        later = []
        for reversal in self._going_back:
            if reversal[0] <= now_s:
                self.sums.add_reversal(*reversal[1:])
            else:
                later.append(reversal)
        self._going_back = later
        return self.sums.copy()


class Lookout:
    """Somebody who takes snapshots of a replication when asked; `ended` when it is over."""

    def __init__(self, world: "World", scenario: Scenario, replication: int) -> None:
        self.world = world
        self.scenario = scenario
        self.replication = replication
        self.ended = False

    def snapshot(self) -> Snapshot:
        """Return what the replication looks like now."""
        world, recorder = self.world, self.world.recorder
        assert isinstance(recorder, Counting)
        now_s = world.clock.now
        until_s = inf if self.ended else now_s
        sums = recorder.sums_at(until_s)
        closed_carts = self._add_under_way(sums, until_s) + sums.left
        return Snapshot(
            self.replication,
            now_s,
            self.scenario.run.warm_up,
            end_of_arrivals_s(self.scenario),
            self.ended,
            recorder.finished,
            sums.issued,
            sums.authorised,
            sums.paid,
            sums.issued - sums.paid - sums.cancelled.total(),
            closed_carts,
            dict(sums.cancelled),
            dict(sums.reversed),
            dict(sums.reversed_cents),
            tuple(self._stations(now_s)),
            self._incidents(now_s),
        )

    def _add_under_way(self, sums: _Sums, until_s: float) -> int:
        """Add the tokens of carts under way; return to how many closed carts those belong that are open.

        The ledger may already hold what it is told ahead of time, so it is the moments that are compared.
        """
        closed = set[Closing]()
        for payment in self.world.carts.node.ledger.payments.values():
            token: Any = payment.request.body
            sums.add(token, until_s)
            if token.reversed_s <= until_s:
                sums.add_reversal(token.reversal_cause, token.draws.amount_cents)
            if payment.closing is not None and not (token.paid_s <= until_s or token.cancelled_s <= until_s):
                closed.add(payment.closing)
        return len(closed)

    def _stations(self, now_s: float) -> list[StationSeen]:
        seen, waiting = [], defaultdict[str, list[float]](list)
        for pool in self.world.pools:
            waiting[pool.name] += pool.waiting_since
        for name in self.world.names["station"]:
            occupancy = self.world.stations.by_name.get(name)
            if occupancy is not None:
                last = occupancy.bin(max(0, int(now_s / occupancy.bin_s) - 1), waiting[name])
                workers = None if isnan(last.capacity_s) else last.capacity_s / occupancy.bin_s
                busy, queue = (max(0.0, area) / occupancy.bin_s for area in (last.busy_s, last.waiting_s))
                seen.append(StationSeen(name, busy, workers, queue, occupancy.refused))
        return seen

    def _incidents(self, now_s: float) -> tuple[IncidentSeen, ...]:
        """Return those under way, the youngest first, then those that ended last."""
        begun = [
            IncidentSeen(incident.target, incident.effect, incident.primitive or "", window.start_s, window.end_s)
            for incident, windows in self.world.incidents
            for window in windows
            if window.start_s <= now_s
        ]
        begun.sort(key=lambda seen: (seen.end_s > now_s, seen.start_s if seen.end_s > now_s else seen.end_s))
        return tuple(begun[: -MOST_INCIDENTS - 1 : -1])


Live = Callable[[Lookout], None]
"""Hears of every moment at which a snapshot may be taken."""
