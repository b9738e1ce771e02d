"""Randomness with addresses: a draw is a pure function of (seed, replication, decision, entity, attempt).

The generator is counter-based (Philox 4x64-10; Salmon et al., 2011): the key is a hash of seed, replication and
decision, the counter is the entity and the attempt. Whether, when and in which order draws are made changes none of
them, so the same citizen does the same thing in every scenario, and a decision point that is added changes no other.
This is the only file that may use `numpy.random`.
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.random import Philox

Array = npt.NDArray[Any]
_LANES = 4
"""Words that Philox makes for one value of the counter."""


class Streams:
    """All the uniform draws of one replication."""

    def __init__(self, seed: int, replication: int) -> None:
        self.seed = seed
        self.replication = replication
        self._key = lru_cache(4096)(self._hash)

    def block(self, decision: str, start: int, count: int, attempt: int = 0) -> Array:
        """Return the uniforms in (0, 1) of `count` entities from `start` on, shape (count,)."""
        first = start // _LANES
        words = ((start + count - 1) // _LANES - first + 1) * _LANES
        raw = Philox(key=self._key(decision), counter=[first, attempt, 0, 0]).random_raw(words)
        return _uniform(raw[start - first * _LANES :][:count])

    def one(self, decision: str, entity: int, attempt: int = 0) -> float:
        """Return the uniform of one entity: `block(decision, entity, 1, attempt)[0]`."""
        return float(self.block(decision, entity, 1, attempt)[0])

    def _hash(self, decision: str) -> Array:
        address = f"{self.seed}/{self.replication}/{decision}".encode()
        return np.frombuffer(blake2b(address, digest_size=16).digest(), dtype="<u8").astype(np.uint64)


def _uniform(raw: Array) -> Array:
    """Turn words of 64 bits into the midpoints of 2^52 equal parts of (0, 1): of 2^53, the last would round to 1."""
    uniform: Array = (raw >> np.uint64(12)) * 2.0**-52 + 2.0**-53
    return uniform
