"""Progress of a run: a bar on a terminal, plain lines when piped."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sim.experiment.run import Progress as Far
from sim.experiment.run import Watch


@contextmanager
def watching(console: Console, *, quiet: bool) -> Iterator[Watch | None]:
    """Give something that shows how far a run is, as long as the context lasts."""
    if quiet:
        yield None
    elif console.is_terminal:
        with _bar(console) as watch:
            yield watch
    else:
        yield _lines(console)


@contextmanager
def _bar(console: Console) -> Iterator[Watch]:
    columns = (
        TextColumn("{task.fields[done]}/{task.fields[of]} replications"),
        BarColumn(bar_width=None),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[simulated]}  {task.fields[payments]}"),
        TimeRemainingColumn(compact=True),
    )
    started = time.perf_counter()
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=None, done=0, of="-", simulated="", payments="")

        def watch(far: Far) -> None:
            rate = far.payments / max(time.perf_counter() - started, 1e-3)
            bar.update(
                task,
                total=far.total_s,
                completed=far.simulated_s,
                done=far.replications,
                of=far.of,
                simulated=f"{far.simulated_s / 3600:.2f} h simulated",
                payments=f"{far.payments:,} payments, {rate:,.0f}/s",
            )

        yield watch


def _lines(console: Console) -> Watch:
    started = time.perf_counter()
    said = [0]

    def watch(far: Far) -> None:
        if far.replications > said[0]:
            said[0] = far.replications
            spent = time.perf_counter() - started
            left = spent / max(far.simulated_s, 1e-9) * (far.total_s - far.simulated_s)
            console.print(
                f"replication {far.replications}/{far.of} done, {far.simulated_s / 3600:.2f} h simulated, "
                f"{far.payments:,} payments, {far.payments / max(spent, 1e-3):,.0f}/s, {left:.0f} s left"
            )

    return watch
