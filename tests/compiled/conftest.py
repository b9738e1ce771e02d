"""The machine, compiled before it is used, and the folder in which random scenarios find their trace."""

import fcntl

import pytest
from properties.scenarios import ARRIVALS_CSV

from sim.compiled.engine import compile_machine


@pytest.fixture(scope="session", autouse=True)
def machine(tmp_path_factory):
    """Compile the machine in whichever process of the tests comes first; the others wait, and load it."""
    with (tmp_path_factory.getbasetemp().parent / "machine.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        compile_machine()


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Return a folder with the arrivals of scenarios that have a trace, and with many at one moment."""
    path = tmp_path_factory.mktemp("scenarios")
    (path / "arrivals.csv").write_text(ARRIVALS_CSV, encoding="utf-8")
    (path / "at_once.csv").write_text("seconds\n" + "30\n" * 300, encoding="utf-8")
    return path
