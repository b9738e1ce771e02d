"""What looks wrong before anything is simulated: sums that can be done by hand.

Five questions: is a trace longer than the run, is a station offered more work than its workers can do, would retries
bring it there, does a caller give up before the one it calls may answer, and do tokens live as long as the flow they
cover. Loads are means at the peak of arrivals, times are 98th percentiles: close enough to warn, and no substitute for
a run. Incidents are left out: they are there to break things.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sim.kernel.distributions import Distribution
from sim.protocol.settings import ProtocolSettings
from sim.scenario.load import Loaded
from sim.scenario.presets import settings_of
from sim.scenario.schema import HANG_TIME_S, Ends, Link, PoolSection, Scenario, Servers, Service
from sim.scenario.tree import Problem

USUAL = 0.98
"""The percentile that a timeout should leave room for: that of the service levels (SANP: 98% within 2 s)."""
_TRACE_BIN_S = 60.0


@dataclass(frozen=True, slots=True, order=True)
class Finding(Problem):
    """Something that looks wrong; `severe` when the scenario cannot work as written, at least at its peak."""

    severe: bool = False


Found = Iterator[tuple[str, str, str, bool]]
"""Path, problem, what to write instead, and whether it is severe."""


def preflight(loaded: Loaded) -> list[Finding]:
    """Return what looks wrong in a scenario, the severe first, without simulating anything."""
    scenario, settings = loaded.scenario, settings_of(loaded.scenario.protocol)
    rates = _rates(loaded)
    found = [
        *_trace(loaded),
        *(each for station in _stations(scenario, settings) for each in _load(station, rates)),
        *_timeouts(scenario, settings),
        *_answers(scenario, settings),
        *_tokens(scenario, settings),
    ]
    findings = [Finding(loaded.position(path), path, problem, fix, severe) for path, problem, fix, severe in found]
    return sorted(findings, key=lambda finding: (not finding.severe, finding.position, finding.path))


# --- trace ---------------------------------------------------------------------------------------------------------


def _trace(loaded: Loaded) -> Found:
    """Say how much of a trace comes too late."""
    times_s, end_s = loaded.trace_s, loaded.scenario.run.warm_up + loaded.scenario.run.window
    if times_s is not None and (times_s >= end_s).any():
        late = int((times_s >= end_s).sum())
        problem = f"has {late} of {len(times_s)} rows at or after {end_s:.15g} s, when arrivals end"
        yield "arrivals.trace", problem, "write a longer window, or leave those rows out", False


# --- load -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rate:
    """The highest rate at which carts arrive between two moments."""

    start_s: float
    end_s: float
    per_s: float


def _rates(loaded: Loaded) -> list[_Rate]:
    """Return the rate of carts, piece by piece, up to the end of arrivals."""
    arrivals, run = loaded.scenario.arrivals, loaded.scenario.run
    end = run.warm_up + run.window
    pieces: list[_Rate] = []
    if loaded.trace_s is not None:
        times = loaded.trace_s[(loaded.trace_s >= 0) & (loaded.trace_s < end)]
        for n, count in enumerate(np.bincount((times // _TRACE_BIN_S).astype(int)).tolist()):
            pieces.append(_Rate(n * _TRACE_BIN_S, (n + 1) * _TRACE_BIN_S, count / _TRACE_BIN_S))
        return pieces
    rate, at = arrivals.rate or 0.0, 0.0
    if arrivals.ramp is not None:
        for stage in arrivals.ramp:
            first = stage.rate if stage.start is None else stage.start
            last = first + (stage.rate - first) * min(1.0, (end - at) / stage.duration)
            pieces.append(_Rate(at, at + stage.duration, max(first, last)))
            at, rate = at + stage.duration, stage.rate
    elif arrivals.profile is not None:
        hour = math.floor(arrivals.start_hour)
        while at < end:
            until = (hour + 1 - arrivals.start_hour) * 3600
            pieces.append(_Rate(at, until, rate * arrivals.profile[hour % 24]))
            at, hour = until, hour + 1
    pieces.append(_Rate(at, max(at, end), rate))
    return [piece for piece in pieces if piece.start_s < end]


@dataclass(frozen=True, slots=True)
class _Station:
    """Workers, or the permits of a pool, and the worker-seconds that one cart asks of them.

    `workers` are (from when, how many); `retried_s` is the work when everything that can be repeated is repeated.
    """

    path: str
    workers: Sequence[tuple[float, int]]
    work_s: float
    retried_s: float
    retries: str


def _load(station: _Station, rates: Sequence[_Rate]) -> Found:
    """Compare the work that is offered with the workers that are there, at the worst moment."""
    busiest, since, workers, rate = max(_busy(station, rates), default=(0.0, 0.0, 0, 0.0))
    key, offered = station.path.rpartition(".")[2], rate * station.work_s if rate else 0.0
    is_ = f"is {workers}" + (f" from {since:g} s on" if since else "")
    if busiest >= 1:
        enough = f"{key}: {_more_than(offered)}" if offered < math.inf else "a service time with a mean"
        problem = f"{is_}, and {rate:.3g} carts/s keep {offered:.3g} busy"
        yield station.path, problem, f"write {enough} or more, or a lower rate", True
    elif busiest and busiest * station.retried_s / station.work_s >= 1:
        times = station.retried_s / station.work_s
        problem = (
            f"{is_}, {100 * busiest:.2g}% busy at {rate:.3g} carts/s, but if its calls fail retries make {times:.2g} "
            f"times the work, enough for {offered * times:.3g}"
        )
        fix = f"write {key}: {_more_than(offered * times)} or more, or less of {station.retries}"
        yield station.path, problem, fix, False


def _busy(station: _Station, rates: Sequence[_Rate]) -> Iterator[tuple[float, float, int, float]]:
    """Yield how busy a station is at every combination of rate and workers, with since when, workers and rate."""
    untils = [*(since for since, _ in station.workers[1:]), math.inf]
    for (since, workers), until in zip(station.workers, untils, strict=True):
        for piece in rates:
            if piece.per_s and station.work_s and piece.start_s < until and piece.end_s > since:
                offered = piece.per_s * station.work_s
                yield offered / workers if workers else math.inf, since, workers, piece.per_s


def _more_than(offered: float) -> int:
    return math.floor(offered) + 1


def _stations(scenario: Scenario, settings: ProtocolSettings) -> Iterator[_Station]:
    """Yield every station and pool that has a limit; of a group of ECs, the one with the most traffic."""
    citizens = _repeated(scenario.citizen.retry.probability, scenario.citizen.retry.max_tries)
    notices = sum(count * share for count, share in scenario.cart.notices.items())
    yield from _node(scenario, notices, citizens)
    yield from _ecs(scenario, settings, notices, citizens)
    yield from _psps(scenario, settings, citizens)


def _repeated(probability: float, tries: int) -> float:
    """Return how often something is tried when every try fails and is followed by another with a probability."""
    return float(sum(probability**k for k in range(tries)))


def _going_on(scenario: Scenario) -> tuple[float, float]:
    """Return the share of carts whose payment is closed in any way, and the share closed OK."""
    closed = 1 - scenario.citizen.abandon
    return closed, closed * (1 - scenario.citizen.cancel) * (1 - scenario.checkout.authorisation.denied)


def _node(scenario: Scenario, notices: float, citizens: float) -> Iterator[_Station]:
    processing, checkout = scenario.node.processing, scenario.checkout
    if processing.workers is None:
        return
    closed, paid = _going_on(scenario)
    outcomes = sum(psp.share * psp.outcome_tries for psp in scenario.psps)
    calls = notices + closed + paid
    again = notices * citizens * checkout.activation.tries + closed * (1 + checkout.close.retries) + paid * outcomes
    mean = processing.service_time.mean
    retries = "checkout.activation.tries, checkout.close.retries and citizen.retry"
    yield _Station("node.processing.workers", [(0.0, processing.workers)], calls * mean, again * mean, retries)


def _ecs(scenario: Scenario, settings: ProtocolSettings, notices: float, citizens: float) -> Iterator[_Station]:
    _, paid = _going_on(scenario)
    link = scenario.links.node_ec
    times, retries = citizens, "citizen.retry"
    if not settings.idempotency and scenario.checkout.activation.timeout < settings.ec_timeout_s:
        times, retries = times * scenario.checkout.activation.tries, f"checkout.activation.tries and {retries}"
    shared, each = [], []
    for group in scenario.ecs:
        traffic, largest = notices * group.share, _largest(group.count, group.zipf)
        work_s = traffic * largest * _work_s(group.pa_get_payment)
        receipts_s = traffic * largest * paid * _work_s(group.pa_send_rt)
        for workers in _workers(group):
            path = f"ecs.{group.name}.workers"
            yield _Station(path, workers, work_s + receipts_s, work_s * times + receipts_s, retries)
        asked_s = traffic * _held_s(group.pa_get_payment, link, settings.ec_timeout_s)
        sent_s = traffic * paid * _held_s(group.pa_send_rt, link, settings.receipt_timeout_s)
        shared.append((asked_s + sent_s, asked_s * times + sent_s))
        each.append((largest * (asked_s + sent_s), largest * (asked_s * times + sent_s)))
    yield from _pool("node.ec_pool.size", scenario.node.ec_pool, shared, each, retries)


def _psps(scenario: Scenario, settings: ProtocolSettings, citizens: float) -> Iterator[_Station]:
    _, paid = _going_on(scenario)
    times = citizens if settings.unreachable_is_final else 1.0  # otherwise nobody knows soon that it failed
    held = []
    for psp in scenario.psps:
        work_s = paid * psp.share * _work_s(psp.psp_notify_payment)
        for workers in _workers(psp):
            yield _Station(f"psps.{psp.name}.workers", workers, work_s, work_s * times, "citizen.retry")
        held_s = paid * psp.share * _held_s(psp.psp_notify_payment, scenario.links.node_psp, settings.psp_timeout_s)
        held.append((held_s, held_s * times))
    yield from _pool("node.psp_pool.size", scenario.node.psp_pool, held, held, "citizen.retry")


def _pool(
    path: str,
    pool: PoolSection,
    shared: Sequence[tuple[float, float]],
    each: Sequence[tuple[float, float]],
    retries: str,
) -> Iterator[_Station]:
    """Yield a pool that has a limit: the one for all, or the fullest where every counterpart has its own."""
    if pool.size is None:
        return
    held_s, retried_s = (sum(work) for work in zip(*shared, strict=True)) if pool.shared else max(each)
    yield _Station(path, [(0.0, pool.size)], held_s, retried_s, retries)


@lru_cache
def _largest(count: int, zipf: float) -> float:
    """Return the share of a group's traffic that its most popular member has."""
    return float(1 / np.sum(np.arange(1, count + 1) ** -zipf))


