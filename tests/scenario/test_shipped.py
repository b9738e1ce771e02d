"""The scenarios that are shipped: they load, read back as themselves, and say of every number where it is from."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from sim.scenario.load import dump, from_dict, load, ranges

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHIPPED = sorted(SCENARIOS.glob("*.yaml"))
WANTED = {
    "baseline",
    "deadline_peak",
    "psp_outage",
    "slow_ec",
    "retry_storm",
    "late_outcomes",
    "spec_vs_observed_sanp",
    "spec_vs_observed_nodo",
}

WITHOUT_NOTE = {
    r"run\.replications": "how often a run is repeated says nothing of the world",
    r"run\.seed": "nor does the seed",
}
"""Paths of numbers that need no note, and why."""

WITHOUT_RANGE = {
    r"(ecs|psps)\.[^.]+\.share": "shares add up to 100%, so that none can be moved alone; the reason says how far",
    r"cart\.notices\.\d": "as the shares of ECs and PSPs",
    r"psps\.psp-d\.outcome_delay\.mixture\.\d\.weight": "as the shares of ECs and PSPs",
    r"arrivals\.ramp\.\d+\.(duration|rate)": "the steps of a ramp move together; the reason says how far",
    r"slos\.\d+": "an objective is chosen by whoever has it",
}
"""Paths of assumed numbers that need no range, and why."""

ORIGINS = re.compile(
    r"^(SANP, .+|pagopa/[a-z-]+, [\w./*-]+: .+"
    r"|(pagamentidigitali\.it|smartworld\.it|agendadigitale\.eu|confrontaconti\.it|gaeta\.it), .+)$"
)
"""Whoever reads a source can find it: the specification, a public repository with a file, or a site of the press."""

shipped = pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)


def notes(file):
    """Yield every number of a file: its path, the note nearest to it, and whether that note is its own."""
    yield from _walk(YAML(typ="safe", pure=True).load(file.read_text(encoding="utf-8")), "", {})


def _walk(node, path, above):
    if isinstance(node, dict):
        note = {key: node[key] for key in ("source", "assumed", "range") if key in node} or above
        if "value" in node and note is not above:
            yield from _walk(node["value"], path, note)
            return
        for key, child in node.items():
            if key not in ("source", "assumed", "range"):
                yield from _walk(child, f"{path}.{key}".lstrip("."), note)
    elif isinstance(node, list):
        for index, child in enumerate(node):
            name = child.get("name", index) if isinstance(child, dict) else index
            yield from _walk(child, f"{path}.{name}", above)
    elif not isinstance(node, bool) and (isinstance(node, (int, float)) or _has_a_number(path, node)):
        yield path, node, above


def _has_a_number(path, text):
    quantity = isinstance(text, str) and re.match(r"^[\d.]+ ?(ms|s|min|h|d|/s|%|EUR)?$", text)
    return quantity or (path.startswith("slos.") and re.search(r"[<>]", text))


def is_listed(path, exceptions):
    return any(re.fullmatch(pattern, path) for pattern in exceptions)


def test_the_scenarios_that_were_asked_for_are_there():
    """Eight of them, each under its own name."""
    assert {file.stem for file in SHIPPED} == WANTED
    assert {load(file).scenario.name for file in SHIPPED} == WANTED


@shipped
def test_a_scenario_reads_back_as_itself(file):
    """What is dumped, in a manifest for example, loads as an equal scenario."""
    scenario = load(file).scenario
    assert from_dict(dump(scenario)).scenario == scenario


@shipped
def test_every_number_says_where_it_is_from(file):
    """`source`, or `assumed` with a `range`, but for the exceptions listed above with their reasons."""
    wrong = []
    for path, value, note in notes(file):
        if not ("source" in note or ("assumed" in note and ("range" in note or is_listed(path, WITHOUT_RANGE)))):
            wrong += [] if is_listed(path, WITHOUT_NOTE) else [f"{path}: {value}"]
    assert wrong == []


def test_the_walk_finds_the_numbers():
    """Otherwise nothing would be checked: the baseline has shares, counts, times, rates, amounts and objectives."""
    found = {path: value for path, value, _ in notes(SCENARIOS / "baseline.yaml")}
    assert len(found) > 200
    assert found["arrivals.rate"] == "3.75/s"
    assert found["cart.notices.1"] == "80%"
    assert found["cart.amount.lognormal.median"] == "65 EUR"
    assert found["ecs.municipalities.count"] == 7884
    assert found["psps.psp-b.outcome_delay.lognormal.p98"] == "1.6 s"
    assert found["slos.0"] == "tnspo_official >= 98%"


@pytest.mark.parametrize("exceptions", [WITHOUT_NOTE, WITHOUT_RANGE])
def test_no_exception_is_listed_in_vain(exceptions):
    """Each pattern excuses some number of some scenario."""
    paths = {path for file in SHIPPED for path, _, _ in notes(file)}
    assert [pattern for pattern in exceptions if not any(re.fullmatch(pattern, path) for path in paths)] == []


@shipped
def test_every_source_names_a_public_origin(file):
    """One that a reader without our papers can find; and nothing is said to be both published and assumed."""
    told = [note for _, _, note in notes(file)]
    sources = {note["source"] for note in told if "source" in note}
    assert [source for source in sorted(sources) if not ORIGINS.match(source)] == []
    assert [note for note in told if "source" in note and "assumed" in note] == []


@shipped
def test_no_shipped_scenario_speaks_of_papers_that_are_not_public(file):
    """Neither in notes nor in comments."""
    assert not re.search(r"domain\.md|shared/|dossier|\[[SPTMDI]\]", file.read_text(encoding="utf-8"))


@shipped
def test_a_value_lies_within_its_range(file):
    """The loader refuses a range that does not hold its value; every scenario has some that it has checked."""
    assert len(ranges(load(file))) > 40


@shipped
def test_every_scenario_has_objectives_a_title_and_a_description(file):
    """What a run prints first, and what one should look at."""
    scenario = load(file).scenario
    assert scenario.slos
    assert scenario.title
    assert scenario.description.strip()


@shipped
def test_the_readme_names_every_scenario(file):
    """One line each."""
    lines = (SCENARIOS / "README.md").read_text(encoding="utf-8").splitlines()
    assert sum(line.startswith(f"| `{file.name}` |") for line in lines) == 1


# --- figures that can be checked by hand ----------------------------------------------------------------------------


def test_the_baseline_is_what_its_comments_say():
    """Figures of the sources, worked out by hand.

    422 million payments a year are 13.4/s; all between 06 and 22, 20.1/s; a quarter, 5.0/s; in carts of
    0.80 + 2 x 0.11 + 3 x 0.05 + 4 x 0.02 + 5 x 0.02 = 1.35 notices, 3.7 carts/s. Amounts: 65 EUR x exp(1.5^2 / 2) =
    200.2 EUR. Creditors: 22,000.
    """
    scenario = load(SCENARIOS / "baseline.yaml").scenario
    notices = sum(count * share for count, share in scenario.cart.notices.items())
    payments_per_s = 422e6 / (365 * 86400) * 24 / 16 / 4
    assert notices == pytest.approx(1.35)
    assert scenario.arrivals.rate == pytest.approx(payments_per_s / notices, rel=0.02)
    assert scenario.cart.amount.mean / 100 == pytest.approx(200.2, abs=0.1)
    assert sum(group.count for group in scenario.ecs) == 22_000


def test_two_readings_differ_in_nothing_but_the_reading():
    """The same world under both presets: only name, texts and preset are different."""
    texts = {"name", "title", "description", "protocol"}
    sanp, nodo = (dump(load(SCENARIOS / f"spec_vs_observed_{which}.yaml").scenario) for which in ("sanp", "nodo"))
    assert {key for key in sanp if sanp[key] != nodo[key]} == texts
    assert {key for key in sanp["protocol"] if sanp["protocol"][key] != nodo["protocol"][key]} == {"preset"}


def test_the_late_psp_is_as_late_as_its_description_says():
    """A Pareto law of shape ln 25 / ln 4000 = 0.388, cut off at 6 h: beyond 30 s 7.8%, beyond 20 min 1.4%.

    P(X > x) = 0.5 (0.3 s / x)^0.388 without the cut: 0.0838 at 30 s, 0.0200 at 20 min, 0.0065 at 6 h, so that with it
    (0.0838 - 0.0065) / 0.9935 = 0.0778 are beyond half a minute, one in thirteen, and 0.0136, one in seventy-odd,
    beyond twenty minutes.
    """
    scenario = load(SCENARIOS / "late_outcomes.yaml").scenario
    (delay,) = (psp.outcome_delay for psp in scenario.psps if psp.name == "psp-b")
    assert 1 - float(delay.cdf(30.0)) == pytest.approx(0.0778, abs=2e-4)
    assert 1 - float(delay.cdf(1200.0)) == pytest.approx(0.0136, abs=2e-4)


# --- what the README says of writing one ----------------------------------------------------------------------------

README = (SCENARIOS / "README.md").read_text(encoding="utf-8")


@pytest.fixture
def written(tmp_path):
    """Put the README's example beside a copy of what it extends."""
    (example,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    file = tmp_path / "my-scenario.yaml"
    file.write_text(example, encoding="utf-8")
    (tmp_path / "baseline.yaml").write_bytes((SCENARIOS / "baseline.yaml").read_bytes())
    return file


def test_the_example_in_the_readme_loads(written):
    """It extends the baseline, whose rate its ramp replaces."""
    scenario = load(written).scenario
    assert (scenario.name, scenario.arrivals.rate, len(scenario.arrivals.ramp)) == ("my-scenario", None, 2)
    assert [psp.workers for psp in scenario.psps] == [24, 16, 8, 8, 4, 4]
    assert [incident.name for incident in scenario.incidents] == ["storm"]


def test_the_assignments_in_the_readme_and_in_descriptions_can_be_carried_out(written):
    """Those of the section on writing one, on its example; the others, on the scenario that they stand in."""
    table, _, section = README.partition("## Writing one")
    sets = re.findall(r"`--set (\S+=\S+)`", section)
    assert len(sets) == 3
    assert load(written, sets).scenario.run.seed == 7
    for file in SHIPPED:
        told = load(file).scenario.description
        told += " ".join(line for line in table.splitlines() if f"`{file.name}`" in line)
        for assignment in re.findall(r"--set ([\w.-]+=(?:'[^']*'|[\w.-]*[\w]))", told):
            path, _, value = assignment.partition("=")
            load(file, [f"{path}={value.strip(chr(39))}"])
