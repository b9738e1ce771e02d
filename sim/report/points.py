"""The table of points of a sweep, as people read it: what was varied, the verdict, and the means of a few figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from sim.analysis.metrics import METRICS
from sim.analysis.shown import shown

if TYPE_CHECKING:
    import pandas as pd

FIGURES = ("token_expiry_rate", "reversal_rate", "tnspo_strict", "user_wait", "paid_share")
"""The metrics shown of every point; the files have all of them, with intervals."""
MOST = 60
_STYLES = {"pass": "green", "fail": "bold red", "undecided": "yellow"}


def of_points(points: "pd.DataFrame", varied: Sequence[str]) -> Table:
    """Return the table for a terminal; of many points the first."""
    left_out = len(points) - MOST
    table = Table(
        box=None, pad_edge=False, header_style="bold", caption=f"and {left_out} more" if left_out > 0 else None
    )
    for path in varied:
        table.add_column(path, overflow="fold")
    table.add_column("verdict")
    for name in FIGURES:
        table.add_column(METRICS[name].title, justify="right", max_width=14)
    for _, row in points.head(MOST).iterrows():
        verdict = Text(row["verdict"], style=_STYLES.get(row["verdict"], ""))
        table.add_row(*(str(row[path]) for path in varied), verdict, *(shown(row[f"{n}_mean"], METRICS[n].unit) for n in FIGURES))
    return table
