"""The recorder: turns carts that are over, and calls as they end, into the columns of `sim.records`.

Nothing is kept per payment but its row. Rows are collected as tuples and packed into typed arrays by the thousand.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import inf, nan
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.protocol.entities import Payment, Position, Recipient
from sim.protocol.messages import Answer, Outcome, Reply
from sim.protocol.primitives import PRIMITIVES as PRIMITIVES_OF_PROTOCOL
from sim.records import (
    ANSWERS,
    CALLS,
    CARTS,
    FAULTS,
    LIMITS_MS,
    PAYMENTS,
    PRIMITIVES,
    REFUSALS,
    STATES,
    Column,
    Records,
    empty,
)

if TYPE_CHECKING:
    from sim.model.callee import Address, Served
    from sim.model.cart import Cart
    from sim.model.sender import Sent

Array = npt.NDArray[Any]
ROWS, TOGETHER = 1024, 64
"""Rows that are packed at a time, and packs that are joined."""

PRIMITIVE_NAMES = tuple(primitive.name for primitive in PRIMITIVES_OF_PROTOCOL)
OF_ECS = frozenset({"activatePaymentNoticeV2", "paGetPayment", "paSendRT"})
"""Primitives whose counterpart is an EC group; the others' is a PSP."""

_PAYMENT = attrgetter(
    *(
        {
            "cart": "attempt.cart.number",
            "attempt": "attempt.number",
            "cart_size": "attempt.cart.size",
            "psp": "attempt.cart.psp",
            "ec_group": "draws.ec_group",
            "ec": "draws.ec",
            "amount_cents": "draws.amount_cents",
            "measured": "attempt.cart.measured",
        }.get(column.name, column.name)
        for column in PAYMENTS
    )
)

_SUBJECTS = {Payment: "payment", Position: "position", Recipient: "receipt"}


