"""The tally: what one replication contributes to every figure, as small arrays that travel between processes.

Intervals come from many tallies (`sim.analysis.summary`); the records themselves are not needed for them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.analysis.cohort import ANSWERED, Cohort
from sim.analysis.intervals import COUNTED, Each
from sim.analysis.metrics import METRICS, QUANTILES, Metric, Side
from sim.analysis.warmup import mser_5
from sim.records import ANSWERS, FAULTS, LIMITS_MS, PAYMENTS, PLACES, Records

Array = npt.NDArray[Any]
Quantile = tuple[str, float, str, str]
"""Metric, percentile, dimension ("" for overall), group."""

DELAY_GRID_S = np.round(np.concatenate([np.arange(0, 5, 0.05), np.arange(5, 30, 0.5), np.geomspace(30, 7200, 40)]), 3)
"""Where the curve of outcome delays is kept."""
MOMENTS = 101
"""Moments at which open tokens are counted, evenly from the start of the run to the end of arrivals."""
_ADDED = sorted({metric.each for metric in METRICS.values() if metric.each})
"""The means that events add to totals."""
_BINNED = ("arrivals", "refused", "busy_s", "capacity_s", "waiting_s", "queue_max")


@dataclass(frozen=True)
class Tally:
    """One replication's sums.

    `sums[metric][dimension]` has shape (groups, 2): top and base. `squares[metric]` is the sum of the squares of a
    mean's sample, in its unit squared, for those means that one event adds to a total (`each`). `quantiles` are in the
    metric's unit. `stations`, `calls` and `refusals` are named numbers over the measured window. `money[place]` is
    (payments, cents). `outcome_curve` counts accepted tokens per PSP whose outcome came within each point of
    `DELAY_GRID_S`, and all of them. `open_tokens` counts the tokens open at the moments `open_tokens_at_s`, of all
    carts, up to the end of arrivals. `warm_up_cut_s` is where MSER-5 would cut, of a run that ends arrivals at
    `window_s[1]`.
    """

    replication: int
    window_s: tuple[float, float]
    names: Mapping[str, tuple[str, ...]]
    sums: Mapping[str, Mapping[str, Array]]
    squares: Mapping[str, float]
    quantiles: Mapping[Quantile, float]
    stations: Mapping[str, Mapping[str, float]]
    calls: Mapping[str, Mapping[str, float]]
    refusals: Mapping[str, Mapping[str, int]]
    money: Mapping[str, tuple[int, int]]
    outcome_curve: Array
    open_tokens_at_s: Array
    open_tokens: Array
    warm_up_cut_s: float
    events: int
    activations: int


def group_names(names: Mapping[str, tuple[str, ...]], metric: Metric, dimension: str) -> tuple[str, ...]:
    """Return the names of a metric's groups along a dimension."""
    if dimension == "cause":
        assert metric.cause is not None
        return _causes(metric)
    return tuple(str(n) for n in range(1, 6)) if dimension == "cart_size" else names[dimension]


def each_of(tallies: Sequence[Tally], metric: Metric) -> Each:
    """Return what one event adds to a total: 1 for a count, and where there is nothing to take the mean of.

    Amounts are those of all payments, of which there are enough to know how much they vary, not of the few that a total
    is about: those that are given back are taken to be like all others.
    """
    if metric.each is None:
        return COUNTED
    top, base = np.sum([t.sums[metric.each][""][0] for t in tallies], axis=0)
    return Each(float(top / base), sum(t.squares[metric.each] for t in tallies) / float(top)) if top else COUNTED


def _causes(metric: Metric) -> tuple[str, ...]:
    column = next(c for c in PAYMENTS if c.name == metric.cause)
    assert isinstance(column.names, tuple)
    return column.names


def tally(records: Records, asked: Iterable[Quantile] = ()) -> Tally:
    """Add up one replication; `asked` names quantiles wanted beside the usual ones."""
    cohort = Cohort(records)
    carts = records.tables["carts"]
    at_s = np.linspace(0.0, records.window_s[1], MOMENTS)
    return Tally(
        records.replication,
        records.window_s,
        records.names,
        {metric.name: _sums(cohort, metric) for metric in METRICS.values()},
        {name: _squares(cohort, METRICS[name]) for name in _ADDED},
        _quantiles(cohort, tuple(asked)),
        _stations(records),
        _calls(records),
        _refusals(records),
        _money(cohort),
        _outcome_curve(cohort),
        at_s,
        _open_tokens(records, at_s),
        mser_5(carts["waited_s"], carts["arrived_s"]),
        records.events,
        len(records.tables["payments"]["cart"]),
    )


