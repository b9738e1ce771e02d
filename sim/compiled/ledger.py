"""The ledger of the machine: what `sim.protocol.ledger` is, over arrays.

Only what the model's own peers can bring about: tokens are those of one try of one cart, none is unknown, and every
receipt has one recipient. Statuses move along the same tables.
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
    P_INSERTED,
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
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory
from sim.compiled.queueing import MOVE, NOTIFICATIONS, OUTCOME_MOVED, SECOND_TOKEN

# --- moves -----------------------------------------------------------------------------------------------------------


@compiled
def _fail(w: Memory, error: int, attempt: int) -> None:
    s = w.state[0]
    s.error, s.error_cart = error, w.carts[w.tries[attempt].cart].number


@compiled
def _move_payment(w: Memory, a: int, status: int) -> None:
    activation = w.activations[a]
    if not w.payment_moves[activation.status, status]:
        _fail(w, MOVE, activation.attempt)
    activation.status = status
    w.state[0].moves += 1


@compiled
def _move_position(w: Memory, a: int, status: int) -> None:
    position = w.positions[_position(w, a)]
    if not w.position_moves[position.status, status]:
        _fail(w, MOVE, w.activations[a].attempt)
    position.status = status
    w.state[0].moves += 1


@compiled
def _move_recipient(w: Memory, a: int, status: int) -> None:
    activation = w.activations[a]
    if not w.recipient_moves[activation.recipient, status]:
        _fail(w, MOVE, activation.attempt)
    activation.recipient = status
    w.state[0].moves += 1


@compiled
def _position(w: Memory, a: int) -> int:
    """Return the slot of the notice that an activation is of."""
    places = w.settings[0].places
    return w.tries[w.activations[a].attempt].cart * places + a % places


@compiled
def size_of(w: Memory, attempt: int) -> int:
    """Return how many notices a try has."""
    return w.carts[w.tries[attempt].cart].notices


# --- activation ------------------------------------------------------------------------------------------------------


@compiled
def activate(w: Memory, f: int, a: int, now: float) -> bool:
    """Answer an activation at once, as the flow's reply, or say that the EC has to be asked (R1, R3, R14)."""
    settings, flow, activation = w.settings[0], w.flows[f], w.activations[a]
    position = w.positions[_position(w, a)]
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
    position = w.positions[_position(w, a)]
    position.activating = False
    flow.reply, flow.fault = KO, SOGLIA
    if answer == NONE:
        return
    if answer == OK and activation.token:
        _stray(w, a, now)
        flow.reply, flow.fault = OK, NONE
    elif answer == OK:
        activation.token, activation.deadline, activation.open = True, now + settings.token_validity_s, True
        s.open_tokens += 1
        if not activation.listed:
            activation.listed = True
            w.opened[s.opened] = a
            s.opened += 1
        _move_payment(w, a, PAYING)
        _move_position(w, a, P_PAYING)
        if position.payment != -1:
            _fail(w, SECOND_TOKEN, activation.attempt)
        position.payment = a
        flow.reply, flow.fault = OK, NONE
    else:
        flow.fault = FAULT_OF_EC[answer]
    _remember_activation(w, f, a, now)


@compiled
def _stray(w: Memory, a: int, now: float) -> None:
    """Give a second token to an activation whose first one has been cancelled."""
    s, position = w.state[0], _position(w, a)
    _move_position(w, a, P_PAYING)
    w.positions[position].payment = -2
    stray = w.strays[s.strays]
    stray.position, stray.activation, stray.deadline = position, a, now + w.settings[0].token_validity_s
    s.strays += 1
    s.open_tokens += 1


@compiled
def expire_strays(w: Memory, now: float) -> None:
    """Cancel second tokens past their deadline (R15)."""
    s, kept = w.state[0], 0
    for place in range(s.strays):
        stray = w.strays[place]
        if stray.deadline > now:
            w.strays[kept] = stray
            kept += 1
            continue
        s.open_tokens -= 1
        if stray.position >= 0:
            w.activations[stray.activation].remembered = NONE
            _move_position(w, stray.activation, P_INSERTED)
            w.positions[stray.position].payment = -1
    s.strays = kept


@compiled
def forget_strays(w: Memory, c: int) -> None:
    """Keep of the second tokens of a cart that is over nothing but that they are open."""
    places = w.settings[0].places
    for place in range(w.state[0].strays):
        if w.strays[place].position // places == c:
            w.strays[place].position = -1


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
                _cancel(w, a)
        return False
    attempt.closed, attempt.answered_s = True, inf
    attempt.deadline = now + settings.token_extension_s if settings.extends else inf
    for a in range(first, first + size):
        if not settings.extends:
            attempt.deadline = min(attempt.deadline, w.activations[a].deadline)
        _no_longer_open(w, a)
        _move_payment(w, a, RESERVED)
        _move_payment(w, a, SENT)
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
        _move_payment(w, a, status)
    if status == ACCEPTED or status == UNKNOWN:
        attempt.in_closings = True
        s.expirable += _expires(w, t)
        if not attempt.listed:
            attempt.listed = True
            w.closed[s.closed] = t
            s.closed += 1
        return False
    for a in range(first, first + size):
        _cancel(w, a)
    return True


