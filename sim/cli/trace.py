"""The command `pagopa-sim trace`: what happened to one payment of a stored run, or in a window of it.

As in `commands.py` it parses, calls, prints and exits. It does not import what runs simulations: an answer should come
at once.
"""

from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sim.cli.commands import BAD_INPUT, app, option, printed, remark
from sim.report.stories import times

if TYPE_CHECKING:
    from sim.reader import PaymentId, Recorded
    from sim.report.stories.story import Story

_PICKED = (
    "Or one that is worth a look. The slowest is the one whose way to PAID took longest, so that it was paid; "
    "run --explain also counts payments that waited for what never came."
)
_MARGIN_S, _LONGEST_S = 1.0, 180.0
"""Around a payment in a Perfetto trace, and how much of a long life it shows unless told."""


class Picked(StrEnum):
    """What makes a payment worth a look."""

    SLOWEST = "slowest"
    EXPIRED = "expired"
    REVERSED = "reversed"
    DISCORDANT = "discordant"


class TraceFormat(StrEnum):
    """How a trace is printed."""

    TEXT = "text"
    MERMAID = "mermaid"
    PERFETTO = "perfetto"
    CSV = "csv"


@app.command()
def trace(
    run: Annotated[Path, typer.Argument(help="The folder of a run, results/SCENARIO/RUN.", show_default=False)],
    payment: Annotated[
        str | None, typer.Option(metavar="ID", help="A payment: cart.try.notice, or replication:cart.try.notice.")
    ] = None,
    pick: Annotated[Picked | None, typer.Option(help=_PICKED)] = None,
    output: Annotated[
        TraceFormat, typer.Option("--as", help="Text, Mermaid, a trace for Perfetto, or the Node's event log.")
    ] = TraceFormat.TEXT,
    window: Annotated[
        str | None,
        typer.Option(metavar="FROM..TO", help="With perfetto and csv: which part of the run, e.g. 10m..11m."),
    ] = None,
    replication: Annotated[int | None, typer.Option(help="Where an ID names none; the first unless given.")] = None,
) -> None:
    """Tell what happened to one payment: every call and change of status, with causes and rules.

    The run must have been recorded with --record calls,states. A trace for Perfetto shows all actors in a window, and
    the event log has, without --payment and --pick, all payments.
    """
    window_s = _window_s(window, output)
    if payment is not None and pick is not None:
        raise typer.BadParameter("name a payment or pick one, not both", param_hint="--pick")
    if payment is None and pick is None and (output in (TraceFormat.TEXT, TraceFormat.MERMAID)):
        raise typer.BadParameter(f"{output.value} tells of one payment: name it, or --pick one", param_hint="--payment")
    from sim.reader import Recorded
    from sim.store import StoreError

    try:
        recorded = Recorded(run)
        where = recorded.first() if replication is None else replication
        if where not in recorded.replications:
            raise typer.BadParameter(f"the run has no replication {where}", param_hint="--replication")
        chosen = _chosen(recorded, payment, pick, replication)
        _print(recorded, chosen, where if chosen is None else chosen.replication, output, window_s)
    except StoreError as error:
        remark(str(error))
        raise typer.Exit(BAD_INPUT) from None


def _window_s(window: str | None, output: TraceFormat) -> tuple[float, float] | None:
    if window is None:
        return None
    if output in (TraceFormat.TEXT, TraceFormat.MERMAID):
        raise typer.BadParameter("goes with --as perfetto and --as csv", param_hint="--window")
    with option("--window"):
        return times.window_s(window)


def _chosen(
    recorded: "Recorded", payment: str | None, picked: Picked | None, replication: int | None
) -> "PaymentId | None":
    from sim.reader import payment_id
    from sim.report.stories.picking import Pick, pick

    if picked is not None:
        return pick(recorded, Pick(picked.value), recorded.replications if replication is None else (replication,))
    if payment is None:
        return None
    with option("--payment"):
        return payment_id(payment, recorded.first() if replication is None else replication)


def _print(
    recorded: "Recorded",
    chosen: "PaymentId | None",
    replication: int,
    output: TraceFormat,
    window_s: tuple[float, float] | None,
) -> None:
    from sim.report.stories.story import story

    told = None if chosen is None else story(recorded, chosen)
    if output is TraceFormat.TEXT and told is not None:
        from sim.report.stories.text import of_story

        printed(of_story(told))
    elif output is TraceFormat.MERMAID and told is not None:
        from sim.report.stories.sequence import diagram

        printed(diagram(told).rstrip("\n"))
    elif output is TraceFormat.PERFETTO:
        from sim.report.stories.perfetto import as_text
        from sim.report.stories.perfetto import trace as window_of

        shown_s, said = _around(told) if window_s is None else (window_s, "")
        printed(as_text(window_of(recorded, replication, shown_s, at_end=said)))
    else:
        _log(recorded, replication, told, window_s)


def _around(told: "Story | None") -> tuple[tuple[float, float], str]:
    """Return the window in which a payment lives, or so much of it as a trace can hold and until when it goes on."""
    if told is None:
        raise typer.BadParameter("say which: --window, --payment or --pick", param_hint="--window")
    begin_s, end_s = told.begun_s - _MARGIN_S, told.ended_s + _MARGIN_S
    cut_s = begin_s + _LONGEST_S
    if end_s <= cut_s:
        return (begin_s, end_s), ""
    said = f"payment {told.id} goes on until {times.clock(told.ended_s)}"
    remark(f"shown is {times.clock(begin_s)} to {times.clock(cut_s)}; {said}: --window shows any part of it")
    return (begin_s, cut_s), said


def _log(recorded: "Recorded", replication: int, told: "Story | None", window_s: tuple[float, float] | None) -> None:
    from sim.report.stories.eventlog import events, lines
    from sim.report.terminal import Voice

    found = events(recorded, replication, None if told is None else told.id, window_s)
    first = list(islice(found, 1))
    voice = Voice()
    try:
        for text in lines(chain(first, found)):
            voice.file.write(text)  # the log of a run is too long to be laid out
    except BrokenPipeError:
        voice.on_broken_pipe()
    if not first:
        lived = (
            ""
            if told is None
            else f"; payment {told.id} lived from {times.clock(told.begun_s)} to {times.clock(told.ended_s)}"
        )
        remark(f"nothing is logged there{lived}")
