"""`pagopa-sim run`: exit codes, what goes where, and what is kept."""

import json
import re
import sys

import pytest

import sim.experiment.run
from sim.analysis.reading import summary_of
from sim.cli.commands import printed
from sim.experiment.executors import WorkerError
from sim.model.run import RunError
from sim.report.tables import conclusion, of_summary
from sim.scenario.slos import parse

FILES = {
    "manifest.json",
    "summary.json",
    "carts.parquet",
    "payments.parquet",
    "primitives.parquet",
    "refusals.parquet",
    "reversals.parquet",
    "stations.parquet",
    "tallies.parquet",
}
"""What the folder of a run has."""
PASSES, FAILS, UNDECIDED = "token_expiry_rate < 90%", "token_expiry_rate < 1%", "token_expiry_rate < 20%"
"""Of tokens 20% expire: an interval over two short replications is well below 90%, well above 1%, and around 20%."""


def slos(*texts):
    """Return the options that give a run these SLOs."""
    return ("--set", f"slos={json.dumps(texts)}")


def runs(folder):
    """Return the runs kept in a folder."""
    return sorted(folder.glob("results/small/*"))


@pytest.mark.parametrize(
    ("texts", "code", "said"),
    [
        ([PASSES], 0, "verdict: pass (1 objective: 1 pass)"),
        ([PASSES, FAILS, UNDECIDED], 1, "verdict: FAIL (3 objectives: 1 pass, 1 FAIL, 1 undecided)"),
        ([PASSES, UNDECIDED], 3, "verdict: undecided (2 objectives: 1 pass, 1 undecided)"),
        ([], 0, "no service level objectives in this scenario"),
    ],
)
def test_the_exit_code_is_the_verdict(run, texts, code, said):
    """0 every SLO passes, 1 one fails, 3 none fails and one is undecided; the last lines say so too."""
    ended = run("--quiet", *slos(*texts))
    assert (ended.code, ended.out.splitlines()[-2]) == (code, said)


def test_a_table_comes_with_verdicts_first_and_the_results_last(run, tmp_path):
    """Verdicts, headline, causes, money, indicators and stations, in this order, and the path of what was kept."""
    ended = run()
    titles = (
        "Service level objectives",
        "Headline, 2 replications",
        "Tokens that expire, by cause, per replication",
        "Payments reversed, by cause, per replication",
        "Where the money is at the end, per replication",
        "Official indicators",
        "Stations and pools",
    )
    lines = [line.strip() for line in ended.out.splitlines()]
    assert [line for line in lines if line in titles] == list(titles)
    (folder,) = runs(tmp_path)
    assert lines[-1] == f"results: {folder.relative_to(tmp_path)}"


def test_json_is_one_document_on_standard_output_and_nothing_else(run, tmp_path):
    """It has what is stored as summary and manifest, where that is, and the figures that others read."""
    ended = run("--format", "json")
    document = json.loads(ended.out)
    (folder,) = runs(tmp_path)
    manifest, summary = (json.loads((folder / f"{name}.json").read_text()) for name in ("manifest", "summary"))
    assert document == {**summary, "manifest": manifest, "results": str(folder.relative_to(tmp_path))}
    for name in ("token_expiry_rate", "reversal_rate", "reversal_count", "reversal_eur", "tnspo_strict"):
        assert set(document["metrics"][name]) == {"mean", "low", "high", "n"}
    assert set(document["by"]) == {"cause", "psp", "ec_group", "cart_size"}
    assert [slo["verdict"] for slo in document["slos"]] == ["pass"]
    assert "psps.psp-a" in document["stations"]


def test_the_document_has_everything_that_the_table_shows(run, tmp_path, capsys):
    """The table is printed anew from nothing but the document of another run with the same seed: every line is there.

    Only the place is another one, and the document leads to it.
    """
    shown = run("--quiet").out.splitlines()
    document = json.loads(run("--quiet", "--format", "json").out)
    names = {"psp": ("psp-a", "psp-b"), "ec_group": ("ec-1",)}
    summary = summary_of(document, [parse(slo["slo"], names) for slo in document["slos"]])
    printed(of_summary(summary), conclusion(summary), f"results: {document['results']}")
    again = capsys.readouterr().out.splitlines()
    assert again[:-1] == shown[:-1]
    assert len(again) > 40
    first, second = runs(tmp_path)
    assert [tmp_path / line.removeprefix("results: ") for line in (shown[-1], again[-1])] == [first, second]


