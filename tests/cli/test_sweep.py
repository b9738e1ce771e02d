"""`pagopa-sim sweep`: tables that fit, JSON, what is refused, and Ctrl-C as a real process meets it."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress

import pytest
from experiment.tiny import TINY

import sim.store
from sim.report.points import FIGURES
from sim.store import each_points, read_table

VARY = ("--vary", "psps.psp-a.workers=2,4", "--vary", "arrivals.rate=3/s,4/s")
PROGRAM = [sys.executable, "-c", "from sim.cli.main import main; main()"]
PATIENCE_S = 60


@pytest.fixture
def tiny(tmp_path):
    """Return the file of the tiny scenario, in the folder in which commands are typed."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    return file


@pytest.fixture
def sweep(pagopa_sim, tiny):
    """Return a function that sweeps the tiny scenario, in this process, with more options."""

    def call(*words, file=tiny, jobs=("--jobs", 1)):
        return pagopa_sim("sweep", file, *jobs, *words)

    return call


def swept(ended):
    """Return the folder that is named in the last line of a table."""
    return ended.out.splitlines()[-1].removeprefix("results: ")


def test_the_table_has_a_row_per_point_with_what_the_files_say(sweep, tmp_path):
    """Number, values, verdict, the objectives' figures; the last line says where everything is."""
    done = sweep(*VARY, "--quiet")
    assert (done.code, done.err) == (0, "")
    points = read_table(tmp_path / swept(done), "points")
    rows = [line.split() for line in done.out.splitlines() if re.match(r" +\d  ", line)]
    assert [row[:4] for row in rows] == [
        ["0", "2", "3/s", points["verdict"][0]],
        ["1", "2", "4/s", points["verdict"][1]],
        ["2", "4", "3/s", points["verdict"][2]],
        ["3", "4", "4/s", points["verdict"][3]],
    ]
    for row, mean in zip(rows, points["tpnp_mean"], strict=True):
        assert float(row[4].rstrip("%")) == pytest.approx(100 * mean, abs=0.05)


@pytest.mark.parametrize(("width", "figures"), [(86, 2), (87, 3), (118, 4), (119, 5), (300, 4 + len(FIGURES))])
def test_the_table_fits_the_terminal_and_cuts_no_word(sweep, monkeypatch, width, figures):
    """Objectives come first, and as many figures are shown as there is room for.

    Point, values and verdict take 5, 11, 13 and 7 columns, the objectives 11, 14, 14 and 14, another figure 14, with
    gaps of 2: that is 71 with two objectives, 103 with four, and 119 with another figure.
    """
    monkeypatch.setenv("COLUMNS", str(width))
    done = sweep(*VARY, "--quiet")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= width
    assert "\u2026" not in done.out
    (row,) = (line for line in lines if line.lstrip().startswith("0  "))
    assert len(re.split(r"  +", row.strip())) == 4 + figures
    assert "tpnp >=" in done.out


def test_without_objectives_there_is_no_verdict_to_show(sweep):
    """Nothing was asked, so nothing passes."""
    done = sweep(*VARY, "--set", "slos=[]")
    assert "verdict" not in done.out
    assert "tokens that" in done.out


def test_of_many_points_the_first_are_shown(sweep, monkeypatch):
    """And how many more there are."""
    monkeypatch.setattr("sim.report.points.MOST", 3)
    done = sweep(*VARY)
    assert "and 1 more" in done.out
    assert len(re.findall(r"^ +\d  ", done.out, re.MULTILINE)) == 3


def test_json_has_the_manifest_and_every_point_however_many_there_are(sweep, tmp_path, monkeypatch):
    """It is written piece by piece; what is not known is null."""
    monkeypatch.setattr(sim.store, "each_points", lambda folder: each_points(folder, size=3))
    done = sweep(*VARY, "--replications", 1, "--format", "json", "--quiet")
    found = json.loads(done.out)
    assert found["manifest"]["varied"] == {"psps.psp-a.workers": "2,4", "arrivals.rate": "3/s,4/s"}
    assert [point["point"] for point in found["points"]] == [0, 1, 2, 3]
    assert [point["tpnp_low"] for point in found["points"]] == [None] * 4
    (folder,) = (tmp_path / "results" / "tiny").iterdir()
    points = read_table(folder, "points")
    assert [point["user_wait_mean"] for point in found["points"]] == points["user_wait_mean"].tolist()


