"""Designs: the points of a sweep, as data.

A point gives a text to every path that is varied, so that it goes into the scenario as `--set` does. Points are worked
out when they are asked for: a grid of a million points takes no memory. Nothing is known here of what a scenario has;
a path or a value that it refuses is found when a point is loaded.

Samples: McKay, Beckman and Conover (1979), Technometrics 21 (Latin hypercube); Sobol' (1967) with Owen's scrambling, by
`scipy.stats.qmc`. A design is the same for the same seed.
"""

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy.typing as npt

from sim.experiment import span
from sim.experiment.span import Span
from sim.scenario.tree import MAX_DEPTH, Position, Problem, ScenarioError, parse
from sim.scenario.units import SHOWN, shortened

T = TypeVar("T")
MAX_POINTS = 1_000_000
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.%/ +-]*", re.ASCII)
"""Texts that are YAML without asking its parser, which takes a second for ten thousand."""


class Kind(StrEnum):
    """How points are chosen."""

    GRID = "grid"
    LIST = "list"
    LHS = "lhs"
    SOBOL = "sobol"


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a design: its number from 0, and the text of every path, in the order in which paths were given."""

    number: int
    values: Mapping[str, str]


def assignments(point: Point) -> tuple[str, ...]:
    """Return what `sim.scenario.load.load` takes as `sets`.

    >>> assignments(Point(0, {"psps.psp-a.workers": "8", "run.window": "30 min"}))
    ('psps.psp-a.workers=8', 'run.window=30 min')
    """
    return tuple(f"{path}={text}" for path, text in point.values.items())


class Rows(Protocol):
    """The values of every point, one text for each path."""

    def __len__(self) -> int: ...
    def __getitem__(self, number: int, /) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Design:
    """The points of a sweep, by number; `varied` holds what is written of each path, for messages and manifests.

    `places` are where paths are written, and `lines`, of a list, where its points are in the file.
    """

    kind: Kind
    varied: Mapping[str, str]
    rows: Rows
    places: Mapping[str, Position]
    lines: Sequence[int] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that are varied."""
        return tuple(self.varied)

    def place(self, point: Point, path: str) -> Position:
        """Return where it is written which value a path has at a point."""
        found = self.places[path]
        return replace(found, line=self.lines[point.number]) if self.lines else found

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, number: int) -> Point:
        if not 0 <= number < len(self.rows):
            raise IndexError(f"point {number} of {len(self.rows)}")
        return self._point(number)

    def __iter__(self) -> Iterator[Point]:
        return map(self._point, range(len(self)))

    def _point(self, number: int) -> Point:
        return Point(number, dict(zip(self.varied, self.rows[number], strict=True)))


@dataclass(frozen=True, slots=True)
class Entry:
    """One path, where it was written, and its values: a text such as `1s,2s` or `log:1..9:3`, or a list of texts."""

    path: str
    at: Position
    written: str | Sequence[str]


def read_vary(options: Sequence[str], kind: Kind = Kind.GRID, points: int | None = None, seed: int = 1) -> Design:
    """Read options `--vary path=values`; raises `ScenarioError` with every problem.

    >>> len(read_vary(["psps.psp-a.workers=4,8,16", "run.window=lin:10 min..1 h:6"]))
    18
    """
    entries, problems = [], []
    for option in options:
        path, equals, written = option.partition("=")
        at = Position(f"--vary {shortened(option)}")
        if equals:
            entries.append(Entry(path.strip(), at, written))
        else:
            fix = "write path=values, for example psps.psp-a.workers=4,8,16"
            problems.append(Problem(at, path.strip(), "has no values", fix))
    return build(entries, kind, points, seed, Position("--vary"), problems)


def build(
    entries: Sequence[Entry],
    kind: Kind,
    points: int | None,
    seed: int,
    at: Position,
    problems: Sequence[Problem] = (),
) -> Design:
    """Build a grid or a sample; `at` is the place of what is wrong with all of it, `problems` what is so already."""
    problems = list(problems)
    _check_paths([(entry.path, entry.at) for entry in entries], problems)
    if kind in (Kind.LHS, Kind.SOBOL):
        spans = [_read(entry, problems, _span) for entry in entries]
        _check_count(kind, points, at, problems)
    else:
        levels = [_read(entry, problems, _levels) for entry in entries]
        count = prod(len(each) for each in levels if each is not None)
        if points is not None:
            problems.append(Problem(at, "points", "means nothing for a grid", "leave it out, or sample: lhs or sobol"))
        if count > MAX_POINTS:
            problems.append(Problem(at, "", f"asks for {count} points", f"write at most {MAX_POINTS}, or sample: lhs"))
    if not entries and not problems:
        problems.append(Problem(at, "", "varies nothing", "vary at least one path"))
    if problems:
        raise ScenarioError(sorted(problems))
    varied = {each.path: each.written if isinstance(each.written, str) else ",".join(each.written) for each in entries}
    places = {entry.path: entry.at for entry in entries}
    if kind is Kind.GRID:
        return Design(kind, varied, _Grid(tuple(each for each in levels if each is not None)), places)
    chosen = tuple(each for each in spans if each is not None)
    return Design(kind, varied, _Sample(chosen, _cube(kind, len(chosen), points or 0, seed)), places)


