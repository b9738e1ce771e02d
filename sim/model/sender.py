"""The callers' end of the calls to the Node: Checkout's and the PSPs'.

A call travels to the Node, is answered there by a fragment of `sim.model.node`, and the reply travels back. The caller
listens up to its timeout; the Node does not know of it and finishes its work, then in a flow of its own.
"""

from collections.abc import Callable, Generator
from math import inf, nan
from typing import Any, NamedTuple

from sim.kernel.clock import Clock, Rest, Steps, heard
from sim.model.callee import Address
from sim.model.cart import Cart, beside
from sim.model.node import Replied
from sim.model.recorder import Recorder
from sim.protocol.messages import Reply

Working = Generator[Any, Any, tuple[Replied, Any]]
"""A fragment of the Node that gives a reply, and what there is to do after it."""
Late = Callable[[Any], Steps]
"""What follows a reply that nobody listened to, given what there is to do after it."""


class Sent(NamedTuple):
    """A call on its way to the Node: which, of whom, sent when, arriving when (inf: lost), awaited until when."""

    primitive: str
    counterpart: int
    address: Address
    sent_s: float
    arrives_s: float
    gives_up_s: float


class Heard(NamedTuple):
    """What the caller heard (None: nothing usable), when it knew that, and what there is to do after the reply."""

    reply: Reply | None
    known_s: float
    todo: Any = None


class Sender:
    """Carries calls to the Node and back, and notes them."""

    def __init__(self, clock: Clock, recorder: Recorder) -> None:
        self.clock = clock
        self.recorder = recorder

    def call(
        self, call: Sent, back_s: float, working: Working, cart: Cart, late: Late | None = None
    ) -> Generator[Any, Any, Heard]:
        """Send a call; what the Node does of it when nobody listens any more is done beside the cart's own flow."""
        arrives, gives_up = call.arrives_s, call.gives_up_s
        if arrives == inf:
            self.recorder.replied(call, None, nan, nan, gives_up)
            return Heard(None, gives_up)
        if arrives > gives_up:
            arriving = _arriving(max(arrives, self.clock.now), working)  # its sender may have waited for something else
            self.clock.begin(beside(cart, self._unheard(call, arriving, late)))
            return Heard(None, gives_up)
        if arrives > self.clock.now:
            yield arrives
        try:
            first = working.send(None)
        except StopIteration as answered_at_once:
            told = answered_at_once.value
        else:
            told = yield from heard(self.clock, working, first, gives_up - back_s)
        if isinstance(told, Rest):
            self.clock.begin(beside(cart, self._unheard(call, told.steps, late)))
            return Heard(None, gives_up)
        (reply, started, leaves), todo = told
        known = leaves + back_s
        if reply is None or known > gives_up:
            reply, known = None, gives_up
        self.recorder.replied(call, reply, started, leaves, known)
        return Heard(reply, known, todo)

    def _unheard(self, call: Sent, steps: Working, late: Late | None) -> Steps:
        (_, started, leaves), todo = yield from steps
        self.recorder.replied(call, None, started, leaves, call.gives_up_s)
        if late is not None and todo:
            yield from late(todo)


def _arriving(at: float, working: Working) -> Working:
    """Let a fragment of the Node begin when the call reaches it."""
    yield at
    return (yield from working)
