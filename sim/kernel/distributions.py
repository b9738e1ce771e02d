"""Distributions as values, evaluated through their inverse: a draw is `ppf(u)` of a uniform u in (0, 1).

Drawing by inversion keeps common random numbers common: the same uniform gives the same rank whatever the law. All
evaluate arrays at once. Units are the caller's. Distributions compare by value and can be pickled.

A draw must not depend, in its last bit, on how many are made at once. Powers are therefore written `np.power`: numpy
computes `**` of single numbers in another way than that of arrays.
"""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from scipy import special

Array = npt.NDArray[Any]


@runtime_checkable
class Distribution(Protocol):
    """A law of a non-negative quantity."""

    def ppf(self, u: Any) -> Any:
        """Return the values at cumulative probabilities `u`, a float or an array of any shape."""

    def cdf(self, x: Any) -> Any:
        """Return the probability of a value up to `x`, elementwise."""

    @property
    def mean(self) -> float:
        """The mean; inf where it does not exist."""

    def quantile(self, p: float) -> float:
        """Return one quantile."""


class _Quantile:
    __slots__ = ()

    def quantile(self, p: float) -> float:
        """Return one quantile."""
        return float(np.asarray(self.ppf(np.array([p])))[0])  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Constant(_Quantile):
    """Always the same value."""

    value: float

    def ppf(self, u: Any) -> Any:
        """Return the value, in the shape of `u`."""
        return np.full(np.shape(u), self.value)

    def cdf(self, x: Any) -> Any:
        """Return 0 below the value and 1 from it on."""
        return np.where(np.asarray(x) >= self.value, 1.0, 0.0)

    @property
    def mean(self) -> float:
        """The value."""
        return self.value


