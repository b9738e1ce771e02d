"""Carrying out tasks: the same results in this process and in others, and a clean end whatever happens."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from sim.experiment.executors import WorkerError, crew, uninterrupted
from sim.experiment.manifest import cores


def carry_out(work, tasks, jobs, report):
    """Have a crew of so many carry out tasks."""
    with crew(jobs) as workers:
        yield from workers.carry_out(work, tasks, report)


def square(task, report):
    """Square a number, saying so."""
    report(task)
    return task * task


def refuse(task, report):
    """Fail for a reason that has to travel."""
    report(task)
    raise ValueError(f"task {task} went wrong")


def die(task, report):
    """End the process without a word, as the system does when memory runs out."""
    report(task)
    os._exit(9)


@pytest.mark.parametrize("jobs", [1, 2, 7])
def test_every_task_is_carried_out_once_and_what_it_says_is_heard(jobs):
    """In any order, with fewer, as many or more jobs than tasks."""
    heard = []
    done = list(carry_out(square, range(5), jobs, heard.append))
    assert sorted(done) == [0, 1, 4, 9, 16]
    assert jobs > 1 or heard == [0, 1, 2, 3, 4]
    assert set(heard) <= set(range(5))


@pytest.mark.parametrize("jobs", [1, 2])
def test_no_tasks_are_no_work(jobs):
    """Nothing is started, nothing is yielded."""
    assert list(carry_out(square, [], jobs, print)) == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_in_a_task_reaches_who_asked(jobs):
    """With its message, from another process too, and without leaving one behind."""
    with pytest.raises(ValueError, match=r"task \d went wrong"):
        list(carry_out(refuse, range(3), jobs, lambda _: None))


@pytest.mark.parametrize("jobs", [1, 2])
def test_tasks_are_made_only_as_they_are_needed(jobs):
    """Of a million tasks, when ten results have come, no more than those and two for each job have been made."""
    made = []

    def endless():
        for number in range(1_000_000):
            made.append(number)
            yield number

    with crew(jobs) as workers:
        results = workers.carry_out(square, endless(), lambda _: None)
        assert len([next(results) for _ in range(10)]) == 10
        assert len(made) <= 10 + 2 * jobs + jobs


def test_a_worker_that_dies_is_said():
    """With what to try."""
    with pytest.raises(WorkerError, match="try fewer --jobs"):
        list(carry_out(die, range(3), 2, lambda _: None))


def test_there_is_at_least_one_core():
    """And no more than the machine has."""
    assert 1 <= cores() <= (os.cpu_count() or 1)


def press():
    """Press Ctrl-C, as far as this process can tell."""
    os.kill(os.getpid(), signal.SIGINT)


def test_something_short_is_brought_to_its_end_before_ctrl_c_is_heard():
    """Pressed in the middle: the rest is done, then it is heard, once; the usual handler is back."""
    usual, done = signal.getsignal(signal.SIGINT), []

    def work():
        with uninterrupted(late=True):
            press()
            press()
            done.append("the rest")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["the rest"]
    assert signal.getsignal(signal.SIGINT) is usual
    with suppress(KeyboardInterrupt):
        press()
        pytest.fail("nobody hears Ctrl-C any more")


def test_ctrl_c_can_be_left_unheard():
    """As while a run that is interrupted already is brought to its end."""
    with uninterrupted(late=False):
        press()


def test_ctrl_c_does_not_wait_for_the_rest_of_a_result_that_a_worker_was_handing_over():
    """Results of 100 MB go through a pipe of 64 kB: workers are terminated in the middle of them, and nobody waits."""
    program = [sys.executable, "-m", "experiment.long_result"]
    folder = Path(__file__).parents[1]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603
    assert done.stdout == "interrupted\n"


def test_a_thread_that_cannot_hear_ctrl_c_is_let_be():
    """Signals are the main thread's; elsewhere the context does nothing, also in notebooks and servers."""
    done = []

    def work():
        with uninterrupted(late=True):
            done.append("worked")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == ["worked"]
