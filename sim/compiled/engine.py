"""One replication by the machine: fills its memory, answers what it asks for, and makes tables of what it leaves."""

from collections.abc import Callable, Mapping
from math import inf, nan
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import config

from sim.compiled import codes, steps
from sim.compiled.machine import MARGIN, advance, finish
from sim.compiled.memory import (
    ACTIVATION,
    CALLEE,
    CART,
    CART_ROW,
    ENTRY,
    FLOW,
    LOG,
    NOTICE_DRAWS,
    PAYMENT_ROW,
    POOL,
    POSITION,
    SETTINGS,
    STATE,
    STATION,
    STRAY,
    TROUBLE,
    TRY,
    TRY_DRAWS,
    WAIT,
    WAITER,
    WINDOW,
    Memory,
    Pointer,
    grown,
    room,
)
from sim.compiled.queueing import (
    BACKWARDS,
    GAVE_UP,
    MOVE,
    NOTIFICATIONS,
    OUTCOME_MOVED,
    QUEUED,
    REFUSED,
    SECOND_TOKEN,
    SERVED,
)
from sim.kernel.clock import Clock
from sim.kernel.incidents import Factor, Timeline
from sim.kernel.occupancy import Occupancy
from sim.kernel.pool import Pool
from sim.kernel.station import Station
from sim.kernel.streams import Streams
from sim.model.arrivals import arrival_times, end_of_arrivals_s
from sim.model.assemble import Builder
from sim.model.callee import Address, Callee, Trouble
from sim.model.invariants import BrokenInvariantError, records_hold
from sim.model.plan import FIRST_BLOCK, LATER_BLOCK, SENDS, CallDraws, Columns, Plan
from sim.model.recorder import PRIMITIVE_NAMES
from sim.model.reversal import Reversals, course
from sim.model.run import TOGETHER, Progress, RunError
from sim.protocol.settings import ProtocolSettings
from sim.protocol.statuses import SETTLED
from sim.records import (
    ANSWERS,
    CANCEL_CAUSES,
    CARTS,
    EXPIRY_CAUSES,
    FAULTS,
    LIMITS_MS,
    PAYMENTS,
    PLACES,
    PRIMITIVES,
    REFUSALS,
    STATUSES,
    Column,
    Records,
)
from sim.scenario.load import Loaded
from sim.scenario.presets import settings_of
from sim.scenario.schema import Scenario

Array = npt.NDArray[Any]

