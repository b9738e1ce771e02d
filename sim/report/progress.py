"""Progress of a run: a bar on a terminal, plain lines when piped."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from sim.experiment.run import Progress as Far
from sim.experiment.run import Watch
from sim.experiment.sweep import SweepProgress

LONG_ENOUGH_S, LITTLE = 1.0, 0.05
LINES_EVERY_S = 5.0
"""Plain lines come at most this often, but one for the last replication."""


@contextmanager
def watching(console: Console, *, quiet: bool) -> Iterator[Watch | None]:
    """Give something that shows how far a run is, as long as the context lasts."""
    if quiet:
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        with _bar(console) as watch:
            yield watch
    else:
        yield _lines(console)


@contextmanager
def watching_points(console: Console, *, quiet: bool) -> Iterator[Callable[[SweepProgress], None] | None]:
    """Give something that shows how far a sweep is, as long as the context lasts.

    The bar, and with it the time that is left, is of replications; of points where nobody knows how many replications
    these will take.
    """
    with _telling(console, quiet=quiet) as tell:

        def watch(far: SweepProgress) -> None:
            done, of = (far.points, far.of) if far.growing else (far.replications, far.replications_of)
            if tell is not None:
                tell(done, of, _of_points(far))

        yield None if tell is None else watch


@contextmanager
def counting(console: Console, *, quiet: bool, growing: bool = False) -> Iterator[Callable[[int, int], None] | None]:
    """Give something that shows how many replications are finished, as long as the context lasts.

    Where their number is `growing`, the bar has no end and says nothing of the time that is left.
    """
    with _telling(console, quiet=quiet) as tell:

        def watch(done: int, of: int) -> None:
            if tell is not None:
                tell(done, None if growing else of, _of_replications(done, of, growing=growing))

        yield None if tell is None else watch


Tell = Callable[[int, int | None, str], None]
"""Hears how much is done, of how much if that is known, and what to say of it."""


@contextmanager
def _telling(console: Console, *, quiet: bool) -> Iterator[Tell | None]:
    if quiet:
        yield None
    elif console.is_terminal and not console.is_dumb_terminal:
        columns = (BarColumn(bar_width=None), TextColumn("{task.description}"), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True, expand=True) as bar:
            task = bar.add_task("starting", total=None)
            yield lambda done, of, said: bar.update(task, total=of, completed=done, description=said)
    else:
        yield _told(console)


def _told(console: Console) -> Tell:
    told_s = time.perf_counter() - LINES_EVERY_S
    first: tuple[float, int] | None = None

    def tell(done: int, of: int | None, said: str) -> None:
        nonlocal told_s, first
        now_s = time.perf_counter()
        since_s, found = first = first or (now_s, done)
        if now_s - told_s >= LINES_EVERY_S or done == of:
            told_s = now_s
            known = of is not None and found < done < of
            left = f", {minutes((now_s - since_s) / (done - found) * (of - done))} left" if of and known else ""
            console.print(said + left)

    return tell


def _of_points(far: SweepProgress) -> str:
    found = f" ({far.found} found finished)" if far.found else ""
    done = _of_replications(far.replications, far.replications_of, growing=far.growing)
    return f"{far.points}/{far.of} points{found}, {done}"


def _of_replications(done: int, of: int, *, growing: bool) -> str:
    if not growing:
        return f"{done:,}/{of:,} replications"
    return f"{done:,} replications{f' and at least {of - done:,} more' if of > done else ''}"


class Pace:
    """Speed and time left, in a run that is long enough from the first report on: starting up is not simulating."""

    def __init__(self) -> None:
        self.started_s = time.perf_counter()
        self.first: tuple[float, Far] | None = None

    def heard(self, far: Far) -> None:
        """Note the first report."""
        if self.first is None:
            self.first = time.perf_counter(), far

    def said(self, far: Far) -> tuple[str, str, str]:
        """Return what is simulated, how many payments at what speed, and how long the rest will take."""
        self.heard(far)
        assert self.first is not None
        now_s = time.perf_counter()
        since_s, from_s, from_payments = self.first[0], self.first[1].simulated_s, self.first[1].payments
        starting = now_s - since_s < LONG_ENOUGH_S
        if starting:
            since_s, from_s, from_payments = self.started_s, 0.0, 0
        guessed = starting and far.simulated_s < LITTLE * far.total_s  # most of the time so far went into starting up
        spent_s, done_s = max(now_s - since_s, 1e-3), far.simulated_s - from_s
        return (
            f"{far.simulated_s / 3600:.2f} of {far.total_s / 3600:.2f} h simulated",
            f"{far.payments:,} payments, {(far.payments - from_payments) / spent_s:,.0f}/s",
            _left(spent_s / done_s * (far.total_s - far.simulated_s), far) if done_s > 0 and not guessed else "",
        )


def _left(seconds: float, far: Far) -> str:
    """Say how long the rest will take, as far as it is known: after the last one wanted, more may be."""
    if not far.growing:
        return f"{minutes(seconds)} left"
    return f"at least {minutes(seconds)} left" if far.replications < far.of else ""


def minutes(seconds: float) -> str:
    """Return a duration as minutes and seconds, with hours if there are any."""
    whole, rest = divmod(round(seconds), 60)
    hours, whole = divmod(whole, 60)
    return f"{hours}:{whole:02d}:{rest:02d}" if hours else f"{whole}:{rest:02d}"


@contextmanager
def _bar(console: Console) -> Iterator[Watch]:
    columns = (
        BarColumn(bar_width=None),
        TextColumn("{task.fields[done]}/{task.fields[of]}  {task.fields[simulated]}  {task.fields[payments]}"),
        TextColumn("{task.fields[left]}"),
    )
    pace = Pace()
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=None, done="-", of="-", simulated="starting", payments="", left="")

        def watch(far: Far) -> None:
            simulated, payments, left = pace.said(far)
            bar.update(
                task,
                total=far.total_s,
                completed=far.simulated_s,
                done=far.replications,
                of=far.of,
                simulated=simulated,
                payments=payments,
                left=left,
            )

        yield watch


def _lines(console: Console) -> Watch:
    pace = Pace()
    told_s = [time.perf_counter()]

    def watch(far: Far) -> None:
        pace.heard(far)
        now_s = time.perf_counter()
        if now_s - told_s[0] >= LINES_EVERY_S or far.replications == far.of:
            told_s[0] = now_s
            console.print(f"{far.replications}/{far.of} replications, " + ", ".join(filter(None, pace.said(far))))

    return watch