def _sums(cohort: Cohort, metric: Metric) -> dict[str, Array]:
    top, base = _values(cohort, metric.top), _values(cohort, metric.base)
    sums = {"": np.array([[top.sum(), base.sum()]])}
    for dimension in metric.dimensions:
        groups = len(group_names(cohort.records.names, metric, dimension))
        if dimension == "cause":
            assert metric.cause is not None
            tops = _by(cohort.codes(metric.top.table, metric.cause), top, groups)
            bases = np.full(groups, base.sum())
        else:
            tops = _by(cohort.codes(metric.top.table, dimension), top, groups)
            bases = _by(cohort.codes(metric.base.table, dimension), base, groups)
        sums[dimension] = np.stack([tops, bases], axis=1)
    return sums


def _squares(cohort: Cohort, metric: Metric) -> float:
    assert metric.sample is not None
    return float(np.nansum(_values(cohort, metric.sample) ** 2))


def _values(cohort: Cohort, side: Side) -> Array:
    return np.asarray(side.of(cohort), dtype=float)


def _by(codes: Array, values: Array, groups: int) -> Array:
    """Add up values by group; rows of no group, -1, go to a place of their own."""
    return np.bincount(codes + 1, weights=values, minlength=groups + 1)[1:]


def _quantiles(cohort: Cohort, asked: Iterable[Quantile]) -> dict[Quantile, float]:
    """Return the usual quantiles of every mean, overall and by group, and those asked for."""
    wanted: dict[tuple[str, str], set[float]] = {}
    for metric in METRICS.values():
        for dimension in ("", *metric.dimensions) if metric.sample else ():
            wanted[metric.name, dimension] = set(QUANTILES)
    for name, percentile, dimension, _ in asked:
        wanted[name, dimension].add(percentile)
    return {
        (name, percentile, dimension, group): value
        for (name, dimension), percentiles in wanted.items()
        for group, values in _grouped(cohort, METRICS[name], dimension)
        for percentile, value in zip(sorted(percentiles), _percentiles(values, sorted(percentiles)), strict=True)
    }


def _grouped(cohort: Cohort, metric: Metric, dimension: str) -> list[tuple[str, Array]]:
    """Return the sample of a metric by group, without what is NaN."""
    assert metric.sample is not None
    values = _values(cohort, metric.sample)
    seen = ~np.isnan(values)
    if not dimension:
        return [("", values[seen])]
    codes = cohort.codes(metric.sample.table, dimension)
    names = group_names(cohort.records.names, metric, dimension)
    return [(name, values[seen & (codes == code)]) for code, name in enumerate(names)]


def _percentiles(values: Array, percentiles: list[float]) -> list[float]:
    if not len(values):
        return [float("nan")] * len(percentiles)
    return [float(value) for value in np.percentile(values, percentiles)]


def _open_tokens(records: Records, at_s: Array) -> Array:
    """Count the tokens issued by each moment and not yet paid or cancelled; those of other carts count too."""
    payments = records.tables["payments"]
    issued = np.sort(payments["issued_s"])
    released = np.sort(np.fmin(payments["paid_s"], payments["cancelled_s"])[~np.isnan(payments["issued_s"])])
    return np.searchsorted(issued, at_s, side="right") - np.searchsorted(released, at_s, side="right")


def _stations(records: Records) -> dict[str, dict[str, float]]:
    """Add up every station over the time bins inside the window; over those that touch it if none is."""
    rows, (opens, closes) = records.tables["stations"], records.window_s
    seen = np.unique(rows["bin_start_s"])
    width_s = float(seen[1]) if len(seen) > 1 else closes
    starts = np.arange(0.0, closes, width_s)
    inside = (starts >= opens - 1e-9) & (starts + width_s <= closes + 1e-9)
    if not inside.any():
        inside = starts + width_s > opens
    found = {}
    for code, name in enumerate(records.names["station"]):
        of_station = np.flatnonzero(rows["station"] == code)
        if len(of_station):
            values = {c: _padded(rows[c][of_station], len(starts), keep=c == "capacity_s")[inside] for c in _BINNED}
            found[name] = {
                "window_s": width_s * int(inside.sum()),
                **{column: float(values[column].sum()) for column in _BINNED if column != "queue_max"},
                "queue_p95": float(np.percentile(values["waiting_s"] / width_s, 95)),
                "queue_max": float(values["queue_max"].max()),
            }
    return found


def _padded(values: Array, length: int, *, keep: bool) -> Array:
    """Return the values of the first bins; a replication that was over early has no rows for those that follow."""
    padded = np.full(length, values[-1] if keep else 0.0)
    padded[: len(values)] = values[:length]
    return padded


def _calls(records: Records) -> dict[str, dict[str, float]]:
    rows = records.tables["primitives"]
    answered = np.isin(rows["answer"], ANSWERED)
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


def _refusals(records: Records) -> dict[str, dict[str, int]]:
    rows = records.tables["refusals"]
    found: dict[str, dict[str, int]] = {}
    for primitive, fault, count in zip(rows["primitive"], rows["fault"], rows["count"], strict=True):
        faults = found.setdefault(records.names["primitive"][primitive], {})
        faults[FAULTS[fault]] = faults.get(FAULTS[fault], 0) + int(count)
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
