"""The page of a run says what was found, with verdicts first; expected figures are those of `analysis.hand`."""

import re
from dataclasses import replace

import pytest
from analysis.hand import NAMES

import sim
from report.pages import VALUES, read_page, run_by_hand, tables
from report.pictures import NOTHING, twice
from sim.analysis.collapse import Collapse
from sim.analysis.intervals import Estimate
from sim.analysis.theory import neighbour
from sim.records import EXPIRY_CAUSES, PLACES, REVERSAL_CAUSES, TABLES, empty
from sim.report.cells import interval
from sim.report.page import page, words
from sim.report.page.figures import tables_of, tiles_of
from sim.report.plots import OF_RUN
from sim.scenario.slos import parse


def test_the_three_questions_are_answered_first(read):
    """Of the cohort's 14 tokens 5 expired: carts 3, 4 twice, 6 and 7. Of 6 accepted, 2 had their outcome within 2 s.

    These are carts 1 and 10. Given back, or to be, are 200 + 80 + 60 + 25 + 15 EUR.
    """
    tiles = read.one("ul", class_="tiles")
    said = [re.sub(r" 95% interval.*", "", each.text) for each in tiles.all("li")]
    assert said == ["35.7% of tokens expire", "380 EUR given back, per replication", "33.3% of outcomes within 2 s"]


def test_verdicts_come_before_any_figure(read):
    """35.7% of tokens are below 90%, and 5 of 10 authorised payments far above 1%: so the run fails."""
    assert read.one("p", class_="lead").text.startswith("✗ fail Of 3 objectives ")
    rows = tables(read)["Service level objectives"]
    assert [row[:2] for row in rows[:3]] == [
        ["objective", "verdict"],
        ["tokens that expire token_expiry_rate < 90%", "✓ pass"],
        ["payments reversed reversal_rate < 1%", "✗ fail"],
    ]
    assert rows[3][0] == "outcome within 2 s (official TNSPO), PSP psp-a tnspo_official{psp=psp-a} >= 50%"
    assert next(iter(tables(read))) == "Service level objectives"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("p(95, reversal_delay) < 10 min", "p(95, reversal_delay) < 10 min (600 s)"),
        ("user_wait < 500 ms", "user_wait < 500 ms (0.5 s)"),
        ("user_wait<6s", "user_wait<6s"),
        ("tgp >= 98%", "tgp >= 98%"),
    ],
)
def test_a_limit_is_said_in_the_unit_of_its_estimate_too(reported, text, said):
    """10 min are 600 s, as the estimate beside it is in seconds; what is written in seconds stays as it is."""
    (judged, *_) = reported.summary.slos
    changed = replace(reported.summary, slos=(replace(judged, slo=parse(text, {})),))
    (row,) = tables_of(changed)["slos"].rows
    assert row[0].small == said


def test_causes_add_up_to_what_expired_and_to_what_was_given_back(read):
    """By hand: 2 tokens for a sibling's failure, and one each abandoned, without outcome, late; euros as above."""
    found = tables(read)
    expired = {row[0]: (row[1], row[2]) for row in found["Tokens that expire, by cause, per replication"][1:]}
    assert {name.split()[-1]: value for name, value in expired.items()} == {
        "activation_failed": ("2", "60 EUR"),
        "abandoned": ("1", "50 EUR"),
        "outcome_missing_unknown": ("1", "80 EUR"),
        "outcome_late": ("1", "60 EUR"),
    }
    back = {row[0].split()[-1]: row[1:3] for row in found["Payments reversed, by cause, per replication"][1:]}
    assert back == {
        "psp_refused": ["1", "200 EUR"],
        "token_expired": ["2", "140 EUR"],
        "close_not_delivered": ["1", "25 EUR"],
        "psp_unreachable": ["1", "15 EUR"],
    }


def test_money_is_in_every_place_where_it_is(read):
    """Receipted: carts 1, 10, 11 and one notice of 2 (100 + 25 + 40 + 30); cart 10's 25 EUR were given back as well.

    Given back: carts 5, 6 and 12 (200 + 80 + 15). The other notice of cart 2 waits for its receipt (70). Left to a
    manual check: carts 7 and 8 (60 + 10). Together these are the 630 EUR that were authorised.
    """
    rows = tables(read)["Where the money is at the end, per replication"][1:]
    euros = {row[0].split()[-1]: int(row[2].removesuffix(" EUR").replace(",", "")) for row in rows}
    assert euros == {
        "authorised": 630, "receipted": 195, "reversed": 295, "pending_receipt": 70, "manual_check": 70,
        "both_ways": 25,
    }  # fmt: skip


