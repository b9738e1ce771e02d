"""What tests of pictures need: runs and tables made by hand, and what is drawn read back from a picture.

The runs are the records of `analysis.hand`, tallied, summarised and stored as the program does it. Only tests may
import it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from analysis.hand import records
from matplotlib.patches import StepPatch
from matplotlib.text import Text

from sim.analysis.slo import Slo
from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.experiment.run import Run
from sim.records import Records
from sim.report import plots
from sim.report.plots.paper import style
from sim.store import begin

SCENARIO: Mapping[str, Any] = {
    "name": "hand",
    "title": "Thirteen carts",
    "run": {"warm_up": "100 s", "window": "1000 s", "confidence": 0.95, "bin": "100 s"},
    "incidents": [],
}
NOTHING: Mapping[str, Sequence[Any]] = {
    "payments": (), "carts": (), "primitives": (), "refusals": (), "stations": (),
}  # fmt: skip


def run_of(folder: Path, *replications: Records, slos: Sequence[Slo] = (), **scenario: Any) -> Run:
    """Return a stored run of these replications; `scenario` changes what the manifest says."""
    asked = [slo.quantile for slo in slos if slo.quantile]
    tallies = tuple(tally(each, asked) for each in replications)
    summary = summarise(tallies, slos)
    manifest = {"scenario": {**SCENARIO, **scenario}, "replications": [each.replication for each in replications]}
    draft = begin(folder, "hand", "0" * 8)
    for each in replications:
        draft.write(each)
    place = draft.finish(manifest, summary.to_json(), [each.replication for each in replications])
    return Run(summary, manifest, place, tallies)


def named(given: Records, **names: tuple[str, ...]) -> Records:
    """Return the records with other names of PSPs, EC groups or stations."""
    found = {**given.names, **names}
    return replace(given, names={**found, "counterpart": (*found["psp"], *found["ec_group"])})


def twice() -> tuple[Records, Records]:
    """Return the records made by hand as two replications that do not differ."""
    return records(0), records(1)


def nothing(folder):
    return run_of(folder, records(0, **NOTHING), records(1, **NOTHING))


def alone(folder):
    return run_of(folder, records())


def hostile(folder):
    """Names that are mathematics, markup, invisible, of other scripts, and long; the second PSP has the long one."""
    psps, groups, stations = HOSTILE[:2], HOSTILE[2:4], HOSTILE[4:]
    odd = {"target": f"psps.{HOSTILE[5]}", "effect": "outage", "at": "200 s", "duration": "10 s"}
    given = [named(each, psp=psps, ec_group=groups, station=stations) for each in twice()]
    return run_of(folder, *given, name=HOSTILE[0], title=" ".join(HOSTILE), incidents=[odd])


LATE = "tnspo_strict{psp=psp-a}"
SLO = Slo("tnspo_strict{psp=psp-a} >= 98%", "tnspo_strict", None, "psp", "psp-a", ">=", 0.98)
HOSTILE = (
    "$x$ \\frac{1", "<b>&amp;\"'", "_private", "\u202eevil\x00\n", "\u4e2d\u6587 \U0001f4a9 Citt\u00e0", "w" * 300,
)  # fmt: skip


def points(rows, metric=LATE):
    """Return a table of points from rows of x, y, mean, and half of the interval's width."""
    table = pd.DataFrame(rows, columns=["x", "y", "mean", "half"])
    means = {f"{metric}_mean": table["mean"]}
    ends = {f"{metric}_low": table["mean"] - table["half"], f"{metric}_high": table["mean"] + table["half"]}
    return pd.DataFrame({"psps.psp-a.workers": table["x"], "delay": table["y"], **means, **ends})


POINTS = points([
    (4, "1 s", 0.90, 0.01), (8, "1 s", 0.97, 0.02), (16, "1 s", 0.99, 0.005),
    (4, "2 s", 0.80, 0.01), (8, "2 s", 0.95, 0.01), (16, "2 s", 0.97, 0.005),
])  # fmt: skip
EFFECTS = pd.DataFrame({
    "path": ["a.small", "b.falls", "c.rises"],
    "effect": [0.01, -0.04, 0.03], "low": [0.0, -0.05, 0.02], "high": [0.02, -0.03, 0.04],
    "assumed": [True, False, True],
})  # fmt: skip
ESTIMATES = pd.DataFrame(
    [("user_wait", 1, 8.0, np.nan, np.nan), ("user_wait", 2, 7.5, 6.0, 9.0)],
    columns=["metric", "n", "mean", "low", "high"],
)
WORKERS, DELAY = "psps.psp-a.workers", "delay"
OF_EXPERIMENTS = {
    "sweep": lambda: plots.sweep(POINTS, WORKERS, LATE, by=DELAY, slo=SLO),
    "heat_map": lambda: plots.heat_map(POINTS, WORKERS, DELAY, LATE, SLO),
    "capacity_curve": lambda: plots.capacity_curve(POINTS[:3], WORKERS, LATE, SLO, answer=16, low=8, high=None),
    "tornado": lambda: plots.tornado(EFFECTS, "token_expiry_rate"),
    "converges": lambda: plots.convergence(ESTIMATES),
}


def line(axes, label):
    """Return the data of the line whose label begins so."""
    return next(each for each in axes.get_lines() if str(each.get_label()).startswith(label)).get_xydata()


def at(curve, x):
    """Return the height of a curve at a place where it has a point."""
    (found,) = curve[np.isclose(curve[:, 0], x), 1]
    return found


def layers(axes):
    """Return the heights of the steps of a stack by label, and their edges."""
    steps = [each.get_data() for each in axes.patches if isinstance(each, StepPatch)]
    names = [each.get_label() for each in axes.patches if isinstance(each, StepPatch)]
    return {n: s.values - s.baseline for n, s in zip(names, steps, strict=True)}, steps[0].edges


def texts(picture):
    return [text.get_text() for text in picture.findobj(Text) if text.get_visible() and text.get_text().strip()]


def legend(picture):
    return [text.get_text() for text in picture.legends[0].get_texts()]


def check_layout(picture):
    """Axes are not squeezed, nothing is off the page, and every legend is beside the axes and below the title."""
    with style():
        picture.draw_without_rendering()
        drawn = picture.get_tightbbox()
        width, height = picture.get_size_inches()
        slack = 0.02
        assert drawn.x0 > -slack
        assert drawn.y0 > -slack
        assert drawn.x1 < width + slack
        assert drawn.y1 < height + slack
        boxes = [axes.get_window_extent() for axes in picture.axes if axes.get_visible()]
        title = next(t for t in picture.findobj(Text) if t.get_text() == picture.get_suptitle()).get_window_extent()
        assert max(box.width for box in boxes) > 0.3 * picture.bbox.width
        assert max(box.height for box in boxes) > 0.15 * picture.bbox.height
        for each in picture.legends:
            shown = [text.get_window_extent() for text in each.get_texts()]
            assert not any(one.overlaps(other) for one in shown for other in boxes)
            assert all(one.y1 < title.y0 for one in shown)
