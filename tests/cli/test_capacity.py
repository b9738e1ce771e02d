"""`pagopa-sim capacity`: the answer as people and pipelines read it, exit codes, and what is refused."""

import json
import re

import pytest
from experiment.tiny import TINY

DELAY = ("--vary", "psps.psp-b.outcome_delay.mean", "--range", "log:100 ms..10 s", "--tolerance", "1")
IN_TIME = ("--slo", "tnspo_strict{psp=psp-b} >= 75%")
"""An exponential delay of mean m is within 2 s with probability 1 - exp(-2 s / m): 75% at 1.44 s."""


@pytest.fixture
def capacity(pagopa_sim, tmp_path):
    """Return a function that searches in the tiny scenario, in this process, with more options."""
    file = tmp_path / "tiny.yaml"
    file.write_text(TINY)
    return lambda *words, quiet=True: pagopa_sim(
        "capacity", file, "--jobs", 1, "--max", 10, *(["--quiet"] if quiet else []), *words
    )


def workers(*words):
    """Return options for a search over workers of psp-a, of which one has too few and three are plenty."""
    return ("--vary", "psps.psp-a.workers", "--range", "1..40", *words)


def test_the_answer_comes_first_then_the_curve_and_what_it_cost(capacity):
    """In the unit of the range; 2 s / ln 4 = 1.44 s is in the interval; a load has no margin unless asked for."""
    done = capacity(*DELAY, *IN_TIME, "--load")
    assert (done.code, done.err) == (0, "")
    first, *_, last = done.out.splitlines()
    found = re.fullmatch(r"psps\.psp-b\.outcome_delay\.mean: (\S+) s, (\S+) to (\S+) at 95%", first)
    answer, low, high = map(float, found.groups())
    assert low <= answer <= high
    assert low <= 1.44 <= high
    assert re.fullmatch(r"\d+ replications; .*", last)
    assert "arrivals may grow" not in done.out


def test_the_margin_is_said_where_it_was_found(capacity):
    """Everything passes at any number of workers and at any load."""
    done = capacity(*workers("--slo", "paid_share > 1%"))
    assert done.code == 0
    assert done.out.splitlines()[:2] == [
        "psps.psp-a.workers: 1 workers, an end of the range, and the answer may lie beyond it",
        "there, arrivals may grow by a factor of 8.15 at least",
    ]
    assert re.search(r"^\d+ replications, and \d+ for the margin; ", done.out, re.MULTILINE)


CODES = {
    ("--slo", "paid_share > 1%"): (0, "pass", "everywhere"),
    ("--slo", "p(99, user_wait) < 100 ms"): (1, "fail", "nowhere"),
    ("--slo", "tnspo_strict >= 89%", "--slo", "tnspo_strict <= 89%"): (3, "undecided", "undecided"),
}


@pytest.mark.parametrize("slos", CODES)
def test_the_exit_code_is_the_verdict(capacity, slos):
    """As of a run: 0 known to be enough, 1 known not to be, 3 not known; the JSON says the same."""
    done = capacity(*workers("--no-margin", *slos), "--format", "json")
    found = json.loads(done.out)
    assert (done.code, found["verdict"], found["answer"]["outcome"]) == CODES[slos]
    assert found["margin"] is None
    assert found["slos"] == [text for text in slos if text != "--slo"]


def test_a_search_that_learns_nothing_has_not_found_anything(capacity):
    """Ten replications cannot tell 82% from 80%: any value may be the answer, and a pipeline must not take it."""
    done = capacity(*workers("--no-margin", "--slo", "tnspo{psp=psp-b} >= 80%"))
    assert done.code == 3
    first = done.out.splitlines()[0]
    assert first == "psps.psp-a.workers: it may be 1 workers or any other; allow more replications with --max"


def test_json_has_the_curve_with_every_objective(capacity):
    """Values in order, each with its replications, verdict and estimates."""
    done = capacity(*DELAY, *IN_TIME, "--load", "--format", "json")
    found = json.loads(done.out)
    assert (found["path"], found["unit"], found["load"]) == ("psps.psp-b.outcome_delay.mean", "s", True)
    xs = [point["x"] for point in found["answer"]["curve"]]
    assert xs == sorted(xs)
    assert (xs[0], xs[-1]) == (0.1, 10.0)
    for point in found["answer"]["curve"]:
        (slo,) = point["slos"]
        assert slo["low"] <= slo["mean"] <= slo["high"]
        assert slo["verdict"] == point["verdict"]
    assert found["answer"]["replications"] == sum(point["replications"] for point in found["answer"]["curve"])


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal_and_cuts_no_word(capacity, monkeypatch, width):
    """With the four objectives of the scenario, the texts of which are folded."""
    monkeypatch.setenv("COLUMNS", str(width))
    done = capacity(*workers("--no-margin"))
    assert max(map(len, done.out.splitlines())) <= width
    assert "\u2026" not in done.out
    for word in ("workers", "verdict", "tpnp >= 50%"):
        assert word in done.out


