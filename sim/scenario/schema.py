"""What a scenario file may say: one frozen class per section, defaults from the platform's public figures.

A field's unit is its type: `Seconds`, `PerSecond`, `Share`, `Delay` (a distribution of seconds). Defaults
that come from a source name it; defaults that nobody publishes say *assumed*. Sources are listed in `docs/model.md`.
What needs more than one value (shares that sum, names that exist) is checked in `sim.scenario.crosscheck`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from sim.kernel.distributions import Constant, Distribution, Exponential, Lognormal
from sim.scenario.distributions import delay_s, describe, euros
from sim.scenario.units import duration_s, number, rate_per_s, share, shown, whole

HANG_TIME_S = 60.0
"""How long a hung call holds its worker unless its end says so (assumed)."""
LONGEST_S, FASTEST_PER_S = 366 * 86400.0, 1e6
"""Limits beyond which a run is a slip of the pen."""

SLO_LENGTH = 200

_QUANTITY = {"type": ["string", "number"]}
LAW = {"$comment": "law"}
"""Stands for the JSON schema of laws, which `sim.scenario.jsonschema` puts here."""
AnySeconds = Annotated[
    float,
    BeforeValidator(duration_s),
    PlainSerializer(lambda s: f"{s!r} s", when_used="json"),
    WithJsonSchema({**_QUANTITY, "description": "a duration, such as 250 ms or 15 min"}),
]
Seconds = Annotated[AnySeconds, Field(le=LONGEST_S)]
"""A duration that somebody waits for."""
PerSecond = Annotated[
    float,
    BeforeValidator(rate_per_s),
    PlainSerializer(lambda r: f"{r!r}/s", when_used="json"),
    WithJsonSchema({**_QUANTITY, "description": "a rate, such as 120/s"}),
]
Share = Annotated[
    float, BeforeValidator(share), WithJsonSchema({**_QUANTITY, "description": "a share, such as 98% or 0.98"})
]
Delay = Annotated[
    Distribution,
    BeforeValidator(delay_s),
    PlainSerializer(lambda d: describe(d, "s"), when_used="json"),
    WithJsonSchema(LAW),
]
Euros = Annotated[
    Distribution,
    BeforeValidator(euros),
    PlainSerializer(lambda d: describe(d, "EUR"), when_used="json"),
    WithJsonSchema(LAW),
]
Number = Annotated[float, BeforeValidator(number)]
Whole = Annotated[int, BeforeValidator(whole)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]
Workers = Annotated[Whole, Field(ge=0, le=1_000_000)]


class Section(BaseModel):
    """A section of a scenario: closed, frozen, written with the platform's names where they exist."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def _extension(value: object) -> object:
    if value == "none":
        return value
    seconds = duration_s(value)
    if seconds > LONGEST_S:
        raise ValueError(f"is {shown(value)}; write at most {LONGEST_S:.15g} s, or none")
    return seconds


Extension = Annotated[
    float | Literal["none"],
    BeforeValidator(_extension),
    PlainSerializer(lambda e: e if e == "none" else f"{e!r} s", when_used="json"),
    WithJsonSchema({**_QUANTITY, "description": "a duration, or none"}),
]


class Protocol(Section):
    """Which reading of the protocol, and what is overridden in it (see `sim.scenario.presets`)."""

    preset: Literal["sanp-3.6.1", "nodo-observed"] = "sanp-3.6.1"
    token_validity: Seconds | None = Field(default=None, gt=0, le=1800, description="at most 30 min (BP-PSP)")
    token_extension: Extension | None = Field(default=None, description="counted from the close; none: not extended")
    unreachable_is_final: bool | None = None
    accepted_expires: bool | None = None
    psp_timeout: Seconds | None = Field(default=None, gt=0)
    ec_timeout: Seconds | None = Field(default=None, gt=0)
    receipt_timeout: Seconds | None = Field(default=None, gt=0)
    idempotency: bool | None = None
    idempotency_validity: Seconds | None = Field(default=None, gt=0)
    receipt_max_retries: Whole | None = Field(default=None, ge=0, le=1000)
    late_ko_fault: Literal["PPT_TOKEN_SCADUTO_KO", "PPT_SEMANTICA"] | None = Field(default=None, description="R13")
    after_refusal_fault: Literal["PPT_SEMANTICA", "PPT_TOKEN_SCADUTO"] | None = Field(default=None, description="R8")


