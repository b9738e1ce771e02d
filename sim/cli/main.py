"""The command `pagopa-sim`. Each command parses, calls one function, prints and exits; no logic lives here."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


class ReplayFormat(StrEnum):
    """How a replay is printed."""

    TABLE = "table"
    JSON = "json"


@app.callback()
def root() -> None:
    """Simulate payments at the creditor's front end on the pagoPA platform."""


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
        raise typer.Exit(2) from None
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
