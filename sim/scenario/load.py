"""Scenario files: from YAML to a `Scenario`, with the place and the origin of every value.

The order of things: read and merge what a file extends, apply `--set`, take annotations (`source`, `assumed`,
`range`) off, read data files below the scenario's folder, validate against the schema, check what needs more than one
section. Problems are collected and reported at once.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt
from pydantic import BaseModel, ValidationError

from sim.scenario.annotations import Provenance, strip
from sim.scenario.crosscheck import crosscheck
from sim.scenario.datafiles import resolve
from sim.scenario.distributions import ALL_KINDS
from sim.scenario.schema import Scenario
from sim.scenario.tree import Position, Problem, ScenarioError, Tree, parse, read

__all__ = ["Loaded", "Position", "Problem", "Provenance", "ScenarioError", "dump", "from_dict", "load", "ranges"]

NAMED_LISTS = ("ecs", "psps", "incidents")
MAX_EXTENDS = 10


@dataclass(frozen=True)
class Loaded:
    """A scenario ready to run, and where everything in it comes from.

    `positions` and `provenance` are keyed by dotted path, list items by name. `trace_s` has the arrival times of a
    trace, seconds from the start of the run.
    """

    scenario: Scenario
    file: Path
    positions: Mapping[str, Position] = field(default_factory=dict)
    provenance: tuple[Provenance, ...] = ()
    trace_s: npt.NDArray[Any] | None = None
    sets: tuple[str, ...] = ()

    def position(self, path: str) -> Position:
        """Return where a path, or the nearest section above it, was written."""
        while path and path not in self.positions:
            path = path.rpartition(".")[0]
        return self.positions.get(path, Position(str(self.file), 1, 1))


def load(path: str | Path, sets: Sequence[str] = ()) -> Loaded:
    """Load a scenario file, changed by assignments `a.b.c=value`; raises `ScenarioError` with every problem."""
    file = Path(path)
    tree = _extended(file, file.resolve().parent, 0)
    return _finish(tree, file, sets)


def from_dict(values: Mapping[str, Any], sets: Sequence[str] = (), folder: str | Path = ".") -> Loaded:
    """Load a scenario from plain values, as `load` would from a file in `folder`."""
    return _finish(_planted(values), Path(folder) / "(values)", sets)


def dump(scenario: Scenario) -> dict[str, Any]:
    """Write a scenario as plain values that load as an equal scenario."""
    written: dict[str, Any] = scenario.model_dump(mode="json", by_alias=True, exclude_none=True)
    return written


def ranges(loaded: Loaded) -> tuple[Provenance, ...]:
    """Return the numbers that come with a range."""
    return tuple(each for each in loaded.provenance if each.low is not None)


def _planted(value: Any) -> Tree:
    at = Position("(values)", 1, 1)
    if isinstance(value, Mapping):
        return Tree({str(k): _planted(v) for k, v in value.items()}, at, {str(k): at for k in value})
    if isinstance(value, (list, tuple)):
        return Tree([_planted(item) for item in value], at)
    return Tree(value, at)


# --- extends --------------------------------------------------------------------------------------------------------


def _extended(file: Path, folder: Path, depth: int) -> Tree:
    tree = read(file, str(file))
    if not isinstance(tree.value, dict):
        raise ScenarioError([Problem(tree.at, "", "is not a mapping", "start with name: my-scenario")])
    parent = tree.value.pop("extends", None)
    if parent is None:
        return tree
    target = file.parent / str(parent.value)
    if not target.resolve().is_relative_to(folder):
        problem = "lies outside the scenario's folder"
        raise ScenarioError([Problem(parent.at, "extends", problem, "name a file in the same folder or below")])
    if depth >= MAX_EXTENDS:
        fix = "extend a file that extends none"
        raise ScenarioError([Problem(parent.at, "extends", "goes round in a circle", fix)])
    if not target.is_file():
        problem = f"names {parent.value}, which is not there"
        raise ScenarioError([Problem(parent.at, "extends", problem, "name an existing file in the same folder")])
    return _merged(_extended(target, folder, depth + 1), tree)


def _merged(base: Tree, over: Tree, key: str = "") -> Tree:
    """Lay one tree over another: sections key by key, named lists item by item, everything else as a whole."""
    if isinstance(base.value, dict) and isinstance(over.value, dict) and not _law(over) and not _law(base):
        merged = dict(base.value)
        for name, child in over.value.items():
            merged[name] = _merged(merged[name], child, name) if name in merged else child
        for alternatives in (("rate", "ramp", "trace"),):
            if key == "arrivals" and any(name in over.value for name in alternatives):
                for name in alternatives:
                    if name not in over.value:
                        merged.pop(name, None)
        return Tree(merged, over.at, {**base.keys, **over.keys})
    if key in NAMED_LISTS and isinstance(base.value, list) and isinstance(over.value, list):
        items = {base.named(n): item for n, item in enumerate(base.value)}
        for n, item in enumerate(over.value):
            name = over.named(n)
            items[name] = _merged(items[name], item) if name in items and not name.isdigit() else item
        return Tree(list(items.values()), over.at)
    return over


def _law(tree: Tree) -> bool:
    return isinstance(tree.value, dict) and any(key in ALL_KINDS for key in tree.value)


# --- set ------------------------------------------------------------------------------------------------------------


def _assign(root: Tree, assignment: str, number: int) -> None:
    shown = f"--set[{number}]"
    at = Position(shown, 1, 1)
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise ScenarioError([Problem(at, path, "is no assignment", "write path=value, for example run.seed=7")])
    value = parse(text, shown) if text.strip() else Tree(None, at)
    keys = path.strip().split(".")
    tree = root
    for done, key in enumerate(keys[:-1]):
        tree = _child(tree, key, ".".join(keys[: done + 1]), at, create=True)
    _put(tree, keys[-1], value, path, at)


def _inner(tree: Tree) -> Tree:
    """Step over an annotated value, and over the name of a law, to where its parameters are."""
    while isinstance(tree.value, dict):
        inner = [key for key in tree.value if key in ALL_KINDS or key == "value"]
        if len(inner) != 1:
            return tree
        tree = tree.value[inner[0]]
    return tree


def _child(tree: Tree, key: str, path: str, at: Position, *, create: bool = False) -> Tree:
    if isinstance(tree.value, dict) and key not in tree.value:
        tree = _inner(tree)
    if isinstance(tree.value, dict):
        if key not in tree.value and create:
            tree.value[key] = Tree({}, at)
            tree.keys[key] = at
        if key in tree.value:
            child: Tree = tree.value[key]
            return child
    elif isinstance(tree.value, list):
        for index, item in enumerate(tree.value):
            if key in (tree.named(index), str(index)):
                found: Tree = item
                return found
        names = [tree.named(index) for index in range(len(tree.value))]
        raise ScenarioError([Problem(at, path, "is not in the list", f"name one of {', '.join(names)}")])
    raise ScenarioError([Problem(at, path, "leads below a single value", "shorten the path")])


def _put(tree: Tree, key: str, value: Tree, path: str, at: Position) -> None:
    inner = _inner(tree) if isinstance(tree.value, dict) and key not in tree.value else tree
    if isinstance(inner.value, dict) and (inner is tree or key in inner.value or key.startswith("p")):
        inner.value[key] = value
        inner.keys[key] = at
    elif isinstance(tree.value, dict):
        tree.value[key] = value
        tree.keys[key] = at
    elif isinstance(tree.value, list):
        names = [tree.named(index) for index in range(len(tree.value))]
        index = names.index(key) if key in names else int(key) if key.isdigit() and int(key) < len(names) else None
        if index is None:
            raise ScenarioError([Problem(at, path, "is not in the list", f"name one of {', '.join(names)}")])
        tree.value[index] = value
    else:
        raise ScenarioError([Problem(at, path, "leads below a single value", "shorten the path")])


# --- validation -----------------------------------------------------------------------------------------------------


def _finish(tree: Tree, file: Path, sets: Sequence[str]) -> Loaded:
    problems: list[Problem] = []
    for number, assignment in enumerate(sets, 1):
        try:
            _assign(tree, assignment, number)
        except ScenarioError as error:
            problems += error.problems
    provenance = strip(tree, problems)
    trace_s = resolve(tree, file.resolve().parent, problems)
    positions = _positions(tree)
    try:
        scenario = Scenario.model_validate(tree.plain())
    except ValidationError as error:
        problems += _translated(error, tree)
    else:
        problems += crosscheck(scenario, trace_s, lambda path: _nearest(positions, path, tree.at))
    if problems:
        raise ScenarioError(sorted(problems))
    return Loaded(scenario, file, positions, tuple(provenance), trace_s, tuple(sets))


def _positions(tree: Tree) -> dict[str, Position]:
    return {path: each.at for path, each in tree.walk()}


def _nearest(positions: Mapping[str, Position], path: str, top: Position) -> Position:
    while path and path not in positions:
        path = path.rpartition(".")[0]
    return positions.get(path, top)


_WORDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "has too few entries",
    "too_long": "has too many entries",
}


def _translated(error: ValidationError, tree: Tree) -> list[Problem]:
    problems = []
    for each in error.errors(include_url=False):
        path, at = _located(tree, each["loc"], key=each["type"] == "extra_forbidden")
        problem, fix = _said(each, at_model=_model(each["loc"]))
        problems.append(Problem(at, path, problem, fix))
    return problems


def _located(tree: Tree, loc: Iterable[int | str], *, key: bool) -> tuple[str, Position]:
    """Follow pydantic's location into the tree; steps that are not in it (types of a union) are left out."""
    path: list[str] = []
    at = tree.at
    for step in loc:
        if isinstance(tree.value, list) and isinstance(step, int) and step < len(tree.value):
            path.append(tree.named(step))
            tree = tree.value[step]
        elif isinstance(tree.value, dict) and str(step) in tree.value:
            path.append(str(step))
            at = tree.keys.get(str(step), at)
            tree = tree.value[str(step)]
            if not key:
                at = tree.at
            continue
        elif isinstance(step, str) and step.isidentifier() and isinstance(tree.value, dict):
            path.append(step)
        at = tree.at
    return ".".join(path), at


