"""Why: what the end of a call and a change of status mean, and which rules (R1-R16) say so.

Pure functions over rows of the records. The rules are those of `sim.protocol.rules`; whoever adds a rule looks here for
what it decides.
"""

from typing import NamedTuple

from sim.analysis.cohort import LIMIT_S
from sim.protocol.faults import FAULTS, Fault
from sim.reader import Row
from sim.records import EXPIRY_CAUSES
from sim.report.stories.story import Call
from sim.report.stories.times import lasting

SWEEP, SEND_AGAIN = "mod3CancelV2", "paSendRt"
_OPEN_ELSEWHERE = ("PPT_PAGAMENTO_IN_CORSO", "PPT_PAGAMENTO_DUPLICATO", "PPT_ATTIVAZIONE_IN_CORSO")
_REPEATS = ("PPT_ESITO_GIA_ACQUISITO", "PPT_TOKEN_SCONOSCIUTO", "PPT_ERRORE_IDEMPOTENZA")
_ENDS = {"malformed": "an unusable answer", "unreachable": "no connection"}
_OF_EXPIRY = {
    "abandoned": ("the citizen left without a word", ()),
    "activation_failed": ("another notice of the cart could not be activated", ("R2",)),
    "close_late": ("citizen and gateway took longer than the token lasts", ()),
    "close_not_delivered": ("no close ever reached the Node", ("R4",)),
    "outcome_missing_accepted": ("the outcome that the PSP owed never came", ("R9",)),
    "outcome_missing_unknown": ("after a technical exception no outcome came", ("R7",)),
    "outcome_late": ("its outcome came only later", ("R13",)),
}
_OF_CLOSE = {
    "user_cancelled": "closePaymentV2 KO: the citizen cancelled",
    "authorisation_denied": "closePaymentV2 KO: the authorisation was denied",
    "close_rejected": "closePaymentV2 refused, which cancels the whole cart",
}


class Reason(NamedTuple):
    """What something means, and the rules that say so."""

    said: str
    rules: tuple[str, ...] = ()


def asked(call: Call, payment: Row) -> str:
    """Return what a call asks for, with the outcome that it carries where the records tell it."""
    what = call.primitive
    if what == "closePaymentV2":
        what += " KO" if payment["authorised_s"] is None else " OK"
    elif what == "sendPaymentResult-v2":
        what += " KO" if payment["paid_s"] is None else " OK"
    elif what == "sendPaymentOutcomeV2":
        what += f" {said}" if (said := outcome_said(call.fault, payment)) else ""
    return f"{what} (send {call.send + 1})" if call.send else what


def outcome_said(fault: str, payment: Row) -> str:
    """Return the outcome that a PSP sent; "" where neither the Node's reply nor the payment tells it."""
    if payment["paid_s"] is not None or fault == "PPT_TOKEN_SCADUTO":
        return "OK"
    if fault == "PPT_TOKEN_SCADUTO_KO" or (fault == "PPT_SEMANTICA" and payment["notify_answer"] == "ok"):
        return "KO"
    return ""


def of_call(call: Call, payment: Row) -> Reason:
    """Return how a call ended and what that means for the payment."""
    reason = _READERS[call.primitive](call, payment)
    if call.heard or call.answer == "unreachable":
        return reason
    lost = "" if call.started_s is None else f", though {call.callee} had taken it"
    return Reason(f"no answer within {lasting(call.took_s)}{lost}{reason.said and '; ' + reason.said}", reason.rules)


def _fault(fault: str) -> str:
    return f"{fault}, {FAULTS[Fault(fault)].meaning}" if fault != "none" else "refused"


def _activate(call: Call, payment: Row) -> Reason:
    issued_s, started_s = payment["issued_s"], call.started_s
    if call.answer == "ok":
        again = None not in (issued_s, started_s) and issued_s < started_s
        return Reason("the first answer again", ("R14",)) if again else Reason("a token", ("R1",))
    if call.answer == "ko":
        return Reason(_fault(call.fault), ("R3",) if call.fault in _OPEN_ELSEWHERE else ("R2",))
    return Reason("")


def _ask(call: Call, _: Row) -> Reason:
    if call.answer == "ok":
        return Reason("the EC consents", ("R1",))
    if call.answer == "ko":
        return Reason("the EC refuses", ("R2",))
    return Reason(_ENDS.get(call.answer, ""), ("R2",))


