"""Flaws: what is wrong inside one value, before anybody knows in which file and line it was written.

A flaw says how to get from the value to the place (`keys`), what is wrong there and what to write instead, as
`problem; fix`. `sim.scenario.explain` turns flaws into problems with positions.
"""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
SHOWN, LONGEST = 8, 64
"""How many names are listed, and how much of a name is compared with others."""


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong below a value; `of_key` when the last key itself is wrong, not what is written after it."""

    keys: tuple[str, ...]
    said: str
    of_key: bool = False


class FlawError(ValueError):
    """Everything that is wrong inside one value."""

    def __init__(self, flaws: Iterable[Flaw]) -> None:
        self.flaws = tuple(flaws)
        super().__init__("\n".join(flaw.said for flaw in self.flaws))


def each(keys: Iterable[str], read: Callable[[str], T]) -> dict[str, T]:
    """Read what stands under every key; raises `FlawError` with the flaws of all."""
    found: dict[str, T] = {}
    flaws: list[Flaw] = []
    for key in keys:
        try:
            found[key] = read(key)
        except FlawError as error:
            flaws += [Flaw((key, *flaw.keys), flaw.said, flaw.of_key) for flaw in error.flaws]
        except ValueError as error:
            flaws.append(Flaw((key,), str(error)))
    if flaws:
        raise FlawError(flaws)
    return found


def suggestion(written: Any, names: Iterable[str]) -> str:
    """Say which name was probably meant, or which there are."""
    names = list(names)
    close = difflib.get_close_matches(str(written)[:LONGEST], names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"write {listed(names)}"


def listed(names: Iterable[str]) -> str:
    """List some names to choose from."""
    names = list(names)
    some = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
    return f"one of {some}" if len(names) > 1 else some
