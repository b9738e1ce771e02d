"""Money given back: by cause, and over time."""

import numpy as np
from matplotlib.axes import Axes

from sim.analysis.shown import percent
from sim.experiment.run import Run
from sim.report.plots import when
from sim.report.plots.looks import BLACK, GREY, PURPLE, SKY, VERMILLION, Fill, Fills, patches, stack
from sim.report.plots.paper import Array, Picture, blank, drawn, legend, note, sheet
from sim.report.plots.words import of_run, together, unit_axis

REVERSALS: Fills = {
    "psp_refused": Fill("PSP refused", "#333333"),
    "psp_unreachable": Fill("PSP unreachable", SKY),
    "token_expired": Fill("token expired", VERMILLION, "\\\\\\\\", "#FFFFFF"),
    "close_rejected": Fill("close rejected", "#BDBDBD", "---", GREY),
    "close_not_delivered": Fill("close not delivered", PURPLE, "xxxx"),
}
"""The causes of a reversal, from the bottom of the stack."""
_SHORT_S = 3 * 3600.0
"""What is over by then is shown in bars of ten minutes instead of hours."""


@drawn
def reversals(run: Run) -> Picture:
    """Draw the euros reversed: by cause with intervals, and by the hour in which the reversal was asked for.

    Where all of it happens in less than three hours, the bars are of ten minutes. Both count payments of carts of the
    measured window, per replication, so that the bars add up to `reversal_eur`.
    """
    picture, (by_cause, over_time) = sheet(
        "Money given back, by cause and over time", rows=2, height_in=4.9, height_ratios=(1, 1.6)
    )
    _by_cause(by_cause, run)
    edges_s, euros = _by_hour(run)
    clock = when.time_axis([over_time], run, edges_s[-1])
    seen = {cause: amounts for cause, amounts in euros.items() if amounts.any()}
    stack(over_time, edges_s / clock.unit_s, seen, REVERSALS)
    over_time.set_ylabel(f"reversed in each {'10 min' if edges_s[1] < 3600 else 'hour'} (euros)")
    unit_axis(over_time.yaxis, "EUR")
    if seen:
        legend(picture, patches(seen, REVERSALS))
    else:
        blank(over_time, "nothing was reversed")
    what = of_run(run, together(run, "payments of carts of the measured window"))
    bars = (
        f"Lines on the bars: {percent(run.summary.confidence)} interval."
        if seen and run.summary.replications > 1
        else ""
    )
    note(picture, what, bars, when.incidents_said(run, clock))
    total = run.summary.metrics["reversal_eur"].mean
    causes = [f"{REVERSALS[cause].label} {amounts.sum():,.0f} euros" for cause, amounts in seen.items()]
    said = f"Reversed per replication: {total:,.0f} euros; {'; '.join(causes)}"
    picture.alt = said if causes else "Nothing was reversed"
    return picture


def _by_hour(run: Run) -> tuple[Array, dict[str, Array]]:
    """Return the edges of the hours, and the euros reversed in each by cause, per replication."""
    rows = run.reversals[run.reversals["measured"]]
    asked_s, cents = rows["reversal_requested_s"].to_numpy(), rows["amount_cents"].to_numpy()
    causes = rows["reversal_cause"].astype(str).to_numpy()
    last_s = float(np.nanmax(asked_s, initial=when.window_s(run)[1]))
    width_s = 600.0 if last_s <= _SHORT_S else 3600.0
    edges_s = np.arange(0.0, last_s + width_s, width_s)
    euros = {
        cause: np.histogram(asked_s, edges_s, weights=np.where(causes == cause, cents / 100, 0.0))[0]
        / run.summary.replications
        for cause in REVERSALS
    }
    return edges_s, euros


def _by_cause(axes: Axes, run: Run) -> None:
    causes = run.summary.by["cause"]
    amounts = {cause: causes[cause]["reversal_eur"] for cause in REVERSALS if "reversal_eur" in causes.get(cause, {})}
    ranked = sorted(amounts, key=lambda cause: amounts[cause].mean)
    for place, cause in enumerate(ranked):
        amount = amounts[cause]
        axes.barh(place, amount.mean, height=0.6, **REVERSALS[cause].settings)
        if np.isfinite(amount.low):
            axes.plot([amount.low, amount.high], [place, place], color=BLACK, marker="|", linewidth=1.0)
    axes.set_yticks(range(len(ranked)), [REVERSALS[cause].label for cause in ranked])
    axes.set_ylim(-0.6, max(len(ranked), 1) - 0.4)
    axes.set_ylabel("cause")
    axes.set_xlabel("reversed per replication (euros)")
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=6)
    unit_axis(axes.xaxis, "EUR")
    if not ranked:
        blank(axes, "nothing was reversed")