class Run(Section):
    """How long, how often and from which seed."""

    warm_up: Seconds = 600.0
    window: Seconds = Field(default=3600.0, gt=0)
    replications: Whole = Field(default=10, ge=1, le=100_000)
    seed: Whole = Field(default=1, ge=0, lt=2**63)
    confidence: Share = Field(default=0.95, gt=0, lt=1)
    bin: Seconds = Field(default=60.0, ge=1, description="width of the time bins of stations.parquet")
    engine: Literal["simpy", "compiled"] = Field(
        default="simpy", description="what computes it: compiled needs Numba, is many times faster, and gives the same"
    )


class Stage(Section):
    """One stage of a ramp: from the previous stage's rate (or `start`) to `rate` over its duration."""

    duration: Seconds = Field(gt=0)
    rate: PerSecond = Field(le=FASTEST_PER_S)
    start: PerSecond | None = Field(
        default=None, le=FASTEST_PER_S, description="rate at the stage's start; a step unless given"
    )


class Trace(Section):
    """Arrival times from a CSV or Parquet column: seconds from the start of the run, or ISO 8601 timestamps."""

    file: str
    column: str


class Arrivals(Section):
    """When carts arrive: exactly one of `rate`, `ramp`, `trace`; `profile` scales `rate` by hour of day."""

    process: Literal["poisson", "constant"] = "poisson"
    rate: PerSecond | None = Field(default=None, le=FASTEST_PER_S)
    profile: tuple[Annotated[Number, Field(ge=0)], ...] | None = Field(
        default=None, min_length=24, max_length=24, description="mean 1"
    )
    start_hour: Number = Field(default=0.0, ge=0, lt=24)
    ramp: tuple[Stage, ...] | None = Field(default=None, min_length=1)
    trace: Trace | None = None


class Cart(Section):
    """What is in a cart. The distribution of cart sizes is published nowhere: assumed."""

    notices: dict[Annotated[Whole, Field(ge=1, le=5)], Share] = Field(default={1: 1.0}, min_length=1)
    amount: Euros = Field(
        default=euros({"lognormal": {"median": "65 EUR", "sigma": 1.5}}),
        description="amount of a notice; the default has a mean of 200 EUR, as published for 2020-2023",
    )


class Retry(Section):
    """A citizen who comes back with the same notices."""

    probability: Share = 0.0
    max_tries: Whole = Field(default=3, ge=1, le=50, description="tries in all, the first one included")
    wait: Delay = Field(default=Exponential(mean=120.0))


class Citizen(Section):
    """Behaviour of the person who pays. All assumed: nothing of it is published."""

    think_time: Delay = Field(default=Lognormal(median=60.0, sigma=0.6))
    abandon: Share = 0.0
    cancel: Share = 0.0
    retry: Retry = Retry()


class ActivationCall(Section):
    """Checkout's activation call (ECT: 14 s, 3 tries 2 s apart, faults are not retried)."""

    timeout: Seconds = Field(default=14.0, gt=0)
    tries: Whole = Field(default=3, ge=1, le=50)
    wait: Seconds = 2.0


class Authorisation(Section):
    """The payment gateway: how long it takes, including the citizen's 3-D Secure, and how often it denies."""

    time: Delay = Field(default=Lognormal(median=20.0, sigma=0.6))
    denied: Share = 0.0


