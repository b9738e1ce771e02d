"""The ledger of the machine: what `sim.protocol.ledger` decides, over arrays.

Only what the model's own peers can bring about: tokens are those of one try of one cart, none is unknown, and every
receipt has one recipient.
"""

from math import inf

from sim.compiled.codes import (
    ACCEPTED,
    ATTIVAZIONE_IN_CORSO,
    CANCELLED,
    DUPLICATO,
    FAULT_OF_EC,
    GIA_ACQUISITO,
    IN_CORSO,
    KO,
    NONE,
    NOTICE_GENERATED,
    NOTICE_SENT,
    NOTIFIED,
    OK,
    P_NOTIFIED,
    P_PAID,
    P_PAYING,
    PAID,
    PAYING,
    R_GENERATED,
    R_NOTIFIED,
    R_PENDING,
    R_SENT,
    REFUSED,
    RESERVED,
    SCADUTO,
    SEMANTICA,
    SEND_ERROR,
    SENT,
    SOGLIA,
    UNKNOWN,
    UNREACHABLE,
)
from sim.compiled.expiry import stray_token
from sim.compiled.heap import OUTCOME_MOVED, SECOND_TOKEN
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory
from sim.compiled.moves import (
    cancel,
    expires,
    fail,
    move_payment,
    move_position,
    move_recipient,
    no_longer_open,
    position_of,
    settled,
    size_of,
)

# --- activation ------------------------------------------------------------------------------------------------------


@compiled
def activate(w: Memory, f: int, a: int, now: float) -> bool:
    """Answer an activation at once, as the flow's reply, or say that the EC has to be asked (R1, R3, R14)."""
    settings, flow, activation = w.settings[0], w.flows[f], w.activations[a]
    position = w.positions[position_of(w, a)]
    flow.reply, flow.fault = KO, NONE
    if settings.idempotency and activation.remembered != NONE and activation.remembered_until > now:
        flow.reply, flow.fault = activation.remembered, activation.remembered_fault
        return False
    if position.activating:
        flow.fault = ATTIVAZIONE_IN_CORSO
        return False
    if position.status == P_PAID or position.status == P_NOTIFIED:
        flow.fault = DUPLICATO
    elif position.status == P_PAYING:
        flow.fault = IN_CORSO
    else:
        position.activating = True
        return True
    _remember_activation(w, f, a, now)
    return False


@compiled
def _remember_activation(w: Memory, f: int, a: int, now: float) -> None:
    settings, flow, activation = w.settings[0], w.flows[f], w.activations[a]
    if settings.idempotency:
        activation.remembered, activation.remembered_fault = flow.reply, flow.fault
        activation.remembered_until = now + min(settings.idempotency_validity_s, settings.token_validity_s)


@compiled
def ec_answered(w: Memory, f: int, a: int, answer: int, now: float) -> None:
    """Issue a token if the EC said OK (R1); otherwise refuse, and leave the position payable (R2)."""
    s, settings, flow, activation = w.state[0], w.settings[0], w.flows[f], w.activations[a]
    position = w.positions[position_of(w, a)]
    position.activating = False
    flow.reply, flow.fault = KO, SOGLIA
    if answer == NONE:
        return
    if answer == OK and activation.token:
        stray_token(w, a, now)
        flow.reply, flow.fault = OK, NONE
    elif answer == OK:
        activation.token, activation.deadline, activation.open = True, now + settings.token_validity_s, True
        s.open_tokens += 1
        if not activation.listed:
            activation.listed = True
            w.opened[s.opened] = a
            s.opened += 1
        move_payment(w, a, PAYING)
        move_position(w, a, P_PAYING)
        if position.payment != -1:
            fail(w, SECOND_TOKEN, activation.attempt)
        position.payment = a
        flow.reply, flow.fault = OK, NONE
    else:
        flow.fault = FAULT_OF_EC[answer]
    _remember_activation(w, f, a, now)


# --- close -----------------------------------------------------------------------------------------------------------


@compiled
def close(w: Memory, f: int, t: int, now: float) -> bool:
    """Close a try, all or nothing; whether it has to be notified to the PSP (R4, R5)."""
    settings, flow, attempt = w.settings[0], w.flows[f], w.tries[t]
    first, size = t * settings.places, size_of(w, t)
    flow.fault, flow.http, flow.reply = NONE, 200, OK
    if attempt.closed:
        flow.reply, flow.http = KO, 422
        return False
    for a in range(first, first + size):
        if w.activations[a].status != PAYING:
            flow.reply, flow.http = KO, 400
    if flow.reply == KO or attempt.close == KO:
        for a in range(first, first + size):
            if w.activations[a].status == PAYING:
                cancel(w, a)
        return False
    attempt.closed, attempt.answered_s = True, inf
    attempt.deadline = now + settings.token_extension_s if settings.extends else inf
    for a in range(first, first + size):
        if not settings.extends:
            attempt.deadline = min(attempt.deadline, w.activations[a].deadline)
        no_longer_open(w, a)
        move_payment(w, a, RESERVED)
        move_payment(w, a, SENT)
    return True


