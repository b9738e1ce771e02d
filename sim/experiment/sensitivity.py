"""What matters: which of the numbers that have a range the answer rests on.

Every point of a study is run with the same few replications; outputs are the objectives' estimates and the headline
metrics. Replications come from the shelf where they are there. The assumption ledger ranks what is assumed.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from sim.analysis.intervals import finite
from sim.analysis.metrics import HEADLINE
from sim.analysis.slo import Slo
from sim.analysis.summary import Summary, estimate_of, headline_of, summarise
from sim.analysis.tally import Tally
from sim.experiment.design import Point, assignments
from sim.experiment.effects import (
    Array,
    Effect,
    Index,
    Study,
    morris_design,
    morris_effects,
    sobol_design,
    sobol_indices,
)
from sim.experiment.ledger import Assumption, ledger, yardsticks
from sim.experiment.ranges import factors, untested
from sim.experiment.replications import Laboratory, StudyError, Task, objectives, quantiles_of
from sim.scenario.annotations import Provenance
from sim.scenario.load import Loaded, Source
from sim.showing import in_notebook

Watch = Callable[[int, int], None]
"""Hears how many replications are finished, of how many."""


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity:
    """The outcome of a study: `effects` by Morris's method or `indices` by Sobol's, and the assumption ledger.

    `base` is the summary of the scenario as it stands. All intervals have its confidence, the scenario's. `untested` is
    assumed and was not moved.
    """

    study: Study
    base: Summary
    effects: tuple[Effect, ...]
    indices: tuple[Index, ...]
    ledger: tuple[Assumption, ...]
    untested: tuple[Provenance, ...]

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Sensitivity by {self.study.kind}: {len(self.study.factors)} numbers, {len(self.study)} points>"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "method": self.study.kind,
            "points": len(self.study),
            "confidence": self.base.confidence,
            "effects": [
                {
                    "path": e.factor.name,
                    "output": e.output,
                    "mu": finite(e.mu),
                    "sigma": finite(e.sigma),
                    "mu_star": e.mu_star.to_json(),
                }
                for e in self.effects
            ],
            "indices": [
                {"path": i.factor.name, "output": i.output, "first": i.first.to_json(), "total": i.total.to_json()}
                for i in self.indices
            ],
            "ledger": [
                {
                    "rank": a.rank,
                    "path": a.factor.name,
                    "assumed": a.factor.assumed,
                    "range": [a.factor.low, a.factor.high],
                    "output": a.output,
                    "weight": a.weight.to_json(),
                    "turns": a.turns,
                }
                for a in self.ledger
            ],
            "untested": [each.path for each in self.untested],
        }


def sensitivity(
    source: Source,
    laboratory: Laboratory,
    *,
    sets: Sequence[str] = (),
    only: Sequence[str] = (),
    method: Literal["morris", "sobol"] = "morris",
    size: int | None = None,
    replications: int = 3,
    seed: int = 1,
    watch: Watch | None = None,
) -> Sensitivity:
    """Move every number that has a range, and see what that does to objectives and headline figures.

    `size` is the number of Morris's trajectories (10), or of Sobol's points (64, a power of two). Raises
    `ScenarioError`, also for a point that cannot be loaded, `StudyError` when nothing has a range, and
    `MissingExtraError` without SALib, all before anything is simulated.
    """
    base = source.load(sets)
    chosen = factors(base, only)
    if not only:  # how long and how often is asked is no assumption about the world
        chosen = tuple(each for each in chosen if not each.paths[0].startswith("run."))
    if not chosen:
        raise StudyError(
            "no number of the scenario has a range; write one, for example {value: 2 s, range: [1 s, 4 s]}"
        )
    design = morris_design if method == "morris" else sobol_design
    study = design(chosen, (10 if method == "morris" else 64) if size is None else size, seed)
    asked = objectives(base)
    total = (len(study) + 1) * replications

    def load(point: Point) -> Loaded:
        return source.load([*sets, *assignments(point)])

    for point in study:  # to know in a minute what would else end a study of hours
        load(point)

    def tasks() -> Iterator[Task]:
        quantiles = quantiles_of(asked)
        yield from (Task(-1, base, n, quantiles) for n in range(replications))
        for point in study:
            loaded = load(point)
            yield from (Task(point.number, loaded, n, quantiles) for n in range(replications))

    confidence = base.scenario.run.confidence
    outputs = _Outputs(len(study), asked, replications, confidence)
    for finished, (key, tally) in enumerate(laboratory.tallies(tasks()), 1):
        outputs.take(int(str(key)), tally)
        if watch is not None:
            watch(finished, total)
    assert outputs.base is not None
    effects = morris_effects(study, outputs.values, confidence) if method == "morris" else ()
    indices = sobol_indices(study, outputs.values, confidence) if method == "sobol" else ()
    measured = yardsticks(outputs.base.slos, {name: outputs.base.metrics[name] for name in HEADLINE})
    return Sensitivity(study, outputs.base, effects, indices, ledger(effects, measured), untested(base, chosen))


class _Outputs:
    """Outputs by point, as replications come in; those of a point that is complete are let go."""

    def __init__(self, points: int, asked: tuple[Slo, ...], replications: int, confidence: float) -> None:
        self.asked = asked
        self.replications = replications
        self.confidence = confidence
        self.values: dict[str, Array] = {
            name: np.full(points, np.nan) for name in (*(s.text for s in asked), *HEADLINE)
        }
        self.base: Summary | None = None
        self._waiting: dict[int, list[Tally]] = {}

    def take(self, number: int, tally: Tally) -> None:
        """Take one replication of a point; -1 is the scenario as it stands."""
        tallies = self._waiting.setdefault(number, [])
        tallies.append(tally)
        if len(tallies) < self.replications:
            return
        del self._waiting[number]
        tallies.sort(key=lambda t: t.replication)  # the last bit of a sum depends on the order
        if number < 0:
            self.base = summarise(tallies, self.asked, self.confidence)
            return
        of_slos = {slo.text: estimate_of(tallies, slo, self.confidence) for slo in self.asked}
        for name, estimate in (of_slos | headline_of(tallies, self.confidence)).items():
            self.values[name][number] = estimate.mean
