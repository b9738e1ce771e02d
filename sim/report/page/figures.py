"""The figures of a run's page, as tables: verdicts, headline, causes, money, indicators, breakdowns, load."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sim.analysis.indicators import OFFICIAL
from sim.analysis.intervals import Estimate
from sim.analysis.metrics import HEADLINE, METRICS
from sim.analysis.shown import percent, seen, shown
from sim.analysis.slo import Slo
from sim.analysis.summary import Summary
from sim.analysis.theory import Neighbour
from sim.records import ANSWERS
from sim.report.cells import NONE, Cell, Table, apart, estimated, mean, table
from sim.report.page import words
from sim.report.tables import collapsing

_GROUPS = {"psp": "PSP", "ec_group": "EC group", "cart_size": "notices in the cart"}
_BROKEN_DOWN = ("token_expiry_rate", "reversal_rate", "reversal_eur", "tnspo_strict", "user_wait", "paid_share")
_LOADS = ("busy", "queue_mean", "queue_p95", "queue_max")
_THEORY = (
    "In small print: the nearest queue with a closed form, at the measured rate, where there is one; nearly, if its "
    "formula is an approximation for these service times."
)
_ENDS = tuple(answer for answer in ANSWERS if answer != "none")


def tables_of(summary: Summary, *, looks: bool = False) -> dict[str, Table]:
    """Return the tables of a run by name; one without rows has nothing to say.

    `looks` says that replications were added until the objectives were decided.
    """
    return {
        "slos": _slos(summary, looks=looks),
        "headline": _headline(summary),
        "expiries": _expiries(summary),
        "reversals": _reversals(summary),
        "money": _money(summary),
        "refusals": _refusals(summary),
        **{f"official_{dimension}": _official(summary, dimension) for dimension in ("psp", "ec_group")},
        **{f"by_{dimension}": _by(summary, dimension) for dimension in _GROUPS},
        "stations": _stations(summary),
        "calls": _calls(summary),
    }


def tiles_of(summary: Summary) -> list[tuple[str, str, str]]:
    """Return the answers to the three questions that the simulator is for: what, how much, interval."""
    asked = {
        "token_expiry_rate": "of tokens expire",
        "reversal_eur": "given back, per replication",
        "tnspo_strict": "of outcomes within 2 s",
    }
    found = [(said, *_or_collapse(summary, name)) for name, said in asked.items()]
    return [(said, much.text, "" if within.text == NONE else within.text) for said, much, within in found]


def title_of_slo(slo: Slo) -> str:
    """Return in words what an objective is about."""
    percentile = "" if slo.percentile is None else f", {slo.percentile:g}th percentile"
    group = f", {_GROUPS.get(slo.dimension, slo.dimension)} {slo.group}" if slo.dimension else ""
    return f"{METRICS[slo.metric].title}{percentile}{group}"


def _slos(summary: Summary, *, looks: bool) -> Table:
    """Return the objectives; looks that are paid for make their intervals wider than those of the figures."""
    rows = [
        (
            Cell(title_of_slo(each.slo), _written(each.slo)),
            Cell(small=collapsing(summary, each.slo.metric), verdict=each.verdict),
            *_numbers(each.estimate, each.slo.metric),
        )
        for each in summary.slos
    ]
    sure = summary.slo_confidence
    said = f"{percent(sure)} interval" if sure is not None else "interval" if looks else _interval(summary)
    note = "The intervals are wider than those of the figures, since the objectives were looked at more than once."
    head = ("objective", "verdict", "estimate", said)
    return table("Service level objectives", head, rows, texts=2, note=note if looks else "")


def _written(slo: Slo) -> str:
    """Return an objective as written, and its limit as its estimate is shown, where that is in another unit."""
    limit = shown(slo.limit, METRICS[slo.metric].unit)
    same = "".join(slo.text.split()).endswith("".join(limit.split()))
    return slo.text if same or METRICS[slo.metric].unit != "s" else f"{slo.text} ({limit})"


def _headline(summary: Summary) -> Table:
    rows = []
    for name in HEADLINE:
        rows.append((METRICS[name].title, *_or_collapse(summary, name)))
        if (tail := summary.metrics.get(f"{name}_p98")) is not None:
            rows.append((f"{METRICS[name].title}, 98th percentile", *_numbers(tail, name)))
    count = "one replication" if summary.replications == 1 else f"{summary.replications} replications"
    return table(f"Estimates from {count}", ("figure", "estimate", _interval(summary)), rows)


def _expiries(summary: Summary) -> Table:
    rows = [
        (
            Cell(words.EXPIRY.get(cause, ""), cause),
            mean(found["token_expiry_count"], "count"),
            mean(found["token_expiry_eur"], "EUR"),
            *_numbers(found["token_expiry_rate"], "token_expiry_rate"),
        )
        for cause, found in _causes(summary, "token_expiry_count")
    ]
    head = ("cause", "tokens", "euros", "share of tokens issued", _interval(summary))
    return table("Tokens that expire, by cause, per replication", head, rows)


def _reversals(summary: Summary) -> Table:
    rows = [
        (
            Cell(words.REVERSAL.get(cause, ""), cause),
            mean(found["reversal_count"], "count"),
            *_numbers(found["reversal_eur"], "reversal_eur"),
        )
        for cause, found in _causes(summary, "reversal_count")
    ]
    head = ("cause", "payments", "euros", _interval(summary))
    return table("Payments reversed, by cause, per replication", head, rows)


def _causes(summary: Summary, name: str) -> Iterator[tuple[str, Mapping[str, Estimate]]]:
    """Yield the causes that have a metric, the greatest first, and their metrics."""
    having = [(cause, found) for cause, found in summary.by.get("cause", {}).items() if name in found]
    yield from sorted(having, key=lambda each: -each[1][name].mean)


def _money(summary: Summary) -> Table:
    places = {
        "authorised": (summary.metrics["authorised_count"], summary.metrics["authorised_eur"]),
        **{place: (money["count"], money["eur"]) for place, money in summary.money.items()},
        "both_ways": (summary.metrics["both_ways_count"], summary.metrics["both_ways_eur"]),
    }
    rows = [
        (Cell(words.PLACES.get(place, ""), place), mean(count, "count"), *_numbers(euros, "authorised_eur"))
        for place, (count, euros) in places.items()
        if count.mean > 0 or place == "authorised"
    ]
    head = ("place", "payments", "euros", _interval(summary))
    return table("Where the money is at the end, per replication", head, rows)


def _refusals(summary: Summary) -> Table:
    found = [(call, fault, count) for call, faults in summary.refusals.items() for fault, count in faults.items()]
    rows = [
        (Cell(call, code=True), Cell(fault, code=True), *_numbers(count, "reversal_count"))
        for call, fault, count in sorted(found, key=lambda each: -each[2].mean)
    ]
    head = ("call", "fault code", "replies", _interval(summary))
    return table("Replies of the Node that refuse, per replication", head, rows, texts=2)


def _official(summary: Summary, dimension: str) -> Table:
    """Return the official indicators of every PSP, or of every EC group: a row for each, a column per indicator."""
    officials = [official for official in OFFICIAL if official.dimension == dimension]
    known = {(each.title, each.subject): each for each in summary.indicators}
    subjects = dict.fromkeys(subject for title, subject in known if title in {o.title for o in officials})
    rows = [
        (Cell(subject), *(
            estimated(found.estimate, "share", found.verdict) if (found := known.get((o.title, subject))) else Cell("-")
            for o in officials
        ))
        for subject in subjects
    ]  # fmt: skip
    head = (Cell(_GROUPS[dimension]), *(Cell(official.title, official.threshold) for official in officials))
    return table(f"Official indicators by {_GROUPS[dimension]}", head, rows)


def _by(summary: Summary, dimension: str) -> Table:
    groups = summary.by.get(dimension, {})
    names = [name for name in _BROKEN_DOWN if dimension in METRICS[name].dimensions]
    rows = [
        (Cell(group), *(estimated(found[n], METRICS[n].unit) if n in found else Cell("-") for n in names))
        for group, found in groups.items()
    ]
    head = (_GROUPS[dimension], *(METRICS[name].title for name in names))
    return table(f"Figures by {_GROUPS[dimension]}", head, rows)


def _stations(summary: Summary) -> Table:
    """Return the load of stations; in small print, what theory says of the neighbour of those that have one."""
    rows = [_station(name, found, summary.neighbours.get(name)) for name, found in summary.stations.items()]
    head = (
        "station or pool", "calls per\u00a0s", "utilisation", "workers busy", "queue: mean", "p95", "longest",
        "wait: mean", "refused",
    )  # fmt: skip
    note = "Means over the measured window. The stations of an EC group are added up; one without limit has a dash."
    more = f" {_THEORY}" if summary.neighbours else ""
    return table("Load of stations and pools", head, rows, note=note + more)


def _station(name: str, found: Mapping[str, Estimate], theory: Neighbour | None) -> Sequence[Cell]:
    small = dict.fromkeys(("model", "utilisation", "busy", "queue_mean", "wait_mean_s", "refused_share"), "")
    if theory is not None:
        waiting = seen(theory.wait_probability)
        waits = f", {shown(waiting, 'share')} of calls wait" if waiting else ""
        small = {
            "model": f"{theory.model}{'' if theory.exact else ', nearly'}{waits}",
            "busy": f"{theory.busy:.3g}",
            "queue_mean": f"{seen(theory.queue_mean):.3g}",
            "wait_mean_s": shown(seen(theory.wait_mean_s), "s"),
            **{share: shown(getattr(theory, share), "share") for share in ("utilisation", "refused_share")},
        }
    return (
        Cell(name, small["model"], code=True),
        Cell(f"{found['calls_per_s'].mean:.3g}"),
        Cell(shown(found["utilisation"].mean, "share"), small["utilisation"]),
        *(Cell(f"{found[column].mean:.3g}", small.get(column, "")) for column in _LOADS),
        Cell("-" if found["wait_mean_s"].n == 0 else shown(found["wait_mean_s"].mean, "s"), small["wait_mean_s"]),
        Cell(shown(found["refused_share"].mean, "share"), small["refused_share"]),
    )


def _calls(summary: Summary) -> Table:
    rows = [
        (
            Cell(name, code=True),
            Cell(f"{found['per_s'].mean:.3g}"),
            *(mean(found[answer], "share") for answer in _ENDS),
            *(mean(found[f"over_{ms}_ms"], "share") for ms in (500, 1000, 2000)),
        )
        for name, found in summary.calls.items()
    ]
    head = ("call", "per\u00a0s", *_ENDS, "over 500\u00a0ms", "over 1\u00a0s", "over 2\u00a0s")
    note = "How calls ended for their caller, and the share of the answers that took longer."
    return table("Calls of the measured window", head, rows, note=note)


def _or_collapse(summary: Summary, metric: str) -> tuple[Cell, Cell]:
    """Return a metric and its interval or, where its mean would describe no replication, the chance of a collapse."""
    chance = summary.chance_of_collapse(metric)
    if chance is None:
        return _numbers(summary.metrics[metric], metric)
    share, within = apart(chance, "share")
    return replace(share, text=f"collapse: {share.text}"), within


def _numbers(estimate: Estimate, metric: str) -> tuple[Cell, Cell]:
    return apart(estimate, METRICS[metric].unit)


def _interval(summary: Summary) -> str:
    return f"{percent(summary.confidence)} interval"
