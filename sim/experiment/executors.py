"""Carrying out many independent tasks: in this process, over processes, or on a Dask cluster.

Tasks come back in any order; whoever asked sorts them. A worker ignores Ctrl-C, which is the parent's to handle, ends
when its parent does, and reports progress through a queue.
"""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import wait as wait_for
from queue import Empty
from typing import Any, Generic, Protocol, TypeVar

from sim.experiment import manifest

T = TypeVar("T")
R = TypeVar("R")
Report = Callable[[Any], None]
"""Hears how far a task is."""
Work = Callable[[T, Report], R]
"""A task's work: a function that can travel to another process."""
POLL_S = 0.1
CONNECT_S = 10.0
"""How long a scheduler may take to answer."""
COUNT_EVERY_S = 2.0
"""How often the workers of a cluster are counted, which come and go."""
WORKERLESS_S = 300.0
"""How long a cluster may be without workers, as while one is started again."""


class WorkerError(Exception):
    """A worker process died, as when the machine runs out of memory."""


class ClusterError(WorkerError):
    """A cluster that cannot be worked with: says why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Known(Generic[R]):
    """A result among tasks: it has its turn as they have, so that whoever asked need not keep what is known already."""

    result: R


_queue: Any = None


class Crew(Protocol):
    """Workers that carry out tasks, here or elsewhere."""

    def carry_out(self, work: Work[T, R], tasks: Iterable[T | Known[R]], report: Report) -> Iterator[R]:
        """Yield the result of every task as it is done; `report` hears what the work reports, in this process."""
        ...


class Alone:
    """A crew of one: the program's own process, one task after the other."""

    def carry_out(self, work: Work[T, R], tasks: Iterable[T | Known[R]], report: Report) -> Iterator[R]:
        """Yield the result of every task, in order."""
        for task in tasks:
            yield task.result if isinstance(task, Known) else work(task, report)


class Workers:
    """Other processes, behind `concurrent.futures.Executor`: a few tasks each are under way, the rest not yet made."""

    def __init__(
        self,
        executor: Executor,
        lanes: Callable[[], int],
        call: Callable[..., Any],
        hear: Callable[[Report], None] = lambda report: None,
    ) -> None:
        self._executor = executor
        self._lanes = lanes
        self._call = call
        self._hear = hear

    def carry_out(self, work: Work[T, R], tasks: Iterable[T | Known[R]], report: Report) -> Iterator[R]:
        """Yield the result of every task as it is done."""
        waiting = iter(tasks)
        pending: set[Future[R]] = set()
        while True:
            known: list[R] = []
            room = 2 * self._lanes() - len(pending)
            with uninterrupted(late=True):
                for task in islice(waiting, max(room, 0)):
                    if isinstance(task, Known):
                        known.append(task.result)
                    else:
                        pending.add(self._executor.submit(self._call, work, task))
            yield from known
            if pending:
                done, pending = wait(pending, 0 if known else POLL_S, FIRST_COMPLETED)
                self._hear(report)
                for future in done:
                    yield future.result()
            elif not known:
                return


@contextmanager
def crew(jobs: int | None = 1, scheduler: str | None = None) -> Iterator[Crew]:
    """Give a crew of so many processes of this machine (None: one per core), or the cluster of a Dask scheduler.

    Raises `WorkerError` when a process dies, and `ClusterError` for a cluster that cannot be worked with.
    """
    if scheduler is not None:
        with _cluster(scheduler) as found:
            yield found
    elif jobs == 1:
        yield Alone()
    else:
        with _processes(manifest.cores() if jobs is None else jobs) as found:
            yield found


