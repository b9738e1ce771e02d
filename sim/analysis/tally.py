"""The tally: what one replication contributes to every figure, as small arrays that travel between processes.

Intervals come from many tallies (`sim.analysis.summary`); the records themselves are not needed for them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.analysis.cohort import Cohort
from sim.analysis.metrics import METRICS, QUANTILES, Metric, Side
from sim.analysis.warmup import mser_5
from sim.records import ANSWERS, LIMITS_MS, PAYMENTS, PLACES, Records

Array = npt.NDArray[Any]
Quantile = tuple[str, float, str, str]
"""Metric, percentile, dimension ("" for overall), group."""

DELAY_GRID_S = np.concatenate([np.arange(0, 5, 0.05), np.arange(5, 30, 0.5), np.geomspace(30, 7200, 40)])
"""Where the curve of outcome delays is kept."""


@dataclass(frozen=True)
class Tally:
    """One replication's sums.

    `sums[metric][dimension]` has shape (groups, 2): top and base. `quantiles` are in the metric's unit.
    `stations[name]` and `calls[primitive]` are named numbers over the measured window. `money[place]` is
    (payments, cents). `outcome_curve` counts accepted tokens per PSP whose outcome came within each point of
    `DELAY_GRID_S`. `warm_up_cut_s` is where MSER-5 would cut, of a run that ends arrivals at `window_s[1]`.
    """

    replication: int
    window_s: tuple[float, float]
    names: Mapping[str, tuple[str, ...]]
    sums: Mapping[str, Mapping[str, Array]]
    quantiles: Mapping[Quantile, float]
    stations: Mapping[str, Mapping[str, float]]
    calls: Mapping[str, Mapping[str, float]]
    money: Mapping[str, tuple[int, int]]
    outcome_curve: Array
    warm_up_cut_s: float
    events: int
    activations: int


def group_names(names: Mapping[str, tuple[str, ...]], metric: Metric, dimension: str) -> tuple[str, ...]:
    """Return the names of a metric's groups along a dimension."""
    if dimension == "cause":
        assert metric.cause is not None
        return _causes(metric)
    return tuple(str(n) for n in range(1, 6)) if dimension == "cart_size" else names[dimension]


def _causes(metric: Metric) -> tuple[str, ...]:
    column = next(c for c in PAYMENTS if c.name == metric.cause)
    assert isinstance(column.names, tuple)
    return column.names


def tally(records: Records, asked: Iterable[Quantile] = ()) -> Tally:
    """Add up one replication; `asked` names quantiles wanted beside the usual ones."""
    cohort = Cohort(records)
    wanted = dict.fromkeys((m.name, q, "", "") for m in METRICS.values() if m.sample for q in QUANTILES)
    wanted.update(dict.fromkeys(asked))
    carts = records.tables["carts"]
    return Tally(
        records.replication,
        records.window_s,
        records.names,
        {metric.name: _sums(cohort, metric) for metric in METRICS.values()},
        {quantile: _quantile(cohort, quantile) for quantile in wanted},
        _stations(records),
        _calls(records),
        _money(cohort),
        _outcome_curve(cohort),
        mser_5(carts["waited_s"], carts["arrived_s"]),
        records.events,
        len(records.tables["payments"]["cart"]),
    )


def _sums(cohort: Cohort, metric: Metric) -> dict[str, Array]:
    top, base = _values(cohort, metric.top), _values(cohort, metric.base)
    sums = {"": np.array([[top.sum(), base.sum()]])}
    for dimension in metric.dimensions:
        if dimension == "cause":
            assert metric.cause is not None
            codes, count = cohort.payments[metric.cause].astype(np.int64), len(_causes(metric))
            sums[dimension] = np.stack([_by(codes, top, count), np.full(count, base.sum())], axis=1)
        else:
            sides = [
                _by(codes, values, count)
                for side, values in ((metric.top, top), (metric.base, base))
                for codes, count in [cohort.codes(side.table, dimension)]
            ]
            sums[dimension] = np.stack(sides, axis=1)
    return sums