class Table:
    """Rows on their way to columns."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = columns
        self.rows: list[tuple[Any, ...]] = []
        self.chunks: list[list[Array]] = []
        self._small: list[list[Array]] = []
        self.codes = [
            {name: code for code, name in enumerate(c.names)} if isinstance(c.names, tuple) else None for c in columns
        ]

    def add(self, row: tuple[Any, ...]) -> None:
        """Append one row; a value of a category with fixed names is given by name."""
        self.rows.append(row)
        if len(self.rows) >= ROWS:
            self.pack()

    def pack(self) -> None:
        """Turn the rows so far into arrays."""
        if self.rows:
            chunk = []
            for column, codes, values in zip(self.columns, self.codes, zip(*self.rows, strict=True), strict=True):
                coded = values if codes is None else [codes[value] for value in values]
                chunk.append(np.array(coded, dtype=column.dtype))
            self._small.append(chunk)
            self.rows.clear()
            if len(self._small) == TOGETHER:
                self._merge()

    def _merge(self) -> None:
        """Join small chunks to a large one: only large arrays give their memory back when they are let go."""
        if self._small:
            self.keep([np.concatenate(parts) for parts in zip(*self._small, strict=True)])
            self._small.clear()

    def keep(self, chunk: list[Array]) -> None:
        """Keep packed columns, those that have become as long as the ones before them joined to these.

        So there are few and large arrays, each of which leaves room for another when it is let go.
        """
        while self.chunks and len(self.chunks[-1][0]) <= len(chunk[0]):
            before = self.chunks.pop()
            chunk = [np.concatenate([before.pop(0), chunk.pop(0)]) for _ in self.columns]
        self.chunks.append(chunk)

    def columns_sorted_by(self, keys: Sequence[str]) -> dict[str, Array]:
        """Return all columns, rows in the order of the keys, and let go of the chunks."""
        self.pack()
        self._merge()
        names = [column.name for column in self.columns]
        if not self.chunks:
            return empty(tuple(self.columns))
        sorting = [np.concatenate([chunk[names.index(key)] for chunk in self.chunks]) for key in reversed(keys)]
        order = np.lexsort(sorting)
        columns = {
            name: np.concatenate([chunk.pop() for chunk in self.chunks])[order] for name in reversed(names)
        }
        return {name: columns[name] for name in names}


class Recorder:
    """Everything that one replication leaves behind."""

    def __init__(self, window_s: tuple[float, float], psps: int, record: Iterable[str]) -> None:
        self.opens_s, self.closes_s = window_s
        self.psps = psps
        self.payments = Table(PAYMENTS)
        self.carts = Table(CARTS)
        wanted = frozenset(record)
        self.calls = Table(CALLS) if "calls" in wanted else None
        self.states = Table(STATES) if "states" in wanted else None
        self.elapsed: dict[tuple[str, int, Answer], list[float]] = defaultdict(list)
        self.over: dict[tuple[str, int, Answer], Array] = {}
        self.refusals: Counter[tuple[str, int, str]] = Counter()
        self.finished = self.binned = 0

    def call(
        self, primitive: str, code: int, address: "Address", asked: float, sent: float, arrived: float, served: "Served"
    ) -> None:
        """Note a call of the Node to an EC or a PSP, which it asked to send before it had a connection."""
        if self.opens_s <= sent < self.closes_s:
            self.elapsed[primitive, code, served.answer].append(served.at - sent)
        if self.calls is not None:
            times = (asked, sent, arrived, served.started_s, served.served_s, served.at)
            self._row(primitive, code, address, times, served.answer, "none")

    def replied(self, call: "Sent", reply: Reply | None, started_s: float, served_s: float, known_s: float) -> None:
        """Note a call to the Node, and when its caller knew how it ended; `None` if it heard nothing usable."""
        primitive, code, address, sent, arrives, _ = call
        answer = Answer.TIMEOUT if reply is None else Answer.OK if reply.outcome is Outcome.OK else Answer.KO
        fault = "none" if reply is None or reply.fault_code is None else reply.fault_code.value
        if self.opens_s <= sent < self.closes_s:
            self.elapsed[primitive, code, answer].append(known_s - sent)
            if fault != "none":
                self.refusals[primitive, code, fault] += 1
        if self.calls is not None:
            arrived = arrives if arrives < inf else nan
            self._row(primitive, code, address, (sent, sent, arrived, started_s, served_s, known_s), answer, fault)

    def pool_refused(self, primitive: str, code: int, asked: float) -> None:
        """Note a call that found no free connection; the pool counts it in time."""
        if self.opens_s <= asked < self.closes_s:
            self.refusals[primitive, code, "PPT_SUPERAMENTOSOGLIA"] += 1

    def watch(self, thing: Position | Payment | Recipient, payment: Payment, now: float) -> None:
        """Note a change of status at the Node."""
        activation: Any = payment.request.body
        assert self.states is not None
        attempt, subject = activation.attempt, _SUBJECTS[type(thing)]
        self.states.add((now, attempt.cart.number, attempt.number, activation.notice, subject, thing.status))

    def _bin(self) -> None:
        """Count the response times seen so far, and forget them."""
        for key, seen in self.elapsed.items():
            ms = np.round(np.array(seen) * 1e3, 3)  # so that 2 s are 2 s, whatever the last bit of a sum
            counts = np.array([len(ms), *(int((ms > limit).sum()) for limit in LIMITS_MS)], dtype=np.int64)
            self.over[key] = self.over[key] + counts if key in self.over else counts
        self.elapsed.clear()

    def _row(
        self,
        primitive: str,
        code: int,
        address: "Address",
        times: tuple[float, ...],
        answer: Answer,
        fault: str,
    ) -> None:
        assert self.calls is not None
        counterpart = code + self.psps if primitive in OF_ECS else code
        self.calls.add((PRIMITIVE_NAMES.index(primitive), counterpart, *address, *times, answer.value, fault))

    def finish(self, cart: "Cart") -> None:
        """Write the rows of a cart that is over."""
        for attempt in cart.tries:
            for each in attempt.activations:
                self.payments.add(_PAYMENT(each))
            self.finished += len(attempt.activations)
        if self.finished - self.binned >= ROWS:
            self._bin()
            self.binned = self.finished
        self.carts.add(
            (
                cart.number,
                cart.arrived_s,
                cart.size,
                cart.psp,
                cart.amount_cents,
                cart.measured,
                len(cart.tries),
                cart.waited_s,
                cart.redirected_s,
                cart.settled_s,
                cart.ending,
            )
        )

    def records(
        self,
        replication: int,
        end_s: float,
        names: Mapping[str, tuple[str, ...]],
        stations: Mapping[str, Array],
        events: int,
    ) -> Records:
        """Close the books and return them; rows are in order of cart, try and notice."""
        tables = {
            "payments": self.payments.columns_sorted_by(("cart", "attempt", "notice")),
            "carts": self.carts.columns_sorted_by(("cart",)),
            "primitives": self._primitives(),
            "refusals": self._refusals(),
            "stations": stations,
        }
        if self.calls is not None:
            tables["calls"] = self.calls.columns_sorted_by(("cart", "attempt", "sent_s", "primitive", "notice"))
        if self.states is not None:
            tables["states"] = self.states.columns_sorted_by(("cart", "attempt", "notice", "at_s"))
        named = {**names, "primitive": PRIMITIVE_NAMES, "counterpart": (*names["psp"], *names["ec_group"])}
        return Records(replication, (self.opens_s, self.closes_s), end_s, named, tables, events)

    def _primitives(self) -> dict[str, Array]:
        self._bin()
        rows = sorted(
            (*self._keys(primitive, code), ANSWERS.index(answer.value), *map(int, counts))
            for (primitive, code, answer), counts in self.over.items()
        )
        return _columns(PRIMITIVES, rows)

    def _refusals(self) -> dict[str, Array]:
        rows = sorted(
            (*self._keys(primitive, code), FAULTS.index(fault), count)
            for (primitive, code, fault), count in self.refusals.items()
        )
        return _columns(REFUSALS, rows)

    def _keys(self, primitive: str, code: int) -> tuple[int, int]:
        return PRIMITIVE_NAMES.index(primitive), code + self.psps if primitive in OF_ECS else code


def _columns(columns: Sequence[Column], rows: Sequence[tuple[int, ...]]) -> dict[str, Array]:
    by_column = zip(*rows, strict=True) if rows else ([] for _ in columns)
    return {c.name: np.array(list(v), dtype=c.dtype) for c, v in zip(columns, by_column, strict=True)}
