"""The commands `compare` and `sensitivity` of `pagopa-sim`: what a change does, and what the answer rests on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.commands import (
    AUTO,
    File,
    Format,
    Jobs,
    Maximum,
    Out,
    Precision,
    Quiet,
    Replications,
    Seed,
    Sets,
    app,
    as_json,
    assignments_of,
    before_flight,
    count_of,
    goal_of,
    printed,
)
from sim.cli.experiments import Drawing, Scheduler, Where, cluster_of, experimenting, kind_of

if TYPE_CHECKING:
    from sim.scenario.load import Loaded


@app.command()
def compare(
    files: Annotated[list[Path], typer.Argument(help="Scenario files; each is compared with the first.")],
    change: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="PATH=VALUE", help="Compare one file with itself, changed so. Repeatable."),
    ] = None,
    payment: Annotated[
        str | None, typer.Option(metavar="CART.NOTICE", help="Find the first moment where this payment parts.")
    ] = None,
    replications: Replications = None,
    precision: Precision = None,
    maximum: Maximum = None,
    seed: Seed = None,
    sets: Sets = None,
    jobs: Jobs = None,
    executor: Where = None,
    scheduler: Scheduler = None,
    out: Out = Path("results"),
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the differences.")] = Format.TABLE,
) -> None:
    """Compare scenarios under the same random numbers: differences, their intervals, and what pairing gained."""
    count, address = count_of(replications), cluster_of(executor, scheduler, jobs)
    wanted = goal_of(count, precision, maximum)
    with experimenting():
        from sim.experiment.compare import compare as comparing
        from sim.experiment.laboratory import laboratory_of
        from sim.report.answers import of_comparison
        from sim.report.progress import counting
        from sim.report.terminal import Voice
        from sim.scenario.preflight import preflight

        loaded = _worlds(files, change or [], assignments_of(sets, seed))
        if payment is not None:
            _part(loaded, payment, output)
            return
        before_flight({name: preflight(world) for name, world in loaded.items()})
        counted = counting(Voice(stderr=True), quiet=quiet, growing=count == AUTO)
        with laboratory_of(out, jobs, address) as laboratory, counted as watch:
            found = comparing(loaded, laboratory, replications=wanted, watch=watch)
    if output is Format.JSON:
        printed(as_json(found.to_json()))
        return
    printed(of_comparison(found))
    if found.stopped is not None:
        enough = "enough for every objective and headline figure" if found.stopped.settled else "the maximum (--max)"
        printed(f"{found.stopped.replications} replications of each: {enough}")


def _worlds(files: "list[Path]", change: "list[str]", sets: "list[str]") -> "dict[str, Loaded]":
    """Load the worlds to compare, under names that differ."""
    from sim.scenario.load import Source

    sources = [Source(file) for file in files]
    if change:
        if len(files) > 1:
            raise typer.BadParameter("goes with one file", param_hint="--with")
        return {files[0].stem: sources[0].load(sets), " ".join(change): sources[0].load([*sets, *change])}
    if len(files) < 2:
        raise typer.BadParameter("name two files, or say --with PATH=VALUE", param_hint="FILES")
    names = [file.stem for file in files] if len({f.stem for f in files}) == len(files) else [str(f) for f in files]
    if len(set(names)) < len(names):
        raise typer.BadParameter("names a file twice", param_hint="FILES")
    return {name: source.load(sets) for name, source in zip(names, sources, strict=True)}


def _part(loaded: "dict[str, Loaded]", payment: str, output: Format) -> None:
    """Print where a payment of the first world parts from itself in each of the others."""
    from sim.experiment.parting import partings
    from sim.report.answers import of_parting

    left = next(iter(loaded))
    found = partings(loaded, payment)
    if output is Format.JSON:
        printed(as_json({right: each and each.to_json() for right, each in found.items()}))
    else:
        printed(*(of_parting(each, payment, left, right) for right, each in found.items()))


@app.command()
def sensitivity(
    file: File,
    only: Annotated[
        list[str] | None, typer.Option(metavar="PATTERN", help="Only numbers whose path matches, e.g. 'psps.*'.")
    ] = None,
    method: Annotated[
        str, typer.Option(help="morris: what each number does; sobol: shares of the variance.")
    ] = "morris",
    size: Annotated[int | None, typer.Option(help="Trajectories (morris, 10) or points (sobol, 64).", min=2)] = None,
    replications: Annotated[int, typer.Option(help="Replications of every point.", min=2)] = 3,
    sets: Sets = None,
    jobs: Jobs = None,
    executor: Where = None,
    scheduler: Scheduler = None,
    out: Out = Path("results"),
    picture: Drawing = None,
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the findings.")] = Format.TABLE,
) -> None:
    """Move every number that has a range, and rank what is assumed by how much of the answer rests on it."""
    if method not in ("morris", "sobol"):
        raise typer.BadParameter(f"{method!r} is neither morris nor sobol", param_hint="--method")
    address, kind = cluster_of(executor, scheduler, jobs), kind_of(picture)
    with experimenting():
        from sim.experiment.laboratory import laboratory_of
        from sim.experiment.sensitivity import sensitivity as study
        from sim.report.answers import of_sensitivity
        from sim.report.progress import counting
        from sim.report.terminal import Voice
        from sim.scenario.load import Source
        from sim.scenario.preflight import preflight

        source = Source(file)
        before_flight({file.stem: preflight(source.load(sets or []))})
        with laboratory_of(out, jobs, address) as laboratory, counting(Voice(stderr=True), quiet=quiet) as watch:
            found = study(
                source,
                laboratory,
                sets=sets or [],
                only=only or [],
                method="sobol" if method == "sobol" else "morris",
                size=size,
                replications=replications,
                watch=watch,
            )
        printed(as_json(found.to_json()) if output is Format.JSON else of_sensitivity(found))
        if picture is not None:
            from sim.report import plots
            from sim.report.files import write

            name = source.load(sets or []).scenario.name
            write(plots.sensitivity(found, scenario=name).content(kind), picture)
