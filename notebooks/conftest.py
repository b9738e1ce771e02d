"""Executed notebooks: each may cost a minute of a processor, and says what it cost.

The limit is on processor time, of the notebook and of the processes that it starts, since the clock on the wall depends
on what else the machine does. On a machine that does nothing else no notebook then takes more than a minute.
"""

import threading
from collections.abc import Iterator

import psutil
import pytest

LIMIT_S = 60.0
_EVERY_S = 0.25


class _Meter(threading.Thread):
    """Notes, again and again, how much processor time every process below this one has used."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._over = threading.Event()
        self._used_s: dict[psutil.Process, float] = {}

    def run(self) -> None:
        while not self._over.wait(_EVERY_S):
            known = {*self._used_s, *psutil.Process().children(recursive=True)}
            for process in known:
                try:
                    used = process.cpu_times()
                except psutil.Error:
                    continue  # it has ended: what was noted last stays
                self._used_s[process] = used.user + used.system

    def stop(self) -> float:
        """Return the seconds of all processes."""
        self._over.set()
        self.join()
        return sum(self._used_s.values())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Measure a notebook; one that works but costs too much fails."""
    meter = _Meter()
    meter.start()
    try:
        yield
    finally:
        used_s = meter.stop()
        item.user_properties.append(("processor_s", used_s))
    if used_s > LIMIT_S:
        pytest.fail(f"{item.name} took {used_s:.0f} s of processor time: {LIMIT_S:.0f} s at most", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each notebook has cost."""
    for kind in ("passed", "failed"):
        for report in terminalreporter.getreports(kind):
            for name, used_s in report.user_properties:
                if report.when == "call" and name == "processor_s":
                    said = f"{report.nodeid}: {used_s:.0f} s of processor time, {report.duration:.0f} s in all"
                    terminalreporter.write_line(said)
