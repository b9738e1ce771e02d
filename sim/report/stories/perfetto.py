"""A window of a run as a Chrome trace, for Perfetto: a track per actor, on it what it did and whom it waited for.

An actor is a process of the trace and its lanes are threads, since slices of one thread must be nested: what an actor
does at once lies in lanes below each other. A call begins when its caller wants to make it, with the wait for a
connection inside. Times are microseconds from the start of the run.
Source: Trace Event Format (Google): complete events X, instants i, flows s and f, metadata M.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

import numpy as np

from sim.protocol.primitives import PRIMITIVES
from sim.reader import Columns, Recorded, Window
from sim.report.stories.story import CHECKOUT, NODE

Event = dict[str, Any]
_SIDES = {primitive.name: (primitive.caller, primitive.callee) for primitive in PRIMITIVES}
_ACTIVATE, _ASK = "activatePaymentNoticeV2", "paGetPayment"
_LANES = 100_000
"""More lanes than any actor has, so that a thread has one number in the whole trace."""


@dataclass(slots=True)
class Slice:
    """Something that an actor did, with what it did inside of it."""

    start_s: float
    end_s: float
    name: str
    category: str
    args: Mapping[str, Any] = field(default_factory=dict)
    inside: list["Slice"] = field(default_factory=list)
    leads_to: "Slice | None" = None
    """The slice at the callee that a call brings about."""

    @property
    def leaves_s(self) -> float:
        """When a call left its caller: once it had a connection."""
        waited = self.inside and self.inside[0].category == "connection"
        return self.inside[0].end_s if waited else self.start_s


def trace(run: Recorded, replication: int, window_s: tuple[float, float], *, at_end: str = "") -> dict[str, Any]:
    """Return the trace of a window: every call that is under way in it, and every change of status.

    `at_end` is a remark that stands at its end, among the changes of status.
    """
    calls = run.columns("calls", replication, window=Window("asked_s", ("answered_s", "served_s"), *window_s))
    states = run.columns("states", replication, window=Window("at_s", ("at_s",), *window_s))
    scenario = run.scenario
    named = [CHECKOUT, NODE, *(each["name"] for key in ("psps", "ecs") for each in scenario[key])]
    tracks: dict[str, list[Slice]] = {name: [] for name in named}
    for actor, each in _slices(calls, replication):
        tracks[actor].append(each)
    remark = {"name": at_end, "cat": "remark", "ph": "i", "ts": _us(window_s[1]), "s": "t", "args": {}}
    events = list(_events(tracks, [*_changes(states, replication), *([remark] if at_end else [])]))
    about = {"scenario": scenario["name"], "seed": run.manifest["seed"], "replication": replication}
    about["window_s"] = window_s
    return {"displayTimeUnit": "ms", "otherData": about, "traceEvents": events}


def _slices(calls: Columns, replication: int) -> Iterator[tuple[str, Slice]]:
    """Yield the outermost slices of every actor."""
    working: dict[tuple[int, ...], list[tuple[float, Slice]]] = {}
    for row in _rows(calls):
        caller, callee = (row["counterpart"] if side in ("PSP", "EC") else side for side in _SIDES[row["primitive"]])
        of = f"{replication}:{row['cart']}.{row['attempt']}"
        args = {"payment": of if row["notice"] < 0 else f"{of}.{row['notice']}", "send": row["send"]}
        args |= {"answer": row["answer"]} | ({} if row["fault"] == "none" else {"fault": row["fault"]})
        asking = Slice(row["asked_s"], row["answered_s"], row["primitive"], "call", args)
        if row["sent_s"] > row["asked_s"]:
            asking.inside.append(Slice(row["asked_s"], row["sent_s"], "connection", "connection"))
        at_callee = _at_callee(row, args)
        asking.leads_to = at_callee
        mine = row["cart"], row["attempt"], row["notice"]
        if row["primitive"] == _ACTIVATE and at_callee is not None and at_callee.inside:
            working.setdefault(mine, []).append((row["started_s"], at_callee.inside[-1]))
        activation = _owner(working.get(mine, ()), row) if row["primitive"] == _ASK else None
        if activation is not None:
            activation.inside.append(asking)
        else:
            yield caller, asking
        if at_callee is not None:
            yield callee, at_callee


def _rows(calls: Columns) -> Iterator[dict[str, Any]]:
    """Yield calls as plain values, activations before the calls to ECs inside of them."""
    order = np.argsort(calls["sent_s"], kind="stable")
    first = np.argsort(calls["primitive"][order] != calls.code("primitive", _ACTIVATE), kind="stable")
    columns = {name: values[order][first].tolist() for name, values in calls.values.items()}
    for name, names in calls.names.items():
        columns[name] = [names[code] for code in columns[name]]
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _at_callee(row: Mapping[str, Any], args: Mapping[str, Any]) -> Slice | None:
    """Return what the callee did with a call: first it waited for a worker; None if none ever took it."""
    arrived, started, served = row["arrived_s"], row["started_s"], row["served_s"]
    if np.isnan(arrived) or np.isnan(started) or np.isnan(served):
        return None
    handled = Slice(arrived, served, row["primitive"], "work", args)
    if started > arrived:
        handled.inside.append(Slice(arrived, started, "queue", "queue"))
    handled.inside.append(Slice(started, served, "service", "service"))
    return handled


def _owner(working: Sequence[tuple[float, Slice]], row: Mapping[str, Any]) -> Slice | None:
    """Return the Node's work in which a call to an EC was made."""
    fits = [each for started, each in working if started <= row["asked_s"] and row["answered_s"] <= each.end_s]
    return fits[-1] if fits else None


