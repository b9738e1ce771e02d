"""What the machine remembers: records in arrays, and the arrays together as one `Memory`.

A *slot* is a place in an array; `-1` is nobody. Slots of carts, tries, flows and waiters are used again. The notice `n`
of the try in slot `t` is in slot `t * places + n`, and so is that of a cart, where `places` is the size of the largest
cart. Times are seconds from the start of the run; NaN is a moment that has not come.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import config, types
from numba.experimental import structref

from sim.compiled.jit import entry, sources

Array = Any
"""Arrays of records, which have their fields as attributes; numpy's types do not tell which."""

_F, _I, _B = "f8", "i8", "?"
_SOURCES = sources()


def _record(**fields: Any) -> np.dtype[Any]:
    return np.dtype(list(fields.items()), align=True)


CALL_DRAWS = _record(out_s=_F, work_s=_F, back_s=_F, end=_I, done=_B)
TRY_DRAWS = _record(
    psp=_I, notices=_I, think_s=_F, abandons=_B, cancels=_B, denied=_B, authorisation_s=_F, comes_back=_B, wait_s=_F,
    outcome_delay_s=_F, outcome_ko=_B, outcome_lost=_B, stray_outcome=_B, books_late=_B, result_s=_F, result_losses=_I,
    close=CALL_DRAWS, notify=CALL_DRAWS, outcome=CALL_DRAWS,
)  # fmt: skip
NOTICE_DRAWS = _record(
    ec_group=_I, ec=_I, amount_cents=_I, activate=CALL_DRAWS, ask=CALL_DRAWS, receipt=CALL_DRAWS
)  # fmt: skip

SETTINGS = _record(
    places=_I, opens_s=_F, closes_s=_F, warm_up_s=_F, max_tries=_I, parallel_activations=_I,
    activation_timeout_s=_F, activation_wait_s=_F, activation_tries=_I,
    close_timeout_s=_F, close_wait_s=_F, close_retries=_I, close_margin_s=_F, redirect_wait_s=_F,
    result_first_wait_s=_F, result_wait_s=_F, result_retries=_I, gives_back_unanswered=_B, grace_s=_F,
    token_validity_s=_F, extends=_B, token_extension_s=_F, unreachable_is_final=_B, accepted_expires=_B,
    late_ko_fault=_I, after_refusal_fault=_I, psp_timeout_s=_F, ec_timeout_s=_F, receipt_timeout_s=_F,
    idempotency=_B, idempotency_validity_s=_F, receipt_max_retries=_I, mod3_s=_F, receipts_s=_F,
    node_lo=_I, node_hi=_I, psps=_I,
)  # fmt: skip
"""What does not change in a run. `node_lo` and `node_hi` are the edges of the Node's slow-downs, if it has any."""

STATE = _record(
    now=_F, entries=_I, scheduled=_I, stacked=_I, asked=_I, jobs=_I, finished=_I, open_tokens=_I,
    expirable=_I, sendable=_I, error=_I, error_cart=_I, logged=_I, rows=_I, cart_rows=_I, waiting=_I, opened=_I,
    closed=_I, pending=_I, strays=_I, free_carts=_I, free_tries=_I, free_flows=_I, free_waiters=_I, pool_waiters=_I,
    free_places=_I, block_start=_I, block_end=_I, moves=_I, **{f"of_{_SOURCES}": _I},
)  # fmt: skip
"""What changes: the clock, and how much of each array is in use.

The name of the last field is another for other sources, so that Numba, which keeps a function for the types of what it
is given, does not take the `_pointer_to` of other sources, and with it their `Memory` and all that is kept for it.
"""

ENTRY = _record(at=_F, number=_I, kind=_I, slot=_I)
FLOW = _record(
    pc=_I, cart=_I, attempt=_I, notice=_I, send=_I, main=_B, beside=_B,
    # a call to the Node: what was drawn of it, and how its caller listens
    primitive=_I, counterpart=_I, sent=_F, out=_F, work=_F, back=_F, arrives=_F, gives_up=_F, until=_F, listens=_B,
    heard=_I,
    # what the Node made of it
    started=_F, leaves=_F, killed=_B, reply=_I, fault=_I, http=_I, known=_F, todo=_B,
    # a call of the Node
    callee=_I, called=_I, c_out=_F, c_work=_F, c_back=_F, c_end=_I, c_done=_B, c_send=_I, c_timeout=_F, asked=_F,
    left=_F, c_arrives=_F, c_gives_up=_F, late=_B, answered=_I, mix=_I, factor=_F,
    answer=_I, at=_F, done=_F, served_started=_F, served=_F, end=_I, uniform=_F, waiter=_I,
    # a citizen's try, a job
    failed_at=_F, index=_I,
)  # fmt: skip
"""A flow that is under way, like a process of the SimPy model: where it goes on (`pc`), and what it knows there."""

