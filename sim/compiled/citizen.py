"""The citizen's journey, from arrival over all tries: what `sim.model.citizen` and `Checkout.pay` are, over arrays."""

from math import isnan, nan

from sim.compiled import steps
from sim.compiled.checkout import activation_begins, close_begins
from sim.compiled.codes import FIRST, KO, NOBODY, NONE, OK
from sim.compiled.heap import ENDED, FLOW, SUSPENDED, asks, begin, enter, flow_of
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory
from sim.compiled.moves import size_of
from sim.model.run import TOGETHER


@compiled
def step(w: Memory, f: int, pc: int) -> int:
    """Do one step of a journey and return the next."""
    if pc == steps.ARRIVE:
        return _arrive(w, f)
    if pc == steps.ARRIVE_NEXT:
        return _arrive_next(w, f)
    if pc == steps.TRY:
        return new_try(w, f, FIRST, w.carts[w.flows[f].cart].arrived_s)
    if pc == steps.TRY_DRAWN:
        return try_drawn(w, f)
    if pc == steps.LANES:
        return lanes(w, f)
    if pc == steps.LANE:
        return lane(w, f)
    if pc == steps.JOINED:
        return joined(w, f)
    if pc == steps.ACTIVATED:
        return activated(w, f)
    return try_returns(w, f)


@compiled
def _arrive(w: Memory, f: int) -> int:
    """Wait for the first of the carts whose journeys are begun together; their draws are asked for by the block."""
    s, flow = w.state[0], w.flows[f]
    if flow.index == len(w.arrivals):
        return ENDED
    if flow.index == s.block_end:
        return asks(w, f, steps.ASK_BLOCK, steps.ARRIVE)
    first = w.arrivals[flow.index]
    if first > s.now:
        flow.pc = steps.ARRIVE_NEXT
        enter(w, first, FLOW, f)
        return SUSPENDED
    return steps.ARRIVE_NEXT


@compiled
def _arrive_next(w: Memory, f: int) -> int:
    """Begin the journey of the next cart."""
    s, settings, flow = w.state[0], w.settings[0], w.flows[f]
    number = flow.index
    flow.index += 1
    s.free_carts -= 1
    c = w.free_carts[s.free_carts]
    cart, draws = w.carts[c], w.block[number - s.block_start]
    cart.number, cart.arrived_s, cart.notices, cart.psp = number, w.arrivals[number], draws.notices, draws.psp
    cart.measured = cart.arrived_s >= settings.warm_up_s
    cart.tries = cart.side_flows = cart.ec_closed = 0
    cart.amount_cents = 0
    for notice in range(cart.notices):
        cart.amount_cents += w.block_notices[(number - s.block_start) * settings.places + notice].amount_cents
        position = w.positions[c * settings.places + notice]
        position.status, position.activating, position.payment = 0, False, -1
    more = flow.index < len(w.arrivals) and flow.index % TOGETHER != 0
    return begin(w, f, steps.ARRIVE_NEXT if more else steps.ARRIVE, flow_of(w, c, NOBODY, steps.TRY))


@compiled
def new_try(w: Memory, f: int, number: int, started_s: float) -> int:
    """Begin a try; its draws are there already, or asked for."""
    s, places = w.state[0], w.settings[0].places
    flow = w.flows[f]
    cart = w.carts[flow.cart]
    s.free_tries -= 1
    t = w.free_tries[s.free_tries]
    if cart.tries == 0:
        cart.first = t
    else:
        w.tries[cart.last].next = t
    cart.last = t
    cart.tries += 1
    attempt = w.tries[t]
    attempt.cart, attempt.number, attempt.next, attempt.flow, attempt.started_s = flow.cart, number, -1, f, started_s
    attempt.activated_s = attempt.close_sent_s = attempt.booked_s = attempt.known_s = nan
    attempt.failed = attempt.abandoned = attempt.closed = attempt.in_closings = False
    attempt.close = attempt.answer = attempt.notifications = attempt.result = attempt.remembered = 0
    for a in range(t * places, t * places + cart.notices):
        each = w.activations[a]
        each.attempt = t
        each.status = each.recipient = each.sends = each.remembered = 0
        each.token = each.open = each.receipt_refused = False
        each.requested_s = each.issued_s = each.authorised_s = each.closed_s = each.notified_s = nan
        each.answered_s = each.outcome_s = each.paid_s = each.cancelled_s = each.receipt_s = nan
        each.reversal_requested_s = nan
        each.fault = each.notify_answer = each.cancel_cause = each.reversal_cause = each.receipt_sends = 0
    flow.attempt, flow.main = t, True
    if number == 0:
        place = cart.number - s.block_start
        w.try_draws[t] = w.block[place]
        for notice in range(cart.notices):
            w.notice_draws[t * places + notice] = w.block_notices[place * places + notice]
        return steps.TRY_DRAWN
    return asks(w, f, steps.ASK_TRY, steps.TRY_DRAWN)


