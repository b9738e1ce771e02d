"""How things in a picture are told apart: in colour by their colour, in grey by dashes, markers and hatching.

The colours are those of Okabe and Ito (2008), which colour-blind readers tell apart.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from sim.report.plots.paper import Array

BLACK, GREY, PALE = "#000000", "#6B6B6B", "#E4E4E4"
BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, YELLOW = (
    "#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#F0E442",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stroke:
    """The look of one line of several."""

    colour: str
    dashes: Any
    marker: str

    @property
    def settings(self) -> dict[str, Any]:
        """The look as matplotlib takes it."""
        return {"color": self.colour, "linestyle": self.dashes, "marker": self.marker}


STROKES = (
    Stroke(BLUE, "-", "o"),
    Stroke(VERMILLION, (0, (5, 1.5)), "s"),
    Stroke(GREEN, (0, (1, 1)), "^"),
    Stroke(ORANGE, (0, (5, 1.5, 1, 1.5)), "D"),
    Stroke(PURPLE, (0, (9, 2)), "v"),
    Stroke(SKY, (0, (3, 1, 1, 1, 1, 1)), "P"),
    Stroke(GREY, (0, (1, 2.5)), "X"),
)


@dataclass(frozen=True, slots=True)
class Fill:
    """The name and the look of one area of several; `ink` is the colour of its hatching."""

    label: str
    colour: str
    hatch: str = ""
    ink: str = BLACK

    @property
    def settings(self) -> dict[str, Any]:
        """The look as matplotlib takes it."""
        return {
            "facecolor": self.colour, "edgecolor": self.ink, "hatch": self.hatch or None, "linewidth": 0,
            "label": self.label,
        }  # fmt: skip


Fills = Mapping[str, Fill]


def stack(axes: Axes, edges: Array, layers: Mapping[str, Array], fills: Fills) -> None:
    """Draw steps between edges on top of each other, the first layer at the bottom."""
    below = np.zeros(len(edges) - 1)
    for name, heights in layers.items():
        axes.stairs(below + heights, edges, baseline=below, fill=True, **fills[name].settings)
        below = below + heights
    axes.set_ylim(0, float(below.max(initial=0)) * 1.05 or 1)


def patches(names: Iterable[str], fills: Fills) -> list[Patch]:
    """Return the entries of a legend, from the top of the stack."""
    return [Patch(**fills[name].settings) for name in reversed(list(names))]


def nines(furthest: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return a scale for shares and its inverse, stretched towards 1 so that 90%, 99% and 99.9% are evenly apart.

    What is nearer to 1 than `furthest` is drawn there.
    """
    return (
        lambda share: -np.log10(1 - np.minimum(share, 1 - furthest)),
        lambda height: 1 - 10.0 ** -np.asarray(height),
    )


LIMIT: Mapping[str, Any] = {"color": BLACK, "linewidth": 1.0, "linestyle": (0, (6, 3)), "zorder": 2.5}
"""The look of a limit, as matplotlib takes it."""


def limit_line(axes: Axes, at: float, name: str, *, across: bool, outside: bool = False) -> None:
    """Draw a limit with its name: across the axes at a height, or upright at a place.

    The name of a line across is above its right end, or `outside`, where no data can be, beside it on lines of a word
    or two; that of an upright one is above it.
    """
    place: dict[str, Any] = {
        "textcoords": "offset points", "va": "bottom", "fontsize": 8, "zorder": 4, "annotation_clip": True,
    }  # fmt: skip
    if across:
        axes.axhline(at, **LIMIT)
        beside = {"xytext": (3, 0), "ha": "left", "va": "center"} if outside else {"xytext": (-2, 2), "ha": "right"}
        axes.annotate(name, (1.0, at), xycoords=axes.get_yaxis_transform(), **place | beside)
    else:
        axes.axvline(at, **LIMIT)
        axes.annotate(name, (at, 0.999), xycoords=axes.get_xaxis_transform(), xytext=(0, 2), ha="center", **place)
