"""Scenarios compared under common random numbers: the same citizens in each, so that differences are the scenarios'."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim.analysis.paired import Difference
from sim.analysis.paired import compare as differences
from sim.analysis.sequential import Decision, Rule
from sim.analysis.summary import Summary
from sim.analysis.tally import Tally
from sim.experiment.looks import Looks
from sim.experiment.parting import Parting, partings
from sim.experiment.replications import Laboratory, StudyError, Task, objectives, quantiles_of
from sim.scenario.load import Loaded
from sim.showing import in_notebook

Watch = Callable[[int, int], None]
"""Hears how many replications are finished, of how many."""


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The figures of several scenarios and the differences of each from the first.

    `stopped` is why no more replications were added, where a rule added them. `worlds` are the scenarios.
    """

    summaries: Mapping[str, Summary]
    differences: tuple[Difference, ...]
    confidence: float
    stopped: Decision | None = None
    worlds: Mapping[str, Loaded] = field(default_factory=dict)

    def partings(self, payment: str) -> dict[str, Parting | None]:
        """Return where a payment of the first scenario, such as `"17.0"`, parts in each of the others, if it does."""
        return partings(self.worlds, payment)

    _repr_html_ = in_notebook

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.summaries)}>"

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "scenarios": {name: summary.to_json() for name, summary in self.summaries.items()},
            "differences": [each.to_json() for each in self.differences],
            "confidence": self.confidence,
            "replications": next(iter(self.summaries.values())).replications,
            "stopping": None if self.stopped is None else self.stopped.to_json(),
        }


def compare(
    scenarios: Mapping[str, Loaded],
    laboratory: Laboratory,
    *,
    replications: int | Rule | None = None,
    watch: Watch | None = None,
) -> Comparison:
    """Run all scenarios with the first one's seed, number of replications and confidence, and compare them in pairs.

    A rule, at the first one's confidence, adds replications to all of them until it would stop at every one: pairs
    need equally many.

    Raises `StudyError` for less than two scenarios or replications, or where seeds differ.
    """
    loaded = list(scenarios.values())
    if len(loaded) < 2:
        raise StudyError("one scenario cannot be compared; name two or more")
    first = loaded[0].scenario.run
    for name, each in scenarios.items():
        if each.scenario.run.seed != first.seed:
            raise StudyError(f"{name} has the seed {each.scenario.run.seed} and not {first.seed}; give one with --seed")
    wanted = first.replications if replications is None else replications
    if isinstance(wanted, int) and wanted < 2:
        raise StudyError("one replication of each says nothing of a difference; ask for more with --replications")
    study = _Study(scenarios, Looks(wanted, first.confidence))
    study.carry_out(laboratory, watch)
    found = differences(study.tallies, first.confidence)
    return Comparison(study.summaries, found, first.confidence, study.looks.decision, scenarios)


class _Study:
    """Scenarios with equally many replications of each, and what they say so far."""

    def __init__(self, scenarios: Mapping[str, Loaded], looks: Looks) -> None:
        self.scenarios = scenarios
        self.looks = looks
        self.asked = {name: objectives(each) for name, each in scenarios.items()}
        self.tallies: dict[str, list[Tally]] = {name: [] for name in scenarios}
        self.summaries: dict[str, Summary] = {}

    def carry_out(self, laboratory: Laboratory, watch: Watch | None) -> None:
        """Carry out as many replications of every scenario as are wanted."""
        done = 0
        while (count := self.looks.next) > done:
            for finished, (name, tally) in enumerate(laboratory.tallies(self._tasks(done, count)), 1):
                self.tallies[str(name)].append(tally)
                if watch is not None:
                    watch(done * len(self.scenarios) + finished, count * len(self.scenarios))
            for each in self.tallies.values():
                each.sort(key=lambda tally: tally.replication)
            self.summaries = {n: self.looks.summarise(each, self.asked[n]) for n, each in self.tallies.items()}
            self.looks.look(*self.summaries.values())
            done = count

    def _tasks(self, done: int, count: int) -> Iterator[Task]:
        for name, each in self.scenarios.items():
            for number in range(done, count):
                yield Task(name, each, number, quantiles_of(self.asked[name]))
