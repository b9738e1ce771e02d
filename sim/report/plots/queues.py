"""Where the load is: calls, utilisation and queues of stations and pools on one time axis."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sim.experiment.run import Run
from sim.report.plots import when
from sim.report.plots.letters import plain
from sim.report.plots.looks import STROKES, limit_line
from sim.report.plots.paper import Array, Picture, blank, drawn, entry, legend, note, sheet
from sim.report.plots.words import of_run, unit_axis

Series = dict[str, Array]


@drawn
def stations(run: Run, names: Sequence[str] = (), *, most: int = 5) -> Picture:
    """Draw calls per second, utilisation and mean queue length of stations and pools, with the incidents shaded.

    Shown are the stations named, or else the `most` whose queue is longest in any time bin, and among equals those
    whose utilisation is highest. Values are of all replications together: calls / time, worker-seconds used /
    worker-seconds available, call-seconds waited / time.
    """
    picture, panels = sheet("Load of stations and pools: calls, utilisation, queue", rows=3, height_in=6.2, sharex=True)
    end_s = when.window_s(run)[1]
    known = _series(run.stations, run.summary.replications, end_s)
    chosen = [name for name in names if name in known] or sorted(known, key=lambda name: _ease(known[name]))[:most]
    clock = when.time_axis(panels, run, end_s)
    handles: list[Any] = []
    for number, name in enumerate(chosen):
        series, stroke = known[name], STROKES[number % len(STROKES)]
        step = max(1, min(8, len(series["at_s"]) // 3))  # three markers at least, where there are so many bins
        settings = {**stroke.settings, "markevery": (number % step, step), "markersize": 4}
        for panel, quantity in zip(panels, ("calls_per_s", "utilisation", "queue"), strict=True):
            lines = panel.plot(series["at_s"] / clock.unit_s, series[quantity], label=plain(name), **settings)
        handles += lines
    labels = ("calls\n(per s)", "utilisation\n(%)", "queue, mean\n(calls)")
    for panel, label, unit, least in zip(panels, labels, ("", "%", ""), (0.0, 1.05, 1.0), strict=True):
        panel.set_ylabel(label)
        panel.set_ylim(0, max(panel.get_ylim()[1], least))
        unit_axis(panel.yaxis, unit)
    limit_line(panels[1], 1.0, "all in use", across=True)
    left_out = len(known) - len(chosen)
    if handles:
        legend(picture, [*handles, *([entry(f"{left_out} more not shown")] if left_out > 0 else [])])
    else:
        blank(panels[0], "no station had a call")
    unlimited = [plain(name) for name in chosen if np.isnan(known[name]["utilisation"]).all()]
    which = f"Shown: the {len(chosen)} with the longest queue, then the highest utilisation." if left_out > 0 else ""
    no_limit = f"Without a limit, so without utilisation: {', '.join(unlimited)}." if unlimited else ""
    said = of_run(run, "mean of the replications"), "" if names else which, no_limit, when.incidents_said(run, clock)
    note(picture, *said)
    picture.alt = "Busiest time bin of stations and pools: " + "; ".join(_said(name, known[name]) for name in chosen)
    return picture


def _series(rows: pd.DataFrame, replications: int, end_s: float) -> dict[str, Series]:
    """Return, for every station with calls, its values in the time bins that begin before the end of arrivals."""
    rows = rows[rows["bin_start_s"] < end_s - 1e-9]
    starts = np.unique(rows["bin_start_s"])
    width_s = float(starts[1] - starts[0]) if len(starts) > 1 else end_s
    sums = rows.groupby(["station", "bin_start_s"], observed=True)[["arrivals", "busy_s", "waiting_s", "capacity_s"]]
    found = {}
    for name, table in sums.sum(min_count=1).groupby("station", observed=True):
        column = {each: table[each].to_numpy(dtype=float) for each in table}
        if column["arrivals"].any():
            available = np.where(column["capacity_s"] > 0, column["capacity_s"], np.nan)
            found[str(name)] = {
                "at_s": table.index.get_level_values("bin_start_s").to_numpy() + width_s / 2,
                "calls_per_s": column["arrivals"] / replications / width_s,
                "utilisation": column["busy_s"] / available,
                "queue": column["waiting_s"] / replications / width_s,
            }
    return found


def _ease(series: Series) -> tuple[float, float]:
    """Return what sorts the station with the longest queue first, then the one with the highest utilisation."""
    return -float(series["queue"].max()), -float(np.nan_to_num(series["utilisation"]).max())


def _said(name: str, series: Series) -> str:
    utilisation = np.nan_to_num(series["utilisation"]).max()
    return f"{plain(name)} utilisation {utilisation:.0%}, queue {series['queue'].max():.3g} calls"
