"""What must hold between the values of a scenario: names that exist, shares that add up, one way to arrive.

It reads the values as written, and passes over those that the schema refuses, so that its problems are reported
together with the schema's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar, get_args

import numpy.typing as npt

from sim.scenario import slos
from sim.scenario.flaws import listed, suggestion
from sim.scenario.schema import FASTEST_PER_S, LONGEST_S, SLO_LENGTH, End, Ends, Incident
from sim.scenario.units import duration_s, rate_per_s, share

Found = Iterator[tuple[str, str, str]]
"""Path, problem, what to write instead."""
T = TypeVar("T")
TOLERANCE = 1e-9
MAX_CARTS = 1e9
PRIMITIVES = {"psps": ("pspNotifyPaymentV2",), "ecs": ("paGetPayment", "paSendRT")}
EFFECTS = get_args(Incident.model_fields["effect"].annotation)
EFFECT_OF = {"factor": "slowdown", "share": "lost_replies", "ends": "mix", "in_service": "outage"}
DONE = End.model_fields["done"].default
UNSET = Incident(target="node", effect="outage").model_dump(mode="json", exclude_none=True)
"""An incident that says no more than it must: what a dump of a scenario says, though nobody wrote it."""


def crosscheck(values: Any, trace_s: npt.NDArray[Any] | None) -> Found:
    """Yield every problem between the values of a scenario."""
    scenario = _section(values)
    names = {kind: _names(scenario.get(kind)) for kind in ("ecs", "psps")}
    yield from _arrivals(scenario, trace_s)
    yield from _adds_up("cart.notices", list(_section(_section(scenario.get("cart")).get("notices")).values()))
    for kind, found in names.items():
        items = _items(scenario.get(kind))
        yield from _adds_up(kind, [_section(item).get("share") for item in items])
        yield from _twice(kind, found)
    yield from _twice("incidents", _names(scenario.get("incidents")))
    yield from _ends(scenario)
    for path, incident in _called("incidents", scenario.get("incidents")):
        yield from _incident(path, incident, names)
    yield from _slos(_items(scenario.get("slos")), names)


# --- values that may be anything ------------------------------------------------------------------------------------


def _section(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    names = (_section(item).get("name") for item in _items(value))
    return [name for name in names if isinstance(name, str)]


def _called(path: str, value: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the sections of a list with the paths that call them by name."""
    for number, item in enumerate(_items(value)):
        name = _section(item).get("name")
        yield f"{path}.{name if isinstance(name, str) and name else number}", _section(item)


def _read(reader: Callable[[Any], T], value: Any) -> T | None:
    try:
        return reader(value)
    except ValueError:
        return None


# --- the rules ------------------------------------------------------------------------------------------------------


def _arrivals(scenario: Mapping[str, Any], trace_s: npt.NDArray[Any] | None) -> Found:
    arrivals = _section(scenario.get("arrivals"))
    ways = ("rate", "ramp", "trace")
    given = [name for name in ways if arrivals.get(name) is not None]
    if isinstance(scenario.get("arrivals"), dict) and len(given) != 1:
        said = f"has {' and '.join(given)}" if given else "has no rate, ramp or trace"
        yield "arrivals", said, "write exactly one of rate, ramp and trace"
    yield from _profile(arrivals)
    run = _section(scenario.get("run"))
    spans = [_read(duration_s, run.get(name, usual)) or 0 for name, usual in (("warm_up", "10 min"), ("window", "1 h"))]
    end = sum(span for span in spans if span <= LONGEST_S)
    stages = [_section(stage).get(key, 0) for stage in _items(arrivals.get("ramp")) for key in ("start", "rate")]
    rates = [_read(rate_per_s, rate) or 0 for rate in (*stages, arrivals.get("rate") or 0)]
    fastest = max((rate for rate in rates if rate <= FASTEST_PER_S), default=0)
    if fastest * end > MAX_CARTS:
        fix = f"write a lower rate or a shorter window, for at most {MAX_CARTS:g}"
        yield "arrivals", f"asks for up to {fastest * end:.2g} carts", fix
    if trace_s is not None and not (trace_s < end).any():
        yield "arrivals.trace", "has no arrivals before the run ends", "give at least one row before warm_up + window"


