"""How the functions of the machine are compiled: once, by Numba, and kept beside the source for the next run.

With `NUMBA_DISABLE_JIT=1` they are plain Python, slow and easy to step through, and give the same records.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function that others of the machine call; sums are those of Python, to the last bit."""
    return cast("F", njit(cache=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)(function))


def entry(function: F) -> F:
    """Compile a function of the machine that Python calls."""
    return cast("F", njit(cache=True, error_model="numpy", no_cfunc_wrapper=True)(function))
