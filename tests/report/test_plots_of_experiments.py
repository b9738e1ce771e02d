"""Every picture of an experiment shows the numbers that it should."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from report.pictures import DELAY, EFFECTS, LATE, OF_EXPERIMENTS, POINTS, SLO, WORKERS, legend, line, points, texts
from sim.analysis.intervals import Estimate
from sim.analysis.slo import Judged, Verdict
from sim.experiment.capacity import Capacity
from sim.experiment.effects import Effect, Index, Study
from sim.experiment.ranges import Factor
from sim.experiment.search import Evidence, Found, Outcome, Visit
from sim.experiment.sensitivity import Sensitivity
from sim.experiment.span import Span
from sim.report import plots
from sim.scenario.slos import parse
from sim.scenario.tree import Position


def test_a_sweep_has_a_line_with_its_band_for_each_value_of_the_other_path():
    """The means by workers from left to right, and a band from low to high; the limit across at 98%."""
    picture = OF_EXPERIMENTS["sweep"]()
    (axes,) = picture.axes
    assert line(axes, "1 s") == pytest.approx(np.array([[4, 0.90], [8, 0.97], [16, 0.99]]))
    assert line(axes, "2 s") == pytest.approx(np.array([[4, 0.80], [8, 0.95], [16, 0.97]]))
    (band, _) = (each.get_paths()[0].vertices for each in axes.collections)
    assert {tuple(each) for each in band.round(6)} >= {(4, 0.89), (4, 0.91), (8, 0.95), (8, 0.99), (16, 0.985)}
    assert "limit:\n\u2265 98%" in texts(picture)
    assert legend(picture) == ["1 s", "2 s"]


def test_the_name_of_the_limit_is_beside_the_axes_where_no_data_can_be():
    """To the right of them, at the height of the limit."""
    picture = OF_EXPERIMENTS["sweep"]()
    (axes,) = picture.axes
    (name,) = (each for each in axes.texts if each.get_text().startswith("limit"))
    box, frame = name.get_window_extent(), axes.get_window_extent()
    assert box.x0 > frame.x1
    assert box.y0 < axes.transData.transform((0, 0.98))[1] < box.y1


def bars(axes):
    """Return the ends of the upright bars, in order."""
    return [[tuple(end) for end in each.round(6).tolist()] for set_ in axes.collections for each in set_.get_segments()]


def test_a_single_point_has_its_interval():
    """4 workers, 90% from 89% to 91%: a mark on an upright bar, and a note of 1 point."""
    picture = plots.sweep(POINTS[:1], WORKERS, LATE, of="Scenario x.")
    (axes,) = picture.axes
    assert bars(axes) == [[(4, 0.89), (4, 0.91)]]
    low, high = axes.get_ylim()
    assert (low < 0.89, high > 0.91) == (True, True)
    assert "Scenario x. 1 point with the interval of its mean." in texts(picture)


def test_the_bars_of_three_lines_stand_beside_each_other():
    """Three bands could not be told apart: at 4 workers there are three bars, which do not cover each other."""
    table = points([(x, by, 0.9, 0.01) for by in ("a", "b", "c") for x in (4, 6)])
    picture = plots.sweep(table, WORKERS, LATE, by=DELAY)
    (axes,) = picture.axes
    assert bars(axes) == [[(x, 0.89), (x, 0.91)] for _ in "abc" for x in (4, 6)]
    places = [each.get_transform().transform((4, 0.9))[0] for each in axes.collections]
    assert np.diff(places).min() >= 2
    assert {each.get_linestyle() for each in axes.get_lines()[:1]} == {"-"}


@pytest.mark.parametrize(
    ("values", "scale"),
    [("1 2 4 8 16", "log"), ("1 3 10 32 100", "log"), ("1 2 3 4 5 6 7 8 9", "linear"), ("1 2 4", "linear"),
     ("1 5 10 15 20 25", "linear")],
)  # fmt: skip
def test_values_that_go_up_by_ratios_are_on_a_logarithmic_axis(values, scale):
    """So that those of `log:1..16:5` are as far apart as whoever chose them meant; few or even steps are not."""
    table = points([(x, "", 0.9, 0.01) for x in values.split()])
    assert plots.sweep(table, WORKERS, LATE).axes[0].get_xscale() == scale


def test_points_that_differ_in_something_else_are_not_joined():
    """Two points at 4 workers cannot be on one line, so that there is none."""
    (axes,) = plots.sweep(POINTS, WORKERS, LATE).axes
    assert axes.get_lines()[0].get_linestyle() == "None"
    assert len(axes.get_lines()[0].get_xydata()) == 6


def test_points_of_a_sample_are_not_joined_although_no_two_share_a_value():
    """Neighbours on the axis differ in every other path, too: each has a mark and, upright, its interval."""
    table = points([("4", "", 0.9, 0.01), ("8", "", 0.7, 0.02), ("16", "", 0.8, 0.03)])
    assert plots.sweep(table, WORKERS, LATE).axes[0].get_lines()[0].get_linestyle() == "-"
    (axes,) = plots.sweep(table, WORKERS, LATE, joined=False).axes
    assert axes.get_lines()[0].get_linestyle() == "None"
    assert axes.get_lines()[0].get_marker() not in ("", "None", None)
    (intervals,) = axes.collections
    ends = [[tuple(end) for end in each.round(6).tolist()] for each in intervals.get_segments()]
    assert ends == [[(4, 0.89), (4, 0.91)], [(8, 0.68), (8, 0.72)], [(16, 0.77), (16, 0.83)]]


def test_a_sweep_that_was_written_in_several_units_is_drawn_in_one():
    """500 ms, 1 s and 1 min stand at 0.5, 1 and 60 s, in whatever order they come."""
    table = points([("1 min", "", 0.9, 0), ("500 ms", "", 0.7, 0), ("1 s", "", 0.8, 0)])
    (axes,) = plots.sweep(table, WORKERS, LATE).axes
    assert axes.get_lines()[0].get_xydata().tolist() == [[0.5, 0.7], [1, 0.8], [60, 0.9]]
    assert axes.get_xlabel() == f"{WORKERS} (s)"


@pytest.mark.parametrize(
    ("metric", "begins"), [("tgp", "paGetPayment answered"), ("token_expiry_rate", "Tokens that expire")]
)
def test_a_title_begins_with_a_capital_unless_the_platform_spells_its_word_without(metric, begins):
    """Names of calls are the specification's; all other words begin a title as they begin a sentence."""
    table = POINTS.rename(columns=lambda name: name.replace(LATE, metric))
    slo = replace(SLO, metric=metric, dimension="", group="")
    for picture in (plots.sweep(table[:3], WORKERS, metric), plots.heat_map(table, WORKERS, DELAY, metric, slo)):
        assert picture.get_suptitle().startswith(begins)


