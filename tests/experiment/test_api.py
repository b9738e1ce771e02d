"""`import sim`: few names, at once, documented, typed, and with errors that can be caught."""

import doctest
import inspect
import re
import subprocess
import sys
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

import sim
import sim.api
from experiment.tiny import TINY


def test_there_are_at_most_a_dozen_names_and_each_is_documented():
    """Each can be had, is listed by `dir`, and begins its documentation with a sentence."""
    assert len(sim.__all__) <= 12
    assert set(sim.__all__) <= set(dir(sim))
    for name in sim.__all__:
        assert inspect.getdoc(getattr(sim, name)).split("\n")[0].strip()


def test_a_name_that_is_not_there_is_said_with_those_that_are():
    """As a misspelling in a notebook."""
    with pytest.raises(AttributeError, match=r"it has Loaded, .*, run"):
        sim.sweeep  # noqa: B018 - asking for it is the test


def test_importing_it_costs_next_to_nothing():
    """No library outside Python's own is imported before something is used."""
    script = "import sys, sim; print([m for m in ('numpy', 'pandas', 'simpy', 'pydantic', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "[]\n"


def test_it_is_typed():
    """The marker for type checkers is part of the package, and every public function says its types."""
    assert files("sim").joinpath("py.typed").is_file()
    for function in (sim.load, sim.run):
        signature = inspect.signature(function)
        assert all(p.annotation is not p.empty for p in signature.parameters.values())
        assert signature.return_annotation is not signature.empty


@pytest.mark.parametrize("module", [sim, sim.api])
def test_the_examples_in_its_documentation_are_true(module, monkeypatch):
    """Run in the folder of the project, where the scenarios are."""
    monkeypatch.chdir(Path(__file__).parents[2])
    done = doctest.testmod(module)
    assert (done.failed, done.attempted > 0) == (0, True)


def test_bad_input_is_a_scenario_error_that_has_every_problem():
    """From a file that is not there, and from values."""
    with pytest.raises(sim.ScenarioError, match="cannot be read"):
        sim.load("nowhere.yaml")
    with pytest.raises(sim.ScenarioError) as error:
        sim.load({"name": "bad", "arrivals": {"rate": "10 apples"}, "frob": 1})
    assert len(error.value.problems) > 1


def test_results_that_cannot_be_written_are_a_store_error(tmp_path):
    """And not an error of the operating system that a notebook would have to know."""
    (tmp_path / "file").write_text("")
    values = {"name": "a", "arrivals": {"rate": "1/s"}, "ecs": [{"name": "e", "share": 1}]}
    values["psps"] = [{"name": "p", "share": 1}]
    with pytest.raises(sim.StoreError, match="give another folder"):
        sim.run(values, out=tmp_path / "file")


def test_a_loaded_scenario_is_not_changed_silently():
    """A seed for what is loaded already would be ignored, so it is refused; the scenario alone is taken as it is."""
    values = {"name": "a", "arrivals": {"rate": "1/s"}, "ecs": [{"name": "e", "share": 1}]}
    loaded = sim.load({**values, "psps": [{"name": "p", "share": 1}]}, ["run.seed=3"])
    assert sim.load(loaded) is loaded
    with pytest.raises(ValueError, match="when it is loaded"):
        sim.run(loaded, seed=4)


def test_a_sweep_file_is_run_as_the_command_runs_it(tmp_path):
    """Its points, and its number of replications unless another one is given."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    file = tmp_path / "sweep.yaml"
    file.write_text("scenario: tiny.yaml\nvary: {psps.psp-a.workers: [2, 4]}\nreplications: 3\n", encoding="utf-8")
    assert list(sim.sweep(file, out=tmp_path).points["replications"]) == [3, 3]
    assert list(sim.sweep(file, replications=2, out=tmp_path).points["replications"]) == [2, 2]


def test_a_search_over_steps_is_refused(tmp_path):
    """It chooses its values itself, so that steps would be passed over."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    with pytest.raises(ValueError, match=r"1\.\.20:5 has steps, which a search chooses; write 1\.\.20"):
        sim.capacity(tmp_path / "tiny.yaml", "psps.psp-a.workers", "1..20:5", out=tmp_path)