CART = _record(
    number=_I,
    arrived_s=_F,
    measured=_B,
    notices=_I,
    psp=_I,
    tries=_I,
    first=_I,
    last=_I,
    side_flows=_I,
    ec_closed=_I,
    amount_cents=_I,
)
TRY = _record(
    cart=_I, number=_I, next=_I, flow=_I, started_s=_F, activated_s=_F, close_sent_s=_F, booked_s=_F, known_s=_F,
    answered_s=_F, deadline=_F, failed=_B, abandoned=_B, close=_I, closed=_B, in_closings=_B, listed=_B, answer=_I,
    notifications=_I, result=_I, remembered=_I, remembered_fault=_I, remembered_until=_F,
    next_notice=_I, lanes=_I, lanes_left=_I, latest_s=_F,
)  # fmt: skip
ACTIVATION = _record(
    attempt=_I, status=_I, token=_B, deadline=_F, open=_B, listed=_B, recipient=_I, sends=_I,
    remembered=_I, remembered_fault=_I, remembered_until=_F,
    requested_s=_F, issued_s=_F, authorised_s=_F, closed_s=_F, notified_s=_F, answered_s=_F, outcome_s=_F, paid_s=_F,
    cancelled_s=_F, receipt_s=_F, reversal_requested_s=_F,
    fault=_I, notify_answer=_I, cancel_cause=_I, reversal_cause=_I, receipt_sends=_I, receipt_refused=_B,
)  # fmt: skip
POSITION = _record(status=_I, activating=_B, payment=_I)
STRAY = _record(position=_I, activation=_I, deadline=_F)
"""A second token of one activation, given to a send that Checkout has long given up: it blocks the notice."""

STATION = _record(
    unlimited=_B, planned=_B, any_order=_B, queue_limit=_I, occupancy=_I, free_at=_I, free=_I, leaving=_I,
    change=_I, change_end=_I, down_lo=_I, down_hi=_I, kill_lo=_I, kill_hi=_I, head=_I, tail=_I, waiting=_I,
)  # fmt: skip
"""Workers: `free` of them in `Memory.free` from `free_at` on, `leaving` of them in `Memory.leaving` from there on."""
CALLEE = _record(code=_I, station=_I, pool=_I, trouble_lo=_I, trouble_hi=_I)
TROUBLE = _record(effect=_I, primitive=_I, lo=_I, hi=_I, edge_lo=_I, edge_hi=_I, share=_F)
POOL = _record(
    permits=_I, free=_I, queue_limit=_I, wait_limit_s=_F, occupancy=_I, returning_at=_I, returning=_I, head=_I, tail=_I,
    waiting=_I, wakes_at=_F,
)  # fmt: skip
WAITER = _record(
    flow=_I, next=_I, asked=_F, triggered=_B, granted=_B, raced=_B, decided=_B, consumed=_B, entries=_I
)  # fmt: skip
"""Who waits for a permit; `raced` against its caller's patience until that is `decided`."""
WAIT = _record(at=_F, next=_I)
LOG = _record(occupancy=_I, kind=_I, asked=_F, start=_F, end=_F)
"""What happened at a station or pool, for `Occupancy`."""
WINDOW = _record(start=_F, end=_F)

PAYMENT_ROW = _record(
    cart=_I, attempt=_I, notice=_I, cart_size=_I, psp=_I, ec_group=_I, ec=_I, amount_cents=_I, measured=_B,
    requested_s=_F, issued_s=_F, fault=_I, authorised_s=_F, closed_s=_F, notified_s=_F, answered_s=_F, notify_answer=_I,
    outcome_s=_F, paid_s=_F, cancelled_s=_F, cancel_cause=_I, receipt_s=_F, receipt_sends=_I, reversal_requested_s=_F,
    reversal_cause=_I, receipt_refused=_B, status=_I,
)  # fmt: skip
CART_ROW = _record(
    cart=_I, arrived_s=_F, cart_size=_I, psp=_I, amount_cents=_I, measured=_B, tries=_I, waited_s=_F, redirected_s=_F,
    settled_s=_F, ending=_I,
)  # fmt: skip


class Memory(NamedTuple):
    """All arrays of one replication."""

    settings: Array
    state: Array
    heap: Array
    stack: Array
    flows: Array
    free_flows: Array
    carts: Array
    free_carts: Array
    waiting: Array
    tries: Array
    free_tries: Array
    try_draws: Array
    activations: Array
    notice_draws: Array
    positions: Array
    opened: Array
    closed: Array
    pending: Array
    strays: Array
    arrivals: Array
    block: Array
    block_notices: Array
    callees: Array
    callee_of: Array
    group_starts: Array
    outcome_timeout_s: Array
    outcome_slot_s: Array
    outcome_tries: Array
    stations: Array
    free: Array
    leaving: Array
    change_at: Array
    change_workers: Array
    windows: Array
    edges: Array
    factors: Array
    troubles: Array
    pools: Array
    returning: Array
    waiters: Array
    free_waiters: Array
    places: Array
    free_places: Array
    log: Array
    rows: Array
    cart_rows: Array
    counts: Array
    refusals: Array
    payment_moves: Array
    position_moves: Array
    recipient_moves: Array


