"""A metric over a grid of two paths, and where an SLO turns."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke

from sim.analysis.intervals import Estimate
from sim.analysis.slo import Slo, Verdict, judge
from sim.report.markdown import capital
from sim.report.plots.letters import distinct, plain
from sim.report.plots.looks import BLACK
from sim.report.plots.paper import Array, Picture, blank, drawn, note, sheet
from sim.report.plots.points import counted, extent
from sim.report.plots.quantities import Scale, scale_of
from sim.report.plots.words import label_of, shown, title_of, unit_axis, unit_of

_WHITE, _DARK = "#FFFFFF", 0.55
"""The part of the colour scale that is too dark for black letters."""
_WRITTEN = 120
"""Cells of a map that have their numbers written in."""


@drawn
def heat_map(points: pd.DataFrame, x: str, y: str, metric: str, slo: Slo, *, of: str = "") -> Picture:
    """Draw a metric over a grid of two paths, with the frontier between where an SLO passes and where it fails.

    The frontier goes along the cells and is not smoothed: nothing is known between points. Cells whose interval has the
    limit inside are hatched and have no frontier, those without a point are left white. `of` says what the points are
    of. Raises `ValueError` when two points share a cell.
    """
    names = distinct((x, y), 44)
    picture, (axes,) = sheet(f"{capital(title_of(metric))} by {names[x]} and {names[y]}", height_in=4.4)
    columns, rows = scale_of(points[x]), scale_of(points[y])
    means, lows, highs = (_grid(points, x, y, f"{metric}_{part}", columns, rows) for part in ("mean", "low", "high"))
    verdicts = np.array(
        [[judge(slo, Estimate(*cell, n=2)).verdict for cell in zip(*line, strict=True)] for line in
         zip(means, lows, highs, strict=True)], dtype=object,
    ).reshape(means.shape)  # fmt: skip
    known = np.isfinite(means)
    if known.any():
        dark = _cells(picture, axes, means, metric)
        for row, column in np.argwhere(known & (verdicts == Verdict.UNDECIDED)):
            axes.add_patch(_hatched(column, row, dark=bool(dark(means[row, column]))))
        _frontier(axes, verdicts)
    else:
        blank(axes, "no points")
    columns.set_cells(axes.xaxis)
    rows.set_cells(axes.yaxis)
    axes.set_xlabel(columns.label(x))
    axes.set_ylabel(rows.label(y, 40))
    axes.grid(visible=False)
    keys = [
        Line2D([], [], color=BLACK, linewidth=2.4, label=f"frontier of {plain(slo.text, 50)}"),
        Patch(facecolor="#FFFFFF", hatch="////", edgecolor=BLACK, linewidth=0, label="undecided"),
    ]
    axes.legend(handles=keys, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2)
    better = "Higher" if slo.operator.startswith(">") else "Lower"
    line = "The line runs along cells that pass and cells that fail; undecided ones lie between them without a line."
    note(picture, of, f"{counted(points)}. {better} is better.", line)
    holding = sum(verdict is Verdict.PASS for verdict in verdicts[known])
    picture.alt = (
        f"{title_of(metric)} over {x} and {y}: {extent(points, metric)}; {slo.text} holds at {holding} of "
        f"{int(known.sum())} points"
    )
    return picture


def _grid(points: pd.DataFrame, x: str, y: str, column: str, columns: Scale, rows: Scale) -> Array:
    """Return a column of the points as a grid; NaN where there is no point."""
    grid = np.full((len(rows.values), len(columns.values)), np.nan)
    cells = list(zip(rows.cells, columns.cells, strict=True))
    if len(set(cells)) < len(cells):
        raise ValueError(f"several points have the same {x} and {y}; choose those that share all else")
    for cell, value in zip(cells, points[column], strict=True):
        grid[cell] = value
    return grid


def _cells(picture: Picture, axes: Axes, means: Array, metric: str) -> Callable[[float], bool]:
    """Colour the cells, write their numbers in when there are few, and return which values are dark."""
    norm = Normalize(np.nanmin(means), np.nanmax(means))
    height, width = means.shape
    edges = np.arange(width + 1) - 0.5, np.arange(height + 1) - 0.5
    mesh = axes.pcolormesh(*edges, np.ma.masked_invalid(means), cmap="cividis", norm=norm, rasterized=means.size > 2500)
    bar = picture.colorbar(mesh, ax=axes, label=label_of(metric, 44), pad=0.02)
    unit_axis(bar.ax.yaxis, unit_of(metric))
    if means.size <= _WRITTEN and width <= 12:
        for row, column in np.argwhere(np.isfinite(means)):
            number = shown(means[row, column], unit_of(metric))
            colour = _WHITE if norm(means[row, column]) < _DARK else BLACK
            axes.text(column, row, number, ha="center", va="center", fontsize=7, color=colour, zorder=4)
    return lambda value: bool(norm(value) < _DARK)


def _hatched(column: int, row: int, *, dark: bool) -> Patch:
    ink = _WHITE if dark else BLACK
    return Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, hatch="////", edgecolor=ink, linewidth=0, alpha=0.5)


def _frontier(axes: Axes, verdicts: Array) -> None:
    """Draw the edges between neighbours of which one passes and the other fails."""
    segments = []
    for row, column in np.ndindex(verdicts.shape):
        for down, right in ((0, 1), (1, 0)):
            beyond = verdicts[row + down : row + down + 1, column + right : column + right + 1].ravel()
            if {verdicts[row, column], *beyond} == {Verdict.PASS, Verdict.FAIL}:
                corner = np.array([column + 0.5, row + 0.5])
                segments.append([corner - (down, right), corner])
    edge = withStroke(linewidth=4.8, foreground=_WHITE)  # so that it is seen among dark cells too
    axes.add_collection(
        LineCollection(segments, colors=BLACK, linewidths=2.4, capstyle="projecting", zorder=3, path_effects=[edge])
    )
