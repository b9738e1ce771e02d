"""Changes of status, along the tables of the protocol, and what goes with them in the memory of the ledger."""

from sim.compiled.codes import CANCELLED, NONE, OK, P_INSERTED
from sim.compiled.heap import MOVE
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory


@compiled
def fail(w: Memory, error: int, attempt: int) -> None:
    """Stop the run for a bug of the program, found in a try."""
    s = w.state[0]
    s.error, s.error_cart = error, w.carts[w.tries[attempt].cart].number


@compiled
def size_of(w: Memory, attempt: int) -> int:
    """Return how many notices a try has."""
    return w.carts[w.tries[attempt].cart].notices


@compiled
def position_of(w: Memory, a: int) -> int:
    """Return the slot of the notice that an activation is of."""
    places = w.settings[0].places
    return w.tries[w.activations[a].attempt].cart * places + a % places


@compiled
def move_payment(w: Memory, a: int, status: int) -> None:
    """Move a payment on, or fail."""
    activation = w.activations[a]
    if not w.payment_moves[activation.status, status]:
        fail(w, MOVE, activation.attempt)
    activation.status = status
    w.state[0].moves += 1


@compiled
def move_position(w: Memory, a: int, status: int) -> None:
    """Move the notice of a payment on, or fail."""
    position = w.positions[position_of(w, a)]
    if not w.position_moves[position.status, status]:
        fail(w, MOVE, w.activations[a].attempt)
    position.status = status
    w.state[0].moves += 1


@compiled
def move_recipient(w: Memory, a: int, status: int) -> None:
    """Move the receipt of a payment on, or fail."""
    activation = w.activations[a]
    if not w.recipient_moves[activation.recipient, status]:
        fail(w, MOVE, activation.attempt)
    activation.recipient = status
    w.state[0].moves += 1


@compiled
def cancel(w: Memory, a: int) -> None:
    """Cancel a payment; its notice can be paid again."""
    w.activations[a].remembered = NONE
    no_longer_open(w, a)
    move_payment(w, a, CANCELLED)
    move_position(w, a, P_INSERTED)
    w.positions[position_of(w, a)].payment = -1


@compiled
def no_longer_open(w: Memory, a: int) -> None:
    """Take a token from those that are issued and not closed."""
    activation = w.activations[a]
    w.state[0].open_tokens -= activation.open
    activation.open = False


@compiled
def expires(w: Memory, t: int) -> bool:
    """Whether the job would cancel a closed cart that has no outcome yet."""
    return w.settings[0].accepted_expires or w.tries[t].answer != OK


@compiled
def settled(w: Memory, t: int) -> None:
    """Take a closed cart from those that wait for an outcome or for expiry."""
    w.tries[t].in_closings = False
    w.state[0].expirable -= expires(w, t)
