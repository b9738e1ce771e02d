"""What results and scenarios look like in a notebook: tables that say all, and names that do nothing."""

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import sim
from sim.analysis.collapse import Collapse
from sim.analysis.intervals import Estimate
from sim.analysis.paired import Difference
from sim.analysis.slo import Judged, Slo, Verdict
from sim.experiment.capacity import Capacity
from sim.experiment.compare import Comparison
from sim.experiment.search import Evidence, Found, Outcome, Visit
from sim.experiment.sweep import Sweep
from sim.report import notebook
from sim.report.notebook import html
from sim.report.page.figures import tables_of

from .pages import HOSTILE, SCENARIO, hostile_run, read_page, run_by_hand

SLO = Slo("tgp{ec_group=g} >= 98%", "tgp", None, "ec_group", "g", ">=", 0.98)
TEMPLATE = Path(notebook.__file__).parent / "templates" / "notebook.html"


def rows(shown):
    """Return the tables of a piece of HTML: rows of texts, the head first."""
    found = read_page(shown).all("table")
    return [[[cell.text for cell in row.all("th", "td")] for row in table.all("tr")] for table in found]


def visit(x, verdict, mean, low, high):
    """Return what was seen at a value after ten replications."""
    judged = Judged(SLO, Estimate(mean, low, high, 10), verdict)
    return Visit(x, 10, Evidence(verdict, mean >= 0.98, (judged,)))


CURVE = (
    visit(8.0, Verdict.FAIL, 0.5, 0.45, 0.55),
    visit(16.0, Verdict.UNDECIDED, 0.98, 0.97, 0.99),
    visit(24.0, Verdict.PASS, 0.991, 0.99, 0.992),
)
FOUND = Found(Outcome.FOUND, 16.0, 9.0, 24.0, 0.95, CURVE, 30, "undecided at 16 after 10 replications")
MARGIN = Found(Outcome.FOUND, 1.25, 1.2, 1.3, 0.95, (), 40, "")
CAPACITY = Capacity("ecs.g.workers", "", False, (SLO.text,), FOUND, MARGIN)


def difference(metric, mean, low, high, **more):
    """Return a difference between two worlds."""
    values = {"base": "before", "other": "after", "base_mean": 0.0625, "other_mean": 0.03125, "p_value": 0.004}
    values |= {"variance_reduction": 2.5, **more}
    return Difference(metric, estimate=Estimate(mean, low, high, 2), **values)


@pytest.fixture
def hand(tmp_path):
    """Return the run made by hand: three objectives, of which the first is known to hold."""
    return run_by_hand(tmp_path)


def compared(run, base="before", other="after"):
    """Return a comparison of a run with itself, with differences that were made up."""
    names = {"base": base, "other": other}
    found = (
        difference("token_expiry_rate", -0.03125, -0.05, -0.0125, **names),
        difference("user_wait_p98", 0.5, -1.0, 2.0, p_value=float("nan"), **names),
        difference("notice_count", 1.0, 1.0, 1.0, **names),
    )
    return Comparison({base: run.summary, other: run.summary}, found, 0.9)


def test_a_run_shows_its_objectives_with_verdicts_and_its_headline(hand):
    """Each objective of the summary as it was judged; ten headline figures; the number of replications."""
    objectives, headline = rows(html(hand))
    signs = {"pass": "\u2713 pass", "fail": "\u2717 fail", "undecided": "? undecided"}
    assert objectives[0] == ["objective", "verdict", "estimate", "95% interval"]
    assert [row[:2] for row in objectives[1:]] == [[j.slo.text, signs[j.verdict.value]] for j in hand.summary.slos]
    assert headline[0] == ["figure", "estimate", "95% interval"]
    assert "outcome within 2 s (strict)" in [row[0] for row in headline]
    assert read_page(html(hand)).one("p", class_="title").text.startswith("Run hand: 2 replications")


def test_an_objective_on_a_metric_that_collapses_says_so_below_its_verdict(hand):
    """In notebooks and on pages alike, 3 of 10 with Clopper and Pearson's interval; other objectives say nothing."""
    metric = hand.summary.slos[0].slo.metric
    chance = Estimate(0.3, 0.0667, 0.6525, 10)
    humps = Collapse(metric, chance, (2, 3, 8), *[Estimate(0.9, 0.8, 1, 7)] * 2, 0.5)
    both = replace(hand, summary=replace(hand.summary, collapses=(humps,)))
    said = [metric == each.slo.metric for each in hand.summary.slos]
    assert not all(said)
    for shown in (rows(html(both))[0][1:], [[c.small for c in row] for row in tables_of(both.summary)["slos"].rows]):
        assert ["collapses in 30.0% of replications (6.670% to 65.2%)" in row[1] for row in shown] == said