def read_list(file: str | Path) -> Design:
    """Read points from a CSV file: columns are paths, rows are points; raises `ScenarioError` with every problem."""
    start = Position(str(file), 1, 1)
    try:
        with Path(file).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            found = ((reader.line_num, row) for row in reader if row)
            _, header = next(found, (1, []))
            rows = [(line, tuple(cell.strip() for cell in row)) for line, row in islice(found, MAX_POINTS + 1)]
    except (OSError, ValueError, csv.Error) as error:
        why = getattr(error, "strerror", None) or ("it is not UTF-8" if isinstance(error, UnicodeError) else error)
        fix = "name a CSV file with a path at the head of every column"
        raise _error(start, "", f"cannot be read: {why}", fix) from None
    paths = [path.strip() for path in header]
    problems = _problems_of_list(str(file), paths, rows)
    if problems:
        raise ScenarioError(sorted(problems))
    lines, cells = zip(*rows, strict=True)
    return Design(Kind.LIST, dict.fromkeys(paths, Path(file).name), cells, dict.fromkeys(paths, start), lines)


# --- what is written ------------------------------------------------------------------------------------------------


def _error(at: Position, path: str, problem: str, fix: str) -> ScenarioError:
    return ScenarioError([Problem(at, path, problem, fix)])


def _check_paths(paths: Sequence[tuple[str, Position]], problems: list[Problem]) -> None:
    seen: set[str] = set()
    for path, at in paths:
        steps = path.split(".")
        if not all(steps) or len(steps) > MAX_DEPTH or "=" in path:
            fix = "write a path such as psps.psp-a.workers"
            problems.append(Problem(at, path[:SHOWN], "is no path" if path else "names no path", fix))
        elif path in seen:
            problems.append(Problem(at, path, "is varied twice", "write all its values in one place"))
        seen.add(path)


def _check_count(kind: Kind, points: int | None, at: Position, problems: list[Problem]) -> None:
    if points is None:
        problems.append(Problem(at, "points", "is missing", f"say how many points {kind} is to choose, for example 64"))
    elif not 1 <= points <= MAX_POINTS:
        problems.append(Problem(at, "points", f"is {points}", f"write 1 to {MAX_POINTS}"))
    elif kind is Kind.SOBOL and points & (points - 1):
        below = 1 << points.bit_length() - 1
        fix = f"write {below} or {2 * below}: Sobol points are even in powers of two"
        problems.append(Problem(at, "points", f"is {points}", fix))


def _read(entry: Entry, problems: list[Problem], read: Callable[[Any], T]) -> T | None:
    """Return what an entry means, or None and its problem."""
    try:
        return read(entry.written)
    except ValueError as error:
        problem, _, fix = str(error).partition("; ")
        problems.append(Problem(entry.at, entry.path, problem, fix))
    return None


def _span(written: str | Sequence[str]) -> Span:
    """Read the span of a sample."""
    if not isinstance(written, str) or not span.is_span(written):
        raise ValueError("is no range, as a sample needs; write low..high or log:low..high")
    found, count = span.parse(written)
    if count is not None:
        raise ValueError(f"has {count} steps, which a sample has not; write {found}")
    return found


def _levels(written: str | Sequence[str]) -> tuple[str, ...]:
    """Read the values that a grid has on one path."""
    if isinstance(written, str) and span.is_span(written):
        return _steps(written)
    texts = _apart(written) if isinstance(written, str) else list(written)
    if not any(texts):
        raise ValueError("has no values; write for example 1,2,4 or 1..5")
    if not all(texts):
        raise ValueError("has an empty value; leave out the comma")
    seen: dict[tuple[float | str, str], str] = {}
    for text in texts:
        _check_text(text)
        key = span.same(text)
        if key in seen:
            said = f"{text} twice" if seen[key] == text else f"{seen[key]} and {text}, which are the same"
            raise ValueError(f"has {said}; keep one of the two")
        seen[key] = text
    return tuple(texts)


