"""Tables of pages and notebooks as plain data, which templates turn into HTML: no markup is made here."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sim.analysis.intervals import Estimate
from sim.analysis.shown import shown, shown_estimate
from sim.analysis.slo import Verdict

MOST_ROWS = 500
"""Rows of a table that a page shows; the files have all of them."""
NBSP = "\u00a0"
NONE = "-"
"""Stands where there is no interval."""
_QUANTITY = re.compile(r"(-?[\d.,]+)(\D*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """A text, a second line in small print, a verdict.

    `code` is for what stands like this in files and on the wire, `strong` for what should be seen first.
    """

    text: str = ""
    small: str = ""
    verdict: Verdict | None = None
    code: bool = False
    strong: bool = False


Row = Sequence[Cell | str]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a caption that no other of its page has; the first cell of a row names it.

    `texts` columns have words and stand to the left, all others have numbers and stand to the right.
    """

    caption: str
    head: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]
    texts: int = 1
    note: str = ""

    @property
    def anchor(self) -> str:
        """The id of the caption."""
        return "table-" + re.sub(r"[^a-z0-9]+", "-", self.caption.lower()).strip("-")


def table(
    caption: str,
    head: Iterable[Cell | str],
    rows: Iterable[Row],
    *,
    texts: int = 1,
    note: str = "",
    most: int = MOST_ROWS,
) -> Table:
    """Return a table, cut where it would be too long, and saying so."""
    found = [list(map(_cell, row)) for row in rows]
    if len(found) > most:
        note = f"{note} {len(found) - most:,} more rows are not shown.".strip()
    return Table(caption, list(map(_cell, head)), found[:most], texts, note)


def _cell(of: Cell | str) -> Cell:
    return of if isinstance(of, Cell) else Cell(of)


def estimated(estimate: Estimate, unit: str, verdict: Verdict | None = None) -> Cell:
    """Return a cell with a mean, and its interval below."""
    return Cell(shown(estimate.mean, unit), interval(estimate, unit), verdict)


def apart(estimate: Estimate, unit: str) -> tuple[Cell, Cell]:
    """Return a cell with a mean, and one with its interval."""
    return Cell(shown(estimate.mean, unit)), Cell(interval(estimate, unit) or NONE)


def mean(estimate: Estimate, unit: str) -> Cell:
    """Return a cell with a mean alone."""
    return Cell(shown(estimate.mean, unit))


def interval(estimate: Estimate, unit: str) -> str:
    """Return an interval with its unit said once, or nothing where there is none.

    >>> interval(Estimate(0.34, 0.33, 0.351, 4), "share")
    '33.0 to 35.1%'
    >>> interval(Estimate(1.8, 1.7, 1.82, 4), "s").replace("\u00a0", "_")
    '1.7 to 1.82_s'
    """
    whole = shown_estimate(estimate, unit)[1]
    if whole == "-":
        return ""
    first, second = (_QUANTITY.fullmatch(end) for end in whole.split(" to "))
    if first is None or second is None or first[2] != second[2]:
        return whole
    return f"{first[1]} to {second[1]}{second[2].replace(' ', NBSP)}"
