"""`scenarios/schema.json`: current, accepting what is shipped, and refusing what an editor should mark."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from sim.scenario.distributions import ALL_KINDS
from sim.scenario.jsonschema import json_schema
from sim.scenario.load import load

from .conftest import SMALL
from .test_fuzz import RICH

SCENARIOS = Path(__file__).parents[2] / "scenarios"
SHIPPED = sorted(SCENARIOS.glob("*.yaml"))


@pytest.fixture(scope="module")
def validator():
    return Draft202012Validator(json_schema())


def plain(text):
    """Return YAML as JSON has it: keys are texts."""
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text)))


def test_the_committed_schema_is_current():
    """`pagopa-sim schema > scenarios/schema.json` makes it so."""
    assert json.loads((SCENARIOS / "schema.json").read_text(encoding="utf-8")) == json_schema()


def test_the_schema_is_a_schema():
    """By the definition of JSON Schema 2020-12 itself."""
    Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_scenario_satisfies_the_schema(validator, file):
    """Those that extend another one too, since only a name is required."""
    assert [error.message for error in validator.iter_errors(plain(file.read_text(encoding="utf-8")))] == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.stem)
def test_every_shipped_scenario_tells_editors_of_the_schema(file):
    """In its first line, as the YAML language server reads it."""
    assert file.read_text(encoding="utf-8").startswith("# yaml-language-server: $schema=schema.json\n")


def test_every_feature_satisfies_the_schema(validator):
    """A scenario with laws of many kinds, notes, incidents and SLOs."""
    assert [error.message for error in validator.iter_errors(plain(RICH))] == []


def test_the_schema_knows_every_law(validator):
    """One of each, by parameters and by percentiles, and each of them annotated."""
    laws = [
        "3 s",
        "{constant: 3 s}",
        "{constant: {value: 3 s}}",
        "{uniform: {low: 1 s, high: {value: 2 s, assumed: x, range: [1 s, 3 s]}}}",
        "{exponential: {p50: 3 s}, source: x}",
        "{lognormal: {p50: 3 s, p99.9: 9 s}}",
        "{gamma: {scale: 1 s, shape: 2}}",
        "{weibull: {scale: 1 s, shape: 2}}",
        "{pareto: {minimum: 1 s, shape: {value: 3, source: x}}, truncate: {high: 1 h}, shift: 1 s}",
        "{mixture: [{weight: 50%, constant: 1 s}, {weight: 0.5, exponential: {mean: 1 s}, source: x}]}",
        "{empirical: {values: [1 s, 2 s]}}",
        "{quantiles: {0%: 0, 50%: 1 s, 100%: 2 s}}",
        "{scipy: {name: burr12, c: 2, d: 3, scale: 1 s}}",
    ]
    assert all(any(kind in law for law in laws) for kind in ALL_KINDS)
    for law in laws:
        assert validator.is_valid(plain(f"{SMALL}citizen: {{think_time: {law}}}\n")), law


@pytest.mark.parametrize(
    "text",
    [
        "nane: x",
        "run: {window: [1]}",
        "run: {seed: soon}",
        "run: {seed: -1}",
        "run: {windows: 1 h}",
        "run: {window: {value: 1 h, sauce: x}}",
        "run: {window: {source: x}}",
        "run: {window: {value: 1 h, range: [1 h]}}",
        "protocol: {preset: sanp}",
        "cart: {notices: [1]}",
        "citizen: {think_time: {lognormal: {p50: [1]}}}",
        "citizen: {think_time: {lognormale: {p50: 1 s}}}",
        "citizen: {think_time: {lognormal: {mu: 1 s}}}",
        "slos: tnspo >= 98%",
        "psps: [{nam: x}]",
        "ecs: [{name: x, paGetPayment: {ends: {ok: 1}}}]",
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(validator, folder, text):
    """So that an editor marks it: keys, kinds of values and closed choices. Sums and names are the loader's."""
    kept = [line for line in SMALL.splitlines() if line.partition(":")[0] != text.partition(":")[0]]
    kept = kept if not text.startswith(("psps", "ecs")) else ["name: x"]
    whole = "\n".join([*kept, text])
    assert not validator.is_valid(plain(whole))
    assert folder.problems(whole)


def test_the_committed_schema_is_not_read_by_the_loader(folder):
    """A scenario without the first line loads as well."""
    assert load(folder.write("s.yaml", SMALL)).scenario.name == "small"
