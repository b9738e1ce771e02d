"""How a call can end at its callee, as small codes, and the shares in which it does.

Codes are ordered so that a uniform draw u gives 6 - #{thresholds <= u}: raising the share of one end never moves a
draw between two others that come before it, which keeps common random numbers close together.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.kernel.distributions import Constant, Distribution
from sim.scenario.schema import HANG_TIME_S, End, Ends

Array = npt.NDArray[Any]


class CallEnd(IntEnum):
    """What happens to one call (design: "how a call can end")."""

    OK = 0
    HANG = 1
    LOST_REPLY = 2
    LOST_REQUEST = 3
    UNREACHABLE = 4
    MALFORMED = 5
    KO = 6


IN_ORDER = ("ko", "malformed", "unreachable", "lost_request", "lost_reply", "hang")
"""Names of the ends in `Ends`, in the order of their thresholds; the code of the k-th is `CallEnd.KO - k`."""


def thresholds(ends: Ends) -> Array:
    """Return the six cumulative shares of one mix of ends."""
    return np.cumsum([getattr(ends, name).probability for name in IN_ORDER])


def codes(table: Array, u: Array) -> Array:
    """Turn uniforms of shape (n,) and thresholds of shape (n, 6) or (6,) into codes of `CallEnd`."""
    ended: Array = (6 - (u[:, None] >= table).sum(axis=1)).astype(np.int8)
    return ended


def tables(mixes: Sequence[Ends]) -> Array | None:
    """Return thresholds per callee, shape (callees, 6), or None when every call of every callee ends ok."""
    table = np.array([thresholds(mix) for mix in mixes])
    return table if table.any() else None


def chosen_end(ends: Ends, code: int) -> End:
    """Return what a mix says of an end other than ok, by its code."""
    end: End = getattr(ends, IN_ORDER[CallEnd.KO - code])
    return end


def own_time(end: End, code: int) -> Distribution | None:
    """Return how long an end takes where that is not the service time.

    It is the end's own time if it has one; otherwise a hung call holds its worker for the hang time, and a connection
    is refused at once.
    """
    if end.time is not None:
        return end.time
    return _UNSAID.get(code)


_UNSAID: dict[int, Distribution] = {
    CallEnd.HANG: Constant(HANG_TIME_S),
    CallEnd.UNREACHABLE: Constant(0.0),
}


def code(table: Sequence[float], u: float) -> int:
    """Turn one uniform into a code of `CallEnd`."""
    return 6 - sum(u >= share for share in table)
