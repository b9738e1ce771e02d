"""The draws of every cart, drawn in blocks and read row by row.

A draw is addressed by decision point, cart and attempt (`sim.kernel.streams`); this file says which decision points
there are and which distribution each one feeds. A row is what one try of one cart will do and meet: whatever happens
to be needed of it, the same citizen does the same thing in every scenario. First tries are drawn for thousands of
carts at once, later tries in smaller blocks, and calls that are sent again one by one.
`Plan.columns` gives a block as columns, `Plan.cart` a row of it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sim.kernel.distributions import Constant, Distribution
from sim.kernel.streams import Streams
from sim.model.ends import IN_ORDER, CallEnd, codes, own_time, tables
from sim.scenario.schema import Link, Scenario, Service

Array = npt.NDArray[Any]
Columns = Mapping[str, Array | tuple[Array, ...]]
"""Columns by field of `CartDraws` or `NoticeDraws`; those of a call are as many as `CallDraws` has fields."""

PLANNED_AS = {
    "activatePaymentNoticeV2": "activate",
    "closePaymentV2": "close",
    "sendPaymentOutcomeV2": "outcome",
    "paGetPayment": "ask",
    "paSendRT": "receipt",
    "pspNotifyPaymentV2": "notify",
}
"""How the plan calls the primitives whose calls it draws."""
FIRST_BLOCK, LATER_BLOCK = 1024, 64
SENDS = 4096
"""Addresses kept for the sends of one call within one try."""


class CallDraws(NamedTuple):
    """One call: latency there and back (inf: lost), its end (`CallEnd`), the work it makes, whether it is done."""

    out_s: float
    end: int
    work_s: float
    back_s: float
    done: bool


class NoticeDraws(NamedTuple):
    """What one notice is, and its calls."""

    ec_group: int
    ec: int
    amount_cents: int
    activate: CallDraws
    ask: CallDraws
    receipt: CallDraws


class CartDraws(NamedTuple):
    """What the citizen, the gateway and the PSP do in one try of a cart, and the calls for the whole cart."""

    psp: int
    think_s: float
    abandons: bool
    cancels: bool
    denied: bool
    authorisation_s: float
    comes_back: bool
    wait_s: float
    outcome_delay_s: float
    outcome_ko: bool
    outcome_lost: bool
    stray_outcome: bool
    books_late: bool
    result_s: float
    close: CallDraws
    notify: CallDraws
    outcome: CallDraws
    notices: tuple[NoticeDraws, ...]


class _Family:
    """A distribution per callee; equal ones are evaluated together."""

    def __init__(self, distributions: Sequence[Distribution]) -> None:
        number = {kind: place for place, kind in enumerate(dict.fromkeys(distributions))}
        self.kinds = list(number)
        self.kind_of = np.array([number[each] for each in distributions], dtype=np.int32)

    def values(self, callees: Array, uniforms: Callable[[], Array]) -> Array:
        if len(self.kinds) == 1:
            return _values(self.kinds[0], len(callees), uniforms)
        u, kinds, out = uniforms(), self.kind_of[callees], np.empty(len(callees))
        for kind, distribution in enumerate(self.kinds):
            chosen = kinds == kind
            if chosen.any():
                out[chosen] = distribution.ppf(u[chosen])
        return out


def _values(distribution: Distribution, count: int, uniforms: Callable[[], Array]) -> Array:
    if isinstance(distribution, Constant):
        return np.full(count, distribution.value)
    values: Array = distribution.ppf(uniforms())
    return values


class _CallPlan:
    """One primitive: its link, and per callee its service time and ends."""

    def __init__(self, name: str, link: Link, services: Sequence[Service]) -> None:
        self.name = name
        self.link = link
        self.services = services
        self.service = _Family([s.time for s in services])
        self.thresholds = tables([s.ends for s in services])
        mixes = [[getattr(s.ends, end) for end in IN_ORDER] for s in services]
        self.done = np.array([s.ends.malformed.done for s in services])
        self.times = {
            (callee, code): time
            for callee, mix in enumerate(mixes)
            for code, end in zip(range(CallEnd.KO, CallEnd.OK, -1), mix, strict=True)
            if end.probability > 0 and (time := own_time(end, code)) is not None
        }

    def columns(self, callees: Array, draw: Callable[[str], Array]) -> tuple[Array, ...]:
        """Return the columns of `CallDraws`, each of shape (len(callees),)."""
        count = len(callees)
        work = self.service.values(callees, lambda: draw(f"{self.name}.work"))
        end, done = np.zeros(count, dtype=np.int8), np.ones(count, dtype=bool)
        if self.thresholds is not None:
            end = codes(self.thresholds[callees], draw(f"{self.name}.end"))
            if (end == CallEnd.MALFORMED).any():
                done = draw(f"{self.name}.done") < self.done[callees]
            for (callee, code), time in self.times.items():
                chosen = (callees == callee) & (end == code)
                if chosen.any():
                    work[chosen] = _values(time, count, lambda: draw(f"{self.name}.work"))[chosen]
        out, back = (self._latency(way, count, draw) for way in ("out", "back"))
        return out, end, work, back, done

    def _latency(self, way: str, count: int, draw: Callable[[str], Array]) -> Array:
        latency = _values(self.link.latency, count, lambda: draw(f"{self.name}.{way}"))
        if self.link.loss > 0:
            latency = np.where(draw(f"{self.name}.{way}.lost") < self.link.loss, np.inf, latency)
        return latency


class Plan:
    """All draws of one replication of a scenario."""

    def __init__(self, scenario: Scenario, streams: Streams) -> None:
        self.scenario = scenario
        self.streams = streams
        self.sizes = np.array(sorted(scenario.cart.notices))
        self.size_shares = _cumulative([scenario.cart.notices[int(n)] for n in self.sizes])
        self.psp_shares = _cumulative([p.share for p in scenario.psps])
        self.group_shares = _cumulative([g.share for g in scenario.ecs])
        self.members = [_cumulative(1.0 / np.arange(1, g.count + 1) ** g.zipf) for g in scenario.ecs]
        links, node = scenario.links, [Service(time=scenario.node.processing.service_time)]
        self.calls = {
            "activate": _CallPlan("activate", links.checkout_node, node),
            "close": _CallPlan("close", links.checkout_node, node),
            "outcome": _CallPlan("outcome", links.node_psp, node),
            "ask": _CallPlan("ask", links.node_ec, [g.pa_get_payment for g in scenario.ecs]),
            "receipt": _CallPlan("receipt", links.node_ec, [g.pa_send_rt for g in scenario.ecs]),
            "notify": _CallPlan("notify", links.node_psp, [p.psp_notify_payment for p in scenario.psps]),
        }
        self.outcome_delay = _Family([p.outcome_delay for p in scenario.psps])
        self.first = lru_cache(2)(lambda block: self._block(block * FIRST_BLOCK, FIRST_BLOCK, 0))
        self.later = lru_cache(256)(lambda attempt, block: self._block(block * LATER_BLOCK, LATER_BLOCK, attempt))

    def cart(self, number: int, attempt: int = 0) -> CartDraws:
        """Return the draws of one try of a cart."""
        if attempt == 0:
            return self.first(number // FIRST_BLOCK)[number % FIRST_BLOCK]
        return self.later(attempt, number // LATER_BLOCK)[number % LATER_BLOCK]

    def forget(self) -> None:
        """Forget the draws that are kept for carts to come."""
        self.first.cache_clear()
        self.later.cache_clear()

    def call(self, primitive: str, number: int, notice: int, callee: int, attempt: int, send: int) -> CallDraws:
        """Return the draws of a call that is sent again; `send` counts from 1."""
        at = attempt * SENDS + send
        prefix = f"{notice}." if notice >= 0 else ""
        columns = self.calls[primitive].columns(
            np.array([callee]), lambda what: self.streams.block(prefix + what, number, 1, at)
        )
        return CallDraws(*(column.item(0) for column in columns))

    def service_s(self, primitive: str, number: int, notice: int, callee: int, attempt: int, send: int) -> float:
        """Return the work that a call makes when its end has no time of its own, whatever its draws say of its end."""
        prefix = f"{notice}." if notice >= 0 else ""
        time = self.calls[primitive].services[callee].time
        return self.value(time, f"{prefix}{primitive}.work", number, attempt * SENDS + send)

    def uniform(self, decision: str, number: int, attempt: int = 0) -> float:
        """Return a single uniform for a decision that is rarely taken."""
        return self.streams.one(decision, number, attempt)

    def value(self, distribution: Distribution, decision: str, number: int, attempt: int = 0) -> float:
        """Return a single value for a decision that is rarely taken."""
        return float(distribution.quantile(self.streams.one(decision, number, attempt)))

    def columns(self, start: int, count: int, attempt: int) -> tuple[Columns, list[tuple[Array, Columns]]]:
        """Return the draws of one try of `count` carts from `start` on, shape (count,).

        Those of their notices follow, for each place in a cart the carts that have as many, counted from `start`, and
        their draws.
        """
        scenario = self.scenario

        def identity(what: str) -> Array:
            return self.streams.block(what, start, count)

        def draw(what: str) -> Array:
            return self.streams.block(what, start, count, attempt * SENDS)

        def chance(share: float | Array, what: str) -> Array:
            return draw(what) < share if np.any(share) else np.zeros(count, dtype=bool)

        def times(distribution: Distribution, what: str) -> Array:
            return _values(distribution, count, lambda: draw(what))

        psp = np.searchsorted(self.psp_shares, identity("psp"), side="right")
        node = np.zeros(count, dtype=np.int64)
        citizen, gateway, psps = scenario.citizen, scenario.checkout.authorisation, scenario.psps
        carts: Columns = {
            "psp": psp,
            "think_s": times(citizen.think_time, "think_time"),
            "abandons": chance(citizen.abandon, "abandon"),
            "cancels": chance(citizen.cancel, "cancel"),
            "denied": chance(gateway.denied, "denied"),
            "authorisation_s": times(gateway.time, "authorisation"),
            "comes_back": chance(citizen.retry.probability, "retry"),
            "wait_s": times(citizen.retry.wait, "retry.wait"),
            "outcome_delay_s": self.outcome_delay.values(psp, lambda: draw("outcome.delay")),
            "outcome_ko": chance(np.array([p.outcome_ko for p in psps])[psp], "outcome.ko"),
            "outcome_lost": chance(np.array([p.outcome_lost for p in psps])[psp], "outcome.lost"),
            "stray_outcome": chance(np.array([p.outcome_after_ko for p in psps])[psp], "outcome.stray"),
            "books_late": chance(np.array([p.books_after_hang for p in psps])[psp], "books_late"),
            "result_s": times(scenario.links.checkout_node.latency, "result"),
            "close": self.calls["close"].columns(node, draw),
            "notify": self.calls["notify"].columns(psp, draw),
            "outcome": self.calls["outcome"].columns(node, draw),
        }
        sizes = self.sizes[np.searchsorted(self.size_shares, identity("size"), side="right")]
        chosen = [np.flatnonzero(sizes > notice) for notice in range(int(sizes.max()))]
        return carts, [
            (carts_of, self._notice(n, start, carts_of, count, attempt)) for n, carts_of in enumerate(chosen)
        ]

    def _notice(self, notice: int, start: int, chosen: Array, count: int, attempt: int) -> Columns:
        def identity(what: str) -> Array:
            return self.streams.block(f"{notice}.{what}", start, count)[chosen]

        def draw(what: str) -> Array:
            return self.streams.block(f"{notice}.{what}", start, count, attempt * SENDS)[chosen]

        group = np.searchsorted(self.group_shares, identity("ec_group"), side="right")
        member, u = np.zeros(len(chosen), dtype=np.int64), identity("ec")
        for code, shares in enumerate(self.members):
            of_group = group == code
            member[of_group] = np.searchsorted(shares, u[of_group], side="right")
        amount = _values(self.scenario.cart.amount, len(chosen), lambda: identity("amount"))
        node = np.zeros(len(chosen), dtype=np.int64)
        return {
            "ec_group": group,
            "ec": member,
            "amount_cents": np.maximum(np.rint(amount), 1).astype(np.int64),
            "activate": self.calls["activate"].columns(node, draw),
            "ask": self.calls["ask"].columns(group, draw),
            "receipt": self.calls["receipt"].columns(group, draw),
        }

    def _block(self, start: int, count: int, attempt: int) -> list[CartDraws]:
        """Return a block of carts as rows."""
        carts, by_place = self.columns(start, count, attempt)
        notices: list[list[NoticeDraws]] = [[] for _ in range(count)]
        for chosen, columns in by_place:
            for cart, draws in zip(chosen.tolist(), map(NoticeDraws._make, _rows(columns)), strict=True):
                notices[cart].append(draws)
        return [CartDraws._make((*row, tuple(of_cart))) for row, of_cart in zip(_rows(carts), notices, strict=True)]


def _rows(columns: Columns) -> Iterator[tuple[Any, ...]]:
    """Turn columns into rows; those of a call become one value."""
    return zip(*(_listed(column) for column in columns.values()), strict=True)


def _listed(column: Array | tuple[Array, ...]) -> Iterable[Any]:
    if isinstance(column, tuple):
        return map(CallDraws._make, zip(*(part.tolist() for part in column), strict=True))
    values: list[Any] = column.tolist()
    return values


def _cumulative(shares: Sequence[float] | Array) -> Array:
    """Return cumulative shares that end at 1, so that every uniform in (0, 1) finds its place."""
    total = np.cumsum(np.asarray(shares, dtype=float))
    total /= total[-1]
    total[-1] = 1.0
    return total