def test_a_sweep_over_names_puts_them_side_by_side():
    """Values that are no quantities are told apart by their names; there is nothing between them, and so no line."""
    table = points([("sanp-3.6.1", "", 0.9, 0.1), ("nodo-observed", "", 0.7, 0.1)])
    (axes,) = plots.sweep(table, WORKERS, LATE).axes
    assert axes.get_lines()[0].get_linestyle() == "None"
    assert bars(axes) == [[(0, 0.8), (0, 1.0)], [(1, 0.6), (1, 0.8)]]
    assert [each.get_text() for each in axes.get_xticklabels()] == ["sanp-3.6.1", "nodo-observed"]
    assert axes.get_lines()[0].get_xydata().tolist() == [[0, 0.9], [1, 0.7]]


def test_the_frontier_of_a_map_goes_between_cells_that_pass_and_cells_that_fail():
    """Only 16 workers at 1 s pass 98%: the line is above that cell. On its left 8 workers are undecided: no line.

    Cells are numbered from 0 in the middle: that cell is (2, 0), from 1.5 to 2.5 and from -0.5 to 0.5.
    """
    picture = OF_EXPERIMENTS["heat_map"]()
    axes = picture.axes[0]
    mesh, frontier = axes.collections
    assert mesh.get_array().tolist() == [[0.90, 0.97, 0.99], [0.80, 0.95, 0.97]]
    drawn = {tuple(sorted(tuple(end) for end in each.tolist())) for each in frontier.get_segments()}
    assert drawn == {((1.5, 0.5), (2.5, 0.5))}
    assert [each.get_xy() for each in axes.patches] == [(0.5, -0.5)]
    assert {"90%", "97%", "99%", "80%", "95%"} <= set(texts(picture))
    assert "Higher is better." in picture.get_supxlabel()
    lower = replace(SLO, operator="<", limit=0.98)
    assert "Lower is better." in plots.heat_map(POINTS, WORKERS, DELAY, LATE, lower).get_supxlabel()