def _close(call: Call, payment: Row) -> Reason:
    if call.answer == "ok" and payment["authorised_s"] is not None:
        return Reason("accepted; the PSP is to be notified", ("R4",))
    if call.answer == "ok":
        return Reason("taken; the tokens are cancelled, nobody is notified", ("R4",))
    if call.answer == "ko":
        return Reason(_closed_in_vain(call, payment), ("R4",))
    return Reason("")


def _closed_in_vain(call: Call, payment: Row) -> str:
    """Return why the Node refused a close."""
    if payment["closed_s"] is not None and payment["closed_s"] < call.sent_s:
        return "accepted before (422)"
    if payment["cancel_cause"] in EXPIRY_CAUSES and payment["cancelled_s"] < call.sent_s:
        return "refused, since the token had expired; what was open of the cart is cancelled"
    return "refused; the whole cart is cancelled"


def _notify(call: Call, payment: Row) -> Reason:
    if call.answer == "ok":
        return Reason("accepted, for the whole cart", ("R5",))
    if call.answer == "ko":
        return Reason("refused", ("R6",))
    waits = "the Node waits for an outcome OK or for expiry"
    if payment["cancel_cause"] == "psp_unreachable":
        waits = "as observed, final"
    return Reason("; ".join(filter(None, (_ENDS.get(call.answer), waits))), ("R7",))


def _outcome(call: Call, payment: Row) -> Reason:
    if call.answer == "ok":
        if call.started_s is not None and payment["paid_s"] is not None and payment["paid_s"] < call.started_s:
            return Reason("the first answer again", ("R14",))
        return _accepted(call, payment)
    if call.answer == "ko":
        said, rules = _refused(call, payment)
        return Reason(f"{call.fault}, {said}; nothing changes", rules)
    return Reason("")


def _accepted(call: Call, payment: Row) -> Reason:
    delay = round((call.sent_s if call.arrived_s is None else call.arrived_s) - payment["answered_s"], 3)
    if payment["notify_answer"] != "ok":
        if delay < 0:
            return Reason("taken once the notification in flight had ended without a usable response", ("R7", "R16"))
        return Reason("taken, though the notification had no usable response", ("R7",))
    if delay < 0:
        return Reason("taken; it had overtaken the acceptance, and waited for it", ("R9", "R16"))
    if delay > LIMIT_S:
        return Reason(f"taken, {lasting(delay)} after the acceptance: over 2 s", ("R9", "R16"))
    return Reason(f"taken, {lasting(delay)} after the acceptance", ("R9",))


def in_flight_s(call: Call, payment: Row) -> float:
    """Return how long the Node held an outcome back for the result of its notification (R16); 0 for other calls."""
    answered_s = payment["answered_s"]
    if call.primitive != "sendPaymentOutcomeV2" or answered_s is None or call.started_s is None:
        return 0.0
    waited_s: float = max(0.0, answered_s - call.started_s)
    return waited_s


def _refused(call: Call, payment: Row) -> Reason:
    """Return why the Node refused an outcome; the order is that in which one excludes the next."""
    if call.fault in _REPEATS:
        return Reason("a repeat, or a stranger", ("R14",))
    if payment["notify_answer"] == "ko":
        return Reason("discordant since the PSP had refused", ("R8",))
    started_s, cancelled_s = call.started_s, payment["cancelled_s"]
    if cancelled_s is None or (started_s is not None and started_s < cancelled_s):
        rule = "R10" if payment["notify_answer"] == "ok" else "R7"
        return Reason("discordant since only an OK can follow", (rule,))
    before_s = (call.sent_s if started_s is None else started_s) - cancelled_s
    return Reason(f"late since the token was cancelled {lasting(before_s)} before", ("R13",))


def _result(call: Call, payment: Row) -> Reason:
    if payment["paid_s"] is not None:
        return Reason("Checkout knows" if call.heard else "")
    return Reason("Checkout knows, and gives the money back" if call.heard else "", of_reversal(payment))


def of_reversal(payment: Row) -> tuple[str, ...]:
    """Return the rule by which money is given back; none where the specification leaves it open."""
    rules = {"psp_refused": ("R6",), "psp_unreachable": ("R7",), "close_rejected": ("R4",), "close_not_delivered": ()}
    expired = ("R7",) if payment["cancel_cause"] == "outcome_missing_unknown" else ("R15",)
    return rules.get(payment["reversal_cause"], expired)


