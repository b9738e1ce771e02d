"""Random small scenarios of every feature: a dozen or so of carts in a world where anything can go wrong.

Values are few and extreme rather than many and moderate, so that features meet each other often. Only tests of
properties may import it.
"""

from hypothesis import strategies as st

from sim.scenario.load import from_dict

ARRIVALS_CSV = "seconds\n" + "\n".join(str(7 * n % 61) for n in range(25)) + "\n"
"""Arrival times of the scenarios with a trace; the test's folder has them as `arrivals.csv`."""


def maybe(strategy):
    """Return nothing half of the time."""
    return st.none() | strategy


def of(*values):
    """Choose one of a few values."""
    return st.sampled_from(values)


RARE = of(0.0, 0.05, 0.15)
"""A share that may stand beside five others."""
SHARE = of(0.0, 0.05, 0.3, 0.9)
DELAY = of(
    "0 s",
    "100 ms",
    "3 s",
    "20 s",
    {"exponential": {"mean": "1 s"}},
    {"lognormal": {"p50": "400 ms", "p98": "2 s"}},
    {"uniform": {"low": "1 s", "high": "30 s"}},
    {"pareto": {"minimum": "100 ms", "shape": 1.5}},
)
LONG_DELAY = DELAY | of("2 min", {"exponential": {"mean": "5 min"}}, {"weibull": {"scale": "1 min", "shape": 0.7}})
COUNT = of(0, 1, 2, 5)


@st.composite
def sections(draw, **fields):
    """Draw a section in which a field that is drawn as None is left out."""
    drawn = {name: draw(strategy) for name, strategy in fields.items()}
    return {name: value for name, value in drawn.items() if value is not None}


ENDS = st.just({}) | sections(
    ko=RARE,
    malformed=RARE | sections(probability=RARE, done=SHARE, time=maybe(DELAY)),
    unreachable=RARE,
    lost_request=RARE,
    lost_reply=RARE,
    hang=RARE | sections(probability=RARE, time=maybe(LONG_DELAY)),
)
SERVICE = sections(time=DELAY, ends=ENDS)
POOL = st.just({}) | sections(
    size=COUNT, queue_limit=maybe(COUNT), wait_limit=maybe(of("500 ms", "5 s")), shared=st.booleans()
)
SCHEDULE = of([], [], [{"at": "30 s", "workers": 0}, {"at": "70 s", "workers": 2}], [{"at": "20 s", "workers": 1}])
SERVERS = {"workers": maybe(COUNT), "queue_limit": maybe(COUNT), "schedule": SCHEDULE}
PROTOCOL = sections(
    preset=of("sanp-3.6.1", "nodo-observed"),
    token_validity=maybe(of("60 s", "5 min", "30 min")),
    token_extension=maybe(of("none", "0 s", "90 s", "1 h")),
    unreachable_is_final=maybe(st.booleans()),
    accepted_expires=maybe(st.booleans()),
    psp_timeout=maybe(of("1 s", "20 s")),
    ec_timeout=maybe(of("1 s", "20 s")),
    receipt_timeout=maybe(of("1 s", "30 s")),
    idempotency=maybe(st.booleans()),
    idempotency_validity=maybe(of("10 s", "10 min")),
    receipt_max_retries=maybe(of(0, 3)),
)
ARRIVALS = of(
    {"process": "poisson", "rate": "0.3/s"},
    {"process": "constant", "rate": "0.5/s"},
    {"process": "poisson", "rate": "0.3/s", "profile": [2, 0] * 12, "start_hour": 6.99},
    {"process": "constant", "ramp": [{"duration": "40 s", "start": "0/s", "rate": "1/s"}]},
    {"process": "poisson", "ramp": [{"duration": "20 s", "rate": "0.1/s"}, {"duration": "20 s", "rate": "0.9/s"}]},
    {"trace": {"file": "arrivals.csv", "column": "seconds"}},
)
CART = sections(
    notices=of({1: 1}, {5: 1}, {1: 0.5, 2: 0.25, 3: 0.25}),
    amount=of("50 EUR", {"lognormal": {"median": "65 EUR", "sigma": 1.5}}, {"exponential": {"mean": "1 EUR"}}),
)
CITIZEN = sections(
    think_time=LONG_DELAY,
    abandon=SHARE,
    cancel=SHARE,
    retry=sections(probability=of(0.0, 0.5, 1.0), max_tries=of(1, 2, 4), wait=LONG_DELAY),
)
CHECKOUT = sections(
    parallel_activations=of(1, 2, 5),
    activation=sections(timeout=of("1 s", "14 s"), tries=of(1, 3), wait=of("0 s", "2 s")),
    authorisation=sections(time=LONG_DELAY, denied=SHARE),
    close=sections(timeout=of("1 s", "14 s"), retries=of(0, 3), wait=of("0 s", "30 s"), margin=of("0 s", "10 s")),
    refund=sections(time=DELAY, failure=SHARE, retries=of(0, 5), wait=of("0 s", "600 s")),
    redirect_wait=of("0 s", "30 s"),
    when_close_unanswered=maybe(of("reverse", "manual_check")),
)
NODE = sections(
    processing=sections(workers=maybe(COUNT), queue_limit=maybe(COUNT), service_time=of("0 s", "20 ms", "2 s")),
    ec_pool=POOL,
    psp_pool=POOL,
    jobs=sections(mod3CancelV2=of("7 s", "60 s", "300 s"), paSendRt=of("50 s", "3600 s")),
    result=sections(first_wait=of("0 s", "600 s"), wait=of("5 s", "120 s"), retries=of(0, 5)),
)
LATENCIES = ("0 s", "10 ms", {"uniform": {"low": "0 s", "high": "900 ms"}}, {"exponential": {"mean": "200 ms"}}, "4 s")
"""Some messages are longer under way than their caller waits (1 s at least)."""
LINK = sections(latency=of(*LATENCIES), loss=RARE)
LINKS = sections(checkout_node=LINK, node_ec=LINK, node_psp=LINK)


