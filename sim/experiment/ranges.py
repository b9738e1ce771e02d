"""The numbers of a scenario that come with a range, as factors of a sensitivity analysis.

A factor is a number as written: where an alias uses it in many places, it moves in all of them. Factors span a unit
cube, linearly, or by logarithms where a range covers a factor of ten; a place in the cube is what assignments make of a
scenario. What is done with the cube is the matter of `sim.experiment.effects`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import numpy.typing as npt
from pydantic import BaseModel

from sim.experiment.span import Span, between
from sim.scenario.load import Loaded, Provenance, ranges
from sim.scenario.tree import Position, Problem, ScenarioError
from sim.scenario.units import amount_cents, duration_s

LOG_FROM = 10
"""A range whose limits differ by this factor is spanned by logarithms."""
LIFT = 1.01
"""How far above a lower percentile a higher one stays, whatever their ranges."""
_PERCENTILE = re.compile(r"(.*)\.p(\d+(?:\.\d+)?)", re.ASCII)
_PART_OF_A_WHOLE = re.compile(r"(ecs|psps)\.[^.]+\.share|cart\.notices\.\d|.*\.mixture\.\d+\.weight", re.ASCII)


@dataclass(frozen=True, slots=True)
class Factor:
    """A number that may be otherwise: the paths that it is used at, what it spans, and what is written of it."""

    paths: tuple[str, ...]
    span: Span
    value: str
    low: str
    high: str
    assumed: str | None
    source: str | None
    position: Position

    @property
    def name(self) -> str:
        """The first path, and how many more there are."""
        more = len(self.paths) - 1
        return f"{self.paths[0]} (and {more} more)" if more else self.paths[0]


def factors(loaded: Loaded, only: Sequence[str] = (), *, tied: bool = True) -> tuple[Factor, ...]:
    """Return the numbers with a range whose path matches one of the patterns `only`, such as `psps.*`, or all.

    Unless `tied`, a number that aliases use in many places is a factor in each of them. Raises `ScenarioError` for the
    range of a share of 100%, which cannot move alone, and for a pattern that names nothing.
    """
    problems: list[Problem] = []
    grouped: dict[Any, list[Provenance]] = {}
    for each in ranges(loaded):
        if _PART_OF_A_WHOLE.fullmatch(each.path):
            fix = "take its range away, and say in assumed how far it may be off"
            problems.append(Problem(each.position, each.path, "is a share of 100% and cannot move alone", fix))
        elif _has_order(each):
            grouped.setdefault(each.position if tied and each.position.line else each.path, []).append(each)
    paths = [[each.path for each in group] for group in grouped.values()]
    for pattern in only:
        if not any(fnmatchcase(path, pattern) for group in paths for path in group):
            fix = "write a path, or a pattern such as psps.*"
            problems.append(Problem(Position(f"--only {pattern}"), "", "names no number with a range", fix))
    found = []
    for group in grouped.values():
        asked = [each for each in group if any(fnmatchcase(each.path, pattern) for pattern in only)]
        if asked or not only:
            named = [*asked, *(each for each in group if each not in asked)]  # the name is a path that was asked for
            try:
                found.append(_factor(loaded, named))
            except ValueError as error:
                problem, _, fix = str(error).partition("; ")
                problems.append(Problem(group[0].position, f"{group[0].path}.range", problem, fix))
    if problems:
        raise ScenarioError(sorted(problems))
    return tuple(found)


def untested(loaded: Loaded, tested: Sequence[Factor]) -> tuple[Provenance, ...]:
    """Return what is assumed and is no factor: it has no range, or was left out."""
    paths = {path for factor in tested for path in factor.paths}
    return tuple(each for each in loaded.provenance if each.source is None and each.path not in paths)


def assigned(chosen: Sequence[Factor], places: Sequence[float] | npt.NDArray[Any]) -> dict[str, str]:
    """Return what the scenario is to say at a place in the unit cube: a text for every path.

    Where the ranges of two percentiles of one law overlap the higher one is lifted above the lower: with p95 below
    p50 there would be no law.
    """
    texts = {
        path: factor.span.text(factor.span.at(float(place)))
        for factor, place in zip(chosen, places, strict=True)
        for path in factor.paths
    }
    laws: dict[str, list[tuple[float, str]]] = {}
    for path in texts:
        if match := _PERCENTILE.fullmatch(path):
            laws.setdefault(match[1], []).append((float(match[2]), path))
    for percentiles in laws.values():
        ordered = [path for _, path in sorted(percentiles)]
        for lower, higher in pairwise(ordered):
            texts[higher] = _lifted(texts[lower], texts[higher])
    return texts


# --- numbers --------------------------------------------------------------------------------------------------------


def _has_order(each: Provenance) -> bool:
    """Whether a range has limits that can be spanned; those of sections, lists and names are remarks."""
    try:
        between(each.low, each.high)
    except ValueError:
        return False
    return not isinstance(each.value, (dict, list))


def _factor(loaded: Loaded, group: Sequence[Provenance]) -> Factor:
    first = group[0]
    whole = all(_is_whole(loaded.scenario, each.path) for each in group)
    span = between(first.low, first.high, whole=whole)
    if span.low > 0 and span.high / span.low >= LOG_FROM:
        span = between(first.low, first.high, whole=whole, log=True)
    paths = tuple(each.path for each in group)
    texts = (str(first.value), str(first.low), str(first.high))
    return Factor(paths, span, *texts, first.assumed, first.source, first.position)


def _is_whole(scenario: BaseModel, path: str) -> bool:
    """Whether the value at a path is a whole number; what lies within a law is not."""
    value: Any = scenario
    for step in path.split("."):
        if isinstance(value, BaseModel):
            names = {field.alias or name: name for name, field in type(value).model_fields.items()}
            value = getattr(value, names.get(step, step), None)
        elif isinstance(value, tuple):
            named = [each for each in value if getattr(each, "name", None) == step]
            value = named[0] if named else value[int(step)]
        else:
            return False
    return isinstance(value, int) and not isinstance(value, bool)


def _lifted(lower: str, higher: str) -> str:
    """Return a higher percentile, lifted if need be."""
    read, unit = (amount_cents, "cent") if lower.endswith(("EUR", "cent")) else (duration_s, "s")
    least = read(lower) * LIFT
    return higher if read(higher) >= least else f"{least:.12g} {unit}"
