"""Carrying out many independent tasks: in this process, or over processes through `concurrent.futures`.

Tasks come back in any order; whoever asked sorts them. A worker ignores Ctrl-C, which is the parent's to handle, ends
when its parent does, and reports progress through a queue.
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait as wait_for
from queue import Empty
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
Report = Callable[[Any], None]
"""Hears how far a task is."""
Work = Callable[[T, Report], R]
"""A task's work: a function that can travel to another process."""
POLL_S = 0.1


class WorkerError(Exception):
    """A worker process died, as when the machine runs out of memory."""


_queue: Any = None


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def carry_out(work: Work[T, R], tasks: Sequence[T], jobs: int, report: Report) -> Iterator[R]:
    """Yield the result of every task as it is done; `report` hears what the work reports, in this process."""
    if jobs <= 1 or len(tasks) <= 1:
        for task in tasks:
            yield work(task, report)
        return
    yield from _in_processes(work, tasks, min(jobs, len(tasks)), report)


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


def _in_processes(work: Work[T, R], tasks: Sequence[T], jobs: int, report: Report) -> Iterator[R]:
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    others = set(multiprocessing.active_children())
    queue = context.Queue()
    executor = ProcessPoolExecutor(jobs, context, _begin, (queue,))
    finished = False
    try:
        with uninterrupted(late=True):
            pending = {executor.submit(_work, work, task) for task in tasks}
        while pending:
            done, pending = wait(pending, POLL_S, FIRST_COMPLETED)
            _drain(queue, report)
            for future in done:
                yield future.result()
        finished = True
    except BrokenProcessPool as error:
        raise WorkerError("a worker process died: try fewer --jobs, or a smaller scenario") from error
    finally:
        with uninterrupted(late=False):
            if not finished:
                for child in set(multiprocessing.active_children()) - others:
                    child.terminate()
            executor.shutdown(wait=True, cancel_futures=True)
            queue.close()
            queue.cancel_join_thread()


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
