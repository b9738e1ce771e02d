"""What happened in a replay: its calls, how they ended, and what changed by them.

A table of calls and a sequence diagram are two ways to read the same trace. The replay fills it; nothing here decides.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import nan
from typing import Literal

from sim.protocol.entities import Payment, Position, Recipient
from sim.protocol.messages import Answer
from sim.protocol.statuses import Status

Thing = Payment | Position | Recipient


@dataclass(frozen=True, slots=True)
class Change:
    """A change of status, and when."""

    at_s: float
    thing: Thing
    status: Status | None


@dataclass(slots=True, eq=False)
class Call:
    """One call; or an act of the script, whose sender is its receiver. `step` is None for calls of the Node's own."""

    step: int | None
    at_s: float
    sender: str
    receiver: str
    name: str
    about: str
    end: Answer | None = None
    said: str = ""
    ended_s: float = nan
    missed: str = ""
    """What the case expected and did not get."""
    changes: list[Change] = field(default_factory=list)

    @property
    def is_act(self) -> bool:
        """Whether nobody was called."""
        return self.sender == self.receiver


What = Change | Literal["made", "ended"]
"""What a moment is: a call being made or ending, or a change by it."""


class Trace:
    """The calls of a replay in the order in which they were made, and its moments in order of time."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.current: Call | None = None
        """The call to which changes are due."""
        self._moments: list[tuple[float, int, Call, What]] = []

    def made(self, call: Call) -> Call:
        """Note a call; what changes from now on is due to it."""
        self.calls.append(call)
        self.current = call
        self._note(call.at_s, call, "made")
        return call

    def ended(self, call: Call, end: Answer, said: str, at_s: float) -> None:
        """Note how a call ended, or will, for its caller."""
        call.end, call.said, call.ended_s = end, said, at_s
        self._note(at_s, call, "ended")

    def changed(self, thing: Thing, at_s: float) -> None:
        """Note that the status of something changed."""
        if self.current is not None:
            change = Change(at_s, thing, thing.status)
            self.current.changes.append(change)
            self._note(at_s, self.current, change)

    def _note(self, at_s: float, call: Call, what: What) -> None:
        self._moments.append((at_s, len(self._moments), call, what))

    def moments(self) -> Iterator[tuple[float, Call, What]]:
        """Yield time, call and what happened, in order of time."""
        for at_s, _, call, what in sorted(self._moments, key=lambda moment: moment[:2]):
            yield at_s, call, what


def described(change: Change, name: Callable[[Payment], str]) -> tuple[str, str]:
    """Return what a change is about, and the status it got."""
    thing, status = change.thing, str(change.status)
    match thing:
        case Payment():
            return name(thing), status
        case Position():
            return str(thing.notice), status
        case Recipient():
            return f"{name(thing.payment)} at {thing.ec}", status
