"""The tables of a run: what is in them, and that they can be read at 80 columns and at 120."""

from dataclasses import replace
from itertools import pairwise
from math import nan

import pytest
from report.consoles import lines, words
from rich.text import Text

from sim.analysis.collapse import Collapse
from sim.analysis.indicators import OFFICIAL
from sim.analysis.intervals import Estimate
from sim.analysis.sequential import Rule
from sim.analysis.theory import neighbour
from sim.experiment.run import run
from sim.report.tables import _indicators, conclusion, of_summary
from sim.report.terminal import plain
from sim.scenario.load import from_dict

SCENARIO = {
    "name": "tables",
    "run": {"warm_up": "0 s", "window": "30 s", "replications": 3},
    "arrivals": {"rate": "5/s"},
    "citizen": {"abandon": 0.2},
    "ecs": [{"name": "municipalities", "share": 0.5}, {"name": "ec", "share": 0.5}],
    "psps": [
        {"name": "psp-of-the-north", "share": 0.5, "pspNotifyPaymentV2": {"ends": {"ko": 0.2, "lost_reply": 0.1}}},
        {"name": "psp", "share": 0.5, "outcome_delay": "3 s"},
    ],
    "slos": ["token_expiry_rate < 90%", "tnspo_official{psp=psp-of-the-north} >= 98%", "p(95, user_wait) < 6 s"],
}


@pytest.fixture(scope="module")
def summary():
    """Return the figures of a run in which tokens expire, money goes back, and an SLO fails."""
    return run(from_dict(SCENARIO)).summary


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal_and_break_no_number_or_name(summary, width):
    """No line is wider, and every word of the widest layout stands whole in the narrower one."""
    shown = lines(of_summary(summary), width)
    assert max(map(len, shown)) <= width
    assert words(shown) >= words(lines(of_summary(summary), 400))


def test_every_headline_figure_has_its_interval(summary):
    """The line of token expiry has mean, low and high as the summary has them, in percent."""
    (line,) = [line for line in lines(of_summary(summary), 120) if line.startswith("tokens that expire")]
    figure = summary.metrics["token_expiry_rate"]
    assert [float(word.rstrip("%")) for word in line.split() if "%" in word] == pytest.approx(
        [100 * value for value in (figure.mean, figure.low, figure.high)], abs=0.06
    )


def test_causes_add_up_to_the_headline(summary):
    """Tokens by cause add up to the tokens expired, and euros by cause to the euros reversed."""
    causes = summary.by["cause"].values()
    for name in ("token_expiry_count", "reversal_eur"):
        total = sum(each[name].mean for each in causes if name in each)
        assert total == pytest.approx(summary.metrics[name].mean)
    shown = lines(of_summary(summary), 120)
    for cause in summary.by["cause"]:
        if "token_expiry_count" in summary.by["cause"][cause] or "reversal_count" in summary.by["cause"][cause]:
            assert any(line.startswith(cause) for line in shown)


def test_a_run_in_which_nothing_goes_wrong_says_so():
    """No abandonment, no failure: no token expires and nothing is reversed."""
    good = {**SCENARIO, "citizen": {"abandon": 0}, "psps": [{"name": "psp", "share": 1}], "slos": []}
    shown = lines(of_summary(run(from_dict(good), replications=2).summary), 80)
    assert shown.count("none") == 2


def test_the_conclusion_counts_the_verdicts(summary):
    """One SLO passes by far, one fails by far: that is the verdict on all."""
    said = str(conclusion(summary))
    assert said.startswith("verdict: ")
    assert "(3 objectives: " in said


def official(title, *means, spread=0.0):
    """Return an indicator of subjects s0, s1 ... with these estimates, the interval so much to either side."""
    (found,) = [each for each in OFFICIAL if each.title == title]
    return [
        found.of(f"s{number}", Estimate(mean, mean - spread, mean + spread, 5)) for number, mean in enumerate(means)
    ]


