"""Quantities as a person writes them: `250 ms`, `15 min`, `120/s`, `98%`, `12.50 EUR`, `5 MB`.

Inside the program a duration is seconds, a rate is events per second, a share is 0..1, money is integer cents and a
size is bytes. Every parser takes what YAML gives and raises `ValueError` with what to write instead.
"""

import math
import re
from typing import Any

_DURATIONS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_RATES = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_QUANTITY = re.compile(r"^\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([A-Za-z%/]*)\s*$")


def _split(value: Any, example: str) -> tuple[float, str]:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f"is not a quantity; write for example {example}")
    match = _QUANTITY.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is not a quantity; write for example {example}")
    number = float(match[1])
    if not math.isfinite(number):
        raise ValueError(f"{value!r} is not finite; write for example {example}")
    if number < 0:
        raise ValueError(f"{value!r} is negative; write zero or more, for example {example}")
    return number, match[2]


def duration_s(value: Any) -> float:
    """Read a duration in seconds; only zero may go without a unit."""
    number, unit = _split(value, "250 ms or 15 min")
    if unit not in _DURATIONS and number != 0:
        raise ValueError(f"{value!r} has no unit of time; write ms, s, min, h or d, for example {number:g} s")
    return number * _DURATIONS.get(unit, 1.0)


def rate_per_s(value: Any) -> float:
    """Read a rate in events per second."""
    number, unit = _split(value, "120/s")
    if (not unit.startswith("/") or unit[1:] not in _RATES) and number != 0:
        raise ValueError(f"{value!r} is not a rate; write /s, /min, /h or /d, for example {number:g}/s")
    return number / _RATES.get(unit[1:], 1.0)


def share(value: Any) -> float:
    """Read a probability or a share, as a percentage or as a number from 0 to 1."""
    number, unit = _split(value, "2% or 0.02")
    if unit not in ("", "%"):
        raise ValueError(f"{value!r} is not a share; write for example 2% or 0.02")
    number = number / 100 if unit == "%" else number
    if number > 1:
        raise ValueError(f"{value!r} is more than 100%; write 0% to 100%")
    return number


def money_cents(value: Any) -> int:
    """Read an amount of euros as integer cents."""
    number, unit = _split(value, "12.50 EUR")
    if unit != "EUR":
        raise ValueError(f"{value!r} is not an amount; write for example {number:g} EUR")
    cents = round(number * 100)
    if abs(cents - number * 100) > 1e-6:
        raise ValueError(f"{value!r} has fractions of a cent; write whole cents, for example {cents / 100:.2f} EUR")
    return cents


def amount_cents(value: Any) -> float:
    """Read an amount of euros in cents, where fractions of a cent make sense, as in a median."""
    number, unit = _split(value, "12.50 EUR")
    if unit != "EUR":
        raise ValueError(f"{value!r} is not an amount; write for example {number:g} EUR")
    return number * 100


def size_bytes(value: Any) -> int:
    """Read a size in bytes."""
    number, unit = _split(value, "5 MB")
    if unit not in _SIZES:
        raise ValueError(f"{value!r} is not a size; write B, kB, MB or GB, for example 5 MB")
    return int(number * _SIZES[unit])
