"""Why payments are slow, as people read it."""

from pathlib import Path

import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from sim.analysis.delays import Explained, Place, explain
from sim.analysis.shown import shown
from sim.analysis.ways import COMPONENTS, joined, ways
from sim.report.stories.reading import PaymentId, Recorded
from sim.report.tables import table
from sim.scenario.units import duration_s

ENOUGH, MANY = 0.98, 0.03
"""Places are shown until they explain so much of the difference, and those where so many wait mostly."""
MOST = 16


def slowest(folder: Path, share: float = 0.01) -> Explained | None:
    """Explain the slowest payments of a stored run that has calls, a replication at a time; None if none was settled.

    Payments of the measured cohort alone. Raises `sim.store.StoreError`.
    """
    run = Recorded(folder, ("calls",))
    since_s = duration_s(run.scenario["run"]["warm_up"])
    pooled = run.scenario["node"]["ec_pool"].get("size") is not None
    return explain(joined(ways(_frame(run, each), since_s=since_s, pooled=pooled) for each in run.replications), share)


def _frame(run: Recorded, replication: int) -> pd.DataFrame:
    calls = run.columns("calls", replication)
    names = {name: pd.Categorical.from_codes(calls[name], pd.Index(calls.names[name])) for name in calls.names}
    return pd.DataFrame({**calls.values, **names})


def of_slowest(explained: Explained | None, folder: Path) -> RenderableType:
    """Return where the slowest payments spend their time, and how to look at some of them."""
    if explained is None:
        return Text("\nWhy payments are slow: none was settled")
    said = (
        f"{explained.slowest:,} of {explained.payments:,} payments waited {shown(explained.from_s, 's')} or more; "
        f"typical, the middle half: {shown(explained.typical_waited_s, 's')}. The citizen's own time is no wait."
    )
    notes = [said, "mostly: share of the slowest that waited there longer than anywhere else, and one of them"]
    if explained.unsettled:
        notes.append(f"{explained.unsettled:,} payments of which Checkout never knew how they ended are left out")
    again = "" if (folder / "states.parquet").is_file() else ", once run with --record calls,states"
    notes.append(f"look at one{again}: pagopa-sim trace {folder} --payment ID")
    return Group(_table(explained), Text(), *map(Text, notes), Text())


def _table(explained: Explained) -> RenderableType:
    title = f"\nWhere the slowest {100 * explained.share:.3g}% spend their time"
    found = table(title, "", "slowest", "typical", "more", "mostly", "payment")
    chosen = _chosen(explained)
    for place in chosen:
        example = "" if place.example is None else str(PaymentId(*place.example))
        found.add_row(_where(place), *_figures(place.slowest_s, place.typical_s), _share(place.mostly), example)
    slowest_s = explained.slowest_s - sum(place.slowest_s for place in chosen)
    typical_s = explained.typical_s - sum(place.typical_s for place in chosen)
    mostly = 1.0 - sum(place.mostly for place in chosen)
    found.add_row("everywhere else", *_figures(slowest_s, typical_s), _share(mostly))
    found.add_row("from the click to knowing", *_figures(explained.slowest_s, explained.typical_s))
    return found


def _chosen(explained: Explained) -> list[Place]:
    """Return the places that explain nearly all, those where many wait mostly, and last the citizen's own time."""
    waits = [place for place in explained.places if not place.is_own_time]
    more_s, known_s = sum(max(place.more_s, 0.0) for place in waits), 0.0
    chosen = []
    for place in waits:
        if (known_s < ENOUGH * more_s and place.more_s > 0) or place.mostly >= MANY:
            chosen.append(place)
            known_s += place.more_s
    own = [place for place in explained.places if place.is_own_time]
    return sorted(chosen[:MOST], key=lambda place: -place.mostly) + own


def _where(place: Place) -> str:
    if place.is_own_time:
        return "the citizen's own time"
    return f"{place.actor}: {COMPONENTS[place.component]}"


def _share(share: float) -> str:
    return f"{100 * max(share, 0.0):.0f}%"


def _figures(slowest_s: float, typical_s: float) -> tuple[str, str, str]:
    return shown(slowest_s, "s"), shown(typical_s, "s"), shown(slowest_s - typical_s, "s")
