"""The Node's ledger: a sans-IO state machine. A call in, a reply and effects out.

It holds positions, payments, closed carts and receipts, moves them along the tables of `statuses.py` and decides
every reply. It does no waiting: whoever drives it (the Node process of the model, a replay, a test) asks the EC,
notifies the PSP and sends the receipts that it names, and comes back with the answer. Each public method states
the rules (R1-R16 of `docs/protocol.md`) that it is responsible for.
"""

from collections.abc import Callable, Hashable, Iterable
from typing import Any

from sim.protocol.entities import Closing, Payment, Position, Recipient
from sim.protocol.faults import Fault
from sim.protocol.idempotency import Memory
from sim.protocol.messages import OF_EC, Activate, Answer, Close, Outcome, ProtocolError, Reply, SendOutcome
from sim.protocol.settings import ProtocolSettings
from sim.protocol.statuses import (
    PAYABLE,
    PAYMENT_TRANSITIONS,
    POSITION_TRANSITIONS,
    RECIPIENT_TRANSITIONS,
    SETTLED,
    PaymentStatus,
    PositionStatus,
    RecipientStatus,
)

_P, _N, _R = PaymentStatus, PositionStatus, RecipientStatus


Watch = Callable[[Position | Payment | Recipient, Payment, float], None]
"""Hears what changed its status, the payment on whose account, and when."""
_OK = Reply(Outcome.OK)
_CLOSED = Reply(Outcome.OK, http=200)


_PAID_FOR = frozenset({_N.PAID, _N.NOTIFIED})
"""Positions that nobody can pay again."""


def _ko(fault: Fault, description: str | None = None) -> Reply:
    return Reply(Outcome.KO, fault, None, description)


