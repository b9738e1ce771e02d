"""Numbers as a person reads them, in the unit of their metric."""

from math import isnan

from sim.analysis.intervals import Estimate


def shown(value: float, unit: str) -> str:
    """Return a value with its unit; a dash for what is not known."""
    if isnan(value):
        return "-"
    if unit == "share":
        return f"{value:.3%}" if abs(value) < 0.1 or value > 0.9 else f"{value:.1%}"
    if unit == "s":
        return f"{value:,.0f} s" if value >= 100 else f"{value:.3g} s"
    if unit == "EUR":
        return f"{value:,.0f} EUR"
    if unit == "count":
        return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
    return f"{value:,.3g} {unit}".rstrip()


def seen(value: float) -> float:
    """Return a figure of theory as a run could have seen it: below a ten-thousandth there is nothing to see."""
    return 0.0 if value < 1e-4 else value


def percent(confidence: float) -> str:
    """Return a confidence, those near 1 with what tells them from it: 99.9% is not 100%."""
    return f"{100 * confidence:.6g}%"


def shown_estimate(estimate: Estimate, unit: str) -> tuple[str, str]:
    """Return mean and interval."""
    low, high = shown(estimate.low, unit), shown(estimate.high, unit)
    return shown(estimate.mean, unit), "-" if low == "-" or high == "-" else f"{low} to {high}"
