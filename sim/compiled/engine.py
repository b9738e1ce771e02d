"""One replication by the machine: fills its memory, answers what it asks for, and keeps what it leaves."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import config, typeof

from sim.compiled import codes, memory, steps, tables
from sim.compiled.draws import Draws
from sim.compiled.ending import finish_all
from sim.compiled.heap import BUGS
from sim.compiled.machine import MARGIN, advance
from sim.compiled.memory import NOTICE_DRAWS, TRY_DRAWS, Arrays, Memory, room
from sim.compiled.peers import Peers
from sim.compiled.stations import QUEUED, SERVED
from sim.kernel.clock import Clock
from sim.kernel.occupancy import Occupancy
from sim.kernel.streams import Streams
from sim.model.arrivals import arrival_times, end_of_arrivals_s
from sim.model.assemble import Builder
from sim.model.callee import Address
from sim.model.invariants import BrokenInvariantError, records_hold
from sim.model.plan import PLANNED_AS, CallDraws, Plan
from sim.model.recorder import PRIMITIVE_NAMES, Table
from sim.model.reversal import Reversals
from sim.model.run import TOGETHER, Progress, RunError, uncollected
from sim.protocol.settings import ProtocolSettings
from sim.records import ANSWERS, CARTS, FAULTS, LIMITS_MS, PAYMENTS, Records
from sim.scenario.load import Loaded
from sim.scenario.presets import settings_of
from sim.scenario.schema import Scenario

Array = npt.NDArray[Any]

_ROWS, _BLOCK = 16384, 4096
"""Rows of payments, and of carts, that are written before they are taken away; carts whose draws are made at once."""
_STARTS = (steps.ARRIVE, False), (steps.JOB_DONE, True), (steps.JOB_DONE, False)
"""The flows that begin first, in this order, and whether a job is `mod3CancelV2`."""
_GROWING = {
    "flows": (),
    "carts": ("positions",),
    "tries": ("activations", "notice_draws"),
    "waiters": (),
    "places": (),
}
"""Arrays whose slots are used again, and others that have a slot for each place in a cart."""


def compile_machine() -> None:
    """Compile the machine, or load it where that has been done: a quarter of a minute, or of a second."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return
    given = typeof(Arrays(memory.nothing()).given)
    machine: tuple[Any, ...] = (advance, finish_all)
    for function in machine:
        function.compile((given,))


@uncollected()
def replicate(loaded: Loaded, replication: int, *, progress: Progress | None = None) -> Records:
    """Run one replication and return its records: those of `sim.model.run.replicate`, row for row.

    `progress(now_s, payments)` is called after every sweep of the simulated Node. Raises `RunError` when an invariant
    breaks.
    """
    engine = _Engine(loaded, replication, progress)
    try:
        engine.run()
        records = engine.records()
        records_hold(records.tables["payments"], engine.settings.receipt_max_retries)
    except BrokenInvariantError as error:
        raise RunError(f"{error}; seed {loaded.scenario.run.seed}, replication {replication}") from error
    return records