@contextmanager
def uninterrupted(*, late: bool) -> Iterator[None]:
    """Bring something short to its end although Ctrl-C is pressed: heard `late`, or not at all.

    A process started meanwhile does not hear of Ctrl-C. Without effect outside the main thread, which alone hears it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed: list[int] = []
    usual = signal.signal(signal.SIGINT, lambda number, frame: pressed.append(number))
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
        signal.signal(signal.SIGINT, signal.default_int_handler if usual is None else usual)
    if pressed and late:
        raise KeyboardInterrupt


@contextmanager
def _processes(jobs: int) -> Iterator[Workers]:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    others = set(multiprocessing.active_children())
    queue = context.Queue()
    executor = ProcessPoolExecutor(jobs, context, _begin, (queue,))
    finished = False
    try:
        yield Workers(executor, lambda: jobs, _work, lambda report: _drain(queue, report))
        finished = True
    except BrokenProcessPool as error:
        raise WorkerError("a worker process died: try fewer --jobs, or a smaller scenario") from error
    finally:
        with uninterrupted(late=False):
            if not finished:
                _hang_up(executor)
                for child in set(multiprocessing.active_children()) - others:
                    child.terminate()
            executor.shutdown(wait=True, cancel_futures=True)
            queue.close()
            queue.cancel_join_thread()


def _hang_up(executor: ProcessPoolExecutor) -> None:
    """Close this process's end of the pipe of results, so that the pipe ends with the last worker.

    A worker may be terminated in the middle of a result. The executor's thread would wait for the rest of it for ever,
    and whoever shuts the executor down for that thread, since the pipe has a writer as long as this process is one.
    """
    writer = getattr(getattr(executor, "_result_queue", None), "_writer", None)
    if writer is not None:
        writer.close()


@contextmanager
def _cluster(scheduler: str) -> Iterator[Workers]:
    """Give the workers of a Dask cluster; a task whose worker is lost is given to another."""
    try:
        from distributed import Client
        from distributed.comm.addressing import get_address_host_port
        from distributed.scheduler import KilledWorker
    except ImportError:
        raise ClusterError("Dask is not installed; pip install 'pagopa-sim[dask]'") from None
    with _unheard("distributed.client"):
        try:
            get_address_host_port(scheduler)  # a bad one would leave a client half open, which may hang the next
            client: Any = Client(scheduler, timeout=CONNECT_S, set_as_default=False)  # type: ignore[no-untyped-call]
        except (OSError, ValueError) as error:
            said = f"no Dask scheduler answers at {scheduler} ({error})"
            raise ClusterError(f"{said}; start one: dask scheduler") from None
        executor = client.get_executor(pure=False)
        finished = False
        try:
            yield Workers(executor, _Lanes(client, scheduler), partial(_elsewhere, manifest.of_code()))
            finished = True
        except KilledWorker as error:
            raise WorkerError(f"the cluster lost the same task again and again ({error})") from error
        except Exception as error:
            if isinstance(error, RuntimeError) and "deserialization" in str(error):
                said = "the Dask scheduler or a worker cannot read the tasks"
                raise ClusterError(f"{said}; install this version of pagopa-sim there, too") from error
            if client.status == "running" and not isinstance(error, CancelledError):
                raise
            fix = "start it, and this command again"
            raise ClusterError(f"the Dask scheduler at {scheduler} is gone; {fix}") from error
        finally:
            executor.shutdown(wait=finished)
            client.close(timeout=CONNECT_S if finished else 1)


class _Lanes:
    """How many tasks a cluster can work on at once, counted now and then."""

    def __init__(self, client: Any, scheduler: str) -> None:
        self._client, self._scheduler = client, scheduler
        self._count = self._counted()
        if not self._count:
            fix = f"start one: dask worker {scheduler} --nthreads 1"
            raise ClusterError(f"the Dask scheduler at {scheduler} has no workers; {fix}")

    def __call__(self) -> int:
        now_s = time.monotonic()
        if now_s > self._counted_s + COUNT_EVERY_S:
            self._count = self._counted()
        if not self._count and now_s > self._seen_s + WORKERLESS_S:
            fix = "start some, and this command again"
            raise ClusterError(f"the Dask scheduler at {self._scheduler} has lost its workers; {fix}")
        return max(1, self._count)

    def _counted(self) -> int:
        count: int = sum(self._client.nthreads().values())
        self._counted_s = time.monotonic()
        if count:
            self._seen_s = self._counted_s
        return count


@contextmanager
def _unheard(logger: str) -> Iterator[None]:
    """Leave out what a library logs of an error, which is said once already."""
    log = logging.getLogger(logger)
    usual = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(usual)


def _elsewhere(code: str, work: Work[T, R], task: T) -> R:
    """Carry out a task on a cluster, which hears no progress and must have the program of whoever asks."""
    if code != manifest.of_code():
        said = "a worker has another version of the program, of Python, or of a library that makes numbers"
        raise ClusterError(f"{said}; install the same everywhere, and start the workers again")
    return work(task, lambda said: None)


def _drain(queue: Any, report: Report) -> None:
    with suppress(Empty):
        while True:
            report(queue.get_nowait())


def _begin(queue: Any) -> None:
    global _queue  # noqa: PLW0603 - one per worker process, given when it starts
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _queue = queue


def _end_with_parent() -> None:
    """Wait for the parent to go, however it goes, and go too: nobody would take the results."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _work(work: Work[T, R], task: T) -> R:
    return work(task, _queue.put)
