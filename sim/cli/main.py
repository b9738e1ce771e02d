"""The command `pagopa-sim`. Each command parses, calls one function, prints and exits; no logic lives here.

Exit codes: 0 done and every SLO passes; 1 an SLO fails; 2 bad input or usage; 3 undecided; 4 a fault of the program;
130 interrupted. Heavy imports wait until a command needs them.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

FAILED, BAD_INPUT, UNDECIDED, FAULT, INTERRUPTED = 1, 2, 3, 4, 130
_CODES = {"pass": 0, "fail": FAILED, "undecided": UNDECIDED}

File = Annotated[Path, typer.Argument(help="A scenario file (YAML).", show_default=False)]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a value, e.g. psps.psp-a.workers=8. Repeatable."),
]
Seed = Annotated[int | None, typer.Option(help="Seed, instead of the scenario's.", min=0)]
Jobs = Annotated[int | None, typer.Option(help="Processes to use; one per core unless given.", min=1)]
Out = Annotated[Path, typer.Option(help="Folder in which runs are kept.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress.")]


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    JSON = "json"


class ReplayFormat(StrEnum):
    """How a replay is printed."""

    TABLE = "table"
    JSON = "json"


@app.callback()
def root() -> None:
    """Simulate payments at the creditor's front end on the pagoPA platform."""


@contextmanager
def _refusing() -> Iterator[None]:
    """Answer bad input with what is wrong with it, and a fault of the program with what to report."""
    from sim.experiment.executors import WorkerError
    from sim.model.run import RunError
    from sim.scenario.load import ScenarioError
    from sim.store import StoreError

    try:
        yield
    except (ScenarioError, StoreError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT) from None
    except (RunError, WorkerError) as error:
        typer.echo(f"the simulator failed, and not your scenario: {error}", err=True)
        raise typer.Exit(FAULT) from None
    except KeyboardInterrupt:
        typer.echo("interrupted before a replication was finished; nothing was kept", err=True)
        raise typer.Exit(INTERRUPTED) from None


@app.command()
def run(
    file: File,
    replications: Annotated[int | None, typer.Option(help="Replications, instead of the scenario's.", min=1)] = None,
    seed: Seed = None,
    sets: Sets = None,
    jobs: Jobs = None,
    out: Out = Path("results"),
    record: Annotated[str, typer.Option(help="Also record calls, states, or both (calls,states).")] = "",
    quiet: Quiet = False,
    output: Annotated[Format, typer.Option("--format", help="How to print the results.")] = Format.TABLE,
) -> None:
    """Run a scenario: replications, headline figures with intervals, causes, indicators and verdicts."""
    from sim.experiment.run import argv
    from sim.experiment.run import run as run_scenario
    from sim.report.progress import watching
    from sim.report.tables import console, of_summary
    from sim.scenario.load import load
    from sim.scenario.preflight import preflight

    wanted = _record(record)
    with _refusing():
        loaded = load(file, [*(sets or []), *([] if seed is None else [f"run.seed={seed}"])])
        for finding in preflight(loaded):
            typer.echo(f"pre-flight: {finding}", err=True)
        with watching(console(stderr=True), quiet=quiet) as watch:
            done = run_scenario(
                loaded, replications=replications, jobs=jobs, out=out, record=wanted, watch=watch, command=argv()
            )
    if output is Format.JSON:
        typer.echo(json.dumps(done.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
    else:
        console().print(of_summary(done.summary))
        typer.echo(f"\nresults: {done.folder}")
    if done.interrupted:
        typer.echo(f"interrupted: {done.summary.replications} finished replications were kept", err=True)
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(_CODES[done.summary.verdict.value])


def _record(text: str) -> frozenset[str]:
    from sim.records import ON_REQUEST

    wanted = frozenset(name.strip() for name in text.split(",") if name.strip())
    if not wanted <= set(ON_REQUEST):
        raise typer.BadParameter(f"{text!r} is not among {', '.join(ON_REQUEST)}", param_hint="--record")
    return wanted


@app.command()
def validate(file: File, sets: Sets = None) -> None:
    """Check a scenario and its loads without simulating."""
    from sim.scenario.load import load
    from sim.scenario.preflight import preflight

    with _refusing():
        loaded = load(file, sets or [])
    findings = preflight(loaded)
    for finding in findings:
        typer.echo(str(finding))
    scenario = loaded.scenario
    typer.echo(f"{file}: {scenario.name} is valid, {len(findings)} remarks before flight")


@app.command()
def schema() -> None:
    """Print the JSON schema of scenario files, for editors."""
    from sim.scenario.jsonschema import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    typer.echo(installed("pagopa-sim"))


@app.command()
def replay(
    file: Annotated[Path, typer.Argument(help="One case or a list of cases, as JSON.")],
    output: Annotated[ReplayFormat, typer.Option("--as", help="How to print the replay.")] = ReplayFormat.TABLE,
) -> None:
    """Replay scripted payments and print every reply and every history."""
    from sim.model.replay import CaseError, load_cases
    from sim.model.replay import replay as replayed

    try:
        cases = load_cases(file)
        entries = list(replayed(cases))
    except CaseError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(BAD_INPUT) from None
    if output is ReplayFormat.JSON:
        typer.echo(json.dumps(entries, indent=1))
        return
    for case, entry in zip(cases, entries, strict=True):
        typer.echo(f"{case.id}  {case.source}".rstrip())
        for step, done in zip(case.steps, entry["steps"], strict=True):
            reply = done["reply"] or {}
            said = " ".join(str(v) for v in reply.values() if v is not None)
            typer.echo(f"  {step.at_s:8g} s  {step.do:14s} {said}")
        for token, payment in entry["steps"][-1]["after"]["payments"].items():
            typer.echo(f"  {token} of {payment['notice']}: {', '.join(payment['history'])}")


def main() -> None:
    """Run the command line."""
    app()
