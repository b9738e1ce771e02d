"""Which stations of a scenario have a neighbour among the queues of theory (`sim.analysis.theory`), and which one.

A neighbour gets the rate of calls that was measured, retries included, and the service times that the scenario states.
It is given only where calls come at random, at one rate, to workers of whom there are always as many: Poisson arrivals
at a constant rate, no incidents, no schedule, no bunches of calls from carts of several notices, and no pool that calls
wait for on their way. The creditors of a group have to be alike, so that one of them stands for all. Pools have none:
how long a connection is held is up to others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.special import ndtr

from sim.analysis.summary import Summary
from sim.analysis.theory import Neighbour, neighbour
from sim.kernel.distributions import Distribution
from sim.scenario.schema import HANG_TIME_S, Ends, Processing, Scenario, Servers, Service

TOGETHER = 0.01
"""How many calls of its own cart may arrive with a call, on average, before arrivals are no longer taken for random."""
_Z = np.linspace(-8.0, 8.0, 20_001)
"""Places between which all of the normal law lies, close enough that a sum over them is an integral."""
_FAR = 5.5
"""Beyond here are 2e-8 of all service times: a law that has much of its square there has no variance to speak of."""

Moments = tuple[float, float]
"""The means of a service time and of its square."""


@dataclass(frozen=True, slots=True)
class _Station:
    """One of `count` equal stations that are reported as one, to which `together` calls of the same cart come at once.

    `services` are the laws of its primitives; a primitive's name is empty where there is only one law.
    """

    servers: Servers | Processing
    services: Mapping[str, Moments]
    count: int = 1
    together: float = 0.0


def neighbours(scenario: Scenario, summary: Summary) -> dict[str, Neighbour]:
    """Return the neighbour of every station that has one, by the station's name; `busy` and queue are of all of it."""
    found = {}
    for name, station in _stations(scenario) if _at_random(scenario) else ():
        changes = isinstance(station.servers, Servers) and bool(station.servers.schedule)
        if name not in summary.stations or station.together > TOGETHER or changes:
            continue
        rate, (mean, square) = summary.stations[name]["calls_per_s"].mean, _mixed(station.services, summary)
        scv = max(0.0, square / mean**2 - 1) if mean > 0 else 0.0
        one = neighbour(rate / station.count, mean, scv, station.servers.workers, station.servers.queue_limit)
        if one is not None:
            found[name] = replace(one, busy=one.busy * station.count, queue_mean=one.queue_mean * station.count)
    return found


def _at_random(scenario: Scenario) -> bool:
    """Whether carts arrive as a Poisson process at one rate, and nothing is done to what they meet."""
    arrivals = scenario.arrivals
    steady = arrivals.rate is not None and (arrivals.profile is None or len(set(arrivals.profile)) == 1)
    return steady and arrivals.process == "poisson" and not scenario.incidents


def _stations(scenario: Scenario) -> Iterator[tuple[str, _Station]]:
    """Yield the stations that no pool is in front of, and of groups of creditors those without favourites (`zipf`)."""
    sizes = scenario.cart.notices
    others = sum(size * (size - 1) * share for size, share in sizes.items()) / sum(n * s for n, s in sizes.items())
    processing = scenario.node.processing
    yield "node", _Station(processing, {"": moments(processing.service_time)}, 1, others)
    for psp in scenario.psps if scenario.node.psp_pool.size is None else ():
        yield f"psps.{psp.name}", _Station(psp, {"": _of(psp.psp_notify_payment)})
    for group in scenario.ecs if scenario.node.ec_pool.size is None else ():
        services = {"paGetPayment": _of(group.pa_get_payment), "paSendRT": _of(group.pa_send_rt)}
        count = 1 if group.workers is None else group.count
        if count == 1 or group.zipf == 0:
            yield f"ecs.{group.name}", _Station(group, services, count, others * group.share / count)


def _mixed(services: Mapping[str, Moments], summary: Summary) -> Moments:
    """Return the moments over all calls to a station, its primitives in the proportion that all stations saw."""
    rates = [summary.calls[name]["per_s"].mean if name in summary.calls else 0.0 for name in services]
    return _average(list(services.values()), rates if sum(rates) > 0 else [1.0] * len(rates))


def _of(service: Service) -> Moments:
    """Return the moments of the time for which a call holds a worker, over all ends of calls that get one."""
    usual = moments(service.time)
    ends = {name: getattr(service.ends, name) for name in Ends.model_fields}
    found, weights = [usual], [max(0.0, 1 - sum(end.probability for end in ends.values()))]
    for name, end in ends.items():
        if end.probability and name not in ("unreachable", "lost_request"):
            held = (HANG_TIME_S, HANG_TIME_S**2) if name == "hang" else usual
            found.append(held if end.time is None else moments(end.time))
            weights.append(end.probability)
    return _average(found, weights) if sum(weights) > 0 else usual


def _average(each: Sequence[Moments], weights: Sequence[float]) -> Moments:
    means, squares = zip(*each, strict=True)
    return float(np.average(means, weights=weights)), float(np.average(squares, weights=weights))


def moments(law: Distribution) -> Moments:
    """Return the means of a law and of its square, which is inf where it has no variance, or none that can be seen.

    Any law is a function of a uniform and so of a normal variate, over whose density a sum of equal steps converges
    faster than any power of the step.
    """
    return _moments(law)  # type: ignore[arg-type]  # laws are values, and many actors have the same


@cache
def _moments(law: Distribution) -> Moments:
    density = np.exp(-(_Z**2) / 2)
    squares = np.asarray(law.ppf(ndtr(_Z)), dtype=float) ** 2 * density
    square = float(squares.sum() / density.sum())
    far = float(squares[_Z > _FAR].sum() / density.sum())
    return law.mean, square if far <= square / 1000 else float("inf")
