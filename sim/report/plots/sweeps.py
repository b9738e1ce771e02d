"""A metric over the values of one path, or of two."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.transforms import ScaledTranslation

from sim.analysis.slo import Slo
from sim.report.markdown import capital
from sim.report.plots.letters import distinct, plain
from sim.report.plots.looks import STROKES
from sim.report.plots.paper import Picture, blank, drawn, entry, legend, note, sheet
from sim.report.plots.points import counted, draw_limit, extent, metric_axis, ordered
from sim.report.plots.quantities import scale_of
from sim.report.plots.words import title_of

_BANDS, _ASIDE_PT = 2, 3.0
"""Bands that can be told apart where they overlap, and how far apart the bars of one place stand."""


@drawn
def sweep(
    points: pd.DataFrame,
    path: str,
    metric: str,
    *,
    by: str | None = None,
    slo: Slo | None = None,
    most: int = 6,
    joined: bool = True,
    of: str = "",
) -> Picture:
    """Draw a metric over the values of a path with its interval; a line for each value of `by`, another path.

    Of more than `most` lines, those are shown that are evenly spread over the values of `by`. `slo` gives the limit.
    A line says that nothing but the path changes along it, by degrees: without `joined`, as for points of a sample,
    where points share both values, which then differ in something else, and over names, there is none. Intervals are
    bands as long as there is room for them, and otherwise bars, side by side. `of` says what the points are of.
    """
    picture, (axes,) = sheet(f"{capital(title_of(metric))} over {plain(path, 40)}", height_in=3.9)
    scale = scale_of(points[path])
    groups = _groups(points, by)
    chosen = sorted({round(place) for place in np.linspace(0, len(groups) - 1, min(most, len(groups)))})
    names = distinct(groups[number][0] for number in chosen)
    handles: list[Any] = []
    strokes = STROKES * (1 + most // len(STROKES))
    for place, (stroke, number) in enumerate(zip(strokes, chosen, strict=False)):
        value, rows = groups[number]
        x, mean, low, high = ordered(rows, path, metric, scale)
        alone = not joined or scale.unit is None or len(np.unique(x)) < len(x)
        if len(x) > 1 and len(chosen) <= _BANDS and not alone:
            handles += axes.plot(x, mean, label=names[value], **stroke.settings)
            axes.fill_between(x, low, high, color=stroke.colour, alpha=0.2, linewidth=0)
        else:
            settings = stroke.settings | ({"linestyle": ""} if alone else {"linewidth": 1.0})
            line = axes.plot(x, mean, label=names[value], **settings)
            bars = axes.vlines(x, low, high, color=stroke.colour, linewidth=1.2)
            aside_in = (place - (len(chosen) - 1) / 2) * _ASIDE_PT / 72
            for each in (*line, bars):  # moved only now, so that the axes take their extent from the data
                each.set_transform(axes.transData + ScaledTranslation(aside_in, 0, picture.dpi_scale_trans))
            handles += line
    if scale.unit is None:
        axes.margins(x=0.2)
    scale.set(axes.xaxis)
    axes.set_xlabel(scale.label(path))
    metric_axis(axes, metric)
    if slo is not None:
        draw_limit(axes, slo)
    if by is not None and handles:
        left_out = len(groups) - len(chosen)
        more = [entry(f"{left_out} more not shown")] if left_out else []
        legend(picture, [*handles, *more], plain(by))
    if not len(points):
        blank(axes, "no points")
    note(picture, of, f"{counted(points)} with the interval of {'its' if len(points) == 1 else 'each'} mean.")
    picture.alt = f"{title_of(metric)} over {path}: {extent(points, metric)}"
    return picture


def _groups(points: pd.DataFrame, by: str | None) -> list[tuple[str, pd.DataFrame]]:
    """Return what the points of each line have in common, and those points, in the order of these values."""
    if by is None:
        return [("", points)]
    order = scale_of(points[by])
    groups = [points[order.places == place] for place in np.unique(order.places)]
    return [(str(rows[by].iloc[0]), rows) for rows in groups]