class CloseCall(Section):
    """closePaymentV2 as Checkout sends it (ECD: 14 s; 3 retries after 30 s x attempt, up to token end - 10 s)."""

    timeout: Seconds = Field(default=14.0, gt=0)
    retries: Whole = Field(default=3, ge=0, le=50)
    wait: Seconds = 30.0
    margin: Seconds = 10.0


class Refund(Section):
    """The reversal at the gateway (ECD: 5 retries after 600 s x attempt); time and failure are assumed."""

    time: Delay = Field(default=Exponential(mean=2.0))
    failure: Share = 0.0
    retries: Whole = Field(default=5, ge=0, le=50)
    wait: Seconds = 600.0


class PoolSection(Section):
    """Concurrent calls: how many at once, how many may wait, and for how long."""

    size: Workers | None = None
    queue_limit: Whole | None = Field(default=None, ge=0)
    wait_limit: Seconds | None = Field(default=None, gt=0)
    shared: bool = Field(default=True, description="one pool for all counterparts, or one each")


class Checkout(Section):
    """Checkout: the front end of the platform and its back ends."""

    parallel_activations: Whole = Field(default=5, ge=1, le=5)
    activation: ActivationCall = ActivationCall()
    authorisation: Authorisation = Authorisation()
    close: CloseCall = CloseCall()
    refund: Refund = Refund()
    redirect_wait: Seconds = Field(
        default=30.0, description="how long the page waits for the result before the browser goes back (assumed)"
    )
    when_close_unanswered: Literal["reverse", "manual_check"] | None = Field(
        default=None, description="by preset: reverse after the token's end (text), manual check (observed)"
    )


class Processing(Section):
    """A pool of workers and the time each call takes."""

    workers: Workers | None = None
    queue_limit: Whole | None = Field(default=None, ge=0)
    service_time: Delay = Field(default=Constant(0.02))


class Jobs(Section):
    """Periods of the Node's jobs. Not published: assumed."""

    mod3CancelV2: Seconds = Field(default=60.0, ge=1)  # noqa: N815
    paSendRt: Seconds = Field(default=3600.0, ge=1, le=86400)  # noqa: N815


class ResultCall(Section):
    """sendPaymentResult-v2 to Checkout (INFRA: first again after 10 min, then 5 times every 2 min)."""

    first_wait: Seconds = 600.0
    wait: Seconds = 120.0
    retries: Whole = Field(default=5, ge=0, le=50)


class NodeSection(Section):
    """The Node."""

    processing: Processing = Processing()
    ec_pool: PoolSection = PoolSection()
    psp_pool: PoolSection = PoolSection()
    jobs: Jobs = Jobs()
    result: ResultCall = ResultCall()


class Link(Section):
    """A network link: latency and loss of each of its directions."""

    latency: Delay = Field(default=Constant(0.01))
    loss: Share = 0.0


class Links(Section):
    """Links between the actors."""

    checkout_node: Link = Link()
    node_ec: Link = Link()
    node_psp: Link = Link()


class End(Section):
    """One way for a call to end other than ok, written as a probability or as a section."""

    probability: Share
    time: Delay | None = Field(
        default=None,
        description="how long a worker is held: the service time unless given, for hang 60 s (assumed); "
        "unreachable: how long it takes to be refused, no time unless given; lost_request: none",
    )
    done: Share = Field(default=0.5, description="malformed: how often the work is done all the same")


def _end(value: object) -> object:
    return value if isinstance(value, (dict, End)) else {"probability": value}


MaybeEnd = Annotated[End, BeforeValidator(_end)]
_NEVER = End(probability=0.0)


class Ends(Section):
    """How a call can end (design of the model, "ends of a call"); what is left is ok."""

    ko: MaybeEnd = _NEVER
    malformed: MaybeEnd = _NEVER
    unreachable: MaybeEnd = _NEVER
    lost_request: MaybeEnd = _NEVER
    lost_reply: MaybeEnd = _NEVER
    hang: MaybeEnd = _NEVER


