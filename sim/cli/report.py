"""The command of `pagopa-sim` that writes a report. As in `commands.py`, it parses, calls, prints and exits."""

from pathlib import Path
from typing import Annotated

import typer

from sim.cli.commands import app, printed, refusing


@app.command()
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="RUN_OR_SWEEP", help="The folder of a run or of a sweep.", show_default=False)
    ],
    file: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path("report.html"),
) -> None:
    """Write a run or a sweep as one HTML page that needs nothing else: to read, to print, to send to people.

    Exit codes: 0 written, 2 bad input or usage.
    """
    with refusing("interrupted; nothing was written"):
        from sim.experiment.stored import read
        from sim.report.files import write
        from sim.report.page import page

        written = write(page(read(folder)), file)
    printed(f"report: {written}")
