"""Scenarios compared under common random numbers: the same citizens in each, so that differences are the scenarios'."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.analysis.paired import Difference
from sim.analysis.paired import compare as differences
from sim.analysis.summary import Summary, summarise
from sim.analysis.tally import Tally
from sim.experiment.replications import Laboratory, Task, objectives, quantiles_of
from sim.scenario.load import Loaded
from sim.showing import in_notebook

Watch = Callable[[int, int], None]
"""Hears how many replications are finished, of how many."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The figures of several scenarios and the differences of each from the first."""

    summaries: Mapping[str, Summary]
    differences: tuple[Difference, ...]
    confidence: float

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.summaries)}>"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "scenarios": {name: summary.to_json() for name, summary in self.summaries.items()},
            "differences": [each.to_json() for each in self.differences],
            "confidence": self.confidence,
        }


def compare(
    scenarios: Mapping[str, Loaded],
    laboratory: Laboratory,
    *,
    replications: int | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Run all scenarios with the first one's seed, number of replications and confidence, and compare them in pairs.

    Raises `ValueError` for less than two scenarios, or where their seeds differ.
    """
    loaded = list(scenarios.values())
    if len(loaded) < 2:
        raise ValueError("one scenario cannot be compared; name two or more")
    first = loaded[0].scenario.run
    for name, each in scenarios.items():
        if each.scenario.run.seed != first.seed:
            raise ValueError(f"{name} has the seed {each.scenario.run.seed} and not {first.seed}; give one with --seed")
    count = first.replications if replications is None else replications
    asked = {name: objectives(each) for name, each in scenarios.items()}
    tallies: dict[str, list[Tally]] = {name: [] for name in scenarios}
    tasks = [
        Task(name, each, number, quantiles_of(asked[name]))
        for name, each in scenarios.items()
        for number in range(count)
    ]
    for finished, (key, tally) in enumerate(laboratory.tallies(tasks), 1):
        tallies[str(key)].append(tally)
        if watch is not None:
            watch(finished, len(tasks))
    ordered: dict[str, Sequence[Tally]] = {
        name: sorted(each, key=lambda t: t.replication) for name, each in tallies.items()
    }
    summaries = {name: summarise(each, asked[name], first.confidence) for name, each in ordered.items()}
    return Comparison(summaries, differences(ordered, first.confidence), first.confidence)
