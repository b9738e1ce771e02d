"""What must hold between the values of a scenario: names that exist, shares that add up, one way to arrive.

It reads the values as written, and passes over those that the schema refuses, so that its problems are reported
together with the schema's.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from math import ceil
from typing import Any, TypeVar, get_args

import numpy.typing as npt

from sim.scenario import slos
from sim.scenario.flaws import listed, suggestion
from sim.scenario.schema import (
    FASTEST_PER_S,
    LONGEST_S,
    SLO_LENGTH,
    ActivationCall,
    CloseCall,
    End,
    Ends,
    Incident,
    Psp,
    Refund,
    ResultCall,
    Run,
    Section,
)
from sim.scenario.units import duration_s, number, rate_per_s, share, whole

Found = Iterator[tuple[str, str, str]]
"""Path, problem, what to write instead."""
T = TypeVar("T")
TOLERANCE = 1e-9
MAX_CARTS, MAX_BINS, MAX_INCIDENTS, MAX_TRIES = 1e9, 100_000, 100_000, 50
PRIMITIVES = {"psps": ("pspNotifyPaymentV2",), "ecs": ("paGetPayment", "paSendRT")}
EFFECTS = get_args(Incident.model_fields["effect"].annotation)
EFFECT_OF = {"factor": "slowdown", "share": "lost_replies", "ends": "mix", "in_service": "outage"}
DONE = End.model_fields["done"].default
WAITS: tuple[tuple[str, type[Section], str, str, Callable[[int], int]], ...] = (
    ("checkout.activation", ActivationCall, "wait", "tries", lambda tries: tries - 1),
    ("checkout.close", CloseCall, "wait", "retries", lambda retries: retries * (retries + 1) // 2),
    ("checkout.refund", Refund, "wait", "retries", lambda retries: retries * (retries + 1) // 2),
    ("node.result", ResultCall, "wait", "retries", lambda retries: retries),
    ("psps", Psp, "outcome_slot", "outcome_tries", lambda tries: 2**tries - 1 - tries),
)
"""Who waits, for how long, how often, and how many times that long in all (see the sections of the schema)."""
UNSET = Incident(target="node", effect="outage").model_dump(mode="json", exclude_none=True)
"""An incident that says no more than it must: what a dump of a scenario says, though nobody wrote it."""


def crosscheck(values: Any, trace_s: npt.NDArray[Any] | None) -> Found:
    """Yield every problem between the values of a scenario."""
    scenario = _section(values)
    names = {kind: _names(scenario.get(kind)) for kind in ("ecs", "psps")}
    end_s = _end_s(scenario)
    yield from _arrivals(scenario, end_s, trace_s)
    yield from _bins(_section(scenario.get("run")), end_s)
    yield from _engine(_section(scenario.get("run")))
    yield from _notices(_section(_section(scenario.get("cart")).get("notices")))
    yield from _waits(scenario)
    for kind, found in names.items():
        items = _items(scenario.get(kind))
        yield from _adds_up(kind, [_section(item).get("share") for item in items])
        yield from _twice(kind, found)
    yield from _twice("incidents", _names(scenario.get("incidents")))
    yield from _ends(scenario)
    for path, incident in _called("incidents", scenario.get("incidents")):
        yield from _incident(path, incident, names)
        yield from _renewals(path, incident, end_s)
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
    for index, item in enumerate(_items(value)):
        name = _section(item).get("name")
        yield f"{path}.{name if isinstance(name, str) and name else index}", _section(item)


def _read(reader: Callable[[Any], T], value: Any) -> T | None:
    try:
        return reader(value)
    except ValueError:
        return None


def _given(section: Mapping[str, Any], of: type[Section], name: str, reader: Callable[[Any], T]) -> T | None:
    """Read what a section says, or its default."""
    default: T = of.model_fields[name].default
    return _read(reader, section[name]) if name in section else default


def _end_s(scenario: Mapping[str, Any]) -> float:
    """Return when arrivals end, without what is too long."""
    spans = (_given(_section(scenario.get("run")), Run, name, duration_s) for name in ("warm_up", "window"))
    return sum(span for span in spans if span is not None and span <= LONGEST_S)


# --- the rules ------------------------------------------------------------------------------------------------------


def _arrivals(scenario: Mapping[str, Any], end_s: float, trace_s: npt.NDArray[Any] | None) -> Found:
    arrivals = _section(scenario.get("arrivals"))
    ways = ("rate", "ramp", "trace")
    given = [name for name in ways if arrivals.get(name) is not None]
    if isinstance(scenario.get("arrivals"), dict) and len(given) != 1:
        said = f"has {' and '.join(given)}" if given else "has no rate, ramp or trace"
        yield "arrivals", said, "write exactly one of rate, ramp and trace"
    if arrivals.get("profile") is not None and arrivals.get("rate") is None:
        yield "arrivals.profile", "has no rate to scale", "write rate as well"
    factors = [_read(number, factor) for factor in _items(arrivals.get("profile"))]
    profile = [factor for factor in factors if factor is not None and factor >= 0]
    profile = profile if len(factors) == len(profile) == 24 else [1.0] * 24
    if abs(sum(profile) / 24 - 1) > 0.005:
        yield "arrivals.profile", f"has the mean {sum(profile) / 24:.4g}", "write 24 factors whose mean is 1"
        profile = [1.0]
    stages = [_section(stage).get(key, 0) for stage in _items(arrivals.get("ramp")) for key in ("start", "rate")]
    rates = [_read(rate_per_s, rate) or 0 for rate in (*stages, arrivals.get("rate") or 0)]
    fastest = max((rate for rate in rates if rate <= FASTEST_PER_S), default=0)
    carts = fastest * max(profile) * end_s
    if carts > MAX_CARTS:
        fix = f"write a lower rate or a shorter window, for at most {MAX_CARTS:g}"
        yield "arrivals", f"asks for up to {carts:.2g} carts", fix
    if trace_s is not None and not (trace_s < end_s).any():
        yield "arrivals.trace", "has no arrivals before the run ends", "give at least one row before warm_up + window"


def _bins(run: Mapping[str, Any], end_s: float) -> Found:
    width = _given(run, Run, "bin", duration_s)
    if width is not None and 1 <= width < end_s / MAX_BINS:
        fix = f"write {ceil(end_s / MAX_BINS)} s or more, for at most {MAX_BINS}"
        yield "run.bin", f"makes {ceil(end_s / width)} bins of {width:.15g} s", fix


def _engine(run: Mapping[str, Any]) -> Found:
    if run.get("engine") == "compiled" and find_spec("numba") is None:
        fix = 'install it with: pip install "pagopa-sim[compiled]", or write simpy'
        yield "run.engine", "compiled needs Numba, which is not installed", fix


def _notices(shares: Mapping[str, Any]) -> Found:
    sizes: dict[int | None, str] = {None: ""}
    for key in shares:
        if sizes.setdefault(_read(whole, key), key) not in ("", key):
            yield f"cart.notices.{key}", f"is the size {whole(key)} once more", "keep one of the two"
    yield from _adds_up("cart.notices", list(shares.values()))


def _waits(scenario: Mapping[str, Any]) -> Found:
    """Find those who may still wait when the longest run would have ended."""
    for place, of, wait, often, times in WAITS:
        above, _, name = place.rpartition(".")
        holder = _section(scenario.get(above)) if above else scenario
        written = holder.get(name)
        for path, section in [(place, _section(written))] if above else _called(place, written):
            wait_s, count = _given(section, of, wait, duration_s), _given(section, of, often, whole)
            if wait_s is None or wait_s > LONGEST_S or count is None or count > MAX_TRIES:
                continue  # the schema says so
            if wait_s * times(count) > LONGEST_S:
                said = f"makes {wait_s * times(count):.3g} s in all with {count} {often}"
                yield f"{path}.{wait}", said, f"write a shorter one or fewer {often}, for at most {LONGEST_S:.15g} s"


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


def _renewals(path: str, incident: Mapping[str, Any], end_s: float) -> Found:
    between_s, during_s = (_given(incident, Incident, key, duration_s) for key in ("mtbf", "mttr"))
    if between_s is not None and between_s >= 1 and end_s / (between_s + (during_s or 0)) > MAX_INCIDENTS:
        count = end_s / (between_s + (during_s or 0))
        fix = f"write a longer time, for at most {MAX_INCIDENTS}"
        yield f"{path}.mtbf", f"makes about {count:.2g} incidents in {end_s:.15g} s", fix


def _slos(texts: list[Any], names: Mapping[str, list[str]]) -> Found:
    known = {"psp": tuple(names["psps"]), "ec_group": tuple(names["ecs"])}
    for index, text in enumerate(texts):
        if isinstance(text, str) and len(text) <= SLO_LENGTH:
            try:
                slos.parse(text, known)
            except ValueError as error:
                problem, _, fix = str(error).partition("; ")
                yield f"slos.{index}", problem, fix