def test_a_scenario_shows_what_it_is_and_where_its_numbers_are_from():
    """Of the scenario by hand: 1 cart a minute, 1000 s after 100 s, two groups and two PSPs, one range, three origins.

    Two shares have a source; the warm-up, and twice what is lost, are assumed.
    """
    loaded = sim.load({**SCENARIO, "incidents": [{"target": "psps.psp-a", "effect": "slowdown", "factor": 3,
                                                  "mtbf": "2 h", "mttr": "5 min"}]}, ["run.window=1000 s"])  # fmt: skip
    page = read_page(html(loaded))
    facts = dict(zip((e.text for e in page.all("dt")), (e.text for e in page.all("dd")), strict=True))
    assert page.one("p", class_="title").text == "Scenario hand: Thirteen carts"
    assert "Worked out on paper." in page.text
    assert facts["changed"] == "run.window=1000 s"
    assert facts["run"] == "16 min 40 s after 1 min 40 s of warm-up, 10 replications, seed 1"
    assert facts["carts"] == "0.01667/s, 1 notice each"
    assert facts["numbers"] == "2 with a source, 3 assumed, 1 with a range"
    ecs, psps, incidents, objectives = rows(html(loaded))
    assert [row[:4] for row in ecs[1:]] == [["g", "60%", "unlimited", "1"], ["h", "40%", "unlimited", "1"]]
    assert [row[:3] for row in psps[1:]] == [["psp-a", "60%", "unlimited"], ["psp-b", "40%", "unlimited"]]
    assert incidents[1] == ["0", "psps.psp-a", "slowdown x 3", "at random, every 2 h for 5 min on average"]
    assert [row[0] for row in objectives[1:]] == SCENARIO["slos"]


def test_a_scenario_says_before_it_flies_what_cannot_work():
    """One worker of a PSP for a cart a second that takes it ten seconds."""
    psp = {"name": "psp", "share": 1, "workers": 1, "pspNotifyPaymentV2": {"time": "5 s"}}
    loaded = sim.load({**SCENARIO, "arrivals": {"rate": "1/s"}, "psps": [psp], "slos": []})
    assert "before flight: psps.psp.workers is 1, and 1 carts/s keep 5 busy" in read_page(html(loaded)).text


def test_a_comparison_shows_differences_and_marks_those_that_are_known(hand):
    """An interval that leaves zero out is bold; figures that the table does not have are left out, and p if unknown."""
    found = compared(hand)
    differences, objectives = rows(html(found))
    assert differences[0] == ["figure", "before", "after", "difference", "90% interval", "p", "gain"]
    assert differences[1:] == [
        ["tokens that expire", "6.250%", "3.125%", "-3.125%", "-5.000% to -1.250%", "0.004", "2.5"],
        ["citizen's wait, 98th percentile", "0.0625 s", "0.0312 s", "0.5 s", "-1 s to 2 s", "-", "2.5"],
    ]
    assert [each.text for each in read_page(html(found)).all("b")] == ["with before", "-3.125%"]
    assert [row[0] for row in objectives[1:]] == ["before", "after"]
    humps = Collapse("paid_share", Estimate(0.3, 0.07, 0.65, 10), (2, 3, 8), *[Estimate(0.9, 0.8, 1, 7)] * 2, 0.5)
    found.summaries["after"] = replace(hand.summary, collapses=(humps,))
    assert "collapse: after: in 3 of" in read_page(html(found)).text


def test_a_capacity_shows_its_answer_its_margin_and_its_curve():
    """16 workers, 9 to 24: what was seen at 8, 16 and 24, the answer in bold, and by how much arrivals may grow."""
    page = read_page(html(CAPACITY))
    assert page.one("p", class_="title").text.startswith("Capacity smallest ecs.g.workers: 16 workers, 9 to 24 at 95%")
    facts = dict(zip((e.text for e in page.all("dt")), (e.text for e in page.all("dd")), strict=True))
    assert facts["arrivals may grow by"] == "a factor of 1.25, 1.2 to 1.3 at 95%"
    (curve,) = rows(html(CAPACITY))
    assert curve == [
        ["ecs.g.workers", "verdict", "replications", "tgp{ec_group=g} >= 98%"],
        ["8", "\u2717 fail", "10", "\u2717 50.0% 45.0 to 55.0%"],
        ["16", "? undecided", "10", "? 98.000% 97.000 to 99.000%"],
        ["24", "\u2713 pass", "10", "\u2713 99.100% 99.000 to 99.200%"],
    ]
    assert [each.text for each in page.all("b")] == ["smallest ecs.g.workers", "16"]
    assert "30 replications; undecided at 16 after 10 replications" in page.text
    assert rows(html(FOUND))[0][1:] == curve[1:]


