"""Every picture of a run shows the numbers that it should."""

import re

import numpy as np
import pandas as pd
import pytest
from analysis.hand import PAYMENTS, STATIONS, cart, records
from matplotlib.collections import LineCollection
from matplotlib.patches import StepPatch

from report.pictures import ESTIMATES, SCENARIO, at, check_layout, layers, legend, line, nothing, run_of, texts, twice
from sim.analysis.slo import Slo
from sim.report import plots
from sim.report.plots.fates import FATES


@pytest.fixture(scope="module")
def hand(tmp_path_factory):
    """Return the run made by hand, as two replications that do not differ."""
    wait = Slo("p(95, user_wait) < 6 s", "user_wait", 95.0, "", "", "<", 6.0)
    return run_of(tmp_path_factory.mktemp("hand"), *twice(), slos=[wait])


def test_the_curve_of_outcome_delays_has_the_shares_by_hand(hand):
    """Of 6 accepted tokens, outcomes came after 0 (cart 10), 1.5 (1), 4, 4 (2) and 1888 s (7), and one never (8).

    psp-a accepted 5 of them and psp-b the one without outcome, so that psp-b is the worse and comes first.
    """
    (axes,) = plots.outcome_delay(hand).axes
    for label, within in {
        "all": {0.5: 1 / 6, 1.5: 2 / 6, 2: 2 / 6, 4: 4 / 6, 7200: 5 / 6},
        "psp-a": {0.5: 1 / 5, 2: 2 / 5, 4: 4 / 5, 7200: 5 / 5},
        "psp-b": {0.5: 0, 7200: 0},
    }.items():
        curve = line(axes, label)
        assert [at(curve, delay) for delay in within] == pytest.approx(list(within.values()))
    assert [text.split("\n")[0] for text in legend(plots.outcome_delay(hand))] == ["all PSPs", "psp-b", "psp-a"]


def test_the_limit_of_2_s_and_the_mark_of_98_percent_are_drawn(hand):
    """One line upright at 2 s and one across at 98%, each with its name."""
    picture = plots.outcome_delay(hand)
    ends = [np.asarray(each.get_data()) for each in picture.axes[0].get_lines()]
    assert sum(np.all(x == 2.0) and len(x) == 2 for x, _ in ends) == 1
    assert sum(np.all(y == 0.98) and len(y) == 2 for _, y in ends) == 1
    assert {"2 s", "mark: 98%", "98%"} <= set(texts(picture))


def test_the_fates_of_tokens_are_where_the_tokens_were_issued(hand):
    """15 tokens, cart 0's too, in bins of 30 s, in which one token in both replications is 2 a minute.

    Issued at 201 s (bin 6): both of cart 2, paid. At 1066 s (bin 35): cart 12's, whose PSP was unreachable.
    """
    picture = plots.token_fate(hand)
    per_min, edges = layers(picture.axes[0])
    assert edges[:2] * 60 == pytest.approx([0, 30])
    assert edges[-1] * 60 == pytest.approx(1100)
    tokens = {label: float((rates * np.diff(edges)).sum()) for label, rates in per_min.items()}
    expected = {
        "paid": 5, "abandoned": 2, "activation_failed": 2, "outcome_missing_unknown": 1, "outcome_late": 1,
        "refused": 2, "cancelled": 1, "open": 1,
    }  # fmt: skip
    assert tokens == pytest.approx({FATES[fate].label: count for fate, count in expected.items()})
    assert per_min["paid"][6] == pytest.approx(4)
    assert per_min[FATES["refused"].label][35] == pytest.approx(2)


def test_the_fates_other_than_paid_are_shares_of_the_tokens_issued(hand):
    """At 501 s (bin 16) the one token issued was refused; at 101 s (bin 3) the one issued was paid."""
    shares, _ = layers(plots.token_fate(hand).axes[1])
    assert FATES["paid"].label not in shares
    assert shares[FATES["refused"].label][16] == pytest.approx(1)
    assert sum(each[3] for each in shares.values()) == pytest.approx(0)


def test_tokens_open_at_the_end_of_arrivals_are_those_neither_paid_nor_cancelled(hand):
    """At 1100 s those of carts 0, 3, 4 (both), 6, 7 and 8 are open: 7. At 0 s none is."""
    (open_tokens,) = (each.get_xydata() for each in plots.token_fate(hand).axes[2].get_lines()[-1:])
    assert open_tokens[0] == pytest.approx([0, 0])
    assert open_tokens[-1] == pytest.approx([1100 / 60, 7])


