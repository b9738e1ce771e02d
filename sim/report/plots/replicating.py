"""Whether a run is long enough and has enough replications: running means with intervals, and the warm-up."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sim.analysis.metrics import parts_of
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
def convergence(estimates: pd.DataFrame, *, slos: Sequence[Slo] = ()) -> Picture:
    """Draw how the mean of each metric, at most four, settles as replications are added, with its interval.

    `estimates` has the columns `metric`, `n` (replications), `mean`, `low`, `high`, as `running` returns them. Limits
    of `slos` on the metrics are drawn where they are near.
    """
    metrics = list(dict.fromkeys(estimates["metric"]))[:4]
    rows = 1 + (len(metrics) > 2)
    picture, panels = sheet(
        "How the means settle as replications are added", rows=rows, columns=2 if len(metrics) > 1 else 1,
        height_in=1.4 + 1.9 * rows, sharex=True,
    )  # fmt: skip
    for panel, metric in zip(panels, metrics, strict=False):
        _settling(panel, estimates[estimates["metric"] == metric].sort_values("n"), metric)
        for slo in slos:
            low, high = panel.get_ylim()
            if column_of(slo) == metric and 2 * low - high < slo.limit < 2 * high - low:
                panel.axhline(slo.limit, **LIMIT)
                margin = 0.04 * (high - low)
                panel.set_ylim(min(low, slo.limit - margin), max(high, slo.limit + margin))
                panel.set_title(f"dashed: {limit_of(slo)}", loc="right", fontsize=7.5)
    last = int(estimates["n"].max()) if metrics else 1
    for panel in panels[-2:]:
        panel.set_xlabel("replications (number)")
        panel.set_xlim(1 - 0.03 * last, last * 1.03)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in panels[len(metrics) :]:
        panel.set_visible(bool(not metrics))
    if not metrics:
        blank(panels[0], "no replications")
        panels[0].set_ylabel("mean (value)")
    note(picture, f"Grey: interval of the mean. {last} replication{'' if last == 1 else 's'}.")
    picture.alt = f"Running means over {last} replications: " + "; ".join(
        f"{metric} {shown(estimates[estimates['metric'] == metric]['mean'].iloc[-1], unit_of(metric))}"
        for metric in metrics
    )
    return picture


def _settling(axes: Axes, known: pd.DataFrame, metric: str) -> None:
    """Draw the running mean of a metric; the intervals of the first replications may leave the frame."""
    n, mean, low, high = (known[column].to_numpy(dtype=float) for column in ("n", "mean", "low", "high"))
    axes.fill_between(n, low, high, color="#C9C9C9", linewidth=0)
    axes.plot(n, mean, color=BLACK, marker="o", markersize=3)
    later = n >= n.max() / _SETTLING
    seen = np.concatenate([mean, low[later], high[later]])
    seen = seen[np.isfinite(seen)]
    if len(seen):
        margin = 0.08 * np.ptp(seen) or 0.05 * abs(seen[0]) or 0.05
        axes.set_ylim(seen.min() - margin, seen.max() + margin)
    else:
        blank(axes, "nothing to estimate")
    axes.set_ylabel(label_of(metric, 26))
    unit_axis(axes.yaxis, unit_of(metric))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5))


@drawn
def warm_up(run: Run) -> Picture:
    """Draw the citizen's wait over the time of arrival, and where MSER-5 would cut the warm-up of each replication.

    The wait is the mean of carts that arrived in a time bin, over all replications together; the line is its moving
    average. MSER-5 looks at each replication's carts one by one.
    """
    picture, (axes,) = sheet("Warm-up: when the citizen's wait has settled", height_in=3.7)
    opens_s, end_s = when.window_s(run)
    edges = np.append(np.arange(0.0, end_s, when.bin_s(end_s, _BINS)), end_s)
    carts = run.carts[run.carts["arrived_s"] < end_s]
    clock = when.time_axis([axes], run, end_s)
    at, mean = _mean_wait(carts, edges)
    dots = axes.plot(at / clock.unit_s, mean, ".", color=GREY, markersize=3, label="mean of a time bin")
    line = axes.plot(at / clock.unit_s, _smooth(mean), color=BLACK, label=f"moving average\nof {_SMOOTHED} bins")
    cuts = [
        mser_5(rows["waited_s"].to_numpy(), rows["arrived_s"].to_numpy()) for _, rows in carts.groupby("replication")
    ]
    handles: list[Any] = [*dots, *line]
    if cuts:
        settings: dict[str, Any] = {"color": VERMILLION, "linestyle": "", "marker": "^", "markersize": 8, "alpha": 0.7}
        handles += axes.plot(
            np.array(cuts) / clock.unit_s, np.full(len(cuts), 0.03), clip_on=False, markeredgecolor=BLACK,
            transform=axes.get_xaxis_transform(), label="MSER-5 cuts here,\none per replication", **settings,
        )  # fmt: skip
    axes.set_ylabel("citizen's wait (s)")
    axes.set_ylim(bottom=0)
    unit_axis(axes.yaxis, "s")
    legend(picture, handles)
    if not len(carts):
        blank(axes, "no cart arrived")
    late = sum(cut > opens_s for cut in cuts)
    said = f"MSER-5 would cut after the warm-up in {late} of {len(cuts)} replications."
    note(picture, of_run(run, "all carts by their arrival"), said, when.incidents_said(run, clock))
    picture.alt = f"Citizen's wait over time of arrival; the warm-up ends at {opens_s:g} s. {said}"
    return picture


def _mean_wait(carts: pd.DataFrame, edges: Array) -> tuple[Array, Array]:
    """Return the middles of the bins in which carts arrived, and the mean wait of these carts."""
    counts, _ = np.histogram(carts["arrived_s"], edges)
    sums, _ = np.histogram(carts["arrived_s"], edges, weights=carts["waited_s"])
    seen = counts > 0
    return ((edges[:-1] + edges[1:]) / 2)[seen], sums[seen] / counts[seen]


def _smooth(values: Array) -> Array:
    """Return the moving average, over fewer values at the ends, as Welch's procedure does."""
    half = _SMOOTHED // 2
    reach = np.minimum.reduce([np.arange(len(values)), np.arange(len(values))[::-1], np.full(len(values), half)])
    return np.array([values[i - r : i + r + 1].mean() for i, r in enumerate(reach)])
