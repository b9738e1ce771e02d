"""Replay of one payment, scripted: who calls what when, and how each peer answers.

It drives the ledger and the Node process of the model with scripted peers in a world without latency. What a case may
say is in `cases.py`.
"""

import json
from collections import deque
from collections.abc import Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from sim.kernel.clock import Clock, Steps
from sim.kernel.station import Station
from sim.model.cases import (
    ActivateStep,
    Case,
    CloseStep,
    ForceStep,
    JobStep,
    NextReceiptStep,
    OutcomeStep,
    Overrides,
    SetStep,
    Step,
)
from sim.model.node import Answered, Asking, Node
from sim.model.trace import Call, Thing, Trace
from sim.protocol.entities import Closing, Payment, Recipient
from sim.protocol.ledger import Ledger
from sim.protocol.messages import Activate, Answer, Close, Outcome, Reply, SendOutcome
from sim.protocol.settings import OBSERVED, ProtocolSettings
from sim.protocol.statuses import PaymentStatus, PositionStatus, RecipientStatus

SETTINGS = replace(OBSERVED, token_validity_s=1800.0, psp_timeout_s=9.0, ec_timeout_s=4.0, receipt_timeout_s=4.0)
"""Settings of a replay: those of the environment in which the real Node's public tests run."""
CHECKOUT, NODE, PSP = "Checkout", "Node", "PSP"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Replayed:
    """A case after its replay: what was answered and stored after every step, and every call that was made.

    `names` calls payments by the labels of the case.
    """

    case: Case
    steps: tuple[dict[str, Any], ...]
    trace: Trace
    names: dict[int, str]

    def to_json(self) -> dict[str, Any]:
        """Return what `replay --as json` prints for the case."""
        return {"id": self.case.id, "steps": list(self.steps)}

    def name(self, payment: Payment) -> str:
        """Return what the case calls a payment."""
        return self.names[payment.token]


def replay(cases: Sequence[Case]) -> Iterator[Replayed]:
    """Replay cases, one by one."""
    return (_Replay(case).run() for case in cases)


@dataclass
class _Script:
    """The peers of a replay: each answers as the case says; no call takes time unless it says so."""

    clock: Clock
    ledger: Ledger
    trace: Trace
    names: "_Names"
    ec_answer: Answer = Answer.OK
    psp_answer: Answer = Answer.OK
    psp_delay_s: float = 0.0
    receipts: dict[str, deque[Answer]] = field(default_factory=dict)
    sent: dict[Closing | Recipient, Call] = field(default_factory=dict)
    """The notification or the last receipt that the Node has sent for something."""

    def pa_get_payment(self, request: Activate, leaves: float) -> Asking:
        call = self._called(str(request.ec), "paGetPayment", str(request.notice))
        return self._answered(call, self.ec_answer, 0.0, self.ledger.settings.ec_timeout_s)

    def psp_notify_payment(self, closing: Closing, leaves: float) -> Asking:
        about = ", ".join(self.names.of(payment) for payment in closing.payments)
        self.sent[closing] = call = self._called(PSP, "pspNotifyPaymentV2", about)
        return self._answered(call, self.psp_answer, self.psp_delay_s, self.ledger.settings.psp_timeout_s)

    def pa_send_rt(self, recipient: Recipient, leaves: float) -> Asking:
        about = self.names.of(recipient.payment)
        self.sent[recipient] = call = self._called(str(recipient.ec), "paSendRT", about)
        queue = self.receipts.get(str(recipient.ec))
        answer = queue.popleft() if queue else Answer.OK
        return self._answered(call, answer, 0.0, self.ledger.settings.receipt_timeout_s)

    def send_payment_result(self, closing: Closing, outcome: Outcome, leaves: float) -> None:
        """Checkout is not part of a replay."""

    def _called(self, receiver: str, name: str, about: str) -> Call:
        return self.trace.made(Call(None, self.clock.now, NODE, receiver, name, about))

    def _answered(self, call: Call, answer: Answer, delay_s: float, timeout_s: float) -> Asking:
        if answer is Answer.TIMEOUT or delay_s > timeout_s:
            answer, delay_s = Answer.TIMEOUT, timeout_s
        at = self.clock.now + delay_s
        self.trace.ended(call, answer, answer.value, at)
        yield from ()
        return Answered(answer, at)


