"""Axes of varied paths: the values that a design gave to a path, as numbers with a unit or one beside the other."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import NullLocator

from sim.report.plots.letters import distinct, plain
from sim.report.plots.paper import Array
from sim.report.plots.words import thousands, unit_axis
from sim.scenario.units import of_one_kind, parts

_LABELLED = 9
"""Values that all have a tick of their own."""
_WIDE = 20.0
"""The highest value over the lowest, from which a logarithmic axis is worth its strangeness."""
_EVEN, _NEARLY = 8.0, 0.1
"""The same of values whose ratios are nearly the same, as whoever chose them meant: 1, 2, 4, 8."""


@dataclass(frozen=True)
class Scale:
    """The values of a path: `places` of the points on the axis, `values` the different ones in order, with names.

    A scale of quantities has a unit, which may be empty; on any other scale, `unit` None, values stand side by side.
    """

    places: Array
    values: Array
    names: tuple[str, ...]
    unit: str | None
    place_of: dict[str, float]

    def place(self, value: object) -> float:
        """Return where a value is on the axis."""
        return self.place_of[str(value)]

    @property
    def cells(self) -> list[int]:
        """The number of every point's value among the different ones."""
        return [int(number) for number in np.searchsorted(self.values, self.places)]

    def label(self, path: str, most: int = 60) -> str:
        """Return the label of an axis that has this path, in about so many letters."""
        return f"{plain(path, most)} ({'value' if self.unit is None else self.unit or 'number'})"

    def set(self, axis: Axis) -> None:
        """Set the ticks of an axis of places."""
        if self.unit is not None and self._logarithmic():
            set_scale = axis.axes.set_xscale if axis is axis.axes.xaxis else axis.axes.set_yscale
            set_scale("log")
            axis.set_minor_locator(NullLocator())
        if self.unit is None or (len(self.values) <= _LABELLED and self._apart()):
            shown = self._few()
            axis.set_ticks(self.values[shown], [self.names[number] for number in shown])
        else:
            unit_axis(axis, "")

    def set_cells(self, axis: Axis) -> None:
        """Set the ticks of an axis on which the different values stand side by side."""
        shown = self._few()
        axis.set_ticks(shown, [self.names[number] for number in shown])

    def _few(self) -> list[int]:
        """Return the numbers of values to be named: all, or some that are evenly apart."""
        step = 1 + max(len(self.values) - 1, 0) // (_LABELLED + 3)
        return list(range(0, len(self.values), step))

    def _apart(self) -> bool:
        """Return whether the values are far enough from each other for every one to have its name."""
        values = np.log(self.values) if self._logarithmic() else self.values
        return len(values) < 2 or bool(np.diff(values).min() > np.ptp(values) / (2 * _LABELLED))

    def _logarithmic(self) -> bool:
        if len(self.values) < 3 or self.values[0] <= 0 or self.values[-1] / self.values[0] < _EVEN:
            return False
        steps, ratios = np.diff(self.values), np.diff(np.log(self.values))
        uneven = ratios.std() / ratios.mean()
        wide = _WIDE if uneven > _NEARLY else _EVEN
        return bool(self.values[-1] / self.values[0] >= wide and uneven < steps.std() / steps.mean())


def scale_of(values: Iterable[object]) -> Scale:
    """Return the scale for the values that points have on a path."""
    texts = [str(value) for value in values]
    numbers, unit = _numbers(texts)
    if numbers is None:
        known = list(dict.fromkeys(texts))
        places = np.array([float(known.index(text)) for text in texts])
        names = tuple(distinct(known, 14).values())
        return Scale(places, np.arange(len(known), dtype=float), names, None, dict(zip(texts, places, strict=True)))
    different = np.unique(numbers)
    return Scale(numbers, different, tuple(map(thousands, different)), unit, dict(zip(texts, numbers, strict=True)))


def _numbers(texts: list[str]) -> tuple[Array | None, str | None]:
    """Return texts as numbers in one unit: the one they are written in, or one that they can all be read in."""
    found = [quantity for quantity in map(parts, texts) if quantity is not None]
    if len(found) < len(texts):
        return None, None
    units = {unit for _, unit in found}
    if len(units) <= 1:
        return np.array([number for number, _ in found]), units.pop() if units else ""
    converted = of_one_kind(texts)
    return (None, None) if converted is None else (np.array(converted[0]), converted[1] or "share")