def test_typed_again_it_says_the_same_without_computing_anything(capacity, monkeypatch):
    """The looks are the same ones, from the shelf."""
    first = capacity(*DELAY, *IN_TIME, "--load", quiet=False)
    assert first.err.splitlines()[0].startswith("psps.psp-b.outcome_delay.mean = 10: ")
    monkeypatch.setattr("sim.experiment.engines.carry_out", None)
    assert capacity(*DELAY, *IN_TIME, "--load", quiet=False) == first


REFUSED = {
    "--slo tppn >= 98%  slos  tppn is not a metric": workers("--slo", "tppn >= 98%"),
    "--slo tpnp{psp=z} >= 98%  slos  'z' is no psp of the scenario": workers("--slo", "tpnp{psp=z} >= 98%"),
    "--vary psps.psp-z.workers at 1  psps.psp-z  is not in the list": (
        "--vary",
        "psps.psp-z.workers",
        "--range",
        "1..9",
    ),
    "--vary citizen.abandon at 1.5": ("--vary", "citizen.abandon", "--range", "0.5..1.5"),
    "--vary run.replications  run.replications  changes nothing that is simulated": (
        "--vary",
        "run.replications",
        "--range",
        "1..9",
    ),
}


@pytest.mark.parametrize("said", REFUSED)
def test_what_cannot_be_searched_is_bad_input(capacity, tmp_path, said):
    """Exit code 2, one line with what to write; nothing is simulated, and nothing written."""
    done = capacity(*REFUSED[said], "--out", tmp_path / "out")
    assert (done.code, done.out) == (2, "")
    assert not (tmp_path / "out").exists()
    (line,) = done.err.splitlines()
    assert line.startswith(said)


@pytest.mark.parametrize("between", ["9..1", "many", "1 s..3 EUR", "1..9:3", "5..5", "5"])
def test_a_range_that_is_none_is_refused(capacity, between):
    """With the option that is wrong."""
    done = capacity("--vary", "psps.psp-a.workers", "--range", between)
    assert (done.code, done.out) == (2, "")
    assert "--range" in done.err


def test_a_tolerance_that_is_none_is_refused(capacity):
    """With the option that is wrong: workers are whole."""
    done = capacity(*workers("--tolerance", "2"))
    assert (done.code, done.out) == (2, "")
    assert "--tolerance" in done.err


def test_the_picture_of_the_answer_is_drawn_where_it_is_asked_for(capacity, tmp_path):
    """As SVG; other kinds and missing folders are refused before anything is simulated."""
    file = tmp_path / "curve.svg"
    assert capacity(*workers("--no-margin", "--slo", "paid_share > 1%"), "--picture", file).code == 0
    assert "<svg" in file.read_text(encoding="utf-8")[:1000]
    for bad, said in (("curve.gif", "is none of .svg, .png, .pdf"), ("none/curve.svg", "there is no folder")):
        done = capacity(*workers("--slo", "paid_share > 1%"), "--picture", tmp_path / bad)
        assert done.code == 2
        assert said in " ".join(done.err.replace("\u2502", " ").split())


def test_what_looks_wrong_in_the_whole_range_is_said_before_the_search(capacity):
    """20 carts/s for psp-a's half, 0.5 s each at the least, are more than two workers can do; forty are enough.

    Ends that are to fail are expected of a search, so it is said of the end that is best off: the largest capacity.
    """
    load = ("--vary", "psps.psp-a.workers", "--set", "arrivals.rate=20/s", "--no-margin", "--range")
    said = capacity(*load, "1..2").err
    assert said.startswith("pre-flight: --vary psps.psp-a.workers at 2  psps.psp-a.workers  is 2, and 20 carts/s keep")
    assert said.count("pre-flight") == 1
    assert capacity(*load, "39..40").err == ""
