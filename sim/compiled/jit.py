"""How the functions of the machine are compiled: once, by Numba, and kept beside the source for the next run.

With `NUMBA_DISABLE_JIT=1` they are plain Python, slow and easy to step through, and give the same records.
"""

from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit

F = TypeVar("F", bound=Callable[..., Any])
_INNER: Mapping[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_OUTER: Mapping[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True, "cache": True}
_SIM = Path(__file__).parents[1]
_SOURCES = ("compiled/*.py", "kernel/*.py", "model/*.py", "protocol/*.py", "records.py")
"""Whatever a compiled function may have taken a constant from."""


def compiled(function: F) -> F:
    """Compile a function that others of the machine call; sums are those of Python, to the last bit."""
    return cast("F", njit(**_INNER)(function))


def entry(function: F) -> F:
    """Compile a function of the machine that Python calls, and keep it.

    Numba keeps it for the types of what it is given, and sees no change in what it calls: so the type of a `Memory`
    has a name that changes with the sources.
    """
    try:
        return cast("F", njit(**_OUTER)(function))
    except RuntimeError:  # there is no folder to keep it in
        return cast("F", njit(**{**_OUTER, "cache": False})(function))


def numbers(values: Iterable[int]) -> tuple[int, ...]:
    """Return codes as numbers of numpy: of Python's own, Numba would compile each function anew for each of them."""
    return cast("tuple[int, ...]", tuple(map(np.int64, values)))


def sources() -> str:
    """Return a digest of the sources of the machine."""
    digest = blake2b(digest_size=8)
    for pattern in _SOURCES:
        for path in sorted(_SIM.glob(pattern)):
            digest.update(path.read_bytes())
    return digest.hexdigest()
