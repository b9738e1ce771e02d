"""Comparisons under common random numbers: differences that are known, and what pairing gains."""

import json
import sys

import pytest
from typer.testing import CliRunner

from sim.analysis.sequential import Reason, Rule
from sim.cli import experiments, studies  # noqa: F401 - they add their commands
from sim.cli.commands import app
from sim.experiment.compare import compare
from sim.experiment.executors import Alone, crew
from sim.experiment.replications import Laboratory, StudyError
from sim.experiment.run import run
from sim.scenario.load import load
from sim.shelf import shelf

WORLD = """
name: world
run: {warm_up: 0 s, window: 200 s, replications: 4, seed: 5}
arrivals: {rate: 2/s}
citizen: {think_time: 5 s}
checkout: {authorisation: {time: 5 s}}
ecs: [{name: ec, share: 100%, workers: 4, paGetPayment: {time: {exponential: {mean: 1 s}}}}]
psps: [{name: psp, share: 100%, outcome_delay: {lognormal: {p50: 400 ms, p98: 2 s}}}]
slos: ["tnspo_strict >= 90%"]
"""


@pytest.fixture
def world(tmp_path):
    """Write the world as a file."""
    file = tmp_path / "world.yaml"
    file.write_text(WORLD)
    return file


def of(found, metric):
    """Return the difference in a metric."""
    return next(each for each in found.differences if each.metric == metric)


def test_a_delay_that_is_shifted_differs_by_the_shift_and_by_nothing_else(world):
    """Every outcome comes half a second later: so does their mean, exactly, and nobody else's draws move."""
    later = load(world, ["psps.psp.outcome_delay={shift: 500 ms, lognormal: {p50: 400 ms, p98: 2 s}}"])
    found = compare({"as it is": load(world), "later": later}, Laboratory(Alone()))
    delay = of(found, "outcome_delay")
    assert delay.estimate.mean == pytest.approx(0.5, abs=0.02)
    assert delay.sign == 1
    assert of(found, "tnspo_strict").sign == -1
    assert of(found, "cart_count").estimate.mean == of(found, "authorised_count").estimate.mean == 0.0


def test_a_scenario_does_not_differ_from_itself(world):
    """All differences are zero, and none is called one."""
    found = compare({"one": load(world), "two": load(world, ["title=other"])}, Laboratory(Alone()), replications=3)
    assert {each.estimate.mean for each in found.differences if each.estimate.n} == {0.0}
    assert not any(each.sign for each in found.differences)


def test_pairing_gains_replications(world):
    """The same customers at a queue with one worker more: waits rise and fall together, so that fewer are needed."""
    found = compare({"4": load(world), "5": load(world, ["ecs.ec.workers=5"])}, Laboratory(Alone()), replications=8)
    assert of(found, "user_wait").sign == -1
    assert of(found, "user_wait").variance_reduction > 1


def test_worlds_with_different_seeds_are_refused(world):
    """They would not be paired; nor would a world alone."""
    with pytest.raises(StudyError, match="two has the seed 6 and not 5"):
        compare({"one": load(world), "two": load(world, ["run.seed=6"])}, Laboratory(Alone()))
    with pytest.raises(StudyError, match="name two or more"):
        compare({"one": load(world)}, Laboratory(Alone()))


def test_the_command_compares_files_or_a_file_with_a_change(world, tmp_path):
    """JSON has all differences; bad usage is told what to write, exit code 2."""
    out = ["--out", str(tmp_path / "out"), "--jobs", "1", "--quiet"]
    changed = ["--with", "psps.psp.outcome_delay=1 s"]
    done = CliRunner().invoke(app, ["compare", str(world), *changed, *out, "--replications", "2", "--format", "json"])
    assert done.exit_code == 0, done.output
    assert {each["other"] for each in json.loads(done.stdout)["differences"]} == {"psps.psp.outcome_delay=1 s"}
    alone = CliRunner().invoke(app, ["compare", str(world), *out])
    assert (alone.exit_code, "name two files" in alone.output) == (2, True)
    parted = CliRunner().invoke(app, ["compare", str(world), *changed, *out, "--payment", "3.0"])
    assert (parted.exit_code, "payment 3.0 is the same for" in parted.output) == (0, True)
    assert CliRunner().invoke(app, ["compare", str(world), *changed, *out, "--payment", "x"]).exit_code == 2
    assert CliRunner().invoke(app, ["compare", str(world), *changed, *out, "--payment", "99999.0"]).exit_code == 2


