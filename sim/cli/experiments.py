"""The commands of `pagopa-sim` that run a scenario more than once: sweep, capacity, compare, sensitivity.

As in `commands.py`, each parses, calls one function, prints and exits.
"""

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.commands import (
    AUTO,
    BAD_INPUT,
    CODES,
    File,
    Format,
    Jobs,
    Out,
    Quiet,
    Sets,
    app,
    as_json,
    count_of,
    printed,
    refusing,
    remark,
)

Scheduler = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Run on the Dask cluster of this scheduler, e.g. tcp://10.0.0.1:8786."),
]
Count = Annotated[str | None, typer.Option("--replications", metavar="N", help="Replications of every point.")]


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, or a scenario with --vary.", show_default=False)],
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUES", help="Values of a path: 4,8,16 or 1..5 or log:1 s..9 s:7. Repeatable."),
    ] = None,
    design: Annotated[str, typer.Option(help="grid, lhs or sobol; the last two need --points.")] = "grid",
    points: Annotated[int | None, typer.Option(help="With lhs and sobol: how many points.", min=1)] = None,
    design_seed: Annotated[int, typer.Option(help="With lhs and sobol: seed of the points.", min=0)] = 1,
    replications: Count = None,
    sets: Sets = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    out: Out = Path("results"),
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the table.")] = Format.TABLE,
) -> None:
    """Run a scenario at many points, each with the same random numbers; started again, it goes on where it was."""
    from sim.report.terminal import Voice

    given = count_of(replications)
    if given == AUTO:
        raise typer.BadParameter("a sweep needs a number", param_hint="--replications")
    with refusing("interrupted; what was finished is kept: run the same command again to go on"):
        from sim.experiment.design import Kind, read_vary
        from sim.experiment.manifest import argv
        from sim.experiment.sweep import sweep as run_sweep
        from sim.experiment.sweepfile import read_sweep
        from sim.report.points import of_points
        from sim.report.progress import watching_points

        if vary:
            if design not in ("grid", "lhs", "sobol"):
                raise typer.BadParameter(f"{design!r} is not grid, lhs or sobol", param_hint="--design")
            scenario, chosen = file, read_vary(vary, Kind(design), points, design_seed)
        else:
            asked = read_sweep(file)
            scenario, chosen = asked.scenario, asked.design
            if given is None and asked.replications == AUTO:
                raise typer.BadParameter("a sweep needs a number", param_hint="replications")
            given = given if given is not None else asked.replications
        with watching_points(Voice(stderr=True), quiet=quiet) as watch:
            done = run_sweep(
                scenario,
                chosen,
                sets=sets or [],
                replications=None if given is None else int(given),
                jobs=jobs,
                scheduler=scheduler,
                out=out,
                watch=watch,
                flagged=lambda point, found: remark(f"pre-flight: point {point.number}: {found[0]}"),
                command=argv(),
            )
        table = done.points
    if output is Format.JSON:
        printed(
            as_json(
                {
                    "manifest": done.manifest,
                    "points": table.astype(object).where(table.notna(), None).to_dict("records"),
                }
            )
        )
    else:
        printed(of_points(table, list(done.manifest["varied"])), f"\nresults: {done.folder}")


@app.command()
def capacity(
    file: File,
    vary: Annotated[str, typer.Option(metavar="PATH", help="What to vary, e.g. psps.psp-a.workers.")],
    within: Annotated[
        str, typer.Option("--range", metavar="LOW..HIGH", help="Between which values: 1..200, log:1 s..1 min.")
    ],
    slos: Annotated[
        list[str] | None, typer.Option("--slo", help="What must hold; the scenario's unless given.")
    ] = None,
    load: Annotated[
        bool, typer.Option("--load", help="More is worse: find the largest value that still holds.")
    ] = False,
    tolerance: Annotated[
        float | None, typer.Option(help="For fractions: how finely to search, in the range's unit.")
    ] = None,
    margin: Annotated[bool, typer.Option(help="Also find how far arrivals may grow at the answer.")] = True,
    most: Annotated[int, typer.Option("--max", help="Replications of one value at most.", min=5)] = 80,
    sets: Sets = None,
    jobs: Jobs = None,
    scheduler: Scheduler = None,
    out: Out = Path("results"),
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = Format.TABLE,
) -> None:
    """Find the smallest capacity (or the largest load) that meets the objectives, and how sure that is.

    Exit codes: 0 found, 1 the objectives hold nowhere in the range, 2 bad input, 3 not enough evidence.
    """
    with refusing("interrupted; the replications that were finished are kept: run the same command again to go on"):
        from sim.experiment.capacity import capacity as find
        from sim.experiment.executors import crew
        from sim.experiment.replications import Laboratory
        from sim.experiment.search import candidates
        from sim.experiment.span import parse
        from sim.report.answers import of_capacity, of_look
        from sim.scenario.load import Source
        from sim.shelf import shelf

        try:
            span, _ = parse(within)
            xs = candidates(span, tolerance)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--range") from None
        source = Source(file)
        with shelf(out) as kept, crew(jobs, scheduler) as workers:
            try:
                answer = find(
                    source,
                    Laboratory(workers, kept),
                    vary,
                    span,
                    xs,
                    sets=sets or [],
                    slos=slos,
                    load=load,
                    margin=margin,
                    most=most,
                    watch=None if quiet else lambda x, n, found: remark(of_look(vary, x, n, found)),
                )
            except ValueError as error:
                if error.__class__ is not ValueError:
                    raise
                remark(str(error))
                raise typer.Exit(BAD_INPUT) from None
    printed(as_json(answer.to_json()) if output is Format.JSON else of_capacity(answer))
    raise typer.Exit({"found": 0, "everywhere": 0, "nowhere": 1}.get(answer.found.outcome.value, CODES["undecided"]))