VALUES = {
    "name": "a",
    "run": {"warm_up": "0 s", "window": "5 s", "replications": 1},
    "arrivals": {"rate": "2/s"},
    "ecs": [{"name": "e", "share": 1}],
    "psps": [{"name": "p", "share": 1}],
}


@pytest.fixture
def unsimulated(monkeypatch):
    """Let whatever would be simulated fail."""

    def simulated(*_arguments, **_options):
        raise AssertionError("an argument should have been refused before this")

    for module in ("run", "sweep", "laboratory"):
        monkeypatch.setattr(f"sim.experiment.{module}.crew", simulated)


COUNT = 'write a whole number from 1 to 100000, or "auto"'
JOBS = "write a whole number from 1 to 100000, or None for one per core"


@pytest.mark.usefixtures("unsimulated")
@pytest.mark.parametrize(
    ("said", "given"),
    [
        *(
            (f"replications is {value!r}; {COUNT}", {"replications": value})
            for value in (0, -1, 2.5, "5", "many", True)
        ),
        (f"replications is nan; {COUNT}", {"replications": float("nan")}),
        (f"replications is 100001; {COUNT}", {"replications": 100_001}),
        (f"replications is a number of 33220 bits; {COUNT}", {"replications": 10**10_000}),
        *((f"jobs is {value!r}; {JOBS}", {"jobs": value}) for value in (0, -1, 1.5, "2", False)),
        ("maximum is '3'; write a whole number from 2 to 100000", {"replications": "auto", "maximum": "3"}),
        ("maximum is 1; write a whole number from 2 to 100000", {"replications": "auto", "maximum": 1}),
        ("precision: inf is not a quantity; write for", {"replications": "auto", "precision": float("inf")}),
        ("precision: nan is not a quantity; write for", {"replications": "auto", "precision": float("nan")}),
        ("precision: 5 s is not a share; write for example 2% or 0.02", {"replications": "auto", "precision": "5 s"}),
        ("precision: 0 would take for ever; write for example 5%", {"replications": "auto", "precision": 0}),
        ("precision: nothing is not a quantity; write for", {"replications": "auto", "precision": None}),
        ("sets is 'run.seed=3'; write a list of texts, for", {"sets": "run.seed=3"}),
        ("sets is [3]; write a list of texts, for", {"sets": [3]}),
        ("sets is {'run.seed': 3}; write a list of texts, for", {"sets": {"run.seed": 3}}),
        ("record is 'calls'; write a list of texts, for example [\"calls\"]", {"record": "calls"}),
        ("cannot record bogus: record may name calls and states", {"record": ["bogus"]}),
        ("seed is -1; write a whole number from 0 to 9223372036854775807", {"seed": -1}),
        ("seed is 1.5; write a whole number from 0 to 9223372036854775807", {"seed": 1.5}),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused_by_name(tmp_path, said, given):
    """Before anything is simulated, with what to write instead, and with nothing left in the folder."""
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        sim.run(VALUES, out=tmp_path / "out", **given)
    assert not (tmp_path / "out").exists()


SWEPT = {"psps.psp-a.workers": "2,4"}


@pytest.mark.usefixtures("unsimulated")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (partial(sim.sweep, vary=SWEPT, replications=0), f"replications is 0; {COUNT}"),
        (partial(sim.sweep, vary=SWEPT, design="cube"), "design is 'cube'; write 'grid' or 'lhs' or 'sobol'"),
        (partial(sim.sweep, vary=SWEPT, points=2.5), "points is 2.5; write a whole number from 1 to 1000000"),
        (partial(sim.sensitivity, replications=1), "replications is 1; write a whole number from 2 to 100000"),
        (partial(sim.sensitivity, replications=0), "replications is 0; write a whole number from 2 to 100000"),
        (partial(sim.sensitivity, method="guess"), "method is 'guess'; write 'morris' or 'sobol'"),
        (partial(sim.sensitivity, only="psps.*"), "only is 'psps.*'; write a list of texts"),
        (partial(sim.capacity, path="psps.psp-a.workers", between="1..9", most=1), "most is 1; write a whole number"),
        (partial(sim.capacity, path="psps.psp-a.workers", between="1..9", jobs=0), f"jobs is 0; {JOBS}"),
        (partial(sim.compare, VALUES, replications=2.5), f"replications is 2.5; {COUNT}"),
    ],
)
def test_every_function_refuses_in_the_same_words(tmp_path, call, said):
    """What is read in one place is refused alike, and leaves no folder."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
        call(tmp_path / "tiny.yaml", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "call",
    [
        lambda: sim.run(123),
        lambda: sim.run(None),
        lambda: sim.load(b"baseline.yaml"),
        lambda: sim.sweep(VALUES, {"run.seed": "1,2"}),
        lambda: sim.sensitivity(["baseline.yaml"]),
    ],
)
def test_what_is_no_scenario_is_a_type_error(call):
    """That names the argument and what it may be; nor can what is no folder be read."""
    with pytest.raises(TypeError, match=r"^scenario is .*; write a path"):
        call()
    with pytest.raises(TypeError, match=r"^folder is None; write a path"):
        sim.read(None)


@pytest.mark.usefixtures("unsimulated")
@pytest.mark.parametrize("name", ["a\0b", "\ud800", "a\udcffb"])
def test_a_folder_whose_name_is_no_text_is_a_store_error(tmp_path, name):
    """A null, half of a character, and a byte that is no UTF-8: nothing could be read from it later."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    for call in (
        lambda: sim.run(VALUES, out=f"{tmp_path}/{name}"),
        lambda: sim.sweep(tmp_path / "tiny.yaml", {"psps.psp-a.workers": "2,4"}, out=f"{tmp_path}/{name}"),
        lambda: sim.compare(VALUES, VALUES, out=f"{tmp_path}/{name}"),
    ):
        with pytest.raises(sim.StoreError, match="its name is no text in UTF-8"):
            call()
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.yaml"]