@compiled
def _expires(w: Memory, t: int) -> bool:
    """Whether the job would cancel a closed cart that has no outcome yet."""
    return w.settings[0].accepted_expires or w.tries[t].answer != OK


@compiled
def _settled(w: Memory, t: int) -> None:
    """Take a closed cart from those that wait for an outcome or for expiry."""
    w.tries[t].in_closings = False
    w.state[0].expirable -= _expires(w, t)


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
        _settled(w, t)
        for a in range(first, first + size):
            w.activations[a].remembered = NONE
            _move_payment(w, a, PAID)
            _move_position(w, a, P_PAID)
            w.positions[_position(w, a)].payment = -1
            _move_payment(w, a, NOTICE_GENERATED)
            _move_recipient(w, a, R_GENERATED)
            _send(w, a)
    elif s.moves != moves:
        _fail(w, OUTCOME_MOVED, t)
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
        position = w.positions[_position(w, a)]
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
    _move_recipient(w, a, R_SENT)
    _move_payment(w, a, NOTICE_SENT)


@compiled
def receipt_answered(w: Memory, a: int, answer: int) -> None:
    """Close a receipt on OK or a valid KO, otherwise keep it for the job `paSendRt` (R11, R12)."""
    s = w.state[0]
    if answer != OK and answer != KO:
        _move_recipient(w, a, R_PENDING)
        if w.activations[a].sends <= w.settings[0].receipt_max_retries:
            s.sendable += 1
            w.pending[s.pending] = a
            s.pending += 1
        return
    _move_recipient(w, a, R_NOTIFIED)
    _move_position(w, a, P_NOTIFIED)
    _move_payment(w, a, NOTIFIED)


@compiled
def send_again(w: Memory, a: int) -> None:
    """Send a pending receipt again, by the job `paSendRt` (R11)."""
    w.state[0].sendable -= 1
    _send(w, a)


# --- expiry ----------------------------------------------------------------------------------------------------------


@compiled
def expire_unclosed(w: Memory, now: float) -> int:
    """Cancel tokens never closed that are past their deadline; return how many.

    They stand first in `Memory.opened` then, before those that are open still (R7, R15).
    """
    s, kept, expired = w.state[0], 0, 0
    for place in range(s.opened):
        a = w.opened[place]
        activation = w.activations[a]
        if not activation.open:
            activation.listed = False
            continue
        w.opened[kept] = a
        if activation.deadline <= now:
            activation.listed = False
            w.opened[kept], w.opened[expired] = w.opened[expired], a
            expired += 1
        kept += 1
    s.opened = kept
    for place in range(expired):
        _cancel(w, w.opened[place])
    return expired


@compiled
def expire_closed(w: Memory, now: float) -> int:
    """Cancel closed carts past their deadline; return how many, which stand first in `Memory.closed` (R7, R15)."""
    s, kept, expired = w.state[0], 0, 0
    for place in range(s.closed):
        t = w.closed[place]
        attempt = w.tries[t]
        if not attempt.in_closings:
            attempt.listed = False
            continue
        w.closed[kept] = t
        if attempt.deadline <= now and _expires(w, t):
            attempt.listed = False
            w.closed[kept], w.closed[expired] = w.closed[expired], t
            expired += 1
        kept += 1
    s.closed = kept
    for place in range(expired):
        t = w.closed[place]
        _settled(w, t)
        for a in range(t * w.settings[0].places, t * w.settings[0].places + size_of(w, t)):
            _cancel(w, a)
    return expired


@compiled
def drop_expired(w: Memory, unclosed: int, closed: int) -> None:
    """Let go of those that stand first because they expired."""
    s = w.state[0]
    for place in range(unclosed, s.opened):
        w.opened[place - unclosed] = w.opened[place]
    for place in range(closed, s.closed):
        w.closed[place - closed] = w.closed[place]
    s.opened -= unclosed
    s.closed -= closed


@compiled
def awaits_jobs(w: Memory) -> bool:
    """Whether a job, run late enough, would still change anything."""
    s = w.state[0]
    return s.open_tokens > 0 or s.expirable > 0 or s.sendable > 0


@compiled
def _no_longer_open(w: Memory, a: int) -> None:
    activation = w.activations[a]
    w.state[0].open_tokens -= activation.open
    activation.open = False


@compiled
def _cancel(w: Memory, a: int) -> None:
    w.activations[a].remembered = NONE
    _no_longer_open(w, a)
    _move_payment(w, a, CANCELLED)
    _move_position(w, a, P_INSERTED)
    w.positions[_position(w, a)].payment = -1


@compiled
def check_over(w: Memory, t: int) -> None:
    """Invariant 3 over a try about which nothing more will happen; all others are checked over the records."""
    attempt = w.tries[t]
    if attempt.notifications != attempt.closed:
        _fail(w, NOTIFICATIONS, t)
