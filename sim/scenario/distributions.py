"""Distributions as a person writes them, and back.

`400 ms` is a constant; `{lognormal: {p50: 400 ms, p98: 2 s}}` or `{exponential: {mean: 2 s}}` name a law and give it
parameters or percentiles; `shift` and `truncate` may stand beside the law. Every problem is a `ValueError` that says
what to write instead.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.kernel import distributions as law
from sim.kernel.distributions import Distribution
from sim.scenario.units import amount_cents, duration_s, share

Quantity = Callable[[Any], float]
_PERCENTILE = re.compile(r"^p(\d+(?:\.\d+)?)$")


@dataclass(frozen=True, slots=True)
class Kind:
    """A law: its parameters, which of them are quantities with a unit, and whether percentiles may fix it."""

    build: Callable[..., Distribution]
    quantities: tuple[str, ...]
    numbers: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "constant": Kind(law.Constant, ("value",)),
    "uniform": Kind(law.Uniform, ("low", "high")),
    "exponential": Kind(law.Exponential, ("mean",)),
    "lognormal": Kind(law.Lognormal, ("median",), ("sigma",)),
    "gamma": Kind(law.Gamma, ("scale",), ("shape",)),
    "weibull": Kind(law.Weibull, ("scale",), ("shape",)),
    "pareto": Kind(law.Pareto, ("minimum",), ("shape",)),
}
OTHER_KINDS = ("mixture", "empirical", "quantiles", "scipy")
ALL_KINDS = (*KINDS, *OTHER_KINDS)


def delay_s(value: Any) -> Distribution:
    """Read a distribution of times, in seconds."""
    return _read(value, duration_s, "400 ms")


def euros(value: Any) -> Distribution:
    """Read a distribution of amounts, in cents; the model rounds its draws to whole cents."""
    return _read(value, amount_cents, "25.00 EUR")


def _read(value: Any, quantity: Quantity, example: str) -> Distribution:
    if isinstance(value, Distribution) and not isinstance(value, (dict, str)):
        return value
    if not isinstance(value, dict):
        return law.Constant(float(quantity(value)))
    kinds = [key for key in value if key in ALL_KINDS]
    unknown = [str(key) for key in value if key not in ALL_KINDS and key not in ("shift", "truncate")]
    if unknown or len(kinds) != 1:
        said = f"has the unknown key {unknown[0]!r}" if unknown else f"names {len(kinds)} laws"
        raise ValueError(f"{said}; write {example}, or one of {', '.join(ALL_KINDS)}")
    read = _law(kinds[0], value[kinds[0]], quantity, example)
    if "shift" in value:
        read = law.Shifted(read, float(quantity(value["shift"])))
    if "truncate" in value:
        read = _truncated(read, value["truncate"], quantity, example)
    return read


def _law(kind: str, options: Any, quantity: Quantity, example: str) -> Distribution:
    if kind == "mixture":
        return _mixture(options, quantity, example)
    if not isinstance(options, dict):
        if kind == "constant":
            return law.Constant(float(quantity(options)))
        raise ValueError(f"{kind} needs its parameters; write for example {{{kind}: {_example(kind, example)}}}")
    if kind == "empirical":
        return _empirical(options, quantity)
    if kind == "quantiles":
        return _quantiles(options, quantity, example)
    if kind == "scipy":
        return _scipy(options, quantity)
    return _parametric(kind, options, quantity, example)


def _parametric(kind: str, options: Mapping[str, Any], quantity: Quantity, example: str) -> Distribution:
    spec = KINDS[kind]
    matches = {key: _PERCENTILE.match(str(key)) for key in options}
    if options and all(matches.values()):
        points = {float(m[1]) / 100: float(quantity(options[key])) for key, m in matches.items() if m}
        return law.from_percentiles(kind, points)
    expected = {*spec.quantities, *spec.numbers}
    if set(options) != expected:
        raise ValueError(f"{kind} takes {' and '.join(sorted(expected))}; write {{{kind}: {_example(kind, example)}}}")
    values = {name: float(quantity(options[name])) for name in spec.quantities}
    values |= {name: _number(options[name], name) for name in spec.numbers}
    for name, number in values.items():
        if number <= 0 and (kind, name) not in {("constant", "value"), ("uniform", "low"), ("exponential", "mean")}:
            raise ValueError(f"{name} is not positive; write more than zero")
    if kind == "exponential" and values["mean"] <= 0:
        raise ValueError("mean is not positive; write more than zero")
    if kind == "uniform" and values["low"] >= values["high"]:
        raise ValueError("low is not below high; write low < high, or a constant")
    return spec.build(**values)


def _example(kind: str, example: str) -> str:
    if kind == "empirical":
        return "{file: latencies.csv, column: ms, unit: ms}"
    if kind == "scipy":
        return f"{{name: burr12, c: 2, d: 3, scale: {example}}}"
    if kind == "quantiles":
        return f"{{0%: 0 s, 50%: {example}, 100%: 9 s}}"
    spec = KINDS[kind]
    return "{" + ", ".join([*(f"{n}: {example}" for n in spec.quantities), *(f"{n}: 0.8" for n in spec.numbers)]) + "}"


def _number(value: Any, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} is not a finite number; write for example {name}: 0.8")
    return float(value)


def _truncated(read: Distribution, limits: Any, quantity: Quantity, example: str) -> Distribution:
    if not isinstance(limits, dict) or not limits or set(limits) - {"low", "high"}:
        raise ValueError(f"truncate needs low, high or both; write {{low: 0 s, high: {example}}}")
    low = float(quantity(limits["low"])) if "low" in limits else 0.0
    high = float(quantity(limits["high"])) if "high" in limits else math.inf
    truncated = law.Truncated(read, low, high)
    if low >= high:
        raise ValueError("truncate has low above high; write low < high")
    truncated.ppf(0.5)  # raises when nothing lies between the limits
    return truncated


def _mixture(parts: Any, quantity: Quantity, example: str) -> Distribution:
    if not isinstance(parts, list) or not parts or not all(isinstance(p, dict) and "weight" in p for p in parts):
        raise ValueError(f"mixture needs a list; write [{{weight: 90%, constant: {example}}}, ...]")
    weights = tuple(share(part["weight"]) for part in parts)
    if abs(sum(weights) - 1) > 1e-9:
        raise ValueError(f"the weights of the mixture add up to {sum(weights):.6g}; write weights that add up to 100%")
    rest = ({k: v for k, v in part.items() if k != "weight"} for part in parts)
    return law.Mixture(weights, tuple(_read(part, quantity, example) for part in rest))


def _empirical(options: Mapping[str, Any], quantity: Quantity) -> Distribution:
    values = options.get("values")
    if set(options) != {"values"} or not isinstance(values, (list, tuple)) or not values:
        raise ValueError("empirical needs a file; write {file: latencies.csv, column: ms, unit: ms}")
    return law.Empirical(tuple(float(quantity(value)) for value in values))


def _quantiles(options: Mapping[str, Any], quantity: Quantity, example: str) -> Distribution:
    points = sorted((share(key), float(quantity(value))) for key, value in options.items())
    probabilities, values = tuple(p for p, _ in points), tuple(v for _, v in points)
    if len(points) < 2 or probabilities[0] != 0 or probabilities[-1] != 1:
        raise ValueError(f"quantiles run from 0% to 100%; write {{0%: 0 s, 50%: {example}, 100%: 9 s}}")
    if list(values) != sorted(values):
        raise ValueError("quantiles are out of order: a higher percentage has a lower value; write rising values")
    return law.Quantiles(probabilities, values)


def _scipy(options: Mapping[str, Any], quantity: Quantity) -> Distribution:
    from scipy import stats  # noqa: PLC0415 - slow to import, and rarely needed

    name = options.get("name")
    family = getattr(stats, name, None) if isinstance(name, str) else None
    if not isinstance(family, stats.rv_continuous):
        raise ValueError(f"{name!r} is no continuous distribution of scipy.stats; write for example name: burr12")
    wanted = [shape.strip() for shape in (family.shapes or "").split(",") if shape.strip()]
    if set(options) - {"name", "loc", "scale"} != set(wanted):
        raise ValueError(f"{name} takes {', '.join(wanted) or 'no shapes'}, loc and scale; write just these")
    shapes = tuple(_number(options[shape], shape) for shape in wanted)
    loc = float(quantity(options["loc"])) if "loc" in options else 0.0
    scale = float(quantity(options.get("scale", "1 s" if quantity is duration_s else "1 EUR")))
    chosen = law.Scipy(str(name), shapes, loc, scale)
    low, median = float(chosen.ppf(1e-12)), float(chosen.ppf(0.5))
    if math.isnan(median):
        raise ValueError(f"{name} does not exist for these shapes; see scipy.stats.{name}")
    if low < 0:
        raise ValueError(f"{name} has negative values; write truncate: {{low: 0 s}} with another law, or raise loc")
    return chosen


def describe(distribution: Distribution, unit: str) -> Any:
    """Write a distribution so that it reads as the same one; `unit` is `s` or `EUR`."""

    def quantity(value: float) -> str:
        return f"{value / 100!r} EUR" if unit == "EUR" else f"{value!r} s"

    match distribution:
        case law.Constant(value):
            return quantity(value)
        case law.Shifted(of, by):
            return {**_as_dict(describe(of, unit)), "shift": quantity(by)}
        case law.Truncated(of, low, high):
            limits = {"low": quantity(low)} | ({"high": quantity(high)} if high < math.inf else {})
            return {**_as_dict(describe(of, unit)), "truncate": limits}
        case law.Mixture(weights, parts):
            pairs = zip(weights, parts, strict=True)
            return {"mixture": [{"weight": w, **_as_dict(describe(part, unit))} for w, part in pairs]}
        case law.Empirical(values):
            return {"empirical": {"values": [quantity(value) for value in values]}}
        case law.Quantiles(probabilities, values):
            return {"quantiles": {repr(p): quantity(v) for p, v in zip(probabilities, values, strict=True)}}
        case law.Scipy(name, shapes, loc, scale):
            from scipy import stats  # noqa: PLC0415 - slow to import, and rarely needed

            names = [shape.strip() for shape in (getattr(stats, name).shapes or "").split(",") if shape.strip()]
            given = dict(zip(names, shapes, strict=True))
            return {"scipy": {"name": name, **given, "loc": quantity(loc), "scale": quantity(scale)}}
    for kind, spec in KINDS.items():
        if isinstance(distribution, spec.build):  # type: ignore[arg-type]
            quantities = {name: quantity(getattr(distribution, name)) for name in spec.quantities}
            return {kind: quantities | {name: getattr(distribution, name) for name in spec.numbers}}
    raise TypeError(f"{distribution!r} has no written form")


def _as_dict(written: Any) -> dict[str, Any]:
    return written if isinstance(written, dict) else {"constant": written}