def test_numbers_of_numpy_are_as_good_as_any():
    """As they come out of a loop over an array; a precision may be written as on the command line."""
    run = sim.run(VALUES, replications=np.int64(2), jobs=np.int32(1), seed=np.uint64(9))
    assert (run.summary.replications, run.manifest["replications_asked"], run.manifest["seed"]) == (2, 2, 9)
    for precision in (np.float64(0.05), np.float32(0.25), "5%"):
        run = sim.run(VALUES, replications="auto", precision=precision, maximum=np.int64(3))
        assert run.manifest["stopping"]["maximum"] == 3
        assert run.manifest["stopping"]["precision"] == pytest.approx(0.25 if precision == 0.25 else 0.05)


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([4, 8], ["4", "8"]),
        (np.array([4, 8]), ["4", "8"]),
        ([np.int64(4), np.float64(8)], ["4", "8.0"]),
        (range(2, 4), ["2", "3"]),
        ("4,8", ["4", "8"]),
        (["4", "8"], ["4", "8"]),
        (6, ["6"]),
        ([None, 6], ["null", "6"]),
    ],
)
def test_a_sweep_takes_numbers(tmp_path, values, written):
    """Whatever has several values; a value that is one stands for itself."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    done = sim.sweep(tmp_path / "tiny.yaml", {"psps.psp-a.workers": values}, replications=1, out=tmp_path)
    assert list(done.points["psps.psp-a.workers"]) == written


def test_a_value_of_a_sweep_may_have_a_comma(tmp_path):
    """A text of a list is one value, whatever is in it."""
    (tmp_path / "tiny.yaml").write_text(TINY, encoding="utf-8")
    laws = ["{uniform: {low: 1 s, high: 2 s}}", "2 s"]
    done = sim.sweep(tmp_path / "tiny.yaml", {"psps.psp-b.outcome_delay": laws}, replications=1, out=tmp_path)
    assert list(done.points["psps.psp-b.outcome_delay"]) == laws
