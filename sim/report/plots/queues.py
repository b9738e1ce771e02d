"""Where the load is: calls, utilisation and queues of stations and pools on one time axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.experiment.run import Run
from sim.report.plots import when
from sim.report.plots.letters import distinct
from sim.report.plots.looks import STROKES, limit_line
from sim.report.plots.paper import Array, Picture, blank, drawn, entry, legend, note, sheet
from sim.report.plots.words import of_run, together, unit_axis
from sim.scenario.units import duration_s

Series = dict[str, Array]
_POINTS = 120
"""Time bins of longer runs are joined, so that a line has at most so many points."""
_BUSY = 0.4
"""The utilisation from which its axis goes up to where all workers are in use; below, it ends with the data."""


@drawn
def stations(run: Run, names: Sequence[str] = (), *, most: int = 5) -> Picture:
    """Draw calls per second, utilisation and mean queue length of stations and pools, with the incidents shaded.

    Shown are the stations named, or else `most`: those that an incident strikes, then the busiest by the utilisation of
    any time bin, in whole percents, and among equals those with the longest queue. Values are of all replications
    together: calls / time, worker-seconds used / worker-seconds available, call-seconds waited / time.
    """
    picture, panels = sheet("Load of stations and pools: calls, utilisation, queue", rows=3, height_in=6.2, sharex=True)
    bin_s, end_s = duration_s(run.manifest["scenario"]["run"]["bin"]), when.window_s(run)[1]
    width_s = bin_s * np.ceil(when.bin_s(end_s, _POINTS) / bin_s)
    known = _series(run.stations, run.summary.replications, bin_s, width_s, end_s)
    struck = when.struck(run)
    busiest = sorted(known, key=lambda name: (name not in struck, *_ease(known[name])))
    chosen = [name for name in names if name in known] or busiest[:most]
    labels = distinct(chosen)
    clock = when.time_axis(panels, run, bin_s * np.ceil(end_s / bin_s))
    handles: list[Any] = []
    for number, name in enumerate(chosen):
        series, stroke = known[name], STROKES[number % len(STROKES)]
        step = max(1, min(8, len(series["at_s"]) // 3))  # three markers at least, where there are so many bins
        settings = {**stroke.settings, "markevery": (number % step, step), "markersize": 4}
        for panel, quantity in zip(panels, ("calls_per_s", "utilisation", "queue"), strict=True):
            lines = panel.plot(series["at_s"] / clock.unit_s, series[quantity], label=labels[name], **settings)
        handles += lines
    quantities = ("calls\n(per s)", "utilisation\n(%)", "queue, mean\n(calls)")
    peak = max((float(np.nan_to_num(known[name]["utilisation"]).max()) for name in chosen), default=0.0)
    busy = peak > _BUSY
    for panel, label, unit, least in zip(panels, quantities, ("", "%", ""), (0.0, 1.05 * busy, 1.0), strict=True):
        panel.set_ylabel(label)
        panel.set_ylim(0, max(panel.get_ylim()[1], least))
        unit_axis(panel.yaxis, unit)
    if busy:
        limit_line(panels[1], 1.0, "all in use", across=True)
    left_out = len(known) - len(chosen)
    if handles:
        legend(picture, [*handles, *([entry(f"{left_out} more not shown")] if left_out > 0 else [])])
    else:
        blank(panels[0], "no station had a call")
    unlimited = [labels[name] for name in chosen if np.isnan(known[name]["utilisation"]).all()]
    order = "first those that incidents strike, then by " if struck else "those with "
    which = f"Shown: {len(chosen)}, {order}the highest utilisation."
    no_limit = f"Without a limit, so without utilisation: {', '.join(unlimited)}." if unlimited else ""
    bins = of_run(run, together(run, f"time bins of {width_s:g} s"))
    calm = f"Of these none is more than {np.ceil(100 * peak):.0f}% in use." if chosen and not busy else ""
    note(picture, bins, "" if names or left_out <= 0 else which, calm, no_limit, when.incidents_said(run, clock))
    loads = "; ".join(f"{labels[name]} {_said(known[name])}" for name in chosen)
    picture.alt = f"Busiest time bin of stations and pools: {loads}" if chosen else "No station had a call"
    return picture


def _series(rows: pd.DataFrame, replications: int, bin_s: float, width_s: float, end_s: float) -> dict[str, Series]:
    """Return, for every station with calls, its values in the time bins that begin before the end of arrivals.

    Bins of the records are joined to such a width; the last may have fewer.
    """
    rows = rows[rows["bin_start_s"] < end_s - 1e-9]
    number = np.floor(rows["bin_start_s"] / width_s + 1e-9).astype(int).rename("number")
    length_s = rows.groupby(number)["bin_start_s"].nunique() * bin_s
    sums = rows.groupby(["station", number], observed=True)[["arrivals", "busy_s", "waiting_s", "capacity_s"]]
    found = {}
    for name, table in sums.sum(min_count=1).groupby("station", observed=True):
        column = {each: table[each].to_numpy(dtype=float) for each in table}
        if column["arrivals"].any():
            at = table.index.get_level_values("number")
            lasted_s = length_s[at].to_numpy()
            available = np.where(column["capacity_s"] > 0, column["capacity_s"], np.nan)
            found[str(name)] = {
                "at_s": at.to_numpy() * width_s + lasted_s / 2,
                "calls_per_s": column["arrivals"] / replications / lasted_s,
                "utilisation": column["busy_s"] / available,
                "queue": column["waiting_s"] / replications / lasted_s,
            }
    return found


def _ease(series: Series) -> tuple[float, float]:
    """Return what sorts the station with the highest utilisation first, in whole percents, then the longest queue."""
    return -round(float(np.nan_to_num(series["utilisation"]).max()), 2), -float(series["queue"].max())


def _said(series: Series) -> str:
    utilisation = np.nan_to_num(series["utilisation"]).max()
    return f"utilisation {utilisation:.0%}, queue {series['queue'].max():.3g} calls"
