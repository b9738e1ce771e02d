"""Distributions given by what they are at certain percentiles: "half within 400 ms, 98% within 2 s"."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np
from scipy import special

from sim.kernel.distributions import Constant, Distribution, Exponential, Gamma, Lognormal, Pareto, Uniform, Weibull


def from_percentiles(kind: str, points: Mapping[float, float]) -> Distribution:
    """Return the distribution of a kind that has given values at given probabilities (0 < p < 1).

    One point fixes a constant or an exponential, two fix a uniform, lognormal, gamma, weibull or pareto. Raises
    `ValueError`, with what to write instead, when there are too few or too many, or when they are out of order.
    """
    needed = {"constant": 1, "exponential": 1, "uniform": 2, "lognormal": 2, "gamma": 2, "weibull": 2, "pareto": 2}
    if kind not in needed:
        raise ValueError(f"{kind} cannot be given by percentiles; write {', '.join(needed)} or its parameters")
    if len(points) != needed[kind]:
        raise ValueError(f"{kind} is fixed by {needed[kind]} percentile(s), not {len(points)}; write that many")
    ordered = _rising(points)
    (p1, low), (p2, high) = ordered[0], ordered[-1]
    return _FITS[kind](p1, low, p2, high)


def loc_and_scale(quantile: Callable[[float], float], points: Mapping[float, float]) -> tuple[float, float]:
    """Return by how much a law of one shape is moved and stretched to have given values at given probabilities.

    `quantile` is that of the law as it is. One point fixes the scale, and the law is not moved; two fix both. Raises
    `ValueError`, with what to write instead, when no law of this shape goes through the points.
    """
    if len(points) > 2:
        raise ValueError(f"the law is fixed by 1 or 2 percentiles, not {len(points)}; write that many")
    ordered = _rising(points)
    (p1, low), (p2, high) = ordered[0], ordered[-1]
    first, last = quantile(p1), quantile(p2)
    if len(ordered) == 1:
        loc, scale = 0.0, low / first if first > 0 else math.inf
    else:
        scale = (high - low) / (last - first) if last > first else math.inf
        loc = low - scale * first
    if not (0 < scale < math.inf and math.isfinite(loc)):
        raise ValueError("no law of this shape has these percentiles; write loc and scale")
    if loc < 0:
        raise ValueError("a law through these percentiles starts below zero; write one percentile, or loc and scale")
    return loc, scale


def _rising(points: Mapping[float, float]) -> list[tuple[float, float]]:
    """Return the points in order; raises `ValueError` for those that no law has."""
    ordered = sorted(points.items())
    for p, value in ordered:
        if not 0 < p < 1:
            raise ValueError(f"p{p * 100:g} is not between p0 and p100; write for example p50")
        if not 0 < value < math.inf:
            raise ValueError(f"the value at p{p * 100:g} is not positive and finite; write more than zero")
    for (p1, low), (p2, high) in pairwise(ordered):
        if low >= high:
            said = f"percentiles are out of order: p{p1 * 100:g} is not below p{p2 * 100:g}"
            raise ValueError(f"{said}; write rising values")
    return ordered


def _lognormal(p1: float, low: float, p2: float, high: float) -> Distribution:
    z1, z2 = float(special.ndtri(p1)), float(special.ndtri(p2))
    sigma = math.log(high / low) / (z2 - z1)
    return Lognormal(low * math.exp(-sigma * z1), sigma)


def _weibull(p1: float, low: float, p2: float, high: float) -> Distribution:
    shape = math.log(math.log1p(-p2) / math.log1p(-p1)) / math.log(high / low)
    return Weibull(shape, low / (-math.log1p(-p1)) ** (1 / shape))


def _pareto(p1: float, low: float, p2: float, high: float) -> Distribution:
    shape = math.log((1 - p1) / (1 - p2)) / math.log(high / low)
    return Pareto(shape, low * (1 - p1) ** (1 / shape))


def _uniform(p1: float, low: float, p2: float, high: float) -> Distribution:
    slope = (high - low) / (p2 - p1)
    if low - p1 * slope < 0:
        raise ValueError("a uniform distribution through these percentiles has negative values; raise the lower one")
    return Uniform(low - p1 * slope, low + (1 - p1) * slope)


def _gamma(p1: float, low: float, p2: float, high: float) -> Distribution:
    from scipy import optimize  # noqa: PLC0415 - slow to import, and rarely needed

    def excess(log_shape: float) -> float:
        shape = math.exp(log_shape)
        first, second = special.gammaincinv(shape, p1), special.gammaincinv(shape, p2)
        return float(np.log(second / first) - math.log(high / low)) if first > 0 else math.inf

    try:
        shape = math.exp(optimize.brentq(excess, math.log(1e-2), math.log(1e6)))
    except ValueError:
        raise ValueError("no gamma distribution has these percentiles; write lognormal or weibull instead") from None
    return Gamma(shape, low / float(special.gammaincinv(shape, p1)))


_FITS: Mapping[str, Callable[[float, float, float, float], Distribution]] = {
    "constant": lambda p1, low, p2, high: Constant(low),
    "exponential": lambda p1, low, p2, high: Exponential(-low / math.log1p(-p1)),
    "uniform": _uniform,
    "lognormal": _lognormal,
    "gamma": _gamma,
    "weibull": _weibull,
    "pareto": _pareto,
}
