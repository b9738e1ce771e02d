"""Sweeps: the same table however often they are interrupted, nothing computed twice, errors before they cost anything.

None of these tests is statistical: every figure is compared with the same figure, computed in another way.
"""

import csv
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import sim.experiment.sweep as module
import sim.shelf
import sim.store
from experiment.killing import POINTS, REPLICATIONS
from experiment.memory import Idle
from experiment.tiny import TINY, Watched, hire, tables, tiny
from sim.analysis.sequential import Rule
from sim.experiment import manifest
from sim.experiment.design import read_vary
from sim.experiment.looks import Looks
from sim.experiment.run import run
from sim.experiment.sweep import sweep
from sim.experiment.sweepfile import read_sweep
from sim.report import notebook
from sim.scenario.load import ScenarioError, Source
from sim.shelf import shelf
from sim.store import read_document

WORKERS = ("psps.psp-a.workers=1,2,4",)
KILLS = 20


@pytest.fixture
def scenario(tmp_path):
    """Return the file of the tiny scenario."""
    return tiny(tmp_path)


@pytest.fixture
def swept(scenario, tmp_path):
    """Return a function that sweeps the tiny scenario into one folder of results."""

    def call(*vary, **more):
        return sweep(scenario, read_vary(vary or WORKERS), **{"out": tmp_path / "results", **more})

    return call


@pytest.fixture
def watched(monkeypatch):
    """Return a function that hires a crew of one for sweeps, which notes what it is given to do."""
    return lambda at_most=None: hire(monkeypatch, module, Watched(at_most))