def test_the_manifest_tells_how_to_make_the_run_again(run, scenario, tmp_path):
    """Scenario as resolved, assignments, seed, command, versions, commit, machine and wall time."""
    run("--quiet", "--seed", 11, "--set", "arrivals.rate=3/s", "--replications", 1)
    manifest = json.loads((runs(tmp_path)[0] / "manifest.json").read_text())
    sets = ["arrivals.rate=3/s", "run.seed=11"]
    assert (manifest["seed"], manifest["sets"]) == (11, sets)
    assert sim.load(manifest["scenario"]).scenario == sim.load(scenario, sets).scenario
    assert manifest["command"] == sys.argv
    assert (manifest["replications"], manifest["replications_asked"], manifest["interrupted"]) == ([0], 1, False)
    assert {"python", "pagopa-sim", "simpy", "numpy", "pyarrow"} <= set(manifest["versions"])
    assert set(manifest["machine"]) == {"system", "processor", "cores"}
    assert manifest["wall_s"] > 0
    assert manifest["git_commit"] is None or re.fullmatch("[0-9a-f]{40}", manifest["git_commit"])


@pytest.mark.parametrize(("wanted", "more"), [("", set()), ("calls", {"calls"}), ("calls,states", {"calls", "states"})])
def test_a_run_keeps_its_files_and_those_asked_for(run, tmp_path, wanted, more):
    """Two documents, six tables and the tallies; calls and states only with `--record`."""
    run("--quiet", "--record", wanted)
    (folder,) = runs(tmp_path)
    assert {file.name for file in folder.iterdir()} == FILES | {f"{name}.parquet" for name in more}


def test_progress_is_plain_lines_on_standard_error_and_nothing_when_quiet(run):
    """Piped, the last line says that all replications are done and how many payments there were."""
    loud, quiet = run(), run("--quiet")
    last = loud.err.splitlines()[-1]
    assert re.fullmatch(r"2/2 replications, 0\.01 of 0\.01 h simulated, \d+ payments, [\d,]+/s, 0:00 left", last)
    assert quiet.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "0"], "--jobs"),
        (["--replications", "0"], "--replications"),
        (["--seed", "-1"], "--seed"),
        (["--format", "xml"], "--format"),
        (["--precision", "3%"], "goes with --replications auto"),
        (["--replications", "3", "--max", "9"], "goes with --replications auto"),
        (["--record", "calls,faults"], "'calls,faults' is not among calls, states"),
        (["--set", "arrivals.rate"], "write path=value"),
        (["--set", "arrivals.rat=3/s"], "arrivals.rat"),
        (["--frob"], "--frob"),
        (["--out", "small.yaml"], "small.yaml: cannot be written"),
        (["--out", "small.yaml/below"], "small.yaml/below: cannot be written"),
    ],
)
def test_bad_options_are_refused_in_a_few_words(run, tmp_path, words, said):
    """Exit code 2, the option named on standard error, no traceback, nothing on standard output, nothing kept."""
    ended = run(*words)
    assert (ended.code, ended.out) == (2, "")
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert runs(tmp_path) == []


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_scenario_that_cannot_be_read_is_refused(pagopa_sim, name):
    """A missing file and a folder: exit code 2, and the file is named with its place."""
    ended = pagopa_sim("run", name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{name}:1:1 ")


def test_a_scenario_with_problems_is_refused_before_anything_runs(pagopa_sim, tmp_path):
    """All problems with their places, and no results folder."""
    (tmp_path / "bad.yaml").write_text("name: bad\narrivals: {rate: 10 apples}\nfrob: 1\n")
    ended = pagopa_sim("run", "bad.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert "bad.yaml:2:" in ended.err
    assert "bad.yaml:3:1" in ended.err
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("error", [RunError("money is not conserved; seed 3, replication 0"), WorkerError("it died")])
def test_a_fault_of_the_simulator_is_no_verdict(run, monkeypatch, error):
    """A broken invariant or a dead worker: exit code 4 and a message to report, not 1 as for an SLO that fails."""

    def broken(*_arguments, **_options):
        raise error

    monkeypatch.setattr(sim.experiment.run, "crew", broken)
    ended = run()
    assert (ended.code, ended.out) == (4, "")
    assert ended.err == f"the simulator failed, and not your scenario: {error}\n"


def test_an_unforeseen_fault_shows_itself_and_is_no_verdict_either(run, monkeypatch, tmp_path):
    """Exit code 4 with the traceback that a bug report needs; nothing half-written stays."""

    def broken(*_arguments, **_options):
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr(sim.experiment.run, "crew", broken)
    ended = run()
    assert ended.code == 4
    assert "ZeroDivisionError: nobody thought of this" in ended.err
    assert list(tmp_path.glob("results/small/*")) == list(tmp_path.glob("results/small/.*")) == []
