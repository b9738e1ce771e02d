"""Memory: what a replication leaves behind."""

import gc
from collections import Counter

from model.test_snapshot import BUSY
from model.worlds import world
from sim.model.run import replicate

BULK = ("CartDraws", "CallDraws", "Callee", "Node", "Checkout", "Payment", "Try")
"""Of what a world has thousands, and those who hold them."""


def alive():
    """Count the objects in memory of the kinds that make up a world."""
    return Counter(name for name in (type(each).__name__ for each in gc.get_objects()) if name in BULK)


def test_a_world_is_freed_without_the_garbage_collector():
    """When a replication has returned, none of its world is left, though the collector never ran."""
    loaded = world(**BUSY)
    gc.collect()
    gc.disable()
    try:
        before = alive()
        records = replicate(loaded, 0)
        assert len(records.tables["carts"]["cart"]) > 500
        assert alive() == before
    finally:
        gc.enable()
