"""Scenario files: from YAML to a `Scenario`, with the place and the origin of every value.

The order of things: read a file and take its annotations off (`source`, `assumed`, `range`), lay it over what it
extends, apply `--set`, read data files below the scenario's folder, validate against the schema, check what needs more
than one value. Problems are collected and reported at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt
from pydantic import ValidationError

from sim.scenario.annotations import Provenance, collect, strip
from sim.scenario.assign import assign
from sim.scenario.crosscheck import crosscheck
from sim.scenario.datafiles import DataFiles
from sim.scenario.explain import explain
from sim.scenario.extend import Family
from sim.scenario.schema import Scenario
from sim.scenario.tree import MAX_DEPTH, Position, Problem, ScenarioError, Tree, scalar
from sim.showing import in_notebook

__all__ = ["Loaded", "Position", "Problem", "Provenance", "ScenarioError", "dump", "from_dict", "load", "ranges"]


@dataclass(frozen=True, eq=False, repr=False)
class Loaded:
    """A scenario ready to run, and where everything in it comes from.

    `positions` and `provenance` are keyed by dotted path, list items by name. `trace_s` has the arrival times of a
    trace, seconds from the start of the run.
    """

    scenario: Scenario
    file: Path
    positions: Mapping[str, Position]
    provenance: tuple[Provenance, ...]
    trace_s: npt.NDArray[Any] | None
    sets: tuple[str, ...]

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Scenario {self.scenario.name}, from {self.file}>"

    def position(self, path: str) -> Position:
        """Return where a path, or the nearest section above it, was written."""
        return _nearest(self.positions, path)


class Source:
    """A scenario file that has been read, to be loaded with one set of assignments after another."""

    def __init__(self, path: str | Path) -> None:
        self.file, self._problems = Path(path), list[Problem]()
        self._family = Family(self.file, self._problems)
        try:
            self._tree = self._family.tree()
        except ScenarioError as error:
            raise ScenarioError(sorted([*self._problems, *error.problems])) from None

    def load(self, sets: Sequence[str] = ()) -> Loaded:
        """Load it, changed by assignments `a.b.c=value`; raises `ScenarioError` with every problem."""
        data = DataFiles(self._family.folder, self._family.homes, list(self._problems))
        return _finish(self._tree.copy(), self.file, sets, data)


def load(path: str | Path, sets: Sequence[str] = ()) -> Loaded:
    """Load a scenario file, changed by assignments `a.b.c=value`; raises `ScenarioError` with every problem."""
    return Source(path).load(sets)


def from_dict(values: Mapping[str, Any], sets: Sequence[str] = (), folder: str | Path = ".") -> Loaded:
    """Load a scenario from plain values, as `load` would from a file in `folder`."""
    problems = list[Problem]()
    tree = _planted(values, "", 0, problems)
    strip(tree, problems)
    return _finish(tree, Path(folder) / "(values)", sets, DataFiles(Path(folder).absolute(), {}, problems))


def dump(scenario: Scenario) -> dict[str, Any]:
    """Write a scenario as plain values that load as an equal scenario."""
    written: dict[str, Any] = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    return written


def ranges(loaded: Loaded) -> tuple[Provenance, ...]:
    """Return the numbers that come with a range."""
    return tuple(each for each in loaded.provenance if each.low is not None)


def _planted(value: Any, path: str, depth: int, problems: list[Problem]) -> Tree:
    at = Position("(values)")
    if depth > MAX_DEPTH:
        fix = f"write at most {MAX_DEPTH} levels"
        raise ScenarioError([Problem(at, "", "is nested too deeply", fix)])
    below = f"{path}." if path else ""
    if isinstance(value, Mapping):
        named = {str(scalar(key, path, at, problems)): child for key, child in value.items()}
        planted = {key: _planted(child, below + key, depth + 1, problems) for key, child in named.items()}
        return Tree(planted, at, dict.fromkeys(named, at))
    if isinstance(value, (list, tuple)):
        return Tree([_planted(item, f"{below}{n}", depth + 1, problems) for n, item in enumerate(value)], at)
    return Tree(scalar(value, path, at, problems), at)


def _finish(tree: Tree, file: Path, sets: Sequence[str], data: DataFiles) -> Loaded:
    problems = data.problems
    assign(tree, sets, problems)
    provenance = collect(tree)
    trace_s = data.fill(tree)
    values = tree.plain()
    positions = {path: each.at for path, each in tree.walk()}
    try:
        scenario = Scenario.model_validate(values)
    except ValidationError as error:
        spoilt = set(map(_spoilt, problems))
        problems += [each for each in explain(error, tree) if _spoilt(each) not in spoilt]
    found = crosscheck(values, trace_s)
    problems += [Problem(_nearest(positions, path), path, problem, fix) for path, problem, fix in found]
    if problems:
        raise ScenarioError(sorted(problems))
    return Loaded(scenario, file, positions, provenance, trace_s, tuple(sets))


def _spoilt(problem: Problem) -> tuple[Position, str]:
    """Return what tells whether two problems are about one value: its place, or its path where there are no lines."""
    return problem.position, "" if problem.position.line else problem.path


def _nearest(positions: Mapping[str, Position], path: str) -> Position:
    while path not in positions:
        path = path.rpartition(".")[0]
    return positions[path]