# --- interrupted ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """Kill a sweep twenty times, let it end, and run it undisturbed; return the folder and what was seen."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "tiny.yaml").write_text(TINY)
    done = subprocess.run(  # noqa: S603 - this interpreter and a module of the tests
        [sys.executable, "-m", "experiment.killing", str(folder), str(KILLS), "1"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    return folder, json.loads(done.stdout), done.stderr


def only(folder):
    """Return the one sweep in a folder of results; nothing half-written is beside it."""
    (found,) = (folder / "tiny").iterdir()
    return found


def test_a_sweep_that_was_killed_twenty_times_gives_the_same_files_byte_for_byte(killed):
    """By SIGKILL, by Ctrl-C and by a full disk, with one job and with two; held against one with two jobs at one go."""
    folder, seen, _ = killed
    assert len(seen["kills"]) == KILLS
    assert {each["code"] for each in seen["kills"]} == {-9, 130, 2}
    assert seen["codes"] == [0, 0, 0, 0]
    assert tables(only(folder / "killed")) == tables(only(folder / "alone"))


def test_two_sweeps_at_once_on_one_shelf_do_not_disturb_each_other(killed):
    """Both end well, and what is there in the end is the sweep."""
    folder, _, _ = killed
    assert tables(only(folder / "twice")) == tables(only(folder / "alone"))


def test_nothing_that_was_finished_is_lost_and_nothing_is_there_twice(killed):
    """After each kill everything is on the shelf that was there before and that the sweep said was finished."""
    _, seen, _ = killed
    before = 0
    for each in seen["kills"]:
        assert each["replications"] >= max(before, each["said"] or 0)
        assert each["points"] * REPLICATIONS <= each["replications"]
        before = each["replications"]
    assert before > 0
    assert set(map(tuple, seen["shelves"].values())) == {(POINTS * REPLICATIONS, POINTS)}


def test_a_full_disk_is_said_in_one_sentence_with_what_to_do(killed):
    """Where, why, and that running it again goes on where it was."""
    _, seen, said = killed
    lines = said.splitlines()
    assert len(lines) == sum(each["code"] == 2 for each in seen["kills"])
    for line in lines:
        assert "finished.sqlite: cannot be used (" in line
        assert line.endswith("then run it again: what was finished before is kept")


# --- what is known --------------------------------------------------------------------------------------------------


def test_a_sweep_that_was_made_before_is_read_and_not_made(swept, watched):
    """Nobody is given anything to do, and the shelf may be gone."""
    first = swept()
    (first.folder.parents[1] / sim.shelf.FILE).unlink()
    crew = watched(at_most=0)
    again = swept()
    assert crew.carried_out == []
    assert (again.folder, again.manifest) == (first.folder, first.manifest)


def test_finished_points_are_taken_from_the_shelf(swept, watched):
    """Without the folder of the sweep the table is made again, byte for byte, and no replication."""
    first = swept()
    before = tables(first.folder)
    shutil.rmtree(first.folder)
    watched(at_most=0)
    heard = []
    assert tables(swept(watch=heard.append).folder) == before
    assert [(far.points, far.of, far.replications, far.found) for far in heard] == [(3, 3, 6, 3)]


def test_finished_replications_are_taken_from_the_shelf(swept, watched):
    """Where there were two of each point and there are to be three, one is carried out; for another objective none."""
    swept()
    crew = watched()
    swept(replications=3)
    assert sorted(crew.carried_out) == [(0, 2), (1, 2), (2, 2)]
    watched(at_most=0)
    assert list(swept(sets=['slos=["tgp >= 1%"]']).points["tgp >= 1%"]) == ["pass"] * 3


def test_points_of_other_sweeps_are_shared(swept, watched):
    """A larger grid carries out only the points that are new to it."""
    swept()
    crew = watched()
    swept("psps.psp-a.workers=1..4")
    assert sorted(crew.carried_out) == [(2, 0), (2, 1)]


def test_percentiles_for_other_objectives_cost_their_replications_once(swept, watched):
    """What was computed for one unusual percentile lacks another; computed for both, it serves both."""
    swept("psps.psp-a.workers=1", sets=['slos=["p(90, user_wait) < 1 s"]'])
    crew = watched()
    swept("psps.psp-a.workers=1", sets=['slos=["p(91, user_wait) < 1 s"]'])
    assert len(crew.carried_out) == 2
    watched(at_most=0)
    swept("psps.psp-a.workers=1", sets=['slos=["p(90, user_wait) < 2 s", "p(91, user_wait) < 2 s"]'])


def test_the_work_of_another_version_of_the_program_is_not_used(swept, watched, monkeypatch):
    """Neither its table, nor its points, nor its replications."""
    first = swept()
    monkeypatch.setattr(manifest, "of_code", lambda: "another version")
    crew = watched()
    second = swept()
    assert len(crew.carried_out) == 6
    assert second.folder != first.folder


def test_the_version_is_every_module_that_makes_numbers(tmp_path, monkeypatch):
    """A change of one character of any is another version; of one that only prints it is not."""
    package = tmp_path / "sim"
    for name in ("records.py", "model/node.py", "experiment/sweep.py", "report/tables.py", "cli/main.py"):
        (package / name).parent.mkdir(exist_ok=True, parents=True)
        (package / name).write_text("x = 1\n")
    monkeypatch.setattr(manifest, "__file__", str(package / "experiment" / "manifest.py"))
    before = manifest.of_code.__wrapped__()
    versions = set()
    for name in ("records.py", "model/node.py", "experiment/sweep.py"):
        (package / name).write_text("x = 2\n")
        versions.add(manifest.of_code.__wrapped__())
        (package / name).write_text("x = 1\n")
    assert before not in versions
    assert len(versions) == 3
    (package / "report/tables.py").write_text("x = 2\n")
    (package / "cli/main.py").write_text("x = 2\n")
    assert manifest.of_code.__wrapped__() == before


# --- as many replications as each point takes ------------------------------------------------------------------------

RULE = Rule(precision=0.3, maximum=14)
EASY = ("arrivals.rate=2/s,20/s,40/s",)
"""Ten carts in the window, or two hundred: the more, the sooner everything is known."""


@pytest.fixture
def added(swept):
    """Sweep with the rule over rates of arrival, in a window short enough that rates make a difference."""
    return lambda **more: swept(*EASY, replications=RULE, sets=['slos=["paid_share >= 50%"]'], **more)


def test_each_point_has_as_many_replications_as_a_run_of_it_would_add(added, scenario):
    """Number, verdict, means and intervals are those of runs with the same rule, made one by one, from no shelf."""
    done = added(jobs=2)
    counts = []
    for row, rate in zip(done.points.to_dict("records"), ("2/s", "20/s", "40/s"), strict=True):
        alone = run(Source(scenario).load(['slos=["paid_share >= 50%"]', f"arrivals.rate={rate}"]), replications=RULE)
        counts.append(alone.summary.replications)
        assert (row["replications"], row["verdict"]) == (counts[-1], alone.summary.verdict.value)
        for name in ("user_wait", "paid_share", "tnspo_strict"):
            found = alone.summary.metrics[name]
            assert [row[f"{name}_{part}"] for part in ("mean", "low", "high")] == [found.mean, found.low, found.high]
    assert len(set(counts)) > 1
    assert (done.manifest["replications"], done.manifest["stopping"]) == ("auto", {"precision": 0.3, "maximum": 14})


def test_added_replications_are_the_same_for_any_number_of_jobs(added, tmp_path):
    """Byte for byte: looks are at whole sets of replications, whoever finished first."""
    found = [tables(added(jobs=jobs, out=tmp_path / str(jobs)).folder) for jobs in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_what_others_computed_counts_among_the_replications_that_are_added(added, swept, watched):
    """Two of each point are there; none of them is made again, and another rule makes only what it wants beyond."""
    swept(*EASY, sets=['slos=["paid_share >= 50%"]'])
    crew = watched()
    counts = list(added().points["replications"])
    assert sorted(crew.carried_out) == [(point, n) for point, count in enumerate(counts) for n in range(2, count)]
    watched(at_most=0)
    swept(*EASY, sets=['slos=["paid_share >= 50%"]'], replications=Rule(precision=9.0, maximum=5))


def test_another_rule_and_another_number_are_other_sweeps(added, swept):
    """So that nobody is given the points of a lesser precision."""
    sets = ['slos=["paid_share >= 50%"]']
    others = [Rule(0.3, 15), Rule(0.2, 14), 14]
    folders = {swept(*EASY, sets=sets, replications=each).folder for each in others} | {added().folder}
    assert len(folders) == 4


def test_a_sweep_that_adds_replications_tells_how_many_it_knows_of(added):
    """Five of each point at first; in the end as many as were made, all of them done."""
    heard = []
    counts = list(added(watch=heard.append).points["replications"])
    assert (heard[0].replications, heard[0].replications_of) == (0, 15)
    last = heard[-1]
    assert (last.points, last.replications, last.replications_of) == (3, sum(counts), sum(counts))
    assert all(far.growing and far.replications <= far.replications_of for far in heard)


def test_points_found_finished_count_no_replications_where_a_rule_adds_them(added, swept):
    """How many they took is not looked up: of four points, three of them found, five of the fourth are known of."""
    added()
    heard, more = [], ("arrivals.rate=2/s,20/s,40/s,80/s",)
    swept(*more, replications=RULE, sets=['slos=["paid_share >= 50%"]'], watch=heard.append)
    assert (heard[0].points, heard[0].found, heard[0].replications, heard[0].replications_of) == (3, 3, 0, 5)
    assert heard[-1].replications == heard[-1].replications_of


ADDING = """
import os, signal, sys
from sim.analysis.sequential import Rule
from sim.experiment.design import read_vary
from sim.experiment.sweep import sweep
def watch(far):
    if far.replications >= int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
sweep(sys.argv[1], read_vary(["arrivals.rate=2/s,20/s,40/s"]), replications=Rule(0.3, 14),
      sets=['slos=["paid_share >= 50%"]'], out=sys.argv[2], watch=watch)
"""


def test_a_sweep_that_was_killed_while_it_added_replications_gives_the_same_files(added, scenario, tmp_path):
    """By SIGKILL after 3, 8 and 16 replications: in a first look, after a look, and at another point."""
    undisturbed = tables(added(out=tmp_path / "alone").folder)
    for after in (3, 8, 16):
        program = [sys.executable, "-c", ADDING, str(scenario), str(tmp_path / "killed"), str(after)]
        assert subprocess.run(program, check=False).returncode == -9  # noqa: S603 - this interpreter
    assert tables(added(out=tmp_path / "killed").folder) == undisturbed


# --- the table ------------------------------------------------------------------------------------------------------


def test_what_is_varied_at_one_psp_changes_nothing_at_another(swept):
    """Every point has the same random numbers: of psp-b, whose carts never meet psp-a, all points say the same.

    With one worker psp-a answers later than with four, so that the points do differ.
    """
    points = swept("psps.psp-a.workers=1,2,4", sets=["arrivals.rate=8/s"]).points
    for part in ("mean", "low", "high"):
        assert points[f"tnspo_strict{{psp=psp-b}}_{part}"].nunique() == 1
    assert points["tpnp{psp=psp-a}_mean"].nunique() > 1


def test_both_files_have_a_row_per_point_in_order_with_what_was_varied_as_written(swept):
    """The Parquet file and the CSV file say the same; the last path changes first."""
    done = swept("psps.psp-a.workers=1,2", "arrivals.rate=2/s,4/s", jobs=2)
    points = done.points
    assert list(points["point"]) == [0, 1, 2, 3]
    assert list(points["psps.psp-a.workers"]) == ["1", "1", "2", "2"]
    assert list(points["arrivals.rate"]) == ["2/s", "4/s", "2/s", "4/s"]
    assert set(points["replications"]) == {2}
    with (done.folder / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(points.columns)
    assert [float(row["user_wait_mean"]) for row in rows] == list(points["user_wait_mean"])
    assert done.manifest["slos"] == {
        "tpnp >= 50%": "tpnp",
        "tnspo_strict{psp=psp-b} >= 10%": "tnspo_strict{psp=psp-b}",
        "tpnp{psp=psp-a} >= 1%": "tpnp{psp=psp-a}",
        "p(90, user_wait) < 1 min": "user_wait_p90",
    }
    for text, column in done.manifest["slos"].items():
        assert set(points[text]) <= {"pass", "fail", "undecided"}
        assert (points[f"{column}_low"] <= points[f"{column}_mean"]).all()


def test_a_point_is_what_a_run_of_its_assignments_is(swept, scenario):
    """Figures of point 2 are those of its scenario with the same replications, taken from no shelf."""
    points = swept().points
    alone = run(Source(scenario).load(["psps.psp-a.workers=4"]), replications=2).summary
    for name in ("user_wait", "tnspo_strict", "token_count", "outcome_delay_p98"):
        estimate = alone.metrics[name]
        seen = [points.loc[2, f"{name}_{part}"] for part in ("mean", "low", "high")]
        assert seen == [estimate.mean, estimate.low, estimate.high]


def test_in_jupyter_it_shows_the_first_points(swept, monkeypatch):
    """With how many more there are."""
    monkeypatch.setattr(notebook, "MOST", 2)
    shown = swept()._repr_html_()
    assert shown.count("<tr>") == 1 + 2
    assert ">and 1 more</p>" in shown


# --- errors ---------------------------------------------------------------------------------------------------------


def problems(swept, *vary, **more):
    """Return what is said of a sweep that cannot be made."""
    with pytest.raises(ScenarioError) as error:
        swept(*vary, **more)
    return [str(problem) for problem in error.value.problems]


def test_a_path_that_is_not_there_is_said_once_before_anything_is_simulated(swept, watched, tmp_path):
    """Not for every point; nothing is carried out and no sweep is left."""
    watched(at_most=0)
    said = problems(swept, "psps.psp-a.wrkers=1,2,3")
    (line,) = said
    at = "point 0 (psps.psp-a.wrkers=1): --vary psps.psp-a.wrkers=1,2,3"
    assert line.startswith(f"{at}  psps.psp-a.wrkers  is not known here")
    assert "workers" in line
    assert list((tmp_path / "results" / "tiny").iterdir()) == []


def test_a_bad_value_at_point_7_is_said_with_its_number_before_anything_is_simulated(swept, watched):
    """And so is another one; each once, although the second is at two points."""
    watched(at_most=0)
    said = problems(swept, "psps.psp-a.workers=1,2,3,-4,0,-6", "arrivals.rate=1/s,2/s")
    assert [line.partition("  ")[0] for line in said] == [
        f"point {number} (psps.psp-a.workers={workers}, arrivals.rate=1/s): --vary psps.psp-a.workers=1,2,3,-4,0,-6"
        for number, workers in ((6, -4), (10, -6))
    ]
    assert "is -4  write at least 0" in said[0]


def test_every_value_of_a_grid_is_checked_first_however_large_it_is(swept, watched, monkeypatch):
    """The bad value is first used at point 180, long after as many as are checked in any case."""
    monkeypatch.setattr(module, "CHECKED", 40)
    watched(at_most=0)
    (said,) = problems(swept, "psps.psp-a.workers=1,2,3,4,5,6,7,8,9,-1", "psps.psp-b.workers=1..20")
    assert said.startswith("point 180 (psps.psp-a.workers=-1, psps.psp-b.workers=1): ")


def test_what_is_wrong_with_a_point_that_comes_late_is_said_when_all_others_are_finished(swept, watched, monkeypatch):
    """Five points are made although the second one, of which only the first is checked beforehand, cannot be."""
    monkeypatch.setattr(module, "CHECKED", 1)
    crew = watched()
    (said,) = problems(swept, "psps.psp-a.workers=1,-2,3,4,5,6")
    assert said.startswith("point 1 (psps.psp-a.workers=-2): --vary ")
    assert "  psps.psp-a.workers  is -2" in said
    assert {number for number, _ in crew.carried_out} == {0, 2, 3, 4, 5}
    watched(at_most=0)
    assert len(swept("psps.psp-a.workers=1,3,4,5,6").points) == 5


def test_what_changes_nothing_at_a_point_cannot_be_varied(swept):
    """Number of replications, confidence, names and objectives; a seed can."""
    said = problems(swept, "run.replications=1,2", "name=a,b", "run.confidence=0.9,0.95", "slos.0=a,b")
    assert [line.split("  ")[1] for line in said] == ["run.replications", "name", "run.confidence", "slos.0"]
    assert "changes nothing at a point" in said[0]
    assert len(swept("run.seed=1,2").points) == 2


def test_points_that_cannot_be_stable_are_flagged_before_they_cost_anything(swept, watched, monkeypatch):
    """Half of 8 carts a second, for 0.54 s each, are 2.2 s of work a second for one worker.

    The first two points are checked before the first replication, the third as its turn comes: when the four
    replications of the others have been drawn, and two of them may be under way.
    """
    monkeypatch.setattr(module, "CHECKED", 2)
    crew = watched()
    heard = []
    swept(
        "arrivals.rate=1/s,8/s,9/s",
        sets=["psps.psp-a.workers=1", "psps.psp-b.workers=9"],
        flagged=lambda findings: heard.append((len(crew.carried_out), str(findings[0]))),
    )
    assert [text.partition(":")[0] for _, text in heard] == [
        "point 1 (arrivals.rate=8/s)",
        "point 2 (arrivals.rate=9/s)",
    ]
    assert heard[0][0] == 0
    assert heard[1][0] <= 4
    assert "psps.psp-a" in heard[0][1]


def flagged(folder, text):
    """Return where the fix of each point's first severe finding belongs, for a sweep file."""
    file, heard = folder / "sweep.yaml", []
    file.write_text(text)
    asked = read_sweep(file)
    sweep(asked.scenario, asked.design, replications=1, out=folder, flagged=lambda found: heard.append(found[0]))
    return [str(each).replace(f"{folder}/", "").partition("  ")[0] for each in heard]


def test_what_is_flagged_says_the_line_to_change(tmp_path):
    """Half of 8 carts a second are 2.2 s of work a second: too much for one worker of psp-a, enough for four.

    Where workers are varied, their line in the sweep file is named; where only the rate is, the workers' line in the
    scenario; of a list, the line of the point.
    """
    tiny(tmp_path, TINY)
    assert flagged(
        tmp_path, "scenario: tiny.yaml\nvary:\n  arrivals.rate: [1/s, 8/s]\n  psps.psp-a.workers: [1, 4]\n"
    ) == ["point 2 (arrivals.rate=8/s, psps.psp-a.workers=1): sweep.yaml:4:3"]
    (tmp_path / "points.csv").write_text("psps.psp-a.workers,arrivals.rate\n4,1/s\n\n1,8/s\n")
    assert flagged(tmp_path, "scenario: tiny.yaml\ndesign: list\nfile: points.csv\n") == [
        "point 1 (psps.psp-a.workers=1, arrivals.rate=8/s): points.csv:4:1"
    ]
    one = TINY.replace("share: 50%, workers: 4", "share: 50%, workers: 1")
    tiny(tmp_path, one)
    column = one.splitlines()[7].index("workers: 1") + len("workers: ") + 1
    assert flagged(tmp_path, "scenario: tiny.yaml\nvary:\n  arrivals.rate: [1/s, 8/s]\n") == [
        f"point 1 (arrivals.rate=8/s): tiny.yaml:8:{column}"
    ]


def test_a_point_of_many_or_long_values_is_named_by_the_first_of_them(swept, watched):
    """Sixty characters at most; and where its own value is written is found although that is cut as well."""
    watched(at_most=0)
    long = "a" * 70
    (line,) = problems(swept, f"citizen.think_time={{empirical: {{file: {long}.csv}}}}", "psps.psp-a.workers=1,2")
    name = re.match(r"point 0 \((.*)\): --vary citizen", line)[1]
    assert (len(name), name[-3:]) == (60, "...")


# --- size -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def idle(scenario, monkeypatch):
    """Hire a crew that does nothing, and let the row of every point be the same."""
    row = {"verdict": "pass", "replications": 1, "user_wait_mean": 1.0}
    monkeypatch.setattr(Looks, "summarise", lambda looks, tallies, asked: None)
    monkeypatch.setattr(module, "row_of", lambda summary: row)
    return hire(monkeypatch, module, Idle(scenario))


def test_memory_does_not_grow_with_the_number_of_points(tmp_path):
    """Between 40 and 100 points the peak grows by less than 300 bytes a point, where a scenario or a tally has 10 kB.

    It is measured in a process of its own, in which nothing else has left anything behind.
    """
    done = subprocess.run(  # noqa: S603 - this interpreter and a module of the tests
        [sys.executable, "-m", "experiment.memory", str(tmp_path), "40", "100"],
        cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True,
    )  # fmt: skip
    few, many = json.loads(done.stdout)
    assert few > 10_000
    assert many - few < 60 * 300


@pytest.mark.usefixtures("idle")
def test_ten_thousand_finished_points_are_found_without_loading_them(scenario, tmp_path, monkeypatch):
    """All but the last are on the shelf: the scenario is loaded for itself and, twice, for the last point.

    Points are asked for in blocks of 200: to see which are finished, and to write the table. The last block is asked
    for once more before its last point is made, whose replications are asked for as well. The names of the columns are
    asked for once.
    """
    design = read_vary(["arrivals.rate=lin:1/s..3/s:10000"])
    source = Source(scenario)
    plan = module._Plan(source, source.load(), (), design, 1)
    row = module.row_of(None)
    with shelf(tmp_path) as kept:
        for point in design:
            if point.number < len(design) - 1:
                kept.put_point(plan.key(point), row)
    queries, loads = [], []
    connect, load = sqlite3.connect, Source.load

    def traced(*arguments, **more):
        connection = connect(*arguments, **more)
        connection.set_trace_callback(queries.append)
        return connection

    def counted(self, sets=()):
        loads.append(sets)
        return load(self, sets)

    monkeypatch.setattr(sim.shelf.sqlite3, "connect", traced)
    monkeypatch.setattr(Source, "load", counted)
    heard = []
    done = sweep(scenario, design, replications=1, out=tmp_path, watch=heard.append)
    assert (heard[0].points, heard[-1].points) == (9_999, 10_000)
    assert len(loads) == 3
    assert sum(query.startswith("SELECT") for query in queries) == 2 * 50 + 2 + 1
    assert read_document(done.folder)["points"] == 10_000


# --- collapses ------------------------------------------------------------------------------------------------------


def test_a_point_whose_replications_collapse_has_the_probability_of_it_and_is_marked(tmp_path):
    """With an outage for good some time after a minute on average, in some replications nearly nobody can pay.

    Without it there is none. The row has what a run of the same point says, and the other shares have nothing.
    """
    hump = TINY.replace("window: 5 s, replications: 2", "window: 20 s, replications: 12")
    outage = "incidents: [{name: out, target: ecs.ec, effect: outage, mtbf: 1 min, mttr: 30 min}]"
    file = tiny(tmp_path, hump.split("slos:")[0] + f"{outage}\nslos: ['paid_share >= 50%']\n")
    done = sweep(file, read_vary(("incidents.out.mtbf=1 min,1000 h",)), out=tmp_path / "results")
    points = done.points
    chance = run(Source(file).load()).summary.chance_of_collapse("paid_share")
    assert 0 < chance.mean < 1
    found = points[[f"paid_share_collapse_{part}" for part in ("mean", "low", "high")]]
    assert found.loc[0].to_list() == [chance.mean, chance.low, chance.high]
    assert found.loc[1].isna().all()
    assert points["unknown_share_collapse_mean"].isna().all()
    first, second = csv.DictReader((done.folder / "summary.csv").read_text().splitlines())
    assert (float(first["paid_share_collapse_high"]), second["paid_share_collapse_high"]) == (chance.high, "")
    assert notebook.html(done).count("collapses in ") == 1