def test_reversals_add_up_to_their_euros_by_cause_and_by_time(hand):
    """200 EUR refused at 513 s; 25 and 15 EUR at 1015 and 1072 s; 80 and 60 EUR of expired tokens at 2402 and 2502 s.

    All is over within three hours, so that the bars are of ten minutes, the last one that of 2400 to 3000 s.
    """
    picture = plots.reversals(hand)
    causes = [tick.get_text().replace("\n", " ") for tick in picture.axes[0].get_yticklabels()]
    widths = [bar.get_width() for bar in picture.axes[0].patches]
    expected = {"PSP refused": 200, "token expired": 140, "close not delivered": 25, "PSP unreachable": 15}
    assert dict(zip(causes, widths, strict=True)) == pytest.approx(expected)
    assert widths == sorted(widths)
    euros, edges = layers(picture.axes[1])
    assert edges * 60 == pytest.approx([0, 600, 1200, 1800, 2400, 3000])
    assert {cause: list(amounts) for cause, amounts in euros.items()} == {
        "PSP refused": [200, 0, 0, 0, 0], "PSP unreachable": [0, 15, 0, 0, 0], "token expired": [0, 0, 0, 0, 140],
        "close not delivered": [0, 25, 0, 0, 0],
    }  # fmt: skip
    assert "380 euros" in picture.alt


def test_reversals_that_go_on_for_long_are_by_the_hour(tmp_path):
    """Cart 5's 200 EUR are asked back after 5 hours, in the bar from 5 h to 6 h."""
    late = [{**each, "reversal_requested_s": 18_100.0} if each["cart"] == 5 else each for each in PAYMENTS]
    picture = plots.reversals(run_of(tmp_path, records(payments=late)))
    euros, edges = layers(picture.axes[1])
    assert list(edges) == [0, 1, 2, 3, 4, 5, 6]
    assert euros["PSP refused"][5] == 200
    assert picture.axes[1].get_ylabel() == "reversed in each hour (euros)"


def test_stations_show_calls_utilisation_and_queue_of_every_time_bin(hand):
    """In bin 3, in the middle of which 350 s have passed: 10 calls in 100 s, 50 of 200 worker-seconds, 3 waiting.

    The pool psps.psp-a has no limit and so no utilisation, which is said below.
    """
    picture = plots.stations(hand)
    calls, utilisation, queue = (line(axes, "node") for axes in picture.axes)
    assert calls[3] == pytest.approx([350 / 60, 0.1])
    assert utilisation[3] == pytest.approx([350 / 60, 0.25])
    assert queue[3] == pytest.approx([350 / 60, 3])
    assert len(queue) == 11  # the bins that begin before the end of arrivals
    assert np.isnan(line(picture.axes[1], "psps.psp-a")[:, 1]).all()
    assert "without utilisation: psps.psp-a." in " ".join(picture.get_supxlabel().split())


def test_calls_of_a_run_shorter_than_a_time_bin_are_divided_by_the_length_of_the_bin(tmp_path):
    """The first bin, of 100 s, had 10 calls: 0.1 per s in its middle, though carts arrived for 40 s only."""
    short = {"warm_up": "10 s", "window": "30 s", "confidence": 0.95, "bin": "100 s"}
    rows = [{**STATIONS[3], "bin_start_s": 0.0, "arrivals": 10}]
    picture = plots.stations(run_of(tmp_path, records(stations=rows), run=short))
    assert line(picture.axes[0], "node").tolist() == [[50, pytest.approx(0.1)]]
    assert picture.axes[0].get_xlim() == (0, 100)


def test_time_bins_of_a_long_run_are_joined(tmp_path):
    """Of 500 bins of 60 s with 0 to 499 calls, every five make a point: the first has 0 + 1 + 2 + 3 + 4 in 300 s.

    500 min have at most 120 points of a round width: 100 of 5 min. In each 120 s of 1000 worker-seconds are used.
    """
    rows = [{**STATIONS[3], "bin_start_s": 60.0 * n, "arrivals": n, "busy_s": 24.0} for n in range(500)]
    day = {"warm_up": "0 s", "window": "500 min", "confidence": 0.95, "bin": "60 s"}
    picture = plots.stations(run_of(tmp_path, records(stations=rows), run=day))
    calls, utilisation = (line(axes, "node") for axes in picture.axes[:2])
    assert len(calls) == 100
    assert calls[0] * (3600, 1) == pytest.approx([150, 10 / 300])
    assert utilisation[:, 1] == pytest.approx(0.12)
    assert "time bins of 300 s" in " ".join(picture.get_supxlabel().split())


