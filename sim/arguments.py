"""Arguments of `import sim`: each read as the program wants it, or refused by name, with what to write instead.

Numbers of numpy are as good as Python's own, and truths are no numbers. Everything is read before anything is done.
What a scenario, a store or a search knows better than this, such as whether a path is there, is refused by it.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from operator import index
from pathlib import Path
from typing import Any, TypeVar

from sim.analysis.sequential import Rule
from sim.scenario.units import share, shortened

T = TypeVar("T", bound=str)
MOST = 100_000
"""The largest number of replications, and of whatever else is counted."""


def whole(name: str, value: Any, least: int = 1, most: int = MOST, otherwise: str = "") -> int:
    """Return a whole number from `least` to `most`; raises `ValueError`."""
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise ValueError(f"{name} is {_shown(value)}; write a whole number from {least} to {most}{otherwise}")
    return number


def replications(value: Any, precision: Any, maximum: Any) -> int | Rule | None:
    """Return how many replications are wanted, or the rule of `"auto"`; raises `ValueError`."""
    if isinstance(value, str) and value == "auto":
        try:
            wanted = relative(precision)
        except ValueError as error:
            raise ValueError(f"precision: {error}") from None
        return Rule(wanted, whole("maximum", maximum, 2))
    return None if value is None else whole("replications", value, otherwise=', or "auto"')


def jobs(value: Any) -> int | None:
    """Return a number of processes, None for one per core; raises `ValueError`."""
    return None if value is None else whole("jobs", value, otherwise=", or None for one per core")


def relative(value: Any) -> float:
    """Return a precision, from a number or from a text such as `5%`; raises `ValueError`, which does not name it."""
    found = share(value if isinstance(value, str) or not hasattr(value, "__float__") else float(value))
    if not found:
        raise ValueError(f"{value} would take for ever; write for example 5%")
    return found


def texts(name: str, value: Any, example: str) -> tuple[str, ...]:
    """Return a list of texts, which one text alone is not; raises `ValueError`."""
    several = isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))
    found = tuple(value) if several else ()
    if not several or not all(isinstance(each, str) for each in found):
        raise ValueError(f'{name} is {_shown(value)}; write a list of texts, for example ["{example}"]')
    return found


def assignments(sets: Any, seed: Any = None) -> tuple[str, ...]:
    """Return assignments to a scenario, and that of the seed if one is given; raises `ValueError`."""
    found = texts("sets", sets, "run.window=10 min")
    return found if seed is None else (*found, f"run.seed={whole('seed', seed, 0, 2**63 - 1)}")


def path(name: str, value: Any, otherwise: str = "") -> Path:
    """Return the path of a file or a folder; raises `TypeError`."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name} is {_shown(value)}; write a path{otherwise}")
    return Path(value)


def one_of(name: str, value: T, known: Collection[str]) -> T:
    """Return a word that is known; raises `ValueError`."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} is {_shown(value)}; write {' or '.join(map(repr, known))}")
    return value


def _shown(value: Any) -> str:
    """Write a value as its author would know it again, shortened."""
    return shortened(f"a number of {value.bit_length()} bits" if _is_endless(value) else repr(value))


def _is_endless(value: Any) -> bool:
    """Tell a number that Python refuses to write."""
    return isinstance(value, int) and value.bit_length() > 10_000
