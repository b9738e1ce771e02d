"""Where a number comes from: `source`, or `assumed` with a `range`.

Written either around a value, `{value: 7 s, source: "SANP LDS-PSP"}`, or beside a section's or a law's own keys, for
all that the section says. Annotations are taken off before validation and kept as provenance.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sim.scenario.tree import Position, Problem, Tree

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


def strip(tree: Tree, problems: list[Problem], path: str = "") -> list[Provenance]:
    """Take all annotations off a tree, in place, and return them."""
    return list(_strip(tree, problems, path))


def _strip(tree: Tree, problems: list[Problem], path: str) -> Iterator[Provenance]:
    if isinstance(tree.value, dict):
        notes = {key: tree.value.pop(key) for key in KEYS if key in tree.value}
        if "value" in tree.value and (notes or len(tree.value) == 1):
            rest = [key for key in tree.value if key != "value"]
            if rest:
                at = tree.keys.get(rest[0], tree.at)
                problems.append(Problem(at, f"{path}.{rest[0]}", "stands beside value", "keep value, source, range"))
            inner = tree.value["value"]
            tree.value, tree.at, tree.keys = inner.value, inner.at, inner.keys
        if notes:
            yield _provenance(path, tree, notes, problems)
    prefix = f"{path}." if path else ""
    if isinstance(tree.value, dict):
        for key, child in tree.value.items():
            yield from _strip(child, problems, prefix + key)
    elif isinstance(tree.value, list):
        for index, child in enumerate(tree.value):
            yield from _strip(child, problems, prefix + tree.named(index))


def _provenance(path: str, tree: Tree, notes: dict[str, Tree], problems: list[Problem]) -> Provenance:
    limits = notes["range"].plain() if "range" in notes else [None, None]
    if not isinstance(limits, list) or len(limits) != 2:
        problems.append(Problem(notes["range"].at, f"{path}.range", "is not two values", "write range: [low, high]"))
        limits = [None, None]
    source = notes["source"].plain() if "source" in notes else None
    assumed = notes["assumed"].plain() if "assumed" in notes else None
    for name, said in (("source", source), ("assumed", assumed)):
        if said is not None and not isinstance(said, str):
            problems.append(Problem(notes[name].at, f"{path}.{name}", "is not a text", "write where the value is from"))
    return Provenance(
        path,
        tree.plain(),
        None if source is None else str(source),
        None if assumed is None else str(assumed),
        limits[0],
        limits[1],
        tree.at,
    )