def _steps(written: str) -> tuple[str, ...]:
    found, count = span.parse(written)
    if count is None and (not found.whole or found.log):
        raise ValueError(f"does not say how many values; write {'' if found.log else 'lin:'}{found}:5")
    if count is None:
        count = int(found.high - found.low) + 1
    if not 2 <= count <= MAX_POINTS:
        raise ValueError(f"has {count} values; write 2 to {MAX_POINTS}")
    texts = tuple(map(found.text, found.steps(count)))
    if len(set(texts)) < count:
        fix = f"write {len(set(texts))} or fewer"
        if found.whole:
            fix += f", or {found.low:.1f} for {found.low:g} to have fractions"
        raise ValueError(f"has {count} steps, more than there are values; {fix}")
    return texts


def _check_text(text: str) -> None:
    """Refuse a text that is not YAML, since it could not be assigned."""
    if _PLAIN.fullmatch(text):
        return
    problems: list[Problem] = []
    try:
        parse(text, "", problems)
    except ScenarioError as error:
        problems += error.problems
    if problems:
        raise ValueError(f"has the value {text[:SHOWN]}, which {problems[0].problem}; quote it, or correct its syntax")


def _apart(text: str) -> list[str]:
    """Take values apart at commas that are not within brackets or quotes."""
    texts, depth, quote = [""], 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and texts[-1].rstrip()[-1:] in ("", "[", "{", "(", ",", ":"):
            quote = character  # an apostrophe within a word is none
        else:
            depth += (character in "[{(") - (character in ")}]")
        if character == "," and not depth and not quote:
            texts.append("")
        else:
            texts[-1] += character
    return [each.strip() for each in texts]


def _problems_of_list(file: str, paths: list[str], rows: list[tuple[int, tuple[str, ...]]]) -> list[Problem]:
    start = Position(file, 1, 1)
    problems: list[Problem] = []
    if not paths or not rows:
        said = "has no points" if paths else "is empty"
        return [Problem(start, "", said, "write paths in the first row and values in the rows below")]
    if len(rows) > MAX_POINTS:
        return [Problem(start, "", f"has more than {MAX_POINTS} points", "write fewer rows")]
    _check_paths([(path, start) for path in paths], problems)
    keys: dict[str, tuple[float | str, str]] = {}
    seen: dict[tuple[tuple[float | str, str], ...], int] = {}
    for line, row in rows:
        at = Position(file, line, 1)
        if len(row) != len(paths):
            fix = "write one under every path"
            problems.append(Problem(at, "", f"has {len(row)} values for {len(paths)} paths", fix))
            continue
        for path, text in zip(paths, row, strict=True):
            if text not in keys:
                keys[text] = span.same(text)
                problems += _problems_of_cell(at, path, text)
        first = seen.setdefault(tuple(keys[text] for text in row), line)
        if first != line:
            problems.append(Problem(at, "", f"is the point of line {first} again", "keep one of the two"))
    return problems


def _problems_of_cell(at: Position, path: str, text: str) -> list[Problem]:
    if not text:
        return [Problem(at, path, "is empty", "write a value, or null for none")]
    problems: list[Problem] = []
    _read(Entry(path, at, text), problems, _check_text)
    return problems


# --- points ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Grid:
    """Every combination of levels; the last path changes first."""

    levels: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return prod(map(len, self.levels))

    def __getitem__(self, number: int) -> tuple[str, ...]:
        texts = []
        for level in reversed(self.levels):
            number, index = divmod(number, len(level))
            texts.append(level[index])
        return tuple(reversed(texts))


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """Places in the unit cube, a row for each point, laid over spans."""

    spans: tuple[Span, ...]
    cube: npt.NDArray[Any]

    def __len__(self) -> int:
        return len(self.cube)

    def __getitem__(self, number: int) -> tuple[str, ...]:
        places = self.cube[number].tolist()
        return tuple(each.text(each.at(place)) for each, place in zip(self.spans, places, strict=True))


def _cube(kind: Kind, dimensions: int, points: int, seed: int) -> npt.NDArray[Any]:
    from scipy.stats import qmc  # slow to import

    sampler = qmc.Sobol(dimensions, seed=seed) if kind is Kind.SOBOL else qmc.LatinHypercube(dimensions, seed=seed)
    return sampler.random(points)