def test_official_indicators_stand_by_psp_and_by_ec_group_with_thresholds(read):
    """Every PSP and every group has its row, every indicator its column with the threshold in its head.

    Of psp-a's five accepted tokens three had their outcome late (cart 2 twice and 7), so that 40% count as in time.
    """
    found = tables(read)
    psps, groups = found["Official indicators by PSP"], found["Official indicators by EC group"]
    assert psps[0] == [
        "PSP", "TPNP 98% within 2 s", "TNSPO 98% within 2 s", "LSPO at most 2%", "DASPO 2%, as if it applied",
    ]  # fmt: skip
    assert groups[0] == ["EC group", "TGP 98% within 2 s", "TSRT 98% within 2 s"]
    assert {row[0] for row in psps[1:]} == set(NAMES["psp"])
    assert {row[0] for row in groups[1:]} <= set(NAMES["ec_group"])
    assert psps[1][2].startswith("40.0%")
    assert all(re.search("pass|fail|undecided|-", cell) for row in psps[1:] for cell in row[1:])


def test_every_picture_is_there_and_says_what_it_shows(read, reported):
    """Each as an image with the picture's own words for those who cannot see it."""
    images = [each.attributes for each in read.all("svg")]
    assert [each["role"] for each in images] == ["img"] * len(OF_RUN)
    drawn = {name: draw(reported).alt for name, draw in OF_RUN.items()}
    assert sorted(each["aria-label"] for each in images) == sorted(drawn.values())


@pytest.mark.parametrize("number", [1, 2])
def test_a_run_without_anything_has_a_page_too(tmp_path, number):
    """No cart, no station, no call, with one replication and with two: what is not known is a dash."""
    given = [replace(each, tables={name: empty(TABLES[name]) for name in NOTHING}) for each in twice()[:number]]
    found = tables(read_page(page(run_by_hand(tmp_path, *given))))
    assert found[f"Estimates from {'one replication' if number == 1 else '2 replications'}"][1][1:] == ["-", "-"]


def test_a_run_without_tallies_lacks_only_the_picture_of_its_convergence(reported):
    """As one that was kept by another version."""
    images = read_page(page(replace(reported, tallies=()))).all("svg")
    assert len(images) == len(OF_RUN) - 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replications_asked": 9, "stopping": None}, "The run was interrupted: of 9 replications, 2 were finished"),
        ({"replications_asked": "auto"}, "interrupted: of as many replications as it takes, 2 were finished"),
    ],
)
def test_an_interrupted_run_says_so_before_its_figures(reported, changes, said):
    """As a remark in the first section; the command to make it again asks for those that were finished."""
    stopping = {"precision": 0.1, "maximum": 9, "reason": None, "undecided": [], "imprecise": []}
    changed = {**reported.manifest, "interrupted": True, "stopping": stopping, **changes}
    whole = page(replace(reported, manifest=changed, interrupted=True))
    assert "--replications 2 " in whole
    assert said in read_page(whole).all("section")[0].text


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("settled", "2 replications were enough to decide every objective"),
        ("maximum", "2 replications, the maximum, were not enough to settle tpnp >= 98%, user_wait."),
    ],
)
def test_why_no_more_replications_were_added_is_said(reported, reason, said):
    """Where a rule decided, with what it left open; and that intervals of objectives are wider then."""
    left = {"undecided": ["tpnp >= 98%"], "imprecise": ["user_wait"]}
    stopping = {"precision": 0.1, "maximum": 9, "reason": reason, **left}
    first = read_page(page(replace(reported, manifest={**reported.manifest, "stopping": stopping}))).all("section")[0]
    assert said in first.text
    assert "wider than those of the figures" in first.text


def test_objectives_of_an_auto_run_have_intervals_at_the_confidence_of_their_verdicts(reported):
    """99.9% before the last look, at the head of the column; the figures keep their 95%."""
    manifest = {**reported.manifest, "stopping": {"reason": "settled", "undecided": [], "imprecise": []}}
    sure = replace(reported, manifest=manifest, summary=replace(reported.summary, slo_confidence=0.999))
    found = tables(read_page(page(sure)))
    assert found["Service level objectives"][0] == ["objective", "verdict", "estimate", "99.9% interval"]
    assert found["Estimates from 2 replications"][0] == ["figure", "estimate", "95% interval"]


def test_what_theory_says_of_a_station_is_in_small_print_beside_what_was_measured(reported):
    """Gross et al., example 2.3, an M/M/3 with 6 patients an hour of 20 minutes: 2/3 busy, Lq = 8/9, Wq = 533 s.

    A patient waits with a probability of 4/9. A station without a neighbour has no small print, and nor has a page
    without any the note.
    """
    name = next(iter(reported.summary.stations))
    near = replace(reported.summary, neighbours={name: neighbour(6 / 3600, 1200.0, 1.0, 3)})
    with_theory, without = (
        tables(read_page(page(replace(reported, summary=summary))))["Load of stations and pools"]
        for summary in (near, reported.summary)
    )
    said = {1: "M/M/c, 44.4% of calls wait", 3: "66.7%", 4: "2", 5: "0.889", 8: "533 s", 9: "0.000%"}
    assert with_theory[1] == [f"{cell} {said[n]}" if n in said else cell for n, cell in enumerate(without[1], 1)]
    assert with_theory[2:] == without[2:]


