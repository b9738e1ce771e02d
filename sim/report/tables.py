"""The tables that a run prints: what it says first, then why, then where.

They are read on terminals of 80 columns and more, and in files when piped.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from math import isnan

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.analysis.collapse import Collapse
from sim.analysis.indicators import OFFICIAL, Indicator
from sim.analysis.intervals import Estimate
from sim.analysis.metrics import HEADLINE, METRICS
from sim.analysis.shown import percent, seen, shown, shown_estimate
from sim.analysis.slo import Verdict
from sim.analysis.summary import Summary

_COLOURS = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNDECIDED: "yellow"}
_SIGNS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.UNDECIDED: "undecided"}
SUBJECTS_SHOWN = {Verdict.FAIL: 6, Verdict.UNDECIDED: 3}
"""Subjects of an official indicator that are shown one by one where they do not pass."""
_OPERATORS = {official.title: official.operator for official in OFFICIAL}


def table(title: str, *columns: str) -> Table:
    """Return an empty table as all are here: no lines, the first column to the left, numbers to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number == 0 else "right", header_style="dim", overflow="fold")
    return made


def of_summary(summary: Summary) -> RenderableType:
    """Return all tables of a run."""
    return Group(*_parts(summary))


def conclusion(summary: Summary) -> Text:
    """Return the verdict on all SLOs together, in a line."""
    if not summary.slos:
        return Text("no service level objectives in this scenario")
    counts = [(verdict, sum(each.verdict is verdict for each in summary.slos)) for verdict in _SIGNS]
    said = ", ".join(f"{count} {_SIGNS[verdict]}" for verdict, count in counts if count)
    objectives = "1 objective" if len(summary.slos) == 1 else f"{len(summary.slos)} objectives"
    humps = f", {len(summary.on_collapsed)} on a metric that collapses" if summary.on_collapsed else ""
    return Text.assemble("verdict: ", _sign(summary.verdict), f" ({objectives}: {said}{humps})")


def _parts(summary: Summary) -> Iterator[RenderableType]:
    interval = f"{percent(summary.confidence)} interval"
    if summary.slos:
        yield _verdicts(summary)
    yield _headline(summary, interval)
    yield _expiries(summary, interval)
    yield _reversals(summary, interval)
    yield _money(summary, interval)
    if summary.indicators:
        yield _indicators(summary.indicators, interval)
    if summary.stations:
        yield _stations(summary)
    for each in summary.collapses:
        yield Text(f"\ncollapse: {of_collapse(each, summary.replications)}", style="bold red")
    for warning in summary.warnings:
        yield Text(f"\nnote: {warning}", style="yellow")


def of_collapse(found: Collapse, replications: int) -> str:
    """Return in words what a collapse looks like, and how likely it is."""
    metric = METRICS[found.metric]
    chance, between = shown_estimate(found.probability, "share")
    return (
        f"in {len(found.replications)} of {replications} replications {metric.title} is "
        f"{shown(found.collapsed.mean, metric.unit)}, in the others {shown(found.healthy.mean, metric.unit)}: the mean "
        f"describes neither. The probability of a collapse is {chance} ({between})"
    )


def collapsing(summary: Summary, metric: str) -> str:
    """Return in how many replications a metric collapses, if it does, to be said beside what is said of its mean."""
    chance = summary.chance_of_collapse(metric)
    if chance is None:
        return ""
    share, between = shown_estimate(chance, "share")
    return f"collapses in {share} of replications ({between})"


def _sign(verdict: Verdict) -> Text:
    return Text(_SIGNS[verdict], style=_COLOURS[verdict])


def _verdicts(summary: Summary) -> Table:
    interval = f"{percent(summary.slo_confidence or summary.confidence)} interval"
    found = table("Service level objectives", "objective", "estimate", interval, "verdict")
    for each in summary.slos:
        unit = METRICS[each.slo.metric].unit
        found.add_row(each.slo.text, *shown_estimate(each.estimate, unit), _sign(each.verdict))
        if (chance := summary.chance_of_collapse(each.slo.metric)) is not None:
            sure = "" if summary.slo_confidence is None else f" ({percent(summary.confidence)})"
            found.add_row(f"  replications that collapse{sure}", *shown_estimate(chance, "share"), style="bold red")
    return found


def _headline(summary: Summary, interval: str) -> Table:
    found = table(f"\nHeadline, {_replications(summary)}", "", "estimate", interval)
    for name in HEADLINE:
        unit = METRICS[name].unit
        found.add_row(METRICS[name].title, *or_collapse(summary, name))
        tail = summary.metrics.get(f"{name}_p98")
        if tail is not None:
            found.add_row("  98th percentile", *shown_estimate(tail, unit))
    return found


def or_collapse(summary: Summary, name: str) -> tuple[str, str]:
    """Return a metric and its interval or, where its mean would describe no replication, the chance of a collapse."""
    chance = summary.chance_of_collapse(name)
    if chance is None:
        return shown_estimate(summary.metrics[name], METRICS[name].unit)
    share, interval = shown_estimate(chance, "share")
    return f"collapse: {share}", interval


