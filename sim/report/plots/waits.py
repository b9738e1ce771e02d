"""How long the citizen waits, by percentile."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from sim.analysis import intervals
from sim.experiment.run import Run
from sim.report.plots.looks import BLACK, PALE, STROKES, nines
from sim.report.plots.paper import Array, Picture, blank, drawn, legend, note, sheet
from sim.report.plots.words import band_of, of_run, unit_axis

PERCENTILES = np.concatenate([np.arange(1, 90), np.arange(900, 1000) / 10])
"""Percentiles at which the wait is drawn."""
BEYOND, FEWEST = 5, 20
"""The carts of a replication that lie beyond the last percentile drawn, and those that make a line worth drawing."""
_SHOWN = (50, 80, 90, 95, 98, 99, 99.9)
METRIC = "user_wait"


@drawn
def citizen_wait(run: Run) -> Picture:
    """Draw the citizen's wait by percentile: of all carts with the interval, and by the number of notices in the cart.

    A percentile is that of a replication, averaged over replications, as in the metrics. A line ends at the highest
    percentile beyond which a replication has `BEYOND` carts on average; carts of which it has fewer than `FEWEST` have
    none. Objectives on the wait are marked where the scenario has them.
    """
    picture, (axes,) = sheet("How long the citizen waits for the system, by percentile", height_in=3.9)
    carts = run.carts[run.carts["measured"]]
    count, confidence = run.summary.replications, run.summary.confidence
    sizes = sorted(carts["cart_size"].unique())
    groups = {size: carts[carts["cart_size"] == size] for size in (sizes if len(sizes) > 1 else [])}
    enough = {size: group for size, group in groups.items() if len(group) >= FEWEST * count}
    handles: list[Any] = []
    for size, stroke in zip(sizes, STROKES, strict=False):
        if size in enough:
            percentiles = _known(enough[size], count)
            mean, _, _ = _percentiles(enough[size], percentiles, confidence)
            settings = {**stroke.settings, "markevery": max(1, len(percentiles) // 10)}
            handles += axes.plot(percentiles / 100, mean, label=_notices(size), **settings)
    known = _known(carts, count) if len(carts) >= FEWEST * count else PERCENTILES[:0]
    if len(known):
        mean, low, high = _percentiles(carts, known, confidence)
        axes.fill_between(known / 100, low, high, color="#B5B5B5", linewidth=0)
        settings = {"color": BLACK, "linewidth": 2.6, "zorder": 1.9}
        handles = [*axes.plot(known / 100, mean, label="all carts", **settings), *handles]
    else:
        blank(axes, "too few carts in the measured window" if len(carts) else "no cart arrived in the measured window")
    objectives = _objectives(axes, run)
    _scales(axes, max([95.0, *known[-1:], *(100 * mark.get_xdata()[0] for mark in objectives)]))
    if handles:
        legend(picture, [*handles, *objectives])
    few = [_notices(size) for size in groups if size not in enough]
    less = f"Without a line, with fewer than {FEWEST} carts in a replication: {', '.join(few)}." if few else ""
    ends = f"Lines end where a replication has {BEYOND} carts beyond." if len(known) else ""
    band = band_of(confidence, count if len(known) else 0)
    note(picture, of_run(run, "carts of the measured window, all tries"), band, ends, less)
    metrics = run.summary.metrics
    found = [f"p{p} {metrics[f'{METRIC}_p{p}'].mean:.3g} s" for p in (50, 95, 98, 99) if p <= max(known, default=0)]
    said = f"Citizen's wait by percentile, all carts: {', '.join(found)}"
    picture.alt = said if found else f"{'Too few carts' if len(carts) else 'No cart'} in the measured window"
    return picture


def _notices(size: int) -> str:
    return f"{size} notice{'s' if size > 1 else ''}"


def _known(carts: pd.DataFrame, replications: int) -> Array:
    """Return the percentiles that so many carts support."""
    beyond = (1 - PERCENTILES / 100) * len(carts) / replications
    return PERCENTILES[beyond >= BEYOND - 1e-9]


def _percentiles(carts: pd.DataFrame, percentiles: Array, confidence: float) -> tuple[Array, Array, Array]:
    """Return the mean over replications of each percentile, and its interval."""
    waits = [group.to_numpy() for _, group in carts.groupby("replication")["waited_s"]]
    each = np.array([np.percentile(values, percentiles) for values in waits])
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


def _scales(axes: Axes, end: float) -> None:
    axes.set_xscale("function", functions=nines(5e-4))
    axes.set_xlim(0, end / 100)
    ticks = [p for p in _SHOWN if p <= end]
    axes.set_xticks([p / 100 for p in ticks], [f"{p:g}" for p in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, axis="x", color=PALE)
    axes.set_xlabel("percentile of carts (%, stretched)")
    axes.set_ylabel("citizen's wait (s)")
    axes.set_ylim(bottom=0)
    unit_axis(axes.yaxis, "s")
