"""When the PSP's outcome arrives: the whole curve of delays, with the limit of 2 s and the mark of 98%."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from sim.analysis.cohort import LIMIT_S
from sim.analysis.indicators import OFFICIAL
from sim.analysis.intervals import Estimate
from sim.analysis.shown import percent
from sim.analysis.tally import DELAY_GRID_S
from sim.experiment.run import Run
from sim.report.plots import when
from sim.report.plots.letters import distinct
from sim.report.plots.looks import BLACK, STROKES, limit_line, nines
from sim.report.plots.paper import Picture, blank, drawn, entry, legend, note, sheet
from sim.report.plots.words import of_run, together

MARK = next(official.limit for official in OFFICIAL if official.metric == "tnspo_official")
"""The share of outcomes that is to come within `LIMIT_S`."""
_FURTHEST = 5e-4
"""The axis of shares ends so far below 1."""
_DELAYS = {
    0.1: "0.1 s", 0.2: "0.2 s", 0.5: "0.5 s", LIMIT_S: "2 s", 5: "5 s", 20: "20 s", 60: "1 min", 300: "5 min",
    1200: "20 min", 3600: "1 h",
}  # fmt: skip
_UNKNOWN = Estimate(np.nan, np.nan, np.nan, 0)


@drawn
def outcome_delay(run: Run, *, most: int = len(STROKES)) -> Picture:
    """Draw the share of accepted tokens whose outcome came within each delay, for all PSPs and for `most` of them.

    Marked are the limit of 2 s and the 98% of the service level. The axis of shares is stretched towards 100%, where
    the question is decided; each share within 2 s stands in the legend with its interval. Where there are more PSPs,
    these are those that an incident strikes or an objective names, then those with the lowest shares.
    """
    picture, (axes,) = sheet("Delay of the outcome after the PSP's acceptance, by PSP", height_in=4.1)
    curves = run.summary.outcome_curve
    within = {psp: _within(run, psp) for psp in curves}
    asked = {each.slo.group for each in run.summary.slos if each.slo.dimension == "psp"}
    asked |= {target.removeprefix("psps.") for target in when.struck(run)}
    ranked = sorted((psp for psp in curves if psp), key=lambda psp: within[psp].mean)
    chosen = sorted(sorted(ranked, key=lambda psp: psp not in asked)[:most], key=ranked.index)
    names = {"": "all PSPs", **distinct(chosen)}
    handles: list[Any] = []
    for number, psp in enumerate(["", *chosen] if curves else []):
        look: dict[str, Any] = {"color": BLACK, "linewidth": 2.6, "zorder": 1.9}
        if psp:
            look = {**STROKES[(number - 1) % len(STROKES)].settings, "markevery": 0.12}
        handles += axes.plot(DELAY_GRID_S, curves[psp], label=f"{names[psp]}\n{_percent(within[psp])}", **look)
    left_out = len(curves) - 1 - len(chosen)
    if left_out > 0:
        handles.append(entry(f"{left_out} more not shown"))
    _scales(axes, _settled_s([curves[psp] for psp in ["", *chosen] if psp in curves]))
    if curves:
        several = run.summary.replications > 1
        confidence = f"\n({percent(run.summary.confidence)} interval)" if several else ""
        legend(picture, handles, f"share within 2 s{confidence}")
    else:
        blank(axes, "no notification was accepted")
    what = together(run, "tokens of carts of the measured window", "all replications together")
    which = "Shown: PSPs that an incident strikes or an objective names, then those with the lowest shares."
    note(picture, of_run(run, what), "The axis of shares is stretched towards 100%.", which if left_out > 0 else "")
    shares = "; ".join(f"{names[psp]} {_percent(within[psp])}" for psp in ["", *chosen] if psp in within)
    said = f"Share of accepted tokens whose outcome came within 2 s, the mark being 98%: {shares}"
    picture.alt = said if curves else "No notification was accepted"
    return picture


def _within(run: Run, psp: str) -> Estimate:
    metrics = run.summary.by["psp"].get(psp, {}) if psp else run.summary.metrics
    return metrics.get("tnspo_strict", _UNKNOWN)


def _percent(estimate: Estimate) -> str:
    if np.isnan(estimate.low):
        return f"{estimate.mean:.1%}"
    return f"{estimate.mean:.1%} ({100 * estimate.low:.1f} to {estimate.high:.1%})"


def _settled_s(curves: Sequence[Sequence[float]]) -> float:
    """Return the delay by which all curves are as high as they will be, as far as the axis tells; at least 20 s."""
    reached = [DELAY_GRID_S[np.argmax(np.array(curve) >= curve[-1] - _FURTHEST / 5)] for curve in curves]
    return float(max(20.0, *reached)) if reached else 20.0


def _scales(axes: Axes, end_s: float) -> None:
    axes.set_xscale("log")
    axes.set_xlim(0.05, end_s)
    ticks = {s: name for s, name in _DELAYS.items() if s <= end_s and (s != 0.2 or end_s < 60)}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("delay from the acceptance to the first outcome at the Node (s, min, h)")
    axes.set_yscale("function", functions=nines(_FURTHEST / 100))
    axes.set_ylim(0, 1 - _FURTHEST)
    shares = [0, 0.5, 0.8, 0.9, 0.95, MARK, 0.99, 0.999]
    axes.set_yticks(shares, [f"{100 * share:g}%" for share in shares])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("accepted tokens with outcome (%)")
    limit_line(axes, LIMIT_S, "2 s", across=False)
    limit_line(axes, MARK, f"mark: {MARK:.0%}", across=True)
