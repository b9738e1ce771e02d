"""The measurements of the experiment layer. Nothing here asserts how fast it is: machines of tests are shared."""

import json

import pytest

from benchmarks import experiments
from benchmarks.bench import Spread
from benchmarks.experiments import Command, Swept, figures


def swept(**changes):
    """Return a sweep in round numbers: 3 points of 5 replications of 2 s, of whose 31.5 s 0.5 s went into figures."""
    plain = {
        "points": 3, "replications": 15, "wall_s": 40.0, "cpu_s": 31.5, "replicating_s": 30.0, "reading_s": 0.5,
    }  # fmt: skip
    return Swept(**{**plain, **changes})


def test_figures_of_a_sweep_are_what_is_said_of_them():
    """31.5 s for 30 s of replications are 5% more; 3 points in 31.5 s are 342.9 in an hour; 40 s are twice 20 s."""
    commands, runs = {"listed": Command(1.5, 1.0)}, {"simpy": [Command(9.0, 1.0)] * 2}
    found = figures([(swept(), swept(wall_s=20.0, cpu_s=1.0, replicating_s=0.0))], commands, runs)
    assert {name: each.median for name, each in found.items()} == pytest.approx({
        "replication": 2.0, "overhead": 0.05, "reading": 1 / 60, "speed-up": 2.0, "points": 342.857142857,
        "listed": 1.5, "listed_cpu": 1.0, "run_simpy": 9.0,
    })  # fmt: skip


def test_figures_of_several_pairs_are_medians_with_least_and_greatest():
    """The speed-up is that of each pair: 40, 30 and 20 s against 20 s."""
    found = figures([(swept(wall_s=wall_s), swept(wall_s=20.0)) for wall_s in (40.0, 30.0, 20.0)], {}, {})
    assert found["speed-up"] == Spread(1.5, 1.0, 2.0)


def test_pairs_alternate_so_that_drift_hits_both(monkeypatch):
    """After a short sweep that loads what has to be loaded, each number of jobs comes first in turn."""
    made = []
    monkeypatch.setattr(experiments, "swept", lambda jobs, sets=(): made.append((jobs, sets)) or jobs)
    assert experiments.pairs(3, ("seed",)) == [(1, 2)] * 3
    assert made[0] == (1, experiments.SHORT)
    assert [jobs for jobs, _ in made[1:]] == [1, 2, 2, 1, 1, 2]
    assert {sets for _, sets in made[1:]} == {("seed",)}


def test_runs_take_turns_and_the_machine_is_compiled_before(monkeypatch):
    """A short run by the compiled engine comes first and is not counted: 9 s; then each engine's are its own."""
    wall_s = iter([9.0, 4.0, 1.0, 5.0, 2.0])
    typed = []
    monkeypatch.setattr(experiments, "command", lambda words: typed.append(words) or Command(next(wall_s), 0.5))
    found = experiments.ran(2)
    assert {engine: [took.wall_s for took in each] for engine, each in found.items()} == {
        "simpy": [4.0, 5.0], "compiled": [1.0, 2.0],
    }  # fmt: skip
    assert ["run.engine=compiled" in words for words in typed] == [True, False, True, False, True]
    assert ["run.window=20 s" in words for words in typed] == [True, False, False, False, False]


def test_the_quick_measurement_makes_sweeps_and_prints_every_figure(capsys):
    """Replications take a part of the sweep's processor time, as does reading them; finished points come in no time.

    A pair of sweeps, so that a figure is one number. That points are found finished, and not made, shows in their cost:
    400 replications of half a minute would take longer by far than the 30 s of the processor allowed here.
    """
    experiments.main(["--quick", "--json"])
    found = json.loads(capsys.readouterr().out)["figures"]
    figure = {name: each["median"] for name, each in found.items()}
    assert 0 < figure["reading"] < figure["overhead"]
    assert figure["points"] == pytest.approx(3600 / (5 * figure["replication"] * (1 + figure["overhead"])))
    assert figure["speed-up"] > 0
    assert 0 < figure["listed_cpu"] < 30
    assert 0 < figure["resumed_cpu"] < 30
    assert figure["run_simpy"] > 0
    assert figure["run_compiled"] > 0


def test_the_table_has_every_goal():
    """Less than 5% overhead, 1.7 times with two jobs, less than 2 s: as the project asks for."""
    commands = {name: Command(1.0, 0.5) for name in ("resumed", "listed")}
    runs = {"simpy": [Command(30.0, 1.0)], "compiled": [Command(6.0, 1.0)]}
    table = experiments.table(figures([(swept(), swept(wall_s=20.0))], commands, runs), 1, 10_000)
    cells = dict(zip(table.columns[0].cells, zip(*(table.columns[k].cells for k in (1, 2)), strict=True), strict=True))
    assert cells["overhead of a sweep, % of its replications"] == ("5", "< 5")
    assert cells["two jobs, times one job"] == ("2", ">= 1.7")
    assert cells["10,000 finished points resumed, s"] == ("1", "< 2")
    assert cells["10,000 finished points listed, s"] == ("1", "< 2")
    assert cells["a run of the baseline, engine simpy, s"] == ("30", "")
    assert cells["a run of the baseline, engine compiled, s"] == ("6", "")


def test_nothing_to_measure_is_a_usage_error(capsys):
    """Exit code 2, and a message instead of a division by zero."""
    with pytest.raises(SystemExit) as stopped:
        experiments.main(["--pairs", "0"])
    assert stopped.value.code == 2
    assert "at least one pair" in capsys.readouterr().err