def indicator_lines(*indicators):
    """Return the table of indicators below its headings, with the cells of each line."""
    shown = lines(_indicators(indicators, "95% interval"), 80)
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in shown]
    return [row for row in cells if row][2:]


def test_indicators_that_pass_share_a_line_with_the_worst_of_them():
    """TNSPO wants at least 98%: the worst is the lowest. LSPO allows at most 2%: the worst is the highest."""
    assert indicator_lines(*official("TNSPO", 0.995, 0.981, 0.99), *official("LSPO", 0.001, 0.019)) == [
        ["TNSPO: 98% within 2 s"],
        ["all 3, the worst s1", "98.100%", "98.100% to 98.100%", "pass"],
        ["LSPO: at most 2%"],
        ["all 2, the worst s1", "1.900%", "1.900% to 1.900%", "pass"],
    ]


def test_indicators_that_fail_come_one_by_one_the_worst_first():
    """Then the undecided, then one that passes under its own name."""
    found = [*official("TNSPO", 0.97, 0.90, 0.999), *official("TNSPO", 0.98, spread=0.01)]
    assert indicator_lines(*found) == [
        ["TNSPO: 98% within 2 s"],
        ["s1", "90.0%", "90.0% to 90.0%", "FAIL"],
        ["s0", "97.000%", "97.000% to 97.000%", "FAIL"],
        ["s0", "98.000%", "97.000% to 99.000%", "undecided"],
        ["s2", "99.900%", "99.900% to 99.900%", "pass"],
    ]


def test_hundreds_of_subjects_do_not_make_hundreds_of_lines():
    """400 PSPs of which 100 fail and 100 are undecided: the worst six and three, and how many more."""
    found = [
        *official("TNSPO", *[0.9] * 100),
        *official("TNSPO", *[0.98] * 100, spread=0.01),
        *official("TNSPO", *[0.99] * 200),
    ]
    rows = indicator_lines(*found)
    assert len(rows) == 1 + 6 + 1 + 3 + 1 + 1
    assert [row for row in rows if row[0].startswith("and")] == [
        ["and 94 more", "FAIL"],
        ["and 97 more", "undecided"],
    ]
    assert rows[-1][0] == "200 others, the worst s0"


def test_an_indicator_without_an_interval_is_undecided_and_shown_as_such():
    """One replication: a dash where the interval would be."""
    (subject,) = official("TGP", 0.99)
    found = OFFICIAL[[each.title for each in OFFICIAL].index("TGP")].of("s0", Estimate(0.99, nan, nan, 1))
    assert subject.subject == found.subject
    assert indicator_lines(found)[1] == ["s0", "99.000%", "-", "undecided"]


def test_texts_are_shown_as_they_are():
    """Brackets are no markup, colons no pictures, and what would order the terminal about is replaced."""
    assert lines("[red]x[/red] :smile: 100%", 80) == ["[red]x[/red] :smile: 100%"]
    assert plain("a\x1b[31mb\nc") == Text("a\ufffd[31mb\ufffdc")


@pytest.mark.parametrize("width", [80, 120])
def test_objectives_of_an_auto_run_say_the_confidence_of_their_verdicts(width):
    """Stopped at the maximum of 2: of an error of 5%, three fifths are spent there, so that intervals have 97%.

    With a third replication to come it would be a fiftieth: 99.9%. The figures keep their 95%.
    """
    found = run(from_dict(SCENARIO), replications=Rule(maximum=2)).summary
    shown = lines(of_summary(found), width)
    assert shown[1].split() == ["objective", "estimate", "97%", "interval", "verdict"]
    assert "95% interval" in shown[next(n for n, line in enumerate(shown) if line.startswith("Headline")) + 1]
    early = replace(found, slo_confidence=0.999)
    assert lines(of_summary(early), width)[1].split()[2] == "99.9%"
    assert found.to_json()["slo_confidence"] == pytest.approx(0.97)


