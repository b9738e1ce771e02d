"""The language of SLOs: `tnspo >= 98%`, `p(95, user_wait) < 3 s`, `tnspo{psp=psp-a} >= 98%`.

One metric of `sim.analysis.metrics`, perhaps a percentile of it, perhaps of one PSP, EC group, cart size or cause,
against a limit written with its unit.
"""

import re
from collections.abc import Mapping
from typing import Any

from sim.analysis.metrics import ALIASES, METRICS, Metric
from sim.analysis.slo import Slo
from sim.analysis.tally import group_names
from sim.scenario.flaws import suggestion
from sim.scenario.units import amount_cents, duration_s, share

_FORM = re.compile(
    r"""\s*(?:p\(\s*(?P<percentile>\d+(?:\.\d+)?)\s*,\s*(?P<inner>[^)]*)\)|(?P<plain>[^<>=()]+(?:\{[^}]*\})?))
    \s*(?P<operator><=|>=|<|>)\s*(?P<limit>[^<>=\s].*?)\s*$""",
    re.VERBOSE,
)
_TERM = re.compile(r"^\s*(?P<metric>\w+)\s*(?:\{\s*(?P<dimension>\w+)\s*=\s*(?P<group>[^}]*?)\s*\})?\s*$")
_EXAMPLE = "write for example tnspo >= 98%, p(95, user_wait) < 3 s or tnspo{psp=NAME} >= 98%"


def parse(text: str, names: Mapping[str, tuple[str, ...]]) -> Slo:
    """Read an SLO; `names` has the categories `psp` and `ec_group`. Raises `ValueError`, with what to write instead."""
    form = _FORM.match(text)
    term = _TERM.match(form["inner"] or form["plain"]) if form else None
    if form is None or term is None:
        raise ValueError(f"{text!r} is not an SLO; {_EXAMPLE}")
    metric = _metric(term["metric"])
    percentile = float(form["percentile"]) if form["percentile"] else None
    if percentile is not None and (metric.sample is None or not 0 < percentile < 100):
        known = ", ".join(m.name for m in METRICS.values() if m.sample)
        raise ValueError(f"{text!r} has no such percentile; write p(0 to 100, one of {known})")
    dimension, group = term["dimension"] or "", term["group"] or ""
    if dimension:
        _check_group(metric, dimension, group, names)
    return Slo(text, metric.name, percentile, dimension, group, form["operator"], _limit(metric, form["limit"]))


def names_in(scenario: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Return what `parse` wants to know of a scenario as resolved, which a manifest has as plain values."""
    return {"psp": tuple(p["name"] for p in scenario["psps"]), "ec_group": tuple(g["name"] for g in scenario["ecs"])}


def _metric(name: str) -> Metric:
    name = ALIASES.get(name, name)
    if name not in METRICS:
        raise ValueError(f"{name} is not a metric; {suggestion(name, [*METRICS, *ALIASES])}")
    return METRICS[name]


def _check_group(metric: Metric, dimension: str, group: str, names: Mapping[str, tuple[str, ...]]) -> None:
    if dimension not in metric.dimensions:
        known = ", ".join(metric.dimensions) or "nothing"
        raise ValueError(f"{metric.name} has no {dimension}; it can be broken down by {known}")
    groups = group_names(names, metric, dimension)
    if group not in groups:
        raise ValueError(f"{group!r} is no {dimension} of the scenario; {suggestion(group, groups)}")


def _limit(metric: Metric, text: str) -> float:
    if metric.unit == "share":
        return share(text)
    if metric.unit == "s":
        return duration_s(text)
    if metric.unit == "EUR":
        return amount_cents(text) / 100
    try:
        number = float(text.removesuffix(metric.unit))
    except ValueError:
        raise ValueError(f"{text!r} is not a number of {metric.unit}; write for example 100") from None
    if not 0 <= number < float("inf"):
        raise ValueError(f"{text!r} is not a finite number; write for example 100")
    return number
