"""What became of the tokens, over time."""

from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sim.experiment.run import Run
from sim.records import EXPIRY_CAUSES
from sim.report.plots import when
from sim.report.plots.looks import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILLION,
    YELLOW,
    Fill,
    Fills,
    patches,
    stack,
)
from sim.report.plots.paper import Array, Picture, blank, drawn, legend, note, sheet
from sim.report.plots.words import band_of, of_run, together, unit_axis

FATES: Fills = {
    "paid": Fill("paid", "#CCCCCC"),
    "abandoned": Fill("expired: abandoned", SKY),
    "activation_failed": Fill("expired: sibling\nactivation failed", ORANGE, "////"),
    "close_late": Fill("expired: closed\ntoo late", PURPLE, "....", "#FFFFFF"),
    "close_not_delivered": Fill("expired: close\nnot delivered", PURPLE, "xxxx"),
    "outcome_missing_accepted": Fill("expired: no outcome\nafter acceptance", VERMILLION, "\\\\\\\\", "#FFFFFF"),
    "outcome_missing_unknown": Fill("expired: no outcome after\na technical exception", BLUE, "----", "#FFFFFF"),
    "outcome_late": Fill("expired: outcome late", YELLOW, "||||"),
    "refused": Fill("refused by the PSP,\nor PSP unreachable", "#333333"),
    "cancelled": Fill("cancelled, denied,\nor close rejected", "#BDBDBD", "---", GREY),
    "open": Fill("open at the end", GREEN, "++++", "#FFFFFF"),
}
"""What can become of a token, from the bottom of the stack."""
_OF_CAUSE = {
    **{cause: cause for cause in EXPIRY_CAUSES},
    "psp_refused": "refused",
    "psp_unreachable": "refused",
    "user_cancelled": "cancelled",
    "authorisation_denied": "cancelled",
    "close_rejected": "cancelled",
}
_BINS = 40


@drawn
def token_fate(run: Run) -> Picture:
    """Draw what became of the tokens, by the moment of their issue, and how many were open at each moment.

    Above, tokens issued per minute by fate; in the middle, the fates other than paid as shares of the tokens issued;
    below, tokens open, with the interval of their mean. All tokens count, also those of the warm-up.
    """
    picture, panels = sheet("What became of the tokens, by when they were issued", rows=3, height_in=6.4, sharex=True)
    end_s = when.window_s(run)[1]
    edges_s, counts = _by_issue(run.payments, end_s)
    clock = when.time_axis(panels, run, end_s)
    issued = counts.sum(axis=0)
    per_min = counts / run.summary.replications / np.diff(edges_s) * 60
    shares = np.divide(counts, issued, out=np.zeros_like(counts), where=issued > 0)
    seen = {fate: number for number, fate in enumerate(FATES) if counts[number].any()}
    edges = edges_s / clock.unit_s
    stack(panels[0], edges, {fate: per_min[number] for fate, number in seen.items()}, FATES)
    stack(panels[1], edges, {fate: shares[number] for fate, number in seen.items() if fate != "paid"}, FATES)
    unit_axis(panels[0].yaxis, "number")
    panels[0].set_ylabel("tokens issued\n(per min)")
    panels[1].set_ylabel("tokens not paid\n(% of those issued)")
    unit_axis(panels[1].yaxis, "%")
    _open_tokens(panels[2], run, clock)
    if seen:
        shares_said = {f: replace(FATES[f], label=f"{FATES[f].label}, {_share(counts, n)}") for f, n in seen.items()}
        legend(picture, patches(seen, shares_said))
    else:
        blank(panels[0], "no token was issued")
    what = of_run(run, together(run, "all tokens, those of the warm-up too"))
    band = band_of(run.summary.confidence, run.summary.replications)
    note(picture, what, band and f"Below, {band[0].lower()}{band[1:]}", when.incidents_said(run, clock))
    fates = [f"{FATES[fate].label} {_share(counts, number)}".replace("\n", " ") for fate, number in seen.items()]
    picture.alt = (
        f"Fate of {issued.sum():,.0f} tokens over time: {'; '.join(fates)}" if fates else "No token was issued"
    )
    return picture


def _by_issue(payments: pd.DataFrame, end_s: float) -> tuple[Array, Array]:
    """Return the edges of time bins up to the end of arrivals, and tokens by fate (rows) and bin of their issue."""
    edges = np.append(np.arange(0.0, end_s, when.bin_s(end_s, _BINS)), end_s)
    issued_s = payments["issued_s"].to_numpy()
    causes = payments["cancel_cause"].astype(str).map(_OF_CAUSE)
    fates = causes.where(payments["paid_s"].isna(), "paid").fillna("open").to_numpy()
    return edges, np.array([np.histogram(issued_s[fates == fate], edges)[0] for fate in FATES], dtype=float)


def _share(counts: Array, fate: int) -> str:
    share = counts[fate].sum() / counts.sum()
    return f"{share:.1%}" if share >= 0.01 else f"{share:.2%}"


def _open_tokens(axes: Axes, run: Run, clock: when.Clock) -> None:
    at = np.array(run.summary.open_tokens_at_s) / clock.unit_s
    found = run.summary.open_tokens
    axes.plot(at, [each.mean for each in found], color=BLACK)
    axes.fill_between(at, [each.low for each in found], [each.high for each in found], color="#B5B5B5", linewidth=0)
    axes.set_ylabel("tokens open\n(number)")
    axes.set_ylim(bottom=0)
    unit_axis(axes.yaxis, "number")
