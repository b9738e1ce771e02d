"""Queues with Poisson arrivals: what theory says of them, and what the kernel makes of them.

Formulas are those of chapters 2 (M/M/c, M/M/c/K, Erlang's loss) and 5 (M/G/1) of D. Gross, J. F. Shortle,
J. M. Thompson and C. M. Harris, *Fundamentals of Queueing Theory*, 4th ed., Wiley 2008. The mean service time is
1 s, so that the offered load is the arrival rate; `a` is the offered load, `c` the number of workers, rho = a / c.

A replication begins empty. A queue forgets that in about 1 / (1 - sqrt(rho))^2 arrivals (1560 at 0.95) and a bounded
one sooner; at least six times as many are left out (`LONG`, `SHORT`).

Every figure is held against the simulation's own 99% interval, Student's t over 20 replications. Seed 1 was the first
that was tried. A correct kernel fails one comparison with probability 1%. All queues meet the same draws, so that
comparisons are not independent; that any of n fails has probability n% at most. An interval must also be narrow enough
to tell a wrong formula.
"""

from dataclasses import dataclass
from math import factorial

import numpy as np
from scipy import stats

from sim.kernel.clock import Clock
from sim.kernel.distributions import Exponential
from sim.kernel.occupancy import Occupancy
from sim.kernel.pool import Pool
from sim.kernel.station import Station
from sim.kernel.streams import Streams

SEED = 1
CONFIDENCE = 0.99
UTILISATIONS = (0.5, 0.8, 0.95)
LONG = {0.5: (2_000, 6), 0.8: (2_000, 11), 0.95: (10_000, 6)}
"""By utilisation: arrivals that are left out, and the length of a replication as a multiple of them."""
SHORT = dict.fromkeys(UTILISATIONS, (500, 11))
REPLICATIONS = 20
ONE_SECOND = Exponential(1.0)


def erlang_b(c, a):
    """Return the blocking probability of M/M/c/c: (a^c / c!) / sum of a^n / n! for n up to c."""
    return (a**c / factorial(c)) / sum(a**n / factorial(n) for n in range(c + 1))


def erlang_c(c, a):
    """Return the probability of waiting in M/M/c: the states from c on, whose terms have the ratio rho = a / c."""
    full = a**c / factorial(c) / (1 - a / c)
    return full / (sum(a**n / factorial(n) for n in range(c)) + full)


def blocking(c, capacity, a):
    """Return the probability that M/M/c/K is full: terms a^n / n! up to c, then times rho for each place more."""
    terms = [a**n / factorial(n) if n < c else a**c / factorial(c) * (a / c) ** (n - c) for n in range(capacity + 1)]
    return terms[-1] / sum(terms)


@dataclass(frozen=True)
class Seen:
    """What the measured part of each replication shows, an array with one value per replication each."""

    delayed_share: np.ndarray
    refused_share: np.ndarray
    wait_s: np.ndarray
    """Mean wait of those who were served."""
    queue: np.ndarray
    busy: np.ndarray
    rate_per_s: np.ndarray
    """Calls that were served per second."""


def station(rho, workers=1, law=ONE_SECOND, *, queue_limit=None, short=False):
    """Run a station at a utilisation and return what is seen."""

    def serve(arrivals, services, occupancy):
        queue = Station("queue", workers, queue_limit=queue_limit, occupancy=occupancy)
        taken = map(queue.submit, arrivals.tolist(), services.tolist())
        return np.array([np.nan if one is None else one[0] for one in taken]) - arrivals

    return _replicate(serve, rho, workers, law, SHORT if short else LONG)


def pool(rho, size, *, queue_limit=None, wait_limit_s=None, short=False):
    """Run a pool at a utilisation, its holds announced as they begin, and return what is seen."""

    def serve(arrivals, holds, occupancy):
        clock, waits = Clock(), np.full(len(arrivals), np.nan)
        permits = Pool(clock, "pool", size, queue_limit=queue_limit, wait_limit_s=wait_limit_s, occupancy=occupancy)

        def caller(number, asked, hold_s):
            granted = permits.acquire()
            if granted is not True and (granted is False or not (yield granted)):
                return
            waits[number] = clock.now - asked
            permits.release_at(clock.now + hold_s, asked, clock.now)

        def source():
            for number, (at, hold_s) in enumerate(zip(arrivals.tolist(), holds.tolist(), strict=True)):
                yield at
                clock.begin(caller(number, at, hold_s))

        clock.start(source())
        clock.run()
        return waits

    return _replicate(serve, rho, size, ONE_SECOND, SHORT if short else LONG)


def _replicate(serve, rho, workers, law, lengths):
    warm_up, times = lengths[rho]
    rate_per_s = rho * workers
    warm_up_s = warm_up / rate_per_s
    until_s = times * warm_up_s
    count = times * warm_up + round(6 * (times * warm_up) ** 0.5)  # six standard deviations more than the mean
    rows = []
    for replication in range(REPLICATIONS):
        streams, occupancy = Streams(SEED, replication), Occupancy(bin_s=warm_up_s)
        arrivals = np.cumsum(Exponential(1 / rate_per_s).ppf(streams.block("arrival", 0, count)))
        assert arrivals[-1] > until_s
        waits = serve(arrivals, law.ppf(streams.block("service", 0, count)), occupancy)
        measured = waits[(arrivals >= warm_up_s) & (arrivals < until_s)]
        served, table = measured[~np.isnan(measured)], occupancy.table(until_s)
        span_s = until_s - warm_up_s
        rows.append(
            (
                np.mean(measured > 0),
                1 - len(served) / len(measured),
                np.mean(served),
                np.sum(table["waiting_s"][1:]) / span_s,
                np.sum(table["busy_s"][1:]) / span_s,
                len(served) / span_s,
            )
        )
    return Seen(*np.array(rows).T)


def agree(truth, values, power):
    """Hold a truth against the interval of values, one per replication; it must be no wider than +- `power`."""
    half_width = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values))
    mean = np.mean(values)
    assert half_width <= power, f"{mean:.5g} +- {half_width:.2g} says too little"
    assert abs(mean - truth) <= half_width, f"theory says {truth:.5g}, the simulation {mean:.5g} +- {half_width:.2g}"
