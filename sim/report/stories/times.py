"""Times of stories as people write them: moments of a run, how long something took, and windows of time."""

import re

from sim.scenario.units import duration_s

_CLOCK = re.compile(r"(?:(\d{1,6}):)?(\d{1,2}):(\d{2}(?:\.\d{1,9})?)", re.ASCII)
_SHORT_MINUTES = re.compile(r"([\d.]+)\s*m", re.ASCII)


def clock(at_s: float) -> str:
    """Return a moment of the run in hours, minutes, seconds and milliseconds.

    >>> clock(4271.0625)
    '1:11:11.062'
    """
    ms = round(at_s * 1000)
    return f"{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def lasting(seconds: float) -> str:
    """Return how long something took, to three digits or so.

    >>> [lasting(s) for s in (0.0123, 2.5, 75, 5405)]
    ['12 ms', '2.5 s', '1 min 15 s', '1 h 30 min']
    """
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    hours, minutes, left = whole // 3600, whole // 60 % 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min {left} s" if left else f"{minutes} min"


def moment_s(text: str) -> float:
    """Read a moment of a run: `10m`, `630 s`, `10.5 min`, or as stories print it, `0:10:30.000`; `ValueError`."""
    text = text.strip()
    if found := _CLOCK.fullmatch(text):
        return int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(found[3])
    if found := _SHORT_MINUTES.fullmatch(text):
        text = f"{found[1]} min"
    return duration_s(text)


def window_s(text: str) -> tuple[float, float]:
    """Read a window of a run, two moments with `..` between them; raises `ValueError`.

    >>> window_s("10m..11m")
    (600.0, 660.0)
    """
    first, found, last = text.partition("..")
    if not found:
        raise ValueError(f"{text[:60]!r} is not a window; write for example 10m..11m")
    begin, end = moment_s(first), moment_s(last)
    if end <= begin:
        raise ValueError(f"the window {text[:60]} is empty; write the earlier moment first")
    return begin, end
