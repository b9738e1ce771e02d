"""The page of a sweep shows its points, its verdicts, and what moves."""

from collections import Counter

import pandas as pd
import pytest

from report.consoles import lines
from report.pages import read_page, tables
from sim.experiment.sweep import Sweep
from sim.report.page import of_sweep, page
from sim.report.plots import sweep as curve
from sim.report.points import Points


def test_a_sweep_has_its_points_with_what_was_varied_and_its_verdicts(swept):
    """Six points; nobody leaves at three of them, and at the others half of the citizens, far more than 30%."""
    whole = read_page(page(swept))
    rows = tables(whole)["Points of the sweep"]
    assert rows[0][:4] == ["point", "citizen.abandon", "psps.psp.workers", "verdict"]
    assert [row[:3] for row in rows[1:]] == [
        [str(n), abandon, workers] for n, (abandon, workers) in enumerate(
            (abandon, workers) for abandon in ("0%", "50%") for workers in ("1", "2", "4"))
    ]  # fmt: skip
    assert [row[3] for row in rows[1:]] == [{"pass": "✓ pass", "fail": "✗ fail", "undecided": "? undecided"}[v]
                                            for v in swept.points["verdict"]]  # fmt: skip
    counted = tables(whole)["Points at which each objective holds"]
    assert counted[0] == ["objective", "pass", "fail", "undecided"]
    expiry = Counter(swept.points["token_expiry_rate < 30%"])
    assert counted[1] == [
        "tokens that expire token_expiry_rate < 30%",
        *(str(expiry[verdict]) for verdict in ("pass", "fail", "undecided")),
    ]  # fmt: skip
    assert expiry["fail"] == 3


def test_a_sweep_shows_first_what_moves(swept):
    """Whether half of the citizens leave decides what expires; the wait is another figure that hardly depends on it.

    Of a grid of two paths there are curves with a line for each value of the shorter one, and a map per objective.
    """
    whole = read_page(page(swept))
    heads = tables(whole)["Points of the sweep"][0][4:]
    assert heads.index("tokens that expire") < heads.index("citizen's wait")
    titles = [each.attributes["aria-label"] for each in whole.all("svg")]
    assert any(title.startswith("tokens that expire over psps.psp.workers: ") for title in titles)
    assert any(title.startswith("tokens that expire over psps.psp.workers and citizen.abandon: ") for title in titles)


def test_a_sweep_of_many_points_has_the_first_and_says_so(swept, monkeypatch):
    """600 points: 500 rows."""
    many = pd.concat([swept.points] * 100, ignore_index=True)
    monkeypatch.setattr(Sweep, "points", property(lambda _: many))
    whole = read_page(page(Sweep(swept.folder, {**swept.manifest, "design": "lhs"})))
    assert len(tables(whole)["Points of the sweep"]) == 1 + 500
    assert "100 more points are not shown." in whole.text


def test_a_sampled_value_is_not_shown_to_its_last_digit(swept):
    """But a value that somebody has written is shown as it is."""
    written = ["12.5%", "0.125", "1,2", "x.12345", "4"]
    points = swept.points.assign(**{"citizen.abandon": ["3.4077722952%", *written]})
    whole = read_page(page(_with(swept, points)))
    assert [row[1] for row in tables(whole)["Points of the sweep"][1:]] == ["3.408%", *written]


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["pass"], "At the only point all objectives pass."),
        (["undecided"] * 3, "At all 3 points no objective fails, but not every one is decided."),
        (["fail", "pass", "pass"], "Of 3 points: at 1 an objective fails; at 2 all objectives pass."),
    ],
)
def test_the_conclusion_counts_points(swept, verdicts, said):
    """One point, points that all say the same, and points that do not."""
    points = swept.points.head(len(verdicts)).assign(verdict=verdicts)
    assert read_page(page(_with(swept, points))).one("p", class_="lead").text == said


def test_a_picture_says_what_its_points_are_of(swept, monkeypatch):
    """The scenario, how many replications each point has, and how sure the intervals are."""
    drawn = []
    monkeypatch.setattr(of_sweep, "curve", lambda *a, **more: drawn.append(curve(*a, **more)) or drawn[-1])
    page(swept)
    begun = f"Scenario {swept.manifest['scenario']['name']}, 3 replications of every point; intervals at 95%. 6 points"
    assert all(each.get_supxlabel().replace("\n", " ").startswith(begun) for each in drawn)


def _with(swept, points, design="list", varied=None):
    """Return the sweep with another table, as of a list of points."""

    class Changed(Sweep):
        @property
        def points(self):
            return points

    return Changed(swept.folder, {**swept.manifest, "design": design, "varied": varied or swept.manifest["varied"]})


@pytest.mark.parametrize(("design", "line"), [("grid", "-"), ("list", "None"), ("lhs", "None"), ("sobol", "None")])
def test_only_points_of_a_grid_are_joined(swept, monkeypatch, design, line):
    """Those of a list or a sample differ in more than what is below the axis, although no two share a value here."""
    lone = swept.points.head(3).assign(**{"citizen.abandon": ["1%", "2%", "3%"]})
    drawn = []
    monkeypatch.setattr(of_sweep, "curve", lambda *a, **more: drawn.append(curve(*a, **more)) or drawn[-1])
    vary = {"psps.psp.workers": "1,2,4", **({"citizen.abandon": "1%,2%,3%"} if design != "grid" else {})}
    page(_with(swept, lone, design, vary))
    assert drawn
    assert {each.axes[0].get_lines()[0].get_linestyle() for each in drawn} == {line}


def test_points_with_as_many_replications_as_each_takes_say_how_many(swept):
    """A column between what was varied and the verdict, and no number in the facts of the page."""
    manifest = {**swept.manifest, "replications": "auto", "stopping": {"precision": 0.05, "maximum": 200}}
    whole = read_page(page(Sweep(swept.folder, manifest)))
    rows = tables(whole)["Points of the sweep"]
    assert rows[0][:5] == ["point", "citizen.abandon", "psps.psp.workers", "replications", "verdict"]
    assert {row[3] for row in rows[1:]} == {"3"}
    assert "in as many replications as it takes of every point" in whole.text


def test_a_point_whose_replications_collapse_says_so_below_its_mean(swept):
    """3 of 12 replications, 5.486 to 57.2% by Clopper and Pearson, at the second point and at no other.

    A sweep of before this was kept has no such columns, and says nothing.
    """
    chance = {"mean": 0.25, "low": 0.05486, "high": 0.5719}
    nothing = [float("nan")] * 4
    columns = {f"token_expiry_rate_collapse_{part}": [nothing[0], x, *nothing] for part, x in chance.items()}
    rows = tables(read_page(page(_with(swept, swept.points.assign(**columns)))))["Points of the sweep"]
    at = rows[0].index("tokens that expire")
    said = [number for number, row in enumerate(rows[1:]) if "collapses in 25.0% of replications (5.486" in row[at]]
    assert said == [1]
    assert sum("collapse" in cell for row in rows for cell in row) == 1
    old = swept.points[[name for name in swept.points if "_collapse_" not in name]]
    assert "collapses in" not in page(_with(swept, old))
    marks = [line for line in lines(Points(swept.points.assign(**columns), [], {}, 6), 200) if "*" in line]
    assert [line.split()[:2] for line in marks] == [["1", marks[0].split()[1]], ["*", "some"]]
    assert marks[0].split()[1].endswith("%*")
    assert not [line for line in lines(Points(old, [], {}, 6), 200) if "*" in line]
