"""How long the warm-up should be: MSER-5.

Source: White, Cobb and Spratt (2000), A comparison of five steady-state truncation heuristics for simulation.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
_BATCH = 5


def mser_5(values: Array, at_s: Array) -> float:
    """Return the moment before which MSER-5 would cut a series of values observed at ascending moments.

    The cut minimises the standard error of the mean of what is left, over batches of five. The last five batches are
    never a candidate, since a handful of values can agree by chance. Returns 0 for a series too short to say.
    """
    batches = len(values) // _BATCH
    if batches < 10:
        return 0.0
    means = np.asarray(values[: batches * _BATCH], dtype=float).reshape(batches, _BATCH).mean(axis=1)
    left = np.arange(batches, 0, -1)
    sums, squares = np.cumsum(means[::-1])[::-1], np.cumsum((means**2)[::-1])[::-1]
    errors = (squares - sums**2 / left) / left**2
    cut = int(np.argmin(errors[:-5]))
    return 0.0 if cut == 0 else float(at_s[cut * _BATCH])