def _ecs(name, share):
    return sections(
        name=st.just(name),
        share=st.just(share),
        count=of(1, 3, 1000),
        zipf=of(0, 1.1),
        paGetPayment=SERVICE,
        paSendRT=SERVICE,
        **SERVERS,
    )


def _psp(name, share):
    return sections(
        name=st.just(name),
        share=st.just(share),
        pspNotifyPaymentV2=SERVICE,
        outcome_delay=LONG_DELAY,
        outcome_ko=RARE,
        outcome_lost=RARE,
        outcome_timeout=of("1 s", "15 s"),
        outcome_tries=of(1, 5),
        outcome_slot=of("0 s", "15 s"),
        outcome_after_ko=SHARE,
        books_after_hang=SHARE,
        **SERVERS,
    )


ECS = st.tuples(_ecs("north", 0.3), _ecs("south", 0.7)).map(list)
PSPS = st.tuples(_psp("red", 0.6), _psp("blue", 0.4)).map(list)
WHEN = of({"at": "20 s", "duration": "30 s"}, {"at": "0 s", "duration": "1 h"}, {"mtbf": "40 s", "mttr": "15 s"})


@st.composite
def incidents(draw):
    """Draw an incident of any effect on any target."""
    target = draw(of("node", "psps.red", "psps.blue", "ecs.north", "ecs.south"))
    effects = ("outage", "slowdown") if target == "node" else ("outage", "slowdown", "partition", "lost_replies", "mix")
    effect = draw(of(*effects))
    incident = {"target": target, "effect": effect, **draw(WHEN)}
    primitives = {"ps": ["pspNotifyPaymentV2"], "ec": ["paGetPayment", "paSendRT"]}.get(target[:2])
    if primitives and draw(st.booleans()):
        incident["primitive"] = draw(of(*primitives))
    if effect == "outage":
        incident["in_service"] = draw(of("finish", "kill"))
    if effect == "slowdown":
        incident["factor"] = draw(of(2, 50))
    if effect == "lost_replies":
        incident["share"] = draw(of(0.5, 1))
    if effect == "mix":
        incident["ends"] = draw(ENDS)
    return incident


@st.composite
def scenarios(draw, **fixed):
    """Draw a whole scenario; `fixed` replaces strategies of sections."""
    parts = {
        "protocol": PROTOCOL,
        "arrivals": ARRIVALS,
        "cart": CART,
        "citizen": CITIZEN,
        "checkout": CHECKOUT,
        "node": NODE,
        "links": LINKS,
        "ecs": ECS,
        "psps": PSPS,
        "incidents": st.lists(incidents(), max_size=3),
        **fixed,
    }
    run = {"warm_up": draw(of("0 s", "15 s")), "window": "60 s", "seed": draw(of(1, 2, 3)), "bin": "10 s"}
    return {"name": "random", "run": run, **{name: draw(strategy) for name, strategy in parts.items()}}


def loaded(scenario, folder):
    """Load a drawn scenario; the folder has the arrivals of traces."""
    return from_dict(scenario, folder=folder)
