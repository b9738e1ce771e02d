"""`extends`: what a file takes over from another one, and what it replaces."""

import os

import pytest

from sim.scenario.load import ScenarioError, dump, load

BASE = """\
name: base
title: A base
arrivals: {rate: 10/s, profile: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}
cart: {notices: {1: 80%, 2: 20%}}
citizen: {abandon: 3%, cancel: 2%}
checkout: {activation: {timeout: 10 s, tries: 2}}
ecs:
  - {name: ec-1, share: 60%, workers: 4, paGetPayment: {time: 1 s, ends: {ko: 1%, lost_request: 2%}}}
  - {name: ec-2, share: 40%, workers: 2}
psps:
  - {name: psp-a, share: 100%, outcome_delay: {lognormal: {p50: 400 ms, p98: 2 s}}}
incidents:
  - {name: night, target: psps.psp-a, effect: outage, at: 1 min, duration: 2 min}
  - {name: noon, target: ecs.ec-1, effect: slowdown, factor: 3, mtbf: 1 h, mttr: 5 min}
slos: [tnspo >= 98%, tpnp >= 98%]
"""


def over(folder, text, base=BASE):
    """Lay a text over a base; return what is different from the base, as it would be written."""
    folder.write("base.yaml", base)
    return dump(folder.load(f"extends: base.yaml\nname: over\n{text}").scenario)


def based(folder):
    return dump(load(folder.write("base.yaml", BASE)).scenario)


def test_a_file_that_says_nothing_else_is_its_base_under_another_name(folder):
    """Name and everything else: equal but for the name."""
    assert over(folder, "") == based(folder) | {"name": "over"}


def test_sections_are_merged_key_by_key(folder):
    """One key of `citizen` and one two sections down change; their neighbours stay."""
    changed = over(folder, "citizen: {cancel: 5%}\ncheckout: {activation: {tries: 7}}\n")
    expected = based(folder) | {"name": "over"}
    expected["citizen"]["cancel"] = 0.05
    expected["checkout"]["activation"]["tries"] = 7
    assert changed == expected


def test_named_lists_are_merged_item_by_item(folder):
    """ec-2 gets other workers and keeps its share; psp-b is new and comes last; what is not named stays."""
    text = "ecs: [{name: ec-2, workers: 9}]\npsps: [{name: psp-b, share: 30%}, {name: psp-a, share: 70%}]\n"
    changed = over(folder, text)
    assert [(ec["name"], ec["share"], ec["workers"]) for ec in changed["ecs"]] == [("ec-1", 0.6, 4), ("ec-2", 0.4, 9)]
    assert [(psp["name"], psp["share"]) for psp in changed["psps"]] == [("psp-a", 0.7), ("psp-b", 0.3)]
    assert changed["psps"][0]["outcome_delay"] == based(folder)["psps"][0]["outcome_delay"]


def test_ways_in_which_a_call_can_end_are_merged_too(folder):
    """`ends` is a section: another share of ko leaves lost_request alone."""
    ends = over(folder, "ecs: [{name: ec-1, paGetPayment: {ends: {ko: 5%}}}]\n")["ecs"][0]["paGetPayment"]["ends"]
    assert (ends["ko"]["probability"], ends["lost_request"]["probability"]) == (0.05, 0.02)


@pytest.mark.parametrize(
    ("law", "read"),
    [
        ("3 s", "3.0 s"),
        ("{exponential: {mean: 1 s}}", {"exponential": {"mean": "1.0 s"}}),
        ("{lognormal: {median: 1 s, sigma: 1}}", {"lognormal": {"median": "1.0 s", "sigma": 1.0}}),
    ],
)
def test_a_law_is_replaced_as_a_whole(folder, law, read):
    """Parameters of two laws, or of two ways to write one, are never mixed."""
    assert over(folder, f"psps: [{{name: psp-a, outcome_delay: {law}}}]\n")["psps"][0]["outcome_delay"] == read


def test_shares_of_carts_by_size_are_replaced_as_a_whole(folder):
    """One notice in every cart: the 20% of two notices are gone, and shares add up."""
    assert over(folder, "cart: {notices: {1: 100%}}\n")["cart"]["notices"] == {"1": 1.0}


def test_lists_without_names_are_replaced_as_a_whole(folder):
    """One SLO stands for two, and incidents without names for those with names."""
    changed = over(folder, "slos: [lspo < 2%]\nincidents: [{target: node, effect: outage, at: 0, duration: 1 s}]\n")
    assert changed["slos"] == ["lspo < 2%"]
    assert [incident["target"] for incident in changed["incidents"]] == ["node"]


