"""Registry of the invariants, 1-8: what holds of every payment, whatever the scenario.

It is text, like the rules (`rules.py`). The simulation checks each where it says, a broken one stops the run and names
payment, time, seed and replication, and `docs/protocol.md` prints this list. Anybody may import it. An invariant that
is added here needs a check; `running` and `records` name what checks it, as module:name.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Invariant:
    """One invariant; `running` is checked while the simulation runs, `records` again over what it leaves behind."""

    number: int
    text: str
    running: tuple[str, ...] = ()
    records: tuple[str, ...] = ()


_OVER = "sim.model.invariants:cart_over"
_HOLD = "sim.model.invariants:records_hold"

INVARIANTS: tuple[Invariant, ...] = (
    Invariant(
        1,
        "A receipt exists only for a payment that was PAID; PAID follows only PAYMENT_ACCEPTED or PAYMENT_UNKNOWN.",
        (_OVER, "sim.protocol.statuses:PAYMENT_TRANSITIONS"),
        (_HOLD,),
    ),
    Invariant(2, "All tokens of a closed cart end in the same branch: paid, or not.", (_OVER,), (_HOLD,)),
    Invariant(
        3,
        "There is exactly one notification per accepted close OK, and none after a close KO.",
        (_OVER,),
        (_HOLD,),
    ),
    Invariant(
        4,
        "Money is conserved to the cent: what was authorised is receipted, given back, or a named open item (pending "
        "receipt, manual check), and in exactly one of these places.",
        (_OVER,),
        (_HOLD,),
    ),
    Invariant(5, "A refused outcome changes no status.", ("sim.model.node:Node",)),
    Invariant(6, "A notice has at most one open token.", ("sim.model.invariants:token_issued",), (_HOLD,)),
    Invariant(7, "A payment is NOTIFIED only when every recipient of its receipts is final.", (_OVER,), (_HOLD,)),
    Invariant(8, "Sends of a receipt never exceed its retry policy.", (_OVER,), (_HOLD,)),
)