RULE = Rule(precision=0.5, maximum=25)
EASY = 'slos=["paid_share >= 50%"]'
OFTEN, SELDOM = [EASY, "arrivals.rate=10/s", "ecs.ec.workers=20"], [EASY]
"""Two thousand carts and four hundred, with workers enough for either: figures of the former are known sooner."""


def added(world, laboratory):
    """Compare both until a rule stops."""
    return compare({"often": load(world, OFTEN), "seldom": load(world, SELDOM)}, laboratory, replications=RULE)


def test_replications_are_added_until_the_rule_stops_at_every_scenario(world):
    """As many of each, since they are paired: as many as a run of the one that takes longer would add, or more.

    What is shown of the other is what a run of that many replications shows.
    """
    found = added(world, Laboratory(Alone()))
    sooner, later = (run(load(world, sets), replications=RULE).summary.replications for sets in (OFTEN, SELDOM))
    (count,) = {summary.replications for summary in found.summaries.values()}
    assert sooner < later <= count < RULE.maximum
    assert found.stopped.replications == count
    assert found.stopped.reason is Reason.SETTLED
    assert of(found, "cart_count").estimate.n == count
    fixed = run(load(world, OFTEN), replications=count).summary
    assert found.summaries["often"].metrics == fixed.metrics
    assert found.summaries["often"].slo_confidence == RULE.verdict_confidence(count)
    said = found.to_json()
    assert (said["replications"], said["stopping"]["reason"]) == (count, "settled")


def test_a_comparison_that_adds_replications_is_the_same_for_any_jobs_and_uses_what_is_finished(world, tmp_path):
    """With two jobs as with one; the second time nothing is computed, although nobody said how many there would be."""
    with shelf(tmp_path) as kept:
        first = Laboratory(Alone(), kept)
        found = added(world, first)
        again = Laboratory(Alone(), kept)
        assert added(world, again).to_json() == found.to_json()
    assert (first.computed, again.computed) == (2 * found.stopped.replications, 0)
    with crew(2) as workers:
        assert added(world, Laboratory(workers)).to_json() == found.to_json()


def test_a_comparison_that_was_interrupted_while_it_added_replications_goes_on(world, tmp_path):
    """After each of a few moments: what was finished is not computed again, and the figures are the same."""

    class Pressed(Alone):
        def carry_out(self, work, tasks, report):
            for number, each in enumerate(super().carry_out(work, tasks, report)):
                if number == 7:
                    raise KeyboardInterrupt
                yield each

    undisturbed = added(world, Laboratory(Alone()))
    with shelf(tmp_path) as kept:
        with pytest.raises(KeyboardInterrupt):
            added(world, Laboratory(Pressed(), kept))
        rest = Laboratory(Alone(), kept)
        assert added(world, rest).to_json() == undisturbed.to_json()
    assert rest.computed == 2 * undisturbed.stopped.replications - 7


def test_the_command_says_how_many_replications_were_added(world, tmp_path):
    """In a last line; one replication of each is refused, as no difference has an interval then."""
    words = ["compare", str(world), "--with", "arrivals.rate=1/s", "--out", str(tmp_path), "--quiet", "--jobs", "1"]
    auto = ["--replications", "auto", "--precision", "90%", "--max", "5"]
    done = CliRunner().invoke(app, [*words, *auto])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].startswith("5 replications of each: ")
    assert "replications of each" not in CliRunner().invoke(app, [*words, "--replications", "5"]).stdout
    for one in (["--replications", "1"], ["--set", "run.replications=1"]):
        done = CliRunner().invoke(app, [*words, *one])
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith("one replication of each says nothing of a difference; ask for more with")


