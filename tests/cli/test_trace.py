"""`pagopa-sim trace` and `run --explain`: what is printed where, and what is refused with what to write instead."""

import csv
import json
import subprocess
import sys
from datetime import datetime

import pyarrow.parquet as pq
import pytest


@pytest.fixture
def recorded(run, tmp_path):
    """Run the small scenario with calls and states, and return its folder."""
    run("--quiet", "--record", "calls,states", "--set", "citizen.think_time=10 s")
    (folder,) = tmp_path.glob("results/small/*")
    return folder


@pytest.fixture
def trace(pagopa_sim, recorded):
    """Return a function that traces the recorded run."""
    return lambda *words: pagopa_sim("trace", recorded, *words)


@pytest.fixture
def explained(run):
    """Return a function that runs and explains the small scenario with a PSP whose outcomes take half a minute."""
    return lambda *words: run("--quiet", "--explain", "--set", "psps.psp-b.outcome_delay=30 s", *words)


def test_a_payment_is_told_on_standard_output_and_nothing_else_is_said(trace):
    """Named by cart, try and notice, of the first replication unless it says which."""
    ended = trace("--payment", "3.0.0")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == "payment 0:3.0.0 of small, seed 3"
    assert trace("--payment", "1:3.0.0").out.splitlines()[0] == "payment 1:3.0.0 of small, seed 3"
    assert trace("--payment", "3.0.0", "--replication", "1").out == trace("--payment", "1:3.0.0").out


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("slowest", "ended NOTIFIED; the money is receipted; the citizen knows: paid"),
        ("expired", "ended CANCELLED (abandoned); no money was taken; the citizen knows: not paid"),
        ("reversed", "ended CANCELLED (psp_refused); the money was given back (psp_refused)"),
    ],
)
def test_a_payment_is_picked_by_what_the_records_say_of_it(trace, what, said):
    """Of psp-a every fifth notification is refused, and every fifth citizen leaves; the slowest is paid."""
    ended = trace("--pick", what)
    assert ended.code == 0
    assert ended.out.splitlines()[2].strip().startswith(said)


def test_where_there_is_nothing_to_pick_that_is_said(trace):
    """No PSP of the small scenario sends a discordant outcome: exit code 2, and what to change."""
    ended = trace("--pick", "discordant")
    assert (ended.code, ended.out) == (2, "")
    assert "no outcome was discordant; a PSP sends such ones with psps.NAME.outcome_ko" in ended.err


def test_mermaid_is_a_bare_diagram(trace):
    """It goes into any reader of Mermaid as it is."""
    ended = trace("--pick", "slowest", "--as", "mermaid")
    assert ended.code == 0
    assert ended.out.startswith("sequenceDiagram\n    participant p0 as Citizen\n")


def test_perfetto_is_one_json_document_of_the_payments_own_time(trace):
    """From a second before the request to a second after the end, or three minutes of it, which is said then."""
    short, long = trace("--pick", "slowest", "--as", "perfetto"), trace("--pick", "expired", "--as", "perfetto")
    assert (short.code, short.err) == (0, "")
    told = trace("--pick", "expired").out.splitlines()
    last = max(line.split()[0] for line in told if line.startswith("0:"))
    goes_on = f"payment {told[0].split()[1]} goes on until {last}"
    assert long.err.endswith(f"; {goes_on}: --window shows any part of it\n")
    (mark,) = (each for each in json.loads(long.out)["traceEvents"] if each["name"] == goes_on)
    assert mark["ts"] == pytest.approx(1e6 * json.loads(long.out)["otherData"]["window_s"][1], abs=1)
    assert "goes on until" not in short.out
    about, cut = (json.loads(each.out)["otherData"] for each in (short, long))
    assert {**about, "window_s": None} == {"scenario": "small", "seed": 3, "replication": 0, "window_s": None}
    assert about["window_s"][1] - about["window_s"][0] < 180
    assert cut["window_s"][1] - cut["window_s"][0] == pytest.approx(180)
    told = trace("--pick", "slowest").out.splitlines()
    first, *_ = (line.split() for line in told if "+0.000 s" in line)
    minutes, seconds = first[0].split(":")[1:]
    assert about["window_s"][0] == pytest.approx(60 * int(minutes) + float(seconds) - 1, abs=1e-3)


