"""`import sim`: few names, at once, documented, typed, and with errors that can be caught."""

import doctest
import inspect
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

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
