"""Spans: two quantities as a person writes them, and what lies between.

`1..200`, `lin:1 s..4 s:5`, `log:100 ms..10 s:7` and the `range: [50 ms, 2 s]` of a scenario are all spans. Values leave
a span as text with its unit, so that they go into a scenario as an assignment does. A span of whole numbers without a
unit gives whole numbers; `1.0..200` gives fractions. Which path a span is for is not known here.
"""

import math
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from sim.scenario.units import NUMBER, UNIT, of_one_kind, parts, shown

_QUANTITY = rf"{NUMBER}\s*{UNIT}"
_FORM = re.compile(rf"(?:(lin|log):)?\s*({_QUANTITY})\s*\.\.\s*({_QUANTITY})\s*(?::\s*(\d{{1,9}}))?", re.ASCII)
_BEGINS = re.compile(rf"(?:lin|log):|{_QUANTITY}\s*\.\.", re.ASCII)
LARGEST_WHOLE = 10**15
"""Whole numbers up to here, and their halves, are exact as floats."""
DIGITS = 12
"""Significant digits of values between the limits: a million of them differ, and a tenth is written 0.1."""


@dataclass(frozen=True, slots=True)
class Span:
    """What lies between two quantities: `low` and `high` in `unit`, evenly spread or evenly spread in logarithms."""

    low: float
    high: float
    unit: str = ""
    whole: bool = False
    log: bool = False

    def at(self, place: float) -> float:
        """Return the value at a place from 0 to 1; whole numbers take equal parts of that interval."""
        if not self.whole:
            return self._between(self.low, self.high, place)
        value = self._between(self.low - 0.5, self.high + 0.5, place)
        return min(max(_rounded(value), self.low), self.high)

    def steps(self, count: int) -> tuple[float, ...]:
        """Return values from low to high at equal distances; of whole numbers, the nearest."""
        values = (self._between(self.low, self.high, step / (count - 1)) for step in range(count))
        return tuple(_rounded(value) if self.whole else value for value in values)

    def text(self, value: float) -> str:
        """Write a value of the span with its unit."""
        number = str(round(value)) if self.whole else f"{value:.{DIGITS}g}"
        return f"{number}{self.unit}" if self.unit[:1] in ("", "/", "%") else f"{number} {self.unit}"

    def __str__(self) -> str:
        return f"{'log:' if self.log else ''}{self.text(self.low)}..{self.text(self.high)}"

    def _between(self, low: float, high: float, place: float) -> float:
        if place in (0, 1):
            return high if place else low
        return float(low * (high / low) ** place if self.log else low + (high - low) * place)


def is_span(text: str) -> bool:
    """Whether a text begins as a span does, so that it must be one."""
    return _BEGINS.match(text.strip()) is not None


def parse(text: str) -> tuple[Span, int | None]:
    """Read `low..high`, with `lin:` or `log:` before and `:count` after it if need be; return the span and the count.

    Raises `ValueError("problem; what to write instead")`.
    """
    form = _FORM.fullmatch(text.strip())
    if form is None:
        raise ValueError(f"{shown(text)} is no range; write 1..5, lin:1 s..4 s:5 or log:100 ms..10 s:7")
    scale, low, high, count = form.groups()
    return between(low, high, log=scale == "log"), int(count) if count else None


def between(low: Any, high: Any, *, whole: bool | None = None, log: bool = False) -> Span:
    """Return the span between two quantities as YAML gives them; `whole` None lets the way they are written decide.

    Limits in different units are converted to seconds, events per second, cents or shares of 1. Raises
    `ValueError("problem; what to write instead")`.
    """
    (first, first_unit), (last, last_unit) = _parts(low), _parts(high)
    unit = last_unit
    if first_unit != last_unit and (first or first_unit):
        found = of_one_kind((low, high))
        if found is None:
            raise ValueError(f"{shown(low)} and {shown(high)} are not of one kind; write both with one unit")
        (first, last), unit = found
    if whole is None:
        whole = not unit and all(re.fullmatch(r"\+?\d+", str(limit).strip()) for limit in (low, high))
    if not first < last:
        fix = "write the lower limit first" if first > last else "write two limits that differ"
        raise ValueError(f"{shown(low)}..{shown(high)} does not run upwards; {fix}")
    if log and not first > 0:
        raise ValueError(f"{shown(low)}..{shown(high)} has no logarithm at {first:g}; write a lower limit above zero")
    if whole and (last > LARGEST_WHOLE or not first.is_integer() or not last.is_integer()):
        fix = f"write whole limits up to {LARGEST_WHOLE}"
        raise ValueError(f"{shown(low)}..{shown(high)} is not a range of whole numbers; {fix}")
    return Span(first, last, unit, whole, log)


def same(text: str) -> tuple[float | str, str]:
    """Return what all ways to write one quantity have in common, such as `1 s` and `1000 ms`; else the text."""
    found = parts(text)
    kind = _base(found[1]) if found else None
    if found is None or kind is None:
        return text.strip(), ""
    return float(f"{found[0] * kind[0]:.{DIGITS}g}"), kind[1]


@cache
def _base(unit: str) -> tuple[float, str] | None:
    """Return how many base units a unit is, and which; None for what is no unit."""
    found = of_one_kind([f"1{unit}"])
    return None if found is None else (found[0][0], found[1])


def _parts(limit: Any) -> tuple[float, str]:
    found = parts(limit)
    if found is None:
        raise ValueError(f"{shown(limit)} is not a quantity; write for example 10, 250 ms, 120/s or 2%")
    number, unit = found
    if _base(unit) is None:
        raise ValueError(f"{shown(limit)} has the unit {unit}, which is not known; write ms, s, min, h, /s, % or EUR")
    if number < 0 or not math.isfinite(number):
        raise ValueError(f"{shown(limit)} is {'negative' if number < 0 else 'not finite'}; write zero or more")
    return number, unit


def _rounded(value: float) -> float:
    return float(math.floor(value + 0.5))
