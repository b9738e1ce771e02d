"""Replay of one payment, scripted: who calls what when, and how each peer answers.

It drives the ledger and the Node process of the model with scripted peers in a world without latency. A
case file that cannot be replayed is answered with a `CaseError`.
"""

import json
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sim.kernel.clock import Clock, Steps
from sim.kernel.station import Station
from sim.model.node import Answered, Asking, Node
from sim.protocol.ledger import Closing, Ledger, Payment, Position, Recipient
from sim.protocol.messages import Activate, Answer, Close, Outcome, Reply, SendOutcome
from sim.protocol.settings import OBSERVED, ProtocolSettings
from sim.protocol.statuses import PaymentStatus, PositionStatus

SETTINGS = replace(OBSERVED, token_validity_s=1800.0, psp_timeout_s=9.0, ec_timeout_s=4.0, receipt_timeout_s=4.0)


Euros = Annotated[str, Field(pattern=r"^\d{1,9}(\.\d{1,2})?$")]
"""An amount as the platform writes it."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Step(_Strict):
    at_s: float = Field(ge=0, allow_inf_nan=False)
    expect: dict[str, Any] = {}


class ActivateStep(_Step):
    """An activation, and how the EC will answer."""

    do: Literal["activate"]
    notice: str
    token: str
    ec: str
    amount_eur: Euros = "0"
    transfers: tuple[str, ...] = ()
    validity_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    idempotency_key: str | None = None
    body: Any = None
    caller: str | None = None
    ec_answer: Answer = Answer.OK


class CloseStep(_Step):
    """A close, and how the PSP will answer the notification that may follow."""

    do: Literal["close_payment"]
    tokens: tuple[str, ...] = Field(min_length=1)
    outcome: Outcome
    fee_eur: Euros = "0"
    channel_version: Literal[1, 2] = 2
    psp_answer: Answer = Answer.OK
    psp_delay_s: float = Field(0.0, ge=0, allow_inf_nan=False)


class OutcomeStep(_Step):
    """An outcome from the PSP."""

    do: Literal["send_outcome"]
    tokens: tuple[str, ...] = Field(min_length=1)
    outcome: Outcome
    fee_eur: Euros | None = None
    idempotency_key: str | None = None
    body: Any = None


class NextReceiptStep(_Step):
    """How the next receipt to an EC is answered."""

    do: Literal["next_receipt"]
    ec: str
    answer: Answer


class JobStep(_Step):
    """One run of a periodic job."""

    do: Literal["job"]
    name: Literal["mod3CancelV2", "paSendRt"]


class Overrides(_Strict):
    """Settings of a replay that a case may change."""

    token_validity_s: float | None = Field(default=None, gt=0)
    token_extension_s: float | None = Field(default=None, gt=0)
    idempotency: bool | None = None
    idempotency_validity_s: float | None = Field(default=None, gt=0)
    broadcast: dict[str, int] | None = None


class SetStep(_Step, Overrides):
    """A change of settings from now on."""

    do: Literal["set"]


class ForceStep(_Step):
    """Overwrite a status without a history row."""

    do: Literal["force"]
    token: str | None = None
    notice: str | None = None
    payment_status: PaymentStatus | None = None
    position_status: PositionStatus | None = None


Step = Annotated[
    ActivateStep | CloseStep | OutcomeStep | NextReceiptStep | JobStep | SetStep | ForceStep,
    Field(discriminator="do"),
]


class Case(_Strict):
    """A scripted payment."""

    id: str
    category: str = ""
    source: str = ""
    settings: Overrides = Overrides()
    steps: tuple[Step, ...]
    checks: tuple[dict[str, Any], ...] = ()


CASES: TypeAdapter[tuple[Case, ...]] = TypeAdapter(tuple[Case, ...])


def _cents(amount_eur: str) -> int:
    return int(Decimal(amount_eur) * 100)


def _frozen(value: Any) -> Hashable:
    """Return a hashable stand-in for a piece of JSON, equal when the JSON is equal."""
    if isinstance(value, dict):
        return frozenset((k, _frozen(v)) for k, v in value.items())
    if isinstance(value, list):
        return tuple(_frozen(v) for v in value)
    hashable: Hashable = value
    return hashable


@dataclass
class _Script:
    """The peers of a replay: each answers as the case says; no call takes time unless it says so."""

    clock: Clock
    ledger: Ledger
    ec_answer: Answer = Answer.OK
    psp_answer: Answer = Answer.OK
    psp_delay_s: float = 0.0
    receipts: dict[str, deque[Answer]] = field(default_factory=dict)

    def _after(self, answer: Answer, delay_s: float, timeout_s: float) -> Answered:
        if answer is Answer.TIMEOUT or delay_s > timeout_s:
            return Answered(Answer.TIMEOUT, self.clock.now + timeout_s)
        return Answered(answer, self.clock.now + delay_s)

    def pa_get_payment(self, request: Activate, leaves: float) -> Asking:
        yield from ()
        return self._after(self.ec_answer, 0.0, self.ledger.settings.ec_timeout_s)

    def psp_notify_payment(self, closing: Closing, leaves: float) -> Asking:
        yield from ()
        return self._after(self.psp_answer, self.psp_delay_s, self.ledger.settings.psp_timeout_s)

    def pa_send_rt(self, recipient: Recipient, leaves: float) -> Asking:
        yield from ()
        queue = self.receipts.get(str(recipient.ec))
        answer = queue.popleft() if queue else Answer.OK
        return self._after(answer, 0.0, self.ledger.settings.receipt_timeout_s)

    def send_payment_result(self, closing: Closing, outcome: Outcome, leaves: float) -> None:
        """Checkout is not part of a replay."""


class Replay:
    """One case being replayed."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.clock = Clock()
        self.ledger = Ledger(_overridden(SETTINGS, case.settings), self._watch)
        self.script = _Script(self.clock, self.ledger)
        self.node = Node(self.clock, self.ledger, self.script, Station("node", None))
        self.labels: dict[str, int] = {}
        self.histories: dict[object, list[str]] = {}
        self.payments: list[Payment] = []
        self.replies: dict[int, Reply | None] = {}

    def run(self) -> dict[str, Any]:
        """Replay every step and return what `replay --as json` prints for the case."""
        steps = self.case.steps
        printed: list[dict[str, Any]] = []
        for index, step in enumerate(steps):
            self.clock.run(until=self.clock.timeout(max(0.0, step.at_s - self.clock.now)))
            self.clock.start(self._do(index, step))
            self._settle(steps[index + 1].at_s if index + 1 < len(steps) else None)
            printed.append({"index": index, "after": self._state()})
        for entry in printed:
            reply = self.replies.get(entry["index"])
            entry["reply"] = None if reply is None else _printed(reply)
        return {"id": self.case.id, "steps": printed}

    def _settle(self, until: float | None) -> None:
        """Run what is due before the next step, and what happens at its very moment."""
        while self.clock.peek() <= (float("inf") if until is None else until) and self.clock.peek() < float("inf"):
            self.clock.step()

    def _do(self, index: int, step: Step) -> Steps:
        reply: Reply | None = None
        match step:
            case ActivateStep():
                self.script.ec_answer = step.ec_answer
                reply, _ = yield from self.node.activate(_activation(step))
                if reply is not None and reply.token is not None:
                    self.labels[step.token] = reply.token
            case CloseStep():
                self.script.psp_answer, self.script.psp_delay_s = step.psp_answer, step.psp_delay_s
                (reply, _), closing = yield from self.node.close(
                    Close(self._tokens(step.tokens), step.outcome, _cents(step.fee_eur), None, step.channel_version)
                )
                if closing is not None:
                    self.clock.start(self.node.notify(closing, self.clock.now))
            case OutcomeStep():
                fee = None if step.fee_eur is None else _cents(step.fee_eur)
                request = SendOutcome(
                    self._tokens(step.tokens), step.outcome, fee, None, step.idempotency_key, _frozen(step.body)
                )
                (reply, _), recipients = yield from self.node.outcome(request)
                self.clock.start(self.node.send_receipts(recipients, self.clock.now))
            case NextReceiptStep():
                self.script.receipts.setdefault(step.ec, deque()).append(step.answer)
            case JobStep(name="mod3CancelV2"):
                self.node.mod3_cancel_v2()
            case JobStep():
                self.node.pa_send_rt()
            case SetStep():
                self.ledger.settings = _overridden(self.ledger.settings, step)
            case ForceStep():
                self._force(step)
        self.replies[index] = reply

    def _tokens(self, labels: tuple[str, ...]) -> tuple[Hashable, ...]:
        return tuple(self.labels.get(label, label) for label in labels)

    def _force(self, step: ForceStep) -> None:
        if step.payment_status is not None and step.token in self.labels:
            self.ledger.payments[self.labels[step.token]].status = step.payment_status
        if step.position_status is not None and step.notice in self.ledger.positions:
            self.ledger.positions[step.notice].status = step.position_status

    def _watch(self, thing: Position | Payment | Recipient, now: float) -> None:
        if isinstance(thing, Payment) and thing not in self.histories:
            self.payments.append(thing)
        self.histories.setdefault(thing, []).append(str(thing.status))

    def _state(self) -> dict[str, Any]:
        names = {token: label for label, token in self.labels.items()}
        return {
            "payments": {
                names.get(p.token, f"#{p.token}"): {
                    "notice": p.position.notice,
                    "status": p.status,
                    "history": list(self.histories[p]),
                    "recipients": [
                        {"ec": r.ec, "status": r.status, "history": list(self.histories[r])} for r in p.recipients
                    ],
                }
                for p in self.payments
            },
            "positions": {
                str(notice): {"status": p.status, "history": list(self.histories[p])}
                for notice, p in self.ledger.positions.items()
                if p in self.histories
            },
        }