def _replications(summary: Summary) -> str:
    return "1 replication" if summary.replications == 1 else f"{summary.replications} replications"


def _expiries(summary: Summary, interval: str) -> Table:
    found = table("\nTokens that expire, by cause, per replication", "cause", "tokens", "euros", "of issued", interval)
    for cause, metrics in _causes(summary, "token_expiry_count"):
        count = shown(metrics["token_expiry_count"].mean, "count")
        euros = shown(metrics["token_expiry_eur"].mean, "EUR")
        found.add_row(cause, count, euros, *shown_estimate(metrics["token_expiry_rate"], "share"))
    return _or_none(found)


def _reversals(summary: Summary, interval: str) -> Table:
    found = table("\nPayments reversed, by cause, per replication", "cause", "payments", "euros", interval)
    for cause, metrics in _causes(summary, "reversal_count"):
        count = shown(metrics["reversal_count"].mean, "count")
        found.add_row(cause, count, *shown_estimate(metrics["reversal_eur"], "EUR"))
    return _or_none(found)


def _or_none(found: Table) -> Table:
    """Say in a table without rows that there is nothing to say."""
    if not found.row_count:
        found.add_row("none")
    return found


def _causes(summary: Summary, name: str) -> Iterator[tuple[str, Mapping[str, Estimate]]]:
    """Yield the causes that have a metric, and their metrics."""
    return ((cause, metrics) for cause, metrics in summary.by.get("cause", {}).items() if name in metrics)


def _money(summary: Summary, interval: str) -> Table:
    found = table("\nWhere the money is at the end, per replication", "place", "payments", "euros", interval)
    authorised = {"count": summary.metrics["authorised_count"], "eur": summary.metrics["authorised_eur"]}
    rows = {"authorised": authorised, **summary.money}
    both = summary.metrics["both_ways_count"]
    if both.mean > 0:
        rows["both receipted and reversed"] = {"count": both, "eur": summary.metrics["both_ways_eur"]}
    for place, money in rows.items():
        if money["count"].mean > 0 or place == "authorised":
            numbers = shown_estimate(money["eur"], "EUR")
            found.add_row(place.replace("_", " "), shown(money["count"].mean, "count"), *numbers)
    return found


def _indicators(indicators: Sequence[Indicator], interval: str) -> Table:
    """Return, for each indicator, the subjects that do not pass, the worst first, and in one row those that do."""
    found = table("\nOfficial indicators", "", "estimate", interval, "verdict")
    for title, group in groupby(indicators, key=lambda each: each.title):
        subjects = sorted(group, key=_badness)
        found.add_row(Text(f"{title}: {subjects[0].threshold}", style="dim"))
        for verdict, most in SUBJECTS_SHOWN.items():
            having = [each for each in subjects if each.verdict is verdict]
            for each in having[:most]:
                found.add_row(f"  {each.subject}", *shown_estimate(each.estimate, "share"), _sign(verdict))
            if len(having) > most:
                found.add_row(f"  and {len(having) - most} more", "", "", _sign(verdict))
        passing = [each for each in subjects if each.verdict is Verdict.PASS]
        if passing:
            worst = passing[0]
            which = f"all {len(passing)}" if len(passing) == len(subjects) else f"{len(passing)} others"
            name = worst.subject if len(passing) == 1 else f"{which}, the worst {worst.subject}"
            found.add_row(f"  {name}", *shown_estimate(worst.estimate, "share"), _sign(worst.verdict))
    return found


def _badness(indicator: Indicator) -> float:
    """Return a number that is the lower the worse the estimate is."""
    return indicator.estimate.mean * (1 if _OPERATORS[indicator.title] == ">=" else -1)


def _stations(summary: Summary) -> Table:
    """Return the load of stations, and below each what theory says of its neighbour, if it has one.

    Where workers are unlimited there is nothing to compare: nobody waits, in theory as in the model.
    """
    near = {name: each for name, each in summary.neighbours.items() if not isnan(each.utilisation)}
    found = table(
        "\nStations and pools",
        "",
        "calls/s",
        "utilisation",
        "workers\nbusy",
        "queue\nmean",
        "\np95",
        "\nmax",
        "refused",
    )
    for name, numbers in summary.stations.items():
        found.add_row(
            name,
            f"{numbers['calls_per_s'].mean:.3g}",
            shown(numbers["utilisation"].mean, "share"),
            *(f"{numbers[column].mean:.3g}" for column in ("busy", "queue_mean", "queue_p95", "queue_max")),
            shown(numbers["refused_share"].mean, "share"),
        )
        if (theory := near.get(name)) is not None:
            load = shown(theory.utilisation, "share")
            means = (f"{theory.busy:.3g}", f"{seen(theory.queue_mean):.3g}")
            refused = shown(theory.refused_share, "share")
            model = f"  {theory.model}{'' if theory.exact else ', nearly'}"
            found.add_row(model, "", load, *means, "", "", refused, style="dim")
    if near:
        found.caption_justify, found.caption_style = "left", "dim"
        found.caption = "Below a station: its nearest queue with a closed form, at the measured rate."
    return found
