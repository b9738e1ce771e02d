"""What a figure rests on: the inputs of a sensitivity analysis, the greatest effect first."""

from math import copysign
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from sim.analysis.shown import percent
from sim.experiment.sensitivity import Sensitivity
from sim.experiment.sweep import column_of
from sim.report.plots.letters import distinct, wrapped
from sim.report.plots.looks import BLACK, BLUE
from sim.report.plots.paper import Picture, blank, drawn, note, sheet
from sim.report.plots.points import named
from sim.report.plots.words import shown, title_of, unit_axis, unit_of

_LABEL_EM = 36.0
_POINTS = "percentage points"
_MORRIS = "The mean size of the change when the input goes through its range, to the side of the mean change."
_SOBOL = "The share of the output's variance that is due to the input, with all others."


@drawn
def tornado(
    effects: pd.DataFrame, metric: str, *, what: str = "", size: str = "change of", said: str = "", most: int = 15
) -> Picture:
    """Draw how much a metric rests on each input, the greatest first.

    `effects` has one row per input: `path`, `effect` (the change of the metric when the input goes through its range,
    in the unit of the metric; below zero if it falls), `low` and `high` of its interval and, if known, `assumed`:
    whether the input's value is an assumption. `size` says what of the change is drawn, `what` names another measure,
    such as a share of variance; `said` goes before the note.
    """
    effects = effects.sort_values("effect", key=lambda column: -column.abs(), kind="stable")
    top = effects.head(most)
    height_in = 1.8 + 0.27 * max(len(top), 3)
    picture, (axes,) = sheet(f"What \u201c{title_of(metric)}\u201d rests on", height_in=height_in)
    assumed = top["assumed"].to_numpy(dtype=bool) if "assumed" in top else np.zeros(len(top), dtype=bool)
    looks: dict[bool, dict[str, Any]] = {
        False: {"facecolor": BLUE, "edgecolor": BLACK, "linewidth": 0, "label": "has a source"},
        True: {"facecolor": "#F3C9A8", "edgecolor": BLACK, "hatch": "////", "linewidth": 0, "label": "assumed"},
    }
    for place, (effect, low, high) in enumerate(zip(top["effect"], top["low"], top["high"], strict=True)):
        axes.barh(place, effect, height=0.66, **looks[bool(assumed[place])])
        if np.isfinite([low, high]).all():
            axes.plot([low, high], [place, place], color=BLACK, marker="|", linewidth=1.0)
    axes.axvline(0, color=BLACK, linewidth=0.8)
    names, longer = (distinct(top["path"], most) for most in (40, 60))
    axes.set_yticks(range(len(top)), [names[path] for path in top["path"]])
    axes.set_ylim(len(top) - 0.4, -0.6)
    axes.set_ylabel("input (path)")
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlabel(wrapped(what or _label(metric, size), _LABEL_EM))
    if unit_of(metric) == "%" and not what:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.6g}"))
    else:
        unit_axis(axes.xaxis, "")
    if "assumed" in effects and len(top):
        kinds = [Patch(**looks[each]) for each in sorted(set(assumed.tolist()))]
        axes.legend(handles=kinds, loc="lower left", bbox_to_anchor=(-0.01, 1.0), ncols=2)
    if not len(top):
        blank(axes, "no inputs")
    left_out = len(effects) - len(top)
    more = f"{left_out} inputs with less effect are left out." if left_out else ""
    note(picture, said, "Bars have their intervals.", more)
    picture.alt = f"Effect on {title_of(metric)}: " + "; ".join(
        f"{longer[path]} {shown(effect, '') if what else _changed(effect, metric)}"
        for path, effect in zip(top["path"][:5], top["effect"][:5], strict=True)
    )
    return picture


def _label(metric: str, size: str) -> str:
    unit = _POINTS if unit_of(metric) == "%" else unit_of(metric)
    return f"{size} \u201c{title_of(metric)}\u201d over the input's range ({unit})"


def _changed(effect: float, metric: str) -> str:
    """Return how much a metric changes: a share by points."""
    return f"{100 * effect:.3g} {_POINTS}" if unit_of(metric) == "%" else shown(effect, unit_of(metric))


def sensitivity(found: Sensitivity, output: str = "", *, scenario: str = "") -> Picture:
    """Draw what an output of a study rests on: that on which the first assumption weighs most, unless one is named.

    By Morris's method the mean absolute elementary effect, which is the mean size of the change when a number goes
    through its range, to the side of the mean change; by Sobol's the share of the output's variance that is due to a
    number with all others. `scenario` is the name of what was studied, for the note.
    """
    output = output or next(each.output for each in (found.ledger or found.effects or found.indices))
    metric = next((column_of(each.slo) for each in found.base.slos if each.slo.text == output), output)
    bars = [(each.factor, each.mu_star, each.mu) for each in found.effects if each.output == output]
    bars += [(each.factor, each.total, 1.0) for each in found.indices if each.output == output]
    rows = [
        {
            "path": factor.name,
            "effect": size.mean * copysign(1.0, side),
            "low": size.low * copysign(1.0, side),
            "high": size.high * copysign(1.0, side),
            "assumed": factor.assumed is not None,
        }
        for factor, size, side in bars
    ]
    about = f"{named(scenario)}{len(found.study):,} points; intervals at {percent(found.base.confidence)}."
    if found.study.kind == "sobol":
        shares = "share of the variance, with all others (of 1)"
        return tornado(pd.DataFrame(rows), metric, what=shares, said=f"{about} {_SOBOL}")
    return tornado(pd.DataFrame(rows), metric, size="mean absolute elementary effect on", said=f"{about} {_MORRIS}")
