"""Whoever answers calls in the idiomatic model: workers as a `simpy.Resource`, and draws one by one."""

import math
import random
from bisect import bisect
from collections.abc import Callable, Generator, Sequence
from itertools import accumulate
from typing import Any

import simpy

from benchmarks.idiomatic.records import KO, LOST, OK, UNREACHABLE
from sim.kernel.distributions import Constant, Distribution, Exponential, Lognormal
from sim.scenario.schema import EcGroup, Service

Process = Generator[simpy.Event, Any, Any]
Draw = Callable[[], Any]


def sampler(rng: random.Random, distribution: Distribution) -> Draw:
    """Return a function that draws one value."""
    if isinstance(distribution, Constant):
        return lambda: distribution.value
    if isinstance(distribution, Exponential):
        rate = 1 / distribution.mean
        return lambda: rng.expovariate(rate)
    if isinstance(distribution, Lognormal):
        mu, sigma = math.log(distribution.median), distribution.sigma
        return lambda: rng.lognormvariate(mu, sigma)
    return lambda: distribution.quantile(rng.random())


def choice(rng: random.Random, weights: Sequence[float]) -> Draw:
    """Return a function that draws an index by weight."""
    cumulative = list(accumulate(weights))
    total, last = cumulative[-1], len(cumulative) - 1
    return lambda: bisect(cumulative, rng.random() * total, 0, last)


class Server:
    """An actor with workers that answers calls."""

    def __init__(
        self, env: simpy.Environment, rng: random.Random, workers: int | None, services: dict[str, Service]
    ) -> None:
        self.env, self.rng = env, rng
        self.workers = None if workers is None else simpy.Resource(env, workers)
        self.times = {name: sampler(rng, each.time) for name, each in services.items()}
        self.ends = {
            name: [
                (KO, each.ends.ko.probability),
                (LOST, each.ends.lost_reply.probability),
                (UNREACHABLE, each.ends.unreachable.probability),
            ]
            for name, each in services.items()
        }

    def work(self, name: str = "") -> Process:
        """Take a worker for one service time."""
        if self.workers is None:
            yield self.env.timeout(self.times[name]())
            return
        with self.workers.request() as worker:
            yield worker
            yield self.env.timeout(self.times[name]())

    def answer(self, name: str, latency_s: float, done: Callable[[], Any] | None = None) -> Process:
        """Travel there, do the work, and travel back; return how the call ends."""
        yield self.env.timeout(latency_s)
        end = self.draw_end(name)
        if end != UNREACHABLE:
            yield from self.work(name)
            if done is not None and end != KO:
                done()
        if end != LOST:
            yield self.env.timeout(latency_s)
        return end

    def draw_end(self, name: str) -> str:
        """Draw how a call ends."""
        u = self.rng.random()
        for end, probability in self.ends[name]:
            if u < probability:
                return end
            u -= probability
        return OK


class EcServers:
    """The creditors of a group, each with its own workers; one server stands for all if workers are unlimited."""

    def __init__(self, env: simpy.Environment, rng: random.Random, group: EcGroup) -> None:
        self.env, self.rng, self.group = env, rng, group
        self.draw = choice(rng, [1 / n**group.zipf for n in range(1, group.count + 1)])
        self.servers: dict[int, Server] = {}

    def server(self, ec: int) -> Server:
        """Return the server of a creditor."""
        if self.group.workers is None:
            ec = 0
        server = self.servers.get(ec)
        if server is None:
            services = {"ask": self.group.pa_get_payment, "receipt": self.group.pa_send_rt}
            server = self.servers[ec] = Server(self.env, self.rng, self.group.workers, services)
        return server
