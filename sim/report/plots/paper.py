"""The paper that every picture is drawn on: its style, its size, its words, and how it is saved.

Nothing of pyplot's global state is read or left behind: a picture looks the same whatever the user has set, and the
same picture saved twice is the same file, byte for byte.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from html import escape
from io import BytesIO, StringIO
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.report.plots.letters import FONT, visible, wrapped

Array = npt.NDArray[Any]
P = ParamSpec("P")

WIDTH_IN = 7.2
"""As wide as the text of an A4 page."""
_NOTE_EM, _TITLE_EM = 67.0, 42.0
"""Widths of the lines of the note and of the title, which is bold, in the size of their letters."""
_STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelsize": 8.5,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "font.family": [FONT],
    "font.size": 9,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "hatch.linewidth": 0.7,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "savefig.dpi": 150,
    "svg.fonttype": "path",  # so that it looks the same on a machine without the font
    "svg.hashsalt": "pagopa-sim",
    "text.parse_math": False,  # a dollar in somebody's name is not mathematics
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}


class Picture(Figure):
    """A figure in the house style. `alt` says in words what it shows, for those who cannot see it."""

    alt: str = ""

    def savefig(self, fname: Any, **settings: Any) -> None:
        """Save the picture, as `Figure.savefig` does, with nothing in it of when or with what it was made."""
        target = str(settings.get("format") or getattr(fname, "name", fname)).lower()
        if "metadata" not in settings and target.endswith(("svg", "svgz")):
            settings["metadata"] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with style():
            super().savefig(fname, **settings)

    def svg(self) -> str:
        """Return the picture as an SVG element to put into a page.

        Every id in it begins with a digest of the picture, so that several can share a page.
        """
        stream = StringIO()
        self.savefig(stream, format="svg")
        drawn = stream.getvalue()
        drawn = re.sub(r"<!--.*?-->\s*|<metadata>\s*</metadata>\s*", "", drawn[drawn.index("<svg") :], flags=re.DOTALL)
        digest = f"p{hashlib.sha256(drawn.encode()).hexdigest()[:8]}"
        drawn = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{digest}-", drawn)
        return drawn.replace("<svg ", f'<svg role="img" aria-label="{escape(visible(self.alt))}" ', 1)

    def content(self, kind: str) -> bytes:
        """Return what a file of a kind (`svg`, `png`, `pdf`) has of the picture."""
        stream = BytesIO()
        self.savefig(stream, format=kind)
        return stream.getvalue()

    def _repr_svg_(self) -> str:
        """Show the picture in Jupyter."""
        return self.svg()


@contextmanager
def style() -> Iterator[None]:
    """Set the house style and nothing of the user's, for a while."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def drawn(function: Callable[P, Picture]) -> Callable[P, Picture]:
    """Draw in the house style, and make and lay out all of the picture in it: ticks are made when first needed."""

    @wraps(function)
    def draw(*args: P.args, **kwargs: P.kwargs) -> Picture:
        with style():
            picture = function(*args, **kwargs)
            picture.draw_without_rendering()
            picture.set_layout_engine("none")  # laid out again, it would move by a hair each time it is saved
        return picture

    return draw


def sheet(
    title: str, *, rows: int = 1, columns: int = 1, height_in: float = 3.9, **settings: Any
) -> tuple[Picture, list[Axes]]:
    """Return an empty picture with a title, and its axes, row by row."""
    picture = Picture(figsize=(WIDTH_IN, height_in))
    picture.suptitle(wrapped(title, _TITLE_EM), x=0.01, ha="left", fontsize=11, fontweight="bold")
    axes = picture.subplots(rows, columns, squeeze=False, **settings)
    return picture, list(axes.flat)


def note(picture: Picture, *sentences: str) -> None:
    """Write below a picture what its reader has to know."""
    text = wrapped(" ".join(sentence for sentence in sentences if sentence), _NOTE_EM)
    picture.supxlabel(text, x=0.01, ha="left", fontsize=7.5, color="#6B6B6B")


def legend(picture: Picture, handles: Sequence[Any], title: str = "") -> None:
    """Put the legend beside the axes and below the title, in the order of the handles."""
    names = [str(handle.get_label()) for handle in handles]
    # The layout makes room only for a legend in the very corner; blank lines keep it clear of the title.
    clear = "\n" * (1 + picture.get_suptitle().count("\n"))
    picture.legend(
        handles, names, loc="outside right upper", title=clear + (title or " "), title_fontsize=8, alignment="left"
    )


def entry(name: str) -> Line2D:
    """Return a line of a legend that is only text."""
    return Line2D([], [], linestyle="", label=name)


def blank(axes: Axes, why: str) -> None:
    """Say in an empty frame why there is nothing in it."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color="#6B6B6B")
