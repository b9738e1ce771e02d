"""The live view of a run: a dashboard that fills the terminal while the run lasts, plain lines elsewhere.

It watches the first of the replications under way, and says how far all of them are. It shows what snapshots say and
reckons nothing but shares and rates.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sim.experiment.run import Progress, Watch
from sim.model.snapshot import IncidentSeen, Snapshot, StationSeen
from sim.records import EXPIRY_CAUSES
from sim.report.progress import LINES_EVERY_S, Pace, minutes
from sim.report.terminal import plain

REFRESH_EVERY_S = 0.5
KEPT_EVERY_S, KEPT = 60.0, 40
"""Simulated time between the snapshots of which history is made, and how many of them are kept."""
RATE_OVER_S = 300.0
"""Simulated time over which rates are taken."""
CELLS = ((110, 30), (72, 16), (0, 8))
"""How many cells a history has in a terminal of so many columns or more."""
SPARKS, PLAIN_SPARKS = "▁▂▃▄▅▆▇█", "_.:-=+*#"
ABOVE = 15
"""Lines of the dashboard besides stations and incidents."""


@contextmanager
def watching_live(console: Console, name: str) -> Iterator[Watch]:
    """Give something that shows how a run of a scenario looks, as long as the context lasts."""
    view = _View(name)
    if not console.is_terminal or console.is_dumb_terminal or not console.file.isatty():  # as under FORCE_COLOR
        yield _lines(console, view)
        return
    shown_s = 0.0
    with Live(Text(), console=console, screen=True, auto_refresh=False, redirect_stdout=False) as live:

        def watch(far: Progress) -> None:
            nonlocal shown_s
            view.hear(far)
            if time.perf_counter() - shown_s >= REFRESH_EVERY_S:
                shown_s = time.perf_counter()
                live.update(view.dashboard(console), refresh=True)

        yield watch


def _lines(console: Console, view: "_View") -> Watch:
    told_s = time.perf_counter()

    def watch(far: Progress) -> None:
        nonlocal told_s
        view.hear(far)
        now_s = time.perf_counter()
        if now_s - told_s >= LINES_EVERY_S or far.replications == far.of:
            told_s = now_s
            console.out(view.line())

    return watch


class _View:
    """What has been heard of a run, and how it is shown."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pace = Pace()
        self.far: Progress | None = None
        self.under_way: dict[int, Snapshot] = {}
        self.history: deque[Snapshot] = deque(maxlen=KEPT)
        """Of the replication that is watched; the last is how it looks now."""

    def hear(self, far: Progress) -> None:
        """Take note of a report."""
        self.far = far
        self.pace.heard(far)
        seen = far.snapshot
        if seen is None:
            return
        if seen.ended:
            self.under_way.pop(seen.replication, None)
        else:
            self.under_way[seen.replication] = seen
        first = self.under_way[min(self.under_way)] if self.under_way else seen
        last = self.history[-1] if self.history else None
        if first is last:
            return
        if last is None or last.replication != first.replication:
            self.history.clear()
        elif len(self.history) > 1 and last.now_s - self.history[-2].now_s < KEPT_EVERY_S:
            self.history.pop()
        self.history.append(first)

    # --- lines --------------------------------------------------------------------------------------------------

    def line(self) -> str:
        """Return one line, as long as it takes."""
        far = self.far
        assert far is not None
        said = [f"{far.replications}/{far.of} replications", *filter(None, self.pace.said(far))]
        if not self.history:
            return ", ".join(said)
        now = self.history[-1]
        queues = ", ".join(f"{each.name} {each.queue:.1f}" for each in now.stations if each.queue >= 0.05)
        figures = (
            f"tokens issued {now.issued:,}{_in_brackets(self._rate(lambda s: s.issued))}",
            f"paid {now.paid:,}{_in_brackets(self._rate(lambda s: s.paid))}",
            f"open {now.open_tokens:,}",
            f"closed carts waiting {now.closed_carts:,}",
            f"expired {now.expired:,}{_in_brackets(_share(now.expired, now.issued))}",
            f"refused by the PSP {_refused(now):,}",
            f"reversed {sum(now.reversed.values()):,} ({_eur(now)})",
            f"calls refused {sum(each.refused for each in now.stations):,}",
            f"queues {queues or 'none'}",
            *(_incident(each, now.now_s) for each in now.incidents if each.end_s > now.now_s),
        )
        where = f"replication {now.replication} at {minutes(now.now_s)} ({_phase(now)})"
        return f"{', '.join(said)}; {where}: {', '.join(figures)}"

    # --- dashboard ----------------------------------------------------------------------------------------------

    def dashboard(self, console: Console) -> RenderableType:
        """Return what fills a terminal."""
        far = self.far
        assert far is not None
        if not self.history:
            return Group(self._head(far), Text("starting", "dim"))
        ramp = PLAIN_SPARKS if console.options.ascii_only else SPARKS
        room = max(2, console.height - ABOVE)
        incidents = self.history[-1].incidents[: max(1, room // 3)]
        parts = (
            self._head(far),
            self._bars(far),
            Text(),
            self._tokens(ramp, console.width),
            Text(),
            self._stations(ramp, console.width, room - max(1, len(incidents)) - 1),
            Text(),
            self._incidents(incidents),
        )
        return Group(*parts)

    def _head(self, far: Progress) -> RenderableType:
        _, payments, left = self.pace.said(far)
        table = Table.grid(expand=True, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, justify="right")
        table.add_row(plain(self.name, "bold"), f"{payments}  {left}".strip())
        return table

    def _bars(self, far: Progress) -> RenderableType:
        now = self.history[-1]
        others = len(self.under_way.keys() - {now.replication})
        table = Table.grid(expand=True, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        table.add_column(no_wrap=True)
        done = f"{far.replications} of {far.of} done"
        of_window = f" of {minutes(now.arrivals_end_s)}" if now.now_s <= now.arrivals_end_s else ""
        table.add_row(
            "all replications",
            ProgressBar(far.total_s, far.simulated_s),
            done + (f", {others} more under way" if others else ""),
        )
        table.add_row(
            f"replication {now.replication}",
            ProgressBar(now.arrivals_end_s, min(now.now_s, now.arrivals_end_s)),
            f"{minutes(now.now_s)}{of_window}, {_phase(now)}",
        )
        return table

    def _tokens(self, ramp: str, width: int) -> RenderableType:
        now = self.history[-1]
        cells = _cells(width)
        span = minutes(now.now_s - list(self.history)[-cells - 1 :][0].now_s)
        table = Table.grid(expand=True, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right", min_width=9)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, width=cells)

        def row(title: str, count: int, said: str, figure: Callable[[Snapshot], float], *, grows: bool = True) -> None:
            table.add_row(title, f"{count:,}", said, self._spark(figure, cells, ramp, grows=grows))

        table.add_row(
            Text("Tokens", "bold"),
            "",
            Text("from the start of the run", "dim"),
            Text(f"last {span}".rjust(cells), "dim"),
        )
        row("issued", now.issued, self._rate(lambda s: s.issued), lambda s: s.issued)
        row("paid", now.paid, self._rate(lambda s: s.paid), lambda s: s.paid)
        closed = f"{now.closed_carts:,} closed carts waiting"
        row("open now", now.open_tokens, closed, lambda s: s.open_tokens, grows=False)
        row("expired", now.expired, _share(now.expired, now.issued), lambda s: s.expired)
        row("refused by the PSP", _refused(now), _share(_refused(now), now.authorised), _refused)
        back = sum(now.reversed.values())
        row("reversed", back, f"{_share(back, now.authorised)}  {_eur(now)}", lambda s: sum(s.reversed.values()))
        causes = (
            f"expired: {_causes(now.cancelled, EXPIRY_CAUSES)}",
            f"reversed: {_causes(now.reversed, now.reversed)}",
        )
        return Group(table, *(_one_line(said, "dim") for said in causes))

    def _stations(self, ramp: str, width: int, rows: int) -> RenderableType:
        """Show the stations with incidents, long queues and high loads of late, in the order of the scenario."""
        now = self.history[-1]
        hit = {each.target for each in now.incidents if each.end_s > now.now_s}
        cells = _cells(width)

        def pressure(at: int) -> tuple[bool, float]:
            seen = [each.stations[at] for each in self.history]
            return now.stations[at].name in hit, max(max(each.queue, _load(each)) for each in seen)

        pressed = sorted(range(len(now.stations)), key=pressure, reverse=True)
        chosen = sorted(pressed[: max(1, rows - 1)])
        table = Table.grid(expand=True, padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        for _ in range(5):
            table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, width=cells)
        title = Text("Stations", "bold")
        if len(chosen) < len(now.stations):
            title.append(f"  {len(chosen)} of {len(now.stations)}", "not bold dim")
        words = ("busy", "of", "load", "queue", "refused", "calls there".rjust(cells))
        table.add_row(title, *(Text(word, "dim") for word in words))
        for at in chosen:
            each = now.stations[at]
            table.add_row(
                each.name,
                f"{each.busy:,.1f}",
                "-" if each.workers is None else f"{each.workers:,.0f}",
                "-" if not each.workers else f"{_load(each):.0%}",
                Text(f"{each.queue:,.1f}", "yellow" if each.queue >= 1 else ""),
                Text(f"{each.refused:,}", "yellow" if each.refused else ""),
                self._spark(lambda s, at=at: _calls(s.stations[at]), cells, ramp, grows=False),  # type: ignore[misc]
            )
        return table

    def _incidents(self, incidents: Sequence[IncidentSeen]) -> RenderableType:
        now_s = self.history[-1].now_s
        lines = [_one_line(_incident(each, now_s), "red" if each.end_s > now_s else "") for each in incidents]
        return Group(Text("Incidents", "bold"), *(lines or [Text("none so far", "dim")]))

    # --- history ------------------------------------------------------------------------------------------------

    def _rate(self, count: Callable[[Snapshot], int]) -> str:
        """Return how fast a count has grown of late."""
        now = self.history[-1]
        past = [each for each in self.history if each.now_s < now.now_s]
        if not past:
            return ""
        since = next((each for each in past if each.now_s >= now.now_s - RATE_OVER_S), past[-1])
        return f"{(count(now) - count(since)) / (now.now_s - since.now_s):,.1f}/s now"

    def _spark(self, figure: Callable[[Snapshot], float], cells: int, ramp: str, *, grows: bool) -> str:
        """Draw what a figure was, or how fast it grew, a cell for each snapshot kept; the highest is full."""
        shown = list(self.history)[-cells - 1 :]
        if grows:
            steps = [(figure(b) - figure(a), b.now_s - a.now_s) for a, b in pairwise(shown)]
            values = [growth / span_s if span_s else 0.0 for growth, span_s in steps]
        else:
            values = [figure(each) for each in shown[-cells:]]
        top = max(values, default=0.0)
        if top <= 0:
            return (ramp[0] * len(values)).rjust(cells)
        return "".join(ramp[min(len(ramp) - 1, int(value / top * len(ramp)))] for value in values).rjust(cells)


def _cells(width: int) -> int:
    return next(cells for columns, cells in CELLS if width >= columns)


def _phase(now: Snapshot) -> str:
    if now.ended:
        return "ended"
    if now.now_s < now.warm_up_s:
        return "warm-up"
    return "measured window" if now.now_s < now.arrivals_end_s else "drain"


def _refused(now: Snapshot) -> int:
    return now.cancelled.get("psp_refused", 0) + now.cancelled.get("psp_unreachable", 0)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else ""


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _eur(now: Snapshot) -> str:
    return f"{sum(now.reversed_cents.values()) / 100:,.2f} EUR"


def _causes(counts: Mapping[str, int], wanted: Sequence[str] | Mapping[str, int]) -> str:
    found = sorted(((counts[cause], cause) for cause in wanted if counts.get(cause)), reverse=True)
    return ", ".join(f"{cause} {count:,}" for count, cause in found) or "none"


def _one_line(text: str, style: str) -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _calls(station: StationSeen) -> float:
    return station.busy + station.queue


def _load(station: StationSeen) -> float:
    return station.busy / station.workers if station.workers else 0.0


def _incident(each: IncidentSeen, now_s: float) -> str:
    what = f"{each.effect} of {each.target}" + (f" ({each.primitive})" if each.primitive else "")
    since = f"{what} since {minutes(each.start_s)}"
    if each.end_s > now_s:
        return f"{since}, {minutes(each.end_s - now_s)} to go"
    return f"{what} from {minutes(each.start_s)} to {minutes(each.end_s)}"