_BUGS = {
    BACKWARDS: "the clock went back",
    MOVE: "a status moved where the tables do not allow it",
    SECOND_TOKEN: "a second token is open for the notice",
    NOTIFICATIONS: "not one notification of a closed cart",
    OUTCOME_MOVED: "a refused outcome changed a status",
}
_PLANNED_AS = {codes.ACTIVATE: "activate", codes.CLOSE: "close", codes.OUTCOME: "outcome", codes.RECEIPT: "receipt"}
_ROWS = 65536
_SETTLED_CODES = [STATUSES.index(status) for status in SETTLED]
_EXPIRY_CODES = [CANCEL_CAUSES.index(cause) for cause in EXPIRY_CAUSES]


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
        scenario = loaded.scenario
        self.scenario, self.replication, self.progress = scenario, replication, progress
        self.streams = Streams(scenario.run.seed, replication)
        self.plan = Plan(scenario, self.streams)
        self.settings = settings_of(scenario.protocol)
        self.builder = Builder(scenario, self.streams, self.plan, Clock())
        self.places = int(max(scenario.cart.notices))
        self.callees: list[Callee] = []
        self.stations: dict[int, int] = {}
        self.pools: dict[int, int] = {}
        self.occupancies: list[Occupancy] = []
        self.troubles: dict[str, tuple[int, int]] = {}
        self.rows: list[Array] = []
        self.cart_rows: list[Array] = []
        self.memory = self._empty(arrival_times(scenario, self.streams, loaded.trace_s))
        self.node = self.builder.node()
        self._station(self.node)
        self._slow_node()
        for code in range(len(scenario.psps)):
            self._callee(self.builder.psp(code), f"psps.{scenario.psps[code].name}")
        self._make_room()
        self._start()

    def _empty(self, arrivals: Array) -> Memory:
        scenario, places = self.scenario, self.places
        groups, psps = scenario.ecs, scenario.psps
        primitives, counterparts = len(PRIMITIVE_NAMES), len(psps) + len(groups)
        starts = np.concatenate([[0], np.cumsum([group.count for group in groups])])
        edges = np.zeros(0)
        return Memory(
            settings=_settings(scenario, self.settings, self.plan, places),
            state=room(STATE, 1),
            heap=room(ENTRY, 0),
            stack=np.zeros(64, dtype=np.int32),
            flows=room(FLOW, 0),
            free_flows=np.zeros(0, dtype=np.int32),
            carts=room(CART, 0),
            free_carts=np.zeros(0, dtype=np.int32),
            waiting=np.zeros(0, dtype=np.int32),
            tries=room(TRY, 0),
            free_tries=np.zeros(0, dtype=np.int32),
            try_draws=room(TRY_DRAWS, 0),
            activations=room(ACTIVATION, 0),
            notice_draws=room(NOTICE_DRAWS, 0),
            positions=room(POSITION, 0),
            opened=np.zeros(0, dtype=np.int32),
            closed=np.zeros(0, dtype=np.int32),
            pending=np.zeros(0, dtype=np.int32),
            strays=room(STRAY, 0),
            arrivals=arrivals,
            block=room(TRY_DRAWS, FIRST_BLOCK),
            block_notices=room(NOTICE_DRAWS, FIRST_BLOCK * places),
            callees=room(CALLEE, 0),
            callee_of=np.full(int(starts[-1]), -1, dtype=np.int32),
            group_starts=starts.astype(np.int64),
            outcome_timeout_s=np.array([psp.outcome_timeout for psp in psps], dtype=float),
            outcome_slot_s=np.array([psp.outcome_slot for psp in psps], dtype=float),
            outcome_tries=np.array([psp.outcome_tries for psp in psps], dtype=np.int64),
            stations=room(STATION, 0),
            free=np.zeros(0),
            leaving=np.zeros(0),
            change_at=np.zeros(0),
            change_workers=np.zeros(0, dtype=np.int64),
            windows=room(WINDOW, 0),
            edges=edges,
            factors=np.zeros(0),
            troubles=room(TROUBLE, 0),
            pools=room(POOL, 0),
            returning=np.zeros(0),
            waiters=room(WAITER, 0),
            free_waiters=np.zeros(0, dtype=np.int32),
            places=room(WAIT, 0),
            free_places=np.zeros(0, dtype=np.int32),
            log=room(LOG, 0),
            rows=room(PAYMENT_ROW, max(_ROWS, scenario.citizen.retry.max_tries * places)),
            cart_rows=room(CART_ROW, _ROWS),
            counts=np.zeros((primitives, counterparts, len(ANSWERS), 1 + len(LIMITS_MS)), dtype=np.int64),
            refusals=np.zeros((primitives, counterparts, len(FAULTS)), dtype=np.int64),
            payment_moves=codes.PAYMENT_MOVES,
            position_moves=codes.POSITION_MOVES,
            recipient_moves=codes.RECIPIENT_MOVES,
        )

    def run(self) -> None:
        """Let the machine run to the end."""
        answers: Mapping[int, Callable[[], None]] = {
            steps.ASK_BLOCK: self._draw_block,
            steps.ASK_TRY: self._draw_try,
            steps.ASK_CALL: self._draw_call,
            steps.ASK_CALLEE: self._build_callee,
            steps.ASK_MIX: self._mix,
            steps.ASK_REPLY: self._draw_reply,
            steps.ASK_ROOM: self._make_room,
            steps.ASK_LOOK: self._look,
        }
        while (asked := advance(_given(self.memory))) != steps.ALL_DONE:
            answers[asked]()
        state = self.memory.state[0]
        if state.error:
            raise BrokenInvariantError(_BUGS[int(state.error)], f"of cart {state.error_cart}", float(state.now))
        for place in range(state.waiting):
            self._make_room()
            finish(_given(self.memory), self.memory.waiting[place])

    # --- what the machine asks for ------------------------------------------------------------------------------

    @property
    def _flow(self) -> Any:
        memory = self.memory
        return memory.flows[memory.stack[memory.state[0].stacked - 1]]

    def _address(self, flow: Any, send: int) -> Address:
        memory = self.memory
        return (
            int(memory.carts[flow.cart].number),
            int(memory.tries[flow.attempt].number),
            int(flow.notice),
            int(send),
        )

    def _draw_block(self) -> None:
        state = self.memory.state[0]
        state.block_start = state.block_end
        state.block_end += FIRST_BLOCK
        self._fill(self.memory.block, self.memory.block_notices, int(state.block_start), FIRST_BLOCK, 0)

    def _draw_try(self) -> None:
        memory, flow, places = self.memory, self._flow, self.places
        cart, attempt, _, _ = self._address(flow, 0)
        block, notices = room(TRY_DRAWS, LATER_BLOCK), room(NOTICE_DRAWS, LATER_BLOCK * places)
        first = cart // LATER_BLOCK * LATER_BLOCK
        self._fill(block, notices, first, LATER_BLOCK, attempt)
        slot, row = int(flow.attempt), cart - first
        memory.try_draws[slot] = block[row]
        memory.notice_draws[slot * places : (slot + 1) * places] = notices[row * places : (row + 1) * places]

    def _fill(self, block: Any, notices: Any, start: int, count: int, attempt: int) -> None:
        carts, by_place = self.plan.columns(start, count, attempt)
        _copy(carts, block)
        block.result_losses[:] = self._losses(start, count, attempt)
        block.notices[:] = 0
        for notice, (chosen, columns) in enumerate(by_place):
            of_notice = notices[notice :: self.places]
            part = room(NOTICE_DRAWS, len(chosen))
            _copy(columns, part)
            of_notice[chosen] = part
            block.notices[chosen] += 1

    def _losses(self, start: int, count: int, attempt: int) -> Array:
        """Return how many of the first sends of each try's result are lost in a row."""
        loss, sends = self.scenario.links.checkout_node.loss, self.scenario.node.result.retries + 2
        losses, all_lost = np.zeros(count, dtype=np.int64), np.ones(count, dtype=bool)
        if loss > 0:
            for send in range(sends):
                all_lost &= self.streams.block("result.lost", start, count, attempt * SENDS + send) < loss
                losses += all_lost
        return losses

    def _draw_call(self) -> None:
        flow = self._flow
        cart, attempt, notice, send = self._address(flow, flow.send)
        primitive, group = int(flow.primitive), 0
        if primitive == codes.RECEIPT:
            group = int(self.memory.notice_draws[flow.attempt * self.places + notice].ec_group)
        drawn = self.plan.call(_PLANNED_AS[primitive], cart, notice, group, attempt, send)
        if primitive == codes.RECEIPT:
            _write(flow, drawn)
        else:
            flow.out, flow.work, flow.back = drawn.out_s, drawn.work_s, drawn.back_s

    def _mix(self) -> None:
        flow = self._flow
        ends = self.callees[flow.callee].troubles[flow.mix - self.memory.callees[flow.callee].trouble_lo].ends
        assert ends is not None
        drawn = CallDraws(
            float(flow.c_out), int(flow.c_end), float(flow.c_work), float(flow.c_back), bool(flow.c_done)
        )
        address, primitive = self._address(flow, flow.c_send), PRIMITIVE_NAMES[flow.called]
        _write(flow, self.callees[flow.callee].mixed(ends, primitive, drawn, address))

    def _draw_reply(self) -> None:
        flow = self._flow
        decision = f"{PRIMITIVE_NAMES[flow.called]}.reply"
        flow.uniform = self.callees[flow.callee].uniform(decision, self._address(flow, flow.c_send))

    def _look(self) -> None:
        if self.progress is not None:
            self.progress(float(self.memory.state[0].now), int(self.memory.state[0].finished))

    # --- whom the machine calls ---------------------------------------------------------------------------------

    def _build_callee(self) -> None:
        memory, flow = self.memory, self._flow
        notice = memory.notice_draws[flow.attempt * self.places + flow.notice]
        group, ec = int(notice.ec_group), int(notice.ec)
        place = int(memory.group_starts[group]) + ec
        if memory.callee_of[place] < 0:
            memory.callee_of[place] = len(self.callees)
            self._callee(self.builder.ec(group, ec), f"ecs.{self.scenario.ecs[group].name}")
        self._flow.callee = memory.callee_of[place]

    def _callee(self, callee: Callee, name: str) -> None:
        slot = len(self.callees)
        self.callees.append(callee)
        self.memory = self.memory._replace(callees=grown(self.memory.callees, slot + 1))
        record = self.memory.callees[slot]
        if name not in self.troubles:
            self.troubles[name] = self._troubles(callee.troubles)
        record.code, record.station = callee.code, self._station(callee.station)
        record.pool = -1 if callee.pool is None else self._pool(callee.pool)
        record.trouble_lo, record.trouble_hi = self.troubles[name]

    def _occupancy(self, occupancy: Occupancy) -> int:
        for number, each in enumerate(self.occupancies):
            if each is occupancy:
                return number
        self.occupancies.append(occupancy)
        return len(self.occupancies) - 1

    def _station(self, station: Station) -> int:
        if (known := self.stations.get(id(station))) is not None:
            return known
        slot = self.stations[id(station)] = len(self.stations)
        memory = self.memory = self.memory._replace(stations=grown(self.memory.stations, slot + 1))
        record, changes = memory.stations[slot], list(station.changes)
        at = int(max((each.free_at + each.workers for each in memory.stations[:slot]), default=0))
        workers = max([len(station.free), *(count for _, count in changes)])
        self.memory = memory = memory._replace(
            free=grown(memory.free, at + workers), leaving=grown(memory.leaving, at + workers)
        )
        record.unlimited, record.any_order = station.unlimited, station.any_order
        record.planned = bool(changes or station.down.starts)
        record.queue_limit = -1 if station.queue_limit is None else station.queue_limit
        record.occupancy = self._occupancy(station.occupancy)
        record.free_at, record.free, record.workers = at, len(station.free), workers
        memory.free[at : at + workers] = 0.0
        record.change = len(memory.change_at)
        record.change_end = len(memory.change_at) + len(changes)
        self.memory = memory._replace(
            change_at=np.concatenate([memory.change_at, [at_s for at_s, _ in changes]]),
            change_workers=np.concatenate([memory.change_workers, [count for _, count in changes]]).astype(np.int64),
        )
        record.down_lo, record.down_hi = self._windows(station.down)
        record.kill_lo, record.kill_hi = self._windows(station.kills)
        return slot

    def _windows(self, timeline: Timeline) -> tuple[int, int]:
        lo, count = len(self.memory.windows), len(timeline.starts)
        if not count:
            return 0, 0
        windows = grown(self.memory.windows, lo + count)[: lo + count]
        windows.start[lo:], windows.end[lo:] = timeline.starts, timeline.ends
        self.memory = self.memory._replace(windows=windows)
        return lo, lo + count

    def _factor(self, factor: Factor) -> tuple[int, int]:
        memory, lo = self.memory, len(self.memory.factors)
        self.memory = memory._replace(
            factors=np.concatenate([memory.factors, factor.values]),
            edges=np.concatenate([memory.edges, [nan], factor.edges]),
        )
        return lo, len(self.memory.factors)

    def _slow_node(self) -> None:
        settings, slower = self.memory.settings[0], self.builder.incidents.slower("node")
        if slower is not None:
            settings.node_lo, settings.node_hi = self._factor(slower)

    def _troubles(self, troubles: tuple[Trouble, ...]) -> tuple[int, int]:
        lo = len(self.memory.troubles)
        self.memory = self.memory._replace(troubles=grown(self.memory.troubles, lo + len(troubles))[: lo + len(troubles)])
        for number, trouble in enumerate(troubles, lo):
            record = self.memory.troubles[number]
            record.effect, record.share = steps.EFFECTS.index(trouble.effect), trouble.share
            record.primitive = PRIMITIVE_NAMES.index(trouble.primitive) if trouble.primitive else -1
            record.lo, record.hi = self._windows(trouble.during)
            if trouble.factor is not None:
                record.edge_lo, record.edge_hi = self._factor(trouble.factor)
        return lo, lo + len(troubles)

    def _pool(self, pool: Pool) -> int:
        if (known := self.pools.get(id(pool))) is not None:
            return known
        slot = self.pools[id(pool)] = len(self.pools)
        memory = self.memory = self.memory._replace(pools=grown(self.memory.pools, slot + 1))
        at, record = sum(int(each.permits) for each in memory.pools[:slot]), memory.pools[slot]
        self.memory = memory._replace(returning=grown(memory.returning, at + pool.size))
        record.permits = record.free = pool.size
        record.queue_limit = -1 if pool.queue_limit is None else pool.queue_limit
        record.wait_limit_s = nan if pool.wait_limit_s is None else pool.wait_limit_s
        record.occupancy, record.returning_at, record.wakes_at = self._occupancy(pool.occupancy), at, inf
        return slot

    # --- room ---------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        """Begin the arrivals and both jobs, in this order."""
        memory, state, jobs = self.memory, self.memory.state[0], self.scenario.node.jobs
        memory.settings[0].mod3_s, memory.settings[0].receipts_s = jobs.mod3CancelV2, jobs.paSendRt
        starts = (steps.ARRIVE, False), (steps.JOB_DONE, True), (steps.JOB_DONE, False)
        for place, (step, sweeps) in enumerate(reversed(starts)):
            state.free_flows -= 1
            flow = memory.flows[memory.free_flows[state.free_flows]]
            flow.pc, flow.main, flow.index = step, sweeps, 0
            memory.stack[place] = memory.free_flows[state.free_flows]
        state.stacked, state.jobs = len(starts), 2

    def _make_room(self) -> None:
        """Take what is written out of the machine's memory, and let its arrays grow where the next step may need it."""
        self._note()
        memory, state, places = self.memory, self.memory.state[0], self.places
        self.rows.append(_trimmed(memory.rows[: state.rows]))
        self.cart_rows.append(_trimmed(memory.cart_rows[: state.cart_rows]))
        state.rows = state.cart_rows = 0
        many = 2 * (MARGIN + int(state.pending) + int(state.pool_waiters))
        grow: dict[str, Any] = {
            "heap": grown(memory.heap, int(state.scheduled) + 2 * many),
            "log": grown(memory.log, 4 * many),
            "opened": grown(memory.opened, int(state.opened) + many),
            "closed": grown(memory.closed, int(state.closed) + many),
            "pending": grown(memory.pending, int(state.pending) + many),
            "strays": grown(memory.strays, int(state.strays) + many),
            "waiting": grown(memory.waiting, int(state.waiting) + many),
        }
        for name, free, needed, along in (
            ("flows", "free_flows", many, ()),
            ("carts", "free_carts", 2 * TOGETHER, ("positions",)),
            ("tries", "free_tries", 4 * TOGETHER, ("activations", "notice_draws")),
            ("waiters", "free_waiters", many, ()),
            ("places", "free_places", many, ()),
        ):
            values, unused = getattr(memory, name), int(getattr(state, free))
            if unused < needed:
                more = grown(values, len(values) + needed)
                slots = grown(getattr(memory, free), len(more))
                slots[unused : unused + len(more) - len(values)] = np.arange(len(values), len(more))
                setattr(state, free, unused + len(more) - len(values))
                grow |= {name: more, free: slots}
                grow |= {other: grown(getattr(memory, other), len(more) * places) for other in along}
                if name == "tries":
                    grow["try_draws"] = grown(memory.try_draws, len(more))
        self.memory = memory._replace(**grow)

    def _note(self) -> None:
        """Give the log to the occupancies that it is about."""
        state = self.memory.state[0]
        log = self.memory.log[: state.logged]
        for number in np.unique(log.occupancy).tolist():
            _enter(self.occupancies[number], log[log.occupancy == number])
        state.logged = 0

    # --- records ------------------------------------------------------------------------------------------------

    def records(self) -> Records:
        """Return what the replication leaves behind."""
        self._make_room()
        names, end_s = self.builder.names(), float(self.memory.state[0].now)
        tables = {
            "payments": self._payments(),
            "carts": _columns(CARTS, _sorted(self.cart_rows, "cart")),
            "primitives": self._primitives(),
            "refusals": self._refusals(),
            "stations": self.builder.stations.table(names["station"], end_s),
        }
        window = self.scenario.run.warm_up, end_of_arrivals_s(self.scenario)
        named = {**names, "primitive": PRIMITIVE_NAMES, "counterpart": (*names["psp"], *names["ec_group"])}
        return Records(self.replication, window, end_s, named, tables, int(self.memory.state[0].entries))

    def _payments(self) -> dict[str, Array]:
        rows = _sorted(self.rows, "notice", "attempt", "cart")
        late = (rows["outcome_s"] > rows["cancelled_s"]) & np.isin(rows["cancel_cause"], _EXPIRY_CODES)
        rows["cancel_cause"][late] = CANCEL_CAUSES.index("outcome_late")
        reversed_s, tries = self._reversals(rows)
        given = {"reversed_s": reversed_s, "reversal_tries": tries, "place": _places(rows, reversed_s)}
        return _columns(PAYMENTS, rows, given)

    def _reversals(self, rows: Array) -> tuple[Array, Array]:
        """Return when each payment's money was back, and after how many tries: the same for all of one try."""
        policy = self.scenario.checkout.refund
        reversed_s, tries = np.full(len(rows), nan), np.zeros(len(rows), dtype=np.int64)
        chosen = np.flatnonzero(rows["reversal_cause"])
        known: dict[tuple[int, int], tuple[float, int]] = {}
        for row in chosen.tolist():
            cart, attempt = int(rows["cart"][row]), int(rows["attempt"][row])
            if (cart, attempt) not in known:
                at = float(rows["reversal_requested_s"][row])
                known[cart, attempt] = course(self.plan, policy, cart, attempt, at)
            ended, tries[row] = known[cart, attempt]
            reversed_s[row] = ended if ended < inf else nan
        return reversed_s, tries

    def _primitives(self) -> dict[str, Array]:
        counts = self.memory.counts
        found = np.argwhere(counts[..., 0])
        columns = [*found.T, *counts[tuple(found.T)].T]
        return {column.name: values.astype(column.dtype) for column, values in zip(PRIMITIVES, columns, strict=True)}

    def _refusals(self) -> dict[str, Array]:
        found = np.argwhere(self.memory.refusals)
        columns = [*found.T, self.memory.refusals[tuple(found.T)]]
        return {column.name: values.astype(column.dtype) for column, values in zip(REFUSALS, columns, strict=True)}