def test_a_collapse_is_told_before_the_figures_that_it_makes_worthless(reported):
    """With its probability and what either world looks like."""
    found = Collapse("paid_share", Estimate(0.3, 0.1, 0.6, 10), (1, 4, 7), Estimate(0.9, 0.8, 0.95, 7),
                     Estimate(0.2, 0.1, 0.3, 3), 0.5)  # fmt: skip
    first = read_page(page(replace(reported, summary=replace(reported.summary, collapses=(found,))))).all("section")[0]
    said = "in 3 of 10 the figure “carts paid” is 20.0%, in the others 90.0%"
    assert said in first.text
    assert "with a probability of 30.0% (10.0 to 60.0%)" in first.text


def test_a_figure_that_collapses_is_its_probability_and_no_mean(reported):
    """In the headline table, in the tile that it has, and in no other row."""
    found = Collapse("tnspo_strict", Estimate(0.3, 0.1, 0.6, 10), (1, 4, 7), Estimate(0.9, 0.8, 0.95, 7),
                     Estimate(0.2, 0.1, 0.3, 3), 0.5)  # fmt: skip
    worlds = replace(reported.summary, collapses=(found,))
    usual, collapsed = (tables_of(each)["headline"].rows for each in (reported.summary, worlds))
    texts = [[cell.text for cell in row] for row in collapsed]
    assert ["outcome within 2 s (strict)", "collapse: 30.0%", "10.0 to 60.0%"] in texts
    assert sum(row != other for row, other in zip(usual, collapsed, strict=True)) == 1
    assert tiles_of(worlds)[2] == ("of outcomes within 2 s", "collapse: 30.0%", "10.0 to 60.0%")


def test_every_cause_and_place_has_its_words():
    """So that no row of a page is a code alone."""
    assert set(words.EXPIRY) == set(EXPIRY_CAUSES)
    assert set(words.REVERSAL) == set(REVERSAL_CAUSES) - {"none"}
    assert set(words.PLACES) == {"authorised", "both_ways", *PLACES} - {"none"}
    assert set(words.PICTURES) == set(OF_RUN)


@pytest.mark.parametrize(
    ("estimate", "unit", "said"),
    [
        (Estimate(0.34, 0.33, 0.351, 4), "share", "33.0 to 35.1%"),
        (Estimate(0.95, 0.899, 0.991, 4), "share", "89.9 to 99.100%"),
        (Estimate(380, 336.2, 41395, 4), "EUR", "336 to 41,395\u00a0EUR"),
        (Estimate(1.8, 1.7, 1.82, 4), "s", "1.7 to 1.82\u00a0s"),
        (Estimate(4, 3, 5, 4), "count", "3 to 5"),
        (Estimate(4, float("nan"), float("nan"), 1), "count", ""),
    ],
)
def test_an_interval_names_its_unit_once(estimate, unit, said):
    """And is nothing where there is none."""
    assert interval(estimate, unit) == said


def test_a_run_with_calls_says_where_the_slowest_payments_waited(tmp_path):
    """A PSP that always sends its outcome 9 s late is where 9 s are lost, whatever else happens.

    The last row is the whole way, of which the others are the parts. A run without calls says how to record them.
    """
    psps = [{"name": "slow", "share": "5%", "outcome_delay": "9 s"}, {"name": "quick", "share": "95%"}]
    world = {**VALUES, "psps": psps, "run": {"warm_up": "0 s", "window": "60 s"}}
    run = sim.run(world, replications=1, record=["calls"], out=tmp_path)
    rows = tables(read_page(page(run)))["Where the slowest 1% of payments spend their time"]
    assert rows[0] == ["waiting at", "slowest", "typical", "more", "mostly here"]
    assert rows[1][0] == "slow: waiting for the PSP's outcome"
    assert float(rows[1][1].removesuffix(" s")) == pytest.approx(9, abs=0.2)
    for column in (1, 2):
        *parts, whole = (float(row[column].removesuffix(" s").replace(",", "")) for row in rows[1:])
        assert sum(parts) == pytest.approx(whole, abs=1)
    without = read_page(page(sim.run(VALUES, replications=1, out=tmp_path)))
    assert "run it with --record calls" in without.one("section", id="delays").text
