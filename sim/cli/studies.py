"""The command `sensitivity` of `pagopa-sim`: which numbers the answer rests on."""

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.commands import BAD_INPUT, File, Format, Jobs, Out, Quiet, Sets, app, as_json, printed, refusing, remark


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
    out: Out = Path("results"),
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the findings.")] = Format.TABLE,
) -> None:
    """Move every number that has a range, and rank what is assumed by how much of the answer rests on it."""
    if method not in ("morris", "sobol"):
        raise typer.BadParameter(f"{method!r} is neither morris nor sobol", param_hint="--method")
    with refusing("interrupted; the replications that were finished are kept: run the same command again to go on"):
        from sim.experiment.effects import MissingExtraError
        from sim.experiment.executors import crew
        from sim.experiment.replications import Laboratory
        from sim.experiment.sensitivity import sensitivity as study
        from sim.report.answers import of_sensitivity
        from sim.report.progress import counting
        from sim.report.terminal import Voice
        from sim.scenario.load import ScenarioError, Source
        from sim.shelf import shelf

        source = Source(file)
        try:
            with shelf(out) as kept, crew(jobs) as workers, counting(Voice(stderr=True), quiet=quiet) as watch:
                found = study(
                    source,
                    Laboratory(workers, kept),
                    sets=sets or [],
                    only=only or [],
                    method="sobol" if method == "sobol" else "morris",
                    size=size,
                    replications=replications,
                    watch=watch,
                )
        except ScenarioError:
            raise
        except (MissingExtraError, ValueError) as error:
            remark(str(error))
            raise typer.Exit(BAD_INPUT) from None
    printed(as_json(found.to_json()) if output is Format.JSON else of_sensitivity(found))