def test_typed_again_it_says_the_same_at_once(sweep):
    """From the files; more replications find those that are finished."""
    first, again = sweep(*VARY), sweep(*VARY)
    assert again.out == first.out
    assert again.err == ""
    assert sweep(*VARY, "--replications", 3).err.splitlines()[-1] == "4/4 points, 12/12 replications"


def test_progress_says_how_much_was_found_finished(sweep):
    """A larger grid has two points of the smaller one."""
    sweep("--vary", "psps.psp-a.workers=1,2", "--quiet")
    said = sweep("--vary", "psps.psp-a.workers=1,2,3").err.splitlines()
    assert said[0] == "2/3 points (2 found finished), 4/6 replications"
    assert said[-1] == "3/3 points (2 found finished), 6/6 replications"


def test_a_sweep_file_says_scenario_points_and_replications(sweep, tmp_path):
    """The same as options do: the sweep is the same one."""
    file = tmp_path / "sweep.yaml"
    file.write_text("scenario: tiny.yaml\nvary: {psps.psp-a.workers: [2, 4], arrivals.rate: [3/s, 4/s]}\n")
    assert swept(sweep(file=file)) == swept(sweep(*VARY))
    (tmp_path / "points.csv").write_text("psps.psp-a.workers,arrivals.rate\n2,3/s\n2,4/s\n4,3/s\n4,4/s\n")
    file.write_text("scenario: tiny.yaml\ndesign: list\nfile: points.csv\nreplications: 2\n")
    assert swept(sweep(file=file)) == swept(sweep(*VARY))


@pytest.mark.parametrize("design", ["lhs", "sobol"])
def test_samples_show_values_without_useless_digits(sweep, design):
    """Four points; a place in the unit cube has sixteen digits."""
    done = sweep("--vary", "arrivals.rate=2/s..4/s", "--design", design, "--points", 4, "--replications", 1)
    assert done.code == 0
    values = re.findall(r"^ +\d  (\S+)/s", done.out, re.MULTILINE)
    assert len(set(values)) == 4
    assert all(2 <= float(value) <= 4 and len(value) <= 5 for value in values)


REFUSED = {
    "psps.psp-a.wrkers=1": "point 0 (psps.psp-a.wrkers=1): --vary psps.psp-a.wrkers=1  psps.psp-a.wrkers  is not known",
    "psps.psp-a.workers=4,-2": "point 1 (psps.psp-a.workers=-2): --vary psps.psp-a.workers=4,-2  psps.psp-a.workers  "
    "is -2  write at least 0",
    "run.replications=1,2": "--vary run.replications=1,2  run.replications  changes nothing at a point",
}


@pytest.mark.parametrize("vary", REFUSED)
def test_points_that_cannot_be_are_bad_input(sweep, vary):
    """Exit code 2, one line that says which point, which path and what to write; nothing to show."""
    done = sweep("--vary", vary)
    assert (done.code, done.out) == (2, "")
    (line,) = done.err.splitlines()
    assert line.startswith(REFUSED[vary])


USAGE = {
    "neither a number from 1 to 100000 nor auto": ("--replications", "some", *VARY),
    "0% would take for ever": ("--replications", "auto", "--precision", "0%", *VARY),
    "goes with --replications auto": ("--max", "9", *VARY),
    "'latin' is not grid, lhs or sobol": ("--design", "latin", *VARY),
    "means nothing for a grid": ("--design-seed", "2", *VARY),
    "goes with --vary; a sweep file says it itself": ("--design", "lhs", "--points", "4"),
    "dask needs --scheduler tcp://HOST:8786": ("--executor", "dask", *VARY),
    "goes with --executor dask": ("--executor", "local", "--scheduler", "tcp://127.0.0.1:1", *VARY),
    "means nothing on a cluster": ("--jobs", "2", "--scheduler", "tcp://127.0.0.1:1", *VARY),
}


@pytest.mark.parametrize("said", USAGE)
def test_options_that_do_not_go_together_are_refused(sweep, said):
    """Exit code 2, and the option is named."""
    done = sweep(*USAGE[said], jobs=())
    assert (done.code, done.out) == (2, "")
    assert said in " ".join(re.sub("[│╭╮╰╯─]", " ", done.err).split())