def test_every_class_shows_itself_as_said_here(hand):
    """What JupyterLab asks an object for is what this module says."""
    for thing in (hand, compared(hand), CAPACITY, FOUND, sim.load(SCENARIO)):
        assert thing._repr_html_() == html(thing)
    with pytest.raises(TypeError, match="a list has no look"):
        html([])


def test_what_is_printed_of_a_result_fits_on_a_line(hand):
    """JupyterLab keeps it beside the HTML, in the file."""
    shown = {
        "<Scenario hand, from (values)>": sim.load(SCENARIO),
        "<Comparison of before, after>": compared(hand),
        "<Capacity of ecs.g.workers: 16, 9 to 24 at 95%>": CAPACITY,
    }
    assert [repr(thing) for thing in shown.values()] == list(shown)


def hostile(folder):
    """Return things in which everything that has a name has a bad one."""
    run = hostile_run(folder / "run")
    bad = HOSTILE[1]
    slo = replace(SLO, text=f"tgp{{ec_group={bad}}} >= 98%")
    curve = tuple(replace(v, evidence=Evidence(v.evidence.verdict, True, (replace(v.evidence.judged[0], slo=slo),)))
                  for v in CURVE)  # fmt: skip
    found = replace(FOUND, curve=curve, reason=HOSTILE[2])
    loaded = sim.load({**SCENARIO, "title": HOSTILE[0], "description": "".join(HOSTILE[:-1])})
    return {
        "run": run,
        "comparison": compared(run, HOSTILE[0], HOSTILE[1]),
        "capacity": Capacity(f"psps.{bad}.workers", HOSTILE[3], True, (slo.text,), found, replace(MARGIN, answer=None)),
        "scenario": replace(loaded, file=Path(HOSTILE[1]), sets=HOSTILE),
        "sweep": hostile_sweep(),
    }


def hostile_sweep():
    """Return a sweep over a bad path with bad values."""
    about = {"scenario": {"name": HOSTILE[3]}, "varied": {HOSTILE[0]: "1,2"}, "slos": {SLO.text: "tgp{ec_group=g}"},
             "points": 1, "replications": 2}  # fmt: skip
    return Sweep(Path("nowhere"), about)


POINT = {"point": 0, HOSTILE[0]: HOSTILE[1], "verdict": "pass", SLO.text: "pass"}
KNOWN = {
    "b", "br", "dd", "div", "dl", "dt", "p", "small", "span", "style", "table", "tbody", "td", "th", "thead", "tr",
    "wbr",
}  # fmt: skip


@pytest.mark.parametrize("what", ["run", "comparison", "capacity", "scenario", "sweep"])
def test_hostile_names_are_shown_as_they_are_and_do_nothing(tmp_path, monkeypatch, what):
    """No element and no attribute but those of the template, and the bad name among the texts.

    What cannot be printed is replaced, so that the notebook can be saved: a lone surrogate is no UTF-8.
    """
    values = pd.DataFrame([POINT]).reindex(columns=[*POINT])
    monkeypatch.setattr(notebook, "read_points", lambda folder, columns, most: values.reindex(columns=columns))
    shown = html(hostile(tmp_path)[what])
    page = read_page(shown)
    assert {element.tag for element in page.all()} <= KNOWN
    assert {name for element in page.all() for name in element.attributes} <= {"class", "style", "scope", "title"}
    styles = {element.attributes.get("style") for element in page.all()}
    assert styles == {None, "text-align: left", "text-align: right"}
    assert "window.owned" in page.text
    assert "7 * 7" in page.text or what != "scenario"
    assert all(char.isprintable() or char == "\n" for char in shown)
    shown.encode("utf-8")


def test_the_style_touches_nothing_else_of_the_notebook(hand):
    """Every rule is for what is inside the class of these pieces."""
    style = re.search(r"<style>(.*?)</style>", TEMPLATE.read_text(encoding="utf-8"), re.DOTALL)[1]
    selectors = [each.strip() for rule in re.findall(r"([^{}]+)\{", style) for each in rule.split(",")]
    assert len(selectors) > 10
    assert all(each == ".pagopa-sim" or each.startswith(".pagopa-sim ") for each in selectors)
    assert read_page(html(hand)).one("div", class_="pagopa-sim")