@pytest.mark.parametrize("command", [["compare", "--with", "arrivals.rate=1/s"], ["sensitivity"]])
def test_studies_take_a_cluster_as_sweeps_do(world, tmp_path, monkeypatch, command):
    """One that cannot be used is bad input, one line with what to do; --jobs means nothing on it."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    world.write_text(WORLD.replace("think_time: 5 s", "abandon: {value: 1%, assumed: x, range: [0%, 2%]}"))
    words = [*command, str(world), "--executor", "dask", "--scheduler", "tcp://127.0.0.1:8786", "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stderr) == (2, "Dask is not installed; pip install 'pagopa-sim[dask]'\n")
    assert CliRunner().invoke(app, [*words, "--jobs", "2"]).exit_code == 2


def test_a_payment_is_followed_in_every_other_world(world, tmp_path):
    """It fares alike in a file of another name, and parts where outcomes come later. As JSON too.

    The first cart that pays is looked for in the words themselves: one of the first four does.
    """
    same, later = tmp_path / "same.yaml", tmp_path / "later.yaml"
    same.write_text(WORLD)
    later.write_text(WORLD.replace("p50: 400 ms", "p50: 500 ms"))
    words = ["compare", str(world), str(same), str(later), "--payment"]
    for cart in range(4):
        done = CliRunner().invoke(app, [*words, f"{cart}.0"])
        if "parts after" in done.stdout:
            break
    lines = done.stdout.splitlines()
    assert (done.exit_code, lines[0]) == (0, f"payment {cart}.0 fares alike in world and same")
    assert [line.split(":")[0].strip() for line in lines if line.startswith("  ")] == ["world", "later"]
    found = json.loads(CliRunner().invoke(app, [*words, f"{cart}.0", "--format", "json"]).stdout)
    assert (list(found), found["same"], found["later"]["same"] > 0) == (["same", "later"], None, True)


def test_what_looks_wrong_before_flight_is_said_with_where_it_is_and_in_which_world(world, tmp_path):
    """2 carts/s, 1 s each, are more than one worker can do; more than 4 carts/s more than four, in both worlds."""
    words = ["compare", str(world), "--with", "ecs.ec.workers=1", "--out", str(tmp_path), "--quiet", "--jobs", "1"]
    short = ["--set", "run.window=5 s", "--replications", "2"]
    (said,) = severe(CliRunner().invoke(app, [*words, *short]).stderr)
    assert said.startswith("pre-flight: ecs.ec.workers=1: --set ecs.ec.workers=1  ecs.ec.workers  is 1, and 2 carts/s")
    alone = CliRunner().invoke(app, ["sensitivity", str(world), "--set", "ecs.ec.workers=1", *words[4:6]])
    assert severe(alone.stderr) == [said.replace("pre-flight: ecs.ec.workers=1: ", "pre-flight: ")]
    words[3] = "title=other"
    (said,) = severe(CliRunner().invoke(app, [*words, *short, "--set", "arrivals.rate=40/s"]).stderr)
    assert said.startswith(f"pre-flight: {world}:7:40  ecs.ec.workers  is 4, and 40 carts/s keep")


def severe(said):
    """Return the lines about workers that cannot do what is asked of them."""
    return [line for line in said.splitlines() if "carts/s keep" in line]


def test_a_fault_of_the_program_is_not_taken_for_bad_input(world, tmp_path, monkeypatch):
    """An error of ours goes on, to end with its trace and exit code 4; what has no answer is one line and 2."""

    def broken(*_):
        raise ValueError("operands could not be broadcast together")

    monkeypatch.setattr("sim.experiment.compare.differences", broken)
    words = [
        "compare",
        str(world),
        "--out",
        str(tmp_path),
        "--quiet",
        "--jobs",
        "1",
        "--set",
        "run.window=5 s",
        "--with",
    ]
    done = CliRunner().invoke(app, [*words, "title=other"])
    assert (type(done.exception), done.stderr) == (ValueError, "")
    done = CliRunner().invoke(app, [*words, "run.seed=6"])
    assert done.exit_code == 2
    assert done.stderr == "run.seed=6 has the seed 6 and not 5; give one with --seed\n"
    done = CliRunner().invoke(app, [*words, "title=other", "--payment", "x"])
    assert (done.exit_code, done.stderr) == (2, "'x' is no payment; write for example 17.0\n")
