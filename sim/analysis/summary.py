"""The summary: every figure of a run with its interval, from the tallies of its replications."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.analysis import intervals
from sim.analysis.intervals import Estimate
from sim.analysis.metrics import METRICS, Metric
from sim.analysis.slo import Judged, Slo, Verdict, judge, overall
from sim.analysis.tally import DELAY_GRID_S, Tally, group_names
from sim.records import LIMITS_MS

Array = npt.NDArray[Any]
By = Mapping[str, Mapping[str, Mapping[str, Estimate]]]


@dataclass(frozen=True, slots=True)
class Indicator:
    """An official indicator of one subject against its threshold; `verdict` as of an SLO."""

    name: str
    title: str
    subject: str
    estimate: Estimate
    threshold: str
    verdict: Verdict


@dataclass(frozen=True)
class Summary:
    """All figures of a run.

    `metrics[name]`, and `by[dimension][group][name]`; percentiles are metrics named like `user_wait_p95`.
    `stations[name]`, `calls[primitive]` and `money[place]` have named estimates.
    """

    confidence: float
    replications: int
    metrics: Mapping[str, Estimate]
    by: By
    slos: tuple[Judged, ...]
    indicators: tuple[Indicator, ...]
    stations: Mapping[str, Mapping[str, Estimate]]
    calls: Mapping[str, Mapping[str, Estimate]]
    money: Mapping[str, Mapping[str, Estimate]]
    outcome_curve: Mapping[str, Sequence[float]]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The verdict on all SLOs together."""
        return overall(list(self.slos))

    def to_json(self) -> dict[str, Any]:
        """Return plain values, in the structure that `docs/metrics.md` documents."""
        return {
            "metrics": _plain(self.metrics),
            "by": _plain(self.by),
            "slos": [
                {"slo": j.slo.text, "verdict": j.verdict.value, "limit": j.slo.limit, **j.estimate.to_json()}
                for j in self.slos
            ],
            "verdict": self.verdict.value,
            "indicators": [
                {
                    "indicator": i.name,
                    "subject": i.subject,
                    "threshold": i.threshold,
                    "verdict": i.verdict.value,
                    **i.estimate.to_json(),
                }
                for i in self.indicators
            ],
            "stations": _plain(self.stations),
            "calls": _plain(self.calls),
            "money": _plain(self.money),
            "outcome_curve": {
                "within_s": [float(s) for s in DELAY_GRID_S],
                "share": {psp: [float(v) if isfinite(v) else None for v in c] for psp, c in self.outcome_curve.items()},
            },
            "confidence": self.confidence,
            "replications": self.replications,
            "warnings": list(self.warnings),
        }


def summarise(tallies: Sequence[Tally], slos: Sequence[Slo], confidence: float = 0.95) -> Summary:
    """Summarise replications; raises `ValueError` when there is none."""
    if not tallies:
        raise ValueError("no replication to summarise")
    tallies = sorted(tallies, key=lambda t: t.replication)
    metrics = {name: _estimate(tallies, metric, "", 0, confidence) for name, metric in METRICS.items()}
    for name, percentile, dimension, group in tallies[0].quantiles:
        if not dimension:
            values = [t.quantiles[name, percentile, dimension, group] for t in tallies]
            metrics[f"{name}_p{percentile:g}"] = intervals.mean(values, confidence)
    return Summary(
        confidence,
        len(tallies),
        metrics,
        _by(tallies, confidence),
        tuple(judge(slo, estimate_of(tallies, slo, confidence)) for slo in slos),
        tuple(_indicators(tallies, confidence)),
        _stations(tallies, confidence),
        _calls(tallies, confidence),
        _money(tallies, confidence),
        _curve(tallies),
        tuple(_warnings(tallies)),
    )


def estimate_of(tallies: Sequence[Tally], slo: Slo, confidence: float) -> Estimate:
    """Estimate what an SLO is about."""
    quantile = slo.quantile
    if quantile is not None:
        return intervals.mean([t.quantiles[quantile] for t in tallies], confidence)
    metric = METRICS[slo.metric]
    names = group_names(tallies[0].names, metric, slo.dimension) if slo.dimension else ("",)
    return _estimate(tallies, metric, slo.dimension, names.index(slo.group), confidence)


def _estimate(tallies: Sequence[Tally], metric: Metric, dimension: str, group: int, confidence: float) -> Estimate:
    sums = np.array([t.sums[metric.name][dimension][group] for t in tallies])
    tops, bases = sums[:, 0], sums[:, 1]
    if metric.kind == "share":
        return intervals.share(tops, bases, confidence)
    if metric.kind == "mean":
        return intervals.ratio(tops, bases, confidence)
    events = sum(float(_events(t, metric)) for t in tallies)
    whole = sum(float(t.sums[metric.name][""][0, 1]) for t in tallies)
    return intervals.total(tops, whole / events if events else 1.0, confidence)


