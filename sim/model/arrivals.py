"""When carts arrive: an open process, computed before the run.

The n-th cart arrives when the cumulative rate reaches the n-th point of a unit process (Poisson, or evenly spaced):
more load moves the same carts closer together, which is what common random numbers ask for.
Source: Lewis and Shedler (1979), inversion of the cumulative rate function.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.kernel.streams import Streams
from sim.scenario.schema import Arrivals, Scenario

Array = npt.NDArray[Any]
_BLOCK = 65536


def end_of_arrivals_s(scenario: Scenario) -> float:
    """Return when arrivals stop: the end of the measured window."""
    return scenario.run.warm_up + scenario.run.window


def arrival_times(scenario: Scenario, streams: Streams, trace_s: Array | None) -> Array:
    """Return the arrival times of all carts, ascending, in seconds from the start of the run."""
    end = end_of_arrivals_s(scenario)
    if trace_s is not None:
        return np.sort(trace_s[(trace_s >= 0) & (trace_s < end)])
    times, rates = _rates(scenario.arrivals, end)
    cumulative = np.concatenate([[0.0], np.cumsum(np.diff(times) * (rates[:, 0] + rates[:, 1]) / 2)])
    points = _unit_points(scenario.arrivals.process, cumulative[-1], streams)
    return _inverse(points, times, rates, cumulative)


def _unit_points(process: str, total: float, streams: Streams) -> Array:
    if process == "constant":
        return np.arange(np.floor(total)) + 0.5
    parts: list[Array] = []
    last, start = 0.0, 0
    while last < total:
        steps = -np.log(streams.block("arrival", start, _BLOCK))
        parts.append(last + np.cumsum(steps))
        last, start = float(parts[-1][-1]), start + _BLOCK
    points = np.concatenate(parts) if parts else np.empty(0)
    return points[points < total]


def _rates(arrivals: Arrivals, end: float) -> tuple[Array, Array]:
    """Return the ends of the pieces, shape (k + 1,), and the rates at both ends of each piece, shape (k, 2)."""
    times, rates = [0.0], []
    if arrivals.ramp is not None:
        for stage in arrivals.ramp:
            times.append(times[-1] + stage.duration)
            rates.append((stage.rate if stage.start is None else stage.start, stage.rate))
        if times[-1] < end:
            times.append(end)
            rates.append((rates[-1][1], rates[-1][1]))
    elif arrivals.profile is not None:
        hour = arrivals.start_hour
        while times[-1] < end:
            left_s = (np.floor(hour) + 1 - hour) * 3600.0
            times.append(times[-1] + left_s)
            rate = (arrivals.rate or 0.0) * arrivals.profile[int(hour) % 24]
            rates.append((rate, rate))
            hour = float(np.floor(hour) + 1)
    else:
        times.append(end)
        rates.append((arrivals.rate or 0.0, arrivals.rate or 0.0))
    return _cut(np.array(times), np.array(rates, dtype=float), end)


def _cut(times: Array, rates: Array, end: float) -> tuple[Array, Array]:
    """Drop what lies after the end of arrivals."""
    keep = int(np.searchsorted(times, end, side="left"))
    times, rates = times[: keep + 1].copy(), rates[:keep].copy()
    whole = times[-1] - times[-2]
    rates[-1, 1] = rates[-1, 0] + (rates[-1, 1] - rates[-1, 0]) * (end - times[-2]) / whole
    times[-1] = end
    return times, rates


def _inverse(points: Array, times: Array, rates: Array, cumulative: Array) -> Array:
    """Solve the cumulative rate, a parabola on each piece, for the time at which it reaches each point."""
    piece = np.clip(np.searchsorted(cumulative, points, side="right") - 1, 0, len(rates) - 1)
    first, last = rates[piece, 0], rates[piece, 1]
    slope = (last - first) / (times[piece + 1] - times[piece])
    missing = points - cumulative[piece]
    root = np.sqrt(np.maximum(first * first + 2 * slope * missing, 0.0))
    after = np.divide(2 * missing, first + root, out=np.zeros_like(missing), where=(first + root) > 0)
    arrived: Array = np.minimum(times[piece] + after, times[piece + 1])
    return arrived
