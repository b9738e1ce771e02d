"""The assumption ledger: the numbers of a scenario that are assumed, by how much of the answer rests on them.

An effect is in the unit of its output, so effects on different outputs cannot be compared. They are measured by what
matters: how far the output is from the limit of its SLO, or, where there is no SLO, how exactly it is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan

from sim.analysis.intervals import Estimate
from sim.analysis.slo import Judged
from sim.experiment.effects import Effect
from sim.experiment.ranges import Factor


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What a change of an output is measured by: the distance to an SLO's limit, or the width of an interval."""

    distance: float
    of_slo: bool


@dataclass(frozen=True, slots=True)
class Assumption:
    """A row of the ledger: how much of the answer rests on an assumed number.

    `weights` has, by output, the mean change when the number goes through its range, divided by the yardstick: at 1 the
    number alone is worth the whole distance to the limit. `output` is where it weighs most, and `effect` what it does
    there, in the output's unit.
    """

    rank: int
    factor: Factor
    output: str
    effect: Effect
    weight: Estimate
    turns: bool
    weights: Mapping[str, Estimate]


def yardsticks(judged: Sequence[Judged], metrics: Mapping[str, Estimate] | None = None) -> dict[str, Yardstick]:
    """Return the yardsticks of a run: of SLOs by their text, and of further metrics by name (half their interval)."""
    by_slo = {each.slo.text: Yardstick(abs(each.estimate.mean - each.slo.limit), of_slo=True) for each in judged}
    by_metric = {name: Yardstick(each.half_width, of_slo=False) for name, each in (metrics or {}).items()}
    return by_metric | by_slo


def ledger(effects: Sequence[Effect], measured: Mapping[str, Yardstick]) -> tuple[Assumption, ...]:
    """Rank the numbers that have no source by how much the answer rests on them.

    The answer is the verdict on the SLOs; without any, it is the metrics. Outputs without a yardstick do not count.
    """
    answer = [name for name, each in measured.items() if each.of_slo] or list(measured)
    by_factor: dict[Factor, dict[str, Effect]] = {}
    for effect in effects:
        if effect.factor.source is None and effect.output in measured:
            by_factor.setdefault(effect.factor, {})[effect.output] = effect
    rows = []
    for factor, by_output in by_factor.items():
        weights = {name: _weight(effect, measured[name]) for name, effect in by_output.items()}
        seen = [name for name in answer if name in weights]
        if seen:
            heaviest = max(seen, key=lambda name: _size(weights[name]))
            rows.append((factor, heaviest, by_output[heaviest], weights))
    rows.sort(key=lambda row: (-_size(row[3][row[1]]), row[0].paths))
    return tuple(
        Assumption(rank, factor, output, effect, weights[output], _turns(weights, measured), weights)
        for rank, (factor, output, effect, weights) in enumerate(rows, 1)
    )


def _weight(effect: Effect, yardstick: Yardstick) -> Estimate:
    found = effect.mu_star

    def relative(size: float) -> float:
        if isnan(size) or isnan(yardstick.distance):
            return nan
        if yardstick.distance == 0:  # at the limit, any effect weighs more than anything
            return inf if size > 0 else 0.0
        return size / yardstick.distance

    return Estimate(relative(found.mean), relative(found.low), relative(found.high), found.n)


def _size(weight: Estimate) -> float:
    return -1.0 if isnan(weight.mean) else weight.mean


def _turns(weights: Mapping[str, Estimate], measured: Mapping[str, Yardstick]) -> bool:
    """Whether the number alone may carry an SLO across its limit."""
    return any(measured[name].of_slo and each.mean >= 1 for name, each in weights.items())
