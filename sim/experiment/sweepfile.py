"""Sweep files: which scenario, which points, how many replications of each.

    scenario: deadline_peak.yaml
    design: grid                     # or list (a CSV file), lhs, sobol
    vary:
      ecs.aci.workers: [4, 8, 16]
      ecs.aci.paGetPayment.time.p98: log:1 s..4 s:5
    replications: 10

Names of files are relative to the sweep's own. What is wrong is said as of a scenario, all at once.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError

from sim.experiment.design import MAX_POINTS, Design, Entry, Kind, build, read_list
from sim.scenario.explain import explain
from sim.scenario.flaws import suggestion
from sim.scenario.schema import Section, Whole
from sim.scenario.tree import Problem, ScenarioError, Tree, parse, read
from sim.scenario.units import whole

MAX_REPLICATIONS = 100_000
_OF_A_SCENARIO = {"name", "extends"}
"""What a scenario begins with, and a sweep file never does."""


@dataclass(frozen=True)
class Sweep:
    """What a sweep file says; `replications` None leaves their number to the scenario."""

    file: Path
    scenario: Path
    design: Design
    replications: int | Literal["auto"] | None


def read_sweep(file: str | Path) -> Sweep:
    """Read a sweep file; raises `ScenarioError` with every problem."""
    file = Path(file)
    problems: list[Problem] = []
    tree = read(file, str(file), problems)
    if not isinstance(tree.value, dict):
        fix = "write keys and values, starting with scenario: baseline.yaml"
        raise ScenarioError([*problems, Problem(tree.at, "", "is no sweep", fix)])
    if tree.value.keys() & _OF_A_SCENARIO and not tree.value.keys() & _Form.model_fields.keys():
        fix = "say what to vary, for example --vary psps.psp-a.workers=4,8,16"
        raise ScenarioError([*problems, Problem(tree.at, "", "is a scenario and no sweep", fix)])
    form, wrong = _form(tree, problems)
    design = None
    if not wrong & {"design", "vary", "points"}:
        problems += _misplaced(form, tree)
        try:
            design = _design(form, tree, file.parent)
        except ScenarioError as error:
            problems += error.problems
    if problems or design is None:
        raise ScenarioError(sorted(problems))
    return Sweep(file, file.parent / form.scenario, design, form.replications)


def _replications(value: object) -> object:
    count = value if value == "auto" else whole(value)
    if isinstance(count, int) and not 1 <= count <= MAX_REPLICATIONS:
        raise ValueError(f"is {count}; write 1 to {MAX_REPLICATIONS}, or auto")
    return count


class _Form(Section):
    """The keys of a sweep file."""

    scenario: Annotated[str, Field(min_length=1)]
    design: Literal["grid", "list", "lhs", "sobol"] = "grid"
    vary: dict[str, Any] | None = None
    file: str | None = None
    points: Annotated[Whole, Field(ge=1, le=MAX_POINTS)] | None = None
    seed: Annotated[Whole, Field(ge=0, lt=2**63)] = 1
    replications: Annotated[int | Literal["auto"] | None, BeforeValidator(_replications)] = None


def _form(tree: Tree, problems: list[Problem]) -> tuple[_Form, set[str]]:
    """Return what the file says, without what is wrong, and the names of that."""
    for key in [key for key in tree.value if key not in _Form.model_fields]:
        problems.append(Problem(tree.keys[key], key, "is not known here", suggestion(key, _Form.model_fields)))
        del tree.value[key]
    values = tree.plain()
    try:
        return _Form.model_validate(values), set()
    except ValidationError as error:
        problems += explain(error, tree)
        wrong = {str(each["loc"][0]) for each in error.errors()}
    right = {key: value for key, value in values.items() if key not in wrong}
    return _Form.model_validate({"scenario": "(unknown)", **right}), wrong


_USELESS = {"grid": ("file", "seed"), "list": ("vary", "points", "seed"), "lhs": ("file",), "sobol": ("file",)}
"""By design, the keys that it has no use for. Points of a grid are refused with what to write instead."""


def _misplaced(form: _Form, tree: Tree) -> list[Problem]:
    """Find keys that the kind of design has no use for, and those that it needs."""
    needed = "file" if form.design == "list" else "vary"
    problems = [
        Problem(tree.keys[key], key, f"means nothing for design: {form.design}", "leave it out")
        for key in _USELESS[form.design]
        if key in tree.value
    ]
    if getattr(form, needed) is None:
        fix = "add file: points.csv" if needed == "file" else "add vary: {psps.psp-a.workers: [4, 8, 16]}"
        problems.append(Problem(tree.at, needed, f"is missing, and design: {form.design} needs it", fix))
    return problems


def _design(form: _Form, tree: Tree, folder: Path) -> Design | None:
    if form.design == "list":
        return None if form.file is None else read_list(folder / form.file)
    if form.vary is None:
        return None
    vary = tree.value["vary"]
    entries = [Entry(path, vary.keys[path], _written(each)) for path, each in vary.value.items()]
    at = tree.keys["points" if form.points is not None else "vary"]
    return build(entries, Kind(form.design), form.points, form.seed, at)


def _written(tree: Tree) -> str | tuple[str, ...]:
    """Return values as they would be written in an option, or a list of texts."""
    if isinstance(tree.value, list):
        return tuple(text_of(item.plain()) for item in tree.value)
    if isinstance(tree.value, str) or tree.value is None:
        return tree.value or ""
    return (text_of(tree.plain()),)


def text_of(value: Any) -> str:
    """Write a value as YAML that reads as this value."""
    if isinstance(value, str):
        try:
            if parse(value, "", []).plain() == value:
                return value
        except ScenarioError:
            pass  # it has to be quoted
    return json.dumps(value, ensure_ascii=False)