class _Names:
    """What a case calls the payments: by the label of the step that got the token."""

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}

    def got(self, label: str, token: int) -> None:
        """Give a label to a token; a token that has one keeps it, and a label goes to the last token that got it."""
        self.tokens[label] = token

    def all(self, payments: Sequence[Payment]) -> dict[int, str]:
        """Return a name for every payment, each another."""
        names: dict[int, str] = {}
        for label, token in self.tokens.items():
            names.setdefault(token, label)
        for payment in payments:
            name = f"#{payment.token}"
            while name in self.tokens:
                name += "'"
            names.setdefault(payment.token, name)
        return names

    def of(self, payment: Payment) -> str:
        return self.all([payment])[payment.token]


class _Replay:
    """One case being replayed."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.clock = Clock()
        self.trace = Trace()
        self.names = _Names()
        self.ledger = Ledger(_overridden(SETTINGS, case.settings), self._watch)
        self.script = _Script(self.clock, self.ledger, self.trace, self.names)
        self.node = Node(self.clock, self.ledger, self.script, Station("node", None))
        self.histories: dict[Thing, list[str]] = {}
        self.replies: dict[int, Reply] = {}

    def run(self) -> Replayed:
        """Replay every step."""
        steps = self.case.steps
        printed: list[dict[str, Any]] = []
        for index, step in enumerate(steps):
            self.clock.run(until=self.clock.timeout(max(0.0, step.at_s - self.clock.now)))
            self.clock.start(self._do(index, step))
            self._settle(steps[index + 1].at_s if index + 1 < len(steps) else None)
            printed.append({"index": index, "reply": None, "after": self._state()})
        for index, reply in self.replies.items():
            printed[index]["reply"] = _printed(reply)
        return Replayed(self.case, tuple(printed), self.trace, self.names.all(list(self.ledger.payments.values())))

    def _settle(self, until: float | None) -> None:
        """Run what is due before the next step, and what happens at its very moment."""
        while self.clock.peek() <= (float("inf") if until is None else until) and self.clock.peek() < float("inf"):
            self.clock.step()

    def _do(self, index: int, step: Step) -> Steps:
        match step:
            case ActivateStep():
                yield from self._activate(index, step)
            case CloseStep():
                yield from self._close(index, step)
            case OutcomeStep():
                yield from self._outcome(index, step)
            case NextReceiptStep():
                self._act(index, step.ec, f"next receipt to {step.ec}: {step.answer}")
                self.script.receipts.setdefault(step.ec, deque()).append(step.answer)
            case JobStep():
                self._act(index, NODE, f"job {step.name}")
                (self.node.mod3_cancel_v2 if step.name == "mod3CancelV2" else self.node.pa_send_rt)()
            case SetStep():
                changes = _changes(step)
                said = ", ".join(f"{name} = {json.dumps(value)}" for name, value in changes.items())
                self._act(index, NODE, f"set {said}")
                self.ledger.settings = replace(self.ledger.settings, **changes)
            case ForceStep():
                self._force(index, step)

    def _activate(self, index: int, step: ActivateStep) -> Steps:
        self.script.ec_answer = step.ec_answer
        about = f"{step.notice}, {step.amount_eur} EUR" + _keyed(step.idempotency_key)
        call = self._call(index, CHECKOUT, "activatePaymentNoticeV2", about)
        request = Activate(
            step.notice,
            step.ec,
            _cents(step.amount_eur),
            step.transfers,
            step.validity_s,
            step.idempotency_key,
            step.content,
        )
        (reply, _, _), _ = yield from self._during(call, self.node.activate(request))
        if reply is not None:
            if reply.token is not None and step.token is not None:
                self.names.got(step.token, reply.token)
            self._reply(index, call, reply, f", token {step.token}" if reply.token and step.token else "")

    def _close(self, index: int, step: CloseStep) -> Steps:
        self.script.psp_answer, self.script.psp_delay_s = step.psp_answer, step.psp_delay_s
        call = self._call(index, CHECKOUT, "closePaymentV2", f"{', '.join(step.tokens)}: {step.outcome}")
        request = Close(self._tokens(step.tokens), step.outcome, _cents(step.fee_eur), None, step.channel_version)
        (reply, _, _), closing = yield from self._during(call, self.node.close(request))
        if reply is not None:
            self._reply(index, call, reply)
        if closing is not None:
            self.clock.start(self.node.notify(closing, self.clock.now))

    def _outcome(self, index: int, step: OutcomeStep) -> Steps:
        fee = None if step.fee_eur is None else _cents(step.fee_eur)
        about = f"{', '.join(step.tokens)}: {step.outcome}" + _keyed(step.idempotency_key)
        call = self._call(index, PSP, "sendPaymentOutcomeV2", about)
        request = SendOutcome(self._tokens(step.tokens), step.outcome, fee, None, step.idempotency_key, step.content)
        (reply, _, _), recipients = yield from self._during(call, self.node.outcome(request))
        if reply is not None:
            self._reply(index, call, reply)
        self.clock.start(self.node.send_receipts(recipients, self.clock.now))

    def _during(self, call: Call, flow: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run a flow; whatever it changes when it runs is due to this call."""
        heard = None
        while True:
            self.trace.current = call
            try:
                wanted = flow.send(heard)
            except StopIteration as stop:
                result: T = stop.value
                return result
            heard = yield wanted

    def _call(self, index: int, sender: str, name: str, about: str) -> Call:
        return self.trace.made(Call(index, self.clock.now, sender, NODE, name, about))

    def _act(self, index: int, whose: str, what: str) -> Call:
        return self.trace.made(Call(index, self.clock.now, whose, whose, what, ""))

    def _reply(self, index: int, call: Call, reply: Reply, more: str = "") -> None:
        self.replies[index] = reply
        printed = _printed(reply)
        said = " ".join(str(printed[k]) for k in ("http", "outcome", "fault_code") if printed[k] is not None)
        described = f" ({reply.description})" if reply.description else ""
        end = Answer.OK if reply.outcome is Outcome.OK else Answer.KO
        self.trace.ended(call, end, said + more + described, self.clock.now)
        expected = {key: want for key, want in self.case.steps[index].expect.items() if printed.get(key) != want}
        call.missed = ", ".join(str(want) for want in expected.values())

    def _force(self, index: int, step: ForceStep) -> None:
        """Overwrite statuses; where there is no such token or notice, nothing is overwritten."""
        payment = self.ledger.payments.get(self.names.tokens.get(step.token or ""))
        position = self.ledger.positions.get(step.notice)
        for label, thing, status, kind in (
            (step.token, payment, step.payment_status, PaymentStatus),
            (step.notice, position, step.position_status, PositionStatus),
        ):
            if status is not None:
                self._act(index, NODE, f"force {label} {status}" + ("" if thing else f": there is no {label}"))
            if status is not None and thing is not None:
                self.ledger.force(thing, kind(status) if status in list(kind) else status)

    def _tokens(self, labels: tuple[str, ...]) -> tuple[Hashable, ...]:
        return tuple(self.names.tokens.get(label, label) for label in labels)

    def _watch(self, thing: Thing, _payment: Payment, now: float) -> None:
        self.histories.setdefault(thing, []).append(str(thing.status))
        cause = self._answered(thing)
        if cause is not None:
            self.trace.current = cause
        self.trace.changed(thing, now)

    def _answered(self, thing: Thing) -> Call | None:
        """Return the notification or the receipt whose answer a change shows, if it does."""
        if isinstance(thing, Recipient) and thing.status in _ANSWERED_RECEIPT:
            return self.script.sent[thing]
        if isinstance(thing, Payment) and thing.status in _ANSWERED_NOTIFICATION and thing.closing is not None:
            return self.script.sent[thing.closing]
        return None

    def _state(self) -> dict[str, Any]:
        payments = list(self.ledger.payments.values())
        names = self.names.all(payments)
        return {
            "payments": {
                names[p.token]: {
                    "notice": p.position.notice,
                    **self._stored(p),
                    "recipients": [{"ec": r.ec, **self._stored(r)} for r in p.recipients],
                }
                for p in payments
            },
            "positions": {
                str(p.notice): self._stored(p) for p in self.ledger.positions.values() if p.status is not None
            },
        }

    def _stored(self, thing: Thing) -> dict[str, Any]:
        return {"status": thing.status, "history": list(self.histories.get(thing, ()))}


_P, _R = PaymentStatus, RecipientStatus
_ANSWERED_NOTIFICATION = (_P.PAYMENT_ACCEPTED, _P.PAYMENT_REFUSED, _P.PAYMENT_UNKNOWN, _P.PAYMENT_SEND_ERROR)
_ANSWERED_RECEIPT = (_R.NOTIFIED, _R.NOTICE_PENDING)


def _changes(overrides: Overrides) -> dict[str, Any]:
    return {name: value for name in Overrides.model_fields if (value := getattr(overrides, name)) is not None}


def _overridden(settings: ProtocolSettings, overrides: Overrides) -> ProtocolSettings:
    return replace(settings, **_changes(overrides))


def _printed(reply: Reply) -> dict[str, Any]:
    return {name: value for name, value in reply._asdict().items() if name != "token"}


def _cents(amount_eur: str) -> int:
    return int(Decimal(amount_eur) * 100)


def _keyed(key: str | None) -> str:
    return "" if key is None else f", key {key}"