def _activation(step: ActivateStep) -> Activate:
    return Activate(
        step.notice,
        step.ec,
        _cents(step.amount_eur),
        step.transfers,
        step.validity_s,
        step.idempotency_key,
        (step.caller, _frozen(step.body)),
    )


def _overridden(settings: ProtocolSettings, overrides: Overrides) -> ProtocolSettings:
    changes = {k: v for k in Overrides.model_fields if (v := getattr(overrides, k)) is not None}
    return replace(settings, **changes)


def _printed(reply: Reply) -> dict[str, Any]:
    return {k: v for k, v in reply._asdict().items() if k != "token"}


class CaseError(ValueError):
    """A case file that cannot be replayed: one line per problem, with the file and the path in it."""


def load_cases(file: Path) -> tuple[Case, ...]:
    """Read one case or a list of cases; raise `CaseError` naming every problem at once."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CaseError(f"{file}: cannot be read: {error.strerror}; give a readable JSON file") from None
    except UnicodeDecodeError as error:
        raise CaseError(f"{file}: is not UTF-8 at byte {error.start}; save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise CaseError(f"{file}:{error.lineno}:{error.colno}: is not JSON: {error.msg}") from None
    try:
        cases = CASES.validate_python(data if isinstance(data, list) else [data])
    except ValidationError as error:
        lines = (f"{file}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise CaseError("\n".join(lines)) from None
    for case in cases:
        times = [step.at_s for step in case.steps]
        if times != sorted(times):
            raise CaseError(f"{file}: case {case.id}: at_s goes back in time; order the steps by at_s")
    return cases


def replay(cases: tuple[Case, ...]) -> Iterator[dict[str, Any]]:
    """Replay cases one by one and yield what `pagopa-sim replay --as json` prints for each."""
    return (Replay(case).run() for case in cases)
