"""Quantities as a person writes them: `250 ms`, `15 min`, `120/s`, `98%`, `12.50 EUR`, `5 MB`.

Inside the program a duration is seconds, a rate is events per second, a share is 0..1, an amount is cents and a size
is bytes. Every reader takes what YAML gives and raises `ValueError("problem; what to write instead")`.
"""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

_DURATIONS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_RATES = {"/s": 1.0, "/min": 60.0, "/h": 3600.0, "/d": 86400.0}
_AMOUNTS = {"EUR": 100.0, "cent": 1.0}
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
NUMBER, UNIT = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", r"[A-Za-z%/]*"
"""How the two parts of a quantity are written, between which there may be room; a unit may be empty or unknown."""
_QUANTITY = re.compile(rf"({NUMBER})\s*({UNIT})", re.ASCII)
_WHOLE = re.compile(r"\d{1,20}", re.ASCII)
SHOWN = 60
"""Characters of a value that messages show."""


def duration_s(value: Any) -> float:
    """Read a duration in seconds; only zero may go without a unit."""
    number, unit = _split(value, "250 ms or 15 min")
    if unit not in _DURATIONS and (unit or number != 0):
        problem = f"has the unit {unit}, which is none of time" if unit else "has no unit of time"
        raise ValueError(f"{shown(value)} {problem}; write ms, s, min, h or d, for example {number:g} s")
    return _finite(number * _DURATIONS.get(unit, 1.0), value, "250 ms or 15 min")


def rate_per_s(value: Any) -> float:
    """Read a rate in events per second; only zero may go without a unit."""
    number, unit = _split(value, "120/s")
    if unit not in _RATES and (unit or number != 0):
        raise ValueError(f"{shown(value)} is not a rate; write /s, /min, /h or /d, for example {number:g}/s")
    return number / _RATES.get(unit, 1.0)


def share(value: Any) -> float:
    """Read a probability or a share, as a percentage or as a number from 0 to 1."""
    number, unit = _split(value, "2% or 0.02")
    if unit not in ("", "%"):
        raise ValueError(f"{shown(value)} is not a share; write for example 2% or 0.02")
    number = number / 100 if unit == "%" else number
    if number > 1:
        raise ValueError(f"{shown(value)} is more than 100%; write 0% to 100%")
    return number


def amount_cents(value: Any) -> float:
    """Read an amount of euros in cents, fractions of which make sense in a median; only zero may go without a unit."""
    number, unit = _split(value, "12.50 EUR")
    if unit not in _AMOUNTS and (unit or number != 0):
        raise ValueError(f"{shown(value)} is not an amount; write for example {number:g} EUR")
    return _finite(number * _AMOUNTS.get(unit, 1.0), value, "12.50 EUR")


def size_bytes(value: Any) -> int:
    """Read a size in bytes."""
    number, unit = _split(value, "5 MB")
    if unit not in _SIZES:
        raise ValueError(f"{shown(value)} is not a size; write B, kB, MB or GB, for example 5 MB")
    return round(_finite(number * _SIZES[unit], value, "5 MB"))


def whole(value: Any) -> int:
    """Read a whole number."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value // 1:
        raise ValueError(f"{shown(value)} is not a whole number; write for example 10")
    return int(value)


def number(value: Any) -> float:
    """Read a plain number, which may be negative."""
    try:
        read = math.nan if isinstance(value, bool) or not isinstance(value, (int, float, str)) else float(value)
    except (ValueError, OverflowError):
        read = math.nan
    if not math.isfinite(read):
        raise ValueError(f"{shown(value)} is not a finite number; write for example 0.8")
    return read


def parts(value: Any) -> tuple[float, str] | None:
    """Take a quantity apart into its number and its unit, whatever they are; None for what is no quantity."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    match = _QUANTITY.fullmatch(str(value).strip())
    return None if match is None else (float(match[1]), match[2])


def of_one_kind(values: Sequence[Any]) -> tuple[list[float], str] | None:
    """Read quantities as what all of them can be: in s, /s, cent, or without a unit as shares; None if there is none.

    >>> of_one_kind(["0.5 s", "20 ms"]), of_one_kind(["0.5 s", "20 EUR"])
    (([0.5, 0.02], 's'), None)
    """
    for read, unit in ((duration_s, "s"), (rate_per_s, "/s"), (amount_cents, "cent"), (share, "")):
        with suppress(ValueError):
            return [read(value) for value in values], unit
    return None


def shortened(text: str) -> str:
    """Return a text, or its beginning if it is longer than messages show."""
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def shown(value: Any) -> str:
    """Write a value as its author would know it again, shortened."""
    if value is None:
        return "nothing"
    if isinstance(value, (dict, list, tuple)):
        return "a section" if isinstance(value, dict) else "a list"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if not text.strip():
        return "an empty text"
    return shortened(text)


def _split(value: Any, example: str) -> tuple[float, str]:
    found = parts(value)
    if found is None:
        raise ValueError(f"{shown(value)} is not a quantity; write for example {example}")
    number, unit = found
    if _finite(number, value, example) < 0:
        raise ValueError(f"{shown(value)} is negative; write zero or more, for example {example}")
    return number, unit


def _finite(number: float, value: Any, example: str) -> float:
    if not math.isfinite(number):
        raise ValueError(f"{shown(value)} is not finite; write for example {example}")
    return number