class _Engine:
    """The machine of one replication, and those whom it asks."""

    def __init__(self, loaded: Loaded, replication: int, progress: Progress | None) -> None:
        self.scenario = scenario = loaded.scenario
        self.replication, self.progress = replication, progress
        streams = Streams(scenario.run.seed, replication)
        self.plan = Plan(scenario, streams)
        self.settings = settings_of(scenario.protocol)
        self.builder = Builder(scenario, streams, self.plan, Clock())
        self.places = int(max(scenario.cart.notices))
        self.draws = Draws(self.plan, self.places)
        arrivals = arrival_times(scenario, streams, loaded.trace_s)
        self.arrays = Arrays(_empty(scenario, arrivals, _settings(scenario, self.settings, self.plan, self.places)))
        self.peers = Peers(self.arrays, self.builder)
        self.payments, self.carts = Table(PAYMENTS), Table(CARTS)
        self._make_room()
        self._start()

    def run(self) -> None:
        """Let the machine run to the end."""
        answers: Mapping[int, Callable[[], None]] = {
            steps.ASK_BLOCK: self._draw_block,
            steps.ASK_TRY: self._draw_try,
            steps.ASK_CALL: self._draw_call,
            steps.ASK_CALLEE: self._find_callee,
            steps.ASK_MIX: self._mix,
            steps.ASK_REPLY: self._draw_reply,
            steps.ASK_ROOM: self._make_room,
            steps.ASK_LOOK: self._look,
        }
        while (asked := advance(self.arrays.given)) != steps.ALL_DONE:
            answers[asked]()
        while not self.arrays.state["error"] and finish_all(self.arrays.given) != steps.ALL_DONE:
            self._make_room()
        state = self.arrays.state
        if state["error"]:
            where = f"of cart {state['error_cart']}"
            raise BrokenInvariantError(BUGS[int(state["error"])], where, float(state["now"]))
        self._make_room()
        self.draws.forget()

    def records(self) -> Records:
        """Return what the replication leaves behind."""
        names, end_s, now = self.builder.names(), float(self.arrays.state["now"]), self.arrays.now
        found = {
            "payments": self.payments.columns_sorted_by(("cart", "attempt", "notice")),
            "carts": self.carts.columns_sorted_by(("cart",)),
            "primitives": tables.primitives(now.counts),
            "refusals": tables.refusals(now.refusals),
            "stations": self.builder.stations.table(names["station"], end_s),
        }
        window = self.scenario.run.warm_up, end_of_arrivals_s(self.scenario)
        named = {**names, "primitive": PRIMITIVE_NAMES, "counterpart": (*names["psp"], *names["ec_group"])}
        return Records(self.replication, window, end_s, named, found, int(self.arrays.state["entries"]))

    def _start(self) -> None:
        """Begin the arrivals and both jobs."""
        now, state = self.arrays.now, self.arrays.state
        for place, (step, sweeps) in enumerate(reversed(_STARTS)):
            state["free_flows"] -= 1
            slot = now.free_flows[state["free_flows"]]
            flow = now.flows[slot]
            flow["pc"], flow["main"], flow["index"] = step, sweeps, 0
            now.stack[place] = slot
        state["stacked"], state["jobs"] = len(_STARTS), 2

    # --- draws --------------------------------------------------------------------------------------------------

    @property
    def _flow(self) -> Any:
        """The flow that asks."""
        now = self.arrays.now
        return now.flows[now.stack[now.state[0]["stacked"] - 1]]

    def _address(self, flow: Any, send: int) -> Address:
        now = self.arrays.now
        cart, attempt = now.carts[flow["cart"]]["number"], now.tries[flow["attempt"]]["number"]
        return int(cart), int(attempt), int(flow["notice"]), int(send)

    def _draw_block(self) -> None:
        now, state = self.arrays.now, self.arrays.state
        state["block_start"] = state["block_end"]
        state["block_end"] += _BLOCK
        self.draws.fill(now.block, now.block_notices, int(state["block_start"]), _BLOCK)

    def _draw_try(self) -> None:
        flow, places, now = self._flow, self.places, self.arrays.now
        cart, attempt, _, _ = self._address(flow, 0)
        slot = int(flow["attempt"])
        now.try_draws[slot], now.notice_draws[slot * places : (slot + 1) * places] = self.draws.later(cart, attempt)

    def _draw_call(self) -> None:
        flow = self._flow
        cart, attempt, notice, send = self._address(flow, flow["send"])
        primitive, group = int(flow["primitive"]), 0
        if primitive == codes.RECEIPT:
            group = int(self.arrays.now.notice_draws[flow["attempt"] * self.places + notice]["ec_group"])
        drawn = self.plan.call(PLANNED_AS[PRIMITIVE_NAMES[primitive]], cart, notice, group, attempt, send)
        if primitive == codes.RECEIPT:
            _write(flow, drawn)
        else:
            flow["out"], flow["work"], flow["back"] = drawn.out_s, drawn.work_s, drawn.back_s

    def _mix(self) -> None:
        flow = self._flow
        callee = self.peers.callees[flow["callee"]]
        ends = callee.troubles[flow["mix"] - self.arrays.now.callees[flow["callee"]]["trouble_lo"]].ends
        assert ends is not None
        drawn = CallDraws(*(flow[name].item() for name in ("c_out", "c_end", "c_work", "c_back", "c_done")))
        _write(flow, callee.mixed(ends, PRIMITIVE_NAMES[flow["called"]], drawn, self._address(flow, flow["c_send"])))

    def _draw_reply(self) -> None:
        flow = self._flow
        decision, address = f"{PRIMITIVE_NAMES[flow['called']]}.reply", self._address(flow, flow["c_send"])
        flow["uniform"] = self.peers.callees[flow["callee"]].uniform(decision, address)

    def _find_callee(self) -> None:
        flow = self._flow
        notice = self.arrays.now.notice_draws[flow["attempt"] * self.places + flow["notice"]]
        flow["callee"] = self.peers.ec(int(notice["ec_group"]), int(notice["ec"]))

    def _look(self) -> None:
        if self.progress is not None:
            self.progress(float(self.arrays.state["now"]), int(self.arrays.state["finished"]))

    # --- room ---------------------------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Take what is written out of the memory, and let its arrays grow where the next step may need it."""
        now, state = self.arrays.now, self.arrays.state
        log = now.log[: state["logged"]]
        for number in np.unique(log["occupancy"]).tolist():
            _enter(self.peers.occupancies[number], log[log["occupancy"] == number])
        if state["cart_rows"]:
            self.payments.keep(tables.payments(now.rows[: state["rows"]], self.plan))
            self.carts.keep(tables.carts(now.cart_rows[: state["cart_rows"]]))
        state["logged"] = state["rows"] = state["cart_rows"] = 0
        many = 2 * (MARGIN + int(state["pending"]) + int(state["pool_waiters"]))
        self.arrays.with_room("heap", int(state["scheduled"]) + 2 * many)
        self.arrays.with_room("log", 4 * many)
        for name in ("opened", "closed", "pending", "strays", "waiting"):
            self.arrays.with_room(name, int(state[name]) + many)
        for name, along in _GROWING.items():
            self._more_slots(name, along, {"carts": 2 * TOGETHER, "tries": 4 * TOGETHER}.get(name, many))

    def _more_slots(self, name: str, along: tuple[str, ...], needed: int) -> None:
        """Have so many slots of an array unused."""
        free, before = f"free_{name}", len(getattr(self.arrays.now, name))
        unused = int(self.arrays.state[free])
        if unused >= needed:
            return
        slots = len(self.arrays.with_room(name, before + needed))
        self.arrays.with_room(free, slots)[unused : unused + slots - before] = np.arange(before, slots)
        self.arrays.state[free] += slots - before
        for other in along:
            self.arrays.with_room(other, slots * self.places)
        if name == "tries":
            self.arrays.with_room("try_draws", slots)


