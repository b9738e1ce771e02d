"""What must hold between the sections of a scenario: names that exist, shares that add up, one way to arrive."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy.typing as npt

from sim.scenario import slos
from sim.scenario.schema import Arrivals, Ends, Incident, Scenario
from sim.scenario.tree import Position, Problem

Where = Callable[[str], Position]
_TOLERANCE = 1e-9


def crosscheck(scenario: Scenario, trace_s: npt.NDArray[Any] | None, where: Where) -> list[Problem]:
    """Return every problem between sections; `where` gives the position of a path."""
    found = [
        *_arrivals(scenario.arrivals, trace_s),
        *_adds_up("cart.notices", scenario.cart.notices.values()),
        *_adds_up("ecs", (group.share for group in scenario.ecs)),
        *_adds_up("psps", (psp.share for psp in scenario.psps)),
        *_names("ecs", [group.name for group in scenario.ecs]),
        *_names("psps", [psp.name for psp in scenario.psps]),
        *_ends(scenario),
        *_slos(scenario),
        *(each for n, incident in enumerate(scenario.incidents) for each in _incident(scenario, n, incident)),
    ]
    return [Problem(where(path), path, problem, fix) for path, problem, fix in found]


Found = Iterator[tuple[str, str, str]]


def _arrivals(arrivals: Arrivals, trace_s: npt.NDArray[Any] | None) -> Found:
    given = [name for name in ("rate", "ramp", "trace") if getattr(arrivals, name) is not None]
    if len(given) != 1:
        yield "arrivals", f"gives {len(given)} of rate, ramp and trace", "write exactly one of them"
    if arrivals.profile is not None:
        mean = sum(arrivals.profile) / 24
        if any(not value >= 0 for value in arrivals.profile):
            yield "arrivals.profile", "has a negative value", "write 24 factors of zero or more"
        elif abs(mean - 1) > 0.005:
            yield "arrivals.profile", f"has the mean {mean:.4g}", "write 24 factors whose mean is 1"
        if arrivals.rate is None:
            yield "arrivals.profile", "has no rate to scale", "write rate as well"
    if arrivals.trace is not None and trace_s is not None and not len(trace_s):
        yield "arrivals.trace", "has no arrivals", "give at least one row"


def _adds_up(path: str, shares: Iterable[float]) -> Found:
    total = sum(shares)
    if abs(total - 1) > _TOLERANCE:
        yield path, f"has shares that add up to {100 * total:.6g}%", "write shares that add up to 100%"


def _names(path: str, names: list[str]) -> Found:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{path}.{name}", f"is the name of {count} entries", "give every entry its own name"


def _ends(scenario: Scenario) -> Found:
    services = [
        *((f"ecs.{g.name}.paGetPayment.ends", g.pa_get_payment.ends) for g in scenario.ecs),
        *((f"ecs.{g.name}.paSendRT.ends", g.pa_send_rt.ends) for g in scenario.ecs),
        *((f"psps.{p.name}.pspNotifyPaymentV2.ends", p.psp_notify_payment.ends) for p in scenario.psps),
        *((f"incidents.{n}.ends", incident.ends) for n, incident in enumerate(scenario.incidents)),
    ]
    for path, ends in services:
        total = sum(getattr(ends, name).probability for name in Ends.model_fields)
        if total > 1 + _TOLERANCE:
            yield path, f"has probabilities that add up to {100 * total:.6g}%", "write at most 100%; the rest is ok"


def _incident(scenario: Scenario, number: int, incident: Incident) -> Found:
    path = f"incidents.{number}"
    targets = ["node", *(f"psps.{p.name}" for p in scenario.psps), *(f"ecs.{g.name}" for g in scenario.ecs)]
    if incident.target not in targets:
        fix = f"write one of {_some(targets)}"
        yield f"{path}.target", f"names {incident.target}, which is not in the scenario", fix
    if incident.target == "node" and incident.effect != "outage":
        yield f"{path}.effect", "cannot happen to the Node", "write outage, or another target"
    on_calendar = incident.at is not None and incident.duration is not None
    at_random = incident.mtbf is not None and incident.mttr is not None
    partly = sum(x is not None for x in (incident.at, incident.duration, incident.mtbf, incident.mttr))
    if on_calendar == at_random or partly != 2:
        yield path, "does not say when it happens", "write at and duration, or mtbf and mttr"
    if incident.effect == "slowdown" and incident.factor == 1.0:
        yield f"{path}.factor", "slows nothing down", "write a factor above 1, for example factor: 10"


def _slos(scenario: Scenario) -> Found:
    names = {"psp": tuple(p.name for p in scenario.psps), "ec_group": tuple(g.name for g in scenario.ecs)}
    for index, text in enumerate(scenario.slos):
        try:
            slos.parse(text, names)
        except ValueError as error:
            problem, _, fix = str(error).partition("; ")
            yield f"slos.{index}", problem, fix


def _some(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