@pytest.mark.parametrize(("busy_s", "highest"), [(20.0, 0.2), (180.0, 1.05)])
def test_the_axis_of_utilisation_has_the_limit_only_where_a_station_is_busy(tmp_path, busy_s, highest):
    """Of 200 worker-seconds 20 are 10%, whose axis ends below 20%; of 180, which are 90%, it goes beyond all in use."""
    rows = [{**STATIONS[3], "busy_s": busy_s, "capacity_s": 200.0}]
    axes = plots.stations(run_of(tmp_path, records(stations=rows))).axes[1]
    assert busy_s / 200 < axes.get_ylim()[1] <= highest
    assert ("all in use" in [text.get_text() for text in axes.texts]) == (busy_s > 100)


def test_a_station_can_be_told_by_its_markers_in_a_short_run_too(hand):
    """Eleven bins: a marker on each third, so three at least, since colours are lost in grey."""
    (shown,) = (each for each in plots.stations(hand).axes[0].get_lines() if each.get_label() == "node")
    start, step = shown.get_markevery()
    assert len(shown.get_xdata()[start::step]) >= 3


def test_stations_can_be_chosen_by_name(hand):
    """One is drawn and the other is counted."""
    assert legend(plots.stations(hand, ["psps.psp-a"])) == ["psps.psp-a", "1 more not shown"]


def test_the_citizens_wait_has_the_percentiles_by_hand_as_far_as_the_carts_go(tmp_path):
    """Of waits of 1 to 201 s the median is 101 s and the 90th percentile 181 s; 1 - 5 / 201 are 97.5%.

    The first 101 are of carts of one notice, 81 of two, whose median is that of 102 to 182 s, and 19 of three, too few.
    """
    sizes = [1] * 101 + [2] * 81 + [3] * 19
    carts = [cart(n, size, "a", float(n), "paid") for n, size in enumerate(sizes, 1)]
    wait = Slo("p(95, user_wait) < 6 s", "user_wait", 95.0, "", "", "<", 6.0)
    picture = plots.citizen_wait(run_of(tmp_path, records(carts=carts), slos=[wait]))
    (axes,) = picture.axes
    assert [at(line(axes, "all carts"), share) for share in (0.5, 0.9)] == pytest.approx([101, 181])
    assert line(axes, "all carts")[-1, 0] == pytest.approx(0.975)
    assert at(line(axes, "2 notices"), 0.5) == pytest.approx(142)
    assert line(axes, "2 notices")[-1, 0] == pytest.approx(0.938)  # 1 - 5 / 81 = 93.83%
    assert not any("3 notices" in name for name in legend(picture))
    assert "3 notices." in " ".join(picture.get_supxlabel().split())
    assert line(axes, "objective").tolist() == [[0.95, 6.0]]
    assert "p95 " in picture.alt
    assert "p98 " not in picture.alt


def test_running_means_are_those_of_the_first_replications(tmp_path):
    """5 of 14 tokens expire in the first replication, none of cart 1's one in the second: 5 / 14, then 5 / 15.

    The citizens of the first waited 96 s in 12 carts.
    """
    run = run_of(tmp_path, records(0), records(1, payments=PAYMENTS[:2]))
    found = plots.running(run, ["token_expiry_rate", "user_wait"])
    assert list(found.columns) == ["metric", "n", "mean", "low", "high"]
    assert found["mean"].tolist() == pytest.approx([5 / 14, 5 / 15, 8, 8])
    assert found["low"].isna().tolist() == [True, False, True, False]
    (left, right) = plots.convergence(found).axes
    assert left.get_lines()[0].get_xydata() == pytest.approx(np.array([[1, 5 / 14], [2, 5 / 15]]))
    assert right.get_lines()[0].get_xydata() == pytest.approx(np.array([[1, 8], [2, 8]]))


def test_a_limit_that_is_near_a_running_mean_is_in_the_frame():
    """The mean goes from 8 to 7.5 s within 6 to 9 s: a limit of 10 s is drawn, one of 100 s is too far away."""
    near, far = (Slo("", "user_wait", None, "", "", "<", limit) for limit in (10.0, 100.0))
    (axes,) = plots.convergence(ESTIMATES, slos=[near, far]).axes
    assert axes.get_ylim()[0] < 6
    assert 10 < axes.get_ylim()[1] < 20
    assert [each.get_ydata()[0] for each in axes.get_lines()[1:]] == [10]
    assert axes.get_title(loc="right") == "dashed: limit: < 10 s"


