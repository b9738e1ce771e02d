"""Distributions as a person writes them, and back.

`400 ms` is a constant; `{lognormal: {p50: 400 ms, p98: 2 s}}` or `{exponential: {mean: 2 s}}` name a law and give it
parameters or percentiles; `shift` and `truncate` may stand beside the law. What is wrong is said with the keys that
lead there and with what to write instead, all at once.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.kernel import distributions as law
from sim.kernel.distributions import Distribution
from sim.kernel.percentiles import from_percentiles, loc_and_scale
from sim.scenario.flaws import Flaw, FlawError, each, suggestion
from sim.scenario.units import amount_cents, duration_s, number, share


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a law is about: how its values are read, an example, and how high one draw in a million may be."""

    read: Callable[[Any], float]
    example: str
    unit: str
    highest: float
    fix: str


DELAY = Quantity(
    duration_s, "400 ms", "1 s", 30 * 86400.0, "may be over 30 days; write truncate: {high: 6 h} beside it"
)
AMOUNT = Quantity(
    amount_cents, "25.00 EUR", "1 EUR", 99_999_999_999.0,
    "may be over 999999999.99 EUR, the most a notice can be (SANP); write truncate: {high: 50000 EUR} beside it",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kind:
    """A law: its parameters, which of them are quantities with a unit, and which of them may be zero."""

    build: Callable[..., Distribution]
    quantities: tuple[str, ...]
    numbers: tuple[str, ...] = ()
    zero: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "constant": Kind(law.Constant, ("value",), zero=("value",)),
    "uniform": Kind(law.Uniform, ("low", "high"), zero=("low",)),
    "exponential": Kind(law.Exponential, ("mean",)),
    "lognormal": Kind(law.Lognormal, ("median",), ("sigma",)),
    "gamma": Kind(law.Gamma, ("scale",), ("shape",)),
    "weibull": Kind(law.Weibull, ("scale",), ("shape",)),
    "pareto": Kind(law.Pareto, ("minimum",), ("shape",)),
}
OTHER_KINDS = ("mixture", "empirical", "quantiles", "scipy")
ALL_KINDS = (*KINDS, *OTHER_KINDS)
BESIDE = ("shift", "truncate")
_PERCENTILE = re.compile(r"^p(\d+(?:\.\d+)?)$", re.ASCII)


def delay_s(value: Any) -> Distribution:
    """Read a distribution of times, in seconds."""
    return _whole(value, DELAY)


def euros(value: Any) -> Distribution:
    """Read a distribution of amounts, in cents; the model rounds its draws to whole cents."""
    return _whole(value, AMOUNT)


def _whole(value: Any, of: Quantity) -> Distribution:
    with np.errstate(all="ignore"):  # what overflows is infinite, and refused
        try:
            read = _read(value, of)
            low, high = read.quantile(1e-12), read.quantile(1 - 1e-6)
        except ArithmeticError:
            raise ValueError("has numbers beyond all bounds; write numbers nearer to each other") from None
    if low < 0:
        raise ValueError("has negative values; write truncate: {low: 0} beside it")
    if not high <= of.highest:
        raise ValueError(of.fix)
    return read


def _read(value: Any, of: Quantity) -> Distribution:
    if isinstance(value, Distribution) and not isinstance(value, (dict, str)):
        return value
    if not isinstance(value, dict):
        return law.Constant(float(of.read(value)))
    kind = _kind(value, of)

    def part(key: str) -> Any:
        if key == kind:
            return _law(kind, value[kind], of)
        return float(of.read(value[key])) if key == "shift" else _limits(value[key], of)

    parts = each([key for key in value if key in (kind, *BESIDE)], part)
    read: Distribution = parts[kind]
    if "shift" in parts:
        read = law.Shifted(read, parts["shift"])
    if "truncate" in parts:
        read = each(["truncate"], lambda key: _truncated(read, *parts[key]))["truncate"]
    return read


def _kind(value: Mapping[Any, Any], of: Quantity) -> str:
    """Return the one law that is named; raises `FlawError` for whatever else is there."""
    kinds = [key for key in value if key in ALL_KINDS]
    unknown = [str(key) for key in value if key not in (*ALL_KINDS, *BESIDE)]
    if unknown:
        raise FlawError(Flaw((key,), f"is no law; {_meant(key, of)}", of_key=True) for key in unknown)
    if len(kinds) != 1:
        said = f"names {' and '.join(kinds)}" if kinds else "names no law"
        raise ValueError(f"{said}; write {of.example}, or one of {', '.join(ALL_KINDS)}")
    return str(kinds[0])


