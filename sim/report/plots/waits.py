"""How long the citizen waits, by percentile."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from sim.analysis import intervals
from sim.analysis.shown import percent
from sim.experiment.run import Run
from sim.report.plots.looks import BLACK, PALE, STROKES, nines
from sim.report.plots.paper import Array, Picture, blank, drawn, legend, note, sheet
from sim.report.plots.words import of_run, unit_axis

PERCENTILES = np.concatenate([np.arange(1, 90), np.arange(900, 1000) / 10])
"""Percentiles at which the wait is drawn."""
_SHOWN = (50, 80, 90, 95, 98, 99, 99.9)
_TOO_SURE = 1 - 1e-9
METRIC = "user_wait"


@drawn
def citizen_wait(run: Run) -> Picture:
    """Draw the citizen's wait by percentile: of all carts with the interval, and by the number of notices in the cart.

    A percentile is that of a replication, averaged over replications, as in the metrics. Objectives on the wait are
    marked where the scenario has them.
    """
    picture, (axes,) = sheet("How long the citizen waits for the system, by percentile", height_in=3.9)
    carts = run.carts[run.carts["measured"]]
    sizes = sorted(carts["cart_size"].unique())
    handles: list[Any] = []
    for stroke, size in zip(STROKES, sizes if len(sizes) > 1 else [], strict=False):
        name = f"{size} notice{'s' if size > 1 else ''}"
        mean, _, _ = _percentiles(carts[carts["cart_size"] == size], run.summary.confidence)
        handles += axes.plot(PERCENTILES / 100, mean, label=name, markevery=0.1, **stroke.settings)
    if len(carts):
        mean, low, high = _percentiles(carts, run.summary.confidence)
        axes.fill_between(PERCENTILES / 100, low, high, color="#B5B5B5", linewidth=0)
        settings: dict[str, Any] = {"color": BLACK, "linewidth": 2.6, "zorder": 1.9}
        handles = [*axes.plot(PERCENTILES / 100, mean, label="all carts", **settings), *handles]
    else:
        blank(axes, "no cart arrived in the measured window")
    _scales(axes)
    objectives = _objectives(axes, run)
    if handles:
        legend(picture, [*handles, *objectives])
    band = f"Grey: {percent(run.summary.confidence)} interval." if run.summary.replications > 1 else ""
    note(picture, of_run(run, "carts of the measured window, all tries"), band)
    shown = [f"p{p:g} {run.summary.metrics[f'{METRIC}_p{p:g}'].mean:.3g} s" for p in (50, 95, 98, 99)]
    picture.alt = f"Citizen's wait by percentile, all carts: {', '.join(shown)}"
    return picture


def _percentiles(carts: pd.DataFrame, confidence: float) -> tuple[Array, Array, Array]:
    """Return the mean over replications of every percentile, and its interval."""
    waits = [group.to_numpy() for _, group in carts.groupby("replication")["waited_s"]]
    each = np.array([np.percentile(values, PERCENTILES) for values in waits])
    estimates = [intervals.mean(column, confidence) for column in each.T]
    mean, low, high = (np.array([getattr(e, part) for e in estimates]) for part in ("mean", "low", "high"))
    return mean, low, high


def _objectives(axes: Axes, run: Run) -> list[Any]:
    """Mark what the scenario asks of the wait of all carts; a limit that must not be passed points down."""
    found = [each.slo for each in run.summary.slos if each.slo.metric == METRIC and not each.slo.dimension]
    marks: list[Any] = []
    for slo in found:
        if slo.percentile is not None:
            mark = "v" if slo.operator.startswith("<") else "^"
            label = f"objective:\n{slo.text}"
            marks += axes.plot(
                [slo.percentile / 100], [slo.limit], marker=mark, markersize=9, markerfacecolor="white",
                markeredgecolor=BLACK, markeredgewidth=1.5, linestyle="", zorder=5, label=label,
            )  # fmt: skip
    return marks


def _scales(axes: Axes) -> None:
    axes.set_xscale("function", functions=nines(5e-4))
    axes.set_xlim(0, PERCENTILES[-1] / 100)
    axes.set_xticks([p / 100 for p in _SHOWN], [f"{p:g}" for p in _SHOWN])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, axis="x", color=PALE)
    axes.set_xlabel("percentile of carts (%, stretched)")
    axes.set_ylabel("citizen's wait (s)")
    axes.set_ylim(bottom=0)
    unit_axis(axes.yaxis, "s")