def test_perfetto_shows_a_window_if_asked_for(trace):
    """With a window no payment is needed, and nothing outside of it is shown."""
    ended = trace("--as", "perfetto", "--window", "5 s..10 s")
    slices = [event for event in json.loads(ended.out)["traceEvents"] if event["ph"] == "X" and event["cat"] == "call"]
    assert all(each["ts"] < 10e6 and each["ts"] + each["dur"] >= 5e6 for each in slices)
    assert len(slices) > 20


def test_csv_is_the_log_of_one_payment_of_a_window_or_of_all(trace):
    """Under one header; a window's rows lie in it, and one replication is logged, the first unless told."""
    logs = [
        list(csv.DictReader(trace("--as", "csv", *words).out.splitlines()))
        for words in (("--payment", "3.0.0"), ("--window", "5 s..10 s"), (), ("--replication", "1"))
    ]
    of_one, of_window, of_all, of_other = logs
    assert {row["iuv"] for row in of_one} == {"00000000000000300"}
    assert 0 < len(of_one) < len(of_window) < len(of_all)
    moments = [datetime.fromisoformat(row["dataOraEvento"]) for row in of_window]
    assert {(each.minute, each.second // 5) for each in moments} == {(0, 1)}
    assert {row["iuv"][:5] for row in of_other} == {"00001"}


def test_a_log_of_nothing_says_when_the_payment_lived(trace):
    """The header alone is a log, and a line on standard error tells where to look: between its first and last rows."""
    told = [line.split()[0] for line in trace("--payment", "3.0.0").out.splitlines() if line.startswith("0:")]
    ended = trace("--payment", "3.0.0", "--as", "csv", "--window", "10h..11h")
    assert (ended.code, ended.out.count("\n")) == (0, 1)
    assert ended.err == f"nothing is logged there; payment 0:3.0.0 lived from {told[0]} to {told[-1]}\n"
    assert trace("--as", "csv", "--window", "10h..11h").err == "nothing is logged there\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "text tells of one payment"),
        (("--as", "mermaid"), "mermaid tells of one payment"),
        (("--as", "perfetto"), "say which: --window, --payment or --pick"),
        (("--payment", "3.0.0", "--pick", "slowest"), "name a payment or pick one, not both"),
        (("--payment", "third"), "write cart.try.notice"),
        (("--payment", "99999.0.0"), "has no payment 0:99999.0.0"),
        (("--payment", "3.5.0"), "of cart 3 there is 0:3.0.0"),
        (("--payment", "9:3.0.0"), "has no replication 9, but 0 to 1"),
        (("--as", "csv", "--replication", "7"), "the run has no replication 7"),
        (("--pick", "slowest", "--replication", "7"), "the run has no replication 7"),
        (("--pick", "fastest"), "--pick"),
        (("--as", "xml"), "--as"),
        (("--pick", "slowest", "--window", "5 s..10 s"), "goes with --as perfetto and --as csv"),
        (("--as", "csv", "--window", "10 s..5 s"), "is empty; write the earlier moment first"),
        (("--as", "csv", "--window", "5 s"), "is not a window; write for example 10m..11m"),
        (("--as", "csv", "--window", "5..10"), "has no unit of time"),
    ],
)
def test_bad_options_are_refused_in_a_few_words(trace, words, said):
    """Exit code 2, what is wrong and what to write on standard error, nothing on standard output, no traceback."""
    ended = trace(*words)
    assert (ended.code, ended.out) == (2, "")
    assert said in " ".join(ended.err.replace("│", " ").split())
    assert "Traceback" not in ended.err


def test_a_run_without_records_of_calls_is_refused_with_the_command_that_makes_them(run, pagopa_sim, tmp_path):
    """The command can be copied: it names the file, and what to record."""
    run("--quiet", "--seed", 5)
    (folder,) = tmp_path.glob("results/small/*")
    ended = pagopa_sim("trace", folder, "--pick", "slowest")
    assert (ended.code, ended.out) == (2, "")
    command = ended.err.split("run it again as ")[1].split()
    assert command[:2] == ["pagopa-sim", "run"]
    assert pagopa_sim(*command[1:], "--quiet", "--jobs", "1").code == 0
    (again,) = (each for each in tmp_path.glob("results/small/*") if each != folder)
    assert pagopa_sim("trace", again, "--pick", "slowest").code == 0