def _meant(key: str, of: Quantity) -> str:
    if _PERCENTILE.match(key):
        high = of.unit.replace("1", "90")
        return f"write the law around it, for example {{lognormal: {{p50: {of.example}, p98: {high}}}}}"
    return suggestion(key, (*ALL_KINDS, *BESIDE))


def _law(kind: str, options: Any, of: Quantity) -> Distribution:
    if kind == "mixture":
        return _mixture(options, of)
    if isinstance(options, law.Empirical):
        return options
    if kind == "constant" and not isinstance(options, dict):
        return law.Constant(float(of.read(options)))
    if not isinstance(options, dict) or not options:
        raise ValueError(f"needs its parameters; write {{{kind}: {_example(kind, of)}}}")
    if kind == "empirical":
        return _empirical(options, of)
    if kind == "quantiles":
        return _quantiles(options, of)
    if kind == "scipy":
        return _scipy(options, of)
    return _parametric(kind, options, of)


def _parametric(kind: str, options: Mapping[str, Any], of: Quantity) -> Distribution:
    spec = KINDS[kind]
    if any(_PERCENTILE.match(str(key)) for key in options):
        return _fitted(kind, options, of)
    expected = (*spec.quantities, *spec.numbers)
    _just(options, expected, f"write {{{kind}: {_example(kind, of)}}}")

    def parameter(name: str) -> float:
        read = of.read if name in spec.quantities else number
        return _positive(read(options[name]), zero=name in spec.zero)

    values = each(expected, parameter)
    if kind == "uniform" and values["low"] >= values["high"]:
        raise ValueError("has low not below high; write low < high, or a constant")
    return spec.build(**values)


def _fitted(kind: str, options: Mapping[str, Any], of: Quantity) -> Distribution:
    others = [key for key in options if not _PERCENTILE.match(str(key))]
    if others:
        fix = "write percentiles only, or parameters only"
        raise FlawError(Flaw((str(key),), f"stands beside percentiles; {fix}", of_key=True) for key in others)
    return from_percentiles(kind, _points(options, of))


def _points(percentiles: Mapping[str, Any], of: Quantity) -> dict[float, float]:
    points: dict[float, str] = {}
    for key in percentiles:
        first = points.setdefault(float(key[1:]) / 100, key)
        if first != key:
            raise FlawError([Flaw((key,), f"is the percentile {first} once more; keep one of the two", of_key=True)])
    values = each(percentiles, lambda key: _positive(of.read(percentiles[key])))
    return {point: values[key] for point, key in points.items()}


def _just(options: Mapping[Any, Any], expected: tuple[str, ...], fix: str) -> None:
    """Refuse unknown and missing parameters."""
    unknown = [str(key) for key in options if key not in expected]
    flaws = [Flaw((key,), f"is no parameter of the law; {fix}", of_key=True) for key in unknown]
    missing = [name for name in expected if name not in options]
    if missing and not unknown:
        flaws.append(Flaw((), f"lacks {' and '.join(missing)}; {fix}"))
    if flaws:
        raise FlawError(flaws)


def _example(kind: str, of: Quantity) -> str:
    if kind == "empirical":
        return f"{{file: values.csv, column: name, unit: {of.example.split()[-1]}}}"
    if kind == "scipy":
        return f"{{name: burr12, c: 2, d: 3, scale: {of.example}}}"
    if kind == "quantiles":
        return f"{{0%: 0, 50%: {of.example}, 100%: {of.unit.replace('1', '90')}}}"
    spec = KINDS[kind]
    quantities = [f"{n}: {of.unit.replace('1', '2') if n == 'high' else of.example}" for n in spec.quantities]
    return "{" + ", ".join([*quantities, *(f"{n}: 0.8" for n in spec.numbers)]) + "}"


def _positive(value: float, *, zero: bool = False) -> float:
    if value < 0 or (value == 0 and not zero):
        raise ValueError("is not positive; write more than zero")
    return float(value)


def _limits(limits: Any, of: Quantity) -> tuple[float, float]:
    if not isinstance(limits, dict) or not limits or set(limits) - {"low", "high"}:
        raise ValueError(f"needs low, high or both; write {{low: 0, high: {of.unit.replace('1', '90')}}}")
    read = each(limits, lambda name: float(of.read(limits[name])))
    low, high = read.get("low", 0.0), read.get("high", math.inf)
    if low >= high:
        raise ValueError("has low not below high; write low < high")
    return low, high


def _truncated(of: Distribution, low: float, high: float) -> Distribution:
    truncated = law.Truncated(of, low, high)
    try:
        something = math.isfinite(truncated.quantile(0.5))
    except ValueError:
        something = False
    if not something:
        raise ValueError("leaves nothing of the law; write limits between which it has values")
    return truncated