def test_a_map_leaves_out_what_was_not_run_and_refuses_two_points_in_one_cell():
    """Five of six cells have a number; twice the same point is an error that names the paths."""
    mesh = plots.heat_map(POINTS[1:], WORKERS, DELAY, LATE, SLO).axes[0].collections[0]
    assert np.ma.getmaskarray(mesh.get_array()).tolist() == [[True, False, False], [False, False, False]]
    with pytest.raises(ValueError, match=r"several points have the same psps.psp-a.workers and delay"):
        plots.heat_map(pd.concat([POINTS, POINTS[:1]]), WORKERS, DELAY, LATE, SLO)


def test_a_capacity_curve_has_verdicts_the_answer_and_its_interval():
    """4 workers fail, 8 are undecided, 16 pass; the answer is 16, at least 8, and shaded from there to the edge."""
    picture = OF_EXPERIMENTS["capacity_curve"]()
    (axes,) = picture.axes
    assert line(axes, "fail").tolist() == [[4, 0.90]]
    assert line(axes, "undecided").tolist() == [[8, 0.97]]
    assert line(axes, "pass").tolist() == [[16, 0.99]]
    assert line(axes, "answer: 16")[:, 0].tolist() == [16, 16]
    (shade,) = axes.patches
    assert shade.get_x() == 8
    assert shade.get_x() + shade.get_width() == pytest.approx(axes.get_xlim()[1])
    assert "interval at 95%:\nat least 8" in legend(picture)


def test_a_capacity_curve_takes_the_verdicts_of_the_search_and_shows_what_is_around_the_answer():
    """A search judges more strictly than an interval; near 47 of 1 to 200 workers are 46, 47 and 48."""
    table = points([(x, "", 0.98 + (x - 47) / 1000, 0.0001) for x in (1, 46, 47, 48, 200)])
    table["verdict"] = ["fail", "undecided", "undecided", "undecided", "pass"]
    whole, near = plots.capacity_curve(table, WORKERS, LATE, SLO, answer=47, low=46, high=48).axes
    assert line(whole, "undecided")[:, 0].tolist() == [46, 47, 48]
    assert line(near, "undecided")[:, 0].tolist() == [46, 47, 48]
    assert near.get_xlim()[1] - near.get_xlim()[0] < 3


def test_a_tornado_has_the_greatest_effect_on_top_and_tells_what_is_assumed():
    """-4, 3 and 1 points; the first has a source and is the only one that is not hatched."""
    (axes,) = OF_EXPERIMENTS["tornado"]().axes
    assert [bar.get_width() for bar in axes.patches] == [-0.04, 0.03, 0.01]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [False, True, True]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["b.falls", "c.rises", "a.small"]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]


def test_long_names_that_differ_in_the_middle_are_told_apart():
    """Shortened one by one they would look the same: lines of a sweep, paths of a map, inputs of a tornado."""
    long = [f"psp-{'x' * 60}-{side}-branch-{'y' * 30}" for side in ("north", "south")]
    lines = plots.sweep(points([(4, name, 0.9, 0.1) for name in long]), WORKERS, LATE, by=DELAY)
    assert ["north" in name or "south" in name for name in legend(lines)] == [True, True]
    cells = plots.heat_map(POINTS.rename(columns=dict(zip((WORKERS, DELAY), long, strict=True))), *long, LATE, SLO)
    assert all(side in cells.get_suptitle().replace("\n", "") for side in ("north", "south"))
    rests = plots.tornado(EFFECTS.head(2).assign(path=long), "token_expiry_rate")
    assert all("th-branch" in tick.get_text() for tick in rests.axes[0].get_yticklabels())
    assert all(side in rests.alt for side in ("north", "south"))


