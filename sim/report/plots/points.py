"""Tables of points, as sweeps and searches give them, and what pictures take from them.

What is drawn comes as data frames. A table of points has one row per point of a design: a column for each path that was
varied, with numbers or with texts such as `250 ms`, and for each metric the columns `METRIC_mean`, `METRIC_low` and
`METRIC_high`, where METRIC may also be a percentile (`user_wait_p95`) or of a group (`tnspo_strict{psp=psp-a}`).
Intervals that are not known are NaN.
"""

from collections.abc import Sized

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sim.analysis.slo import Slo
from sim.report.plots.letters import plain
from sim.report.plots.looks import limit_line
from sim.report.plots.paper import Array
from sim.report.plots.quantities import Scale
from sim.report.plots.words import label_of, limit_of, shown, unit_axis, unit_of


def ordered(points: pd.DataFrame, path: str, metric: str, scale: Scale) -> tuple[Array, Array, Array, Array]:
    """Return places on the axis, means and ends of intervals, from left to right."""
    x = np.array([scale.place(value) for value in points[path]])
    order = np.argsort(x, kind="stable")
    mean, low, high = (points[f"{metric}_{part}"].to_numpy(dtype=float)[order] for part in ("mean", "low", "high"))
    return x[order], mean, low, high


def metric_axis(axes: Axes, metric: str) -> None:
    """Set the upright axis for a metric."""
    axes.set_ylabel(label_of(metric))
    unit_axis(axes.yaxis, unit_of(metric))


def draw_limit(axes: Axes, slo: Slo) -> None:
    """Draw the limit of an SLO, with its name beside it at the right edge."""
    limit_line(axes, slo.limit, limit_of(slo).replace(": ", ":\n"), across=True, outside=True)


def counted(points: Sized) -> str:
    """Say how many points there are."""
    return "1 point" if len(points) == 1 else f"{len(points)} points"


def named(scenario: str) -> str:
    """Return the beginning of a note that names its scenario, or nothing without one."""
    return f"Scenario {plain(scenario, 40)}, " if scenario else ""


def extent(points: pd.DataFrame, metric: str) -> str:
    """Say from where to where the means of a metric go."""
    means = points[f"{metric}_mean"].dropna()
    unit = unit_of(metric)
    return f"{shown(means.min(), unit)} to {shown(means.max(), unit)}" if len(means) else "no points"
