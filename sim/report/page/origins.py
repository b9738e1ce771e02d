"""Where the numbers of a scenario are from, as a reader wants to check them: one row for all that is said alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.report.cells import Cell, Table, table

_NAMED = ("psps", "ecs")
"""Lists of actors, below which paths differ by the actor's name."""


@dataclass(frozen=True, slots=True)
class Origins:
    """What is assumed, what has a source, and how many values each speaks of."""

    assumed: Table
    sourced: Table
    assumed_count: int
    sourced_count: int


def origins_of(manifest: Mapping[str, Any]) -> Origins:
    """Return the origins of the annotated values of a scenario."""
    provenance = manifest["provenance"]
    assumed = [each for each in provenance if each["source"] is None]
    sourced = [each for each in provenance if each["source"] is not None]
    actors = {kind: [each["name"] for each in manifest["scenario"][kind]] for kind in _NAMED}
    return Origins(
        table("Assumptions", ("value of", "is", "may be", "reason"), _rows(assumed, "assumed", actors), texts=4),
        table("Public sources", ("value of", "is", "source"), _rows(sourced, "source", actors), texts=3),
        len(assumed),
        len(sourced),
    )


def _rows(
    provenance: Iterable[Mapping[str, Any]], reason: str, actors: Mapping[str, list[str]]
) -> Iterable[tuple[Cell, ...]]:
    """Yield a row for each statement, with all the actors of whom it is made."""
    said: dict[tuple[str, ...], list[str]] = {}
    for each in provenance:
        kind, _, rest = each["path"].partition(".")
        name, dot, below = rest.partition(".")
        shared = kind in _NAMED and bool(dot)
        path = f"{kind}.*.{below}" if shared else each["path"]
        limits = " to ".join(_plain(limit) for limit in each["range"] if limit is not None)
        key = (path, _plain(each["value"]), limits, each[reason] or "")
        said.setdefault(key, []).append(name if shared else "")
    for (path, value, limits, why), names in said.items():
        row = [_named(path, names, actors), Cell(value), Cell(limits or "-"), Cell(why)]
        yield tuple(row if reason == "assumed" else row[:2] + row[3:])


def _named(path: str, names: list[str], actors: Mapping[str, list[str]]) -> Cell:
    """Return a path, and below it the actors that it stands for if they are several."""
    if len(names) == 1:
        return Cell(path.replace("*", names[0], 1), code=True)
    everyone = len(names) == len(actors.get(path.partition(".")[0], ()))
    return Cell(path, f"all {len(names)}" if everyone else ", ".join(names), code=True)


def _plain(value: Any) -> str:
    """Return a value as it is written in a scenario."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_plain(each)}" for key, each in value.items())
    return ", ".join(map(_plain, value)) if isinstance(value, list) else str(value)
