"""Scenario files that extend others: read, and laid one over the other.

Sections are merged key by key; lists in which every item has a name, item by item; laws, shares by size of cart, other
lists and single values are replaced as a whole. A key that can only stand instead of others drives those out. A
description is not handed down.
"""

from collections.abc import Collection
from pathlib import Path

from sim.scenario.annotations import strip
from sim.scenario.distributions import ALL_KINDS
from sim.scenario.tree import Problem, ScenarioError, Tree, read

MAX_EXTENDS = 10
WHOLE = ("notices",)
"""Sections that are one value: shares that add up to 100%."""
INSTEAD = (
    (("rate", "profile"), ("ramp",), ("trace",)),
    (("at", "duration"), ("mtbf", "mttr")),
    tuple((kind,) for kind in ALL_KINDS),
)
"""Keys of one section that stand instead of each other."""


def driven_out(given: Collection[str]) -> set[str]:
    """Return the keys that cannot stand beside the given ones."""
    out: set[str] = set()
    for groups in INSTEAD:
        chosen = [group for group in groups if any(name in given for name in group)]
        if chosen:
            out.update(name for group in groups if group not in chosen for name in group)
    return out


class Family:
    """A scenario file and those that it extends; only files below its folder are read."""

    def __init__(self, file: Path, problems: list[Problem]) -> None:
        self.file = file
        self.folder = file.absolute().parent
        self.problems = problems
        self.homes: dict[str, Path] = {}
        """The folder of each file, by the name that messages give it."""

    def tree(self) -> Tree:
        """Return the file over what it extends; raises `ScenarioError` when a file cannot be used at all."""
        return self._read(self.file, ())

    def _read(self, file: Path, heirs: tuple[Path, ...]) -> Tree:
        tree = read(file, str(file), self.problems)
        if not isinstance(tree.value, dict):
            what = "a list" if isinstance(tree.value, list) else "a single value"
            fix = "write a scenario, starting with name: my-scenario"
            raise ScenarioError([Problem(tree.at, "", f"is {what}", fix)])
        self.homes[str(file)] = file.absolute().parent
        parent = tree.value.pop("extends", None)
        strip(tree, self.problems)
        if parent is None:
            return tree
        target = self._parent(file, parent, (*heirs, file.resolve()))
        base = self._read(target, (*heirs, file.resolve()))
        base.value.pop("description", None)  # what it says of the one need not be true of the other
        return merged(base, tree)

    def _parent(self, file: Path, written: Tree, heirs: tuple[Path, ...]) -> Path:
        name, problem, fix = written.value, "", "name a scenario file in the same folder or below"
        target = file.parent / str(name)
        try:
            if not isinstance(name, str):
                problem = "is not the name of a file"
            elif not target.resolve().is_relative_to(self.folder.resolve()):
                problem = f"names {name}, which lies outside the scenario's folder"
            elif not target.is_file():
                problem = f"names {name}, which is not there"
            elif target.resolve() in heirs:
                names = " extends ".join(each.name for each in (*heirs, target.resolve()))
                problem, fix = f"goes round in a circle: {names}", "extend a file that extends none of these"
            elif len(heirs) > MAX_EXTENDS:
                problem, fix = f"comes after {MAX_EXTENDS} others", "extend a file that extends fewer"
        except (OSError, ValueError, RuntimeError):  # too long, a null byte, links in a circle
            problem = f"names {name}, which cannot be opened"
        if problem:
            raise ScenarioError([Problem(written.at, "extends", problem, fix)])
        return target


def merged(base: Tree, over: Tree, key: str = "") -> Tree:
    """Lay one tree over another."""
    if isinstance(base.value, dict) and isinstance(over.value, dict) and key not in WHOLE:
        if not is_law(base) and not is_law(over):
            return _merged_section(base, over)
    elif _all_named(base) and _all_named(over):
        return _merged_list(base, over)
    return over


def _merged_section(base: Tree, over: Tree) -> Tree:
    out = driven_out(over.value.keys())
    kept = {name: child for name, child in base.value.items() if name not in out}
    values = kept | {
        name: merged(kept[name], child, name) if name in kept else child for name, child in over.value.items()
    }
    return Tree(values, over.at, base.keys | over.keys, over.notes or base.notes)


def _merged_list(base: Tree, over: Tree) -> Tree:
    """Merge items that have the same name; a name that is there twice stays there twice, and is found out later."""
    theirs = [base.named(index) for index in range(len(base.value))]
    items, added, seen = list(base.value), [], set()
    for index, item in enumerate(over.value):
        name = over.named(index)
        if name in theirs and name not in seen:
            at = theirs.index(name)
            items[at] = merged(items[at], item)
        else:
            added.append(item)
        seen.add(name)
    return Tree(items + added, over.at, {}, over.notes or base.notes)


def is_law(tree: Tree) -> bool:
    """Whether a tree is a law with parameters."""
    return isinstance(tree.value, dict) and any(key in ALL_KINDS for key in tree.value)


def _all_named(tree: Tree) -> bool:
    """Whether a tree is a list of named items; an empty list has none, and stands for itself."""
    if not isinstance(tree.value, list) or not tree.value:
        return False
    return all(tree.name_of(index) for index in range(len(tree.value)))