def test_a_capacity_is_drawn_from_what_its_search_found():
    """Two objectives; the second one's curve is asked for: 16 of 8 to 16 workers, seen at 4, 8 and 16."""
    texts_of = ("tpnp >= 50%", "tgp{ec_group=e} >= 98%")
    slos = [parse(text, {"ec_group": ("e",), "psp": ()}) for text in texts_of]

    def visit(x, mean, verdict):
        judged = (Judged(slos[0], Estimate(0.9, 0.8, 1.0, 5), Verdict.PASS),
                  Judged(slos[1], Estimate(mean, mean - 0.01, mean + 0.01, 5), verdict))  # fmt: skip
        return Visit(x, 5, Evidence(verdict, mean >= 0.98, judged))

    curve = (visit(4, 0.9, Verdict.FAIL), visit(8, 0.97, Verdict.UNDECIDED), visit(16, 0.99, Verdict.PASS))
    found = Found(Outcome.FOUND, 16.0, 8.0, 16.0, 0.95, curve, 15, "")
    picture = plots.capacity(Capacity("ecs.e.workers", "workers", False, texts_of, found), 1, scenario="hand")
    (axes,) = picture.axes
    assert picture.get_supxlabel().replace("\n", " ") == (
        "Scenario hand, 15 replications in all; the answer's interval at 95%. 3 points were looked at."
    )
    seen = [line(axes, name).tolist() for name in ("fail", "undecided", "pass")]
    assert seen == [[[4, 0.9]], [[8, 0.97]], [[16, 0.99]]]
    assert line(axes, "answer: 16")[:, 0].tolist() == [16, 16]
    assert axes.get_xlabel() == "ecs.e.workers (number)"


def factor(path, assumed=None):
    """Return a number with a range."""
    return Factor((path,), Span(1, 3, "s"), "2 s", "1 s", "3 s", assumed, None, Position("f", 1, 1))


def test_a_sensitivity_by_morris_has_sizes_on_the_side_of_the_mean_change():
    """3 points up, and 2 points down with an interval from 1 to 4; the other output is not drawn."""
    up, down = factor("a.rises", "guess"), factor("b.falls")
    effects = (
        Effect(up, "token_expiry_rate", 0.03, Estimate(0.03, 0.02, 0.04, 4), 0.0),
        Effect(down, "token_expiry_rate", -0.02, Estimate(0.02, 0.01, 0.04, 4), 0.0),
        Effect(up, "paid_share", 0.5, Estimate(0.5, 0.4, 0.6, 4), 0.0),
    )
    found = Sensitivity(
        Study("morris", (up, down), [], 1), SimpleNamespace(slos=(), confidence=0.9), effects, (), (), ()
    )
    picture = plots.sensitivity(found, scenario="hand")
    (axes,) = picture.axes
    assert axes.get_xlabel().replace("\n", " ") == (
        "mean absolute elementary effect on \u201ctokens that expire\u201d over the input's range (percentage points)"
    )
    assert axes.xaxis.get_major_formatter()(-0.02, None) == "-2"
    assert "Scenario hand, 0 points; intervals at 90%." in picture.get_supxlabel().replace("\n", " ")
    assert "to the side of the mean change" in picture.get_supxlabel().replace("\n", " ")
    assert [bar.get_width() for bar in axes.patches] == [0.03, -0.02]
    assert [bool(bar.get_hatch()) for bar in axes.patches] == [True, False]
    assert sorted(axes.get_lines()[1].get_xdata()) == [-0.04, -0.01]


def test_a_sensitivity_by_sobol_has_shares_of_the_variance_whose_intervals_may_go_below_nothing():
    """Of 40% the interval is from -10% to 90%; the objective's text names its output."""
    slo = parse("token_expiry_rate < 6%", {})
    index = Index(factor("a"), slo.text, Estimate(0.3, 0.1, 0.5, 8), Estimate(0.4, -0.1, 0.9, 8))
    base = SimpleNamespace(slos=(SimpleNamespace(slo=slo),), confidence=0.9)
    found = Sensitivity(Study("sobol", (index.factor,), [], 1), base, (), (index,), (), ())
    picture = plots.sensitivity(found, slo.text)
    (axes,) = picture.axes
    assert [bar.get_width() for bar in axes.patches] == [0.4]
    assert axes.get_lines()[0].get_xdata() == pytest.approx([-0.1, 0.9])
    assert picture.get_suptitle() == "What \u201ctokens that expire\u201d rests on"