def _given(memory: Memory) -> Any:
    """Return a memory as the functions of the machine take it."""
    return memory if config.DISABLE_JIT else Pointer(*memory)


def _settings(scenario: Scenario, protocol: ProtocolSettings, plan: Plan, places: int) -> Any:
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
    }
    settings = room(SETTINGS, 1)
    for name, value in values.items():
        settings[name] = value
    return settings


def _copy(columns: Columns, records: Any) -> None:
    """Copy columns of draws into the fields of the same name."""
    for name, column in columns.items():
        if isinstance(column, tuple):
            for field, part in zip(CallDraws._fields, column, strict=True):
                records[name][field][: len(part)] = part
        else:
            records[name][: len(column)] = column


def _write(flow: Any, drawn: CallDraws) -> None:
    flow.c_out, flow.c_work, flow.c_back = drawn.out_s, drawn.work_s, drawn.back_s
    flow.c_end, flow.c_done = drawn.end, drawn.done


def _enter(occupancy: Occupancy, log: Any) -> None:
    """Let an occupancy know what happened, in order."""
    queued = log[log.kind == QUEUED]
    for asked, length in zip(queued.asked.tolist(), queued.start.tolist(), strict=True):
        occupancy.queue(asked, int(length))
    lines = log[log.kind != QUEUED]
    for kind, asked, start, end in zip(
        lines.kind.tolist(), lines.asked.tolist(), lines.start.tolist(), lines.end.tolist(), strict=True
    ):
        if kind == SERVED:
            occupancy.serve(asked, start, end)
        elif kind == GAVE_UP:
            occupancy.gave_up(asked, end)
        else:
            assert kind == REFUSED
            occupancy.refuse(end)


