"""The functions of `import sim`: files and names in, results out."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sim.analysis.sequential import Rule
from sim.experiment import run as experiment
from sim.experiment.run import Run
from sim.scenario.load import Loaded, from_dict
from sim.scenario.load import load as load_file

Scenario = str | Path | Mapping[str, Any] | Loaded


def load(scenario: Scenario, sets: Sequence[str] = ()) -> Loaded:
    """Load a scenario from a file, or from plain values as a file would have them.

    `sets` are assignments such as `"psps.psp-a.outcome_delay.p98=3 s"`. Raises `ScenarioError`, which lists every
    problem with its place. What is loaded is not changed any more: `sets` for it are a `ValueError`.

    >>> load("scenarios/baseline.yaml", ["run.replications=3"]).scenario.run.replications
    3
    """
    if isinstance(scenario, Loaded):
        if sets:
            raise ValueError("a loaded scenario is not changed: give sets, and the seed, when it is loaded")
        return scenario
    return from_dict(scenario, sets) if isinstance(scenario, Mapping) else load_file(scenario, sets)


def run(
    scenario: Scenario,
    *,
    replications: int | Literal["auto"] | None = None,
    precision: float = 0.05,
    maximum: int = 200,
    seed: int | None = None,
    sets: Sequence[str] = (),
    jobs: int | None = 1,
    out: str | Path | None = None,
    record: Collection[str] = (),
) -> Run:
    """Run a scenario and return its figures and records.

    `replications` may be `"auto"`: as many as it takes to decide every SLO and to know every headline metric within a
    relative `precision`, and `maximum` at most. `jobs` is the number of processes (None: one per core; a script then
    needs `if __name__ == "__main__":`). `out` is the folder in which the run is kept; without it the records live as
    long as the result. `record` may name `calls` and `states`. Interrupted, it returns with the replications that were
    finished, if any.

    Raises `ScenarioError` for a scenario that cannot be used, `StoreError` for results that cannot be written,
    `RunError` for a broken invariant, which is a bug of the program, and `ValueError` for arguments out of range.
    """
    assigned = [*sets, *([] if seed is None else [f"run.seed={seed}"])]
    loaded = load(scenario, assigned)
    wanted: int | Rule | None = None
    if replications == "auto":
        wanted = Rule(precision, maximum, loaded.scenario.run.confidence)
    elif replications is not None:
        wanted = int(replications)
    return experiment.run(loaded, replications=wanted, jobs=jobs, out=out, record=record)