def _empty(scenario: Scenario, arrivals: Array, settings: Array) -> Memory:
    """Return a memory in which nothing has happened; most of its arrays have no room yet."""
    groups, psps = scenario.ecs, scenario.psps
    primitives, counterparts = len(PRIMITIVE_NAMES), len(psps) + len(groups)
    places, starts = int(settings["places"][0]), np.concatenate([[0], np.cumsum([group.count for group in groups])])
    there: dict[str, Array] = {
        "settings": settings,
        "state": room(memory.STATE, 1),
        "stack": np.zeros(64, dtype=np.int64),
        "arrivals": arrivals,
        "block": room(TRY_DRAWS, _BLOCK),
        "block_notices": room(NOTICE_DRAWS, _BLOCK * places),
        "callee_of": np.full(int(starts[-1]), -1, dtype=np.int64),
        "group_starts": starts.astype(np.int64),
        "outcome_timeout_s": np.array([psp.outcome_timeout for psp in psps], dtype=float),
        "outcome_slot_s": np.array([psp.outcome_slot for psp in psps], dtype=float),
        "outcome_tries": np.array([psp.outcome_tries for psp in psps], dtype=np.int64),
        "rows": room(memory.PAYMENT_ROW, max(_ROWS, scenario.citizen.retry.max_tries * places)),
        "cart_rows": room(memory.CART_ROW, _ROWS),
        "counts": np.zeros((primitives, counterparts, len(ANSWERS), 1 + len(LIMITS_MS)), dtype=np.int64),
        "refusals": np.zeros((primitives, counterparts, len(FAULTS)), dtype=np.int64),
        "payment_moves": codes.PAYMENT_MOVES,
        "position_moves": codes.POSITION_MOVES,
        "recipient_moves": codes.RECIPIENT_MOVES,
    }
    return memory.nothing()._replace(**there)