def _workers(servers: Servers) -> list[list[tuple[float, int]]]:
    """Return the workers over time, or nothing where they are unlimited."""
    if servers.workers is None and not servers.schedule:
        return []
    return [[(0.0, servers.workers or 0), *sorted((change.at, change.workers) for change in servers.schedule)]]


def _work_s(service: Service) -> float:
    """Return the mean time for which one call holds a worker of its callee, over all ways in which it may end."""
    work, ok = 0.0, 1.0
    for name in Ends.model_fields:
        end = getattr(service.ends, name)
        ok -= end.probability
        if end.probability and name not in ("unreachable", "lost_request"):
            usual = HANG_TIME_S if name == "hang" else service.time.mean
            work += end.probability * (usual if end.time is None else end.time.mean)
    return work + (ok * service.time.mean if ok > 0 else 0.0)


def _held_s(service: Service, link: Link, timeout_s: float) -> float:
    """Return about how long one call holds a permit of its caller's pool."""
    silent = sum(getattr(service.ends, name).probability for name in ("lost_request", "lost_reply", "hang"))
    answered = min(service.time.mean + 2 * link.latency.mean, timeout_s)
    return float(silent * timeout_s + (1 - silent) * answered)


# --- timeouts -------------------------------------------------------------------------------------------------------