def _values(cohort: Cohort, side: Side) -> Array:
    return np.asarray(side.of(cohort), dtype=float)


def _by(codes: Array, values: Array, count: int) -> Array:
    chosen = codes >= 0
    return np.bincount(codes[chosen], weights=values[chosen], minlength=count)


def _quantile(cohort: Cohort, asked: Quantile) -> float:
    name, percentile, dimension, group = asked
    metric = METRICS[name]
    assert metric.sample is not None
    values = _values(cohort, metric.sample)
    if dimension:
        codes, _ = cohort.codes(metric.sample.table, dimension)
        values = values[codes == group_names(cohort.records.names, metric, dimension).index(group)]
    values = values[~np.isnan(values)]
    return float(np.percentile(values, percentile)) if len(values) else float("nan")


def _stations(records: Records) -> dict[str, dict[str, float]]:
    rows, (opens, closes) = records.tables["stations"], records.window_s
    found = {}
    starts = rows["bin_start_s"]
    width_s = float(starts[1] - starts[0]) if len(starts) > 1 and starts[1] > starts[0] else closes
    inside = (starts >= opens - 1e-9) & (starts + width_s <= closes + 1e-9)
    if not inside.any():
        inside = starts < closes
    for code, name in enumerate(records.names["station"]):
        chosen = inside & (rows["station"] == code)
        if chosen.any():
            queue = rows["waiting_s"][chosen] / width_s
            found[name] = {
                "window_s": width_s * int(chosen.sum()),
                "arrivals": float(rows["arrivals"][chosen].sum()),
                "refused": float(rows["refused"][chosen].sum()),
                "busy_s": float(rows["busy_s"][chosen].sum()),
                "capacity_s": float(rows["capacity_s"][chosen].sum()),
                "waiting_s": float(rows["waiting_s"][chosen].sum()),
                "queue_p95": float(np.percentile(queue, 95)),
                "queue_max": float(rows["queue_max"][chosen].max()),
            }
    return found


def _calls(records: Records) -> dict[str, dict[str, float]]:
    rows = records.tables["primitives"]
    answered = np.isin(rows["answer"], [ANSWERS.index(a) for a in ("ok", "ko", "malformed")])
    found = {}
    for code, name in enumerate(records.names["primitive"]):
        chosen = rows["primitive"] == code
        if chosen.any():
            counts = {f"over_{ms}_ms": float(rows[f"over_{ms}_ms"][chosen & answered].sum()) for ms in LIMITS_MS}
            by_answer = {
                answer: float(rows["count"][chosen & (rows["answer"] == a)].sum())
                for a, answer in enumerate(ANSWERS)
                if a
            }
            found[name] = {
                "calls": float(rows["count"][chosen].sum()),
                "answered": float(rows["count"][chosen & answered].sum()),
                **counts,
                **by_answer,
            }
    return found


def _money(cohort: Cohort) -> dict[str, tuple[int, int]]:
    places, cents = cohort.payments["place"], cohort.payments["amount_cents"]
    return {
        name: (int((places == code).sum()), int(cents[places == code].sum()))
        for code, name in enumerate(PLACES)
        if code
    }


def _outcome_curve(cohort: Cohort) -> Array:
    psps = len(cohort.records.names["psp"])
    counts = np.zeros((psps, len(DELAY_GRID_S) + 1), dtype=np.int64)
    delay, psp = cohort.outcome_delay_s, cohort.payments["psp"]
    for code in range(psps):
        chosen = cohort.accepted & (psp == code)
        seen = delay[chosen]
        counts[code, :-1] = np.searchsorted(np.sort(seen[~np.isnan(seen)]), DELAY_GRID_S, side="right")
        counts[code, -1] = chosen.sum()
    return counts