def test_an_empty_list_leaves_nothing(folder):
    """The way to say that a scenario has none of its base's incidents."""
    assert over(folder, "incidents: []\nslos: []\n")["incidents"] == []


def test_what_stands_instead_of_something_else_drives_it_out(folder):
    """A ramp instead of a rate with its profile, a calendar instead of chance, and one more time back."""
    ramp = over(folder, "arrivals: {ramp: [{duration: 1 min, rate: 3/s}]}\n")["arrivals"]
    assert [key for key in ("rate", "profile", "ramp", "trace") if key in ramp] == ["ramp"]
    noon = over(folder, "incidents: [{name: noon, at: 5 min, duration: 1 min}]\n")["incidents"][1]
    assert [key for key in ("at", "duration", "mtbf", "mttr") if key in noon] == ["at", "duration"]
    assert noon["factor"] == 3.0


def test_a_chain_of_files_is_followed_and_the_last_word_wins(folder):
    """One file extends another, which extends a third: each says something, and the nearest says it last."""
    folder.write("a.yaml", BASE)
    folder.write("b.yaml", "extends: a.yaml\nname: b\ntitle: B\ncitizen: {abandon: 10%, cancel: 10%}\n")
    scenario = folder.load("extends: b.yaml\nname: c\ncitizen: {cancel: 20%}\n").scenario
    assert (scenario.name, scenario.title, scenario.citizen.abandon, scenario.citizen.cancel) == ("c", "B", 0.1, 0.2)


def test_an_assignment_comes_after_everything_that_is_extended(folder):
    """`--set` has the last word."""
    folder.write("base.yaml", BASE)
    scenario = folder.load("extends: base.yaml\nname: over\ncitizen: {cancel: 5%}\n", "citizen.cancel=7%").scenario
    assert scenario.citizen.cancel == 0.07


def test_a_file_may_extend_one_in_a_folder_below(folder):
    """Which may extend its neighbour there."""
    folder.write("below/a.yaml", BASE)
    folder.write("below/b.yaml", "extends: a.yaml\nname: b\n")
    assert folder.load("extends: below/b.yaml\nname: c\n").scenario.title == "A base"


# --- positions ------------------------------------------------------------------------------------------------------


def test_a_problem_is_reported_in_the_file_that_wrote_it(folder):
    """The base has an unknown key, the other file a bad unit; both are said, each with its file, line and column."""
    folder.write("base.yaml", BASE + "unknown: 1\n")
    found = folder.problems("extends: base.yaml\nname: over\nrun:\n  window: 5\n")
    assert found == [
        "base.yaml:16:1  unknown  is not known here  write one of name, title, description, protocol, run, arrivals, "
        "cart, citizen, ...",
        "s.yaml:4:11  run.window  5 has no unit of time  write ms, s, min, h or d, for example 5 s",
    ]


def test_a_name_written_twice_in_an_extending_file_is_found_out(folder):
    """The second psp-a is not taken for a correction of the first."""
    folder.write("base.yaml", BASE)
    found = folder.problems("extends: base.yaml\nname: over\npsps: [{name: psp-a}, {name: psp-a, share: 0}]\n")
    assert "s.yaml:3:23  psps.psp-a  is the name of 2 entries  give every entry its own name" in found


@pytest.mark.parametrize(("name", "meant"), [("psp-b", "or did you mean psp-a?"), ("zebra", "or write psp-a")])
def test_a_name_that_the_base_has_not_is_told_those_that_it_has(folder, name, meant):
    """It would be a new item, which lacks a share; more likely one of the base was meant."""
    folder.write("base.yaml", BASE)
    found = folder.problems(f"extends: base.yaml\nname: over\npsps: [{{name: {name}, outcome_ko: 1%}}]\n")
    assert f"s.yaml:3:8  psps.{name}.share  is missing  add share: ...; {meant}" in found


def test_duplicate_keys_of_all_files_are_reported_at_once(folder):
    """One in each file."""
    folder.write("base.yaml", BASE + "title: again\n")
    assert folder.problems("extends: base.yaml\nname: over\nname: twice\n") == [
        "base.yaml:16:1  title  is written twice, first in line 2  keep one of the two",
        "s.yaml:3:1  name  is written twice, first in line 2  keep one of the two",
    ]


