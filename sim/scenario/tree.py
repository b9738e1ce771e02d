"""YAML as a tree that remembers where everything was written.

Reading is safe: no tags of other types, no duplicate keys, no files above a size, no aliases that blow up, no halves of
characters, no numbers longer than any float. A tree is what annotations are taken off, `extends` merges and `--set`
changes, before the schema sees plain values. Every use of an alias becomes a tree of its own, so that a change to one
leaves the others alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from sim.scenario.units import size_bytes

MAX_BYTES = size_bytes("5 MB")
MAX_NODES = 200_000
MAX_DEPTH = 30
"""No scenario is nested more deeply than a dozen levels."""
MAX_DIGITS = 100
"""Of a whole number: well within what a float can be."""


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file, lines and columns counted from 1; or a place without lines, such as an assignment."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a scenario: where, what, and what to write instead."""

    position: Position
    path: str
    problem: str
    fix: str

    def __str__(self) -> str:
        said = f"{self.position}  {self.path or '(file)'}  {self.problem}  {self.fix}"
        return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in said)


class ScenarioError(ValueError):
    """A scenario that cannot be used; `problems` has all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(frozen=True, slots=True)
class Notes:
    """Where a value comes from, as written: see `sim.scenario.annotations`."""

    source: str | None
    assumed: str | None
    low: Any
    high: Any


@dataclass(slots=True)
class Tree:
    """A value and where it was written: a dict of trees, a list of trees, or a scalar."""

    value: Any
    at: Position
    keys: dict[str, Position] = field(default_factory=dict)
    notes: Notes | None = None

    def plain(self) -> Any:
        """Return the value without positions."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def copy(self) -> "Tree":
        """Return a tree that can be changed without changing this one."""
        if isinstance(self.value, dict):
            value: Any = {key: child.copy() for key, child in self.value.items()}
        else:
            value = [child.copy() for child in self.value] if isinstance(self.value, list) else self.value
        return Tree(value, self.at, dict(self.keys), self.notes)

    def put(self, key: str, child: "Tree", at: Position) -> None:
        """Put a child of a dict under a key written at a position."""
        self.value[key] = child
        self.keys[key] = at

    def named(self, index: int) -> str:
        """Return how a path calls an item of a list: by its name if it has one."""
        return self.name_of(index) or str(index)

    def name_of(self, index: int) -> str | None:
        """Return the name of an item of a list, if it has one."""
        item = self.value[index]
        name = item.value.get("name") if isinstance(item.value, dict) else None
        return name.value if name is not None and isinstance(name.value, str) else None

    def walk(self, path: str = "") -> Iterator[tuple[str, "Tree"]]:
        """Yield every tree below and including this one with its dotted path."""
        yield path, self
        prefix = f"{path}." if path else ""
        if isinstance(self.value, dict):
            for key, child in self.value.items():
                yield from child.walk(prefix + key)
        elif isinstance(self.value, list):
            for index, child in enumerate(self.value):
                yield from child.walk(prefix + self.named(index))


