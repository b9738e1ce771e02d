"""The commands of `pagopa-sim` that run a scenario more than once: sweep, capacity, compare, sensitivity.

As in `commands.py`, each parses, calls one function, prints and exits.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sim.cli.commands import (
    AUTO,
    BAD_INPUT,
    CODES,
    File,
    Format,
    Jobs,
    Maximum,
    Out,
    Precision,
    Quiet,
    Sets,
    app,
    as_json,
    before_flight,
    count_of,
    goal_of,
    option,
    printed,
    refusing,
    remark,
)

if TYPE_CHECKING:
    from sim.experiment.design import Design
    from sim.experiment.sweep import Sweep


class Place(StrEnum):
    """Where replications are carried out."""

    LOCAL = "local"
    DASK = "dask"


Where = Annotated[
    Place | None, typer.Option("--executor", help="local: processes of this machine; dask: the cluster of --scheduler.")
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Scheduler of a Dask cluster, e.g. tcp://10.0.0.1:8786.")
]
Count = Annotated[
    str | None,
    typer.Option("--replications", metavar="N|auto", help="Replications of every point; auto: as many as each takes."),
]


@contextmanager
def experimenting() -> Iterator[None]:
    """Answer as other commands do, say what has no answer or lacks what it takes, and what to do if interrupted."""
    with refusing("interrupted; what was finished is kept: run the same command again to go on"):
        from sim.experiment.executors import ClusterError
        from sim.experiment.extras import MissingExtraError
        from sim.experiment.replications import StudyError

        try:
            yield
        except (ClusterError, MissingExtraError, StudyError) as error:
            remark(str(error))
            raise typer.Exit(BAD_INPUT) from None


KINDS = ("svg", "png", "pdf")
Drawing = Annotated[
    Path | None, typer.Option("--picture", metavar="FILE", help="Also draw it into a file: .svg, .png or .pdf.")
]


def kind_of(file: Path | None) -> str:
    """Return what kind of picture a file is to have, before anything is computed for it."""
    kind = "svg" if file is None else file.suffix.removeprefix(".").lower()
    if kind not in KINDS:
        raise typer.BadParameter(f"{file} is none of .{', .'.join(KINDS)}", param_hint="--picture")
    if file is not None and not file.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {file.parent}", param_hint="--picture")
    return kind


def cluster_of(executor: Place | None, scheduler: str | None, jobs: int | None) -> str | None:
    """Return the scheduler to ask, after checking that the options go together."""
    if executor is Place.DASK and scheduler is None:
        raise typer.BadParameter("dask needs --scheduler tcp://HOST:8786", param_hint="--executor")
    if executor is Place.LOCAL and scheduler is not None:
        raise typer.BadParameter("goes with --executor dask", param_hint="--scheduler")
    if scheduler is not None and jobs is not None:
        raise typer.BadParameter("means nothing on a cluster, whose workers are its own", param_hint="--jobs")
    return scheduler


@app.command()
def sweep(
    file: Annotated[Path, typer.Argument(help="A sweep file, or a scenario with --vary.", show_default=False)],
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH=VALUES", help="Values of a path: 4,8,16 or 1..5 or log:1 s..9 s:7. Repeatable."),
    ] = None,
    design: Annotated[str | None, typer.Option(help="grid, lhs or sobol; the last two need --points.")] = None,
    points: Annotated[int | None, typer.Option(help="With lhs and sobol: how many points.", min=1)] = None,
    design_seed: Annotated[int | None, typer.Option(help="With lhs and sobol: seed of the points.", min=0)] = None,
    replications: Count = None,
    precision: Precision = None,
    maximum: Maximum = None,
    sets: Sets = None,
    jobs: Jobs = None,
    executor: Where = None,
    scheduler: Scheduler = None,
    out: Out = Path("results"),
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the table.")] = Format.TABLE,
) -> None:
    """Run a scenario at many points, each with the same random numbers; started again, it goes on where it was."""
    from sim.report.terminal import Voice

    address = cluster_of(executor, scheduler, jobs)
    with experimenting():
        from sim.experiment.manifest import argv
        from sim.experiment.sweep import sweep as run_sweep
        from sim.report.points import flagging
        from sim.report.progress import watching_points

        gc.freeze()  # what is imported stays to the end of the command, and need not be looked through for every point
        scenario, chosen, said = _asked(file, vary, design, points, design_seed)
        count = said if replications is None else count_of(replications)
        with watching_points(Voice(stderr=True), quiet=quiet) as watch:
            done = run_sweep(
                scenario,
                chosen,
                sets=sets or [],
                replications=goal_of(count, precision, maximum),
                jobs=jobs,
                scheduler=address,
                out=out,
                watch=watch,
                flagged=flagging(remark),
                command=argv(),
            )
        _show(done, output)


def _asked(
    file: Path, vary: list[str] | None, design: str | None, points: int | None, seed: int | None
) -> "tuple[Path, Design, int | Literal['auto'] | None]":
    """Return scenario, points and replications, from options or from a sweep file."""
    from sim.experiment.design import Kind, read_vary
    from sim.experiment.sweepfile import read_sweep

    if vary:
        if design not in (None, "grid", "lhs", "sobol"):
            raise typer.BadParameter(f"{design!r} is not grid, lhs or sobol", param_hint="--design")
        if seed is not None and design in (None, "grid"):
            raise typer.BadParameter("means nothing for a grid: none of it is chance", param_hint="--design-seed")
        return file, read_vary(vary, Kind(design or "grid"), points, 1 if seed is None else seed), None
    options = {"--design": design, "--points": points, "--design-seed": seed}
    if given := [name for name, value in options.items() if value is not None]:
        raise typer.BadParameter("goes with --vary; a sweep file says it itself", param_hint=", ".join(given))
    asked = read_sweep(file)
    return asked.scenario, asked.design, asked.replications


def _show(done: "Sweep", output: Format) -> None:
    """Print a finished sweep, however many points it has."""
    from sim.report.points import MOST, Points, columns
    from sim.store import each_points, read_points

    about = done.manifest
    if output is Format.JSON:
        printed('{"manifest": ' + as_json(about) + ', "points": [')
        comma = ""
        for rows in each_points(done.folder):
            plain = rows.astype(object).where(rows.notna(), None).to_dict("records")
            printed(comma + as_json(plain)[1:-1].strip("\n"))
            comma = ","
        printed('], "results": ' + as_json(str(done.folder)) + "}")
    else:
        varied, slos = list(about["varied"]), about["slos"]
        first = read_points(done.folder, columns(varied, slos), MOST)
        counted = about["replications"] == AUTO
        printed(Points(first, varied, slos, about["points"], counted), f"\nresults: {done.folder}")


@app.command()
def capacity(
    file: File,
    vary: Annotated[str, typer.Option(metavar="PATH", help="What to vary, e.g. psps.psp-a.workers.")],
    between: Annotated[
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
    margin: Annotated[
        bool | None,
        typer.Option("--margin/--no-margin", help="Find how far arrivals may grow at the answer; so unless --load."),
    ] = None,
    most: Annotated[int, typer.Option("--max", help="Replications of one value at most.", min=5)] = 80,
    sets: Sets = None,
    jobs: Jobs = None,
    executor: Where = None,
    scheduler: Scheduler = None,
    out: Out = Path("results"),
    picture: Drawing = None,
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the answer.")] = Format.TABLE,
) -> None:
    """Find the smallest capacity (or the largest load) that meets the objectives, and how sure that is.

    Exit codes: 0 a value is known to be enough, 1 the objectives hold nowhere in the range, 2 bad input, 3 not enough
    evidence.
    """
    address, kind = cluster_of(executor, scheduler, jobs), kind_of(picture)
    with experimenting():
        from sim.experiment.capacity import capacity as find
        from sim.experiment.capacity import flagged
        from sim.experiment.laboratory import laboratory_of
        from sim.experiment.search import candidates, within
        from sim.report.answers import of_capacity, of_look
        from sim.scenario.load import ScenarioError, Source

        with option("--range"):
            span = within(between)
        with option("--tolerance"):
            xs = candidates(span, tolerance)
        source = Source(file)
        ample = xs[0] if load else xs[-1]  # what looks wrong even there does so in the whole range
        with suppress(ScenarioError):  # which the search itself raises, for either end of the range
            before_flight({file.stem: flagged(source, sets or [], vary, span.text(ample))})
        with laboratory_of(out, jobs, address) as laboratory:
            answer = find(
                source,
                laboratory,
                vary,
                span,
                xs,
                sets=sets or [],
                slos=slos,
                load=load,
                margin=not load if margin is None else margin,
                most=most,
                watch=None if quiet else lambda *look: remark(of_look(*look)),
            )
        printed(as_json(answer.to_json()) if output is Format.JSON else of_capacity(answer))
        if picture is not None:
            from sim.report import plots
            from sim.report.files import write

            name = source.load(sets or []).scenario.name
            write(plots.capacity(answer, scenario=name).content(kind), picture)
    raise typer.Exit(CODES[answer.verdict.value])