@dataclass(frozen=True)
class Uniform(_Quantile):
    """Uniform between two values."""

    low: float
    high: float

    def ppf(self, u: Any) -> Any:
        """Return low + u (high - low)."""
        return self.low + np.asarray(u) * (self.high - self.low)

    def cdf(self, x: Any) -> Any:
        """Return the share of the interval below `x`."""
        return np.clip((np.asarray(x) - self.low) / (self.high - self.low), 0.0, 1.0)

    @property
    def mean(self) -> float:
        """The midpoint."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class Exponential(_Quantile):
    """Exponential with a mean."""

    mean: float

    def ppf(self, u: Any) -> Any:
        """Return -mean ln(1 - u)."""
        return -self.mean * np.log1p(-np.asarray(u))

    def cdf(self, x: Any) -> Any:
        """Return 1 - exp(-x / mean)."""
        return -np.expm1(-np.maximum(np.asarray(x), 0.0) / self.mean)


@dataclass(frozen=True)
class Lognormal(_Quantile):
    """Lognormal with a median and the standard deviation sigma of the logarithm."""

    median: float
    sigma: float

    def ppf(self, u: Any) -> Any:
        """Return median exp(sigma z) for the normal quantile z of `u`."""
        return self.median * np.exp(self.sigma * special.ndtri(np.asarray(u)))

    def cdf(self, x: Any) -> Any:
        """Return the normal distribution of ln(x / median) / sigma."""
        with np.errstate(divide="ignore"):
            return special.ndtr(np.log(np.maximum(np.asarray(x), 0.0) / self.median) / self.sigma)

    @property
    def mean(self) -> float:
        """Median exp(sigma^2 / 2)."""
        return float(self.median * np.exp(self.sigma**2 / 2))


@dataclass(frozen=True)
class Gamma(_Quantile):
    """Gamma with a shape and a scale."""

    shape: float
    scale: float

    def ppf(self, u: Any) -> Any:
        """Invert the regularised incomplete gamma function."""
        return self.scale * special.gammaincinv(self.shape, np.asarray(u))

    def cdf(self, x: Any) -> Any:
        """Return the regularised incomplete gamma function."""
        return special.gammainc(self.shape, np.maximum(np.asarray(x), 0.0) / self.scale)

    @property
    def mean(self) -> float:
        """The product of shape and scale."""
        return self.shape * self.scale


@dataclass(frozen=True)
class Weibull(_Quantile):
    """Weibull with a shape and a scale."""

    shape: float
    scale: float

    def ppf(self, u: Any) -> Any:
        """Return scale (-ln(1 - u))^(1 / shape)."""
        return self.scale * np.power(-np.log1p(-np.asarray(u)), 1 / self.shape)

    def cdf(self, x: Any) -> Any:
        """Return 1 - exp(-(x / scale)^shape)."""
        return -np.expm1(-np.power(np.maximum(np.asarray(x), 0.0) / self.scale, self.shape))

    @property
    def mean(self) -> float:
        """Scale times the gamma function of 1 + 1 / shape."""
        return float(self.scale * special.gamma(1 + 1 / self.shape))


@dataclass(frozen=True)
class Pareto(_Quantile):
    """Pareto with a shape and a minimum: heavy-tailed, without a mean when the shape is 1 or less."""

    shape: float
    minimum: float

    def ppf(self, u: Any) -> Any:
        """Return minimum (1 - u)^(-1 / shape)."""
        return self.minimum * np.power(1 - np.asarray(u), -1 / self.shape)

    def cdf(self, x: Any) -> Any:
        """Return 1 - (minimum / x)^shape above the minimum."""
        x = np.maximum(np.asarray(x, dtype=float), self.minimum)
        return 1 - np.power(self.minimum / x, self.shape)

    @property
    def mean(self) -> float:
        """Shape minimum / (shape - 1), or inf."""
        return self.shape * self.minimum / (self.shape - 1) if self.shape > 1 else float("inf")


@dataclass(frozen=True)
class Empirical(_Quantile):
    """Values that were measured, each as likely as the others."""

    values: tuple[float, ...]

    @cached_property
    def _sorted(self) -> Array:
        return np.sort(np.asarray(self.values, dtype=float))

    @cached_property
    def _reached(self) -> Array:
        """The probabilities that `cdf` gives, so that its inverse agrees with it to the last bit."""
        return np.arange(1, len(self.values)) / len(self.values)

    def ppf(self, u: Any) -> Any:
        """Return the smallest value whose share of values up to it is at least `u`."""
        return self._sorted[np.searchsorted(self._reached, np.asarray(u), side="left")]

    def cdf(self, x: Any) -> Any:
        """Return the share of values up to `x`."""
        return np.searchsorted(self._sorted, np.asarray(x), side="right") / len(self.values)

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return float(np.mean(self._sorted))


@dataclass(frozen=True)
class Quantiles(_Quantile):
    """A table of quantiles, from p = 0 to p = 1, linear in between."""

    probabilities: tuple[float, ...]
    values: tuple[float, ...]

    def ppf(self, u: Any) -> Any:
        """Interpolate the table."""
        return np.interp(np.asarray(u), self.probabilities, self.values)

    def cdf(self, x: Any) -> Any:
        """Interpolate the table the other way; where it is flat, take the largest probability."""
        x = np.asarray(x, dtype=float)
        p, v = np.array(self.probabilities), np.array(self.values)
        at = np.clip(np.searchsorted(v, x, side="right"), 1, len(v) - 1)
        rise = v[at] - v[at - 1]
        share = np.divide(x - v[at - 1], rise, out=np.ones(np.shape(x)), where=rise > 0)
        return np.where(x < v[0], 0.0, p[at - 1] + np.clip(share, 0.0, 1.0) * (p[at] - p[at - 1]))

    @property
    def mean(self) -> float:
        """The area under the table."""
        values, p = np.array(self.values), np.array(self.probabilities)
        return float(np.sum(np.diff(p) * (values[1:] + values[:-1]) / 2))


@dataclass(frozen=True)
class Scipy(_Quantile):
    """Any continuous distribution of `scipy.stats`, by name."""

    name: str
    shapes: tuple[float, ...] = ()
    loc: float = 0.0
    scale: float = 1.0

    @cached_property
    def _frozen(self) -> Any:
        from scipy import stats  # noqa: PLC0415 - slow to import, and rarely needed

        return getattr(stats, self.name)(*self.shapes, loc=self.loc, scale=self.scale)

    def ppf(self, u: Any) -> Any:
        """Return scipy's `ppf`."""
        return self._frozen.ppf(np.asarray(u))

    def cdf(self, x: Any) -> Any:
        """Return scipy's `cdf`."""
        return self._frozen.cdf(np.asarray(x))

    @property
    def mean(self) -> float:
        """Return scipy's mean."""
        return float(self._frozen.mean())