def read(file: Path, shown: str, problems: list[Problem]) -> Tree:
    """Read a file into a tree; `shown` is how messages call it. Raises `ScenarioError` when there is no tree."""
    start = Position(shown, 1, 1)
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise _error(start, f"cannot be read: {why}", "give the path of a scenario file") from None
    if len(data) > MAX_BYTES:
        raise _error(start, f"is larger than {MAX_BYTES / 1e6:g} MB", "give the path of a scenario file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        at = _place(shown, data[: error.start].decode("utf-8", "replace"))
        raise _error(at, "is not UTF-8", "save the file as UTF-8") from None
    return parse(text, shown, problems)


def parse(text: str, shown: str, problems: list[Problem], path: str = "", at: Position | None = None) -> Tree:
    """Parse YAML into a tree, every value at its own place or, if given, all `at` one.

    `path` leads to the tree. Duplicate keys and tags become `problems`; raises `ScenarioError` when there is no tree.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH + 1
    yaml.composer.warn_double_anchors = False
    start = at or Position(shown, 1, 1)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        there = Position(shown, mark.line + 1, mark.column + 1) if mark and at is None else start
        if str(error.problem).startswith("maximum depth"):
            raise _too_deep(there) from None
        raise _error(there, f"is not YAML: {error.problem or error.context}", "correct the syntax") from None
    except ReaderError as error:
        there = at or _place(shown, text[: error.position])
        code = error.character if isinstance(error.character, int) else ord(error.character)
        problem = f"has the character #x{code:04x}, which YAML does not allow"
        raise _error(there, problem, "save the file as text in UTF-8") from None
    except RecursionError:  # a version of the parser that knows no limit
        raise _too_deep(start) from None
    except (YAMLError, ValueError, OverflowError) as error:
        raise _error(start, f"is not YAML: {_first_line(error)}", "correct the syntax") from None
    if node is None:
        raise _error(start, "is empty", "write a scenario, starting with name: my-scenario")
    return _Builder(yaml, shown, problems, at).build(node, path, 0)


def scalar(value: Any, path: str, at: Position, problems: list[Problem]) -> Any:
    """Return a single value as it can be calculated with and written again; what cannot becomes one of `problems`.

    Two halves of a character, as JSON may write it, become the character; text with one half loses it.
    """
    if isinstance(value, int) and abs(value) >= 10**MAX_DIGITS:
        problems.append(_too_long(path, at))
        return inf
    if not isinstance(value, str):
        return value
    halves = value.encode("utf-16-le", "surrogatepass")
    try:
        return halves.decode("utf-16-le")
    except UnicodeDecodeError as error:
        half = int.from_bytes(halves[error.start : error.start + 2], "little")
        problem = f"has #x{half:04x}, which is half of a character"
        problems.append(Problem(at, path, problem, "write the whole character, or leave it out"))
        return halves.decode("utf-16-le", "replace")


def _too_long(path: str, at: Position) -> Problem:
    return Problem(at, path, f"is a whole number of more than {MAX_DIGITS} digits", "write a shorter one")


def _error(at: Position, problem: str, fix: str) -> ScenarioError:
    return ScenarioError([Problem(at, "", problem, fix)])


def _too_deep(at: Position) -> ScenarioError:
    return _error(at, "is nested too deeply", f"write at most {MAX_DEPTH} levels")


def _place(shown: str, before: str) -> Position:
    """Return the place that follows a text."""
    return Position(shown, before.count("\n") + 1, len(before) - before.rfind("\n"))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


class _Builder:
    """Turns YAML nodes into trees, noting duplicate keys and tags."""

    def __init__(self, yaml: YAML, shown: str, problems: list[Problem], at: Position | None) -> None:
        self.yaml = yaml
        self.shown = shown
        self.problems = problems
        self.at = at
        self.count = 0

    def build(self, node: Node, path: str, depth: int) -> Tree:
        at = self.at or Position(self.shown, node.start_mark.line + 1, node.start_mark.column + 1)
        self.count += 1
        if self.count > MAX_NODES:
            raise _error(at, f"has more than {MAX_NODES} values, aliases counted as often as used", "write fewer")
        if depth > MAX_DEPTH:  # also an alias inside of what it stands for
            raise _too_deep(at)
        kind = str(node.tag).rpartition(":")[2]
        if kind not in _KINDS[type(node)]:
            fix = "write a plain value without a tag"
            self.problems.append(Problem(at, path, f"has the tag {node.tag}", fix))
            return Tree(None, at)
        if isinstance(node, ScalarNode):
            return Tree(self._scalar(node, kind, path, at), at)
        if isinstance(node, SequenceNode):
            below = f"{path}." if path else ""
            return Tree([self.build(child, f"{below}{n}", depth + 1) for n, child in enumerate(node.value)], at)
        return self._mapping(node.value, path, at, depth)

    def _scalar(self, node: ScalarNode, kind: str, path: str, at: Position) -> Any:
        if kind in ("str", "timestamp", "merge"):
            return scalar(node.value, path, at, self.problems)
        if kind == "int" and len(node.value) > MAX_DIGITS:
            self.problems.append(_too_long(path, at))
            return inf
        try:
            return self.yaml.constructor.construct_object(node)
        except (ValueError, OverflowError) as error:
            self.problems.append(Problem(at, path, f"is no value: {_first_line(error)}", "write a shorter one"))
            return None

    def _mapping(self, pairs: list[tuple[Node, Node]], path: str, at: Position, depth: int) -> Tree:
        tree = Tree({}, at)
        for key_node, child in pairs:
            there = self.at or Position(self.shown, key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            written = key_node.value if isinstance(key_node, ScalarNode) else ""
            key = str(scalar(written, path, there, self.problems))
            below = f"{path}.{key}" if path else key
            if not key:
                fix = "write a name before the colon"
                self.problems.append(Problem(there, path, "has a key that is not a name", fix))
            elif key in tree.value:
                first = f", first in line {tree.keys[key].line}" if tree.keys[key].line else ""
                self.problems.append(Problem(there, below, f"is written twice{first}", "keep one of the two"))
            else:
                tree.put(key, self.build(child, below, depth + 1), there)
                if isinstance(child, ScalarNode) and child.start_mark.index == child.end_mark.index:
                    tree.value[key].at = there  # nothing is written after the colon
        if "<<" in tree.value:
            self._merge(tree, path)
        return tree

    def _merge(self, tree: Tree, path: str) -> None:
        """Carry out a merge key: what it stands for is written beside the section's own keys, which win."""
        merged, at = tree.value.pop("<<"), tree.keys.pop("<<")
        for other in merged.value if isinstance(merged.value, list) else [merged]:
            if not isinstance(other.value, dict):
                problem = Problem(at, f"{path}.<<".lstrip("."), "merges what is no section", "write <<: *section")
                self.problems.append(problem)
                return
            for key, child in other.value.items():
                if key not in tree.value:
                    tree.put(key, child, other.keys[key])


_KINDS: dict[type[Node], tuple[str, ...]] = {
    ScalarNode: ("str", "int", "float", "bool", "null", "timestamp", "merge"),
    SequenceNode: ("seq",),
    MappingNode: ("map",),
}
