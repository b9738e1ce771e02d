"""The closed-form neighbour of a station: the nearest queue that theory has an answer for, to be printed beside it.

A neighbour is no prediction. It says what a station would do if calls came at random and nothing ever changed, so that
a figure of the simulation can be told to be of the right size, and a capacity search has a known answer.

Sources: D. Gross, J. F. Shortle, J. M. Thompson and C. M. Harris, Fundamentals of Queueing Theory, 4th ed. (2008),
ch. 2 (M/M/c, M/M/c/K, Erlang's B and C, M/G/infinity) and 5 (Pollaczek and Khinchine; B holds for any service law);
A. O. Allen, Probability, Statistics, and Computer Science, 2nd ed. (1990), for Allen and Cunneen's approximation of
M/G/c. States are weighed by logarithms, so that ten thousand workers are no problem.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import floor, isclose, isfinite, log, nan
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp, softmax

from sim.analysis.intervals import finite

_POISSON = "calls are taken to come at random, at one rate: those that come in bunches wait longer"
_ALLEN_CUNNEEN = (
    "mean wait and queue by Allen and Cunneen's approximation, best where workers are mostly busy; wait probability as "
    "if service times were exponential"
)
_AS_EXPONENTIAL = "service times are taken to be exponential: no closed form has another law and a bounded queue"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What theory says of a queue; names and meanings are those of the stations of a summary.

    Shares and means are over all calls that come; a call that is refused does not wait. `utilisation` is NaN where
    workers are unlimited. `exact` tells whether the model holds for this service law, `caveats` what else it assumes.
    """

    model: str
    exact: bool
    utilisation: float
    busy: float
    wait_probability: float
    wait_mean_s: float
    queue_mean: float
    refused_share: float
    caveats: tuple[str, ...] = (_POISSON,)

    def to_json(self) -> dict[str, Any]:
        """Return plain values; what is not finite becomes null."""
        numbers = {k: finite(v) if isinstance(v, float) else v for k, v in asdict(self).items()}
        return {**numbers, "caveats": list(self.caveats)}


def neighbour(
    rate_per_s: float,
    service_mean_s: float,
    service_scv: float,
    workers: int | None,
    queue_limit: int | None = None,
    *,
    steady: bool = True,
) -> Neighbour | None:
    """Return the neighbour of a station, or None where theory has none.

    `service_scv` is the squared coefficient of variation of service times, variance over squared mean: 0 if they are
    constant, 1 if exponential. `workers` None are unlimited; `queue_limit` counts calls that wait. `steady` is false
    where workers, rate or service change during the run, by a schedule, an outage, an incident or a profile: then there
    is no neighbour. There is none either without calls, for a service time without mean or variance, and where an
    unbounded queue grows for ever, at a utilisation of 1 or more.
    """
    offered = rate_per_s * service_mean_s
    known = isfinite(offered) and isfinite(service_scv)
    if not steady or not known or rate_per_s <= 0 or workers == 0:
        return None
    if workers is None:
        return Neighbour("M/G/infinity", True, nan, offered, 0.0, 0.0, 0.0, 0.0)
    if queue_limit is not None:
        return _bounded(rate_per_s, offered, service_scv, workers, queue_limit)
    if offered >= workers:
        return None
    waits = erlang_c(workers, offered)
    queue = waits * offered / (workers - offered) * (1 + service_scv) / 2
    exponential = isclose(service_scv, 1)
    model = "M/M/c" if exponential else "M/G/1" if workers == 1 else "M/G/c"
    exact = model != "M/G/c"
    caveats = (_POISSON,) if exact else (_POISSON, _ALLEN_CUNNEEN)
    return Neighbour(model, exact, offered / workers, offered, waits, queue / rate_per_s, queue, 0.0, caveats)


def erlang_b(workers: int, offered: float) -> float:
    """Return the share of calls refused where nobody waits; `offered` is the load in workers, rate times mean."""
    return float(_states(workers, offered, 0)[-1])


def erlang_c(workers: int, offered: float) -> float:
    """Return the probability that a call waits where nobody is refused; 1 if the queue grows for ever.

    >>> round(erlang_c(3, 2.0), 6)
    0.444444
    """
    if offered >= workers:
        return 1.0
    blocked, load = erlang_b(workers, offered), offered / workers
    return blocked / (1 - load + load * blocked)


def smallest_workers(
    rate_per_s: float,
    service_mean_s: float,
    *,
    wait_probability: float | None = None,
    wait_mean_s: float | None = None,
    service_scv: float = 1.0,
) -> int:
    """Return the smallest number of workers that keeps one of both targets, in an unbounded queue.

    Exact for exponential service times; for others the mean wait is Allen and Cunneen's. Raises `ValueError` unless
    there is exactly one target, above 0, and for a load that is not finite.

    >>> smallest_workers(10.0, 1.0, wait_probability=0.2)
    14
    """
    offered = rate_per_s * service_mean_s
    if not isfinite(offered) or offered < 0:
        raise ValueError(f"an offered load of {offered:g} workers: no number of workers is known to be enough")
    targets = [target for target in (wait_probability, wait_mean_s) if target is not None]
    if len(targets) != 1 or not targets[0] > 0:
        raise ValueError("give one target above 0: wait_probability or wait_mean_s")

    def keeps(workers: int) -> bool:
        waits = erlang_c(workers, offered)
        if wait_probability is not None:
            return waits <= wait_probability
        return waits * service_mean_s / (workers - offered) * (1 + service_scv) / 2 <= targets[0]

    return _first(keeps, floor(offered) + 1)


def _first(holds: Callable[[int], bool], start: int) -> int:
    """Return the first number from a start on for which something holds that holds ever after."""
    step = 1
    while not holds(start + step - 1):
        step *= 2
    low, high = start + step // 2, start + step - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle + 1, high)
    return low


def _bounded(rate_per_s: float, offered: float, service_scv: float, workers: int, places: int) -> Neighbour:
    """Return M/M/c/K, with K = workers + places; without places it is Erlang's loss system, for any service law."""
    states = _states(workers, offered, places)
    queue = float(np.arange(places + 1) @ states[1:])
    served = offered * float(states[:-1].sum())
    exact = places == 0 or isclose(service_scv, 1)
    return Neighbour(
        "M/M/c/K" if places else "M/G/c/c",
        exact,
        served / workers,
        served,
        float(states[1:-1].sum()),
        queue / rate_per_s,
        queue,
        float(states[-1]),
        (_POISSON,) if exact else (_POISSON, _AS_EXPONENTIAL),
    )


def _states(workers: int, offered: float, places: int) -> Any:
    """Return the probabilities that a worker is free, and that all are busy while 0, 1 ... `places` calls wait.

    That is M/M/c/K, where a state of n calls weighs a^n / n! up to n = c, and a / c times as much for each that waits.
    """
    if offered == 0:
        return np.eye(1, places + 2)[0]
    free = np.arange(workers)
    below = logsumexp(free * log(offered) - gammaln(free + 1))
    full = workers * log(offered) - gammaln(workers + 1) + np.arange(places + 1) * log(offered / workers)
    return softmax(np.append(below, full))