@pytest.mark.parametrize("count", [1, 2, 40])
def test_replications_are_whole_and_shares_between_0_and_100_percent(count):
    """Means of 0% and 99.9% with intervals down to 0% and up to 100%."""
    rows = [(name, n, mean, low, high) for name, mean, low, high in (
        ("token_expiry_rate", 0.0, 0.0, 0.4), ("tnspo_strict", 0.999, 0.6, 1.0),
    ) for n in range(1, count + 1)]  # fmt: skip
    for axes in plots.convergence(pd.DataFrame(rows, columns=ESTIMATES.columns)).axes:
        assert all(tick == round(tick) for tick in axes.get_xticks())
        assert axes.get_ylim()[0] >= 0
        assert axes.get_ylim()[1] <= 1


def test_the_only_interval_is_a_whisker_and_its_confidence_is_named():
    """After two replications the interval of the mean is 6 to 9 s."""
    picture = plots.convergence(ESTIMATES, confidence=0.9)
    (whisker,) = (each for each in picture.axes[0].collections if isinstance(each, LineCollection))
    assert whisker.get_segments()[0].tolist() == [[2, 6], [2, 9]]
    assert picture.get_supxlabel() == "2 replications; grey: 90% interval of the mean."
    assert plots.convergence(ESTIMATES[:1]).get_supxlabel() == "1 replication; no interval."


def test_where_nothing_happened_pictures_say_so(tmp_path):
    """No number that is not one, and no list that is empty."""
    run = nothing(tmp_path)
    for name, draw in plots.OF_RUN.items():
        assert not re.search(r"nan|; ?$|: ?$", draw(run).alt), name
    assert "no payments" in texts(plots.OF_RUN["convergence"](run))


def test_pictures_of_one_replication_speak_of_no_mean_and_no_interval(tmp_path):
    """There is only one value of everything."""
    run = run_of(tmp_path, records())
    for name, draw in plots.OF_RUN.items():
        assert not re.search(
            "mean of the rep|all replications|[Gg]rey:|95%|1 replications", draw(run).get_supxlabel()
        ), name


def test_the_warm_up_is_cut_where_the_wait_settles(tmp_path):
    """Of 200 carts 5 s apart the first 50 waited 100 s, all others 1 s: MSER-5 cuts at the 51st, which came at 251 s.

    In bins of 10 s, two carts each, the mean wait is 100 s up to 250 s and 1 s from there on.
    """
    carts = [cart(n, 1, "a", 100.0 if n < 50 else 1.0, "paid", arrived_s=5.0 * n + 1) for n in range(200)]
    picture = plots.warm_up(run_of(tmp_path, records(0, carts=carts), records(1, carts=carts)))
    (axes,) = picture.axes
    assert line(axes, "MSER-5")[:, 0].tolist() == pytest.approx([251 / 60] * 2)
    middles, waits = line(axes, "mean of a time bin").T
    assert middles[:2] * 60 == pytest.approx([5, 15])
    assert waits.tolist() == pytest.approx([100.0] * 25 + [1.0] * 75)
    assert "after the warm-up in 2 of 2 replications" in picture.get_supxlabel()
    smooth = line(axes, "moving average")
    assert smooth[0] == pytest.approx([5 / 60, 100])
    assert smooth[-1, 0] == pytest.approx(middles[-5])  # four bins have less than four after them


@pytest.mark.parametrize("incidents", [[], [{"target": "node", "effect": "outage", "at": "600 s", "duration": "9 s"}]])
def test_no_cut_is_marked_where_nothing_settles(tmp_path, incidents):
    """The wait grows to the end, which is cut in the second half, or an incident strikes at 600 s of 1100 s."""
    carts = [cart(n, 1, "a", 1.0 if incidents else 1.0 * n, "paid", arrived_s=5.0 * n + 1) for n in range(200)]
    picture = plots.warm_up(run_of(tmp_path, records(carts=carts), incidents=incidents))
    assert not any(name.startswith("MSER-5") for name in legend(picture))
    said = " ".join(picture.get_supxlabel().split())
    assert ("no steady state" if incidents else "In 1 of 1 replication the wait never settles") in said


# --- incidents --------------------------------------------------------------------------------------------------------

OUTAGE = {"target": "psps.psp-a", "effect": "outage", "at": "200.0 s", "duration": "300.0 s"}
SLOW = {"target": "ecs.g", "effect": "lost_replies", "at": "400.0 s", "duration": "900.0 s", "primitive": "paSendRT"}
RANDOM = {"target": "node", "effect": "partition", "mtbf": "7200.0 s", "mttr": "60.0 s"}