def _model(loc: Iterable[int | str]) -> type[BaseModel]:
    """Return the section that a location lies in."""
    model: type[BaseModel] = Scenario
    for step in list(loc)[:-1]:
        field_ = next((f for n, f in model.model_fields.items() if step in (n, f.alias)), None)
        found = _section(field_.annotation) if field_ is not None else None
        model = found or model
    return model


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _section(inner)
        if found is not None:
            return found
    return None


def _said(each: Any, at_model: type[BaseModel]) -> tuple[str, str]:
    kind, context = each["type"], each.get("ctx", {})
    if kind == "extra_forbidden":
        names = [f.alias or n for n, f in at_model.model_fields.items()]
        close = difflib.get_close_matches(str(each["loc"][-1]), names, n=1, cutoff=0.5)
        return "is not known here", f"did you mean {close[0]}?" if close else f"write one of {', '.join(names)}"
    if kind == "missing":
        return "is missing", "add it"
    if kind == "value_error":
        problem, _, fix = str(context["error"]).partition("; ")
        return problem, fix or "see scenarios/schema.json"
    if kind in _WORDS:
        return f"is {_short(each['input'])}", _WORDS[kind].format(**context)
    if kind == "literal_error":
        return f"is {_short(each['input'])}", f"write {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"is {_short(each['input'])}", "write letters, digits, - and _, at most 64"
    return f"is {_short(each['input'])}: {each['msg'][0].lower()}{each['msg'][1:]}", "see scenarios/schema.json"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