# --- what cannot be extended ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("gone.yaml", "names gone.yaml, which is not there"),
        (".", "names ., which is not there"),
        ("../outside.yaml", "names ../outside.yaml, which lies outside the scenario's folder"),
        ("/etc/hostname", "names /etc/hostname, which lies outside the scenario's folder"),
        ("link.yaml", "names link.yaml, which lies outside the scenario's folder"),
        ("linked/outside.yaml", "names linked/outside.yaml, which lies outside the scenario's folder"),
        ("round.yaml", "names round.yaml, which "),
        ('"a\\0.yaml"', "names a\\x00.yaml, which cannot be opened"),
        ("a" * 300, f"names {'a' * 300}, which cannot be opened"),
        ("[base.yaml]", "is not the name of a file"),
        ("{value: base.yaml}", "is not the name of a file"),
        ("", "is not the name of a file"),
    ],
)
def test_only_files_below_the_scenarios_folder_are_extended(tmp_path, folder, name, problem):
    """Neither a path nor a link to a file or a folder leads out; names that no file can have are refused as well."""
    folder.path = tmp_path / "inside"
    folder.path.mkdir()
    (tmp_path / "outside.yaml").write_text(BASE, encoding="utf-8")
    os.symlink(tmp_path / "outside.yaml", folder.path / "link.yaml")
    os.symlink(tmp_path, folder.path / "linked")
    os.symlink(folder.path / "round.yaml", folder.path / "round.yaml")
    (found,) = folder.problems(f"name: over\nextends: {name}\n")
    at = 10 if name else 1  # of the key, where nothing is written after it
    assert found.startswith(f"s.yaml:2:{at}  extends  {problem}")
    assert found.endswith("  name a scenario file in the same folder or below")


def test_a_circle_is_found_and_its_files_are_named(folder):
    """The scenario extends a, which extends b, which extends a; and a file that extends itself."""
    folder.write("a.yaml", "extends: b.yaml\nname: a\n")
    folder.write("b.yaml", "name: b\nextends: a.yaml\n")
    circle = "goes round in a circle: {}  extend a file that extends none of these"
    assert folder.problems("extends: a.yaml\nname: s\n") == [
        "b.yaml:2:10  extends  " + circle.format("s.yaml extends a.yaml extends b.yaml extends a.yaml")
    ]
    assert folder.problems("extends: ./s.yaml\nname: s\n") == [
        "s.yaml:1:10  extends  " + circle.format("s.yaml extends s.yaml")
    ]


def test_a_chain_has_an_end(folder):
    """Ten files may stand behind one another, and not an eleventh."""
    folder.write("f0.yaml", BASE)
    for n in range(1, 11):
        folder.write(f"f{n}.yaml", f"extends: f{n - 1}.yaml\nname: f{n}\n")
    assert load(folder.path / "f10.yaml").scenario.name == "f10"
    (found,) = folder.problems("extends: f10.yaml\nname: s\n")
    assert found == "f1.yaml:1:10  extends  comes after 10 others  extend a file that extends fewer"


def test_a_base_that_is_no_scenario_is_reported_as_the_base(folder):
    """Its own file is named, not the one that extends it."""
    folder.write("base.yaml", "- a list\n")
    (found,) = folder.problems("extends: base.yaml\nname: s\n")
    assert found == "base.yaml:1:1  (file)  is a list  write a scenario, starting with name: my-scenario"


def test_the_folder_is_the_one_in_which_the_scenario_is_named(tmp_path, folder):
    """A scenario reached through a link extends what lies beside the link."""
    other = tmp_path / "other"
    other.mkdir()
    folder.write("base.yaml", BASE)
    real = folder.write("s.yaml", "extends: base.yaml\nname: s\n")
    os.symlink(real, other / "s.yaml")
    with pytest.raises(ScenarioError, match=r"names base\.yaml, which is not there"):
        load(other / "s.yaml")
    assert load(real).scenario.title == "A base"


def test_a_description_is_not_handed_down(folder):
    """What a file says of its world in words need not be true of a world that differs."""
    folder.write("base.yaml", BASE + "description: All is well here.\n")
    assert folder.load("extends: base.yaml\nname: over\n").scenario.description == ""
    assert folder.load("extends: base.yaml\nname: over\ndescription: Not here.\n").scenario.description == "Not here."


def test_a_path_with_dots_is_no_key_and_the_fix_says_how_to_write_it(folder):
    """As `--set` takes it: in a file it is nested."""
    folder.write("base.yaml", BASE)
    with pytest.raises(ScenarioError) as refused:
        folder.load("extends: base.yaml\nname: over\ncitizen.cancel: 5%\n")
    (problem,) = refused.value.problems
    assert problem.path == "citizen.cancel"
    assert problem.fix == "write citizen: and the rest inside it: a path is for --set"
