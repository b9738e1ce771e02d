"""The summary: every figure of a run with its interval, from the tallies of its replications."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.analysis import intervals
from sim.analysis.collapse import Collapse, collapses
from sim.analysis.indicators import OFFICIAL, Indicator
from sim.analysis.intervals import COUNTED, Estimate, finite
from sim.analysis.metrics import HEADLINE, METRICS, QUANTILES, Metric
from sim.analysis.slo import Judged, Slo, Verdict, judge, overall
from sim.analysis.tally import DELAY_GRID_S, Tally, each_of, group_names
from sim.analysis.theory import Neighbour
from sim.records import ANSWERS, LIMITS_MS

Array = npt.NDArray[Any]
By = Mapping[str, Mapping[str, Mapping[str, Estimate]]]


@dataclass(frozen=True)
class Summary:
    """All figures of a run.

    `metrics[name]`, and `by[dimension][group][name]`; percentiles are metrics named like `user_wait_p95`.
    `stations[name]`, `calls[primitive]`, `refusals[primitive]` and `money[place]` have named estimates.
    `open_tokens` has an estimate for each moment of `open_tokens_at_s`. `outcome_curve` has the share of accepted
    tokens whose outcome came within each delay of `DELAY_GRID_S`, by PSP and, under "", for all. `collapses` are the
    metrics in which replications fall in two groups, so that their means describe neither. `slo_confidence` is that of
    the intervals by which SLOs are judged, where replications were added until they were decided; otherwise None, and
    they have the confidence of all others. `neighbours[station]` is what theory says of the stations that it knows.
    """

    confidence: float
    replications: int
    metrics: Mapping[str, Estimate]
    by: By
    slos: tuple[Judged, ...]
    indicators: tuple[Indicator, ...]
    stations: Mapping[str, Mapping[str, Estimate]]
    calls: Mapping[str, Mapping[str, Estimate]]
    refusals: Mapping[str, Mapping[str, Estimate]]
    money: Mapping[str, Mapping[str, Estimate]]
    open_tokens_at_s: tuple[float, ...]
    open_tokens: tuple[Estimate, ...]
    outcome_curve: Mapping[str, Sequence[float]]
    warnings: tuple[str, ...]
    collapses: tuple[Collapse, ...] = ()
    slo_confidence: float | None = None
    neighbours: Mapping[str, Neighbour] = field(default_factory=dict)

    def chance_of_collapse(self, metric: str) -> Estimate | None:
        """Return the probability of a replication to collapse in a metric, if its replications fall in two groups."""
        return next((each.probability for each in self.collapses if each.metric == metric), None)

    @property
    def on_collapsed(self) -> tuple[Judged, ...]:
        """The SLOs on a mean that describes no replication: their metric is one of those that collapse."""
        return tuple(each for each in self.slos if self.chance_of_collapse(each.slo.metric) is not None)

    @property
    def verdict(self) -> Verdict:
        """The verdict on all SLOs together."""
        return overall(list(self.slos))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, in the structure that `sim.analysis.document` lists."""
        curves = {psp: [finite(v) for v in curve] for psp, curve in self.outcome_curve.items()}
        return {
            "metrics": _plain(self.metrics),
            "by": _plain(self.by),
            "slos": [
                {
                    "slo": j.slo.text,
                    "metric": j.slo.metric,
                    "operator": j.slo.operator,
                    "limit": j.slo.limit,
                    "verdict": j.verdict.value,
                    **j.estimate.to_json(),
                    "collapse": (chance := self.chance_of_collapse(j.slo.metric)) and chance.to_json(),
                }
                for j in self.slos
            ],
            "slo_confidence": self.slo_confidence or self.confidence,
            "verdict": self.verdict.value,
            "indicators": [
                {
                    "indicator": i.name,
                    "title": i.title,
                    "subject": i.subject,
                    "threshold": i.threshold,
                    "verdict": i.verdict.value,
                    **i.estimate.to_json(),
                }
                for i in self.indicators
            ],
            "stations": _plain(self.stations),
            "neighbours": {name: each.to_json() for name, each in self.neighbours.items()},
            "calls": _plain(self.calls),
            "refusals": _plain(self.refusals),
            "money": _plain(self.money),
            "open_tokens": {
                "at_s": list(self.open_tokens_at_s),
                "mean": [finite(e.mean) for e in self.open_tokens],
                "low": [finite(e.low) for e in self.open_tokens],
                "high": [finite(e.high) for e in self.open_tokens],
            },
            "outcome_curve": {
                "within_s": [float(s) for s in DELAY_GRID_S],
                "share": curves.pop("", []),
                "by_psp": curves,
            },
            "confidence": self.confidence,
            "replications": self.replications,
            "warnings": list(self.warnings),
            "collapses": [each.to_json() for each in self.collapses],
        }


