"""The functions of `import sim`: files and names in, results out."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sim import arguments
from sim.experiment import run as experiment
from sim.experiment.capacity import Capacity
from sim.experiment.capacity import capacity as find_capacity
from sim.experiment.compare import Comparison
from sim.experiment.compare import compare as compare_scenarios
from sim.experiment.design import MAX_POINTS, Entry, Kind, build
from sim.experiment.laboratory import laboratory_of
from sim.experiment.run import Run
from sim.experiment.search import candidates, within
from sim.experiment.sensitivity import Sensitivity
from sim.experiment.sensitivity import sensitivity as find_sensitivity
from sim.experiment.sweep import Sweep
from sim.experiment.sweep import sweep as run_sweep
from sim.experiment.sweepfile import read_sweep, text_of
from sim.scenario.load import Loaded, Position, Source, from_dict
from sim.scenario.load import load as load_file

Scenario = str | Path | Mapping[str, Any] | Loaded


def load(scenario: Scenario, sets: Sequence[str] = ()) -> Loaded:
    """Load a scenario from a file, or from plain values as a file would have them.

    `sets` are assignments such as `"psps.psp-a.outcome_delay.p98=3 s"`. Raises `ScenarioError`, which lists every
    problem with its place. What is loaded is not changed any more: `sets` for it are a `ValueError`, and what is none
    of these is a `TypeError`.

    >>> load("scenarios/baseline.yaml", ["run.replications=3"]).scenario.run.replications
    3
    """
    if isinstance(scenario, Loaded):
        if sets:
            raise ValueError("a loaded scenario is not changed: give sets, and the seed, when it is loaded")
        return scenario
    given = arguments.assignments(sets)
    if isinstance(scenario, Mapping):
        return from_dict(scenario, given)
    return load_file(arguments.path("scenario", scenario, ", a mapping of values, or what sim.load returns"), given)


def run(
    scenario: Scenario,
    *,
    replications: int | Literal["auto"] | None = None,
    precision: float | str = 0.05,
    maximum: int = 200,
    seed: int | None = None,
    sets: Sequence[str] = (),
    jobs: int | None = 1,
    out: str | Path | None = None,
    record: Collection[str] = (),
) -> Run:
    """Run a scenario and return its figures and records.

    `replications` may be `"auto"`: as many as it takes to decide every SLO and to know every headline metric within a
    relative `precision` (`0.05` or `"5%"`), and `maximum` at most. `jobs` is the number of processes (None: one per
    core; a script then needs `if __name__ == "__main__":`). `out` is the folder in which the run is kept; without it
    the records live as long as the result. `record` may name `calls` and `states`. Interrupted, it returns with the
    replications that were finished, if any.

    Raises `ScenarioError` for a scenario that cannot be used, `StoreError` for results that cannot be written,
    `RunError` for a broken invariant, which is a bug of the program, and, before anything is simulated, `ValueError` or
    `TypeError` for an argument that cannot be meant.
    """
    wanted, processes = arguments.replications(replications, precision, maximum), arguments.jobs(jobs)
    recorded = arguments.texts("record", record, "calls")
    folder = None if out is None else arguments.path("out", out)
    loaded = load(scenario, arguments.assignments(sets, seed))
    return experiment.run(loaded, replications=wanted, jobs=processes, out=folder, record=recorded)


def sweep(
    scenario: str | Path,
    vary: Mapping[str, Any] | None = None,
    *,
    design: Literal["grid", "lhs", "sobol"] = "grid",
    points: int | None = None,
    sets: Sequence[str] = (),
    replications: int | Literal["auto"] | None = None,
    precision: float | str = 0.05,
    maximum: int = 200,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
) -> Sweep:
    """Run a scenario at every point of a design and return the table of points.

    `vary` says which values a path takes: `"4,8,16"`, `"1..5"`, `"log:1 s..9 s:7"`, or a list such as `[4, 8, 16]`;
    with `lhs` and `sobol` a range, and `points` says how many. Without it, `scenario` is a sweep file. `replications`
    may be `"auto"`, as many as each point takes (see `run`). What is finished is kept in `out` and not computed again.
    `scheduler` is the address of a Dask scheduler, whose workers then do the work instead of `jobs`.

    Raises what `run` raises.
    """
    file, folder, processes = arguments.path("scenario", scenario), arguments.path("out", out), arguments.jobs(jobs)
    given = arguments.assignments(sets)
    if vary is None:
        asked = read_sweep(file)
        file, chosen = asked.scenario, asked.design
        replications = asked.replications if replications is None else replications
    else:
        kind = Kind(arguments.one_of("design", design, ("grid", "lhs", "sobol")))
        count = None if points is None else arguments.whole("points", points, most=MAX_POINTS)
        chosen = build(_entries(vary), kind, count, 1, Position("vary"))
    wanted = arguments.replications(replications, precision, maximum)
    return run_sweep(file, chosen, sets=given, replications=wanted, jobs=processes, scheduler=scheduler, out=folder)


def _entries(vary: Mapping[str, Any]) -> list[Entry]:
    """Return what is to be varied: texts as they are, and other values as YAML has them."""
    if not isinstance(vary, Mapping):
        raise TypeError('vary maps paths to values; write for example {"psps.psp-a.workers": [4, 8, 16]}')
    return [Entry(str(path), Position(f"vary {path}"), _written(values)) for path, values in vary.items()]


def _written(values: Any) -> str | list[str]:
    plain = values.tolist() if hasattr(values, "tolist") else values  # of numpy
    if isinstance(plain, str):
        return plain
    several = list(plain) if isinstance(plain, Iterable) and not isinstance(plain, Mapping) else [plain]
    several = [each.item() if hasattr(each, "item") else each for each in several]
    return [each if isinstance(each, str) else text_of(each) for each in several]


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

    Raises what `run` raises.
    """
    file, folder, processes = arguments.path("scenario", scenario), arguments.path("out", out), arguments.jobs(jobs)
    given, effort = arguments.assignments(sets), arguments.whole("most", most, 5)
    asked = None if slos is None else arguments.texts("slos", slos, "tgp >= 98%")
    if not isinstance(between, str):
        raise TypeError(f'between is {between!r}; write a range, for example "1..200"')
    span = within(between)
    xs = candidates(span, tolerance)
    with laboratory_of(folder, processes, scheduler) as laboratory:
        return find_capacity(
            Source(file), laboratory, path, span, xs, sets=given, slos=asked, load=load, margin=margin, most=effort
        )


