"""A model with one thing left out, to see what that gains. For measurements only.

Each function takes what runs a scenario and returns what runs it without.
"""

import gc
from collections.abc import Callable
from typing import Any, TypeVar
from unittest.mock import patch

from sim.kernel.clock import Steps
from sim.kernel.station import Station
from sim.model import assemble
from sim.model.node import Activating, Node
from sim.model.run import uncollected
from sim.protocol.entities import Recipient
from sim.protocol.messages import Activate, Answer

T = TypeVar("T")
Run = Callable[[Any], T]


class _Waiting(Node):
    """A Node that enters every answer of an EC when it comes."""

    def activate(self, request: Activate, work_s: float = 0.0, patience_until: float = 0.0) -> Activating:
        """Reply as the Node does, with no patience for what comes later."""
        return super().activate(request, work_s)

    def _send_receipt(self, recipient: Recipient, leaves: float) -> Steps:
        answer, at = yield from self.peers.pa_send_rt(recipient, leaves)
        yield at
        self.ledger.receipt_answered(recipient, answer or Answer.UNREACHABLE, at)


class _InOrder(Station):
    """A station to which every call comes at its time, even where no call could see another."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.any_order = False


def entering_ahead(run: Run[T]) -> Run[T]:
    """Have calls to ECs, and their answers, come at their time (docs/decisions/0006).

    Results of notifications are entered ahead even so: the flow that waits for one would send its outcome too late.
    """

    def waiting(loaded: Any) -> T:
        with patch.object(assemble, "Node", _Waiting), patch.object(assemble, "Station", _InOrder):
            return run(loaded)

    return waiting


def pausing_the_collector(run: Run[T]) -> Run[T]:
    """Leave the garbage collector on."""

    def collecting(loaded: Any) -> T:
        with patch.object(gc, "disable"):
            return run(loaded)

    return collecting


def a_collector(run: Run[T]) -> Run[T]:
    """Leave the garbage collector off, as the simulator does by itself."""
    return uncollected()(run)
