"""Where the slowest payments spend their time, as a table of the page; told of runs that have recorded their calls."""

from sim.experiment.run import Run
from sim.report.cells import Table, table
from sim.report.stories.slow import MOSTLY, lines, slowest, who


def delays_of(run: Run) -> Table | None:
    """Return where the slowest payments spend their time against the typical ones; None without calls or payments."""
    explained = slowest(run.folder) if "calls" in run.manifest["recorded"] else None
    if explained is None:
        return None
    rows = [
        (line.where, *line.figures, "-" if line.mostly is None else f"{line.mostly:.0%}") for line in lines(explained)
    ]
    caption = f"Where the slowest {100 * explained.share:.3g}% of payments spend their time"
    note = f"{who(explained)} The last column is the {MOSTLY}."
    if explained.unsettled:
        note += f" {explained.unsettled:,} payments whose end Checkout never knew are left out."
    return table(caption, ("waiting at", "slowest", "typical", "more", "mostly here"), rows, note=note)
