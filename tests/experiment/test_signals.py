"""Ctrl-C, a kill and a full disk, as a real process meets them."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from sim.store import read_document, read_table

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the process table from /proc")

SCENARIO = """\
name: long
run: {warm_up: 0 s, window: WINDOW, replications: 500}
arrivals: {rate: 5/s}
cart: {notices: {1: 50%, 3: 50%}}
ecs: [{name: ec-1, share: 100%}]
psps: [{name: psp-a, share: 100%}]
"""
PROGRAM = [sys.executable, "-c", "from sim.cli.main import main; main()", "run", "scenario.yaml"]
PATIENCE_S = 60
"""How long a test waits for something that takes a second or two, on a machine that does other things as well."""
AT_ONCE_S = 4
"""A second is promised; four allow for a machine with twice as much to do as it can."""


class Running:
    """A run in a session of its own."""

    def __init__(self, folder, window, jobs, **more):
        (folder / "scenario.yaml").write_text(SCENARIO.replace("WINDOW", window))
        self.folder = folder / "results" / "long"
        self.process = subprocess.Popen(  # noqa: S603 - this interpreter and this program
            [*PROGRAM, "--jobs", str(jobs)],
            cwd=folder,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def wait_for(self, pattern):
        """Wait until there is a file of a pattern in the draft of the run."""
        began_s = time.monotonic()
        while not list(self.folder.glob(f".*/{pattern}")):
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() - began_s < PATIENCE_S
            time.sleep(0.05)

    def press_ctrl_c(self):
        """Press Ctrl-C: the terminal tells every process of the group. Return exit code, seconds and what was said."""
        began_s = time.monotonic()
        os.killpg(self.process.pid, signal.SIGINT)
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, time.monotonic() - began_s, out, err

    def left(self):
        """Return the processes of the run that do not go, a while after its end."""
        began_s = time.monotonic()
        while (alive := self._alive()) and time.monotonic() - began_s < PATIENCE_S:
            time.sleep(0.05)
        return alive

    def _alive(self):
        """Return the processes of the run that are there, except those that only wait to be buried."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                state, _, group, *_ = status.read_text().rpartition(")")[2].split()
                if int(group) == self.process.pid and state != "Z":
                    found.append(status.parent.name)
        return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_in_the_middle_of_the_first_replication_ends_the_run_at_once(tmp_path, jobs):
    """Exit code 130, one sentence, no traceback, nothing kept, no process left."""
    run = Running(tmp_path, "20 h", jobs)
    run.wait_for("parts")
    time.sleep(0.5)
    code, seconds, out, err = run.press_ctrl_c()
    assert (code, out) == (130, "")
    assert seconds < AT_ONCE_S
    assert err.splitlines()[-1] == "interrupted before a replication was finished; nothing was kept"
    assert "Traceback" not in err
    assert list(run.folder.iterdir()) == run.left() == []


@pytest.mark.parametrize("jobs", [1, 2])
def test_ctrl_c_after_some_replications_keeps_them(tmp_path, jobs):
    """Exit code 130; the tables, the path and how many were kept are said; what is kept is whole and says so."""
    run = Running(tmp_path, "60 s", jobs)
    run.wait_for("parts/*-000004.parquet")  # so that the first of five is long known
    code, seconds, out, err = run.press_ctrl_c()
    assert code == 130
    assert seconds < AT_ONCE_S
    (folder,) = run.folder.iterdir()
    kept = read_document(folder)["replications"]
    assert read_document(folder)["interrupted"]
    assert sorted(set(read_table(folder, "carts")["replication"])) == kept
    assert out.splitlines()[-1] == f"results: results/long/{folder.name}"
    assert err.splitlines()[-1] == f"interrupted: {len(kept)} of 500 replications were finished and kept"
    assert "Traceback" not in err
    assert run.left() == []


def test_a_killed_run_leaves_a_hidden_draft_and_no_process(tmp_path):
    """Nothing in the folder looks like a run, and the workers notice that nobody waits for them."""
    run = Running(tmp_path, "20 h", 2)
    run.wait_for("parts")
    time.sleep(1.0)
    run.process.kill()
    run.process.communicate()
    assert run.left() == []
    assert [path.name[0] for path in run.folder.iterdir()] == ["."]
    assert not list(run.folder.rglob("manifest.json"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_disk_that_is_full_ends_the_run_with_one_sentence(tmp_path, jobs):
    """Files may have 2 kB here: exit code 2, where and why, no traceback, nothing kept."""
    run = Running(tmp_path, "60 s", jobs, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)))
    out, err = run.process.communicate(timeout=PATIENCE_S)
    assert (run.process.returncode, out) == (2, "")
    (said,) = [line for line in err.splitlines() if " replications, " not in line]  # a slow machine says how far it is
    assert said.startswith("results/long/")
    assert "cannot be written" in said
    assert list(run.folder.iterdir()) == run.left() == []
