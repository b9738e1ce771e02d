"""The JSON document has the structure that is written down, and nothing else."""

import json
import re
from dataclasses import replace

import pytest

from analysis.hand import NAMES, PAYMENTS, STATIONS, records
from sim.analysis.document import DOCUMENT
from sim.analysis.indicators import OFFICIAL
from sim.analysis.metrics import METRICS
from sim.analysis.summary import summarise
from sim.analysis.tally import tally
from sim.analysis.theory import neighbour
from sim.records import ANSWERS, FAULTS, LIMITS_MS, PLACES
from sim.scenario.slos import parse

ESTIMATE = ("mean", "low", "high", "n")


@pytest.fixture(scope="module")
def document():
    slos = [parse(text, NAMES) for text in ("tnspo >= 98%", "p(95, user_wait{psp=psp-b}) < 3 s")]
    asked = [slo.quantile for slo in slos if slo.quantile]
    summary = summarise([tally(records(r), asked) for r in range(3)], slos)
    return replace(summary, neighbours={"psps.psp-a": neighbour(0.5, 1.0, 1.0, 1)}).to_json()


def paths(value, path=""):
    """Yield the path of every value, with `[]` for any item of a list; an estimate is one value."""
    if isinstance(value, dict) and set(value) == set(ESTIMATE):
        yield path
    elif isinstance(value, dict):
        rest = value
        if set(ESTIMATE) <= set(value):
            yield f"{path}.ESTIMATE"
            rest = {key: each for key, each in value.items() if key not in ESTIMATE}
        for key, each in rest.items():
            yield from paths(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for each in value:
            yield from paths(each, f"{path}[]")
    else:
        yield path


CAPITALS = {
    "METRIC": "(" + "|".join(METRICS) + r")(_p\d+)?",
    "DIMENSION": "(psp|ec_group|cart_size|cause)",
    "STATION": r"(node|psps\.psp-a)",
    "PRIMITIVE": "(" + "|".join(re.escape(name) for name in NAMES["primitive"]) + ")",
    "FAULT": "(" + "|".join(FAULTS) + ")",
    "PLACE": "(" + "|".join(PLACES[1:]) + ")",
    "PSP": "(psp-a|psp-b)",
    "LIMIT": "(" + "|".join(map(str, LIMITS_MS)) + ")",
    "ANSWER": "(" + "|".join(ANSWERS[1:]) + ")",
    "GROUP": r"[^.]+",
}


def pattern(path):
    found = re.escape(path)
    for word, names in CAPITALS.items():
        found = re.sub(rf"(?<![A-Z]){word}(?![A-Z])", lambda _, names=names: names, found)
    return re.compile(found)


def test_every_value_of_the_document_is_described_and_every_description_has_a_value(document):
    """`sim.analysis.document` is the structure of what is written, both ways."""
    patterns = {path: pattern(path) for path in DOCUMENT}
    absent = {"warnings[]", *(path for path in DOCUMENT if path.startswith("collapses"))}
    found = set(paths(document)) | absent  # a run to be content with has none of these
    described = {each: [path for path, known in patterns.items() if known.fullmatch(each)] for each in found}
    assert [each for each, by in described.items() if not by] == []
    assert {path for by in described.values() for path in by} == set(DOCUMENT)


def test_the_document_has_the_keys_that_others_read(document):
    """Once and for all; the manifest is added by the run."""
    assert set(document) >= {"metrics", "by", "slos", "stations"}
    assert set(document["by"]) == {"cause", "psp", "ec_group", "cart_size"}
    for name in (
        "token_expiry_rate",
        "reversal_rate",
        "reversal_count",
        "reversal_eur",
        "tnspo_strict",
        "tnspo_official",
    ):
        assert set(document["metrics"][name]) == set(ESTIMATE)
    assert set(document["metrics"]) == set(METRICS) | {
        f"{name}_p{q}" for name, metric in METRICS.items() if metric.sample for q in (50, 95, 98, 99)
    }
    assert document["by"]["cause"]["psp_refused"]["reversal_eur"]["mean"] == 200
    assert document["replications"] == document["metrics"]["token_expiry_rate"]["n"] == 3


def test_the_document_is_valid_json(document):
    """What is not finite is null: no NaN, which JSON does not know."""
    text = json.dumps(document, allow_nan=False)
    assert json.loads(text) == document
    assert document["stations"]["psps.psp-a"]["utilisation"] == {"mean": None, "low": None, "high": None, "n": 0}


def test_the_document_says_what_each_objective_is_about(document):
    """psp-b's waits have their 95th percentile at 31 s in each replication."""
    first, second = document["slos"]
    assert (first["slo"], first["metric"], first["operator"], first["limit"]) == (
        "tnspo >= 98%", "tnspo_official", ">=", 0.98,
    )  # fmt: skip
    assert (first["mean"], first["verdict"]) == (0.5, "fail")
    assert (second["mean"], second["verdict"], document["verdict"]) == (31, "fail", "fail")


def test_every_official_indicator_is_given_for_every_subject_that_has_something_to_judge(document):
    """Two PSPs with four indicators, two EC groups with two; DASPO of psp-a is 0 of 6 in each of three replications."""
    found = {(each["title"], each["subject"]): each for each in document["indicators"]}
    assert len(found) == len(document["indicators"]) == 12
    assert {title for title, _ in found} == {official.title for official in OFFICIAL}
    daspo = found["DASPO", "psp-a"]
    assert (daspo["mean"], daspo["low"]) == (0, 0)
    assert daspo["high"] == pytest.approx(1.959964**2 / (18 + 1.959964**2), rel=1e-6)
    assert daspo["verdict"] == "undecided"


def test_open_tokens_have_an_interval_at_each_moment():
    """One replication with cart 8's token open from 801 s and one without it: 7 and 6 at 1100 s, t(1) = 12.7062."""
    full = records(0)
    without = records(1, payments=[row for row in PAYMENTS if row["cart"] != 8])
    found = summarise([tally(full), tally(without)], []).to_json()["open_tokens"]
    assert found["at_s"][-1] == 1100
    assert found["mean"][-1] == 6.5
    assert found["high"][-1] == pytest.approx(6.5 + 12.706205 * 0.5, rel=1e-6)
    assert found["low"][-1] == pytest.approx(6.5 - 12.706205 * 0.5, rel=1e-6)


def test_no_replication_is_not_a_run():
    """There is nothing to summarise."""
    with pytest.raises(ValueError, match="no replication"):
        summarise([], [])


def test_replications_are_summarised_alike_in_any_order():
    """They come back from other processes as they end."""
    tallies = [tally(records(r, payments=PAYMENTS[r:])) for r in range(3)]
    assert summarise(tallies, []).to_json() == summarise(tallies[::-1], []).to_json()


def test_a_station_that_one_replication_never_called_counts_as_idle_there():
    """A group of ECs without a call has no rows: 0.1 calls a second and none make 0.05."""
    node_only = [row for row in STATIONS if row["station"] == "node"]
    found = summarise([tally(records(0)), tally(records(1, stations=node_only))], []).stations["psps.psp-a"]
    assert found["calls_per_s"].mean == pytest.approx(0.05)
    assert found["busy"].mean == pytest.approx(0.25)
