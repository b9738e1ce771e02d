"""Why payments are slow: which places are shown of all where they wait, and the table on a terminal.

The table of the page (`sim.report.page.delays`) has the same lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from sim.analysis.delays import Explained, Place, explain
from sim.analysis.shown import shown
from sim.analysis.ways import COMPONENTS, joined, ways
from sim.reader import PaymentId, Recorded
from sim.report.tables import table
from sim.scenario.units import duration_s

ENOUGH, MANY = 0.98, 0.03
"""Places are shown until they explain so much of the difference, and those where so many wait mostly."""
MOST = 16
MOSTLY = "share of the slowest that waited there longer than anywhere else"


def slowest(folder: Path, share: float = 0.01) -> Explained | None:
    """Explain the slowest payments of a stored run that has calls, a replication at a time; None if none was settled.

    Payments of the measured cohort alone. Raises `sim.store.StoreError`.
    """
    run = Recorded(folder, ("calls",))
    since_s = duration_s(run.scenario["run"]["warm_up"])
    return explain(joined(ways(_frame(run, each), since_s=since_s) for each in run.replications), share)


def _frame(run: Recorded, replication: int) -> pd.DataFrame:
    calls = run.columns("calls", replication)
    names = {name: pd.Categorical.from_codes(calls[name], pd.Index(calls.names[name])) for name in calls.names}
    return pd.DataFrame({**calls.values, **names})


def of_slowest(explained: Explained | None, folder: Path) -> RenderableType:
    """Return where the slowest payments spend their time, and how to look at some of them."""
    if explained is None:
        return Text("\nWhy payments are slow: none was settled")
    notes = [who(explained), f"mostly: {MOSTLY}, and one of them"]
    if explained.unsettled:
        notes.append(f"{explained.unsettled:,} payments of which Checkout never knew how they ended are left out")
    again = "" if (folder / "states.parquet").is_file() else ", once run with --record calls,states"
    notes.append(f"look at one{again}: pagopa-sim trace {folder} --payment ID, or --pick slowest, which was paid")
    return Group(_table(explained), Text(), *map(Text, notes), Text())


def _table(explained: Explained) -> RenderableType:
    title = f"\nWhere the slowest {100 * explained.share:.3g}% spend their time"
    found = table(title, "", "slowest", "typical", "more", "mostly", "payment")
    for line in lines(explained):
        mostly = "" if line.mostly is None else f"{line.mostly:.0%}"
        example = "" if line.example is None else str(line.example)
        found.add_row(line.where, *line.figures, mostly, example)
    return found


@dataclass(frozen=True, slots=True)
class Line:
    """A line on why payments are slow: a place, all places that are not shown, or the whole way."""

    where: str
    slowest_s: float
    typical_s: float
    mostly: float | None = None
    example: PaymentId | None = None

    @property
    def figures(self) -> tuple[str, str, str]:
        """The slowest, the typical, and how much more the slowest have, as people read them."""
        return shown(self.slowest_s, "s"), shown(self.typical_s, "s"), shown(self.slowest_s - self.typical_s, "s")


def lines(explained: Explained) -> Iterator[Line]:
    """Yield the places that tell why, then all others together, and last the whole way, to which they add up."""
    known = chosen(explained)
    for place in known:
        where = "the citizen's own time" if place.is_own_time else f"{place.actor}: {COMPONENTS[place.component]}"
        example = None if place.example is None else PaymentId(*place.example)
        yield Line(where, place.slowest_s, place.typical_s, place.mostly, example)
    # Sums of parts may miss their whole by a rounding error, and no time is less than nothing.
    slowest_s = max(0.0, explained.slowest_s - sum(place.slowest_s for place in known))
    typical_s = max(0.0, explained.typical_s - sum(place.typical_s for place in known))
    yield Line("everywhere else", slowest_s, typical_s, max(0.0, 1.0 - sum(place.mostly for place in known)))
    yield Line("from the click to knowing", explained.slowest_s, explained.typical_s)


def chosen(explained: Explained) -> list[Place]:
    """Return the places that explain nearly all, those where many wait mostly, and last the citizen's own time."""
    waits = [place for place in explained.places if not place.is_own_time]
    more_s, known_s = sum(max(place.more_s, 0.0) for place in waits), 0.0
    found = []
    for place in waits:
        if (known_s < ENOUGH * more_s and place.more_s > 0) or place.mostly >= MANY:
            found.append(place)
            known_s += place.more_s
    own = [place for place in explained.places if place.is_own_time]
    return sorted(found[:MOST], key=lambda place: -place.more_s) + own


def who(explained: Explained) -> str:
    """Say of how many payments the columns are means, and who the slowest and the typical are."""
    typical = explained.payments - 2 * (explained.payments // 4)
    return (
        f"Columns are means: slowest, over the {explained.slowest:,} of {explained.payments:,} payments that waited "
        f"{shown(explained.from_s, 's')} or more, however they ended; typical, over the middle half, {typical:,} "
        f"payments that waited {shown(explained.typical_waited_s, 's')} on average. The citizen's own time is no wait."
    )
