"""The draws of the plan as records, many carts at once: what the machine reads instead of rows."""

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.compiled.memory import NOTICE_DRAWS, TRY_DRAWS, room
from sim.model.plan import SENDS, CallDraws, Columns, Plan

Array = npt.NDArray[Any]
_LATER_BLOCK, _KEPT = 1024, 64
"""Carts whose later tries are drawn at once, and how many such blocks are kept."""


class Draws:
    """All draws of one replication; a cart has room for `places` notices."""

    def __init__(self, plan: Plan, places: int) -> None:
        self.plan = plan
        self.places = places
        self._later = lru_cache(_KEPT)(self._block)

    def fill(self, tries: Array, notices: Array, start: int, count: int, attempt: int = 0) -> None:
        """Draw one try of `count` carts from `start` on into `tries` and, a place after the other, their `notices`."""
        carts, by_place = self.plan.columns(start, count, attempt)
        _copy(carts, tries, slice(count))
        tries["result_losses"] = self._losses(start, count, attempt)
        tries["notices"] = 0
        for notice, (chosen, columns) in enumerate(by_place):
            _copy(columns, notices[notice :: self.places], chosen)
            tries["notices"][chosen] += 1

    def later(self, cart: int, attempt: int) -> tuple[Any, Array]:
        """Return the draws of a later try of one cart, and of its notices."""
        tries, notices = self._later(cart // _LATER_BLOCK, attempt)
        row = cart % _LATER_BLOCK
        return tries[row], notices[row * self.places : (row + 1) * self.places]

    def forget(self) -> None:
        """Forget the draws that are kept."""
        self._later.cache_clear()

    def _block(self, number: int, attempt: int) -> tuple[Array, Array]:
        tries, notices = room(TRY_DRAWS, _LATER_BLOCK), room(NOTICE_DRAWS, _LATER_BLOCK * self.places)
        self.fill(tries, notices, number * _LATER_BLOCK, _LATER_BLOCK, attempt)
        return tries, notices

    def _losses(self, start: int, count: int, attempt: int) -> Array:
        """Return how many of the first sends of each try's result are lost in a row."""
        scenario = self.plan.scenario
        loss, sends = scenario.links.checkout_node.loss, scenario.node.result.retries + 2
        losses, all_lost = np.zeros(count, dtype=np.int64), np.full(count, loss > 0)
        for send in range(sends):
            if not all_lost.any():
                break
            all_lost &= self.plan.streams.block("result.lost", start, count, attempt * SENDS + send) < loss
            losses += all_lost
        return losses


def _copy(columns: Columns, records: Array, chosen: Any) -> None:
    """Copy columns of draws into the fields of the same name of chosen records."""
    for name, column in columns.items():
        if isinstance(column, tuple):
            for field, part in zip(CallDraws._fields, column, strict=True):
                records[name][field][chosen] = part
        else:
            records[name][chosen] = column