def _receipt(call: Call, payment: Row) -> Reason:
    if call.answer == "ok":
        return Reason("the EC has the receipt and closes the debt position", ("R11", "R12"))
    if call.answer == "ko":
        return Reason("a valid KO of the EC is final", ("R11",))
    left = f"{SEND_AGAIN} sends it again" if call.send + 1 < payment["receipt_sends"] else "it stays pending"
    return Reason("; ".join(filter(None, (_ENDS.get(call.answer), left))), ("R11",))


_READERS = {
    "activatePaymentNoticeV2": _activate,
    "paGetPayment": _ask,
    "closePaymentV2": _close,
    "pspNotifyPaymentV2": _notify,
    "sendPaymentOutcomeV2": _outcome,
    "sendPaymentResult-v2": _result,
    "paSendRT": _receipt,
}


def cause(status: str, at_s: float, payment: Row) -> str:
    """Return the primitive, or the Node's job, that brought a change of status about."""
    if status == "NOTICE_SENT" and payment["paid_s"] is not None and at_s > payment["paid_s"]:
        return SEND_AGAIN
    if status in ("CANCELLED", "INSERTED"):
        cancelled: str = payment["cancel_cause"]
        if cancelled in _OF_CLOSE:
            return "closePaymentV2"
        return SWEEP if cancelled in EXPIRY_CAUSES else "pspNotifyPaymentV2"
    return _CAUSES[status]


_CAUSES = {
    "PAYING": "activatePaymentNoticeV2",
    "PAYMENT_RESERVED": "closePaymentV2",
    "PAYMENT_SENT": "closePaymentV2",
    "PAYMENT_ACCEPTED": "pspNotifyPaymentV2",
    "PAYMENT_REFUSED": "pspNotifyPaymentV2",
    "PAYMENT_UNKNOWN": "pspNotifyPaymentV2",
    "PAYMENT_SEND_ERROR": "pspNotifyPaymentV2",
    "PAID": "sendPaymentOutcomeV2",
    "NOTICE_GENERATED": "sendPaymentOutcomeV2",
    "NOTICE_SENT": "sendPaymentOutcomeV2",
    "NOTICE_PENDING": "paSendRT",
    "NOTIFIED": "paSendRT",
}


def of_changes(statuses: set[str], at_s: float, payment: Row) -> Reason:
    """Return why several things changed at one moment."""
    why = cause(next(iter(statuses)), at_s, payment)
    if why == SWEEP:
        said, rules = _OF_EXPIRY[payment["cancel_cause"]]
        if payment["cancel_cause"] == "outcome_missing_accepted" and payment["outcome_s"] is not None:
            said, rules = "the only outcome was discordant, and no OK came", ("R10",)
        return Reason(f"{SWEEP}, the first sweep after the token's deadline: {said}", ("R15", *rules))
    if why == SEND_AGAIN:
        return Reason(f"{SEND_AGAIN} sends the pending receipt again", ("R11",))
    if why == "pspNotifyPaymentV2" and "PAYMENT_ACCEPTED" not in statuses:
        return _exception(statuses)
    if why == "closePaymentV2" and "CANCELLED" in statuses:
        return Reason(_OF_CLOSE[payment["cancel_cause"]], ("R4",))
    if why == "sendPaymentOutcomeV2":
        rule = "R9" if payment["notify_answer"] == "ok" else "R7"
        return Reason("the outcome OK; the receipt leaves", (rule, "R11"))
    if why == "paSendRT":
        pending = "NOTICE_PENDING" in statuses
        return Reason("no usable response of the EC" if pending else "the EC's answer is final", ("R11",))
    return _PLAIN[why]


def _exception(statuses: set[str]) -> Reason:
    if "PAYMENT_REFUSED" in statuses:
        return Reason("the PSP refused: cancelled at once", ("R6",))
    if "PAYMENT_SEND_ERROR" in statuses:
        return Reason("the PSP cannot be reached: as observed, cancelled at once", ("R7",))
    return Reason("a technical exception: wait for an outcome OK or for expiry", ("R7",))


_PLAIN = {
    "activatePaymentNoticeV2": Reason("the EC consented: the token is issued", ("R1", "R3")),
    "closePaymentV2": Reason("closePaymentV2 OK accepted", ("R4", "R5")),
    "pspNotifyPaymentV2": Reason("the PSP accepted", ("R5",)),
}