def _changes(states: Columns, replication: int) -> Iterator[Event]:
    subjects, statuses = states.names.get("subject", ()), states.names.get("status", ())
    for at_s, cart, attempt, notice, subject, status in zip(
        *(states[name].tolist() for name in ("at_s", "cart", "attempt", "notice", "subject", "status")), strict=True
    ):
        of = {"payment": f"{replication}:{cart}.{attempt}.{notice}", "subject": subjects[subject]}
        yield {"name": statuses[status], "cat": "status", "ph": "i", "ts": _us(at_s), "s": "t", "args": of}


def _events(tracks: Mapping[str, list[Slice]], changes: Sequence[Event]) -> Iterator[Event]:
    flows = 0
    placed: dict[int, tuple[int, int]] = {}
    for pid, (actor, roots) in enumerate(tracks.items(), 1):
        yield {"name": "process_name", "ph": "M", "ts": 0, "pid": pid, "tid": pid * _LANES, "args": {"name": actor}}
        yield {
            "name": "process_sort_index", "ph": "M", "ts": 0, "pid": pid, "tid": pid * _LANES,
            "args": {"sort_index": pid},
        }  # fmt: skip
        if actor == NODE:
            yield _named(pid, pid * _LANES, "changes of status")
            yield from ({**change, "pid": pid, "tid": pid * _LANES} for change in changes)
        lanes = 0
        for lane, root in _laid(roots):
            tid = pid * _LANES + lane
            if lane > lanes:
                lanes = lane
                yield _named(pid, tid, f"lane {lane}")
            for each in _flat(root):
                placed[id(each)] = pid, tid
                yield _complete(each, pid, tid)
    for each in (each for roots in tracks.values() for root in roots for each in _flat(root)):
        if each.leads_to is not None:
            flows += 1
            yield from _flow(flows, each, each.leads_to, placed)


def _laid(roots: Sequence[Slice]) -> Iterator[tuple[int, Slice]]:
    """Yield slices with a lane each, from 1, so that those of a lane do not overlap; a lane that is free is reused."""
    busy: list[tuple[float, int]] = []
    free: list[int] = []
    lanes = 0
    for root in sorted(roots, key=lambda each: (each.start_s, -each.end_s)):
        while busy and busy[0][0] <= root.start_s:
            heappush(free, heappop(busy)[1])
        if free:
            lane = heappop(free)
        else:
            lane = lanes = lanes + 1
        heappush(busy, (root.end_s, lane))
        yield lane, root


def _flat(root: Slice) -> Iterator[Slice]:
    yield root
    for each in root.inside:
        yield from _flat(each)


def _complete(each: Slice, pid: int, tid: int) -> Event:
    start, end = _us(each.start_s), _us(each.end_s)
    return {
        "name": each.name, "cat": each.category, "ph": "X", "ts": start, "dur": end - start, "pid": pid, "tid": tid,
        "args": dict(each.args),
    }  # fmt: skip


def _flow(number: int, caller: Slice, callee: Slice, placed: Mapping[int, tuple[int, int]]) -> Iterator[Event]:
    """Yield an arrow from a call to what it brought about."""
    for ph, at, more in (("s", caller, {}), ("f", callee, {"bp": "e"})):
        pid, tid = placed[id(at)]
        event = {"name": caller.name, "cat": "flow", "ph": ph, "id": number, "ts": _us(at.leaves_s)}
        yield {**event, "pid": pid, "tid": tid, **more}


def _named(pid: int, tid: int, name: str) -> Event:
    return {"name": "thread_name", "ph": "M", "ts": 0, "pid": pid, "tid": tid, "args": {"name": name}}


def _us(at_s: float) -> int:
    return round(at_s * 1e6)


def as_text(trace: Mapping[str, Any]) -> str:
    """Return a trace as JSON, an event on a line."""
    events = ",\n".join(json.dumps(event, separators=(",", ":")) for event in trace["traceEvents"])
    head = json.dumps({name: value for name, value in trace.items() if name != "traceEvents"})
    return f'{head[:-1]}, "traceEvents": [\n{events}\n]}}'