def summarise(tallies: Sequence[Tally], slos: Sequence[Slo], confidence: float = 0.95) -> Summary:
    """Summarise replications; raises `ValueError` when there is none."""
    if not tallies:
        raise ValueError("no replication to summarise")
    tallies = sorted(tallies, key=lambda t: t.replication)
    return Summary(
        confidence,
        len(tallies),
        {
            name: estimate
            for metric in METRICS.values()
            for name, estimate in _with_quantiles(tallies, metric, "", 0, "", confidence)
        },
        _by(tallies, confidence),
        tuple(judge(slo, estimate_of(tallies, slo, confidence)) for slo in slos),
        tuple(_indicators(tallies, confidence)),
        _stations(tallies, confidence),
        _calls(tallies, confidence),
        _refusals(tallies, confidence),
        _money(tallies, confidence),
        tuple(tallies[0].open_tokens_at_s.tolist()),
        tuple(intervals.mean(list(at), confidence) for at in zip(*(t.open_tokens for t in tallies), strict=True)),
        _curve(tallies),
        tuple(_warnings(tallies)),
        collapses(tallies, confidence),
    )


def estimate_of(tallies: Sequence[Tally], slo: Slo, confidence: float) -> Estimate:
    """Estimate what an SLO is about."""
    quantile = slo.quantile
    if quantile is not None:
        return intervals.mean([t.quantiles[quantile] for t in tallies], confidence)
    metric = METRICS[slo.metric]
    names = group_names(tallies[0].names, metric, slo.dimension) if slo.dimension else ("",)
    return _estimate(tallies, metric, slo.dimension, names.index(slo.group), confidence)


def headline_of(tallies: Sequence[Tally], confidence: float) -> dict[str, Estimate]:
    """Estimate the metrics shown first, as a summary does, without the rest of it."""
    return {name: _estimate(tallies, METRICS[name], "", 0, confidence) for name in HEADLINE}


def _estimate(tallies: Sequence[Tally], metric: Metric, dimension: str, group: int, confidence: float) -> Estimate:
    sums = np.array([t.sums[metric.name][dimension][group] for t in tallies])
    tops, bases = sums[:, 0], sums[:, 1]
    if metric.kind == "share":
        return intervals.share(tops, bases, confidence)
    if metric.kind == "mean":
        return intervals.ratio(tops, bases, confidence)
    return intervals.total(tops, each_of(tallies, metric), confidence)


def _with_quantiles(
    tallies: Sequence[Tally], metric: Metric, dimension: str, group: int, name: str, confidence: float
) -> Iterator[tuple[str, Estimate]]:
    """Give the estimate of a metric in one group and those of its usual percentiles."""
    yield metric.name, _estimate(tallies, metric, dimension, group, confidence)
    for percentile in QUANTILES if metric.sample and dimension != "cause" else ():
        values = [t.quantiles[metric.name, percentile, dimension, name] for t in tallies]
        yield f"{metric.name}_p{percentile:g}", intervals.mean(values, confidence)


def _by(tallies: Sequence[Tally], confidence: float) -> By:
    found: dict[str, dict[str, dict[str, Estimate]]] = {d: {} for d in ("psp", "ec_group", "cart_size", "cause")}
    for metric in METRICS.values():
        for dimension in metric.dimensions:
            for group, name in enumerate(group_names(tallies[0].names, metric, dimension)):
                sums = sum(t.sums[metric.name][dimension][group] for t in tallies)
                if (sums[0] if dimension == "cause" else sums[1]) > 0:
                    estimates = _with_quantiles(tallies, metric, dimension, group, name, confidence)
                    found[dimension].setdefault(name, {}).update(estimates)
    return found


def _indicators(tallies: Sequence[Tally], confidence: float) -> Iterator[Indicator]:
    for official in OFFICIAL:
        for group, subject in enumerate(tallies[0].names[official.dimension]):
            estimate = _estimate(tallies, METRICS[official.metric], official.dimension, group, confidence)
            if estimate.n:
                yield official.of(subject, estimate)


_STATION_RATIOS = {
    "utilisation": ("busy_s", "capacity_s"),
    "calls_per_s": ("arrivals", "window_s"),
    "busy": ("busy_s", "window_s"),
    "queue_mean": ("waiting_s", "window_s"),
    "wait_mean_s": ("waiting_s", "arrivals"),
}


