"""The functions of `import sim`: files and names in, results out."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sim.analysis.sequential import Rule
from sim.experiment import run as experiment
from sim.experiment.capacity import Capacity
from sim.experiment.capacity import capacity as find_capacity
from sim.experiment.compare import Comparison
from sim.experiment.compare import compare as compare_scenarios
from sim.experiment.design import Kind, read_vary
from sim.experiment.executors import crew
from sim.experiment.replications import Laboratory
from sim.experiment.run import Run
from sim.experiment.search import candidates
from sim.experiment.sensitivity import Sensitivity
from sim.experiment.sensitivity import sensitivity as find_sensitivity
from sim.experiment.span import parse as parse_span
from sim.experiment.sweep import Sweep
from sim.experiment.sweep import sweep as run_sweep
from sim.experiment.sweepfile import read_sweep
from sim.scenario.load import Loaded, Source, from_dict
from sim.scenario.load import load as load_file
from sim.shelf import shelf

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
    wanted = Rule(precision, maximum) if replications == "auto" else replications
    return experiment.run(loaded, replications=wanted, jobs=jobs, out=out, record=record)


def sweep(
    scenario: str | Path,
    vary: Mapping[str, str | Sequence[str]] | None = None,
    *,
    design: Literal["grid", "lhs", "sobol"] = "grid",
    points: int | None = None,
    sets: Sequence[str] = (),
    replications: int | Literal["auto"] | None = None,
    precision: float = 0.05,
    maximum: int = 200,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
) -> Sweep:
    """Run a scenario at every point of a design and return the table of points.

    `vary` says which values a path takes: `"4,8,16"`, `"1..5"`, `"log:1 s..9 s:7"`, or a list; with `lhs` and `sobol` a
    range, and `points` says how many. Without it, `scenario` is a sweep file. `replications` may be `"auto"`, as many
    as each point takes (see `run`). What is finished is kept in `out` and not computed again. `scheduler` is the
    address of a Dask scheduler, whose workers then do the work instead of `jobs`.
    """
    if vary is None:
        asked = read_sweep(Path(scenario))
        said = asked.replications if replications is None else replications
        count = Rule(precision, maximum) if said == "auto" else said
        return run_sweep(
            asked.scenario, asked.design, sets=sets, replications=count, jobs=jobs, scheduler=scheduler, out=out
        )
    options = [f"{path}={values if isinstance(values, str) else ','.join(values)}" for path, values in vary.items()]
    chosen = read_vary(options, Kind(design), points)
    count = Rule(precision, maximum) if replications == "auto" else replications
    return run_sweep(scenario, chosen, sets=sets, replications=count, jobs=jobs, scheduler=scheduler, out=out)


def capacity(
    scenario: str | Path,
    path: str,
    between: str,
    *,
    slos: Sequence[str] | None = None,
    load: bool = False,
    margin: bool = True,
    sets: Sequence[str] = (),
    most: int = 80,
    tolerance: float | None = None,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
) -> Capacity:
    """Find the smallest value of a path at which the objectives hold, or with `load` the largest, with its interval.

    `between` is a range such as `"1..200"` or `"log:1 s..1 min"`. `slos` are objectives, the scenario's unless given.
    With `margin`, the answer says too by how much arrivals may grow there. `most` is the number of replications that
    one value may cost, `tolerance` how far apart the values are that a search over fractions tries (`--tolerance`).
    """
    span, steps = parse_span(between)
    if steps is not None:
        raise ValueError(f"{between} has steps, which a search chooses; write {span}, and a tolerance if need be")
    xs = candidates(span, tolerance)
    with shelf(Path(out)) as kept, crew(jobs, scheduler) as workers:
        laboratory = Laboratory(workers, kept)
        return find_capacity(
            Source(scenario), laboratory, path, span, xs, sets=sets, slos=slos, load=load, margin=margin, most=most
        )


def compare(
    *scenarios: Scenario,
    replications: int | Literal["auto"] | None = None,
    precision: float = 0.05,
    maximum: int = 200,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
) -> Comparison:
    """Compare scenarios with the first one under the same random numbers, in pairs of replications.

    Give files, or what `load` returns: `compare(load(f), load(f, ["psps.psp-a.workers=8"]))`. `replications` may be
    `"auto"`, equally many of each, until they are enough for every scenario (see `run`).
    """
    wanted = Rule(precision, maximum) if replications == "auto" else replications
    worlds = [load(each) for each in scenarios]
    named = {f"{number}: {_called(each, worlds[0])}": each for number, each in enumerate(worlds, 1)}
    with shelf(Path(out)) as kept, crew(jobs, scheduler) as workers:
        return compare_scenarios(named, Laboratory(workers, kept), replications=wanted)


def sensitivity(
    scenario: str | Path,
    *,
    only: Sequence[str] = (),
    method: Literal["morris", "sobol"] = "morris",
    size: int | None = None,
    replications: int = 3,
    sets: Sequence[str] = (),
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
) -> Sensitivity:
    """Move every number of a scenario that has a range, and rank what is assumed by how much of the answer rests on it.

    `only` are patterns of paths such as `"citizen.*"`. `size` is the number of Morris's trajectories (10) or of Sobol's
    points (64), each run with so many `replications`. Needs SALib: the extra `sensitivity`.
    """
    with shelf(Path(out)) as kept, crew(jobs, scheduler) as workers:
        return find_sensitivity(
            Source(scenario),
            Laboratory(workers, kept),
            sets=sets,
            only=only,
            method=method,
            size=size,
            replications=replications,
        )


def _called(world: Loaded, first: Loaded) -> str:
    """Return the name of a scenario, and what was set in it that was not in the first one of the same name."""
    name = world.scenario.name
    own = [each for each in world.sets if each not in first.sets] if name == first.scenario.name else []
    return ", ".join([name, *own])
