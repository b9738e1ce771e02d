"""Whether a run is long enough and has enough replications: running means with intervals, and the warm-up."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from sim.analysis.metrics import parts_of
from sim.analysis.shown import percent
from sim.analysis.slo import Slo
from sim.analysis.summary import estimate_of
from sim.analysis.warmup import mser_5
from sim.experiment.run import Run
from sim.experiment.sweep import column_of
from sim.report.plots import when
from sim.report.plots.looks import BLACK, GREY, LIMIT, VERMILLION
from sim.report.plots.paper import Array, Picture, blank, drawn, legend, note, sheet
from sim.report.plots.words import label_of, limit_of, of_run, shown, unit_axis, unit_of

WATCHED = ("token_expiry_rate", "reversal_rate", "tnspo_strict", "user_wait")
"""Metrics whose convergence is shown unless others are asked for."""
_SETTLING = 8
"""The frame has room for the intervals from this part of all replications on."""
_BINS = 140
_SMOOTHED = 9
"""Time bins that a moving average is over, its own in the middle (Welch 1983)."""


def running(run: Run, metrics: Sequence[str] = WATCHED) -> pd.DataFrame:
    """Return the estimates after each number of replications: `metric`, `n`, `mean`, `low`, `high`.

    A metric may be a percentile (`user_wait_p95`) that the run has.
    """
    rows = []
    for metric in metrics:
        name, percentile, _ = parts_of(metric)
        asked = Slo(metric, name, float(percentile) if percentile else None, "", "", ">=", 0.0)
        for n in range(1, len(run.tallies) + 1):
            found = estimate_of(run.tallies[:n], asked, run.summary.confidence)
            rows.append((metric, n, found.mean, found.low, found.high))
    return pd.DataFrame(rows, columns=["metric", "n", "mean", "low", "high"])


@drawn
def convergence(estimates: pd.DataFrame, *, slos: Sequence[Slo] = (), confidence: float | None = None) -> Picture:
    """Draw how the mean of each metric, at most four, settles as replications are added, with its interval.

    `estimates` has the columns `metric`, `n` (replications), `mean`, `low`, `high`, as `running` returns them;
    `confidence` is that of the intervals, to be named. Limits of `slos` on the metrics are drawn where they are near.
    """
    metrics = list(dict.fromkeys(estimates["metric"]))[:4]
    rows = 1 + (len(metrics) > 2)
    picture, panels = sheet(
        "How the means settle as replications are added", rows=rows, columns=2 if len(metrics) > 1 else 1,
        height_in=1.4 + 1.9 * rows, sharex=True,
    )  # fmt: skip
    for panel, metric in zip(panels, metrics, strict=False):
        limits = [slo for slo in slos if column_of(slo) == metric]
        _settling(panel, estimates[estimates["metric"] == metric].sort_values("n"), metric, limits)
    last = int(estimates["n"].max()) if metrics else 1
    for panel in panels[-2:]:
        panel.set_xlabel("replications (number)")
        margin = max(0.5, 0.03 * last)
        panel.set_xlim(1 - margin, last + margin)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for panel in panels[len(metrics) :]:
        panel.set_visible(bool(not metrics))
    if not metrics:
        blank(panels[0], "no replications to estimate from")
        panels[0].set_ylabel("mean (value)")
    count = f"{last} replication{'' if last == 1 else 's'}"
    level = f"{percent(confidence)} " if confidence else ""
    band = f"grey: {level}interval of the mean" if estimates["low"].notna().any() else "no interval"
    note(picture, f"{count}; {band}." if metrics else "")
    known = estimates[estimates["metric"].isin(metrics) & estimates["mean"].notna()].groupby("metric", sort=False)
    means = [f"{metric} {shown(rows['mean'].iloc[-1], unit_of(str(metric)))}" for metric, rows in known]
    picture.alt = f"Running means over {count}: {'; '.join(means)}" if means else "No payments to estimate from"
    return picture


def _settling(axes: Axes, known: pd.DataFrame, metric: str, slos: Sequence[Slo]) -> None:
    """Draw the running mean of a metric; the intervals of the first replications may leave the frame."""
    n, mean, low, high = (known[column].to_numpy(dtype=float) for column in ("n", "mean", "low", "high"))
    finite = np.isfinite(low) & np.isfinite(high)
    if finite.sum() == 1:  # a band has no width there
        axes.vlines(n[finite], low[finite], high[finite], color="#C9C9C9", linewidth=5.0, zorder=1.5)
    axes.fill_between(n, low, high, color="#C9C9C9", linewidth=0)
    axes.plot(n, mean, color=BLACK, marker="o", markersize=3, clip_on=False)
    later = finite & (n >= n.max() / _SETTLING)
    seen = np.concatenate([mean[np.isfinite(mean)], low[later], high[later]])
    if len(seen):
        bottom, top = seen.min(), seen.max()
        near = [slo for slo in slos if 2 * bottom - top < slo.limit < 2 * top - bottom]
        for slo in near:
            axes.axhline(slo.limit, **LIMIT)
            axes.set_title(f"dashed: {limit_of(slo)}", loc="right", fontsize=7.5)
        bottom, top = min([bottom, *(slo.limit for slo in near)]), max([top, *(slo.limit for slo in near)])
        margin = 0.08 * (top - bottom) or 0.05 * abs(top) or 0.05
        least = 0.0 if bottom >= 0 else -np.inf
        most = 1.0 if unit_of(metric) == "%" else np.inf
        axes.set_ylim(max(bottom - margin, least), min(top + margin, most))
    else:
        blank(axes, "no payments")
    axes.set_ylabel(label_of(metric, 26))
    unit_axis(axes.yaxis, unit_of(metric))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5) if len(seen) else NullLocator())


@drawn
def warm_up(run: Run) -> Picture:
    """Draw the citizen's wait over the time of arrival, and where MSER-5 would cut the warm-up of each replication.

    The wait is the mean of carts that arrived in a time bin, over all replications together; the line is its moving
    average, which ends where there are too few bins after it. MSER-5 looks at each replication's carts one by one. No
    cut is marked where nothing settles: with incidents on the calendar, or where it is in the second half of the run.
    """
    picture, (axes,) = sheet("Warm-up: when the citizen's wait has settled", height_in=3.7)
    opens_s, end_s = when.window_s(run)
    edges = np.append(np.arange(0.0, end_s, when.bin_s(end_s, _BINS)), end_s)
    carts = run.carts[run.carts["arrived_s"] < end_s]
    clock = when.time_axis([axes], run, end_s)
    at, mean = _mean_wait(carts, edges)
    dots = axes.plot(at / clock.unit_s, mean, ".", color=GREY, markersize=3, label="mean of a time bin")
    smooth = _smooth(mean)
    line = axes.plot(
        at[: len(smooth)] / clock.unit_s, smooth, color=BLACK, label=f"moving average\nof {_SMOOTHED} bins"
    )
    cuts = np.array([
        mser_5(rows["waited_s"].to_numpy(), rows["arrived_s"].to_numpy()) for _, rows in carts.groupby("replication")
    ])  # fmt: skip
    steady = not any(start < end_s for _, start, _ in when.on_calendar(run))
    settled = cuts[(cuts <= end_s / 2) & steady]
    handles: list[Any] = [*dots, *line]
    if len(settled):
        settings: dict[str, Any] = {"color": VERMILLION, "linestyle": "", "marker": "^", "markersize": 8, "alpha": 0.7}
        handles += axes.plot(
            settled / clock.unit_s, np.full(len(settled), 0.03), clip_on=False, markeredgecolor=BLACK,
            transform=axes.get_xaxis_transform(), label="MSER-5 cuts here,\none per replication", **settings,
        )  # fmt: skip
    axes.set_ylabel("citizen's wait (s)")
    axes.set_ylim(bottom=0)
    unit_axis(axes.yaxis, "s")
    said = _settled_said(cuts, opens_s, end_s, steady=steady) if len(carts) else ""
    note(picture, of_run(run, "all carts by their arrival"), said, when.incidents_said(run, clock))
    if len(carts):
        legend(picture, handles)
        picture.alt = f"Citizen's wait over time of arrival; the warm-up ends at {opens_s:g} s. {said}"
    else:
        picture.alt = "No cart arrived"
        blank(axes, picture.alt.lower())
    return picture


def _settled_said(cuts: Array, opens_s: float, end_s: float, *, steady: bool) -> str:
    """Say in how many replications the warm-up is too short, and where none would be long enough."""
    if not steady:
        return "Incidents change the wait during the run: it has no steady state, and no cut of MSER-5 is marked."
    of_all = f"in {{}} of {len(cuts)} replication{'' if len(cuts) == 1 else 's'}".format
    late, never = (cuts > opens_s).sum(), (cuts > end_s / 2).sum()
    more = f" {of_all(never).capitalize()} the wait never settles: the cut, in the second half, is not marked."
    return f"MSER-5 would cut after the warm-up {of_all(late)}.{more if never else ''}"


def _mean_wait(carts: pd.DataFrame, edges: Array) -> tuple[Array, Array]:
    """Return the middles of the bins in which carts arrived, and the mean wait of these carts."""
    counts, _ = np.histogram(carts["arrived_s"], edges)
    sums, _ = np.histogram(carts["arrived_s"], edges, weights=carts["waited_s"])
    seen = counts > 0
    return ((edges[:-1] + edges[1:]) / 2)[seen], sums[seen] / counts[seen]


def _smooth(values: Array) -> Array:
    """Return the moving average of Welch's procedure: over fewer values at the beginning, and none for the last few."""
    half = _SMOOTHED // 2
    reach = [min(place, half) for place in range(len(values) - half)]
    return np.array([values[place - far : place + far + 1].mean() for place, far in enumerate(reach)])