@pytest.mark.parametrize("words", [("--as", "csv"), ("--pick", "slowest")])
def test_a_run_of_another_version_is_refused_in_a_line_and_nothing_is_printed(trace, recorded, words):
    """Its calls do not say when they were asked for; the command in the answer makes such a run anew."""
    pq.write_table(pq.read_table(recorded / "calls.parquet").drop_columns(["asked_s"]), recorded / "calls.parquet")
    ended = trace(*words)
    assert (ended.code, ended.out) == (2, "")
    assert "calls.parquet: has no asked_s, since another version recorded it; run it again as pagopa-sim" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.usefixtures("scenario")
@pytest.mark.parametrize("name", ["missing", ".", "small.yaml"])
def test_what_is_no_run_is_refused(pagopa_sim, name):
    """A folder that is not there, one that is no run, and a file: exit code 2, and what to give."""
    ended = pagopa_sim("trace", name, "--pick", "slowest")
    assert (ended.code, ended.out) == (2, "")
    assert "give the folder of a run" in ended.err


@pytest.mark.parametrize("words", [("--as", "csv"), ("--pick", "slowest"), ("--as", "perfetto", "--window", "0m..1m")])
def test_a_reader_who_stops_reading_is_no_error(recorded, words):
    """As `| head -1`: the pipe is closed before the first line is written, and nothing is said about it."""
    program = [sys.executable, "-c", "from sim.cli.main import main; main()", "trace", str(recorded), *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(), "Traceback" in said, "Error" in said) == (0, False, False)


def test_trace_imports_nothing_that_simulates(recorded):
    """Neither the kernel's SimPy nor SciPy, pandas or matplotlib: the answer is there at once."""
    words = ["trace", str(recorded), "--pick", "slowest"]
    script = (
        "import sys\nfrom sim.cli.main import main\n"
        f"sys.argv = ['pagopa-sim', *{words!r}]\n"
        "try:\n    main()\nfinally:\n    print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)  # noqa: S603
    modules = set(eval(done.stdout.splitlines()[-1]))  # noqa: S307 - the list that the script above prints
    assert {"simpy", "scipy", "pandas", "matplotlib", "ruamel"}.isdisjoint(modules)


def test_explain_says_where_the_slowest_spend_their_time(explained, tmp_path):
    """psp-b owes every outcome for half a minute: the slowest 1% wait for it, and calls are recorded."""
    lines = [line.strip() for line in explained().out.splitlines()]
    title = lines.index("Where the slowest 1% spend their time")
    first, which = lines[title + 2].split("  ")[0], lines[title + 2].split()[-1]
    assert (first, which.count(".")) == ("psp-b: waiting for the PSP's outcome", 2)
    (folder,) = tmp_path.glob("results/small/*")
    assert (folder / "calls.parquet").is_file()
    assert lines[-1] == f"results: {folder.relative_to(tmp_path)}"
    look = next(line for line in lines if line.startswith("look at one"))
    assert look.startswith("look at one, once run with --record calls,states: pagopa-sim trace results/small/")


def test_a_payment_that_explain_names_can_be_traced(explained, pagopa_sim, tmp_path):
    """Where states are recorded too, the command that it prints tells that payment's story."""
    out = explained("--record", "states").out
    (folder,) = tmp_path.glob("results/small/*")
    line = next(line for line in out.splitlines() if line.startswith("psp-b: waiting for the PSP's outcome"))
    look = (
        f"look at one: pagopa-sim trace {folder.relative_to(tmp_path)} --payment ID, or --pick slowest, which was paid"
    )
    assert look in " ".join(out.split())
    told = pagopa_sim("trace", folder, "--payment", line.split()[-1]).out
    assert told.splitlines()[0] == f"payment {line.split()[-1]} of small, seed 3"
    assert "by psp-b" in told.splitlines()[1]


def test_explain_as_json_is_part_of_the_document(run, explained):
    """Under `slowest`, the same numbers; without the option the key is not there."""
    said = json.loads(explained("--format", "json").out)["slowest"]
    assert (said["share"], said["slowest"]) == (0.01, -(-said["payments"] // 100))
    first = said["places"][0]
    assert (first["component"], first["actor"], first["mostly"]) == ("outcome", "psp-b", 1.0)
    assert first["slowest_s"] == pytest.approx(30, abs=1)
    assert "slowest" not in json.loads(run("--quiet", "--format", "json").out)