@compiled
def try_drawn(w: Memory, f: int) -> int:
    """Activate every notice, some in parallel (R1)."""
    flow = w.flows[f]
    attempt, size = w.tries[flow.attempt], size_of(w, flow.attempt)
    if size == 1:
        return activation_begins(w, f, FIRST, attempt.started_s)
    attempt.lanes = attempt.lanes_left = min(w.settings[0].parallel_activations, size)
    attempt.next_notice, attempt.latest_s = 0, attempt.started_s
    return steps.LANES


@compiled
def lanes(w: Memory, f: int) -> int:
    """Begin the lanes, one after the other, and wait for the last of them to end."""
    flow = w.flows[f]
    attempt = w.tries[flow.attempt]
    if attempt.lanes == 0:
        flow.pc = steps.JOINED
        return SUSPENDED
    attempt.lanes -= 1
    g = flow_of(w, flow.cart, flow.attempt, steps.LANE)
    w.flows[g].known = attempt.started_s
    return begin(w, f, steps.LANES, g)


@compiled
def lane(w: Memory, f: int) -> int:
    """Take the next notice, or end."""
    s, flow = w.state[0], w.flows[f]
    attempt = w.tries[flow.attempt]
    if attempt.next_notice < size_of(w, flow.attempt):
        attempt.next_notice += 1
        return activation_begins(w, f, attempt.next_notice - 1, flow.known)
    attempt.latest_s = max(attempt.latest_s, flow.known)
    attempt.lanes_left -= 1
    if attempt.lanes_left == 0:
        enter(w, s.now, FLOW, attempt.flow)
    return ENDED


@compiled
def joined(w: Memory, f: int) -> int:
    """Go on after the last of the lanes."""
    flow = w.flows[f]
    flow.known = w.tries[flow.attempt].latest_s
    return steps.ACTIVATED


@compiled
def activated(w: Memory, f: int) -> int:
    """Let the citizen think, and have the payment authorised, once every activation has ended."""
    flow, places = w.flows[f], w.settings[0].places
    t = flow.attempt
    attempt, draws = w.tries[t], w.try_draws[t]
    attempt.activated_s = flow.known
    first, size = t * places, size_of(w, t)
    for a in range(first, first + size):
        attempt.failed |= w.activations[a].fault != NONE
    if attempt.failed:
        flow.failed_at = flow.known
        return steps.TRY_RETURNS
    flow.failed_at = nan
    if draws.abandons:
        attempt.abandoned = True
        return steps.TRY_RETURNS
    thought = flow.known + draws.think_s
    if draws.cancels:
        return close_begins(w, f, thought, KO)
    authorised = thought + draws.authorisation_s
    if draws.denied:
        return close_begins(w, f, authorised, KO)
    for a in range(first, first + size):
        w.activations[a].authorised_s = authorised
    return close_begins(w, f, authorised, OK)


@compiled
def try_returns(w: Memory, f: int) -> int:
    """End a try of the citizen's, or a flow beside it; `failed_at` is NaN when there is nothing to try again."""
    flow = w.flows[f]
    if not flow.main:
        return ENDED
    attempt, draws = w.tries[flow.attempt], w.try_draws[flow.attempt]
    if attempt.close == KO:  # who cancelled does not come back; who was denied knows it when the close is sent
        flow.failed_at = nan if draws.cancels else attempt.close_sent_s
    number = attempt.number + 1
    if isnan(flow.failed_at) or not draws.comes_back or number == w.settings[0].max_tries:
        return steps.TRY_OVER
    return new_try(w, f, number, flow.failed_at + draws.wait_s)
