"""Where a number comes from: `source`, or `assumed` with a `range`.

Written either around a value, `{value: 7 s, source: "SANP LDS-PSP"}`, or beside a section's or a law's own keys, for
all that the section says. Annotations are taken off before anything else is done with a file, and kept as the notes of
what they were written about: whatever replaces a value, replaces its notes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sim.scenario.tree import Notes, Position, Problem, Tree
from sim.scenario.units import amount_cents, duration_s, number, rate_per_s, share

KEYS = ("source", "assumed", "range")


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of the value at a path, or of everything below it.

    `value`, `low` and `high` are as written; `assumed` gives the reason where there is no source.
    """

    path: str
    value: Any
    source: str | None
    assumed: str | None
    low: Any
    high: Any
    position: Position


def strip(tree: Tree, problems: list[Problem], path: str = "") -> None:
    """Take all annotations off a tree, in place, and keep them as notes."""
    if isinstance(tree.value, dict):
        written = {key: tree.value.pop(key) for key in KEYS if key in tree.value}
        if "value" in tree.value and (written or len(tree.value) == 1):
            _unwrap(tree, problems, path)
        if written:
            tree.notes = _notes(path, tree, written, problems)
    below = f"{path}." if path else ""
    if isinstance(tree.value, dict):
        for key, child in tree.value.items():
            strip(child, problems, below + key)
    elif isinstance(tree.value, list):
        for index, child in enumerate(tree.value):
            strip(child, problems, below + tree.named(index))


def collect(tree: Tree) -> tuple[Provenance, ...]:
    """Return the notes of a tree, with what they are about."""
    return tuple(
        Provenance(path, each.plain(), notes.source, notes.assumed, notes.low, notes.high, each.at)
        for path, each in tree.walk()
        if (notes := each.notes) is not None
    )


def _unwrap(tree: Tree, problems: list[Problem], path: str) -> None:
    for key in tree.value:
        if key != "value":
            fix = "keep value, source, assumed and range only"
            problems.append(Problem(tree.keys.get(key, tree.at), f"{path}.{key}", "stands beside value", fix))
    inner = tree.value["value"]
    tree.value, tree.at, tree.keys = inner.value, inner.at, inner.keys


def _notes(path: str, tree: Tree, written: dict[str, Tree], problems: list[Problem]) -> Notes:
    texts: dict[str, str | None] = {"source": None, "assumed": None}
    for name in texts:
        if name in written:
            said = written[name].plain()
            if isinstance(said, str) and said.strip():
                texts[name] = said
            else:
                fix = "write where the value is from" if name == "source" else "write why it is assumed"
                problems.append(Problem(written[name].at, f"{path}.{name}", "is not a text", fix))
    low, high = None, None
    if "range" in written:
        limits = written["range"].plain()
        wrong = _range_flaw(tree.value, limits)
        if wrong:
            problem, _, fix = wrong.partition("; ")
            problems.append(Problem(written["range"].at, f"{path}.range", problem, fix))
        else:
            low, high = limits
    return Notes(texts["source"], texts["assumed"], low, high)


def _range_flaw(value: Any, limits: Any) -> str:
    """Say what is wrong with a range, if anything; of a section or a list no order is known."""
    if not isinstance(limits, list) or len(limits) != 2:
        return "is not two values; write range: [low, high]"
    readers = [] if isinstance(value, (dict, list)) else [read for read in _READERS if _reads(read, value)]
    if not readers:
        return ""
    for read in readers:
        if all(_reads(read, limit) for limit in limits):
            low, middle, high = read(limits[0]), read(value), read(limits[1])
            return (
                ""
                if low <= middle <= high and low < high
                else "does not run from below the value to above it; write range: [low, high] around the value"
            )
    return "is not of the value's kind; write its limits as the value is written"


_READERS: tuple[Callable[[Any], float], ...] = (duration_s, rate_per_s, share, amount_cents, number)


def _reads(read: Callable[[Any], float], value: Any) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True
