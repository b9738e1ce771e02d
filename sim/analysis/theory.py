"""The closed-form neighbour of a station: the nearest queue that theory has an answer for, to be printed beside it.

A neighbour is no prediction. It says what a station would do if calls came at random and nothing ever changed, so that
a figure of the simulation can be told to be of the right size.

Sources: D. Gross, J. F. Shortle, J. M. Thompson and C. M. Harris, Fundamentals of Queueing Theory, 4th ed. (2008),
ch. 2 (M/M/c, M/M/c/K, Erlang's B and C, M/G/infinity) and 5 (Pollaczek and Khinchine; B holds for any service law);
A. O. Allen, Probability, Statistics, and Computer Science, 2nd ed. (1990), for Allen and Cunneen's approximation of
M/G/c. States are weighed by logarithms, so that ten thousand workers are no problem.
"""

from dataclasses import asdict, dataclass
from math import isclose, isfinite, log, nan
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
) -> Neighbour | None:
    """Return the neighbour of a station, or None where theory has none.

    `service_scv` is the squared coefficient of variation of service times, variance over squared mean: 0 if they are
    constant, 1 if exponential. `workers` None are unlimited; `queue_limit` counts calls that wait. There is none for no
    calls, for a service time without mean or variance, and where an unbounded queue grows for ever, at a utilisation of
    1 or more. Whether workers, rate and service stay the same during the run, as is assumed here, is for the caller.
    """
    offered = rate_per_s * service_mean_s
    known = isfinite(offered) and isfinite(service_scv)
    if not known or rate_per_s <= 0 or workers == 0:
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
