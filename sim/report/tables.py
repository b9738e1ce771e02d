"""The tables that a run prints: what it says first, then why, then where."""

from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.analysis.intervals import Estimate
from sim.analysis.metrics import HEADLINE, METRICS
from sim.analysis.shown import shown, shown_estimate
from sim.analysis.slo import Verdict
from sim.analysis.summary import Summary

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNDECIDED: "yellow"}
_SIGNS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.UNDECIDED: "undecided"}
PLAIN_WIDTH = 110
SUBJECTS_SHOWN = 8


def console(*, stderr: bool = False) -> Console:
    """Return a console that stays readable when piped."""
    found = Console(stderr=stderr, highlight=False)
    return found if found.is_terminal else Console(stderr=stderr, highlight=False, width=PLAIN_WIDTH)


def of_summary(summary: Summary) -> RenderableType:
    """Return all tables of a run."""
    return Group(*_parts(summary))


def _parts(summary: Summary) -> Iterator[RenderableType]:
    interval = f"{summary.confidence:.0%} interval"
    if summary.slos:
        yield _verdicts(summary, interval)
    yield _headline(summary, interval)
    yield _causes(summary)
    yield _money(summary, interval)
    yield _indicators(summary, interval)
    yield _stations(summary)
    for warning in summary.warnings:
        yield Text(f"note: {warning}", style="yellow")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", header_style="dim")
    return table


def _verdict(verdict: Verdict) -> Text:
    return Text(_SIGNS[verdict], style=_COLOURS[verdict])


def _verdicts(summary: Summary, interval: str) -> Table:
    table = _table("Service level objectives", "objective", "estimate", interval, "verdict")
    for each in summary.slos:
        unit = METRICS[each.slo.metric].unit
        table.add_row(each.slo.text, *shown_estimate(each.estimate, unit), _verdict(each.verdict))
    return table


def _headline(summary: Summary, interval: str) -> Table:
    table = _table(f"\nHeadline, {summary.replications} replications", "", "estimate", interval)
    for name in HEADLINE:
        table.add_row(METRICS[name].title, *shown_estimate(summary.metrics[name], METRICS[name].unit))
        if name in ("outcome_delay", "user_wait"):
            tail = summary.metrics[f"{name}_p98"]
            table.add_row("  98th percentile", *shown_estimate(tail, METRICS[name].unit))
    return table


def _causes(summary: Summary) -> Table:
    table = _table("\nWhy, per replication", "cause", "tokens expired", "of tokens", "payments reversed", "euros")
    for cause, metrics in summary.by.get("cause", {}).items():
        if "token_expiry_count" in metrics or "reversal_count" in metrics:
            table.add_row(
                cause,
                _mean(metrics.get("token_expiry_count"), "count"),
                _mean(metrics.get("token_expiry_rate"), "share"),
                _mean(metrics.get("reversal_count"), "count"),
                _mean(metrics.get("reversal_eur"), "EUR"),
            )
    if not table.row_count:
        table.add_row("nothing expired, nothing was reversed", "", "", "", "")
    return table


def _mean(estimate: Estimate | None, unit: str) -> str:
    return "" if estimate is None else shown(estimate.mean, unit)


def _money(summary: Summary, interval: str) -> Table:
    table = _table("\nWhere the money is at the end, per replication", "place", "payments", "euros", interval)
    total = summary.metrics["authorised_eur"]
    rows = {"authorised": {"count": summary.metrics["authorised_count"], "eur": total}, **summary.money}
    both = summary.metrics["both_ways_count"]
    if both.mean > 0:
        rows["both receipted and reversed"] = {"count": both, "eur": summary.metrics["both_ways_eur"]}
    for place, found in rows.items():
        if found["count"].mean > 0:
            name = place.replace("_", " ")
            table.add_row(name, shown(found["count"].mean, "count"), *shown_estimate(found["eur"], "EUR"))
    return table


def _indicators(summary: Summary, interval: str) -> Table:
    table = _table("\nOfficial indicators", "indicator", "of", "threshold", "estimate", interval, "verdict")
    by_name: dict[str, int] = {}
    for each in sorted(summary.indicators, key=lambda i: i.verdict is Verdict.PASS):
        by_name[each.title] = by_name.get(each.title, 0) + 1
        if by_name[each.title] <= SUBJECTS_SHOWN:
            numbers = shown_estimate(each.estimate, "share")
            table.add_row(each.title, each.subject, each.threshold, *numbers, _verdict(each.verdict))
    for title, count in by_name.items():
        if count > SUBJECTS_SHOWN:
            table.add_row(title, f"and {count - SUBJECTS_SHOWN} more", "", "", "", "")
    return table


def _stations(summary: Summary) -> Table:
    table = _table(
        "\nStations", "station", "calls/s", "utilisation", "busy workers", "queue mean", "p95", "max", "refused"
    )
    for name, found in summary.stations.items():
        table.add_row(
            name,
            f"{found['calls_per_s'].mean:.3g}",
            shown(found["utilisation"].mean, "share"),
            f"{found['busy'].mean:.3g}",
            f"{found['queue_mean'].mean:.3g}",
            f"{found['queue_p95'].mean:.3g}",
            f"{found['queue_max'].mean:.3g}",
            shown(found["refused_share"].mean, "share"),
        )
    return table