def _mixture(parts: Any, of: Quantity) -> Distribution:
    if not isinstance(parts, list) or not parts or not all(isinstance(p, dict) and "weight" in p for p in parts):
        raise ValueError(f"needs a list of laws with weights; write [{{weight: 90%, constant: {of.example}}}, ...]")

    def weighted(index: str) -> tuple[float, Distribution]:
        part = parts[int(index)]
        weight = each(["weight"], lambda key: share(part[key]))["weight"]
        return weight, _read({key: value for key, value in part.items() if key != "weight"}, of)

    weights, laws = zip(*each(map(str, range(len(parts))), weighted).values(), strict=True)
    if abs(sum(weights) - 1) > 1e-9:
        raise ValueError(f"has weights that add up to {100 * sum(weights):.6g}%; write weights that add up to 100%")
    return law.Mixture(weights, laws)


def _empirical(options: Mapping[str, Any], of: Quantity) -> Distribution:
    """Read values that are written out, or samples that `sim.scenario.datafiles` has read from a file."""
    if "samples" in options:
        factor = each(["unit"], lambda key: of.read(f"1 {options[key]}"))["unit"]
        return law.Empirical(tuple((options["samples"] * factor).tolist()))
    values = options.get("values")
    if set(options) != {"values"} or not isinstance(values, (list, tuple)) or not values:
        raise ValueError(f"needs a file; write {_example('empirical', of)}")
    read = each(map(str, range(len(values))), lambda index: float(of.read(values[int(index)])))
    return law.Empirical(tuple(read.values()))


def _quantiles(options: Mapping[str, Any], of: Quantity) -> Distribution:
    read = each(map(str, options), lambda key: (share(key), float(of.read(options[key]))))
    points = sorted(read.values())
    probabilities, values = tuple(p for p, _ in points), tuple(v for _, v in points)
    if len(points) < 2 or probabilities[0] != 0 or probabilities[-1] != 1:
        raise ValueError(f"do not run from 0% to 100%; write {_example('quantiles', of)}")
    if len(set(probabilities)) < len(points):
        raise ValueError("have two values for one percentage; keep one of the two")
    if list(values) != sorted(values):
        raise ValueError("are out of order: a higher percentage has a lower value; write rising values")
    return law.Quantiles(probabilities, values)


def _scipy(options: Mapping[str, Any], of: Quantity) -> Distribution:
    from scipy import stats  # noqa: PLC0415 - slow to import, and rarely needed

    name = options.get("name")
    family = getattr(stats, name, None) if isinstance(name, str) else None
    if not isinstance(family, stats.rv_continuous):
        names = (known for known, found in vars(stats).items() if isinstance(found, stats.rv_continuous))
        said = f"is no continuous distribution of scipy.stats; {suggestion(name, names)}"
        raise FlawError([Flaw(("name",) if "name" in options else (), said)])
    wanted = tuple(shape.strip() for shape in (family.shapes or "").split(",") if shape.strip())
    percentiles = {key: value for key, value in options.items() if _PERCENTILE.match(str(key))}
    beside = [key for key in ("loc", "scale") if key in options and percentiles]
    if beside:
        fix = "write percentiles only, or loc and scale only"
        raise FlawError(Flaw((key,), f"stands beside percentiles; {fix}", of_key=True) for key in beside)
    rest = {key: value for key, value in options.items() if key not in ("name", "loc", "scale", *percentiles)}
    _just(rest, wanted, f"write {', '.join(['name', *wanted, 'loc and scale'])}")

    def parameter(key: str) -> float:
        if key == "loc":
            return float(of.read(options.get("loc", 0)))
        return _positive(of.read(options.get("scale", of.unit))) if key == "scale" else number(options[key])

    values = each(("loc", "scale", *wanted), parameter)
    shapes = tuple(values[shape] for shape in wanted)
    if not math.isfinite(law.Scipy(str(name), shapes).quantile(0.5)):
        raise ValueError(f"is no distribution for these shapes; see scipy.stats.{name}")
    loc, scale = values["loc"], values["scale"]
    if percentiles:
        loc, scale = loc_and_scale(law.Scipy(str(name), shapes).quantile, _points(percentiles, of))
    return law.Scipy(str(name), shapes, loc, scale)


def describe(distribution: Distribution, unit: str) -> Any:
    """Write a distribution so that it reads as the same one; `unit` is `s`, or `EUR` for one of cents."""

    def quantity(value: float) -> str:
        if unit == "EUR":  # a hundredth that does not come back to the last bit is written in cents
            return f"{value / 100!r} EUR" if value / 100 * 100 == value else f"{value!r} cent"
        return f"{value!r} {unit}"

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