@pytest.mark.parametrize("width", [80, 120])
def test_what_theory_says_stands_below_a_station_in_its_columns(summary, width):
    """Two calls a second of 1 s each to four exponential workers: a = 2, half busy; C = 4/23, queue 4/23 = 0.174.

    C = x / (1 + 2 + 2 + 4/3 + x) with x = (2^4 / 4!) / (1 - 1/2) = 4/3, and the queue is C a / (4 - a).
    A formula that is an approximation is nearly what it says. Unlimited workers have nothing to compare, and no line. A
    queue that no run could see is 0: of forty workers for the same load nobody waits before the end of the world.
    """
    theory = {
        "psps.psp": neighbour(2.0, 1.0, 1.0, 4),
        "psps.psp-of-the-north": neighbour(2.0, 1.0, 0.5, 4),
        "ecs.ec": neighbour(2.0, 1.0, 1.0, None),
        "ecs.municipalities": neighbour(2.0, 1.0, 1.0, 40),
    }
    none, shown = replace(summary, neighbours={}), lines(of_summary(replace(summary, neighbours=theory)), width)
    assert max(map(len, shown)) <= width
    below = {line.split()[0]: after.split() for line, after in pairwise(shown) if after.startswith("  M/")}
    assert below["psps.psp"] == ["M/M/c", "50.0%", "2", "0.174", "0.000%"]
    assert below["psps.psp-of-the-north"] == ["M/G/c,", "nearly", "50.0%", "2", "0.13", "0.000%"]
    assert below["ecs.municipalities"] == ["M/M/c", "5.000%", "2", "0", "0.000%"]
    assert below.keys() == theory.keys() - {"ecs.ec"}
    (row,) = [line for line in shown if line.startswith("psps.psp ")]
    under = shown[shown.index(row) + 1]
    head = next(line for line in shown if "utilisation" in line)
    assert under.index("50.0%") + 5 == head.index("utilisation") + len("utilisation")
    assert any("nearest queue with a closed form" in line for line in shown)
    assert not any("closed form" in line or line.startswith("  M/") for line in lines(of_summary(none), width))


HUMPS = Collapse("token_expiry_rate", Estimate(0.25, 0.05486, 0.5719, 12), (1, 4, 7), Estimate(0.1, 0.09, 0.11, 9),
                 Estimate(0.8, 0.7, 0.9, 3), 0.4)  # fmt: skip


@pytest.mark.parametrize("width", [80, 120])
def test_an_objective_on_a_metric_that_collapses_has_the_chance_of_it_below(summary, width):
    """3 of 12 replications, 5.486% to 57.2% by Clopper and Pearson; the others have no such line, nor has a usual run.

    The last line says that a verdict is on a mean that describes no replication. JSON has the probability.
    """
    humps = replace(summary, collapses=(HUMPS,))
    shown = lines(of_summary(humps), width)
    (below,) = [number for number, line in enumerate(shown) if "replications that collapse" in line]
    assert shown[below - 1].startswith("token_expiry_rate < 90%")
    assert shown[below].split() == ["replications", "that", "collapse", "25.0%", "5.486%", "to", "57.2%"]
    assert str(conclusion(humps)) == str(conclusion(summary)).removesuffix(")") + ", 1 on a metric that collapses)"
    assert "collapse" not in " ".join(lines(of_summary(summary), width))
    chances = [each["collapse"] for each in humps.to_json()["slos"]]
    assert chances == [{"mean": 0.25, "low": 0.05486, "high": 0.5719, "n": 12}, None, None]


def test_the_chance_of_a_collapse_says_how_sure_it_is_below_a_verdict_that_is_surer(summary):
    """Objectives are judged at 99.9% before the last look; the chance of a collapse is at 95% as other figures."""
    shown = lines(of_summary(replace(summary, collapses=(HUMPS,), slo_confidence=0.999)), 80)
    assert any(line.startswith("  replications that collapse (95%)") for line in shown)
