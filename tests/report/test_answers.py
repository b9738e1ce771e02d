"""Answers of experiments as tables: they can be read at 80 columns and at 120."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from report.consoles import lines, words
from sim.analysis.collapse import Collapse
from sim.analysis.intervals import Estimate
from sim.analysis.slo import judge
from sim.experiment.capacity import Capacity
from sim.experiment.compare import compare
from sim.experiment.effects import Effect, Study
from sim.experiment.executors import Alone
from sim.experiment.ledger import Assumption
from sim.experiment.ranges import Factor
from sim.experiment.replications import Laboratory
from sim.experiment.search import Found, Outcome, Visit, evidence
from sim.experiment.sensitivity import Sensitivity
from sim.experiment.span import Span
from sim.report.answers import answered, margin_said, of_capacity, of_comparison, of_sensitivity, to_mind
from sim.scenario.load import from_dict
from sim.scenario.slos import parse
from sim.scenario.tree import Position

WORLD = {
    "name": "tables",
    "run": {"warm_up": "0 s", "window": "30 s", "replications": 2},
    "arrivals": {"rate": "2/s"},
    "ecs": [{"name": "ec", "share": 1}],
    "psps": [{"name": "psp", "share": 1}],
}
OBJECTIVES = (
    "tnspo_official >= 98%", "activation_failure_rate < 3%", "token_expiry_rate < 6%", "tpnp >= 98%", "tgp >= 98%",
    "p(95, user_wait) < 10 s", "reversal_rate < 2%", "paid_share > 50%",
)  # fmt: skip
WIDTHS = pytest.mark.parametrize("width", [80, 120])


@pytest.mark.parametrize(
    ("answer", "low", "high", "said"),
    [
        (1.0, 1.0, 1.05, "a factor of 1, 1 to 1.05 at 95%"),
        (1.0, 0.863838, 1.05, "a factor of 1, 0.864 to 1.05 at 95%"),
        (1.2763, 1.2155, 1.3401, "a factor of 1.28, 1.22 to 1.34 at 95%"),
        (0.783526, 0.783526, 0.8227, "nothing: a factor of 0.784, 0.784 to 0.823 at 95%"),
        (0.952381, 0.952381, 1.0, "nothing: a factor of 0.952, 0.952 to 1 at 95%"),
        (0.952381, None, 1.0, "nothing: a factor of 0.952, at most 1 at 95%"),
        (1.0, None, 1.05, "a factor of 1, at most 1.05 at 95%"),
        (8.1497, 7.3919, None, "a factor of 8.15, at least 7.39 at 95%"),
        (1.0, None, None, "an unknown factor (it may be 1 or any other)"),
        (None, None, 0.1227, "an unknown factor (undecided at 1 after 80 replications)"),
    ],
)
def test_how_far_arrivals_may_grow_is_said_as_far_as_it_is_known(answer, low, high, said):
    """As of any answer, also of an end that is open; by nothing only where growth by a factor of one or less fails."""
    found = Found(Outcome.FOUND, answer, low, high, 0.95, (), 60, "undecided at 1 after 80 replications")
    assert margin_said(found) == said


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (16.0, 18.0, "17 workers, 16 to 18 at 90%"),
        (16.0, None, "17 workers, at least 16 at 90%"),
        (None, None, "it may be 17 workers or any other; allow more replications with --max"),
    ],
)
def test_the_answer_is_said_as_far_as_it_is_known(low, high, said):
    """At its own confidence; where nothing is known of it, with what to do."""
    found = Found(Outcome.FOUND, 17.0, low, high, 0.9, (), 60, "")
    assert answered(Capacity("ecs.aci.workers", "", load=False, slos=(), found=found)) == said


def compared(name):
    """Return a world compared with another one of this name."""
    worlds = {"base": from_dict(WORLD), name: from_dict({**WORLD, "arrivals": {"rate": "3/s"}})}
    return compare(worlds, Laboratory(Alone()))


@WIDTHS
def test_a_world_with_a_long_name_has_a_letter_over_its_column(width):
    """The title says what the letters stand for, and the head of the table is one line with its words whole."""
    shown = lines(of_comparison(compared("arrivals.rate=3/s node.processing.workers=4")), width)
    title = " ".join(line for line in shown[:2] if "difference" not in line)
    assert title == "B: arrivals.rate=3/s node.processing.workers=4, compared with A: base"
    head = next(line for line in shown if "difference" in line)
    assert head.split() == ["A", "B", "difference", "95%", "interval", "p", "gain"]
    assert max(map(len, shown)) <= width


def test_worlds_with_short_names_are_called_by_them():
    """A name that has room over its column stands there."""
    shown = lines(of_comparison(compared("fast")), 120)
    assert shown[0] == "fast, compared with base"
    assert shown[1].split() == ["base", "fast", "difference", "95%", "interval", "p", "gain"]


@WIDTHS
def test_objectives_that_do_not_fit_side_by_side_go_below(width):
    """Every objective and figure of the widest table stands whole in one of the narrower ones, with its value of x."""
    judged = [judge(parse(text, {}), Estimate(0.5, 0.25, 0.75, 5)) for text in OBJECTIVES]
    found = evidence(judged)
    curve = (Visit(8, 5, found), Visit(10, 40, found))
    answer = Found(Outcome.NOWHERE, None, None, None, 0.95, curve, 45, "nothing")
    capacity = Capacity("psps.psp-a.workers", "workers", load=False, slos=OBJECTIVES, found=answer)
    shown, wide = lines(of_capacity(capacity), width), lines(of_capacity(capacity), 400)
    assert max(map(len, shown)) <= width
    assert words(shown) >= words(wide)
    heads = [line for line in shown if "verdict" in line]
    assert len(heads) == sum("10 workers" in line for line in shown) > 1
    assert sum(line.count(text) for line in heads for text in OBJECTIVES) == len(OBJECTIVES)
    assert sum("verdict" in line for line in wide) == 1


@WIDTHS
def test_numbers_of_one_law_differ_by_more_than_their_range(width):
    """The end of a path, which tells p50 from p98, is never cut."""
    laws = [f"ecs.municipalities-north.paGetPayment.time.lognormal.p{p}" for p in (50, 98)]
    factors = [
        Factor((path, "ecs.b.time"), Span(1, 3, "s"), "2 s", "1 s", "3 s", "guess", None, Position("f", 1, 1))
        for path in laws
    ]
    size = Estimate(0.1, 0.05, 0.15, 10)
    rows = tuple(
        Assumption(n, factor, "token_expiry_rate < 6%", Effect(factor, "", 0.1, size, 0.0), size, False, {})
        for n, factor in enumerate(factors, 1)
    )
    base = SimpleNamespace(confidence=0.9)
    found = Sensitivity(Study("morris", tuple(factors), [], 1), base, (), (), rows, ())
    shown = lines(of_sensitivity(found), width)
    assert "with its 90% interval;" in " ".join(shown)
    assert max(map(len, shown)) <= width
    assert "..." not in "".join(shown)
    assert "\u2026" not in "".join(shown)
    for path in laws:
        assert any(path.rpartition(".")[2] in line for line in shown)
    assert {"token_expiry_rate", "(and", "more)"} <= words(shown)


def test_a_comparison_says_which_scenario_collapses_and_that_windows_differ():
    """One window is twice as long as the other, so that totals are not of the same time; 3 of 12 replications collapse.

    The interval is Clopper and Pearson's. Usual worlds have nothing to mind.
    """
    worlds = {"base": from_dict(WORLD), "two": from_dict({**WORLD, "run": {**WORLD["run"], "window": "1 min"}})}
    found = compare(worlds, Laboratory(Alone()))
    windows = "windows differ (base: 30 s, two: 60 s): counts and euros are totals of windows of different lengths"
    assert windows in lines(of_comparison(found), 120)
    shares = Estimate(0.9, 0.88, 0.92, 9), Estimate(0.2, 0.1, 0.3, 3)
    humps = Collapse("paid_share", Estimate(0.25, 0.05486, 0.5719, 12), (2, 3, 8), *shares, 0.5)
    summaries = {
        "base": found.summaries["base"],
        "two": replace(found.summaries["two"], collapses=(humps,), replications=12),
    }
    said = " ".join(lines(of_comparison(replace(found, summaries=summaries)), 400)[-1].split())
    assert said.startswith("collapse: two: in 3 of 12 replications carts paid is 20.0%, in the others 90.0%: the mean")
    assert said.endswith("The probability of a collapse is 25.0% (5.486% to 57.2%)")
    assert to_mind(compared("fast")) == []


@WIDTHS
def test_a_capacity_says_that_replications_collapse_at_its_answer(width):
    """3 of 12, by Clopper and Pearson 5.486% to 57.2%: the mean may meet the objectives where no hour is like it."""
    shares = Estimate(0.9, 0.88, 0.92, 9), Estimate(0.2, 0.1, 0.3, 3)
    humps = Collapse("paid_share", Estimate(0.25, 0.05486, 0.5719, 12), (2, 3, 8), *shares, 0.5)
    found = Found(Outcome.EVERYWHERE, 8.0, None, 8.0, 0.95, (), 12, "")
    capacity = Capacity("psps.psp-a.workers", "", load=False, slos=(), found=found, collapses=(humps,))
    said = " ".join(" ".join(lines(of_capacity(capacity), width)).split())
    assert (
        "collapse: there, in 3 of 12 replications carts paid is 20.0%, in the others 90.0%: the mean describes" in said
    )
    assert "The probability of a collapse is 25.0% (5.486% to 57.2%)" in said
    assert "collapse" not in " ".join(lines(of_capacity(replace(capacity, collapses=())), width))
