"""The table of points of a sweep, as people read it: what was varied, the verdict, and the means of a few figures."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from math import isnan, nan
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from sim.analysis.collapse import WORSE
from sim.analysis.intervals import Estimate
from sim.analysis.metrics import METRICS, unit_of
from sim.analysis.shown import shown
from sim.analysis.slo import Verdict
from sim.report.cells import Cell, estimated, interval
from sim.scenario.preflight import Finding

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("token_expiry_rate", "reversal_rate", "tnspo_strict", "user_wait", "paid_share")
"""The metrics shown of every point, after those of the SLOs; the files have all of them, with intervals."""
MOST = 60
MOST_FLAGGED = 10
MARK = "*"
_MARKED = f"{MARK} some replications collapse: the mean describes none of them, METRIC_collapse says how likely that is"
_PARTS = ("mean", "low", "high")
_STYLES = {"pass": "green", "fail": "bold red", "undecided": "yellow"}
_HEAD_WIDTH = 14
_GAP = 2
_LONG = re.compile(r"(\d+\.\d{4,})(.*)", re.ASCII | re.DOTALL)


def columns(varied: Sequence[str], slos: Mapping[str, str]) -> list[str]:
    """Return the columns of the table of points that are shown."""
    names = dict.fromkeys([*slos.values(), *FIGURES])
    means = (f"{name}_mean" for name in names)
    chances = dict.fromkeys(f"{of}_{part}" for name in names for of in _collapse_of(name) for part in _PARTS)
    return ["point", *varied, "replications", "verdict", *slos, *means, *chances]


def _collapse_of(name: str) -> list[str]:
    """Return what the columns are called that say of a figure's metric, of all groups together, whether it collapses.

    Those of a percentile, and of what cannot collapse, are in no table.
    """
    metric = name.partition("{")[0]
    return [f"{metric}_collapse"] if metric in WORSE else []


def chance_at(point: Mapping[Any, Any], name: str) -> Estimate | None:
    """Return the probability of a collapse at a point, where replications collapse in what a figure is about.

    Sweeps of before this was kept have no such columns.
    """
    found = [_estimate(point, of) for of in _collapse_of(name)]
    return next((chance for chance in found if not isnan(chance.mean)), None)


def _estimate(point: Mapping[Any, Any], name: str) -> Estimate:
    mean, low, high = (float(point.get(f"{name}_{part}", nan)) for part in _PARTS)
    return Estimate(mean, low, high, 0)


def figure(point: Mapping[Any, Any], name: str, verdict: Verdict | None = None) -> Cell:
    """Return what a page says of a figure at a point: its mean, its interval, and whether replications collapse."""
    cell = estimated(_estimate(point, name), unit_of(name), verdict)
    chance = chance_at(point, name)
    if chance is None:
        return cell
    said = f"collapses in {shown(chance.mean, 'share')} of replications ({interval(chance, 'share')})"
    return replace(cell, small=f"{cell.small}; {said}".removeprefix("; "))


@dataclass(frozen=True)
class Points:
    """The first of so many points on a terminal, with as many figures as it has room for.

    `slos` has the column of each SLO by its text, as the manifest of a sweep has it. `counted` says that points have as
    many replications as each takes, so that their numbers are shown.
    """

    first: "pd.DataFrame"
    varied: Sequence[str]
    slos: Mapping[str, str]
    of: int
    counted: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table."""
        found = list(self._columns())
        ends = accumulate(column.width + _GAP for column in found)
        shown_here = [column for column, end in zip(found, ends, strict=True) if end - _GAP <= options.max_width]
        left_out = self.of - len(self.first)
        table = Table(box=None, pad_edge=False, header_style="bold", caption_justify="left")
        marked = any(cell.plain.endswith(MARK) for column in shown_here for cell in column.cells)
        table.caption = "\n".join([f"and {left_out} more"] * (left_out > 0) + [_MARKED] * marked) or None
        for column in shown_here:
            table.add_column(column.head, justify="right" if column.right else "left", width=column.width)
        for cells in zip(*(column.cells for column in shown_here), strict=True):
            table.add_row(*cells)
        yield table

    def _columns(self) -> Iterator["_Column"]:
        yield _Column("point", [Text(str(number)) for number in self.first["point"]], right=True)
        for path in self.varied:
            yield _Column(broken(path), [Text(shortened(str(value))) for value in self.first[path]])
        if self.counted:
            yield _Column("repli-\ncations", [Text(str(count)) for count in self.first["replications"]], right=True)
        if self.slos:
            yield _Column("verdict", [Text(str(v), _STYLES.get(v, "")) for v in self.first["verdict"]])
        for text, name in self.slos.items():
            styles = [_STYLES.get(verdict, "") for verdict in self.first[text]]
            yield _Column(text.replace("{", "\n{"), self._means(name, styles), right=True)
        for name in FIGURES:
            if name not in self.slos.values():
                yield _Column(METRICS[name].title, self._means(name, [""] * len(self.first)), right=True)

    def _means(self, name: str, styles: Sequence[str]) -> list[Text]:
        unit = unit_of(name)
        return [
            Text(shown(point[f"{name}_mean"], unit) + MARK * (chance_at(point, name) is not None), style)
            for point, style in zip(self.first.to_dict("records"), styles, strict=True)
        ]


class _Column:
    """A column, as wide as its widest cell and as the words of its head, or so much of this as is usual."""

    def __init__(self, head: str, cells: list[Text], *, right: bool = False) -> None:
        self.head = head
        self.cells = cells
        self.right = right
        word, line = max(map(len, head.split())), max(map(len, head.splitlines()))
        self.width = max(word, min(line, _HEAD_WIDTH), *(cell.cell_len for cell in cells))


def flagging(say: Callable[[str], None]) -> Callable[[Sequence[Finding]], None]:
    """Return what says the first severe finding of a point, of so many points."""
    heard = 0

    def flagged(findings: Sequence[Finding]) -> None:
        nonlocal heard
        heard += 1
        if heard <= MOST_FLAGGED:
            say(f"pre-flight: {findings[0]}")
        elif heard == MOST_FLAGGED + 1:
            say("pre-flight: and more points like these")

    return flagged


def broken(path: str, width: int = _HEAD_WIDTH) -> str:
    """Break a path into lines at its dots, where it is long."""
    lines = [""]
    for step in path.replace(".", ".\0").split("\0"):
        if lines[-1] and len(lines[-1]) + len(step) > width:
            lines.append("")
        lines[-1] += step
    return "\n".join(lines)


def shortened(text: str) -> str:
    """Return a value of a path without digits that only a sampled one has."""
    found = _LONG.fullmatch(text)
    return text if found is None else f"{float(found[1]):.4g}{found[2]}"