class Service(Section):
    """How an actor answers one primitive."""

    time: Delay = Field(default=Lognormal(median=0.4, sigma=0.784))
    ends: Ends = Ends()


class WorkersFrom(Section):
    """Workers from a moment of the run on."""

    at: Seconds
    workers: Workers


class Servers(Section):
    """What ECs and PSPs have in common: a name, a share of the traffic, and workers."""

    name: Name
    share: Share
    workers: Workers | None = None
    schedule: tuple[WorkersFrom, ...] = Field(
        default=(), description="later numbers of workers; without workers, there are none until the first of them"
    )
    queue_limit: Whole | None = Field(default=None, ge=0)


class EcGroup(Servers):
    """A group of creditors; each has its own workers. Traffic within the group is Zipf with this exponent."""

    count: Whole = Field(default=1, ge=1, le=100_000)
    zipf: Number = Field(default=0.0, ge=0, le=5)
    pa_get_payment: Service = Field(default=Service(), alias="paGetPayment")
    pa_send_rt: Service = Field(default=Service(), alias="paSendRT")


class Psp(Servers):
    """A payment service provider. Outcome policy: IQ (5 tries, 15 s x (2^k - 1), timeout 15 s)."""

    psp_notify_payment: Service = Field(default=Service(), alias="pspNotifyPaymentV2")
    outcome_delay: Delay = Field(default=Lognormal(median=0.4, sigma=0.784))
    outcome_ko: Share = Field(default=0.0, description="an outcome KO, which the Node refuses (R10)")
    outcome_lost: Share = Field(default=0.0, description="the outcome is never sent")
    outcome_timeout: Seconds = Field(default=15.0, gt=0)
    outcome_tries: Whole = Field(default=5, ge=1, le=12)
    outcome_slot: Seconds = 15.0
    outcome_after_ko: Share = Field(default=0.0, description="a stray outcome OK after its own KO (R8)")
    books_after_hang: Share = Field(default=0.0, description="a hung notification is booked all the same")


class Incident(Section):
    """Something that goes wrong for a while, on a calendar (`at`, `duration`) or at random (`mtbf`, `mttr`)."""

    name: Name | None = Field(default=None, description="what paths call it; its number from 0 unless given")
    target: str = Field(description="psps.NAME, ecs.NAME or node")
    effect: Literal["outage", "slowdown", "partition", "lost_replies", "mix"]
    primitive: Literal["paGetPayment", "paSendRT", "pspNotifyPaymentV2"] | None = None
    at: Seconds | None = None
    duration: Seconds | None = Field(default=None, gt=0)
    mtbf: AnySeconds | None = Field(default=None, ge=1, description="mean time from the end of one to the next")
    mttr: Seconds | None = Field(default=None, gt=0, description="mean length of one")
    factor: Number = Field(default=1.0, gt=0, le=10_000, description="slow-down: service times are multiplied by it")
    share: Share = Field(default=1.0, description="lost_replies: how many of the replies are lost")
    ends: Ends = Field(default=Ends(), description="mix: replaces the ends of the calls")
    in_service: Literal["finish", "kill"] = Field(default="kill", description="outage: fate of calls in service")


class Scenario(Section):
    """A whole scenario, as resolved."""

    name: Name
    title: str = Field(default="", max_length=200)
    description: str = Field(default="", max_length=20_000)
    protocol: Protocol = Protocol()
    run: Run = Run()
    arrivals: Arrivals
    cart: Cart = Cart()
    citizen: Citizen = Citizen()
    checkout: Checkout = Checkout()
    node: NodeSection = NodeSection()
    links: Links = Links()
    ecs: tuple[EcGroup, ...] = Field(min_length=1, max_length=10_000)
    psps: tuple[Psp, ...] = Field(min_length=1, max_length=1_000)
    incidents: tuple[Incident, ...] = ()
    slos: tuple[Annotated[str, Field(max_length=SLO_LENGTH)], ...] = ()