def _timeouts(scenario: Scenario, settings: ProtocolSettings) -> Found:
    """Check that nobody gives up on the Node before it may have answered."""
    checkout, pool = scenario.checkout, scenario.node.ec_pool
    own = scenario.node.processing.service_time.quantile(USUAL)
    way = 2 * scenario.links.checkout_node.latency.quantile(USUAL)
    waits, limit = settings.ec_timeout_s + own + way, checkout.activation.timeout
    path = "checkout.activation.timeout"
    if pool.size is not None and pool.wait_limit is not None:
        waits += pool.wait_limit
    if limit < waits:
        problem = (
            f"is {limit:g} s, but the Node may take {waits:.3g} s, of which {settings.ec_timeout_s:g} s for the EC"
        )
        yield path, problem, f"write {_seconds(waits)} or more, or a shorter protocol.ec_timeout", True
    elif pool.size is not None and pool.wait_limit is None:
        spare = math.floor(10 * (limit - waits)) / 10
        problem = f"has no limit, and Checkout gives up after {limit:g} s"
        yield "node.ec_pool.wait_limit", problem, f"write wait_limit: {spare:g} s or less", False
    if checkout.close.timeout < own + way:
        problem = f"is {checkout.close.timeout:g} s, and the Node takes {own + way:.3g} s for 2% of its calls"
        yield "checkout.close.timeout", problem, f"write {_seconds(own + way)} or more", True
    way = 2 * scenario.links.node_psp.latency.quantile(USUAL)
    for psp in scenario.psps:
        if psp.outcome_timeout < own + way:
            problem = f"is {psp.outcome_timeout:g} s, and the Node takes {own + way:.3g} s for 2% of its calls"
            yield f"psps.{psp.name}.outcome_timeout", problem, f"write {_seconds(own + way)} or more", True