def _events(tally: Tally, metric: Metric) -> float:
    """Return how many rows the base of a total has, so that base / rows is what one event adds."""
    if metric.unit == "EUR":
        return float(tally.sums["authorised_count"][""][0, 1])
    return float(tally.sums[metric.name][""][0, 1])


def _by(tallies: Sequence[Tally], confidence: float) -> By:
    found: dict[str, dict[str, dict[str, Estimate]]] = {}
    for metric in METRICS.values():
        for dimension in metric.dimensions:
            for group, name in enumerate(group_names(tallies[0].names, metric, dimension)):
                sums = sum(t.sums[metric.name][dimension][group] for t in tallies)
                if (sums[0] if dimension == "cause" else sums[1]) > 0:
                    estimate = _estimate(tallies, metric, dimension, group, confidence)
                    found.setdefault(dimension, {}).setdefault(name, {})[metric.name] = estimate
    return found


_OFFICIAL = (
    ("tpnp", "psp", "TPNP", "98% within 2 s", ">=", 0.98),
    ("tnspo_official", "psp", "TNSPO", "98% within 2 s", ">=", 0.98),
    ("lspo", "psp", "LSPO", "at most 2%", "<=", 0.02),
    ("daspo", "psp", "DASPO", "at most 2%", "<=", 0.02),
    ("tgp", "ec_group", "TGP", "98% within 2 s", ">=", 0.98),
    ("tsrt", "ec_group", "TSRT", "98% within 2 s", ">=", 0.98),
)
"""Indicator, by what, official name, threshold (SANP, indicatori di qualita; PSP quality improvement)."""


def _indicators(tallies: Sequence[Tally], confidence: float) -> list[Indicator]:
    found = []
    for name, dimension, title, threshold, operator, limit in _OFFICIAL:
        for group, subject in enumerate(tallies[0].names[dimension]):
            estimate = _estimate(tallies, METRICS[name], dimension, group, confidence)
            if estimate.n:
                slo = Slo(title, name, None, dimension, subject, operator, limit)
                found.append(Indicator(name, title, subject, estimate, threshold, judge(slo, estimate).verdict))
    return found


_STATION_RATIOS = {
    "utilisation": ("busy_s", "capacity_s"),
    "calls_per_s": ("arrivals", "window_s"),
    "busy": ("busy_s", "window_s"),
    "queue_mean": ("waiting_s", "window_s"),
    "wait_mean_s": ("waiting_s", "arrivals"),
}


def _stations(tallies: Sequence[Tally], confidence: float) -> dict[str, dict[str, Estimate]]:
    return {
        name: _station([t.stations[name] for t in tallies], confidence)
        for name in tallies[0].stations
        if all(name in t.stations for t in tallies)
    }


def _station(rows: Sequence[Mapping[str, float]], confidence: float) -> dict[str, Estimate]:
    def values(name: str) -> list[float]:
        return [row[name] for row in rows]

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
                for answer in ("ok", "ko", "malformed", "timeout", "unreachable")
            },
        }
    return found


def _money(tallies: Sequence[Tally], confidence: float) -> dict[str, dict[str, Estimate]]:
    authorised = METRICS["authorised_eur"]
    count = sum(t.sums["authorised_count"][""][0, 1] for t in tallies)
    each = sum(t.sums[authorised.name][""][0, 1] for t in tallies) / count if count else 1.0
    return {
        place: {
            "count": intervals.total([t.money[place][0] for t in tallies], 1.0, confidence),
            "eur": intervals.total([t.money[place][1] / 100 for t in tallies], each, confidence),
        }
        for place in tallies[0].money
    }


def _curve(tallies: Sequence[Tally]) -> dict[str, list[float]]:
    counts = np.sum([t.outcome_curve for t in tallies], axis=0).astype(float)
    return {
        psp: (counts[code, :-1] / counts[code, -1]).tolist()
        for code, psp in enumerate(tallies[0].names["psp"])
        if counts[code, -1]
    }


def _warnings(tallies: Sequence[Tally]) -> list[str]:
    found = []
    opens, closes = tallies[0].window_s
    late = [t for t in tallies if t.warm_up_cut_s > closes / 2]
    short = [t for t in tallies if opens < t.warm_up_cut_s <= closes / 2]
    if late:
        found.append(
            f"{len(late)} of {len(tallies)} replications never settle (MSER-5 would cut in the second half): "
            "load or incidents change during the run, or a queue grows"
        )
    if len(short) > len(tallies) / 2:
        cut = max(t.warm_up_cut_s for t in short)
        found.append(f"the warm-up of {opens:g} s looks short: MSER-5 would cut at up to {cut:.0f} s")
    if len(tallies) < 2:
        found.append("one replication gives no interval: run at least 2")
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.to_json()
    return {key: _plain(each) for key, each in value.items()}