def _stations(tallies: Sequence[Tally], confidence: float) -> dict[str, dict[str, Estimate]]:
    return {
        name: _station([t.stations.get(name, _idle(t)) for t in tallies], confidence)
        for name in dict.fromkeys(name for t in tallies for name in t.stations)
    }


def _idle(tally: Tally) -> dict[str, float]:
    """Return the numbers of a station that nobody called, which has no rows."""
    idle = dict.fromkeys(("arrivals", "refused", "busy_s", "capacity_s", "waiting_s", "queue_p95", "queue_max"), 0.0)
    return {**idle, "window_s": tally.window_s[1] - tally.window_s[0]}


def _station(rows: Sequence[Mapping[str, float]], confidence: float) -> dict[str, Estimate]:
    def values(name: str) -> list[float]:
        return [row[name] for row in rows]

    # A call that waited in vain may have arrived before the window and be refused in it.
    asked = [max(row["arrivals"], row["refused"]) for row in rows]
    return {
        **{
            name: intervals.ratio(values(top), values(base), confidence)
            for name, (top, base) in _STATION_RATIOS.items()
        },
        "queue_p95": intervals.mean(values("queue_p95"), confidence),
        "queue_max": intervals.mean(values("queue_max"), confidence),
        "refused_share": intervals.share(values("refused"), asked, confidence),
    }


def _calls(tallies: Sequence[Tally], confidence: float) -> dict[str, dict[str, Estimate]]:
    found = {}
    for name in dict.fromkeys(n for t in tallies for n in t.calls):
        rows = [t.calls.get(name, {}) for t in tallies]
        calls = [row.get("calls", 0.0) for row in rows]
        windows = [t.window_s[1] - t.window_s[0] for t in tallies]
        answered = [row.get("answered", 0.0) for row in rows]
        found[name] = {
            "per_s": intervals.ratio(calls, windows, confidence),
            **{
                f"over_{ms}_ms": intervals.share([r.get(f"over_{ms}_ms", 0.0) for r in rows], answered, confidence)
                for ms in LIMITS_MS
            },
            **{
                answer: intervals.share([r.get(answer, 0.0) for r in rows], calls, confidence)
                for answer in ANSWERS
                if answer != "none"
            },
        }
    return found


def _refusals(tallies: Sequence[Tally], confidence: float) -> dict[str, dict[str, Estimate]]:
    found: dict[str, dict[str, Estimate]] = {}
    for primitive, fault in dict.fromkeys((p, f) for t in tallies for p, faults in t.refusals.items() for f in faults):
        counts = [t.refusals.get(primitive, {}).get(fault, 0) for t in tallies]
        found.setdefault(primitive, {})[fault] = intervals.total(counts, COUNTED, confidence)
    return found


def _money(tallies: Sequence[Tally], confidence: float) -> dict[str, dict[str, Estimate]]:
    each = each_of(tallies, METRICS["authorised_eur"])
    return {
        place: {
            "count": intervals.total([t.money[place][0] for t in tallies], COUNTED, confidence),
            "eur": intervals.total([t.money[place][1] / 100 for t in tallies], each, confidence),
        }
        for place in tallies[0].money
    }


def _curve(tallies: Sequence[Tally]) -> dict[str, list[float]]:
    counts = np.sum([t.outcome_curve for t in tallies], axis=0).astype(float)
    rows = {"": counts.sum(axis=0), **dict(zip(tallies[0].names["psp"], counts, strict=True))}
    return {psp: (row[:-1] / row[-1]).tolist() for psp, row in rows.items() if row[-1]}


def _warnings(tallies: Sequence[Tally]) -> list[str]:
    found = []
    opens, closes = tallies[0].window_s
    late = [t for t in tallies if t.warm_up_cut_s > closes / 2]
    cut = [t.warm_up_cut_s for t in tallies if t.warm_up_cut_s > opens]
    if len(late) > len(tallies) / 2:
        found.append(
            f"{len(late)} of {len(tallies)} replications never settle (MSER-5 would cut in the second half): "
            "load or incidents change during the run, or a queue grows"
        )
    elif len(cut) > len(tallies) / 2:
        found.append(f"the warm-up of {opens:g} s looks short: MSER-5 would cut at up to {max(cut):.0f} s")
    if len(tallies) < 2:
        found.append("one replication gives no interval: run at least 2")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.to_json()
    return {key: _plain(each) for key, each in value.items()}
