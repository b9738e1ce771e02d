"""Assignments `--set a.b.c=value`: a path into the scenario, and a value in YAML.

A path goes by keys, by the names of list items (or their numbers from 0), and straight into a law:
`psps.psp-a.outcome_delay.p98=3s`. Sections that are not there are made, so that any value with a default can be set.
"""

import re
from collections.abc import Sequence

from sim.scenario.annotations import strip
from sim.scenario.distributions import ALL_KINDS
from sim.scenario.extend import driven_out, is_law
from sim.scenario.tree import MAX_DEPTH, Position, Problem, ScenarioError, Tree, parse
from sim.scenario.units import SHOWN, shortened

_STEPS = re.compile(r"(?<!\.p\d\d)\.|\.(?!\d)")
"""Dots between steps; that of a percentile such as p99.9 is none."""


def assign(root: Tree, assignments: Sequence[str], problems: list[Problem]) -> None:
    """Change a tree by assignments, in place, noting those that cannot be carried out."""
    for assignment in assignments:
        try:
            _assign(root, assignment, problems)
        except ScenarioError as error:
            problems += error.problems


def _assign(root: Tree, assignment: str, problems: list[Problem]) -> None:
    at = Position(f"--set {shortened(assignment)}")
    path, equals, written = assignment.partition("=")
    path = path.strip()
    keys = _STEPS.split(path)
    if not equals or not path or not written.strip():
        raise _error(at, path, "is no assignment", "write path=value, for example run.seed=7")
    if not all(keys) or len(keys) > MAX_DEPTH:
        problem = "has an empty step" if not all(keys) else "has too many steps"
        raise _error(at, path if len(path) <= SHOWN else "", problem, "write a path such as run.seed")
    try:
        value = parse(written, at.file, problems, path, at)
    except ScenarioError as error:
        raise _error(at, path, error.problems[0].problem, "quote the value, or correct its syntax") from None
    strip(value, problems, path)
    tree = root
    for done, key in enumerate(keys[:-1], 1):
        tree = _child(tree, key, ".".join(keys[:done]), at)
    _put(tree, keys[-1], value, path, at)


def _error(at: Position, path: str, problem: str, fix: str) -> ScenarioError:
    return ScenarioError([Problem(at, path, problem, fix)])


def _child(tree: Tree, key: str, path: str, at: Position) -> Tree:
    """Take one step, making a section where there is nothing yet."""
    tree = _holder(tree, key)
    if isinstance(tree.value, dict) and key not in tree.value:
        _write(tree, key, Tree({}, at), at)
    child: Tree = tree.value[key if isinstance(tree.value, dict) else _index(tree, key, path, at)]
    return child


def _put(tree: Tree, key: str, value: Tree, path: str, at: Position) -> None:
    tree = _holder(tree, key)
    if isinstance(tree.value, dict):
        _write(tree, key, value, at)
    else:
        tree.value[_index(tree, key, path, at)] = value


def _write(section: Tree, key: str, value: Tree, at: Position) -> None:
    for other in driven_out({key}):
        section.value.pop(other, None)
    section.put(key, value, at)


def _holder(tree: Tree, key: str) -> Tree:
    """Step over the name of a law to its parameters, unless the key stands beside that name."""
    if is_law(tree) and key not in (*ALL_KINDS, "shift", "truncate"):
        parameters = [tree.value[kind] for kind in ALL_KINDS if kind in tree.value]
        if len(parameters) == 1 and isinstance(parameters[0].value, (dict, list)):
            tree = parameters[0]
    return tree


def _index(tree: Tree, key: str, path: str, at: Position) -> int:
    if not isinstance(tree.value, list):
        raise _error(at, path, "leads below a single value", "shorten the path")
    names = [tree.named(index) for index in range(len(tree.value))]
    if key in names:
        return names.index(key)
    if key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(names):
        return int(key)
    fix = f"name one of {', '.join(names)}" if names else "write the whole list"
    raise _error(at, path, "is not in the list", fix)
