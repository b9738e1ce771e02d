"""What the ledger does of its own accord: cancels what is past its deadline (R7, R15), and knows what is left to do."""

from sim.compiled.codes import NONE, P_INSERTED, P_PAYING
from sim.compiled.jit import compiled
from sim.compiled.memory import Memory
from sim.compiled.moves import cancel, expires, move_position, position_of, settled, size_of


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
        cancel(w, w.opened[place])
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
        if attempt.deadline <= now and expires(w, t):
            attempt.listed = False
            w.closed[kept], w.closed[expired] = w.closed[expired], t
            expired += 1
        kept += 1
    s.closed = kept
    for place in range(expired):
        t = w.closed[place]
        settled(w, t)
        for a in range(t * w.settings[0].places, t * w.settings[0].places + size_of(w, t)):
            cancel(w, a)
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
def stray_token(w: Memory, a: int, now: float) -> None:
    """Give a second token to an activation whose first one has been cancelled."""
    s, position = w.state[0], position_of(w, a)
    move_position(w, a, P_PAYING)
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
            move_position(w, stray.activation, P_INSERTED)
            w.positions[stray.position].payment = -1
    s.strays = kept


@compiled
def forget_strays(w: Memory, c: int) -> None:
    """Keep of the second tokens of a cart that is over nothing but that they are open."""
    places = w.settings[0].places
    for place in range(w.state[0].strays):
        if w.strays[place].position // places == c:
            w.strays[place].position = -1


@compiled
def awaits_jobs(w: Memory) -> bool:
    """Whether a job, run late enough, would still change anything."""
    s = w.state[0]
    return s.open_tokens > 0 or s.expirable > 0 or s.sendable > 0
