"""The other commands, and what all have in common: help that comes at once, and readers who stop reading."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

CASES = Path(__file__).parents[1] / "conformance" / "cases.json"
HEAVY = {"matplotlib", "numpy", "pandas", "pyarrow", "ruamel", "scipy", "simpy"}
"""What computes. The command-line library itself may import pydantic, to check numbers."""


def test_validate_says_that_a_scenario_is_valid_and_what_is_odd_about_it(pagopa_sim, scenario):
    """Without remarks one line; a PSP with one worker for 2.4 calls a second of 1 s each gets one."""
    fine = pagopa_sim("validate", scenario)
    assert (fine.code, fine.out, fine.err) == (0, f"{scenario}: small is valid, no remarks before flight\n", "")
    slow = ("--set", "psps.psp-a.workers=1", "--set", "psps.psp-a.pspNotifyPaymentV2.time=1 s")
    odd = pagopa_sim("validate", scenario, *slow)
    assert odd.code == 0
    assert "psps.psp-a" in odd.out
    assert odd.out.splitlines()[-1].endswith("1 remark before flight")


def test_validate_refuses_what_run_refuses(pagopa_sim, tmp_path):
    """Exit code 2 and every problem with its place; no simulation and no results."""
    (tmp_path / "bad.yaml").write_text("name: bad\narrivals: {rate: 10 apples}\nfrob: 1\n")
    ended = pagopa_sim("validate", "bad.yaml")
    assert (ended.code, ended.out) == (2, "")
    assert [line.split("  ")[0] for line in ended.err.splitlines()][-1] == "bad.yaml:3:1"
    assert not (tmp_path / "results").exists()


def test_schema_prints_the_json_schema_of_scenarios(pagopa_sim):
    """One JSON document, an object schema that knows the sections."""
    ended = pagopa_sim("schema")
    assert {"arrivals", "ecs", "psps", "slos"} <= set(json.loads(ended.out)["properties"])


def test_version_prints_the_installed_version(pagopa_sim):
    """And nothing else."""
    assert pagopa_sim("version").out == f"{version('pagopa-sim')}\n"


def test_replay_as_json_prints_an_entry_for_each_case(pagopa_sim):
    """A list, also for a single case, in the order of the file."""
    wanted = [case["id"] for case in json.loads(CASES.read_text())]
    assert [entry["id"] for entry in json.loads(pagopa_sim("replay", CASES, "--as", "json").out)] == wanted
    (one,) = json.loads(pagopa_sim("replay", CASES, "--as", "json", "--case", wanted[3]).out)
    assert one["id"] == wanted[3]


def test_replay_as_mermaid_is_a_diagram_for_one_case_and_a_page_for_several(pagopa_sim, tmp_path):
    """A bare diagram goes into any Mermaid reader; several need the Markdown around them."""
    cases = [{"id": name, "steps": [{"do": "job", "at_s": 0, "name": "paSendRt"}]} for name in "ab"]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    one = pagopa_sim("replay", "cases.json", "--as", "mermaid", "--case", "a").out
    assert one.startswith("sequenceDiagram\n")
    assert pagopa_sim("replay", "cases.json", "--as", "mermaid").out.count("```mermaid\nsequenceDiagram\n") == 2


def test_replay_as_a_table_shows_each_case_under_its_name(pagopa_sim):
    """A table for each case, with its source; the table is what is printed unless told."""
    ended = pagopa_sim("replay", CASES)
    assert ended.code == 0
    for case in json.loads(CASES.read_text()):
        assert f"{case['id']}  {case['category']}" in ended.out


def test_a_replay_that_is_not_what_its_case_expects_fails(pagopa_sim, tmp_path):
    """Exit code 1, however it is printed: all is printed all the same, and each step that missed has a line.

    A notice that is activated twice is in progress the second time (R3). A job has no answer, so none that is OK.
    """
    again = {"at_s": 1, "do": "activate", "notice": "N1", "ec": "EC1"}
    right = {"outcome": "KO", "fault_code": "PPT_PAGAMENTO_IN_CORSO", "http": None}
    for name, expect, job in (
        ("right", right, {}),
        ("wrong", {**right, "outcome": "OK"}, {}),
        ("both", {"fault_code": None}, {"outcome": "OK"}),
    ):
        steps = [
            {"at_s": 0, "do": "activate", "notice": "N1", "token": "T1", "ec": "EC1"},
            {**again, "expect": expect},
            {"at_s": 2, "do": "job", "name": "paSendRt", "expect": job},
        ]
        (tmp_path / f"{name}.json").write_text(json.dumps({"id": name, "steps": steps}))
    ended = pagopa_sim("replay", "right.json")
    assert (ended.code, ended.err) == (0, "")
    for way in ("json", "mermaid", "table"):
        ended = pagopa_sim("replay", "wrong.json", "--as", way)
        assert (ended.code, ended.err) == (1, "wrong  step 1, activate: outcome is KO, not OK\n")
        assert "PPT_PAGAMENTO_IN_CORSO" in ended.out
    assert pagopa_sim("replay", "both.json").err.splitlines() == [
        "both  step 1, activate: fault_code is PPT_PAGAMENTO_IN_CORSO, not null",
        "both  step 2, job: gets no answer",
    ]


def test_replay_refuses_a_bad_file_and_remarks_on_an_odd_one(pagopa_sim, tmp_path):
    """Exit code 2 for what is wrong; what is only unknown is said on standard error, and replayed."""
    (tmp_path / "bad.json").write_text('{"id": "a", "steps": [{"do": "jump", "at_s": 0}]}')
    (tmp_path / "odd.json").write_text('{"id": "a", "author": "somebody", "steps": []}')
    bad, odd = pagopa_sim("replay", "bad.json"), pagopa_sim("replay", "odd.json", "--as", "json")
    assert (bad.code, bad.out) == (2, "")
    assert bad.err.startswith("bad.json:1:23  steps.0  ")
    assert (odd.code, json.loads(odd.out)) == (0, [{"id": "a", "steps": []}])
    assert odd.err == "odd.json:1:23  author  is not known, and does nothing\n"


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["replay", "--help"], []])
def test_help_waits_for_no_heavy_import(words):
    """Help of the program and of its commands answers at once since nothing that computes is imported for it."""
    script = (
        "import sys\nfrom sim.cli.main import main\n"
        f"sys.argv = ['pagopa-sim', *{words!r}]\n"
        "try:\n    main()\nfinally:\n    print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    *shown, modules = done.stdout.splitlines()
    assert any("Usage: pagopa-sim" in line for line in shown)
    assert HEAVY.isdisjoint(eval(modules))  # noqa: S307 - the list that the script above prints


def test_help_names_every_exit_code(pagopa_sim):
    """Who calls the program from another one finds them in `run --help`."""
    shown = " ".join(pagopa_sim("run", "--help").out.split())
    for said in ("0 every SLO passes", "1 one fails", "2 bad input", "3 undecided", "130 interrupted"):
        assert said in shown


@pytest.mark.parametrize(
    "words",
    [["replay", str(CASES)], ["replay", str(CASES), "--as", "json"], ["schema"], ["run", "small.yaml", "--jobs", "1"]],
)
def test_a_reader_who_stops_reading_is_no_error(words, scenario):
    """As `| head -1`: the pipe is closed before the first line is written, and nothing is said about it."""
    program = [sys.executable, "-c", "from sim.cli.main import main; main()", *words]
    with subprocess.Popen(  # noqa: S603 - this interpreter and this program
        program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=scenario.parent
    ) as process:
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(), "Traceback" in said, "Error" in said) == (0, False, False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [["schema"], ["run", "small.yaml", "--jobs", "1", "--quiet"], ["--help"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_without_room_is_said_in_one_line(words, unbuffered, scenario):
    """As on a full disk: exit code 2 and not 1, which would be a verdict."""
    program = [sys.executable, "-c", "from sim.cli.main import main; main()", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(  # noqa: S603 - this interpreter and this program
            program, stdout=full, stderr=subprocess.PIPE, text=True, cwd=scenario.parent, check=False,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )  # fmt: skip
    said = "nothing more can be written (No space left on device); make room, or write elsewhere\n"
    assert (done.returncode, done.stderr) == (2, said)


@pytest.mark.parametrize(
    "words",
    [
        ["run", "small.yaml"],
        ["sweep", "small.yaml", "--vary", "psps.psp-a.workers=1,2"],
        ["compare", "small.yaml", "--with", "psps.psp-a.workers=1"],
        ["capacity", "small.yaml", "--vary", "psps.psp-a.workers", "--range", "1..2"],
    ],
)
def test_a_folder_that_is_no_text_is_refused_before_it_is_made(pagopa_sim, scenario, words):
    """A byte that is no UTF-8, as Python hands it over: one line that says which, and no empty folder."""
    ended = pagopa_sim(*words, "--jobs", 1, "--out", "out\udcff")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[-1] == (
        r"out\udcff: cannot be written (its name is no text in UTF-8); give another folder with --out"
    )
    assert [file.name for file in scenario.parent.iterdir()] == ["small.yaml"]


def test_a_scenario_whose_name_is_no_text_is_run_and_read_again(pagopa_sim, scenario):
    """With a byte that is no UTF-8, as an archive may have it: the manifest names it as the system does."""
    file = scenario.rename(scenario.parent / "b\udcff.yaml")
    assert pagopa_sim("validate", file.name).out.startswith(r"b\udcff.yaml: small is valid")
    ended = pagopa_sim("run", file.name, "--jobs", 1, "--quiet", "--format", "json")
    assert ended.code == 0
    folder = scenario.parent / json.loads(ended.out)["results"]
    assert json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["file"] == file.name


@pytest.mark.parametrize("command", ["run", "sweep"])
@pytest.mark.parametrize("count", ["9" * 5000, "100001", "\u0663", "1.5"])
def test_a_number_of_replications_that_is_none_is_refused(pagopa_sim, scenario, command, count):
    """However long it is, and in digits that a scenario would not take either."""
    varied = ["--vary", "psps.psp-a.workers=1,2"] if command == "sweep" else []
    ended = pagopa_sim(command, scenario, *varied, "--replications", count)
    assert (ended.code, ended.out) == (2, "")
    assert "is neither a number from 1 to 100000 nor auto" in " ".join(ended.err.replace("\u2502", " ").split())
    assert len(ended.err) < 1500


def test_an_answer_is_printed_although_its_picture_cannot_be_written(pagopa_sim, scenario):
    """A folder has the name of the picture: exit code 2 for it, but the minutes of the search are not lost."""
    (scenario.parent / "curve.svg").mkdir()
    asked = ("--vary", "psps.psp-a.workers", "--range", "1..2", "--slo", "paid_share > 1%", "--no-margin", "--jobs", 1)
    ended = pagopa_sim("capacity", scenario, *asked, "--format", "json", "--quiet", "--picture", "curve.svg")
    assert ended.code == 2
    assert json.loads(ended.out)["path"] == "psps.psp-a.workers"
    assert ended.err == "curve.svg: cannot be written (Is a directory); give another file\n"