def shades(axes):
    return [(each.get_x() * 60, (each.get_x() + each.get_width()) * 60) for each in axes.patches]


def test_incidents_on_the_calendar_are_shaded_and_named(tmp_path):
    """One from 200 to 500 s on every panel. 200 s are 3.33 min."""
    picture = plots.stations(run_of(tmp_path, records(), incidents=[OUTAGE]))
    for axes in picture.axes:
        assert shades(axes) == [pytest.approx((200, 500))]
    assert "Shaded: outage of psps.psp-a from 3.33 to 8.33 min." in " ".join(picture.get_supxlabel().split())


def bars(axes):
    """Return the spans of the bars above axes, the highest first, in s, each with its height above them."""
    found = [each for each in axes.collections if isinstance(each, LineCollection)]
    spans = [[(x * 60) for x, _ in each.get_segments()[0]] for each in found]
    heights = [each.get_transform().transform((0, 1))[1] for each in found]
    return [span for _, span in sorted(zip(heights, spans, strict=True), reverse=True)], sorted(heights)


def test_incidents_at_the_same_time_have_bars_above_each_other_that_end_with_the_axis(tmp_path):
    """In order of their start; the second lasts until 1300 s, of which 1100 s are on the axis."""
    picture = plots.stations(run_of(tmp_path, records(), incidents=[SLOW, OUTAGE]))
    assert shades(picture.axes[0]) == [pytest.approx((200, 500)), pytest.approx((400, 1100))]
    spans, heights = bars(picture.axes[0])
    assert spans == [pytest.approx((200, 500)), pytest.approx((400, 1100))]
    assert heights[0] > picture.axes[0].get_window_extent().y1
    assert heights[1] - heights[0] >= 8 / 72 * 100 - 1e-6  # bars of 8 points do not touch, at 100 dots per inch
    said = " ".join(picture.get_supxlabel().split())
    assert "Shaded: outage of psps.psp-a from 3.33" in said
    assert "lost replies of ecs.g, paSendRT from 6.67 to 21.7 min." in said
    assert {"outage of psps.psp-a", "lost replies of ecs.g, paSendRT"} <= set(texts(picture))


def test_of_many_incidents_four_have_a_bar_of_their_own(tmp_path):
    """Six in turn: the last two, from 600 and 700 s, share a row."""
    many = [{**OUTAGE, "at": f"{n}00 s", "duration": "50 s"} for n in range(2, 8)]
    picture = plots.stations(run_of(tmp_path, records(), incidents=many))
    assert [span[0] for span in bars(picture.axes[0])[0]] == pytest.approx([200, 300, 400, 500, 600])
    assert "2 more" in texts(picture)
    check_layout(picture)


def test_the_ends_of_an_incident_are_drawn_over_areas(tmp_path):
    """Areas hide the shading: at 200 and 500 s a line lies over those of tokens and those of reversals."""
    run = run_of(tmp_path, records(), incidents=[OUTAGE])
    for axes in (*plots.token_fate(run).axes[:2], plots.reversals(run).axes[1]):
        ends = [each for each in axes.get_lines() if each.get_linestyle() == "-" and len(set(each.get_xdata())) == 1]
        assert [each.get_xdata()[0] * 60 for each in ends] == pytest.approx([200, 500])
        areas = [each.get_zorder() for each in axes.patches if isinstance(each, StepPatch)]
        assert min(each.get_zorder() for each in ends) > max(areas)


@pytest.mark.parametrize(("window", "ticks"), [("260 s", 60), ("540 s", 120), ("1700 s", 300), ("86300 s", 14400)])
def test_ticks_of_time_are_round(tmp_path, window, ticks):
    """6 min have a tick every minute, 10 min and 40 s every 2 min, 30 min every 5 min, a day every 4 h."""
    run = run_of(tmp_path, records(), run={**SCENARIO["run"], "window": window})
    axes = plots.token_fate(run).axes[2]
    unit_s = 3600 if "(h)" in axes.get_xlabel() else 60
    assert np.diff(axes.get_xticks()) * unit_s == pytest.approx(ticks)


def test_incidents_at_random_are_said_to_be_on_no_calendar(tmp_path):
    """Nothing is shaded, since every replication has its own."""
    picture = plots.stations(run_of(tmp_path, records(), incidents=[RANDOM]))
    assert shades(picture.axes[0]) == []
    said = " ".join(picture.get_supxlabel().split())
    assert "every replication draws its own moments: partition of node (MTBF 7200.0 s, MTTR 60.0 s)." in said