@pytest.mark.parametrize("written", ["option", "file"])
def test_points_may_have_as_many_replications_as_each_takes(sweep, tmp_path, written):
    """Said by an option or by the file: then the table has how many there are, at most as many as --max says."""
    file = tmp_path / "sweep.yaml"
    auto = "replications: auto\n" if written == "file" else ""
    file.write_text(f"scenario: tiny.yaml\nvary: {{psps.psp-a.workers: [1, 4]}}\n{auto}")
    words = ("--precision", "50%", "--max", 6, *(("--replications", "auto") if written == "option" else ()))
    done = sweep(*words, "--quiet", file=file)
    points = read_table(tmp_path / swept(done), "points")
    assert set(points["replications"]) <= {5, 6}
    rows = [line.split() for line in done.out.splitlines() if re.match(r" +\d  ", line)]
    assert [row[:4] for row in rows] == [
        [str(point), workers, str(count), verdict]
        for point, (workers, count, verdict) in enumerate(
            zip(("1", "4"), points["replications"], points["verdict"], strict=True)
        )
    ]


def test_a_number_of_replications_beside_a_file_that_says_auto_is_what_counts(sweep, tmp_path):
    """The option wins over the file; and a number that all points share is no column."""
    file = tmp_path / "sweep.yaml"
    file.write_text("scenario: tiny.yaml\nvary: {psps.psp-a.workers: [1, 4]}\nreplications: auto\n")
    done = sweep("--replications", 1, "--quiet", file=file)
    assert set(read_table(tmp_path / swept(done), "points")["replications"]) == {1}
    assert "cations" not in done.out


def test_a_cluster_that_cannot_be_used_is_bad_input(sweep, monkeypatch):
    """One line with what to do, exit code 2: it is not the simulator that failed."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = sweep("--executor", "dask", "--scheduler", "tcp://127.0.0.1:8786", *VARY, "--quiet", jobs=())
    assert (done.code, done.out) == (2, "")
    assert done.err == "Dask is not installed; pip install 'pagopa-sim[dask]'\n"


def test_points_that_cannot_be_stable_are_said_first_and_not_without_end(sweep):
    """Twelve of thirteen points have more than one worker's work; ten are named, then progress begins."""
    sets = ("--set", "psps.psp-a.workers=1", "--set", "run.window=1 s")
    said = sweep("--vary", "arrivals.rate=1/s,11/s,12/s,13/s,14/s,15/s,16/s,17/s,18/s,19/s,20/s,21/s,22/s", *sets).err
    lines = said.splitlines()
    assert [re.match(r"pre-flight: point (\d+) \(arrivals.rate=(\d+)/s\): ", line).groups() for line in lines[:10]] == [
        (str(number), str(number + 10)) for number in range(1, 11)
    ]
    assert lines[10] == "pre-flight: and more points like these"
    assert lines[11] == "0/13 points, 0/26 replications"


def points_on_shelf(out):
    """Return how many points are finished, as a reader beside the command sees it."""
    if not (out / "finished.sqlite").exists():
        return 0
    with closing(sqlite3.connect(out / "finished.sqlite")) as shelf, suppress(sqlite3.OperationalError):
        return shelf.execute("SELECT count(*) FROM rows").fetchone()[0]
    return 0


def test_ctrl_c_is_answered_with_what_to_do_and_nothing_is_lost(sweep, tmp_path):
    """Pressed after the first points, with two jobs: exit code 130; typed again, what was finished is found."""
    words = ["sweep", "tiny.yaml", "--vary", "psps.psp-a.workers=1..400", "--jobs", "2"]
    process = subprocess.Popen(  # noqa: S603 - this interpreter and this program
        [*PROGRAM, *words],
        cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    began_s = time.monotonic()
    while points_on_shelf(tmp_path / "results") < 3:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() - began_s < PATIENCE_S
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "interrupted; what was finished is kept: run the same command again to go on"
    assert "Traceback" not in err
    first = re.search(r"(\d+)/8 points", sweep("--vary", "psps.psp-a.workers=1..8").err)
    assert int(first[1]) > 0