class Ledger:
    """The Node's memory of every notice, token, closed cart and receipt still of interest.

    `watch`, when given, is called after each change of status.
    """

    def __init__(self, settings: ProtocolSettings, watch: Watch | None = None) -> None:
        self.settings = settings
        self.watch = watch
        self.positions: dict[Hashable, Position] = {}
        self.payments: dict[Hashable, Payment] = {}
        self.open: dict[int, Payment] = {}
        """Tokens issued and not closed yet, in order of issue."""
        self.closings: dict[Closing, None] = {}
        """Closed carts that wait for an outcome or for expiry."""
        self.pending: dict[Recipient, None] = {}
        """Receipts to send again."""
        self.forced: set[Position | Payment] = set()
        """What had its status overwritten from outside, and the notices of such payments: free of the tables."""
        self.moves = 0
        """Changes of status so far."""
        self._memory = Memory()
        self._last_token = 0

    # --- activation ---------------------------------------------------------------------------------------------

    def activate(self, request: Activate, now: float) -> Reply | Position:
        """Answer an activation at once, or return the position whose EC has to be asked (R1, R3, R14)."""
        if (known := self._recall(request, now)) is not None:
            return known
        position = self.positions.get(request.notice)
        if position is None:
            position = self.positions[request.notice] = Position(request.notice)
        if position.activating:
            return _ko(Fault.PPT_ATTIVAZIONE_IN_CORSO)
        if position.status in _PAID_FOR:
            return self._remember(request, _ko(Fault.PPT_PAGAMENTO_DUPLICATO), now)
        if position.status is _N.PAYING:
            return self._remember(request, _ko(Fault.PPT_PAGAMENTO_IN_CORSO), now)
        position.activating = True
        return position

    def ec_answered(self, position: Position, request: Activate, answer: Answer | None, now: float) -> Reply:
        """Issue a token if the EC said OK (R1); otherwise refuse, and leave the position payable (R2).

        `None` means that the Node had no free connection to the EC.
        """
        position.activating = False
        if answer is None:
            return _ko(Fault.PPT_SUPERAMENTOSOGLIA)
        if answer is not Answer.OK:
            return self._remember(request, _ko(OF_EC[answer]), now)
        self._last_token += 1
        payment = Payment(self._last_token, position, request, now + self._validity_s(request))
        self._move_payment(payment, _P.PAYING, now)
        self._move_position(payment, _N.PAYING, now)
        position.payment = payment
        self.payments[payment.token] = self.open[payment.token] = payment
        return self._remember(request, Reply(Outcome.OK, token=payment.token), now)

    def _recall(self, request: Activate | SendOutcome, now: float) -> Reply | None:
        return self._memory.recall(request, now) if self.settings.idempotency else None

    def _remember(self, request: Activate | SendOutcome, reply: Reply, now: float) -> Reply:
        """Keep the first answer to a request (R14): for the key's validity, and no longer than a token would live."""
        if self.settings.idempotency:
            lasts = self.settings.idempotency_validity_s
            if isinstance(request, Activate):
                lasts = min(lasts, self._validity_s(request))
            self._memory.remember(request, reply, now + lasts)
        return reply

    def _validity_s(self, request: Activate) -> float:
        return self.settings.token_validity_s if request.validity_s is None else request.validity_s

    # --- close --------------------------------------------------------------------------------------------------

    def close(self, request: Close, now: float) -> tuple[Reply, Closing | None]:
        """Close a cart, all or nothing; a `Closing` has to be notified to the PSP once (R4, R5)."""
        if request.channel_version == 1 and len(request.tokens) > 1:
            return Reply(Outcome.KO, http=400, description="Wrong channel version"), None
        if len(set(request.tokens)) < len(request.tokens):
            return Reply(Outcome.KO, http=400, description="Invalid paymentTokens"), None
        payments = [p for t in request.tokens if (p := self.payments.get(t)) is not None]
        refusal = self._refusal(request, payments)
        if refusal is not None:
            if refusal.http != 422:
                self._cancel([p for p in payments if p.status is _P.PAYING], now)
            return refusal, None
        if request.outcome is Outcome.KO:
            self._cancel(payments, now)
            return _CLOSED, None
        extension = self.settings.token_extension_s
        deadline = min(p.deadline for p in payments) if extension is None else now + extension
        closing = Closing(tuple(payments), request, deadline)
        for payment in payments:
            payment.closing = closing
            del self.open[payment.token]
            self._move_payment(payment, _P.PAYMENT_RESERVED, now)
            self._move_payment(payment, _P.PAYMENT_SENT, now)
        return _CLOSED, closing

    @staticmethod
    def _refusal(request: Close, payments: list[Payment]) -> Reply | None:
        if len(payments) < len(request.tokens):
            return Reply(Outcome.KO, http=404, description="Unknown token")
        if {p.closing for p in payments} != {None}:
            return Reply(Outcome.KO, http=422, description="Outcome already acquired")
        if {p.status for p in payments} != {_P.PAYING}:
            return Reply(Outcome.KO, http=400, description="Unacceptable outcome when token has expired")
        return None

    def is_final(self, answer: Answer) -> bool:
        """Tell whether a result of the notification cancels the cart at once (R6, R7)."""
        return answer is Answer.KO or (answer is Answer.UNREACHABLE and self.settings.unreachable_is_final)

    def psp_answered(self, closing: Closing, answer: Answer, now: float) -> bool:
        """Take the result of the notification; true when the cart was cancelled by it (R5, R6, R7)."""
        closing.answer = answer
        closing.answered_s = now
        if answer is Answer.OK:
            status = _P.PAYMENT_ACCEPTED
        elif answer is Answer.KO:
            status = _P.PAYMENT_REFUSED
        elif self.is_final(answer):
            status = _P.PAYMENT_SEND_ERROR
        else:
            status = _P.PAYMENT_UNKNOWN
        for payment in closing.payments:
            self._move_payment(payment, status, now)
        if status in PAYABLE:
            self.closings[closing] = None
            return False
        self._cancel(closing.payments, now)
        return True

    # --- outcome ------------------------------------------------------------------------------------------------

    def in_flight(self, request: SendOutcome, now: float) -> Closing | None:
        """Return the closing whose notification's result the outcome has to wait for, if any (R16)."""
        for token in request.tokens:
            payment = self.payments.get(token)
            if payment is not None and payment.closing is not None and payment.closing.answered_s > now:
                return payment.closing
        return None

    def outcome(self, request: SendOutcome, now: float) -> tuple[Reply, list[Recipient]]:
        """Take or refuse an outcome; the recipients returned are to be sent a receipt (R8-R11, R13, R14).

        A refused outcome changes nothing. The order of the checks is that of the real Node.
        """
        if (known := self._recall(request, now)) is not None:
            return known, []
        payments = [p for t in dict.fromkeys(request.tokens) if (p := self.payments.get(t)) is not None]
        refusal = self._outcome_refusal(request, payments)
        if refusal is not None:
            return self._remember(request, refusal, now), []
        closing = payments[0].closing
        assert closing is not None
        del self.closings[closing]
        recipients: list[Recipient] = []
        for payment in payments:
            self._pay(payment, now)
            recipients += payment.recipients
        return self._remember(request, _OK, now), recipients

    def _outcome_refusal(self, request: SendOutcome, payments: list[Payment]) -> Reply | None:
        closing = payments[0].closing if payments else None
        if (
            closing is None
            or len(payments) < len(set(request.tokens))
            or {p.closing for p in payments} != {closing}
            or closing.request.psp != request.psp
        ):
            return _ko(Fault.PPT_TOKEN_SCONOSCIUTO)
        statuses = {p.status for p in payments}
        if statuses <= SETTLED and request.outcome is Outcome.OK:
            return _ko(Fault.PPT_ESITO_GIA_ACQUISITO, "Esito concorde")
        if statuses & SETTLED:
            return _ko(Fault.PPT_SEMANTICA, "Esiti acquisiti parziali o discordi")
        if request.outcome is Outcome.KO:
            late = _P.CANCELLED in statuses
            return _ko(self.settings.late_ko_fault if late else Fault.PPT_SEMANTICA, "Esito discorde")
        return self._ok_refusal(request, payments, statuses, closing)

    def _ok_refusal(
        self, request: SendOutcome, payments: list[Payment], statuses: set[PaymentStatus | None], closing: Closing
    ) -> Reply | None:
        if not _PAID_FOR.isdisjoint([p.position.status for p in payments]):
            return _ko(Fault.PPT_PAGAMENTO_DUPLICATO)
        if _P.CANCELLED in statuses:
            if any(p.position.payment not in (None, p) for p in payments):
                return _ko(Fault.PPT_PAGAMENTO_DUPLICATO)
            if closing.answer is Answer.KO:
                return _ko(self.settings.after_refusal_fault, "Esito discorde")
            return _ko(Fault.PPT_TOKEN_SCADUTO)
        if not statuses <= PAYABLE:
            return _ko(Fault.PPT_SEMANTICA, "Outcome non accettabile per stato pagamento")
        if len(set(request.tokens)) < len(closing.payments):
            return _ko(Fault.PPT_SEMANTICA, "Esito parziale")
        if request.fee_cents is not None and request.fee_cents != closing.request.fee_cents:
            return _ko(Fault.PPT_SEMANTICA, "Fee diversa")
        return None

    def _pay(self, payment: Payment, now: float) -> None:
        position = payment.position
        self._memory.forget(payment.request)
        self._move_payment(payment, _P.PAID, now)
        self._move_position(payment, _N.PAID, now)
        position.payment = None
        self._move_payment(payment, _P.NOTICE_GENERATED, now)
        own = payment.request.ec
        payment.recipients = [Recipient(payment, own, True)]
        for ec in dict.fromkeys(payment.request.transfers):
            if ec != own:
                stations = self.settings.broadcast.get(str(ec), 0)
                payment.recipients += [Recipient(payment, ec, False) for _ in range(stations)]
        for recipient in payment.recipients:
            self._move_recipient(recipient, _R.NOTICE_GENERATED, now)
        for recipient in payment.recipients:
            self._send(recipient, now)

    # --- receipts -----------------------------------------------------------------------------------------------

    def _send(self, recipient: Recipient, now: float) -> None:
        recipient.sends += 1
        self._move_recipient(recipient, _R.NOTICE_SENT, now)
        if recipient.own:
            self._move_payment(recipient.payment, _P.NOTICE_SENT, now)

    def receipt_answered(self, recipient: Recipient, answer: Answer, now: float) -> None:
        """Close a receipt on OK or a valid KO, otherwise keep it for the job `paSendRt` (R11, R12)."""
        if answer not in (Answer.OK, Answer.KO):
            self._move_recipient(recipient, _R.NOTICE_PENDING, now)
            self.pending[recipient] = None
            return
        self._move_recipient(recipient, _R.NOTIFIED, now)
        payment = recipient.payment
        if recipient.own:
            self._move_position(payment, _N.NOTIFIED, now)
        if all(r.status is _R.NOTIFIED for r in payment.recipients):
            self._move_payment(payment, _P.NOTIFIED, now)

    def pa_send_rt(self, now: float) -> list[Recipient]:
        """Run the job `paSendRt`: return the receipts to send again, within the retry policy (R11)."""
        again = [r for r in self.pending if r.sends <= self.settings.receipt_max_retries]
        for recipient in again:
            del self.pending[recipient]
            self._send(recipient, now)
        return again

    # --- memory -------------------------------------------------------------------------------------------------

    def forget(self, requests: Iterable[Activate | SendOutcome], tokens: Iterable[Hashable]) -> None:
        """Drop all memory of requests and tokens that nobody will name again, and of the notices activated.

        What is dropped no longer refers to itself, so that it goes without the help of a garbage collector.
        """
        for request in requests:
            self._memory.forget(request)
            if isinstance(request, Activate):
                self.positions.pop(request.notice, None)
        for token in tokens:
            payment = self.payments.pop(token)
            payment.recipients = []
            if payment.closing is not None:
                self.closings.pop(payment.closing, None)
                payment.closing = None

    # --- expiry -------------------------------------------------------------------------------------------------

    def mod3_cancel_v2(self, now: float) -> tuple[list[Payment], list[Closing]]:
        """Run the job `mod3CancelV2`: cancel what is past its deadline (R7, R15).

        Returns the payments that were never closed and the closed carts that it cancelled. Tokens of one closed
        cart go together or not at all.
        """
        unclosed = [p for p in self.open.values() if p.deadline <= now and p.status is _P.PAYING]
        closed = [c for c in self.closings if c.deadline <= now and self._expires(c)]
        self._cancel(unclosed, now)
        for closing in closed:
            del self.closings[closing]
            self._cancel(closing.payments, now)
        return unclosed, closed

    def _expires(self, closing: Closing) -> bool:
        expirable = PAYABLE if self.settings.accepted_expires else {_P.PAYMENT_UNKNOWN}
        return {p.status for p in closing.payments} <= expirable

    def awaits_jobs(self) -> bool:
        """Whether a job, run late enough, would still change anything."""
        return bool(
            self.open
            or any(self._expires(c) for c in self.closings)
            or any(r.sends <= self.settings.receipt_max_retries for r in self.pending)
        )

    def _cancel(self, payments: "list[Payment] | tuple[Payment, ...]", now: float) -> None:
        for payment in payments:
            self._memory.forget(payment.request)
            self.open.pop(payment.token, None)
            self._move_payment(payment, _P.CANCELLED, now)
            self._move_position(payment, _N.INSERTED, now)
            payment.position.payment = None

    # --- from outside -------------------------------------------------------------------------------------------

    def force(self, thing: Position | Payment, status: Any) -> None:
        """Overwrite a status behind the ledger's back, as a test does in the database: no rule and no watch.

        The status need not be one of the tables. From then on the thing, and the notice of a payment, may move
        anywhere: after such a change a lawful event can look like an unlawful one.
        """
        thing.status = status
        self.forced.add(thing)
        if isinstance(thing, Position):
            if status is not _N.PAYING:
                thing.payment = None
            return
        self.forced.add(thing.position)
        if thing.closing is None:
            self.open.pop(thing.token, None)
            if status is _P.PAYING:
                self.open[thing.token] = thing
        elif thing.closing.answer is not None and status in PAYABLE:
            self.closings[thing.closing] = None

    # --- moves --------------------------------------------------------------------------------------------------

    def _move_payment(self, payment: Payment, status: PaymentStatus, now: float) -> None:
        if status not in PAYMENT_TRANSITIONS.get(payment.status, ()) and payment not in self.forced:
            raise ProtocolError(f"token {payment.token}", payment.status, status, payment)
        payment.status = status
        self.moves += 1
        if self.watch is not None:
            self.watch(payment, payment, now)

    def _move_position(self, payment: Payment, status: PositionStatus, now: float) -> None:
        position = payment.position
        if status not in POSITION_TRANSITIONS.get(position.status, ()) and position not in self.forced:
            raise ProtocolError(f"notice {position.notice}", position.status, status, payment)
        position.status = status
        self.moves += 1
        if self.watch is not None:
            self.watch(position, payment, now)

    def _move_recipient(self, recipient: Recipient, status: RecipientStatus, now: float) -> None:
        if status not in RECIPIENT_TRANSITIONS[recipient.status]:
            raise ProtocolError(f"receipt to {recipient.ec}", recipient.status, status, recipient.payment)
        recipient.status = status
        self.moves += 1
        if self.watch is not None:
            self.watch(recipient, recipient.payment, now)
