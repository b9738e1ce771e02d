"""A callee: whoever answers the Node's calls, with its workers and the incidents that befall it.

`Callee.serve` decides how a call will end at the moment it arrives: incidents are drawn before the run, so they are
known by then. `Caller` carries a call there and back, through the Node's pool of connections.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from math import inf, nan
from typing import Any, NamedTuple

from sim.kernel.clock import Clock, Steps
from sim.kernel.incidents import Factor, Timeline
from sim.kernel.pool import Pool
from sim.kernel.station import Station
from sim.model.cart import Cart, beside
from sim.model.ends import CallEnd, chosen_end, code, own_time, thresholds
from sim.model.plan import CallDraws
from sim.model.recorder import Recorder
from sim.protocol.messages import Answer
from sim.scenario.schema import Ends

_OK, _HANG, _LOST_REPLY, _LOST_REQUEST, _UNREACHABLE, _MALFORMED, _KO = map(int, CallEnd)

Address = tuple[int, int, int, int]
"""Whose call it is: cart, try, notice (-1: the whole cart), sends before this one."""
Late = Callable[["Served"], Steps]
"""What follows from a call that arrived when its caller had given up."""
Uniform = Callable[[str, Address], float]
"""A uniform draw for a decision and a call, for decisions that only incidents ask for."""
Usual = Callable[[str, Address], float]
"""The service time of a call of a primitive, whatever its end."""


class Served(NamedTuple):
    """How a call ends for its caller, when the caller knows, and when the work was done (inf: never).

    `started_s` and `served_s` are the times of the callee's worker; NaN when none took the call. `end` is what the
    callee made of the call, which its caller may never hear.
    """

    answer: Answer
    at: float
    done_s: float = inf
    started_s: float = nan
    served_s: float = nan
    end: int = _OK


@dataclass(frozen=True, slots=True)
class Trouble:
    """An incident: what it does, to which primitive ("" for all), and when."""

    effect: str
    primitive: str
    during: Timeline
    factor: Factor | None = None
    share: float = 1.0
    ends: Ends | None = None

    def strikes(self, primitive: str, at: float) -> bool:
        """Whether a call of this primitive is struck at this moment."""
        return self.primitive in ("", primitive) and self.during.covers(at)


class Callee:
    """One actor that answers calls."""

    __slots__ = ("code", "pool", "station", "troubles", "uniform", "usual_s")

    def __init__(
        self,
        code: int,
        station: Station,
        pool: Pool | None,
        troubles: tuple[Trouble, ...],
        uniform: Uniform,
        usual_s: Usual,
    ) -> None:
        self.code = code
        self.station = station
        self.pool = pool
        self.troubles = troubles
        self.uniform = uniform
        self.usual_s = usual_s

    def serve(self, now: float, primitive: str, drawn: CallDraws, gives_up: float, address: Address) -> Served:
        """Take a call that arrives now; its caller gives up at `gives_up`."""
        if self.troubles:
            changed = self._troubled(now, primitive, drawn, address)
            if changed is None:
                return Served(Answer.TIMEOUT, gives_up)
            drawn = changed
        end = drawn.end
        if end == _LOST_REQUEST:
            return Served(Answer.TIMEOUT, gives_up)
        if end == _UNREACHABLE or (taken := self.station.submit(now, drawn.work_s)) is None:
            connecting_s = drawn.work_s if end == _UNREACHABLE else 0.0
            refused = now + connecting_s + drawn.back_s
            return Served(Answer.UNREACHABLE, refused) if refused <= gives_up else Served(Answer.TIMEOUT, gives_up)
        start, served, killed = taken
        if end == _HANG:
            return Served(Answer.TIMEOUT, gives_up, inf, start, served, end)
        done = served if end in (_OK, _LOST_REPLY) or (end == _MALFORMED and drawn.done) else inf
        at = served + drawn.back_s
        if killed or end == _LOST_REPLY or at > gives_up or (self.troubles and self._loses(served, primitive, address)):
            return Served(Answer.TIMEOUT, gives_up, done, start, served, end)
        if end == _OK:
            return Served(Answer.OK, at, done, start, served)
        return Served(Answer.KO if end == _KO else Answer.MALFORMED, at, done, start, served, end)

    def _troubled(self, now: float, primitive: str, drawn: CallDraws, address: Address) -> CallDraws | None:
        """Return what incidents make of a call that arrives now; None if it does not arrive.

        In an outage nothing else matters; of two mixes at once the later in the scenario holds.
        """
        factor, down, ends = 1.0, False, None
        for trouble in self.troubles:
            if trouble.factor is not None and trouble.primitive in ("", primitive):
                factor *= trouble.factor.at(now)
            elif trouble.strikes(primitive, now):
                if trouble.effect == "partition":
                    return None
                if trouble.effect == "outage":
                    down = True
                elif trouble.effect == "mix":
                    ends = trouble.ends
        if down:
            return drawn._replace(end=_UNREACHABLE, work_s=0.0)
        if ends is not None:
            drawn = self.mixed(ends, primitive, drawn, address)
        if factor == 1.0 or drawn.end == _UNREACHABLE:
            return drawn
        return drawn._replace(work_s=drawn.work_s * factor)

    def mixed(self, ends: Ends, primitive: str, drawn: CallDraws, address: Address) -> CallDraws:
        """Let a call end by another mix of ends, whose times are its own too."""
        usual_s = drawn.work_s if drawn.end == _OK else self.usual_s(primitive, address)
        end = code(thresholds(ends).tolist(), self.uniform(f"{primitive}.end", address))
        if end == _OK:
            return drawn._replace(end=end, work_s=usual_s)
        chosen = chosen_end(ends, end)
        time = own_time(chosen, end)
        work_s = usual_s if time is None else time.quantile(self.uniform(f"{primitive}.work", address))
        done = end == _MALFORMED and self.uniform(f"{primitive}.done", address) < chosen.done
        return drawn._replace(end=end, work_s=work_s, done=done)

    def cut_off(self, at: float) -> bool:
        """Whether the link to the Node is cut at a moment, for whatever this actor sends of its own accord."""
        return any(
            each.effect == "partition" and not each.primitive and each.during.covers(at) for each in self.troubles
        )

    def _loses(self, at: float, primitive: str, address: Address) -> bool:
        return any(
            trouble.strikes(primitive, at)
            and (
                trouble.effect == "partition"
                or (trouble.effect == "lost_replies" and self.uniform(f"{primitive}.reply", address) < trouble.share)
            )
            for trouble in self.troubles
        )


class Caller:
    """The Node's end of its calls.

    A Node that is down sends nothing and hears nothing: `up_from` gives the end of the outage that a moment lies in, or
    the moment itself.
    """

    def __init__(self, clock: Clock, recorder: Recorder, up_from: Callable[[float], float]) -> None:
        self.clock = clock
        self.recorder = recorder
        self.up_from = up_from

    def call(
        self,
        primitive: str,
        callee: Callee,
        drawn: CallDraws,
        leaves: float,
        timeout_s: float,
        address: Address,
        cart: Cart,
        late: Late,
    ) -> Generator[Any, Any, tuple[Served | None, float]]:
        """Send a call that may leave at `leaves`; return how it ends, and when it left.

        It leaves when it has its connection. None if the pool had no room for it, and when that was certain.
        """
        leaves = self.up_from(leaves)
        pool, asked = callee.pool, leaves
        if pool is not None:
            if leaves > self.clock.now:
                yield leaves
            granted = pool.acquire()
            if granted is not True and (granted is False or not (yield granted)):
                self.recorder.pool_refused(primitive, callee.code, asked)
                return None, self.clock.now
            leaves = self.clock.now
        gives_up = leaves + timeout_s
        arrived = leaves + drawn.out_s
        if arrived > gives_up:
            served = Served(Answer.TIMEOUT, self.up_from(gives_up))
            if arrived < inf:
                steps = self._late(primitive, callee, drawn, (asked, leaves, arrived, gives_up), address, late)
                self.clock.begin(beside(cart, steps))
            else:
                self.recorder.call(primitive, callee.code, address, asked, leaves, nan, served)
        else:
            if pool is not None or not callee.station.any_order:
                yield arrived
            served = callee.serve(arrived, primitive, drawn, gives_up, address)
            if (heard := self.up_from(served.at)) > served.at:
                served = served._replace(at=heard)
            self.recorder.call(primitive, callee.code, address, asked, leaves, arrived, served)
        if pool is not None:
            pool.release_at(served.at, asked, leaves)
        return served, leaves

    def _late(
        self,
        primitive: str,
        callee: Callee,
        drawn: CallDraws,
        times: tuple[float, float, float, float],
        address: Address,
        late: Late,
    ) -> Steps:
        """Serve a call that arrives when its caller has given up: the callee does not know that."""
        asked, leaves, arrived, gives_up = times
        yield arrived
        served = callee.serve(arrived, primitive, drawn, gives_up, address)._replace(
            answer=Answer.TIMEOUT, at=self.up_from(gives_up)
        )
        self.recorder.call(primitive, callee.code, address, asked, leaves, arrived, served)
        yield from late(served)