@dataclass(frozen=True)
class Shifted(_Quantile):
    """Another distribution, moved by a constant."""

    of: Distribution
    by: float

    def ppf(self, u: Any) -> Any:
        """Return the other's values, moved."""
        return self.of.ppf(u) + self.by

    def cdf(self, x: Any) -> Any:
        """Return the other's probabilities, moved."""
        return self.of.cdf(np.asarray(x) - self.by)

    @property
    def mean(self) -> float:
        """The other's mean, moved."""
        return self.of.mean + self.by


_BELOW_ONE = 1 - 2.0**-53


@dataclass(frozen=True)
class Truncated(_Quantile):
    """Another distribution, given that the value is between two limits."""

    of: Distribution
    low: float = 0.0
    high: float = float("inf")

    @cached_property
    def _ends(self) -> tuple[float, float]:
        below = float(np.asarray(self.of.cdf(np.array([np.nextafter(self.low, -np.inf)])))[0])
        above = float(np.asarray(self.of.cdf(np.array([self.high])))[0])
        if above <= below:
            raise ValueError("no probability lies between the limits")
        return below, above

    def ppf(self, u: Any) -> Any:
        """Return the other's values at the probabilities between the limits."""
        below, above = self._ends
        p = np.minimum(below + np.asarray(u) * (above - below), _BELOW_ONE)
        return np.clip(self.of.ppf(p), self.low, self.high)

    def cdf(self, x: Any) -> Any:
        """Return the other's probabilities, rescaled."""
        below, above = self._ends
        return np.clip((self.of.cdf(np.minimum(x, self.high)) - below) / (above - below), 0.0, 1.0)

    @cached_property
    def mean(self) -> float:
        """The mean, from integrals of the other's quantiles; without an upper limit, what its own mean leaves."""
        below, above = self._ends
        if self.high < math.inf:
            return self._area(below, above) / (above - below)
        return max(self.low, (self.of.mean - (self._area(0.0, below) if below else 0.0)) / (1 - below))

    def _area(self, start: float, end: float) -> float:
        nodes, weights = _rule()
        return float((end - start) * np.sum(weights * self.of.ppf(start + nodes * (end - start))))


@lru_cache
def _rule() -> tuple[Array, Array]:
    """Return nodes and weights to integrate over (0, 1): Gauss-Legendre on panels that shrink towards both ends.

    Quantile functions are steep at the ends, and those of mixtures and tables have steps anywhere.
    """
    steep = 2.0 ** -np.arange(12, 40)
    edges = np.unique(np.concatenate([np.linspace(0, 1, 2001), steep, 1 - steep]))
    nodes, weights = np.polynomial.legendre.leggauss(8)
    half = np.diff(edges)[:, np.newaxis] / 2
    return (edges[:-1, np.newaxis] + half * (1 + nodes)).ravel(), (half * weights).ravel()


@dataclass(frozen=True)
class Mixture(_Quantile):
    """One of several distributions, chosen with given weights."""

    weights: tuple[float, ...]
    parts: tuple[Distribution, ...]

    def cdf(self, x: Any) -> Any:
        """Return the weighted sum of the parts' probabilities."""
        total = sum(self.weights)
        return sum(w / total * np.asarray(part.cdf(x)) for w, part in zip(self.weights, self.parts, strict=True))

    def ppf(self, u: Any) -> Any:
        """Invert the mixture by bisection, to the last bit, so that ranks are kept."""
        u = np.asarray(u, dtype=float)
        ends = np.array([np.asarray(part.ppf(u)) for part in self.parts])
        low, high = ends.min(axis=0), ends.max(axis=0)
        for _ in range(100):
            middle = (low + high) / 2
            if np.all((middle == low) | (middle == high)):
                break
            reached = self.cdf(middle) >= u
            high, low = np.where(reached, middle, high), np.where(reached, low, middle)
        return np.where(self.cdf(low) >= u, low, high)

    @property
    def mean(self) -> float:
        """The weighted mean of the parts' means."""
        total = sum(self.weights)
        return sum(w / total * part.mean for w, part in zip(self.weights, self.parts, strict=True))