@compiled
def is_final(w: Memory, answer: int) -> bool:
    """Tell whether a result of the notification cancels the cart at once (R6, R7)."""
    return answer == KO or (answer == UNREACHABLE and w.settings[0].unreachable_is_final)


@compiled
def psp_answered(w: Memory, t: int, answer: int, now: float) -> bool:
    """Take the result of the notification; true when the cart was cancelled by it (R5, R6, R7)."""
    s, settings, attempt = w.state[0], w.settings[0], w.tries[t]
    first, size = t * settings.places, size_of(w, t)
    attempt.answer, attempt.answered_s = answer, now
    if answer == OK:
        status = ACCEPTED
    elif answer == KO:
        status = REFUSED
    elif is_final(w, answer):
        status = SEND_ERROR
    else:
        status = UNKNOWN
    for a in range(first, first + size):
        move_payment(w, a, status)
    if status == ACCEPTED or status == UNKNOWN:
        attempt.in_closings = True
        s.expirable += expires(w, t)
        if not attempt.listed:
            attempt.listed = True
            w.closed[s.closed] = t
            s.closed += 1
        return False
    for a in range(first, first + size):
        cancel(w, a)
    return True


# --- outcome ---------------------------------------------------------------------------------------------------------


@compiled
def outcome(w: Memory, f: int, t: int, now: float) -> bool:
    """Take or refuse an outcome; whether the payments were made (R8-R11, R13, R14)."""
    s, settings, flow, attempt = w.state[0], w.settings[0], w.flows[f], w.tries[t]
    first, size = t * settings.places, size_of(w, t)
    if settings.idempotency and attempt.remembered != NONE and attempt.remembered_until > now:
        flow.reply, flow.fault = attempt.remembered, attempt.remembered_fault
        return False
    moves = s.moves
    fault = _outcome_refusal(w, t)
    flow.reply, flow.fault = (OK if fault == NONE else KO), fault
    if fault == NONE:
        settled(w, t)
        for a in range(first, first + size):
            w.activations[a].remembered = NONE
            move_payment(w, a, PAID)
            move_position(w, a, P_PAID)
            w.positions[position_of(w, a)].payment = -1
            move_payment(w, a, NOTICE_GENERATED)
            move_recipient(w, a, R_GENERATED)
            _send(w, a)
    elif s.moves != moves:
        fail(w, OUTCOME_MOVED, t)
    if settings.idempotency:
        attempt.remembered, attempt.remembered_fault = flow.reply, flow.fault
        attempt.remembered_until = now + settings.idempotency_validity_s
    return fault == NONE


@compiled
def _outcome_refusal(w: Memory, t: int) -> int:
    """Return the fault of an outcome, or none. The payments of a closed cart share their status up to the outcome."""
    settings, attempt = w.settings[0], w.tries[t]
    status = w.activations[t * settings.places].status
    made = status == PAID or status == NOTICE_GENERATED or status == NOTICE_SENT or status == NOTIFIED
    says_ok = not w.try_draws[t].outcome_ko
    if made:
        return GIA_ACQUISITO if says_ok else SEMANTICA
    if not says_ok:
        return settings.late_ko_fault if status == CANCELLED else SEMANTICA
    paid_otherwise = open_otherwise = False
    for a in range(t * settings.places, t * settings.places + size_of(w, t)):
        position = w.positions[position_of(w, a)]
        paid_otherwise |= position.status == P_PAID or position.status == P_NOTIFIED
        open_otherwise |= position.payment != -1 and position.payment != a
    if paid_otherwise or (status == CANCELLED and open_otherwise):
        return DUPLICATO
    if status == CANCELLED:
        return settings.after_refusal_fault if attempt.answer == KO else SCADUTO
    return NONE if status == ACCEPTED or status == UNKNOWN else SEMANTICA


# --- receipts --------------------------------------------------------------------------------------------------------


@compiled
def _send(w: Memory, a: int) -> None:
    w.activations[a].sends += 1
    move_recipient(w, a, R_SENT)
    move_payment(w, a, NOTICE_SENT)


@compiled
def receipt_answered(w: Memory, a: int, answer: int) -> None:
    """Close a receipt on OK or a valid KO, otherwise keep it for the job `paSendRt` (R11, R12)."""
    s = w.state[0]
    if answer != OK and answer != KO:
        move_recipient(w, a, R_PENDING)
        if w.activations[a].sends <= w.settings[0].receipt_max_retries:
            s.sendable += 1
            w.pending[s.pending] = a
            s.pending += 1
        return
    move_recipient(w, a, R_NOTIFIED)
    move_position(w, a, P_NOTIFIED)
    move_payment(w, a, NOTIFIED)


@compiled
def send_again(w: Memory, a: int) -> None:
    """Send a pending receipt again, by the job `paSendRt` (R11)."""
    w.state[0].sendable -= 1
    _send(w, a)
