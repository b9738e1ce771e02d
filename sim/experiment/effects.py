"""What moving the factors of a scenario does to its outputs: Morris's effects and Sobol's indices.

A study is a design in the unit cube of some factors, and its points are run as those of a sweep are. The outputs come
back as one value per point, from replications with the same random numbers, so that two points differ by what was
moved and not by chance. Nothing is simulated here.

Sources: Morris (1991), Technometrics 33; Campolongo, Cariboni and Saltelli (2007), Environmental Modelling & Software
22 (mu*); Saltelli et al. (2010), Computer Physics Communications 181 (indices). Samples and indices are SALib's, the
extra `[sensitivity]`, which is imported when it is needed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from math import nan
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sim.analysis.intervals import Estimate, mean
from sim.experiment.design import Point
from sim.experiment.extras import MissingExtraError
from sim.experiment.ranges import Factor, assigned
from sim.experiment.replications import StudyError

LEVELS = 4
"""Levels of Morris's grid in each dimension, the usual number: a step is two thirds of the range."""
RESAMPLES = 1000

Array = npt.NDArray[Any]
Outputs = Mapping[str, Sequence[float] | Array]
"""By the name of an output, its value at every point of a study; NaN where it has none."""


@dataclass(frozen=True, eq=False)
class Study:
    """A design in the unit cube of some factors: points that a sweep can run, and what an analysis must know."""

    kind: Literal["morris", "sobol"]
    factors: tuple[Factor, ...]
    cube: Array
    seed: int

    @property
    def paths(self) -> tuple[str, ...]:
        """All paths that are varied."""
        return tuple(path for factor in self.factors for path in factor.paths)

    def __len__(self) -> int:
        return len(self.cube)

    def __getitem__(self, number: int) -> Point:
        if not 0 <= number < len(self.cube):
            raise IndexError(f"point {number} of {len(self.cube)}")
        return Point(number, assigned(self.factors, self.cube[number]))

    def __iter__(self) -> Iterator[Point]:
        return (self[number] for number in range(len(self)))


@dataclass(frozen=True, slots=True)
class Effect:
    """What a factor does to an output when it goes through its whole range, by Morris's elementary effects.

    `mu` is the mean effect, `mu_star` the mean size of it, with its interval over trajectories, and `sigma` how much it
    depends on where the other factors (and this one) are: effects that do not interact and are linear have sigma 0.
    """

    factor: Factor
    output: str
    mu: float
    mu_star: Estimate
    sigma: float


@dataclass(frozen=True, slots=True)
class Index:
    """The share of an output's variance over the ranges that is due to a factor alone, and with all others."""

    factor: Factor
    output: str
    first: Estimate
    total: Estimate


def morris_design(chosen: Sequence[Factor], trajectories: int = 10, seed: int = 1) -> Study:
    """Return Morris's design: trajectories of one point more than there are factors, each step moving one factor."""
    if trajectories < 2 or not chosen:
        raise StudyError(f"{trajectories} trajectories of {len(chosen)} factors: take 2 or more of 1 or more")
    sampled = _salib("sample.morris").sample(_problem(len(chosen)), trajectories, num_levels=LEVELS, seed=seed)
    return Study("morris", tuple(chosen), np.asarray(sampled), seed)


def morris_effects(study: Study, outputs: Outputs, confidence: float = 0.95) -> tuple[Effect, ...]:
    """Return the effect of every factor on every output; trajectories on which an output has no value do not count.

    Elementary effects of different trajectories are independent, so that mu* has Student's interval.
    """
    count = len(study.factors)
    paths = study.cube.reshape(-1, count + 1, count)
    steps = np.diff(paths, axis=1)
    moved = np.abs(steps).argmax(axis=2)
    sizes = np.take_along_axis(steps, moved[:, :, None], axis=2)[:, :, 0]
    found = []
    for output, values in outputs.items():
        by_step = np.diff(_complete(study, output, values, count + 1), axis=1) / sizes
        effects = np.take_along_axis(by_step, moved.argsort(axis=1), axis=1)
        effects = effects[~np.isnan(effects).any(axis=1)]
        for factor, each in zip(study.factors, effects.T, strict=True):
            size = mean(np.abs(each), confidence)
            spread = float(each.std(ddof=1)) if size.n > 1 else nan
            found.append(Effect(factor, output, float(each.mean()) if size.n else nan, size, spread))
    return tuple(found)


def sobol_design(chosen: Sequence[Factor], points: int = 64, seed: int = 1) -> Study:
    """Return Saltelli's design for first and total Sobol indices: points x (factors + 2), points a power of two."""
    if points < 2 or points & (points - 1) or not chosen:
        raise StudyError(f"{points} points of {len(chosen)} factors: take a power of two, such as 64, of 1 or more")
    sampled = _salib("sample.sobol").sample(_problem(len(chosen)), points, calc_second_order=False, seed=seed)
    return Study("sobol", tuple(chosen), np.asarray(sampled), seed)


def sobol_indices(study: Study, outputs: Outputs, confidence: float = 0.95) -> tuple[Index, ...]:
    """Return the indices of every factor for every output, with intervals by bootstrap.

    Points at which an output has no value do not count, with those derived from them. An output that is the same
    everywhere has no indices: NaN.
    """
    found = []
    for output, values in outputs.items():
        blocks = _complete(study, output, values, len(study.factors) + 2)
        blocks = blocks[~np.isnan(blocks).any(axis=1)]
        for factor, (first, total) in zip(study.factors, _indices(study, blocks, confidence), strict=True):
            found.append(Index(factor, output, first, total))
    return tuple(found)


def _indices(study: Study, blocks: Array, confidence: float) -> list[tuple[Estimate, Estimate]]:
    count = len(blocks)
    if count < 2 or not np.ptp(blocks) > 0:
        unknown = Estimate(nan, nan, nan, count)
        return [(unknown, unknown)] * len(study.factors)
    with np.errstate(all="ignore"):
        found = _salib("analyze.sobol").analyze(
            _problem(len(study.factors)), blocks.ravel(), calc_second_order=False, num_resamples=RESAMPLES,
            conf_level=confidence, seed=study.seed + 1,  # a seed of zero would be none
        )  # fmt: skip

    def estimates(name: str) -> list[Estimate]:
        pairs = zip(found[name].tolist(), found[f"{name}_conf"].tolist(), strict=True)
        return [Estimate(index, index - half, index + half, count) for index, half in pairs]

    return list(zip(estimates("S1"), estimates("ST"), strict=True))


def _complete(study: Study, output: str, values: Sequence[float] | Array, width: int) -> Array:
    """Return one value for each point, in rows of points that belong together."""
    array = np.asarray(values, dtype=float)
    if array.shape != (len(study),):
        raise ValueError(f"{output} has {array.size} values for {len(study)} points")
    return np.where(np.isfinite(array), array, nan).reshape(-1, width)


def _problem(count: int) -> dict[str, Any]:
    return {"num_vars": count, "names": [str(number) for number in range(count)], "bounds": [[0.0, 1.0]] * count}


def _salib(part: str) -> Any:
    try:
        return import_module(f"SALib.{part}")
    except ImportError as error:
        said = 'sensitivity needs SALib; install it with: pip install "pagopa-sim[sensitivity]"'
        raise MissingExtraError(said) from error
