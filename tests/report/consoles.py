"""What tests of terminals share: a clock that they turn on, and what is shown on a console of a width.

Only tests may import it.
"""

from sim.report.terminal import Voice


class Clock:
    """A clock that tests turn on."""

    def __init__(self):
        self.now_s = 100.0

    def perf_counter(self):
        """Return the time."""
        return self.now_s


def lines(what, width):
    """Return what is shown on a console of a width."""
    console = Voice()
    console.width = width
    with console.capture() as capture:
        console.print(what)
    return [line.rstrip() for line in capture.get().splitlines()]


def words(shown):
    """Return all words of some lines."""
    return {word for line in shown for word in line.split()}