def compare(
    *scenarios: Scenario,
    replications: int | Literal["auto"] | None = None,
    precision: float | str = 0.05,
    maximum: int = 200,
    jobs: int | None = 1,
    scheduler: str | None = None,
    out: str | Path = "results",
) -> Comparison:
    """Compare scenarios with the first one under the same random numbers, in pairs of replications.

    Give files, or what `load` returns: `compare(load(f), load(f, ["psps.psp-a.workers=8"]))`. `replications` may be
    `"auto"`, equally many of each, until they are enough for every scenario (see `run`).

    Raises what `run` raises.
    """
    wanted, processes = arguments.replications(replications, precision, maximum), arguments.jobs(jobs)
    folder = arguments.path("out", out)
    worlds = [load(each) for each in scenarios]
    named = {f"{number}: {_called(each, worlds[0])}": each for number, each in enumerate(worlds, 1)}
    with laboratory_of(folder, processes, scheduler) as laboratory:
        return compare_scenarios(named, laboratory, replications=wanted)


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

    Raises what `run` raises.
    """
    file, folder, processes = arguments.path("scenario", scenario), arguments.path("out", out), arguments.jobs(jobs)
    given, patterns = arguments.assignments(sets), arguments.texts("only", only, "citizen.*")
    known = arguments.one_of("method", method, ("morris", "sobol"))
    sized = None if size is None else arguments.whole("size", size, 2)
    count = arguments.whole("replications", replications, 2)
    with laboratory_of(folder, processes, scheduler) as laboratory:
        return find_sensitivity(
            Source(file), laboratory, sets=given, only=patterns, method=known, size=sized, replications=count
        )


def _called(world: Loaded, first: Loaded) -> str:
    """Return the name of a scenario, and what was set in it that was not in the first one of the same name."""
    name = world.scenario.name
    own = [each for each in world.sets if each not in first.sets] if name == first.scenario.name else []
    return ", ".join([name, *own])