def _profile(arrivals: Mapping[str, Any]) -> Found:
    factors = arrivals.get("profile")
    if factors is None:
        return
    if arrivals.get("rate") is None:
        yield "arrivals.profile", "has no rate to scale", "write rate as well"
    numbers = [f for f in _items(factors) if isinstance(f, (int, float)) and not isinstance(f, bool)]
    if len(numbers) != 24:
        return
    if min(numbers) < 0:
        yield "arrivals.profile", "has a negative value", "write 24 factors of zero or more"
    elif abs(sum(numbers) / 24 - 1) > 0.005:
        yield "arrivals.profile", f"has the mean {sum(numbers) / 24:.4g}", "write 24 factors whose mean is 1"


def _adds_up(path: str, written: list[Any]) -> Found:
    shares = [_read(share, each) for each in written]
    total = sum(each for each in shares if each is not None)
    if shares and None not in shares and abs(total - 1) > TOLERANCE:
        yield path, f"has shares that add up to {100 * total:.6g}%", "write shares that add up to 100%"


def _twice(path: str, names: list[str]) -> Found:
    for name, count in Counter(names).items():
        if count > 1:
            yield f"{path}.{name}", f"is the name of {count} entries", "give every entry its own name"


def _ends(scenario: Mapping[str, Any]) -> Found:
    places = [
        *(
            (f"{path}.{primitive}", _section(section.get(primitive)))
            for kind, primitives in PRIMITIVES.items()
            for path, section in _called(kind, scenario.get(kind))
            for primitive in primitives
        ),
        *_called("incidents", scenario.get("incidents")),
    ]
    for path, section in places:
        ends = _section(section.get("ends"))
        written = [end.get("probability") if isinstance(end, dict) else end for end in ends.values()]
        shares = [_read(share, each) for each in written]
        total = sum(each for each in shares if each is not None)
        if set(ends) <= set(Ends.model_fields) and total > 1 + TOLERANCE:
            said = f"has probabilities that add up to {100 * total:.6g}%"
            yield f"{path}.ends", said, "write at most 100%; the rest is ok"
        for name, end in ends.items():
            if name == "lost_request" and _section(end).get("time") is not None:
                yield f"{path}.ends.{name}.time", "means nothing for a call that does not arrive", "leave it out"
            if name in Ends.model_fields and name != "malformed" and _section(end).get("done", DONE) != DONE:
                yield f"{path}.ends.{name}.done", f"means nothing for {name}", "leave it out, or write malformed"


def _incident(path: str, incident: Mapping[str, Any], names: Mapping[str, list[str]]) -> Found:
    target, effect, primitive = (incident.get(key) for key in ("target", "effect", "primitive"))
    targets = ["node", *(f"{kind}.{name}" for kind in ("psps", "ecs") for name in names[kind])]
    if isinstance(target, str) and target not in targets:
        yield f"{path}.target", f"names {target}, which is not in the scenario", suggestion(target, targets)
    elif isinstance(target, str):
        known = PRIMITIVES.get(target.partition(".")[0], ())
        if target == "node" and effect in EFFECTS and effect not in ("outage", "slowdown"):
            yield f"{path}.effect", "cannot happen to the Node", "write outage or slowdown, or another target"
        if any(primitive in primitives for primitives in PRIMITIVES.values()) and primitive not in known:
            fix = f"write {listed(known)}" if known else "leave primitive out"
            yield f"{path}.primitive", f"is no call to {target}", fix
    given = {key for key in ("at", "duration", "mtbf", "mttr") if incident.get(key) is not None}
    if incident and given not in ({"at", "duration"}, {"mtbf", "mttr"}):
        yield path, "does not say when it happens", "write at and duration, or mtbf and mttr"
    for option, needed in EFFECT_OF.items():
        if effect in EFFECTS and effect != needed and incident.get(option, UNSET[option]) != UNSET[option]:
            yield f"{path}.{option}", f"means nothing for {effect}", f"leave it out, or write effect: {needed}"
    if effect == "slowdown" and incident.get("factor", 1) == 1:
        yield path, "slows nothing down", "write a factor above 1, for example factor: 10"


def _slos(texts: list[Any], names: Mapping[str, list[str]]) -> Found:
    known = {"psp": tuple(names["psps"]), "ec_group": tuple(names["ecs"])}
    for number, text in enumerate(texts):
        if isinstance(text, str) and len(text) <= SLO_LENGTH:
            try:
                slos.parse(text, known)
            except ValueError as error:
                problem, _, fix = str(error).partition("; ")
                yield f"slos.{number}", problem, fix
