"""The creditors' receipts: what `sim.model.ec` and `Node.send_receipts` are, over arrays."""

from math import inf

from sim.compiled import steps
from sim.compiled.calls import called, ec_of
from sim.compiled.codes import KO, NONE, OK, RECEIPT, UNREACHABLE
from sim.compiled.heap import ENDED, FLOW, asks, enter, flow_of, wait
from sim.compiled.jit import compiled
from sim.compiled.ledger import receipt_answered
from sim.compiled.memory import Memory
from sim.compiled.moves import size_of


@compiled
def step(w: Memory, f: int, pc: int) -> int:
    """Do one step of a receipt and return the next."""
    if pc == steps.RECEIPTS:
        return receipts(w, f)
    if pc == steps.RECEIPT_SENDS:
        return receipt_sends(w, f)
    if pc == steps.RECEIPT_ANSWERED:
        return receipt_delivered(w, f)
    return receipt_entered(w, f)


@compiled
def receipts(w: Memory, f: int) -> int:
    """Send the receipts of payments made, the last of them in the caller's own flow (R11)."""
    flow = w.flows[f]
    if not flow.todo:
        return ENDED
    last = size_of(w, flow.attempt) - 1
    for notice in range(last):
        receipt(w, flow.cart, flow.attempt, notice, flow.leaves)
    flow.notice = last
    return steps.RECEIPT_SENDS


@compiled
def receipt(w: Memory, cart: int, attempt: int, notice: int, leaves: float) -> None:
    """Start a flow that sends one receipt, now."""
    g = flow_of(w, cart, attempt, steps.RECEIPT_SENDS)
    w.flows[g].notice, w.flows[g].leaves = notice, leaves
    enter(w, w.state[0].now, FLOW, g)


@compiled
def receipt_sends(w: Memory, f: int) -> int:
    """Send one receipt to the notice's own EC."""
    flow, settings = w.flows[f], w.settings[0]
    a = flow.attempt * settings.places + flow.notice
    drawn = w.notice_draws[a].receipt
    sends = called(w, f, RECEIPT, ec_of(w, a), settings.receipt_timeout_s, drawn, steps.RECEIPT_ANSWERED)
    w.activations[a].receipt_sends += 1
    flow.c_send = w.activations[a].sends - 1
    if flow.c_send == 0:
        return sends
    flow.primitive, flow.send = RECEIPT, flow.c_send
    return asks(w, f, steps.ASK_CALL, steps.CALL)


@compiled
def receipt_done(w: Memory, f: int) -> None:
    """Close the debt position when the work of a receipt is done, for the first of them."""
    flow = w.flows[f]
    cart, bit = w.carts[flow.cart], 1 << flow.notice
    if flow.done < inf and not cart.ec_closed & bit:
        cart.ec_closed |= bit
        w.activations[flow.attempt * w.settings[0].places + flow.notice].receipt_s = flow.done


@compiled
def receipt_delivered(w: Memory, f: int) -> int:
    """Take the EC's answer to a receipt; a second one is refused as a duplicate, which is final too."""
    flow = w.flows[f]
    a = flow.attempt * w.settings[0].places + flow.notice
    if flow.answer == NONE:
        flow.answer = UNREACHABLE
        return wait(w, f, flow.at, steps.RECEIPT_ENTERED)
    closed = bool(w.carts[flow.cart].ec_closed >> flow.notice & 1)
    if flow.answer == KO:
        w.activations[a].receipt_refused = not closed
    elif closed and flow.answer == OK:
        flow.answer = KO
    receipt_done(w, f)
    if flow.answer == OK or flow.answer == KO:
        return steps.RECEIPT_ENTERED
    return wait(w, f, flow.at, steps.RECEIPT_ENTERED)


@compiled
def receipt_entered(w: Memory, f: int) -> int:
    """Close a receipt, or keep it for the job."""
    flow = w.flows[f]
    receipt_answered(w, flow.attempt * w.settings[0].places + flow.notice, flow.answer)
    return steps.TRY_RETURNS
