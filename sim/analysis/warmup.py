"""How long the warm-up should be: MSER-5.

Source: White, Cobb and Spratt (2000), A comparison of five steady-state truncation heuristics for simulation,
Proceedings of the Winter Simulation Conference.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_BATCH = 5
_ROUNDING = 1e-12
"""Sums of squares below this share of the whole are rounding errors of a constant series."""


def mser_5(values: Array, at_s: Array) -> float:
    """Return the moment before which MSER-5 would cut a series of values observed at ascending moments.

    Over the means of batches of five, the cut d minimises the squared standard error of the mean of the n - d batches
    left: sum of (x - mean)^2 / (n - d)^2. The last five batches are never a candidate, since a handful of values can
    agree by chance. Returns 0 for a series of less than ten batches, which is too short to say.
    """
    batches = len(values) // _BATCH
    if batches < 2 * _BATCH:
        return 0.0
    means = np.asarray(values[: batches * _BATCH], dtype=float).reshape(batches, _BATCH).mean(axis=1)
    means -= means.mean()
    left = np.arange(batches, 0, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum((means**2)[::-1])[::-1]
    spreads = squares - sums**2 / left
    spreads[spreads <= _ROUNDING * squares[0]] = 0.0
    cut = int(np.argmin((spreads / left**2)[:-5]))
    return 0.0 if cut == 0 else float(at_s[cut * _BATCH])