def _answers(scenario: Scenario, settings: ProtocolSettings) -> Found:
    """Check that the Node waits for the answers of ECs and PSPs as long as they usually take."""
    to_ec, to_psp = scenario.links.node_ec, scenario.links.node_psp
    for group in scenario.ecs:
        path = f"ecs.{group.name}"
        yield from _late(f"{path}.paGetPayment.time", group.pa_get_payment, to_ec, "ec_timeout", settings.ec_timeout_s)
        receipt_s = settings.receipt_timeout_s
        yield from _late(f"{path}.paSendRT.time", group.pa_send_rt, to_ec, "receipt_timeout", receipt_s)
    for psp in scenario.psps:
        path = f"psps.{psp.name}.pspNotifyPaymentV2.time"
        yield from _late(path, psp.psp_notify_payment, to_psp, "psp_timeout", settings.psp_timeout_s)


def _late(path: str, service: Service, link: Link, name: str, timeout_s: float) -> Found:
    way = 2 * link.latency.quantile(0.5)
    late = 1 - float(service.time.cdf(timeout_s - way))
    if late > 1 - USUAL:
        problem = f"is longer than protocol.{name} of {timeout_s:g} s for {100 * late:.2g}% of calls"
        usual = service.time.quantile(USUAL) + way
        yield path, problem, f"write a shorter time, or {name}: {_seconds(usual)} or more", late >= 0.5


# --- tokens ---------------------------------------------------------------------------------------------------------


def _tokens(scenario: Scenario, settings: ProtocolSettings) -> Found:
    """Check that a token lives until the outcome that it waits for usually comes."""
    citizen = {
        "citizen.think_time": scenario.citizen.think_time,
        "checkout.authorisation.time": scenario.checkout.authorisation.time,
    }
    slowest = max(scenario.psps, key=lambda psp: _sum_s(psp.psp_notify_payment.time, psp.outcome_delay))
    psp = {
        f"psps.{slowest.name}.pspNotifyPaymentV2.time": slowest.psp_notify_payment.time,
        f"psps.{slowest.name}.outcome_delay": slowest.outcome_delay,
    }
    if settings.token_extension_s is None:
        yield from _short("protocol.token_validity", settings.token_validity_s, citizen | psp)
    else:
        yield from _short("protocol.token_validity", settings.token_validity_s, citizen)
        yield from _short("protocol.token_extension", settings.token_extension_s, psp)


def _short(path: str, lives_s: float, flow: dict[str, Distribution]) -> Found:
    needed = _sum_s(*flow.values())
    if lives_s < needed:
        steps = " + ".join(f"{name} {law.quantile(USUAL):.1f} s" for name, law in flow.items())
        problem = f"is {lives_s:g} s, less than the 98th percentiles of what it covers: {steps}"
        key = path.rpartition(".")[2]
        longer = f"{key}: {_seconds(needed)} or more, or " if needed <= 1800 or key == "token_extension" else ""
        yield path, problem, f"write {longer}shorter times", lives_s < _sum_s(*flow.values(), p=0.5)


def _sum_s(*flow: Distribution, p: float = USUAL) -> float:
    return sum(law.quantile(p) for law in flow)


def _seconds(value: float) -> str:
    """Write a time rounded up to a tenth of a second."""
    return f"{math.ceil(10 * value) / 10:g} s"
