"""YAML as a tree that remembers where everything was written.

Reading is safe: no tags of other types, no duplicate keys, no files above a size, no aliases that blow up. A tree is
what `extends` merges, `--set` changes, and annotations are taken off, before the schema sees plain values.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

MAX_BYTES = 5_000_000
MAX_NODES = 200_000


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something wrong in a scenario: where, what, and what to write instead."""

    position: Position
    path: str
    problem: str
    fix: str

    def __str__(self) -> str:
        at = self.position
        return f"{at.file}:{at.line}:{at.column}  {self.path or '(file)'}  {self.problem}  {self.fix}"


class ScenarioError(ValueError):
    """A scenario that cannot be used; `problems` has all that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(map(str, self.problems)))


@dataclass(slots=True)
class Tree:
    """A value and where it was written: a dict of trees, a list of trees, or a scalar."""

    value: Any
    at: Position
    keys: dict[str, Position] = field(default_factory=dict)

    def plain(self) -> Any:
        """Return the value without positions."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        if isinstance(self.value, list):
            return [child.plain() for child in self.value]
        return self.value

    def named(self, index: int) -> str:
        """Return how a path calls an item of a list: by its name if it has one."""
        item = self.value[index]
        name = item.value.get("name") if isinstance(item.value, dict) else None
        return str(name.value) if name is not None else str(index)

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


def read(file: Path, shown: str) -> Tree:
    """Read a file into a tree; raises `ScenarioError`. `shown` is how messages call the file."""
    start = Position(shown, 1, 1)
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise _error(start, f"has {size / 1e6:.1f} MB", f"keep a scenario below {MAX_BYTES / 1e6:g} MB")
        data = file.read_bytes()
    except OSError as error:
        raise _error(start, f"cannot be read: {error.strerror}", "give the path of a scenario file") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise _error(Position(shown, line, 1), "is not UTF-8", "save the file as UTF-8") from None
    return parse(text, shown)


def parse(text: str, shown: str) -> Tree:
    """Parse YAML into a tree; raises `ScenarioError`."""
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
        if node is None:
            raise _error(Position(shown, 1, 1), "is empty", "write a scenario, starting with name: my-scenario")
        builder = _Builder(yaml, shown)
        tree = builder.build(node, "")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = Position(shown, mark.line + 1, mark.column + 1) if mark else Position(shown, 1, 1)
        raise _error(at, f"is not YAML: {error.problem or error.context}", "correct the syntax") from None
    except (YAMLError, ValueError, RecursionError, OverflowError) as error:
        if isinstance(error, ScenarioError):
            raise
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _error(Position(shown, 1, 1), f"is not YAML: {said}", "correct the syntax") from None
    if builder.problems:
        raise ScenarioError(builder.problems)
    return tree


def _error(at: Position, problem: str, fix: str) -> ScenarioError:
    return ScenarioError([Problem(at, "", problem, fix)])


class _Builder:
    """Turns YAML nodes into trees, noting duplicate keys."""

    def __init__(self, yaml: YAML, shown: str) -> None:
        self.yaml = yaml
        self.shown = shown
        self.problems: list[Problem] = []
        self.count = 0
        self.inside: set[int] = set()

    def _at(self, node: Node) -> Position:
        return Position(self.shown, node.start_mark.line + 1, node.start_mark.column + 1)

    def build(self, node: Node, path: str) -> Tree:
        self.count += 1
        if self.count > MAX_NODES or id(node) in self.inside:
            raise _error(self._at(node), "has too many values, or aliases of itself", "write the values out")
        if isinstance(node, ScalarNode):
            return Tree(self._scalar(node, path), self._at(node))
        self.inside.add(id(node))
        tree = self._mapping(node, path) if isinstance(node, MappingNode) else self._sequence(node, path)
        self.inside.remove(id(node))
        return tree

    def _scalar(self, node: ScalarNode, path: str) -> Any:
        kind = str(node.tag).rsplit(":", 1)[-1]
        if kind not in ("str", "int", "float", "bool", "null"):
            if kind == "timestamp":
                return node.value
            self.problems.append(
                Problem(self._at(node), path, f"has the tag {node.tag}", "write a plain value without a tag")
            )
            return None
        return node.value if kind == "str" else self.yaml.constructor.construct_object(node)

    def _sequence(self, node: Node, path: str) -> Tree:
        children = [self.build(child, f"{path}.{n}".lstrip(".")) for n, child in enumerate(node.value)]
        return Tree(children, self._at(node))

    def _mapping(self, node: MappingNode, path: str) -> Tree:
        tree = Tree({}, self._at(node))
        for key_node, child in node.value:
            key = str(key_node.value) if isinstance(key_node, ScalarNode) else ""
            below = f"{path}.{key}".lstrip(".")
            at = self._at(key_node)
            if not key:
                self.problems.append(Problem(at, path, "has a key that is not a name", "write a name before the colon"))
            elif key in tree.value:
                first = tree.keys[key].line
                self.problems.append(
                    Problem(at, below, f"is written twice, first in line {first}", "keep one of the two")
                )
            else:
                tree.value[key] = self.build(child, below)
                tree.keys[key] = at
        return tree
