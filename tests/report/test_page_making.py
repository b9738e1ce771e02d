"""Where the numbers are from, and how the result is made again."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

import sim
from report.pages import SMALL, VALUES, read_page, tables
from sim.report.page import page
from sim.report.page.making import again, as_yaml, span
from sim.report.page.origins import origins_of
from sim.scenario.load import dump

SCENARIOS = Path(__file__).parents[2] / "scenarios"


def test_assumptions_have_their_range_and_values_their_source(read):
    """What is said alike of several actors is said once, as outcome_lost of both PSPs; the shares have a row each."""
    found = tables(read)
    assert found["Assumptions"] == [
        ["value of", "is", "may be", "reason"],
        ["run.warm_up", "100 s", "0 s to 200 s", "by hand"],
        ["psps.*.outcome_lost all 2", "1%", "-", "nobody knows"],
    ]
    assert found["Public sources"][1:] == [["ecs.g.share", "60%", "a book"], ["ecs.h.share", "40%", "a book"]]
    section = read.one("section", id="origins")
    assert "3 values of the scenario are assumed and 2 have a public source" in section.text


def test_what_is_said_of_some_actors_names_them():
    """Two of three have the same value for the same reason, the third another value."""
    said = [("a", 1, "x"), ("b", 2, "x"), ("c", 1, "x")]
    manifest = {
        "scenario": {"psps": [{"name": name} for name, _, _ in said], "ecs": []},
        "provenance": [
            {"path": f"psps.{name}.workers", "value": value, "source": None, "assumed": why, "range": [None, None]}
            for name, value, why in said
        ],
    }
    rows = [[cell.text, cell.small] for row in origins_of(manifest).assumed.rows for cell in row[:2]]
    assert rows == [["psps.*.workers", "a, c"], ["1", ""], ["psps.b.workers", ""], ["2", ""]]


def test_the_scenario_on_the_page_is_the_scenario_that_was_run(read, reported, tmp_path):
    """Saved as a file and loaded, it resolves to the same values, and to the 2 replications that were carried out.

    That number is given on the command line, where the scenario has 10.
    """
    file = tmp_path / "scenario.yaml"
    file.write_text(read.one("pre", aria_label="The whole scenario").raw, encoding="utf-8")
    asked = sim.load(reported.manifest["scenario"], ["run.replications=2"])
    assert reported.manifest["scenario"]["run"]["replications"] == 10
    assert sim.load(file).scenario == asked.scenario


def test_a_quantity_is_written_without_the_noise_of_its_conversion():
    """350 ms are 0.35000000000000003 s to a computer. What looks like a quantity in a title is left as it is."""
    made = sim.load({**VALUES, "title": "3600.0 s", "links": {"node_ec": {"latency": "350 ms"}}})
    written = as_yaml(dump(made.scenario))
    assert "latency: 350 ms" in written
    assert "00000" not in written
    assert "title: 3600.0 s" in written
    assert sim.load(YAML(typ="safe").load(written)).scenario == made.scenario


@pytest.mark.parametrize("name", ["baseline", "psp_outage", "late_outcomes", "slow_ec"])
def test_shipped_scenarios_survive_being_written_and_read(name, tmp_path):
    """Each as a page would show it."""
    loaded = sim.load(SCENARIOS / f"{name}.yaml")
    file = tmp_path / "scenario.yaml"
    file.write_text(as_yaml(dump(loaded.scenario)), encoding="utf-8")
    assert sim.load(file).scenario == loaded.scenario


def test_the_command_on_the_page_makes_the_run_again(tmp_path, monkeypatch):
    """Typed with its seed, replications and changes, it gives the figures that were reported."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL, encoding="utf-8")
    made = sim.run("small.yaml", replications=2, seed=9, sets=["citizen.abandon=40%"])
    (line,) = [each for each in again(made.manifest).splitlines() if each.startswith("pagopa-sim ")]
    assert line == "pagopa-sim run small.yaml --replications 2 --seed 9 --set citizen.abandon=40%"


def test_a_scenario_of_values_is_made_again_from_the_scenario_on_the_page(tmp_path):
    """There is no file of it, and what was changed is in the scenario as resolved."""
    made = sim.run({**VALUES}, replications=1, sets=["citizen.abandon=40%"], out=tmp_path)
    assert again(made.manifest).splitlines()[-1] == "pagopa-sim run scenario.yaml --replications 1 --seed 1"
    assert "With the scenario above in scenario.yaml, it is made again by" in read_page(page(made)).text


def test_a_rule_for_replications_is_part_of_the_command(reported):
    """Precision and maximum, since both decide when the rule stops."""
    stopping = {"precision": 0.1, "maximum": 30, "reason": "settled", "undecided": [], "imprecise": []}
    changed = {**reported.manifest, "replications_asked": "auto", "stopping": stopping, "git_commit": "abc"}
    assert again(changed).splitlines() == [
        "git checkout abc",
        "pagopa-sim run hand.yaml --replications auto --precision 0.1 --max 30 --seed 1",
    ]


def test_what_it_was_made_with_is_told(read, reported):
    """Seed, replications, versions, fingerprint and the command as typed."""
    section = read.one("section", id="again")
    told = dict(zip((e.text for e in section.all("dt")), (e.text for e in section.all("dd")), strict=True))
    assert (told["seed"], told["replications"], told["began"]) == ("1", "2", "2026-03-01T12:00:00+00:00")
    assert told["fingerprint"] == reported.manifest["fingerprint"]
    assert all(f"{name} {number}" in told["versions"] for name, number in reported.manifest["versions"].items())
    assert section.all("pre")[0].text == "pagopa-sim run hand.yaml"


@pytest.mark.parametrize(
    ("text", "said"),
    [("3600.0 s", "1 h"), ("600.0 s", "10 min"), ("90.0 s", "1.5 min"), ("20.0 s", "20 s"), ("0.5 s", "0.5 s"),
     ("0 s", "0 s"), ("86400 s", "1 d"), ("100 s", "100 s")],
)  # fmt: skip
def test_durations_are_said_in_the_unit_that_fits(text, said):
    """A number with more than two decimals is not said in the larger unit."""
    assert span(text) == said