def _trimmed(rows: Any) -> Array:
    """Copy rows out of the machine's memory."""
    return np.array(rows)


def _sorted(parts: list[Array], *keys: str) -> Array:
    """Join rows and put them in the order of the keys, the last of them first; the parts are let go."""
    rows = np.concatenate(parts)
    parts.clear()
    ordered: Array = rows[np.lexsort([rows[key] for key in keys])]
    return ordered


def _columns(columns: tuple[Column, ...], rows: Array, given: Mapping[str, Array] | None = None) -> dict[str, Array]:
    have = given or {}
    return {
        column.name: (have[column.name] if column.name in have else rows[column.name]).astype(column.dtype)
        for column in columns
    }


def _places(rows: Array, reversed_s: Array) -> Array:
    """Return where the money of each payment is at the end."""
    paid = np.isin(rows["status"], _SETTLED_CODES)
    conditions = {
        "none": np.isnan(rows["authorised_s"]),
        "receipted": ~np.isnan(rows["receipt_s"]),
        "reversed": ~np.isnan(reversed_s),
        "pending_receipt": paid & ~rows["receipt_refused"],
    }
    chosen: Array = np.select(
        list(conditions.values()), [PLACES.index(place) for place in conditions], PLACES.index("manual_check")
    )
    return chosen
