"""The capacity that is enough: what a search saw, and its answer."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sim.analysis.intervals import Estimate
from sim.analysis.shown import percent
from sim.analysis.slo import Slo, Verdict, judge
from sim.experiment.capacity import Capacity
from sim.experiment.sweep import column_of
from sim.report.plots.letters import plain
from sim.report.plots.looks import BLACK, BLUE, GREY, LIMIT, PALE, VERMILLION
from sim.report.plots.paper import Picture, blank, drawn, legend, note, sheet
from sim.report.plots.points import counted, metric_axis, named, ordered
from sim.report.plots.quantities import scale_of
from sim.report.plots.words import limit_of

_LOOKS = {Verdict.PASS: ("o", BLUE), Verdict.FAIL: ("X", VERMILLION), Verdict.UNDECIDED: ("D", "#FFFFFF")}
_AROUND = 3
"""So many widths of the answer's interval on either side of it are around the answer."""
_CLOSE = 0.4
"""The part of the range below which what is around the answer is too small to be seen."""


@drawn
def capacity_curve(
    points: pd.DataFrame,
    path: str,
    metric: str,
    slo: Slo,
    *,
    answer: float | None = None,
    low: float | None = None,
    high: float | None = None,
    confidence: float = 0.95,
    of: str = "",
) -> Picture:
    """Draw what a capacity search saw of an SLO at every value it tried, and its answer with the answer's interval.

    What is around the answer is drawn again, larger, where it would be too small. `points` may have a column `verdict`
    (`pass`, `fail`, `undecided`); otherwise the intervals are judged by the SLO. An end of the interval that is None
    is open. `of` says what the points are of.
    """
    near = _near(points, path, answer, low, high)
    views = [points] if near is None else [points, near]
    picture, panels = sheet(
        f"How much {plain(path, 40)} is enough for {plain(slo.text, 46)}", columns=len(views), height_in=3.9
    )
    handles: list[Any] = []
    for panel, view in zip(panels, views, strict=True):
        shown = _seen(panel, view, path, metric, slo)
        handles = handles or shown
        if answer is not None:
            said = f"interval at {100 * confidence:g}%:\n{_ends(low, high)}"
            span = _answer(panel, answer, low, high, said)
            handles += span if panel is panels[0] else []
        panel.set_xlabel(scale_of(points[path]).label(path, 30 if near is not None else 60))
        metric_axis(panel, metric)
    if near is not None:
        panels[0].set_title("all values tried")
        panels[1].set_title("around the answer")
    legend(picture, handles)
    if not len(points):
        blank(panels[0], "no points")
    looked = f"{counted(points)} {'was' if len(points) == 1 else 'were'} looked at."
    note(picture, of, looked, "No answer was found." if answer is None else "")
    found = f"{answer:.6g}, {_ends(low, high)} at {100 * confidence:g}%" if answer is not None else "no answer"
    picture.alt = f"What is enough for {slo.text} of {path}: {found}"
    return picture


def capacity(answer: Capacity, number: int = 0, *, scenario: str = "") -> Picture:
    """Draw what a capacity search found: the curve of one of its objectives, the first unless told, and the answer.

    `scenario` is the name of what was searched, for the note.
    """
    found = answer.found
    judged = [visit.evidence.judged[number] for visit in found.curve]
    metric = column_of(judged[0].slo)
    points = pd.DataFrame(
        {
            answer.path: visit.x,
            "verdict": visit.evidence.verdict.value,
            f"{metric}_mean": seen.estimate.mean,
            f"{metric}_low": seen.estimate.low,
            f"{metric}_high": seen.estimate.high,
        }
        for visit, seen in zip(found.curve, judged, strict=True)
    )
    cost = f"{found.replications:,} replications in all"
    about = f"{named(scenario)}{cost}; the answer's interval at {percent(found.confidence)}."
    return capacity_curve(
        points, answer.path, metric, judged[0].slo,
        answer=found.answer, low=found.low, high=found.high, confidence=found.confidence, of=about,
    )  # fmt: skip


def _near(
    points: pd.DataFrame, path: str, answer: float | None, low: float | None, high: float | None
) -> pd.DataFrame | None:
    """Return the points around the answer, if they would be close together on an axis with all of them."""
    scale = scale_of(points[path])
    others = scale.values[scale.values != answer]
    if answer is None or scale.unit is None or not len(others):
        return None
    ends = answer if low is None else low, answer if high is None else high
    width = max(ends[1] - ends[0], float(np.abs(others - answer).min()))
    chosen = (scale.places >= ends[0] - _AROUND * width) & (scale.places <= ends[1] + _AROUND * width)
    small = np.ptp(scale.places[chosen]) < _CLOSE * np.ptp(scale.places)
    return points.loc[chosen] if small and chosen.sum() > 1 else None


def _seen(axes: Axes, points: pd.DataFrame, path: str, metric: str, slo: Slo) -> list[Any]:
    """Draw the points with their intervals and verdicts; return the entries of the legend."""
    scale = scale_of(points[path])
    x, mean, lows, highs = ordered(points, path, metric, scale)
    axes.plot(x, mean, color=GREY, linewidth=0.9, zorder=2)
    axes.vlines(x, lows, highs, color=BLACK, linewidth=1.0, zorder=2.1)
    if "verdict" in points:
        order = np.argsort(scale.places, kind="stable")
        verdicts = [Verdict(str(value)) for value in points["verdict"].to_numpy()[order]]
    else:
        verdicts = [judge(slo, Estimate(*each, n=2)).verdict for each in zip(mean, lows, highs, strict=True)]
    handles: list[Any] = []
    for verdict, (marker, colour) in _LOOKS.items():
        chosen = np.array([each is verdict for each in verdicts], dtype=bool)
        if chosen.any():
            handles += axes.plot(
                x[chosen], mean[chosen], marker, color=colour, markeredgecolor=BLACK, markersize=7,
                markeredgewidth=0.8, label=verdict.value, zorder=3,
            )  # fmt: skip
    handles.append(axes.axhline(slo.limit, label=limit_of(slo), **LIMIT))
    scale.set(axes.xaxis)
    return handles


def _answer(axes: Axes, answer: float, low: float | None, high: float | None, said: str) -> list[Any]:
    """Shade the interval of the answer, to the edge where it is open."""
    left, right = axes.get_xlim()
    looks: dict[str, Any] = {"facecolor": PALE, "hatch": "\\\\\\", "edgecolor": "#BDBDBD", "linewidth": 0, "zorder": 0}
    span = axes.axvspan(left if low is None else low, right if high is None else high, label=said, **looks)
    line = axes.axvline(answer, color=BLACK, linewidth=1.6, label=f"answer: {answer:.6g}", zorder=1.8)
    axes.set_xlim(left, right)
    return [line, span]


def _ends(low: float | None, high: float | None) -> str:
    if low is None:
        return "open" if high is None else f"at most {high:.6g}"
    return f"at least {low:.6g}" if high is None else f"{low:.6g} to {high:.6g}"
