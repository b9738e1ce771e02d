"""`pagopa-sim report`: a run or a sweep becomes one file, and what is neither is refused."""

import re
import subprocess
import sys

import pytest

VARIED = ("--vary", "citizen.abandon=10%,30%", "--replications", 2, "--jobs", 1)


def folder_of(ended):
    """Return the folder that a run or a sweep names in its last line."""
    return ended.out.splitlines()[-1].removeprefix("results: ")


def test_a_run_becomes_a_page_in_this_folder(run, pagopa_sim, tmp_path):
    """`report.html`, with the verdict and the figures of the run; exit code 0, and where it is on standard output."""
    done = run("--quiet")
    ended = pagopa_sim("report", folder_of(done))
    assert (ended.code, ended.out, ended.err) == (0, "report: report.html\n", "")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>")
    assert re.search(r"<h1>small</h1>", text)
    assert "The only objective passes." in text


def test_an_exit_code_is_no_verdict_here(run, pagopa_sim, tmp_path):
    """A run whose objective fails has a report like any other."""
    done = run("--quiet", "--set", "slos=[token_expiry_rate < 0.1%]")
    ended = pagopa_sim("report", folder_of(done), "-o", "failed.html")
    assert (done.code, ended.code) == (1, 0)
    assert "The only objective fails." in (tmp_path / "failed.html").read_text(encoding="utf-8")


def test_a_sweep_becomes_a_page_too(pagopa_sim, scenario, tmp_path):
    """With its points; `-o` says where, and what was there is replaced."""
    done = pagopa_sim("sweep", scenario, *VARIED, "--quiet")
    (tmp_path / "sweep.html").write_text("old", encoding="utf-8")
    ended = pagopa_sim("report", folder_of(done), "--output", "sweep.html")
    assert (ended.code, ended.out) == (0, "report: sweep.html\n")
    text = (tmp_path / "sweep.html").read_text(encoding="utf-8")
    assert "Points of the sweep" in text
    assert "citizen.<wbr>abandon" in text


def test_the_run_itself_is_not_touched(run, pagopa_sim, tmp_path):
    """Nothing of its folder is written, and nothing beside the report is left."""
    folder = tmp_path / folder_of(run("--quiet"))
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*")}
    pagopa_sim("report", folder)
    assert {file: file.stat().st_mtime_ns for file in folder.rglob("*")} == before
    assert {file.name for file in tmp_path.iterdir()} == {"small.yaml", "results", "report.html"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: is not there\n"),
        (["small.yaml"], "small.yaml: is a file; give the folder of a run or a sweep\n"),
        (["."], ".: is neither a run nor a sweep; give a folder such as results/SCENARIO/RUN\n"),
    ],
)
@pytest.mark.usefixtures("scenario")
def test_what_is_no_run_is_refused_in_a_line(pagopa_sim, tmp_path, words, said):
    """Exit code 2, what to give instead on standard error, no file."""
    ended = pagopa_sim("report", *words)
    assert (ended.code, ended.out, ended.err) == (2, "", said)
    assert not (tmp_path / "report.html").exists()


def test_a_folder_of_runs_is_refused_with_one_of_them(run, pagopa_sim):
    """The last is named, since that is probably meant."""
    folder = folder_of(run("--quiet"))
    ended = pagopa_sim("report", "results")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"results: is neither a run nor a sweep, but has 1 of them; give one, for example {folder}\n"


@pytest.mark.parametrize("file", ["nowhere/report.html", "."])
def test_a_file_that_cannot_be_written_is_refused(run, pagopa_sim, tmp_path, file):
    """Exit code 2, and nothing is left behind."""
    folder = folder_of(run("--quiet"))
    before = sorted(tmp_path.iterdir())
    ended = pagopa_sim("report", folder, "-o", file)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"{file}: cannot be written (")
    assert sorted(tmp_path.iterdir()) == before


def test_help_does_not_load_what_draws():
    """`--help` names the command without importing matplotlib or jinja2."""
    script = "import sys; sys.argv = ['pagopa-sim', 'report', '--help']\nfrom sim.cli.main import main\ntry: main()\n"
    script += "finally: print([name for name in ('matplotlib', 'jinja2', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.splitlines()[-1] == "[]"
    assert "RUN_OR_SWEEP" in done.stdout