_NUMBER, _REAL, _YES = np.dtype("i8"), np.dtype("f8"), np.dtype("?")
_KINDS: dict[str, np.dtype[Any]] = {
    "settings": SETTINGS, "state": STATE, "heap": ENTRY, "stack": _NUMBER, "flows": FLOW, "free_flows": _NUMBER,
    "carts": CART, "free_carts": _NUMBER, "waiting": _NUMBER, "tries": TRY, "free_tries": _NUMBER,
    "try_draws": TRY_DRAWS, "activations": ACTIVATION, "notice_draws": NOTICE_DRAWS, "positions": POSITION,
    "opened": _NUMBER, "closed": _NUMBER, "pending": _NUMBER, "strays": STRAY, "arrivals": _REAL, "block": TRY_DRAWS,
    "block_notices": NOTICE_DRAWS, "callees": CALLEE, "callee_of": _NUMBER, "group_starts": _NUMBER,
    "outcome_timeout_s": _REAL, "outcome_slot_s": _REAL, "outcome_tries": _NUMBER, "stations": STATION, "free": _REAL,
    "leaving": _REAL, "change_at": _REAL, "change_workers": _NUMBER, "windows": WINDOW, "edges": _REAL,
    "factors": _REAL, "troubles": TROUBLE, "pools": POOL, "returning": _REAL, "waiters": WAITER,
    "free_waiters": _NUMBER, "places": WAIT, "free_places": _NUMBER, "log": LOG, "rows": PAYMENT_ROW,
    "cart_rows": CART_ROW, "counts": _NUMBER, "refusals": _NUMBER, "payment_moves": _YES, "position_moves": _YES,
    "recipient_moves": _YES,
}  # fmt: skip
_DIMENSIONS = {"counts": 4, "refusals": 3, "payment_moves": 2, "position_moves": 2, "recipient_moves": 2}


def nothing() -> Memory:
    """Return a memory without room."""
    return Memory(**{name: np.zeros((0,) * _DIMENSIONS.get(name, 1), kind) for name, kind in _KINDS.items()})


@structref.register
class _Arrays(types.StructRef):
    """The type of `Memory` in compiled functions, which is passed on by one pointer.

    There is only one, so that its name need not spell out what all arrays are of: every compiled function bears it.
    """

    def __init__(self, fields: Any) -> None:
        super().__init__(fields)
        self.name = f"Memory{_SOURCES}"

    def preprocess_fields(self, fields: Any) -> Any:
        """Forget values that are known when a function is compiled."""
        return tuple((name, types.unliteral(kind)) for name, kind in fields)


class _Pointer(structref.StructRefProxy):
    """A `Memory` as Python sees that of compiled functions: nothing but a reference."""


structref.define_proxy(_Pointer, _Arrays, list(Memory._fields))


@entry
def _pointer_to(*arrays: Array) -> Any:
    return _Pointer(*arrays)


def room(kind: np.dtype[Any], count: int) -> Array:
    """Return an array of records, all of them zero."""
    return np.zeros(count, dtype=kind)


def grown(values: Array, count: int) -> Array:
    """Return the same records in an array with room for `count`, at least."""
    if len(values) >= count:
        return values
    more = np.zeros(max(count, 2 * len(values)), dtype=values.dtype)
    more[: len(values)] = values
    return more


class Arrays:
    """The memory of one replication, whose arrays grow."""

    def __init__(self, memory: Memory) -> None:
        self.now = memory
        self._given: Any = None

    @property
    def given(self) -> Any:
        """The memory as the functions of the machine take it, compiled or not; they share its arrays."""
        if self._given is None and config.DISABLE_JIT:  # type: ignore[attr-defined]
            self._given = Memory(*(each.view(np.recarray) if each.dtype.names else each for each in self.now))
        elif self._given is None:
            self._given = _pointer_to(*self.now)
        return self._given

    @property
    def state(self) -> Any:
        """What changes in a run."""
        return self.now.state[0]

    def replace(self, **arrays: Array) -> None:
        """Put other arrays in the place of some."""
        self.now, self._given = self.now._replace(**arrays), None

    def with_room(self, name: str, count: int) -> Array:
        """Return an array of records, or of numbers, once it has room for so many."""
        values = getattr(self.now, name)
        if len(values) < count:
            values = grown(values, count)
            self.replace(**{name: values})
        return values

    def append(self, name: str, values: Any) -> tuple[int, int]:
        """Put values behind those of an array; return where they begin and end."""
        before = getattr(self.now, name)
        if len(values):
            self.replace(**{name: np.concatenate([before, np.asarray(values, dtype=before.dtype)])})
        return len(before), len(before) + len(values)
