"""The time axis of a run: its unit, the measured window, and the incidents that are on the calendar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MultipleLocator
from matplotlib.transforms import ScaledTranslation

from sim.experiment.run import Run
from sim.report.plots.letters import plain
from sim.report.plots.looks import BLACK, GREY
from sim.scenario.units import duration_s

_UNITS = ((300.0, 1.0, "s"), (3 * 3600.0, 60.0, "min"), (4 * 86400.0, 3600.0, "h"), (float("inf"), 86400.0, "d"))
_NICE_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
_NAMED = 4
"""Incidents that have a bar of their own above the axes and are named one by one below a picture."""
SHADING = "#EDEDED"
"""What lies behind the lines while an incident lasts. Areas hide it, so that its ends are drawn over them."""
_ROW_PT, _BAR_PT = 10.0, 8.0
"""The height of a row above the axes, and of the bar in it."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The unit in which a picture tells the time: how many seconds it has, and its name."""

    unit_s: float
    unit: str

    @property
    def label(self) -> str:
        """The label of a time axis."""
        return f"time since the start of the run ({self.unit})"

    def shown(self, at_s: float) -> str:
        """Return a moment, to three figures."""
        return f"{at_s / self.unit_s:.3g}"


def clock(end_s: float) -> Clock:
    """Return the clock for an axis that ends at a moment."""
    return next(Clock(unit_s, unit) for most_s, unit_s, unit in _UNITS if end_s <= most_s)


def bin_s(span_s: float, most: int) -> float:
    """Return a round width of time, of which at most so many make up a span."""
    return next((float(nice) for nice in _NICE_S if span_s / nice <= most), 86400.0 * (1 + span_s // (most * 86400)))


def window_s(run: Run) -> tuple[float, float]:
    """Return the measured window of a run; its end is the end of arrivals."""
    settings = run.manifest["scenario"]["run"]
    opens_s = duration_s(settings["warm_up"])
    return opens_s, opens_s + duration_s(settings["window"])


def time_axis(panels: Sequence[Axes], run: Run, end_s: float) -> Clock:
    """Set the shared time axis of panels below each other, with the window and the incidents; return its clock."""
    found = clock(end_s)
    for panel in panels:
        panel.set_xlim(0, end_s / found.unit_s)
        panel.xaxis.set_major_locator(MultipleLocator(bin_s(end_s, 10) / found.unit_s))
    panels[-1].set_xlabel(found.label)
    opens_s, closes_s = window_s(run)
    for at_s, name, side in ((opens_s, "\u2190 warm-up", "right"), (closes_s, "drain \u2192", "left")):
        if 0 < at_s < end_s:
            for panel in panels:
                panel.axvline(at_s / found.unit_s, color=BLACK, linewidth=0.8, linestyle=":", zorder=1.5)
            panels[0].annotate(
                name, (at_s / found.unit_s, 1.0), xycoords=panels[0].get_xaxis_transform(),
                xytext=(-2 if side == "right" else 2, 1), textcoords="offset points", ha=side, va="bottom", fontsize=7,
                color=GREY, annotation_clip=False,
            )  # fmt: skip
    _mark(panels, run, found, end_s)
    return found


def incidents_said(run: Run, clock: Clock) -> str:
    """Say which incidents are marked, and which are not since they come at random."""
    marked, random = on_calendar(run), _at_random(run)
    said = []
    if marked:
        each = [
            f"{_name(one)} from {clock.shown(start)} to {clock.shown(end)} {clock.unit}"
            for one, start, end in marked[:_NAMED]
        ]
        more = f"; and {len(marked) - _NAMED} more" if len(marked) > _NAMED else ""
        said.append(f"Shaded: {'; '.join(each)}{more}.")
    if random:
        each = [f"{_name(one)} (MTBF {one['mtbf']}, MTTR {one['mttr']})" for one in random[:_NAMED]]
        more = f"; and {len(random) - _NAMED} more" if len(random) > _NAMED else ""
        said.append(f"Not shaded, since every replication draws its own moments: {'; '.join(each)}{more}.")
    return " ".join(said)


def struck(run: Run) -> frozenset[str]:
    """Return what incidents strike, as scenarios spell it: `node`, `psps.NAME`, `ecs.NAME`."""
    return frozenset(str(one["target"]) for one in run.manifest["scenario"].get("incidents", ()))


def on_calendar(run: Run) -> list[tuple[Mapping[str, Any], float, float]]:
    """Return the incidents with a place on the calendar, in order of their start, with start and end."""
    found = []
    for one in run.manifest["scenario"].get("incidents", ()):
        if one.get("at") is not None:
            start = duration_s(one["at"])
            found.append((one, start, start + duration_s(one["duration"])))
    return sorted(found, key=lambda each: each[1:])


def _mark(panels: Sequence[Axes], run: Run, clock: Clock, end_s: float) -> None:
    """Shade the incidents in every panel, and give each a bar with its name in a row of its own above the first.

    Those that are too many for a row of their own share the lowest.
    """
    marked = [(one, start / clock.unit_s, min(end, end_s) / clock.unit_s) for one, start, end in on_calendar(run)]
    marked = [each for each in marked if each[1] < end_s / clock.unit_s]
    for _, start, end in marked:
        for panel in panels:
            panel.axvspan(start, end, facecolor=SHADING, edgecolor="none", zorder=0)
            for edge in (start, end):
                panel.axvline(edge, color=GREY, linewidth=0.6, zorder=1.6)
    rows = [(_name(one, 34), [(start, end)]) for one, start, end in marked[:_NAMED]]
    if others := [(start, end) for _, start, end in marked[_NAMED:]]:
        rows.append((f"{len(others)} more", others))
    for row, (name, bars) in enumerate(reversed(rows), 1):
        _row(panels[0], _ROW_PT * (row + 0.5), name, bars)


def _row(panel: Axes, height_pt: float, name: str, bars: Sequence[tuple[float, float]]) -> None:
    """Draw bars so far above a panel; the name begins with the first, or ends with the last where that is too late.

    It may be longer than its bar, which is pale enough to be written on.
    """
    above = panel.get_xaxis_transform() + ScaledTranslation(0, height_pt / 72, panel.figure.dpi_scale_trans)
    lines = [((start, 1.0), (end, 1.0)) for start, end in bars]
    panel.add_collection(
        LineCollection(lines, colors="#C9C9C9", linewidths=_BAR_PT, capstyle="butt", transform=above, clip_on=False),
        autolim=False,
    )
    start, end = bars[0][0], max(end for _, end in bars)
    at, side = (start, "left") if start <= panel.get_xlim()[1] / 2 else (end, "right")
    panel.annotate(
        name, (at, 1.0), xycoords=panel.get_xaxis_transform(), xytext=(2 if side == "left" else -2, height_pt),
        textcoords="offset points", ha=side, va="center", fontsize=7, annotation_clip=False,
    )  # fmt: skip


def _at_random(run: Run) -> list[Mapping[str, Any]]:
    return [one for one in run.manifest["scenario"].get("incidents", ()) if one.get("mtbf") is not None]


def _name(incident: Mapping[str, Any], most: int = 60) -> str:
    what = f"{incident['effect'].replace('_', ' ')} of {incident['target']}"
    if incident.get("primitive"):
        what += f", {incident['primitive']}"
    return plain(what, most)