def _settings(scenario: Scenario, protocol: ProtocolSettings, plan: Plan, places: int) -> Array:
    checkout, result = scenario.checkout, scenario.node.result
    reversals = Reversals(Clock(), plan, scenario, protocol)
    values = {
        "places": places,
        "opens_s": scenario.run.warm_up,
        "closes_s": end_of_arrivals_s(scenario),
        "warm_up_s": scenario.run.warm_up,
        "max_tries": scenario.citizen.retry.max_tries,
        "parallel_activations": checkout.parallel_activations,
        "activation_timeout_s": checkout.activation.timeout,
        "activation_wait_s": checkout.activation.wait,
        "activation_tries": checkout.activation.tries,
        "close_timeout_s": checkout.close.timeout,
        "close_wait_s": checkout.close.wait,
        "close_retries": checkout.close.retries,
        "close_margin_s": checkout.close.margin,
        "redirect_wait_s": checkout.redirect_wait,
        "result_first_wait_s": result.first_wait,
        "result_wait_s": result.wait,
        "result_retries": result.retries,
        "gives_back_unanswered": reversals.gives_back_unanswered,
        "grace_s": reversals.grace_s,
        "token_validity_s": protocol.token_validity_s,
        "extends": protocol.token_extension_s is not None,
        "token_extension_s": protocol.token_extension_s or 0.0,
        "unreachable_is_final": protocol.unreachable_is_final,
        "accepted_expires": protocol.accepted_expires,
        "late_ko_fault": codes.fault_code(protocol.late_ko_fault),
        "after_refusal_fault": codes.fault_code(protocol.after_refusal_fault),
        "psp_timeout_s": protocol.psp_timeout_s,
        "ec_timeout_s": protocol.ec_timeout_s,
        "receipt_timeout_s": protocol.receipt_timeout_s,
        "idempotency": protocol.idempotency,
        "idempotency_validity_s": protocol.idempotency_validity_s,
        "receipt_max_retries": protocol.receipt_max_retries,
        "psps": len(scenario.psps),
        "mod3_s": scenario.node.jobs.mod3CancelV2,
        "receipts_s": scenario.node.jobs.paSendRt,
    }
    settings = room(memory.SETTINGS, 1)
    for name, value in values.items():
        settings[name] = value
    return settings


def _write(flow: Any, drawn: CallDraws) -> None:
    flow["c_out"], flow["c_work"], flow["c_back"] = drawn.out_s, drawn.work_s, drawn.back_s
    flow["c_end"], flow["c_done"] = drawn.end, drawn.done


def _enter(occupancy: Occupancy, log: Array) -> None:
    """Let an occupancy know what happened, in order."""
    queued = log["kind"] == QUEUED
    if queued.any():
        occupancy.queues(log["asked"][queued], log["start"][queued])
        log = log[~queued]
    occupancy.extend(log["asked"], log["start"], log["end"], log["kind"] == SERVED)
