"""The story of one payment as the records have it: its own calls and those for its whole cart, and what changed.

It holds rows and decides nothing; what they mean is in `reasons.py`, and how they are told is for the others here.
"""

from dataclasses import dataclass
from typing import Any

from sim.protocol.primitives import PRIMITIVES
from sim.protocol.settings import PRESETS
from sim.reader import PaymentId, Recorded, Row
from sim.scenario.units import duration_s
from sim.store import StoreError

CHECKOUT, NODE = "Checkout", "Node"
_TIMES = ("asked_s", "sent_s", "arrived_s", "started_s", "served_s", "answered_s")
_SIDES = {primitive.name: (primitive.caller, primitive.callee) for primitive in PRIMITIVES}


@dataclass(frozen=True, slots=True)
class Call:
    """One call as recorded; a moment that never came is None. `notice` is -1 for a call for the whole cart."""

    primitive: str
    caller: str
    callee: str
    notice: int
    send: int
    asked_s: float
    sent_s: float
    arrived_s: float | None
    started_s: float | None
    served_s: float | None
    answered_s: float
    answer: str
    fault: str

    @property
    def heard(self) -> bool:
        """Whether the caller got an answer, usable or not."""
        return self.answer in ("ok", "ko", "malformed")

    @property
    def waited_s(self) -> float:
        """How long its caller waited for a connection before it could send it."""
        return self.sent_s - self.asked_s

    @property
    def took_s(self) -> float:
        """How long its caller waited for its end."""
        return self.answered_s - self.sent_s


@dataclass(frozen=True, slots=True)
class Change:
    """A change of status at the Node."""

    at_s: float
    subject: str
    status: str


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The settings of the protocol that a story has to know."""

    token_validity_s: float
    token_extension_s: float | None

    @classmethod
    def of(cls, protocol: Any) -> "Deadlines":
        """Read the section `protocol` of a scenario as resolved."""
        preset = PRESETS[protocol["preset"]]
        validity, extension = protocol.get("token_validity"), protocol.get("token_extension")
        extended = preset.token_extension_s
        if extension is not None:
            extended = None if extension == "none" else duration_s(extension)
        return cls(preset.token_validity_s if validity is None else duration_s(validity), extended)


@dataclass(frozen=True, slots=True)
class Story:
    """One payment: its row, its cart's, those of the other notices of the same try, and what happened in order.

    `siblings` are the other notices of the same try, `tries` the other tries of the same notice. `deadline_s` is when
    its token was last due to expire. `failed` are the last activations of siblings that gave no token.
    """

    id: PaymentId
    scenario: str
    seed: int
    payment: Row
    cart: Row
    siblings: tuple[Row, ...]
    tries: tuple[Row, ...]
    calls: tuple[Call, ...]
    failed: tuple[Call, ...]
    changes: tuple[Change, ...]
    deadline_s: float | None

    @property
    def ec(self) -> str:
        """The EC's name."""
        return f"{self.payment['ec_group']} {self.payment['ec']}"

    @property
    def begun_s(self) -> float:
        """When it was asked for."""
        begun: float = self.payment["requested_s"]
        return begun

    @property
    def ended_s(self) -> float:
        """The last moment known of it."""
        moments = [self.begun_s, *(c.answered_s for c in self.calls), *(c.at_s for c in self.changes)]
        last: float | None = self.payment["reversed_s"]
        return max(moments if last is None else [*moments, last])


def story(run: Recorded, which: PaymentId) -> Story:
    """Read the story of one payment; raises `StoreError` if the run does not have it, saying what there is."""
    if which.replication not in run.replications:
        raise StoreError(f"{run.folder}: has no replication {which.replication}, but {_listed(run.replications)}")
    payments = run.rows("payments", which.replication, which.cart)
    found = {(row["attempt"], row["notice"]): row for row in payments}
    payment = found.get((which.attempt, which.notice))
    if payment is None:
        raise StoreError(f"{run.folder}: has no payment {which}; {_instead(run, which, sorted(found))}")
    (cart,) = run.rows("carts", which.replication, which.cart)
    tried = [row for row in payments if row["attempt"] == which.attempt]
    names = payment["psp"], f"{payment['ec_group']} {payment['ec']}"
    everything = [row for row in run.rows("calls", which.replication, which.cart) if row["attempt"] == which.attempt]
    states = run.rows("states", which.replication, which.cart)
    mine = [row for row in states if (row["attempt"], row["notice"]) == (which.attempt, which.notice)]
    return Story(
        which,
        run.scenario["name"],
        run.manifest["seed"],
        payment,
        cart,
        tuple(row for row in tried if row["notice"] != which.notice),
        tuple(row for row in payments if row["notice"] == which.notice and row["attempt"] != which.attempt),
        tuple(_call(row, *names) for row in everything if row["notice"] in (which.notice, -1)),
        tuple(_failures(everything, tried, which.notice, names)),
        tuple(Change(row["at_s"], row["subject"], row["status"]) for row in mine),
        _deadline_s(payment, tried, Deadlines.of(run.scenario["protocol"])),
    )


def _call(row: Row, psp: str, ec: str) -> Call:
    caller, callee = ({"PSP": psp, "EC": ec}.get(side, side) for side in _SIDES[row["primitive"]])
    same = ("notice", "send", *_TIMES, "answer", "fault")
    return Call(row["primitive"], caller, callee, *(row[name] for name in same))


def _failures(calls: list[Row], tried: list[Row], notice: int, names: tuple[str, str]) -> list[Call]:
    """Return how the activations of other notices failed: the last call of each that gave no token."""
    failed = {row["notice"] for row in tried if row["fault"] != "none"} - {notice}
    last = {row["notice"]: row for row in calls if row["primitive"] == PRIMITIVES[0].name}
    return [_call(last[each], *names) for each in sorted(failed & set(last))]


def _deadline_s(payment: Row, tried: list[Row], deadlines: Deadlines) -> float | None:
    if payment["issued_s"] is None:
        return None
    if payment["closed_s"] is None:
        deadline: float = payment["issued_s"] + deadlines.token_validity_s
        return deadline
    if deadlines.token_extension_s is not None:
        extended: float = payment["closed_s"] + deadlines.token_extension_s
        return extended
    earliest: float = min(row["issued_s"] for row in tried if row["issued_s"] is not None)
    return earliest + deadlines.token_validity_s


def _listed(numbers: tuple[int, ...]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if len(numbers) > 1 else f"only {numbers[0]}"


def _instead(run: Recorded, which: PaymentId, found: list[tuple[int, int]]) -> str:
    """Say what there is instead of a payment that is not there."""
    if found:
        said = [str(which._replace(attempt=attempt, notice=notice)) for attempt, notice in found]
        return f"of cart {which.cart} there is {', '.join(said)}"
    last = run.last_cart(which.replication)
    if last < 0:
        return f"replication {which.replication} has no carts"
    return f"replication {which.replication} has carts 0 to {last}; a payment is written cart.try.notice"
