"""Progress: a bar on a terminal, a few lines elsewhere, nothing when nobody wants it."""

import io
import re

import pytest
from report.consoles import Clock

import sim.report.progress
from sim.experiment.run import Progress
from sim.experiment.sweep import SweepProgress
from sim.report.progress import counting, watching, watching_points
from sim.report.terminal import Voice


@pytest.fixture
def clock(monkeypatch):
    """Replace the clock by which progress is measured."""
    clock = Clock()
    monkeypatch.setattr(sim.report.progress, "time", clock)
    return clock


def voice(terminal):
    """Return a console that writes to memory, and the memory."""
    console, memory = Voice(), io.StringIO()
    console.file = memory
    console._force_terminal = console.is_interactive = terminal
    console.width = 120
    return console, memory


@pytest.fixture(autouse=True)
def _terminal(monkeypatch):
    """Let the terminal, where there is one, be one that can move its cursor."""
    monkeypatch.setenv("TERM", "xterm")


def far(hours, payments, done):
    """Return how far a run of 4 hours in 8 replications is."""
    return Progress(3600.0 * hours, 4 * 3600.0, payments, done, 8)


def test_plain_lines_say_how_far_how_fast_and_how_long(clock):
    """A line every five seconds at most.

    From the first report, 2 s after the start, an hour with 1800 payments takes 9 s. So there are 200 payments a
    second; after 3 s, 33 s are left of 36, and after 8 s, 28 s.
    """
    console, memory = voice(terminal=False)
    with watching(console, quiet=False) as watch:
        clock.now_s += 2
        watch(far(0, 0, 0))
        for _ in range(9):
            clock.now_s += 1
            watch(far(clock.now_s / 9 - 102 / 9, 200 * int(clock.now_s - 102), int(clock.now_s - 102) // 4))
    assert memory.getvalue().splitlines() == [
        "0/8 replications, 0.33 of 4.00 h simulated, 600 payments, 200/s, 0:33 left",
        "2/8 replications, 0.89 of 4.00 h simulated, 1,600 payments, 200/s, 0:28 left",
    ]


def test_who_has_hardly_begun_says_nothing_of_the_time_left(clock):
    """Twenty seconds of compiling and the first minute of four hours would leave an hour and twenty minutes."""
    console, memory = voice(terminal=False)
    with watching(console, quiet=False) as watch:
        clock.now_s += 20
        watch(far(1 / 60, 40, 0))
    assert memory.getvalue() == "0/8 replications, 0.02 of 4.00 h simulated, 40 payments, 2/s\n"


def test_the_last_replication_always_gets_its_line(clock):
    """However soon it is done."""
    console, memory = voice(terminal=False)
    with watching(console, quiet=False) as watch:
        clock.now_s += 0.5
        watch(far(4, 7200, 8))
    assert memory.getvalue() == "8/8 replications, 4.00 of 4.00 h simulated, 7,200 payments, 14,400/s, 0:00 left\n"


def test_hours_are_said_as_hours(clock):
    """A tenth of the work in 1000 s leaves two hours and a half."""
    console, memory = voice(terminal=False)
    with watching(console, quiet=False) as watch:
        clock.now_s += 1000
        watch(far(0.4, 100, 0))
    assert memory.getvalue().rstrip().endswith("2:30:00 left")


def test_where_a_rule_adds_replications_no_more_is_said_than_is_known(clock):
    """A quarter of the work in 10 s leaves 30 s at least; when all that were wanted are there, nothing is known."""
    console, memory = voice(terminal=False)
    with watching(console, quiet=False) as watch:
        for hours, done in ((1, 2), (4, 8)):
            clock.now_s += 10
            watch(Progress(3600.0 * hours, 4 * 3600.0, 100, done, 8, growing=True))
    ends = [line.rpartition("/s")[2] for line in memory.getvalue().splitlines()]
    assert ends == [", at least 0:30 left", ""]


@pytest.mark.parametrize(
    ("far", "said"),
    [
        (SweepProgress(3, 3, 3, 3, 0), "3/3 points, 3/3 replications"),
        (
            SweepProgress(1, 9, 7, 50, 1, growing=True),
            "1/9 points (1 found finished), 7 replications and at least 43 more",
        ),
        (SweepProgress(9, 9, 1250, 1250, 0, growing=True), "9/9 points, 1,250 replications"),
    ],
)
def test_points_are_counted_with_the_replications_that_are_known_of(far, said):
    """Points are named however many replications each has; where a rule adds these, their number has no end yet."""
    console, memory = voice(terminal=False)
    with watching_points(console, quiet=False) as watch:
        watch(far)
    assert memory.getvalue() == f"{said}\n"


def test_lines_of_a_sweep_say_how_long_the_rest_takes(clock):
    """Twenty of 100 replications were found; 20 more take 10 s, so that the other 60 take 30 s."""
    console, memory = voice(terminal=False)
    with watching_points(console, quiet=False) as watch:
        for done in (20, 40, 100):
            watch(SweepProgress(done // 2, 50, done, 100, 10))
            clock.now_s += 10
    assert memory.getvalue().splitlines() == [
        "10/50 points (10 found finished), 20/100 replications",
        "20/50 points (10 found finished), 40/100 replications, 0:30 left",
        "50/50 points (10 found finished), 100/100 replications",
    ]


def test_a_bar_of_replications_without_end_says_nothing_of_the_time_left():
    """It has the same words as the lines; one that has an end has room for minutes and seconds behind them."""
    shown = []
    for growing in (True, False):
        console, memory = voice(terminal=True)
        with counting(console, quiet=False, growing=growing) as watch:
            watch(10, 16)
        shown.append(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", memory.getvalue()).split("\n")[0])
    assert shown[0].endswith(" 10 replications and at least 6 more ")
    assert shown[1].endswith(" 10/16 replications -:--:--")


def test_a_terminal_gets_a_bar_that_goes_away():
    """It shows replications, simulated time, payments and their rate; at the end the line is free again."""
    console, memory = voice(terminal=True)
    with watching(console, quiet=False) as watch:
        watch(far(1, 1800, 2))
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", memory.getvalue())
    assert re.search(r"2/8  1\.00 of 4\.00 h simulated  1,800 payments, [\d,]+/s", shown)
    assert memory.getvalue().endswith("\x1b[2K")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch):
    """As a log viewer or an editor's shell."""
    monkeypatch.setenv("TERM", "dumb")
    console, memory = voice(terminal=True)
    with watching(console, quiet=False) as watch:
        watch(far(4, 7200, 8))
    assert memory.getvalue().startswith("8/8 replications, 4.00 of 4.00 h simulated, 7,200 payments")


def test_quiet_is_quiet():
    """Nobody is told, so nothing has to be reported."""
    console, memory = voice(terminal=True)
    with watching(console, quiet=True) as watch:
        assert watch is None
    assert memory.getvalue() == ""
