"""Where the slowest payments spend their time, as a table of the page; told of runs that have recorded their calls."""

from sim.analysis.delays import Explained, Place
from sim.analysis.shown import shown
from sim.analysis.ways import COMPONENTS
from sim.experiment.run import Run
from sim.report.page.cells import Cell, Table, table
from sim.report.stories.slow import slowest

_WORTH = 0.01
"""A place is shown where at least so many of the slowest waited mostly, or that makes so much of the difference."""


def delays_of(run: Run) -> Table | None:
    """Return where the slowest payments spend their time against the typical ones; None without calls or payments."""
    explained = slowest(run.folder) if "calls" in run.manifest["recorded"] else None
    if explained is None:
        return None
    more_s = sum(max(place.more_s, 0.0) for place in explained.places if not place.is_own_time)
    known = [p for p in explained.places if p.is_own_time or p.mostly >= _WORTH or p.more_s >= _WORTH * more_s]
    rows = [_row(_named(p), p.slowest_s, p.typical_s, f"{p.mostly:.0%}") for p in known]
    slow_s, usual_s = (sum(getattr(p, side) for p in known) for side in ("slowest_s", "typical_s"))
    rows += [
        _row("everywhere else", explained.slowest_s - slow_s, explained.typical_s - usual_s, "-"),
        _row("from the click to knowing", explained.slowest_s, explained.typical_s, "-"),
    ]
    caption = f"Where the slowest {100 * explained.share:.3g}% of payments spend their time"
    head = ("waiting at", "slowest", "typical", "more", "mostly here")
    return table(caption, head, rows, note=_note(explained))


def _row(what: str, slow_s: float, usual_s: float, mostly: str) -> tuple[Cell, ...]:
    times = (shown(max(seconds, 0.0), "s") for seconds in (slow_s, usual_s))
    return Cell(what), *map(Cell, times), Cell(shown(slow_s - usual_s, "s")), Cell(mostly)


def _named(place: Place) -> str:
    return "the citizen's own time" if place.is_own_time else f"{place.actor}: {COMPONENTS[place.component]}"


def _note(explained: Explained) -> str:
    """Say who the slowest and the typical are."""
    said = (
        f"{explained.slowest:,} of {explained.payments:,} payments waited {shown(explained.from_s, 's')} or more. "
        f"Typical is the middle half, which waited {shown(explained.typical_waited_s, 's')}. The citizen's own time is "
        "no wait. The last column is the share of the slowest that waited there longer than anywhere else."
    )
    left_out = f" {explained.unsettled:,} payments whose end Checkout never knew are left out."
    return said + (left_out if explained.unsettled else "")
